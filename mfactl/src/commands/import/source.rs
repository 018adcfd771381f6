//! Opens a file that an administrator named.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::Path;

use zeroize::Zeroizing;

use crate::commands::opener;
use crate::failure::Failure;

/// How much of a file of many lines is read at a time.
pub(super) const CHUNK: usize = 64 * 1024;

/// Whether a name means standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Opens a file, or standard input.
pub(super) fn open(path: &Path) -> Result<Box<dyn Read>, Failure> {
    if is_stdin(path) {
        return Ok(Box::new(stdin()?));
    }
    Ok(Box::new(opener::named(path)?))
}

/// Not through the standard library's buffer, which is never wiped.
pub(super) fn stdin() -> Result<File, Failure> {
    let owned = std::io::stdin().as_fd().try_clone_to_owned();
    Ok(File::from(
        owned.map_err(Failure::io("read standard input"))?,
    ))
}

/// All of a file or of standard input, at most `most` bytes. It grows by copies that are wiped.
pub(super) fn read_all(path: &Path, most: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut source = open(path)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(CHUNK));
    loop {
        if bytes.len() == bytes.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(2 * bytes.capacity()));
            larger.extend_from_slice(&bytes);
            bytes = larger;
        }
        let room = bytes.capacity() - bytes.len();
        let room = u64::try_from(room).unwrap_or(u64::MAX);
        let read = source
            .by_ref()
            .take(room)
            .read_to_end(&mut bytes)
            .map_err(Failure::io(format!("read {}", path.display())))?;
        if read == 0 {
            return Ok(bytes);
        }
        if bytes.len() > most {
            return Err(Failure::Rejected(format!(
                "{} is larger than {} MiB",
                path.display(),
                most >> 20
            )));
        }
    }
}
