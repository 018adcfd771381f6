//! Hosts of other versions, and servers of another cluster.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mfa_tests::{Etcd, Fleet, Lan, Login, eventually, run, within};
use serde_json::{Value, json};

use super::load::Load;
use super::logins::pass;
use super::{with_fleet, with_lan};

/// A cluster elects a leader, and a host tries to reach it again.
const PATIENCE: Duration = Duration::from_secs(120);

/// A rule for emergencies, that no store is needed for.
const BREAK_GLASS: &str = "[[rule]]\nusers = ['root']\nservices = ['login']\naction = 'skip'\n";

const HOSTS: &str = "/pam-mfa/hosts/";

fn await_passes(fleet: &Fleet, load: &Load) {
    for host in 0..fleet.hosts().len() {
        let what = format!("host {host} to let a user in");
        within(PATIENCE, &what, || {
            load.log_in_with_next(host).then_some(())
        });
    }
}

/// What is stored under a key of etcd.
fn stored(fleet: &Fleet, key: &str) -> String {
    let value = fleet.etcd.must(0, &["get", "--print-value-only", key]);
    value.trim_end().to_owned()
}

fn put(fleet: &Fleet, key: &str, value: &str) {
    let _ = fleet.etcd.must(0, &["put", key, value]);
}

fn versions(fleet: &Fleet, on: usize) -> Vec<(String, String)> {
    let hosts = fleet.agent(on).ctl().json(&["hosts"], "");
    let text = |host: &Value, field: &str| host[field].as_str().unwrap_or_default().to_owned();
    let all = hosts["hosts"].as_array().expect("a list").iter();
    all.map(|host| (text(host, "name"), text(host, "version")))
        .collect()
}

#[test]
fn a_host_of_a_later_version_is_listed_with_it_and_stops_nobody() {
    with_fleet("", |fleet| {
        let load = Load::new(fleet, "");
        let key = format!("{HOSTS}{}", fleet.host(2).name);
        let notice = eventually("a notice", || {
            serde_json::from_str::<Value>(&stored(fleet, &key)).ok()
        });
        let mut later = notice;
        later["name"] = "later-1".into();
        later["version"] = "99.0.0".into();
        later["schema"] = 99.into();
        later["run"] = "another".into();
        later["unknown"] = json!({"to": ["this version"]});
        put(fleet, &format!("{HOSTS}later-1"), &later.to_string());
        // And some that say nothing that is known here.
        put(
            fleet,
            &format!("{HOSTS}later-2"),
            r#"{"v":2,"name":["later-2"]}"#,
        );
        put(fleet, &format!("{HOSTS}later-3"), "\u{1}another encoding");
        for host in 0..3 {
            let seen = versions(fleet, host);
            let own = (
                fleet.host(host).name.to_owned(),
                env!("CARGO_PKG_VERSION").to_owned(),
            );
            assert!(seen.contains(&own), "{seen:?}");
            assert!(
                seen.contains(&("later-1".to_owned(), "99.0.0".to_owned())),
                "{seen:?}"
            );
            assert_eq!(seen.len(), 4, "{seen:?}");
        }
        await_passes(fleet, &load);
        load.check(fleet, "hosts of later versions");
    });
}

#[test]
fn a_store_of_a_later_version_is_refused_by_name_and_rules_that_skip_hold() {
    with_fleet(BREAK_GLASS, |fleet| {
        let load = Load::new(fleet, "");
        let _ = fleet.agent(0).admin().device("carl");
        await_passes(fleet, &load);
        let now = stored(fleet, "/pam-mfa/id");
        let mut later: Value = serde_json::from_str(&now).expect("JSON");
        later["format"] = (later["format"].as_u64().expect("a number") + 1).into();
        later["more"] = json!([1, 2, 3]);
        put(fleet, "/pam-mfa/id", &later.to_string());
        for host in 0..3 {
            refuses(fleet, host);
        }
        // A restart accepts nothing.
        let agent = &mut fleet.host_mut(1).agent;
        assert!(agent.terminate().success());
        agent.launch();
        refuses(fleet, 1);
        fleet.agent(1).await_log("upgrade mfa-agent");
        put(fleet, "/pam-mfa/id", &now);
        await_passes(fleet, &load);
        load.check(fleet, "a store of a later version");
    });
}

/// Nobody who must be asked gets in, and root does on the console.
fn refuses(fleet: &Fleet, host: usize) {
    within(PATIENCE, "a refusal", || {
        let seen = pass(fleet, host, "carl", "000000");
        (seen.result() == "PAM_AUTHINFO_UNAVAIL").then_some(())
    });
    let root = Login::of("root")
        .service("login")
        .run(&fleet.host(host).stack);
    assert_eq!(root.result(), "PAM_SUCCESS", "{root:?}");
}

/// A node of another cluster, on a machine of its own. It is ended when dropped.
struct Stranger(Child);

impl Stranger {
    /// Starts it, with more revisions than the fleet's store has. Returns its endpoint, too.
    fn start(lan: &Lan, fleet_folder: &std::path::Path) -> (Self, String) {
        let address = lan.join("stranger", 41);
        let (client, peer) = (
            format!("http://{address}:2379"),
            format!("http://{address}:2380"),
        );
        let mut words = Lan::on("stranger", "stranger").into_iter();
        let child = Command::new(words.next().expect("a program"))
            .args(words)
            .args(["/usr/bin/etcd", "--name", "stranger", "--data-dir"])
            .arg(fleet_folder.join("stranger"))
            .args([
                "--listen-client-urls",
                &client,
                "--advertise-client-urls",
                &client,
            ])
            .args([
                "--listen-peer-urls",
                &peer,
                "--initial-advertise-peer-urls",
                &peer,
            ])
            .args(["--initial-cluster", &format!("stranger={peer}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let stranger = Self(child.expect("etcd"));
        within(PATIENCE, "another cluster", || {
            ctl(&client, &["put", "x", "0"]).then_some(())
        });
        for number in 0..300 {
            assert!(ctl(&client, &["put", "x", &number.to_string()]));
        }
        (stranger, client)
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ctl(endpoint: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new("/usr/bin/etcdctl");
    command
        .env("ETCDCTL_API", "3")
        .arg(format!("--endpoints={endpoint}"));
    run(command.args(arguments)).is_success()
}

#[test]
fn a_server_of_another_cluster_decides_nothing_though_only_it_answers_when_agents_start() {
    with_lan(|lan| {
        let folder = tempfile::tempdir().expect("a folder");
        let (stranger, endpoint) = Stranger::start(&lan, folder.path());
        let etcd = Etcd::start(&lan, 3);
        let right = etcd.endpoints();
        let mut fleet = Fleet::unmade(lan, etcd, 3, (&right, ""), BREAK_GLASS);
        fleet.launch();
        let load = Load::new(&fleet, "");
        await_passes(&fleet, &load);
        let all = [std::slice::from_ref(&endpoint), &*right].concat();
        for host in 0..3 {
            let agent = &mut fleet.host_mut(host).agent;
            assert!(agent.terminate().success());
            let settings = std::fs::read_to_string(agent.config()).expect("the settings");
            let changed = settings.replace(&format!("{right:?}"), &format!("{all:?}"));
            assert_ne!(settings, changed, "the endpoints are replaced");
            std::fs::write(agent.config(), changed).expect("the settings");
        }
        // Only the wrong one answers while the hosts start.
        (0..3).for_each(|node| fleet.etcd.suspend(node));
        for host in 0..3 {
            fleet.host_mut(host).agent.launch();
        }
        for host in 0..3 {
            refuses(&fleet, host);
        }
        (0..3).for_each(|node| fleet.etcd.resume(node));
        await_passes(&fleet, &load);
        let hosts = fleet.agent(0).ctl().json(&["hosts"], "");
        let mut servers = hosts["endpoints"].as_array().expect("a list").iter();
        let wrong = servers.find(|one| one["endpoint"] == *endpoint);
        let complaints = &wrong.expect("the endpoint")["complaints"];
        assert!(complaints[0].is_string(), "{hosts}");
        // Its revision, which is higher, counts for nothing once it is gone.
        drop(stranger);
        await_passes(&fleet, &load);
        load.check(&fleet, "a server of another cluster");
    });
}
