//! Wrong clocks: a late code is refused, noticed, and resynchronised by two consecutive.

use mfa_protocol::Secret;
use mfa_protocol::admin::{Drift, Drifts, PageParameters, Resync, ResyncParameters, ResyncReply};
use mfa_protocol::client::ClientError;
use mfa_tests::{Agent, Caller, Key, Login, Machine, Seen, Stack};
use serde_json::json;

const PIN: &str = "4826";
const ANNA: &str = "mfat-anna";
const EVE: &str = "mfat-eve";
/// Steps that the device's clock is behind; the same in seconds.
const BEHIND: i64 = -10;
const SECONDS: i64 = -300;

fn log_in(agent: &Agent, code: &str) -> Seen {
    Login::of(ANNA).answer(code).run(&Stack::asking(agent))
}

/// The last and the present code of a device whose clock is behind.
fn pair(key: &Key) -> (String, String) {
    let second = key.code(BEHIND);
    (key.code(BEHIND - 1), second)
}

fn resync(agent: &Agent, codes: (&str, &str)) -> Result<ResyncReply, ClientError> {
    agent.admin().call::<Resync>(&ResyncParameters {
        user: Some(ANNA.to_owned()),
        label: None,
        first: Secret::from(codes.0),
        second: Secret::from(codes.1),
    })
}

fn drifts(agent: &Agent) -> Vec<Drift> {
    let reply = agent.admin().call::<Drifts>(&PageParameters::default());
    reply.expect("drifts").drifts
}

/// The known drift of Anna's device in seconds.
fn seconds(agent: &Agent) -> Option<i64> {
    agent.admin().status(ANNA).devices[0]
        .drift
        .as_ref()?
        .seconds
}

#[test]
fn a_late_code_is_refused_and_counted_and_only_the_administrator_sees_why() {
    let agent = Agent::start();
    let key = agent.admin().device(ANNA);
    let wrong = log_in(&agent, &key.wrong_code());
    let late = log_in(&agent, &key.code(BEHIND));
    assert_eq!(late.result(), "PAM_AUTH_ERR");
    assert_eq!(late.text, wrong.text, "the user sees no difference");
    assert_eq!(agent.admin().status(ANNA).failures, 2);

    let events = agent.logins_of(ANNA, 2);
    assert_eq!(events[0].text("reason"), "wrong answer");
    let reason = events[1].text("reason");
    for part in [
        "test",
        "300 seconds behind",
        "mfactl verify mfat-anna --resync",
    ] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    agent.await_log("300 seconds behind");
    assert_eq!(seconds(&agent), Some(SECONDS));
    let listed = drifts(&agent);
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (listed[0].user.as_str(), listed[0].seconds),
        (ANNA, Some(SECONDS))
    );
}

#[test]
fn a_fast_clock_is_noticed_as_well_and_a_right_code_clears_it() {
    let agent = Agent::start();
    let key = agent.admin().device(ANNA);
    assert_eq!(log_in(&agent, &key.code(4)).result(), "PAM_AUTH_ERR");
    assert_eq!(seconds(&agent), Some(120));
    assert_eq!(log_in(&agent, &key.code(0)).result(), "PAM_SUCCESS");
    assert_eq!(seconds(&agent), None);
    assert!(drifts(&agent).is_empty());
}

#[test]
fn two_codes_in_a_row_resynchronise_the_clock() {
    let mut agent = Agent::start();
    let key = agent.admin().device(ANNA);
    let (first, second) = pair(&key);
    let reply = resync(&agent, (&first, &second)).expect("a resync");
    assert_eq!(reply.clock_offset, Some(SECONDS));
    assert_eq!(
        (reply.factor.name(), reply.label.as_str()),
        ("totp", "test")
    );
    let event = &agent.events_of("resync", ANNA, 1)[0];
    assert_eq!(event.text("result"), "done");
    assert_eq!(seconds(&agent), None);
    assert_eq!(agent.admin().status(ANNA).devices[0].clock_offset, SECONDS);

    agent.kill_9();
    agent.launch();
    let again = log_in(&agent, &second);
    assert_eq!(again.result(), "PAM_AUTH_ERR", "used up: {again:?}");
    let present = log_in(&agent, &key.code(0));
    assert_eq!(present.result(), "PAM_AUTH_ERR", "{present:?}");
    assert_eq!(seconds(&agent), Some(-SECONDS), "as it is reckoned with");
    // The next code of the device; the skew accepts it a moment early.
    let late = log_in(&agent, &key.code(BEHIND + 1));
    assert_eq!(late.result(), "PAM_SUCCESS", "{late:?}");
}

#[test]
fn a_wrong_pair_counts_and_five_of_them_lock() {
    let agent = Agent::start();
    let key = agent.admin().device(ANNA);
    let (first, second) = pair(&key);
    let far = (key.code(-31), key.code(-30));
    let wrong = key.wrong_code();
    let pairs = [
        (&second, &first),
        (&first, &first),
        (&far.0, &far.1),
        (&second, &wrong),
        (&wrong, &first),
    ];
    for (failures, codes) in (1..).zip(pairs) {
        let refusal = resync(&agent, (codes.0, codes.1)).expect_err("a wrong pair");
        let told = if failures < 5 {
            "two consecutive"
        } else {
            "locked"
        };
        assert!(refusal.to_string().contains(told), "{refusal}");
        assert_eq!(agent.admin().status(ANNA).failures, failures);
    }
    assert!(agent.admin().status(ANNA).locked_until.is_some());
    let refusal = resync(&agent, (&first, &second)).expect_err("a locked account");
    assert!(refusal.to_string().contains("locked"), "{refusal}");
    assert_eq!(log_in(&agent, &key.code(0)).result(), "PAM_MAXTRIES");
    let events = agent.events_of("resync", ANNA, 6);
    let results: Vec<&str> = events.iter().map(|event| event.text("result")).collect();
    assert_eq!(
        results,
        ["wrong", "wrong", "wrong", "wrong", "wrong", "locked"]
    );

    // Codes refused without verifying are not used up.
    agent.admin().unlock(ANNA);
    let (first, second) = pair(&key);
    assert!(resync(&agent, (&first, &second)).is_ok());
}

#[test]
fn an_ordinary_user_resyncs_their_own_device_after_passing_another_factor() {
    Machine::run(|machine| {
        machine.user(ANNA, "a");
        machine.user(EVE, "e");
        let agent = Agent::start();
        let keys = [ANNA, EVE].map(|user| agent.admin().device(user));
        let mut eve = Caller::of(machine, &agent, EVE);
        let of = |user: Option<&str>, key: &Key| {
            let (first, second) = pair(key);
            json!({"user": user, "first": first, "second": second})
        };
        let call = "org.pam-mfa.Admin.Resync";
        assert_eq!(eve.refusal(call, &of(Some(ANNA), &keys[0])), "NotAllowed");
        let untouched = agent.admin().status(ANNA);
        assert_eq!(
            (untouched.failures, untouched.devices[0].clock_offset),
            (0, 0)
        );
        // Old codes that an attacker has seen must not set the clock back.
        let own = of(Some(EVE), &keys[1]);
        assert_eq!(eve.refusal(call, &own), "NotVerified");
        let status = agent.admin().status(EVE);
        assert_eq!((status.failures, status.devices[0].clock_offset), (0, 0));
        agent.admin().pin(EVE, PIN);
        assert_eq!(eve.refusal(call, &own), "NotVerified");
        let begin = json!({"user": EVE, "service": "mfactl"});
        assert_eq!(eve.log_in(&begin, &["?", "2", PIN]), "passed");
        let anna_s = of(None, &keys[0]);
        assert_eq!(eve.refusal(call, &anna_s), "Refused", "Anna's codes");
        assert_eq!(agent.admin().status(EVE).failures, 1);
        // Logins take time, in which a step may end.
        let own = of(Some(EVE), &keys[1]);
        assert_eq!(eve.refusal(call, &own), "");
        assert_eq!(agent.admin().status(EVE).devices[0].clock_offset, SECONDS);
        let listed = eve.refusal("org.pam-mfa.Admin.Drifts", &json!({}));
        assert_eq!(listed, "NotAllowed");
    });
}

#[test]
fn status_and_doctor_report_it_and_mfactl_resynchronises() {
    Machine::run(|machine| {
        machine.user(ANNA, "a");
        let agent = Agent::start();
        let key = agent.admin().device(ANNA);
        let codes = pair(&key);
        assert_eq!(log_in(&agent, &codes.1).result(), "PAM_AUTH_ERR");
        let status = agent.ctl().run_as(machine, ANNA, &["status"], "");
        assert!(status.stdout.contains("\"seconds\":-300"), "{status:?}");
        let doctor = agent.ctl().run(&["doctor"], "");
        assert!(
            doctor.stdout.contains("mfactl verify mfat-anna --resync"),
            "{doctor:?}"
        );
        let typed = format!("{}\n{}\n", codes.0, codes.1);
        let own = agent
            .ctl()
            .run_as(machine, ANNA, &["verify", "--resync"], &typed);
        assert_eq!(own.status, Some(1), "she can pass nothing: {own:?}");
        let words = ["verify", ANNA, "--resync"];
        let output = agent.ctl().run(&words, &typed);
        assert!(output.is_success(), "{output:?}");
        assert!(
            output.stdout.contains("\"clock_offset\":-300"),
            "{output:?}"
        );
        let again = agent.ctl().run(&words, &typed);
        assert_eq!(again.status, Some(1), "{again:?}");
        let doctor = agent.ctl().run(&["doctor"], "");
        assert!(!doctor.stdout.contains("--resync"), "{doctor:?}");
    });
}
