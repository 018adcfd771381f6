//! The user who started a program that runs as root, such as sudo or su, and the way to that user's ssh-agent.
//!
//! The program has the rights of root, and the path comes from the environment of the user. So the connection is made
//! with the user's own rights to files: links are followed, and folders entered, as far as the user could do this. In a
//! daemon such as sshd the real user is root, and its environment is not the user's.

use std::path::PathBuf;

use mfa_protocol::login::Unsigned;
use mfa_protocol::ssh_agent::{self, Message, SSH_AUTH_SOCK, SshAgent};

/// The invoking user's ssh-agent.
pub(super) struct Invoker {
    uid: libc::uid_t,
    gid: libc::gid_t,
    socket: PathBuf,
}

impl Invoker {
    /// None if this is a daemon's process, or the user has no ssh-agent.
    pub(super) fn with_ssh_agent() -> Option<Self> {
        // SAFETY: these only return numbers.
        let (uid, gid) = unsafe { (libc::getuid(), libc::getgid()) };
        if uid == 0 {
            return None;
        }
        // Not `var_os`: sudo has its own `getenv`, which does not find what its `env_reset` removes.
        let (_, value) = std::env::vars_os().find(|(name, _)| name == SSH_AUTH_SOCK)?;
        let socket = ssh_agent::socket(&value)?;
        Some(Self { uid, gid, socket })
    }

    /// Sends `message` to the ssh-agent and returns its reply.
    pub(super) fn relay(&self, message: &Message) -> Result<String, Unsigned> {
        let agent = SshAgent {
            socket: &self.socket,
            owner: self.uid,
            is_interrupted: is_interrupt_pending,
        };
        let rights = FileRights::of(self.uid, self.gid).ok_or(Unsigned::Refused)?;
        let connection = agent.connect(message);
        drop(rights);
        connection?.exchange()
    }
}

/// Another user's rights to files, for this thread only, until it is dropped. The groups are the invoker's already:
/// programs that are set-user-id change no groups.
struct FileRights {
    uid: libc::uid_t,
    gid: libc::gid_t,
}

impl FileRights {
    fn of(uid: libc::uid_t, gid: libc::gid_t) -> Option<Self> {
        let before = Self {
            gid: set_fsgid(gid),
            uid: set_fsuid(uid),
        };
        // These calls report no errors: they return what was set before, so ask again.
        (set_fsgid(gid) == gid && set_fsuid(uid) == uid).then_some(before)
    }
}

impl Drop for FileRights {
    fn drop(&mut self) {
        // The user first: the capability to set any group comes back with it.
        set_fsuid(self.uid);
        set_fsgid(self.gid);
    }
}

fn set_fsuid(uid: libc::uid_t) -> libc::uid_t {
    // SAFETY: it takes and returns a number, and changes this thread's own rights only.
    unsafe { libc::setfsuid(uid) }.cast_unsigned()
}

fn set_fsgid(gid: libc::gid_t) -> libc::gid_t {
    // SAFETY: as above.
    unsafe { libc::setfsgid(gid) }.cast_unsigned()
}

/// Whether the user has typed ^C while the program blocks its signal, as sudo does while PAM runs. The signal stays for
/// the program.
fn is_interrupt_pending() -> bool {
    let mut pending = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the pointer is valid for the set that the call writes.
    if unsafe { libc::sigpending(pending.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: the call succeeded, so it has written the set.
    let pending = unsafe { pending.assume_init() };
    let is_pending = |signal| {
        // SAFETY: the set is valid, and the signal is one of libc's.
        unsafe { libc::sigismember(&raw const pending, signal) == 1 }
    };
    [libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGHUP]
        .into_iter()
        .any(is_pending)
}
