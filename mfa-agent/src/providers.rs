//! Those who send codes and those who judge them elsewhere, made ready from the settings.
//!
//! Settings name the files of secrets and certificates; here they are read, once, when settings are put in
//! force. What can't be used is told all at once, by key and file, with what to do, and then there are no
//! providers: the agent does not start, or keeps those that it has. A secret goes into whoever needs it,
//! and never into what is told. Nothing is sent and nobody is asked here.

mod loader;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::config::Settings;
use crate::delivery::Transport;
use loader::Loader;
use mfa_core::factors::address::{EmailAddress, PhoneNumber};
use mfa_core::policy::Place;

/// Whom the settings name, ready for use.
#[derive(Clone, Default)]
pub struct Providers {
    /// Sends mails; `None` without `[delivery.email]`. The channel in use may be the other one.
    pub email: Option<Arc<dyn Transport<EmailAddress>>>,
    /// Sends text messages; `None` without `[delivery.sms]`.
    pub texts: Option<Arc<dyn Transport<PhoneNumber>>>,
    /// Asks the servers of each `[[radius]]`, by its name.
    pub radius: BTreeMap<String, Arc<mfa_radius::Client>>,
}

/// All that keeps settings from being put in force; one line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.0))]
pub struct ProvidersError(pub Vec<Complaint>);

/// One thing that is wrong with a file or a program that settings name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Where it is named.
    pub place: Option<Place>,
    /// The key, what is wrong, and what to do; one line.
    pub message: String,
    /// Whether it may be right for the agent, and only looks wrong to another user or outside of its unit.
    pub is_doubtful: bool,
}

/// What [`inspect`] finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// What keeps the settings from being put in force.
    pub errors: Vec<Complaint>,
    /// What will fail, or is not as safe as it could be.
    pub warnings: Vec<Complaint>,
}

impl Providers {
    /// Reads the secrets and certificates that `settings` name.
    ///
    /// # Errors
    ///
    /// [`ProvidersError`], with all that is wrong: a secret that others may read, a file without
    /// certificates …
    pub fn load(settings: &Settings) -> Result<Self, ProvidersError> {
        let (providers, inspection) = Loader::run(settings);
        match inspection.errors.is_empty() {
            true => Ok(providers),
            false => Err(ProvidersError(inspection.errors)),
        }
    }
}

impl Providers {
    /// Those that can be used, where the others would keep the agent from starting.
    #[must_use]
    pub fn usable(settings: &Settings) -> Self {
        Loader::run(settings).0
    }
}

/// What [`Providers::load`] would refuse, and what else is strange about the files and programs that
/// `settings` name.
#[must_use]
pub fn inspect(settings: &Settings) -> Inspection {
    Loader::run(settings).1
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

fn lines(complaints: &[Complaint]) -> String {
    let lines: Vec<String> = complaints.iter().map(ToString::to_string).collect();
    lines.join("\n")
}
