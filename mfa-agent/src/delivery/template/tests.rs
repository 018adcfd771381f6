use proptest::prelude::*;

use super::*;

fn notice() -> Notice {
    Notice {
        purpose: MessagePurpose::Login,
        code: Secret::from("483920"),
        host: "web1".to_owned(),
        service: "sshd".to_owned(),
        address: Some("192.0.2.7".to_owned()),
        at: "2026-03-01 10:00 UTC".to_owned(),
        minutes: 5,
    }
}

fn rendered(text: &str) -> String {
    let template = Template::parse(text).unwrap();
    template.render(&notice()).expose().to_owned()
}

#[test]
fn every_placeholder_has_its_value() {
    assert_eq!(
        rendered("{code} {host} {service} {address} {time} {minutes}"),
        "483920 web1 sshd 192.0.2.7 2026-03-01 10:00 UTC 5"
    );
    assert_eq!(rendered("{{code}} }}{code}{{"), "{code} }483920{");
}

#[test]
fn a_login_at_the_host_itself_has_no_address() {
    let mut notice = notice();
    notice.address = None;
    let template = Template::parse("from {address}").unwrap();
    assert_eq!(template.render(&notice).expose(), "from the host itself");
}

#[test]
fn an_unknown_placeholder_is_named() {
    let error = Template::parse("{code} {pin}").unwrap_err();
    assert_eq!(error, TemplateError::Unknown("pin".to_owned()));
    assert!(
        error.to_string().starts_with("{pin} is not a placeholder"),
        "{error}"
    );
    for text in ["{code", "code}", "{", "}", "{{}", "{ä"] {
        assert_eq!(Template::parse(text), Err(TemplateError::Brace), "{text}");
    }
}

#[test]
fn default_templates_are_valid() {
    for (subject, text) in [(SUBJECT, MAIL), (SUBJECT, CONFIRMATION_MAIL), ("", TEXT)] {
        let (subject, text) = (
            Template::parse(subject).unwrap(),
            Template::parse(text).unwrap(),
        );
        Templates::new(subject, text).unwrap();
    }
    assert_eq!(
        Templates::mail().subject(&notice()).expose(),
        "Your code for web1"
    );
    assert!(
        Templates::mail()
            .text(&notice())
            .expose()
            .contains("483920 is your code for sshd on web1")
    );
    assert!(
        Templates::text_message().text(&notice()).expose().len() <= 160,
        "one text message"
    );
}

#[test]
fn only_the_code_of_a_login_warns_that_the_password_may_be_known() {
    let mail = |purpose| {
        let notice = Notice {
            purpose,
            ..notice()
        };
        let templates = Templates::mail();
        let subject = templates.subject(&notice).expose().to_owned();
        (subject, templates.text(&notice).expose().to_owned())
    };
    let warning = "another person knows your password";
    assert!(mail(MessagePurpose::Login).1.contains(warning));
    let (subject, text) = mail(MessagePurpose::Confirmation);
    assert_eq!(subject, "Your code for web1");
    assert!(text.starts_with("483920 is your code for setting up this address on web1."));
    assert!(!text.contains("password"), "{text}");
    let (subject, text) = mail(MessagePurpose::Trial);
    assert_eq!(subject, "Test message from web1");
    assert!(
        text.starts_with("This is a test") && !text.contains("483920"),
        "{text}"
    );
    assert!(
        !text.contains("password") && text.contains("no code to type"),
        "{text}"
    );
    let trial = Notice {
        purpose: MessagePurpose::Trial,
        ..notice()
    };
    let short = Templates::text_message().text(&trial);
    assert!(short.expose().ends_with("There is no code to type."));
}

#[test]
fn a_template_of_the_settings_is_used_for_every_purpose() {
    let trial = Notice {
        purpose: MessagePurpose::Trial,
        ..notice()
    };
    let own = Template::parse("{code} by us").unwrap();
    let templates = Templates::mail_with(None, Some(own)).unwrap();
    assert_eq!(templates.text(&trial).expose(), "483920 by us");
    assert_eq!(templates.subject(&trial).expose(), "Test message from web1");
}

#[test]
fn texts_without_the_code_and_subjects_of_several_lines_are_refused() {
    let template = |text: &str| Template::parse(text).unwrap();
    let new = |subject: &str, text: &str| Templates::new(template(subject), template(text)).err();
    assert_eq!(new("a", "b"), Some(TemplateError::NoCode));
    assert_eq!(new("a\r\nBcc: b", "{code}"), Some(TemplateError::Control));
    assert_eq!(new("a", "{code}\x1b"), Some(TemplateError::Control));
    assert_eq!(
        new(&"a".repeat(201), "{code}"),
        Some(TemplateError::Long(200))
    );
    assert_eq!(new("a", "{code}\n\tb"), None);
}

#[test]
fn values_are_never_interpreted_and_add_no_lines() {
    let mut notice = notice();
    notice.host = "{code}\r\nBcc: eve@example.com\u{2028}\u{202e}".to_owned();
    let templates = Templates::new(
        Template::parse("Code for {host}").unwrap(),
        Template::parse("{code} {host}").unwrap(),
    )
    .unwrap();
    let subject = templates.subject(&notice);
    assert_eq!(subject.expose(), "Code for {code}  Bcc: eve@example.com  ");
    assert_eq!(templates.text(&notice).expose().lines().count(), 1);
}

proptest! {
    #[test]
    fn any_text_is_taken_apart_or_refused(text: String) {
        if let Ok(template) = Template::parse(&text) {
            let _ = template.render(&notice());
        }
    }

    #[test]
    fn a_text_without_braces_comes_out_as_it_went_in(text in "[^{}]{0,200}") {
        prop_assert_eq!(rendered(&text), text);
    }

    #[test]
    fn a_rendered_subject_is_one_line_whatever_the_values(host: String, service: String, address: Option<String>, at: String) {
        let notice = Notice { host, service, address, at, ..notice() };
        let templates = Templates::new(
            Template::parse("{host} {service} {address} {time} {minutes}").unwrap(),
            Template::parse("{code}").unwrap(),
        ).unwrap();
        prop_assert!(!templates.subject(&notice).expose().contains(char::is_control));
    }

    #[test]
    fn rendering_never_outgrows_the_room_that_was_reserved(host in "\\PC{0,400}", text in "([a-z ]{0,5}\\{(host|code|time)\\}){0,20}") {
        let notice = Notice { host, ..notice() };
        let template = Template::parse(&text).unwrap();
        let room: usize = template.0.iter().map(Piece::room).sum();
        prop_assert!(template.render(&notice).expose().len() <= room);
    }
}
