//! How much memory hashes may take where a cgroup limits it: a kernel that runs out of it would kill the agent, and
//! with it every login.
//!
//! The limit is read before each hash, since `systemctl set-property` can change it at any time. It takes some
//! microseconds.

use std::fs;
use std::path::{Path, PathBuf};

/// What else may grow meanwhile: stacks of threads, buffers, the kernel's own for us.
const RESERVE: u64 = 5 << 19;

/// Bytes at 0 hashes, as a guess where /proc does not say.
const USUAL: u64 = 4 << 20;

/// No limit is larger; cgroup v1 writes a number near this for none.
const NO_LIMIT: u64 = 1 << 60;

/// The memory of this process's cgroup.
pub(super) struct Memory {
    /// Files that may hold a limit: of the cgroup, and of those above it.
    limits: Vec<PathBuf>,
    /// Bytes that are needed without any hash.
    base: u64,
}

impl Memory {
    /// Of this process, as long as no hash runs.
    pub(super) fn of_this_process() -> Self {
        let cgroups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self {
            limits: files(&cgroups, Path::new("/sys/fs/cgroup")),
            base: anonymous(&status).unwrap_or(USUAL) + RESERVE,
        }
    }

    /// Bytes that all hashes together may take; none: as many as they need.
    pub(super) fn room(&self) -> Option<u64> {
        let limits = self.limits.iter().filter_map(|file| {
            let text = fs::read_to_string(file).ok()?;
            // `max` is no number.
            text.trim().parse().ok().filter(|limit| *limit < NO_LIMIT)
        });
        limits
            .min()
            .map(|limit: u64| limit.saturating_sub(self.base))
    }
}

/// The files with limits for the cgroups in the text of `/proc/self/cgroup`.
fn files(cgroups: &str, root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in cgroups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let (folder, name) = match controllers {
            "" => (root.to_owned(), "memory.max"),
            _ if controllers.split(',').any(|it| it == "memory") => {
                (root.join("memory"), "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let own = folder.join(path.trim_start_matches('/'));
        let above = own
            .ancestors()
            .take_while(|above| above.starts_with(&folder));
        files.extend(above.map(|above| above.join(name)));
    }
    files
}

/// The anonymous memory in the text of `/proc/self/status`.
fn anonymous(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_limit_of_the_cgroup_and_those_above_it_counts() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("system.slice/mfa-agent.service");
        fs::create_dir_all(&folder).unwrap();
        let memory = Memory {
            limits: files(
                "1:name=systemd:/\n0::/system.slice/mfa-agent.service\n",
                dir.path(),
            ),
            base: 4 << 20,
        };
        assert_eq!(memory.room(), None);
        fs::write(folder.join("memory.max"), "max\n").unwrap();
        assert_eq!(memory.room(), None);
        fs::write(dir.path().join("system.slice/memory.max"), "67108864\n").unwrap();
        assert_eq!(memory.room(), Some(60 << 20));
        fs::write(folder.join("memory.max"), "25165824\n").unwrap();
        assert_eq!(memory.room(), Some(20 << 20));
        fs::write(folder.join("memory.max"), "1\n").unwrap();
        assert_eq!(memory.room(), Some(0));
    }

    #[test]
    fn the_first_version_of_cgroups_is_read_too() {
        let root = Path::new("/c");
        let names = files("5:cpu,memory:/a\n4:pids:/b\n", root);
        assert_eq!(
            names,
            [
                "/c/memory/a/memory.limit_in_bytes",
                "/c/memory/memory.limit_in_bytes"
            ]
            .map(PathBuf::from)
        );
    }

    #[test]
    fn anonymous_memory_is_read_from_proc() {
        assert_eq!(
            anonymous("VmRSS:\t 9 kB\nRssAnon:\t    1320 kB\n"),
            Some(1320 << 10)
        );
        assert_eq!(anonymous(""), None);
        assert!(anonymous(&fs::read_to_string("/proc/self/status").unwrap()).is_some());
    }
}
