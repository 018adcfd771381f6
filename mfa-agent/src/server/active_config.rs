//! The active settings: where they come from, and how they are replaced.
//!
//! A reload is atomic. Files with a mistake leave the active settings as they are, and the agent remembers this and
//! reports it later. A reload that changes who is asked writes audit events.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use jiff::Timestamp;
use mfa_protocol::admin::{Finding, Severity};
use sha2::{Digest, Sha256};

use super::peer::Peer;
use super::{Agent, trusted_uids};
use crate::audit::{Event, Origin};
use crate::config::{self, ConfigError, Files, LastGood, Settings};
use crate::delivery::DeliveryQueue;
use crate::log;
use crate::providers::{Providers, ProvidersError};
use crate::review::{self, Review};

/// The most findings about the settings that are logged at once.
const MOST_FINDINGS: usize = 20;

/// Settings and where they were read.
#[derive(Clone)]
pub struct ActiveConfig {
    pub(super) settings: Arc<Settings>,
    /// Who sends codes, and who is asked over RADIUS.
    pub(super) providers: Arc<Providers>,
    /// The first of the files.
    pub(super) file: PathBuf,
    pub(super) loaded_at: Timestamp,
    digest: [u8; 32],
    /// Why a later reload came to nothing.
    pub(super) reload_error: Option<String>,
    /// Why these are the last good settings, if the files could not be used at the start.
    pub(super) start_error: Option<String>,
    /// What is saved for such a start.
    last_good: Option<LastGood>,
}

impl ActiveConfig {
    /// Reads the settings, from `file` and those beside it.
    ///
    /// # Errors
    ///
    /// As [`Settings::load`], and if a secret of a provider can't be read.
    pub fn load(file: &Path) -> Result<Self, LoadError> {
        let files = Files::read(file)?;
        let digest = digest(&files);
        let settings = files.clone().settings()?;
        let providers = Arc::new(Providers::load(&settings)?);
        Ok(Self {
            last_good: LastGood::of(file, &files, &settings),
            settings: Arc::new(settings),
            providers,
            file: file.to_owned(),
            loaded_at: Timestamp::now(),
            digest,
            reload_error: None,
            start_error: None,
        })
    }

    /// The same at a start, or the last settings that could be used: an agent that does not serve refuses everybody,
    /// also the administrator who would fix the mistake.
    ///
    /// # Errors
    ///
    /// As [`ActiveConfig::load`], where none were kept.
    pub fn load_or_last_good(file: &Path) -> Result<Self, LoadError> {
        let error = match Self::load(file) {
            Ok(active_config) => return Ok(active_config),
            Err(error) => error,
        };
        let last_good = Self::last_good(file, &error.to_string()).ok_or(error)?;
        Ok(last_good.announced())
    }

    /// The last settings that an agent has served with, where these lead to another store, another key or another
    /// socket and could not be started with for `reason`.
    #[must_use]
    pub fn last_good_instead(&self, reason: &str) -> Option<Self> {
        let last_good = Self::last_good(&self.file, reason)?;
        let (old, new) = (&last_good.settings, &self.settings);
        let differs = old.store != new.store || old.server.socket != new.server.socket;
        differs.then(|| last_good.announced())
    }

    /// Logs that these settings are used instead of those in the files.
    fn announced(self) -> Self {
        let error = self.start_error.as_deref().unwrap_or_default();
        log::error(format_args!(
            "the settings can't be used, so the agent uses the last good ones, of {:.0}: {error}. Fix them \
             (mfa-agent --check shows each mistake), then run: systemctl reload mfa-agent",
            self.loaded_at
        ));
        self
    }

    fn last_good(file: &Path, error: &str) -> Option<Self> {
        let (files, kept_at) = LastGood::find(file)?;
        let digest = digest(&files);
        let settings = files.settings().ok()?;
        // A secret that can't be read only fails the channel that needs it.
        let providers = Arc::new(Providers::usable(&settings));
        Some(Self {
            settings: Arc::new(settings),
            providers,
            file: file.to_owned(),
            loaded_at: kept_at,
            digest,
            reload_error: None,
            start_error: Some(error.to_owned()),
            last_good: None,
        })
    }

    /// Keeps these settings for a start with files that can't be used.
    fn keep(&self) {
        let kept = self.last_good.as_ref().map(LastGood::keep);
        if let Some(Err(error)) = kept {
            log::warn(error);
        }
    }

    /// The default.
    #[cfg(test)]
    pub(super) fn builtin() -> Self {
        Self::of(Settings::default())
    }

    /// Settings of a test's own.
    #[cfg(test)]
    pub(super) fn of(settings: Settings) -> Self {
        Self {
            settings: Arc::new(settings),
            providers: Arc::default(),
            file: PathBuf::new(),
            loaded_at: Timestamp::UNIX_EPOCH,
            digest: [0; 32],
            reload_error: None,
            start_error: None,
            last_good: None,
        }
    }

    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether the files say something else by now. Files that can't be read do.
    pub(super) fn is_outdated(&self) -> bool {
        !Files::read(&self.file).is_ok_and(|files| digest(&files) == self.digest)
    }
}

/// Sets who sends codes from now on; waiting messages already use the new providers.
pub(super) fn supply(delivery_queue: &DeliveryQueue, providers: &Providers) {
    delivery_queue.set_email(providers.email.clone());
    delivery_queue.set_texts(providers.texts.clone());
}

/// Why settings can't be applied.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// They are wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file or credential that they name can't be used.
    #[error(transparent)]
    Providers(#[from] ProvidersError),
}

fn digest(files: &Files) -> [u8; 32] {
    let mut hash = Sha256::new();
    for (file, text) in files.texts() {
        for part in [file.as_os_str().as_encoded_bytes(), text.as_bytes()] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    hash.finalize().into()
}

impl Agent {
    /// Reads the settings again and applies them to logins that start from now on; active logins keep the settings that
    /// they started with. Returns whether the settings could be applied.
    pub fn reload(&self) -> bool {
        self.reload_for(None)
    }

    /// The same, as `caller` asked for.
    pub(super) fn reload_for(&self, caller: Option<Peer>) -> bool {
        let _one = self
            .reloading
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.audit.reopen();
        // The host may have another one by now: rules for hours and times in messages follow it at once.
        jiff::tz::reset_system_time_zone_cache();
        // [store] holds until a restart, but what is in its files may be new.
        if let Some(fleet) = self.repository.fleet() {
            fleet.renew_certificates();
        }
        let old = self.active_config();
        let (result, reason) = match ActiveConfig::load(&old.file) {
            Ok(new) => {
                let waiting = self.waits_for_a_start(&new.settings);
                let is_complete = waiting.is_empty();
                for finding in &waiting {
                    log::warn(review::line(finding));
                }
                self.put_in_force(new);
                // Keys that need a restart are not active in any agent yet.
                if is_complete {
                    self.keep_settings();
                }
                log::info("the settings were reloaded");
                ("done", None)
            }
            Err(error) => {
                log::error(format_args!("the old settings stay active: {error}"));
                let reason = error.to_string();
                self.put_in_force(ActiveConfig {
                    reload_error: Some(reason.clone()),
                    ..(*old).clone()
                });
                ("refused", Some(reason))
            }
        };
        let event = Event {
            event: "reload",
            result,
            reason,
            by_uid: caller.map(|peer| peer.uid),
            by_pid: caller.map(|peer| peer.pid),
            ..Event::default()
        };
        self.audit
            .record(event, Timestamp::now(), Origin::Privileged);
        self.note_mode();
        result == "done"
    }

    /// The keys of `settings` that need a restart to apply.
    pub(super) fn waits_for_a_start(&self, settings: &Settings) -> Vec<Finding> {
        let changed = self.changed_since_start(settings).into_iter();
        let told = |name: String| Finding {
            severity: Severity::Warning,
            place: None,
            message: format!(
                "{name} was changed, which needs a restart to apply: systemctl restart mfa-agent"
            ),
        };
        changed.map(told).collect()
    }

    /// Their names.
    pub(super) fn changed_since_start(&self, settings: &Settings) -> Vec<String> {
        let changed = self.started_with.changed(settings).into_iter();
        changed.map(str::to_owned).collect()
    }

    /// Saves the active settings for a start with invalid files.
    pub fn keep_settings(&self) {
        self.active_config().keep();
    }

    /// Logs findings about the active settings. This needs look-ups, so no caller should wait for it.
    pub fn review(&self) {
        let review = Review {
            settings: &self.settings(),
            names: &*self.names,
            repository: Some(&self.repository),
            host: None,
        };
        let findings = review.findings(Timestamp::now());
        for finding in findings.iter().take(MOST_FINDINGS) {
            log::warn(review::line(finding));
        }
        if findings.len() > MOST_FINDINGS {
            log::warn(
                "there are more findings about the settings; to list them: mfactl config \
                       check",
            );
        }
    }

    pub(super) fn put_in_force(&self, active_config: ActiveConfig) {
        let trusted = trusted_uids(&*self.names, &active_config.settings);
        *super::write(&self.trusted) = trusted;
        for queue in [&self.delivery_queue, &self.notices.queue] {
            supply(queue, &active_config.providers);
        }
        *super::write(&self.active_config) = Arc::new(active_config);
    }
}

/// Keys that need a restart to apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lasting {
    socket: PathBuf,
    store: config::Store,
    audit: config::Audit,
}

impl Lasting {
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            socket: settings.server.socket.clone(),
            store: settings.store.clone(),
            audit: settings.audit.clone(),
        }
    }

    /// The names of what differs in `new`.
    fn changed(&self, new: &Settings) -> Vec<&'static str> {
        let pairs = [
            ("[server] socket", self.socket != new.server.socket),
            ("[store]", self.store != new.store),
            ("[audit]", self.audit != new.audit),
        ];
        let changed = pairs.into_iter().filter(|(_, is_changed)| *is_changed);
        changed.map(|(name, _)| name).collect()
    }
}
