//! Security keys: where sshd takes one without a touch, which users share one, and which may have been copied.
//!
//! sshd does not tell PAM whether a key was touched. It demands it, unless a line of authorized_keys says
//! `no-touch-required` and its settings allow that (`PubkeyAuthOptions`, sshd_config(5)).

mod files;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use mfa_protocol::admin::{Keys, PageParameters, UserKey};
use mfa_protocol::client::ClientError;
use mfa_protocol::message::ErrorKind;

use super::Check;
use super::sshd::change;
use crate::clock::Clock;
use crate::commands::lists;
use crate::context::Context;
use crate::failure::Failure;
use crate::sshd::{Settings, for_all, for_user, match_blocks};
use files::Untouched;

const NAME: &str = "keys";

/// The files of at most so many users are read, and so many findings of a kind are shown.
const MOST_USERS: usize = 500;
const SHOWN: usize = 10;

/// sshd is asked for at most so many users, if it has `Match` blocks.
const MOST_ASKED: usize = 20;

/// The findings; none for callers who may not ask, and where nobody has a key.
pub(super) fn checks(
    context: &mut Context,
    sshd: &Path,
    clock: &Clock,
) -> Result<Vec<Check>, Failure> {
    let page = |after| PageParameters { after };
    let keys = match lists::all::<Keys, _>(context, page, |reply| (reply.keys, reply.next)) {
        Ok(keys) => keys,
        // An agent of an earlier version has none.
        Err(Failure::Agent(ClientError::Refused {
            kind: Some(ErrorKind::NotAllowed) | None,
            ..
        })) => return Ok(Vec::new()),
        Err(failure) if failure.exit_status() == 3 => return Err(failure),
        Err(failure) => {
            let message = format!("can't list the security keys: {failure}");
            let remedy = "see the log: journalctl -u mfa-agent";
            return Ok(vec![Check::problem(NAME, message, remedy)]);
        }
    };
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut checks = counted_back(&keys, clock);
    checks.extend(shared(&keys));
    checks.extend(of_other_type(&keys));
    checks.extend(untouched(&keys, sshd));
    if checks.is_empty() {
        checks.push(Check::ok(
            NAME,
            "no security key is shared, copied or used without a touch",
        ));
    }
    Ok(checks)
}

/// Keys whose counter went back.
fn counted_back(keys: &[UserKey], clock: &Clock) -> Vec<Check> {
    let back = keys
        .iter()
        .filter_map(|key| Some((key, key.counter_back_at.as_deref()?)));
    let check = |(key, at): (&UserKey, &str)| {
        let UserKey { user, label, .. } = key;
        Check::problem(
            NAME,
            format!(
                "{label} of {user}: its counter went back, {}; there may be a copy of it, so it counts nowhere",
                clock.wait(at)
            ),
            format!(
                "if it may be copied: mfactl remove key {user} --label {label:?}\n\
                 if it was replaced or reset: mfactl enable key {user} --label {label:?}"
            ),
        )
    };
    back.take(SHOWN).map(check).collect()
}

/// Keys that several users have: one who holds it passes for each of them.
fn shared(keys: &[UserKey]) -> Vec<Check> {
    let mut holders: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for key in keys {
        holders
            .entry(&key.fingerprint)
            .or_default()
            .insert(&key.user);
    }
    let shared = holders.into_iter().filter(|(_, users)| users.len() > 1);
    let check = |(fingerprint, users): (&str, BTreeSet<&str>)| {
        let first = users.iter().next().copied().unwrap_or_default();
        let users: Vec<_> = users.iter().copied().take(SHOWN).collect();
        Check::note(
            NAME,
            format!(
                "{} have the same security key, {fingerprint}",
                users.join(", ")
            ),
            format!(
                "if they are different people: mfactl remove key {first} --label {fingerprint}"
            ),
        )
    };
    shared.take(SHOWN).map(check).collect()
}

/// Enrolled keys that the settings do not take: their users are asked for something else, or refused.
fn of_other_type(keys: &[UserKey]) -> Option<Check> {
    let keys = keys.iter().filter(|key| key.enabled && !key.type_accepted);
    let kinds: BTreeSet<_> = keys.clone().map(|key| key.kind.as_str()).collect();
    let users: BTreeSet<_> = keys.map(|key| key.user.as_str()).collect();
    if users.is_empty() {
        return None;
    }
    let (kinds, more) = (
        kinds.into_iter().collect::<Vec<_>>(),
        users.len().saturating_sub(SHOWN),
    );
    let mut users = users.into_iter().take(SHOWN).collect::<Vec<_>>().join(", ");
    if more > 0 {
        users += &format!(" and {more} more");
    }
    Some(Check::note(
        NAME,
        format!(
            "keys of {users} count nowhere: [key] takes none of type {}",
            kinds.join(", ")
        ),
        "let these users enrol other keys, or see [key] types and verification in the settings",
    ))
}

/// Where sshd takes a key that counts here without a touch.
fn untouched(keys: &[UserKey], program: &Path) -> Vec<Check> {
    // Without sshd, or without the right to ask it, there is nothing to say.
    let Ok(all) = for_all(program) else {
        return Vec::new();
    };
    let mut fingerprints: BTreeMap<&str, Vec<&UserKey>> = BTreeMap::new();
    for key in keys.iter().filter(|key| key.enabled) {
        fingerprints.entry(&key.user).or_default().push(key);
    }
    let has_blocks = !match_blocks().is_empty();
    let (mut checks, mut unread) = (Vec::new(), Unread::default());
    for (number, (user, keys)) in fingerprints.iter().take(MOST_USERS).enumerate() {
        let own = match has_blocks && number < MOST_ASKED {
            true => for_user(program, user, None).ok(),
            false => None,
        };
        unread.has_blocks |= has_blocks && own.is_none();
        let settings = own.as_ref().unwrap_or(&all);
        if !settings.is_touch_required() {
            let found = files::read(user, settings);
            let lines = found.untouched.iter();
            checks.extend(lines.filter_map(|it| of_line(user, keys, it)));
            unread.take(settings, found.unread);
        }
    }
    let left = checks.len().saturating_sub(SHOWN);
    checks.truncate(SHOWN);
    if left > 0 {
        let message = format!("{left} more keys are used without a touch");
        checks.push(Check::note(
            NAME,
            message,
            "fix those above, then run mfactl doctor again",
        ));
    }
    unread.has_more_users = fingerprints.len() > MOST_USERS;
    checks.extend(unread.checks());
    checks
}

fn of_line(user: &str, keys: &[&UserKey], it: &Untouched) -> Option<Check> {
    let key = keys.iter().find(|key| key.fingerprint == it.fingerprint)?;
    let place = format!("{}:{}", it.file.display(), it.line);
    Some(Check::note(
        NAME,
        format!(
            "sshd takes {} of {user} without a touch ({place}: no-touch-required): a program that reaches the plugged-in \
             key passes",
            key.label
        ),
        format!(
            "remove no-touch-required from {place}\nor for all keys, {}",
            change("PubkeyAuthOptions touch-required")
        ),
    ))
}

/// What may say `no-touch-required` too, and was not read.
#[derive(Debug, Default)]
struct Unread {
    files: BTreeSet<PathBuf>,
    has_command: bool,
    has_user_ca: bool,
    /// Whether a `Match` block may say otherwise for some users.
    has_blocks: bool,
    has_more_users: bool,
}

impl Unread {
    fn take(&mut self, settings: &Settings, files: Vec<PathBuf>) {
        self.has_command |= settings.has_keys_command();
        self.has_user_ca |= settings.has_user_ca();
        self.files.extend(files);
    }

    fn checks(&self) -> Vec<Check> {
        let remedy = || {
            let demanded = change("PubkeyAuthOptions touch-required");
            format!("to demand the touch always, {demanded}")
        };
        // A user may have made the link so that nobody finds the line.
        let unread = |file: &PathBuf| {
            let message = format!(
                "{} was not read (a link, too long, or not readable): it may say no-touch-required",
                file.display()
            );
            Check::note(NAME, message, remedy())
        };
        let mut checks: Vec<_> = self.files.iter().take(SHOWN).map(unread).collect();
        let sources = [
            (self.files.len() > SHOWN, "more such files"),
            (self.has_command, "AuthorizedKeysCommand"),
            (self.has_user_ca, "certificates (TrustedUserCAKeys)"),
            (
                self.has_blocks,
                "Match blocks, for users that sshd was not asked about,",
            ),
            (self.has_more_users, "the files of further users"),
        ];
        let named: Vec<_> = sources
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, name)| *name)
            .collect();
        if !named.is_empty() {
            let named = named.join(" and ");
            let message = format!("{named} may say no-touch-required too, which is not checked");
            checks.push(Check::usual(NAME, message, remedy()));
        }
        checks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(user: &str, label: &str, fingerprint: &str) -> UserKey {
        UserKey {
            user: user.to_owned(),
            label: label.to_owned(),
            fingerprint: fingerprint.to_owned(),
            enabled: true,
            counter_back_at: None,
            kind: "sk-ssh-ed25519@openssh.com".to_owned(),
            type_accepted: true,
        }
    }

    #[test]
    fn a_key_of_two_users_is_named_with_both() {
        let keys = [
            key("alice", "yubikey", "SHA256:a"),
            key("root", "admin", "SHA256:a"),
            key("bob", "solo", "SHA256:b"),
            key("bob", "twice", "SHA256:b"),
        ];
        let checks = shared(&keys);
        assert_eq!(checks.len(), 1);
        assert_eq!(
            checks[0].message,
            "alice, root have the same security key, SHA256:a"
        );
        assert!(checks[0].ok);
    }

    #[test]
    fn a_key_whose_counter_went_back_is_a_problem_with_both_ways_out() {
        let back = UserKey {
            counter_back_at: Some("2026-11-22T13:20:00Z".to_owned()),
            ..key("alice", "yubikey", "SHA256:a")
        };
        let checks = counted_back(&[back, key("bob", "solo", "SHA256:b")], &Clock::for_tests());
        assert_eq!(checks.len(), 1);
        assert!(!checks[0].ok);
        let remedy = checks[0].remedy.as_deref().unwrap();
        assert!(
            remedy.contains("mfactl remove key alice")
                && remedy.contains("mfactl enable key alice")
        );
    }

    #[test]
    fn enrolled_keys_that_the_settings_do_not_take_are_a_finding() {
        let other = UserKey {
            kind: "ssh-ed25519".to_owned(),
            type_accepted: false,
            ..key("alice", "file", "SHA256:a")
        };
        let fine = key("bob", "solo", "SHA256:b");
        assert_eq!(of_other_type(std::slice::from_ref(&fine)), None);
        let found = of_other_type(&[other, fine]).unwrap();
        assert_eq!(
            found.message,
            "keys of alice count nowhere: [key] takes none of type ssh-ed25519"
        );
    }

    #[test]
    fn a_line_counts_only_if_its_key_is_enrolled() {
        let mine = key("alice", "yubikey", "SHA256:a");
        let line = |fingerprint: &str| Untouched {
            file: "/home/alice/.ssh/authorized_keys".into(),
            line: 3,
            fingerprint: fingerprint.to_owned(),
        };
        let found = of_line("alice", &[&mine], &line("SHA256:a")).unwrap();
        assert!(
            found
                .message
                .contains("authorized_keys:3: no-touch-required"),
            "{}",
            found.message
        );
        assert!(
            found
                .remedy
                .unwrap()
                .contains("PubkeyAuthOptions touch-required")
        );
        assert_eq!(of_line("alice", &[&mine], &line("SHA256:b")), None);
    }

    #[test]
    fn what_is_not_read_is_named() {
        let unread = |text: &str, files: &[&str]| {
            let mut unread = Unread::default();
            unread.take(
                &Settings::parse(text),
                files.iter().map(PathBuf::from).collect(),
            );
            unread.checks()
        };
        let checks = unread(
            "authorizedkeyscommand /usr/bin/keys\ntrustedusercakeys none\n",
            &[],
        );
        assert!(
            checks[0]
                .message
                .starts_with("AuthorizedKeysCommand may say"),
            "{checks:?}"
        );
        let checks = unread("", &["/home/alice/.ssh/authorized_keys"]);
        assert!(
            checks[0].message.contains("authorized_keys was not read"),
            "{checks:?}"
        );
        assert!(!checks[0].is_usual);
        assert!(unread("", &[]).is_empty());
    }
}
