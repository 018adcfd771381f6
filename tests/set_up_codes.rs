//! Recovery codes at the end of a set-up by `mfactl`.

use mfa_tests::{Agent, Login, Pty, Stack, built, code_of};

const ANNA: &str = "mfat-anna";
const SAFE: &str = "Type yes when they are in a safe place: ";

fn mfactl(agent: &Agent, words: &[&str]) -> Pty {
    let (program, socket) = (&built().mfactl, agent.socket().to_string_lossy());
    let mut all = vec!["--socket", &socket];
    all.extend_from_slice(words);
    Pty::spawn(&program.to_string_lossy(), &all)
}

/// Enrols a device, up to the question after its codes. Returns its key and its codes.
fn asked(agent: &Agent) -> (Pty, String, Vec<String>) {
    let mut enroll = mfactl(agent, &["enroll", "totp", ANNA]);
    enroll.expect("Code on the device: ");
    let line = enroll.shown().lines().find(|line| line.starts_with("Key "));
    let key = line.expect("a key").replace([' ', '\r'], "")["Key".len()..].to_owned();
    enroll.send(&code_of(&key, 0));
    enroll.expect(SAFE);
    let shown = enroll.shown();
    let (_, after) = shown.split_once("device is lost").expect("codes");
    let (codes, _) = after.split_once("Each code").expect("an end of them");
    let digits: String = codes.chars().filter(char::is_ascii_digit).collect();
    let codes = digits.as_bytes().chunks(10);
    let codes = codes.map(|code| String::from_utf8_lossy(code).into_owned());
    (enroll, key, codes.collect())
}

fn log_in(agent: &Agent, answer: &str) -> String {
    let seen = Login::of(ANNA).answer(answer).run(&Stack::asking(agent));
    seen.result().to_owned()
}

#[test]
fn a_set_up_ends_with_codes_that_work_once_the_user_has_typed_yes() {
    let agent = Agent::start();
    let (mut enroll, _, codes) = asked(&agent);
    assert_eq!(codes.len(), 10);
    assert_eq!(agent.admin().status(ANNA).recovery_left, None);
    enroll.send("no");
    enroll.answer(SAFE, "yes");
    assert_eq!(enroll.finish().1, Some(0));
    assert_eq!(agent.admin().status(ANNA).recovery_left, Some(10));
    assert_eq!(log_in(&agent, &codes[3]), "PAM_SUCCESS");
    assert_eq!(log_in(&agent, &codes[3]), "PAM_AUTH_ERR");
    let events = agent.events_of("enroll", ANNA, 2);
    assert_eq!(events[1].text("factor"), "recovery");

    // A second device leaves them alone.
    let mut second = mfactl(&agent, &["enroll", "totp", ANNA, "--no-confirm"]);
    second.expect("enrolled");
    let (shown, status) = second.finish();
    assert_eq!(status, Some(0));
    assert!(!shown.contains("recovery"), "{shown}");
    assert_eq!(agent.admin().status(ANNA).recovery_left, Some(9));
}

#[test]
fn codes_are_void_and_the_device_stays_if_the_connection_breaks_before_yes() {
    let agent = Agent::start();
    let (mut enroll, key, codes) = asked(&agent);
    enroll.kill();
    let _ = enroll.finish();
    assert_eq!(agent.admin().status(ANNA).recovery_left, None);
    assert_eq!(log_in(&agent, &codes[0]), "PAM_AUTH_ERR");
    assert_eq!(log_in(&agent, &code_of(&key, 1)), "PAM_SUCCESS");
}

#[test]
fn a_user_who_never_types_yes_keeps_the_device_and_reads_that_the_codes_do_not_work() {
    let agent = Agent::start();
    let (mut enroll, _, codes) = asked(&agent);
    enroll.send("what?");
    for _ in 0..4 {
        enroll.answer(SAFE, "no");
    }
    enroll.expect("do not work");
    enroll.expect(&format!("mfactl enroll recovery {ANNA}"));
    assert_eq!(enroll.finish().1, Some(0));
    assert_eq!(agent.admin().enrolled(ANNA), ["totp"]);
    assert_eq!(log_in(&agent, &codes[0]), "PAM_AUTH_ERR");
}

#[test]
fn scripts_get_no_codes_that_nobody_has_read() {
    let agent = Agent::start();
    let made = agent
        .ctl()
        .json(&["enroll", "totp", ANNA, "--no-confirm"], "");
    let mut fields: Vec<_> = made.as_object().expect("an object").keys().collect();
    fields.sort();
    assert_eq!(fields, ["factor", "label", "secret", "uri", "user"]);
    assert_eq!(agent.admin().status(ANNA).recovery_left, None);
    let mut quiet = mfactl(
        &agent,
        &["enroll", "hotp", ANNA, "--no-confirm", "--no-recovery"],
    );
    quiet.expect("enrolled");
    let (shown, status) = quiet.finish();
    assert!(status == Some(0) && !shown.contains("recovery"), "{shown}");
}
