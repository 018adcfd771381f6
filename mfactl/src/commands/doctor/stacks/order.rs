//! The position of `pam_mfa` among the modules that authenticate.
//!
//! Input: texts of files, by name. Output: a judgement of one service, whether exactly the users who passed a password
//! or key are asked for the code.

use super::bypass;
use super::ends::{REFUSALS, lets_in};
use super::walk::{Reached, Result, reached};
use mfa_stacks::chain::{BROKEN, Place, Step, steps};
use mfa_stacks::modules::{self, asks, shown, stem};
use mfa_stacks::parse::Phase;

/// Our arguments for single-prompt programs: the code is split off first.
const ONE_ANSWER: [&str; 3] = ["forward_pass", "use_first_pass", "try_first_pass"];

/// What our line must begin with.
pub(super) const CONTROL: &str = "auth [success=ok ignore=ignore default=die]";

/// The judgement of a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Order {
    /// It asks for the code after the password.
    Sound,
    /// It asks for the code first.
    CodeFirst {
        /// Our line.
        code: Place,
        /// The right order, if swapping two lines is enough.
        swap: Option<[Place; 2]>,
        /// The modules that check a password after it, as they may be shown.
        passwords: Vec<String>,
    },
    /// It asks for the code although the password was wrong.
    NotEnded {
        /// Our line.
        code: Place,
        /// The modules that check a password before it, as they may be shown.
        passwords: Vec<String>,
    },
    /// After a right password our line is never reached.
    Leapt {
        /// The line that skips ours.
        by: Place,
        /// As above.
        passwords: Vec<String>,
    },
    /// A refusal by our module does not end the login, or not every one does.
    Uncounted {
        /// Our line.
        code: Place,
        /// The line with the right control.
        right: String,
        /// When the login succeeds all the same.
        when: Vec<&'static str>,
    },
    /// It splits the code off one answer with both.
    OneAnswer {
        /// Our line.
        code: Place,
    },
    /// No password is asked for.
    Alone {
        /// Our line.
        code: Place,
    },
}

/// The judgement of `service`; none if it does not name our module. `text` knows the files.
pub(super) fn of<'a>(service: &str, text: &dyn Fn(&str) -> Option<&'a str>) -> Option<Order> {
    match judge(&steps(service, text))? {
        Order::Leapt { by, passwords } => {
            // The password's own line only begins it; a later line may end the stack.
            let by = bypass::by_mistake(Phase::Auth, service, text).unwrap_or(by);
            Some(Order::Leapt { by, passwords })
        }
        order => Some(order),
    }
}

/// Our line, if it lets everybody in while the agent is not reachable.
pub(super) fn lenient<'a>(service: &str, text: &dyn Fn(&str) -> Option<&'a str>) -> Option<Place> {
    let steps = steps(service, text);
    let ours = steps.iter().find(|step| asks(&step.call))?;
    let mut arguments = ours.call.arguments.iter();
    arguments
        .any(|word| word == "on_unavailable=ignore")
        .then(|| ours.place())
}

fn judge(steps: &[Step]) -> Option<Order> {
    let at = steps.iter().position(|step| asks(&step.call))?;
    if !steps[..at].iter().any(is_password) {
        let order = code_first(steps, at);
        let is_worse = matches!(order, Order::CodeFirst { .. });
        let uncounted = uncounted(steps, at).filter(|_| !is_worse);
        return Some(uncounted.unwrap_or(order));
    }
    let passwords = || passwords(&steps[..at]);
    let wrong = reached(steps, at, |i| supposed(&steps[i], Result::Failure));
    if wrong != Reached::default() {
        return Some(Order::NotEnded {
            code: steps[at].place(),
            passwords: passwords(),
        });
    }
    let is_leap = |&right: &usize| {
        let says = |i: usize| match i == right {
            true => Result::Success,
            false => supposed(&steps[i], Result::Unknown),
        };
        !reached(steps, at, says).well
    };
    let mut checked = (0..at).filter(|&i| is_password(&steps[i]));
    let leap = checked.find(is_leap);
    let leapt = leap.map(|i| Order::Leapt {
        by: steps[i].place(),
        passwords: passwords(),
    });
    let order = leapt.or_else(|| uncounted(steps, at));
    Some(order.unwrap_or(Order::Sound))
}

/// The judgement if a login succeeds that our module refused, and that passed no other second factor.
fn uncounted(steps: &[Step], at: usize) -> Option<Order> {
    let is_refused = |step: &Step| {
        modules::is_other_factor(&step.call.module)
            || supposed(step, Result::Success) == Result::Failure
    };
    let lets_in = |refusal: &'static str| {
        lets_in(steps, at, |i| match &steps[i] {
            step if asks(&step.call) => refusal,
            step if is_refused(step) => "auth_err",
            _ => "success",
        })
    };
    let when = REFUSALS.into_iter().filter(|(refusal, _)| lets_in(refusal));
    let when: Vec<_> = when.map(|(_, words)| words).collect();
    let call = &steps[at].call;
    (!when.is_empty()).then(|| Order::Uncounted {
        code: steps[at].place(),
        right: format!("{CONTROL} {}", shown(&call.module, &call.arguments)),
        when,
    })
}

/// The judgement without a password before our line.
fn code_first(steps: &[Step], at: usize) -> Order {
    let code = steps[at].place();
    let Some(password) = steps[at..].iter().find(|step| is_password(step)) else {
        return Order::Alone { code };
    };
    let arguments = &steps[at].call.arguments;
    if arguments.iter().any(|a| ONE_ANSWER.contains(&a.as_str())) {
        return Order::OneAnswer { code };
    }
    Order::CodeFirst {
        swap: swap(steps, at, password),
        code,
        passwords: passwords(&steps[at..]),
    }
}

/// The result of a module if all passwords return `password`.
pub(super) fn supposed(step: &Step, password: Result) -> Result {
    let is_tally = step.call.arguments.iter().any(|word| word == "authfail");
    match stem(&step.call.module) {
        "pam_permit" => Result::Success,
        "pam_deny" | BROKEN => Result::Failure,
        "pam_faillock" if is_tally => Result::Failure,
        _ if is_password(step) => password,
        _ => Result::Unknown,
    }
}

/// The lines of the file in which both begin, in their right order, if moving ours is enough.
fn swap(steps: &[Step], at: usize, password: &Step) -> Option<[Place; 2]> {
    let mut both = steps[at].trail.iter().zip(&password.trail);
    let (ours, theirs) = both.find(|(ours, theirs)| ours != theirs)?;
    // Our line may include a file with more than our module.
    let (taken, mut moved): (Vec<_>, Vec<_>) = steps
        .iter()
        .cloned()
        .partition(|step| step.trail.contains(ours));
    let last = moved.iter().rposition(|step| step.trail.contains(theirs))?;
    moved.splice(last + 1..last + 1, taken);
    (judge(&moved) == Some(Order::Sound)).then(|| [theirs.clone(), ours.clone()])
}

/// Each module that checks a password, once, as it may be shown.
fn passwords(steps: &[Step]) -> Vec<String> {
    let mut modules: Vec<&Step> = Vec::new();
    for step in steps.iter().filter(|step| is_password(step)) {
        let name = stem(&step.call.module);
        if modules.iter().all(|known| stem(&known.call.module) != name) {
            modules.push(step);
        }
    }
    let shown = |step: &Step| shown(&step.call.module, &step.call.arguments);
    modules.into_iter().map(shown).collect()
}

fn is_password(step: &Step) -> bool {
    modules::is_password(&step.call.module)
}

#[cfg(test)]
mod tests;
