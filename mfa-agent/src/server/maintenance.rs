//! What goes on for minutes beside the logins: backups, restores, and the removal of replaced records.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use super::Agent;
use super::counter::{Counter, Held};
use super::error::Failure;
use crate::log;
use mfa_protocol::message::ErrorKind;

/// Backups at once; each takes some memory.
const BACKUPS: u32 = 2;

/// Records that are removed with one write.
const SWEPT: usize = 200;

/// Logins go first.
const BETWEEN_SWEEPS: Duration = Duration::from_millis(2);

/// Records that are read at a time, to find damaged ones.
const CHECKED: usize = 500;

/// After the store failed.
const AFTER_A_FAILURE: Duration = Duration::from_secs(30);

/// Bounds it.
#[derive(Default)]
pub(super) struct Maintenance {
    backups: Arc<Counter<()>>,
    is_sweeping: AtomicBool,
    /// Damaged records were looked for, once.
    is_checked: AtomicBool,
}

impl Maintenance {
    /// A place for a backup.
    pub(super) fn enter_backup(&self) -> Result<Held<()>, Failure> {
        let place = self
            .backups
            .enter_with(|counts| (counts.of(&()) < BACKUPS).then(|| (vec![()], ())));
        place.map(|(place, ())| place).ok_or_else(|| {
            Failure::new(
                ErrorKind::Busy,
                "two backups are being made already; wait for their end",
            )
        })
    }
}

impl Agent {
    /// Removes replaced records on a thread of its own, unless one does already.
    pub fn sweep(&self) {
        if self.maintenance.is_sweeping.swap(true, Ordering::SeqCst) {
            return;
        }
        let me = Weak::clone(&self.me);
        let swept = thread::Builder::new()
            .name("sweep".to_owned())
            .spawn(move || sweep(&me));
        if let Err(e) = swept {
            self.maintenance.is_sweeping.store(false, Ordering::SeqCst);
            log::warn(format_args!(
                "replaced records stay until the next start of the agent: no thread can be started: {e}"
            ));
        }
    }
}

/// How often this host looks whether the others have to know something new of it, such as a key that was copied here.
const BETWEEN_NOTICES: Duration = Duration::from_secs(10);

impl Agent {
    /// Tells the other hosts of a shared store of this one, from now on.
    pub fn announce(&self) {
        if self.repository.fleet().is_none() {
            return;
        }
        let me = Weak::clone(&self.me);
        let told = thread::Builder::new()
            .name("announce".to_owned())
            .spawn(move || {
                while let Some(agent) = me.upgrade() {
                    match (agent.repository.notice(), agent.repository.fleet()) {
                        (Ok(mut notice), Some(fleet)) => {
                            notice.name = agent.session_host(None).name.unwrap_or(notice.name);
                            fleet.announce(notice);
                            raise_format(&agent);
                        }
                        (Err(e), _) => log::limited(
                            "host notice",
                            format_args!("the other hosts are not told of this one: {e}"),
                        ),
                        (Ok(_), None) => return,
                    }
                    drop(agent);
                    thread::sleep(BETWEEN_NOTICES);
                }
            });
        if let Err(e) = told {
            log::warn(format_args!(
                "the other hosts are not told of this one: no thread can be started: {e}"
            ));
        }
    }
}

/// Once all hosts of a shared store read a newer format of records, it is written.
fn raise_format(agent: &Agent) {
    match agent.repository.raise_format() {
        Ok(None) => {}
        Ok(Some(format)) => log::info(format_args!(
            "all hosts of the shared store read records of format {format}: it is written from now on"
        )),
        Err(e) => log::limited(
            "format of records",
            format_args!("the format of records can't be raised: {e}"),
        ),
    }
}

fn sweep(weak: &Weak<Agent>) {
    loop {
        // Nobody waits for this at the end of the agent.
        let Some(agent) = weak.upgrade() else {
            return;
        };
        let swept = agent.repository.sweep(SWEPT);
        if let Ok(false) = swept {
            agent.maintenance.is_sweeping.store(false, Ordering::SeqCst);
            // Hosts that share a store do not read each other's records once a start: there may be thousands of them.
            let is_shared = agent.repository.fleet().is_some();
            let is_checked = agent.maintenance.is_checked.swap(true, Ordering::SeqCst);
            drop(agent);
            if !is_checked && !is_shared {
                check(weak);
            }
            return;
        }
        drop(agent);
        match swept {
            Ok(_) => thread::sleep(BETWEEN_SWEEPS),
            Err(e) => {
                log::limited(
                    "sweep",
                    format_args!("replaced records can't be removed: {e}"),
                );
                thread::sleep(AFTER_A_FAILURE);
            }
        }
    }
}

/// Reads all records once, so that a damaged one is in the log before its user comes.
fn check(weak: &Weak<Agent>) {
    let mut after = None;
    while let Some(agent) = weak.upgrade() {
        match agent.repository.check(after.as_deref(), CHECKED) {
            Ok(checked) if checked.next.is_some() => after = checked.next,
            // A store that can't be read is in the log already.
            _ => return,
        }
        drop(agent);
        thread::sleep(BETWEEN_SWEEPS);
    }
}
