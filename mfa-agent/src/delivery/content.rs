//! What a message says: a code, in the templates of its channel, or a notice in words of its own.

use mfa_protocol::Secret;

use super::error::clean;
use super::{Notice, Templates};

/// What a message says.
#[derive(Clone, Debug)]
pub enum Content {
    /// A code.
    Code(Notice),
    /// A text without a code.
    Words(Words),
}

/// A text without a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// The subject of an email: one line.
    pub subject: String,
    /// The text, in paragraphs.
    pub paragraphs: Vec<String>,
    /// The host that it is about.
    pub host: String,
}

impl Content {
    /// The code; none if the message has none.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Code(notice) => Some(notice.code.expose()),
            Self::Words(_) => None,
        }
    }

    /// The host that it is about.
    #[must_use]
    pub fn host(&self) -> &str {
        match self {
            Self::Code(notice) => &notice.host,
            Self::Words(words) => &words.host,
        }
    }

    /// The service that a code is for.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        match self {
            Self::Code(notice) => Some(&notice.service),
            Self::Words(_) => None,
        }
    }

    /// The subject of an email.
    #[must_use]
    pub fn subject(&self, templates: &Templates) -> Secret {
        match self {
            Self::Code(notice) => templates.subject(notice),
            Self::Words(words) => Secret::new(clean(&words.subject)),
        }
    }

    /// The text of an email.
    #[must_use]
    pub fn mail_text(&self, templates: &Templates) -> Secret {
        match self {
            Self::Code(notice) => templates.text(notice),
            Self::Words(words) => Secret::new(words.joined("\n\n") + "\n"),
        }
    }

    /// The text of a text message.
    #[must_use]
    pub fn short_text(&self, templates: &Templates) -> Secret {
        match self {
            Self::Code(notice) => templates.text(notice),
            Self::Words(words) => Secret::new(words.joined(" ")),
        }
    }
}

impl Words {
    /// The paragraphs. Their values may come from strangers, who can't add a line.
    fn joined(&self, between: &str) -> String {
        let paragraphs: Vec<String> = self.paragraphs.iter().map(|text| clean(text)).collect();
        paragraphs.join(between)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_lines_of_their_own_in_a_mail_and_one_line_in_a_text_message() {
        let content = Content::Words(Words {
            subject: "A\r\nBcc: eve@example.com".to_owned(),
            paragraphs: vec!["One\nof\u{202e} two.".to_owned(), "Two.".to_owned()],
            host: "web1".to_owned(),
        });
        let templates = Templates::mail();
        assert_eq!(
            content.subject(&templates).expose(),
            "A  Bcc: eve@example.com"
        );
        assert_eq!(
            content.mail_text(&templates).expose(),
            "One of  two.\n\nTwo.\n"
        );
        assert_eq!(content.short_text(&templates).expose(), "One of  two. Two.");
        assert_eq!((content.code(), content.service()), (None, None));
    }
}
