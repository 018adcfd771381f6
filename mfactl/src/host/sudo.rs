//! The users who may become root by sudo: sudo itself is asked, and its files only if it can't tell.

use std::fs;
use std::process::{Command, Stdio};

use super::members;

/// What sudo lets a user do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rights {
    /// None.
    None,
    /// Become root, after the user's own password.
    Asked,
    /// Become root without a password.
    Unasked,
}

/// Programs that give a root shell when they are called without arguments, besides `ALL`.
const SHELLS: [&str; 6] = ["su", "sh", "bash", "dash", "zsh", "fish"];

/// Where they are.
const FOLDERS: [&str; 4] = ["/bin", "/usr/bin", "/usr/local/bin", "/sbin"];

/// Settings with which sudo asks for another password than the user's (sudoers(5)).
const ANOTHER_PASSWORD: [&str; 3] = ["rootpw", "targetpw", "runaspw"];

/// What sudo allows a user.
pub(super) fn rights(user: &str, root_has_password: bool) -> Rights {
    let output = Command::new("sudo")
        .args(["-n", "-l", "-U", user])
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    match said {
        Ok(said) if said.contains("may run the following") => listed(&said, root_has_password),
        Ok(said) if said.contains("is not allowed to run sudo") => Rights::None,
        _ if named().iter().any(|name| name == user) => Rights::Asked,
        _ => Rights::None,
    }
}

/// The rights in the output of `sudo -l`: settings, then lines such as `(ALL : ALL) NOPASSWD: ALL`.
fn listed(said: &str, root_has_password: bool) -> Rights {
    let (settings, grants) = said
        .split_once("may run the following")
        .unwrap_or(("", said));
    let mut words = settings.split([',', ' ', '\n']).map(str::trim);
    let asks_for_root_s = words.any(|word| ANOTHER_PASSWORD.contains(&word));
    let lines = grants.lines().filter_map(of_root);
    let rights = lines.map(granted).max().unwrap_or(Rights::None);
    match rights {
        Rights::Asked if asks_for_root_s && !root_has_password => Rights::None,
        rights => rights,
    }
}

/// The commands of a line for root.
fn of_root(line: &str) -> Option<&str> {
    let (before, commands) = line.trim().split_once(')')?;
    let users = before.strip_prefix('(')?.split(':').next()?;
    let mut users = users.split(',').map(str::trim);
    users
        .any(|user| user == "ALL" || user == "root")
        .then_some(commands)
}

/// What one line grants. A tag applies to all commands after it until the next tag (sudoers(5), Tag_Spec). With an
/// excluded command it is not sure that the others give a shell without a password.
fn granted(commands: &str) -> Rights {
    let is_unsure = commands.contains('!');
    let (mut rights, mut is_asked) = (Rights::None, true);
    for command in commands.split(',') {
        let mut words = command.split_whitespace().peekable();
        while let Some(tag) = words.next_if(|word| word.ends_with(':')) {
            match tag {
                "NOPASSWD:" => is_asked = false,
                "PASSWD:" => is_asked = true,
                _ => {}
            }
        }
        let (program, argument) = (words.next().unwrap_or_default(), words.next());
        if argument.is_none() && is_shell(program) {
            rights = rights.max(match is_asked || is_unsure {
                true => Rights::Asked,
                false => Rights::Unasked,
            });
        }
    }
    rights
}

fn is_shell(program: &str) -> bool {
    let is_known =
        |(folder, name): (&str, &str)| FOLDERS.contains(&folder) && SHELLS.contains(&name);
    program == "ALL" || program.rsplit_once('/').is_some_and(is_known)
}

/// Users that sudo's files name, directly or by a group.
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
            (
                "(ALL) NOPASSWD: /usr/bin/systemctl, PASSWD: ALL",
                Rights::Asked,
            ),
            (
                "(ALL) NOPASSWD: /usr/bin/systemctl, /bin/sh",
                Rights::Unasked,
            ),
            ("(ALL) NOPASSWD: ALL, !/bin/su, !/bin/bash", Rights::Asked),
            ("(ALL) NOPASSWD: !/bin/bash, /usr/bin/id", Rights::None),
            ("(ALL) NOPASSWD: /bin/su anna", Rights::None),
            ("(ALL) NOPASSWD: /usr/local/bin/backup/bash", Rights::None),
            ("(postgres) ALL", Rights::None),
            ("(root) /usr/bin/apt update", Rights::None),
        ] {
            let said = format!("User a may run the following commands on h:\n    {line}\n");
            assert_eq!(listed(&said, false), expected, "{line}");
        }
    }

    #[test]
    fn where_sudo_asks_for_root_s_password_root_needs_one() {
        let said = |setting: &str| {
            format!(
                "Matching Defaults entries for a on h:\n    env_reset, {setting}, use_pty\n\n\
                 User a may run the following commands on h:\n    (ALL) ALL\n"
            )
        };
        assert_eq!(listed(&said("rootpw"), false), Rights::None);
        assert_eq!(listed(&said("rootpw"), true), Rights::Asked);
        assert_eq!(listed(&said("!rootpw"), false), Rights::Asked);
    }

    #[test]
    fn the_files_name_users_and_groups_and_nothing_else() {
        let text = "Defaults env_reset\nUser_Alias OPS = carl\nroot ALL=(ALL:ALL) ALL\n# bob ALL=ALL\n\
                    %sudo ALL=(ALL:ALL) ALL\nanna ALL=(ALL) NOPASSWD:ALL\n@includedir /etc/sudoers.d\nOPS ALL=ALL\n";
        assert_eq!(subjects(text).collect::<Vec<_>>(), ["%sudo", "anna"]);
    }
}
