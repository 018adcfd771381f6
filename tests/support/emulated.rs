//! An emulated machine with Debian's kernel, for resets and for what the kernel of the tests' machine lacks.
//!
//! Its root is an initramfs with busybox, the programs under test and the test program itself, which runs inside as
//! well. The disk with the agent's state is an image file of the host, behind dm-flakey or dm-log-writes. What the test says inside
//! arrives through a serial port, so a reset takes nothing of it away.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{built, run};

/// Emulation is slow, and the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(600);

/// Room for all writes of a machine; the file has holes.
const RECORD: u64 = 8 << 30;

/// Names of the kernel's modules for the disk.
const MODULES: [&str; 18] = [
    "crc16",
    "crc32c_generic",
    "crc32c-intel",
    "libcrc32c",
    "mbcache",
    "jbd2",
    "ext4",
    "dax",
    "dm-mod",
    "dm-flakey",
    "dm-log-writes",
    "virtio",
    "virtio_ring",
    "virtio_pci_legacy_dev",
    "virtio_pci_modern_dev",
    "virtio_pci",
    "virtio_blk",
    "rng-core",
];

/// What all machines of a test are made of.
pub struct Kit {
    folder: TempDir,
    unpacked: PathBuf,
    test: String,
}

/// A running machine. It is reset for good when dropped.
pub struct Emulated {
    qemu: Child,
    said: PathBuf,
    console: PathBuf,
}

impl Kit {
    /// Builds an initramfs that runs `test` of this program.
    ///
    /// # Panics
    ///
    /// When qemu or the kernel is missing.
    #[must_use]
    pub fn new(test: &str) -> Self {
        let unpacked = built().target().join("qemu");
        assert!(
            unpacked.join("usr/bin/qemu-system-x86_64").exists(),
            "qemu is missing: run tests/install-needs --torture"
        );
        let folder = tempfile::Builder::new().prefix("mfa-emulated-").tempdir();
        let kit = Self {
            folder: folder.expect("a folder"),
            unpacked,
            test: test.to_owned(),
        };
        kit.fill();
        kit
    }

    fn fill(&self) {
        let root = self.path("root");
        for folder in [
            "bin", "lib", "lib64", "proc", "sys", "dev", "tmp", "state", "etc", "modules", "run",
        ] {
            fs::create_dir_all(root.join(folder)).expect("a folder");
        }
        fs::write(root.join("etc/passwd"), "root:x:0:0:root:/:/bin/sh\n").expect("a file");
        fs::write(root.join("etc/group"), "root:x:0:\n").expect("a file");
        let init = built().tree.join("tests/support/emulated.init");
        copy(&init, &root.join("init"));
        done(Command::new("chmod").arg("755").arg(root.join("init")));
        copy(
            &self.unpacked.join("bin/busybox"),
            &root.join("bin/busybox"),
        );
        let this = std::env::current_exe().expect("the path of this test");
        let programs = built();
        let dmsetup = Path::new("/sbin/dmsetup");
        let oathtool = Path::new("/usr/bin/oathtool");
        let all: [(&Path, &str); 7] = [
            (&this, "guest"),
            (&programs.agent, "mfa-agent"),
            (&programs.mfactl, "mfactl"),
            (&programs.module, "libpam_mfa.so"),
            (&programs.pam_login, "pam_login"),
            (dmsetup, "dmsetup"),
            (oathtool, "oathtool"),
        ];
        for (program, name) in all {
            let to = root.join("bin").join(name);
            done(Command::new("strip").arg("-o").arg(&to).arg(program));
            for library in libraries(program) {
                let name = library.file_name().expect("a name");
                copy(&library, &root.join("lib").join(name));
            }
        }
        copy(
            Path::new("/lib64/ld-linux-x86-64.so.2"),
            &root.join("lib64/ld-linux-x86-64.so.2"),
        );
        self.copy_modules(&root.join("modules"));
        let pack = format!(
            "cd {} && find . | cpio --quiet --create --format=newc > ../initramfs",
            root.display()
        );
        done(Command::new("sh").args(["-c", &pack]));
    }

    fn copy_modules(&self, to: &Path) {
        let modules = self.unpacked.join("lib/modules");
        let found = run(Command::new("find").arg(&modules).args(["-name", "*.ko"]));
        for path in found.stdout.lines().map(Path::new) {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            if MODULES.contains(&&*name) {
                copy(path, &to.join(format!("{name}.ko")));
            }
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A new disk with an empty ext4.
    #[must_use]
    pub fn ext4(&self) -> PathBuf {
        let image = self.path("ext4");
        done(
            Command::new("truncate")
                .args(["--size", "192M"])
                .arg(&image),
        );
        done(Command::new("mkfs.ext4").arg("-q").arg(&image));
        image
    }

    /// Where the machine records its writes, if the order begins with `recorded`.
    #[must_use]
    pub fn record(&self) -> PathBuf {
        self.path("record")
    }

    /// Boots a machine with this disk. Inside, `told` is at the beginning of `/dev/vdb`, and `order` in `MFA_GUEST`.
    #[must_use]
    pub fn boot(&self, disk: &Path, told: &str, order: &str) -> Emulated {
        let (said, console) = (self.path("said"), self.path("console"));
        // What the machine before said is not of this one.
        for file in [&said, &console] {
            let _ = fs::remove_file(file);
        }
        let facts = self.path("told");
        let padded = told.len().next_multiple_of(4096).max(4096);
        let mut text = told.as_bytes().to_vec();
        text.resize(padded, b'\n');
        fs::write(&facts, text).expect("a file");
        let record = fs::File::create(self.record()).expect("a file");
        record.set_len(RECORD).expect("a sparse file");
        let kernel = fs::read_dir(self.unpacked.join("boot")).expect("a kernel");
        let mut kernel = kernel.filter_map(|entry| Some(entry.ok()?.path()));
        let kernel = kernel.find(|path| path.to_string_lossy().contains("/vmlinuz-"));
        let share = self.unpacked.join("usr/share");
        let test = &self.test;
        let words = format!("console=ttyS0 quiet panic=-1 MFA_GUEST={order} MFA_GUEST_TEST={test}");
        let drive = |path: &Path, name: &str| {
            format!(
                "if=none,id={name},format=raw,cache=writeback,file={}",
                path.display()
            )
        };
        let mut command = Command::new(self.unpacked.join("usr/bin/qemu-system-x86_64"));
        command
            .arg("-L")
            .arg(share.join("qemu"))
            .arg("-L")
            .arg(share.join("seabios"))
            .env(
                "QEMU_MODULE_DIR",
                self.unpacked.join("usr/lib/x86_64-linux-gnu/qemu"),
            )
            .args(["-accel", "tcg", "-cpu", "max", "-m", "768", "-smp", "2"])
            .args(["-nodefaults", "-display", "none", "-no-reboot"])
            .arg("-kernel")
            .arg(kernel.expect("a kernel"))
            .arg("-initrd")
            .arg(self.path("initramfs"))
            .args(["-append", &words])
            .args(["-serial", &format!("file:{}", console.display())])
            .args(["-serial", &format!("file:{}", said.display())])
            .args([
                "-drive",
                &drive(disk, "state"),
                "-device",
                "virtio-blk-pci,drive=state",
            ])
            .args([
                "-drive",
                &drive(&facts, "told"),
                "-device",
                "virtio-blk-pci,drive=told",
            ])
            .args([
                "-drive",
                &drive(&self.record(), "record"),
                "-device",
                "virtio-blk-pci,drive=record",
            ]);
        let qemu = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("qemu");
        Emulated {
            qemu,
            said,
            console,
        }
    }
}

impl Emulated {
    /// Waits until the test inside has said a line that begins with `word`.
    ///
    /// # Panics
    ///
    /// When it does not, or when the machine ends before.
    pub fn await_word(&mut self, word: &str) {
        let begun = Instant::now();
        while !self.said().lines().any(|line| line.starts_with(word)) {
            let ended = self.qemu.try_wait().expect("a child");
            let failed = self.said().lines().any(|line| line.starts_with("lost"));
            if ended.is_some() || failed || begun.elapsed() > PATIENCE {
                panic!("{word:?} was not said: {}\n{}", self.said(), self.console());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Takes its power away. Returns what was said until then.
    #[must_use]
    pub fn reset(mut self) -> String {
        self.qemu.kill().expect("a kill");
        self.qemu.wait().expect("an end");
        self.said()
    }

    /// All whole lines that were said.
    #[must_use]
    pub fn said(&self) -> String {
        let text = fs::read(&self.said).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).replace('\r', "");
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        text[..whole].to_owned()
    }

    /// The end of its console.
    #[must_use]
    pub fn console(&self) -> String {
        let text = fs::read(&self.console).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

impl Drop for Emulated {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// The libraries that a program loads.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let listed = run(Command::new("ldd").arg(program)).stdout;
    let paths = listed.lines().filter_map(|line| {
        let (_, path) = line.split_once("=> ")?;
        path.split_whitespace().next().map(PathBuf::from)
    });
    paths.filter(|path| path.is_absolute()).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap_or_else(|e| panic!("{}: {e}", from.display()));
}

fn done(command: &mut Command) {
    let output = run(command);
    assert!(output.is_success(), "{command:?}: {output:?}");
}
