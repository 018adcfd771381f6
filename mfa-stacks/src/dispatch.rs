//! libpam's verdict on a stack, given what each module says.
//!
//! One step at a time, so that [`crate::paths`] can take every way there is. The rules were read off
//! libpam 1.5 and are held against it by `tests/stack_tables.rs`.

use crate::chain::{Entry, Kind};
use crate::codes::{ABORT, CODES, IGNORE, INCOMPLETE, PERM_DENIED, SUCCESS};

/// What libpam thinks of the login so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Impression {
    Undecided,
    Well,
    Failed,
}

/// How far a login has come.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct State {
    /// The entry that is next; past the last one when all is over.
    pub at: usize,
    now: (Impression, usize),
    /// The level of the entry before.
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

/// The code that libpam gives the program, if each module says what `says` says of its entry.
pub fn verdict(entries: &[Entry], says: impl Fn(usize) -> usize) -> usize {
    let mut state = State::default();
    while state.at < entries.len() {
        let code = says(state.at);
        // Before any module is called: PAM_ABORT.
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
    /// The code that libpam gives the program, if this is the end.
    #[must_use]
    pub fn verdict(&self) -> usize {
        match self.now {
            (Impression::Undecided | Impression::Failed, SUCCESS) => PERM_DENIED,
            (_, status) => status,
        }
    }

    /// Goes on by the entry at [`State::at`], whose module says `code`.
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

    /// Only the first code that is no success counts.
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

    /// A whole substack counts for one; a jump that finds too few entries is a failure.
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

/// The first entry after the substack that `at` is in; the end of all if it is in none.
fn end_of_own(entries: &[Entry], at: usize) -> usize {
    let own = entries[at].level;
    let rest = entries[at + 1..].iter().position(|entry| entry.level < own);
    rest.map_or(entries.len(), |more| at + 1 + more)
}
