use std::os::unix::fs::PermissionsExt;

use super::*;

fn head() -> BackupHead {
    BackupHead {
        version: 1,
        made_at: "2026-11-29T00:00:00Z".to_owned(),
        ..BackupHead::default()
    }
}

fn write(path: &Path, chunks: &[&[u8]]) -> u64 {
    let mut writer = Writer::begin(Target::file(path).unwrap(), &head()).unwrap();
    for chunk in chunks {
        writer.chunk(chunk).unwrap();
    }
    writer.end().unwrap()
}

fn read(path: &Path) -> Result<(BackupHead, Vec<Vec<u8>>), Failure> {
    let (head, mut reader) = Reader::open(path)?;
    let mut chunks = Vec::new();
    loop {
        let (chunk, is_last) = reader.chunk()?;
        chunks.push(chunk);
        if is_last {
            return Ok((head, chunks));
        }
    }
}

#[test]
fn a_file_reads_back_is_closed_to_others_and_replaces_an_older_one_at_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("backup");
    std::fs::write(&path, "older").unwrap();
    let mut writer = Writer::begin(Target::file(&path).unwrap(), &head()).unwrap();
    writer.chunk(b"one").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"older");
    drop(writer);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    let bytes = write(&path, &[b"one", b"two"]);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), bytes);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert_eq!(
        read(&path).unwrap(),
        (head(), vec![b"one".to_vec(), b"two".to_vec()])
    );
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn whatever_is_flipped_cut_or_added_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("backup");
    write(&path, &[b"one", b"two and more"]);
    let whole = std::fs::read(&path).unwrap();
    let refused = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("nothing was changed"), "{error}");
    };
    for at in 0..whole.len() {
        refused(&whole[..at]);
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            refused(&flipped);
        }
    }
    refused(&[&whole, &b"x"[..]].concat());
    refused(b"");
}
