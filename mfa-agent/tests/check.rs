//! What `mfa-agent --check` and a reload report about valid but unusual settings.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const CLOSED: &str = "[[rule]]\nname = \"closed\"\naction = \"deny\"\n";
const TWICE: &str = "[[rule]]\nname = \"one\"\n[[rule]]\nname = \"two\"\n";

fn agent(config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mfa-agent"));
    command.arg("--config").arg(config);
    command
}

/// Whether the check succeeds on these settings, and its output.
fn check(text: &str) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("agent.toml");
    std::fs::write(&config, text).unwrap();
    let output = agent(&config).arg("--check").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.success(), said)
}

#[test]
fn the_default_settings_are_fine() {
    let (is_right, said) = check(include_str!("../../config/agent.toml"));
    assert!(is_right, "{said}");
    assert!(said.contains("agent.toml is fine"), "{said}");
    // A machine that builds this has no store.
    let lines = said
        .lines()
        .filter(|line| !line.contains("there is no store"));
    assert_eq!(lines.count(), 1, "{said}");
}

#[test]
fn warnings_are_reported_and_let_the_check_succeed() {
    let (is_right, said) = check(TWICE);
    assert!(is_right, "{said}");
    assert!(
        said.contains("agent.toml:3: rule \"two\" never decides"),
        "{said}"
    );
    assert!(said.contains("is valid; warnings: 1"), "{said}");
}

#[test]
fn a_policy_that_lets_no_administrator_in_fails_the_check() {
    let (is_right, said) = check(CLOSED);
    assert!(!is_right, "{said}");
    assert!(
        said.contains("agent.toml:1: no administrator of this host"),
        "{said}"
    );
    assert!(said.contains("errors: 1"), "{said}");
}

/// The test's own agent, and its log.
struct Running {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
}

impl Running {
    fn start(config: &Path) -> Self {
        let mut child = agent(config).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, log }
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    /// The next line that contains `words`.
    fn wait_for(&mut self, words: &str) -> String {
        let lines = self.log.by_ref().map(Result::unwrap);
        let mut seen = Vec::new();
        for line in lines {
            if line.contains(words) {
                return line;
            }
            seen.push(line);
        }
        panic!("no {words:?} in {seen:#?}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn warnings_are_logged_after_the_start_and_after_each_reload() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let own = format!(
        "[server]\nsocket = {:?}\n[store]\npath = {:?}\nkey_file = {:?}\n[audit]\nfile = \"\"\nsyslog = false\n",
        at("sock"),
        at("store"),
        at("key"),
    );
    let config = at("agent.toml");
    std::fs::write(&config, &own).unwrap();
    assert!(agent(&config).arg("--init").status().unwrap().success());
    let mut agent = Running::start(&config);
    let nobody = agent.wait_for("no administrator of this host could log in");
    assert!(nobody.contains("mfactl enroll totp root"), "{nobody}");
    std::fs::write(&config, format!("{own}{TWICE}")).unwrap();
    agent.signal(Signal::SIGHUP);
    agent.wait_for("the settings were reloaded");
    let twice = agent.wait_for("never decides");
    assert!(
        twice.contains("warning") && twice.contains("agent.toml:"),
        "{twice}"
    );
    std::fs::write(&config, "[lockout]\natempts = 1").unwrap();
    agent.signal(Signal::SIGHUP);
    agent.wait_for("the old settings stay active");
    agent.signal(Signal::SIGTERM);
    agent.wait_for("stopped");
}

/// A folder with good settings, and an empty `agent.d`.
fn tidy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("agent.toml"), "").unwrap();
    std::fs::create_dir(folder.path().join("agent.d")).unwrap();
    folder
}

/// The error for these settings; `None` if they are good.
fn refusal(folder: &Path) -> Option<String> {
    let command = agent(&folder.join("agent.toml")).arg("--check").output();
    let output = command.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (!output.status.success()).then_some(said)
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn settings_that_others_can_change_are_refused_with_the_command_that_fixes_it() {
    let nobody = Some(65_534);
    let give_away = |path: &Path| std::os::unix::fs::lchown(path, nobody, None).is_ok();
    for name in ["agent.toml", "agent.d"] {
        let folder = tidy();
        let path = folder.path().join(name);
        assert_eq!(refusal(folder.path()), None);
        set_mode(&path, 0o777);
        let said = refusal(folder.path()).unwrap();
        assert!(said.contains(&format!("-w {}", path.display())), "{said}");
    }
    let folder = tidy();
    let (own, link) = (
        folder.path().join("agent.d/a.toml"),
        folder.path().join("agent.d/b.toml"),
    );
    std::fs::write(&own, "").unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("rules");
    std::fs::write(&target, "").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    assert_eq!(refusal(folder.path()), None);
    set_mode(elsewhere.path(), 0o777);
    let said = refusal(folder.path()).unwrap();
    assert!(
        said.contains("o-w"),
        "a link to where anybody may write: {said}"
    );
    set_mode(elsewhere.path(), 0o700);
    for path in [&own, &target] {
        if give_away(path) {
            let said = refusal(folder.path()).unwrap();
            assert!(said.contains("chown -h root"), "{said}");
            std::os::unix::fs::lchown(path, Some(0), None).unwrap();
        }
    }
    set_mode(folder.path(), 0o757);
    assert!(
        refusal(folder.path()).unwrap().contains("chmod o-w"),
        "the folder above"
    );
}

#[test]
fn a_reload_of_settings_that_others_can_change_keeps_the_old_ones() {
    let folder = tidy();
    let at = |name: &str| folder.path().join(name);
    let own = format!(
        "[server]\nsocket = {:?}\n[store]\npath = {:?}\nkey_file = {:?}\n[audit]\nfile = \"\"\nsyslog = false\n",
        at("sock"),
        at("store"),
        at("key"),
    );
    let config = at("agent.toml");
    std::fs::write(&config, own).unwrap();
    assert!(agent(&config).arg("--init").status().unwrap().success());
    let mut running = Running::start(&config);
    running.wait_for("no administrator of this host could log in");
    set_mode(&at("agent.d"), 0o777);
    std::fs::write(at("agent.d/x.toml"), TWICE).unwrap();
    running.signal(Signal::SIGHUP);
    let refused = running.wait_for("the old settings stay active");
    assert!(
        refused.contains("-w ") && refused.contains("agent.d"),
        "{refused}"
    );
    set_mode(&at("agent.d"), 0o755);
    running.signal(Signal::SIGHUP);
    running.wait_for("the settings were reloaded");
}
