//! Who may become root by sudo: sudo itself is asked, and its files only where it can't say.

use std::fs;
use std::process::{Command, Stdio};

use super::members;

/// What sudo lets a user do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rights {
    /// Not become root.
    None,
    /// Become root, after the user's own password.
    Asked,
    /// Become root at once.
    Unasked,
}

/// Programs that give a root shell, besides `ALL`.
const SHELLS: [&str; 6] = ["su", "sh", "bash", "dash", "zsh", "ALL"];

/// What sudo says of a user.
pub(super) fn rights(user: &str) -> Rights {
    let output = Command::new("sudo")
        .args(["-n", "-l", "-U", user])
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    match said {
        Ok(said) if said.contains("may run the following") => listed(&said),
        Ok(said) if said.contains("is not allowed to run sudo") => Rights::None,
        _ if named().iter().any(|name| name == user) => Rights::Asked,
        _ => Rights::None,
    }
}

/// The rights in what `sudo -l` lists: lines such as `(ALL : ALL) NOPASSWD: ALL`.
fn listed(said: &str) -> Rights {
    let mut rights = Rights::None;
    for line in said.lines() {
        let Some((before, commands)) = line.trim().split_once(')') else {
            continue;
        };
        let Some(as_whom) = before.strip_prefix('(') else {
            continue;
        };
        let users = as_whom.split(':').next().unwrap_or_default();
        let mut users = users.split(',').map(str::trim);
        if !users.any(|user| user == "ALL" || user == "root") || !gives_a_shell(commands) {
            continue;
        }
        if commands.contains("NOPASSWD:") {
            return Rights::Unasked;
        }
        rights = Rights::Asked;
    }
    rights
}

fn gives_a_shell(commands: &str) -> bool {
    commands.split(',').any(|command| {
        let mut words = command.split_whitespace();
        let program = words.find(|word| !word.ends_with(':')).unwrap_or_default();
        let name = program.rsplit('/').next().unwrap_or_default();
        SHELLS.contains(&name)
    })
}

/// Users that sudo's files name, by themselves or by a group.
pub(super) fn named() -> Vec<String> {
    let mut texts: Vec<String> = fs::read_to_string("/etc/sudoers").into_iter().collect();
    let folder = fs::read_dir("/etc/sudoers.d").into_iter().flatten();
    let files = folder.filter_map(|entry| Some(entry.ok()?.path()));
    texts.extend(files.filter_map(|file| fs::read_to_string(file).ok()));
    let subjects = texts.iter().flat_map(|text| subjects(text));
    let users = subjects.flat_map(|subject| match subject.strip_prefix('%') {
        Some(group) => members(group),
        None => vec![subject.to_owned()],
    });
    users.collect()
}

/// The users and groups (`%wheel`) that lines grant something to.
fn subjects(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(str::trim);
    let grants = lines.filter(|line| !line.starts_with(['#', '@']) && line.contains('='));
    let subject = grants.filter_map(|line| line.split_whitespace().next());
    subject.filter(|subject| {
        let is_setting = subject.starts_with("Defaults") || subject.ends_with("_Alias");
        let is_name = !subject.starts_with(|c: char| c.is_ascii_uppercase());
        !is_setting && is_name && *subject != "root"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_run_everything_or_a_shell_as_root_becomes_root() {
        for (line, expected) in [
            ("(ALL : ALL) ALL", Rights::Asked),
            ("(ALL) NOPASSWD: ALL", Rights::Unasked),
            ("(root) PASSWD: /usr/bin/apt, /bin/bash", Rights::Asked),
            ("(root) SETENV: NOPASSWD: /bin/su", Rights::Unasked),
            ("(postgres) ALL", Rights::None),
            ("(root) /usr/bin/apt update", Rights::None),
        ] {
            let said = format!("User a may run the following commands on h:\n    {line}\n");
            assert_eq!(listed(&said), expected, "{line}");
        }
    }

    #[test]
    fn the_files_name_users_and_groups_and_nothing_else() {
        let text = "Defaults env_reset\nUser_Alias OPS = carl\nroot ALL=(ALL:ALL) ALL\n# bob ALL=ALL\n\
                    %sudo ALL=(ALL:ALL) ALL\nanna ALL=(ALL) NOPASSWD:ALL\n@includedir /etc/sudoers.d\nOPS ALL=ALL\n";
        assert_eq!(subjects(text).collect::<Vec<_>>(), ["%sudo", "anna"]);
    }
}
