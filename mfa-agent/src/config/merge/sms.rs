//! `[delivery.sms]`, gathered from all files: keys of the provider that is chosen, and of no other.

use std::path::PathBuf;

use super::located::{Diagnostics, Located, at, bare, keep, keep_parsed};
use crate::config::document;
use crate::config::error::Source;
use crate::config::settings::{self, SmsRoute, WebhookSecret};
use crate::config::words::ProviderName;
use crate::delivery::{HttpsUrl, ProgramPath, Template, Templates, Vonage};
use mfa_core::factors::address::Region;
use mfa_core::policy::Place;

const NO_PROVIDER: &str = "nobody is named who takes the text messages; expected provider = \"vonage\", \
     \"webhook\" or \"command\" in [delivery.sms], or none of its keys";
const NO_KEY: &str = "provider = \"vonage\" has no key; expected that of the account, key = \"…\"";
const NO_SECRET: &str = "provider = \"vonage\" has no secret_file; expected the file or the systemd \
     credential that holds the API secret";
const NO_SENDER: &str = "provider = \"vonage\" has no from; expected whom messages are from, a number or a \
     name that the country allows";
const NO_URL: &str = "provider = \"webhook\" has no url; expected where it is, such as \
     url = \"https://sms.example.org/send\"";
const NO_WEBHOOK_SECRET: &str =
    "provider = \"webhook\" has no secret; expected token_file or hmac_key_file";
const NO_COMMAND: &str = "provider = \"command\" has no command; expected the full path of a program, such as \
     command = \"/usr/local/sbin/send-sms\"";

/// `[delivery.sms]` in the making.
#[derive(Default)]
pub(super) struct Sms {
    provider: Located<ProviderName>,
    key: Located<String>,
    secret_file: Located<PathBuf>,
    from: Located<String>,
    endpoint: Located<HttpsUrl>,
    url: Located<HttpsUrl>,
    token_file: Located<PathBuf>,
    hmac_key_file: Located<PathBuf>,
    command: Located<ProgramPath>,
    ca_file: Located<PathBuf>,
    region: Located<Region>,
    text: Located<Template>,
}

impl Sms {
    pub(super) fn add(&mut self, written: document::Sms, source: &Source) {
        keep_parsed(&mut self.provider, written.provider, source);
        keep(&mut self.key, written.key, source, |key| key.0.0);
        keep(&mut self.from, written.from, source, |from| from.0.0);
        keep_parsed(&mut self.endpoint, written.endpoint, source);
        keep_parsed(&mut self.url, written.url, source);
        for (slot, written) in [
            (&mut self.secret_file, written.secret_file),
            (&mut self.token_file, written.token_file),
            (&mut self.hmac_key_file, written.hmac_key_file),
        ] {
            keep(slot, written, source, |file| file.0.0);
        }
        keep_parsed(&mut self.command, written.command, source);
        keep(&mut self.ca_file, written.ca_file, source, |file| file.0.0);
        keep_parsed(&mut self.region, written.region, source);
        keep(&mut self.text, written.text, source, |text| text.0.0);
    }

    /// What holds in the end; what is wrong is noted.
    pub(super) fn finish(mut self, diagnostics: &mut Diagnostics) -> Option<settings::Sms> {
        let Some((place, provider)) = self.provider.take() else {
            let common = [at(&self.region), at(&self.text)];
            let mut keys = self.keys().into_iter().map(|(_, place, _)| place);
            let place = keys.find_map(|place| place);
            if let Some(place) = place.or(common.into_iter().find_map(|place| place)) {
                diagnostics.problem(place, NO_PROVIDER);
            }
            return None;
        };
        self.refuse_strangers(provider, diagnostics);
        let region = bare(self.region.take());
        let templates = match bare(self.text.take()) {
            Some(text) => Templates::text_only(text).ok(),
            None => Some(Templates::text_message()),
        };
        let route = match provider {
            ProviderName::Vonage => self.vonage(&place, diagnostics),
            ProviderName::Webhook => self.webhook(&place, diagnostics),
            ProviderName::Command => self.command(&place, diagnostics),
        };
        Some(settings::Sms {
            route: route?,
            region,
            templates: templates?,
        })
    }

    /// The keys that not all providers have, and which do.
    fn keys(&self) -> [(&'static str, Option<&Place>, &'static [ProviderName]); 9] {
        use ProviderName::{Command, Vonage, Webhook};
        [
            ("key", at(&self.key), &[Vonage]),
            ("secret_file", at(&self.secret_file), &[Vonage]),
            ("from", at(&self.from), &[Vonage]),
            ("endpoint", at(&self.endpoint), &[Vonage]),
            ("url", at(&self.url), &[Webhook]),
            ("token_file", at(&self.token_file), &[Webhook]),
            ("hmac_key_file", at(&self.hmac_key_file), &[Webhook]),
            ("command", at(&self.command), &[Command]),
            ("ca_file", at(&self.ca_file), &[Vonage, Webhook]),
        ]
    }

    fn refuse_strangers(&self, provider: ProviderName, diagnostics: &mut Diagnostics) {
        let (strange, known): (Vec<_>, Vec<_>) = self
            .keys()
            .into_iter()
            .partition(|(_, _, providers)| !providers.contains(&provider));
        let known: Vec<&str> = known.into_iter().map(|(key, _, _)| key).collect();
        let strange: Vec<_> = strange
            .into_iter()
            .map(|(key, place, _)| (key, place))
            .collect();
        let why = format!(
            "has no meaning with provider = {:?}; expected only {} and region, text beside it",
            provider.name(),
            known.join(", ")
        );
        diagnostics.refuse(&strange, &why);
    }

    fn vonage(self, place: &Place, diagnostics: &mut Diagnostics) -> Option<SmsRoute> {
        let key = diagnostics.demand(self.key, place, NO_KEY);
        let from = diagnostics.demand(self.from, place, NO_SENDER);
        if self.secret_file.is_none() {
            diagnostics.problem(place, NO_SECRET);
        }
        let endpoint = bare(self.endpoint).or_else(|| Vonage::ENDPOINT.parse().ok());
        let secret = diagnostics.named("[delivery.sms] secret_file", self.secret_file);
        let roots = diagnostics.roots("[delivery.sms] ca_file", self.ca_file);
        Some(SmsRoute::Vonage {
            key: key?,
            secret: secret?,
            from: from?,
            endpoint: endpoint?,
            roots,
        })
    }

    fn webhook(self, place: &Place, diagnostics: &mut Diagnostics) -> Option<SmsRoute> {
        let url = diagnostics.demand(self.url, place, NO_URL);
        if let (Some((token, _)), Some((key, _))) = (&self.token_file, &self.hmac_key_file) {
            let message = format!(
                "hmac_key_file stands beside the token_file at {token}; expected one of the two: take one out"
            );
            diagnostics.problem(key, message);
            return None;
        }
        let token = diagnostics.named("[delivery.sms] token_file", self.token_file);
        let key = diagnostics.named("[delivery.sms] hmac_key_file", self.hmac_key_file);
        let token = token.map(WebhookSecret::Bearer);
        let authentication = token.or(key.map(WebhookSecret::Hmac));
        if authentication.is_none() {
            diagnostics.problem(place, NO_WEBHOOK_SECRET);
        }
        let roots = diagnostics.roots("[delivery.sms] ca_file", self.ca_file);
        Some(SmsRoute::Webhook {
            url: url?,
            authentication: authentication?,
            roots,
        })
    }

    fn command(self, place: &Place, diagnostics: &mut Diagnostics) -> Option<SmsRoute> {
        if self.command.is_none() {
            diagnostics.problem(place, NO_COMMAND);
        }
        let command = diagnostics.named("[delivery.sms] command", self.command);
        command.map(SmsRoute::Command)
    }
}
