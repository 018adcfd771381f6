//! Maps the end of a login to a PAM code, and logs it where the agent can't have logged it.
//!
//! Everything but the agent's explicit "passed" or "skipped" refuses the login. The one exception
//! is an administrator's `on_unavailable=ignore`, which covers only an outage that the user can't
//! cause (see [`RelayResult::Unavailable`]).

use mfa_protocol::login::{Authtok, Message, Outcome, Style};
use pam::constants::PamResultCode;

use crate::host::{Host, Priority};
use crate::notice::not_checked;
use mfa_protocol::arguments::{Arguments, OnUnavailable};

/// How a login ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelayResult {
    /// The agent decided.
    Decided(Outcome),
    /// There was no agent, or its reply made no sense.
    Unavailable {
        /// For the log: what went wrong and what to do.
        reason: String,
        /// Whether `on_unavailable` applies: the agent is absent, silent for the whole time-out, or
        /// reports a broken store. Not if it is busy, breaks a connection, or stops answering after
        /// a prompt: a user can fill up the agent, or wait at a prompt until the login expires.
        outage: bool,
        /// Whether it says nothing about this user: nobody was asked for anything, and the agent said nothing of an
        /// account. Only then the user is told.
        before_any_answer: bool,
    },
    /// The conversation failed or was cancelled; nothing was counted.
    Conversation(String),
    /// `use_first_pass`, but no earlier module asked for a password, or the prompt needs more than
    /// a password.
    NoPassword,
    /// A name that no account can have, or that no policy can match.
    BadName(&'static str),
}

/// The PAM code for a result; logs what the agent can't have logged.
pub fn conclude(
    result: &RelayResult,
    arguments: &Arguments,
    host: &mut impl Host,
) -> PamResultCode {
    match result {
        RelayResult::Decided(Outcome::Unavailable) => unavailable(
            "the agent could not decide; see its log: journalctl -u mfa-agent",
            true,
            arguments,
            host,
        ),
        RelayResult::Decided(outcome) => code(*outcome),
        RelayResult::Unavailable {
            reason,
            outage,
            before_any_answer,
        } => {
            let code = unavailable(reason, *outage, arguments, host);
            if *before_any_answer && code == PamResultCode::PAM_AUTHINFO_UNAVAIL {
                tell(arguments, host);
            }
            code
        }
        RelayResult::Conversation(reason) => {
            host.log(
                Priority::Notice,
                &format!("the conversation with the user ended without an answer: {reason}; no attempt was counted"),
            );
            PamResultCode::PAM_CONV_ERR
        }
        // The code that pam_unix returns here.
        RelayResult::NoPassword => {
            host.log(
                Priority::Error,
                "use_first_pass found no password with a code; put a module that asks for the \
                 password earlier in the stack, or use try_first_pass",
            );
            PamResultCode::PAM_AUTH_ERR
        }
        RelayResult::BadName(reason) => {
            host.log(Priority::Notice, reason);
            PamResultCode::PAM_AUTH_ERR
        }
    }
}

/// The table "Codes the module returns" of the architecture.
const fn code(outcome: Outcome) -> PamResultCode {
    match outcome {
        Outcome::Passed => PamResultCode::PAM_SUCCESS,
        Outcome::Skipped => PamResultCode::PAM_IGNORE,
        Outcome::Wrong => PamResultCode::PAM_AUTH_ERR,
        Outcome::Locked => PamResultCode::PAM_MAXTRIES,
        Outcome::Denied => PamResultCode::PAM_PERM_DENIED,
        Outcome::Unavailable => PamResultCode::PAM_AUTHINFO_UNAVAIL,
        Outcome::Cancelled => PamResultCode::PAM_CONV_ERR,
    }
}

fn unavailable(
    reason: &str,
    outage: bool,
    arguments: &Arguments,
    host: &mut impl Host,
) -> PamResultCode {
    if outage && arguments.on_unavailable() == OnUnavailable::Ignore {
        host.log(
            Priority::Alert,
            &format!("LOGIN WITHOUT A SECOND FACTOR, allowed by on_unavailable=ignore: {reason}"),
        );
        return PamResultCode::PAM_IGNORE;
    }
    host.log(Priority::Error, &format!("login refused: {reason}"));
    PamResultCode::PAM_AUTHINFO_UNAVAIL
}

/// Tells the user why the login ends. Not where one answer holds password and code: those programs show no message, and
/// some take it for a failure of their own.
fn tell(arguments: &Arguments, host: &mut impl Host) {
    if arguments.quiet() || arguments.authtok() != Authtok::None {
        return;
    }
    let text = not_checked(host.locale().as_deref(), host.service().as_deref());
    let message = Message {
        style: Style::Error,
        text: text.to_owned(),
    };
    if host.show(&[message]).is_err() {
        host.log(
            Priority::Notice,
            "the program did not show that the second factor can't be checked",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::script::{Event, NOT_CHECKED, Script};

    fn concluded(result: RelayResult, arguments: &str) -> (PamResultCode, String) {
        let arguments = Arguments::parse(arguments.split_whitespace().map(str::as_bytes)).unwrap();
        let mut host = Script::new("alice");
        let code = conclude(&result, &arguments, &mut host);
        (code, host.logged())
    }

    fn concluded_with(result: &RelayResult, arguments: &str, event: Event) -> PamResultCode {
        let arguments = Arguments::parse(arguments.split_whitespace().map(str::as_bytes)).unwrap();
        conclude(result, &arguments, &mut Script::of([event]))
    }

    fn gone(outage: bool) -> RelayResult {
        RelayResult::Unavailable {
            reason: "the agent is gone".into(),
            outage,
            before_any_answer: true,
        }
    }

    #[test]
    fn each_outcome_has_its_code() {
        for (outcome, expected) in [
            (Outcome::Passed, PamResultCode::PAM_SUCCESS),
            (Outcome::Skipped, PamResultCode::PAM_IGNORE),
            (Outcome::Wrong, PamResultCode::PAM_AUTH_ERR),
            (Outcome::Locked, PamResultCode::PAM_MAXTRIES),
            (Outcome::Denied, PamResultCode::PAM_PERM_DENIED),
            (Outcome::Unavailable, PamResultCode::PAM_AUTHINFO_UNAVAIL),
            (Outcome::Cancelled, PamResultCode::PAM_CONV_ERR),
        ] {
            assert_eq!(
                concluded(RelayResult::Decided(outcome), "").0,
                expected,
                "{outcome:?}"
            );
        }
    }

    #[test]
    fn a_user_is_told_that_nothing_can_be_checked_unless_the_line_is_quiet_or_the_program_has_one_answer()
     {
        for outage in [true, false] {
            for shown in [true, false] {
                let event = Event::Shows(vec![NOT_CHECKED], shown);
                let code = concluded_with(&gone(outage), "", event);
                assert_eq!(code, PamResultCode::PAM_AUTHINFO_UNAVAIL);
            }
            // A script without events: every message fails the test.
            for silent in ["quiet", "forward_pass", "use_first_pass", "try_first_pass"] {
                let (code, log) = concluded(gone(outage), silent);
                assert_eq!(code, PamResultCode::PAM_AUTHINFO_UNAVAIL);
                assert!(log.contains("the agent is gone"), "{log}");
            }
        }
    }

    #[test]
    fn a_user_is_told_nothing_that_may_be_about_their_account_or_after_they_were_asked() {
        // A script without events: every message fails the test.
        concluded(RelayResult::Decided(Outcome::Unavailable), "");
        let result = RelayResult::Unavailable {
            reason: "the login expired".into(),
            outage: false,
            before_any_answer: false,
        };
        let (code, _) = concluded(result, "");
        assert_eq!(code, PamResultCode::PAM_AUTHINFO_UNAVAIL);
    }

    #[test]
    fn an_outage_is_ignored_only_if_the_administrator_says_so_and_then_it_is_logged() {
        for result in [gone(true), RelayResult::Decided(Outcome::Unavailable)] {
            for strict in ["quiet", "quiet on_unavailable=deny"] {
                let (code, log) = concluded(result.clone(), strict);
                assert_eq!(code, PamResultCode::PAM_AUTHINFO_UNAVAIL);
                assert!(log.contains("login refused"), "{log}");
            }
            let (code, log) = concluded(result, "on_unavailable=ignore");
            assert_eq!(code, PamResultCode::PAM_IGNORE);
            assert!(log.contains("WITHOUT A SECOND FACTOR"), "{log}");
        }
    }

    #[test]
    fn nothing_but_an_outage_is_ignored() {
        for (result, expected) in [
            (gone(false), PamResultCode::PAM_AUTHINFO_UNAVAIL),
            (
                RelayResult::Conversation("cut".into()),
                PamResultCode::PAM_CONV_ERR,
            ),
            (RelayResult::NoPassword, PamResultCode::PAM_AUTH_ERR),
            (RelayResult::BadName("bad"), PamResultCode::PAM_AUTH_ERR),
            (
                RelayResult::Decided(Outcome::Wrong),
                PamResultCode::PAM_AUTH_ERR,
            ),
            (
                RelayResult::Decided(Outcome::Locked),
                PamResultCode::PAM_MAXTRIES,
            ),
        ] {
            assert_eq!(concluded(result, "quiet on_unavailable=ignore").0, expected);
        }
    }
}
