//! Logins: their verdicts, their limits, and what they leave.

use super::*;
use mfa_protocol::frame::FrameError;

#[test]
fn an_answer_whose_record_could_not_be_made_durable_gets_no_verdict() {
    let rig = Rig::new();
    let mut root = rig.connect(ROOT);
    for failure in [
        StoreFailure::Swaps,
        StoreFailure::AfterSwaps,
        StoreFailure::Everything,
    ] {
        let login = root.begin("alice");
        rig.store.fail(failure);
        let reply = root.answer(&login, "000000").unwrap();
        assert_eq!(reply["step"]["outcome"], "unavailable", "{failure:?}");
        rig.store.fail(StoreFailure::None);
    }
}

#[test]
fn a_store_that_can_not_be_read_lets_no_login_begin() {
    let rig = Rig::new();
    rig.store.fail(StoreFailure::Everything);
    let error = rig
        .connect(ROOT)
        .call("Login.Begin", json!({ "user": "alice", "service": "sshd" }))
        .unwrap_err();
    assert_eq!(error["error"], "org.pam-mfa.Login.Unavailable");
}

#[test]
fn every_verdict_on_every_user_takes_one_durable_write() {
    let rig = Rig::new();
    let mut root = rig.connect(ROOT);
    for user in ["alice", "bob", "nobody-here"] {
        for n in 1..=7 {
            let before = rig.store.swaps();
            let outcome = root.outcome(user, "000000");
            assert_eq!(
                outcome,
                if n <= 5 { "wrong" } else { "locked" },
                "{user}, answer {n}"
            );
            assert_eq!(rig.store.swaps(), before + 1, "{user}, answer {n}");
        }
    }
}

#[test]
fn cancelled_logins_leave_no_trace_in_the_account() {
    let rig = Rig::new();
    let before = rig.store.swaps();
    for answer in [
        "",
        "\u{8}\n\r\u{7f}INCORRECT",
        "\u{8}\n\r\u{7f}INC",
        &"7".repeat(513),
    ] {
        assert_eq!(
            rig.connect(ROOT).outcome("alice", answer),
            "cancelled",
            "{answer:?}"
        );
    }
    let mut gone = rig.connect(ROOT);
    gone.begin("alice");
    gone.close();
    let mut cancelled = rig.connect(ROOT);
    let login = cancelled.begin("alice");
    cancelled
        .call("Login.Cancel", json!({ "session": login["session"] }))
        .unwrap();
    assert!(cancelled.answer(&login, "000000").is_err(), "it has ended");
    assert_eq!((rig.failures(), rig.store.swaps()), (0, before));
}

#[test]
fn an_answer_belongs_to_the_login_of_its_own_connection() {
    let rig = Rig::new();
    let login = rig.connect(ROOT).begin("alice");
    let error = rig.connect(ROOT).answer(&login, "000000").unwrap_err();
    assert_eq!(error["error"], "org.pam-mfa.Login.NoLogin");
    assert_eq!(rig.failures(), 0);
}

#[test]
fn a_connection_for_one_login_is_closed_once_that_has_ended_and_no_other() {
    let rig = Rig::new();
    for only_login in [true, false] {
        let mut caller = rig.connect(ROOT);
        let parameters = json!({ "user": "alice", "service": "sshd" });
        let call = json!({
            "method": "org.pam-mfa.Login.Begin",
            "parameters": parameters,
            "only_login": only_login,
        });
        write_frame(&mut &caller.stream, &call).unwrap();
        let reply = caller.reader.next(&mut &caller.stream).unwrap();
        let reply: Value = serde_json::from_slice(reply).unwrap();
        let login = &reply["parameters"];
        assert!(login["step"]["prompt"].is_object(), "{reply}");
        let answered = caller.answer(login, "000000").unwrap();
        assert_eq!(answered["step"]["outcome"], "wrong");
        if only_login {
            let end = caller.reader.next(&mut &caller.stream);
            assert!(matches!(end, Err(FrameError::Closed)), "{end:?}");
        } else {
            caller.begin("alice");
        }
        caller.close();
    }
}

#[test]
fn who_has_set_up_a_part_of_what_is_required_is_asked_even_where_nobody_has_to_enroll() {
    let rig = Rig::new();
    let text = "[enforcement]\nunenrolled = 'allow'\n[policy]\nrequire = ['pin+questions']";
    rig.configure(text);
    let mut root = rig.connect(ROOT);
    let explain = json!({ "user": "bob", "service": "sshd" });
    let explained = root.call("Admin.Explain", explain).unwrap();
    assert_eq!(explained["explanation"]["action"], "skip");
    assert_eq!(
        root.begin("bob")["step"]["outcome"],
        "skipped",
        "he has nothing"
    );
    assert_eq!(
        root.begin("alice")["step"]["prompt"]["text"],
        "PIN: ",
        "she has a PIN"
    );
}

#[test]
fn the_address_in_an_ordinary_users_mouth_opens_no_rule() {
    let rig = Rig::new();
    let text = "[[rule]]\nfrom = ['192.0.2.0/24']\naction = 'skip'";
    rig.configure(text);
    let begin = json!({ "user": "alice", "service": "sshd", "rhost": "192.0.2.7" });
    let of_root = rig
        .connect(ROOT)
        .call("Login.Begin", begin.clone())
        .unwrap();
    assert_eq!(of_root["step"]["outcome"], "skipped");
    let of_alice = rig.connect(ALICE).call("Login.Begin", begin).unwrap();
    assert_eq!(of_alice["step"]["outcome"], Value::Null);
}

#[test]
fn an_ordinary_user_who_calls_without_end_is_told_to_wait() {
    let rig = Rig::new();
    let mut bob = rig.connect(BOB);
    let busy = (0..200).any(|_| match bob.call("Admin.Questions", json!({})) {
        Err(error) => error["error"] == "org.pam-mfa.Admin.Busy",
        Ok(_) => false,
    });
    assert!(busy);
    let mut root = rig.connect(ROOT);
    assert!((0..200).all(|_| root.call("Admin.Questions", json!({})).is_ok()));
}

#[test]
fn a_message_that_is_none_ends_the_connection_and_nothing_else() {
    let rig = Rig::new();
    for junk in [
        &b"hello\0"[..],
        b"[]\0",
        b"{}\0",
        b"{\"method\":7}\0",
        b"\xff\xfe\0",
        b"\0",
    ] {
        let mut caller = rig.connect(ROOT);
        caller.stream.write_all(junk).unwrap();
        assert!(caller.reader.next(&mut &caller.stream).is_err(), "{junk:?}");
        caller.thread.join().unwrap();
    }
    assert_eq!(rig.connect(ROOT).outcome("alice", "000000"), "wrong");
}

#[test]
fn a_policy_of_many_rules_is_shown_as_far_as_a_reply_has_room() {
    let rig = Rig::new();
    let rule = "[[rule]]\nname = 'a rule with a name of some length'\nservices = ['one', 'two']\n\
                from = ['192.0.2.0/24', '2001:db8::/32']\n";
    rig.configure(&format!("{}[[rule]]\nname = 'last'\n", rule.repeat(600)));
    let mut root = rig.connect(ROOT);
    let status = root
        .call("Admin.Status", json!({ "user": "alice" }))
        .unwrap();
    let rules = status["account"]["rules"].as_array().unwrap();
    let last = rules.last().unwrap()["name"].as_str().unwrap();
    assert!(last.ends_with(" more"), "{last}");
    let request = json!({ "user": "alice", "service": "sshd" });
    let explained = root.call("Admin.Explain", request).unwrap();
    let considered = explained["explanation"]["considered"].as_array().unwrap();
    assert!(considered.len() < 600);
    assert_eq!(considered.last().unwrap()["name"], "last", "it decides");
}

#[test]
fn logins_of_one_account_left_at_the_prompt_leave_room_for_others() {
    let rig = Rig::new();
    rig.configure("[server]\nmax_connections = 24\nmax_connections_per_user = 1\n");
    let begin = |user: &str| {
        let mut root = rig.connect(ROOT);
        let parameters = json!({ "user": user, "service": "su" });
        let error = root.call("Login.Begin", parameters).err();
        (root, error)
    };
    let mut held: Vec<_> = (0..4).map(|_| begin("alice")).collect();
    let (_, refused) = held.pop().unwrap();
    assert_eq!(refused.unwrap()["error"], "org.pam-mfa.Login.Busy");
    assert!(held.iter().all(|(_, error)| error.is_none()));
    let (_bob, error) = begin("bob");
    assert_eq!(error, None);
    rig.connect(ROOT).call("Admin.Health", json!({})).unwrap();
    for (root, _) in held {
        root.close();
    }
    assert_eq!(begin("alice").1, None);
}

#[test]
fn names_that_nobody_has_share_no_more_room_than_others() {
    let rig = Rig::new();
    rig.configure("[server]\nmax_connections = 8\nmax_connections_per_user = 1\n");
    let mut root = rig.connect(ROOT);
    root.begin("nobody-here");
    let parameters = json!({ "user": "nobody-here", "service": "su" });
    let error = rig.connect(ROOT).call("Login.Begin", parameters);
    assert_eq!(error.unwrap_err()["error"], "org.pam-mfa.Login.Busy");
    root.begin("nobody-here");
}

#[test]
fn in_the_last_places_administrators_are_answered_and_nobody_logs_in() {
    let rig = Rig::new();
    let (stream, served) = UnixStream::pair().unwrap();
    let terms = super::super::limits::Terms {
        may_log_in: false,
        calls_as: ROOT,
    };
    let connection = Connection::new(Arc::clone(&rig.agent), peer(ROOT)).under(terms);
    let thread = std::thread::spawn(move || connection.serve(&served));
    let mut root = Caller {
        stream,
        reader: FrameReader::new(),
        thread,
    };
    root.call("Admin.Health", json!({})).unwrap();
    let parameters = json!({ "user": "alice", "service": "sshd" });
    let error = root.call("Login.Begin", parameters).unwrap_err();
    assert_eq!(error["error"], "org.pam-mfa.Login.Busy");
}
