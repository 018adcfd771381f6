//! Files laid over one another, and what can be judged only when all are there.

use std::sync::Arc;

use toml::Spanned;

use super::document::{self, Document};
use super::error::{ConfigError, Problem, Source};
use super::rule::{self, ways};
use super::{Questions, Settings};
use crate::policy::{Ask, Place};

const NO_SESSION: &str = "sessions are not in this version; expected \"0s\": every login is asked";

/// Settings in the making.
#[derive(Default)]
pub(super) struct Draft {
    settings: Settings,
    ask: Ask,
    rules: Vec<(Source, Spanned<document::Rule>)>,
    problems: Vec<Problem>,
    lockout_place: Option<Place>,
    prompts_place: Option<Place>,
}

impl Draft {
    /// Lays a file over those that came before.
    pub(super) fn add(&mut self, source: Source) {
        let document: Document = match toml::from_str(source.text()) {
            Ok(document) => document,
            Err(error) => return self.problems.push(source.parser_problem(&error)),
        };
        self.add_places(&document, &source);
        self.add_policy(document.enforcement, document.policy, &source);
        self.add_questions(document.questions, &source);
        self.add_server(document.server);
        self.add_factors(document.lockout, document.totp, document.prompts);
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
            .map(|list| list.into_iter().map(|group| group.0.0).collect());
        set(&mut settings.admin.groups, groups);
        self.rules
            .extend(document.rule.into_iter().map(|rule| (source.clone(), rule)));
    }

    /// The settings, unless something was wrong.
    pub(super) fn finish(mut self) -> Result<Settings, ConfigError> {
        if self.problems.is_empty() {
            self.check_lockout();
            self.check_prompts();
        }
        for (i, (source, rule)) in std::mem::take(&mut self.rules).into_iter().enumerate() {
            match rule::rule(&self.ask, &source, rule, i + 1) {
                Ok(rule) => self.settings.policy.rules.push(Arc::new(rule)),
                Err(problem) => self.problems.push(problem),
            }
        }
        if !self.problems.is_empty() {
            return Err(ConfigError::Bad(self.problems));
        }
        self.settings.policy.default = Arc::new(self.ask);
        Ok(self.settings)
    }

    fn add_server(&mut self, server: document::Server) {
        let own = &mut self.settings.server;
        set(&mut own.socket, server.socket.map(|path| path.0.0));
        set(
            &mut own.trusted,
            server
                .trusted
                .map(|list| list.into_iter().map(|user| user.0).collect()),
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
    }

    fn add_factors(
        &mut self,
        lockout: document::Lockout,
        totp: document::Totp,
        prompts: document::Prompts,
    ) {
        let own = &mut self.settings;
        set(
            &mut own.lockout.attempts,
            lockout.attempts.map(|limit| limit.into_inner().0),
        );
        set(
            &mut own.lockout.duration,
            lockout.duration.map(|time| time.0.0),
        );
        let limit = lockout.max_consecutive.map(|limit| limit.into_inner().0);
        set(
            &mut own.lockout.max_consecutive,
            limit.map(|limit| (limit != 0).then_some(limit)),
        );
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
        set(
            &mut own.prompts.totp,
            prompts.totp.map(|text| text.into_inner().0.0),
        );
        set(
            &mut own.prompts.pin,
            prompts.pin.map(|text| text.into_inner().0.0),
        );
    }

    fn add_policy(
        &mut self,
        enforcement: document::Enforcement,
        policy: document::Policy,
        source: &Source,
    ) {
        set(
            &mut self.settings.policy.mode,
            enforcement.mode.map(|mode| mode.into_inner().0),
        );
        set(
            &mut self.ask.unenrolled,
            enforcement.unenrolled.map(|unenrolled| unenrolled.0),
        );
        set(
            &mut self.ask.prompting,
            policy.prompting.map(|prompting| prompting.0),
        );
        set(&mut self.ask.tries, policy.tries.map(|tries| tries.0));
        if let Some(session) = policy
            .session
            .filter(|session| !session.get_ref().0.0.is_zero())
        {
            self.problems
                .push(source.problem(session.span(), NO_SESSION));
        }
        match policy
            .require
            .map(|require| ways(source, require))
            .transpose()
        {
            Ok(ways) => set(&mut self.ask.ways, ways),
            Err(problem) => self.problems.push(problem),
        }
    }

    fn add_questions(&mut self, questions: document::Questions, source: &Source) {
        let Some(list) = questions.catalogue else {
            return;
        };
        let span = list.span();
        let mut catalogue = Vec::new();
        for question in list.into_inner() {
            let span = question.span();
            let text = question.into_inner().0.0;
            if catalogue.contains(&text) {
                let message = format!("the question {text:?} is there already; expected each once");
                self.problems.push(source.problem(span, message));
            }
            catalogue.push(text);
        }
        if catalogue.len() < 3 {
            let message = format!(
                "{} questions to choose from; expected at least 3, as many as users set up",
                catalogue.len()
            );
            self.problems.push(source.problem(span, message));
        }
        self.settings.questions = Questions { catalogue };
    }

    /// Remembers where stands what is judged or shown later.
    fn add_places(&mut self, document: &Document, source: &Source) {
        let place = |span| Some(source.place(span));
        let Document {
            enforcement,
            lockout,
            policy,
            prompts,
            ..
        } = document;
        if let Some(mode) = &enforcement.mode {
            self.settings.policy.mode_place = place(mode.span());
        }
        if let Some(require) = &policy.require {
            self.settings.policy.default_place = place(require.span());
        }
        let limits = [
            lockout.attempts.as_ref().map(Spanned::span),
            lockout.max_consecutive.as_ref().map(Spanned::span),
        ];
        if let Some(span) = limits.into_iter().flatten().next_back() {
            self.lockout_place = place(span);
        }
        let texts = [&prompts.totp, &prompts.pin].map(|text| text.as_ref().map(Spanned::span));
        if let Some(span) = texts.into_iter().flatten().next_back() {
            self.prompts_place = place(span);
        }
    }

    fn check_lockout(&mut self) {
        let lockout = &self.settings.lockout;
        let Some(limit) = lockout
            .max_consecutive
            .filter(|limit| *limit < lockout.attempts)
        else {
            return;
        };
        let message = format!(
            "max_consecutive = {limit} is less than attempts = {0}; expected at least {0}, or 0 to turn it off",
            lockout.attempts
        );
        self.problems.extend(
            self.lockout_place
                .clone()
                .map(|place| Problem { place, message }),
        );
    }

    /// ocserv takes the same prompt once more for "wrong, try again".
    fn check_prompts(&mut self) {
        let prompts = &self.settings.prompts;
        if prompts.totp.trim() != prompts.pin.trim() {
            return;
        }
        let message = format!(
            "both prompts are {:?}; expected a text of its own for each",
            prompts.pin
        );
        self.problems.extend(
            self.prompts_place
                .clone()
                .map(|place| Problem { place, message }),
        );
    }
}

/// Overrides a setting, where a file has one.
pub(super) fn set<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}
