//! Text messages to servers and to a program.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use mfa_agent::delivery::{
    Authentication, Command, Delivery, DeliveryLimits, DeliveryQueue, Template, Templates,
    TextRoute, Texter, Vonage, Webhook,
};
use mfa_core::factors::address::Recipient;
use mfa_protocol::Secret;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::email::by_sendmail;
use crate::server::{Certificates, Server};
use crate::{
    LONG, PASSWORD, SHORT, anna, assert_permanent, assert_sent, assert_temporary, job, phone,
    script, send,
};

const TEXT: &str = "483920 is your code for sshd on web1, valid for 5 minutes.";

struct Provider {
    certificates: Certificates,
    server: Server,
}

fn texter(route: TextRoute) -> Texter {
    Texter {
        templates: Templates::text_message(),
        route,
    }
}

impl Provider {
    fn new(name: &str) -> Self {
        let certificates = Certificates::new();
        let server = Server::start("https.py", &certificates, name, &[]);
        Self {
            certificates,
            server,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}/{path}", self.server.port)
    }

    fn webhook(&self, path: &str, authentication: Authentication) -> Texter {
        texter(TextRoute::Webhook(Webhook {
            url: self.url(path).parse().unwrap(),
            authentication,
            trust: self.certificates.trust(),
        }))
    }

    fn bearer(&self, path: &str) -> Texter {
        self.webhook(path, Authentication::Bearer(Secret::from(PASSWORD)))
    }

    fn vonage(&self, path: &str) -> Texter {
        texter(TextRoute::Vonage(Vonage {
            endpoint: self.url(path).parse().unwrap(),
            key: Secret::from("abcd1234"),
            secret: Secret::from(PASSWORD),
            from: "Example & Co".to_owned(),
            trust: self.certificates.trust(),
        }))
    }
}

#[test]
fn a_webhook_gets_the_documented_object_with_a_token() {
    let mut provider = Provider::new("localhost");
    send(&provider.bearer("status/202"), &phone(), LONG).unwrap();
    let request = provider.server.event();
    assert_eq!(request["headers"]["authorization"], "Bearer hunter2");
    assert_eq!(request["headers"]["content-type"], "application/json");
    let body: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
    assert_eq!(
        body,
        json!({"to": "+491701234542", "text": TEXT, "code": "483920", "host": "web1", "service": "sshd"})
    );
}

#[test]
fn a_webhook_gets_a_signature_over_the_bytes_of_the_body() {
    let mut provider = Provider::new("localhost");
    let key = Authentication::Hmac(Secret::from(PASSWORD));
    send(&provider.webhook("status/200", key), &phone(), LONG).unwrap();
    let request = provider.server.event();
    let mut mac = Hmac::<Sha256>::new_from_slice(PASSWORD.as_bytes()).unwrap();
    mac.update(request["body"].as_str().unwrap().as_bytes());
    let expected = format!("sha256={}", HEXLOWER.encode(&mac.finalize().into_bytes()));
    assert_eq!(request["headers"]["x-signature"], expected);
    assert_eq!(request["headers"]["authorization"], Value::Null);
}

#[test]
fn a_webhooks_status_decides_whether_to_try_again_and_no_error_repeats_a_secret() {
    let provider = Provider::new("localhost");
    for status in [408, 425, 429, 500, 503] {
        let result = send(
            &provider.bearer(&format!("status/{status}")),
            &phone(),
            LONG,
        );
        assert_temporary(result, &format!("status {status}"));
    }
    for status in [400, 401, 403, 404, 410, 422] {
        let result = send(
            &provider.bearer(&format!("status/{status}")),
            &phone(),
            LONG,
        );
        assert_permanent(result, &format!("status {status}"));
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let provider = Provider::new("localhost");
    for status in [301, 302, 303, 307, 308] {
        let result = send(
            &provider.bearer(&format!("redirect/{status}")),
            &phone(),
            LONG,
        );
        assert_permanent(result, "redirects elsewhere");
    }
    let paths: Vec<Value> = provider
        .server
        .end()
        .iter()
        .map(|r| r["path"].clone())
        .collect();
    assert_eq!(paths.len(), 5);
    assert!(!paths.contains(&json!("/status/200")), "{paths:?}");
}

#[test]
fn a_certificate_for_another_name_or_without_authority_is_refused() {
    for name in ["other.example", "stranger"] {
        let provider = Provider::new(name);
        assert_permanent(
            send(&provider.bearer("status/200"), &phone(), LONG),
            "is not valid",
        );
        assert_permanent(
            send(&provider.vonage("vonage/0"), &phone(), LONG),
            "is not valid",
        );
        assert_eq!(provider.server.end().len(), 0);
    }
}

#[test]
fn answers_without_end_and_slow_servers_are_left() {
    let provider = Provider::new("localhost");
    assert_temporary(
        send(&provider.bearer("endless"), &phone(), LONG),
        "sent an answer that is too long",
    );
    assert_temporary(
        send(&provider.bearer("dribble"), &phone(), SHORT),
        "in time",
    );
    assert_temporary(send(&provider.bearer("hang"), &phone(), SHORT), "in time");
    let texter = provider.bearer("status/200");
    provider.server.end();
    assert_temporary(send(&texter, &phone(), LONG), "can't be reached");
}

#[test]
fn vonage_gets_the_documented_form() {
    let mut provider = Provider::new("localhost");
    send(&provider.vonage("vonage/0"), &phone(), LONG).unwrap();
    let request = provider.server.event();
    assert_eq!(
        request["headers"]["content-type"],
        "application/x-www-form-urlencoded"
    );
    assert_eq!(
        request["body"],
        "api_key=abcd1234&api_secret=hunter2&from=Example+%26+Co&to=491701234542\
         &text=483920+is+your+code+for+sshd+on+web1%2C+valid+for+5+minutes.&type=text"
    );
}

#[test]
fn a_text_with_other_letters_goes_to_vonage_as_unicode() {
    let mut provider = Provider::new("localhost");
    let mut texter = provider.vonage("vonage/0");
    texter.templates = Templates::text_only(Template::parse("{code} für {host}").unwrap()).unwrap();
    send(&texter, &phone(), LONG).unwrap();
    let request = provider.server.event();
    let body = request["body"].as_str().unwrap();
    assert!(
        body.ends_with("&text=483920+f%C3%BCr+web1&type=unicode"),
        "{body}"
    );
}

#[test]
fn vonages_errors_are_temporary_or_permanent() {
    let provider = Provider::new("localhost");
    assert_temporary(
        send(&provider.vonage("vonage/1"), &phone(), LONG),
        "status 1",
    );
    assert_permanent(
        send(&provider.vonage("vonage/4"), &phone(), LONG),
        "key or secret is wrong",
    );
    assert_permanent(
        send(&provider.vonage("vonage/9"), &phone(), LONG),
        "top it up",
    );
    // Another kind of answer is no success, even with status 200.
    assert_temporary(
        send(&provider.vonage("status/200"), &phone(), LONG),
        "check the endpoint",
    );
}

#[test]
fn a_throttled_message_is_sent_later() {
    let provider = Provider::new("localhost");
    let courier = DeliveryQueue::new(DeliveryLimits::default());
    courier.set_texts(Some(Arc::new(provider.vonage("vonage/1-then-0"))));
    let ticket = courier
        .submit(job("anna", Recipient::Phone(phone()), LONG))
        .unwrap();
    assert_sent(ticket.wait_for_end(LONG));
    assert_eq!(provider.server.end().len(), 2);
}

#[test]
fn a_provider_that_hangs_for_one_user_does_not_delay_other_users() {
    let folder = tempfile::tempdir().unwrap();
    // Hangs for one number, as a provider might for one network.
    let command = command(&folder, "grep -q 1234542 && sleep 600; exit 0");
    let courier = DeliveryQueue::new(DeliveryLimits::default());
    courier.set_texts(Some(Arc::new(command)));
    let submit = |user: &str, to: &str, time: Duration| {
        let to = Recipient::Phone(to.to_owned().try_into().unwrap());
        courier.submit(job(user, to, time)).unwrap()
    };
    let mut hanging: Vec<_> = (0..3)
        .map(|_| submit("anna", "+491701234542", SHORT * 3))
        .collect();
    for n in 0..20 {
        assert_sent(submit(&format!("user{n}"), "+491701111111", LONG).wait_for_end(LONG));
    }
    let last = hanging.pop().unwrap();
    assert!(matches!(last.wait_for_end(LONG), Delivery::Failed(_)));
}

#[test]
fn a_provider_that_hangs_for_everybody_delays_no_email() {
    let folder = tempfile::tempdir().unwrap();
    let sendmail = folder.path().join("sendmail");
    script(&sendmail, "exec cat > /dev/null");
    let mut provider = Provider::new("localhost");
    let courier = DeliveryQueue::new(DeliveryLimits::default());
    courier.set_texts(Some(Arc::new(provider.bearer("hang"))));
    courier.set_email(Some(Arc::new(by_sendmail(&sendmail))));
    let text = |n: usize| job(&format!("user{n}"), Recipient::Phone(phone()), LONG);
    let texts: Vec<_> = (0..8).map(|n| courier.submit(text(n)).unwrap()).collect();
    for _ in 0..DeliveryLimits::default().threads {
        provider.server.event();
    }
    let mail = courier
        .submit(job("user0", Recipient::Email(anna()), LONG))
        .unwrap();
    assert_sent(mail.wait_for_end(LONG));
    assert_eq!(texts[7].wait(Duration::ZERO), Delivery::Pending);
}

fn command(folder: &tempfile::TempDir, text: &str) -> Texter {
    let path: PathBuf = folder.path().join("send");
    script(&path, text);
    texter(TextRoute::Command(Command {
        path: path.to_str().unwrap().parse().unwrap(),
    }))
}

#[test]
fn a_command_gets_the_object_of_a_webhook_and_its_status_counts() {
    let folder = tempfile::tempdir().unwrap();
    send(
        &command(
            &folder,
            "cat > \"${0%/*}/input\"; echo $# > \"${0%/*}/count\"",
        ),
        &phone(),
        LONG,
    )
    .unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let input: Value = serde_json::from_str(&read("input")).unwrap();
    assert_eq!(
        input,
        json!({"to": "+491701234542", "text": TEXT, "code": "483920", "host": "web1", "service": "sshd"})
    );
    assert_eq!(read("count"), "0\n");
    let busy = command(&folder, "cat; exit 75");
    assert_temporary(send(&busy, &phone(), LONG), "try again later; it printed: ");
    let failing = command(&folder, "cat; exit 1");
    assert_permanent(
        send(&failing, &phone(), LONG),
        "failed with status 1; it printed: ",
    );
    let hanging = command(&folder, "sleep 600");
    assert_temporary(send(&hanging, &phone(), SHORT), "took too long");
}
