//! Whether libpam lets a login succeed that our module refuses.
//!
//! Our refusal counts only if no later line reverses it. So the rest of the stack is followed for each result of our
//! module other than "passed" and "not asked here", while every other module succeeds. Measured with libpam 1.5: an `ok`
//! for a result that is no success makes a login fail, `reset` cancels earlier failures, and a stack without a result
//! fails.

use super::walk::follow;
use mfa_stacks::chain::Step;

/// The results of our module if the code was not passed, and their meaning. The last one is libpam's if it can't load
/// the module.
pub(super) const REFUSALS: [(&str, &str); 7] = [
    ("auth_err", "the code is wrong"),
    ("maxtries", "the user is locked"),
    ("perm_denied", "the policy denies the login"),
    ("authinfo_unavail", "the agent is not reachable"),
    ("conv_err", "no code is typed"),
    ("service_err", "an argument of the line is wrong"),
    ("module_unknown", "the module is missing"),
];

/// The result of the modules so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Undecided,
    Well,
    Failed,
}

/// Whether the login succeeds if all steps before `from` succeed and each later step returns what `says` returns, in the
/// words of the bracketed form.
pub(super) fn lets_in(steps: &[Step], from: usize, says: impl Fn(usize) -> &'static str) -> bool {
    let before = if from == 0 {
        State::Undecided
    } else {
        State::Well
    };
    // The state at the start of each substack, to which `reset` should return. (libpam 1.5 refuses every login after a
    // reset in a substack; this is the more careful reading.)
    let mut entered: Vec<(usize, State)> = Vec::new();
    let (mut at, mut state) = (from, before);
    while let Some(step) = steps.get(at) {
        for &substack in &step.substacks {
            if entered.iter().all(|(known, _)| *known != substack) {
                entered.push((substack, state));
            }
        }
        let innermost = step.substacks.last();
        let entry = entered.iter().find(|(known, _)| Some(known) == innermost);
        let result = says(at);
        let action = step.call.control.on(result);
        let (next, _) = follow(steps, at, action, state == State::Failed);
        state = match action {
            "ok" | "done" if state != State::Failed && result == "success" => State::Well,
            "ok" | "done" => State::Failed,
            "ignore" => state,
            "reset" => entry.map_or(State::Undecided, |(_, state)| *state),
            jump if jump.parse().is_ok_and(|count: u32| count > 0) => state,
            // `bad` and `die`, and what libpam does not understand.
            _ => State::Failed,
        };
        at = next;
    }
    state == State::Well
}

#[cfg(test)]
mod tests {
    use super::*;
    use mfa_stacks::chain::steps;

    /// Whether `pam_ours`, after a password, is of no account when it says `auth_err`.
    fn passes(rest: &str) -> bool {
        let stack = format!("auth requisite pam_yes\n{rest}");
        let inner = "auth [success=ok default=bad] pam_ours\nauth [success=reset] pam_yes\n";
        let text = |name: &str| Some(if name == "inner" { inner } else { &stack });
        let steps = steps("outer", &text);
        lets_in(&steps, 1, |at| match steps[at].call.module.as_str() {
            "pam_ours" => "auth_err",
            _ => "success",
        })
    }

    /// Each was tried with libpam 1.5 and `pam_debug`.
    #[test]
    fn a_refusal_ends_as_libpam_ends_it() {
        for (line, expected) in [
            ("auth required pam_ours", false),
            ("auth requisite pam_ours", false),
            ("auth optional pam_ours", true),
            ("auth sufficient pam_ours", true),
            ("auth sufficient pam_ours\nauth required pam_yes", true),
            (
                "auth [success=ok ignore=ignore default=die] pam_ours",
                false,
            ),
            ("auth [default=ignore] pam_ours", true),
            ("auth [default=die auth_err=ignore] pam_ours", true),
            (
                "auth [auth_err=bad auth_err=ignore default=die] pam_ours",
                true,
            ),
            (
                "auth [auth_err=ignore auth_err=bad default=die] pam_ours",
                false,
            ),
            ("auth [success=ok auth_err=ok] pam_ours", false),
            ("auth [success=ok auth_err=done] pam_ours", false),
            ("auth [success=ok default=0] pam_ours", false),
            (
                "auth [success=ok default=1] pam_ours\nauth requisite pam_yes",
                true,
            ),
            (
                "auth required pam_ours\nauth [success=reset] pam_yes",
                false,
            ),
            (
                "auth required pam_ours\nauth [success=reset] pam_yes\nauth required pam_yes",
                true,
            ),
        ] {
            assert_eq!(passes(line), expected, "{line}");
        }
    }

    #[test]
    fn a_reset_in_a_substack_is_taken_to_go_back_to_how_it_was_entered() {
        assert!(passes("auth substack inner"));
        assert!(!passes("auth required pam_ours\nauth substack inner"));
    }

    #[test]
    fn without_anything_before_it_nobody_s_opinion_is_a_refusal() {
        let text = |_: &str| Some("auth optional pam_ours\n");
        let steps = steps("outer", &text);
        assert!(!lets_in(&steps, 0, |_| "auth_err"));
    }
}
