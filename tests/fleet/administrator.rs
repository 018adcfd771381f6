//! What an administrator does to a whole fleet: a new key, a backup, a restore. Something may be broken meanwhile, so a
//! command may fail, and whoever comes next takes it up on another host.

use std::fs;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mfa_tests::{Fleet, Output, within};
use serde_json::Value;

/// A host tells the others of a new key within seconds, and a cluster may be electing a leader.
const PATIENCE: Duration = Duration::from_secs(120);

/// A command for the whole fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// The key that was prepared seals, and each record is sealed with it.
    RotateKey,
    /// All records are replaced by those of the backup.
    Restore,
    /// The accounts of the backup are added.
    Merge,
}

impl Work {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::RotateKey, Self::Restore, Self::Merge];

    fn arguments(self, backup: &str) -> Vec<String> {
        let words: &[&str] = match self {
            Self::RotateKey => &["rotate-key"],
            Self::Restore => &["restore", "--replace", backup],
            Self::Merge => &["restore", "--merge", backup],
        };
        words.iter().map(|&word| word.to_owned()).collect()
    }

    /// Begins it on a host. It may fail, if its host or the store does.
    pub(crate) fn begin(self, fleet: &Fleet, host: usize) -> JoinHandle<Output> {
        let ctl = fleet.agent(host).ctl();
        let arguments = self.arguments(&backup_of(fleet).to_string_lossy());
        thread::spawn(move || {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            ctl.run(&arguments, "")
        })
    }

    /// Does what must be done before, while all is well: a key that all hosts have, or a backup of all that is there.
    pub(crate) fn prepare(self, fleet: &Fleet, host: usize) {
        match self {
            Self::RotateKey => prepare_key(fleet, host),
            Self::Restore | Self::Merge => {
                let _ = succeed(
                    fleet,
                    host,
                    &["backup", &backup_of(fleet).to_string_lossy()],
                );
            }
        }
    }
}

fn backup_of(fleet: &Fleet) -> PathBuf {
    fleet.folder().join("backup")
}

/// Runs a command that can be repeated until it succeeds. Returns its JSON.
pub(crate) fn succeed(fleet: &Fleet, host: usize, arguments: &[&str]) -> Value {
    let mut last = None;
    let ctl = fleet.agent(host).ctl();
    let what = format!("mfactl {arguments:?} on host {host}");
    within(PATIENCE, &what, || {
        let output = ctl.run(arguments, "");
        let is_done = output.is_success();
        if !is_done && last.as_ref() != Some(&output.stdout) {
            eprintln!("{what}: {output:?}");
        }
        let json = serde_json::from_str(&output.stdout).ok();
        last = Some(output.stdout);
        json.filter(|_| is_done)
    })
}

/// Makes the next key on a host, copies it to the others, and waits until all of them say that they have it.
fn prepare_key(fleet: &Fleet, host: usize) {
    let next = succeed(fleet, host, &["rotate-key", "--prepare"]);
    let id = next["key_id"].as_str().expect("the ID of a key");
    let file = |host: usize| {
        let mut file = fleet.key(host).into_os_string();
        file.push(format!(".{id}"));
        PathBuf::from(file)
    };
    // It may have been prepared before, on another host.
    let made = (0..fleet.hosts().len()).map(file).find(|it| it.exists());
    let made = made.unwrap_or_else(|| panic!("{next}"));
    for other in 0..fleet.hosts().len() {
        if file(other) != made {
            fs::copy(&made, file(other)).expect("a copy of the key");
        }
    }
    within(PATIENCE, "all hosts to have the next key", || {
        let status = fleet.agent(host).ctl().run(&["rotate-key", "--status"], "");
        let status: Value = serde_json::from_str(&status.stdout).ok()?;
        let all = status["hosts"].as_array()?;
        let have = all.iter().filter(|host| host["prepared"] == true);
        (have.count() == fleet.hosts().len()).then_some(())
    });
}

/// Ends on a host what was left over: a restore is given up, and a change of the key is taken up.
pub(crate) fn take_up(fleet: &Fleet, host: usize) {
    let _ = succeed(fleet, host, &["restore", "--abandon"]);
    let status = succeed(fleet, host, &["rotate-key", "--status"]);
    if status["rotating"].is_string() || status["sealed_with_earlier_keys"] != 0 {
        let _ = succeed(fleet, host, &["rotate-key"]);
        let status = succeed(fleet, host, &["rotate-key", "--status"]);
        assert!(status["rotating"].is_null(), "{status}");
        assert_eq!(status["sealed_with_earlier_keys"], 0, "{status}");
    }
}
