//! Reads the files that the settings name, and continues after an error, so that all errors are
//! reported at once.

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use mfa_protocol::Secret;
use mfa_radius::{Client, Server, Settings as ClientSettings, SharedSecret};
use zeroize::Zeroizing;

use super::{Complaint, Inspection, Providers};
use crate::config::{Email, EmailRoute, Radius, Settings, Sms, SmsRoute, WebhookSecret};
use crate::delivery::{
    Authentication, Command, Credentials, MailRoute, Mailer, ProgramPath, Roots, SecretError,
    Sendmail, Smtp, TextRoute, Texter, Trust, Vonage, Webhook, read_secret,
};
use crate::host_name;
use crate::trusted_path::TrustError;

const SHORT_SECRET: &str = "it is shorter than the 16 characters that RFC 2865 recommends, so an \
                            attacker who records one exchange may guess it; use a longer one on \
                            both sides";

/// The providers so far, and the problems found.
pub(super) struct Loader<'a> {
    settings: &'a Settings,
    found: Inspection,
}

impl<'a> Loader<'a> {
    /// Providers that can't be used are left out; then there are errors.
    pub(super) fn run(settings: &'a Settings) -> (Providers, Inspection) {
        let mut loader = Self {
            settings,
            found: Inspection::default(),
        };
        let delivery = &settings.delivery;
        let email = delivery.email.as_ref().filter(|email| email.active);
        let sms = delivery.sms.as_ref().filter(|sms| sms.active);
        let mut providers = Providers::default();
        if let Some(mailer) = email.and_then(|email| loader.mailer(email)) {
            providers.email = Some(Arc::new(mailer));
        }
        if let Some(texter) = sms.and_then(|sms| loader.texter(sms)) {
            providers.texts = Some(Arc::new(texter));
        }
        providers.radius = loader.clients();
        (providers, loader.found)
    }

    fn mailer(&mut self, email: &Email) -> Option<Mailer> {
        let route = match &email.route {
            EmailRoute::Sendmail(path) => {
                self.program("[delivery.email] sendmail", path);
                MailRoute::Sendmail(Sendmail { path: path.clone() })
            }
            EmailRoute::Smtp {
                server,
                port,
                security,
                login,
                roots,
            } => {
                let credentials = match login {
                    Some((user, file)) => self.credentials(user, file).map(Some),
                    None => Some(None),
                };
                let trust = self.trust("[delivery.email] ca_file", roots);
                MailRoute::Smtp(Smtp {
                    host: server.clone(),
                    port: *port,
                    security: *security,
                    credentials: credentials?,
                    trust: trust?,
                })
            }
        };
        Some(Mailer {
            from: email.from.clone(),
            templates: email.templates.clone(),
            route,
        })
    }

    fn credentials(&mut self, user: &str, file: &Path) -> Option<Credentials> {
        let password = self.secret("[delivery.email] password_file", file)?;
        let user = user.to_owned();
        Some(Credentials { user, password })
    }

    fn texter(&mut self, sms: &Sms) -> Option<Texter> {
        let route = match &sms.route {
            SmsRoute::Vonage {
                key,
                secret,
                from,
                endpoint,
                roots,
            } => {
                let secret = self.secret("[delivery.sms] secret_file", secret);
                let trust = self.trust("[delivery.sms] ca_file", roots);
                TextRoute::Vonage(Vonage {
                    endpoint: endpoint.clone(),
                    key: Secret::from(key.as_str()),
                    secret: secret?,
                    from: from.clone(),
                    trust: trust?,
                })
            }
            SmsRoute::Webhook {
                url,
                authentication,
                roots,
            } => {
                let authentication = self.authentication(authentication);
                let trust = self.trust("[delivery.sms] ca_file", roots);
                TextRoute::Webhook(Webhook {
                    url: url.clone(),
                    authentication: authentication?,
                    trust: trust?,
                })
            }
            SmsRoute::Command(path) => {
                self.program("[delivery.sms] command", path);
                TextRoute::Command(Command { path: path.clone() })
            }
        };
        let templates = sms.templates.clone();
        Some(Texter { templates, route })
    }

    fn authentication(&mut self, secret: &WebhookSecret) -> Option<Authentication> {
        match secret {
            WebhookSecret::Bearer(file) => {
                let token = self.secret("[delivery.sms] token_file", file);
                token.map(Authentication::Bearer)
            }
            WebhookSecret::Hmac(file) => {
                let key = self.secret("[delivery.sms] hmac_key_file", file);
                key.map(Authentication::Hmac)
            }
        }
    }

    fn clients(&mut self) -> BTreeMap<String, Arc<Client>> {
        let mut clients = BTreeMap::new();
        for radius in &self.settings.radius {
            if let Some(client) = self.client(radius) {
                clients.insert(radius.name.as_str().to_owned(), Arc::new(client));
            }
        }
        clients
    }

    fn client(&mut self, radius: &Radius) -> Option<Client> {
        let about = |key: &str| format!("[[radius]] {:?} {key}", radius.name.as_str());
        let key = about("secret_file");
        let secret = self.secret(&key, &radius.secret);
        let nas_identifier = match &radius.nas_identifier {
            Some(name) => Some(name.clone()),
            None => self.host_name(&about("nas_identifier")),
        };
        let secret = secret?;
        let mut servers = Vec::new();
        for address in &radius.servers {
            let bytes = Zeroizing::new(secret.expose().as_bytes().to_vec());
            let secret = self.usable(&key, SharedSecret::new(bytes))?;
            servers.push(Server {
                address: *address,
                secret,
                answers_status: radius.status_server,
            });
        }
        if servers.iter().any(|server| server.secret.is_short()) {
            self.warn(&key, SHORT_SECRET);
        }
        let settings = ClientSettings {
            nas_identifier: nas_identifier?,
            timeout: radius.timeout,
            dead_time: radius.dead_time,
        };
        self.usable(&about("servers"), Client::new(servers, settings))
    }

    fn host_name(&mut self, key: &str) -> Option<String> {
        let name = host_name::own();
        if name.is_none() {
            self.refuse(key, "is not set, and this host has no name; set it");
        }
        name
    }

    fn secret(&mut self, key: &str, file: &Path) -> Option<Secret> {
        let secret = read_secret(file);
        let is_doubtful = secret.as_ref().err().is_some_and(is_doubtful);
        let secret = self.usable(key, secret);
        if let (true, Some(last)) = (is_doubtful, self.found.errors.last_mut()) {
            last.is_doubtful = true;
        }
        secret
    }

    fn trust(&mut self, key: &str, roots: &Roots) -> Option<Trust> {
        self.usable(key, roots.load())
    }

    /// Only a warning: a missing program may be installed later, and until then only what needs it
    /// fails.
    fn program(&mut self, key: &str, path: &ProgramPath) {
        if let Err(error) = path.check() {
            self.warn(key, error);
        }
    }

    /// The value, or `None` after recording the error.
    fn usable<T, E: fmt::Display>(&mut self, key: &str, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(key, error);
                None
            }
        }
    }

    fn refuse(&mut self, key: &str, what: impl fmt::Display) {
        let complaint = self.complaint(key, what);
        self.found.errors.push(complaint);
    }

    fn warn(&mut self, key: &str, what: impl fmt::Display) {
        let complaint = self.complaint(key, what);
        self.found.warnings.push(complaint);
    }

    fn complaint(&self, key: &str, what: impl fmt::Display) -> Complaint {
        Complaint {
            place: self.settings.file_places.get(key).cloned(),
            message: format!("{key}: {what}"),
            is_doubtful: false,
        }
    }
}

/// Whether it may be right for the agent, and only looks wrong to another user or outside the
/// agent's unit.
fn is_doubtful(error: &SecretError) -> bool {
    match error {
        SecretError::Io { reason, .. } => reason.kind() == ErrorKind::PermissionDenied,
        SecretError::Owner { .. }
        | SecretError::Untrusted(TrustError::Owner { .. })
        | SecretError::NoCredential { .. } => true,
        SecretError::Exposed { .. }
        | SecretError::Untrusted(_)
        | SecretError::Malformed { .. }
        | SecretError::Name { .. } => false,
    }
}
