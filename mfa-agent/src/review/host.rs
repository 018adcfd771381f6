//! What a review looks up: which users exist, and what they have enrolled.
//!
//! The name service may be slow or broken. The first failed look-up is reported and ends the check, and there are no
//! more look-ups than a reload can wait for.

use std::collections::BTreeSet;

use mfa_protocol::admin::{Finding, HostFacts};

use super::person::{Person, Role};
use super::samples::EntryPoint;
use super::warning;
use crate::config::Settings;
use crate::profile::known_user;
use crate::repository::AccountRepository;
use mfa_core::names::{Names, UserName};
use mfa_core::policy::{Pattern, Place, Policy};

/// The most users and groups of the settings that are looked up.
const MOST_NAMES: usize = 256;

/// The most administrators that are looked up.
const MOST_ADMINISTRATORS: usize = 32;

/// The most people in total.
const MOST_PEOPLE: usize = 256;

/// The groups whose members may become root, as distributions set sudo and polkit up.
const ROOT_GROUPS: [&str; 3] = ["sudo", "wheel", "admin"];

const ROOT: &str = "root";

/// The host that the settings are for.
pub(super) struct Host<'a> {
    names: &'a dyn Names,
    repository: Option<&'a AccountRepository>,
    failure: Option<String>,
}

/// What could not be looked up, in words.
type Failure = String;

impl<'a> Host<'a> {
    pub(super) fn new(names: &'a dyn Names, repository: Option<&'a AccountRepository>) -> Self {
        Self {
            names,
            repository,
            failure: None,
        }
    }

    /// Root, then the members of the `[admin]` groups, then all other users who may become root. Users with such a
    /// primary group can't be listed, so they are missing unless `facts` name them. None if it can't be known.
    pub(super) fn people(
        &mut self,
        settings: &Settings,
        facts: Option<&HostFacts>,
    ) -> Option<Vec<Person>> {
        let people = self.roles(settings, facts).and_then(|roles| {
            let wanted = settings.policy.groups();
            let person = |known: &Known| self.person(settings, known, &wanted);
            roles.iter().map(person).collect()
        });
        self.told(people)
    }

    /// Users and groups in the settings that the name service does not know.
    pub(super) fn unknown_names(&mut self, settings: &Settings) -> Vec<Finding> {
        let mentions = mentions(settings);
        let mut findings = Vec::new();
        if mentions.len() > MOST_NAMES {
            let message = format!(
                "the settings name {} users and groups; only the first {MOST_NAMES} were checked",
                mentions.len()
            );
            findings.push(warning(None, message));
        }
        for mention in mentions.iter().take(MOST_NAMES) {
            if self.failure.is_some() {
                return findings;
            }
            let found = self.unknown(mention);
            findings.extend(self.told(found).flatten());
        }
        findings
    }

    /// What went wrong, if something did.
    pub(super) fn into_failure(self) -> Option<Finding> {
        let failure = self.failure?;
        let message = format!("not all could be checked: {failure}");
        Some(warning(None, message))
    }

    fn told<T>(&mut self, found: Result<T, Failure>) -> Option<T> {
        match found {
            Ok(found) => Some(found),
            Err(failure) => {
                self.failure = Some(failure);
                None
            }
        }
    }

    fn roles(&self, settings: &Settings, facts: Option<&HostFacts>) -> Result<Vec<Known>, Failure> {
        let mut known = Vec::new();
        let root = match facts {
            Some(facts) => entry_points(facts.root_password, facts.root_ssh),
            None => entry_points(true, true),
        };
        add(&mut known, ROOT, Role::Root, root);
        for group in &settings.admin.groups {
            self.add_members(&mut known, group, Role::Manager)?;
        }
        let Some(facts) = facts else {
            for group in ROOT_GROUPS {
                self.add_members(&mut known, group, Role::Sudoer)?;
            }
            return Ok(known);
        };
        for one in &facts.administrators {
            let role = match (one.unasked, one.password) {
                (true, _) => Role::Unasked,
                (false, true) => Role::Sudoer,
                (false, false) => Role::Powerless,
            };
            add(
                &mut known,
                &one.user,
                role,
                entry_points(one.password, true),
            );
        }
        for user in facts.caller.iter().chain(&facts.users) {
            add(&mut known, user, Role::User, entry_points(true, true));
        }
        Ok(known)
    }

    fn add_members(&self, known: &mut Vec<Known>, group: &str, role: Role) -> Result<(), Failure> {
        let members = self.names.members(group).map_err(in_words)?;
        for member in members.unwrap_or_default() {
            if known.len() < MOST_ADMINISTRATORS {
                add(known, &member, role, entry_points(true, true));
            }
        }
        Ok(())
    }

    fn person(
        &self,
        settings: &Settings,
        known: &Known,
        groups: &[String],
    ) -> Result<Person, Failure> {
        let entry = self.names.canonical(&known.name).map_err(in_words)?;
        let entry = entry.as_ref();
        let name = entry.map_or(&known.name, |entry| &entry.name).clone();
        let account = self
            .repository
            .map(|repository| repository.account(&name))
            .transpose();
        Ok(Person {
            federated: self.names.is_federated(entry).map_err(in_words)?,
            groups: self.names.groups(&name, entry, groups).map_err(in_words)?,
            account: account.map_err(in_words)?,
            known: known_user(self.names, settings, &name, entry),
            role: known.role,
            entry_points: known.entry_points.clone(),
            name,
        })
    }

    fn unknown(&self, mention: &Mention<'_>) -> Result<Option<Finding>, Failure> {
        match mention.named {
            Named::Group(group) => {
                let members = self.names.members(group).map_err(in_words)?;
                Ok(members.is_none().then(|| mention.warning(&no_group(group))))
            }
            Named::User(user) => self.unknown_user(mention, user),
        }
    }

    fn unknown_user(&self, mention: &Mention<'_>, user: &str) -> Result<Option<Finding>, Failure> {
        let name: UserName = match user.parse() {
            Ok(name) => name,
            Err(error) => {
                let message = format!("{user:?}, and {error}; it matches no user, so remove it");
                return Ok(Some(mention.warning(&message)));
            }
        };
        let message = match self.names.canonical(&name).map_err(in_words)? {
            None if mention.by == TRUSTED => format!(
                "the user {user:?}, who is not in the name service; install the program first that \
                 runs as this user, or check the spelling"
            ),
            None => format!(
                "the user {user:?}, who is not in the name service; this is right for VPN users \
                 without a host account, otherwise check the spelling"
            ),
            Some(entry) if entry.name != name => format!(
                "the user {user:?}, but the name in the name service is {:?}; write that name, \
                 since logins are matched by it",
                entry.name.as_str()
            ),
            Some(_) => return Ok(None),
        };
        Ok(Some(mention.warning(&message)))
    }
}

/// A user of this host before anything is looked up.
struct Known {
    name: UserName,
    role: Role,
    entry_points: Vec<EntryPoint>,
}

/// Adds a user; a stronger role replaces an `[admin]` group's. Invalid user names are skipped, since they can't log in.
fn add(known: &mut Vec<Known>, user: &str, role: Role, entry_points: Vec<EntryPoint>) {
    let Ok(name) = user.parse::<UserName>() else {
        return;
    };
    let has_room = known.len() < MOST_PEOPLE;
    match known.iter_mut().find(|one| one.name == name) {
        Some(one) if one.role == Role::Manager && role != Role::User => {
            one.entry_points = entry_points
        }
        Some(_) => {}
        None if has_room => known.push(Known {
            name,
            role,
            entry_points,
        }),
        None => {}
    }
}

/// Where a user could log in: sshd also accepts keys, the console accepts passwords only.
fn entry_points(console: bool, sshd: bool) -> Vec<EntryPoint> {
    let console = console.then_some(EntryPoint::Console);
    console
        .into_iter()
        .chain(sshd.then_some(EntryPoint::Sshd))
        .collect()
}

fn no_group(group: &str) -> String {
    format!(
        "the group {group:?}, which does not exist and so has no members; check the spelling, or \
         create the group (groupadd {group})"
    )
}

fn in_words(error: impl std::fmt::Display) -> Failure {
    error.to_string()
}

/// Names users that programs run as.
const TRUSTED: &str = "[server] trusted";
const GROUPS: &str = "[admin] groups";

/// A user or a group that settings name.
struct Mention<'a> {
    named: Named<'a>,
    /// The setting that names it.
    by: String,
    place: Option<&'a Place>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Named<'a> {
    User(&'a str),
    Group(&'a str),
}

impl<'a> Named<'a> {
    fn of(entry: &'a Pattern) -> Option<Self> {
        match (entry.name(), entry.group()) {
            (Some(user), _) => Some(Self::User(user)),
            (None, group) => group.map(Self::Group),
        }
    }
}

impl Mention<'_> {
    fn warning(&self, named: &str) -> Finding {
        warning(self.place, format!("{} names {named}", self.by))
    }
}

/// All users and groups that the settings name, each once, at its first place.
fn mentions(settings: &Settings) -> Vec<Mention<'_>> {
    let trusted = settings.server.trusted.iter().map(|user| Mention {
        named: Named::User(user.as_str()),
        by: TRUSTED.to_owned(),
        place: settings.name_places.get(TRUSTED),
    });
    let groups = settings.admin.groups.iter().map(|group| Mention {
        named: Named::Group(group),
        by: GROUPS.to_owned(),
        place: settings.name_places.get(GROUPS),
    });
    let mut known = BTreeSet::new();
    let all = trusted.chain(groups).chain(of_rules(&settings.policy));
    all.filter(|mention| known.insert(mention.named)).collect()
}

fn of_rules(policy: &Policy) -> impl Iterator<Item = Mention<'_>> {
    policy.rules.iter().flat_map(move |rule| {
        let entries = rule.users.iter().flat_map(|users| users.entries());
        entries.filter_map(Named::of).map(|named| Mention {
            named,
            by: format!("rule {:?}", rule.name),
            place: Some(&rule.place),
        })
    })
}
