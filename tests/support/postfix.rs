//! The test's own postfix, on loopback, with its own settings and queue, that keeps all email.

use std::fs::{self, Permissions};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User};
use tempfile::TempDir;

use crate::greylist::Greylist;
use crate::{Authority, Machine, eventually, run};

/// The services that accept and deliver email; `smtpd` is added for each kind of encryption.
const SERVICES: &str = "\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";

/// An unprivileged user who owns the email.
const KEEPER: &str = "nobody";

/// How it encrypts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// It offers STARTTLS.
    StartTls,
    /// From the first byte on.
    Tls,
    /// Not at all.
    None,
}

/// A running postfix. It is ended when dropped.
pub struct Postfix {
    folder: TempDir,
    port: u16,
    encryption: Encryption,
    ca_file: PathBuf,
    greylist: Greylist,
    master: Child,
}

impl Postfix {
    /// Starts one for `example.org` on `machine`; it has a certificate for `localhost`.
    #[must_use]
    pub fn start(_on: &Machine, authority: &Authority, encryption: Encryption) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("mfa-postfix-")
            .tempdir()
            .expect("a folder");
        // Bound and released: nobody else takes the port before postfix does.
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a port")
            .port();
        let (greylist, policy_port) = Greylist::start();
        make_folders(folder.path());
        let ca_file = folder.path().join("conf/ca.pem");
        fs::copy(authority.file(), &ca_file).expect("a copy");
        let settings = settings(folder.path(), authority, encryption, policy_port);
        write_settings(folder.path(), &settings, port);
        let postfix = Self {
            master: start_master(folder.path()),
            folder,
            port,
            encryption,
            ca_file,
            greylist,
        };
        eventually("postfix to listen", || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        postfix
    }

    /// The settings of an agent that sends by it and trusts its certificate; more keys may follow.
    #[must_use]
    pub fn settings(&self) -> String {
        let security = match self.encryption {
            Encryption::Tls => "tls",
            Encryption::StartTls | Encryption::None => "starttls",
        };
        format!(
            "[delivery.email]\nfrom = \"mfa@example.org\"\nserver = \"localhost\"\nport = {}\n\
             security = \"{security}\"\nca_file = {:?}\n",
            self.port, self.ca_file
        )
    }

    /// Defers the next `count` emails with a 451.
    pub fn refuse_next(&self, count: usize) {
        self.greylist.refuse_next(count);
    }

    /// Number of attempts to send an email to `address`, accepted or not.
    #[must_use]
    pub fn tries(&self, address: &str) -> usize {
        self.greylist.tries(address)
    }

    /// The emails that were delivered to `address`, oldest first.
    #[must_use]
    pub fn mails_to(&self, address: &str) -> Vec<String> {
        let folder = self.folder.path().join("mail/all/new");
        let files = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut mails: Vec<_> = files
            .filter_map(|file| {
                let time = file.metadata().and_then(|meta| meta.modified()).ok()?;
                Some((time, fs::read_to_string(file.path()).ok()?))
            })
            .filter(|(_, text)| text.contains(&format!("\nDelivered-To: {address}\n")))
            .collect();
        mails.sort();
        mails.into_iter().map(|(_, text)| text).collect()
    }

    /// The emails that were delivered to `address`, once there are `count`.
    #[must_use]
    pub fn await_mails(&self, address: &str, count: usize) -> Vec<String> {
        eventually(&format!("{count} mails to {address}"), || {
            Some(self.mails_to(address)).filter(|mails| mails.len() >= count)
        })
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // It ends its child processes.
        let _ = kill(
            Pid::from_raw(self.master.id().cast_signed()),
            Signal::SIGTERM,
        );
        let _ = self.master.wait();
        if std::thread::panicking() {
            eprintln!("postfix's log:\n{}", self.log());
        }
    }
}

fn make_folders(folder: &Path) {
    let owned_by = |name: &str, owner: &str| {
        let user = User::from_name(owner).expect("a name service");
        let user = user.unwrap_or_else(|| panic!("there is no user {owner}: {MISSING}"));
        let path = folder.join(name);
        fs::create_dir(&path).expect("a folder");
        chown(&path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).expect("an owner");
    };
    fs::set_permissions(folder, Permissions::from_mode(0o755)).expect("a mode");
    owned_by("conf", "root");
    owned_by("queue", "root");
    owned_by("data", "postfix");
    owned_by("mail", KEEPER);
}

const MISSING: &str = "postfix is missing: run tests/install-needs (not where the host has another \
    mail server)";

fn settings(folder: &Path, authority: &Authority, encryption: Encryption, policy: u16) -> String {
    let here = folder.display();
    let keeper = User::from_name(KEEPER).expect("a name service");
    let keeper = keeper.expect("a user").uid;
    let tls = match encryption {
        Encryption::None => "smtpd_tls_security_level = none\n".to_owned(),
        Encryption::StartTls | Encryption::Tls => {
            let certificate = authority.certificate("localhost");
            let copy = |from: &Path, name: &str| {
                let to = folder.join("conf").join(name);
                fs::copy(from, &to).expect("a copy");
                to.display().to_string()
            };
            format!(
                "smtpd_tls_security_level = may\nsmtpd_tls_cert_file = {}\n\
                 smtpd_tls_key_file = {}\n",
                copy(&certificate.file, "certificate.pem"),
                copy(&certificate.key, "key.pem")
            )
        }
    };
    let wrapped = match encryption {
        Encryption::Tls => "smtpd_tls_wrappermode = yes\n",
        Encryption::StartTls | Encryption::None => "",
    };
    format!(
        "compatibility_level = 3.6\nqueue_directory = {here}/queue\ndata_directory = {here}/data\n\
         maillog_file = {here}/log\nmaillog_file_prefixes = {here}\nmyhostname = localhost\n\
         mydestination =\ninet_protocols = ipv4\ninet_interfaces = loopback-only\n\
         local_recipient_maps =\nalias_maps =\nalias_database =\n\
         virtual_mailbox_domains = example.org\nvirtual_mailbox_base = {here}/mail\n\
         virtual_mailbox_maps = static:all/\nvirtual_uid_maps = static:{keeper}\n\
         virtual_gid_maps = static:{keeper}\n\
         smtpd_recipient_restrictions = reject_unauth_destination, \
         check_policy_service inet:127.0.0.1:{policy}\n{tls}{wrapped}"
    )
}

fn write_settings(folder: &Path, settings: &str, port: u16) {
    let conf = folder.join("conf");
    fs::write(conf.join("main.cf"), settings).expect("the settings");
    let services = format!("127.0.0.1:{port} inet n - n - - smtpd\n{SERVICES}");
    fs::write(conf.join("master.cf"), services).expect("the services");
    let output = run(Command::new("postfix").arg("-c").arg(&conf).arg("check"));
    assert!(output.is_success(), "postfix check: {output:?}");
}

/// In the foreground, as a child, so that it is ended by its own process ID.
fn start_master(folder: &Path) -> Child {
    let conf = folder.join("conf");
    let daemons = run(Command::new("postconf")
        .arg("-c")
        .arg(&conf)
        .args(["-h", "daemon_directory"]));
    Command::new(Path::new(daemons.stdout.trim()).join("master"))
        .arg("-c")
        .arg(&conf)
        .arg("-d")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|e| panic!("{MISSING}: {e}"))
}
