//! Codes of every algorithm and length, computed by oathtool and accepted by a real login.

use mfa_tests::{Agent, Key, Login, Stack};

const ALGORITHMS: [&str; 3] = ["SHA1", "SHA256", "SHA512"];

#[test]
fn codes_of_every_algorithm_length_and_period_pass_once() {
    let agent = Agent::start();
    let stack = Stack::asking(&agent);
    for algorithm in ALGORITHMS {
        for digits in 6..=8 {
            for period in [30, 60, 300] {
                let user = format!("{algorithm}-{digits}-{period}").to_lowercase();
                let key = Key::of(algorithm, digits, period);
                agent.admin().add_device(&user, &key);
                let code = key.code(0);
                assert_eq!(code.len(), digits as usize);
                let first = Login::of(&user).answer(&code).run(&stack);
                assert_eq!(first.result(), "PAM_SUCCESS", "{user}: {first:?}");
                let again = Login::of(&user).answer(&code).run(&stack);
                assert_eq!(again.result(), "PAM_AUTH_ERR", "{user}: {again:?}");
            }
        }
    }
}

#[test]
fn a_code_of_one_kind_is_wrong_for_another() {
    let agent = Agent::start();
    let stack = Stack::asking(&agent);
    let key = Key::of("SHA256", 8, 30);
    agent.admin().add_device("anna", &key);
    let sha1 = Key {
        algorithm: "SHA1",
        ..key.clone()
    };
    let short = Key {
        digits: 6,
        ..key.clone()
    };
    for other in [sha1, short] {
        let seen = Login::of("anna").answer(&other.code(0)).run(&stack);
        assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
    }
}

#[test]
fn the_steps_around_the_present_pass_in_order_and_no_step_twice_or_backwards() {
    let agent = Agent::start();
    let stack = Stack::asking(&agent);
    let key = agent.admin().device("anna");
    let [before, now, after] = [key.code(-1), key.code(0), key.code(1)];
    for (code, result) in [
        (&before, "PAM_SUCCESS"),
        (&before, "PAM_AUTH_ERR"),
        (&after, "PAM_SUCCESS"),
        (&now, "PAM_AUTH_ERR"),
        (&after, "PAM_AUTH_ERR"),
    ] {
        let seen = Login::of("anna").answer(code).run(&stack);
        assert_eq!(seen.result(), result, "{seen:?}");
    }
}

#[test]
fn codes_beyond_the_skew_are_wrong() {
    let agent = Agent::with("[totp]\nskew = 0\n");
    let stack = Stack::asking(&agent);
    let key = agent.admin().device("anna");
    for steps in [-2, -1, 1, 2] {
        let seen = Login::of("anna").answer(&key.code(steps)).run(&stack);
        assert_eq!(seen.result(), "PAM_AUTH_ERR", "{steps}: {seen:?}");
    }
    let seen = Login::of("anna").answer(&key.code(0)).run(&stack);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
}

#[test]
fn five_devices_work_side_by_side_and_a_sixth_is_refused() {
    let agent = Agent::start();
    let stack = Stack::asking(&agent);
    let keys: Vec<Key> = (0..5).map(|_| Key::new()).collect();
    for (n, key) in keys.iter().enumerate() {
        let label = format!("device {n}");
        let arguments = [
            "enroll",
            "totp",
            "anna",
            "--label",
            &label,
            "--secret-stdin",
            "--no-confirm",
        ];
        let enrolled = agent.ctl().json(&arguments, &key.base32());
        assert_eq!(enrolled["label"], label.as_str());
        assert_eq!(enrolled["secret"], key.base32().as_str());
    }
    for key in &keys {
        let seen = Login::of("anna").answer(&key.code(0)).run(&stack);
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    }
    let sixth = ["enroll", "totp", "anna", "--label", "sixth", "--no-confirm"];
    let output = agent.ctl().run(&sixth, "");
    assert_eq!(output.status, Some(1), "{output:?}");
    assert_eq!(agent.admin().status("anna").devices.len(), 5);
}

#[test]
fn a_used_code_stays_used_after_a_restart() {
    let mut agent = Agent::start();
    let stack = Stack::asking(&agent);
    let key = agent.admin().device("anna");
    let code = key.code(0);
    assert_eq!(
        Login::of("anna").answer(&code).run(&stack).result(),
        "PAM_SUCCESS"
    );
    agent.kill_9();
    agent.launch();
    let again = Login::of("anna").answer(&code).run(&stack);
    assert_eq!(again.result(), "PAM_AUTH_ERR", "{again:?}");
}
