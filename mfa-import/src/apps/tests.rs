use proptest::prelude::*;

use super::*;

const KEY: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn one(app: App, text: &str) -> Entry {
    let mut entries = read(app, text.as_bytes()).unwrap();
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries.remove(0)
}

fn uri(entry: &Entry) -> &str {
    entry.uri.as_ref().unwrap().expose()
}

fn refusal(app: App, bytes: &[u8]) -> String {
    let refusal = read(app, bytes).unwrap_err().to_string();
    assert!(!refusal.contains(KEY), "{refusal}");
    refusal
}

#[test]
fn aegis_gives_names_lengths_periods_and_counters() {
    let vault = |entries: &str| {
        format!(
            r#"{{"version":1,"header":{{"slots":null,"params":null}},"db":{{"version":3,"entries":[{entries}],"groups":[]}}}}"#
        )
    };
    let totp = format!(
        r#"{{"type":"totp","uuid":"x","name":"anna@example.org","issuer":"Exämple: 1","note":"","favorite":false,"icon":null,
           "info":{{"secret":"{KEY}","algo":"SHA256","digits":8,"period":60}},"groups":[]}}"#
    );
    let entry = one(App::Aegis, &vault(&totp));
    assert_eq!(entry.account.as_deref(), Some("anna@example.org"));
    assert_eq!(entry.issuer.as_deref(), Some("Exämple: 1"));
    assert_eq!(
        uri(&entry),
        format!(
            "otpauth://totp/Ex%C3%A4mple_%201:anna%40example.org?secret={KEY}&issuer=Ex%C3%A4mple%3A%201\
             &algorithm=SHA256&digits=8&period=60"
        )
    );
    let hotp = format!(
        r#"{{"type":"hotp","name":"","issuer":"","info":{{"secret":"{KEY}","algo":"SHA1","digits":6,"counter":7}}}}"#
    );
    let entry = one(App::Aegis, &vault(&hotp));
    assert_eq!(
        (entry.account.as_deref(), entry.issuer.as_deref()),
        (None, None)
    );
    // The code of counter 7 may have been shown.
    assert_eq!(
        uri(&entry),
        format!("otpauth://hotp/device?secret={KEY}&algorithm=SHA1&digits=6&counter=8")
    );
    let motp = hotp.replace("hotp", "motp");
    let odd = r#"{"type":"totp"}"#;
    let entries = read(
        App::Aegis,
        vault(&format!("{motp},{odd},{hotp}")).as_bytes(),
    )
    .unwrap();
    let numbers: Vec<_> = entries.iter().map(|e| (e.number, e.uri.is_ok())).collect();
    assert_eq!(numbers, [(1, false), (2, false), (3, true)]);
}

#[test]
fn andotp_gives_what_old_versions_left_out_its_defaults() {
    let entry = one(
        App::AndOtp,
        &format!(
            r#"[{{"secret":"{KEY}======","label":"Host - anna","digits":6,"period":30,"tags":[]}}]"#
        ),
    );
    assert_eq!(entry.account.as_deref(), Some("Host - anna"));
    assert!(uri(&entry).starts_with("otpauth://totp/Host%20-%20anna?secret="));
    let steam = format!(
        r#"[{{"secret":"{KEY}","issuer":"S","label":"a","digits":5,"type":"STEAM","algorithm":"SHA1"}}]"#
    );
    assert!(uri(&one(App::AndOtp, &steam)).starts_with("otpauth://steam/S:a?"));
}

#[test]
fn twofas_gives_every_schema() {
    let first = format!(
        r#"{{"services":[{{"name":"Host","secret":"{KEY}","otp":{{"account":"anna","label":"Host:anna"}},"type":"Unknown"}}],
           "schemaVersion":1}}"#
    );
    let entry = one(App::TwoFas, &first);
    assert_eq!(
        uri(&entry),
        format!("otpauth://totp/Host:anna?secret={KEY}&issuer=Host")
    );
    let fourth = format!(
        r#"{{"services":[{{"name":" ","secret":"{KEY}","otp":{{"link":"x","account":"anna","issuer":"Host","digits":7,
           "algorithm":"SHA512","counter":3,"tokenType":"HOTP"}}}}],"groups":[],"schemaVersion":4}}"#
    );
    assert!(uri(&one(App::TwoFas, &fourth)).ends_with("&algorithm=SHA512&digits=7&counter=4"));
}

#[test]
fn freeotp_plus_gives_keys_of_signed_bytes_and_the_counter_before_the_next() {
    let token = |counter: i64| {
        format!(
            r#"{{"tokenOrder":["Host:anna"],"tokens":[{{"algo":"SHA1","counter":{counter},"digits":6,"issuerExt":"Host",
               "issuerInt":"","label":"anna","period":30,"secret":[-1,-128,127,0,1,2,3,4,5,6],"type":"HOTP"}}]}}"#
        )
    };
    let entry = one(App::FreeOtpPlus, &token(-1));
    assert!(
        uri(&entry).contains("secret=76AH6AABAIBQIBIG&"),
        "{}",
        uri(&entry)
    );
    assert!(uri(&entry).ends_with("&counter=0"));
    assert!(uri(&one(App::FreeOtpPlus, &token(4))).ends_with("&counter=5"));
}

#[test]
fn bitwarden_gives_logins_with_a_key_in_json_and_csv() {
    let json = format!(
        r#"{{"encrypted":false,"folders":[],"items":[
             {{"type":2,"name":"a note","notes":"x"}},
             {{"type":1,"name":"no key","login":{{"username":"a","password":"p","totp":null}}}},
             {{"type":1,"name":"Host","login":{{"username":"anna","totp":"{KEY}"}}}},
             {{"type":1,"name":"Other","login":{{"username":null,"totp":"otpauth://totp/Other:bert?secret={KEY}"}}}},
             {{"type":1,"name":"Game","login":{{"totp":"steam://{KEY}"}}}}]}}"#
    );
    let csv = format!(
        "folder,favorite,type,name,notes,fields,login_uri,login_username,login_password,login_totp\n\
         ,,note,a note,\"x,\ny\",,,,,\n,,login,no key,,,,a,p,\n,,login,Host,,,,anna,p,{KEY}\n\
         ,,login,Other,,,,,p,otpauth://totp/Other:bert?secret={KEY}\n,,login,Game,,,,,p,steam://{KEY}\n"
    );
    for (text, first) in [(json, 3), (csv, 5)] {
        let entries = read(App::Bitwarden, text.as_bytes()).unwrap();
        assert_eq!(entries.len(), 3);
        assert_eq!(entries[0].number, first);
        assert_eq!(
            uri(&entries[0]),
            format!("otpauth://totp/Host:anna?secret={KEY}&issuer=Host")
        );
        assert_eq!(entries[1].account.as_deref(), Some("bert"));
        assert_eq!(
            uri(&entries[1]),
            format!("otpauth://totp/Other:bert?secret={KEY}")
        );
        // The agent refuses it, with its reason.
        assert_eq!(uri(&entries[2]), format!("steam://{KEY}"));
    }
}

#[test]
fn ente_gives_each_line() {
    let text = format!(
        "otpauth://totp/Ho%20st:anna?secret={KEY}&issuer=Ho+st&codeDisplay=%7B%22tags%22%3A%5B%5D%7D\n\nnonsense\n"
    );
    let entries = read(App::Ente, text.as_bytes()).unwrap();
    assert_eq!(entries[0].account.as_deref(), Some("anna"));
    assert_eq!(entries[0].issuer.as_deref(), Some("Ho st"));
    assert_eq!(entries[1].number, 3);
    assert!(entries[1].uri.is_err());
    let hotp = format!("otpauth://hotp/a?counter=9&secret={KEY}&digits=6");
    let next = format!("otpauth://hotp/a?counter=10&secret={KEY}&digits=6");
    assert_eq!(uri(&one(App::Ente, &hotp)), next);
}

#[test]
fn keepassxc_gives_entries_of_csv_and_of_xml_but_no_older_states() {
    let csv = format!(
        "\"Group\",\"Title\",\"Username\",\"Password\",\"URL\",\"Notes\",\"TOTP\",\"Icon\",\"Last Modified\",\"Created\"\n\
         \"Root\",\"Host\",\"anna\",\"p\",\"\",\"a \"\"note\"\"\",\"otpauth://totp/Host:anna?secret={KEY}&period=30&digits=6&issuer=Host\",\"0\",\"\",\"\"\n\
         \"Root\",\"None\",\"x\",\"p\",\"\",\"\",\"\",\"0\",\"\",\"\"\n"
    );
    assert_eq!(one(App::KeePassXc, &csv).account.as_deref(), Some("anna"));
    let string =
        |key: &str, value: &str| format!("<String><Key>{key}</Key><Value>{value}</Value></String>");
    let entry = |fields: String| format!("<Entry><UUID>u</UUID>{fields}</Entry>");
    let names = string("Title", "Host &amp; Co") + &string("UserName", "anna");
    let otp = entry(names.clone() + &string("otp", &format!("key={KEY}&amp;size=8&amp;step=60")));
    let seed = entry(string("TOTP Seed", KEY) + &string("TOTP Settings", "30;S"));
    let keepass =
        entry(string("TimeOtp-Secret-Base32", KEY) + &string("TimeOtp-Algorithm", "HMAC-SHA-256"));
    let old = format!("<Entry><UUID>u</UUID>{names}<History>{otp}</History></Entry>");
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><KeePassFile><Meta><RecycleBinUUID>b</RecycleBinUUID></Meta><Root>\
         <Group><UUID>g</UUID>{otp}{old}{seed}{keepass}<Group><UUID>b</UUID>{otp}</Group></Group></Root></KeePassFile>"
    );
    let entries = read(App::KeePassXc, xml.as_bytes()).unwrap();
    assert_eq!(entries.len(), 3, "{entries:?}");
    assert_eq!(entries[0].issuer.as_deref(), Some("Host & Co"));
    assert!(uri(&entries[0]).ends_with("&digits=8&period=60"));
    assert!(uri(&entries[1]).starts_with("otpauth://steam/"));
    assert!(
        uri(&entries[2]).contains("algorithm=SHA-256"),
        "{}",
        uri(&entries[2])
    );
}

#[test]
fn encrypted_exports_are_recognised_and_the_refusal_says_how_to_export_without() {
    for (app, bytes, words) in [
        (
            App::Aegis,
            &br#"{"version":1,"header":{"slots":[]},"db":"q83v"}"#[..],
            "switch \"Encrypt the vault\" off",
        ),
        (App::AndOtp, &b"\x00\x02\x49\xf0\x11\x80"[..], "Plain-text"),
        (
            App::TwoFas,
            br#"{"services":[],"schemaVersion":4,"servicesEncrypted":"a:b:c"}"#,
            "set no password",
        ),
        (
            App::FreeOtpPlus,
            b"\xac\xed\x00\x05sr\x00\x11java.util.HashMap",
            "always encrypted",
        ),
        (
            App::Bitwarden,
            br#"{"encrypted":true,"passwordProtected":true,"salt":"x","data":"2.x"}"#,
            ".json (Encrypted)",
        ),
        (
            App::Ente,
            br#"{"version":1,"kdfParams":{"memLimit":4096},"encryptedData":"x"}"#,
            "Plain text",
        ),
        (
            App::KeePassXc,
            b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5",
            "Database > Export",
        ),
    ] {
        let refusal = refusal(app, bytes);
        assert!(refusal.contains(words), "{app:?}: {refusal}");
    }
}

#[test]
fn other_files_and_floods_are_refused_without_a_word_of_them() {
    let aegis = format!(r#"{{"db":{{"entries":["{KEY}"}}"#);
    for app in App::ALL {
        for text in [aegis.as_str(), KEY, "", "[]", "{}", "<a/>", "a,b\n1,2\n"] {
            let Ok(entries) = read(app, text.as_bytes()) else {
                refusal(app, text.as_bytes());
                continue;
            };
            assert!(
                entries.iter().all(|entry| entry.uri.is_err()),
                "{app:?}: {text}"
            );
        }
        assert!(refusal(app, &vec![b' '; MAX_FILE + 1]).contains("16 MiB"));
    }
    let many = format!("otpauth://totp/a?secret={KEY}\n").repeat(MAX_ENTRIES + 1);
    assert!(refusal(App::Ente, many.as_bytes()).contains("more than"));
    let dtd =
        "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"c\">]><KeePassFile>&b;</KeePassFile>";
    assert!(refusal(App::KeePassXc, dtd.as_bytes()).contains("document type"));
}

#[test]
fn long_names_are_cut_and_long_keys_refused() {
    let entry = |key: &str, name: &str| {
        let text = format!(r#"[{{"secret":"{key}","label":"{name}","issuer":"{name}"}}]"#);
        one(App::AndOtp, &text)
    };
    let long = entry(KEY, &"ä".repeat(4000));
    assert_eq!(long.account.as_deref().map(str::len), Some(MAX_NAME));
    assert!(uri(&long).len() < 4096);
    assert!(entry(&"A".repeat(5000), "a").uri.is_err());
    assert!(entry("====", "a").uri.is_err());
}

fn app() -> impl Strategy<Value = App> {
    prop::sample::select(App::ALL.to_vec())
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(app in app(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(app, &bytes);
    }

    #[test]
    fn any_names_make_a_uri_that_gives_them_back(account in "[^:\\pC]{1,40}", issuer in "[^:\\pC]{1,40}") {
        prop_assume!(!account.trim().is_empty() && !issuer.trim().is_empty());
        let text = serde_json::json!([{ "secret": KEY, "label": account, "issuer": issuer }]).to_string();
        let entry = one(App::AndOtp, &text);
        let uri = uri(&entry).to_owned();
        prop_assert!(uri.bytes().all(|b| b.is_ascii_graphic()));
        let again = one(App::Ente, &uri);
        prop_assert_eq!(again.account, Some(account.trim().to_owned()));
        prop_assert_eq!(again.issuer, Some(issuer.trim().to_owned()));
    }

    #[test]
    fn any_fields_are_read_or_refused(
        kind in "(totp|hotp|steam|x)", digits in any::<u64>(), counter in any::<u64>(), key in "[A-Z2-7=]{0,40}",
    ) {
        let text = serde_json::json!([{
            "secret": key, "label": "a", "type": kind, "digits": digits, "period": digits, "counter": counter,
        }]).to_string();
        let entry = one(App::AndOtp, &text);
        prop_assert_eq!(entry.uri.is_ok(), kind != "x" && !key.trim_end_matches('=').is_empty());
    }
}
