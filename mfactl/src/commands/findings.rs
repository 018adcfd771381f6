//! What a check of settings found, as `config check` and `doctor` say it.

use mfa_protocol::admin::{CheckConfigReply, Finding, Severity};

/// The findings that would keep somebody out.
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
