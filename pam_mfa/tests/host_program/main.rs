//! The built module inside a real program: libpam loads it from a stack, and a small C program
//! (`tests/programs/pam_login.c`) holds the conversation. The agent is fake, because it must
//! misbehave; whole-system tests with the real one are in `tests/`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which clippy.toml does not know from others"
)]

mod agent;

use std::fs::File;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

/// Debug builds need more stack than the shipped module, which may use 64 KiB.
const STACK_LIMIT: usize = if cfg!(debug_assertions) {
    80 * 1024
} else {
    64 * 1024
};

/// A folder with an agent's socket and a stack that uses the module.
struct Host {
    folder: TempDir,
}

struct Login {
    output: String,
    success: bool,
}

impl Host {
    fn new() -> Self {
        let host = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        agent::serve(&host.path("agent.sock"));
        host.stack("required", "");
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a stack with the module's line between `before` and more lines.
    fn stack(&self, control: &str, arguments: &str) {
        self.stack_between("", control, arguments, "");
    }

    fn stack_between(&self, before: &str, control: &str, arguments: &str, after: &str) {
        let line = format!(
            "{before}\nauth {control} {} socket={} timeout=1 {arguments}\n{after}\n",
            module().display(),
            self.path("agent.sock").display(),
        );
        std::fs::write(self.path("test"), line).unwrap();
    }

    fn login(&self, user: &str, answers: &str, options: &[&str]) -> Login {
        self.login_under(Command::new(program()), user, answers, options)
    }

    fn login_under(
        &self,
        mut command: Command,
        user: &str,
        answers: &str,
        options: &[&str],
    ) -> Login {
        let mut file: File = tempfile::tempfile().unwrap();
        file.write_all(answers.as_bytes()).unwrap();
        file.rewind().unwrap();
        let output = command
            .arg("--confdir")
            .arg(self.folder.path())
            .args(["--service", "test", "--user", user, "--answer-fd", "0"])
            .args(options)
            .stdin(Stdio::from(file))
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code().is_some(), "the program died: {errors}");
        Login {
            output: String::from_utf8(output.stdout).unwrap() + &errors,
            success: output.status.success(),
        }
    }

    #[track_caller]
    fn expect(&self, user: &str, answers: &str, code: &str) {
        let login = self.login(user, answers, &[]);
        let last = login.output.lines().last();
        assert_eq!(
            last,
            Some(format!("result: {code}").as_str()),
            "{}",
            login.output
        );
        assert_eq!(login.success, code == "PAM_SUCCESS");
    }
}

/// Builds the module with this test's profile; cargo only builds what tests link.
fn module() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| {
        let here = std::env::current_exe().unwrap(); // TARGET/PROFILE/deps/host_program-…
        let profile = here.ancestors().nth(2).unwrap();
        let mut build = Command::new(env!("CARGO"));
        build
            .args([
                "build",
                "--quiet",
                "--package",
                "pam_mfa",
                "--manifest-path",
            ])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
            .arg("--target-dir")
            .arg(profile.parent().unwrap());
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        assert!(
            build.status().unwrap().success(),
            "the module does not build"
        );
        profile.join("libpam_mfa.so")
    })
}

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| compile("pam_login", &["-o"], &["-lpam", "-lpam_misc", "-lpthread"]))
}

fn probe() -> &'static Path {
    static PROBE: OnceLock<PathBuf> = OnceLock::new();
    PROBE.get_or_init(|| compile("pam_probe", &["-shared", "-fPIC", "-o"], &["-lpam"]))
}

fn compile(name: &str, options: &[&str], libraries: &[&str]) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../tests/programs/{name}.c"));
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let status = Command::new("cc")
        .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-g"])
        .args(options)
        .arg(&built)
        .arg(source)
        .args(libraries)
        .status()
        .unwrap();
    assert!(status.success(), "{name}.c does not compile");
    built
}

#[test]
fn each_outcome_reaches_the_program_as_its_code() {
    let host = Host::new();
    for (user, code) in [
        ("passed", "PAM_SUCCESS"),
        ("wrong", "PAM_AUTH_ERR"),
        ("locked", "PAM_MAXTRIES"),
        ("denied", "PAM_PERM_DENIED"),
        ("unavailable", "PAM_AUTHINFO_UNAVAIL"),
        ("cancelled", "PAM_CONV_ERR"),
    ] {
        host.expect(user, "123456\n", code);
    }
}

#[test]
fn skipped_leaves_the_decision_to_the_rest_of_the_stack() {
    let host = Host::new();
    for (next, code) in [
        ("pam_permit.so", "PAM_SUCCESS"),
        ("pam_deny.so", "PAM_AUTH_ERR"),
    ] {
        let after = format!("auth required {next}");
        host.stack_between("", "[success=die ignore=ignore default=bad]", "", &after);
        host.expect("skipped", "1\n", code);
    }
}

#[test]
fn information_and_prompt_are_shown_and_the_answer_decides() {
    let host = Host::new();
    let login = host.login("alice", "123456\n", &[]);
    assert_eq!(
        login.output,
        "info: hello\nprompt-hidden: OTP code: \nresult: PAM_SUCCESS\n"
    );
    host.expect("alice", "654321\n", "PAM_AUTH_ERR");
}

#[test]
fn an_agent_that_misbehaves_fails_closed_and_the_program_lives() {
    let host = Host::new();
    for user in [
        "garbage",
        "endless",
        "drops",
        "hangs",
        "drips",
        "drops-later",
        "deaf",
        "nonsense",
    ] {
        host.expect(user, "123456\n", "PAM_AUTHINFO_UNAVAIL");
    }
    std::fs::remove_file(host.path("agent.sock")).unwrap();
    host.expect("alice", "123456\n", "PAM_AUTHINFO_UNAVAIL");
    std::fs::write(host.path("agent.sock"), "not a socket").unwrap();
    host.expect("alice", "123456\n", "PAM_AUTHINFO_UNAVAIL");
}

#[test]
fn on_unavailable_ignore_goes_on_without_an_agent_but_not_when_it_stops_mid_login() {
    let host = Host::new();
    let permit = "auth required pam_permit.so";
    host.stack_between(
        "",
        "[success=die ignore=ignore default=bad]",
        "on_unavailable=ignore",
        permit,
    );
    host.expect("hangs", "", "PAM_SUCCESS");
    host.expect("drops-later", "123456\n", "PAM_AUTHINFO_UNAVAIL");
    std::fs::remove_file(host.path("agent.sock")).unwrap();
    host.expect("alice", "", "PAM_SUCCESS");
}

#[test]
fn a_failed_or_empty_conversation_is_not_a_wrong_answer() {
    let host = Host::new();
    host.expect("alice", "", "PAM_CONV_ERR");
    host.expect("alice", "\n", "PAM_CONV_ERR");
    for option in ["--empty-as-null", "--leave-answers"] {
        let login = host.login(
            "alice",
            if option == "--leave-answers" {
                ""
            } else {
                "\n"
            },
            &[option],
        );
        assert!(
            login.output.ends_with("result: PAM_CONV_ERR\n"),
            "{}",
            login.output
        );
    }
}

#[test]
fn a_wrong_argument_is_a_service_error() {
    let host = Host::new();
    for wrong in ["nonsense", "timeout=2", "forward_pass use_first_pass"] {
        host.stack("required", wrong);
        host.expect("alice", "123456\n", "PAM_SERVICE_ERR");
    }
}

#[test]
fn the_next_module_gets_the_bare_password() {
    let host = Host::new();
    let passed_on = host.path("authtok");
    let probe = probe().display();
    let write = format!("auth required {probe} write={}", passed_on.display());
    host.stack_between("", "required", "forward_pass", &write);
    host.expect("both", "my-pw123456\n", "PAM_SUCCESS");
    assert_eq!(std::fs::read_to_string(&passed_on).unwrap(), "my-pw");

    for argument in ["use_first_pass", "try_first_pass"] {
        let set = format!("auth required {probe} set=other-pw123456");
        host.stack_between(&set, "required", argument, &write);
        host.expect("both", "", "PAM_SUCCESS");
        assert_eq!(std::fs::read_to_string(&passed_on).unwrap(), "other-pw");
    }
}

#[test]
fn use_first_pass_without_a_password_fails_as_pam_unix_does() {
    let host = Host::new();
    host.stack("required", "use_first_pass");
    host.expect("both", "my-pw123456\n", "PAM_AUTH_ERR");
}

#[test]
fn a_hundred_logins_leave_no_descriptor_open() {
    let host = Host::new();
    let options = ["--count", "100", "--keep-going", "--descriptors"];
    let login = host.login("alice", &"123456\n654321\n".repeat(50), &options);
    assert_eq!(login.output.matches("PAM_SUCCESS").count(), 50);
    let counts: Vec<&str> = login
        .output
        .lines()
        .last()
        .unwrap()
        .split(|c: char| !c.is_ascii_digit())
        .collect();
    let counts: Vec<&&str> = counts.iter().filter(|word| !word.is_empty()).collect();
    assert_eq!(counts.len(), 2);
    assert_eq!(counts[0], counts[1], "{}", login.output);
}

#[test]
fn a_thread_with_a_stack_of_96_kib_can_log_in() {
    let host = Host::new();
    for (user, result) in [
        ("alice", "PAM_SUCCESS"),
        ("endless", "PAM_AUTHINFO_UNAVAIL"),
    ] {
        let login = host.login(user, "123456\n", &["--stack-kib", "96"]);
        assert!(login.output.contains(result), "{}", login.output);
        let used = login
            .output
            .lines()
            .last()
            .and_then(|line| line.split(' ').nth(1))
            .unwrap();
        let used: usize = used.parse().unwrap();
        assert!(used < STACK_LIMIT, "{used} bytes of stack");
    }
}

#[test]
fn valgrind_finds_nothing_in_a_hundred_logins_of_one_process() {
    let host = Host::new();
    let host_program = || {
        let mut valgrind = Command::new("valgrind");
        valgrind
            .args([
                "--error-exitcode=99",
                "--leak-check=full",
                "--errors-for-leak-kinds=definite",
            ])
            .args(["--quiet", "--track-fds=no"])
            .arg(program());
        valgrind
    };
    let options = ["--count", "100", "--keep-going"];
    let answers = "123456\n654321\n".repeat(50);
    let login = host.login_under(host_program(), "alice", &answers, &options);
    assert!(!login.output.contains("=="), "{}", login.output);
    assert_eq!(login.output.matches("PAM_SUCCESS").count(), 50);

    for (user, answers) in [("both", "my-pw123456\n"), ("garbage", ""), ("alice", "")] {
        let options = ["--leave-answers", "--count", "3", "--keep-going"];
        let login = host.login_under(host_program(), user, answers, &options);
        assert!(!login.output.contains("=="), "{}", login.output);
    }
}
