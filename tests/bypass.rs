//! Bypass codes: for a user whose device is lost.

use mfa_tests::{Agent, Login, Machine, Running, Seen, Stack};

const PASSWORD: &str = "correct horse";
const ANNA: &str = "mfat-anna";

fn issue(agent: &Agent, arguments: &[&str]) -> String {
    let arguments = [&["bypass", ANNA], arguments].concat();
    let reply = agent.ctl().json(&arguments, "");
    assert_eq!(reply["user"], ANNA, "{reply}");
    let code = reply["code"].as_str().expect("a code");
    assert!(
        code.len() == 9 && code.bytes().all(|b| b.is_ascii_digit()),
        "{reply}"
    );
    code.to_owned()
}

fn log_in(agent: &Agent, answer: &str) -> Seen {
    Login::of(ANNA).answer(answer).run(&Stack::asking(agent))
}

#[test]
fn a_bypass_code_passes_once_and_the_audit_names_it() {
    let agent = Agent::start();
    let key = agent.admin().device(ANNA);
    let code = issue(&agent, &["--for", "90m"]);
    assert!(agent.admin().status(ANNA).bypass_until.is_some());
    let seen = log_in(&agent, &code);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(seen.prompts(), ["OTP code: "]);
    assert!(agent.admin().status(ANNA).bypass_until.is_none());
    assert_eq!(log_in(&agent, &code).result(), "PAM_AUTH_ERR");
    let seen = log_in(&agent, &key.code(0));
    assert_eq!(seen.result(), "PAM_SUCCESS", "the device: {seen:?}");

    let issued = &agent.events_of("bypass", ANNA, 1)[0];
    assert_eq!(issued.text("result"), "done");
    assert!(issued.text("reason").contains("valid until "), "{issued:?}");
    let logins = agent.logins_of(ANNA, 3);
    assert_eq!(logins[0].text("factor"), "bypass");
    assert!(
        logins[0].text("reason").contains("bypass code"),
        "{logins:?}"
    );
    assert_eq!(logins[1].text("result"), "wrong");
    assert_eq!(logins[2].text("factor"), "totp");
    let audit = std::fs::read_to_string(agent.folder().join("audit.jsonl")).unwrap();
    assert!(!audit.contains(&code) && !agent.log().contains(&code));
}

#[test]
fn a_user_without_any_factor_passes_with_a_bypass_code() {
    let agent = Agent::start();
    let code = issue(&agent, &[]);
    let seen = log_in(&agent, &code);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(log_in(&agent, &code).result(), "PAM_AUTH_ERR");
}

#[test]
fn of_many_simultaneous_logins_with_the_code_one_gets_in() {
    const AT_ONCE: usize = 24;
    let agent = Agent::start();
    let _ = agent.admin().device(ANNA);
    let code = issue(&agent, &[]);
    let stack = Stack::asking(&agent);
    let mut logins: Vec<_> = (0..AT_ONCE)
        .map(|_| Login::of(ANNA).start(&stack))
        .collect();
    logins.iter_mut().for_each(Running::await_prompt);
    logins.iter_mut().for_each(|login| login.answer(&code));
    let passed = logins
        .into_iter()
        .map(Running::finish)
        .filter(|seen| seen.result() == "PAM_SUCCESS")
        .count();
    assert_eq!(passed, 1);
}

#[test]
fn a_second_code_replaces_the_first() {
    let agent = Agent::start();
    let _ = agent.admin().device(ANNA);
    let (first, second) = (issue(&agent, &[]), issue(&agent, &[]));
    assert_eq!(log_in(&agent, &first).result(), "PAM_AUTH_ERR");
    assert_eq!(log_in(&agent, &second).result(), "PAM_SUCCESS");
}

#[test]
fn a_code_that_is_taken_back_lets_nobody_in() {
    let agent = Agent::start();
    let _ = agent.admin().device(ANNA);
    let code = issue(&agent, &[]);
    let off = || agent.ctl().json(&["bypass", ANNA, "--off"], "");
    assert_eq!(off()["changed"], true);
    assert_eq!(off()["changed"], false);
    assert_eq!(log_in(&agent, &code).result(), "PAM_AUTH_ERR");
    assert_eq!(agent.events_of("bypass-revoke", ANNA, 1).len(), 1);
    assert_eq!(log_in(&agent, &issue(&agent, &[])).result(), "PAM_SUCCESS");
}

#[test]
fn a_code_survives_a_restart_and_does_not_open_a_locked_account() {
    let mut agent = Agent::start();
    let key = agent.admin().device(ANNA);
    let code = issue(&agent, &[]);
    agent.kill_9();
    agent.launch();
    for _ in 0..5 {
        let _ = log_in(&agent, &key.wrong_code());
    }
    assert_eq!(log_in(&agent, &code).result(), "PAM_MAXTRIES");
    agent.admin().unlock(ANNA);
    assert_eq!(log_in(&agent, &code).result(), "PAM_SUCCESS");
}

#[test]
fn a_bypass_code_follows_the_password_if_there_is_one_answer() {
    Machine::run(|machine| {
        machine.user(ANNA, PASSWORD);
        machine.shipped_stack("password+code");
        let agent = Agent::at_default_socket("[policy]\nrequire = [\"totp\"]\n");
        let key = agent.admin().device(ANNA);
        let log_in = |answer: &str| {
            let login = Login::of(ANNA).service("password+code").option("--account");
            let seen = login.answer(answer).run(&Stack::of_host());
            seen.result().to_owned()
        };
        let first = issue(&agent, &[]);
        assert_ne!(
            log_in(&format!("wrong{first}")),
            "PAM_SUCCESS",
            "it is used up"
        );
        let code = issue(&agent, &[]);
        // The device still passes while there is a bypass code.
        let with_device = log_in(&format!("{PASSWORD}{}", key.code(0)));
        assert_eq!(with_device, "PAM_SUCCESS");
        assert_eq!(log_in(&format!("{PASSWORD}{code}")), "PAM_SUCCESS");
        assert_ne!(log_in(&format!("{PASSWORD}{code}")), "PAM_SUCCESS", "twice");
        let events = agent.logins_of(ANNA, 4);
        assert_eq!(events[1].text("factor"), "totp");
        assert_eq!(events[2].text("factor"), "bypass");
    });
}

#[test]
fn a_code_is_valid_for_one_minute_to_three_hours() {
    let agent = Agent::start();
    for time in ["59s", "3h1s", "1d", "0s"] {
        let output = agent.ctl().run(&["bypass", ANNA, "--for", time], "");
        assert_eq!(output.status, Some(2), "{time}: {output:?}");
    }
    for time in ["1m", "3h"] {
        let _ = issue(&agent, &["--for", time]);
    }
}

#[test]
fn a_bypass_code_counts_as_the_code_of_a_combination_with_a_pin() {
    let agent = Agent::with("[policy]\nrequire = [\"totp+pin\"]\n");
    let _ = agent.admin().device(ANNA);
    agent.admin().pin(ANNA, "4826");
    let reply = agent.ctl().json(&["enroll", "recovery", ANNA], "");
    let recovery = reply["codes"][0].as_str().expect("a code");
    for code in [issue(&agent, &[]).as_str(), recovery] {
        let seen = log_in(&agent, &format!("{code}0000"));
        assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
    }
    let recovery = reply["codes"][1].as_str().expect("a code");
    for code in [issue(&agent, &[]).as_str(), recovery] {
        let seen = log_in(&agent, &format!("{code}4826"));
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        assert_eq!(seen.prompts(), ["OTP code: "]);
    }
    let logins = agent.logins_of(ANNA, 4);
    assert_eq!(logins[2].text("factor"), "bypass+pin");
    assert_eq!(logins[3].text("factor"), "recovery+pin");
}

#[test]
fn guesses_with_a_pin_behind_them_count_like_any_others() {
    let agent = Agent::with("[policy]\nrequire = [\"totp+pin\"]\n");
    let _ = agent.admin().device(ANNA);
    agent.admin().pin(ANNA, "482648");
    let code = issue(&agent, &[]);
    // Longer than the code of a device with a PIN behind it.
    for guess in 0..5 {
        let seen = log_in(&agent, &format!("{guess:09}482648"));
        assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
    }
    let right = log_in(&agent, &format!("{code}482648"));
    assert_eq!(right.result(), "PAM_MAXTRIES", "{right:?}");
}

#[test]
fn with_a_pin_behind_it_it_passes_whatever_lengths_the_codes_of_devices_have() {
    let agent = Agent::with("[policy]\nrequire = [\"totp+pin\"]\n");
    let _ = agent.admin().device(ANNA);
    let long = ["enroll", "totp", ANNA, "--digits", "8", "--no-confirm"];
    let _ = agent.ctl().json(&long, "");
    agent.admin().pin(ANNA, "4826");
    let reply = agent.ctl().json(&["enroll", "recovery", ANNA], "");
    let recovery = reply["codes"][0].as_str().expect("a code");
    for code in [issue(&agent, &[]).as_str(), recovery] {
        let typed = format!("{code}4826");
        let seen = log_in(&agent, &typed);
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        assert_eq!(log_in(&agent, &typed).result(), "PAM_AUTH_ERR");
    }
    let logins = agent.logins_of(ANNA, 4);
    let reason = |at: usize| logins[at].text("reason");
    assert_eq!(reason(1), "a bypass code that was already used");
    assert_eq!(reason(3), "a recovery code that was already used");
}

#[test]
fn the_audit_tells_used_codes_from_guesses() {
    let agent = Agent::start();
    let _ = agent.admin().device(ANNA);
    let reply = agent.ctl().json(&["enroll", "recovery", ANNA], "");
    let recovery = reply["codes"][0].as_str().expect("a code");
    let bypass = issue(&agent, &[]);
    for code in [bypass.as_str(), recovery] {
        assert_eq!(log_in(&agent, code).result(), "PAM_SUCCESS");
        assert_eq!(log_in(&agent, code).result(), "PAM_AUTH_ERR");
    }
    assert_eq!(log_in(&agent, "000000").result(), "PAM_AUTH_ERR");
    let logins = agent.logins_of(ANNA, 5);
    let reason = |at: usize| logins[at].text("reason");
    assert_eq!(reason(1), "a bypass code that was already used");
    assert_eq!(reason(3), "a recovery code that was already used");
    assert_eq!(reason(4), "wrong answer");
}
