//! The relay to the user's ssh-agent in a program that runs as root, against ssh-agents that misbehave.
//!
//! The program is `pam_login` with the real user `daemon` and the effective user root, as sudo has it.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
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

/// An ssh-agent of the user's, acted by threads of this test. They end with it.
struct Scripted {
    folder: tempfile::TempDir,
    listener: Child,
}

/// Listens at the first path, as whoever runs it, and passes on what comes to the second and back. Prints a line when it
/// listens, and the user of each caller.
const LISTENER: &str = r#"
import socket, struct, sys, threading
def copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    for end, how in (source, socket.SHUT_RD), (target, socket.SHUT_WR):
        try:
            end.shutdown(how)
        except OSError:
            pass
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(64)
print("listening", flush=True)
while True:
    caller, _ = listener.accept()
    print(struct.unpack("3i", caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1], flush=True)
    acted = socket.socket(socket.AF_UNIX)
    acted.connect(sys.argv[2])
    for pair in (caller, acted), (acted, caller):
        threading.Thread(target=copy, args=pair, daemon=True).start()
"#;

impl Scripted {
    fn new(manner: Manner) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let user = nix::unistd::Uid::from_raw(INVOKER.parse().unwrap());
        nix::unistd::chown(folder.path(), Some(user), None).unwrap();
        let acted = folder.path().join("acted");
        act(&acted, manner);
        let mut listener = Command::new("setpriv")
            .args([&format!("--reuid={INVOKER}"), "--clear-groups"])
            .args(["/usr/bin/python3", "-c", LISTENER])
            .args([folder.path().join("socket"), acted])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut listening = [0; "listening\n".len()];
        let printed = listener.stdout.as_mut().unwrap();
        printed.read_exact(&mut listening).unwrap();
        Self { folder, listener }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// The user of each caller so far. Ends it.
    fn callers(mut self) -> Vec<String> {
        self.listener.kill().unwrap();
        let mut printed = String::new();
        let lines = self.listener.stdout.as_mut().unwrap();
        lines.read_to_string(&mut printed).unwrap();
        printed.lines().map(str::to_owned).collect()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        let _ = self.listener.kill();
        let _ = self.listener.wait();
    }
}

/// Listens at `path`, and treats each caller in this manner.
fn act(path: &Path, manner: Manner) {
    let listener = UnixListener::bind(path).unwrap();
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(path, everybody).unwrap();
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
        let root = Some(nix::unistd::Uid::from_raw(0));
        nix::unistd::chown(secret.folder.path(), root, None).unwrap();
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

#[test]
fn the_ssh_agent_sees_the_user_and_a_service_of_roots_gets_no_byte() {
    with_own_mounts(|| {
        let agent = agent();
        let stack = Stack::asking(&agent);
        let users = Scripted::new(|stream| says(stream, &NO_KEYS));
        passes_by_its_pin(&login(&users.path()).run(&stack));
        assert_eq!(users.callers(), [INVOKER]);
        // What listens as root may trust who connects, such as the bus of the system.
        let folder = tempfile::tempdir().unwrap();
        let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), everybody).unwrap();
        let roots = folder.path().join("service");
        act(&roots, |_| std::fs::write(ROOTS_SPOKEN_TO, "").unwrap());
        passes_by_its_pin(&login(&roots).run(&stack));
        assert!(!Path::new(ROOTS_SPOKEN_TO).exists());
    });
}

/// Marks that a message came. No other test writes it.
const SPOKEN_TO: &str = "/tmp/mfat-ssh-agent-was-asked";

/// The same, for a service of root's.
const ROOTS_SPOKEN_TO: &str = "/tmp/mfat-service-of-roots-was-asked";

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
