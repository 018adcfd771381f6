//! Any settings file gives settings, or an error that says where. Any settings can make a decision.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mfa_agent::config::Settings;
use mfa_core::names::Groups;
use mfa_core::policy::{Enforcement, Facts, LoginOrigin, Personal, Request, remote_address};

fuzz_target!(|text: &str| {
    let Ok(settings) = Settings::parse(vec![("agent.toml".into(), text.to_owned())]) else { return };
    let user = "alice".parse().expect("a name");
    let request = Request {
        user: &user,
        service: "sshd",
        host: Some("web-1.example.org"),
        operation: None,
        rhost: remote_address("192.0.2.7"),
        tty: Some("ssh"),
        after: &["publickey".to_owned()],
        now: "2026-06-10T12:00".parse().expect("a time"),
        origin: LoginOrigin::of("sshd", Some("192.0.2.7"), Some("ssh")),
    };
    let personal = Personal { enforce: Enforcement::Required, ..Personal::default() };
    let facts = Facts { federated: false, groups: &Groups::new() };
    let _ = settings.policy.decide(&request, &facts, &personal).reason();
    let _ = settings.policy.explain(&request, &facts, &personal);
});
