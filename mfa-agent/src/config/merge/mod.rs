//! Files laid over one another, and what can be judged only when all are there.

mod delivery;
mod email;
mod lists;
mod located;
mod overridden;
mod places;
mod prompts;
mod radius;
mod sms;
mod terms;

use std::path::PathBuf;
use std::sync::Arc;

use toml::Spanned;

use super::asking::overlay;
use super::document::{self, Document};
use super::error::{ConfigError, Problem, Source};
use super::lists::Lists;
use super::reach::FactorAvailability;
use super::rule;
use super::settings::Settings;
use delivery::Outside;
use lists::Knowledge;
use overridden::ListPlaces;
use places::Places;
use prompts::Prompting;
use terms::Terms;

/// Settings in the making.
#[derive(Default)]
pub(super) struct Draft {
    settings: Settings,
    terms: Terms,
    knowledge: Knowledge,
    prompting: Prompting,
    outside: Outside,
    rules: Vec<(Source, Spanned<document::Rule>)>,
    problems: Vec<Problem>,
    places: Places,
    list_places: ListPlaces,
}

impl Draft {
    /// Lays a file over those that came before.
    pub(super) fn add(&mut self, source: Source) {
        let document: Document = match toml::from_str(source.text()) {
            Ok(document) => document,
            Err(error) => return self.problems.push(source.parser_problem(&error)),
        };
        self.places.note(&document, &source);
        self.list_places.note(&document, &source);
        self.add_places_of_policy(&document, &source);
        self.add_policy(document.enforcement, document.policy, &source);
        self.knowledge.pin(document.pin, &source);
        let problems = self.knowledge.questions(document.questions, &source);
        self.problems.extend(problems);
        self.add_server(document.server);
        overlay(&mut self.settings.lockout, document.lockout);
        self.outside.delivery(document.delivery, &source);
        self.outside.radius(document.radius, &source);
        self.add_totp(document.totp);
        self.prompting.add(document.prompts, &source);
        self.add_codes(document.hotp, &document.recovery);
        self.add_self_service(document.self_service);
        let settings = &mut self.settings;
        set(
            &mut settings.store.path,
            document.store.path.map(|path| path.0.0),
        );
        set(
            &mut settings.store.key_file,
            document.store.key_file.map(|path| path.0.0),
        );
        set(
            &mut settings.audit.file,
            document.audit.file.map(|path| path.0.0),
        );
        set(&mut settings.audit.syslog, document.audit.syslog);
        let groups = document
            .admin
            .groups
            .map(|list| list.into_inner().into_iter());
        join(
            &mut settings.admin.groups,
            groups.map(|list| list.map(|group| group.0.0)),
        );
        self.rules
            .extend(document.rule.into_iter().map(|rule| (source.clone(), rule)));
    }

    /// The settings, unless something was wrong. `lists` are the files that they name.
    pub(super) fn finish(mut self, lists: &Lists) -> Result<Settings, ConfigError> {
        let is_whole = self.problems.is_empty();
        let lacks = self.outside.finish(&mut self.settings);
        // What is missing for a way may be in a file or a section that is wrong.
        let reach = (is_whole && lacks.is_empty()).then(|| FactorAvailability::of(&self.settings));
        self.problems.extend(lacks);
        if is_whole {
            self.problems.extend(self.places.check(&self.settings));
            self.problems.extend(self.terms.check(reach));
        }
        let ask = self.terms.ask(self.settings.lockout);
        let mut rules = Vec::new();
        for (i, (source, rule)) in self.rules.into_iter().enumerate() {
            match rule::rule(&ask, reach, &source, rule, i + 1) {
                Ok(rule) => rules.push(Arc::new(rule)),
                Err(problem) => self.problems.push(problem),
            }
        }
        self.settings.policy.rules = rules;
        self.settings.overridden = self.list_places.overridden;
        match self.prompting.finish(lists) {
            Ok(prompts) => self.settings.prompts = prompts,
            Err(problems) => self.problems.extend(problems),
        }
        match self.knowledge.finish(lists) {
            Ok((pin, questions)) => {
                self.settings.pin = pin;
                self.settings.questions = questions;
            }
            Err(problems) => self.problems.extend(problems),
        }
        if !self.problems.is_empty() {
            return Err(ConfigError::Bad(self.problems));
        }
        self.settings.policy.default = Arc::new(ask);
        Ok(self.settings)
    }

    fn add_server(&mut self, server: document::Server) {
        let own = &mut self.settings.server;
        set(&mut own.socket, server.socket.map(|path| path.0.0));
        let trusted = server.trusted.map(|list| list.into_inner().into_iter());
        join(
            &mut own.trusted,
            trusted.map(|list| list.map(|user| user.0)),
        );
        set(
            &mut own.max_connections,
            server.max_connections.map(|limit| limit.0),
        );
        set(
            &mut own.max_connections_per_user,
            server.max_connections_per_user.map(|limit| limit.0),
        );
        set(
            &mut own.login_timeout,
            server.login_timeout.map(|time| time.0.0),
        );
        set(
            &mut own.stop_timeout,
            server.stop_timeout.map(|time| time.0.0),
        );
    }

    fn add_totp(&mut self, totp: document::Totp) {
        let own = &mut self.settings;
        set(
            &mut own.totp.issuer,
            totp.issuer.map(|issuer| Some(issuer.0.0)),
        );
        set(
            &mut own.totp.algorithm,
            totp.algorithm.map(|algorithm| algorithm.0),
        );
        set(&mut own.totp.digits, totp.digits);
        set(&mut own.totp.period, totp.period);
        set(&mut own.totp.skew, totp.skew.map(|steps| steps.0));
    }

    fn add_codes(&mut self, hotp: document::Hotp, recovery: &document::Recovery) {
        let own = &mut self.settings;
        set(
            &mut own.hotp.look_ahead,
            hotp.look_ahead.map(|codes| codes.0),
        );
        set(&mut own.hotp.resync, hotp.resync.map(|codes| codes.0));
        set(&mut own.recovery.new_device, recovery.new_device);
    }

    fn add_self_service(&mut self, written: document::SelfService) {
        let own = &mut self.settings.self_service;
        set(&mut own.enabled, written.enabled);
        let factors = written.factors.map(|list| list.into_inner().into_iter());
        set(
            &mut own.factors,
            factors.map(|list| list.map(|factor| factor.0).collect()),
        );
    }

    fn add_policy(
        &mut self,
        enforcement: document::Enforcement,
        policy: document::Policy,
        source: &Source,
    ) {
        let settings = &mut self.settings;
        let mode = enforcement.mode.as_ref().map(|mode| mode.get_ref().0);
        set(&mut settings.policy.mode, mode);
        set(
            &mut settings.require_password_expiry,
            policy.require_password_expiry,
        );
        self.terms.enforcement(enforcement, source);
        if let Err(problem) = self.terms.policy(policy, source) {
            self.problems.push(problem);
        }
    }

    /// Remembers where stands what is shown later.
    fn add_places_of_policy(&mut self, document: &Document, source: &Source) {
        let policy = &mut self.settings.policy;
        if let Some(mode) = &document.enforcement.mode {
            policy.mode_place = Some(source.place(mode.span()));
        }
        if let Some(require) = &document.policy.require {
            policy.default_place = Some(source.place(require.span()));
        }
    }
}

/// The lists that these texts of settings name by their files. What is wrong with a text is told later.
pub(super) fn named_lists<'a>(
    texts: impl Iterator<Item = &'a str>,
) -> impl Iterator<Item = PathBuf> {
    let documents = texts.filter_map(|text| toml::from_str::<Document>(text).ok());
    documents.flat_map(lists::named_files)
}

/// Adds to a list what a file has for it, each entry once: who is named in one file is not forgotten for another.
pub(super) fn join<T: PartialEq>(list: &mut Vec<T>, more: Option<impl Iterator<Item = T>>) {
    for entry in more.into_iter().flatten() {
        if !list.contains(&entry) {
            list.push(entry);
        }
    }
}

/// Overrides a setting, where a file has one.
pub(super) fn set<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}
