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
    let (head, reader) = Source::open(path)?.read()?;
    chunks(head, reader)
}

fn chunks(head: BackupHead, mut reader: Reader) -> Result<(BackupHead, Vec<Vec<u8>>), Failure> {
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

#[test]
fn a_pipe_is_read_once_and_one_that_nobody_writes_to_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("backup");
    write(&path, &[b"one", b"two"]);
    let (reader, mut writer) = io::pipe().unwrap();
    io::Write::write_all(&mut writer, &std::fs::read(&path).unwrap()).unwrap();
    drop(writer);
    let descriptor = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
    let source = Source::open(Path::new(&descriptor)).unwrap();
    assert!(!source.is_repeatable());
    let (head, reader) = source.read().unwrap();
    assert_eq!(chunks(head, reader).unwrap().1.len(), 2);

    let fifo = dir.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for path in [fifo.as_path(), Path::new("/dev/zero"), dir.path()] {
        let error = Source::open(path).err().unwrap().to_string();
        assert!(error.contains("standard input (-)"), "{error}");
    }
}

#[test]
fn what_is_sent_is_the_file_that_was_checked() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("backup");
    write(&path, &[b"one"]);
    let source = Source::open(&path).unwrap();
    let first = source.read().unwrap();
    assert_eq!(chunks(first.0, first.1).unwrap().1, [b"one"]);
    write(&path, &[b"another", b"backup"]);
    let second = source.read().unwrap();
    assert_eq!(chunks(second.0, second.1).unwrap().1, [b"one"]);
}
