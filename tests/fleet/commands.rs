//! What the commands of an administrator say of a fleet.

use mfa_tests::{Fleet, eventually};
use serde_json::Value;

use super::load::Load;
use super::with_fleet;

fn hosts(fleet: &Fleet, on: usize) -> Value {
    fleet.agent(on).ctl().json(&["hosts"], "")
}

fn host<'a>(hosts: &'a Value, name: &str) -> Option<&'a Value> {
    let mut all = hosts["hosts"].as_array().expect("a list").iter();
    all.find(|host| host["name"] == name)
}

#[test]
fn every_host_knows_the_others_and_how_the_servers_are() {
    with_fleet("", |fleet| {
        for on in 0..3 {
            for it in fleet.hosts() {
                eventually(&format!("host {on} to know {}", it.name), || {
                    host(&hosts(fleet, on), it.name)?["live"]
                        .as_bool()?
                        .then_some(())
                });
            }
            let all = hosts(fleet, on);
            let own = host(&all, fleet.host(on).name).expect("itself");
            assert_eq!(own["this_host"], true, "{all}");
            assert_eq!(own["version"], env!("CARGO_PKG_VERSION"));
            let endpoints = all["endpoints"].as_array().expect("a list");
            assert_eq!(endpoints.len(), 3, "{all}");
            let leaders = endpoints.iter().filter(|it| it["leader"] == true).count();
            assert_eq!(leaders, 1, "{all}");
            assert!(
                endpoints.iter().all(|it| it["milliseconds"].is_number()),
                "{all}"
            );
        }
        fleet.etcd.kill_node(1);
        let endpoint = fleet.etcd.endpoint(1);
        let all = hosts(fleet, 0);
        let mut endpoints = all["endpoints"].as_array().expect("a list").iter();
        let dead = endpoints
            .find(|it| it["endpoint"] == *endpoint)
            .expect("the dead one");
        assert!(dead["error"].is_string(), "{all}");
        let doctor = fleet.agent(0).ctl().run(&["doctor"], "");
        assert!(doctor.stdout.contains(&endpoint), "{doctor:?}");
    });
}

#[test]
fn metrics_count_hosts_servers_and_locks() {
    with_fleet("", |fleet| {
        let load = Load::new(fleet, "");
        load.guesses_lock_on_all_hosts();
        let mut locks = 0;
        for host in fleet.hosts() {
            let metrics = host.agent.ctl().json(&["metrics"], "");
            let text = metrics["metrics"].as_str().expect("text");
            assert!(text.contains("pam_mfa_store_up 1\n"), "{text}");
            let endpoints = text.matches("pam_mfa_store_endpoint_up{").count();
            assert_eq!(endpoints, 3, "{text}");
            assert!(text.ends_with("# EOF\n"), "{text}");
            locks += text.matches("pam_mfa_locks_total 1\n").count();
        }
        assert_eq!(locks, 1, "one host has seen the fifth wrong answer");
    });
}

#[test]
fn a_clock_that_differs_is_named() {
    with_fleet("", |fleet| {
        assert!(fleet.host_mut(2).agent.terminate().success());
        fleet
            .host_mut(2)
            .agent
            .launch_under(&["faketime", "-f", "+7s"]);
        let name = fleet.host(2).name;
        eventually("the wrong clock", || {
            let all = hosts(fleet, 0);
            let ahead = host(&all, name)?["clock_ahead_milliseconds"].as_i64()?;
            (6000..8000).contains(&ahead).then_some(())
        });
        let doctor = fleet.agent(0).ctl().run(&["doctor"], "");
        let lines = doctor.stdout.lines().find(|line| line.contains(name));
        assert!(
            lines.is_some_and(|line| line.contains("clock")),
            "{doctor:?}"
        );
    });
}
