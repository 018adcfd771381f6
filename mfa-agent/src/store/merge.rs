//! Merges several sorted sources into one; the newest source of a key wins.

use std::iter::Peekable;

use super::fault::Fault;
use super::sorted::Item;

/// A source of items, in the order of their keys.
pub(super) type Source = Box<dyn Iterator<Item = Result<Item, Fault>> + Send>;

/// All sources as one. Removed keys are still among the items.
pub(super) struct Merge {
    /// Newest first.
    sources: Vec<Peekable<Source>>,
}

impl Merge {
    /// Merges `sources`, the newest first.
    pub(super) fn new(sources: Vec<Source>) -> Self {
        let sources = sources.into_iter().map(Iterator::peekable).collect();
        Self { sources }
    }

    /// The source of the next item, and the sources with older items of the same key.
    fn next_source(&mut self) -> Result<Option<(usize, Vec<usize>)>, Fault> {
        let mut next: Option<(&[u8], usize, Vec<usize>)> = None;
        for (number, source) in self.sources.iter_mut().enumerate() {
            let key: &[u8] = match source.peek() {
                None => continue,
                Some(Err(fault)) => return Err(fault.clone()),
                Some(Ok((key, _))) => key,
            };
            match &mut next {
                Some((known, _, older)) if *known == key => older.push(number),
                Some((known, ..)) if *known < key => {}
                _ => next = Some((key, number, Vec::new())),
            }
        }
        Ok(next.map(|(_, number, older)| (number, older)))
    }
}

impl Iterator for Merge {
    type Item = Result<Item, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let (newest, older) = match self.next_source().transpose()? {
            Ok(next) => next,
            Err(fault) => return Some(Err(fault)),
        };
        for number in older {
            self.sources[number].next();
        }
        self.sources[newest].next()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn source(items: &BTreeMap<u8, Option<u8>>) -> Source {
        let items: Vec<_> = items
            .iter()
            .map(|(key, value)| Ok((vec![*key], value.map(|value| vec![value]))))
            .collect();
        Box::new(items.into_iter())
    }

    proptest! {
        #[test]
        fn the_newest_word_on_each_key_is_what_comes_out(
            maps in proptest::collection::vec(
                proptest::collection::btree_map(0..20u8, any::<Option<u8>>(), 0..12), 0..5)
        ) {
            let mut expected = BTreeMap::new();
            for map in maps.iter().rev() {
                expected.extend(map.clone());
            }
            let merged: Result<Vec<_>, _> = Merge::new(maps.iter().map(source).collect()).collect();
            let expected: Result<Vec<_>, _> = source(&expected).collect();
            prop_assert_eq!(merged, expected);
        }
    }

    #[test]
    fn a_fault_of_a_source_is_passed_on() {
        let broken: Source = Box::new(std::iter::once(Err(Fault::new("broken"))));
        let whole = source(&BTreeMap::from([(1, Some(1))]));
        assert!(Merge::new(vec![whole, broken]).next().unwrap().is_err());
    }
}
