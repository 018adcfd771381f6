//! Sixty-four simultaneous logins of one account, from sixty-four processes.
//!
//! All of them wait at the prompt before the first is answered. Verified answers are counted in
//! three ways that must agree: by what the programs were told, in the audit file, and in the
//! account.

use mfa_tests::{Agent, Login, Running, Seen, Stack};

const CROWD: usize = 64;
const ROUNDS: usize = 20;
const ATTEMPTS: usize = 5;

/// Answers all prompts at once with what `answer` returns for each.
fn all_at_once(user: &str, stack: &Stack, answer: impl Fn(usize) -> String) -> Vec<Seen> {
    let mut crowd: Vec<Running> = (0..CROWD)
        .map(|_| Login::of(user).service("sshd").start(stack))
        .collect();
    crowd.iter_mut().for_each(Running::await_prompt);
    let answers: Vec<String> = (0..CROWD).map(answer).collect();
    for (running, answer) in crowd.iter_mut().zip(&answers) {
        running.answer(answer);
    }
    crowd.into_iter().map(Running::finish).collect()
}

fn count(seen: &[Seen], result: &str) -> usize {
    seen.iter().filter(|seen| seen.result() == result).count()
}

/// Number of verified answers in the audit file.
fn verified(agent: &Agent, user: &str) -> usize {
    agent
        .logins_of(user, CROWD)
        .iter()
        .filter(|event| event.is_verified())
        .count()
}

#[test]
fn of_64_logins_with_one_valid_code_exactly_one_passes() {
    let agent = Agent::start();
    let stack = Stack::asking(&agent);
    for round in 0..ROUNDS {
        let user = format!("anna{round}");
        let key = agent.admin().device(&user);
        let code = key.code(0);
        let seen = all_at_once(&user, &stack, |_| code.clone());
        assert_eq!(count(&seen, "PAM_SUCCESS"), 1, "round {round}");
        let account = agent.admin().status(&user);
        assert_eq!(account.failures, 0, "round {round}: a replay is no guess");
    }
}

#[test]
fn of_64_logins_with_one_valid_hotp_code_exactly_one_passes() {
    let agent = Agent::start();
    let stack = Stack::asking(&agent);
    for round in 0..5 {
        let user = format!("anna{round}");
        let code = agent.admin().counting_device(&user).counted(1);
        let seen = all_at_once(&user, &stack, |_| code.clone());
        assert_eq!(count(&seen, "PAM_SUCCESS"), 1, "round {round}");
        let account = agent.admin().status(&user);
        assert_eq!(account.failures, 0, "round {round}: a replay is no guess");
        assert_eq!(account.devices[0].counter, Some(2), "round {round}");
    }
}

#[test]
fn of_64_wrong_codes_at_most_five_are_verified_and_then_the_account_is_locked() {
    let agent = Agent::start();
    let stack = Stack::asking(&agent);
    for round in 0..ROUNDS {
        let user = format!("anna{round}");
        let wrong = agent.admin().device(&user).wrong_code();
        let seen = all_at_once(&user, &stack, |_| wrong.clone());
        assert_eq!(count(&seen, "PAM_AUTH_ERR"), ATTEMPTS, "round {round}");
        assert_eq!(
            count(&seen, "PAM_MAXTRIES"),
            CROWD - ATTEMPTS,
            "round {round}"
        );
        assert_eq!(verified(&agent, &user), ATTEMPTS, "round {round}");
        let account = agent.admin().status(&user);
        assert_eq!(account.failures as usize, ATTEMPTS, "round {round}");
        assert!(account.locked_until.is_some(), "round {round}");
    }
}

#[test]
fn of_63_wrong_codes_and_a_right_one_at_most_five_are_verified() {
    let agent = Agent::start();
    let stack = Stack::asking(&agent);
    for round in 0..ROUNDS {
        let user = format!("anna{round}");
        let key = agent.admin().device(&user);
        let (right, wrong) = (key.code(0), key.wrong_code());
        // The right answer is somewhere in the middle, at another place each round.
        let place = (round * 7) % CROWD;
        let answer = |n| if n == place { &right } else { &wrong }.clone();
        let seen = all_at_once(&user, &stack, answer);
        let events = agent.logins_of(&user, CROWD);
        let results = |result: &str| events.iter().filter(|e| e.text("result") == result).count();
        let (passed, wrong) = (results("passed"), results("wrong"));
        // The pass among them clears the failures, but gives nobody at a prompt another guess.
        assert!(
            passed <= 1 && passed + wrong <= ATTEMPTS,
            "round {round}: {passed} passed, {wrong} wrong"
        );
        assert_eq!(count(&seen, "PAM_SUCCESS"), passed, "round {round}");
        assert_eq!(count(&seen, "PAM_AUTH_ERR"), wrong, "round {round}");
        let account = agent.admin().status(&user);
        assert!(account.failures as usize <= wrong, "round {round}");
        assert_eq!(
            account.locked_until.is_some(),
            wrong == ATTEMPTS,
            "round {round}"
        );
    }
}

#[test]
fn of_64_wrong_pins_at_most_five_are_verified() {
    let agent = Agent::start();
    let stack = Stack::asking(&agent);
    for round in 0..3 {
        let user = format!("anna{round}");
        agent.admin().pin(&user, "4826");
        let seen = all_at_once(&user, &stack, |_| "0000".to_owned());
        assert!(count(&seen, "PAM_AUTH_ERR") <= ATTEMPTS, "round {round}");
        assert_eq!(count(&seen, "PAM_SUCCESS"), 0, "round {round}");
        assert_eq!(
            agent.admin().status(&user).failures as usize,
            ATTEMPTS,
            "round {round}"
        );
    }
}

#[test]
fn logins_of_64_users_at_once_all_pass() {
    let agent = Agent::start();
    let stack = Stack::asking(&agent);
    let keys: Vec<_> = (0..CROWD)
        .map(|n| agent.admin().device(&format!("user{n}")))
        .collect();
    let codes: Vec<String> = keys.iter().map(|key| key.code(0)).collect();
    let mut crowd: Vec<Running> = (0..CROWD)
        .map(|n| Login::of(&format!("user{n}")).start(&stack))
        .collect();
    crowd.iter_mut().for_each(Running::await_prompt);
    for (running, code) in crowd.iter_mut().zip(&codes) {
        running.answer(code);
    }
    for running in crowd {
        let seen = running.finish();
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    }
}
