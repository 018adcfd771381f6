//! Imports from google-authenticator: files that its own program and module wrote; afterwards that
//! module and ours verify the same codes.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use mfa_tests::{
    Agent, BothModules, Device, Machine, Output, Pty, STEP, Stack, built, passes, run, this_step,
};
use serde_json::Value;

const ANNA: &str = "mfat-anna";
const BERT: &str = "mfat-bert";
const DORA: &str = "mfat-dora";
const ERNA: &str = "mfat-erna";

const MODULE: &str = "pam_google_authenticator.so";
/// Enough wrong codes for a test.
const PATIENT: &str = "[lockout]\nattempts = 50\n";
const ALL: [&str; 3] = ["import", "google-authenticator", "--all"];

fn path(user: &str) -> String {
    format!("/run/home/{user}/.google_authenticator")
}

/// A file of google-authenticator.
struct Kept {
    key: Device,
    scratch: Vec<String>,
    text: String,
}

fn kept(user: &str) -> Kept {
    let text = fs::read_to_string(path(user)).expect("a file of google-authenticator");
    let mut lines = text.lines().filter(|line| !line.starts_with('"'));
    Kept {
        key: Device(lines.next().expect("a key").to_owned()),
        scratch: lines.map(str::to_owned).collect(),
        text: text.clone(),
    }
}

/// A user with a file by the real program.
fn set_up(machine: &Machine, user: &str, options: &[&str]) -> Kept {
    machine.user(user, "x");
    set_up_again(machine, user, options)
}

/// Runs the real program as `user`.
fn set_up_again(machine: &Machine, user: &str, options: &[&str]) -> Kept {
    let mut command = machine.as_user(user, "/usr/bin/google-authenticator");
    command
        .args(["--quiet", "--force", "--no-confirm", "--qr-mode=NONE"])
        .args(["--rate-limit=10", "--rate-time=15", "--window-size=3"])
        .args(options)
        .env("HOME", format!("/run/home/{user}"));
    let output = run(&mut command);
    assert!(output.is_success(), "google-authenticator: {output:?}");
    kept(user)
}

/// Imports one user's file, and returns the result.
fn import(agent: &Agent, user: &str, result: &str) -> Value {
    let line = ["import", "google-authenticator", user, &path(user)];
    let report = agent.ctl().json(&line, "");
    assert_eq!(report["accounts"][0]["result"], result, "{report}");
    report["accounts"][0].clone()
}

#[test]
fn totp_and_scratch_codes_get_the_same_verdict_from_both_modules() {
    Machine::run(|machine| {
        let length = format!("--step-size={STEP}");
        let options = ["--time-based", "--disallow-reuse", &length];
        let Kept { key, scratch, .. } = set_up(machine, ANNA, &options);
        let agent = Agent::with(PATIENT);
        let modules = BothModules::of(MODULE, &agent);
        let step = this_step();
        let [used, next] = [step, step + 1].map(|step| key.timed(step));
        assert!(modules.other(ANNA, &used));
        assert!(modules.other(ANNA, &scratch[0]));

        let account = import(&agent, ANNA, "stored");
        assert_eq!(account["codes"], 4, "{account}");
        assert!(!modules.both(ANNA, &used));
        assert!(!modules.both(ANNA, &scratch[0]));
        assert!(modules.both(ANNA, &next));
        assert!(modules.both(ANNA, &scratch[1]));
        assert!(!modules.both(ANNA, &next));
        assert!(!modules.both(ANNA, &scratch[1]));
    });
}

#[test]
fn a_counter_continues_where_it_was() {
    Machine::run(|machine| {
        let Kept { key, .. } = set_up(machine, BERT, &["--counter-based"]);
        let agent = Agent::with(PATIENT);
        // Its counter increments with each wrong code otherwise.
        let modules = BothModules::of(&format!("{MODULE} no_increment_hotp"), &agent);
        assert!(modules.other(BERT, &key.counted(1)));
        assert!(modules.other(BERT, &key.counted(3)));
        import(&agent, BERT, "stored");
        for spent in [1, 2, 3] {
            assert!(!modules.both(BERT, &key.counted(spent)), "{spent}");
        }
        assert!(modules.both(BERT, &key.counted(4)));
        assert!(!modules.both(BERT, &key.counted(4)));
        assert!(modules.both(BERT, &key.counted(6)));
    });
}

#[test]
fn codes_used_there_since_are_used_here_after_the_next_import() {
    Machine::run(|machine| {
        let Kept { key, scratch, .. } = set_up(machine, BERT, &["--counter-based"]);
        let agent = Agent::with(PATIENT);
        import(&agent, BERT, "stored");
        let modules = BothModules::of(MODULE, &agent);
        assert!(modules.other(BERT, &key.counted(2)));
        assert!(modules.other(BERT, &scratch[4]));
        import(&agent, BERT, "updated");
        import(&agent, BERT, "unchanged");
        assert!(!modules.ours(BERT, &[&key.counted(2)]));
        assert!(!modules.ours(BERT, &[&scratch[4]]));
        assert!(modules.ours(BERT, &[&key.counted(3)]));
    });
}

/// Two users with a file, one with a link to another's file, one with a FIFO.
fn host(machine: &Machine) -> [Kept; 2] {
    let files = [
        set_up(machine, ANNA, &["--time-based", "--disallow-reuse"]),
        set_up(machine, BERT, &["--counter-based"]),
    ];
    machine.user(DORA, "x");
    machine.user(ERNA, "x");
    symlink(path(ANNA), path(DORA)).expect("a link");
    assert!(run(Command::new("mkfifo").arg(path(ERNA))).is_success());
    files
}

/// The report of an import in which a user was refused.
fn report(output: &Output) -> Value {
    assert_eq!(output.status, Some(1), "{output:?}");
    serde_json::from_str(&output.stdout).expect("a report")
}

fn enrolled(agent: &Agent) -> usize {
    let users = agent.ctl().json(&["users"], "");
    users.as_array().expect("users").len()
}

fn states(agent: &Agent) -> [String; 4] {
    [ANNA, BERT, DORA, ERNA].map(|user| agent.ctl().run(&["status", user], "").stdout)
}

#[test]
fn a_whole_host_is_imported_and_the_second_import_changes_nothing() {
    Machine::run(|machine| {
        let files = host(machine);
        let agent = Agent::start();
        let ctl = agent.ctl();
        let dry = report(&ctl.run(&[&ALL[..], &["--dry-run"]].concat(), ""));
        assert_eq!((&dry["dry_run"], &dry["stored"]), (&true.into(), &2.into()));
        assert_eq!(enrolled(&agent), 0);

        let first = report(&ctl.run(&ALL, ""));
        assert_eq!(
            (&first["stored"], &first["refused"]),
            (&2.into(), &2.into())
        );
        assert!(first["without"].as_u64() > Some(1), "{first}");
        for (user, said) in [(DORA, "symbolic link"), (ERNA, "not a regular file")] {
            let accounts = first["accounts"].as_array().expect("accounts");
            let account = accounts.iter().find(|account| account["user"] == user);
            let reason = account.map(|account| account["reason"].to_string());
            assert!(reason.is_some_and(|r| r.contains(said)), "{user}: {first}");
        }

        let before = states(&agent);
        let second = report(&ctl.run(&ALL, ""));
        assert_eq!(second["unchanged"], 2, "{second}");
        assert_eq!(second["stored"], 0, "{second}");
        assert_eq!(states(&agent), before);
        let said = format!("{first}{second}{}", before.concat());
        for Kept { key, scratch, .. } in files {
            assert!(!said.contains(&key.0), "a key is shown");
            assert!(!scratch.iter().any(|code| said.contains(code)), "a code is");
        }
    });
}

#[test]
fn a_key_that_appears_later_is_imported_only_by_name() {
    Machine::run(|machine| {
        set_up(machine, ANNA, &["--counter-based"]);
        let agent = Agent::start();
        let first = agent.ctl().json(&ALL, "");
        assert_eq!(first["stored"], 1, "{first}");
        set_up_again(machine, ANNA, &["--counter-based"]);
        let second = report(&agent.ctl().run(&ALL, ""));
        let account = &second["accounts"][0];
        assert_eq!(account["result"], "refused", "{second}");
        assert!(account["reason"].to_string().contains("by name"));
        assert_eq!(agent.admin().status(ANNA).devices.len(), 1);
        import(&agent, ANNA, "stored");
        assert_eq!(agent.admin().status(ANNA).devices.len(), 2);
    });
}

#[test]
fn at_a_terminal_the_report_comes_first_and_nothing_changes_without_a_yes() {
    Machine::run(|machine| {
        host(machine);
        let agent = Agent::start();
        let program = built().mfactl.to_string_lossy().into_owned();
        let socket = agent.socket().to_string_lossy().into_owned();
        let line = [&["--socket", &socket][..], &ALL].concat();
        let mut no = Pty::spawn(&program, &line);
        no.expect("would import 2");
        no.answer("Type yes: ", "y");
        let (shown, code) = no.finish();
        assert_eq!(code, Some(1), "{shown}");
        assert_eq!(enrolled(&agent), 0);
        let mut yes = Pty::spawn(&program, &line);
        yes.answer("Type yes: ", "yes");
        yes.expect("2 imported");
        yes.finish();
        assert_eq!(enrolled(&agent), 2);
    });
}

#[test]
fn in_one_stack_we_ask_imported_users_and_the_old_module_asks_the_others() {
    Machine::run(|machine| {
        let anna = set_up(machine, ANNA, &["--counter-based"]);
        let bert = set_up(machine, BERT, &["--counter-based"]);
        let agent = Agent::with("[enforcement]\nunenrolled = \"allow\"\n");
        import(&agent, ANNA, "stored");
        let (ours, socket) = (built().module.display(), agent.socket().display());
        let stack = Stack::of(&format!(
            "auth required pam_permit.so\n\
             auth [success=1 ignore=ignore default=die] {ours} socket={socket}\n\
             auth required {MODULE}\nauth required pam_permit.so\n\
             account required pam_permit.so\n"
        ));
        assert!(passes(&stack, ANNA, &[&anna.key.counted(1)]));
        assert!(!passes(&stack, ANNA, &[&anna.key.counted(1)]));
        assert_eq!(kept(ANNA).text, anna.text);
        assert!(passes(&stack, BERT, &[&bert.key.counted(1)]));
        assert!(!passes(&stack, BERT, &[&bert.key.counted(1)]));
        assert_ne!(kept(BERT).text, bert.text);
    });
}

#[test]
fn the_import_of_one_users_file_follows_no_link_of_theirs() {
    Machine::run(|machine| {
        set_up(machine, ANNA, &["--time-based", "--disallow-reuse"]);
        machine.user(DORA, "x");
        let agent = Agent::start();
        let home = format!("/run/home/{DORA}");
        // A file of hers, and files of root and of another user behind a link in her folder.
        fs::create_dir(format!("{home}/real")).expect("a folder");
        fs::copy(path(ANNA), format!("{home}/real/file")).expect("a file");
        for made in ["real", "real/file"] {
            let owner = format!("{0}:{0}", machine.uid(DORA));
            let made = format!("{home}/{made}");
            assert!(run(Command::new("chown").args([&owner, &made])).is_success());
        }
        fs::create_dir("/run/roots").expect("a folder");
        fs::copy(path(ANNA), "/run/roots/file").expect("a file");
        for (link, target) in [
            ("own", format!("{home}/real")),
            ("roots", "/run/roots".to_owned()),
            ("annas", format!("/run/home/{ANNA}")),
        ] {
            symlink(target, format!("{home}/{link}")).expect("a link");
        }
        let import = |file: &str| {
            let line = ["import", "google-authenticator", DORA, file];
            agent.ctl().run(&line, "")
        };
        for file in ["own/file", "roots/file", "annas/.google_authenticator"] {
            let output = import(&format!("{home}/{file}"));
            assert_eq!(output.status, Some(1), "{file}: {output:?}");
            assert!(output.stderr.contains("behind one"), "{file}: {output:?}");
        }
        // Nor is it followed by way of another home.
        let output = import(&format!("/run/home/../home/{DORA}/roots/file"));
        assert_eq!(output.status, Some(1), "{output:?}");
        assert_eq!(import(&format!("{home}/real/file")).status, Some(0));
    });
}
