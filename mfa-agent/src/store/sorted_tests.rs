use proptest::prelude::*;

use super::super::disk::{Files, HostFolder};
use super::*;

const ORIGIN: Origin = Origin {
    id: StoreId([7; 16]),
    span: Span { from: 1, to: 3 },
    sequence: 99,
    live: 1234,
};

fn items(count: u32) -> Vec<Item> {
    (0..count)
        .map(|i| {
            let key = format!("account/user{:05}", i * 2).into_bytes();
            (
                key,
                (i % 5 != 4).then(|| vec![i as u8; 100 + i as usize % 300]),
            )
        })
        .collect()
}

fn written(items: &[Item]) -> (tempfile::TempDir, Arc<SortedFile>) {
    let dir = tempfile::tempdir().unwrap();
    let disk = Files::new(Arc::new(HostFolder::open(dir.path()).unwrap()));
    let file = SortedFile::create(&disk, ORIGIN, items.iter().cloned().map(Ok)).unwrap();
    (dir, Arc::new(file))
}

fn opened(dir: &tempfile::TempDir) -> Result<Arc<SortedFile>, Fault> {
    let disk = Files::new(Arc::new(HostFolder::open(dir.path()).unwrap()));
    SortedFile::open(&disk, ORIGIN.id, ORIGIN.span).map(Arc::new)
}

fn all(file: &Arc<SortedFile>, start: Bound<&[u8]>) -> Vec<Item> {
    file.range(start).collect::<Result<_, _>>().unwrap()
}

#[test]
fn written_items_are_found_by_key_and_in_order_before_and_after_opening() {
    let items = items(500);
    let (dir, made) = written(&items);
    for file in [made, opened(&dir).unwrap()] {
        assert_eq!((file.sequence(), file.live()), (99, 1234));
        assert_eq!(
            file.size(),
            std::fs::metadata(dir.path().join("sorted.1-3"))
                .unwrap()
                .len()
        );
        assert_eq!(all(&file, Bound::Unbounded), items);
        for (at, (key, value)) in items.iter().enumerate() {
            assert_eq!(file.load(key).unwrap().as_ref(), Some(value));
            let between = [key.as_slice(), b"!"].concat();
            assert_eq!(file.load(&between).unwrap(), None);
            assert_eq!(all(&file, Bound::Excluded(key)), items[at + 1..]);
            assert_eq!(all(&file, Bound::Included(&between)), items[at + 1..]);
        }
        assert_eq!(file.load(b"a").unwrap(), None);
        assert_eq!(file.load(b"z").unwrap(), None);
        assert_eq!(all(&file, Bound::Included(b"a")), items);
    }
}

#[test]
fn an_empty_file_holds_nothing() {
    let (dir, _) = written(&[]);
    let file = opened(&dir).unwrap();
    assert_eq!(all(&file, Bound::Unbounded), []);
    assert_eq!(file.load(b"a").unwrap(), None);
}

#[test]
fn a_file_of_another_store_or_span_is_refused() {
    let (dir, _) = written(&items(3));
    let disk = Files::new(Arc::new(HostFolder::open(dir.path()).unwrap()));
    assert!(SortedFile::open(&disk, StoreId([8; 16]), ORIGIN.span).is_err());
    std::fs::rename(dir.path().join("sorted.1-3"), dir.path().join("sorted.1-4")).unwrap();
    assert!(SortedFile::open(&disk, ORIGIN.id, Span { from: 1, to: 4 }).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_flipped_bit_or_a_cut_is_noticed_when_it_is_opened(
        count in 0..200u32,
        at in any::<proptest::sample::Index>(),
        bit in 0..8,
        cut: bool,
    ) {
        let (dir, _) = written(&items(count));
        let path = dir.path().join("sorted.1-3");
        let mut bytes = std::fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        let is_padding = |at: usize| {
            let before = &bytes[..at + 1];
            let mut start = 0;
            while let Some(size) = super::super::record::extent(&before[start..]) {
                if start + size > at { break; }
                start += size;
            }
            let record = &bytes[start..];
            let key = u16::from_le_bytes(record[6..8].try_into().unwrap()) as usize;
            let value = u32::from_le_bytes(record[8..12].try_into().unwrap()) as usize;
            at >= start + super::super::record::HEADER + key + value
        };
        let harmless = !cut && is_padding(at);
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] ^= 1u8 << bit;
        }
        std::fs::write(&path, bytes).unwrap();
        prop_assert_eq!(opened(&dir).is_ok(), harmless);
    }
}
