//! Administrators' settings: which users are verified by which servers, under which name and
//! secret.

use std::process::Command;

use mfa_tests::{Agent, FreeRadius, Login, Machine, Output, Sshd, Stack, built, run, unused_port};

use super::host::{Host, IMPATIENT, PASSCODE, Plan, SERVER, SecretFile, settings};

const PASSWORD: &str = FreeRadius::PASSWORD;

#[test]
fn the_server_gets_the_remote_name_the_clients_address_and_this_hosts_name() {
    let server = FreeRadius::start();
    let plan = Plan {
        keys: "nas_identifier = \"web1.example\"\n",
        ..Plan::default()
    };
    let host = Host::with(&[server.address()], &plan);
    let arguments = ["enroll", "radius", "anna", "--server", SERVER];
    let with_name = [&arguments[..], &["--as", "VSMT12345678"]].concat();
    let _ = host.agent.ctl().json(&with_name, "");
    let login = Login::of("anna").from("192.0.2.7").answer(PASSWORD);
    assert_eq!(login.run(&host.stack).result(), "PAM_SUCCESS");
    assert_eq!(
        server.asked(),
        ["VSMT12345678 from 192.0.2.7 at web1.example"]
    );
    let radius = &host.status("anna")["radius"];
    assert_eq!(radius["remote_user"], "VSMT12345678", "{radius}");
    assert!(radius["last_used_at"].is_string(), "{radius}");
}

#[test]
fn the_name_of_the_host_and_of_the_user_are_the_defaults() {
    let server = FreeRadius::start();
    let host = Host::asking(&[server.address()]);
    host.enroll("anna");
    assert_eq!(host.log_in("anna", &[PASSWORD]), "PAM_SUCCESS");
    let name = run(Command::new("uname").arg("--nodename")).stdout;
    let expected = format!("anna from  at {}", name.trim());
    assert_eq!(server.asked(), [expected]);
}

#[test]
fn enrolling_twice_changes_nothing_and_remove_undoes_it() {
    let server = FreeRadius::start();
    let host = Host::asking(&[server.address()]);
    for changed in [true, false] {
        let enrolled = host.enroll("anna");
        assert_eq!(enrolled["changed"], changed, "{enrolled}");
    }
    let _ = host.agent.ctl().json(&["remove", "radius", "anna"], "");
    assert_eq!(host.log_in("anna", &[PASSWORD]), "PAM_AUTH_ERR");
    assert_eq!(server.asked(), Vec::<String>::new());
}

#[test]
fn a_server_that_is_not_in_the_settings_is_refused() {
    let host = Host::asking(&[unused_port()]);
    let arguments = ["enroll", "radius", "anna", "--server", "pager"];
    let output = host.agent.ctl().run(&arguments, "");
    assert_eq!(output.status, Some(1), "{output:?}");
    assert!(output.stderr.contains("pager"), "{output:?}");
    assert!(output.stderr.contains(SERVER), "what there is: {output:?}");
}

#[test]
fn users_cannot_enroll_their_own_radius_account() {
    Machine::run(|machine| {
        machine.user("mfat-anna", "a");
        let host = Host::asking(&[unused_port()]);
        let arguments = ["enroll", "radius", "mfat-anna", "--server", SERVER];
        let ctl = host.agent.ctl();
        let output = ctl.run_as(machine, "mfat-anna", &arguments, "");
        assert_eq!(output.status, Some(1), "{output:?}");
        assert!(host.status("mfat-anna")["radius"].is_null());
    });
}

#[test]
fn a_shared_secret_that_others_can_read_is_refused() {
    let server = FreeRadius::start();
    let secret = SecretFile::of(FreeRadius::SECRET);
    let good = settings(&[server.address()], &secret, &Plan::default());
    let agent = Agent::with(&good);
    let stack = Stack::asking(&agent);
    let check = || {
        let mut agent_check = Command::new(&built().agent);
        let own = run(agent_check
            .arg("--check")
            .arg("--config")
            .arg(agent.config()));
        let ctl = agent.ctl().run(&["config", "check"], "");
        let told = |output: &Output| format!("{}{}", output.stdout, output.stderr);
        [told(&own), told(&ctl)]
    };
    let path = secret.path().to_string_lossy().into_owned();
    let complain = |told: [String; 2]| told.map(|told| told.contains(&path));
    assert_eq!(complain(check()), [false, false]);
    secret.set_mode(0o644);
    assert_eq!(complain(check()), [true, true], "{:?}", check());

    // The earlier settings stay active.
    let event = agent.reload_with(&good);
    assert_eq!(event.text("result"), "refused", "{event:?}");
    let arguments = ["enroll", "radius", "anna", "--server", SERVER];
    let _ = agent.ctl().json(&arguments, "");
    let seen = Login::of("anna").answer(PASSWORD).run(&stack);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
}

#[test]
fn a_reload_applies_a_new_shared_secret() {
    let server = FreeRadius::start();
    let plan = Plan {
        keys: IMPATIENT,
        secret: "the one before",
        ..Plan::default()
    };
    let secret = SecretFile::of(plan.secret);
    let text = settings(&[server.address()], &secret, &plan);
    let agent = Agent::with(&text);
    let arguments = ["enroll", "radius", "anna", "--server", SERVER];
    let _ = agent.ctl().json(&arguments, "");
    let stack = Stack::asking(&agent);
    let log_in = || Login::of("anna").answer(PASSWORD).run(&stack);
    assert_eq!(log_in().result(), "PAM_CONV_ERR");

    secret.write(FreeRadius::SECRET);
    let event = agent.reload_with(&text);
    assert_eq!(event.text("result"), "done", "{event:?}");
    assert_eq!(log_in().result(), "PAM_SUCCESS");
}

#[test]
fn removing_a_users_server_from_the_settings_counts_no_failure() {
    let server = FreeRadius::start();
    let secret = SecretFile::of(FreeRadius::SECRET);
    let text = settings(&[server.address()], &secret, &Plan::default());
    let agent = Agent::with(&text);
    let arguments = ["enroll", "radius", "anna", "--server", SERVER];
    let _ = agent.ctl().json(&arguments, "");
    let event = agent.reload_with(&text.replace("name = \"vip\"", "name = \"pager\""));
    assert_eq!(event.text("result"), "done", "{event:?}");
    let seen = Login::of("anna")
        .answer(PASSWORD)
        .run(&Stack::asking(&agent));
    assert_eq!(seen.result(), "PAM_CONV_ERR", "{seen:?}");
    assert_eq!(agent.admin().status("anna").failures, 0);
    assert_eq!(server.asked(), Vec::<String>::new());
    agent.await_log("no [[radius]] has that name");
}

#[test]
fn over_ssh_a_password_and_then_the_servers_questions_let_in() {
    Machine::run(|machine| {
        const USER: &str = "mfat-bob";
        machine.user(USER, "correct battery");
        machine.shipped_stack("sshd");
        let server = FreeRadius::start();
        let secret = SecretFile::of(FreeRadius::SECRET);
        let plan = settings(&[server.address()], &secret, &Plan::default());
        let agent = Agent::at_default_socket(&plan);
        let arguments = ["enroll", "radius", USER, "--server", SERVER, "--as", "bob"];
        let _ = agent.ctl().json(&arguments, "");
        let sshd = Sshd::start(
            machine,
            "PasswordAuthentication no\nAuthenticationMethods keyboard-interactive",
        );
        let mut client = sshd.client(USER, &[]);
        client.answer("Password: ", "correct battery");
        client.answer(PASSCODE, PASSWORD);
        client.answer("Enter the code: ", &server.key.code(0));
        client.expect("you are in");
        assert_eq!(client.finish().1, Some(0));
        let mut asked = server.asked();
        asked.retain(|line| line.starts_with("bob from 127.0.0.1 at "));
        assert_eq!(asked.len(), 2);

        let mut client = sshd.client(USER, &[]);
        client.answer("Password: ", "correct battery");
        client.answer(PASSCODE, PASSWORD);
        client.answer("Enter the code: ", &server.key.wrong_code());
        let (shown, status) = client.finish();
        assert_ne!(status, Some(0), "{shown}");
        assert_eq!(agent.admin().status(USER).failures, 1);
    });
}
