//! Where `pam_mfa` stands among the modules that check who somebody is.
//!
//! Files go in as texts, by their names, and a judgement of one service comes out. The order of lines
//! is judged, whether a right password leaps over the line, and nothing more: what modules besides do
//! to a login is not played through.

use super::parse::{Call, Does, Phase, lines};

/// As deep as libpam goes (`PAM_SUBSTACK_MAX_LEVEL`).
const MAX_DEPTH: usize = 16;

/// As many modules as are looked at: files that take each other in twice grow without end.
const MAX_STEPS: usize = 1000;

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
    /// A right password ends the stack, or jumps, before our line is reached.
    Leapt {
        /// The line that does it.
        password: Place,
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

/// A line in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The file's name.
    pub(super) file: String,
    /// From 1.
    pub(super) number: usize,
    /// What it says.
    pub(super) text: String,
}

/// How `service` stands; none if it does not name our module. `text` knows the files.
pub(super) fn of<'a>(service: &str, text: &dyn Fn(&str) -> Option<&'a str>) -> Option<Order> {
    let mut chain = Chain {
        text,
        steps: Vec::new(),
        substacks: 0,
    };
    chain.take_in(service, &[], &[]);
    judge(&chain.steps)
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

/// The lines of the file in which both begin, in their right order; none where moving a line would
/// break a jump.
fn swap(code: &Step, password: &Step) -> Option<[Place; 2]> {
    let mut both = code.trail.iter().zip(&password.trail);
    let (ours, theirs) = both.find(|(ours, theirs)| ours != theirs)?;
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

/// A module in the order in which libpam comes to it.
struct Step {
    /// The lines that lead to it, from the service's own file on.
    trail: Vec<Place>,
    /// The substacks that it is in, from the outermost on.
    substacks: Vec<usize>,
    call: Call,
}

impl Step {
    /// The line that names the module. A trail is never empty.
    fn place(&self) -> Place {
        let last = self.trail.last().cloned();
        last.unwrap_or_else(|| Place {
            file: String::new(),
            number: 0,
            text: String::new(),
        })
    }
}

/// The steps of a service's first phase, as they are gathered.
struct Chain<'t, 'a> {
    text: &'t dyn Fn(&str) -> Option<&'a str>,
    steps: Vec<Step>,
    substacks: usize,
}

impl Chain<'_, '_> {
    /// Adds the steps of a file, and of those that it takes in.
    fn take_in(&mut self, file: &str, trail: &[Place], substacks: &[usize]) {
        let Some(text) = (self.text)(file).filter(|_| trail.len() <= MAX_DEPTH) else {
            return;
        };
        for line in lines(text) {
            if line.phase.is_some_and(|phase| phase != Phase::Auth) {
                continue;
            }
            if self.steps.len() >= MAX_STEPS {
                return;
            }
            let place = Place {
                file: file.to_owned(),
                number: line.number,
                text: line.text,
            };
            let trail = [trail, &[place]].concat();
            match line.does {
                Does::Call(call) => self.steps.push(Step {
                    trail,
                    substacks: substacks.to_vec(),
                    call,
                }),
                Does::Include { file, substack } => {
                    let mut substacks = substacks.to_vec();
                    if substack {
                        self.substacks += 1;
                        substacks.push(self.substacks);
                    }
                    self.take_in(&file, &trail, &substacks);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
