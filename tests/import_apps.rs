//! Exports of authenticator apps and password managers: the account that the administrator chooses
//! logs in here, and no other.

use mfa_tests::{Agent, Device, Files, Key, Stack, passes};
use serde_json::{Value, json};

/// Users that every host has.
const ANNA: &str = "daemon";
const BERT: &str = "nobody";

/// A vault of Aegis with an account at this host by time, one that counts, and one of a game.
fn aegis(host: &Key, counting: &Key) -> String {
    let entry = |kind: &str, issuer: &str, info: Value| json!({ "type": kind, "uuid": "", "name": ANNA, "issuer": issuer, "note": "", "icon": null, "info": info });
    json!({
        "version": 1,
        "header": { "slots": null, "params": null },
        "db": { "version": 2, "entries": [
            entry("totp", "vpn.example.org", json!({ "secret": host.base32(), "algo": "SHA1", "digits": 6, "period": 30 })),
            entry("hotp", "Desk", json!({ "secret": counting.base32(), "algo": "SHA1", "digits": 6, "counter": 4 })),
            entry("steam", "Steam", json!({ "secret": host.base32(), "algo": "SHA1", "digits": 5, "period": 30 })),
        ]},
    })
    .to_string()
}

#[test]
fn only_the_chosen_account_of_an_export_is_imported() {
    let (host, counting) = (Key::new(), Key::new());
    let vault = aegis(&host, &counting);
    let agent = Agent::start();
    let import = |more: &[&str]| {
        let line = [&["import", "aegis", ANNA, "-"], more].concat();
        agent.ctl().run(&line, &vault)
    };
    let refused = import(&[]);
    assert_ne!(refused.status, Some(0), "{refused:?}");
    for words in ["3 accounts", "vpn.example.org (daemon)", "--only TEXT"] {
        assert!(
            refused.stderr.contains(words) || refused.stdout.contains(words),
            "{words}: {refused:?}"
        );
    }
    assert!(!format!("{refused:?}").contains(&host.base32()));

    let dry = import(&["--only", "VPN", "--dry-run"]);
    assert!(
        dry.is_success() && dry.stdout.contains("\"stored\":1"),
        "{dry:?}"
    );
    let ours = Stack::asking(&agent);
    assert!(!passes(&ours, ANNA, &[&host.code(0)]));
    assert!(import(&["--only", "VPN"]).is_success());
    assert!(passes(&ours, ANNA, &[&host.code(0)]));
    assert!(!passes(&ours, ANNA, &[&counting.counted(5)]));
    let again = import(&["--only", "VPN"]);
    assert!(again.stdout.contains("\"unchanged\":1"), "{again:?}");

    // The app may have shown the code of the counter that it stores.
    assert!(import(&["--only", "desk"]).is_success());
    assert!(!passes(&ours, ANNA, &[&counting.counted(4)]));
    assert!(passes(&ours, ANNA, &[&counting.counted(5)]));
    let steam = import(&["--only", "steam"]);
    assert_eq!(steam.status, Some(1), "{steam:?}");
    assert!(steam.stdout.contains("Steam's own codes"), "{steam:?}");
}

#[test]
fn every_app_brings_its_users_by_their_names() {
    let (anna, bert) = (Device(Key::new().base32()), Device(Key::new().base32()));
    let (one, two) = (&anna.0, &bert.0);
    let uri = |user: &str, key: &str| {
        format!("otpauth://totp/Host:{user}?secret={key}&issuer=Host&period=60")
    };
    let (first, second) = (uri(ANNA, one), uri(BERT, two));
    let bytes = |key: &str| -> Vec<i8> {
        let bytes = data_encoding::BASE32_NOPAD
            .decode(key.as_bytes())
            .expect("base32");
        bytes.into_iter().map(u8::cast_signed).collect()
    };
    let item = |user: &str, key: &str| {
        json!({ "secret": key, "issuer": "Host", "label": user, "digits": 6,
        "type": "TOTP", "algorithm": "SHA1", "period": 60, "tags": [] })
    };
    let service = |user: &str, key: &str| {
        json!({ "name": "Host", "secret": key, "otp": { "account": user,
        "issuer": "Host", "digits": 6, "period": 60, "algorithm": "SHA1", "tokenType": "TOTP" } })
    };
    let token = |user: &str, key: &str| {
        json!({ "algo": "SHA1", "counter": 0, "digits": 6, "issuerExt": "Host",
        "issuerInt": "Host", "label": user, "period": 60, "secret": bytes(key), "type": "TOTP" })
    };
    let login = |user: &str, uri: &str| json!({ "type": 1, "name": "Host", "login": { "username": user, "totp": uri } });
    let files = [
        (
            "andotp",
            json!([item(ANNA, one), item(BERT, two)]).to_string(),
        ),
        (
            "2fas",
            json!({ "services": [service(ANNA, one), service(BERT, two)], "schemaVersion": 4 })
                .to_string(),
        ),
        (
            "freeotp-plus",
            json!({ "tokenOrder": [], "tokens": [token(ANNA, one), token(BERT, two)] }).to_string(),
        ),
        (
            "bitwarden",
            json!({ "encrypted": false, "items": [login(ANNA, &first), login(BERT, &second)] })
                .to_string(),
        ),
        ("ente", format!("{first}&codeDisplay=%7B%7D\n{second}\n")),
        (
            "keepassxc",
            format!(
                "\"Group\",\"Title\",\"Username\",\"Password\",\"URL\",\"Notes\",\"TOTP\"\n\
                 \"Root\",\"Host\",\"{ANNA}\",\"p\",\"\",\"\",\"{first}\"\n\"Root\",\"Host\",\"{BERT}\",\"p\",\"\",\"\",\"{second}\"\n"
            ),
        ),
    ];
    for (format, text) in files {
        let agent = Agent::start();
        let folder = Files::new();
        let file = folder.secret("export", &text);
        let line = [
            "import",
            format,
            "--user-from",
            "label",
            &file.to_string_lossy(),
        ];
        let report = agent.ctl().json(&line, "");
        assert_eq!(report["stored"], 2, "{format}: {report}");
        let ours = Stack::asking(&agent);
        let step = mfa_tests::this_step();
        assert!(passes(&ours, ANNA, &[&anna.timed(step)]), "{format}");
        assert!(passes(&ours, BERT, &[&bert.timed(step)]), "{format}");
        let report = agent.ctl().json(&line, "");
        assert_eq!(report["unchanged"], 2, "{format}: {report}");
    }
}

#[test]
fn an_encrypted_export_is_refused_and_the_refusal_says_what_to_do() {
    let agent = Agent::start();
    let vault = json!({ "version": 1, "header": { "slots": [] }, "db": "c2VhbGVk" }).to_string();
    let refused = agent.ctl().run(&["import", "aegis", ANNA, "-"], &vault);
    assert_ne!(refused.status, Some(0), "{refused:?}");
    assert!(
        format!("{refused:?}").contains("Import & Export"),
        "{refused:?}"
    );
    let unknown = agent
        .ctl()
        .run(&["import", "aegis", ANNA, "-"], "PK\u{3}\u{4}");
    assert!(
        format!("{unknown:?}").contains("as Aegis writes it"),
        "{unknown:?}"
    );
}
