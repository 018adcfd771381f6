//! Logins through the PAM stacks of all hosts: what one host has seen, all have.

use mfa_protocol::admin::{Status, UserParameters};
use mfa_tests::{Fleet, Key, Login, Running, Seen, eventually};

use super::with_fleet;

const CROWD: usize = 64;
const ATTEMPTS: usize = 5;

/// Answers prompts on all hosts at once with what `answer` returns for each. On a busy machine etcd may be too slow for a
/// login, which is refused then.
fn all_at_once(fleet: &Fleet, user: &str, answer: impl Fn(usize) -> String) -> Vec<Seen> {
    let hosts = fleet.hosts().iter().cycle().take(CROWD);
    let mut crowd: Vec<Running> = hosts
        .map(|host| Login::of(user).service("sshd").start(&host.stack))
        .collect();
    let is_prompted: Vec<bool> = crowd.iter_mut().map(Running::is_prompted).collect();
    let answers: Vec<String> = (0..CROWD).map(answer).collect();
    for ((running, answer), is_prompted) in crowd.iter_mut().zip(&answers).zip(is_prompted) {
        if is_prompted {
            running.answer(answer);
        }
    }
    crowd.into_iter().map(Running::finish).collect()
}

/// Waits until every host reads its store: a crowd may have been too much for a busy machine.
fn settle(fleet: &Fleet) {
    for host in fleet.hosts() {
        eventually(&format!("{} to read its store", host.name), || {
            let user = Some("anna".to_owned());
            let status = host.agent.admin().call::<Status>(&UserParameters { user });
            status.ok().map(|_| ())
        });
    }
}

fn count(seen: &[Seen], result: &str) -> usize {
    seen.iter().filter(|seen| seen.result() == result).count()
}

/// How many logins of a user the logs of all hosts have with that result; one of the failures only if it counts.
fn logged(fleet: &Fleet, user: &str, result: &str) -> usize {
    let events = fleet.hosts().iter().flat_map(|host| host.agent.events());
    let of_user = events.filter(|event| event.is_login_of(user) && event.text("result") == result);
    of_user.count()
}

pub(crate) fn pass(fleet: &Fleet, host: usize, user: &str, code: &str) -> Seen {
    let stack = &fleet.host(host).stack;
    Login::of(user).service("sshd").answer(code).run(stack)
}

#[test]
fn of_64_logins_over_all_hosts_with_one_code_one_passes() {
    one_code_passes_once(2);
}

#[test]
#[ignore = "takes minutes: make test-all runs it"]
fn of_64_logins_over_all_hosts_with_one_code_one_passes_in_each_of_20_rounds() {
    one_code_passes_once(20);
}

fn one_code_passes_once(rounds: usize) {
    with_fleet("", move |fleet| {
        let mut told = 0;
        for round in 0..rounds {
            settle(fleet);
            let user = format!("anna{round}");
            let key = fleet.agent(round % 3).admin().device(&user);
            let code = key.code(0);
            let seen = all_at_once(fleet, &user, |_| code.clone());
            let unavailable = count(&seen, "PAM_AUTHINFO_UNAVAIL");
            let passed = count(&seen, "PAM_SUCCESS");
            // Whoever was told nothing may have used the code.
            let is_right = passed == 1 || passed == 0 && unavailable > 0;
            assert!(is_right, "round {round}: {seen:?}");
            assert_eq!(logged(fleet, &user, "passed"), passed, "round {round}");
            settle(fleet);
            for host in fleet.hosts() {
                let account = host.agent.admin().status(&user);
                assert_eq!(account.failures, 0, "round {round}: a replay is no guess");
            }
            told += passed;
        }
        assert!(told > rounds / 2, "{told} of {rounds} codes passed");
    });
}

#[test]
fn five_wrong_answers_over_three_hosts_lock_on_all() {
    with_fleet("", |fleet| {
        let key = fleet.agent(0).admin().device("anna");
        for answer in 0..ATTEMPTS {
            let seen = pass(fleet, answer % 3, "anna", &key.wrong_code());
            assert_eq!(seen.result(), "PAM_AUTH_ERR", "answer {answer}");
        }
        for host in 0..3 {
            let seen = pass(fleet, host, "anna", &key.code(0));
            assert_eq!(seen.result(), "PAM_MAXTRIES", "host {host}");
        }
        fleet.agent(1).admin().unlock("anna");
        assert_eq!(pass(fleet, 2, "anna", &key.code(0)).result(), "PAM_SUCCESS");
        let seen = pass(fleet, 0, "anna", &key.code(0));
        assert_eq!(seen.result(), "PAM_AUTH_ERR", "it was used on another host");
    });
}

#[test]
fn of_63_wrong_codes_and_a_right_one_over_all_hosts_at_most_five_are_verified() {
    at_most_five_are_verified(2);
}

#[test]
#[ignore = "takes a minute: make test-all runs it"]
fn of_63_wrong_codes_and_a_right_one_at_most_five_are_verified_in_each_of_eight_rounds() {
    at_most_five_are_verified(8);
}

fn at_most_five_are_verified(rounds: usize) {
    with_fleet("", move |fleet| {
        let mut verified = 0;
        for round in 0..rounds {
            settle(fleet);
            let user = format!("anna{round}");
            let key = fleet.agent(0).admin().device(&user);
            let (right, wrong) = (key.code(0), key.wrong_code());
            let place = (round * 7) % CROWD;
            let answer = |n| if n == place { &right } else { &wrong }.clone();
            let seen = all_at_once(fleet, &user, answer);
            let passed = logged(fleet, &user, "passed");
            let wrong = logged(fleet, &user, "wrong");
            assert!(
                passed <= 1 && passed + wrong <= ATTEMPTS,
                "round {round}: {passed} passed, {wrong} wrong"
            );
            verified += passed + wrong;
            assert_eq!(count(&seen, "PAM_SUCCESS"), passed, "round {round}");
            assert_eq!(count(&seen, "PAM_AUTH_ERR"), wrong, "round {round}");
            // Whoever was told nothing may have used an attempt.
            let unavailable = count(&seen, "PAM_AUTHINFO_UNAVAIL");
            settle(fleet);
            for host in fleet.hosts() {
                let account = host.agent.admin().status(&user);
                let is_locked = account.locked_until.is_some();
                assert!(is_locked || wrong < ATTEMPTS, "round {round}");
                assert!(
                    !is_locked || wrong + unavailable >= ATTEMPTS,
                    "round {round}"
                );
            }
        }
        assert!(verified > rounds, "{verified} answers in {rounds} rounds");
    });
}

#[test]
fn what_is_enrolled_on_one_host_logs_in_on_another_at_once() {
    with_fleet("", |fleet| {
        for round in 0..9 {
            let user = format!("anna{round}");
            let (here, there) = (round % 3, (round + 1) % 3);
            // The other host knows that there is no such user.
            let seen = pass(fleet, there, &user, "123456");
            assert_eq!(seen.result(), "PAM_AUTH_ERR", "round {round}");
            let key: Key = fleet.agent(here).admin().device(&user);
            // That host may show the prompt of a name that it knows as unknown first, and then the one of the device.
            let code = key.code(0);
            let login = Login::of(&user).service("sshd").answer(&code).answer(&code);
            let seen = login.run(&fleet.host(there).stack);
            assert_eq!(seen.result(), "PAM_SUCCESS", "round {round}: {seen:?}");
            let _ = fleet
                .agent(there)
                .ctl()
                .json(&["remove", "totp", &user], "");
            let seen = pass(fleet, here, &user, &key.code(1));
            assert_eq!(
                seen.result(),
                "PAM_AUTH_ERR",
                "round {round}: it is removed"
            );
        }
    });
}

#[test]
fn recovery_and_bypass_codes_are_good_once_on_all_hosts() {
    with_fleet("", |fleet| {
        let _ = fleet.agent(0).admin().device("anna");
        let recovery = fleet.agent(1).admin().recovery_codes("anna", 3);
        let bypass = fleet.agent(2).ctl().json(&["bypass", "anna"], "");
        let bypass = bypass["code"].as_str().expect("a code").to_owned();
        for code in [&recovery[0], &bypass] {
            let seen = all_at_once(fleet, "anna", |n| if n < 4 { code } else { "" }.to_owned());
            assert_eq!(count(&seen, "PAM_SUCCESS"), 1, "{seen:?}");
            fleet.agent(0).admin().unlock("anna");
        }
    });
}

#[test]
fn nobody_can_tell_a_user_who_exists_from_one_who_does_not() {
    // With a choice of factors, unknown names are asked for one or another, by the fleet's key.
    with_fleet("[policy]\nrequire = [\"totp\"]\n", |fleet| {
        let _ = fleet.agent(0).admin().device("anna");
        let shown = |user: &str| {
            let seen = pass(fleet, 1, user, "000000");
            let prompts = seen.prompts().into_iter().map(str::to_owned);
            (seen.result().to_owned(), prompts.collect::<Vec<_>>())
        };
        assert_eq!(shown("anna"), shown("nobody-of-that-name"));
    });
}
