//! All sections, and what the files have of each.

use super::{
    Admin, Audit, Delivery, Email, Enforcement, Hotp, Keys, Lockout, Metrics, Notify, Pin, Policy,
    Prompts, Push, Questions, Radius, Recovery, Rule, Section, SecurityKeys, SelfService, Server,
    Sms, Store, Totp,
};
use crate::config::tree::Layers;
use crate::config::values::Findings;
use mfa_core::policy::Place;

/// A section that was read.
pub(in crate::config) struct Part<'a, S> {
    /// What its keys hold.
    pub(in crate::config) keys: S,
    /// Where it is: the place of a table of a list.
    pub(in crate::config) whole: Option<&'a Place>,
    /// Where its keys are.
    pub(in crate::config) layers: Layers<'a>,
}

impl<'a, S: Keys> Part<'a, S> {
    fn read(layers: Layers<'a>, whole: Option<&'a Place>, findings: &mut Findings) -> Option<Self> {
        let keys = S::read(&layers, findings)?;
        Some(Self {
            keys,
            whole,
            layers,
        })
    }

    /// Where a key is, if a file has it.
    pub(in crate::config) fn place(&self, key: &str) -> Option<&'a Place> {
        debug_assert!(
            S::SECTION.keys.iter().any(|known| known.name == key),
            "{key}"
        );
        self.layers.place(key)
    }

    /// Reports what is wrong with a key, if a file has it.
    pub(in crate::config) fn problem(
        &self,
        findings: &mut Findings,
        key: &str,
        message: impl Into<String>,
    ) {
        if let Some(place) = self.place(key) {
            findings.problem(place, message);
        }
    }
}

fn one<'a, S: Keys>(root: &Layers<'a>, findings: &mut Findings) -> Option<Part<'a, S>> {
    Part::read(root.table(S::SECTION.name), None, findings)
}

fn many<'a, S: Keys>(root: &Layers<'a>, findings: &mut Findings) -> Option<Vec<Part<'a, S>>> {
    let tables = root.tables(S::SECTION.name);
    let parts: Vec<_> = tables
        .map(|(place, table)| Part::read(Layers::of(table), Some(place), findings))
        .collect();
    parts.into_iter().collect()
}

/// The sections in the order in which they are documented.
macro_rules! sections {
    ($($field:ident: $read:ident $section:ident,)*) => {
        /// The sections of `agent.toml`, in the order in which they are documented.
        pub const SECTIONS: &[Section] = &[$($section::SECTION),*];

        /// What all files have.
        pub(in crate::config) struct Sections<'a> {
            $(pub(in crate::config) $field: sections!(@type $read $section),)*
        }

        impl<'a> Sections<'a> {
            /// Reads every key of every file. What is wrong goes to `findings`.
            pub(in crate::config) fn read(root: &Layers<'a>, findings: &mut Findings) -> Option<Self> {
                $(let $field = $read(root, findings);)*
                Some(Self { $($field: $field?),* })
            }
        }
    };
    (@type one $section:ident) => { Part<'a, $section> };
    (@type many $section:ident) => { Vec<Part<'a, $section>> };
}

sections! {
    server: one Server,
    store: one Store,
    enforcement: one Enforcement,
    lockout: one Lockout,
    policy: one Policy,
    totp: one Totp,
    hotp: one Hotp,
    key: one SecurityKeys,
    recovery: one Recovery,
    delivery: one Delivery,
    email: one Email,
    sms: one Sms,
    notify: one Notify,
    radius: many Radius,
    push: one Push,
    prompts: one Prompts,
    pin: one Pin,
    questions: one Questions,
    audit: one Audit,
    metrics: one Metrics,
    admin: one Admin,
    self_service: one SelfService,
    rule: many Rule,
}
