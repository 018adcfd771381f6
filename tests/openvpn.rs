//! OpenVPN's `auth-pam` in its four ways, with or without a tunnel that carries traffic.

use mfa_tests::openvpn::OpenVpn;
use mfa_tests::{Agent, Key, Machine, Network, Pty, Transcript};

const PASSWORD: &str = "correct horse";
const ANNA: &str = "mfat-anna";
/// The beginnings of our prompts, and their answers.
const PAIRS: &str = "openvpn login USERNAME Password PASSWORD OTP OTP";
const CHALLENGE: &str = "static-challenge \"OTP code: \" 1";

fn set_up(machine: &Machine, stack: &str, settings: &str) -> (Network, Agent, Key) {
    let network = Network::new(machine);
    machine.user(ANNA, PASSWORD);
    machine.shipped_stack(stack);
    if stack != "openvpn" {
        std::fs::rename(format!("/etc/pam.d/{stack}"), "/etc/pam.d/openvpn").unwrap();
    }
    let agent = Agent::at_default_socket(settings);
    let key = agent.admin().device(ANNA);
    (network, agent, key)
}

fn answer(client: &mut Pty, password: &str, code: &str) {
    client.answer("Enter Auth Username:", ANNA);
    client.answer("Enter Auth Password:", password);
    client.answer("CHALLENGE: OTP code: ", code);
}

/// Records what the person at the client sees.
fn keep(name: &str, shown: &str, code: &str) {
    let is_ours = |line: &str| {
        ["Enter", "CHALLENGE", "AUTH", "auth-failure", "Completed"]
            .iter()
            .any(|word| line.contains(word))
    };
    // Each line of the log begins with the time.
    let shown: Vec<&str> = shown
        .lines()
        .filter(|line| is_ours(line))
        .map(|line| match line.starts_with("20") {
            true => line.get(20..).unwrap_or_default(),
            false => line,
        })
        .collect();
    Transcript::of(&shown.join("\n"))
        .masking(Network::GATEWAY, "GATEWAY")
        .masking(code, "CODE")
        .assert(name);
}

#[test]
fn a_static_challenge_at_the_terminal_opens_the_tunnel() {
    Machine::run(|machine| {
        let (network, agent, key) = set_up(machine, "openvpn", "");
        let server = OpenVpn::start(&network, PAIRS, "");
        let mut client = server.client(CHALLENGE);
        let code = key.code(0);
        answer(&mut client, PASSWORD, &code);
        client.expect("Initialization Sequence Completed");
        assert!(server.carries_traffic());
        keep("openvpn-static-challenge", client.shown(), &code);
        let event = &agent.logins_of(ANNA, 1)[0];
        assert_eq!(event.text("result"), "passed");
        assert_eq!(event.text("service"), "openvpn");
    });
}

#[test]
fn a_wrong_code_a_wrong_password_and_no_code_open_nothing() {
    Machine::run(|machine| {
        let (network, agent, key) = set_up(machine, "openvpn", "");
        let server = OpenVpn::start(&network, PAIRS, "");
        for (password, code, failures) in [
            (PASSWORD, key.wrong_code(), 1),
            ("wrong", key.code(0), 1),
            (PASSWORD, String::new(), 1),
        ] {
            let mut client = server.client(CHALLENGE);
            answer(&mut client, password, &code);
            client.expect("AUTH_FAILED");
            let (shown, _) = client.finish();
            assert!(!shown.contains("Completed"), "{shown}");
            if failures == 1 && password == PASSWORD && !code.is_empty() {
                keep("openvpn-wrong-code", &shown, &code);
            }
            assert!(!server.carries_traffic());
            assert_eq!(agent.admin().status(ANNA).failures, failures, "{shown}");
        }
    });
}

#[test]
fn a_static_challenge_over_the_management_interface_opens_the_tunnel() {
    Machine::run(|machine| {
        let (network, _agent, key) = set_up(machine, "openvpn", "");
        let server = OpenVpn::start(&network, PAIRS, "");
        let (mut client, mut management) = server.managed_client(CHALLENGE);
        let asked = management.expect(">PASSWORD:");
        assert_eq!(
            asked,
            ">PASSWORD:Need 'Auth' username/password SC:1,OTP code: ".trim_end()
        );
        management.say(&format!("username \"Auth\" {ANNA}"));
        let (password, code) = (base64(PASSWORD), base64(&key.code(0)));
        management.say(&format!("password \"Auth\" \"SCRV1:{password}:{code}\""));
        client.expect("Initialization Sequence Completed");
        assert!(server.carries_traffic());
    });
}

#[test]
fn password_and_code_in_one_field_open_the_tunnel() {
    Machine::run(|machine| {
        let single =
            "[[rule]]\nservices = [\"openvpn\"]\nrequire = [\"totp\"]\nprompting = \"single\"\n";
        let (network, agent, key) = set_up(machine, "password+code", single);
        let server = OpenVpn::start(&network, "openvpn", "");
        for (code, is_let_in) in [(key.wrong_code(), false), (key.code(0), true)] {
            let mut client = server.client("");
            client.answer("Enter Auth Username:", ANNA);
            client.answer("Enter Auth Password:", &format!("{PASSWORD}{code}"));
            let end = client.expect_one_of(&["Initialization Sequence Completed", "AUTH_FAILED"]);
            assert_eq!(end != "AUTH_FAILED", is_let_in);
            assert_eq!(server.carries_traffic(), is_let_in);
        }
        assert_eq!(agent.logins_of(ANNA, 2)[0].text("result"), "wrong");
    });
}

#[test]
fn a_waiting_login_stops_nobody_elses_traffic() {
    Machine::run(|machine| {
        let (network, agent, key) = set_up(machine, "openvpn", "");
        let server = OpenVpn::start(&network, PAIRS, "");
        let mut first = server.client(CHALLENGE);
        answer(&mut first, PASSWORD, &key.code(0));
        first.expect("Initialization Sequence Completed");
        agent.suspend();
        let mut second = server.client(CHALLENGE);
        answer(&mut second, PASSWORD, &key.code(1));
        second.expect("Peer Connection Initiated");
        for _ in 0..5 {
            assert!(server.carries_traffic(), "while the other one waits");
        }
        assert!(!second.shown().contains("Completed"));
        agent.resume();
        second.expect("Initialization Sequence Completed");
    });
}

/// Time for two renegotiations of eight seconds.
const A_WHILE: std::time::Duration = std::time::Duration::from_secs(20);

#[test]
#[ignore = "waits for renegotiations: make test-all runs it"]
fn a_token_renews_the_tunnel_without_another_code() {
    Machine::run(|machine| {
        let (network, agent, key) = set_up(machine, "openvpn", "");
        let server = OpenVpn::start(&network, PAIRS, "reneg-sec 8 8\nauth-gen-token 0 300");
        let mut client = server.client(CHALLENGE);
        answer(&mut client, PASSWORD, &key.code(0));
        client.expect("Initialization Sequence Completed");
        std::thread::sleep(A_WHILE);
        assert!(server.carries_traffic(), "{}", client.shown());
        assert!(server.log().contains("renegotiat") || server.log().contains("soft reset"));
        assert_eq!(agent.logins_of(ANNA, 1).len(), 1);
    });
}

#[test]
#[ignore = "waits for renegotiations: make test-all runs it"]
fn without_a_token_the_same_code_is_sent_again_and_refused() {
    Machine::run(|machine| {
        let (network, agent, key) = set_up(machine, "openvpn", "");
        let server = OpenVpn::start(&network, PAIRS, "reneg-sec 8 8");
        let mut client = server.client(CHALLENGE);
        answer(&mut client, PASSWORD, &key.code(0));
        client.expect("Initialization Sequence Completed");
        let events = agent.logins_of(ANNA, 2);
        assert_eq!(events[1].text("result"), "wrong");
        assert_eq!(events[1].text("reason"), "a code that was already used");
        assert_eq!(agent.admin().status(ANNA).failures, 0, "no guess");
    });
}

fn base64(text: &str) -> String {
    let mut command = std::process::Command::new("base64");
    let output = mfa_tests::run_with_input(command.arg("-w0"), text);
    output.stdout
}
