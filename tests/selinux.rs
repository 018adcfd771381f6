//! The SELinux module compiles with the reference policy.

use std::fs;
use std::process::Command;

use mfa_tests::{Output, built, run};

fn compiled(change: impl Fn(&str) -> String) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let sources = built().tree.join("packaging/selinux");
    for end in ["te", "fc", "if"] {
        let name = format!("pam_mfa.{end}");
        let text = fs::read_to_string(sources.join(&name)).unwrap();
        fs::write(folder.path().join(&name), change(&text)).unwrap();
    }
    let output = run(Command::new("make")
        .args(["-f", "/usr/share/selinux/devel/Makefile", "pam_mfa.pp"])
        .current_dir(folder.path()));
    let is_there = folder.path().join("pam_mfa.pp").exists();
    assert_eq!(output.is_success(), is_there, "{output:?}");
    output
}

#[test]
fn the_module_compiles_and_one_with_a_mistake_does_not() {
    let output = compiled(str::to_owned);
    assert!(output.is_success(), "{output:?}");
    let wrong = compiled(|text| text.replace("mfa_agent_log_t, { dir file }", "no_such_t, file"));
    assert!(!wrong.is_success(), "{wrong:?}");
}
