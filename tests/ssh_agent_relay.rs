//! The relay to the user's ssh-agent in a program that runs as root, against ssh-agents that misbehave.
//!
//! The program is `pam_login` with the real user `daemon` and the effective user root, as sudo has it.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mfa_tests::{Agent, Login, SecurityKey, Seen, SshAgent, Stack, with_own_mounts};
use mfa_tests::{Machine, eventually, is_root};

const POLICY: &str = "[policy]\nrequire = [\"key\", \"pin\"]\n[lockout]\nattempts = 100\n";
const PIN: &str = "4826";
/// The user `daemon`, which every host has.
const INVOKER: &str = "1";
const ANNA: &str = "mfat-anna";

/// `SSH_AGENT_IDENTITIES_ANSWER` with no key.
const NO_KEYS: [u8; 9] = [0, 0, 0, 5, 12, 0, 0, 0, 0];

/// What a scripted ssh-agent does with each connection, once it has read a message.
type Manner = fn(&mut UnixStream);

/// A socket on which threads act as an ssh-agent of root's. They end with the test.
struct Scripted {
    folder: tempfile::TempDir,
}

impl Scripted {
    fn new(manner: Manner) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), mode).unwrap();
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(&path, mode).unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    if stream.read(&mut [0; 8192]).is_ok_and(|count| count > 0) {
                        manner(&mut stream);
                    }
                });
            }
        });
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("socket")
    }
}

fn says(stream: &mut UnixStream, reply: &[u8]) {
    // The module may have left already.
    let _ = stream.write_all(reply);
}

/// A login in a program like sudo, whose user has this `SSH_AUTH_SOCK`.
fn login(socket: &Path) -> Login {
    login_under(socket, &[])
}

fn login_under(socket: &Path, wrapper: &[&str]) -> Login {
    let (ruid, variable) = (
        format!("--ruid={INVOKER}"),
        format!("SSH_AUTH_SOCK={}", socket.display()),
    );
    let program = [&["setpriv", &ruid, "env", &variable], wrapper].concat();
    Login::of("anna").answer(PIN).under(&program)
}

/// Debian's `valgrind` is a shell script, and a shell gives up the rights of root that the real user has not.
fn valgrind() -> [&'static str; 5] {
    let real = "/usr/bin/valgrind.bin";
    let program = match Path::new(real).exists() {
        true => real,
        false => "valgrind",
    };
    [
        program,
        "--error-exitcode=99",
        "--leak-check=full",
        "--errors-for-leak-kinds=definite,indirect,possible",
        "--track-fds=yes",
    ]
}

fn agent() -> Agent {
    let agent = Agent::with(POLICY);
    agent.admin().pin("anna", PIN);
    agent
}

fn passes_by_its_pin(seen: &Seen) {
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(seen.prompts(), ["PIN: "], "{seen:?}");
}

#[test]
fn an_ssh_agent_that_misbehaves_delays_nobody_and_costs_no_attempt() {
    with_own_mounts(|| {
        let agent = agent();
        let stack = Stack::asking(&agent);
        let manners: [(&str, Manner); 8] = [
            ("has no keys", |stream| says(stream, &NO_KEYS)),
            ("refuses", |stream| says(stream, &[0, 0, 0, 1, 5])),
            ("closes", |_| {}),
            ("closes in its length", |stream| says(stream, &[0, 0])),
            ("closes in its reply", |stream| {
                says(stream, &[0, 0, 0, 9, 12, 0])
            }),
            ("says nothing in a reply", |stream| says(stream, &[0; 4])),
            ("claims much", |stream| says(stream, &[255; 4])),
            (
                "floods",
                |stream| {
                    while stream.write_all(&[0xff; 4096]).is_ok() {}
                },
            ),
        ];
        for (what, manner) in manners {
            let scripted = Scripted::new(manner);
            let start = Instant::now();
            passes_by_its_pin(&login(&scripted.path()).run(&stack));
            assert!(start.elapsed() < Duration::from_secs(10), "one that {what}");
        }
        assert_eq!(agent.admin().status("anna").failures, 0);
    });
}

#[test]
fn a_list_of_keys_that_is_garbage_or_endless_is_no_key() {
    with_own_mounts(|| {
        let agent = agent();
        let stack = Stack::asking(&agent);
        let manners: [Manner; 3] = [
            // Four thousand million keys.
            |stream| says(stream, &[0, 0, 0, 5, 12, 255, 255, 255, 255]),
            // A key of four thousand million bytes.
            |stream| says(stream, &[0, 0, 0, 9, 12, 0, 0, 0, 1, 255, 255, 255, 255]),
            // As many keys without bytes as the longest reply can have.
            |stream| {
                let length = 43 * 1024_u32;
                let mut reply = length.to_be_bytes().to_vec();
                reply.extend([12, 0, 0, 21, 0]);
                reply.resize(4 + length as usize, 0);
                says(stream, &reply);
            },
        ];
        for manner in manners {
            let scripted = Scripted::new(manner);
            passes_by_its_pin(&login(&scripted.path()).run(&stack));
        }
        assert_eq!(agent.admin().status("anna").failures, 0);
    });
}

#[test]
fn the_path_leads_where_the_user_could_go_and_nothing_else_is_opened() {
    with_own_mounts(|| {
        let agent = agent();
        let stack = Stack::asking(&agent);
        let asked = || {
            Scripted::new(|stream| {
                says(stream, &NO_KEYS);
                std::fs::write(SPOKEN_TO, "").unwrap();
            })
        };
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let secret = asked();
        let closed = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(secret.folder.path(), closed).unwrap();
        std::os::unix::fs::symlink(secret.path(), path("link")).unwrap();
        std::fs::write(path("file"), "").unwrap();
        nix::unistd::mkfifo(&path("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).unwrap();
        for none in [
            secret.path(),
            path("link"),
            path("file"),
            path("pipe"),
            path("absent"),
            "/dev/zero".into(),
            "/".into(),
            "relative".into(),
            format!("/{}", "x".repeat(107)).into(),
        ] {
            passes_by_its_pin(&login(&none).run(&stack));
            assert!(!Path::new(SPOKEN_TO).exists(), "{none:?} was reached");
        }
        let reached = asked();
        passes_by_its_pin(&login(&reached.path()).run(&stack));
        eventually("a message for the ssh-agent", || {
            Path::new(SPOKEN_TO).exists().then_some(())
        });
        std::fs::remove_file(SPOKEN_TO).unwrap();
    });
}

/// Marks that a message came. No other test writes it.
const SPOKEN_TO: &str = "/tmp/mfat-ssh-agent-was-asked";

#[test]
fn a_daemon_s_own_variable_is_nobodys_ssh_agent() {
    with_own_mounts(|| {
        let agent = agent();
        let stack = Stack::asking(&agent);
        let scripted = Scripted::new(|stream| says(stream, &[0, 0, 0, 1, 5]));
        let variable = format!("SSH_AUTH_SOCK={}", scripted.path().display());
        // Real user root, as in sshd.
        let seen = Login::of("anna").answer(PIN).under(&["env", &variable]);
        let stopped = Scripted::new(|stream| drop(stream.read(&mut [0])));
        drop(stopped);
        passes_by_its_pin(&seen.run(&stack));
    });
}

#[test]
fn the_module_leaves_the_program_its_rights_descriptors_and_memory() {
    with_own_mounts(|| {
        let agent = agent();
        let stack = Stack::at(agent.socket(), "timeout=60");
        const LOGINS: usize = 20;
        let manners: [Manner; 3] = [
            |stream| says(stream, &NO_KEYS),
            |stream| says(stream, &[0, 0, 0, 9, 12, 0]),
            |stream| says(stream, &[255; 4]),
        ];
        for manner in manners {
            let scripted = Scripted::new(manner);
            let seen = login_under(&scripted.path(), &valgrind())
                .option("--descriptors")
                .times(LOGINS)
                .run(&stack);
            assert_eq!(seen.results(), ["PAM_SUCCESS"; LOGINS], "{}", seen.stderr);
            let has_no_errors = seen.stderr.contains("ERROR SUMMARY: 0 errors");
            assert!(has_no_errors, "{}", seen.stderr);
            let line = seen.lines("descriptors: ")[0];
            let (before, after) = line.split_once(" before, ").expect("a count");
            assert_eq!(Some(before), after.strip_suffix(" after"), "{line}");
        }
        // 43 KiB of reply are not on it.
        let scripted = Scripted::new(|stream| {
            let length = 43 * 1024_u32;
            let mut reply = length.to_be_bytes().to_vec();
            reply.resize(4 + length as usize, 12);
            says(stream, &reply);
        });
        let seen = login(&scripted.path()).option("--stack-kib=96").run(&stack);
        passes_by_its_pin(&seen);
    });
}

#[test]
fn a_real_security_key_signs_through_the_module_under_valgrind() {
    if !is_root() {
        return;
    }
    Machine::run(|machine| {
        machine.user(ANNA, "correct horse");
        let key = SecurityKey::new(machine, ANNA, "blue", "ed25519-sk");
        let ssh_agent = SshAgent::with(machine, ANNA, &key);
        let agent = Agent::with(POLICY);
        let _ = agent.ctl().json(&["enroll", "key", ANNA], &key.public());
        let stack = Stack::at(agent.socket(), "timeout=60");
        let (ruid, variable) = (
            format!("--ruid={}", machine.uid(ANNA)),
            ssh_agent.variable(),
        );
        let wrapper = [&["setpriv", &ruid, "env", &variable][..], &valgrind()].concat();
        let seen = Login::of(ANNA).times(5).under(&wrapper).run(&stack);
        assert_eq!(seen.results(), ["PAM_SUCCESS"; 5], "{seen:?}");
        assert!(seen.prompts().is_empty(), "{seen:?}");
        let has_no_errors = seen.stderr.contains("ERROR SUMMARY: 0 errors");
        assert!(has_no_errors, "{}", seen.stderr);
        assert_eq!(key.signatures(), 5);
    });
}
