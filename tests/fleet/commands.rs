//! What the commands of an administrator say of a fleet.

use std::process::Command;

use data_encoding::BASE64;
use mfa_tests::{Etcd, Fleet, Login, built, eventually, run};
use serde_json::Value;

use super::load::Load;
use super::{with_fleet, with_lan};

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

/// A number that `tests/simulate-fleet` computes with.
fn simulated(name: &str) -> usize {
    let script = std::fs::read_to_string(built().tree.join("tests/simulate-fleet")).expect("it");
    let line = script
        .lines()
        .find(|line| line.starts_with(name))
        .expect("a number");
    let number = line.rsplit("= ").next().expect("a number").replace('_', "");
    number.parse().expect("a number")
}

#[test]
fn a_record_is_as_large_as_the_simulation_says() {
    with_lan(|lan| {
        let etcd = Etcd::start(&lan, 1);
        let fleet = Fleet::on(lan, etcd, 1, "[policy]\nsession = '1h'\n");
        let mut admin = fleet.agent(0).admin();
        let key = admin.device("anna");
        let _ = admin.recovery_codes("anna", 10);
        let login = Login::of("anna").service("sshd").from("203.0.113.7");
        let seen = login.answer(&key.code(0)).run(&fleet.host(0).stack);
        assert_eq!(seen.result(), "PAM_SUCCESS");
        let arguments = [
            "get",
            "--prefix",
            "/pam-mfa/records/account/",
            "--write-out=json",
        ];
        let found: Value = serde_json::from_str(&fleet.etcd.must(0, &arguments)).expect("JSON");
        let size = |field: &str| {
            let text = found["kvs"][0][field].as_str().expect("base64");
            BASE64.decode(text.as_bytes()).expect("base64").len()
        };
        for (field, name) in [("value", "RECORD"), ("key", "KEY")] {
            let (measured, simulated) = (size(field), simulated(name));
            let is_near = measured <= simulated && measured * 3 >= simulated * 2;
            assert!(
                is_near,
                "{name} is {measured}, and simulated as {simulated}"
            );
        }
    });
}

/// The transactions that a node has answered, and of all requests of the store those that only read.
fn asked(etcd: &Etcd) -> (u64, u64) {
    let metrics = run(Command::new("curl").args([
        "--silent",
        "--fail",
        &format!("{}/metrics", etcd.endpoint(0)),
    ]));
    assert!(metrics.is_success(), "{metrics:?}");
    let sum = |start: &str| -> u64 {
        let of_line = |line: &str| line.rsplit(' ').next()?.parse::<f64>().ok();
        let lines = metrics.stdout.lines();
        lines
            .filter(|line| line.starts_with(start))
            .filter_map(of_line)
            .sum::<f64>() as u64
    };
    let handled = |method: &str| {
        sum(&format!(
            "grpc_server_handled_total{{grpc_code=\"OK\",grpc_method=\"{method}\""
        ))
    };
    let writes = sum("etcd_server_proposals_committed_total ");
    let all = handled("Txn") + handled("Range");
    (writes, all.saturating_sub(writes))
}

#[test]
fn a_login_is_one_round_trip_or_two_as_the_simulation_says() {
    with_lan(|lan| {
        let etcd = Etcd::start(&lan, 1);
        let settings = "[[rule]]\nservices = ['vpn']\nsession = '1h'\n";
        let fleet = Fleet::on(lan, etcd, 2, settings);
        let key = fleet.agent(0).admin().counting_device("anna");
        let codes = key.counted_from(0, 20);
        let log_in = |host: usize, service: &str, code: &str| {
            let before = asked(&fleet.etcd);
            let login = Login::of("anna").service(service).from("203.0.113.7");
            let seen = login.answer(code).run(&fleet.host(host).stack);
            let after = asked(&fleet.etcd);
            // On a busy machine etcd may be too slow for one of them.
            (seen.result() == "PAM_SUCCESS")
                .then(|| (after.0 - before.0, after.1.saturating_sub(before.1)))
        };
        // Agents also ask for other things now and then, and never for less.
        let of_codes = |numbers: std::ops::Range<usize>, host: fn(usize) -> usize| {
            let logins = numbers.filter_map(|n| log_in(host(n), "sshd", &codes[n]));
            logins.min()
        };
        let _ = log_in(1, "sshd", &codes[1]);
        assert_eq!(of_codes(2..6, |_| 1), Some((1, 0)), "it is remembered");
        let _ = log_in(0, "sshd", &codes[6]);
        let elsewhere = of_codes(7..12, |n| n % 2);
        assert_eq!(elsewhere, Some((2, 0)), "another host has changed it");
        let began = (12..16).find_map(|n| log_in(0, "vpn", &codes[n]));
        assert!(began.is_some(), "no session was begun");
        let in_session = (0..5).filter_map(|_| log_in(0, "vpn", "")).min();
        assert_eq!(in_session, Some((1, 0)), "a session");
        let first = (0..4).filter_map(|n| {
            let user = format!("bert{n}");
            let key = fleet.agent(0).admin().counting_device(&user);
            let before = asked(&fleet.etcd);
            let login = Login::of(&user)
                .service("sshd")
                .answer(&key.counted_from(1, 1)[0]);
            let seen = login.run(&fleet.host(1).stack);
            let after = asked(&fleet.etcd);
            (seen.result() == "PAM_SUCCESS")
                .then(|| (after.0 - before.0, after.1.saturating_sub(before.1)))
        });
        assert_eq!(first.min(), Some((1, 1)), "nothing is remembered");
    });
}

#[test]
fn the_shipped_script_makes_certificates_of_nodes_and_of_hosts_without_a_common_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = built().tree.join("packaging/etcd/make-certificates");
    let make = |arguments: &[&str]| {
        let output = run(Command::new(&script)
            .args(arguments)
            .current_dir(folder.path()));
        assert!(output.is_success(), "{arguments:?}: {output:?}");
        output.stdout
    };
    let openssl = |arguments: &[&str]| {
        let output = run(Command::new("openssl")
            .args(arguments)
            .current_dir(folder.path()));
        assert!(output.is_success(), "{arguments:?}: {output:?}");
        output.stdout
    };
    let _ = make(&["node", "etcd1", "192.0.2.11"]);
    let _ = make(&["host", "web-1"]);
    assert_eq!(make(&["host", "web-1"]), "", "it is there already");
    let _ = openssl(&[
        "verify",
        "-CAfile",
        "ca.pem",
        "node-etcd1.pem",
        "host-web-1.pem",
    ]);
    let host = openssl(&["x509", "-in", "host-web-1.pem", "-noout", "-text"]);
    assert!(
        host.contains("Version: 3") && host.contains("DNS:web-1"),
        "{host}"
    );
    let subject = openssl(&["x509", "-in", "host-web-1.pem", "-noout", "-subject"]);
    assert!(!subject.contains("CN"), "{subject}");
    let node = openssl(&["x509", "-in", "node-etcd1.pem", "-noout", "-text"]);
    assert!(node.contains("IP Address:192.0.2.11"), "{node}");
}
