//! Services that still use a module that an upgrade has replaced.
//!
//! A program keeps the module that it has loaded until it ends (decision 50), and the kernel marks the replaced file in
//! the program's mappings (proc_pid_maps(5)). There is no check if nobody does, or if mfactl may not read mappings.
//! Processes of sessions are left out: sudo, su and sshd's monitor hold the module while a session lasts, and verify
//! nothing more.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::Check;

/// Where the kernel shows processes.
pub(super) const PROC: &str = "/proc";
const MODULE: &str = "/pam_mfa.so (deleted)";

pub(super) fn check(proc: impl AsRef<Path>) -> Option<Check> {
    let mut services = BTreeSet::new();
    let mut others = BTreeSet::new();
    for entry in fs::read_dir(proc).ok()?.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        if !uses_replaced_module(&entry.path()) {
            continue;
        }
        match Place::of(&fs::read_to_string(entry.path().join("cgroup")).unwrap_or_default()) {
            Place::Service(unit) => _ = services.insert(unit),
            Place::Session => {}
            Place::Unknown => _ = others.insert(pid.to_string()),
        }
    }
    let joined = |names: BTreeSet<String>, by| Vec::from_iter(names).join(by);
    let mut remedies = Vec::new();
    if !services.is_empty() {
        remedies.push(format!(
            "restart what uses it: systemctl restart {}",
            joined(services, " ")
        ));
    }
    if !others.is_empty() {
        remedies.push(format!(
            "restart these processes: ps -fp {}",
            joined(others, ",")
        ));
    }
    (!remedies.is_empty()).then(|| {
        Check::note(
            "module",
            "programs that were started before the upgrade still use the older pam_mfa.so",
            remedies.join("\n"),
        )
    })
}

/// False for a process that ended or that belongs to somebody else.
fn uses_replaced_module(process: &Path) -> bool {
    // A path in a user's own mount namespace need not be UTF-8.
    fs::read(process.join("maps")).is_ok_and(|maps| {
        String::from_utf8_lossy(&maps)
            .lines()
            .any(|line| line.ends_with(MODULE))
    })
}

/// Where systemd runs a process.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// In a service of this host.
    Service(String),
    /// In a session, in a service of a user's own, or in a container.
    Session,
    /// Systemd does not run it.
    Unknown,
}

impl Place {
    /// `cgroups` is the text of `/proc/PID/cgroup` (cgroups(7)).
    fn of(cgroups: &str) -> Self {
        let path = cgroups.lines().find_map(|line| {
            // Systemd's hierarchy is the unified one, or the one with its name.
            let (_, rest) = line.split_once(':')?;
            rest.strip_prefix(':')
                .or_else(|| rest.strip_prefix("name=systemd:"))
        });
        let parts: Vec<_> = path.unwrap_or_default().split('/').collect();
        if parts
            .iter()
            .any(|part| ["user.slice", "machine.slice"].contains(part))
        {
            return Self::Session;
        }
        let is_unit = |part: &&&str| part.ends_with(".service") || part.ends_with(".scope");
        match parts.iter().find(is_unit) {
            Some(unit) if unit.ends_with(".service") => Self::Service((*unit).to_owned()),
            Some(_) => Self::Session,
            None => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder like /proc, with one process.
    fn proc(maps: &str, cgroup: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let process = folder.path().join("812");
        fs::create_dir(&process).unwrap();
        fs::create_dir(folder.path().join("sys")).unwrap();
        fs::write(process.join("maps"), maps).unwrap();
        fs::write(process.join("cgroup"), cgroup).unwrap();
        folder
    }

    const KEPT: &str = "7f00-7f01 r-xp 0 fd:01 77 /usr/lib/security/pam_mfa.so\n";
    const REPLACED: &str = "7f00-7f01 r-xp 0 fd:01 77 /usr/lib/security/pam_mfa.so (deleted)\n";

    #[test]
    fn a_service_that_uses_a_replaced_module_is_named_with_the_command_that_restarts_it() {
        let folder = proc(REPLACED, "0::/system.slice/freeradius.service\n");
        let check = check(folder.path()).unwrap();
        assert!(check.ok && !check.is_usual, "a warning");
        assert_eq!(
            check.remedy.unwrap(),
            "restart what uses it: systemctl restart freeradius.service"
        );
    }

    #[test]
    fn a_process_that_systemd_does_not_run_is_named_by_its_number() {
        let folder = proc(REPLACED, "0::/\n");
        let remedy = check(folder.path()).unwrap().remedy.unwrap();
        assert_eq!(remedy, "restart these processes: ps -fp 812");
    }

    #[test]
    fn the_present_module_and_other_replaced_files_are_no_finding() {
        let service = "0::/system.slice/freeradius.service\n";
        assert_eq!(check(proc(KEPT, service).path()), None);
        let other = REPLACED.replace("pam_mfa", "my_pam_mfa");
        assert_eq!(check(proc(&other, service).path()), None);
    }

    #[test]
    fn sessions_and_containers_are_left_out() {
        for cgroup in [
            "0::/user.slice/user-1000.slice/session-3.scope\n",
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/lock.service\n",
            "0::/machine.slice/systemd-nspawn@web.service/system.slice/freeradius.service\n",
            "0::/system.slice/docker-8f1e.scope\n",
        ] {
            assert_eq!(check(proc(REPLACED, cgroup).path()), None, "{cgroup}");
        }
    }

    #[test]
    fn a_service_is_found_in_both_kinds_of_hierarchies() {
        let unit = "system.slice/system-openvpn.slice/openvpn@vpn.service";
        for cgroup in [
            format!("0::/{unit}\n"),
            format!("12:memory:/\n1:name=systemd:/{unit}\n0::/\n"),
        ] {
            let place = Place::of(&cgroup);
            assert_eq!(place, Place::Service("openvpn@vpn.service".to_owned()));
        }
    }
}
