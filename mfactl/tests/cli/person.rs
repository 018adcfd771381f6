//! `mfactl` on a pseudo-terminal, seen from the side of the person who sits there.

use std::fs::{File, Permissions, set_permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use nix::pty::{OpenptyResult, openpty};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::{User, getuid};

use crate::support::{Agent, ordinary};

/// Somebody at a terminal of their own.
pub(crate) struct Person {
    pub(crate) screen: File,
    /// The terminal's settings before the program could touch them.
    pub(crate) at_first: LocalFlags,
    pub(crate) seen: String,
    /// The bytes of a character of which the rest is still to come.
    begun: Vec<u8>,
    child: Child,
}

impl Person {
    pub(crate) fn runs(agent: &Agent, arguments: &[&str]) -> Self {
        Self::runs_into(agent, arguments, None)
    }

    /// Standard output goes into a file, as with `mfactl … > file`.
    pub(crate) fn runs_into(agent: &Agent, arguments: &[&str], file: Option<File>) -> Self {
        Self::sits_at(openpty(None, None).unwrap(), agent, arguments, file, &[])
    }

    /// Somebody who is not root types `mfactl` alone, without colours.
    pub(crate) fn is_new(agent: &Agent) -> Self {
        let socket = agent.socket();
        for open in [socket.parent().unwrap(), &socket] {
            set_permissions(open, Permissions::from_mode(0o777)).unwrap();
        }
        let pty = openpty(None, None).unwrap();
        Self::begins(pty, agent, &[], None, &[("NO_COLOR", "1")], &ordinary())
    }

    pub(crate) fn sits_at(
        pty: OpenptyResult,
        agent: &Agent,
        arguments: &[&str],
        file: Option<File>,
        variables: &[(&str, &str)],
    ) -> Self {
        let user = User::from_uid(getuid()).unwrap().unwrap();
        Self::begins(pty, agent, arguments, file, variables, &user)
    }

    fn begins(
        pty: OpenptyResult,
        agent: &Agent,
        arguments: &[&str],
        file: Option<File>,
        variables: &[(&str, &str)],
        user: &User,
    ) -> Self {
        let at_first = tcgetattr(&pty.master).unwrap().local_flags;
        let side = || Stdio::from(pty.slave.try_clone().unwrap());
        // setsid makes the pseudo-terminal the controlling one, which /dev/tty then is.
        let mut command = Command::new("setsid");
        if user.uid != getuid() {
            command.uid(user.uid.as_raw());
        }
        let child = command
            .args(["--ctty", "--wait", env!("CARGO_BIN_EXE_mfactl")])
            .args(agent.places(arguments))
            .args(arguments)
            .stdin(side())
            .stdout(file.map_or_else(side, Stdio::from))
            .stderr(side())
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR")
            .envs([("TERM", "xterm"), ("TZ", "UTC")])
            .envs(variables.iter().copied())
            .spawn()
            .unwrap();
        drop(pty.slave);
        Self {
            screen: File::from(pty.master),
            at_first,
            seen: String::new(),
            begun: Vec::new(),
            child,
        }
    }

    /// Waits for `prompt` to appear after what was seen before, then types `text`.
    pub(crate) fn types(&mut self, prompt: &str, text: &str) {
        let before = self.seen.len();
        while !self.seen[before..].contains(prompt) {
            assert!(self.reads_on(), "{prompt:?} did not appear: {}", self.seen);
        }
        self.screen.write_all(text.as_bytes()).unwrap();
    }

    pub(crate) fn reads_on(&mut self) -> bool {
        let mut buffer = [0; 4096];
        // A pseudo-terminal whose other side is closed fails instead of ending.
        let got = self.screen.read(&mut buffer).unwrap_or(0);
        self.begun.extend(&buffer[..got]);
        let whole = std::str::from_utf8(&self.begun).map_or_else(|e| e.valid_up_to(), str::len);
        let whole: Vec<u8> = self.begun.drain(..whole).collect();
        self.seen.push_str(std::str::from_utf8(&whole).unwrap());
        got > 0
    }

    /// The whole screen and the exit status.
    pub(crate) fn ends(mut self) -> (String, Option<i32>) {
        while self.reads_on() {}
        (self.seen, self.child.wait().unwrap().code())
    }
}
