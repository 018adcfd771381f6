//! What breaks: nodes, cables, endpoints, disks. Without a quorum nobody passes, and nothing acknowledged is lost.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mfa_tests::{Authority, Etcd, Fleet, Lan, Login, eventually, run, within};

use super::load::{LONGEST, Load};
use super::logins::pass;
use super::meddler::{self, Manner};
use super::stopwatch::Stopwatch;
use super::{with_fleet, with_lan};

/// A cluster elects a leader, and a host tries to reach it again.
const PATIENCE: Duration = Duration::from_secs(120);

/// A rule for emergencies, that no store is needed for.
const BREAK_GLASS: &str = "[[rule]]\nusers = ['root']\nservices = ['login']\naction = 'skip'\n";

fn await_pass(fleet: &Fleet, load: &Load, host: usize) {
    let what = format!("host {} to let a user in", fleet.host(host).name);
    within(PATIENCE, &what, || {
        load.log_in_with_next(host).then_some(())
    });
}

fn await_passes(fleet: &Fleet, load: &Load) {
    (0..fleet.hosts().len()).for_each(|host| await_pass(fleet, load, host));
}

/// The result of a login with a wrong code, and how long it took.
fn tried(fleet: &Fleet, host: usize, user: &str) -> (String, Duration) {
    let start = Stopwatch::start();
    let seen = pass(fleet, host, user, "000000");
    (seen.result().to_owned(), start.elapsed())
}

#[test]
#[ignore = "takes a minute: make test-all runs it"]
fn a_stopped_node_and_a_stopped_leader_stop_nobody() {
    with_fleet("", |fleet| {
        let load = Load::new(fleet, "");
        fleet.etcd.kill_node(0);
        await_passes(fleet, &load);
        fleet.etcd.start_node(0);
        fleet.etcd.await_quorum();
        load.during(|| {
            for _ in 0..3 {
                let before = load.passed();
                let leader = eventually("a leader", || fleet.etcd.leader());
                fleet.etcd.kill_node(leader);
                within(PATIENCE, "logins without the old leader", || {
                    (load.passed() > before + 6).then_some(())
                });
                fleet.etcd.start_node(leader);
                fleet.etcd.await_quorum();
            }
        });
        load.check(fleet, "the leader was stopped");
    });
}

#[test]
fn a_host_that_is_cut_off_lets_nobody_in_and_serves_after_that() {
    with_fleet(BREAK_GLASS, |fleet| {
        let load = Load::new(fleet, "");
        let key = fleet.agent(2).admin().device("carl");
        let code = key.code(0);
        await_passes(fleet, &load);
        fleet.cut(2);
        let (result, took) = tried(fleet, 2, "carl");
        assert_eq!(result, "PAM_AUTHINFO_UNAVAIL");
        assert!(took < LONGEST, "{took:?}");
        assert_eq!(pass(fleet, 0, "carl", &code).result(), "PAM_SUCCESS");
        let root = Login::of("root").service("login").run(&fleet.host(2).stack);
        assert_eq!(root.result(), "PAM_SUCCESS", "break-glass: {root:?}");
        fleet.heal(2);
        await_pass(fleet, &load, 2);
        let seen = pass(fleet, 2, "carl", &code);
        assert_eq!(seen.result(), "PAM_AUTH_ERR", "it was used on another host");
        load.check(fleet, "a host was cut off");
    });
}

#[test]
fn a_host_with_the_minority_fails_closed() {
    with_fleet("", |fleet| {
        let load = Load::new(fleet, "");
        let _ = fleet.agent(0).admin().device("carl");
        // The host reaches one node, which reaches no other.
        let leader = eventually("a leader", || fleet.etcd.leader());
        let others: Vec<usize> = (0..3).filter(|node| *node != leader).collect();
        others.iter().for_each(|node| fleet.cut_node(*node));
        within(PATIENCE, "no login without a quorum", || {
            let (result, took) = tried(fleet, 0, "carl");
            assert!(took < LONGEST, "{took:?}");
            assert_ne!(result, "PAM_SUCCESS");
            (result == "PAM_AUTHINFO_UNAVAIL").then_some(())
        });
        others.iter().for_each(|node| fleet.heal_node(*node));
        await_passes(fleet, &load);
        load.check(fleet, "a minority");
    });
}

#[test]
fn without_a_quorum_logins_fail_side_by_side_and_rules_that_skip_hold() {
    with_fleet(BREAK_GLASS, |fleet| {
        let load = Load::new(fleet, "");
        await_passes(fleet, &load);
        for node in [0, 1] {
            fleet.etcd.suspend(node);
        }
        let stack = &fleet.host(0).stack;
        let start = Stopwatch::start();
        std::thread::scope(|scope| {
            let login = |_| {
                scope.spawn(|| {
                    Login::of("carl")
                        .service("sshd")
                        .answer("000000")
                        .run(stack)
                })
            };
            let logins: Vec<_> = (0..32).map(login).collect();
            for login in logins {
                let seen = login.join().expect("a login");
                assert_eq!(seen.result(), "PAM_AUTHINFO_UNAVAIL", "{seen:?}");
            }
        });
        assert!(start.elapsed() < LONGEST, "{:?}", start.elapsed());
        let root = Login::of("root").service("login").run(stack);
        assert_eq!(root.result(), "PAM_SUCCESS", "{root:?}");
        for node in [0, 1] {
            fleet.etcd.resume(node);
        }
        await_passes(fleet, &load);
        load.check(fleet, "no quorum");
    });
}

#[test]
fn an_agent_that_starts_without_a_quorum_serves_once_there_is_one() {
    with_fleet(BREAK_GLASS, |fleet| {
        let load = Load::new(fleet, "");
        await_passes(fleet, &load);
        assert!(fleet.host_mut(1).agent.terminate().success());
        for node in [0, 1] {
            fleet.etcd.kill_node(node);
        }
        fleet.host_mut(1).agent.launch();
        assert_eq!(tried(fleet, 1, "carl").0, "PAM_AUTHINFO_UNAVAIL");
        let root = Login::of("root").service("login").run(&fleet.host(1).stack);
        assert_eq!(root.result(), "PAM_SUCCESS", "{root:?}");
        for node in [0, 1] {
            fleet.etcd.start_node(node);
        }
        await_passes(fleet, &load);
        load.check(fleet, "a start without a quorum");
    });
}

#[test]
#[ignore = "takes a minute: make test-all runs it"]
fn endpoints_that_misbehave_are_skipped_and_named() {
    with_lan(|lan| {
        let etcd = Etcd::start(&lan, 1);
        let bad: Vec<String> = Manner::ALL.map(meddler::endpoint).to_vec();
        let endpoints = [bad.clone(), etcd.endpoints()].concat();
        let mut fleet = Fleet::unmade(lan, etcd, 1, (&endpoints, ""), "");
        fleet.launch();
        let load = Load::new(&fleet, "");
        for _ in 0..12 {
            await_pass(&fleet, &load, 0);
        }
        load.check(&fleet, "bad endpoints");
        let hosts = fleet.agent(0).ctl().json(&["hosts"], "");
        let endpoints = hosts["endpoints"].as_array().expect("a list");
        let error_of = |endpoint: &String| {
            let found = endpoints.iter().find(|one| one["endpoint"] == **endpoint);
            found.expect("the endpoint")["error"].clone()
        };
        assert!(
            bad.iter().all(|endpoint| error_of(endpoint).is_string()),
            "{hosts}"
        );
        assert!(error_of(&fleet.etcd.endpoint(0)).is_null(), "{hosts}");
    });
}

/// A server with that certificate on a machine of its own, which speaks TLS and no etcd.
fn impostor(lan: &Lan, authority: &Authority, address: u8) -> (Child, String) {
    let address = lan.join("impostor", address);
    let certificate = authority.certificate_of_address("impostor", &address);
    let mut words = Lan::on("impostor", "impostor").into_iter();
    let child = Command::new(words.next().expect("a program"))
        .args(words)
        .args([
            "openssl", "s_server", "-quiet", "-www", "-accept", "2379", "-cert",
        ])
        .arg(&certificate.file)
        .arg("-key")
        .arg(&certificate.key)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    (child.expect("openssl"), format!("https://{address}:2379"))
}

#[test]
fn a_host_with_a_certificate_is_served_and_a_server_with_a_wrong_one_is_skipped() {
    with_lan(|lan| {
        let etcd = Etcd::with_tls(&lan, 1);
        let authority = etcd.authority().expect("an authority");
        let client = authority.certificate_of_host("host1");
        let ca = authority.file();
        let another = Authority::new();
        let (mut server, impostor) = impostor(&lan, &another, 31);
        let more = format!(
            "ca_file = {ca:?}\ncert_file = {:?}\ncert_key_file = {:?}\n",
            client.file, client.key
        );
        let endpoints = [vec![impostor.clone()], etcd.endpoints()].concat();
        let mut fleet = Fleet::unmade(lan, etcd, 1, (&endpoints, &more), "");
        fleet.launch();
        let load = Load::new(&fleet, "");
        for _ in 0..4 {
            await_pass(&fleet, &load, 0);
        }
        let hosts = fleet.agent(0).ctl().json(&["hosts"], "");
        let endpoints = hosts["endpoints"].as_array().expect("a list");
        let wrong = endpoints.iter().find(|one| one["endpoint"] == *impostor);
        let error = wrong.expect("the endpoint")["error"].to_string();
        assert!(error.to_lowercase().contains("certificate"), "{error}");
        let _ = server.kill();
        let _ = server.wait();
    });
}

#[test]
fn a_host_logs_in_to_etcd_with_its_user_and_password() {
    with_lan(|lan| {
        let etcd = Etcd::with_tls_and(&lan, 1, &["--auth-token-ttl", "2", "--bcrypt-cost", "4"]);
        let authority = etcd.authority().expect("an authority");
        let client = authority.certificate_of_host("host1");
        let ca = authority.file();
        for arguments in [
            &["user", "add", "root:root-password"][..],
            &["user", "grant-role", "root", "root"],
            &["role", "add", "mfa"],
            &[
                "role",
                "grant-permission",
                "mfa",
                "--prefix=true",
                "readwrite",
                "/pam-mfa/",
            ],
            &["user", "add", "pam-mfa:its-password"],
            &["user", "grant-role", "pam-mfa", "mfa"],
            &["auth", "enable"],
        ] {
            let _ = etcd.must(0, arguments);
        }
        let password = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(password.path(), "its-password\n").expect("a password");
        let more = format!(
            "ca_file = {ca:?}\ncert_file = {:?}\ncert_key_file = {:?}\nusername = 'pam-mfa'\n\
             password_file = {:?}\n",
            client.file,
            client.key,
            password.path()
        );
        let endpoints = etcd.endpoints();
        let mut fleet = Fleet::unmade(lan, etcd, 1, (&endpoints, &more), "");
        fleet.launch();
        let load = Load::new(&fleet, "");
        // The token expires meanwhile.
        for _ in 0..4 {
            await_pass(&fleet, &load, 0);
            std::thread::sleep(Duration::from_millis(2500));
        }
        load.check(&fleet, "with a user and a password");
    });
}

#[test]
#[ignore = "takes a minute: make test-all runs it"]
fn a_full_database_refuses_logins_is_named_and_serves_after_that() {
    with_lan(|lan| {
        let quota = (16 << 20).to_string();
        let etcd = Etcd::with_options(&lan, 1, &["--quota-backend-bytes", &quota]);
        let fleet = Fleet::on(lan, etcd, 1, BREAK_GLASS);
        let load = Load::new(&fleet, "");
        await_pass(&fleet, &load, 0);
        let filler = "x".repeat(1 << 20);
        let is_full = (0..40).any(|number| {
            let key = format!("/filler/{number}");
            !fleet
                .etcd
                .ctl_with_input(0, &["put", &key], &filler)
                .is_success()
        });
        assert!(is_full, "the database is not full");
        assert!(!load.log_in_with_next(0));
        let root = Login::of("root").service("login").run(&fleet.host(0).stack);
        assert_eq!(root.result(), "PAM_SUCCESS", "{root:?}");
        let hosts = fleet.agent(0).ctl().json(&["hosts"], "");
        assert!(
            hosts["endpoints"].to_string().contains("NOSPACE"),
            "{hosts}"
        );
        let _ = fleet.etcd.must(0, &["del", "--prefix", "/filler/"]);
        let revision = fleet.etcd.revision().to_string();
        let _ = fleet.etcd.must(0, &["compact", &revision]);
        let _ = fleet.etcd.must(0, &["defrag"]);
        let _ = fleet.etcd.must(0, &["alarm", "disarm"]);
        await_pass(&fleet, &load, 0);
        load.check(&fleet, "a full database");
    });
}

#[test]
#[ignore = "takes a minute: make test-all runs it"]
fn a_node_with_a_full_disk_stops_nobody() {
    with_fleet("", |fleet| {
        let load = Load::new(fleet, "");
        fleet.etcd.kill_node(2);
        let data = fleet.etcd.data(2);
        std::fs::remove_dir_all(&data).expect("the data of the node");
        std::fs::create_dir_all(&data).expect("a folder");
        // Less than a node needs for the first file of its log.
        let mount = ["-t", "tmpfs", "-o", "size=1m", "tmpfs"];
        let output = run(Command::new("mount").args(mount).arg(&data));
        assert!(output.is_success(), "{output:?}");
        fleet.etcd.start_node(2);
        for _ in 0..3 {
            await_passes(fleet, &load);
        }
        assert!(fleet.etcd.status(2).is_none(), "the disk is not full");
        load.check(fleet, "a node with a full disk");
        let _ = run(Command::new("umount").arg("--lazy").arg(&data));
    });
}

#[test]
#[ignore = "takes a minute: make test-all runs it"]
fn compaction_and_defragmentation_under_load_lose_nothing() {
    with_fleet("", |fleet| {
        let load = Load::new(fleet, "");
        let users: String = (0..2500)
            .map(|n| {
                format!(
                    "user{n}\totpauth://totp/t:user{n}?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n"
                )
            })
            .collect();
        let imported = fleet.agent(0).ctl().run(&["import", "uris", "-"], &users);
        assert!(imported.is_success(), "{imported:?}");
        load.during(|| {
            for round in 0..6 {
                let revision = fleet.etcd.revision().to_string();
                let _ = fleet.etcd.must(round % 3, &["compact", &revision]);
                let listed = fleet.agent(round % 3).ctl().json(&["users"], "");
                assert_eq!(listed.as_array().expect("a list").len(), 2502, "{round}");
                let _ = fleet.etcd.must(round % 3, &["defrag"]);
                let before = load.passed();
                within(PATIENCE, "logins to go on", || {
                    (load.passed() > before + 2).then_some(())
                });
            }
        });
        load.check(fleet, "compaction and defragmentation");
    });
}
