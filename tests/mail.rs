//! Codes by email: a real postfix delivers them, and they log users in.

use mfa_tests::{
    Agent, Authority, Encryption, Files, Login, Machine, Postfix, Sshd, Stack, another_than,
    code_in,
};

const PASSWORD: &str = "correct horse";
const ANNA: &str = "mfat-anna";
const BOB: &str = "mfat-bob";
const ADDRESS: &str = "anna@example.org";
const PROMPT: &str = "Code from your e-mail: ";
const BY_CONVERSATION: &str =
    "PasswordAuthentication no\nAuthenticationMethods keyboard-interactive";
const POLICY: &str = "[policy]\nrequire = [\"email\"]\n";

/// A postfix, an agent that sends by it, and a stack that asks the agent; the user has an address.
struct Scene {
    postfix: Postfix,
    agent: Agent,
    stack: Stack,
}

impl Scene {
    fn new(machine: &Machine, encryption: Encryption) -> Self {
        let postfix = Postfix::start(machine, &Authority::new(), encryption);
        let agent = Agent::with(&format!("{POLICY}{}", postfix.settings()));
        agent.admin().address(ANNA, "email", ADDRESS);
        let stack = Stack::asking(&agent);
        Self {
            postfix,
            agent,
            stack,
        }
    }

    /// The code in the email of that number, once it is there.
    fn code(&self, number: usize) -> String {
        code_in(&self.postfix.await_mails(ADDRESS, number)[number - 1])
    }
}

#[test]
fn a_code_that_postfix_delivered_logs_in_over_ssh_once() {
    Machine::run(|machine| {
        machine.user(ANNA, PASSWORD);
        machine.shipped_stack("sshd");
        let postfix = Postfix::start(machine, &Authority::new(), Encryption::StartTls);
        let agent = Agent::at_default_socket(&format!("{POLICY}{}", postfix.settings()));
        agent.admin().address(ANNA, "email", ADDRESS);
        assert_eq!(agent.admin().status(ANNA).addresses[0].confirmed_at, None);
        let sshd = Sshd::start(machine, BY_CONVERSATION);

        let mut client = sshd.client(ANNA, &[]);
        client.answer("Password: ", PASSWORD);
        client.expect("A code is on its way to your e-mail address.");
        client.expect(PROMPT);
        let mail = postfix.await_mails(ADDRESS, 1).remove(0);
        client.send(&code_in(&mail));
        client.expect("you are in");
        assert_eq!(client.finish().1, Some(0));
        assert!(mail.contains("From: mfa@example.org\n"), "{mail}");
        let text = mail.replace("=\n", "");
        assert!(text.contains("your code for sshd on "), "{mail}");
        assert!(text.contains("from 127.0.0.1."), "{mail}");
        let address = agent.admin().status(ANNA).addresses.remove(0);
        assert_eq!(address.address, ADDRESS);
        assert!(address.confirmed_at.is_some() && address.last_used_at.is_some());
        assert_eq!(agent.logins_of(ANNA, 1)[0].text("result"), "passed");

        let mut client = sshd.client(ANNA, &[]);
        client.answer("Password: ", PASSWORD);
        client.expect(PROMPT);
        let second = postfix.await_mails(ADDRESS, 2).remove(1);
        assert_ne!(code_in(&second), code_in(&mail));
        client.send(&code_in(&mail));
        let (shown, status) = client.finish();
        assert_ne!(status, Some(0), "{shown}");
        assert!(!shown.contains("you are in"), "{shown}");
        assert_eq!(agent.admin().status(ANNA).failures, 1);
        let _ = agent.logins_of(ANNA, 2);
        for code in [code_in(&mail), code_in(&second)] {
            assert!(!agent.log().contains(&code) && !sshd.log().contains(&code));
        }
    });
}

#[test]
fn a_server_with_implicit_tls_works_as_well() {
    Machine::run(|machine| {
        let scene = Scene::new(machine, Encryption::Tls);
        let mut login = Login::of(ANNA).start(&scene.stack);
        login.await_prompt();
        login.answer(&scene.code(1));
        assert_eq!(login.finish().result(), "PAM_SUCCESS");
    });
}

#[test]
fn a_server_without_tls_gets_no_code_and_the_user_sees_a_failure() {
    Machine::run(|machine| {
        let scene = Scene::new(machine, Encryption::None);
        let mut login = Login::of(ANNA).start(&scene.stack);
        login.await_prompt();
        login.answer("resend");
        login.await_prompt();
        assert!(
            login.shown().contains("The code could not be sent."),
            "{}",
            login.shown()
        );
        let seen = login.finish();
        assert_ne!(seen.result(), "PAM_SUCCESS");
        scene.agent.await_log("offers no STARTTLS");
        assert_eq!(scene.postfix.tries(ADDRESS), 0);
        assert!(scene.postfix.mails_to(ADDRESS).is_empty());
        let account = scene.agent.admin().status(ANNA);
        assert_eq!(account.failures, 0);
        let error = account.messages.last_error.unwrap_or_default();
        assert!(error.contains("offers no STARTTLS"), "{error}");
    });
}

#[test]
fn a_server_with_a_certificate_of_another_authority_gets_no_code() {
    Machine::run(|machine| {
        let authority = Authority::new();
        let postfix = Postfix::start(machine, &Authority::new(), Encryption::StartTls);
        let settings = format!("{POLICY}{}", postfix.settings());
        let (before, _) = settings.split_once("ca_file").expect("a CA");
        let agent = Agent::with(&format!("{before}ca_file = {:?}\n", authority.file()));
        agent.admin().address(ANNA, "email", ADDRESS);
        let seen = Login::of(ANNA).answer("resend").run(&Stack::asking(&agent));
        assert!(
            seen.text.contains("The code could not be sent."),
            "{seen:?}"
        );
        assert_eq!(postfix.tries(ADDRESS), 0);
        agent.await_log("is not valid");
    });
}

#[test]
fn a_temporary_failure_is_retried_within_the_deadline() {
    Machine::run(|machine| {
        let scene = Scene::new(machine, Encryption::StartTls);
        scene.postfix.refuse_next(2);
        let mut login = Login::of(ANNA).start(&scene.stack);
        login.await_prompt();
        let code = scene.code(1);
        assert_eq!(scene.postfix.tries(ADDRESS), 3, "two refused, one taken");
        login.answer(&code);
        assert_eq!(login.finish().result(), "PAM_SUCCESS");
        let events = scene.agent.events_of("message", ANNA, 2);
        let results: Vec<&str> = events.iter().map(|event| event.text("result")).collect();
        assert_eq!(results, ["retrying", "sent"], "{events:?}");
        let messages = scene.agent.admin().status(ANNA).messages;
        assert_eq!(messages.last_error, None, "{messages:?}");
    });
}

#[test]
fn resend_sends_the_same_code_again() {
    Machine::run(|machine| {
        let scene = Scene::new(machine, Encryption::StartTls);
        let mut login = Login::of(ANNA).start(&scene.stack);
        login.await_prompt();
        let code = scene.code(1);
        login.answer("resend");
        login.await_prompt();
        assert_eq!(scene.code(2), code);
        login.answer(&code);
        let seen = login.finish();
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        assert_eq!(seen.prompts(), [PROMPT, PROMPT]);
        let account = scene.agent.admin().status(ANNA);
        assert_eq!((account.failures, account.messages.sent), (0, 2));
    });
}

#[test]
fn a_code_is_not_valid_for_another_login() {
    Machine::run(|machine| {
        let scene = Scene::new(machine, Encryption::StartTls);
        let [mut first, mut second] = [1, 2].map(|number| {
            let mut login = Login::of(ANNA).start(&scene.stack);
            login.await_prompt();
            (login, scene.code(number))
        });
        assert_ne!(first.1, second.1);
        first.0.answer(&second.1);
        second.0.answer(&first.1);
        for (login, _) in [first, second] {
            let seen = login.finish();
            assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
        }
        assert_eq!(scene.agent.admin().status(ANNA).failures, 2);
    });
}

#[test]
fn a_wrong_code_costs_an_attempt_and_invalidates_the_right_one() {
    Machine::run(|machine| {
        let scene = Scene::new(machine, Encryption::StartTls);
        let mut login = Login::of(ANNA).start(&scene.stack);
        login.await_prompt();
        let code = scene.code(1);
        login.answer(&another_than(&code));
        assert_eq!(login.finish().result(), "PAM_AUTH_ERR");
        let mut login = Login::of(ANNA).start(&scene.stack);
        login.await_prompt();
        login.answer(&code);
        assert_eq!(login.finish().result(), "PAM_AUTH_ERR");
        let account = scene.agent.admin().status(ANNA);
        assert_eq!(account.failures, 2);
        assert_eq!(account.addresses[0].confirmed_at, None);
    });
}

#[test]
fn after_ten_messages_in_five_minutes_none_is_sent_for_thirty() {
    Machine::run(|machine| {
        let scene = Scene::new(machine, Encryption::StartTls);
        scene.agent.admin().address(BOB, "email", "bob@example.org");
        let mut login = Login::of(ANNA).start(&scene.stack);
        login.await_prompt();
        for number in 1..10 {
            let _ = scene.code(number);
            login.answer("resend");
            login.await_prompt();
        }
        let code = scene.code(10);
        login.answer("resend");
        login.await_prompt();
        assert!(
            login.shown().contains("Too many codes were sent to you"),
            "{}",
            login.shown()
        );
        login.answer(&code);
        assert_eq!(login.finish().result(), "PAM_SUCCESS");

        let seen = Login::of(ANNA).run(&scene.stack);
        assert!(
            seen.text.contains("Too many codes were sent to you"),
            "{seen:?}"
        );
        let messages = scene.agent.admin().status(ANNA).messages;
        assert!(messages.paused_until.is_some(), "{messages:?}");
        let mut other = Login::of(BOB).start(&scene.stack);
        other.await_prompt();
        let _ = scene.postfix.await_mails("bob@example.org", 1);
        assert_eq!(scene.postfix.tries(ADDRESS), 10);
    });
}

#[test]
fn an_address_from_the_template_is_confirmed_by_the_first_success() {
    Machine::run(|machine| {
        machine.user(ANNA, PASSWORD);
        let postfix = Postfix::start(machine, &Authority::new(), Encryption::StartTls);
        let agent = Agent::with(&format!(
            "{POLICY}{}address = \"{{user}}@example.org\"\n",
            postfix.settings()
        ));
        let stack = Stack::asking(&agent);
        let address = format!("{ANNA}@example.org");
        let mut login = Login::of(ANNA).start(&stack);
        login.await_prompt();
        let code = code_in(&postfix.await_mails(&address, 1)[0]);
        assert!(agent.admin().status(ANNA).addresses.is_empty());
        login.answer(&code);
        assert_eq!(login.finish().result(), "PAM_SUCCESS");
        let addresses = agent.admin().status(ANNA).addresses;
        assert_eq!(addresses.len(), 1, "{addresses:?}");
        assert_eq!(addresses[0].address, address);
        assert!(addresses[0].confirmed_at.is_some());

        // No email is sent because a stranger typed a name.
        let seen = Login::of("mfat-nobody").answer("000000").run(&stack);
        assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
        assert_eq!(seen.prompts(), [PROMPT]);
        assert_eq!(postfix.tries("mfat-nobody@example.org"), 0);
    });
}

#[test]
fn the_hosts_own_sendmail_sends_the_email() {
    let files = Files::new();
    let here = files.folder().display().to_string();
    let sendmail = files.program(
        "sendmail",
        &format!("echo \"$@\" > {here}/arguments\ncat > {here}/draft\nmv {here}/draft {here}/mail"),
    );
    let agent = Agent::with(&format!(
        "{POLICY}[delivery.email]\nfrom = \"mfa@example.org\"\nsendmail = {sendmail:?}\n\
         subject = \"{{service}}\"\ntext = \"Use {{code}} within {{minutes}} minutes.\"\n"
    ));
    agent.admin().address(ANNA, "email", ADDRESS);
    let stack = Stack::asking(&agent);
    let mut login = Login::of(ANNA).start(&stack);
    login.await_prompt();
    let mail = mfa_tests::eventually("a mail", || {
        Some(files.text("mail")).filter(|mail| !mail.is_empty())
    });
    let arguments = files.text("arguments");
    assert!(
        arguments.ends_with(&format!("-- {ADDRESS}\n")),
        "{arguments}"
    );
    assert!(!arguments.contains(&code_in(&mail)), "{arguments}");
    assert!(mail.contains("\nSubject: mfa-test\n"), "{mail}");
    assert!(mail.contains("within 5 minutes."), "{mail}");
    login.answer(&code_in(&mail));
    assert_eq!(login.finish().result(), "PAM_SUCCESS");
}
