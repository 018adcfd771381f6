//! A store that comes back as it was earlier: every host refuses it, also after a restart, until an administrator has
//! accepted it there. Codes that were used since pass nowhere until then.

use std::time::Duration;

use mfa_tests::{Fleet, Login, within};
use tempfile::TempDir;

use super::load::Load;
use super::with_fleet;

/// A cluster elects a leader, and a host looks at it.
const PATIENCE: Duration = Duration::from_secs(120);

/// Logins on each host with a code that was used.
const TRIES: usize = 4;

/// A rule for emergencies, that no store is needed for.
const BREAK_GLASS: &str = "[[rule]]\nusers = ['root']\nservices = ['login']\naction = 'skip'\n";

/// No host lets anybody in, with a code that was used or with the next one.
fn all_refuse(fleet: &Fleet, load: &Load) {
    for host in 0..fleet.hosts().len() {
        let name = fleet.host(host).name;
        within(PATIENCE, &format!("{name} to refuse the store"), || {
            let outcome = load.log_in_with_used(host);
            assert_ne!(outcome.as_deref(), Some("passed"), "{name}");
            // Until it has seen that, it says that the code was used.
            is_unavailable(outcome.as_deref()).then_some(())
        });
    }
    for host in (0..fleet.hosts().len()).cycle().take(3 * TRIES) {
        let outcome = load.log_in_with_used(host);
        assert!(is_unavailable(outcome.as_deref()), "{host}: {outcome:?}");
        assert!(!load.log_in_with_next(host), "host {host}");
    }
}

/// The outcome of a login that the agent could not begin, or not decide.
fn is_unavailable(outcome: Option<&str>) -> bool {
    matches!(outcome, None | Some("unavailable"))
}

/// Puts all nodes back to what they held then. At the end the hosts have accepted it.
pub(crate) fn set_back(fleet: &mut Fleet, load: &Load, then: &TempDir) {
    fleet.etcd.set_back(then);
    fleet.etcd.await_quorum();
    all_refuse(fleet, load);
    // A restart accepts nothing.
    for host in 0..fleet.hosts().len() {
        let agent = &mut fleet.host_mut(host).agent;
        assert!(agent.terminate().success());
        agent.launch();
    }
    all_refuse(fleet, load);
    for host in 0..fleet.hosts().len() {
        let agent = &mut fleet.host_mut(host).agent;
        assert!(agent.terminate().success());
        let accepted = agent.init();
        assert!(accepted.is_success(), "{accepted:?}");
        agent.launch();
    }
}

#[test]
fn a_store_that_was_set_back_is_refused_by_all_hosts_until_each_has_accepted_it() {
    with_fleet(BREAK_GLASS, |fleet| {
        let load = Load::new(fleet, "");
        let then = fleet.etcd.snapshot();
        for host in 0..3 {
            within(PATIENCE, "a login", || {
                load.log_in_with_next(host).then_some(())
            });
        }
        fleet.etcd.set_back(&then);
        fleet.etcd.await_quorum();
        all_refuse(fleet, &load);
        for host in fleet.hosts() {
            let doctor = host.agent.ctl().run(&["doctor"], "");
            assert!(!doctor.is_success(), "{doctor:?}");
            assert!(doctor.stdout.contains("mfa-agent --init"), "{doctor:?}");
            let metrics = host.agent.ctl().json(&["metrics"], "").to_string();
            assert!(metrics.contains("pam_mfa_store_up 0\\n"), "{metrics}");
            let root = Login::of("root").service("login").run(&host.stack);
            assert_eq!(root.result(), "PAM_SUCCESS", "break-glass: {root:?}");
        }
        load.check_logs(fleet, "set back");
        set_back(fleet, &load, &then);
        let load = Load::new(fleet, "-later");
        for host in 0..3 {
            within(PATIENCE, "a login", || {
                load.log_in_with_next(host).then_some(())
            });
        }
        load.check(fleet, "a store that was set back and accepted");
    });
}

#[test]
fn a_store_that_was_set_back_while_no_host_asked_is_noticed_on_all_servers() {
    with_fleet("", |fleet| {
        let load = Load::new(fleet, "");
        let then = fleet.etcd.snapshot();
        for host in [0, 1, 2, 0, 1, 2] {
            within(PATIENCE, "a login", || {
                load.log_in_with_next(host).then_some(())
            });
        }
        // It comes as far again before any host sees it.
        (0..3).for_each(|host| fleet.cut(host));
        fleet.etcd.set_back(&then);
        fleet.etcd.await_quorum();
        for number in 0..300 {
            let _ = fleet
                .etcd
                .must(0, &["put", "/foreign", &number.to_string()]);
        }
        (0..3).for_each(|host| fleet.heal(host));
        all_refuse(fleet, &load);
        for host in 0..3 {
            let agent = &mut fleet.host_mut(host).agent;
            assert!(agent.terminate().success());
            agent.launch();
        }
        all_refuse(fleet, &load);
        load.check_logs(fleet, "set back while no host asked");
    });
}
