//! What a message says: templates of the administrator, values of one login.
//!
//! A template is taken apart once, when the settings are read; a placeholder that does not exist is
//! refused there. Rendering puts the values between the pieces and never looks into them, so a host name
//! `{code}` stays what it is. Values may come from afar (the name of a remote host): characters that end a
//! line, move a cursor or turn the direction of writing become spaces, and long values are cut, so that
//! no value can add a header, a line or a link of its own making below the text.

use mfa_protocol::Secret;
use zeroize::Zeroizing;

use super::error::clean;

const LONGEST_TEXT: usize = 4096;
const LONGEST_SUBJECT: usize = 200;
/// Characters of a value; names are 256 bytes at most anyway.
const LONGEST_VALUE: usize = 256;

const SUBJECT: &str = "Your code for {host}";
const MAIL: &str = "\
{code} is your code for {service} on {host}.

It is valid for {minutes} minutes. Somebody asked for it on {time} from {address}.
If that was not you, somebody knows your password: change it, and tell your administrator.
";
const TEXT: &str = "{code} is your code for {service} on {host}, valid for {minutes} minutes.";

/// What a message tells: the code, and for which login it is.
#[derive(Clone, Debug)]
pub struct Notice {
    pub code: Secret,
    /// The host that is logged in to.
    pub host: String,
    /// The service, such as `sshd`.
    pub service: String,
    /// Where the login comes from, if over a network.
    pub address: Option<String>,
    /// When the login began, as the reader shall see it.
    pub at: String,
    /// How long the code is valid.
    pub minutes: u32,
}

/// A text with places for the values of a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

/// Subject and text of a mail, or the text of a text message alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Templates {
    subject: Template,
    text: Template,
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

/// A template that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A placeholder that nothing stands for.
    #[error(
        "{{{0}}} is no placeholder; there are {{code}} {{host}} {{service}} {{address}} {{time}} \
         {{minutes}}, and a brace itself is written twice"
    )]
    Unknown(String),
    /// A brace alone.
    #[error("a brace stands alone in the template; write it twice if you mean a brace")]
    Brace,
    /// Longer than it may be.
    #[error("the template is too long: at most {0} bytes")]
    Long(usize),
    /// A text that does not tell the code.
    #[error("the text has no {{code}}, so nobody could log in with it")]
    NoCode,
    /// Line breaks and the like in a subject, or control characters in a text.
    #[error(
        "the template holds control characters; a subject is one line, a text has line breaks at most"
    )]
    Control,
}

impl Template {
    /// Takes a template apart. `{{` and `}}` stand for braces.
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

    /// The text with the values of `notice`. It may hold the code, so it is a secret.
    #[must_use]
    pub fn render(&self, notice: &Notice) -> Secret {
        // Room for all of it from the start: a buffer that grows leaves copies behind.
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

/// The placeholder that `text` begins with, and what follows it.
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
    /// Bytes that it takes at most when rendered.
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
    /// Checks that the two fit for a message.
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
        Ok(Self { subject, text })
    }

    /// For a text message, which has no subject.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn text_only(text: Template) -> Result<Self, TemplateError> {
        Self::new(Template(Vec::new()), text)
    }

    /// What mails say unless it is set otherwise.
    #[must_use]
    pub fn mail() -> Self {
        Self {
            subject: shipped(SUBJECT),
            text: shipped(MAIL),
        }
    }

    /// What mails say when subject or text are set, or neither.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn mail_with(
        subject: Option<Template>,
        text: Option<Template>,
    ) -> Result<Self, TemplateError> {
        let shipped = Self::mail();
        Self::new(
            subject.unwrap_or(shipped.subject),
            text.unwrap_or(shipped.text),
        )
    }

    /// What text messages say unless it is set otherwise.
    #[must_use]
    pub fn text_message() -> Self {
        Self {
            subject: Template(Vec::new()),
            text: shipped(TEXT),
        }
    }

    /// The subject: one line. It holds the code where the administrator wants it so; mail servers log
    /// subjects, and locked screens show them, so ours does not.
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

/// Our own templates; the tests see that none of them is refused.
fn shipped(text: &str) -> Template {
    Template::parse(text).unwrap_or_else(|_| Template(vec![Piece::Value(Value::Code)]))
}

#[cfg(test)]
mod tests;
