//! `import google-authenticator` and `import oath`.

use serde_json::{Value, json};

use crate::person::Person;
use crate::support::{Agent, Exchange, admin, mfactl, refused, stderr, stdout, value};

const KEY: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const HEX: &str = "3132333435363738393031323334353637383930";

fn imported(line: u64, user: &str, result: &str) -> Value {
    json!({"line": line, "user": user, "result": result, "devices": 1, "codes": 0, "pin": false,
           "notes": []})
}

fn google_call(dry_run: Option<bool>) -> Exchange {
    let mut parameters = json!({"accounts": [{
        "line": 1, "user": "alice",
        "devices": [{"secret": KEY, "algorithm": "SHA1", "digits": 6, "used": 6}],
        "scratch_codes": ["11111111", "22222222"],
    }]});
    if let Some(dry_run) = dry_run {
        parameters["dry_run"] = json!(dry_run);
    }
    let mut result = imported(1, "alice", "stored");
    result["codes"] = json!(2);
    admin("ImportAccounts", parameters, json!({"results": [result]}))
}

const FILE: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n\" HOTP_COUNTER 7\n\" RATE_LIMIT 3 30\n\
                    11111111\n22222222\n";

#[test]
fn a_google_authenticator_file_is_sent_with_what_is_used_of_it() {
    let agent = Agent::scripted(vec![google_call(None), google_call(Some(true))]);
    let output = mfactl(
        &agent,
        &["import", "google-authenticator", "alice", "-"],
        FILE,
    );
    let expected = "  User   Result    Devices  Codes  PIN
  alice  imported  1        2

alice: RATE_LIMIT 3 30 is not imported: here [lockout] limits wrong codes, for all users
1 imported, 0 updated, 0 unchanged, 0 refused
";
    assert_eq!(stdout(&output), expected);
    assert_eq!(output.status.code(), Some(0));
    let line = [
        "import",
        "google-authenticator",
        "alice",
        "-",
        "--dry-run",
        "--json",
    ];
    let json = value(&mfactl(&agent, &line, FILE));
    assert_eq!(
        (&json["dry_run"], &json["stored"]),
        (&json!(true), &json!(1))
    );
    let account = &json["accounts"][0];
    assert_eq!(
        account["notes"],
        json!([
            "RATE_LIMIT 3 30 is not imported: here [lockout] limits wrong codes, for all users"
        ])
    );
    assert!(!json.to_string().contains("11111111") && !json.to_string().contains(KEY));
    agent.finish();
}

#[test]
fn a_file_that_can_t_be_used_is_refused_before_anything_is_sent() {
    let agent = Agent::scripted(Vec::new());
    let output = mfactl(
        &agent,
        &["import", "google-authenticator", "alice", "-"],
        "GEZDGNBVGY3TQOJQ\n\" STEP_SIZE 0\n\" TOTP_AUTH\n",
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stdout(&output).contains("alice: line 2: STEP_SIZE"),
        "{}",
        stdout(&output)
    );
    assert!(!stdout(&output).contains("GEZDG"), "{}", stdout(&output));
    agent.finish();
}

#[test]
fn a_users_file_is_sent_by_user_and_its_bad_lines_are_reported() {
    let text = format!(
        "# comment\nHOTP/T60/8\talice\t1234\t{HEX}\nHOTP bob - {HEX} 5\nHOTP carol - xyz\n\
         HOTP alice 1234 {HEX} 5\n"
    );
    let call = admin(
        "ImportAccounts",
        json!({"accounts": [
            {"line": 2, "user": "alice", "pin": "1234", "devices": [
                {"secret": KEY, "algorithm": "SHA1", "digits": 8, "period": 60},
                {"secret": KEY, "algorithm": "SHA1", "digits": 6, "used": 4},
            ]},
            {"line": 3, "user": "bob", "devices": [
                {"secret": KEY, "algorithm": "SHA1", "digits": 6, "used": 4},
            ]},
        ], "newcomers": true}),
        json!({"results": [
            {"line": 2, "user": "alice", "result": "updated", "devices": 0, "codes": 0, "pin": false,
             "notes": ["has a PIN already"]},
            {"line": 3, "user": "bob", "result": "refused", "reason": "too short", "devices": 0,
             "codes": 0, "pin": false, "notes": []},
        ]}),
    );
    let agent = Agent::scripted(vec![call]);
    let output = mfactl(&agent, &["import", "oath", "-"], &text);
    assert_eq!(output.status.code(), Some(1));
    let screen = stdout(&output);
    for line in [
        "alice: has a PIN already",
        "line 3: bob: too short",
        "line 4: carol: the key is not hexadecimal",
        "0 imported, 1 updated, 0 unchanged, 2 refused",
    ] {
        assert!(screen.contains(line), "{line}\n{screen}");
    }
    assert!(
        !screen.contains("1234") && !screen.contains(HEX),
        "{screen}"
    );
    agent.finish();
}

#[test]
fn a_users_file_gives_devices_to_newcomers_and_to_others_by_name_only() {
    let text = format!("HOTP alice - {HEX}\n");
    let device = json!({"secret": KEY, "algorithm": "SHA1", "digits": 6});
    let accounts = json!([{"line": 1, "user": "alice", "devices": [device]}]);
    let results = json!({ "results": [imported(1, "alice", "stored")] });
    let whole = json!({"accounts": accounts, "newcomers": true});
    let named = json!({ "accounts": accounts });
    let agent = Agent::scripted(vec![
        admin("ImportAccounts", whole, results.clone()),
        admin("ImportAccounts", named, results),
    ]);
    for more in [&[][..], &["--user", "alice"]] {
        let line = [&["import", "oath", "-"], more].concat();
        let output = mfactl(&agent, &line, &text);
        assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    }
    agent.finish();
}

#[test]
fn one_user_of_a_users_file_is_taken_alone_and_pins_can_be_left_out() {
    let text = format!("HOTP alice 1234 {HEX}\nHOTP bob 4321 {HEX}\nHOTP - -\n");
    let account = json!({"line": 2, "user": "bob",
        "devices": [{"secret": KEY, "algorithm": "SHA1", "digits": 6}]});
    let call = admin(
        "ImportAccounts",
        json!({"accounts": [account]}),
        json!({"results": [imported(2, "bob", "stored")]}),
    );
    let agent = Agent::scripted(vec![call]);
    let line = ["import", "oath", "-", "--user", "bob", "--without-pins"];
    let output = mfactl(&agent, &line, &text);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    assert!(
        stdout(&output).contains("bob: the PIN is skipped"),
        "{}",
        stdout(&output)
    );
    let nobody = mfactl(&agent, &["import", "oath", "-", "--user", "zoe"], &text);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(
        stderr(&nobody).contains("no line for zoe"),
        "{}",
        stderr(&nobody)
    );
    agent.finish();
}

#[test]
fn every_import_asks_a_person_after_a_dry_run_and_a_script_or_yes_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let oath = file("users.oath", &format!("HOTP bob - {HEX}\n"));
    let uris = file("uris", "bob\totpauth://totp/b?secret=X\n");
    let call = |is_oath: bool, dry_run: bool| {
        let entry = json!({"line": 1, "user": "bob", "uri": "otpauth://totp/b?secret=X"});
        let account = json!({"line": 1, "user": "bob",
            "devices": [{"secret": KEY, "algorithm": "SHA1", "digits": 6}]});
        let (method, mut parameters, result) = match is_oath {
            true => (
                "ImportAccounts",
                json!({"accounts": [account], "newcomers": true}),
                imported(1, "bob", "stored"),
            ),
            false => (
                "ImportUris",
                json!({"entries": [entry]}),
                json!({"line": 1, "user": "bob", "result": "stored"}),
            ),
        };
        if dry_run {
            parameters["dry_run"] = json!(true);
        }
        admin(method, parameters, json!({"results": [result]}))
    };
    for (is_oath, line) in [
        (true, ["import", "oath", &oath]),
        (false, ["import", "uris", &uris]),
    ] {
        let agent = Agent::scripted(vec![call(is_oath, true), call(is_oath, false)]);
        let mut person = Person::runs(&agent, &line);
        person.types("Type yes: ", "yes\n");
        let (screen, code) = person.ends();
        assert_eq!(code, Some(0), "{screen}");
        assert!(screen.contains("would import"), "{screen}");
        assert!(screen.contains("1 imported"), "{screen}");
        agent.finish();

        let agent = Agent::scripted(vec![call(is_oath, true)]);
        let mut person = Person::runs(&agent, &line);
        person.types("Type yes: ", "no\n");
        assert_eq!(person.ends().1, Some(1));
        agent.finish();

        let agent = Agent::scripted(vec![call(is_oath, false), call(is_oath, false)]);
        let ready = [&line[..], &["--yes"]].concat();
        assert_eq!(Person::runs(&agent, &ready).ends().1, Some(0));
        assert_eq!(mfactl(&agent, &line, "").status.code(), Some(0));
        agent.finish();
    }
}

#[test]
fn an_import_that_ends_early_says_with_whom() {
    let accounts = json!({"accounts": [{"line": 1, "user": "bob",
        "devices": [{"secret": KEY, "algorithm": "SHA1", "digits": 6}]}], "newcomers": true});
    let call = refused("ImportAccounts", accounts, "NotAllowed", "ask root");
    let agent = Agent::scripted(vec![call]);
    let output = mfactl(
        &agent,
        &["import", "oath", "-"],
        &format!("HOTP bob - {HEX}\n"),
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("stopped at line 1: ask root"),
        "{}",
        stderr(&output)
    );
    agent.finish();
}

#[test]
fn an_export_of_google_authenticator_becomes_an_entry_for_each_device() {
    let export = "otpauth-migration://offline?data=CjEKCkhlbGxvId6tvu8SGEV4YW1wbGU6YWxpY2VAZ29vZ2xlLmNvb\
                  RoHRXhhbXBsZTACEAEYAiAB";
    let uri = "otpauth://totp/Example?secret=JBSWY3DPEHPK3PXP&issuer=Example&algorithm=SHA1&digits=6\
               &period=30";
    let call = admin(
        "ImportUris",
        json!({"entries": [{"line": 1, "user": "alice", "uri": uri}], "dry_run": true}),
        json!({"results": [{"line": 1, "user": "alice", "result": "stored"}]}),
    );
    let agent = Agent::scripted(vec![call]);
    let input = format!("alice\t{export}\n");
    let output = mfactl(&agent, &["import", "uris", "-", "--dry-run"], &input);
    assert_eq!(stderr(&output), "line 1: part 2 of 2 of an export\n");
    assert_eq!(
        stdout(&output),
        "dry run: would import 1, 0 unchanged, would refuse 0; nothing changed\n"
    );
    agent.finish();
}

#[test]
fn users_of_the_host_come_without_a_user_or_a_file() {
    let agent = Agent::scripted(Vec::new());
    for (line, expected) in [
        (&["alice"][..], "<FILE>"),
        (&[], "<USER>"),
        (&["alice", "-", "--all"], "cannot be used"),
        (&["--all", "--secret", "/etc/one"], "the same file"),
    ] {
        let line: Vec<_> = ["import", "google-authenticator"]
            .iter()
            .chain(line)
            .copied()
            .collect();
        let output = mfactl(&agent, &line, "");
        assert_eq!(output.status.code(), Some(2), "{line:?}");
        assert!(
            stderr(&output).contains(expected),
            "{line:?}: {}",
            stderr(&output)
        );
    }
    agent.finish();
}
