//! libpam's way through a stack, as far as it can be predicted.
//!
//! The caller assumes which passwords are right. The results of other modules are unknown, so every way that their lines
//! allow is followed. Measured with libpam 1.5: a substack that fails ends only itself, and `done` ends nothing after a
//! failure.

use mfa_stacks::chain::Step;
use mfa_stacks::modules::marks;

use super::says::failures;

/// The assumed result of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Result {
    Success,
    /// Any result but success.
    Failure,
    Unknown,
}

/// Whether a step can be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reached {
    /// Without a failure until then.
    pub(super) well: bool,
    /// After a failure, so that the login is refused in the end.
    pub(super) failed: bool,
}

/// Whether the step `goal` can be reached, with the assumed results.
pub(super) fn reached(steps: &[Step], goal: usize, supposed: impl Fn(usize) -> Result) -> Reached {
    leads_to(steps, 0, goal, supposed)
}

/// The same for a login that reached the step `from` without a failure.
pub(super) fn leads_to(
    steps: &[Step],
    from: usize,
    goal: usize,
    supposed: impl Fn(usize) -> Result,
) -> Reached {
    // Each step is visited at most twice: before and after a failure.
    let mut seen = vec![[false; 2]; steps.len()];
    let mut open = vec![(from, false)];
    while let Some((at, failed)) = open.pop() {
        let Some(step) = steps.get(at) else { continue };
        let before = std::mem::replace(&mut seen[at][usize::from(failed)], true);
        // After a mark of a wrong password no later line asks.
        if before || at == goal || marks(&step.call) {
            continue;
        }
        let control = &step.call.control;
        let actions = match supposed(at) {
            Result::Success => vec![control.on("success")],
            Result::Failure => failures(step).map(|code| control.on(code)).collect(),
            Result::Unknown => control.any(),
        };
        let next = actions
            .into_iter()
            .map(|action| follow(steps, at, action, failed));
        open.extend(next);
    }
    let [well, failed] = seen.get(goal).copied().unwrap_or_default();
    Reached { well, failed }
}

/// Where an action leads, and whether there was a failure. Ways only lead forward.
pub(super) fn follow(steps: &[Step], at: usize, action: &str, failed: bool) -> (usize, bool) {
    match action {
        "die" => (end_of_own(steps, at), true),
        "done" if !failed => (end_of_own(steps, at), false),
        "bad" => (at + 1, true),
        "reset" => (at + 1, false),
        _ => match action.parse::<usize>() {
            Ok(count) => (jump(steps, at, count), failed),
            Err(_) => (at + 1, failed),
        },
    }
}

/// The first step after the substack that `at` is in; the end of all if it is in none.
fn end_of_own(steps: &[Step], at: usize) -> usize {
    let own = &steps[at].substacks;
    let is_outside = |step: &Step| !own.is_empty() && !step.substacks.starts_with(own);
    let rest = steps[at..].iter().position(is_outside);
    rest.map_or(steps.len(), |more| at + more)
}

/// The step after the next `count`. A whole substack counts for one, and no jump leads out of its own.
fn jump(steps: &[Step], at: usize, count: usize) -> usize {
    let own = &steps[at].substacks;
    let inner = |step: &Step| step.substacks.get(own.len()).copied();
    let mut next = at + 1;
    for _ in 0..count {
        let Some(step) = steps.get(next) else { break };
        if !step.substacks.starts_with(own) {
            break;
        }
        let unit = inner(step);
        let is_more = |other: &&Step| {
            unit.is_some() && other.substacks.starts_with(own) && inner(other) == unit
        };
        next += 1 + steps[next + 1..].iter().take_while(is_more).count();
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use mfa_stacks::chain::steps;

    /// Whether the last step is reached when `pam_yes` succeeds, `pam_no` fails, and nobody knows of others.
    fn last_is_reached(stack: &str, taken_in: &str) -> (bool, bool) {
        let text = |name: &str| Some(if name == "inner" { taken_in } else { stack });
        let steps = steps("outer", &text);
        let supposed = |at: usize| match steps[at].call.module.as_str() {
            "pam_yes" => Result::Success,
            "pam_no" => Result::Failure,
            _ => Result::Unknown,
        };
        let Reached { well, failed } = reached(&steps, steps.len() - 1, supposed);
        (well, failed)
    }

    #[test]
    fn a_file_that_fails_ends_the_stack_and_a_substack_only_itself() {
        let no = "auth requisite pam_no\nauth required pam_yes\n";
        assert_eq!(
            last_is_reached("auth include inner\nauth required x", no),
            (false, false)
        );
        assert_eq!(
            last_is_reached("auth substack inner\nauth required x", no),
            (false, true)
        );
    }

    #[test]
    fn done_ends_nothing_once_something_has_failed() {
        let stack = "auth required pam_no\nauth sufficient pam_yes\nauth required x";
        assert_eq!(last_is_reached(stack, ""), (false, true));
        let stack = "auth sufficient pam_yes\nauth required x";
        assert_eq!(last_is_reached(stack, ""), (false, false));
        let in_a_substack = "auth substack inner\nauth required x";
        assert_eq!(
            last_is_reached(in_a_substack, "auth sufficient pam_yes"),
            (true, false)
        );
    }

    #[test]
    fn a_substack_counts_for_one_in_a_jump_and_holds_its_own() {
        let two = "auth required pam_yes\nauth required pam_no\n";
        let over = "auth [success=1] pam_yes\nauth substack inner\nauth required x";
        assert_eq!(last_is_reached(over, two), (true, false));
        let over_all = "auth [success=2] pam_yes\nauth substack inner\nauth required x";
        assert_eq!(last_is_reached(over_all, two), (false, false));
        let from_inside = "auth substack inner\nauth required x";
        let far = "auth [success=9] pam_yes\nauth requisite pam_no\n";
        assert_eq!(last_is_reached(from_inside, far), (true, false));
    }

    #[test]
    fn of_what_nobody_knows_every_way_is_taken() {
        let stack = "auth [success=1 default=die] y\nauth requisite pam_no\nauth required x";
        assert_eq!(last_is_reached(stack, ""), (true, false));
        let stack = "auth required y\nauth required x";
        assert_eq!(last_is_reached(stack, ""), (true, true));
    }
}
