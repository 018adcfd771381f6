//! Emails to servers and to a program.

use std::path::Path;
use std::sync::Arc;

use mfa_agent::delivery::{
    Credentials, DeliveryLimits, DeliveryQueue, MailRoute, Mailer, Security, Sendmail, Smtp,
    Templates,
};
use mfa_core::factors::address::Recipient;
use mfa_protocol::Secret;

use crate::server::{Certificates, Server};
use crate::{
    LONG, PASSWORD, SHORT, anna, assert_permanent, assert_sent, assert_temporary, job, script, send,
};

struct Rig {
    server: Server,
    mailer: Mailer,
}

/// A server with the certificate of `name`, and a mailer that connects to it as localhost.
fn rig(name: &str, manners: &[&str]) -> Rig {
    let certificates = Certificates::new();
    let server = Server::start("smtp.py", &certificates, name, manners);
    let security = match manners.contains(&"tls") {
        true => Security::Tls,
        false => Security::StartTls,
    };
    let smtp = Smtp {
        host: "localhost".parse().unwrap(),
        port: server.port,
        security,
        credentials: None,
        trust: certificates.trust(),
    };
    Rig {
        server,
        mailer: mailer(MailRoute::Smtp(smtp)),
    }
}

fn mailer(route: MailRoute) -> Mailer {
    Mailer {
        from: "mfa@example.org".parse().unwrap(),
        templates: Templates::mail(),
        route,
    }
}

pub(crate) fn by_sendmail(program: &Path) -> Mailer {
    mailer(MailRoute::Sendmail(Sendmail {
        path: program.to_str().unwrap().parse().unwrap(),
    }))
}

impl Rig {
    fn with_password(mut self, password: &str) -> Self {
        let MailRoute::Smtp(smtp) = &mut self.mailer.route else {
            panic!("it speaks SMTP");
        };
        smtp.credentials = Some(Credentials {
            user: "mfa".to_owned(),
            password: Secret::from(password),
        });
        self
    }

    /// The message that the server accepted, if all commands from MAIL on were encrypted.
    fn message(&mut self) -> String {
        loop {
            let event = self.server.event();
            if let Some(message) = event["message"].as_str() {
                return message.to_owned();
            }
            let command = event["command"].as_str().unwrap();
            let is_early = command.starts_with("EHLO") || command == "STARTTLS";
            assert!(is_early || event["encrypted"] == true, "{event}");
        }
    }

    /// All commands that the server received.
    fn commands(self) -> Vec<String> {
        let events = self.server.end();
        events
            .iter()
            .map(|event| event["command"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[test]
fn an_email_is_sent_encrypted_after_starttls_and_with_implicit_tls() {
    for manners in [&[][..], &["tls"]] {
        let mut rig = rig("localhost", manners);
        send(&rig.mailer, &anna(), LONG).unwrap();
        let message = rig.message();
        assert!(
            message.contains("\nSubject: Your code for web1\n"),
            "{message}"
        );
        assert!(
            message.contains("\n\n483920 is your code for sshd on web1.\n"),
            "{message}"
        );
    }
}

#[test]
fn a_server_without_starttls_gets_nothing() {
    let rig = rig("localhost", &["plain", "auth"]).with_password(PASSWORD);
    assert_permanent(send(&rig.mailer, &anna(), LONG), "offers no STARTTLS");
    let commands = rig.commands();
    assert_eq!(commands.len(), 1, "{commands:?}");
    assert!(commands[0].starts_with("EHLO "), "{commands:?}");
}

#[test]
fn a_certificate_for_another_name_or_without_authority_is_refused() {
    for name in ["other.example", "stranger"] {
        for manners in [&["auth"][..], &["tls", "auth"]] {
            let rig = rig(name, manners).with_password(PASSWORD);
            assert_permanent(send(&rig.mailer, &anna(), LONG), "is not valid");
            let commands = rig.commands();
            let is_early = |command: &String| command.starts_with("EHLO") || command == "STARTTLS";
            assert!(commands.iter().all(is_early), "{commands:?}");
        }
    }
}

#[test]
fn unencrypted_data_after_starttls_ends_the_conversation() {
    let rig = rig("localhost", &["inject"]);
    assert_permanent(send(&rig.mailer, &anna(), LONG), "injected data");
}

#[test]
fn an_email_that_is_deferred_is_sent_later() {
    let rig = rig("localhost", &["busy"]);
    let courier = DeliveryQueue::new(DeliveryLimits::default());
    courier.set_email(Some(Arc::new(rig.mailer)));
    let ticket = courier
        .submit(job("anna", Recipient::Email(anna()), LONG))
        .unwrap();
    assert_sent(ticket.wait_for_end(LONG));
    let events = rig.server.end();
    let tries = events
        .iter()
        .filter(|event| event["command"] == "RCPT TO:<anna@example.org>");
    assert_eq!(tries.count(), 2);
}

#[test]
fn refusals_show_the_status_and_not_the_address() {
    let rig = rig("localhost", &["busy", "unknown"]);
    assert_temporary(
        send(&rig.mailer, &anna(), LONG),
        "refused RCPT: 451 4.7.1 greylisted",
    );
    assert_permanent(send(&rig.mailer, &anna(), LONG), "refused RCPT: 550 5.1.1");
}

#[test]
fn a_user_and_a_password_are_sent_with_either_mechanism() {
    for manner in ["auth", "login"] {
        let mut right = rig("localhost", &[manner]).with_password(PASSWORD);
        send(&right.mailer, &anna(), LONG).unwrap();
        assert!(right.message().contains("483920"));
        let without = rig("localhost", &[manner]);
        assert_permanent(
            send(&without.mailer, &anna(), LONG),
            "530 5.7.0 log in first",
        );
    }
    // The server repeats the password, which is wrong.
    let wrong = rig("localhost", &["tls", "auth"]).with_password("hunter2x");
    assert_permanent(
        send(&wrong.mailer, &anna(), LONG),
        "535 5.7.8 wrong password •••",
    );
    let none = rig("localhost", &[]).with_password(PASSWORD);
    assert_permanent(
        send(&none.mailer, &anna(), LONG),
        "neither AUTH PLAIN nor LOGIN",
    );
}

#[test]
fn a_server_that_hangs_or_sends_without_end_is_left() {
    let silent = rig("localhost", &["silent"]);
    assert_temporary(
        send(&silent.mailer, &anna(), SHORT),
        "did not answer in time",
    );
    let endless = rig("localhost", &["endless"]);
    assert_temporary(send(&endless.mailer, &anna(), LONG), "never ends");
    let gone = rig("localhost", &[]);
    gone.server.end();
    assert_temporary(send(&gone.mailer, &anna(), LONG), "can't be reached");
}

#[test]
fn sendmail_gets_the_email_with_local_line_ends_and_its_status_counts() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("sendmail");
    let mailer = by_sendmail(&program);
    script(
        &program,
        "cd \"${0%/*}\"; echo \"$@\" > arguments; cat > mail",
    );
    send(&mailer, &anna(), LONG).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(
        read("arguments"),
        "-i -f mfa@example.org -- anna@example.org\n"
    );
    let mail = read("mail");
    assert!(
        mail.contains("\n\n483920 is your code for sshd on web1.\n") && !mail.contains('\r'),
        "{mail}"
    );
    script(&program, "echo anna@example.org: queue full; exit 75");
    assert_temporary(send(&mailer, &anna(), LONG), "queue full");
    script(&program, "exit 67");
    assert_permanent(send(&mailer, &anna(), LONG), "status 67");
    script(&program, "sleep 600");
    assert_temporary(send(&mailer, &anna(), SHORT), "took too long");
}
