//! Whether a login on this host asks the agent now, for the commands that say what the agent would decide.

use std::path::Path;

use crate::commands::doctor::sshd::unasked;
use crate::commands::doctor::stacks::asking;
use crate::commands::doctor::stacks::files::Files;
use crate::commands::findings::ONCE_ANYWHERE;
use crate::context::OWN_SERVICE;
use crate::output::clean;

/// The file that libpam reads for a service without a file of its own.
const OTHER: &str = "other";

/// Whether the stack of a service asks the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    /// It does, or a file can't be read and may do so.
    Asks,
    /// It does not, but the stack of another service does.
    OtherServices,
    /// No stack does.
    Nowhere,
}

impl Asking {
    /// Of `service` in the stacks of this host.
    pub(super) fn of(files: &Files, service: &str) -> Self {
        // This program asks the agent without libpam.
        if service == OWN_SERVICE || !files.unread().is_empty() {
            return Self::Asks;
        }
        let asking = asking(files);
        let file = match files.names().any(|name| name == service) {
            true => service,
            false => OTHER,
        };
        match (asking.contains(&file), asking.is_empty()) {
            (true, _) => Self::Asks,
            (false, false) => Self::OtherServices,
            (false, true) => Self::Nowhere,
        }
    }

    /// When the agent will be asked; none if it is asked now.
    pub(super) fn once(self, service: &str) -> Option<String> {
        let service = clean(service);
        match self {
            Self::Asks => None,
            Self::OtherServices => Some(format!(
                "once pam_mfa is in the PAM stack of {service} (now it is not)"
            )),
            Self::Nowhere => Some(ONCE_ANYWHERE.to_owned()),
        }
    }

    /// Why the agent is not asked now; none if it is.
    pub(super) fn not_yet(self, service: &str) -> Option<String> {
        let service = clean(service);
        match self {
            Self::Asks => None,
            Self::OtherServices => Some(format!("pam_mfa is not in the PAM stack of {service}")),
            Self::Nowhere => Some("pam_mfa is in no PAM stack".to_owned()),
        }
    }
}

pub(super) fn is_sshd(service: &str) -> bool {
    service.starts_with("sshd")
}

/// What lets a user in through sshd without the agent, such as "a key alone"; none if `service` is not sshd, or if sshd
/// always asks. Without a user, for everybody without a `Match` block.
pub(super) fn alone(
    program: &Path,
    files: &Files,
    service: &str,
    user: Option<&str>,
) -> Option<String> {
    if !is_sshd(service) {
        return None;
    }
    let ways = unasked(program, files, (service, user), None);
    (!ways.is_empty()).then(|| ways.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_asks_by_its_own_file_or_by_that_of_others() {
        let folder = tempfile::tempdir().unwrap();
        let of = |service: &str| {
            let files = Files::read(&[folder.path().to_owned()]);
            Asking::of(&files, service)
        };
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
        };
        let asks = "auth required pam_unix.so\nauth required pam_mfa.so\n";
        write("sshd", "auth required pam_unix.so\n");
        write("other", "auth required pam_deny.so\n");
        assert_eq!(of("sshd"), Asking::Nowhere);
        assert_eq!(of(OWN_SERVICE), Asking::Asks);
        write("sudo", asks);
        assert_eq!(
            (of("sudo"), of("sshd")),
            (Asking::Asks, Asking::OtherServices)
        );
        assert_eq!(of("vpn"), Asking::OtherServices);
        write("other", asks);
        assert_eq!(
            (of("vpn"), of("sshd")),
            (Asking::Asks, Asking::OtherServices)
        );
        write("large", &"#".repeat(70_000));
        assert_eq!(of("sshd"), Asking::Asks, "what can't be read may ask");
    }
}
