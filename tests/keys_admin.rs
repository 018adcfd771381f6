//! Enrolling security keys: by their owners, whose ssh-agent signs, and by administrators.

use std::fs;

use mfa_protocol::admin::SecurityKey as Shown;
use mfa_tests::{
    Agent, Event, KINDS, Machine, Output, SecurityKey, SshAgent, built, run, run_with_input,
};
use serde_json::Value;

const ANNA: &str = "mfat-anna";
const BERT: &str = "mfat-bert";

fn place(machine: &Machine, settings: &str) -> Agent {
    machine.user(ANNA, "a");
    machine.user(BERT, "b");
    Agent::with(settings)
}

/// `mfactl` by a user with this ssh-agent.
fn as_user(
    machine: &Machine,
    agent: &Agent,
    who: (&str, &SshAgent),
    line: &[&str],
    input: &str,
) -> Output {
    let (user, ssh_agent) = who;
    let mut command = machine.as_user(user, "env");
    command
        .arg(ssh_agent.variable())
        .arg(&built().mfactl)
        .arg("--socket")
        .arg(agent.socket())
        .arg("--json")
        .args(line);
    run_with_input(&mut command, input)
}

fn value(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

fn keys(agent: &Agent, user: &str) -> Vec<Shown> {
    agent.admin().status(user).keys
}

/// The last event of this kind.
fn last(agent: &Agent, kind: &str, user: &str, count: usize) -> Event {
    agent.events_of(kind, user, count).pop().unwrap()
}

#[test]
fn a_user_enrols_their_own_key_by_a_touch_and_repeating_changes_nothing() {
    Machine::run(|machine| {
        let agent = place(machine, "[policy]\nrequire = [\"key\", \"totp\"]\n");
        for (number, kind) in (1..).zip(KINDS) {
            let key = SecurityKey::new(machine, ANNA, kind, kind);
            let ssh_agent = SshAgent::with(machine, ANNA, &key);
            let enroll =
                |line: &[&str]| as_user(machine, &agent, (ANNA, &ssh_agent), line, &key.public());
            if number == 2 {
                // A second factor takes the first one: the key that is enrolled is not in this ssh-agent.
                let refused = enroll(&["enroll", "key", "--label", "second"]);
                assert!(!refused.is_success(), "{refused:?}");
                assert_eq!(keys(&agent, ANNA).len(), 1);
                continue;
            }
            let made = enroll(&["enroll", "key", "--label", "blue"]);
            assert!(made.is_success(), "{made:?}");
            let json = value(&made);
            assert_eq!(
                (&json["user"], &json["factor"]),
                (&ANNA.into(), &"key".into())
            );
            assert_eq!(json["fingerprint"], key.fingerprint());
            assert_eq!(
                (&json["label"], &json["changed"]),
                (&"blue".into(), &true.into())
            );
            assert!(made.stderr.contains("Touch your security key"), "{made:?}");
            assert_eq!(key.signatures(), 1);
            let event = last(&agent, "enroll", ANNA, 1);
            assert_eq!((event.text("factor"), event.text("label")), ("key", "blue"));
            assert_eq!(event.text("fingerprint"), key.fingerprint());
            // The key itself is the factor that is verified before a second change.
            let again = enroll(&["enroll", "key"]);
            assert_eq!(value(&again)["changed"], false, "{again:?}");
            assert_eq!(key.signatures(), 2);
            assert_eq!(keys(&agent, ANNA).len(), 1);
        }
    });
}

#[test]
fn a_key_that_does_not_sign_is_not_stored() {
    Machine::run(|machine| {
        let agent = place(machine, "");
        let key = SecurityKey::new(machine, ANNA, "blue", "ed25519-sk");
        let without = SshAgent::start(machine, ANNA);
        let line = ["enroll", "key"];
        let not_there = as_user(machine, &agent, (ANNA, &without), &line, &key.public());
        assert!(!not_there.is_success());
        assert!(
            not_there.stderr.contains("does not have this key"),
            "{not_there:?}"
        );
        // It is in the ssh-agent, and of no use.
        let ssh_agent = SshAgent::with(machine, ANNA, &key);
        key.be("refuses");
        let absent = as_user(machine, &agent, (ANNA, &ssh_agent), &line, &key.public());
        assert!(absent.stderr.contains("did not sign"), "{absent:?}");
        key.be_no_more("refuses");
        key.be("no-touch");
        let untouched = as_user(machine, &agent, (ANNA, &ssh_agent), &line, &key.public());
        assert!(!untouched.is_success(), "{untouched:?}");
        let event = last(&agent, "enroll", ANNA, 1);
        assert_eq!(event.text("result"), "refused");
        assert_eq!(keys(&agent, ANNA), []);
        let another = as_user(
            machine,
            &agent,
            (BERT, &SshAgent::start(machine, BERT)),
            &["enroll", "key", ANNA],
            &key.public(),
        );
        assert!(!another.is_success(), "{another:?}");
        assert_eq!(keys(&agent, ANNA), []);
    });
}

#[test]
fn a_key_that_must_verify_its_owner_is_not_enrolled_by_a_touch_alone() {
    Machine::run(|machine| {
        let agent = place(machine, "[key]\nverification = \"required\"\n");
        let key = SecurityKey::new(machine, ANNA, "blue", "ed25519-sk");
        let ssh_agent = SshAgent::with(machine, ANNA, &key);
        let refused = as_user(
            machine,
            &agent,
            (ANNA, &ssh_agent),
            &["enroll", "key"],
            &key.public(),
        );
        assert!(refused.stderr.contains("[key] verification"), "{refused:?}");
        assert_eq!(keys(&agent, ANNA), []);
    });
}

#[test]
fn an_administrator_enrols_renames_disables_and_removes_keys_of_users() {
    Machine::run(|machine| {
        let agent = place(machine, "");
        let key = SecurityKey::new(machine, ANNA, "blue", "ed25519-sk");
        let print = key.fingerprint();
        let ctl = agent.ctl();
        let made = ctl.json(&["enroll", "key", ANNA], &key.public());
        assert_eq!(made["label"], "key-1");
        assert_eq!(
            ctl.json(&["enroll", "key", ANNA], &key.public())["changed"],
            false
        );
        let _ = ctl.json(&["rename", "key", ANNA, "--to", "blue"], "");
        assert_eq!(last(&agent, "rename", ANNA, 1).text("fingerprint"), print);
        let _ = ctl.json(&["disable", "key", ANNA, "--label", &print], "");
        assert!(!keys(&agent, ANNA)[0].enabled);
        assert_eq!(agent.admin().enrolled(ANNA), Vec::<&str>::new());
        let _ = ctl.json(&["enable", "key", ANNA, "--label", "blue"], "");
        assert_eq!(agent.admin().enrolled(ANNA), ["key"]);
        let removed = ctl.json(&["remove", "key", ANNA, "--label", &print], "");
        let note = removed["note"].as_str().unwrap();
        assert!(note.contains("authorized_keys"), "{note}");
        let event = last(&agent, "remove", ANNA, 1);
        assert_eq!(
            (event.text("label"), event.text("fingerprint")),
            ("blue", &*print)
        );
        assert_eq!(keys(&agent, ANNA), []);
        assert_eq!(ctl.json(&["remove", "key", ANNA], "")["removed"], 0);
    });
}

#[test]
fn a_key_of_two_users_is_said_to_the_administrator_and_in_the_log_and_by_doctor() {
    Machine::run(|machine| {
        let agent = place(machine, "");
        let key = SecurityKey::new(machine, ANNA, "blue", "ed25519-sk");
        let ctl = agent.ctl();
        assert_eq!(
            ctl.json(&["enroll", "key", ANNA], &key.public())["note"],
            Value::Null
        );
        let second = ctl.json(&["enroll", "key", BERT], &key.public());
        assert!(second["note"].as_str().unwrap().contains(ANNA), "{second}");
        assert!(
            last(&agent, "enroll", BERT, 1)
                .text("reason")
                .contains(ANNA)
        );
        let doctor = ctl.run(&["doctor"], "").stdout;
        assert!(doctor.contains("have the same security key"), "{doctor}");
    });
}

#[test]
fn an_import_of_authorized_keys_takes_security_keys_and_leaves_the_rest() {
    Machine::run(|machine| {
        let agent = place(machine, "");
        let key = SecurityKey::new(machine, ANNA, "blue", "ed25519-sk");
        let plain = SecurityKey::authority(machine, "plain");
        let plain = fs::read_to_string(plain.with_extension("pub")).unwrap();
        let text = format!(
            "# anna\nfrom=\"192.0.2.0/24, 198.51.100.7\",no-touch-required {}{plain}cert-authority {plain}nonsense\n",
            key.public()
        );
        let ctl = agent.ctl();
        let line = ["import", "authorized-keys", ANNA, "-"];
        let trial = value(&ctl.run(&[&line[..], &["--dry-run"]].concat(), &text));
        assert_eq!((&trial["stored"], keys(&agent, ANNA).len()), (&1.into(), 0));
        let output = ctl.run(&line, &text);
        assert!(!output.is_success(), "one line is no key: {output:?}");
        let report = value(&output);
        assert_eq!(report["stored"], 1);
        let lines = |of: &str| -> Vec<u64> {
            let list = report[of].as_array().unwrap();
            list.iter().map(|it| it["line"].as_u64().unwrap()).collect()
        };
        assert_eq!((lines("left"), lines("refused")), (vec![3, 4], vec![5]));
        let stored = keys(&agent, ANNA);
        assert_eq!(
            (stored.len(), stored[0].fingerprint.clone()),
            (1, key.fingerprint())
        );
        assert_eq!(stored[0].label, "blue", "its comment");
        assert_eq!(
            last(&agent, "import", ANNA, 1).text("fingerprint"),
            key.fingerprint()
        );
        let again = value(&ctl.run(&line, &text));
        assert_eq!(
            (&again["stored"], &again["unchanged"]),
            (&0.into(), &1.into())
        );
        let by_anna = ctl.run_as(machine, ANNA, &line, &text);
        assert!(
            !by_anna.is_success(),
            "an import is for administrators: {by_anna:?}"
        );
    });
}

#[test]
fn a_certificate_gives_its_key_and_never_that_of_its_authority() {
    Machine::run(|machine| {
        let agent = place(machine, "");
        let key = SecurityKey::new(machine, ANNA, "blue", "ed25519-sk");
        let certificate = key.certify(&SecurityKey::authority(machine, "ca"), ANNA);
        let made = agent.ctl().json(&["enroll", "key", ANNA], &certificate);
        assert_eq!(made["fingerprint"], key.fingerprint());
    });
}

#[test]
fn keys_come_back_with_a_backup_and_a_removed_one_is_counted() {
    Machine::run(|machine| {
        let agent = place(machine, "");
        let key = SecurityKey::new(machine, ANNA, "blue", "ed25519-sk");
        let ctl = agent.ctl();
        let _ = ctl.json(&["enroll", "key", ANNA, "--label", "blue"], &key.public());
        let before = keys(&agent, ANNA);
        let file = agent.folder().join("backup");
        let file = file.to_str().unwrap();
        let saved = ctl.run(&["backup", file], "");
        assert!(saved.is_success(), "{saved:?}");
        let _ = ctl.json(&["remove", "key", ANNA], "");
        let restored = ctl.run(&["restore", file, "--replace"], "");
        assert!(restored.is_success(), "{restored:?}");
        assert_eq!(keys(&agent, ANNA), before);
        assert!(
            restored.stdout.contains(ANNA),
            "the key is back, which is said: {restored:?}"
        );
    });
}

#[test]
fn doctor_names_the_file_in_which_sshd_is_told_to_do_without_the_touch() {
    Machine::run(|machine| {
        let agent = place(machine, "");
        let key = SecurityKey::new(machine, ANNA, "blue", "ed25519-sk");
        let _ = agent
            .ctl()
            .json(&["enroll", "key", ANNA, "--label", "blue"], &key.public());
        let file = agent.folder().join("keys");
        fs::write(&file, format!("no-touch-required {}", key.public())).unwrap();
        let config = agent.folder().join("sshd_config");
        let host_key = SecurityKey::authority(machine, "host");
        let doctor = |options: &str| {
            let text = format!(
                "HostKey {}\nAuthorizedKeysFile {}\nPubkeyAuthOptions {options}\n",
                host_key.display(),
                file.display()
            );
            fs::write(&config, text).unwrap();
            let program = agent.folder().join("sshd");
            let script = format!(
                "#!/bin/sh\nexec /usr/sbin/sshd -f {} \"$@\"\n",
                config.display()
            );
            fs::write(&program, script).unwrap();
            assert!(run(std::process::Command::new("chmod").arg("755").arg(&program)).is_success());
            agent
                .ctl()
                .run(&["doctor", "--sshd", program.to_str().unwrap()], "")
                .stdout
        };
        let found = doctor("none");
        assert!(
            found.contains("sshd takes blue of mfat-anna without a touch"),
            "{found}"
        );
        let demanded = doctor("touch-required");
        assert!(!demanded.contains("without a touch ("), "{demanded}");
    });
}
