//! `mfactl` as a script uses it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::{Machine, Output, built, run_with_input};

/// `mfactl --json` for one agent.
pub struct Ctl {
    socket: PathBuf,
}

impl Ctl {
    /// For the agent at `socket`.
    #[must_use]
    pub fn at(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
        }
    }

    /// The command with `arguments`, not started yet.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&built().mfactl);
        command
            .arg("--socket")
            .arg(&self.socket)
            .arg("--json")
            .args(arguments);
        command
    }

    /// Runs a command with `input` on its standard input.
    #[must_use]
    pub fn run(&self, arguments: &[&str], input: &str) -> Output {
        run_with_input(&mut self.command(arguments), input)
    }

    /// Runs a command as a user of `machine`, without a terminal.
    #[must_use]
    pub fn run_as(&self, machine: &Machine, user: &str, arguments: &[&str], input: &str) -> Output {
        let mut command = machine.as_user(user, &built().mfactl.to_string_lossy());
        command.arg("--socket").arg(&self.socket).arg("--json");
        run_with_input(command.args(arguments), input)
    }

    /// Runs a command that must succeed, and reads its JSON.
    ///
    /// # Panics
    ///
    /// When it fails, or prints anything but one JSON value.
    #[must_use]
    pub fn json(&self, arguments: &[&str], input: &str) -> Value {
        let output = self.run(arguments, input);
        assert!(output.is_success(), "mfactl {arguments:?}: {output:?}");
        serde_json::from_str(&output.stdout)
            .unwrap_or_else(|e| panic!("mfactl {arguments:?}: {e}: {}", output.stdout))
    }
}
