//! Another second factor beside ours: its codes, and the verdicts of both on the same code.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::{Agent, Login, Stack, run};

/// Another module and ours, each in its own stack.
pub struct BothModules {
    other: Stack,
    ours: Stack,
}

impl BothModules {
    /// A stack of the other module with its arguments, and one that asks `agent`.
    #[must_use]
    pub fn of(module: &str, agent: &Agent) -> Self {
        Self {
            other: Stack::of(&format!(
                "auth required {module}\naccount required pam_permit.so\n"
            )),
            ours: Stack::asking(agent),
        }
    }

    /// Whether the other module lets `user` in with this answer.
    #[must_use]
    pub fn other(&self, user: &str, answer: &str) -> bool {
        passes(&self.other, user, &[answer])
    }

    /// Whether ours does with these.
    #[must_use]
    pub fn ours(&self, user: &str, answers: &[&str]) -> bool {
        passes(&self.ours, user, answers)
    }

    /// The verdict of both modules.
    ///
    /// # Panics
    ///
    /// When they differ.
    #[must_use]
    pub fn both(&self, user: &str, code: &str) -> bool {
        let other = self.other(user, code);
        let ours = self.ours(user, &[code]);
        assert_eq!(other, ours, "the other module and ours differ about {user}");
        ours
    }
}

/// Whether a login with these answers passes.
#[must_use]
pub fn passes(stack: &Stack, user: &str, answers: &[&str]) -> bool {
    let login = Login::of(user);
    let login = answers.iter().fold(login, |login, text| login.answer(text));
    login.run(stack).result() == "PAM_SUCCESS"
}

/// A device of which only the key in base32 is known, with steps of a minute: no test waits for one
/// to end.
#[derive(Clone, Debug)]
pub struct Device(pub String);

/// The length of a [`Device`]'s step in seconds.
pub const STEP: u64 = 60;

impl Device {
    /// Its code for a counter.
    #[must_use]
    pub fn counted(&self, counter: u64) -> String {
        self.code(&[format!("--counter={counter}")])
    }

    /// Its code for a step.
    #[must_use]
    pub fn timed(&self, step: u64) -> String {
        self.code(&[
            "--totp".to_owned(),
            format!("--now=@{}", step * STEP),
            format!("--time-step-size={STEP}s"),
        ])
    }

    fn code(&self, arguments: &[String]) -> String {
        let mut oathtool = Command::new("oathtool");
        let output = run(oathtool.args(arguments).args(["--base32", &self.0]));
        assert!(output.is_success(), "oathtool: {output:?}");
        output.stdout.trim().to_owned()
    }
}

/// The present step.
#[must_use]
pub fn this_step() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("a clock past 1970").as_secs() / STEP
}
