//! Processes that still hold a module that an upgrade has replaced.
//!
//! A program keeps the module that it has loaded until it ends (decision 50), and the kernel marks the replaced file in
//! the program's mappings (proc_pid_maps(5)). A service that verifies many logins in one process goes on with it. Sessions
//! are left out, because sudo, su and sshd's monitor only hold it, and so are containers. There is nothing to say where
//! mfactl may not read mappings.
//!
//! Every user can have many mappings with long names, so it is bounded how much is read, and for how long.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use super::Check;

const NAME: &str = "module";

/// Where the kernel shows processes.
pub(super) const PROC: &str = "/proc";
const MODULE: &[u8] = b"/pam_mfa.so (deleted)";

/// So many bytes of a process's mappings are read; those of most programs have a few KiB.
const MOST_BYTES: u64 = 4 << 20;

/// No process is looked at after this.
const LONGEST: Duration = Duration::from_secs(2);

/// The audit login UID of a process that no session has started (audit(7)).
const NO_LOGIN: &str = "4294967295";

pub(super) fn checks(proc: impl AsRef<Path>) -> Vec<Check> {
    let found = Found::of(proc.as_ref(), Instant::now() + LONGEST);
    let cut_short = (!found.is_whole).then(|| {
        Check::note(
            NAME,
            "there was no time to look at all processes for a pam_mfa.so that an upgrade replaced",
            "look yourself:\n  grep -l 'pam_mfa.so (deleted)' /proc/[0-9]*/maps",
        )
    });
    found.check().into_iter().chain(cut_short).collect()
}

/// The processes that hold a replaced module.
#[derive(Default)]
struct Found {
    /// By the name of their unit.
    services: BTreeMap<String, Vec<u32>>,
    /// Those that systemd does not run.
    others: Vec<u32>,
    /// Whether all processes were looked at.
    is_whole: bool,
}

impl Found {
    fn of(proc: &Path, until: Instant) -> Self {
        let mut found = Self {
            is_whole: true,
            ..Self::default()
        };
        let entries = fs::read_dir(proc).into_iter().flatten().flatten();
        let mut pids: Vec<u32> = entries
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .collect();
        pids.sort_unstable();
        let own = ancestors(proc);
        let manager = fs::read_to_string(proc.join("1/cgroup")).unwrap_or_default();
        let root = root_of(&manager);
        for pid in pids {
            if Instant::now() > until {
                found.is_whole = false;
                break;
            }
            let process = proc.join(pid.to_string());
            match holds_replaced_module(&process) {
                Ok(Held::Yes) if !own.contains(&pid) => found.add(pid, &process, root),
                Ok(Held::Unknown) => found.is_whole = false,
                // It has ended, or belongs to somebody else.
                Ok(Held::Yes | Held::No) | Err(_) => {}
            }
        }
        found
    }

    /// Nothing is added of a process that ended meanwhile.
    fn add(&mut self, pid: u32, process: &Path, root: &str) {
        let read = |name: &str| fs::read_to_string(process.join(name));
        let (Ok(cgroups), Ok(status)) = (read("cgroup"), read("status")) else {
            return;
        };
        let is_of_session = read("loginuid").is_ok_and(|uid| uid.trim() != NO_LOGIN);
        if is_of_session || is_in_container(&status) {
            return;
        }
        match Place::of(&cgroups, root) {
            Place::Service(unit) => self.services.entry(unit).or_default().push(pid),
            Place::Session => {}
            Place::Unknown => self.others.push(pid),
        }
    }

    fn check(&self) -> Option<Check> {
        let joined = |pids: &[u32], by: &str| {
            let pids: Vec<_> = pids.iter().map(u32::to_string).collect();
            pids.join(by)
        };
        let mut holders: Vec<_> = self
            .services
            .iter()
            .map(|(unit, pids)| format!("{unit} ({})", joined(pids, ", ")))
            .collect();
        let mut commands: Vec<_> = self
            .services
            .keys()
            .map(|unit| format!("\n  systemctl restart {}", quoted(unit)))
            .collect();
        if !self.others.is_empty() {
            holders.push(format!("processes {}", joined(&self.others, ", ")));
            commands.push(format!("\n  ps -fp {}", joined(&self.others, ",")));
        }
        (!holders.is_empty()).then(|| {
            Check::note(
                NAME,
                format!(
                    "a pam_mfa.so that an upgrade replaced is still in use: {}",
                    holders.join(", ")
                ),
                format!(
                    "restart what verifies many logins in one process, as RADIUS, VPN and web servers do; processes of one \
                     connection or job end by themselves{}",
                    commands.concat()
                ),
            )
        })
    }
}

/// What the mappings of a process say.
enum Held {
    Yes,
    No,
    /// There are more mappings than are read.
    Unknown,
}

fn holds_replaced_module(process: &Path) -> io::Result<Held> {
    let mut maps = BufReader::new(File::open(process.join("maps"))?.take(MOST_BYTES));
    let mut line = Vec::new();
    while maps.read_until(b'\n', &mut line)? > 0 {
        if line.trim_ascii_end().ends_with(MODULE) {
            return Ok(Held::Yes);
        }
        line.clear();
    }
    Ok(match maps.get_ref().limit() {
        0 => Held::Unknown,
        _ => Held::No,
    })
}

/// This process and those that it descends from: one of them may be the sudo that it runs under.
fn ancestors(proc: &Path) -> Vec<u32> {
    let parent = |pid: &u32| {
        let status = fs::read_to_string(proc.join(pid.to_string()).join("status")).ok()?;
        field(&status, "PPid:")?.trim().parse().ok()
    };
    std::iter::successors(Some(std::process::id()), parent)
        .take_while(|pid| *pid > 1)
        .take(MOST_ANCESTORS)
        .collect()
}

const MOST_ANCESTORS: usize = 100;

/// Whether the process has another number inside a PID namespace of its own (proc_pid_status(5)).
fn is_in_container(status: &str) -> bool {
    field(status, "NSpid:").is_some_and(|numbers| numbers.split_whitespace().count() > 1)
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name))
}

/// For a shell: instances of units may have a backslash in their names.
fn quoted(unit: &str) -> String {
    match unit.contains('\\') {
        true => format!("'{unit}'"),
        false => unit.to_owned(),
    }
}

/// Where systemd runs a process.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Service(String),
    /// In a session, or for a single connection.
    Session,
    /// Systemd does not run it.
    Unknown,
}

/// The path of a process in systemd's hierarchy, from the text of `/proc/PID/cgroup` (cgroups(7)). That hierarchy is the
/// unified one, or the one with its name.
fn path_of(cgroups: &str) -> Option<&str> {
    cgroups.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        rest.strip_prefix(':')
            .or_else(|| rest.strip_prefix("name=systemd:"))
    })
}

/// Where the paths of units begin, by what `/proc/1/cgroup` says of systemd: not at `/` in a container without a cgroup
/// namespace.
fn root_of(manager: &str) -> &str {
    let path = path_of(manager).and_then(|path| path.strip_suffix("/init.scope"));
    path.unwrap_or_default()
}

impl Place {
    /// `cgroups` is the text of `/proc/PID/cgroup`, and `root` is where the paths of units begin.
    fn of(cgroups: &str, root: &str) -> Self {
        let path = path_of(cgroups).and_then(|path| path.strip_prefix(root));
        for part in path.unwrap_or_default().split('/') {
            match part {
                "user.slice" => return Self::Session,
                part if part.is_empty() || part.ends_with(".slice") => {}
                part if part.ends_with(".scope") => return Self::Session,
                part if part.ends_with(".service") && is_name(part) => return Self::service(part),
                _ => return Self::Unknown,
            }
        }
        Self::Unknown
    }

    fn service(unit: &str) -> Self {
        let (template, instance) = unit.split_once('@').unwrap_or((unit, ""));
        let is_console = ["getty", "serial-getty", "console-getty"].contains(&template);
        // The instance of a socket for one connection has the addresses in its name (systemd.socket(5), Accept=).
        match is_console || instance.contains(':') {
            true => Self::Session,
            false => Self::Service(unit.to_owned()),
        }
    }
}

/// Whether a unit can be called so (systemd.unit(5)). Others may name their cgroups as they like.
fn is_name(unit: &str) -> bool {
    unit.chars()
        .all(|c| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: &str = "7f00-7f01 r-xp 0 fd:01 77 /usr/lib/security/pam_mfa.so\n";
    const REPLACED: &str = "7f00-7f01 r-xp 0 fd:01 77 /usr/lib/security/pam_mfa.so (deleted)\n";
    const RADIUS: &str = "0::/system.slice/freeradius.service\n";

    /// A folder like /proc, with one process. Each file is its name and its text.
    fn proc(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let process = folder.path().join("812");
        fs::create_dir(&process).unwrap();
        fs::create_dir(folder.path().join("sys")).unwrap();
        for (name, text) in files {
            fs::write(process.join(name), text).unwrap();
        }
        folder
    }

    fn found(maps: &str, cgroup: &str, more: &[(&str, &str)]) -> Vec<Check> {
        let usual = [
            ("maps", maps),
            ("cgroup", cgroup),
            ("status", "Name:\tsrv\nPPid:\t1\nNSpid:\t812\n"),
            ("loginuid", NO_LOGIN),
        ];
        checks(proc(&[&usual, more].concat()).path())
    }

    #[test]
    fn a_service_that_holds_a_replaced_module_is_named_with_the_command_that_restarts_it() {
        let checks = found(REPLACED, RADIUS, &[]);
        let [check] = &*checks else {
            panic!("{checks:?}")
        };
        assert!(check.ok && !check.is_usual, "a warning");
        assert!(check.message.ends_with(": freeradius.service (812)"));
        let remedy = check.remedy.as_deref().unwrap();
        assert!(remedy.ends_with("\n  systemctl restart freeradius.service"));
    }

    #[test]
    fn a_process_that_systemd_does_not_run_is_named_by_its_number() {
        for cgroup in ["0::/\n", "0::/docker/8f1e\n"] {
            let checks = found(REPLACED, cgroup, &[]);
            let remedy = checks[0].remedy.as_deref().unwrap();
            assert!(remedy.ends_with("\n  ps -fp 812"), "{remedy}");
        }
    }

    #[test]
    fn the_present_module_and_other_replaced_files_are_no_finding() {
        let other = REPLACED.replace("/pam_mfa", "/my_pam_mfa");
        for maps in [KEPT, &other, ""] {
            assert_eq!(found(maps, RADIUS, &[]), []);
        }
    }

    #[test]
    fn sessions_single_connections_and_containers_are_left_out() {
        for cgroup in [
            "0::/user.slice/user-1000.slice/session-3.scope\n",
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/lock.service\n",
            "0::/system.slice/docker-8f1e.scope\n",
            "0::/system.slice/system-getty.slice/getty@tty1.service\n",
            "0::/system.slice/system-ssh.slice/ssh@3-192.0.2.1:22-192.0.2.7:4711.service\n",
        ] {
            assert_eq!(found(REPLACED, cgroup, &[]), [], "{cgroup}");
        }
        assert_eq!(found(REPLACED, RADIUS, &[("loginuid", "1000")]), []);
        let inside = [("status", "Name:\tsrv\nPPid:\t1\nNSpid:\t812\t7\n")];
        assert_eq!(found(REPLACED, RADIUS, &inside), []);
    }

    #[test]
    fn a_service_is_found_in_both_kinds_of_hierarchies_and_below_its_own() {
        let unit = "system.slice/system-openvpn.slice/openvpn@a\\x2db.service";
        for cgroup in [
            format!("0::/{unit}\n"),
            format!("0::/{unit}/worker\n"),
            format!("12:memory:/\n1:name=systemd:/{unit}\n0::/\n"),
        ] {
            let checks = found(REPLACED, &cgroup, &[]);
            let remedy = checks[0].remedy.as_deref().unwrap();
            assert!(
                remedy.ends_with("\n  systemctl restart 'openvpn@a\\x2db.service'"),
                "{remedy}"
            );
        }
    }

    #[test]
    fn what_others_call_their_cgroups_becomes_no_command() {
        for cgroup in [
            "0::/$(reboot).service\n",
            "0::/system.slice/a;b.service\n",
            "0::/lxc.payload.web/system.slice/freeradius.service\n",
            "1:name=systemd:/docker/8f1e/system.slice/ssh.service\n",
        ] {
            assert_eq!(Place::of(cgroup, ""), Place::Unknown, "{cgroup}");
        }
    }

    #[test]
    fn in_a_container_the_paths_of_units_begin_where_systemd_is() {
        for manager in [
            "0::/lxc/web/init.scope\n",
            "1:name=systemd:/lxc/web/init.scope\n",
        ] {
            let root = root_of(manager);
            let place = Place::of("0::/lxc/web/system.slice/freeradius.service\n", root);
            assert_eq!(place, Place::Service("freeradius.service".to_owned()));
        }
        assert_eq!(root_of("0::/init.scope\n"), "");
        assert_eq!(root_of("0::/docker/8f1e\n"), "");
        assert_eq!(root_of(""), "");
    }

    #[test]
    fn a_process_that_has_ended_meanwhile_is_no_finding() {
        let folder = proc(&[("maps", REPLACED)]);
        assert_eq!(checks(folder.path()), []);
    }

    #[test]
    fn more_mappings_than_are_read_are_said_to_be_unknown() {
        let mut maps = KEPT.repeat(MOST_BYTES as usize / KEPT.len() + 1);
        maps += REPLACED;
        let checks = found(&maps, RADIUS, &[]);
        assert_eq!(checks.len(), 1);
        assert!(checks[0].message.contains("no time"), "{checks:?}");
    }

    #[test]
    fn those_that_this_process_descends_from_are_left_out() {
        let folder = proc(&[
            ("maps", REPLACED),
            ("cgroup", "0::/\n"),
            ("status", "PPid:\t1\nNSpid:\t812\n"),
        ]);
        let own = folder.path().join(std::process::id().to_string());
        fs::create_dir(&own).unwrap();
        fs::write(own.join("status"), "PPid:\t812\n").unwrap();
        assert_eq!(checks(folder.path()), []);
    }
}
