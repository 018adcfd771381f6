//! Three hosts and three nodes of etcd: one truth for all, whatever fails.
//!
//! What the hosts logged is replayed against the rules by `checker`.

mod administration;
mod administrator;
mod checker;
mod clocks;
mod commands;
mod faults;
mod guide;
mod happen;
mod load;
mod logins;
mod meddler;
mod policy;
mod schedule;
mod schedules;
mod set_back;
mod stopwatch;
mod versions;

use mfa_tests::{Etcd, Fleet, Lan, Machine};

/// Runs `test` with a fleet of three hosts that have more settings.
fn with_fleet(settings: &'static str, test: impl FnOnce(&mut Fleet) + Send + 'static) {
    with_lan(move |lan| {
        let etcd = Etcd::start(&lan, 3);
        test(&mut Fleet::on(lan, etcd, 3, settings));
    });
}

/// Runs `test` on a network, if there is an etcd to run.
fn with_lan(test: impl FnOnce(Lan) + Send + 'static) {
    if Etcd::is_here() {
        Machine::run(|machine| test(Lan::new(machine)));
    }
}
