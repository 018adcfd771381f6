//! A catalogue of texts: parses, checks and formats.

use std::fmt;
use std::sync::Arc;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentError, FluentResource};
use fluent_syntax::ast::Entry;

use super::ascii::plain;
use super::language::Language;
use super::text::Text;
use crate::names::is_invisible;

/// The longest text, in bytes.
const MAX_TEXT: usize = 2000;

/// The longest prompt or word, in bytes, as in the settings.
const MAX_LINE: usize = 256;

/// The most mistakes of a catalogue that are reported.
const MOST_MISTAKES: usize = 10;

/// What is wrong with a catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and what was expected.
    pub message: String,
}

/// The texts in one language.
#[derive(Clone)]
pub struct Catalogue {
    language: Language,
    own: String,
    bundle: Arc<FluentBundle<FluentResource>>,
    english: Arc<FluentBundle<FluentResource>>,
}

impl Catalogue {
    /// The texts that come with a language.
    #[must_use]
    pub fn of(language: Language) -> Self {
        Self::made(language, String::new(), bundle(language, None))
    }

    /// The texts of a language, with single texts replaced by `own`.
    ///
    /// # Errors
    ///
    /// What is wrong with `own`: its form, or a text that is unknown, uses an unknown variable, is
    /// empty, too long, or has invisible characters.
    pub fn with(language: Language, own: &str) -> Result<Self, Vec<Mistake>> {
        let resource = FluentResource::try_new(own.to_owned())
            .map_err(|(_, errors)| few(errors.iter().map(|e| not_read(own, e)).collect()))?;
        let mistakes = entries(&resource, own);
        if !mistakes.is_empty() {
            return Err(few(mistakes));
        }
        let catalogue = Self::made(language, own.to_owned(), bundle(language, Some(resource)));
        let mistakes = catalogue.mistakes();
        match mistakes.is_empty() {
            true => Ok(catalogue),
            false => Err(few(mistakes)),
        }
    }

    fn made(language: Language, own: String, bundle: FluentBundle<FluentResource>) -> Self {
        Self {
            language,
            own,
            bundle: Arc::new(bundle),
            english: Arc::new(self::bundle(Language::En, None)),
        }
    }

    /// A text.
    pub(super) fn say(&self, text: &Text) -> String {
        // The shipped catalogues are tested, and others were checked when they were loaded.
        formatted(&self.bundle, text).unwrap_or_else(|_| self.in_english(text))
    }

    /// A text with these values of its variables.
    pub(super) fn say_with(&self, text: &Text, values: &[(&'static str, &str)]) -> String {
        let said = formatted_with(&self.bundle, text, values);
        said.or_else(|_| formatted_with(&self.english, text, values))
            .unwrap_or_default()
    }

    /// The text for programs that show ASCII only; in English if the language has no ASCII form.
    pub(super) fn say_in_ascii(&self, text: &Text) -> String {
        let said = plain(self.language, &self.say(text));
        match said.is_ascii() {
            true => said,
            false => self.in_english(text),
        }
    }

    /// The text in English, whatever the language.
    pub(super) fn in_english(&self, text: &Text) -> String {
        formatted(&self.english, text).unwrap_or_default()
    }

    /// What is wrong with the texts as they are shown; a valid text may refer to an invalid one.
    pub(super) fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes: Vec<Mistake> = Vec::new();
        for text in Text::samples() {
            let found = formatted(&self.bundle, &text).and_then(|said| check_shown(&text, &said));
            let Err(message) = found else {
                continue;
            };
            let message = format!("{}: {message}", text.id());
            if !mistakes.iter().any(|other| other.message == message) {
                let line = line_of(&self.own, text.id());
                mistakes.push(Mistake { line, message });
            }
        }
        mistakes
    }
}

impl Default for Catalogue {
    fn default() -> Self {
        Self::of(Language::default())
    }
}

impl PartialEq for Catalogue {
    fn eq(&self, other: &Self) -> bool {
        (self.language, &self.own) == (other.language, &other.own)
    }
}

impl fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Catalogue({}, {} bytes more)",
            self.language,
            self.own.len()
        )
    }
}

fn formatted(bundle: &FluentBundle<FluentResource>, text: &Text) -> Result<String, String> {
    formatted_with(bundle, text, &[])
}

fn formatted_with(
    bundle: &FluentBundle<FluentResource>,
    text: &Text,
    values: &[(&'static str, &str)],
) -> Result<String, String> {
    let message = bundle.get_message(text.id());
    let pattern = message.and_then(|message| message.value());
    let pattern = pattern.ok_or_else(|| "there is no such text".to_owned())?;
    let mut arguments = text.arguments();
    for (name, value) in values {
        arguments.set(*name, (*value).to_owned());
    }
    let mut errors = Vec::new();
    let said = bundle.format_pattern(pattern, Some(&arguments), &mut errors);
    match errors.first() {
        None => Ok(said.into_owned()),
        Some(error) => Err(format_error(error, text)),
    }
}

/// The texts of the language, overlaid with `own`.
fn bundle(language: Language, own: Option<FluentResource>) -> FluentBundle<FluentResource> {
    let mut bundle = FluentBundle::new_concurrent(vec![language.identifier()]);
    // Isolation marks around variables would show as boxes on terminals.
    bundle.set_use_isolating(false);
    // A test parses each of them.
    let shipped = FluentResource::try_new(language.source().to_owned());
    let shipped = shipped.unwrap_or_else(|(whole, _)| whole);
    bundle.add_resource_overriding(shipped);
    if let Some(own) = own {
        bundle.add_resource_overriding(own);
    }
    bundle
}

/// What is wrong with the names of texts.
fn entries(resource: &FluentResource, own: &str) -> Vec<Mistake> {
    let known: Vec<&str> = Text::samples().iter().map(Text::id).collect();
    let mut seen: Vec<&str> = Vec::new();
    let mut mistakes = Vec::new();
    for entry in resource.entries() {
        let Entry::Message(message) = entry else {
            continue;
        };
        let id = message.id.name;
        let wrong = if !known.contains(&id) {
            "there is no such text; expected a name from en.ftl"
        } else if seen.contains(&id) {
            "the text is defined twice; expected each text once"
        } else if message.value.is_none() {
            "the text is missing; expected one after the equals sign"
        } else {
            seen.push(id);
            continue;
        };
        let message = format!("{id}: {wrong}");
        let line = match seen.contains(&id) {
            true => last_line_of(own, id),
            false => line_of(own, id),
        };
        mistakes.push(Mistake { line, message });
    }
    mistakes
}

/// Whether a text can be shown as it is.
fn check_shown(text: &Text, said: &str) -> Result<(), String> {
    let is_one_line = text.is_one_line();
    let most = if is_one_line { MAX_LINE } else { MAX_TEXT };
    if said.trim().is_empty() {
        return Err("the text is blank; expected something to show".to_owned());
    }
    if said.len() > most {
        return Err(format!(
            "it has {} bytes; expected at most {most}",
            said.len()
        ));
    }
    let is_wrong = |c: &char| is_invisible(*c) && (is_one_line || *c != '\n');
    match said.chars().find(is_wrong) {
        Some('\n') => Err("it has several lines; expected one line".to_owned()),
        Some(c) => Err(format!(
            "it contains U+{:04X}; expected no invisible characters",
            u32::from(c)
        )),
        None => Ok(()),
    }
}

/// Which variable a text used and could not.
fn format_error(error: &FluentError, text: &Text) -> String {
    let arguments = text.arguments();
    let known: Vec<String> = arguments
        .iter()
        .map(|(name, _)| format!("${name}"))
        .collect();
    let known = match known.is_empty() {
        true => "nothing".to_owned(),
        false => known.join(" and "),
    };
    format!("{error}; expected it to use {known}")
}

fn not_read(own: &str, error: &fluent_syntax::parser::ParserError) -> Mistake {
    let before = own.get(..error.pos.start).unwrap_or(own);
    let line = before.matches('\n').count() + 1;
    let message = format!("{error}; expected texts in the form of Project Fluent, as in en.ftl");
    Mistake { line, message }
}

/// The line of a text; 1 if it has none.
fn line_of(own: &str, id: &str) -> usize {
    lines_of(own, id).next().unwrap_or(1)
}

fn last_line_of(own: &str, id: &str) -> usize {
    lines_of(own, id).last().unwrap_or(1)
}

fn lines_of<'a>(own: &'a str, id: &'a str) -> impl Iterator<Item = usize> + 'a {
    let begins = move |line: &str| {
        let rest = line.strip_prefix(id);
        rest.is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    let lines = (1..).zip(own.lines());
    lines
        .filter(move |(_, line)| begins(line))
        .map(|(number, _)| number)
}

fn few(mut mistakes: Vec<Mistake>) -> Vec<Mistake> {
    mistakes.truncate(MOST_MISTAKES);
    mistakes
}
