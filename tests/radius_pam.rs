//! FreeRADIUS with `rlm_pam`, as an unprivileged user that the agent trusts.

use mfa_tests::radius_pam::{RadiusPam, USER};
use mfa_tests::{Agent, Key, Machine};

const PASSWORD: &str = "correct horse";
const ANNA: &str = "mfat-anna";
const RULE: &str = "[[rule]]\nname = \"radius\"\nservices = [\"radiusd\"]\nrequire = [\"totp\"]\nprompting = \"single\"\n";

fn set_up(machine: &Machine, settings: &str) -> (Agent, Key, RadiusPam) {
    machine.user(ANNA, PASSWORD);
    machine.shipped_stack("radiusd");
    let agent = Agent::at_default_socket(settings);
    let key = agent.admin().device(ANNA);
    (agent, key, RadiusPam::start(machine))
}

#[test]
fn password_and_code_in_one_answer_are_accepted_and_half_of_it_is_rejected() {
    Machine::run(|machine| {
        let (mut agent, key, server) = set_up(machine, RULE);
        agent.restart_with_server(&format!("trusted = [\"{USER}\"]"));
        for (typed, accepted) in [
            (format!("{PASSWORD}{}", key.wrong_code()), false),
            (PASSWORD.to_owned(), false),
            (format!("{PASSWORD}{}", key.code(0)), true),
            (format!("{PASSWORD}{}", key.code(0)), false),
            (format!("wrong{}", key.code(1)), false),
        ] {
            let heard = server.ask(ANNA, &typed);
            assert_eq!(
                heard.is_success(),
                accepted,
                "{typed}: {heard:?} {}",
                server.log()
            );
            let word = if accepted {
                "Access-Accept"
            } else {
                "Access-Reject"
            };
            assert!(heard.stdout.contains(word), "{heard:?}");
        }
        let events = agent.logins_of(ANNA, 4);
        let passed = events
            .iter()
            .find(|event| event.text("result") == "passed")
            .unwrap();
        assert_eq!(passed.text("service"), "radiusd");
        assert_eq!(passed.number("by_uid"), Some(machine.uid(USER).into()));
    });
}

#[test]
fn an_untrusted_server_gets_nobody_in_and_costs_nobody_an_attempt() {
    Machine::run(|machine| {
        let (agent, key, server) = set_up(machine, RULE);
        let heard = server.ask(ANNA, &format!("{PASSWORD}{}", key.code(0)));
        assert!(
            heard.stdout.contains("Access-Reject"),
            "{heard:?} {}",
            server.log()
        );
        agent.await_log("add its user to [server] trusted");
        assert_eq!(agent.admin().status(ANNA).failures, 0);
    });
}
