//! ocserv and openconnect: form by form, and a tunnel that carries traffic.

use mfa_tests::ocserv::Ocserv;
use mfa_tests::{Agent, Key, Login, Machine, Network, Pty, Stack, Transcript};

const PASSWORD: &str = "correct horse";
const ANNA: &str = "mfat-anna";
const UP: &str = "Configured as 10.9.0.";

fn set_up(machine: &Machine, settings: &str) -> (Network, Agent, Key) {
    let network = Network::new(machine);
    machine.user(ANNA, PASSWORD);
    machine.shipped_stack("ocserv");
    let agent = Agent::at_default_socket(settings);
    let key = agent.admin().device(ANNA);
    (network, agent, key)
}

/// Records what the user at the client sees.
fn keep(name: &str, client: &Pty) {
    let ours = [
        "Please",
        "Password",
        "OTP",
        "PIN",
        "accepted",
        "denied",
        "failed",
        "Configured",
    ];
    Transcript::of(client.shown())
        .only(|line| ours.iter().any(|word| line.contains(word)))
        .masking(Network::GATEWAY, "GATEWAY")
        .assert(name);
}

#[test]
fn password_and_code_form_by_form_open_a_tunnel_that_carries_traffic() {
    Machine::run(|machine| {
        let (network, agent, key) = set_up(machine, "");
        let server = Ocserv::start(&network);
        let mut client = server.client(ANNA);
        client.answer("Password:", PASSWORD);
        client.expect("OTP code:");
        client.answer("Password1:", &key.code(0));
        client.expect(UP);
        server.await_traffic();
        keep("ocserv", &client);
        let event = &agent.logins_of(ANNA, 1)[0];
        assert_eq!(event.text("result"), "passed");
        assert_eq!(event.text("rhost"), Network::CLIENT);
    });
}

#[test]
fn a_pin_is_not_hashed_on_ocservs_small_stack() {
    Machine::run(|machine| {
        let (network, agent, key) = set_up(machine, "[policy]\nrequire = [\"totp+pin\"]\n");
        agent.admin().pin(ANNA, "4826");
        let server = Ocserv::start(&network);
        let mut client = server.client(ANNA);
        client.answer("Password:", PASSWORD);
        client.expect("OTP code:");
        client.answer("Password1:", &key.code(0));
        client.expect("PIN:");
        client.answer("Password2:", "4826");
        client.expect(UP);
        server.await_traffic();
    });
}

#[test]
fn a_wrong_code_opens_nothing_and_an_empty_one_is_no_attempt() {
    Machine::run(|machine| {
        let (network, agent, key) = set_up(machine, "");
        let server = Ocserv::start(&network);
        let mut client = server.client(ANNA);
        client.answer("Password:", PASSWORD);
        client.expect("OTP code:");
        client.answer("Password1:", &key.wrong_code());
        assert_eq!(agent.logins_of(ANNA, 1)[0].text("result"), "wrong");
        client.kill();
        keep("ocserv-wrong-code", &client);

        let mut client = server.client(ANNA);
        client.answer("Password:", PASSWORD);
        client.expect("OTP code:");
        client.answer("Password1:", "");
        assert_eq!(agent.logins_of(ANNA, 2)[1].text("result"), "cancelled");
        client.kill();
        assert!(!server.carries_traffic());
        assert_eq!(agent.admin().status(ANNA).failures, 1);

        let mut client = server.client(ANNA);
        client.answer("Password:", PASSWORD);
        client.expect("OTP code:");
        client.answer("Password1:", &key.code(0));
        client.expect(UP);
    });
}

#[test]
fn a_user_who_needs_no_code_gets_in_by_password() {
    Machine::run(|machine| {
        let skip = "[[rule]]\nservices = [\"ocserv\"]\naction = \"skip\"\n";
        let (network, agent, _) = set_up(machine, skip);
        let server = Ocserv::start(&network);
        let mut client = server.client(ANNA);
        client.answer("Password:", PASSWORD);
        client.expect(UP);
        server.await_traffic();
        assert_eq!(agent.logins_of(ANNA, 1)[0].text("result"), "skipped");
    });
}

#[test]
fn the_shipped_stack_avoids_modules_that_need_more_stack_than_ocserv_has() {
    Machine::run(|machine| {
        let (_network, agent, key) = set_up(machine, "");
        let answers = [
            (key.wrong_code(), false),
            (key.code(0), true),
            (String::new(), false),
        ];
        for (code, passes) in answers {
            let seen = Login::of(ANNA)
                .service("ocserv")
                .option("--stack-kib=96")
                .answer(PASSWORD)
                .answer(&code)
                .run(&Stack::of_host());
            assert_eq!(seen.result() == "PAM_SUCCESS", passes, "{seen:?}");
        }
        assert_eq!(agent.logins_of(ANNA, 3).len(), 3);
    });
}
