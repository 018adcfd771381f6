//! Malformed input of every kind gets a message that names the mistake, and changes nothing.

use std::process::Command;

use mfa_tests::{Agent, Key, built, run};

/// A faulty settings file, its line, and what the message must contain.
const BROKEN_SETTINGS: [(&str, u32, &str); 37] = [
    ("[lockout]\natempts = 5", 2, "\"atempts\""),
    ("[lockuot]\nattempts = 5", 1, "\"lockuot\""),
    ("[lockout]\nattempts = 0", 2, "`0`"),
    ("[lockout]\nattempts = -1", 2, "`-1`"),
    ("[lockout]\nattempts = \"5\"", 2, "\"5\""),
    ("[lockout]\nattempts = 5\nattempts = 6", 3, "duplicate"),
    ("[lockout]\nduration = \"1 fortnight\"", 2, "1 fortnight"),
    ("[lockout]\nduration = 60", 2, "`60`"),
    ("[lockout]\nduration = \"-1h\"", 2, "-1h"),
    ("[lockout]\nmax_consecutive = \"never\"", 2, "never"),
    ("[enforcement]\nmode = \"some\"", 2, "some"),
    ("[enforcement]\nunenrolled = \"shrug\"", 2, "shrug"),
    ("[policy]\nrequire = [\"topt\"]", 2, "topt"),
    ("[policy]\nrequire = []", 2, "empty"),
    ("[policy]\nrequire = \"totp\"", 2, "list"),
    ("[policy]\nrequire = [\"pin+pin\"]", 2, "pin+pin"),
    ("[totp]\nskew = -1", 2, "`-1`"),
    ("[totp]\nskew = 1000", 2, "`1000`"),
    ("[totp]\nisuer = \"x\"", 2, "\"isuer\""),
    ("[prompts]\ntotp = 7", 2, "`7`"),
    ("[prompts]\nfingerprint = \"x\"", 2, "\"fingerprint\""),
    ("[prompts]\ntotp = \"\\u0007\"", 2, "U+0007"),
    ("[pin]\nbanned = [\"47\"]", 2, "\"47\""),
    ("[pin]\nbanned_file = \"/nowhere/pins\"", 2, "/nowhere/pins"),
    ("[questions]\nown = \"no\"", 2, "\"no\""),
    ("[[rule]]\nfrom = [\"192.0.2.0/33\"]", 2, "192.0.2.0/33"),
    ("[[rule]]\nfrom = [\"lan\"]", 2, "lan"),
    ("[[rule]]\nusers = []", 2, "empty"),
    ("[[rule]]\nusers = [\"@\"]", 2, "\"@\""),
    ("[[rule]]\naction = \"allow\"", 2, "allow"),
    ("[[rule]]\nprompting = \"double\"", 2, "double"),
    ("[[rule]]\nrequires = [\"totp\"]", 2, "\"requires\""),
    ("[rule]\nname = \"x\"", 1, "[[rule]]"),
    ("[[rule]]\nname = 7", 2, "`7`"),
    ("lockout", 1, ""),
    ("[lockout", 1, ""),
    ("[lockout]\nattempts = ", 2, ""),
];

/// How a message says what is expected, or that nothing more can be said.
const EXPECTATION: [&str; 4] = ["expected ", "did you mean ", "duplicate", "twice"];

#[test]
fn each_malformed_setting_is_refused_with_file_line_mistake_and_what_was_expected() {
    for (text, line, mistake) in BROKEN_SETTINGS {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("agent.toml");
        std::fs::write(&config, format!("{text}\n")).unwrap();
        let output = run(Command::new(&built().agent)
            .arg("--check")
            .arg("--config")
            .arg(&config));
        assert!(!output.is_success(), "{text:?} was accepted");
        let said = output.stderr;
        assert!(
            said.contains(&format!("agent.toml:{line}:")),
            "{text:?}: {said}"
        );
        assert!(said.contains(mistake), "{text:?}: no {mistake:?}: {said}");
        assert!(
            EXPECTATION.iter().any(|words| said.contains(words)),
            "{text:?}: what would be right? {said}"
        );
        assert!(!said.contains("panicked"), "{text:?}: {said}");
    }
}

#[test]
fn the_line_of_the_mistake_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("agent.toml");
    std::fs::write(&config, "# one\n\n[lockout]\n# four\natempts = 5\n").unwrap();
    let output = run(Command::new(&built().agent)
        .arg("--check")
        .arg("--config")
        .arg(&config));
    assert!(output.stderr.contains("agent.toml:5"), "{output:?}");
}

#[test]
fn a_missing_or_unreadable_file_is_named() {
    for path in ["/nonexistent/agent.toml", "/"] {
        let output = run(Command::new(&built().agent).args(["--check", "--config", path]));
        assert!(!output.is_success(), "{output:?}");
        assert!(output.stderr.contains(path), "{output:?}");
    }
}

/// An account with everything, which must stay unchanged.
fn account() -> Agent {
    let agent = Agent::start();
    let mut admin = agent.admin();
    let _ = admin.device("anna");
    admin.pin("anna", "4826");
    admin.questions("anna");
    agent
}

/// Runs a command that must be refused with a message that contains `words`, and must change
/// nothing.
fn is_refused(agent: &Agent, arguments: &[&str], input: &str, words: &[&str]) {
    let before = agent.admin().status("anna");
    let users = agent.ctl().json(&["users"], "");
    let output = agent.ctl().run(arguments, input);
    assert!(
        matches!(output.status, Some(1 | 2)),
        "{arguments:?} {input:?}: {output:?}"
    );
    let said = output.stderr.to_lowercase() + &output.stdout.to_lowercase();
    for word in words {
        assert!(
            said.contains(word),
            "{arguments:?} {input:?}: no {word:?}: {output:?}"
        );
    }
    assert!(!said.contains("panicked"), "{arguments:?}: {output:?}");
    assert_eq!(
        agent.admin().status("anna"),
        before,
        "{arguments:?} {input:?}"
    );
    assert_eq!(
        agent.ctl().json(&["users"], ""),
        users,
        "{arguments:?} {input:?}"
    );
}

#[test]
fn malformed_keys_are_refused() {
    let agent = account();
    let command = [
        "enroll",
        "totp",
        "anna",
        "--label",
        "new",
        "--secret-stdin",
        "--no-confirm",
    ];
    for secret in [
        "",
        "not base32!",
        "ABC1DEF8",
        "AA",
        "A",
        "=",
        "ABCDEFGH\u{e9}",
        "MZXW6===",
    ] {
        is_refused(&agent, &command, secret, &[]);
    }
    is_refused(&agent, &command, "0189", &["base32"]);
}

#[test]
fn malformed_uris_are_refused() {
    let agent = account();
    let command = [
        "enroll",
        "totp",
        "anna",
        "--label",
        "new",
        "--uri-stdin",
        "--no-confirm",
    ];
    let good = Key::new().uri("anna");
    let cases = [
        (String::new(), ""),
        ("https://example.org".into(), "otpauth"),
        ("otpauth://totp/x".into(), "secret"),
        (good.replace("digits=6", "digits=10"), "digits"),
        (good.replace("digits=6", "digits=six"), "digits"),
        (good.replace("period=30", "period=0"), "period"),
        (good.replace("algorithm=SHA1", "algorithm=MD5"), "algorithm"),
        (good.replace("otpauth://totp", "otpauth://motp"), ""),
    ];
    for (uri, word) in cases {
        is_refused(&agent, &command, &uri, &[word]);
    }
}

#[test]
fn malformed_pins_are_refused() {
    let agent = account();
    for pin in [
        "",
        "1",
        "123",
        "123456789",
        "12a4",
        "1234",
        "4321",
        "0000",
        "2004",
        "2026",
        "٤٨٢٦",
    ] {
        is_refused(&agent, &["enroll", "pin", "anna", "--stdin"], pin, &["pin"]);
    }
}

#[test]
fn malformed_questions_are_refused() {
    let agent = account();
    let command = ["enroll", "questions", "anna", "--stdin"];
    for input in [
        "",
        "One?\ta\nTwo?\tb",
        "One?\ta\nOne?\tb\nThree?\tc",
        "One?\ta\nTwo?\t\nThree?\tc",
        "One? a\nTwo? b\nThree? c",
    ] {
        is_refused(&agent, &command, input, &[]);
    }
}

#[test]
fn malformed_labels_and_options_are_refused() {
    let agent = account();
    let long = "x".repeat(300);
    for label in ["", " ", "a\nb", "\u{1b}[31m", &long] {
        let arguments = ["enroll", "totp", "anna", "--label", label, "--no-confirm"];
        is_refused(&agent, &arguments, "", &["label"]);
    }
    for (option, value) in [
        ("--digits", "5"),
        ("--digits", "9"),
        ("--period", "0"),
        ("--algorithm", "MD5"),
    ] {
        let arguments = ["enroll", "totp", "anna", option, value, "--no-confirm"];
        is_refused(&agent, &arguments, "", &[option.trim_start_matches('-')]);
    }
}

#[test]
fn malformed_user_names_are_refused() {
    let agent = account();
    let long = "x".repeat(300);
    for user in ["", "a\nb", "a\u{0}b", "\u{202e}anna", &long] {
        if user.contains('\0') {
            continue; // no argument can hold it; the socket is tried below
        }
        is_refused(
            &agent,
            &["enroll", "pin", user, "--stdin"],
            "7391",
            &["user"],
        );
    }
    let mut admin = agent.admin();
    for user in ["a\u{0}b", "", "a\nb", &long] {
        let parameters = mfa_protocol::admin::EnrollPinParameters {
            user: Some(user.to_owned()),
            pin: "7391".into(),
        };
        let error = admin
            .call::<mfa_protocol::admin::EnrollPin>(&parameters)
            .unwrap_err();
        assert!(!error.is_unreachable(), "{user:?}: {error}");
    }
}

#[test]
fn an_import_accepts_the_good_lines_and_names_the_bad() {
    let agent = account();
    let good = Key::new().uri("bert");
    let input = format!("bert\t{good}\nno tab here\ncarl\tnonsense\n\t{good}\n# a comment\n\n");
    let output = agent.ctl().run(&["import", "uris", "-"], &input);
    let report = output.stdout.clone() + &output.stderr;
    for line in ["2", "3", "4"] {
        assert!(report.contains(line), "line {line}: {report}");
    }
    assert_eq!(agent.admin().status("bert").devices.len(), 1);
    let users = agent.ctl().json(&["users"], "").to_string();
    assert!(!users.contains("carl"), "{users}");
    // Repeating the import changes nothing.
    let _ = agent.ctl().run(&["import", "uris", "-"], &input);
    assert_eq!(agent.admin().status("bert").devices.len(), 1);
}

#[test]
fn malformed_calls_on_the_socket_are_refused_and_the_agent_survives() {
    use std::io::{Read, Write};
    let agent = account();
    let calls: [&[u8]; 12] = [
        b"\0",
        b"{}\0",
        b"null\0",
        b"[1,2]\0",
        b"\xff\xff\0",
        b"{\"method\":7}\0",
        b"{\"method\":\"org.pam-mfa.Login.Begin\"}\0",
        b"{\"method\":\"org.pam-mfa.Login.Begin\",\"parameters\":{\"user\":7}}\0",
        b"{\"method\":\"org.pam-mfa.Login.Begin\",\"parameters\":{\"user\":\"a\",\"service\":\"s\",\"x\":1}}\0",
        b"{\"method\":\"org.pam-mfa.Login.Nothing\",\"parameters\":{}}\0",
        b"{\"method\":\"org.nowhere.Login\",\"parameters\":{}}\0",
        b"{\"method\":\"org.pam-mfa.Login.Answer\",\"parameters\":{\"session\":\"s\",\"answer\":\"1\"}}\0",
    ];
    for call in calls {
        let mut stream = std::os::unix::net::UnixStream::connect(agent.socket()).unwrap();
        stream.write_all(call).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let text = String::from_utf8_lossy(call);
        assert!(
            reply.is_empty() || reply.contains("\"error\""),
            "{text}: {reply}"
        );
    }
    let mut stream = std::os::unix::net::UnixStream::connect(agent.socket()).unwrap();
    let sent = (0..64).try_for_each(|_| stream.write_all(&[b'x'; 65_536]));
    assert!(sent.is_err(), "a frame without end is cut off");
    assert_eq!(agent.admin().status("anna").enrolled.len(), 3);
}
