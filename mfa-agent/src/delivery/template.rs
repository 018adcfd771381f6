//! Templates for messages, and the values of one login.
//!
//! A template is parsed once, when the settings are read; unknown placeholders are refused there.
//! Rendering never interprets values, so a host name `{code}` stays as it is. Values may come from
//! strangers (the name of a remote host): characters that end a line, move a cursor or change the
//! direction of text become spaces, and long values are cut, so that no value can add a header or a
//! line.

use mfa_protocol::Secret;
use zeroize::Zeroizing;

use super::error::clean;

const LONGEST_TEXT: usize = 4096;
const LONGEST_SUBJECT: usize = 200;
/// The most characters of a value; names have 256 bytes at most anyway.
const LONGEST_VALUE: usize = 256;

const SUBJECT: &str = "Your code for {host}";
const MAIL: &str = "\
{code} is your code for {service} on {host}.

It is valid for {minutes} minutes. It was requested on {time} from {address}.
If you did not request it, another person knows your password: change it, and contact your administrator.
";
const TEXT: &str = "{code} is your code for {service} on {host}, valid for {minutes} minutes.";

// Nobody types a password before these, so they warn of nothing.
const CONFIRMATION_MAIL: &str = "\
{code} is your code for setting up this address on {host}.

It is valid for {minutes} minutes. It was requested on {time}.
If you did not request it, ignore this message: without the code, nobody can use this address for logins.
";
const TRIAL_SUBJECT: &str = "Test message from {host}";
const TRIAL_MAIL: &str = "\
This is a test of the messages from {host}, sent on {time}.

An administrator tests whether messages arrive. Nobody logs in, and there is no code to type.
";
const TRIAL_TEXT: &str = "This is a test of the messages from {host}. There is no code to type.";

/// Why a message with a code is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessagePurpose {
    /// A login.
    Login,
    /// An address is being set up, outside a login.
    Confirmation,
    /// An administrator tests the delivery.
    Trial,
}

/// The values in a message.
#[derive(Clone, Debug)]
pub struct Notice {
    pub purpose: MessagePurpose,
    pub code: Secret,
    /// The host that the user logs in to.
    pub host: String,
    /// The service, such as `sshd`.
    pub service: String,
    /// Where the user logs in from, if over a network.
    pub address: Option<String>,
    /// When the login began, as the reader sees it.
    pub at: String,
    /// How long the code is valid.
    pub minutes: u32,
}

/// A text with placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

/// Subject and text of an email, or the text of a text message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Templates {
    subject: ByPurpose,
    text: ByPurpose,
}

/// One template of the settings for every purpose, or the default of each.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ByPurpose {
    login: Template,
    confirmation: Template,
    trial: Template,
}

impl ByPurpose {
    fn same(template: Template) -> Self {
        Self {
            login: template.clone(),
            confirmation: template.clone(),
            trial: template,
        }
    }

    fn shipped(login: &str, confirmation: &str, trial: &str) -> Self {
        Self {
            login: shipped(login),
            confirmation: shipped(confirmation),
            trial: shipped(trial),
        }
    }

    fn render(&self, notice: &Notice) -> Secret {
        let template = match notice.purpose {
            MessagePurpose::Login => &self.login,
            MessagePurpose::Confirmation => &self.confirmation,
            MessagePurpose::Trial => &self.trial,
        };
        template.render(notice)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Words(String),
    Value(Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    Code,
    Host,
    Service,
    Address,
    Time,
    Minutes,
}

const VALUES: [(&str, Value); 6] = [
    ("code", Value::Code),
    ("host", Value::Host),
    ("service", Value::Service),
    ("address", Value::Address),
    ("time", Value::Time),
    ("minutes", Value::Minutes),
];

/// Why a template can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// An unknown placeholder.
    #[error(
        "{{{0}}} is not a placeholder; expected {{code}} {{host}} {{service}} {{address}} {{time}} \
         {{minutes}}, and a brace itself is written twice"
    )]
    Unknown(String),
    /// A single brace.
    #[error("the template has a single brace; for a literal brace, write it twice")]
    Brace,
    /// It is too long.
    #[error("the template is too long: at most {0} bytes")]
    Long(usize),
    /// The text does not contain the code.
    #[error("the text has no {{code}}, so users could not log in with the message; add {{code}}")]
    NoCode,
    /// A line break in a subject, or another control character.
    #[error(
        "the template contains control characters; a subject is one line, and a text may only have line breaks"
    )]
    Control,
}

impl Template {
    /// Parses a template. `{{` and `}}` are literal braces.
    ///
    /// # Errors
    ///
    /// [`TemplateError::Unknown`] with the placeholder, [`TemplateError::Brace`] or
    /// [`TemplateError::Long`].
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.len() > LONGEST_TEXT {
            return Err(TemplateError::Long(LONGEST_TEXT));
        }
        let (mut pieces, mut words, mut rest) = (Vec::new(), String::new(), text);
        while let Some(brace) = rest.find(['{', '}']) {
            words.push_str(&rest[..brace]);
            rest = &rest[brace..];
            if let Some((twice, after)) = rest.split_at_checked(2).filter(|(two, _)| is_twice(two))
            {
                words.push_str(&twice[..1]);
                rest = after;
                continue;
            }
            let (value, after) = placeholder(rest)?;
            if !words.is_empty() {
                pieces.push(Piece::Words(std::mem::take(&mut words)));
            }
            pieces.push(Piece::Value(value));
            rest = after;
        }
        words.push_str(rest);
        if !words.is_empty() {
            pieces.push(Piece::Words(words));
        }
        Ok(Self(pieces))
    }

    /// The text with the values of `notice`. It may contain the code, so it is a secret.
    #[must_use]
    pub fn render(&self, notice: &Notice) -> Secret {
        // Has the full capacity from the start, because a growing buffer leaves copies behind.
        let room = self.0.iter().map(Piece::room).sum();
        let mut text = Zeroizing::new(String::with_capacity(room));
        for piece in &self.0 {
            match piece {
                Piece::Words(words) => text.push_str(words),
                Piece::Value(value) => value.write(notice, &mut text),
            }
        }
        Secret::new(std::mem::take(&mut *text))
    }

    fn holds(&self, value: Value) -> bool {
        self.0.contains(&Piece::Value(value))
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Words(words) => Some(words.as_str()),
            Piece::Value(_) => None,
        })
    }
}

fn is_twice(two: &str) -> bool {
    two == "{{" || two == "}}"
}

/// The placeholder at the beginning of `text`, and the rest.
fn placeholder(text: &str) -> Result<(Value, &str), TemplateError> {
    let inside = text.strip_prefix('{').ok_or(TemplateError::Brace)?;
    let (name, after) = inside.split_once('}').ok_or(TemplateError::Brace)?;
    let known = VALUES.iter().find(|(known, _)| *known == name);
    match known {
        Some((_, value)) => Ok((*value, after)),
        None => Err(TemplateError::Unknown(
            clean(name).chars().take(40).collect(),
        )),
    }
}

impl Piece {
    /// The most bytes when rendered.
    fn room(&self) -> usize {
        match self {
            Self::Words(words) => words.len(),
            Self::Value(_) => LONGEST_VALUE * 4,
        }
    }
}

impl Value {
    fn write(self, notice: &Notice, text: &mut String) {
        match self {
            Self::Code => push_value(text, notice.code.expose()),
            Self::Host => push_value(text, &notice.host),
            Self::Service => push_value(text, &notice.service),
            Self::Address => {
                push_value(text, notice.address.as_deref().unwrap_or("the host itself"))
            }
            Self::Time => push_value(text, &notice.at),
            Self::Minutes => text.push_str(&notice.minutes.to_string()),
        }
    }
}

fn push_value(text: &mut String, value: &str) {
    let clean = Zeroizing::new(clean(value));
    text.extend(clean.chars().take(LONGEST_VALUE));
}

impl Templates {
    /// Checks subject and text.
    ///
    /// # Errors
    ///
    /// [`TemplateError`]: a text without the code, a subject of several lines.
    pub fn new(subject: Template, text: Template) -> Result<Self, TemplateError> {
        if !text.holds(Value::Code) {
            return Err(TemplateError::NoCode);
        }
        if subject.words().map(str::len).sum::<usize>() > LONGEST_SUBJECT {
            return Err(TemplateError::Long(LONGEST_SUBJECT));
        }
        let is_line = |words: &str| !words.contains(char::is_control);
        let is_text =
            |words: &str| !words.contains(|c: char| c.is_control() && !"\n\r\t".contains(c));
        if !subject.words().all(is_line) || !text.words().all(is_text) {
            return Err(TemplateError::Control);
        }
        Ok(Self {
            subject: ByPurpose::same(subject),
            text: ByPurpose::same(text),
        })
    }

    /// For a text message, which has no subject.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn text_only(text: Template) -> Result<Self, TemplateError> {
        Self::new(Template(Vec::new()), text)
    }

    /// The default templates of emails.
    #[must_use]
    pub fn mail() -> Self {
        Self {
            subject: ByPurpose::shipped(SUBJECT, SUBJECT, TRIAL_SUBJECT),
            text: ByPurpose::shipped(MAIL, CONFIRMATION_MAIL, TRIAL_MAIL),
        }
    }

    /// The templates of emails, with the default for what is not set.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn mail_with(
        subject: Option<Template>,
        text: Option<Template>,
    ) -> Result<Self, TemplateError> {
        let shipped = Self::mail();
        let checked = Self::new(
            subject.clone().unwrap_or(shipped.subject.login),
            text.clone().unwrap_or(shipped.text.login),
        )?;
        let defaults = Self::mail();
        Ok(Self {
            subject: subject.map_or(defaults.subject, |_| checked.subject),
            text: text.map_or(defaults.text, |_| checked.text),
        })
    }

    /// The default template of text messages.
    #[must_use]
    pub fn text_message() -> Self {
        Self {
            subject: ByPurpose::same(Template(Vec::new())),
            text: ByPurpose::shipped(TEXT, TEXT, TRIAL_TEXT),
        }
    }

    /// The subject: one line. Mail servers log subjects and locked screens show them, so the
    /// default does not contain the code.
    #[must_use]
    pub fn subject(&self, notice: &Notice) -> Secret {
        self.subject.render(notice)
    }

    /// The text, with the code.
    #[must_use]
    pub fn text(&self, notice: &Notice) -> Secret {
        self.text.render(notice)
    }
}

/// Our own templates; the tests check that they are valid.
fn shipped(text: &str) -> Template {
    Template::parse(text).unwrap_or_else(|_| Template(vec![Piece::Value(Value::Code)]))
}

#[cfg(test)]
mod tests;
