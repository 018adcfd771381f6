//! A host that has no room: a full disk, a read-only one, little memory, no threads. Logins are refused with a clear
//! message, rules without a question still hold, and it heals by itself.

use std::fs;
use std::path::{Path, PathBuf};

use mfa_tests::{Agent, Login, Machine, Seen, Stack, eventually, not_run};
use nix::mount::{MsFlags, mount};

const PIN: &str = "4826";
const IMPORTED: &str = "bert\totpauth://totp/t:u?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n";

/// root gets in without a code, whatever happens.
const SETTINGS: &str =
    "[policy]\nrequire = [\"pin\"]\n[[rule]]\nusers = [\"root\"]\naction = \"skip\"\n";

fn log_in(agent: &Agent, user: &str) -> Seen {
    Login::of(user).answer(PIN).run(&Stack::guarded_by(agent))
}

fn anna_logs_in_again(agent: &Agent) {
    eventually("anna to log in again", || {
        (log_in(agent, "anna").result() == "PAM_SUCCESS").then_some(())
    });
}

/// anna is refused, and the emergency rule holds.
fn is_refused(agent: &Agent, words: &str) {
    let seen = log_in(agent, "anna");
    assert_eq!(seen.result(), "PAM_AUTHINFO_UNAVAIL", "{seen:?}");
    agent.await_log(words);
    let seen = log_in(agent, "root");
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
}

/// An agent whose state is on a small disk of its own.
fn on_a_disk(folder: &Path) -> Agent {
    let options = Some("mode=0700,size=24m");
    mount(
        Some("tmpfs"),
        folder,
        Some("tmpfs"),
        MsFlags::empty(),
        options,
    )
    .unwrap();
    let mut agent = Agent::keeping(folder, SETTINGS);
    assert!(agent.init().is_success());
    agent.launch();
    agent.admin().pin("anna", PIN);
    agent
}

#[test]
fn a_full_disk_refuses_logins_keeps_the_emergency_rule_and_heals() {
    Machine::run(|_| {
        let folder = tempfile::tempdir().unwrap();
        let agent = on_a_disk(folder.path());
        let filler = folder.path().join("filler");
        // The reserve is used up, too.
        let full = || {
            let chunk = vec![1; 256 << 10];
            let mut file = fs::File::options()
                .append(true)
                .create(true)
                .open(&filler)
                .unwrap();
            while std::io::Write::write_all(&mut file, &chunk).is_ok() {}
        };
        full();
        // An import does not take what is left.
        let refused = agent.ctl().run(&["import", "uris", "-"], IMPORTED);
        assert!(refused.stdout.contains("not enough room"), "{refused:?}");
        // What has room in the journal is taken still.
        for changes in 0.. {
            full();
            let codes = ["enroll", "recovery", "anna", "--count", "20"];
            let changed = agent.ctl().run(&codes, "").is_success();
            if !changed && log_in(&agent, "anna").result() == "PAM_AUTHINFO_UNAVAIL" {
                break;
            }
            assert!(changes < 5_000, "the journal has no end");
        }
        is_refused(&agent, "No space left on device");
        fs::remove_file(&filler).unwrap();
        anna_logs_in_again(&agent);
    });
}

#[test]
fn a_read_only_disk_refuses_logins_keeps_the_emergency_rule_and_heals() {
    Machine::run(|_| {
        let folder = tempfile::tempdir().unwrap();
        let mut agent = on_a_disk(folder.path());
        let remount = |flags| {
            mount(
                None::<&str>,
                folder.path(),
                None::<&str>,
                MsFlags::MS_REMOUNT | flags,
                None::<&str>,
            )
        };
        // Files that are open for writing prevent it, as a disk with errors does not.
        agent.terminate();
        remount(MsFlags::MS_RDONLY).unwrap();
        let output = agent.launch_in_vain();
        assert!(!output.is_success(), "{output:?}");
        assert!(output.stderr.contains("Read-only"), "{output:?}");
        remount(MsFlags::empty()).unwrap();
        agent.launch();
        anna_logs_in_again(&agent);
    });
}

/// A cgroup of a controller, in either version; it is removed when dropped.
struct Cgroup(PathBuf);

impl Cgroup {
    /// None where this process can't make one; the test does not run then.
    fn new(controller: &str) -> Option<Self> {
        let made = Self::made(controller);
        if made.is_none() {
            not_run(&format!("no cgroup of {controller} can be made here"));
        }
        made
    }

    fn made(controller: &str) -> Option<Self> {
        let root = Path::new("/sys/fs/cgroup");
        let parents = [root.join(controller), root.to_owned()];
        let parent = parents
            .into_iter()
            .find(|parent| parent.join("cgroup.procs").exists())?;
        let folder = parent.join(format!("mfat-{controller}-{}", std::process::id()));
        fs::create_dir(&folder).ok()?;
        let made = Self(folder);
        let limits = ["memory.max", "memory.limit_in_bytes", "pids.max"];
        let has_limit = limits
            .iter()
            .any(|it| it.starts_with(controller) && made.0.join(it).exists());
        has_limit.then_some(made)
    }

    fn set(&self, names: &[&str], value: &str) {
        let mut names = names.iter().map(|name| self.0.join(name));
        let file = names.find(|file| file.exists()).unwrap();
        fs::write(file, value).unwrap();
    }

    fn launch(&self, agent: &mut Agent) {
        let enter = format!("echo $$ > {}/cgroup.procs && exec \"$@\"", self.0.display());
        agent.launch_under(&["sh", "-c", &enter, "sh"]);
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // It is empty some time after its last process has ended.
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

#[test]
fn in_24_mib_pins_are_checked_one_after_the_other_and_nobody_kills_the_agent() {
    let Some(cgroup) = Cgroup::new("memory") else {
        return;
    };
    let mut agent = Agent::with(SETTINGS);
    agent.admin().pin("anna", PIN);
    agent.terminate();
    let limit = ["memory.max", "memory.limit_in_bytes"];
    cgroup.set(&limit, "25165824");
    cgroup.launch(&mut agent);
    let before = agent.pid();
    std::thread::scope(|scope| {
        for n in 0..12 {
            let agent = &agent;
            scope.spawn(move || match n % 2 {
                0 => drop(log_in(agent, "anna")),
                _ => drop(log_in(agent, &format!("nobody{n}"))),
            });
        }
    });
    assert_eq!(agent.pid(), before);
    anna_logs_in_again(&agent);
    // No room for a single one: a clear refusal, no kill, and it heals.
    cgroup.set(&limit, "12582912");
    is_refused(&agent, "raise MemoryMax=");
    cgroup.set(&limit, "67108864");
    anna_logs_in_again(&agent);
    drop(agent);
}

#[test]
fn without_threads_the_agent_lives_on_and_heals() {
    let Some(cgroup) = Cgroup::new("pids") else {
        return;
    };
    let mut agent = Agent::with(SETTINGS);
    agent.admin().pin("anna", PIN);
    agent.terminate();
    cgroup.launch(&mut agent);
    // It has started all threads that it needs at rest.
    anna_logs_in_again(&agent);
    let threads = || {
        fs::read_dir(format!("/proc/{}/task", agent.pid()))
            .unwrap()
            .count()
    };
    cgroup.set(&["pids.max"], &threads().to_string());
    // More callers than it has threads for.
    let callers: Vec<_> = (0..40)
        .filter_map(|_| std::os::unix::net::UnixStream::connect(agent.socket()).ok())
        .collect();
    let seen = log_in(&agent, "anna");
    assert!(
        ["PAM_SUCCESS", "PAM_AUTHINFO_UNAVAIL", "PAM_AUTH_ERR"].contains(&seen.result()),
        "{seen:?}"
    );
    drop(callers);
    cgroup.set(&["pids.max"], "max");
    anna_logs_in_again(&agent);
    assert!(!agent.log().contains("panicked"), "{}", agent.log());
    drop(agent);
}
