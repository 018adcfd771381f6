//! The findings of a check of settings, as `config check` and `doctor` print them.

use mfa_protocol::admin::{CheckConfigReply, Finding, Severity};

/// The findings that would keep an administrator out.
pub(super) fn errors(reply: &CheckConfigReply) -> impl Iterator<Item = &Finding> {
    let findings = reply.findings.iter();
    findings.filter(|finding| finding.severity == Severity::Error)
}

/// "FILE:LINE: message", or the message alone.
pub(super) fn said(finding: &Finding) -> String {
    match &finding.place {
        Some(place) => format!("{place}: {}", finding.message),
        None => finding.message.clone(),
    }
}
