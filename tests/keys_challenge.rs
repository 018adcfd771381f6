//! What a security key signs is good for one login: programs that relay are played by the test, which keeps signatures.

use mfa_protocol::client::Client;
use mfa_protocol::login::{
    Answer, AnswerParameters, Begin, BeginParameters, LoginReply, Outcome, Unsigned,
};
use mfa_protocol::ssh_agent;
use mfa_tests::{Admin, Agent, Machine, SecurityKey, SshAgent};

const ANNA: &str = "mfat-anna";
const SETTINGS: &str = "[policy]\nrequire = [\"key\", \"pin\"]\n";
const PIN: &str = "4826";

/// Anna with her key and her ssh-agent.
struct Place {
    agent: Agent,
    key: SecurityKey,
    ssh_agent: SshAgent,
}

impl Place {
    fn new(machine: &Machine) -> Self {
        machine.user(ANNA, "correct horse");
        let key = SecurityKey::new(machine, "root", "blue", "ed25519-sk");
        let ssh_agent = SshAgent::with(machine, "root", &key);
        let agent = Agent::with(SETTINGS);
        let place = Self {
            agent,
            key,
            ssh_agent,
        };
        place.enroll();
        place.agent.admin().pin(ANNA, PIN);
        place
    }

    fn enroll(&self) {
        let ctl = self.agent.ctl();
        let _ = ctl.json(&["enroll", "key", ANNA], &self.key.public());
    }

    fn failures(&self) -> u32 {
        self.agent.admin().status(ANNA).failures
    }

    fn begin(&self, service: &str, user: &str) -> Login {
        let mut connection = self.agent.admin();
        let begin = BeginParameters {
            user: user.to_owned(),
            service: service.to_owned(),
            can_sign: Some(true),
            ..BeginParameters::default()
        };
        let reply = connection.call::<Begin>(&begin).expect("a login");
        Login { connection, reply }
    }

    /// A login of Anna's that wants a signature.
    fn to_be_signed(&self, service: &str) -> Login {
        let mut login = self.begin(service, ANNA);
        let keys = self.signed(&login);
        login.answer(Ok(keys));
        let first = &login.reply.step.messages[0].text;
        assert!(first.starts_with("Touch your security key"), "{first}");
        login
    }

    /// What the ssh-agent says to the step of a login.
    fn signed(&self, login: &Login) -> String {
        let sign = login.reply.step.sign.as_deref().expect("a step to relay");
        let message = ssh_agent::Message::new(sign, Some(30)).expect("a message for it");
        let agent = ssh_agent::SshAgent {
            socket: self.ssh_agent.socket(),
            owner: 0,
            is_interrupted: || false,
        };
        agent.relay(&message).expect("a reply")
    }
}

struct Login {
    connection: Admin,
    reply: LoginReply,
}

impl Login {
    fn answer(&mut self, reply: Result<String, Unsigned>) {
        let session = self.reply.session.clone();
        let answer = AnswerParameters::of_ssh_agent(session, reply);
        self.reply = self.connection.call::<Answer>(&answer).expect("a reply");
    }

    fn ends(mut self, signed: String) -> Option<Outcome> {
        self.answer(Ok(signed));
        self.reply.step.outcome
    }

    fn has_a_prompt(&self) -> bool {
        self.reply.step.prompt.is_some()
    }
}

#[test]
fn a_signature_is_good_for_its_own_login_only() {
    Machine::run(|machine| {
        let place = Place::new(machine);
        let first = place.to_be_signed("sudo");
        let signed = place.signed(&first);
        let (same_service, other_service) = (place.to_be_signed("sudo"), place.to_be_signed("su"));
        assert_ne!(same_service.ends(signed.clone()), Some(Outcome::Passed));
        assert_ne!(other_service.ends(signed.clone()), Some(Outcome::Passed));
        assert_eq!(
            place.failures(),
            2,
            "a signature that does not verify is a failure"
        );
        assert_eq!(first.ends(signed.clone()), Some(Outcome::Passed));
        let replayed = place.to_be_signed("sudo");
        assert_ne!(replayed.ends(signed), Some(Outcome::Passed));
    });
}

#[test]
fn a_signature_for_another_host_is_none() {
    Machine::run(|machine| {
        let mut place = Place::new(machine);
        let signed = place.signed(&place.to_be_signed("sudo"));
        assert!(place.agent.terminate().success());
        let other = "hostname mfat-other; exec \"$@\"";
        place
            .agent
            .launch_under(&["unshare", "--uts", "sh", "-c", other, "sh"]);
        let here = place.to_be_signed("sudo");
        assert_ne!(here.ends(signed), Some(Outcome::Passed));
        assert_eq!(place.failures(), 1);
    });
}

#[test]
fn two_logins_at_once_pass_in_whichever_order_their_signatures_arrive() {
    Machine::run(|machine| {
        let place = Place::new(machine);
        let (early, late) = (place.to_be_signed("sudo"), place.to_be_signed("sudo"));
        let (first, second) = (place.signed(&early), place.signed(&late));
        assert_eq!(late.ends(second), Some(Outcome::Passed));
        assert_eq!(early.ends(first), Some(Outcome::Passed));
        assert_eq!(place.failures(), 0);
    });
}

#[test]
fn a_key_that_is_removed_or_disabled_while_it_is_touched_does_not_pass() {
    Machine::run(|machine| {
        let place = Place::new(machine);
        for change in ["disable", "remove"] {
            let login = place.to_be_signed("sudo");
            let signed = place.signed(&login);
            let changed = place.agent.ctl().run(&[change, "key", ANNA], "");
            assert!(changed.is_success(), "{changed:?}");
            assert_ne!(login.ends(signed), Some(Outcome::Passed), "{change}");
            let mut after = place.begin("sudo", ANNA);
            let keys = place.signed(&after);
            after.answer(Ok(keys));
            assert!(after.has_a_prompt(), "{change}: {:?}", after.reply);
            let _ = place.agent.ctl().run(&["enable", "key", ANNA], "");
        }
    });
}

#[test]
fn without_a_signature_the_next_way_is_offered_and_nothing_is_counted() {
    Machine::run(|machine| {
        let place = Place::new(machine);
        for why in [
            Unsigned::NoAgent,
            Unsigned::Refused,
            Unsigned::Timeout,
            Unsigned::TooLong,
            Unsigned::Closed,
        ] {
            let mut listing = place.begin("sudo", ANNA);
            listing.answer(Err(why));
            assert!(listing.has_a_prompt(), "{why:?}: {:?}", listing.reply);
            let mut touching = place.to_be_signed("sudo");
            touching.answer(Err(why));
            assert!(touching.has_a_prompt(), "{why:?}: {:?}", touching.reply);
        }
        // What is no reply of an ssh-agent is no guess either.
        for garbage in [
            "",
            "AA==",
            "BQ==",
            "Dg==",
            "DgAAAAA=",
            "DP////8=",
            "no base64",
        ] {
            let mut login = place.begin("sudo", ANNA);
            let session = login.reply.session.clone();
            let answer = AnswerParameters::of_ssh_agent(session, Ok(garbage.to_owned()));
            let reply = login.connection.call::<Answer>(&answer);
            if let Ok(reply) = reply {
                assert_ne!(reply.step.outcome, Some(Outcome::Passed), "{garbage}");
                assert!(reply.step.sign.is_none(), "{garbage}: {reply:?}");
            }
        }
        let mut interrupted = place.to_be_signed("sudo");
        interrupted.answer(Err(Unsigned::Interrupted));
        let outcome = interrupted.reply.step.outcome;
        assert_eq!(outcome, Some(Outcome::Cancelled));
        assert_eq!(place.failures(), 0);
    });
}

#[test]
fn who_has_no_key_and_who_does_not_exist_are_asked_for_theirs_alike() {
    Machine::run(|machine| {
        machine.user("mfat-bert", "battery staple");
        let place = Place::new(machine);
        place.agent.admin().pin("mfat-bert", PIN);
        let steps = |user: &str| {
            let mut login = place.begin("sudo", user);
            let first = login.reply.step.clone();
            let keys = place.signed(&login);
            login.answer(Ok(keys));
            (first, login.reply.step)
        };
        assert_eq!(steps("mfat-bert"), steps("mfat-nobody"));
        assert_eq!(place.key.signatures(), 0);
        // An older module is never asked to relay.
        let mut connection =
            Client::connect(place.agent.socket(), std::time::Duration::from_secs(10))
                .expect("a connection");
        let begin = BeginParameters {
            user: ANNA.to_owned(),
            service: "sudo".to_owned(),
            ..BeginParameters::default()
        };
        let reply = connection.call::<Begin>(&begin).expect("a login");
        assert!(reply.step.sign.is_none() && reply.step.prompt.is_some());
    });
}
