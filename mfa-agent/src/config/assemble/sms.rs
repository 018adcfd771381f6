//! `[delivery.sms]`: keys of the provider that is chosen, and of no other.

use crate::config::keys::{self, Part};
use crate::config::settings::{Sms, SmsRoute, WebhookSecret};
use crate::config::values::Findings;
use crate::config::words::NumberSource;
use crate::config::words::ProviderName::{self, Command, Vonage, Webhook};
use crate::delivery::{self, Templates};
use mfa_core::factors::address::NumberTemplate;
use mfa_core::policy::Place;

const NO_PROVIDER: &str = "no provider sends the text messages; expected provider = \"vonage\", \
                           \"webhook\" or \"command\" in [delivery.sms], or none of its keys";
const NO_KEY: &str = "provider = \"vonage\" has no key; expected the API key of the account, key \
                      = \"…\"";
const NO_SECRET: &str = "provider = \"vonage\" has no secret_file; expected the file or the systemd \
     credential that holds the API secret";
const NO_SENDER: &str = "provider = \"vonage\" has no from; expected the sender of messages, a \
                         number or a name that the country allows";
const NO_URL: &str = "provider = \"webhook\" has no url; expected its address, such as url = \
                      \"https://sms.example.org/send\"";
const NO_WEBHOOK_SECRET: &str =
    "provider = \"webhook\" has no secret; expected token_file or hmac_key_file";
const NO_COMMAND: &str = "provider = \"command\" has no command; expected the full path of a program, such as \
     command = \"/usr/local/sbin/send-sms\"";

/// The keys that not all providers have, and which do.
const OF_PROVIDERS: [(&str, &[ProviderName]); 9] = [
    ("key", &[Vonage]),
    ("secret_file", &[Vonage]),
    ("from", &[Vonage]),
    ("endpoint", &[Vonage]),
    ("url", &[Webhook]),
    ("token_file", &[Webhook]),
    ("hmac_key_file", &[Webhook]),
    ("command", &[Command]),
    ("ca_file", &[Vonage, Webhook]),
];

/// The channel; none without a key.
pub(super) fn sms(mut part: Part<'_, keys::Sms>, findings: &mut Findings) -> Option<Sms> {
    let Some((place, provider)) = part.place("provider").zip(part.keys.provider) else {
        let keys = OF_PROVIDERS.into_iter().map(|(key, _)| key);
        let mut keys = keys.chain(["template", "number_from", "region", "text"]);
        let place = keys.find_map(|key| part.place(key))?;
        return findings.demand(None, place, NO_PROVIDER);
    };
    refuse_strangers(&part, provider, findings);
    let region = part.keys.region.take();
    let active = part.keys.active;
    let (template, number_from) = number_source(&mut part, findings)?;
    let templates = match part.keys.text.take() {
        Some(text) => Templates::text_only(text).ok(),
        None => Some(Templates::text_message()),
    };
    let route = match provider {
        Vonage => vonage(part, place, findings),
        Webhook => webhook(part, place, findings),
        Command => {
            let command = findings.demand(part.keys.command.take(), place, NO_COMMAND);
            part.named("command", command, findings)
                .map(SmsRoute::Command)
        }
    };
    Some(Sms {
        active,
        template,
        number_from,
        route: route?,
        region,
        templates: templates?,
    })
}

/// At most one of the two.
fn number_source(
    part: &mut Part<'_, keys::Sms>,
    findings: &mut Findings,
) -> Option<(Option<NumberTemplate>, Option<NumberSource>)> {
    let (template, number_from) = (part.keys.template.take(), part.keys.number_from.take());
    if template.is_some() && number_from.is_some() {
        let place = part.place("template")?;
        let message = format!(
            "number_from is set, and so is template at {place}; expected one of the two: remove one"
        );
        part.problem(findings, "number_from", message);
        return None;
    }
    Some((template, number_from))
}

fn refuse_strangers(part: &Part<'_, keys::Sms>, provider: ProviderName, findings: &mut Findings) {
    let name = |(key, _): (&'static str, &[ProviderName])| key;
    let (known, strange): (Vec<_>, Vec<_>) = OF_PROVIDERS
        .into_iter()
        .partition(|(_, providers)| providers.contains(&provider));
    let [known, strange] =
        [known, strange].map(|keys| keys.into_iter().map(name).collect::<Vec<_>>());
    let why = format!(
        "has no effect with provider = {:?}; expected only {}, active, template, number_from, region and text",
        provider.name(),
        known.join(", ")
    );
    part.refuse(&strange, &why, findings);
}

fn vonage(
    mut part: Part<'_, keys::Sms>,
    place: &Place,
    findings: &mut Findings,
) -> Option<SmsRoute> {
    let key = findings.demand(part.keys.key.take(), place, NO_KEY);
    let from = findings.demand(part.keys.from.take(), place, NO_SENDER);
    let secret = findings.demand(part.keys.secret_file.take(), place, NO_SECRET);
    let secret = part.named("secret_file", secret, findings);
    let endpoint = part.keys.endpoint.take();
    let ca_file = part.keys.ca_file.take();
    let roots = part.roots(ca_file, findings);
    Some(SmsRoute::Vonage {
        key: key?,
        secret: secret?,
        from: from?,
        endpoint: endpoint.or_else(|| delivery::Vonage::ENDPOINT.parse().ok())?,
        roots,
    })
}

fn webhook(
    mut part: Part<'_, keys::Sms>,
    place: &Place,
    findings: &mut Findings,
) -> Option<SmsRoute> {
    let url = findings.demand(part.keys.url.take(), place, NO_URL);
    let (token, key) = (part.keys.token_file.take(), part.keys.hmac_key_file.take());
    if token.is_some() && key.is_some() {
        let token = part.place("token_file")?;
        let message = format!(
            "hmac_key_file is set, and so is token_file at {token}; expected one of the two: \
             remove one"
        );
        part.problem(findings, "hmac_key_file", message);
        return None;
    }
    let token = part.named("token_file", token, findings);
    let key = part.named("hmac_key_file", key, findings);
    let secret = token
        .map(WebhookSecret::Bearer)
        .or(key.map(WebhookSecret::Hmac));
    let authentication = findings.demand(secret, place, NO_WEBHOOK_SECRET);
    let ca_file = part.keys.ca_file.take();
    let roots = part.roots(ca_file, findings);
    Some(SmsRoute::Webhook {
        url: url?,
        authentication: authentication?,
        roots,
    })
}
