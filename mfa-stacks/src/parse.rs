//! The text of a file in `/etc/pam.d`, as lines (pam.conf(5)).
//!
//! Text goes in, from whoever may write there, and lines come out; nothing is read and nothing judged
//! here. What libpam would not understand either is left out: libpam refuses the login then, and says
//! so in its log.

use crate::modules;

/// A line that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it begins in the file, from 1.
    pub number: usize,
    /// What it says, with single blanks, and with arguments only where they hold no secret.
    pub text: String,
    /// The phase that it belongs to; none for Debian's `@include`, which is for all.
    pub phase: Option<Phase>,
    /// What it does there.
    pub does: Does,
}

/// What a program asks libpam for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Who somebody is.
    Auth,
    /// Whether they may come in.
    Account,
    /// What is made ready for them.
    Session,
    /// A new password.
    Password,
}

/// What a line does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Does {
    /// Calls a module.
    Call(Call),
    /// Takes in the lines of another file.
    Include {
        /// As it is written: a name, or a path.
        file: String,
        /// Whether an end in there ends nothing but itself.
        substack: bool,
    },
}

/// A module in a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What comes of its result.
    pub control: Control,
    /// Its file, as it is written.
    pub module: String,
    /// What it is given.
    pub arguments: Vec<String>,
}

/// What comes of a module's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// `required`, `requisite`, `sufficient`, `optional`; in small letters.
    Word(String),
    /// `[success=1 default=ignore]`, as pairs in their order.
    Actions(Vec<(String, String)>),
}

impl Control {
    /// What is done when the module says `result`, both in the words of the bracketed form.
    pub fn on(&self, result: &str) -> &str {
        match self {
            Self::Word(word) => of_word(word, result),
            Self::Actions(pairs) => {
                // Of two for one result the last counts, of two defaults the first (measured).
                let pair = pairs.iter().rfind(|(name, _)| name == result);
                let pair = pair.or_else(|| pairs.iter().find(|(name, _)| name == "default"));
                // libpam takes what is not said for bad.
                pair.map_or("bad", |(_, action)| action)
            }
        }
    }

    /// What may be done, whatever comes of the module.
    pub fn any(&self) -> Vec<&str> {
        match self {
            Self::Word(word) => ["success", "auth_err", "ignore"]
                .map(|result| of_word(word, result))
                .into(),
            Self::Actions(pairs) => {
                let default = pairs.iter().any(|(result, _)| result == "default");
                let actions = pairs.iter().map(|(_, action)| action.as_str());
                actions.chain((!default).then_some("bad")).collect()
            }
        }
    }
}

/// pam.conf(5) gives the meaning of these words.
fn of_word(word: &str, result: &str) -> &'static str {
    let is_good = matches!(result, "success" | "new_authtok_reqd");
    match (word, result) {
        ("sufficient", _) if is_good => "done",
        ("required" | "requisite" | "optional", _) if is_good => "ok",
        ("sufficient" | "optional", _) | ("required" | "requisite", "ignore") => "ignore",
        ("requisite", _) => "die",
        _ => "bad",
    }
}

/// The lines of a file, in their order.
pub fn lines(text: &str) -> Vec<Line> {
    let logical = logical(text).into_iter();
    logical
        .filter_map(|(number, text)| line(number, &text))
        .collect()
}

/// Lines with their continuations, without comments, each with the number of its first. A comment runs
/// to the end of its own line, and a backslash in it continues nothing.
fn logical(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, physical) in (1..).zip(text.lines()) {
        let (said, is_cut) = match physical.split_once('#') {
            Some((before, _)) => (before, true),
            None => (physical, false),
        };
        let goes_on = said.trim_end().strip_suffix('\\').filter(|_| !is_cut);
        let (first, mut whole) = open.take().unwrap_or((number, String::new()));
        whole.push_str(goes_on.unwrap_or(said));
        if goes_on.is_some() {
            whole.push(' ');
            open = Some((first, whole));
        } else {
            lines.push((first, whole));
        }
    }
    lines.extend(open);
    lines
}

fn line(number: usize, text: &str) -> Option<Line> {
    let mut words = words(text).into_iter();
    let first = words.next()?;
    let (text, phase, does) = if first.eq_ignore_ascii_case("@include") {
        let file = words.next()?;
        let substack = false;
        let text = format!("{first} {file}");
        (text, None, Does::Include { file, substack })
    } else {
        let phase = phase(&first)?;
        let control = words.next()?;
        let does = does(&control, words)?;
        let text = format!("{first} {} {}", written(&control), shown(&does));
        (text, Some(phase), does)
    };
    Some(Line {
        number,
        text,
        phase,
        does,
    })
}

/// `auth`, or `-auth`, which says nothing in the log when the module is missing.
fn phase(word: &str) -> Option<Phase> {
    let word = word.strip_prefix('-').unwrap_or(word);
    Some(match word.to_ascii_lowercase().as_str() {
        "auth" => Phase::Auth,
        "account" => Phase::Account,
        "session" => Phase::Session,
        "password" => Phase::Password,
        _ => return None,
    })
}

/// A control as it is in the file, with single blanks.
fn written(control: &str) -> String {
    let text = control.split_whitespace().collect::<Vec<_>>().join(" ");
    match control.starts_with('[') {
        true => text + "]",
        false => text,
    }
}

fn shown(does: &Does) -> String {
    match does {
        Does::Call(call) => modules::shown(&call.module, &call.arguments),
        Does::Include { file, .. } => modules::shown(file, &[]),
    }
}

fn does(control: &str, mut words: impl Iterator<Item = String>) -> Option<Does> {
    let bare = |word: String| word.strip_prefix('[').map_or(word.clone(), str::to_owned);
    let module = bare(words.next()?);
    let control = match control.strip_prefix('[') {
        Some(actions) => Control::Actions(pairs(actions)),
        None => Control::Word(control.to_ascii_lowercase()),
    };
    if let Control::Word(word) = &control
        && matches!(word.as_str(), "include" | "substack")
    {
        let substack = word == "substack";
        return Some(Does::Include {
            file: module,
            substack,
        });
    }
    let arguments = words.map(bare);
    Some(Does::Call(Call {
        control,
        module,
        arguments: arguments.collect(),
    }))
}

fn pairs(actions: &str) -> Vec<(String, String)> {
    let pairs = actions.split_whitespace();
    pairs
        .filter_map(|pair| pair.split_once('='))
        .map(|(result, action)| (result.to_ascii_lowercase(), action.to_ascii_lowercase()))
        .collect()
}

/// Words parted by blanks. One that begins with a bracket goes to the closing one, blanks included, and
/// keeps its opening bracket as a mark; `\]` in it is a bracket.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let after = match rest.strip_prefix('[') {
            Some(inner) => {
                let (word, after) = bracketed(inner);
                words.push(word);
                after
            }
            None => {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                words.push(rest[..end].to_owned());
                &rest[end..]
            }
        };
        rest = after.trim_start();
    }
    words
}

fn bracketed(inner: &str) -> (String, &str) {
    let mut word = String::from("[");
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
