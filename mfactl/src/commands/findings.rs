//! The findings of a check of settings, as `config check` and `doctor` print them.

use mfa_protocol::admin::{CheckConfigReply, Finding, Severity};

use super::asking::Asking;

/// The findings that would keep an administrator out.
pub(super) fn errors(reply: &CheckConfigReply) -> impl Iterator<Item = &Finding> {
    let findings = reply.findings.iter();
    findings.filter(|finding| finding.severity == Severity::Error)
}

/// As [`said`], of an error in valid settings: that is about who would be locked out, and no login is refused before a
/// stack asks.
pub(super) fn said_of_host(reply: &CheckConfigReply, finding: &Finding, asking: Asking) -> String {
    match asking.once_anywhere().filter(|_| reply.valid) {
        None => said(finding),
        Some(once) => said(&Finding {
            message: format!("{once}, {}", finding.message),
            ..finding.clone()
        }),
    }
}

/// "FILE:LINE: message", or the message alone.
pub(super) fn said(finding: &Finding) -> String {
    match &finding.place {
        Some(place) => format!("{place}: {}", finding.message),
        None => finding.message.clone(),
    }
}
