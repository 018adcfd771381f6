//! A reload is all or nothing: faulty files leave the earlier policy active.

use mfa_protocol::admin::{Health, HealthReply};
use mfa_protocol::login::Nothing;
use mfa_tests::{Agent, Login, Stack};
use serde_json::Value;

const USER: &str = "anna";
const PIN: &str = "4826";
const GOOD: &str = "[policy]\nrequire = [\"pin\"]\n";
/// A rule that would let everybody in comes before the mistake.
const BROKEN: &str = "[[rule]]\nname = \"open\"\naction = \"skip\"\n\
    [[rule]]\nservices = [\"sshd\"]\nsesion = \"15m\"\n";

fn health(agent: &Agent) -> HealthReply {
    agent.admin().call::<Health>(&Nothing {}).expect("a reply")
}

fn prompts(agent: &Agent) -> Vec<String> {
    let seen = Login::of(USER).answer(PIN).run(&Stack::guarded_by(agent));
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    seen.prompts().iter().map(|&text| text.to_owned()).collect()
}

/// The file and line of the mistake in [`BROKEN`], in the agent's own file.
fn place_of_the_mistake(agent: &Agent) -> String {
    let text = std::fs::read_to_string(agent.config()).expect("the settings");
    let line = text.lines().position(|line| line.starts_with("sesion"));
    format!(
        "{}:{}",
        agent.config().display(),
        line.expect("the line") + 1
    )
}

/// Doctor's report on the reload, and its exit status.
fn doctor(agent: &Agent) -> (bool, String) {
    let output = agent.ctl().run(&["doctor"], "");
    let value: Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"));
    let text = value.to_string();
    let reload = find(&value, "reload").unwrap_or_else(|| panic!("no check \"reload\": {text}"));
    (
        reload["ok"] == true,
        reload["message"].as_str().unwrap_or_default().to_owned(),
    )
}

/// The check of that name, anywhere in the value.
fn find<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Array(items) => items.iter().find_map(|item| find(item, name)),
        Value::Object(fields)
            if fields.get("ok").is_some() && fields.values().any(|it| it == name) =>
        {
            Some(value)
        }
        Value::Object(fields) => fields.values().find_map(|item| find(item, name)),
        _ => None,
    }
}

#[test]
fn a_faulty_file_leaves_the_old_policy_and_log_doctor_and_health_say_so() {
    let agent = Agent::with(GOOD);
    agent.admin().pin(USER, PIN);
    assert!(health(&agent).reload_error.is_none());
    assert!(doctor(&agent).0);

    let event = agent.reload_with(BROKEN);
    let place = place_of_the_mistake(&agent);
    assert_eq!(event.text("result"), "refused");
    assert!(event.text("reason").contains(&place), "{event:?}");
    assert_eq!(
        prompts(&agent),
        ["PIN: "],
        "nothing of the broken file holds"
    );
    agent.await_log("the old settings stay active");
    let log = agent.log();
    let line = log
        .lines()
        .find(|line| line.contains("the old settings stay active"));
    let line = line.unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains(&place) && line.contains("sesion"), "{line}");
    let now = health(&agent);
    let error = now.reload_error.unwrap_or_default();
    assert!(error.contains(&place), "{error}");
    assert!(now.config_changed);
    let (is_ok, message) = doctor(&agent);
    assert!(!is_ok && message.contains(&place), "{message}");
    assert_eq!(agent.ctl().run(&["doctor"], "").status, Some(1));

    let event = agent.reload_with("[[rule]]\nname = \"open\"\naction = \"skip\"\n");
    assert_eq!(event.text("result"), "done");
    let now = health(&agent);
    assert_eq!((now.reload_error, now.config_changed), (None, false));
    assert!(doctor(&agent).0);
    assert!(prompts(&agent).is_empty(), "the corrected file is applied");
}

#[test]
fn config_check_names_file_and_line_and_touches_nothing() {
    let agent = Agent::with(GOOD);
    agent.admin().pin(USER, PIN);
    let before = health(&agent);
    agent.configure(BROKEN);
    let place = place_of_the_mistake(&agent);
    let output = agent.ctl().run(&["config", "check"], "");
    assert_eq!(output.status, Some(1), "{output:?}");
    let reply: Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!(reply["valid"], false, "{reply}");
    assert_eq!(reply["findings"][0]["place"], place.as_str(), "{reply}");
    assert_eq!(reply["findings"][0]["severity"], "error", "{reply}");
    let mut command = std::process::Command::new(&mfa_tests::built().mfactl);
    command
        .arg("--socket")
        .arg(agent.socket())
        .args(["config", "check"]);
    let output = mfa_tests::run(&mut command);
    assert_eq!(output.status, Some(1), "{output:?}");
    assert!(
        output.stdout.contains(&format!("error: {place}: ")),
        "{output:?}"
    );

    assert_eq!(prompts(&agent), ["PIN: "]);
    let after = health(&agent);
    assert_eq!(after.loaded_at, before.loaded_at);
    assert!(after.reload_error.is_none() && after.config_changed);
    let reloads = agent.events();
    assert!(!reloads.iter().any(|event| event.text("event") == "reload"));
}

#[test]
fn a_missing_file_and_a_mistake_in_a_drop_in_count_as_faulty_too() {
    let agent = Agent::with(GOOD);
    agent.admin().pin(USER, PIN);
    let folder = agent.folder().join("agent.d");
    std::fs::create_dir_all(&folder).unwrap();
    let drop_in = folder.join("50-more.toml");
    std::fs::write(&drop_in, "[[rule]]\naction = \"skp\"\n").unwrap();
    let event = agent.reload_with(GOOD);
    assert_eq!(event.text("result"), "refused");
    let place = format!("{}:2", drop_in.display());
    assert!(event.text("reason").contains(&place), "{event:?}");
    assert_eq!(prompts(&agent), ["PIN: "]);
    std::fs::remove_file(&drop_in).unwrap();
    assert_eq!(agent.reload_with(GOOD).text("result"), "done");

    std::fs::remove_file(agent.config()).unwrap();
    let reloads = agent.events().len();
    agent.reload();
    mfa_tests::eventually("the refused reload", || {
        let events = agent.events();
        let last = events.last().filter(|_| events.len() > reloads)?;
        (last.text("result") == "refused").then_some(())
    });
    assert_eq!(prompts(&agent), ["PIN: "]);
}
