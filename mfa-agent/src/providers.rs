//! Prepares the senders of codes and the RADIUS clients from the settings.
//!
//! Secrets and certificates are read from their files once, when settings are applied. All problems
//! are reported at once, by key and file, with what to do; then the agent does not start, or keeps
//! the providers that it has. Reports never contain a secret. Nothing is sent here.

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

/// The senders and RADIUS clients, ready for use.
#[derive(Clone, Default)]
pub struct Providers {
    /// Sends emails; `None` without `[delivery.email]`. The channel in use may be text messages.
    pub email: Option<Arc<dyn Transport<EmailAddress>>>,
    /// Sends text messages; `None` without `[delivery.sms]`.
    pub texts: Option<Arc<dyn Transport<PhoneNumber>>>,
    /// The RADIUS client of each `[[radius]]`, by name.
    pub radius: BTreeMap<String, Arc<mfa_radius::Client>>,
}

/// Everything that prevents settings from being applied; one line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.0))]
pub struct ProvidersError(pub Vec<Complaint>);

/// One problem with a file or program that the settings name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Where the settings name it.
    pub place: Option<Place>,
    /// The key, what is wrong, and what to do; one line.
    pub message: String,
    /// Whether it may be right for the agent, and only looks wrong to another user or outside the
    /// agent's unit.
    pub is_doubtful: bool,
}

/// The result of [`inspect`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Problems that prevent the settings from being applied.
    pub errors: Vec<Complaint>,
    /// Things that will fail, or are less safe than they could be.
    pub warnings: Vec<Complaint>,
}

impl Providers {
    /// Reads the secrets and certificates that `settings` name.
    ///
    /// # Errors
    ///
    /// [`ProvidersError`], with all problems: a secret that others may read, a file without
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
    /// The usable providers, although the others would prevent a start.
    #[must_use]
    pub fn usable(settings: &Settings) -> Self {
        Loader::run(settings).0
    }
}

/// Everything that [`Providers::load`] would refuse, and other problems with the files and programs
/// that `settings` name.
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
