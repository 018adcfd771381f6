//! Services that still hold a module that an upgrade has replaced.
//!
//! A program keeps the module that it has loaded until it ends (decision 50), and the kernel marks the replaced file in
//! the program's mappings (proc_pid_maps(5)). A service that verifies many logins in one process goes on with it. What has
//! a process for each login or connection only holds it, and is left out, as are containers. There is nothing to say where
//! mfactl may not read mappings.
//!
//! Every user can have many processes with many mappings, so those of sessions are not looked at, and there is a limit to
//! the time that it takes.

mod place;

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};

use place::{Place, Units};

use super::Check;

const NAME: &str = "module";

/// Where the kernel shows processes.
pub(super) const PROC: &str = "/proc";
const MODULE: &str = "/pam_mfa.so";
const REPLACED: &str = " (deleted)";

/// Nothing is read after this.
const LONGEST: Duration = Duration::from_secs(2);

/// So many processes are named, in one unit or in none.
const MOST_NAMED: usize = 10;

pub(super) fn checks(proc: impl AsRef<Path>) -> Vec<Check> {
    Found::of(proc.as_ref(), Instant::now() + LONGEST).checks()
}

/// The processes that hold a replaced module.
struct Found {
    /// Sorted by their units.
    services: Vec<(String, Vec<u32>)>,
    /// Those that systemd does not run.
    others: Vec<u32>,
    /// Whether all processes were looked at.
    is_whole: bool,
}

impl Found {
    fn of(proc: &Path, until: Instant) -> Self {
        let mut found = Self {
            services: Vec::new(),
            others: Vec::new(),
            is_whole: true,
        };
        for (place, pid) in candidates(proc) {
            match holds_replaced_module(&proc.join(pid.to_string()), until) {
                Ok(true) => found.add(place, pid),
                // It has ended, or belongs to somebody else.
                Ok(false) => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    found.is_whole = false;
                    break;
                }
                Err(_) => {}
            }
        }
        found
    }

    /// Processes come in the order of their places.
    fn add(&mut self, place: Place, pid: u32) {
        let Place::Service(unit) = place else {
            return self.others.push(pid);
        };
        match self.services.last_mut() {
            Some((last, pids)) if *last == unit => pids.push(pid),
            _ => self.services.push((unit, vec![pid])),
        }
    }

    fn checks(&self) -> Vec<Check> {
        let checks = [self.services(), self.others(), self.cut_short()];
        checks.into_iter().flatten().collect()
    }

    fn services(&self) -> Option<Check> {
        let holders = self.services.iter();
        let holders: Vec<_> = holders
            .map(|(unit, pids)| format!("{unit} ({})", named(pids)))
            .collect();
        let commands: String = self
            .services
            .iter()
            .map(|(unit, _)| format!("\n  systemctl restart {}", quoted(unit)))
            .collect();
        (!holders.is_empty()).then(|| {
            Check::note(
                NAME,
                format!(
                    "a pam_mfa.so that an upgrade replaced is still in use: {}",
                    holders.join(", ")
                ),
                format!("Restart them when a short interruption is acceptable:{commands}"),
            )
        })
    }

    fn others(&self) -> Option<Check> {
        (!self.others.is_empty()).then(|| {
            Check::note(
                NAME,
                format!(
                    "processes that systemd does not run hold a pam_mfa.so that an upgrade replaced: {}",
                    named(&self.others)
                ),
                format!(
                    "See what they are. Restart servers; sessions end by themselves:\n  ps -fp {}",
                    first(&self.others, ",")
                ),
            )
        })
    }

    fn cut_short(&self) -> Option<Check> {
        (!self.is_whole).then(|| {
            Check::note(
                NAME,
                "there was no time to look at all processes for a pam_mfa.so that an upgrade replaced",
                "To look for yourself, as root. Among them are sessions and your own sudo; end none:\n  \
                 grep -sl 'pam_mfa.so (deleted)' /proc/[0-9]*/maps",
            )
        })
    }
}

/// "812, 813 and 7 more".
fn named(pids: &[u32]) -> String {
    let few = first(pids, ", ");
    match pids.len().saturating_sub(MOST_NAMED) {
        0 => few,
        more => format!("{few} and {more} more"),
    }
}

fn first(pids: &[u32], by: &str) -> String {
    let few = pids.iter().take(MOST_NAMED);
    few.map(u32::to_string).collect::<Vec<_>>().join(by)
}

/// The processes whose mappings are read, services first.
fn candidates(proc: &Path) -> Vec<(Place, u32)> {
    let own = ancestors(proc);
    let manager = proc.join("1");
    let units = Units::of(&text(&manager, "cgroup").unwrap_or_default());
    let login_of_manager = text(&manager, "loginuid");
    let place = |pid: &u32| {
        let process = proc.join(pid.to_string());
        // A process that has ended meanwhile has none.
        let (cgroups, status) = (text(&process, "cgroup")?, text(&process, "status")?);
        let login = text(&process, "loginuid");
        let has_login = login.as_deref().map(str::trim) != Some(NO_LOGIN);
        let is_of_session = has_login && login != login_of_manager;
        match is_of_session || is_in_container(&status) {
            true => None,
            false => units.place(&cgroups),
        }
    };
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut candidates: Vec<_> = pids
        .filter(|pid| !own.contains(pid))
        .filter_map(|pid| Some((place(&pid)?, pid)))
        .collect();
    candidates.sort_unstable();
    candidates
}

/// The audit login UID of a process that no session has started (audit(7)).
const NO_LOGIN: &str = "4294967295";

/// A file of a process. A process's name in it may be anything.
fn text(process: &Path, name: &str) -> Option<String> {
    let bytes = fs::read(process.join(name)).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// # Errors
///
/// `TimedOut` after `until`.
fn holds_replaced_module(process: &Path, until: Instant) -> io::Result<bool> {
    let mut maps = BufReader::new(File::open(process.join("maps"))?);
    let mut line = Vec::new();
    loop {
        if Instant::now() > until {
            return Err(io::ErrorKind::TimedOut.into());
        }
        line.clear();
        if maps.read_until(b'\n', &mut line)? == 0 {
            return Ok(false);
        }
        if is_replaced_module(&line) {
            return Ok(true);
        }
    }
}

/// Whether a line of mappings is of a module in whose place there is another one now.
fn is_replaced_module(line: &[u8]) -> bool {
    let path = || {
        let line = std::str::from_utf8(line).ok()?.trim_end();
        let path = line.strip_suffix(REPLACED)?;
        path.get(path.find('/')?..)
    };
    path().is_some_and(|path| path.ends_with(MODULE) && Path::new(path).is_file())
}

/// This process and those that it descends from: one of them may be the sudo that it runs under.
fn ancestors(proc: &Path) -> Vec<u32> {
    let parent = |pid: &u32| {
        let status = text(&proc.join(pid.to_string()), "status")?;
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

#[cfg(test)]
mod tests {
    use super::*;

    const RADIUS: &str = "0::/system.slice/freeradius.service\n";
    const STATUS: &str = "Name:\tsrv\nPPid:\t1\nNSpid:\t812\n";

    /// A folder like /proc, with systemd as process 1 and a process 812 that holds a replaced module.
    struct Proc(tempfile::TempDir);

    impl Proc {
        fn new(cgroup: &str) -> Self {
            let proc = Self(tempfile::tempdir().unwrap());
            proc.put("lib/pam_mfa.so", "");
            proc.put("1/cgroup", "0::/init.scope\n");
            proc.put("1/loginuid", NO_LOGIN);
            proc.put("sys/kernel", "");
            proc.process(812, cgroup);
            proc
        }

        fn process(&self, pid: u32, cgroup: &str) {
            let module = self.0.path().join("lib/pam_mfa.so");
            let maps = format!(
                "7f00-7f01 r-xp 0 fd:01 77    {} (deleted)\n",
                module.display()
            );
            self.put(&format!("{pid}/maps"), &maps);
            self.put(&format!("{pid}/cgroup"), cgroup);
            self.put(&format!("{pid}/status"), STATUS);
            self.put(&format!("{pid}/loginuid"), NO_LOGIN);
        }

        fn put(&self, name: &str, text: impl AsRef<[u8]>) {
            let path = self.0.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn checks(&self) -> Vec<Check> {
            checks(self.0.path())
        }

        /// The message and the remedy of the only check.
        fn check(&self) -> (String, String) {
            let mut checks = self.checks();
            assert_eq!(checks.len(), 1, "{checks:?}");
            let check = checks.remove(0);
            assert!(check.ok && !check.is_usual, "a warning");
            (check.message, check.remedy.unwrap())
        }
    }

    #[test]
    fn services_that_hold_a_replaced_module_are_named_with_commands_of_their_own() {
        let proc = Proc::new(RADIUS);
        proc.process(90, RADIUS);
        proc.process(
            95,
            "0::/system.slice/system-openvpn.slice/openvpn@a\\x2db.service/worker\n",
        );
        let (message, remedy) = proc.check();
        let named = "freeradius.service (90, 812), openvpn@a\\x2db.service (95)";
        assert!(message.ends_with(named), "{message}");
        let commands = "\n  systemctl restart freeradius.service\n  systemctl restart 'openvpn@a\\x2db.service'";
        assert!(remedy.ends_with(commands), "{remedy}");
    }

    #[test]
    fn processes_that_systemd_does_not_run_are_named_by_their_numbers_and_not_all_of_many() {
        let proc = Proc::new("0::/\n");
        assert!(proc.check().1.ends_with("\n  ps -fp 812"));
        for pid in 1000..1011 {
            proc.process(pid, "0::/docker/8f1e\n");
        }
        let (message, remedy) = proc.check();
        assert!(
            message.ends_with(
                ": 812, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008 and 2 more"
            )
        );
        assert!(remedy.ends_with(",1007,1008"), "{remedy}");
    }

    #[test]
    fn only_a_module_in_whose_place_there_is_another_one_is_a_finding() {
        let proc = Proc::new(RADIUS);
        proc.put("lib/my_pam_mfa.so", "");
        let module = proc.0.path().join("lib/pam_mfa.so").display().to_string();
        for path in [
            module.clone(),
            format!("{module} (deleted"),
            format!("{module}.so (deleted)"),
            module.replace("/pam_mfa", "/my_pam_mfa") + " (deleted)",
            "/nowhere/pam_mfa.so (deleted)".to_owned(),
            "/memfd:x/pam_mfa.so (deleted)".to_owned(),
        ] {
            proc.put("812/maps", format!("7f00-7f01 r-xp 0 fd:01 77    {path}\n"));
            assert_eq!(proc.checks(), [], "{path}");
        }
    }

    #[test]
    fn a_session_is_left_out_unless_the_whole_system_was_started_from_one() {
        let proc = Proc::new(RADIUS);
        proc.put("812/loginuid", "1000");
        assert_eq!(proc.checks(), []);
        proc.put("1/loginuid", "1000");
        assert_eq!(proc.checks().len(), 1);
    }

    #[test]
    fn containers_are_left_out() {
        let proc = Proc::new(RADIUS);
        proc.put("812/status", STATUS.replace("812", "812\t7"));
        assert_eq!(proc.checks(), []);
    }

    #[test]
    fn a_process_that_has_ended_meanwhile_is_no_finding_and_one_with_an_odd_name_is() {
        let proc = Proc::new(RADIUS);
        proc.put("812/status", [b"Name:\t\xff\n", STATUS.as_bytes()].concat());
        assert_eq!(proc.checks().len(), 1);
        for name in ["maps", "cgroup", "status"] {
            let proc = Proc::new(RADIUS);
            fs::remove_file(proc.0.path().join("812").join(name)).unwrap();
            assert_eq!(proc.checks(), [], "{name}");
        }
    }

    #[test]
    fn those_that_this_process_descends_from_are_left_out() {
        let proc = Proc::new("0::/\n");
        proc.put(&format!("{}/status", std::process::id()), "PPid:\t812\n");
        assert_eq!(proc.checks(), []);
    }

    #[test]
    fn nothing_is_read_after_the_time_for_it_and_that_is_said() {
        let proc = Proc::new(RADIUS);
        let found = Found::of(proc.0.path(), Instant::now() - Duration::from_secs(1));
        let checks = found.checks();
        assert_eq!(checks.len(), 1, "{checks:?}");
        assert!(checks[0].message.contains("no time"), "{checks:?}");
    }
}
