//! Every method of both interfaces, called by processes without the right to.
//!
//! The list is compared with the interface files: a new method fails here until its callers are
//! defined.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use mfa_protocol::factor::Factor;
use mfa_protocol::policy::Enforcement;
use mfa_tests::{Agent, Caller, Key, Login, Machine, Stack, built, eventually, run};
use serde_json::{Value, json};

const ANNA: &str = "mfat-anna";
const EVE: &str = "mfat-eve";
/// Two administrators by group.
const ADA: &str = "mfat-ada";
const ALAN: &str = "mfat-alan";
const GROUP: &str = "mfat-admins";
const PIN: &str = "4826";
const NEW_PIN: &str = "7391";
/// The public half of a security key.
const KEY: &str = "sk-ssh-ed25519@openssh.com \
    AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIAqYYOyTMdO9s2KUqjLlL1HdZH7SKdYpTjqQqYYP3pRZAAAABHNzaDo=";

/// Who may call a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum For {
    /// Everybody: it concerns no account.
    Everybody,
    /// Everybody, to continue what was begun on the connection; with the refusal if nothing was.
    Continuing(&'static str),
    /// Users for their own account, and administrators; nothing changes who gets in.
    Own,
    /// As [`For::Proven`], but what is sent here is wrong.
    Verified(&'static str),
    /// Users for their own account after passing a factor, and administrators.
    Proven,
    /// Users for their own account if an administrator lets them, and administrators.
    Managed,
    Administrators,
    /// Administrators; it concerns no single account.
    AdministratorsOfAll,
    /// Root and the user that the agent runs as; it concerns the store as a whole.
    Root,
    /// Programs that check logins; others for their own user.
    Guards,
}

use For::{
    Administrators, AdministratorsOfAll, Continuing, Everybody, Guards, Managed, Own, Proven, Root,
    Verified,
};

/// Every method, with parameters about `user`, in an order in which each can succeed.
fn methods(user: &str) -> Vec<(String, Value, For)> {
    let questions: Vec<Value> = ["Street?", "Teacher?", "Pet?"]
        .iter()
        .map(|question| json!({"question": question, "answer": format!("the {question}")}))
        .collect();
    let entry = json!({"line": 1, "user": user, "uri": Key::new().uri(user)});
    let admin = [
        ("Status", json!({"user": user}), Own),
        ("Users", json!({}), AdministratorsOfAll),
        ("Lockouts", json!({}), AdministratorsOfAll),
        ("Unlock", json!({"user": user}), Administrators),
        (
            "EnrollTotp",
            json!({"user": user, "confirm": false}),
            Proven,
        ),
        (
            "ConfirmDevice",
            json!({"code": "123456"}),
            Continuing("Refused"),
        ),
        (
            "EnrollHotp",
            json!({"user": user, "confirm": false}),
            Proven,
        ),
        (
            "Rename",
            json!({"user": user, "label": "device-2", "to": "token"}),
            Proven,
        ),
        (
            "Resync",
            json!({"user": user, "first": "123456", "second": "234567"}),
            Verified("Refused"),
        ),
        ("Drifts", json!({}), AdministratorsOfAll),
        (
            "EnrollAddress",
            json!({"user": user, "factor": "email", "address": "a@example.org", "confirm": true}),
            Proven,
        ),
        (
            "ConfirmAddress",
            json!({"code": "no code"}),
            Continuing("Refused"),
        ),
        (
            "EnrollKey",
            json!({"user": user, "key": KEY, "confirm": true}),
            Proven,
        ),
        (
            "ConfirmKey",
            json!({"signed": "Cw=="}),
            Continuing("Refused"),
        ),
        (
            "ImportKeys",
            json!({"user": user, "keys": [{"line": 1, "key": KEY}], "dry_run": true}),
            Administrators,
        ),
        ("Keys", json!({}), AdministratorsOfAll),
        (
            "EnrollRadius",
            json!({"user": user, "server": "vip"}),
            Administrators,
        ),
        (
            "Primary",
            json!({"user": user, "factor": "email", "address": "b@example.org"}),
            Verified("Refused"),
        ),
        (
            "EnableAddress",
            json!({"user": user, "factor": "email", "address": "b@example.org", "enabled": false}),
            Verified("Refused"),
        ),
        (
            "EnableFactor",
            json!({"user": user, "factor": "totp", "label": "no such device", "enabled": false}),
            Verified("Refused"),
        ),
        (
            "TestDelivery",
            json!({"channel": "email", "address": "a@example.org"}),
            AdministratorsOfAll,
        ),
        ("EnrollPin", json!({"user": user, "pin": NEW_PIN}), Proven),
        ("Questions", json!({}), Everybody),
        (
            "CheckQuestions",
            json!({"user": user, "questions": [questions[0]]}),
            Own,
        ),
        (
            "EnrollQuestions",
            json!({"user": user, "questions": questions}),
            Proven,
        ),
        ("EnrollRecovery", json!({"user": user, "count": 3}), Proven),
        ("ConfirmRecovery", json!({}), Continuing("Refused")),
        (
            "Remove",
            json!({"user": user, "factor": "questions"}),
            Proven,
        ),
        (
            "ImportUris",
            json!({"entries": [entry]}),
            AdministratorsOfAll,
        ),
        (
            "ImportAccounts",
            json!({"accounts": []}),
            AdministratorsOfAll,
        ),
        ("Explain", json!({"user": user, "service": "sshd"}), Own),
        (
            "Require",
            json!({"user": user, "factor": "pin", "on": true}),
            Managed,
        ),
        (
            "Enforce",
            json!({"user": user, "level": "optional"}),
            Administrators,
        ),
        ("Prefer", json!({"user": user, "factor": "pin"}), Managed),
        (
            "SelfManage",
            json!({"user": user, "on": true}),
            Administrators,
        ),
        (
            "AllowFrom",
            json!({"user": user, "networks": ["192.0.2.0/24"]}),
            Managed,
        ),
        ("Sessions", json!({"user": user}), Own),
        ("Revoke", json!({"user": user}), Own),
        ("RevokeBypass", json!({"user": user}), Administrators),
        (
            "Bypass",
            json!({"user": user, "seconds": 600}),
            Administrators,
        ),
        (
            "Suspend",
            json!({"user": user, "seconds": 600}),
            Administrators,
        ),
        ("Resume", json!({"user": user}), Administrators),
        ("CheckConfig", json!({}), AdministratorsOfAll),
        ("Health", json!({}), AdministratorsOfAll),
        ("Mode", json!({}), AdministratorsOfAll),
        ("Reload", json!({}), AdministratorsOfAll),
        ("BackupBegin", json!({}), Root),
        ("BackupNext", json!({}), Root),
        ("BackupEnd", json!({}), Root),
        (
            "RestoreBegin",
            json!({"head": {"version": 1, "made_at": "", "agent": "", "file_key": "", "nonce": ""}}),
            Root,
        ),
        ("RestoreNext", json!({"chunk": "", "last": true}), Root),
        ("RestoreEnd", json!({}), Root),
        ("RestoreAbandon", json!({}), Root),
        (
            "MergeBegin",
            json!({"head": {"version": 1, "made_at": "", "agent": "", "file_key": "", "nonce": ""}}),
            Root,
        ),
        ("MergeNext", json!({"chunk": "", "last": true}), Root),
        ("KeyStatus", json!({}), Root),
        ("RotatePrepare", json!({}), Root),
        ("RotateBegin", json!({}), Root),
        ("RotateNext", json!({}), Root),
        ("RotateEnd", json!({}), Root),
        ("Hosts", json!({}), AdministratorsOfAll),
        ("ForgetHost", json!({"name": "web-9"}), Root),
        ("Metrics", json!({}), AdministratorsOfAll),
        ("StoreCheck", json!({}), AdministratorsOfAll),
        (
            "StoreDrop",
            json!({"record": format!("account/{user}")}),
            Root,
        ),
        (
            "Terms",
            json!({"services": ["sshd"], "from_files": false}),
            AdministratorsOfAll,
        ),
    ];
    let login = [
        (
            "Answer",
            json!({"session": "0", "answer": PIN}),
            Continuing("NoLogin"),
        ),
        ("Cancel", json!({"session": "0"}), Continuing("NoLogin")),
        ("Begin", json!({"user": user, "service": "sshd"}), Guards),
        ("Admit", json!({"user": user, "service": "sshd"}), Guards),
    ];
    let named = |interface: &'static str| {
        move |(name, parameters, callers): (&str, Value, For)| {
            (
                format!("org.pam-mfa.{interface}.{name}"),
                parameters,
                callers,
            )
        }
    };
    admin
        .into_iter()
        .map(named("Admin"))
        .chain(login.into_iter().map(named("Login")))
        .collect()
}

#[test]
fn the_list_of_methods_matches_the_interface_files() {
    let mut described = BTreeSet::new();
    for interface in ["org.pam-mfa.Admin", "org.pam-mfa.Login"] {
        let file = built()
            .tree
            .join(format!("mfa-protocol/{interface}.varlink"));
        let text = std::fs::read_to_string(&file).unwrap();
        let names = text.lines().filter_map(|line| line.strip_prefix("method "));
        described
            .extend(names.map(|rest| format!("{interface}.{}", rest.split('(').next().unwrap())));
    }
    let listed = methods(EVE).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(described, listed);
}

fn set_up(machine: &Machine, settings: &str) -> Agent {
    let added = run(std::process::Command::new("groupadd").arg(GROUP));
    assert!(added.is_success(), "{added:?}");
    for user in [ANNA, EVE, ADA, ALAN] {
        machine.user(user, "a password");
    }
    for user in [ADA, ALAN] {
        let joined = run(std::process::Command::new("usermod").args(["-aG", GROUP, user]));
        assert!(joined.is_success(), "{joined:?}");
    }
    let agent = Agent::with(&format!("{settings}\n{}", beyond_the_host()));
    for user in [ANNA, EVE, ADA, ALAN, "root"] {
        agent.admin().pin(user, PIN);
    }
    agent
}

/// A mail server, and a RADIUS server that is never asked.
fn beyond_the_host() -> String {
    let secret = std::env::temp_dir().join(format!("mfat-secret-{}", std::process::id()));
    std::fs::write(&secret, "a shared secret of some length\n").unwrap();
    std::fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    let secret = secret.display();
    format!(
        "[delivery.email]\nfrom = \"mfa@example.org\"\nsendmail = \"/bin/true\"\n\
         [[radius]]\nname = \"vip\"\nservers = [\"127.0.0.1\"]\nsecret_file = \"{secret}\"\n"
    )
}

/// A connection on which `user` has passed their PIN to change something.
fn verified(machine: &Machine, agent: &Agent, user: &str) -> Caller {
    let mut caller = Caller::of(machine, agent, user);
    let pin = json!({"pin": NEW_PIN});
    assert_eq!(
        caller.patient_refusal("org.pam-mfa.Admin.EnrollPin", &pin),
        "NotVerified"
    );
    let begin = json!({"user": user, "service": "mfactl"});
    assert_eq!(caller.log_in(&begin, &[PIN]), "passed");
    caller
}

/// The refusal for an ordinary user who calls a method about another.
fn about_another(callers: For) -> &'static str {
    match callers {
        Everybody => "",
        Continuing(refusal) => refusal,
        Own | Verified(_) | Proven | Managed | Administrators | AdministratorsOfAll | Root
        | Guards => "NotAllowed",
    }
}

#[test]
fn an_ordinary_user_calls_nothing_for_another_user_or_for_root() {
    for is_verified in [false, true] {
        Machine::run(move |machine| {
            let agent = set_up(machine, &format!("[admin]\ngroups = [\"{GROUP}\"]\n"));
            for target in [ANNA, "root"] {
                let before = agent.admin().status(target);
                let mut caller = match is_verified {
                    true => verified(machine, &agent, EVE),
                    false => Caller::of(machine, &agent, EVE),
                };
                for (method, parameters, callers) in methods(target) {
                    let refusal = caller.patient_refusal(&method, &parameters);
                    assert_eq!(refusal, about_another(callers), "{method} for {target}");
                }
                assert_eq!(agent.admin().status(target), before);
            }
            // All events are by Eve, and nothing changed.
            let uid = u64::from(machine.uid(EVE));
            for event in agent.events() {
                let is_own = event.text("user") == EVE && event.text("event") == "login";
                assert!(event.number("by_uid") != Some(uid) || is_own, "{event:?}");
            }
        });
    }
}

#[test]
fn an_ordinary_user_sees_their_own_account_and_changes_nothing_without_proof() {
    Machine::run(|machine| {
        let agent = set_up(machine, "");
        let before = agent.admin().status(EVE);
        for (method, parameters, callers) in methods(EVE) {
            // Its own connection: a login that was begun must not help the next call.
            let mut caller = Caller::of(machine, &agent, EVE);
            let expected = match callers {
                Everybody | Own | Guards => "",
                Continuing(refusal) => refusal,
                Proven | Verified(_) => "NotVerified",
                Managed | Administrators | AdministratorsOfAll | Root => "NotAllowed",
            };
            assert_eq!(
                caller.patient_refusal(&method, &parameters),
                expected,
                "{method}"
            );
        }
        assert_eq!(agent.admin().status(EVE), before);
    });
}

#[test]
fn an_ordinary_user_who_has_passed_changes_what_self_service_allows_and_no_more() {
    Machine::run(|machine| {
        let agent = set_up(machine, "");
        let mut caller = verified(machine, &agent, EVE);
        for (method, parameters, callers) in methods(EVE) {
            let expected = match callers {
                Everybody | Own | Guards | Proven => "",
                Continuing(refusal) | Verified(refusal) => refusal,
                Managed | Administrators | AdministratorsOfAll | Root => "NotAllowed",
            };
            assert_eq!(
                caller.patient_refusal(&method, &parameters),
                expected,
                "{method}"
            );
        }
        let account = agent.admin().status(EVE);
        assert_eq!(agent.admin().enrolled(EVE), ["totp", "hotp", "pin"]);
        assert_eq!(account.settings.enforce, Enforcement::Default);
        assert!(account.settings.require.is_empty() && account.settings.own_require.is_empty());
        assert!(account.bypass_until.is_none() && account.suspended_until.is_none());
    });
}

#[test]
fn an_administrator_by_group_administers_users_and_neither_root_nor_administrators() {
    Machine::run(|machine| {
        let agent = set_up(machine, &format!("[admin]\ngroups = [\"{GROUP}\"]\n"));
        for target in ["root", ALAN] {
            let before = agent.admin().status(target);
            let mut caller = Caller::of(machine, &agent, ADA);
            for (method, parameters, callers) in methods(target) {
                let reply = caller.patient_call(&method, &parameters);
                let error = reply["error"].as_str().unwrap_or_default();
                if method.ends_with(".ImportUris") {
                    // Each entry separately.
                    assert_eq!(
                        reply["parameters"]["results"][0]["result"], "refused",
                        "{reply}"
                    );
                    continue;
                }
                let is_sight = [".Status", ".Explain", ".Sessions"]
                    .iter()
                    .any(|it| method.ends_with(it));
                let expected = match callers {
                    _ if is_sight => "",
                    Everybody | AdministratorsOfAll => "",
                    Continuing(refusal) => refusal,
                    Own | Verified(_) | Proven | Managed | Administrators | Root | Guards => {
                        "NotAllowed"
                    }
                };
                let (_, name) = error.rsplit_once('.').unwrap_or_default();
                assert_eq!(name, expected, "{method} for {target}: {reply}");
            }
            assert_eq!(agent.admin().status(target), before);
        }
    });
}

#[test]
fn an_administrator_by_group_may_do_all_but_log_in_for_users() {
    Machine::run(|machine| {
        let agent = set_up(machine, &format!("[admin]\ngroups = [\"{GROUP}\"]\n"));
        let mut caller = Caller::of(machine, &agent, ADA);
        for (method, parameters, callers) in methods(EVE) {
            let expected = match callers {
                Continuing(refusal) | Verified(refusal) => refusal,
                Guards | Root => "NotAllowed",
                _ => "",
            };
            assert_eq!(
                caller.patient_refusal(&method, &parameters),
                expected,
                "{method}"
            );
        }
        let account = agent.admin().status(EVE);
        assert_eq!(account.settings.require, [Factor::Pin]);
        assert_eq!(account.settings.enforce, Enforcement::Optional);
        assert!(account.settings.self_manage && account.bypass_until.is_some());
    });
}

#[test]
fn an_administrator_by_group_is_a_user_where_it_is_about_themselves() {
    for is_verified in [false, true] {
        Machine::run(move |machine| {
            let agent = set_up(machine, &format!("[admin]\ngroups = [\"{GROUP}\"]\n"));
            let mut caller = match is_verified {
                true => verified(machine, &agent, ADA),
                false => Caller::of(machine, &agent, ADA),
            };
            for (method, parameters, callers) in methods(ADA) {
                if method.ends_with(".ImportUris") {
                    let reply = caller.patient_call(&method, &parameters);
                    assert_eq!(
                        reply["parameters"]["results"][0]["result"], "refused",
                        "{reply}"
                    );
                    continue;
                }
                let expected = match callers {
                    Everybody | Own | Guards | AdministratorsOfAll => "",
                    Continuing(refusal) => refusal,
                    Proven if is_verified => "",
                    Verified(refusal) if is_verified => refusal,
                    Proven | Verified(_) => "NotVerified",
                    Managed | Administrators | Root => "NotAllowed",
                };
                assert_eq!(
                    caller.patient_refusal(&method, &parameters),
                    expected,
                    "{method}"
                );
            }
            assert_eq!(
                agent.admin().status(ADA).settings.enforce,
                Enforcement::Default
            );
        });
    }
}

#[test]
fn a_trusted_user_logs_in_others_and_administers_nobody() {
    Machine::run(|machine| {
        let agent = set_up(machine, "");
        agent.trust(EVE);
        eventually("the trust", || {
            let mut caller = Caller::of(machine, &agent, EVE);
            let begin = json!({"user": ANNA, "service": "radiusd"});
            let refusal = caller.refusal("org.pam-mfa.Login.Begin", &begin);
            refusal.is_empty().then_some(())
        });
        for target in [ANNA, "root"] {
            let mut caller = Caller::of(machine, &agent, EVE);
            for (method, parameters, callers) in methods(target) {
                let expected = match callers {
                    Guards => "",
                    other => about_another(other),
                };
                assert_eq!(
                    caller.patient_refusal(&method, &parameters),
                    expected,
                    "{method}"
                );
            }
            // Nor after that user has passed in its program: their proof is not the program's own.
            let begin = json!({"user": target, "service": "radiusd"});
            assert_eq!(caller.log_in(&begin, &[PIN]), "passed");
            for (method, parameters, callers) in methods(target) {
                let expected = match callers {
                    Guards => "",
                    other => about_another(other),
                };
                assert_eq!(
                    caller.patient_refusal(&method, &parameters),
                    expected,
                    "{method}"
                );
            }
        }
    });
}

#[test]
fn a_proof_is_required_even_if_logins_are_not_asked_and_is_valid_for_its_connection_only() {
    for settings in [
        "[enforcement]\nmode = \"none\"\n",
        "[[rule]]\naction = \"skip\"\n",
    ] {
        Machine::run(move |machine| {
            let agent = set_up(machine, settings);
            let mut caller = verified(machine, &agent, EVE);
            let pin = json!({"pin": NEW_PIN});
            let method = "org.pam-mfa.Admin.EnrollPin";
            let mut other = Caller::of(machine, &agent, EVE);
            assert_eq!(other.refusal(method, &pin), "NotVerified");
            // A change by an administrator ends the proof.
            agent.admin().questions(EVE);
            assert_eq!(caller.refusal(method, &pin), "NotVerified");
            let mut caller = verified(machine, &agent, EVE);
            assert_eq!(caller.refusal(method, &pin), "");
        });
    }
}

/// Rules that an ordinary process would like to match.
const LURES: &str = r#"
[policy]
require = ["pin"]

[[rule]]
name = "by address"
services = ["sshd"]
from = ["192.0.2.0/24"]
action = "skip"

[[rule]]
name = "by terminal"
services = ["login"]
tty = ["tty1"]
action = "skip"

[[rule]]
name = "by key"
services = ["sshd"]
after = ["publickey"]
action = "skip"

[[rule]]
name = "harmless operation"
operations = ["harmless"]
action = "skip"

[[rule]]
name = "console"
services = ["console"]
action = "skip"

[[rule]]
name = "sessions"
services = ["sudo", "mfactl"]
session = "15m"
session_scope = ["sudo", "mfactl"]
"#;

/// Whether a login that Eve's ordinary process begins like this is asked for her PIN.
fn is_asked(caller: &mut Caller, begin: &Value) -> bool {
    let reply = caller.call("org.pam-mfa.Login.Begin", begin);
    reply["parameters"]["step"]["prompt"]["text"] == "PIN: "
}

#[test]
fn claims_of_an_ordinary_process_match_no_rule() {
    Machine::run(|machine| {
        let agent = set_up(machine, LURES);
        let mut caller = Caller::of(machine, &agent, EVE);
        for claim in [
            json!({"user": EVE, "service": "sshd", "rhost": "192.0.2.7"}),
            json!({"user": EVE, "service": "sshd", "rhost": "192.0.2.7", "tty": "ssh"}),
            json!({"user": EVE, "service": "login", "tty": "tty1"}),
            json!({"user": EVE, "service": "login", "tty": "/dev/tty1"}),
            json!({"user": EVE, "service": "sshd", "after": ["publickey"]}),
        ] {
            assert!(is_asked(&mut caller, &claim), "{claim}");
        }
        // The same claims by a program of root are trusted.
        let stack = Stack::guarded_by(&agent);
        for login in [
            Login::of(EVE).service("sshd").from("192.0.2.7"),
            Login::of(EVE).service("login").on("/dev/tty1"),
            Login::of(EVE)
                .service("sshd")
                .after("publickey ssh-ed25519 AAAA"),
        ] {
            let seen = login.run(&stack);
            assert!(seen.prompts().is_empty(), "{seen:?}");
            assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        }
    });
}

#[test]
fn the_name_of_an_operation_cannot_forge_a_line() {
    const FORGED: &str = "x\nlogin passed user=\"root\" service=\"sshd\"";
    Machine::run(|machine| {
        let agent = set_up(machine, "");
        let mut caller = Caller::of(machine, &agent, EVE);
        let claim = json!({"user": EVE, "service": "mfactl", "operation": FORGED});
        assert_eq!(caller.log_in(&claim, &[PIN]), "passed");
        let event = &agent.logins_of(EVE, 1)[0];
        assert_eq!(event.text("operation"), FORGED);
        let log = agent.log();
        assert!(!log.lines().any(|line| line.starts_with("login ")), "{log}");
        assert!(!log.contains("passed user=\"root\""), "{log}");
        let long = json!({"user": EVE, "service": "mfactl", "operation": "x".repeat(257)});
        assert_eq!(caller.refusal("org.pam-mfa.Login.Begin", &long), "Refused");
    });
}

#[test]
fn a_service_or_operation_that_asks_for_nothing_proves_nothing() {
    Machine::run(|machine| {
        let agent = set_up(machine, LURES);
        let before = agent.admin().status(EVE);
        let method = "org.pam-mfa.Admin.EnrollPin";
        let pin = json!({"pin": NEW_PIN});
        for claim in [
            json!({"user": EVE, "service": "console"}),
            json!({"user": EVE, "service": "mfactl", "operation": "harmless"}),
        ] {
            let mut caller = Caller::of(machine, &agent, EVE);
            assert_eq!(caller.log_in(&claim, &[]), "skipped", "{claim}");
            assert_eq!(caller.refusal(method, &pin), "NotVerified", "{claim}");
            // Once it is known that a proof is wanted, it is asked for.
            assert!(is_asked(&mut caller, &claim), "{claim}");
            assert_eq!(caller.refusal(method, &pin), "NotVerified", "{claim}");
        }
        assert_eq!(agent.admin().status(EVE), before);
    });
}

#[test]
fn an_ordinary_process_neither_uses_nor_begins_sessions_of_logins() {
    Machine::run(|machine| {
        let agent = set_up(machine, LURES);
        let stack = Stack::guarded_by(&agent);
        let sudo = || Login::of(EVE).service("sudo").on("/dev/pts/5").by(EVE);
        let seen = sudo().answer(PIN).run(&stack);
        assert_eq!(seen.prompts(), ["PIN: "]);
        assert!(
            sudo().run(&stack).prompts().is_empty(),
            "the session is valid"
        );

        let mut caller = Caller::of(machine, &agent, EVE);
        for claim in [
            json!({"user": EVE, "service": "sudo", "tty": "/dev/pts/5", "ruser": EVE}),
            json!({"user": EVE, "service": "mfactl", "tty": "/dev/pts/5", "ruser": EVE}),
            json!({"user": EVE, "service": "sudo", "tty": "/dev/pts/5", "ruser": EVE, "operation": "x"}),
        ] {
            assert!(is_asked(&mut caller, &claim), "{claim}");
        }
        // A session does not count as a proof, and neither does her own pass for sudo.
        let pin = json!({"pin": NEW_PIN});
        assert_eq!(
            caller.refusal("org.pam-mfa.Admin.EnrollPin", &pin),
            "NotVerified"
        );
        let _ = agent.ctl().json(&["revoke", EVE], "");
        for service in ["sudo", "mfactl"] {
            for operation in [json!(null), json!("x")] {
                let claim = json!({
                    "user": EVE, "service": service, "tty": "/dev/pts/5", "ruser": EVE,
                    "operation": operation
                });
                let mut caller = Caller::of(machine, &agent, EVE);
                assert_eq!(caller.log_in(&claim, &[PIN]), "passed", "{claim}");
            }
        }
        let seen = sudo().answer(PIN).run(&stack);
        assert_eq!(seen.prompts(), ["PIN: "], "{seen:?}");
    });
}
