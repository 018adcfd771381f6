//! A third-party Varlink client reads our interfaces and calls them.

use std::path::PathBuf;
use std::process::Command;

use mfa_tests::{Agent, built, run};

/// Reads everything through PyPI's `varlink`, which parses the interface descriptions itself.
const CLIENT: &str = r#"
import json, sys, varlink
address = "unix:" + sys.argv[1]
with varlink.Client(address) as client:
    info = client.get_interfaces()
    with client.open("org.varlink.service") as service:
        about = service.GetInfo()
    with client.open("org.pam-mfa.Admin") as admin:
        status = admin.Status("anna")
        users = admin.Users()
        try:
            admin.Unlock("")
            refused = None
        except varlink.VarlinkError as error:
            refused = error.error()
    with client.open("org.pam-mfa.Login") as login:
        begun = login.Begin("anna", "varlink", None, None, None, None)
        done = login.Answer(begun["session"], "4826")
print(json.dumps({"info": about, "interfaces": sorted(info), "status": status, "users": users,
                  "refused": refused, "begun": begun, "done": done}))
"#;

/// A Python with the client, in a folder below `target`.
fn python() -> PathBuf {
    let folder = built().target().join("varlink-client");
    let python = folder.join("bin/python");
    let has_client = || run(Command::new(&python).args(["-c", "import varlink"])).is_success();
    if python.exists() && has_client() {
        return python;
    }
    let made = run(Command::new("/usr/bin/python3")
        .args(["-m", "venv"])
        .arg(&folder));
    assert!(made.is_success(), "a venv (Debian: python3-venv): {made:?}");
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "varlink==31.0.0",
    ];
    let installed = run(Command::new(&python).args(pip));
    assert!(installed.is_success(), "{installed:?}");
    python
}

#[test]
fn a_third_party_client_reads_the_interfaces_and_calls_both() {
    let agent = Agent::start();
    agent.admin().pin("anna", "4826");
    let output = run(Command::new(python())
        .args(["-c", CLIENT])
        .arg(agent.socket()));
    assert!(output.is_success(), "{output:?}");
    let seen: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON");
    let interfaces = seen["interfaces"].to_string();
    for name in [
        "org.pam-mfa.Admin",
        "org.pam-mfa.Login",
        "org.varlink.service",
    ] {
        assert!(interfaces.contains(name), "{seen}");
    }
    assert_eq!(seen["status"]["account"]["user"], "anna", "{seen}");
    assert_eq!(
        seen["status"]["account"]["enrolled"],
        serde_json::json!(["pin"]),
        "{seen}"
    );
    assert_eq!(
        seen["users"]["users"],
        serde_json::json!(["anna"]),
        "{seen}"
    );
    assert!(
        seen["refused"]
            .as_str()
            .is_some_and(|e| e.starts_with("org.")),
        "{seen}"
    );
    assert_eq!(seen["begun"]["step"]["prompt"]["text"], "PIN: ", "{seen}");
    assert_eq!(seen["done"]["step"]["outcome"], "passed", "{seen}");
}
