//! Merges sorted files, so that there are few, with few replaced records.
//!
//! ```text
//!   sorted.9-9  sorted.8-8  sorted.5-7  sorted.1-4        each at least four times as large as the newer ones
//!   └──────────── sorted.5-9 ────────┘                    together, or it is merged with them
//! ```

use std::ops::Bound;
use std::sync::Arc;

use super::background::Task;
use super::fault::Fault;
use super::layers::Layers;
use super::merge::{Merge, Source};
use super::piece::{Piece, Span};
use super::shared::{Shared, State};
use super::sorted::{Origin, SortedFile};

/// A file is merged with the newer ones once these are a quarter of it.
const GROWTH: u64 = 4;

/// Replaced records may occupy two fifths of the live ones, plus this number of bytes.
const REPLACED: u64 = 2 << 20;

pub(super) struct Merger;

impl Task for Merger {
    const NAME: &'static str = "store-merge";

    fn is_due(&self, shared: &Shared, _: &State) -> bool {
        due_in(&shared.layers()).is_some()
    }

    fn work(&self, shared: &Shared) -> Result<(), Fault> {
        let layers = shared.layers();
        match due_in(&layers) {
            Some(count) => merge(shared, &layers, count),
            None => Ok(()),
        }
    }
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

fn due_in(layers: &Layers) -> Option<usize> {
    let sizes: Vec<u64> = layers.sorted.iter().map(|file| file.size()).collect();
    due(&sizes, layers.sorted.first()?.live())
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
