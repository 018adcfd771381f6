//! The prompts for several factors and several answers.

use mfa_tests::{Agent, Login, Stack, answer_to, built};

#[test]
fn the_first_factor_of_the_list_is_asked_and_another_way_is_offered() {
    let agent = Agent::start();
    let stack = Stack::asking(&agent);
    let mut admin = agent.admin();
    let key = admin.device("anna");
    admin.pin("anna", "4826");
    let seen = Login::of("anna").answer(&key.code(0)).run(&stack);
    assert_eq!(
        (seen.result(), seen.prompts()),
        ("PAM_SUCCESS", vec!["OTP code: "])
    );
    let seen = Login::of("anna")
        .answer("?")
        .answer("2")
        .answer("4826")
        .run(&stack);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(seen.prompts().first(), Some(&"OTP code: "));
    assert_eq!(seen.lines("prompt-hidden: ").last(), Some(&"PIN: "));
    assert_eq!(
        admin.status("anna").failures,
        0,
        "asking for another way is no guess"
    );
}

#[test]
fn a_combination_passes_only_as_a_whole() {
    let agent = Agent::with("[policy]\nrequire = [\"totp+pin\"]\n");
    let stack = Stack::asking(&agent);
    let mut admin = agent.admin();
    let key = admin.device("anna");
    admin.pin("anna", "4826");
    let wrong = key.wrong_code();
    let steps = [
        (key.code(-1), "0000", "PAM_AUTH_ERR"),
        (wrong, "4826", "PAM_AUTH_ERR"),
        (key.code(0), "4826", "PAM_SUCCESS"),
    ];
    for (code, pin, result) in steps {
        let seen = Login::of("anna").answer(&code).answer(pin).run(&stack);
        assert_eq!(seen.result(), result, "{seen:?}");
    }
    let seen = Login::of("anna").answer(&key.code(1)).run(&stack);
    assert_ne!(
        seen.result(),
        "PAM_SUCCESS",
        "half of it is not it: {seen:?}"
    );
}

#[test]
fn a_user_with_half_of_a_combination_is_enrolled_and_not_let_in_without_the_rest() {
    let agent =
        Agent::with("[policy]\nrequire = [\"totp+pin\"]\n[enforcement]\nunenrolled = \"allow\"\n");
    let module = built().module.display();
    let stack = Stack::of(&format!(
        "auth [success=ok ignore=ignore default=die] {module} socket={}\n\
         auth required pam_permit.so\n",
        agent.socket().display()
    ));
    let key = agent.admin().device("anna");
    for answers in [
        ["", ""],
        [&key.wrong_code(), "0000"],
        [&key.code(0), "0000"],
    ] {
        let mut login = Login::of("anna");
        for answer in answers {
            login = login.answer(answer);
        }
        let seen = login.run(&stack);
        assert!(!seen.prompts().is_empty(), "not asked: {seen:?}");
        assert_ne!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    }
    // A user without any factor is let in, as the setting says.
    let seen = Login::of("bert").run(&stack);
    assert_eq!((seen.result(), seen.prompts().len()), ("PAM_SUCCESS", 0));
}

#[test]
fn pin_and_questions_combine() {
    let agent = Agent::with("[policy]\nrequire = [\"pin+questions\"]\n");
    let stack = Stack::asking(&agent);
    let mut admin = agent.admin();
    admin.pin("anna", "4826");
    admin.questions("anna");
    let mut running = Login::of("anna").start(&stack);
    running.await_prompt();
    running.answer("4826");
    running.await_prompt();
    let answer = answer_to(running.shown());
    // Case, accents and blanks do not matter.
    let typed = answer
        .to_uppercase()
        .replace('È', "E")
        .replace('É', "e")
        .replace('Û', "u");
    running.answer(&format!(
        "  {}  ",
        typed.replace('Ü', "U").replace(' ', "   ")
    ));
    let seen = running.finish();
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
}

#[test]
fn an_empty_or_missing_answer_leaves_no_factor_of_a_combination_out() {
    let agent = Agent::with("[policy]\nrequire = [\"totp+pin\"]\n");
    let stack = Stack::asking(&agent);
    let mut admin = agent.admin();
    let key = admin.device("anna");
    admin.pin("anna", "4826");
    for answers in [
        &[&*key.code(0), ""][..],
        &[&key.code(0)],
        &["", "4826"],
        &["", ""],
    ] {
        let login = answers
            .iter()
            .fold(Login::of("anna"), |login, answer| login.answer(answer));
        let seen = login.run(&stack);
        assert_ne!(seen.result(), "PAM_SUCCESS", "{answers:?}: {seen:?}");
    }
    let seen = Login::of("anna")
        .answer(&key.code(1))
        .answer("4826")
        .run(&stack);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
}

#[test]
fn the_same_question_is_asked_until_it_is_answered() {
    let agent = Agent::start();
    let stack = Stack::asking(&agent);
    agent.admin().questions("anna");
    let first = Login::of("anna").answer("wrong").run(&stack);
    for _ in 0..3 {
        let seen = Login::of("anna").answer("wrong").run(&stack);
        assert_eq!(seen.prompts(), first.prompts());
    }
    let seen = Login::of("anna").answer(answer_to(&first.text)).run(&stack);
    assert_eq!(
        (seen.result(), seen.prompts()),
        ("PAM_SUCCESS", first.prompts())
    );
}

#[test]
fn rules_skip_deny_and_ask_by_service_user_and_address() {
    let agent = Agent::with(
        "[[rule]]\nname = \"lan\"\nfrom = [\"192.0.2.0/24\", \"2001:db8::/32\"]\naction = \"skip\"\n\
         [[rule]]\nname = \"no ftp\"\nservices = [\"ftp\"]\naction = \"deny\"\n\
         [[rule]]\nname = \"vpn\"\nusers = [\"*\", \"!bert\"]\nservices = [\"openvpn\"]\n\
         require = [\"pin\"]\n",
    );
    let stack = Stack::asking(&agent);
    let mut admin = agent.admin();
    for user in ["anna", "bert"] {
        let _ = admin.device(user);
        admin.pin(user, "4826");
    }
    for address in ["192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7"] {
        let seen = Login::of("anna").from(address).run(&stack);
        assert!(seen.prompts().is_empty(), "{address}: {seen:?}");
        assert_ne!(seen.result(), "PAM_AUTH_ERR", "{address}: {seen:?}");
    }
    let seen = Login::of("anna").from("198.51.100.7").run(&stack);
    assert_eq!(seen.prompts(), ["OTP code: "], "{seen:?}");
    let seen = Login::of("anna").service("ftp").answer("4826").run(&stack);
    assert_eq!(
        (seen.result(), seen.prompts().len()),
        ("PAM_PERM_DENIED", 0),
        "{seen:?}"
    );
    let seen = Login::of("anna")
        .service("openvpn")
        .answer("4826")
        .run(&stack);
    assert_eq!(
        (seen.result(), seen.prompts()),
        ("PAM_SUCCESS", vec!["PIN: "]),
        "{seen:?}"
    );
    let seen = Login::of("bert").service("openvpn").run(&stack);
    assert_eq!(seen.prompts(), ["OTP code: "], "{seen:?}");
}

#[test]
fn explain_agrees_with_what_a_login_does() {
    let agent = Agent::with(
        "[[rule]]\nname = \"vpn\"\nservices = [\"openvpn\"]\nrequire = [\"pin\"]\n\
         [[rule]]\nname = \"break-glass\"\nservices = [\"login\"]\naction = \"skip\"\n",
    );
    let stack = Stack::asking(&agent);
    let _ = agent.admin().device("anna");
    agent.admin().pin("anna", "4826");
    for service in ["openvpn", "login", "sshd"] {
        let explained = agent
            .ctl()
            .json(&["explain", "--user", "anna", "--service", service], "");
        let seen = Login::of("anna").service(service).run(&stack);
        let asked = explained["prompts"].as_array().expect("prompts");
        let asked: Vec<&str> = asked.iter().filter_map(|p| p.as_str()).collect();
        assert_eq!(seen.prompts(), asked, "{service}: {explained}");
    }
}

#[test]
fn one_answer_carries_password_and_code_where_the_policy_says_single() {
    let agent = Agent::with("[policy]\nrequire = [\"totp\"]\n");
    let module = &mfa_tests::built().module;
    let (module, socket) = (module.display(), agent.socket().display());
    let stack = Stack::of(&format!(
        "auth required {module} socket={socket} forward_pass\n"
    ));
    let key = agent.admin().device("anna");
    let seen = Login::of("anna")
        .answer(&format!("secret{}", key.code(0)))
        .run(&stack);
    assert_eq!(
        (seen.result(), seen.prompts().len()),
        ("PAM_SUCCESS", 1),
        "{seen:?}"
    );
    let seen = Login::of("anna")
        .answer(&format!("secret{}", key.wrong_code()))
        .run(&stack);
    assert_eq!(
        (seen.result(), seen.prompts().len()),
        ("PAM_AUTH_ERR", 1),
        "{seen:?}"
    );
}
