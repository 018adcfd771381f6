//! Parses the control: the second word of a line, as libpam reads it.

use crate::codes::CODES;

/// What libpam does with each result of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// `required`, `requisite`, `sufficient`, `optional`, `include` or `substack`, in lower case.
    Word(String),
    /// `[success=1 default=ignore]`, as pairs in order.
    Actions(Vec<(String, String)>),
}

const WORDS: [&str; 6] = [
    "required",
    "requisite",
    "sufficient",
    "optional",
    "include",
    "substack",
];

const ACTIONS: [&str; 6] = ["ignore", "ok", "done", "bad", "die", "reset"];

/// libpam keeps jumps in an `int`.
const MOST_DIGITS: usize = 9;

impl Control {
    /// Parses the word without its brackets. False if libpam does not understand it; then every
    /// result is `bad`.
    pub(super) fn parse(text: &str) -> (Self, bool) {
        let word = text.to_ascii_lowercase();
        if WORDS.contains(&word.as_str()) {
            return (Self::Word(word), true);
        }
        match pairs(text) {
            Some(pairs) => (Self::Actions(pairs), true),
            None => (Self::bad(), false),
        }
    }

    /// A control where every result is `bad`.
    pub fn bad() -> Self {
        Self::Actions(Vec::new())
    }

    /// `Some` if it includes a file: true for a substack.
    pub(super) fn includes(&self) -> Option<bool> {
        match self {
            Self::Word(word) if word == "include" => Some(false),
            Self::Word(word) if word == "substack" => Some(true),
            Self::Word(_) | Self::Actions(_) => None,
        }
    }

    /// The action for `result`, both in the words of the bracketed form.
    pub fn on(&self, result: &str) -> &str {
        match self {
            Self::Word(word) => of_word(word, result),
            Self::Actions(pairs) => {
                // If a result is given twice the last counts; of two defaults the first (measured).
                let pair = pairs.iter().rfind(|(name, _)| name == result);
                let pair = pair.or_else(|| pairs.iter().find(|(name, _)| name == "default"));
                // libpam treats a missing result as `bad`.
                pair.map_or("bad", |(_, action)| action)
            }
        }
    }

    /// All actions that are possible.
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

/// pam.conf(5) defines these words.
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

/// Parses result=action pairs as libpam does: blanks are optional between pairs and allowed within
/// them.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    while !rest.is_empty() {
        let results = CODES.into_iter().chain(["default"]);
        let (result, after) = one_of(results, rest)?;
        let after = after.trim_start_matches(is_space).strip_prefix('=')?;
        let after = after.trim_start_matches(is_space);
        let (action, after) = match one_of(ACTIONS, after) {
            Some((action, after)) => (action.to_owned(), after),
            None => jump(after)?,
        };
        pairs.push((result.to_owned(), action));
        rest = after.trim_start_matches(is_space);
    }
    Some(pairs)
}

fn one_of(
    words: impl IntoIterator<Item = &'static str>,
    text: &str,
) -> Option<(&'static str, &str)> {
    let mut words = words.into_iter();
    words.find_map(|word| Some((word, text.strip_prefix(word)?)))
}

fn jump(text: &str) -> Option<(String, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit());
    let (digits, after) = text.split_at(end.unwrap_or(text.len()));
    let digits = digits.trim_start_matches('0');
    let fits = (1..=MOST_DIGITS).contains(&digits.len());
    fits.then(|| (digits.to_owned(), after))
}

fn is_space(c: char) -> bool {
    c.is_ascii_whitespace() || c == '\u{b}'
}
