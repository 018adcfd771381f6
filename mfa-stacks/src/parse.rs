//! Parses a file in `/etc/pam.d` into lines (pam.conf(5)).
//!
//! It reads no file and decides nothing. Lines that libpam does not understand keep their position
//! with a [`Fault`], because libpam refuses the login there. The rules were read from libpam 1.5.2
//! and 1.7.1, and `tests/stack_tables.rs` compares them with libpam.

mod control;
mod fault;

pub use control::Control;
pub use fault::Fault;

use crate::names;
use fault::LONGEST_LINE;

/// A line that is neither blank nor a comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its first line in the file, from 1.
    pub number: usize,
    /// Where it ends: further down, if it goes on after a backslash.
    pub last: usize,
    /// What it says, with single blanks, and with arguments only where they hold no secret.
    pub text: String,
    /// The phase it belongs to; `None` for Debian's `@include`, which applies to all.
    pub phase: Option<Phase>,
    /// What libpam does at this line.
    pub does: Does,
    /// Why libpam refuses the line, or reads it differently than it looks.
    pub fault: Option<Fault>,
    /// Whether it calls `pam_mfa`, or would if libpam understood it.
    pub is_ours: bool,
}

/// A PAM management group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Verifies who the user is.
    Auth,
    /// Decides whether the user may log in.
    Account,
    /// Prepares the session.
    Session,
    /// Changes the password.
    Password,
}

impl Phase {
    /// All, in the order of a login.
    pub const ALL: [Self; 4] = [Self::Auth, Self::Account, Self::Session, Self::Password];

    /// Its word in a file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Account => "account",
            Self::Session => "session",
            Self::Password => "password",
        }
    }
}

/// What libpam does at a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Does {
    /// Calls a module.
    Call(Call),
    /// Includes another file.
    Include {
        /// A name or a path, as written.
        file: String,
        /// Whether `done` and `die` in there end only the substack.
        substack: bool,
    },
    /// Always fails. Without a phase, it belongs to `auth`, or to the phase that its file is
    /// included for.
    Fails(Control),
    /// Makes libpam reject the whole file.
    Stops,
}

/// A module in a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What libpam does with each result.
    pub control: Control,
    /// Its file, as written.
    pub module: String,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// The lines of a file, in order.
pub fn lines(text: &str) -> Vec<Line> {
    let logical = logical(text).into_iter();
    logical.filter_map(Logical::line).collect()
}

/// A line joined with its continuations, without comments.
struct Logical {
    /// Number of its first physical line.
    number: usize,
    /// Of its last one.
    last: usize,
    text: String,
    fault: Option<Fault>,
}

/// A comment ends at its own line, even after a backslash. Comment lines and blank lines do not end
/// a continued line.
fn logical(text: &str) -> Vec<Logical> {
    let mut lines = Vec::new();
    let mut open: Option<Logical> = None;
    for (number, physical) in (1..).zip(text.split('\n')) {
        // libpam's strings end at a NUL.
        let physical = physical.split('\0').next().unwrap_or_default();
        let (said, is_cut) = match physical.split_once('#') {
            Some((before, _)) => (before, true),
            None => (physical, false),
        };
        let is_long = physical.len() > LONGEST_LINE;
        if said.trim_matches(BLANKS).is_empty() && !is_long {
            continue;
        }
        let goes_on = said.trim_end_matches(BLANKS).strip_suffix('\\');
        let goes_on = goes_on.filter(|_| !is_cut);
        let mut whole = open.take().unwrap_or(Logical {
            number,
            last: number,
            text: String::new(),
            fault: None,
        });
        whole.last = number;
        whole.text.push_str(goes_on.unwrap_or(said));
        if is_long || whole.text.len() > LONGEST_LINE {
            whole.fault = Some(Fault::TooLong);
        }
        if goes_on.is_some() {
            whole.text.push(' ');
            open = Some(whole);
        } else {
            lines.push(whole);
        }
    }
    if let Some(open) = open {
        let fault = Some(Fault::Unfinished);
        lines.push(Logical { fault, ..open });
    }
    lines
}

impl Logical {
    fn line(self) -> Option<Line> {
        let words = words(&self.text);
        let stops = self.fault == Some(Fault::Unfinished);
        if words.is_empty() && self.fault.is_none() {
            return None;
        }
        let (text, phase, does, fault) = match stops {
            true => (String::new(), None, Does::Stops, None),
            false => parsed(&words),
        };
        let is_ours = match &does {
            Does::Call(call) => names::is_ours(call.module.trim_end()),
            Does::Include { .. } => false,
            Does::Fails(_) | Does::Stops => self.text.contains("pam_mfa"),
        };
        // A Windows line end becomes part of the last word, and explains every other fault.
        let returns = self.text.contains('\r').then_some(Fault::CarriageReturn);
        Some(Line {
            number: self.number,
            last: self.last,
            text,
            phase,
            does,
            fault: self.fault.or(returns).or(fault),
            is_ours,
        })
    }
}

type Parsed = (String, Option<Phase>, Does, Option<Fault>);

fn parsed(words: &[Word]) -> Parsed {
    let first = words.first().map(|word| word.text.as_str());
    let first = first.unwrap_or_default();
    let bare = first.strip_prefix('-').unwrap_or(first);
    if bare.eq_ignore_ascii_case("@include") {
        return match words.get(1) {
            Some(file) => {
                let does = Does::Include {
                    file: file.text.clone(),
                    substack: false,
                };
                (format!("{first} {}", shown(&does)), None, does, None)
            }
            None => (first.to_owned(), None, Does::Stops, Some(Fault::NoModule)),
        };
    }
    let phase = phase(bare);
    let (control, is_understood) = match words.get(1) {
        Some(control) => Control::parse(&control.text),
        None => (Control::bad(), true),
    };
    let (does, fault) = does(words, control, phase.is_some());
    let fault = match (phase, words.len()) {
        (None, _) => Some(Fault::Phase),
        (Some(_), 1) => Some(Fault::NoControl),
        _ if !is_understood => Some(Fault::Control),
        _ => fault,
    };
    let text = match (phase, words.get(1)) {
        // What the line means is unknown, so it is unknown whether it may be shown.
        (None, _) | (_, None) => String::new(),
        (_, Some(control)) => [first, &written(control), &shown(&does)].join(" "),
    };
    // libpam includes files of an unknown phase for `auth`.
    let is_include = matches!(does, Does::Include { .. });
    let phase = phase.or(is_include.then_some(Phase::Auth));
    (text, phase, does, fault)
}

fn does(words: &[Word], control: Control, is_known: bool) -> (Does, Option<Fault>) {
    let Some(module) = words.get(2).map(|word| word.text.clone()) else {
        let control = match control.includes() {
            Some(_) => Control::bad(),
            None => control,
        };
        return (Does::Fails(control), Some(Fault::NoModule));
    };
    if let Some(substack) = control.includes() {
        let file = module;
        return (Does::Include { file, substack }, None);
    }
    if !is_known {
        return (Does::Fails(control), None);
    }
    let arguments = words[3..].iter().map(|word| word.text.clone());
    let call = Call {
        control,
        module,
        arguments: arguments.collect(),
    };
    (Does::Call(call), None)
}

fn phase(word: &str) -> Option<Phase> {
    let mut all = Phase::ALL.into_iter();
    all.find(|phase| word.eq_ignore_ascii_case(phase.name()))
}

/// A control as written, with single blanks.
fn written(control: &Word) -> String {
    let text = control.text.split_whitespace();
    let text = text.collect::<Vec<_>>().join(" ");
    match control.is_bracketed {
        true => format!("[{text}]"),
        false => text,
    }
}

fn shown(does: &Does) -> String {
    match does {
        Does::Call(call) => names::shown(&call.module, &call.arguments),
        Does::Include { file, .. } => names::shown(file.trim_end(), &[]),
        Does::Fails(_) | Does::Stops => String::new(),
    }
}

/// Separators of words. A carriage return is not one.
const BLANKS: [char; 2] = [' ', '\t'];

struct Word {
    text: String,
    is_bracketed: bool,
}

/// A word that begins with a bracket ends at the closing one, blanks included, and loses both; `\]`
/// is a literal bracket.
fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = text.trim_start_matches(BLANKS);
    while !rest.is_empty() {
        let inner = rest.strip_prefix('[');
        let (word, after) = match inner {
            Some(inner) => bracketed(inner),
            None => {
                let end = rest.find(BLANKS).unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        words.push(Word {
            text: word,
            is_bracketed: inner.is_some(),
        });
        rest = after.trim_start_matches(BLANKS);
    }
    words
}

fn bracketed(inner: &str) -> (String, &str) {
    let mut word = String::new();
    let mut is_escaped = false;
    for (at, c) in inner.char_indices() {
        match c {
            ']' if is_escaped => {
                word.pop();
                word.push(']');
            }
            ']' => return (word, &inner[at + 1..]),
            _ => word.push(c),
        }
        is_escaped = c == '\\';
    }
    (word, "")
}

#[cfg(test)]
mod tests;
