//! Whether libpam can load the module of our lines, and whether their socket exists.
//!
//! This checks the host that mfactl runs on, not only the stacks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use mfa_stacks::chain::{Place, Step, steps_of};
use mfa_stacks::modules::is_ours;
use mfa_stacks::parse::Phase;

use super::files::Files;
use super::{Check, NAME, names};

/// Folders in which distributions keep PAM modules, but for Debian's.
const MODULE_FOLDERS: [&str; 4] = [
    "/usr/lib64/security",
    "/usr/lib/security",
    "/lib64/security",
    "/lib/security",
];
/// A module in every folder that libpam loads modules from.
const ALWAYS_THERE: &str = "pam_deny.so";

/// What is wrong with our lines in these services, on this host.
pub(super) fn checks(files: &Files, services: &[&str]) -> Vec<Check> {
    let folders = match files.are_of_this_host() {
        true => folders(),
        false => Vec::new(),
    };
    let mut found: BTreeMap<(Place, String), BTreeSet<&str>> = BTreeMap::new();
    for service in services {
        for step in ours(service, files) {
            for wrong in wrong(&step, &folders) {
                found
                    .entry((step.place(), wrong))
                    .or_default()
                    .insert(service);
            }
        }
    }
    let said = |((place, wrong), services): (&(Place, String), &BTreeSet<&str>)| {
        let services: Vec<_> = services.iter().copied().collect();
        let (services, at) = (names(&services), files.place(place));
        let message = format!("{services}: {wrong} ({at})");
        Check::problem(
            NAME,
            message,
            "write pam_mfa.so without a path and without socket=",
        )
    };
    found.iter().map(said).collect()
}

fn ours(service: &str, files: &Files) -> Vec<Step> {
    let of = |phase| steps_of(phase, service, &|name| files.text(name));
    let steps = Phase::ALL.into_iter().flat_map(of);
    steps.filter(|step| is_ours(&step.call.module)).collect()
}

fn wrong(step: &Step, folders: &[PathBuf]) -> Vec<String> {
    let mut wrong = Vec::new();
    let module = Path::new(&step.call.module);
    // Without libpam's folder, only paths and impossible names can be checked.
    let is_bare = module.as_os_str() == "pam_mfa.so";
    let is_there = folders.is_empty() && (is_bare || module.is_absolute() && module.is_file())
        || folders.iter().any(|folder| folder.join(module).is_file());
    if !is_there {
        wrong.push(format!(
            "libpam does not find the module {}, and refuses every login by this line",
            module.display()
        ));
    }
    let sockets = step.call.arguments.iter();
    let mut sockets = sockets.filter_map(|word| word.strip_prefix("socket="));
    if let Some(socket) = sockets.find(|socket| !Path::new(socket).exists()) {
        wrong.push(format!(
            "the socket {socket} does not exist, so logins fail here"
        ));
    }
    wrong
}

/// The folders that libpam may load modules from.
fn folders() -> Vec<PathBuf> {
    let of_debian = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let of_debian = of_debian
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().contains("-linux-gnu"))
        .map(|path| path.join("security"));
    let folders = MODULE_FOLDERS.into_iter().map(PathBuf::from);
    let all = folders.chain(of_debian);
    all.filter(|folder| folder.join(ALWAYS_THERE).is_file())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mfa_stacks::chain::steps;

    #[test]
    fn a_module_and_a_socket_that_are_not_there_are_told() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("pam_mfa.so"), "").unwrap();
        let path = folder.path().join("pam_mfa.so");
        let of = |words: &str| {
            let stack = format!("auth required {words}\n");
            let steps = steps("x", &|_| Some(stack.as_str()));
            wrong(&steps[0], &[folder.path().to_owned()]).join("; ")
        };
        assert_eq!(of("pam_mfa.so"), "");
        assert_eq!(of(&path.display().to_string()), "");
        assert_eq!(of(&format!("pam_mfa.so socket={}", path.display())), "");
        for (words, told) in [
            ("pam_mfa", "the module pam_mfa,"),
            ("libpam_mfa.so", "the module libpam_mfa.so,"),
            (
                "/nonexistent/pam_mfa.so",
                "the module /nonexistent/pam_mfa.so,",
            ),
            (
                "pam_mfa.so socket=/nonexistent/a",
                "the socket /nonexistent/a does not exist",
            ),
        ] {
            assert!(of(words).contains(told), "{words}: {}", of(words));
        }
    }
}
