//! Checks the settings before they are applied, and the agent itself.

use jiff::Timestamp;
use mfa_protocol::admin::{
    CheckConfigParameters, CheckConfigReply, Finding, HealthReply, ModeReply, ReloadReply, Severity,
};

use super::super::connection::Connection;
use super::super::error::Failure;
use super::super::storage_watch::StorageWatch;
use super::fit;
use crate::config::{ConfigError, Files};
use crate::providers::inspect;
use crate::review::Review;

/// The most users that are listed by name; a name has at most 256 bytes, so all fit into one message.
const MOST_REFUSED: usize = 50;

impl Connection {
    /// Nothing is applied. Only the agent's own files are read, since errors quote the file.
    pub(super) fn check_config(
        &self,
        parameters: &CheckConfigParameters,
    ) -> Result<CheckConfigReply, Failure> {
        let agent = &self.agent;
        agent.require_administrator(self.peer, &agent.settings())?;
        let file = agent.active_config().file.clone();
        let now = Timestamp::now();
        let mut refused = Vec::new();
        let mut names = vec![file.display().to_string()];
        let read = Files::read(&file).and_then(|files| {
            names = files
                .names()
                .map(|name| name.display().to_string())
                .collect();
            files.settings()
        });
        let (valid, findings) = match read {
            Ok(settings) => {
                let review = Review {
                    settings: &settings,
                    names: &*agent.names,
                    repository: Some(&agent.repository),
                    host: parameters.host.as_ref(),
                };
                let can_be_used = inspect(&settings).errors.is_empty();
                let not_all_tried;
                (refused, not_all_tried) = review.refused(now);
                let mut findings = review.thorough_findings(now);
                findings.extend(not_all_tried);
                findings.extend(agent.waits_for_a_start(&settings));
                (can_be_used, findings)
            }
            Err(error) => (false, problems(&error)),
        };
        // The first mistakes are enough to begin with.
        let mut findings = findings;
        fit(&mut findings);
        fit(&mut names);
        let refused_more = refused.len().saturating_sub(MOST_REFUSED);
        refused.truncate(MOST_REFUSED);
        Ok(CheckConfigReply {
            file: file.display().to_string(),
            files: names,
            valid,
            findings,
            refused,
            refused_more: refused_more.try_into().unwrap_or(u64::MAX),
        })
    }

    /// The active mode, where it is set, and what the files say now.
    pub(super) fn mode(&self) -> Result<ModeReply, Failure> {
        let agent = &self.agent;
        let active_config = agent.active_config();
        agent.require_administrator(self.peer, &active_config.settings)?;
        let policy = &active_config.settings.policy;
        let in_files = Files::read(&active_config.file).and_then(|files| files.settings());
        Ok(ModeReply {
            mode: policy.mode,
            place: policy.mode_place.as_ref().map(ToString::to_string),
            config: active_config.file.display().to_string(),
            file_mode: in_files.ok().map(|it| it.policy.mode),
        })
    }

    /// As SIGHUP does.
    pub(super) fn reload(&self) -> Result<ReloadReply, Failure> {
        let agent = &self.agent;
        agent.require_administrator(self.peer, &agent.settings())?;
        if agent.reload_for(Some(self.peer)) {
            agent.review();
        }
        Ok(ReloadReply {
            error: agent.active_config().reload_error.clone(),
        })
    }

    pub(super) fn health(&self) -> Result<HealthReply, Failure> {
        let agent = &self.agent;
        agent.require_administrator(self.peer, &agent.settings())?;
        let active_config = agent.active_config();
        // Where the store can't be read, `store_error` says so.
        let last_backup = agent.repository.last_backup().ok().flatten();
        Ok(HealthReply {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            config: active_config.file.display().to_string(),
            loaded_at: format!("{:.0}", active_config.loaded_at),
            reload_error: active_config.reload_error.clone(),
            config_changed: active_config.is_outdated(),
            restart_needed: agent.changed_since_start(&active_config.settings),
            store_error: agent.repository.page(None, 1).err().map(|e| e.to_string()),
            store_rollback: agent.repository.rollback().map(str::to_owned),
            start_error: active_config.start_error.clone(),
            storage_missing: agent.storage_watch.missing(&active_config.settings.store),
            clock_error: agent.clock_watch.suspicion(),
            audit_error: agent.audit.file_error(),
            damaged: agent.repository.damaged(),
            last_backup: last_backup.map(|last| format!("{:.0}", last.at)),
            store_shared: agent.repository.fleet().is_some(),
            key_credential: StorageWatch::is_key_a_credential(&active_config.settings.store),
        })
    }
}

/// What keeps the files from being settings.
fn problems(error: &ConfigError) -> Vec<Finding> {
    let finding = |place: Option<String>, message: String| Finding {
        severity: Severity::Error,
        place,
        message,
    };
    match error {
        ConfigError::Bad(problems) => problems
            .iter()
            .map(|problem| finding(Some(problem.place.to_string()), problem.message.clone()))
            .collect(),
        other => vec![finding(None, other.to_string())],
    }
}
