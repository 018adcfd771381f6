//! Reading settings the way a careful colleague would, before they are put in force.

use jiff::Timestamp;
use mfa_protocol::admin::Finding;

use crate::config::Settings;
use crate::ledger::Ledger;
use crate::names::Names;

/// What is looked at.
pub struct Review<'a> {
    /// The settings, which are valid.
    pub settings: &'a Settings,
    /// Who there is.
    pub names: &'a dyn Names,
    /// Who has set up what; none when no agent runs.
    pub ledger: Option<&'a Ledger>,
}

impl Review<'_> {
    /// All that is strange.
    #[must_use]
    pub fn findings(&self, _now: Timestamp) -> Vec<Finding> {
        Vec::new()
    }
}
