//! The email in the form of RFC 5322.

use data_encoding::HEXLOWER;
use lettre::message::Mailbox;
use lettre::message::header::{ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0};
use lettre::{Address, Message};
use zeroize::Zeroizing;

use crate::delivery::{Content, SendError, Templates};
use mfa_core::factors::address::EmailAddress;

/// The whole message, with network line ends. It is ASCII: other letters are encoded (RFC 2047, RFC
/// 2045), so that the server needs no extension.
pub(super) fn compose(
    from: &EmailAddress,
    to: &EmailAddress,
    templates: &Templates,
    content: &Content,
) -> Result<Zeroizing<Vec<u8>>, SendError> {
    let failed = |e: &dyn std::fmt::Display| {
        SendError::permanent(format!(
            "the email can't be written: {e}; check its templates"
        ))
    };
    let mailbox = |address: &EmailAddress| {
        let address = Address::new(address.user(), address.domain()).map_err(|e| failed(&e))?;
        Ok::<_, SendError>(Mailbox::new(None, address))
    };
    let message = Message::builder()
        .from(mailbox(from)?)
        .to(mailbox(to)?)
        .subject(content.subject(templates).expose())
        .message_id(Some(message_id(from)?))
        .header(MIME_VERSION_1_0)
        .header(ContentType::TEXT_PLAIN)
        .raw_header(automatic())
        .body(content.mail_text(templates).expose().to_owned())
        .map_err(|e| failed(&e))?;
    Ok(Zeroizing::new(message.formatted()))
}

/// RFC 3834, 5: asks for no automatic answers.
fn automatic() -> HeaderValue {
    let name = HeaderName::new_from_ascii_str("Auto-Submitted");
    HeaderValue::new(name, "auto-generated".to_owned())
}

fn message_id(from: &EmailAddress) -> Result<String, SendError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|e| SendError::temporary(format!("the kernel provides no random bytes: {e}")))?;
    let domain = from.domain();
    Ok(format!("<{}@{domain}>", HEXLOWER.encode(&random)))
}

pub(super) fn with_local_line_ends(message: &[u8]) -> Zeroizing<Vec<u8>> {
    let text = message.iter().copied().filter(|byte| *byte != b'\r');
    let mut local = Zeroizing::new(Vec::with_capacity(message.len()));
    local.extend(text);
    local
}

#[cfg(test)]
mod tests {
    use mfa_protocol::Secret;
    use proptest::prelude::*;

    use super::*;
    use crate::delivery::{MessagePurpose, Notice, Template};

    fn composed(subject: &str, text: &str, host: &str) -> String {
        let templates = Templates::new(
            Template::parse(subject).unwrap(),
            Template::parse(text).unwrap(),
        )
        .unwrap();
        let notice = Notice {
            purpose: MessagePurpose::Login,
            code: Secret::from("483920"),
            host: host.to_owned(),
            service: "sshd".to_owned(),
            address: None,
            at: "now".to_owned(),
            minutes: 5,
        };
        let (from, to) = (
            "mfa@example.org".parse().unwrap(),
            "anna@example.org".parse().unwrap(),
        );
        let message = compose(&from, &to, &templates, &Content::Code(notice)).unwrap();
        String::from_utf8(message.to_vec()).unwrap()
    }

    #[test]
    fn an_email_has_the_necessary_headers_and_its_text() {
        let mail = composed("Your code for {host}", "{code}\nfor {host}\n", "web1");
        let (head, body) = mail.split_once("\r\n\r\n").unwrap();
        for line in [
            "From: mfa@example.org",
            "To: anna@example.org",
            "Subject: Your code for web1",
            "Auto-Submitted: auto-generated",
            "Content-Type: text/plain; charset=utf-8",
            "MIME-Version: 1.0",
        ] {
            assert!(head.lines().any(|l| l == line), "{line} in {head}");
        }
        assert!(
            head.contains("\r\nDate: ") && head.contains("\r\nMessage-ID: <"),
            "{head}"
        );
        assert_eq!(body, "483920\r\nfor web1\r\n");
    }

    #[test]
    fn other_letters_are_encoded_and_the_email_stays_ascii() {
        let mail = composed("Schlüssel für {host}", "{code} für {host}", "übel");
        assert!(mail.is_ascii());
        assert!(mail.contains("Subject: =?utf-8?"), "{mail}");
    }

    #[test]
    fn a_host_name_adds_no_header() {
        let mail = composed(
            "for {host}",
            "{code}",
            "x\r\nBcc: eve@example.com\r\n\r\nhello",
        );
        let (head, _) = mail.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
    }

    proptest! {
        #[test]
        fn whatever_the_host_is_called_the_mail_has_the_same_headers(host: String) {
            let names = |mail: &str| -> Vec<String> {
                let (head, _) = mail.split_once("\r\n\r\n").unwrap();
                let lines = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
                lines.map(|line| line.split(':').next().unwrap().to_owned()).collect()
            };
            let mail = composed("for {host}", "{code}", &host);
            prop_assert!(mail.is_ascii());
            prop_assert_eq!(names(&mail), names(&composed("for {host}", "{code}", "x")));
        }
    }
}
