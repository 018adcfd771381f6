use std::fs::Permissions;

use super::*;

/// A test's own script, in a temporary folder.
struct Script(tempfile::TempDir);

impl Script {
    fn new(text: &str) -> Self {
        let script = Self(tempfile::tempdir().unwrap());
        std::fs::write(script.at("run"), format!("#!/bin/sh\n{text}\n")).unwrap();
        script.set_mode(0o755);
        script
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn set_mode(&self, mode: u32) {
        std::fs::set_permissions(self.at("run"), Permissions::from_mode(mode)).unwrap();
    }

    fn path(&self) -> ProgramPath {
        self.at("run").to_str().unwrap().parse().unwrap()
    }

    fn run_for(&self, input: &[u8], limit: Duration) -> Result<(), SendError> {
        let until = Instant::now() + limit;
        loop {
            let result = self.path().run(&["one"], input, &["hunter2"], until);
            // A concurrent test forked while the script was being written.
            if !matches!(&result, Err(e) if e.to_string().contains("Text file busy")) {
                return result;
            }
        }
    }

    fn run(&self, input: &[u8]) -> Result<(), SendError> {
        self.run_for(input, Duration::from_secs(60))
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).unwrap()
    }
}

#[test]
fn a_program_reads_its_input_and_sees_nothing_of_the_agent() {
    let script = Script::new(
        "cd \"${0%/*}\"; cat > input; echo \"$@\" > args; env > env; readlink /proc/$$/fd/* > open; true",
    );
    // A descriptor without close-on-exec.
    let leak = std::fs::File::create(script.at("leak")).unwrap();
    fcntl(&leak, FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).unwrap();
    let input = "x".repeat(300_000);
    script.run(input.as_bytes()).unwrap();
    assert_eq!(script.read("input"), input);
    assert_eq!(script.read("args"), "one\n");
    let names: Vec<String> = script
        .read("env")
        .lines()
        .map(|l| l.split('=').next().unwrap().to_owned())
        .collect();
    // The shell adds these by itself.
    assert!(
        names
            .iter()
            .all(|name| ["PATH", "PWD", "OLDPWD", "SHLVL", "_"].contains(&name.as_str())),
        "{names:?}"
    );
    let open = script.read("open");
    assert!(open.contains("pipe:") && !open.contains("leak"), "{open}");
}

#[test]
fn exit_statuses_tell_whether_to_try_again() {
    assert_eq!(Script::new("exit 0").run(b"unread"), Ok(()));
    let again = Script::new("echo gateway busy; exit 75").run(b"");
    assert!(
        matches!(&again, Err(SendError::Temporary(text)) if text.ends_with("it printed: gateway busy")),
        "{again:?}"
    );
    let never = Script::new("exit 1").run(b"");
    assert!(
        matches!(&never, Err(SendError::Permanent(text)) if text.contains("status 1; it printed nothing")),
        "{never:?}"
    );
    let killed = Script::new("kill -9 $$").run(b"");
    assert!(
        matches!(&killed, Err(SendError::Temporary(text)) if text.contains("signal 9")),
        "{killed:?}"
    );
}

#[test]
fn only_the_first_line_is_quoted_and_no_secret_in_it() {
    let script =
        Script::new("echo key hunter2 for +491701234567 >&2; yes | head -c 10000000; exit 1");
    let error = script.run(b"").unwrap_err().to_string();
    assert!(error.ends_with("it printed: key ••• for +•••"), "{error}");
}

#[test]
fn a_program_that_hangs_is_killed_with_its_children() {
    let script = Script::new("cd \"${0%/*}\"; sleep 1000 & echo $! > child; sleep 1000");
    let error = script.run_for(b"", Duration::from_secs(2)).unwrap_err();
    assert!(
        matches!(&error, SendError::Temporary(text) if text.contains("took too long")),
        "{error:?}"
    );
    await_end(script.read("child").trim());
}

#[test]
fn child_processes_end_with_the_program_even_if_they_hold_the_output() {
    let script = Script::new("cd \"${0%/*}\"; sleep 1000 & echo $! > child; exit 0");
    assert_eq!(script.run(b""), Ok(()));
    await_end(script.read("child").trim());
}

/// Returns once there is no such process, or only a zombie.
fn await_end(pid: &str) {
    let stat = PathBuf::from(format!("/proc/{pid}/stat"));
    while let Ok(text) = std::fs::read_to_string(&stat) {
        if text
            .rsplit(") ")
            .next()
            .is_some_and(|rest| rest.starts_with('Z'))
        {
            return;
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_program_that_others_can_change_or_that_is_not_executable_is_not_run() {
    let script = Script::new("exit 0");
    for (mode, words) in [(0o777, "go-w"), (0o775, "go-w"), (0o600, "not executable")] {
        script.set_mode(mode);
        let error = script.run(b"").unwrap_err();
        assert!(
            matches!(&error, SendError::Permanent(text) if text.contains(words)),
            "{error:?}"
        );
    }
    let missing: ProgramPath = "/nowhere/send".parse().unwrap();
    let error = missing.run(&[], b"", &[], Instant::now()).unwrap_err();
    assert!(matches!(error, SendError::Permanent(_)), "{error:?}");
}

#[test]
fn a_program_needs_an_absolute_path() {
    for text in ["", "send", "./send", "/usr/sbin/", "/a\nb"] {
        assert_eq!(text.parse::<ProgramPath>(), Err(PathError), "{text:?}");
    }
}
