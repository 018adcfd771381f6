//! Errors in the files and programs of providers, which are opened for this check.

use mfa_protocol::admin::{Finding, Severity};

use super::warning;
use crate::config::Settings;
use crate::providers::{Complaint, inspect};

/// The user who reads the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Eyes {
    /// The agent: what it can't use, it can't use.
    Agents,
    /// The user who called the program: maybe another user, without the credentials of the unit.
    Anybodys,
}

/// First what keeps the settings from being applied, then warnings.
pub(super) fn of_files(settings: &Settings, eyes: Eyes) -> Vec<Finding> {
    let found = inspect(settings);
    let error = |complaint: Complaint| match complaint.is_doubtful && eyes == Eyes::Anybodys {
        true => {
            let message = format!(
                "{}. The agent may see this differently; ask it: mfactl config check",
                complaint.message
            );
            warning(complaint.place.as_ref(), message)
        }
        false => Finding {
            severity: Severity::Error,
            ..warning(complaint.place.as_ref(), complaint.message)
        },
    };
    let warning = |complaint: Complaint| warning(complaint.place.as_ref(), complaint.message);
    let errors = found.errors.into_iter().map(error);
    errors
        .chain(found.warnings.into_iter().map(warning))
        .collect()
}
