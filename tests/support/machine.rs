//! A machine that a test may change: accounts, PAM services, syslog.
//!
//! It is a mount namespace of one thread. `/etc` and libpam's module folder are copies, and `/run`,
//! `/var/log` and `/dev` are its own; only what the test starts sees them. They are gone when the
//! thread ends, however it ends, so nothing has to be restored.

use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::Receiver;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::geteuid;
use tempfile::TempDir;

use crate::{built, run, run_with_input};

/// Folders in which distributions keep PAM modules.
const MODULE_FOLDERS: [&str; 6] = [
    "/usr/lib/x86_64-linux-gnu/security",
    "/usr/lib/aarch64-linux-gnu/security",
    "/usr/lib64/security",
    "/usr/lib/security",
    "/lib64/security",
    "/lib/security",
];

/// The devices that programs need.
const DEVICES: [&str; 13] = [
    "null", "zero", "full", "random", "urandom", "tty", "console", "shm", "fd", "stdin", "stdout",
    "stderr", "net",
];

/// Whether this process may have machines.
#[must_use]
pub fn is_root() -> bool {
    geteuid().is_root()
}

/// Runs `test` with mounts that nobody else sees and that end with it. Without root it says so and
/// passes, except in CI, which must run as root.
pub fn with_own_mounts(test: impl FnOnce() + Send + 'static) {
    if !is_root() {
        assert!(
            std::env::var_os("CI").is_none(),
            "the whole-system tests need root"
        );
        crate::run::not_run("it needs root; `make test` asks for it");
        return;
    }
    // The namespace belongs to the thread, and the caller's thread may run more tests.
    let thread = std::thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace");
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, private, None::<&str>).expect("a private /");
        test();
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// The test's own machine.
pub struct Machine {
    syslog: Syslog,
    _staging: TempDir,
}

impl Machine {
    /// Runs `test` on a new machine with the module installed; see [`with_own_mounts`].
    pub fn run(test: impl FnOnce(&Self) + Send + 'static) {
        with_own_mounts(|| test(&Self::new()));
    }

    fn new() -> Self {
        let module = &built().module;
        let staging = tempfile::tempdir().expect("a folder");
        own_devices(staging.path());
        own_copy("/etc", staging.path());
        let modules = module_folder();
        own_copy(modules, staging.path());
        fs::copy(module, Path::new(modules).join("pam_mfa.so")).expect("the module in its place");
        own_empty("/run");
        own_empty("/var/log");
        fs::create_dir_all("/run/sshd").expect("sshd's folder");
        fs::create_dir_all("/run/home").expect("the users' folders");
        Self {
            syslog: Syslog::start(),
            _staging: staging,
        }
    }

    /// Adds a user with a password.
    pub fn user(&self, name: &str, password: &str) {
        let home = format!("/run/home/{name}");
        let output = run(Command::new("useradd").args([
            "--create-home",
            "--shell",
            "/bin/sh",
            "--home-dir",
            &home,
            "--",
            name,
        ]));
        assert!(output.is_success(), "useradd: {output:?}");
        self.password(name, password);
    }

    /// Gives a user a password.
    pub fn password(&self, name: &str, password: &str) {
        // A fast hash, so that a crowd of logins measures us and not the password.
        let mut chpasswd = Command::new("chpasswd");
        chpasswd.args(["--crypt-method", "SHA256", "--sha-rounds", "1000"]);
        let output = run_with_input(&mut chpasswd, &format!("{name}:{password}\n"));
        assert!(output.is_success(), "chpasswd: {output:?}");
    }

    /// Makes a folder private to this machine, so that changes stay there.
    pub fn own(&self, folder: &str) {
        own_copy(folder, self._staging.path());
    }

    /// The user ID of a user.
    #[must_use]
    pub fn uid(&self, name: &str) -> u32 {
        let user = nix::unistd::User::from_name(name).expect("a name service");
        user.unwrap_or_else(|| panic!("no user {name}"))
            .uid
            .as_raw()
    }

    /// A command that `user` runs, with the user's groups.
    #[must_use]
    pub fn as_user(&self, user: &str, program: &str) -> Command {
        let uid = self.uid(user);
        let mut command = Command::new("setpriv");
        command
            .args([format!("--reuid={uid}"), format!("--regid={uid}")])
            .args(["--init-groups", program]);
        command
    }

    /// Moves users of this machine to another source of the name service: `libnss-extrausers`, with
    /// this machine's own files. Call it once for all of them.
    pub fn federate(&self, names: &[&str]) {
        let folder = "/var/lib/extrausers";
        assert!(
            Path::new(folder).is_dir(),
            "libnss-extrausers is missing: run tests/install-needs"
        );
        own_empty(folder);
        for file in ["passwd", "shadow"] {
            let local = Path::new("/etc").join(file);
            let text = fs::read_to_string(&local).expect("a file of users");
            let moves = |line: &&str| {
                names
                    .iter()
                    .any(|name| line.starts_with(&format!("{name}:")))
            };
            let (moved, kept): (Vec<&str>, Vec<&str>) = text.lines().partition(moves);
            assert_eq!(moved.len(), names.len(), "{names:?} in {file}");
            fs::write(&local, kept.join("\n") + "\n").expect("a file of users");
            let text = moved.join("\n") + "\n";
            fs::write(Path::new(folder).join(file), text).expect("a file of users");
        }
        let config = fs::read_to_string("/etc/nsswitch.conf").expect("nsswitch.conf");
        let with_source = |line: &str| match line.split_once(':') {
            Some((database @ ("passwd" | "shadow"), _)) => {
                format!("{database}: files extrausers\n")
            }
            _ => format!("{line}\n"),
        };
        let config: String = config.lines().map(with_source).collect();
        fs::write("/etc/nsswitch.conf", config).expect("nsswitch.conf");
    }

    /// Sets the time zone, by a file below `/usr/share/zoneinfo`.
    pub fn time_zone(&self, name: &str) {
        let zone = Path::new("/usr/share/zoneinfo").join(name);
        assert!(zone.is_file(), "tzdata is missing: run tests/install-needs");
        let _ = fs::remove_file("/etc/localtime");
        symlink(&zone, "/etc/localtime").expect("a time zone");
        fs::write("/etc/timezone", format!("{name}\n")).expect("a time zone");
    }

    /// Sets the kernel's ID of this boot.
    pub fn boot(&self, id: &str) {
        let file = Path::new("/run/boot_id");
        let is_first = !file.exists();
        fs::write(file, format!("{id}\n")).expect("a boot id");
        if is_first {
            let flags = MsFlags::MS_BIND;
            mount(Some(file), BOOT_ID, None::<&str>, flags, None::<&str>).expect("a boot id");
        }
    }

    /// Sets the stack of a service.
    pub fn stack(&self, service: &str, lines: &str) {
        fs::write(Path::new("/etc/pam.d").join(service), lines).expect("a service file");
    }

    /// Sets the stack of a service to the shipped one.
    pub fn shipped_stack(&self, service: &str) {
        let shipped = built().tree.join("config/pam.d").join(service);
        let lines =
            fs::read_to_string(&shipped).unwrap_or_else(|e| panic!("{}: {e}", shipped.display()));
        self.stack(service, &lines);
    }

    /// Everything sent to syslog since the last call.
    #[must_use]
    pub fn syslog(&self) -> Vec<String> {
        self.syslog.take()
    }
}

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Marks the end of earlier messages; no program sends this.
const END: &str = "end of what was sent so far";

/// A syslog that keeps everything. It always reads, because programs block on one that does not.
struct Syslog {
    lines: Receiver<String>,
}

impl Syslog {
    fn start() -> Self {
        let socket = UnixDatagram::bind("/dev/log").expect("a syslog");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o666);
        fs::set_permissions("/dev/log", mode).expect("a mode");
        let (sender, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(count) = socket.recv(&mut buffer) {
                let line = String::from_utf8_lossy(&buffer[..count]).into_owned();
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { lines }
    }

    fn take(&self) -> Vec<String> {
        let marker = UnixDatagram::unbound().expect("a socket");
        marker
            .send_to(END.as_bytes(), "/dev/log")
            .expect("a syslog that reads");
        self.lines.iter().take_while(|line| line != END).collect()
    }
}

fn module_folder() -> &'static str {
    let holds_unix = |folder: &&str| Path::new(folder).join("pam_unix.so").exists();
    MODULE_FOLDERS
        .into_iter()
        .find(holds_unix)
        .expect("libpam's modules")
}

/// Mounts a copy of `folder` over it.
fn own_copy(folder: &str, staging: &Path) {
    mount_tmpfs(staging);
    let output = run(Command::new("cp")
        .arg("--archive")
        .arg(format!("{folder}/."))
        .arg(staging));
    assert!(output.is_success(), "cp: {output:?}");
    move_over(staging, folder);
}

fn own_empty(folder: &str) {
    mount_tmpfs(Path::new(folder));
}

/// Mounts a `/dev` with the devices that programs need, and room for a `/dev/log`.
fn own_devices(staging: &Path) {
    mount_tmpfs(staging);
    for name in DEVICES {
        let (from, to) = (Path::new("/dev").join(name), staging.join(name));
        let Ok(meta) = fs::symlink_metadata(&from) else {
            continue;
        };
        if meta.is_symlink() {
            symlink(fs::read_link(&from).expect("a link"), &to).expect("a link");
            continue;
        }
        if meta.file_type().is_char_device() {
            fs::write(&to, "").expect("a place for a device");
        } else {
            fs::create_dir(&to).expect("a place for a folder");
        }
        let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
        mount(Some(&from), &to, None::<&str>, flags, None::<&str>).expect("a device");
    }
    own_terminals(staging);
    move_over(staging, "/dev");
}

/// Its own terminals, because `ptmx` looks for them beside itself.
fn own_terminals(dev: &Path) {
    let terminals = dev.join("pts");
    fs::create_dir(&terminals).expect("a folder");
    let options = Some("newinstance,ptmxmode=0666,mode=0620,gid=5");
    mount(
        Some("devpts"),
        &terminals,
        Some("devpts"),
        MsFlags::empty(),
        options,
    )
    .expect("terminals");
    symlink("pts/ptmx", dev.join("ptmx")).expect("a link");
}

fn mount_tmpfs(at: &Path) {
    let flags = MsFlags::MS_NODEV;
    mount(Some("tmpfs"), at, Some("tmpfs"), flags, Some("mode=0755"))
        .unwrap_or_else(|e| panic!("a tmpfs at {}: {e}", at.display()));
}

fn move_over(from: &Path, to: &str) {
    let target = PathBuf::from(to);
    mount(
        Some(from),
        &target,
        None::<&str>,
        MsFlags::MS_MOVE,
        None::<&str>,
    )
    .unwrap_or_else(|e| panic!("a mount over {to}: {e}"));
}
