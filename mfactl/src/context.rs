//! What every command has at hand: the agent, the console and the output.
//!
//! [`Context::change`] is the one place that knows how users manage their own factors: the agent refuses with
//! `NotVerified`, the person passes one of their factors on the same connection, and the call is repeated.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mfa_protocol::DEFAULT_SOCKET;
use mfa_protocol::client::{Client, ClientError};
use mfa_protocol::login::Outcome;
use mfa_protocol::message::{ErrorKind, Method};
use nix::unistd::{User, getuid};

use crate::console::Console;
use crate::conversation::{self, Login};
use crate::failure::Failure;
use crate::output::Output;

/// How long one call may take. No call waits for a person: they type between calls.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// After so long without a reply, systemd is asked whether the agent starts at all. A socket of systemd's accepts calls
/// even if it does not.
const SILENCE: Duration = Duration::from_secs(2);

/// The PAM service of the logins that this program runs for its own changes.
pub(crate) const OWN_SERVICE: &str = "mfactl";

/// The same for a call that sends a message: a mail server may be tried more than once.
pub(crate) const DELIVERY_TIMEOUT: Duration = Duration::from_secs(120);

const TO_CHANGE: &str = "Before this change, pass one of your factors.";

/// What a command works with.
pub(crate) struct Context {
    /// Where results go.
    pub(crate) output: Output,
    socket: PathBuf,
    pam_dir: Vec<PathBuf>,
    timeout: Duration,
    /// Whether systemd can't start the agent.
    fails_to_start: fn() -> bool,
    client: Option<Client>,
    console: Option<Console>,
}

impl Context {
    /// Nothing is opened before it is needed.
    pub(crate) fn new(
        socket: PathBuf,
        pam_dir: Vec<PathBuf>,
        output: Output,
        fails_to_start: fn() -> bool,
    ) -> Self {
        Self {
            output,
            socket,
            pam_dir,
            timeout: CALL_TIMEOUT,
            fails_to_start,
            client: None,
            console: None,
        }
    }

    /// Where the agent is expected.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Where libpam looks for stacks, in order of precedence.
    pub(crate) fn pam_dir(&self) -> &[PathBuf] {
        &self.pam_dir
    }

    /// For calls that take longer than most.
    pub(crate) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Checks that the agent answers before a person types. The connection is not kept: the agent closes idle ones.
    pub(crate) fn probe(&mut self) -> Result<(), Failure> {
        Client::connect(&self.socket, self.timeout)?;
        Ok(())
    }

    /// Calls a method.
    pub(crate) fn call<M: Method>(
        &mut self,
        parameters: &M::Parameters,
    ) -> Result<M::Reply, Failure> {
        let reply = self.client()?.call::<M>(parameters);
        reply.map_err(|e| failed(e, &self.socket, self.fails_to_start))
    }

    /// Calls a method that changes something. If the agent asks for it, the caller first passes a factor on the same
    /// connection.
    pub(crate) fn change<M: Method>(
        &mut self,
        parameters: &M::Parameters,
    ) -> Result<M::Reply, Failure> {
        match self.client()?.call::<M>(parameters) {
            Err(ClientError::Refused {
                kind: Some(ErrorKind::NotVerified),
                ..
            }) => {}
            outcome => return outcome.map_err(|e| failed(e, &self.socket, self.fails_to_start)),
        }
        self.prove(TO_CHANGE)?;
        self.call::<M>(parameters)
    }

    /// The caller passes a factor on the connection of the next call; a person is told `why` first.
    pub(crate) fn prove(&mut self, why: &str) -> Result<(), Failure> {
        let user = caller()?;
        if self.console()?.is_terminal() {
            self.console()?.say(why);
        }
        let login = Login {
            user: &user,
            service: OWN_SERVICE,
            operation: None,
            quiet: false,
        };
        match self.converse(&login)? {
            // The agent decides whether a skipped login is enough.
            Outcome::Passed | Outcome::Skipped => Ok(()),
            other => Err(Failure::NotVerified(other)),
        }
    }

    /// Holds a login on the connection.
    pub(crate) fn converse(&mut self, login: &Login<'_>) -> Result<Outcome, Failure> {
        let client = connected(
            &mut self.client,
            &self.socket,
            self.timeout,
            self.fails_to_start,
        )?;
        let console = opened(&mut self.console)?;
        conversation::hold(client, console, login)
    }

    /// Closes the connection while a person types; the next call opens a new one.
    pub(crate) fn hang_up(&mut self) {
        self.client = None;
    }

    /// Where answers come from.
    pub(crate) fn console(&mut self) -> Result<&mut Console, Failure> {
        opened(&mut self.console)
    }

    /// Answers come from the terminal, wherever standard input comes from.
    pub(crate) fn insist_on_terminal(&mut self, instead: &str) -> Result<(), Failure> {
        self.console = Some(Console::terminal(instead)?);
        Ok(())
    }

    fn client(&mut self) -> Result<&mut Client, Failure> {
        connected(
            &mut self.client,
            &self.socket,
            self.timeout,
            self.fails_to_start,
        )
    }
}

/// What a call came to, in the words of systemd if it can't start the agent.
fn failed(error: ClientError, socket: &Path, fails_to_start: fn() -> bool) -> Failure {
    let is_of_systemd = socket == Path::new(DEFAULT_SOCKET);
    match error {
        ClientError::TimedOut if is_of_systemd && fails_to_start() => Failure::DoesNotStart,
        other => other.into(),
    }
}

fn connected<'a>(
    slot: &'a mut Option<Client>,
    socket: &Path,
    timeout: Duration,
    fails_to_start: fn() -> bool,
) -> Result<&'a mut Client, Failure> {
    match slot {
        Some(client) => Ok(client),
        none => {
            let mut client = Client::connect(socket, timeout)?;
            if socket == Path::new(DEFAULT_SOCKET) {
                client.on_silence(SILENCE, fails_to_start);
            }
            Ok(none.insert(client))
        }
    }
}

fn opened(slot: &mut Option<Console>) -> Result<&mut Console, Failure> {
    match slot {
        Some(console) => Ok(console),
        none => Ok(none.insert(Console::from_stdin()?)),
    }
}

/// Whether a user other than root acts for themselves; `user` is none for the caller.
pub(crate) fn acts_for_oneself(user: Option<&str>) -> bool {
    let is_own = |user| caller().is_ok_and(|caller| caller == user);
    !getuid().is_root() && user.is_none_or(is_own)
}

/// The name of the user who runs this process.
pub(crate) fn caller() -> Result<String, Failure> {
    let uid = getuid();
    match User::from_uid(uid) {
        Ok(Some(user)) => Ok(user.name),
        Ok(None) => Err(Failure::Rejected(format!(
            "user id {uid} has no name on this host. Name a user in the command"
        ))),
        Err(e) => Err(Failure::Io {
            what: "look up your user name".to_owned(),
            reason: e.into(),
        }),
    }
}
