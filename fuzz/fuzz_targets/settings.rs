//! Whatever stands in a settings file: settings, or an error that says where. Settings decide.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mfa_agent::config::Settings;
use mfa_agent::names::Groups;
use mfa_agent::policy::{Facts, Request, remote_address};

fuzz_target!(|text: &str| {
    let Ok(settings) = Settings::parse(vec![("agent.toml".into(), text.to_owned())]) else { return };
    let user = "alice".parse().expect("a name");
    let request = Request {
        user: &user,
        service: "sshd",
        rhost: remote_address("192.0.2.7"),
        tty: Some("ssh"),
    };
    let facts = Facts { federated: false, groups: &Groups::new() };
    let _ = settings.policy.decide(&request, &facts).reason();
    let _ = settings.policy.explain(&request, &facts);
});
