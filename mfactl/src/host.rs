//! The administrators and users of this host: what only root sees, as input for the agent's decisions.
//!
//! The agent runs as an ordinary user and can read neither the shadow file nor sudo's rules. `config check`, `doctor`
//! and `mfa-pam enable` all send it these facts, so that they agree.

mod accounts;
mod caller;
mod polkit;
mod sshd;
mod sudo;
pub(crate) mod users;

use std::collections::BTreeSet;

use mfa_protocol::admin::{Administrator, CheckConfigParameters, HostFacts};
use nix::unistd::{Group, geteuid};

use accounts::Accounts;
use sudo::Rights;

/// The groups whose members may become root, as distributions set them up.
const ROOT_GROUPS: [&str; 3] = ["sudo", "wheel", "admin"];

/// At most so many users are sent; the agent accepts no more.
const MOST_USERS: usize = 200;

/// At most so many of them are looked up in sudo's rules, each by a process.
const MOST_LOOK_UPS: usize = 64;

/// The user who typed the command, although root runs it; none if a service runs it.
pub(crate) fn caller() -> Option<String> {
    caller::name()
}

/// The parameters for the agent; without facts if the caller is not root and can't see them.
pub(crate) fn parameters() -> CheckConfigParameters {
    let host = geteuid().is_root().then(facts);
    CheckConfigParameters { host }
}

/// The users who may become root here, and root; root alone if the caller is not root.
pub(crate) fn administrators() -> Vec<String> {
    let facts = geteuid().is_root().then(facts);
    let others = facts.map(|facts| facts.administrators).unwrap_or_default();
    let others = others.into_iter().map(|administrator| administrator.user);
    std::iter::once("root".to_owned()).chain(others).collect()
}

fn facts() -> HostFacts {
    let accounts = Accounts::read();
    let root_password = accounts.has_password("root");
    let root_gets_a_shell = accounts.gets_a_shell("root");
    let caller = caller::name();
    let polkit = polkit::administrators();
    let mut candidates: Vec<String> = caller.iter().cloned().collect();
    candidates.extend(ROOT_GROUPS.into_iter().flat_map(members));
    candidates.extend(sudo::named());
    candidates.extend(polkit.iter().cloned());
    candidates.extend(accounts.with_a_shell());
    let mut known = BTreeSet::from(["root".to_owned()]);
    candidates.retain(|user| known.insert(user.clone()) && accounts.gets_a_shell(user));
    candidates.truncate(MOST_USERS);

    let (mut administrators, mut users) = (Vec::new(), Vec::new());
    for (number, user) in candidates.into_iter().enumerate() {
        let rights = match number < MOST_LOOK_UPS {
            true => sudo::rights(&user, root_password),
            false => Rights::None,
        };
        match rights {
            Rights::None if !polkit.contains(&user) => users.push(user),
            rights => administrators.push(Administrator {
                password: accounts.has_password(&user),
                unasked: rights == Rights::Unasked,
                user,
            }),
        }
    }
    HostFacts {
        caller,
        root_password: root_password && root_gets_a_shell,
        root_ssh: root_gets_a_shell && sshd::lets_root_in(root_password),
        administrators,
        users,
    }
}

/// The members of a group that are listed.
fn members(group: &str) -> Vec<String> {
    let group = Group::from_name(group).ok().flatten();
    group.map(|group| group.mem).unwrap_or_default()
}
