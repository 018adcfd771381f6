//! Making sure of a file after a sync of it has failed.
//!
//! When fdatasync fails, the kernel may have dropped what it could not write and yet show it to every
//! reader until the next boot. Opened again, sled would build on it, and a later commit, synced and
//! acknowledged, would stand behind a hole in the log: lost in the next power cut. So every byte that
//! is read is written once more, and synced, before the file is used again. The bytes are the same: a
//! crash in between changes nothing.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// How long the instance that was dropped may take to let go of the file.
const LET_GO: Duration = Duration::from_secs(3);

const PIECE: usize = 64 << 10;

/// Writes the whole file anew, in place. Takes sled's own lock, so that nobody writes meanwhile.
pub(super) fn rewrite(path: &Path) -> io::Result<()> {
    let file = locked(File::options().read(true).write(true).open(path)?)?;
    let mut piece = vec![0; PIECE];
    let mut at = 0;
    loop {
        let length = file.read_at(&mut piece, at)?;
        if length == 0 {
            return file.sync_all();
        }
        file.write_all_at(&piece[..length], at)?;
        at += length as u64;
    }
}

fn locked(mut file: File) -> io::Result<Flock<File>> {
    let until = Instant::now() + LET_GO;
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(lock),
            Err((unlocked, Errno::EWOULDBLOCK)) if Instant::now() < until => file = unlocked,
            Err((_, e)) => return Err(e.into()),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_written_and_none_is_changed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let bytes: Vec<u8> = (0..PIECE as u32 * 2 + 77)
            .map(|i| (i % 251) as u8)
            .collect();
        std::fs::write(&path, &bytes).unwrap();
        let long_ago = std::time::UNIX_EPOCH;
        File::open(&path).unwrap().set_modified(long_ago).unwrap();
        rewrite(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
        assert_ne!(path.metadata().unwrap().modified().unwrap(), long_ago);
    }

    #[test]
    fn it_waits_for_whoever_still_writes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        std::fs::write(&path, "x").unwrap();
        let holder = locked(File::open(&path).unwrap()).unwrap();
        std::thread::scope(|scope| {
            let rewriting = scope.spawn(|| rewrite(&path));
            std::thread::sleep(Duration::from_millis(50));
            assert!(!rewriting.is_finished());
            drop(holder);
            rewriting.join().unwrap().unwrap();
        });
    }
}
