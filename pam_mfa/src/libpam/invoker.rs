//! The user who started a program that runs as root, such as sudo or su, and the way to that user's ssh-agent.
//!
//! The program has the rights of root, and the path comes from the environment of the user. So the connection is made as
//! the user: links are followed, and folders entered, as far as the user could do this, and whoever listens sees the
//! user, not root (`SO_PEERCRED` is the effective user at connect(2), whatever setfsuid(2) says). In a daemon such as
//! sshd the real user is root, and its environment is not the user's.

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
        if is_root() {
            return None;
        }
        // SAFETY: these only return numbers.
        let (uid, gid) = unsafe { (libc::getuid(), libc::getgid()) };
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
        let before = effective_saved();
        let user = EffectiveUser::set(self.uid, self.gid).ok_or(Unsigned::Refused)?;
        let connection = agent.connect(message);
        drop(user);
        // A login with other rights than the program's must not go on. The kernel gives them back unless it has no memory.
        if effective_saved() != before {
            return Err(Unsigned::Interrupted);
        }
        connection?.exchange()
    }
}

/// Whether root has started the program, as root or by a daemon.
pub(super) fn is_root() -> bool {
    // SAFETY: it only returns a number.
    unsafe { libc::getuid() == 0 }
}

/// Another effective user and group, for this thread only, until it is dropped. The other groups are the invoker's
/// already: programs that are set-user-id change none.
struct EffectiveUser {
    uid_before: libc::uid_t,
    gid_before: libc::gid_t,
}

impl EffectiveUser {
    /// None if it can't be changed, or could not be changed back.
    fn set(uid: libc::uid_t, gid: libc::gid_t) -> Option<Self> {
        let (uid_before, gid_before) = effective_saved()?;
        let before = Self {
            uid_before,
            gid_before,
        };
        // Dropping `before` also undoes a half.
        (set_effective_gid(gid) && set_effective_uid(uid)).then_some(before)
    }
}

impl Drop for EffectiveUser {
    fn drop(&mut self) {
        // The user first: the capability to set any group comes back with it. The saved IDs are the same, so neither is
        // refused.
        set_effective_uid(self.uid_before);
        set_effective_gid(self.gid_before);
    }
}

/// The effective user and group, if they are saved too: only then can they be set again.
fn effective_saved() -> Option<(libc::uid_t, libc::gid_t)> {
    let (mut uids, mut gids) = ([0; 3], [0; 3]);
    let [real, effective, saved] = &mut uids;
    // SAFETY: three pointers to numbers that the call writes.
    let has_uids = unsafe { libc::getresuid(real, effective, saved) } == 0;
    let [real, effective, saved] = &mut gids;
    // SAFETY: as above.
    let has_gids = unsafe { libc::getresgid(real, effective, saved) } == 0;
    let is_saved = uids[1] == uids[2] && gids[1] == gids[2];
    (has_uids && has_gids && is_saved).then_some((uids[1], gids[1]))
}

/// Leaves an ID as it is (setresuid(2)).
const UNCHANGED: libc::c_long = -1;

// The system calls, since the functions of the C library change all threads of the program. On these processors the
// plain numbers stand for calls with IDs of 16 bits.
#[cfg(not(any(target_arch = "x86", target_arch = "arm")))]
use libc::{SYS_setresgid as SETRESGID, SYS_setresuid as SETRESUID};
#[cfg(any(target_arch = "x86", target_arch = "arm"))]
use libc::{SYS_setresgid32 as SETRESGID, SYS_setresuid32 as SETRESUID};

fn set_effective_uid(uid: libc::uid_t) -> bool {
    let uid = libc::c_long::from(uid.cast_signed());
    // SAFETY: it takes numbers, and changes this thread's own rights only.
    unsafe { libc::syscall(SETRESUID, UNCHANGED, uid, UNCHANGED) == 0 }
}

fn set_effective_gid(gid: libc::gid_t) -> bool {
    let gid = libc::c_long::from(gid.cast_signed());
    // SAFETY: as above.
    unsafe { libc::syscall(SETRESGID, UNCHANGED, gid, UNCHANGED) == 0 }
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
