//! `[delivery.email]`, gathered from all files: there is a way to send mail, or none, but not half of one.

use std::path::PathBuf;

use super::located::{Diagnostics, Located, at, bare, keep, keep_parsed};
use crate::config::document;
use crate::config::error::Source;
use crate::config::settings::{self, EmailRoute};
use crate::delivery::{ProgramPath, Security, ServerHost, Template, Templates};
use mfa_core::factors::address::{AddressTemplate, EmailAddress};
use mfa_core::policy::Place;

const SUBMISSION: u16 = 587;
/// RFC 8314, 3.3: submission over TLS from the first byte.
const SUBMISSIONS: u16 = 465;

const NO_ROUTE: &str = "nobody is named who takes the mails; expected server = \"mail.example.org\" or \
     sendmail = \"/usr/sbin/sendmail\" in [delivery.email], or none of its keys";
const NO_FROM: &str = "[delivery.email] has no from; expected the address that mails are from, such as \
     from = \"mfa@example.org\"";
const NOT_WITH_SENDMAIL: &str =
    "has no meaning with sendmail; expected it beside server only, so take it out";

/// `[delivery.email]` in the making.
#[derive(Default)]
pub(super) struct Email {
    from: Located<EmailAddress>,
    server: Located<ServerHost>,
    sendmail: Located<ProgramPath>,
    /// 1 to 65,535.
    port: Located<u32>,
    security: Located<Security>,
    user: Located<String>,
    password_file: Located<PathBuf>,
    ca_file: Located<PathBuf>,
    address: Located<AddressTemplate>,
    subject: Located<Template>,
    text: Located<Template>,
}

impl Email {
    pub(super) fn add(&mut self, written: document::Email, source: &Source) {
        keep_parsed(&mut self.from, written.from, source);
        keep_parsed(&mut self.server, written.server, source);
        keep_parsed(&mut self.sendmail, written.sendmail, source);
        keep(&mut self.port, written.port, source, |port| port.0);
        keep_parsed(&mut self.security, written.security, source);
        keep(&mut self.user, written.user, source, |user| user.0.0);
        keep(
            &mut self.password_file,
            written.password_file,
            source,
            |file| file.0.0,
        );
        keep(&mut self.ca_file, written.ca_file, source, |file| file.0.0);
        keep_parsed(&mut self.address, written.address, source);
        keep(&mut self.subject, written.subject, source, |text| text.0.0);
        keep(&mut self.text, written.text, source, |text| text.0.0);
    }

    /// What holds in the end; what is wrong is noted.
    pub(super) fn finish(mut self, diagnostics: &mut Diagnostics) -> Option<settings::Email> {
        let place = self
            .keys()
            .into_iter()
            .find_map(|(_, place)| place)?
            .clone();
        let from = diagnostics.demand(self.from.take(), &place, NO_FROM);
        let templates = self.templates(diagnostics);
        let address = bare(self.address.take());
        let route = self.route(&place, diagnostics);
        Some(settings::Email {
            from: from?,
            route: route?,
            address,
            templates: templates?,
        })
    }

    /// Those that make a channel stand first.
    fn keys(&self) -> [(&'static str, Option<&Place>); 11] {
        [
            ("server", at(&self.server)),
            ("sendmail", at(&self.sendmail)),
            ("port", at(&self.port)),
            ("security", at(&self.security)),
            ("user", at(&self.user)),
            ("password_file", at(&self.password_file)),
            ("ca_file", at(&self.ca_file)),
            ("from", at(&self.from)),
            ("address", at(&self.address)),
            ("subject", at(&self.subject)),
            ("text", at(&self.text)),
        ]
    }

    fn templates(&mut self, diagnostics: &mut Diagnostics) -> Option<Templates> {
        let place = at(&self.text).or(at(&self.subject)).cloned();
        let [subject, text] = [self.subject.take(), self.text.take()].map(bare);
        let templates = Templates::mail_with(subject, text);
        match (templates, place) {
            (Ok(templates), _) => Some(templates),
            (Err(error), Some(place)) => {
                diagnostics.problem(&place, error.to_string());
                None
            }
            (Err(_), None) => None,
        }
    }

    fn route(self, place: &Place, diagnostics: &mut Diagnostics) -> Option<EmailRoute> {
        match (&self.server, &self.sendmail) {
            (Some(_), None) => self.smtp(diagnostics),
            (None, Some(_)) => {
                diagnostics.refuse(&self.keys()[2..7], NOT_WITH_SENDMAIL);
                diagnostics
                    .named("[delivery.email] sendmail", self.sendmail)
                    .map(EmailRoute::Sendmail)
            }
            (Some((server, _)), Some((sendmail, _))) => {
                let message = format!(
                    "sendmail stands beside the server at {server}; expected one of the two: take one out"
                );
                diagnostics.problem(sendmail, message);
                None
            }
            (None, None) => {
                diagnostics.problem(place, NO_ROUTE);
                None
            }
        }
    }

    fn smtp(self, diagnostics: &mut Diagnostics) -> Option<EmailRoute> {
        let lonely = match (&self.user, &self.password_file) {
            (Some((place, _)), None) => Some((place, "user", "password_file")),
            (None, Some((place, _))) => Some((place, "password_file", "user")),
            _ => None,
        };
        if let Some((place, key, other)) = lonely {
            diagnostics.problem(
                place,
                format!("{key} stands without {other}; expected both or neither"),
            );
        }
        let security = bare(self.security).unwrap_or(Security::StartTls);
        let usual_port = match security {
            Security::StartTls => SUBMISSION,
            Security::Tls => SUBMISSIONS,
        };
        let password = diagnostics.named("[delivery.email] password_file", self.password_file);
        Some(EmailRoute::Smtp {
            server: bare(self.server)?,
            port: bare(self.port).map_or(Some(usual_port), |port| port.try_into().ok())?,
            security,
            login: bare(self.user).zip(password),
            roots: diagnostics.roots("[delivery.email] ca_file", self.ca_file),
        })
    }
}
