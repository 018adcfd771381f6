//! Where `pam_mfa` stands among the modules that check who somebody is.
//!
//! Files go in as texts, by their names, and a judgement of one service comes out. The order of lines
//! is judged, whether a right password leaps over the line, and nothing more: what modules besides do
//! to a login is not played through.

use super::chain::{Place, Step, steps};

/// The modules that check a password, a key or the body. `pam_faillock`, `pam_deny` and the like only
/// count or decide.
const FIRST_FACTORS: [&str; 22] = [
    "pam_unix",
    "pam_unix2",
    "pam_tcb",
    "pam_sss",
    "pam_sss_gss",
    "pam_ldap",
    "pam_krb5",
    "pam_heimdal",
    "pam_winbind",
    "pam_systemd_home",
    "pam_userdb",
    "pam_pwdfile",
    "pam_mysql",
    "pam_pgsql",
    "pam_radius_auth",
    "pam_himmelblau",
    "pam_kanidm",
    "pam_authd",
    "pam_pkcs11",
    "pam_u2f",
    "pam_ssh_agent_auth",
    "pam_fprintd",
];

/// Arguments of ours for programs that ask one thing only: the code is taken off first then.
const ONE_ANSWER: [&str; 3] = ["forward_pass", "use_first_pass", "try_first_pass"];

/// How a service stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Order {
    /// It asks for the code after the password.
    Sound,
    /// It asks for the code first.
    CodeFirst {
        /// Our line.
        code: Place,
        /// The right order, where it is a matter of two lines.
        swap: Option<[Place; 2]>,
    },
    /// After a right password our line is never reached.
    Leapt {
        /// The line that checks it.
        password: Place,
        /// Why not.
        how: Leap,
    },
    /// It takes the code off one answer that holds both.
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

/// How a right password passes over our line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Leap {
    /// It ends the stack there and then.
    Ends,
    /// It ends the file that this line takes in, and the stack with it.
    EndsIncluded(Place),
    /// It jumps.
    Jumps,
}

/// How `service` stands; none if it does not name our module. `text` knows the files.
pub(super) fn of<'a>(service: &str, text: &dyn Fn(&str) -> Option<&'a str>) -> Option<Order> {
    judge(&steps(service, text))
}

fn judge(steps: &[Step]) -> Option<Order> {
    let at = steps.iter().position(|step| is_ours(&step.call.module))?;
    let (before, code) = (&steps[..at], &steps[at]);
    let is_password = |step: &&Step| FIRST_FACTORS.contains(&stem(&step.call.module));
    let mut checked = (0..at).filter(|&i| is_password(&&before[i])).peekable();
    if checked.peek().is_some() {
        let leaps = checked.find(|&i| leaps_over(steps, i, at));
        return Some(leaps.map_or(Order::Sound, |i| Order::Leapt {
            password: before[i].place(),
            how: how(&before[i], code),
        }));
    }
    let place = code.place();
    let Some(password) = steps[at..].iter().find(is_password) else {
        return Some(Order::Alone { code: place });
    };
    let arguments = &code.call.arguments;
    if arguments.iter().any(|a| ONE_ANSWER.contains(&a.as_str())) {
        return Some(Order::OneAnswer { code: place });
    }
    let swap = swap(code, password);
    Some(Order::CodeFirst { code: place, swap })
}

/// Whether the success of the step `from` keeps the step `over` from being reached.
fn leaps_over(steps: &[Step], from: usize, over: usize) -> bool {
    let own = &steps[from].substacks;
    match steps[from].call.control.on_success() {
        // The end of a substack is no more than that.
        "done" => steps[over].substacks.starts_with(own),
        action => {
            let Ok(count) = action.parse::<usize>() else {
                return false;
            };
            units_up_to(&steps[from + 1..=over], own).is_some_and(|units| units <= count)
        }
    }
}

/// How many modules a jump over all of `steps` counts: a whole substack is one. None if they lead out of
/// `own`, the substack in which the jump begins: it ends there.
fn units_up_to(steps: &[Step], own: &[usize]) -> Option<usize> {
    let mut units = 0;
    let mut last = None;
    for step in steps {
        if !step.substacks.starts_with(own) {
            return None;
        }
        let inner = step.substacks.get(own.len());
        if inner.is_none() || inner != last {
            units += 1;
        }
        last = inner;
    }
    Some(units)
}

fn how(password: &Step, code: &Step) -> Leap {
    if password.call.control.on_success() != "done" {
        return Leap::Jumps;
    }
    match parting(code, password) {
        Some((_, theirs)) if *theirs != password.place() => Leap::EndsIncluded(theirs.clone()),
        _ => Leap::Ends,
    }
}

/// The lines where the ways to two steps part, both in one file.
fn parting<'a>(code: &'a Step, password: &'a Step) -> Option<(&'a Place, &'a Place)> {
    let mut both = code.trail.iter().zip(&password.trail);
    both.find(|(ours, theirs)| ours != theirs)
}

/// The lines of the file in which both begin, in their right order; none where moving a line would
/// break a jump.
fn swap(code: &Step, password: &Step) -> Option<[Place; 2]> {
    let (ours, theirs) = parting(code, password)?;
    let is_movable = !theirs.text.contains('[') && !theirs.text.contains("sufficient");
    is_movable.then(|| [theirs.clone(), ours.clone()])
}

fn is_ours(module: &str) -> bool {
    matches!(stem(module), "pam_mfa" | "libpam_mfa")
}

/// `pam_unix` of `/lib/security/pam_unix.so`.
fn stem(module: &str) -> &str {
    let name = module.rsplit('/').next().unwrap_or(module);
    name.strip_suffix(".so").unwrap_or(name)
}

#[cfg(test)]
mod tests;
