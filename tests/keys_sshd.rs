//! Security keys in sshd: the key that it has verified is the factor, without a question.

use mfa_tests::{Agent, KINDS, Key, Login, Machine, Pty, SecurityKey, Sshd, Stack, run};
use serde_json::Value;

const PASSWORD: &str = "correct horse";
const ANNA: &str = "mfat-anna";
const BERT: &str = "mfat-bert";
const PIN: &str = "4826";
const POLICY: &str = "[policy]\nrequire = [\"key\", \"totp\"]\n";
const BY_KEY_AND_CODE: &str =
    "PasswordAuthentication no\nAuthenticationMethods publickey,keyboard-interactive";

/// Anna, with an enrolled security key and a device that makes codes, and an sshd that wants a key and PAM's word.
struct Place {
    agent: Agent,
    key: SecurityKey,
    device: Key,
    sshd: Sshd,
}

impl Place {
    fn new(machine: &Machine, settings: &str) -> Self {
        let place = Self::without_a_key(machine, settings, "");
        enroll(&place.agent, ANNA, &place.key.public());
        place
    }

    fn without_a_key(machine: &Machine, settings: &str, sshd: &str) -> Self {
        machine.user(ANNA, PASSWORD);
        machine.user(BERT, "battery staple");
        machine.shipped_stack("sshd-publickey");
        std::fs::rename("/etc/pam.d/sshd-publickey", "/etc/pam.d/sshd").unwrap();
        let agent = Agent::at_default_socket(settings);
        let key = SecurityKey::new(machine, "root", "blue", "ed25519-sk");
        let device = agent.admin().device(ANNA);
        let sshd = Sshd::start(machine, &format!("{BY_KEY_AND_CODE}\n{sshd}"));
        sshd.authorize(&key.public());
        Self {
            agent,
            key,
            device,
            sshd,
        }
    }

    /// A client with the security key.
    fn client(&self, key: &SecurityKey) -> Pty {
        self.client_with(key, &[])
    }

    fn client_with(&self, key: &SecurityKey, more: &[&str]) -> Pty {
        let [token, provider, identity] = key.for_ssh();
        let target = format!("{ANNA}@127.0.0.1");
        let options = [
            &["-o", &provider, "-i", &identity, "-o", "IdentitiesOnly=yes"],
            more,
        ]
        .concat();
        let words = [&target, "echo you are in"];
        self.sshd.client_in(&[&token], &options, &words)
    }

    fn asks_for_a_code(&self, key: &SecurityKey, step: i64) {
        let mut client = self.client(key);
        client.answer("OTP code: ", &self.device.code(step));
        client.expect("you are in");
        assert_eq!(client.finish().1, Some(0));
    }

    fn asks_nothing(&self, key: &SecurityKey) {
        let mut client = self.client(key);
        client.expect("you are in");
        let (shown, status) = client.finish();
        assert_eq!(status, Some(0), "{shown}");
        assert!(!shown.contains("code: "), "{shown}");
    }

    fn status(&self) -> Value {
        self.agent.ctl().json(&["status", ANNA], "")
    }
}

fn enroll(agent: &Agent, user: &str, line: &str) {
    let _ = agent.ctl().json(&["enroll", "key", user], line);
}

#[test]
fn the_enrolled_key_that_sshd_has_verified_passes_without_a_question() {
    Machine::run(|machine| {
        let place = Place::new(machine, POLICY);
        place.asks_nothing(&place.key);
        let event = &place.agent.logins_of(ANNA, 1)[0];
        assert_eq!(event.text("result"), "passed");
        assert_eq!(event.text("factor"), "key", "{event:?}");
        let line = event.json().to_string();
        assert!(line.contains(&place.key.fingerprint()), "{line}");
        let key = &place.status()["keys"][0];
        assert!(key["last_used_at"].is_string(), "{key}");
    });
}

#[test]
fn keys_of_both_kinds_pass_with_and_without_certificate() {
    Machine::run(|machine| {
        let authority = SecurityKey::authority(machine, "users");
        let trusted = format!("TrustedUserCAKeys {}.pub", authority.display());
        let place = Place::without_a_key(machine, POLICY, &trusted);
        for kind in KINDS {
            let plain = SecurityKey::new(machine, "root", &format!("{kind}-plain"), kind);
            place.sshd.authorize(&plain.public());
            enroll(&place.agent, ANNA, &plain.public());
            place.asks_nothing(&plain);
            // The key is enrolled, the certificate is shown; and the other way round.
            for enrolls_certificate in [false, true] {
                let name = format!("{kind}-{enrolls_certificate}");
                let key = SecurityKey::new(machine, "root", &name, kind);
                let certificate = key.certify(&authority, ANNA);
                let line = match enrolls_certificate {
                    true => certificate,
                    false => key.public(),
                };
                enroll(&place.agent, ANNA, &line);
                place.asks_nothing(&key);
                let removed = place
                    .agent
                    .ctl()
                    .run(&["remove", "key", ANNA, "--label", "key-2"], "");
                assert!(removed.is_success(), "{removed:?}");
            }
            let removed = place.agent.ctl().run(&["remove", "key", ANNA], "");
            assert!(removed.is_success(), "{removed:?}");
        }
    });
}

#[test]
fn other_keys_are_asked_for_the_code() {
    Machine::run(|machine| {
        let place = Place::new(machine, POLICY);
        let other = SecurityKey::new(machine, "root", "other", "ed25519-sk");
        place.sshd.authorize(&other.public());
        place.asks_for_a_code(&other, -1);
        // A key of Bert's that sshd takes for Anna.
        enroll(&place.agent, BERT, &other.public());
        place.asks_for_a_code(&other, 0);
        // An ordinary key.
        let identity = place.sshd.user_key();
        let mut client = place.sshd.client(ANNA, &["-i", &identity]);
        client.answer("OTP code: ", &place.device.code(1));
        client.expect("you are in");
    });
}

#[test]
fn a_key_that_was_disabled_or_removed_is_no_factor_from_then_on() {
    Machine::run(|machine| {
        let place = Place::new(machine, POLICY);
        place.asks_nothing(&place.key);
        let ctl = place.agent.ctl();
        let disabled = ctl.run(&["disable", "key", ANNA], "");
        assert!(disabled.is_success(), "{disabled:?}");
        place.asks_for_a_code(&place.key, -1);
        let enabled = ctl.run(&["enable", "key", ANNA], "");
        assert!(enabled.is_success(), "{enabled:?}");
        place.asks_nothing(&place.key);
        let removed = ctl.run(&["remove", "key", ANNA], "");
        assert!(removed.is_success(), "{removed:?}");
        // sshd still takes it, and says so.
        let told = format!("{}{}", removed.stdout, removed.stderr);
        assert!(told.contains("authorized_keys"), "{told}");
        place.asks_for_a_code(&place.key, 0);
    });
}

#[test]
fn a_key_and_a_pin_are_the_key_that_sshd_verified_and_then_the_pin() {
    Machine::run(|machine| {
        let place = Place::new(machine, "[policy]\nrequire = [\"key+pin\"]\n");
        place.agent.admin().pin(ANNA, PIN);
        let mut client = place.client(&place.key);
        client.answer("PIN: ", PIN);
        client.expect("you are in");
        assert_eq!(client.finish().1, Some(0));
        let mut client = place.client(&place.key);
        client.answer("PIN: ", "0000");
        assert_ne!(client.finish().1, Some(0));
        // The PIN alone is not enough.
        let identity = place.sshd.user_key();
        let mut client = place.sshd.client(ANNA, &["-i", &identity]);
        let _ = client
            .expect_one_of_or_end(&["PIN: "])
            .map(|_| client.send(PIN));
        assert_ne!(client.finish().1, Some(0));
    });
}

#[test]
fn where_the_key_must_verify_its_owner_the_word_of_sshd_is_not_enough() {
    let settings = format!("{POLICY}[key]\nverification = \"required\"\n");
    Machine::run(move |machine| {
        let place = Place::new(machine, &settings);
        place.asks_for_a_code(&place.key, 0);
    });
}

#[test]
fn a_rule_matches_the_type_of_the_key_that_sshd_verified() {
    let settings = "[policy]\nrequire = [\"totp\"]\n\
        [[rule]]\nname = \"touched\"\nafter = [\"publickey:sk-*\"]\naction = \"skip\"\n";
    Machine::run(move |machine| {
        let place = Place::without_a_key(machine, settings, "");
        place.asks_nothing(&place.key);
        assert_eq!(place.agent.logins_of(ANNA, 1)[0].text("rule"), "touched");
        let identity = place.sshd.user_key();
        let mut client = place.sshd.client(ANNA, &["-i", &identity]);
        client.answer("OTP code: ", &place.device.code(0));
        client.expect("you are in");
    });
}

#[test]
fn a_user_without_a_factor_enrolls_the_key_that_sshd_has_just_verified() {
    let settings = "[policy]\nrequire = [\"key\"]\n[enforcement]\nunenrolled = \"enroll\"\n";
    Machine::run(move |machine| {
        let place = Place::without_a_key(machine, settings, "");
        let forgotten = place.agent.ctl().run(&["remove", "totp", ANNA], "");
        assert!(forgotten.is_success(), "{forgotten:?}");
        // An ordinary key is no security key.
        let identity = place.sshd.user_key();
        let refused = place.sshd.client(ANNA, &["-i", &identity]).finish();
        assert_ne!(refused.1, Some(0), "{}", refused.0);
        let mut client = place.client(&place.key);
        client.expect(&place.key.fingerprint());
        client.answer("Type yes", "yes");
        // Recovery codes may be shown; they are confirmed too.
        if client.expect_one_of(&["you are in", "Type yes"]) == "Type yes" {
            client.send("yes");
            client.expect("you are in");
        }
        assert_eq!(client.finish().1, Some(0));
        place.asks_nothing(&place.key);
    });
}

#[test]
fn a_key_alone_lets_a_script_in_where_sshd_asks_pam_after_it() {
    Machine::run(|machine| {
        let place = Place::new(machine, POLICY);
        // OpenSSH's clients skip PAM's conversation in BatchMode, and sshd wants it here.
        let batch = ["-o", "BatchMode=yes"];
        let (shown, status) = place.client_with(&place.key, &batch).finish();
        assert_ne!(status, Some(0), "{shown}");
        // A master connection carries further sessions without a login of their own.
        let path = "ControlPath=/run/home/master";
        let master = ["-M", "-o", path, "-o", "ControlPersist=30"];
        let mut client = place.client_with(&place.key, &master);
        client.expect("you are in");
        assert_eq!(client.finish().1, Some(0));
        let further = ["-o", path, "-o", "ControlMaster=no", "-o", "BatchMode=yes"];
        let mut client = place.client_with(&place.key, &further);
        client.expect("you are in");
        assert_eq!(client.finish().1, Some(0));
        let passed = place.agent.logins_of(ANNA, 1);
        let passed = passed
            .iter()
            .filter(|event| event.text("result") == "passed");
        assert_eq!(passed.count(), 1);
        let ended = run(std::process::Command::new("ssh").args([
            "-F",
            "/dev/null",
            "-o",
            path,
            "-O",
            "exit",
            "127.0.0.1",
        ]));
        assert!(ended.is_success(), "{ended:?}");
    });
}

#[test]
fn only_sshd_is_believed_what_was_verified() {
    let settings = "[policy]\nrequire = [\"key\", \"pin\"]\n";
    Machine::run(move |machine| {
        machine.user(ANNA, PASSWORD);
        machine.user(BERT, PASSWORD);
        let mut agent = Agent::with(settings);
        agent.restart_with_server(&format!("trusted = [\"{BERT}\"]"));
        let key = SecurityKey::new(machine, "root", "blue", "ed25519-sk");
        enroll(&agent, ANNA, &key.public());
        agent.admin().pin(ANNA, PIN);
        let public = key.public();
        let info = format!("publickey {public}");
        let login = || Login::of(ANNA).after(info.trim()).service("sshd");
        let stack = Stack::asking(&agent);
        stack.open_to_all();
        let seen = login().run(&stack);
        assert_eq!((seen.result(), seen.prompts().len()), ("PAM_SUCCESS", 0));
        // A public key is no secret: whoever may ask for anna could name it.
        for user in [ANNA, BERT] {
            let (reuid, regid) = (
                format!("--reuid={}", machine.uid(user)),
                format!("--regid={}", machine.uid(user)),
            );
            let by_user = ["setpriv", &reuid, &regid, "--clear-groups"];
            let seen = login().answer(PIN).under(&by_user).run(&stack);
            assert_eq!(seen.prompts(), ["PIN: "], "{seen:?}");
        }
        // In a program that a user has started, the variable may come from the user (pam_env); and no other program
        // verifies keys.
        let ruid = format!("--ruid={}", machine.uid(ANNA));
        for login in [
            login().under(&["setpriv", &ruid]),
            Login::of(ANNA).after(info.trim()).service("login"),
        ] {
            let seen = login.answer(PIN).run(&stack);
            assert_eq!(seen.prompts(), ["PIN: "], "{seen:?}");
        }
    });
}

#[test]
fn in_the_account_phase_a_verified_key_meets_a_rule_that_asks_for_it() {
    Machine::run(|machine| {
        machine.user(ANNA, PASSWORD);
        let agent = Agent::with("[policy]\nrequire = [\"key\"]\n");
        let key = SecurityKey::new(machine, "root", "blue", "ed25519-sk");
        let other = SecurityKey::new(machine, "root", "other", "ed25519-sk");
        enroll(&agent, ANNA, &key.public());
        let module = mfa_tests::built().module.display();
        let stack = Stack::of(&format!(
            "auth required pam_permit.so\naccount required {module} socket={}\n",
            agent.socket().display()
        ));
        for (key, expected) in [(&key, "PAM_SUCCESS"), (&other, "PAM_PERM_DENIED")] {
            let public = key.public();
            let login = Login::of(ANNA)
                .after(format!("publickey {public}").trim())
                .service("sshd");
            let seen = login.option("--account").run(&stack);
            assert_eq!(seen.result(), expected, "{seen:?}");
        }
        // Hosts have keys too.
        let public = key.public();
        let login = Login::of(ANNA)
            .after(format!("hostbased {public}").trim())
            .service("sshd");
        let seen = login.option("--account").run(&stack);
        assert_eq!(seen.result(), "PAM_PERM_DENIED", "{seen:?}");
    });
}
