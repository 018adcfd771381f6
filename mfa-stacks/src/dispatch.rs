//! Computes libpam's verdict on a stack from the return codes of its modules.
//!
//! It goes one step at a time, so that [`crate::paths`] can try every path. The rules were read
//! from libpam 1.5, and `tests/stack_tables.rs` compares them with it.

use crate::chain::{Entry, Kind};
use crate::codes::{ABORT, CODES, IGNORE, INCOMPLETE, PERM_DENIED, SUCCESS};

/// libpam's impression of the login so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Impression {
    Undecided,
    Well,
    Failed,
}

/// The position in a stack.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct State {
    /// Index of the next entry; past the last one at the end.
    pub at: usize,
    now: (Impression, usize),
    /// The level of the previous entry.
    level: usize,
    /// How each substack was entered, by its level.
    entered: Vec<(Impression, usize)>,
}

impl Default for State {
    fn default() -> Self {
        let now = (Impression::Undecided, PERM_DENIED);
        Self {
            at: 0,
            now,
            level: 0,
            entered: vec![now],
        }
    }
}

/// libpam's return code if each module returns what `says` says for its entry.
pub fn verdict(entries: &[Entry], says: impl Fn(usize) -> usize) -> usize {
    let mut state = State::default();
    while state.at < entries.len() {
        let code = says(state.at);
        // No module is called: PAM_ABORT.
        if matches!(entries[state.at].kind, Kind::Stopped(_)) {
            return ABORT;
        }
        if code == INCOMPLETE && matches!(entries[state.at].kind, Kind::Module(_)) {
            return INCOMPLETE;
        }
        state.step(entries, code);
    }
    state.verdict()
}

/// The entry that libpam comes to after the one `at`, whose module says `code`, if all has gone well before.
#[must_use]
pub fn next_after(entries: &[Entry], at: usize, code: usize) -> usize {
    let level = entries.get(at).map_or(0, |entry| entry.level);
    let well = (Impression::Well, SUCCESS);
    let mut state = State {
        at,
        now: well,
        level,
        entered: vec![well; level + 1],
    };
    state.step(entries, code);
    state.at
}

impl State {
    /// libpam's return code if the stack ends here.
    #[must_use]
    pub fn verdict(&self) -> usize {
        match self.now {
            (Impression::Undecided | Impression::Failed, SUCCESS) => PERM_DENIED,
            (_, status) => status,
        }
    }

    /// Passes the entry at [`State::at`], whose module returns `code`.
    pub fn step(&mut self, entries: &[Entry], code: usize) {
        let Some(entry) = entries.get(self.at) else {
            return;
        };
        if self.level < entry.level {
            self.entered.truncate(entry.level);
            self.entered.resize(entry.level + 1, self.now);
        }
        self.level = entry.level;
        match &entry.kind {
            Kind::Substack => self.at += 1,
            Kind::Stopped(_) => {
                self.fail(ABORT);
                self.at = entries.len();
            }
            Kind::Broken(step) => {
                let action = step.call.control.on("perm_denied");
                self.act(entries, action, PERM_DENIED);
            }
            Kind::Module(step) => {
                let result = CODES.get(code).copied().unwrap_or("perm_denied");
                let action = step.call.control.on(result);
                self.act(entries, action, code);
            }
        }
    }

    fn act(&mut self, entries: &[Entry], action: &str, code: usize) {
        match action {
            "ok" => self.succeed(code),
            "done" => {
                self.succeed(code);
                if self.now.0 == Impression::Well {
                    self.at = end_of_own(entries, self.at);
                    return;
                }
            }
            "bad" => self.fail(code),
            "die" => {
                self.fail(code);
                self.at = end_of_own(entries, self.at);
                return;
            }
            "ignore" => {}
            "reset" => self.now = self.entered[self.level],
            number => return self.jump(entries, number),
        }
        self.at += 1;
    }

    /// Only the first code other than success counts.
    fn succeed(&mut self, code: usize) {
        if matches!(
            self.now,
            (Impression::Undecided, _) | (Impression::Well, SUCCESS)
        ) {
            self.now = (Impression::Well, code);
        }
    }

    fn fail(&mut self, code: usize) {
        if self.now.0 != Impression::Failed {
            let status = if code == IGNORE { PERM_DENIED } else { code };
            self.now = (Impression::Failed, status);
        }
    }

    /// A whole substack counts as one entry; a jump past the end is a failure.
    fn jump(&mut self, entries: &[Entry], number: &str) {
        let level = |at: usize| entries.get(at).map(|entry| entry.level);
        let count: usize = number.parse().unwrap_or(0);
        let mut next = self.at + 1;
        let mut left = count;
        while left > 0 && level(next) >= Some(self.level) {
            next += 1;
            while level(next) > Some(self.level) {
                next += 1;
            }
            left -= 1;
        }
        if left > 0 || count == 0 {
            self.now = (Impression::Failed, PERM_DENIED);
        }
        self.at = next;
    }
}

/// The first entry after the substack that contains `at`, or the end of the stack.
fn end_of_own(entries: &[Entry], at: usize) -> usize {
    let own = entries[at].level;
    let rest = entries[at + 1..].iter().position(|entry| entry.level < own);
    rest.map_or(entries.len(), |more| at + 1 + more)
}
