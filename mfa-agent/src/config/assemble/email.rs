//! `[delivery.email]`: there is a way to send mail, or none, but not half of one.

use crate::config::keys::{self, Part};
use crate::config::settings::{Email, EmailRoute};
use crate::config::values::Findings;
use crate::delivery::{Security, Templates};
use mfa_core::policy::Place;

const SUBMISSION: u16 = 587;
/// RFC 8314, 3.3: submission over TLS from the first byte.
const SUBMISSIONS: u16 = 465;

const NO_ROUTE: &str = "no server or program sends the mails; expected server = \
                        \"mail.example.org\" or sendmail = \"/usr/sbin/sendmail\" in \
                        [delivery.email], or none of its keys";
const NO_FROM: &str = "[delivery.email] has no from; expected the sender address, such as from = \
                       \"mfa@example.org\"";
const NOT_WITH_SENDMAIL: &str =
    "has no effect with sendmail; expected it with server only, so remove it";

/// Keys that apply to a server only.
const OF_SERVER: [&str; 5] = ["port", "security", "user", "password_file", "ca_file"];

/// The channel; none without a key.
pub(super) fn email(mut part: Part<'_, keys::Email>, findings: &mut Findings) -> Option<Email> {
    let keys = ["server", "sendmail"].into_iter().chain(OF_SERVER);
    let mut keys = keys.chain(["from", "address", "address_from", "subject", "text"]);
    let place = keys.find_map(|key| part.place(key))?;
    let from = findings.demand(part.keys.from.take(), place, NO_FROM);
    let templates = templates(&mut part, findings);
    let (address, address_from) = (part.keys.address.take(), part.keys.address_from);
    if let (Some(_), Some(_), Some(place)) = (&address, address_from, part.place("address")) {
        let message = format!(
            "address_from is set, and so is address at {place}; expected one of the two: remove one"
        );
        part.problem(findings, "address_from", message);
        return None;
    }
    let active = part.keys.active;
    let route = route(part, place, findings);
    Some(Email {
        active,
        from: from?,
        route: route?,
        address,
        address_from,
        templates: templates?,
    })
}

fn templates(part: &mut Part<'_, keys::Email>, findings: &mut Findings) -> Option<Templates> {
    let place = part.place("text").or(part.place("subject"));
    let templates = Templates::mail_with(part.keys.subject.take(), part.keys.text.take());
    match (templates, place) {
        (Ok(templates), _) => return Some(templates),
        (Err(error), Some(place)) => findings.problem(place, error.to_string()),
        (Err(_), None) => {}
    }
    None
}

fn route(
    mut part: Part<'_, keys::Email>,
    place: &Place,
    findings: &mut Findings,
) -> Option<EmailRoute> {
    match (part.keys.server.is_some(), part.keys.sendmail.take()) {
        (true, None) => smtp(part, findings),
        (false, Some(sendmail)) => {
            part.refuse(&OF_SERVER, NOT_WITH_SENDMAIL, findings);
            part.named("sendmail", Some(sendmail), findings)
                .map(EmailRoute::Sendmail)
        }
        (true, Some(_)) => {
            let server = part.place("server")?;
            let message = format!(
                "sendmail is set, and so is server at {server}; expected one of the two: remove one"
            );
            part.problem(findings, "sendmail", message);
            None
        }
        (false, None) => findings.demand(None, place, NO_ROUTE),
    }
}

fn smtp(mut part: Part<'_, keys::Email>, findings: &mut Findings) -> Option<EmailRoute> {
    let lonely = match (&part.keys.user, &part.keys.password_file) {
        (Some(_), None) => Some(("user", "password_file")),
        (None, Some(_)) => Some(("password_file", "user")),
        _ => None,
    };
    if let Some((key, other)) = lonely {
        let message = format!("{key} is set without {other}; expected both or neither");
        part.problem(findings, key, message);
    }
    let security = part.keys.security.unwrap_or(Security::StartTls);
    let usual_port = match security {
        Security::StartTls => SUBMISSION,
        Security::Tls => SUBMISSIONS,
    };
    let password = part.keys.password_file.take();
    let password = part.named("password_file", password, findings);
    let ca_file = part.keys.ca_file.take();
    let roots = part.roots(ca_file, findings);
    Some(EmailRoute::Smtp {
        server: part.keys.server?,
        port: part.keys.port.unwrap_or(usual_port),
        security,
        login: part.keys.user.zip(password),
        roots,
    })
}
