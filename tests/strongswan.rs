//! strongSwan's IKEv2 with EAP-GTC: password and code in one answer, and a tunnel that carries
//! traffic.

use mfa_tests::strongswan::{Client, StrongSwan};
use mfa_tests::{Agent, Key, Machine, Network};

const PASSWORD: &str = "correct horse";
const ANNA: &str = "mfat-anna";
const RULE: &str =
    "[[rule]]\nservices = [\"strongswan\"]\nrequire = [\"totp\"]\nprompting = \"single\"\n";

fn set_up(machine: &Machine) -> (Network, Agent, Key) {
    let network = Network::new(machine);
    machine.user(ANNA, PASSWORD);
    machine.shipped_stack("strongswan");
    let agent = Agent::at_default_socket(RULE);
    let key = agent.admin().device(ANNA);
    (network, agent, key)
}

#[test]
fn password_and_code_in_one_answer_open_a_tunnel_that_carries_traffic() {
    Machine::run(|machine| {
        let (network, agent, key) = set_up(machine);
        let gateway = StrongSwan::start(&network);
        let client = gateway.client(ANNA, &format!("{PASSWORD}{}", key.code(0)));
        assert!(client.connect());
        assert!(client.carries_traffic());
        let event = &agent.logins_of(ANNA, 1)[0];
        assert_eq!(event.text("result"), "passed");
        assert_eq!(event.text("service"), "strongswan");
    });
}

#[test]
fn neither_a_wrong_nor_a_used_code_nor_half_of_the_answer_opens_it() {
    Machine::run(|machine| {
        let (network, agent, key) = set_up(machine);
        let gateway = StrongSwan::start(&network);
        for (typed, is_up, failures) in [
            (format!("{PASSWORD}{}", key.wrong_code()), false, 1),
            (PASSWORD.to_owned(), false, 2),
            (format!("{PASSWORD}{}", key.code(0)), true, 0),
            (format!("{PASSWORD}{}", key.code(0)), false, 0),
            (key.code(1), false, 0),
        ] {
            let client = gateway.client(ANNA, &typed);
            assert_eq!(client.connect(), is_up, "{typed}");
            assert_eq!(client.carries_traffic(), is_up, "{typed}");
            assert_eq!(agent.admin().status(ANNA).failures, failures, "{typed}");
        }
        let events = agent.logins_of(ANNA, 5);
        let results: Vec<&str> = events.iter().map(|event| event.text("result")).collect();
        // A code alone is right for our module; pam_unix refuses the missing password.
        assert_eq!(results, ["wrong", "wrong", "passed", "wrong", "passed"]);
        assert_eq!(events[3].text("reason"), "a code that was already used");
        assert!(
            gateway
                .log()
                .contains("XAuth pam_authenticate for 'mfat-anna' failed"),
            "{}",
            gateway.log()
        );
    });
}

#[test]
fn of_many_clients_with_one_code_one_gets_in() {
    Machine::run(|machine| {
        let (network, agent, key) = set_up(machine);
        let gateway = StrongSwan::start(&network);
        let typed = format!("{PASSWORD}{}", key.code(0));
        let clients: Vec<_> = (0..6).map(|_| gateway.client(ANNA, &typed)).collect();
        let up = std::thread::scope(|scope| {
            let connect = |client| scope.spawn(move || Client::connect(client));
            let all: Vec<_> = clients.iter().map(connect).collect();
            all.into_iter()
                .filter_map(|one| one.join().ok())
                .filter(|up| *up)
                .count()
        });
        assert_eq!(up, 1, "{}", gateway.log());
        let events = agent.logins_of(ANNA, 6);
        let passed = events
            .iter()
            .filter(|event| event.text("result") == "passed");
        assert_eq!(passed.count(), 1);
    });
}
