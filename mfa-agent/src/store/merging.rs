//! Merges sorted files, so that there are few, with few replaced records.
//!
//! ```text
//!   sorted.9-9  sorted.8-8  sorted.5-7  sorted.1-4        each at least four times as large as the newer ones
//!   └──────────── sorted.5-9 ────────┘                    together, or it is merged with them
//! ```

use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use super::background::Task;
use super::fault::Fault;
use super::layers::Layers;
use super::merge::{Merge, Source};
use super::piece::{Piece, Span};
use super::shared::{Shared, State};
use super::sorted::{Item, Origin, SortedFile};
use crate::log;

/// A file is merged with the newer ones once these are a quarter of it.
const GROWTH: u64 = 4;

/// Replaced records may occupy two fifths of the live ones, plus this number of bytes.
const REPLACED: u64 = 2 << 20;

/// Bytes that a merge leaves free.
const RESERVED: u64 = 2 << 20;

/// Bytes that it leaves free beside that while many records are changed; they stop at the half of it.
const RESERVED_IN_BULK: u64 = 16 << 20;

/// After how many bytes it looks whether they still are.
const CHECKED_EACH: usize = 256 << 10;

/// The fewest files that are worth a merge for want of room for all.
const FEWEST: usize = 4;

/// How long it waits before it looks for room again.
const UNTIL_ROOM: Duration = Duration::from_secs(5);

/// How long it waits for a change of many records.
const WHILE_IN_BULK: Duration = Duration::from_secs(1);

pub(super) struct Merger;

impl Task for Merger {
    const NAME: &'static str = "store-merge";

    const IS_URGENT: bool = false;

    fn is_due(&self, shared: &Shared, _: &State) -> bool {
        due_in(&shared.layers()).is_some()
    }

    fn work(&self, shared: &Shared) -> Result<(), Fault> {
        let layers = shared.layers();
        let Some(count) = due_in(&layers) else {
            return Ok(());
        };
        let sizes: Vec<u64> = layers.sorted.iter().map(|file| file.size()).collect();
        let (room, live) = (room(shared, &layers), layers.live());
        match fitting(&sizes, count, live, room) {
            Some(count) => merge(shared, &layers, count),
            None if shared.ballast.is_in_bulk() => {
                shared.pause(WHILE_IN_BULK);
                Ok(())
            }
            None => {
                let fault = no_room(merged(&sizes, count, live), room);
                log::limited(
                    "store room",
                    format_args!("the store grows: {fault}. Make room"),
                );
                shared.pause(UNTIL_ROOM);
                Ok(())
            }
        }
    }
}

/// Bytes that a merge may write. It can wait, so it leaves the disk to logins, and to a restore that goes on.
fn room(shared: &Shared, layers: &Layers) -> u64 {
    let reserved = match shared.ballast.is_in_bulk() {
        true => RESERVED + RESERVED_IN_BULK + layers.live(),
        false => RESERVED,
    };
    let free = shared.ballast.free_space();
    free.map_or(u64::MAX, |free| free.saturating_sub(reserved))
}

fn no_room(needed: u64, room: u64) -> Fault {
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    Fault::new(format!(
        "its files can't be merged: that takes {} MiB, and there is room for {}",
        mib(needed),
        room >> 20
    ))
}

/// At most how large the newest `count` files with these sizes are as one.
fn merged(sizes: &[u64], count: usize, live: u64) -> u64 {
    let all = sizes[..count].iter().sum();
    match count == sizes.len() {
        true => live.saturating_add(live / 8).min(all),
        false => all,
    }
}

/// How many files to merge instead of the `due` ones, so that the new one takes at most `room` bytes.
fn fitting(sizes: &[u64], due: usize, live: u64, room: u64) -> Option<usize> {
    let fits = |count: &usize| merged(sizes, *count, live) <= room;
    std::iter::once(due).chain((FEWEST..due).rev()).find(fits)
}

/// Merges the newest `count` files of `layers` into one.
fn merge(shared: &Shared, layers: &Layers, count: usize) -> Result<(), Fault> {
    let files = &layers.sorted[..count];
    let (Some(newest), Some(oldest)) = (files.first(), files.last()) else {
        return Ok(());
    };
    let origin = Origin {
        id: shared.id,
        span: Span {
            from: oldest.span().from,
            to: newest.span().to,
        },
        sequence: newest.sequence(),
        live: newest.live(),
    };
    let source = |file: &Arc<SortedFile>| Box::new(file.range(Bound::Unbounded)) as Source;
    let items = Merge::new(files.iter().map(source).collect());
    let items = giving_way(shared, items);
    let merged = shared.publish(origin, items, count == layers.sorted.len())?;
    shared.change_layers(|now| {
        // Newer files may have come meanwhile.
        let at = now.sorted.len() - layers.sorted.len();
        now.sorted.splice(at..at + count, [merged]);
    });
    for file in files {
        let name = Piece::sorted(file.span()).to_string();
        shared.files.remove_needless(&name);
    }
    Ok(())
}

/// The items, and a fault instead once something else has used up the room.
fn giving_way(
    shared: &Shared,
    items: impl Iterator<Item = Result<Item, Fault>>,
) -> impl Iterator<Item = Result<Item, Fault>> {
    let mut unchecked = 0;
    items.map(move |item| {
        if let Ok((key, value)) = &item {
            unchecked += key.len() + value.as_ref().map_or(0, Vec::len);
        }
        if unchecked > CHECKED_EACH {
            unchecked = 0;
            if shared
                .ballast
                .free_space()
                .is_some_and(|free| free < RESERVED)
            {
                return Err(no_room(RESERVED, 0));
            }
        }
        item
    })
}

fn due_in(layers: &Layers) -> Option<usize> {
    let sizes: Vec<u64> = layers.sorted.iter().map(|file| file.size()).collect();
    due(&sizes, layers.live())
}

/// How many of the newest files, which have these `sizes`, to merge into one, if any.
fn due(sizes: &[u64], live: u64) -> Option<usize> {
    let all: u64 = sizes.iter().sum();
    if sizes.len() > 1 && all > live / 5 * 7 + REPLACED {
        return Some(sizes.len());
    }
    let mut merged = *sizes.first()?;
    let mut count = 1;
    while let Some(size) = sizes.get(count)
        && *size < merged.saturating_mul(GROWTH)
    {
        merged += size;
        count += 1;
    }
    (count > 1).then_some(count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn files_much_larger_than_all_newer_ones_are_left_alone() {
        assert_eq!(due(&[MIB], MIB), None);
        assert_eq!(due(&[MIB, 4 * MIB, 20 * MIB], 24 * MIB), None);
        assert_eq!(due(&[MIB, 3 * MIB, 20 * MIB], 24 * MIB), Some(2));
        assert_eq!(due(&[MIB, 3 * MIB, 15 * MIB], 19 * MIB), Some(3));
    }

    #[test]
    fn all_are_merged_when_too_many_records_were_replaced() {
        assert_eq!(due(&[MIB, 40 * MIB], 20 * MIB), Some(2));
        // A single file contains no replaced records.
        assert_eq!(due(&[40 * MIB], MIB), None);
    }

    #[test]
    fn without_room_for_all_the_newest_files_are_merged() {
        let sizes = [MIB, MIB, MIB, MIB, MIB, 20 * MIB];
        assert_eq!(fitting(&sizes, 6, 16 * MIB, 18 * MIB), Some(6));
        assert_eq!(fitting(&sizes, 6, 16 * MIB, 17 * MIB), Some(5));
        assert_eq!(fitting(&sizes, 6, 16 * MIB, 4 * MIB), Some(4));
        assert_eq!(fitting(&sizes, 6, 16 * MIB, 3 * MIB), None);
    }

    proptest! {
        #[test]
        fn there_are_few_files_and_they_are_not_much_larger_than_what_is_live(
            journals in proptest::collection::vec(1..=MIB, 1..300),
            share in 1..=10u64,
        ) {
            let mut sizes: Vec<u64> = Vec::new();
            let mut written = 0;
            let mut live = 0;
            for size in journals {
                // Between a tenth and all of a journal is new; the rest replaces records.
                live += size / share;
                sizes.insert(0, size);
                while let Some(count) = due(&sizes, live) {
                    let merged: u64 = sizes.drain(..count).sum();
                    let merged = if sizes.is_empty() { live } else { merged.min(live) };
                    written += merged;
                    sizes.insert(0, merged);
                }
                prop_assert!(sizes.len() <= 12, "{sizes:?}");
                prop_assert!(sizes.iter().sum::<u64>() <= live / 5 * 7 + REPLACED + MIB);
            }
            prop_assert!(written <= 100 * live + 100 * MIB);
        }
    }
}
