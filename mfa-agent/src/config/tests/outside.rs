//! Codes that are sent, and RADIUS servers.

use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::*;

use super::{parse, parse_all};
use crate::config::{
    AddressSource, Email, EmailRoute, GecosField, NumberSource, Settings, Sms, SmsRoute,
    WebhookSecret,
};
use crate::delivery::{Roots, Security, Template, Templates};
use mfa_core::factors::Factor;
use mfa_core::factors::address::Channel;

const MINUTE: Duration = Duration::from_secs(60);

fn settings(texts: &[&str]) -> Settings {
    parse_all(texts).unwrap()
}

fn email(text: &str) -> Email {
    let text = format!("[delivery.email]\nfrom = 'mfa@example.org'\n{text}");
    parse(&text).unwrap().delivery.email.unwrap()
}

fn sms(text: &str) -> Sms {
    let text = format!("[delivery.sms]\n{text}");
    parse(&text).unwrap().delivery.sms.unwrap()
}

fn told(texts: &[&str]) -> Vec<String> {
    let told = parse_all(texts).unwrap_err().to_string();
    told.lines().map(str::to_owned).collect()
}

#[test]
fn every_key_of_delivery_is_read() {
    let delivery = settings(&[
        "[delivery]\nchannel = 'sms'\ndigits = 8\nlifetime = '10m'\nmessages = 3\n\
        within = '1h'\npause = '1d'\n",
    ])
    .delivery;
    assert_eq!(
        (delivery.channel, delivery.digits, delivery.lifetime),
        (Channel::Sms, 8, 10 * MINUTE)
    );
    let budget = delivery.budget;
    assert_eq!(
        (budget.messages, budget.within, budget.pause),
        (3, 60 * MINUTE, 24 * 60 * MINUTE)
    );
    assert!(!delivery.is_configured(Channel::Email) && !delivery.is_on(Channel::Sms));
}

#[test]
fn every_key_of_a_mail_server_is_read() {
    let email = email(
        "server = 'mail.example.org'\nport = 25\nsecurity = 'tls'\nuser = 'mfa'\n\
         password_file = 'smtp-password'\nca_file = '/ca.pem'\naddress = '{user}@example.org'\n\
         subject = 'Hi {host}'\ntext = \"{code}\\nfor {minutes}\"",
    );
    assert_eq!(email.from.as_str(), "mfa@example.org");
    let route = EmailRoute::Smtp {
        server: "mail.example.org".parse().unwrap(),
        port: 25,
        security: Security::Tls,
        login: Some(("mfa".into(), "smtp-password".into())),
        roots: Roots::File("/ca.pem".into()),
    };
    assert_eq!(email.route, route);
    assert_eq!(email.address, Some("{user}@example.org".parse().unwrap()));
    let [subject, text] =
        ["Hi {host}", "{code}\nfor {minutes}"].map(|text| Template::parse(text).unwrap());
    assert_eq!(email.templates, Templates::new(subject, text).unwrap());
}

#[test]
fn the_port_follows_from_when_the_encryption_begins() {
    for (key, expected) in [
        ("", (587, Security::StartTls)),
        ("security = 'starttls'", (587, Security::StartTls)),
        ("security = 'tls'", (465, Security::Tls)),
    ] {
        let email = email(&format!("server = 'localhost'\n{key}"));
        let EmailRoute::Smtp {
            port,
            security,
            login,
            roots,
            ..
        } = email.route
        else {
            panic!("it is a server");
        };
        assert_eq!((port, security), expected);
        assert_eq!((login, roots), (None, Roots::System));
        assert_eq!(email.templates, Templates::mail());
        assert_eq!(email.address, None);
    }
}

#[test]
fn mail_goes_by_the_sendmail_of_this_host() {
    let from = email("sendmail = '/s'\naddress_from = 'userdb'").address_from;
    assert_eq!(from, Some(AddressSource::Record));
    let email = email("sendmail = '/usr/sbin/sendmail'");
    let path = "/usr/sbin/sendmail".parse().unwrap();
    assert_eq!(email.route, EmailRoute::Sendmail(path));
}

#[test]
fn every_provider_of_text_messages_is_read() {
    let vonage = sms(
        "provider = 'vonage'\nkey = 'abcd'\nsecret_file = '/secret'\nfrom = 'Example'\n\
        region = 'de'\ntext = '{code}'",
    );
    let route = SmsRoute::Vonage {
        key: "abcd".into(),
        secret: "/secret".into(),
        from: "Example".into(),
        endpoint: "https://rest.nexmo.com/sms/json".parse().unwrap(),
        roots: Roots::System,
    };
    assert_eq!(vonage.route, route);
    assert_eq!(vonage.region, Some("DE".parse().unwrap()));
    let text = Templates::text_only(Template::parse("{code}").unwrap());
    assert_eq!(vonage.templates, text.unwrap());
    for (key, authentication) in [
        ("token_file", WebhookSecret::Bearer("key".into())),
        ("hmac_key_file", WebhookSecret::Hmac("key".into())),
    ] {
        let webhook = sms(&format!(
            "provider = 'webhook'\nurl = 'https://sms.example.org'\n{key} = 'key'\nca_file = '/ca'"
        ));
        let route = SmsRoute::Webhook {
            url: "https://sms.example.org".parse().unwrap(),
            authentication,
            roots: Roots::File("/ca".into()),
        };
        assert_eq!(webhook.route, route);
        assert_eq!(webhook.templates, Templates::text_message());
    }
    let command = sms("provider = 'command'\ncommand = '/bin/send'");
    assert_eq!((&command.template, &command.number_from), (&None, &None));
    let from = sms("provider = 'command'\ncommand = '/s'\nnumber_from = 'home-phone'").number_from;
    assert_eq!(from, Some(NumberSource::Gecos(GecosField::HomePhone)));
    let from =
        sms("provider = 'command'\ncommand = '/s'\nnumber_from = 'userdb:mobile'").number_from;
    assert_eq!(from, Some(NumberSource::Record("mobile".to_owned())));
    let template = sms("provider = 'command'\ncommand = '/s'\ntemplate = '+49{user}'").template;
    assert_eq!(template, Some("+49{user}".parse().unwrap()));
    assert_eq!(
        command.route,
        SmsRoute::Command("/bin/send".parse().unwrap())
    );
}

#[test]
fn a_channel_that_is_turned_off_keeps_its_settings_and_the_policy() {
    for (off, on) in [(EMAIL, Channel::Email), (SMS, Channel::Sms)] {
        let name = on.name();
        let text = format!(
            "[delivery]\nchannel = '{name}'\n[policy]\nrequire = ['{name}']\n{off}active = false"
        );
        let delivery = parse(&text).unwrap().delivery;
        assert!(delivery.is_turned_off(on), "{name}");
        assert!(!delivery.is_configured(on) && !delivery.is_on(on), "{name}");
        let again = parse(&text.replace("false", "true")).unwrap().delivery;
        assert!(again.is_on(on) && !again.is_turned_off(on), "{name}");
    }
    let nothing = parse("[delivery.email]\nactive = false").unwrap().delivery;
    assert!(!nothing.is_turned_off(Channel::Email));
}

#[test]
fn every_key_of_radius_is_read() {
    let radius = settings(&["[[radius]]\nname = 'vip'\n\
        servers = ['192.0.2.1', '192.0.2.2:1645', '2001:db8::1', '[2001:db8::2]', '[2001:db8::3]:99']\n\
        secret_file = 'radius-vip'\nnas_identifier = 'web1'\ntimeout = '20s'\nwait = '2m'\n\
        dead_time = '0s'\nstatus_server = false\n\
        [[radius]]\nname = 'nps'\nservers = ['192.0.2.1']\nsecret_file = '/nps'"])
    .radius;
    let expected = [
        "192.0.2.1:1812",
        "192.0.2.2:1645",
        "[2001:db8::1]:1812",
        "[2001:db8::2]:1812",
        "[2001:db8::3]:99",
    ];
    let expected = expected.map(|address| address.parse::<SocketAddr>().unwrap());
    assert_eq!(radius[0].servers, expected);
    let vip = &radius[0];
    assert_eq!(vip.name.as_str(), "vip");
    assert_eq!(vip.secret.to_str(), Some("radius-vip"));
    assert_eq!(vip.nas_identifier.as_deref(), Some("web1"));
    assert_eq!((vip.timeout, vip.wait), (MINUTE / 3, 2 * MINUTE));
    assert!(vip.dead_time.is_zero() && !vip.status_server);
    let nps = &radius[1];
    assert_eq!(nps.nas_identifier, None);
    let times = (nps.timeout, nps.wait, nps.dead_time);
    assert_eq!(times, (MINUTE / 12, MINUTE, 5 * MINUTE));
    assert!(nps.status_server);
}

#[test]
fn a_later_file_overrides_one_key_of_a_channel() {
    let first = "[delivery]\nchannel = 'sms'\nmessages = 3\n[delivery.email]\nfrom = 'a@example.org'\n\
        server = 'old.example.org'\nport = 25\n[delivery.sms]\nprovider = 'command'\ncommand = '/old'\n\
        region = 'DE'";
    let second = "[delivery]\npause = '1h'\n[delivery.email]\nserver = 'new.example.org'\n[delivery.sms]\n\
        command = '/new'";
    let delivery = settings(&[first, second]).delivery;
    assert_eq!(delivery.channel, Channel::Sms);
    assert_eq!(
        (delivery.budget.messages, delivery.budget.pause),
        (3, 60 * MINUTE)
    );
    let email = delivery.email.unwrap();
    assert_eq!(email.from.as_str(), "a@example.org");
    let EmailRoute::Smtp { server, port, .. } = email.route else {
        panic!("it is a server");
    };
    assert_eq!((server.to_string().as_str(), port), ("new.example.org", 25));
    let sms = delivery.sms.unwrap();
    assert_eq!(sms.route, SmsRoute::Command("/new".parse().unwrap()));
    assert!(sms.region.is_some());
}

#[test]
fn servers_of_all_files_are_added_up_and_each_name_is_used_once() {
    let one = |name: &str| {
        format!("[[radius]]\nname = '{name}'\nservers = ['192.0.2.1']\nsecret_file = '{name}'\n")
    };
    let both = settings(&[&one("vip"), &one("nps")]);
    let names: Vec<_> = both.radius.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["vip", "nps"]);
    let places = both.file_places.iter();
    let places: Vec<_> = places
        .map(|(key, place)| format!("{place} {key}"))
        .collect();
    assert_eq!(
        places,
        [
            "1.toml:4 [[radius]] \"nps\" secret_file",
            "0.toml:4 [[radius]] \"vip\" secret_file",
        ]
    );
    assert_eq!(
        told(&[&one("vip"), &format!("{}{}", one("nps"), one("vip"))]),
        ["1.toml:6: \"vip\" is already the name of the servers at 0.toml:2; expected another name"]
    );
}

const EMAIL: &str = "[delivery.email]\nfrom = 'a@example.org'\nsendmail = '/s'\n";
const SMS: &str = "[delivery.sms]\nprovider = 'command'\ncommand = '/s'\n";
const RADIUS: &str = "[[radius]]\nname = 'vip'\nservers = ['192.0.2.1']\nsecret_file = 'vip'\n";

#[test]
fn what_is_asked_for_may_be_set_up_in_a_later_file() {
    let asking = "[policy]\nrequire = ['email+pin']\n[[rule]]\nrequire = ['radius', 'totp']";
    let settings = settings(&[asking, EMAIL, RADIUS]);
    let provided = |factor: &Factor| settings.is_available(*factor);
    let lacking: Vec<_> = Factor::ALL.into_iter().filter(|f| !provided(f)).collect();
    assert_eq!(lacking, [Factor::Sms]);
}

#[test]
fn what_is_asked_for_and_missing_is_told_where_it_is_asked_for() {
    let asking = "[policy]\nrequire = ['totp',\n'sms+pin',\n'email', 'radius']\n\n[[rule]]\n\
        require = ['pin',\n'radius']";
    assert_eq!(
        told(&[asking, SMS]),
        [
            "0.toml:3: \"sms\" is asked for, but codes are sent by \"email\", and only one \
             channel is possible; expected \"email\" here, or channel = \"sms\" in [delivery]",
            "0.toml:4: \"email\" is asked for, but nothing is configured to send it; expected \
             [delivery.email] with from and server or sendmail, or another factor",
            "0.toml:4: \"radius\" is asked for, but no server is configured; expected a \
             [[radius]] with name, servers and secret_file, or another factor",
            "0.toml:8: \"radius\" is asked for, but no server is configured; expected a \
             [[radius]] with name, servers and secret_file, or another factor",
        ]
    );
    let both = settings(&[
        "[delivery]\nchannel = 'sms'\n[policy]\nrequire = ['sms']",
        SMS,
        EMAIL,
    ]);
    assert!(both.delivery.is_on(Channel::Sms) && !both.delivery.is_on(Channel::Email));
    assert!(both.delivery.is_configured(Channel::Email));
    let told = told(&["[delivery]\nchannel = 'sms'\n[policy]\nrequire = ['sms']"]);
    assert!(
        told[0].contains("expected [delivery.sms] with provider"),
        "{told:?}"
    );
}

#[test]
fn an_override_is_checked_and_not_what_it_replaces() {
    let first = "[policy]\nrequire = ['sms']";
    assert!(parse_all(&[first, "[policy]\nrequire = ['totp']"]).is_ok());
    let told = told(&["[policy]\nrequire = ['totp']", first]);
    assert!(
        told[0].starts_with("1.toml:2: \"sms\" is asked for"),
        "{told:?}"
    );
}

#[test]
fn a_channel_that_is_wrong_is_told_without_what_follows_from_it() {
    let told =
        told(&["[policy]\nrequire = ['email']\n[delivery.email]\nserver = 'mail.example.org'"]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("0.toml:4: [delivery.email] has no from; expected"));
}

#[test]
fn parts_in_several_files_that_make_no_sense_together_are_told_where_the_last_stands() {
    assert_eq!(
        told(&[
            EMAIL,
            "[delivery.email]\nserver = 'mail.example.org'\nport = 25"
        ])[0],
        "0.toml:3: sendmail is set, and so is server at 1.toml:2; expected one of the two: remove \
         one"
    );
    let vonage = "[delivery.sms]\nprovider = 'vonage'\nkey = 'k'\nsecret_file = 's'\nfrom = 'f'";
    assert_eq!(
        told(&[vonage, "[delivery.sms]\nurl = 'https://example.org'"]),
        [
            "1.toml:2: url has no effect with provider = \"vonage\"; expected only key, \
             secret_file, from, endpoint, ca_file, active, template, number_from, region and text"
        ]
    );
}

/// One key each: its table, and what is written there.
const KEYS: [(&str, &str); 14] = [
    ("delivery", "channel = 'sms'"),
    ("delivery.email", "from = 'a@example.org'"),
    ("delivery.email", "server = 'mail.example.org'"),
    ("delivery.email", "sendmail = '/s'"),
    ("delivery.email", "user = 'mfa'"),
    ("delivery.email", "password_file = 'p'"),
    ("delivery.sms", "provider = 'command'"),
    ("delivery.sms", "provider = 'webhook'"),
    ("delivery.sms", "command = '/s'"),
    ("delivery.sms", "url = 'https://a.example.org'"),
    ("delivery.sms", "token_file = 't'"),
    ("policy", "require = ['email', 'totp']"),
    ("policy", "require = ['sms']"),
    ("policy", "require = ['radius+pin']"),
];

proptest! {
    #[test]
    fn keys_spread_over_files_make_whole_channels_or_are_told_in_their_places(
        chosen in prop::sample::subsequence(&KEYS[..], 0..=KEYS.len()),
        with_radius: bool,
    ) {
        // A table stands in a file once: each key gets a file of its own.
        let mut texts: Vec<String> = chosen.iter().map(|(table, key)| format!("[{table}]\n{key}")).collect();
        texts.extend(with_radius.then(|| RADIUS.to_owned()));
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        match parse_all(&texts) {
            Ok(settings) => {
                let combinations = settings.policy.default.combinations.iter();
                prop_assert!(combinations.flat_map(|combination| combination.factors()).all(|factor| settings.is_available(*factor)));
                let named = |key: &str| chosen.iter().any(|(table, _)| *table == key);
                prop_assert_eq!(settings.delivery.email.is_some(), named("delivery.email"));
                prop_assert_eq!(settings.delivery.sms.is_some(), named("delivery.sms"));
            }
            Err(told) => for line in told.to_string().lines() {
                prop_assert!(line.contains(".toml:2: "), "{}", line);
            },
        }
    }
}
