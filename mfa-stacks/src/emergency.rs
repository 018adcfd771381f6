//! The line that `mfa-pam enable` writes before ours, by which one user gets in without a code.

use std::fmt;

use crate::modules::stem;
use crate::parse::Call;

/// Who gets in without a code; `root at the console (login)` by `Display`, as
/// mfa-pam says it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Emergency {
    /// The user.
    pub user: String,
    /// The services, with colons between them.
    pub services: String,
}

impl Emergency {
    /// The way that this line is; none if it is another line.
    pub fn of(call: &Call) -> Option<Self> {
        let words: Vec<_> = call.arguments.iter().map(String::as_str).collect();
        match words[..] {
            ["quiet", "user", "=", user, "service", "in", services]
                if stem(&call.module) == "pam_succeed_if"
                    && call.control.on("success") == "1"
                    && call.control.on("auth_err") == "ignore" =>
            {
                Some(Self {
                    user: user.to_owned(),
                    services: services.to_owned(),
                })
            }
            _ => None,
        }
    }
}

impl fmt::Display for Emergency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.services.as_str() {
            "login" => write!(f, "{} at the console (login)", self.user),
            services => write!(f, "{} through {}", self.user, services.replace(':', ", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::{Does, lines};

    #[test]
    fn the_line_that_mfa_pam_writes_is_known_and_no_other() {
        let of = |line: &str| match lines(line).pop().map(|line| line.does) {
            Some(Does::Call(call)) => Emergency::of(&call).map(|way| way.to_string()),
            other => panic!("{other:?}"),
        };
        let line = "auth [success=1 default=ignore] pam_succeed_if.so quiet user = root service in login:su";
        assert_eq!(of(line).as_deref(), Some("root through login, su"));
        let usual = line.replace("login:su", "login");
        assert_eq!(of(&usual).as_deref(), Some("root at the console (login)"));
        for other in [
            line.replace("success=1", "success=2"),
            line.replace("user =", "user !="),
            line.replace(" service in login:su", ""),
            line.replace("pam_succeed_if", "pam_exec"),
        ] {
            assert_eq!(of(&other), None, "{other}");
        }
    }
}
