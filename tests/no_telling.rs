//! Nothing that is shown reveals who exists, who is enrolled or who is locked.

use std::time::{Duration, Instant};

use mfa_tests::{Agent, Login, Seen, Stack};

/// The text without parts that differ by nature.
fn screen(seen: &Seen) -> String {
    seen.text
        .lines()
        .filter(|line| !line.starts_with("result: "))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn unknown_unenrolled_and_locked_users_see_what_an_enrolled_one_sees() {
    let agent = Agent::with("[policy]\nrequire = [\"totp\"]\n[lockout]\nattempts = 2\n");
    let stack = Stack::asking(&agent);
    let mut admin = agent.admin();
    for user in ["enrolled", "locked"] {
        let _ = admin.device(user);
    }
    for _ in 0..2 {
        let _ = Login::of("locked").answer("000000").run(&stack);
    }
    assert!(admin.status("locked").locked_until.is_some());
    let mut screens: Vec<(&str, String)> = Vec::new();
    for user in ["enrolled", "locked", "no-such-user", "root"] {
        let seen = Login::of(user).answer("000000").run(&stack);
        assert_ne!(seen.result(), "PAM_SUCCESS", "{user}: {seen:?}");
        screens.push((user, screen(&seen)));
    }
    for (user, text) in &screens[1..] {
        assert_eq!(text, &screens[0].1, "{user}");
    }
}

/// The first prompts of these names; a question is shortened to its kind.
fn first_prompts(stack: &Stack, names: &[String]) -> Vec<&'static str> {
    let first = |name: &String| {
        let seen = Login::of(name).run(stack);
        match seen.prompts().first().copied() {
            Some("OTP code: ") => "OTP code: ",
            Some("PIN: ") => "PIN: ",
            Some(_) => "a question",
            None => panic!("{name} is not asked: {seen:?}"),
        }
    };
    names.iter().map(first).collect()
}

#[test]
fn unknown_names_are_asked_for_plausible_factors_and_always_for_the_same() {
    let mut agent = Agent::start();
    let stack = Stack::asking(&agent);
    agent.admin().pin("has-a-pin-only", "4826");
    let names: Vec<String> = (0..96).map(|n| format!("no-such-user-{n}")).collect();
    let asked = first_prompts(&stack, &names);
    let count = |prompt: &str| asked.iter().filter(|asked| **asked == prompt).count();
    for prompt in first_prompts(&stack, &["has-a-pin-only".to_owned()]) {
        assert!(count(prompt) > 0, "{prompt} tells who is enrolled");
    }
    assert!(count("OTP code: ") > count("PIN: "), "{asked:?}");
    agent.kill_9();
    agent.launch();
    assert_eq!(first_prompts(&stack, &names), asked);
    // Removing a choice affects only the users who had it.
    let _ = agent.reload_with("[policy]\nrequire = [\"totp\", \"questions\"]\n");
    let moved = first_prompts(&stack, &names);
    for (before, after) in asked.iter().zip(&moved) {
        assert!(before == after || *before == "PIN: ", "{before} {after}");
    }
}

#[test]
fn unknown_users_are_answered_as_slowly_as_a_wrong_pin() {
    const ROUNDS: usize = 15;
    let settings =
        "[policy]\nrequire = [\"pin\"]\n[lockout]\nattempts = 100\nmax_consecutive = 0\n";
    let agent = Agent::with(settings);
    let stack = Stack::asking(&agent);
    agent.admin().pin("anna", "4826");
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (user, times) in ["anna", "no-such-user"].into_iter().zip(&mut times) {
            times.push(time_to_refuse(user, &stack));
        }
    }
    let [known, unknown] = times.map(median);
    // A hash takes many times as long as everything else: without it the time is far below half.
    assert!(
        unknown * 2 > known && known * 2 > unknown,
        "{known:?} known, {unknown:?} unknown"
    );
}

fn time_to_refuse(user: &str, stack: &Stack) -> Duration {
    let begun = Instant::now();
    let seen = Login::of(user).answer("0000").run(stack);
    assert_eq!(seen.result(), "PAM_AUTH_ERR", "{user}: {seen:?}");
    begun.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[test]
fn no_secret_reaches_a_log() {
    let agent = Agent::start();
    let stack = Stack::asking(&agent);
    let mut admin = agent.admin();
    let key = admin.device("anna");
    admin.pin("anna", "482657");
    admin.questions("anna");
    let (right, wrong) = (key.code(0), key.wrong_code());
    let answers = [
        wrong.as_str(),
        &right,
        "guess-me-not",
        "?",
        "482657",
        "739184",
        "Quincy Street",
    ];
    for answer in answers {
        let _ = Login::of("anna").answer(answer).run(&stack);
    }
    let _ = Login::of("anna")
        .answer("?")
        .answer("2")
        .answer("482657")
        .run(&stack);
    let _ = Login::of("anna")
        .answer("?")
        .answer("3")
        .answer("Quincy Street")
        .run(&stack);
    let _ = agent.logins_of("anna", answers.len() + 2);
    let written = agent.log()
        + &std::fs::read_to_string(agent.folder().join("audit.jsonl")).unwrap_or_default();
    for secret in [
        &*key.base32(),
        &right,
        &wrong,
        "guess-me-not",
        "482657",
        "739184",
        "Quincy",
    ] {
        assert!(!written.contains(secret), "{secret} is in: {written}");
    }
}

#[test]
fn no_secret_is_readable_in_the_store() {
    let mut agent = Agent::start();
    let mut admin = agent.admin();
    let key = admin.device("anna");
    admin.pin("anna", "482657");
    admin.questions("anna");
    let _ = agent.terminate();
    let needles = [
        key.base32().into_bytes(),
        b"Quincy".to_vec(),
        b"quincy".to_vec(),
    ];
    let mut read = 0;
    for entry in walk(&agent.folder().join("store")) {
        let bytes = std::fs::read(&entry).unwrap();
        read += bytes.len();
        for needle in &needles {
            let found = bytes
                .windows(needle.len())
                .any(|window| window == &needle[..]);
            assert!(!found, "{}", entry.display());
        }
    }
    assert!(read > 0, "there is a store to look at");
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(walk(&path))
        } else {
            files.push(path)
        }
    }
    files
}

#[test]
fn names_from_outside_cannot_forge_a_line() {
    let agent = Agent::start();
    let stack = Stack::asking(&agent);
    let forged = "x\n{\"event\":\"login\",\"result\":\"passed\",\"user\":\"root\"}\nx";
    let _ = Login::of("anna")
        .service("sshd")
        .from(forged)
        .on(forged)
        .answer("1")
        .run(&stack);
    let _ = Login::of(forged).answer("1").run(&stack);
    let _ = Login::of("bert").answer("1").run(&stack);
    let _ = agent.logins_of("bert", 1);
    let events = agent.events();
    assert!(
        !events.iter().any(|event| event.text("user") == "root"),
        "{events:?}"
    );
    assert!(
        !agent.log().lines().any(|line| line.starts_with('{')),
        "{}",
        agent.log()
    );
}
