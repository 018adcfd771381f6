//! Who started a process: its real user id, which set-user-id programs keep (proc(5)).
//!
//! For accounting only. Another process may have reused the id of an ended process, and there is no answer if the agent
//! may not look or the process is in another namespace.

use std::fs::File;
use std::io::Read;

/// More than the lines up to the user ids take; a name takes 16 bytes.
const HEAD: usize = 1024;

/// The real user id of a process, if it can be told.
pub(super) fn real_uid(pid: i32) -> Option<u32> {
    // Of processes that can't be seen from here the kernel says 0.
    let pid = u32::try_from(pid).ok().filter(|pid| *pid > 0)?;
    let mut head = [0; HEAD];
    let mut status = File::open(format!("/proc/{pid}/status")).ok()?;
    let count = status.read(&mut head).ok()?;
    first_uid(&head[..count])
}

fn first_uid(status: &[u8]) -> Option<u32> {
    // The kernel escapes line breaks in the name, so that no program can make a line of its own.
    let mut lines = status.split(|byte| *byte == b'\n');
    let ids = lines.find_map(|line| line.strip_prefix(b"Uid:\t"))?;
    let real = ids.split(|byte| *byte == b'\t').next()?;
    std::str::from_utf8(real).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_first_of_the_user_ids() {
        let status = b"Name:\tsu\\nUid:\t7\nUmask:\t0022\nPid:\t5\nUid:\t1001\t0\t0\t0\nGid:\t100\t100\t100\t100\n";
        assert_eq!(first_uid(status), Some(1001));
        for wrong in [
            "",
            "Uid:\t",
            "Uid:\tx\t0\n",
            "Uid:\t-1\n",
            "Name:\tUid:\t7\n",
        ] {
            assert_eq!(first_uid(wrong.as_bytes()), None, "{wrong:?}");
        }
    }

    #[test]
    fn this_process_has_one_and_one_that_is_not_there_has_none() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert_eq!(real_uid(own), Some(nix::unistd::getuid().as_raw()));
        assert_eq!([0, -1, i32::MAX].map(real_uid), [None; 3]);
    }
}
