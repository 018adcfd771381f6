//! What is visible while it is typed.

use mfa_tests::{Agent, Login, Seen, Stack};

const PIN: &str = "4826";

fn agent(settings: &str) -> (Agent, String) {
    let agent = Agent::with(&format!("[policy]\nrequire = [\"totp+pin\"]\n{settings}"));
    agent.admin().pin("anna", PIN);
    let code = agent.admin().device("anna").code(0);
    (agent, code)
}

fn log_in(stack: &Stack, code: &str) -> Seen {
    let seen = Login::of("anna").answer(code).answer(PIN).run(stack);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    seen
}

#[test]
fn nothing_is_visible_unless_asked_otherwise() {
    let (agent, code) = agent("");
    let seen = log_in(&Stack::asking(&agent), &code);
    assert!(seen.lines("prompt-visible: ").is_empty(), "{seen:?}");
}

#[test]
fn the_argument_of_the_module_shows_codes_and_no_pins() {
    let (agent, code) = agent("");
    let seen = log_in(&Stack::at(agent.socket(), "echo_code"), &code);
    // A PIN may follow its code in the same answer.
    assert_eq!(seen.lines("prompt-hidden: "), ["OTP code: ", "PIN: "]);
    agent.reload_with("[policy]\nrequire = [\"totp\"]\n");
    let code = agent.admin().device("bob").code(0);
    let login = Login::of("bob").answer(&code);
    let seen = login.run(&Stack::at(agent.socket(), "echo_code"));
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(seen.lines("prompt-visible: "), ["OTP code: "]);
}

#[test]
fn the_settings_show_what_they_name_also_pins() {
    for (echo, visible) in [
        ("[\"totp\"]", &[][..]),
        ("[\"pin\"]", &["PIN: "]),
        ("[\"totp\", \"pin\"]", &["OTP code: ", "PIN: "]),
    ] {
        let (agent, code) = agent(&format!("[prompts]\necho = {echo}\n"));
        let seen = log_in(&Stack::asking(&agent), &code);
        assert_eq!(seen.lines("prompt-visible: "), visible);
    }
}

#[test]
fn unknown_users_see_the_same() {
    let (agent, _) = agent("[prompts]\necho = [\"pin\"]\n");
    let login = Login::of("nosuch").answer("123456").answer("1379");
    let seen = login.run(&Stack::asking(&agent));
    assert_eq!(seen.lines("prompt-visible: "), ["PIN: "]);
}

#[test]
fn an_answer_that_holds_the_password_stays_hidden() {
    let agent = Agent::with(
        "[policy]\nrequire = [\"totp\"]\nprompting = \"single\"\n[prompts]\necho = [\"totp\"]\n",
    );
    let code = agent.admin().device("anna").code(0);
    let login = Login::of("anna").answer(&format!("password{code}"));
    let seen = login.run(&Stack::asking(&agent));
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(seen.lines("prompt-hidden: ").len(), 1, "{seen:?}");
}
