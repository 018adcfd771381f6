//! Builds settings from all files. Keys that depend on each other may be in several files, so they are checked only
//! when all keys are valid.

mod asking;
mod availability;
mod email;
mod knowledge;
mod prompts;
mod radius;
mod rule;
mod sms;
mod store;

use std::collections::BTreeMap;
use std::mem;
use std::path::PathBuf;
use std::sync::Arc;

use super::error::{ConfigError, Problem};
use super::keys::{Keys, Part, Sections};
use super::lists::Lists;
use super::settings::{Delivery, Settings};
use super::tree::{Data, Node, Tree};
use super::unknown;
use super::values::Findings;
use crate::delivery::Roots;
use asking::Asking;
use availability::FactorAvailability;
use mfa_core::account::MessageLimits;
use mfa_core::policy::{Place, Policy};

/// The settings, unless something is wrong. `lists` are the files that they name.
pub(super) fn settings(tree: &Tree, lists: &Lists) -> Result<Settings, ConfigError> {
    let root = tree.layers();
    let mut findings = Findings {
        problems: tree.problems.clone(),
        ..Findings::default()
    };
    findings.problems.extend(unknown::problems(&root));
    let sections = Sections::read(&root, &mut findings);
    rule::read_inherited(&root, &mut findings);
    let sections = sections.filter(|_| findings.problems.is_empty());
    let settings = sections.and_then(|sections| join(sections, lists, &mut findings));
    match settings.filter(|_| findings.problems.is_empty()) {
        Some(settings) => Ok(settings),
        None => Err(ConfigError::Bad(tree.in_order(findings.problems))),
    }
}

fn join(sections: Sections<'_>, lists: &Lists, findings: &mut Findings) -> Option<Settings> {
    let keys = sections.delivery.keys;
    let delivery = Delivery {
        channel: keys.channel,
        digits: keys.digits,
        lifetime: keys.lifetime,
        budget: MessageLimits {
            messages: keys.messages,
            within: keys.within,
            pause: keys.pause,
        },
        email: email::email(sections.email, findings),
        sms: sms::sms(sections.sms, findings),
    };
    let radius = radius::radius(sections.radius, findings);
    let store = store::store(sections.store, findings);
    // An incomplete channel has its own error; don't report it as missing as well.
    let is_outside_right = findings.problems.is_empty();
    let available = is_outside_right.then_some(FactorAvailability {
        delivery: &delivery,
        radius: &radius,
    });
    let asking = Asking::of(&sections.policy, &sections.enforcement, &sections.lockout);
    let default = asking.default(available, findings);
    let rules = (1..).zip(sections.rule).map(|(number, part)| {
        let rule = rule::rule(&asking, available, part, number, findings)?;
        Some(Arc::new(rule))
    });
    // Every rule is looked at, so that all mistakes are reported at once.
    let rules: Vec<_> = rules.collect();
    let prompts = prompts::prompts(sections.prompts, lists, findings);
    let pin = knowledge::pin(sections.pin, lists, findings);
    let questions = knowledge::questions(sections.questions, lists, findings);
    let name_places = [
        (
            "[server] trusted",
            only(&sections.server.layers.nodes("trusted")),
        ),
        (
            "[admin] groups",
            only(&sections.admin.layers.nodes("groups")),
        ),
    ];
    Some(Settings {
        name_places: placed(name_places),
        lockout: asking::limits(&sections.lockout.keys),
        require_password_expiry: sections.policy.keys.require_password_expiry,
        policy: Policy {
            mode: sections.enforcement.keys.mode,
            mode_place: sections.enforcement.place("mode").cloned(),
            default: Arc::new(default?),
            default_place: sections.policy.place("require").cloned(),
            rules: rules.into_iter().collect::<Option<_>>()?,
        },
        server: sections.server.keys,
        store: store?,
        totp: sections.totp.keys,
        hotp: sections.hotp.keys,
        key: knowledge::key_terms(&sections.key.keys),
        notify: sections.notify.keys,
        recovery: sections.recovery.keys,
        audit: sections.audit.keys,
        metrics: sections.metrics.keys,
        admin: sections.admin.keys,
        self_service: sections.self_service.keys,
        prompts: prompts?,
        pin: pin?,
        questions: questions?,
        delivery,
        radius,
        push: sections.push.keys,
        file_places: mem::take(&mut findings.file_places),
        overridden: mem::take(&mut findings.overridden),
    })
}

/// Where a list is that only one file has. Those of more files join, so that no place has all names.
fn only<'a>(nodes: &[&'a Node]) -> Option<&'a Place> {
    match nodes {
        [node] => Some(&node.place),
        _ => None,
    }
}

/// Keys that are set, and where.
fn placed<const N: usize>(
    keys: [(&'static str, Option<&Place>); N],
) -> BTreeMap<&'static str, Place> {
    let set = |(key, place): (_, Option<&Place>)| Some((key, place?.clone()));
    keys.into_iter().filter_map(set).collect()
}

/// The lists that the settings name by their files, whether they hold in the end or not.
pub(super) fn named_lists(tree: &Tree) -> Vec<PathBuf> {
    let root = tree.layers();
    let keys = [
        ("pin", "banned_file"),
        ("questions", "catalogue_file"),
        ("prompts", "catalogue_file"),
    ];
    let nodes = keys
        .into_iter()
        .flat_map(|(section, key)| root.table(section).nodes(key));
    let path = |node: &Node| match &node.data {
        Data::Text(text) if text.starts_with('/') => Some(text.into()),
        _ => None,
    };
    nodes.filter_map(path).collect()
}

/// The text of a file that the key names.
fn list_text<'a, S: Keys>(
    part: &Part<'_, S>,
    key: &str,
    file: &PathBuf,
    lists: &'a Lists,
    findings: &mut Findings,
) -> Option<&'a str> {
    let why = match lists.get(file) {
        Some(Ok(text)) => return Some(text),
        Some(Err(why)) => why,
        None => "was not read",
    };
    part.problem(findings, key, format!("{key} {file:?}: {why}"));
    None
}

impl Findings {
    /// The content of a list, or what is wrong with it.
    fn take<T>(&mut self, result: Result<T, Vec<Problem>>) -> Option<T> {
        result
            .map_err(|problems| self.problems.extend(problems))
            .ok()
    }

    /// A value that has to be there; if it isn't, it is missed at `place`.
    fn demand<T>(&mut self, value: Option<T>, place: &Place, missing: &str) -> Option<T> {
        if value.is_none() {
            self.problem(place, missing);
        }
        value
    }
}

impl<S: Keys> Part<'_, S> {
    /// A file or a program, whose place is remembered by its key.
    fn named<T>(&self, key: &str, value: Option<T>, findings: &mut Findings) -> Option<T> {
        if let (Some(place), Some(_)) = (self.place(key), &value) {
            let name = format!("[{}] {key}", S::SECTION.name);
            findings.file_places.insert(name, place.clone());
        }
        value
    }

    /// The trusted certificate authorities.
    fn roots(&self, ca_file: Option<PathBuf>, findings: &mut Findings) -> Roots {
        let named = self.named("ca_file", ca_file, findings);
        named.map_or(Roots::System, Roots::File)
    }

    /// Refuses the keys of these that are there.
    fn refuse(&self, keys: &[&str], why: &str, findings: &mut Findings) {
        for key in keys {
            self.problem(findings, key, format!("{key} {why}"));
        }
    }
}
