//! Users from another source than the host's own files, with a second NSS source:
//! libnss-extrausers.

use mfa_tests::{Agent, Login, Machine, Seen, Stack};

const PASSWORD: &str = "correct horse";
/// In /etc/passwd.
const LOCAL: &str = "mfat-lena";
/// In the second source.
const FEDERATED: &str = "mfat-fred";
/// In no source, like VPN users.
const NOWHERE: &str = "mfat-nora";
const PIN: &str = "4826";

fn set_up(machine: &Machine, settings: &str) -> Agent {
    machine.user(LOCAL, PASSWORD);
    machine.user(FEDERATED, PASSWORD);
    machine.federate(&[FEDERATED]);
    machine.shipped_stack("sshd");
    let agent = Agent::at_default_socket(settings);
    for user in [LOCAL, FEDERATED, NOWHERE] {
        agent.admin().pin(user, PIN);
    }
    agent
}

/// A login through the host's stack, password first. Answers may be left over.
fn log_in(user: &str) -> Seen {
    let login = Login::of(user).service("sshd").from("192.0.2.7");
    login.answer(PASSWORD).answer(PIN).run(&Stack::of_host())
}

fn asks_for_pin(user: &str) -> bool {
    let seen = log_in(user);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    seen.prompts().contains(&"PIN: ")
}

#[test]
fn local_users_are_asked_and_federated_ones_are_not_until_a_reload_asks_all() {
    Machine::run(|machine| {
        let agent = set_up(machine, "[enforcement]\nmode = \"local-users\"\n");
        assert!(asks_for_pin(LOCAL));
        assert!(!asks_for_pin(FEDERATED));
        let event = &agent.logins_of(FEDERATED, 1)[0];
        assert_eq!(event.text("result"), "skipped");
        assert!(event.text("reason").contains("local-users"), "{event:?}");
        let seen = Login::of(NOWHERE).answer(PIN).run(&Stack::asking(&agent));
        assert_eq!(seen.prompts(), ["PIN: "], "no provider vouches for them");

        let _ = agent.reload_with("[enforcement]\nmode = \"all\"\n");
        assert!(asks_for_pin(LOCAL));
        assert!(asks_for_pin(FEDERATED));

        let _ = agent.reload_with("[enforcement]\nmode = \"none\"\n");
        assert!(!asks_for_pin(LOCAL));
        assert!(!asks_for_pin(FEDERATED));
    });
}

#[test]
fn enforce_says_what_it_comes_to_under_the_mode_that_is_active() {
    Machine::run(|machine| {
        let agent = set_up(machine, "[enforcement]\nmode = \"local-users\"\n");
        let note = |user: &str| {
            let reply = agent.ctl().json(&["enforce", user, "required"], "");
            reply["note"].as_str().unwrap_or_default().to_owned()
        };
        assert_eq!(note(LOCAL), "", "what it says is what happens");
        let federated = note(FEDERATED);
        assert!(
            federated.contains("comes from a directory") && federated.contains("mfactl mode all")
        );
        let _ = agent.ctl().json(&["mode", "all"], "");
        assert_eq!(note(FEDERATED), "");
        assert!(asks_for_pin(FEDERATED));
        let _ = agent.ctl().json(&["remove", "pin", FEDERATED], "");
        let bare = note(FEDERATED);
        assert!(
            bare.contains(&format!("mfactl enroll totp {FEDERATED}")),
            "{bare}"
        );
        let _ = agent.ctl().json(&["mode", "none"], "");
        let nobody = note(LOCAL);
        assert!(nobody.contains("asks no user"), "{nobody}");
        assert!(!asks_for_pin(LOCAL));
        let _ = agent.reload_with("[[rule]]\naction = \"skip\"\n");
        let _ = agent.ctl().json(&["mode", "all"], "");
        let skipped = note(LOCAL);
        assert!(skipped.contains("no rule asks"), "{skipped}");
    });
}

#[test]
fn a_federated_user_under_local_users_still_needs_the_right_password() {
    Machine::run(|machine| {
        let _agent = set_up(machine, "[enforcement]\nmode = \"local-users\"\n");
        let login = Login::of(FEDERATED).service("sshd").answer("wrong");
        assert_ne!(login.run(&Stack::of_host()).result(), "PAM_SUCCESS");
    });
}

#[test]
fn a_login_finishes_under_the_rules_that_it_began_with() {
    Machine::run(|machine| {
        let agent = set_up(machine, "[enforcement]\nmode = \"all\"\n");
        let stack = Stack::asking(&agent);
        let mut open = Login::of(FEDERATED).start(&stack);
        open.await_prompt();
        let _ = agent
            .reload_with("[enforcement]\nmode = \"local-users\"\n[policy]\nrequire = [\"totp\"]\n");
        assert!(!asks_for_pin(FEDERATED), "a login that begins now");
        open.answer("0000");
        let seen = open.finish();
        assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");

        let _ = agent.reload_with("[enforcement]\nmode = \"all\"\n");
        let mut open = Login::of(FEDERATED).start(&stack);
        open.await_prompt();
        let _ = agent.reload_with("[[rule]]\naction = \"deny\"\n");
        open.answer(PIN);
        let seen = open.finish();
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        assert_eq!(log_in(FEDERATED).result(), "PAM_PERM_DENIED");
    });
}

#[test]
fn a_rule_can_distinguish_federated_from_local_users() {
    Machine::run(|machine| {
        let settings = "[[rule]]\nname = \"sso\"\nsource = \"federated\"\naction = \"skip\"\n\
            [[rule]]\nname = \"own\"\nsource = \"local\"\nrequire = [\"pin\"]\n";
        let agent = set_up(machine, settings);
        assert!(asks_for_pin(LOCAL));
        assert!(!asks_for_pin(FEDERATED));
        assert_eq!(agent.logins_of(LOCAL, 1)[0].text("rule"), "own");
        assert_eq!(agent.logins_of(FEDERATED, 1)[0].text("rule"), "sso");
        for (user, source) in [(LOCAL, "local"), (FEDERATED, "federated")] {
            let explained = agent
                .ctl()
                .json(&["explain", "--user", user, "--service", "sshd"], "");
            assert_eq!(explained["source"], source);
        }
    });
}
