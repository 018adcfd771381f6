//! The findings of a check of settings, as `config check` and `doctor` print them.

use mfa_protocol::admin::{CheckConfigReply, Finding, Severity};

/// When the agent will be asked, on a host where no stack asks it.
pub(super) const ONCE_ANYWHERE: &str = "once pam_mfa is in a PAM stack (now it is in none)";

/// The findings that would keep an administrator out.
pub(super) fn errors(reply: &CheckConfigReply) -> impl Iterator<Item = &Finding> {
    let findings = reply.findings.iter();
    findings.filter(|finding| finding.severity == Severity::Error)
}

/// As [`said`], of an error in valid settings: that is about who would be locked out, and no login is refused before a
/// stack asks. `is_asked` is whether one does.
pub(super) fn said_of_host(reply: &CheckConfigReply, finding: &Finding, is_asked: bool) -> String {
    match is_asked || !reply.valid {
        true => said(finding),
        false => said(&Finding {
            message: format!("{ONCE_ANYWHERE}, {}", finding.message),
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
