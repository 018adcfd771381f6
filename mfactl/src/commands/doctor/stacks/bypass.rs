//! Lines that let a login skip `pam_mfa`.
//!
//! Every return code of every module is tried, as libpam would handle it ([`mfa_stacks::paths`]). Nothing is assumed
//! that may be different.

use mfa_stacks::chain::{Entry, Place, Step, entries_of};
use mfa_stacks::codes::{CODES, IGNORE, INCOMPLETE, NEW_AUTHTOK_REQD, SUCCESS};
use mfa_stacks::dispatch::next_after;
use mfa_stacks::emergency::Emergency;
use mfa_stacks::modules::{is_gate, is_other_factor, is_ours, marks, stem};
use mfa_stacks::parse::Phase;
use mfa_stacks::paths::{TooMany, way_through, way_without};

use super::gates::is_for_everybody;
use super::says::{may, module};

/// In the account phase, a line that lets in every user of `/etc/passwd` lets in nearly everybody.
const NO_GATE_OF_ACCOUNTS: &str = "pam_localuser";

/// A line that skips our module.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bypass {
    /// Who skips it.
    pub(super) who: Who,
    /// The line.
    pub(super) line: Place,
}

/// Who skips our module through a line.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// Unintended users.
    Anybody,
    /// Nearly everybody, through a line with a condition.
    NearlyEverybody,
    /// The stack is too complex.
    Unknown,
    /// The user of the emergency access.
    Emergency(Emergency),
    /// The users that an administrator's line matches.
    Chosen,
    /// Users who passed another second factor.
    OtherFactor,
}

/// Those lines of a phase of `service`.
pub(super) fn all<'a>(
    phase: Phase,
    service: &str,
    text: &dyn Fn(&str) -> Option<&'a str>,
) -> Vec<Bypass> {
    let entries = entries_of(phase, service, text);
    let Some(stack) = Checked::new(phase, &entries) else {
        return Vec::new();
    };
    let found = stack.all(service);
    found.unwrap_or_else(|TooMany| stack.bypass(Who::Unknown, stack.ours).into_iter().collect())
}

/// The line that lets unintended users skip our module.
pub(super) fn by_mistake<'a>(
    phase: Phase,
    service: &str,
    text: &dyn Fn(&str) -> Option<&'a str>,
) -> Option<Place> {
    let found = all(phase, service, text).into_iter();
    let mut found = found.filter(|found| matches!(found.who, Who::Anybody));
    found.next().map(|found| found.line)
}

/// A stack with a line of ours that checks something.
struct Checked<'e> {
    phase: Phase,
    entries: &'e [Entry],
    /// The first of our lines.
    ours: usize,
}

impl<'e> Checked<'e> {
    fn new(phase: Phase, entries: &'e [Entry]) -> Option<Self> {
        let ours = entries.iter().position(checks)?;
        Some(Self {
            phase,
            entries,
            ours,
        })
    }

    fn all(&self, service: &str) -> Result<Vec<Bypass>, TooMany> {
        let mut found: Vec<_> = self.by_mistake()?.into_iter().collect();
        for at in 0..self.entries.len() {
            if self.chooses(at) && at < self.ours && self.is_past_by(at, is_met)? {
                found.extend(self.bypass(self.chosen(at), at));
            }
            let is_other = self.step(at, |step| is_other_factor(&step.call.module));
            let is_met_but_by_it = |entry: &Entry, code| {
                !std::ptr::eq(entry, &self.entries[at]) && is_met(entry, code)
            };
            if is_other && self.is_past_by(at, is_met_but_by_it)? {
                found.extend(self.bypass(Who::OtherFactor, at));
            }
        }
        // The emergency access of other services does not matter here.
        found.retain(|found| match &found.who {
            Who::Emergency(way) => way.services.split(':').any(|name| name == service),
            _ => true,
        });
        Ok(found)
    }

    fn by_mistake(&self) -> Result<Option<Bypass>, TooMany> {
        let can = |at: usize, code| may(&self.entries[at], code) && !self.chooses_by(at, code);
        let met = |at: usize, code| is_met(&self.entries[at], code);
        let way = way_without(self.entries, ends(self.phase), can, met)?;
        // The last step before our line, or our line itself if its refusal does not count.
        let way = way.unwrap_or_default().into_iter();
        let last = way.map(|(at, _)| at).rfind(|at| *at <= self.ours);
        Ok(last.and_then(|at| self.bypass(Who::Anybody, at)))
    }

    /// Whether a login skips our module because of the result of `by`, and of no other gate.
    fn is_past_by(
        &self,
        by: usize,
        is_met: impl Fn(&Entry, usize) -> bool,
    ) -> Result<bool, TooMany> {
        let is_its = |code| match self.chooses(by) {
            true => self.leads_past(by, code),
            false => code == SUCCESS,
        };
        let can = |at: usize, code| {
            may(&self.entries[at], code)
                && match at == by {
                    true => is_its(code),
                    false => !self.chooses_by(at, code),
                }
        };
        let met = |at: usize, code| is_met(&self.entries[at], code);
        let way = way_through(self.entries, ends(self.phase), can, met, &|at| at == by)?;
        Ok(way.is_some())
    }

    fn chosen(&self, at: usize) -> Who {
        let Some(step) = module(&self.entries[at]) else {
            return Who::Anybody;
        };
        match Emergency::of(&step.call) {
            Some(way) => Who::Emergency(way),
            _ if is_for_everybody(step, self.leads_past(at, SUCCESS)) => Who::NearlyEverybody,
            _ => Who::Chosen,
        }
    }

    /// Whether the line lets only the users skip that it matches. A line that lets everybody skip chooses nobody.
    fn chooses(&self, at: usize) -> bool {
        self.is_gate(at)
            && (0..CODES.len()).any(|code| code != INCOMPLETE && !self.leads_past(at, code))
    }

    fn chooses_by(&self, at: usize, code: usize) -> bool {
        self.leads_past(at, code) && self.chooses(at)
    }

    fn is_gate(&self, at: usize) -> bool {
        self.step(at, |step| {
            let is_none =
                self.phase == Phase::Account && stem(&step.call.module) == NO_GATE_OF_ACCOUNTS;
            is_gate(&step.call.module) && !is_none
        })
    }

    /// Whether the login jumps from there to a step after our line.
    fn leads_past(&self, at: usize, code: usize) -> bool {
        at < self.ours && next_after(self.entries, at, code) > self.ours
    }

    fn step(&self, at: usize, is: impl Fn(&Step) -> bool) -> bool {
        self.entries.get(at).and_then(module).is_some_and(is)
    }

    fn bypass(&self, who: Who, at: usize) -> Option<Bypass> {
        let line = self.entries.get(at).and_then(module)?.place();
        Some(Bypass { who, line })
    }
}

fn checks(entry: &Entry) -> bool {
    module(entry).is_some_and(|step| is_ours(&step.call.module) && !marks(&step.call))
}

fn is_met(entry: &Entry, code: usize) -> bool {
    let is_other = |step: &Step| is_other_factor(&step.call.module);
    checks(entry) && (code == SUCCESS || code == IGNORE)
        || module(entry).is_some_and(is_other) && code == SUCCESS
}

/// The results that let a login in. A user with an expired password gets in with a new one, without another check.
fn ends(phase: Phase) -> &'static [usize] {
    match phase {
        Phase::Account => &[SUCCESS, NEW_AUTHTOK_REQD],
        Phase::Auth | Phase::Session | Phase::Password => &[SUCCESS],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(stack: &str) -> Option<(usize, bool)> {
        found_in(Phase::Auth, stack)
    }

    /// The first line that leads past, and whether it may.
    fn found_in(phase: Phase, stack: &str) -> Option<(usize, bool)> {
        let found = all(phase, "x", &|_| Some(stack)).into_iter().next()?;
        let may = matches!(
            found.who,
            Who::Chosen | Who::OtherFactor | Who::Emergency(_)
        );
        Some((found.line.number, may))
    }

    #[test]
    fn a_line_that_leads_past_the_code_is_found() {
        let ours = "auth [success=ok ignore=ignore default=die] pam_mfa.so\n";
        for (lines, expected) in [
            ("auth required pam_unix.so\n", None),
            ("auth sufficient pam_unix.so\n", Some((1, false))),
            (
                "auth sufficient pam_rootok.so\nauth required pam_unix.so\n",
                Some((1, true)),
            ),
            (
                "auth required pam_unix.so\nauth sufficient pam_faillock.so authsucc\n",
                Some((2, false)),
            ),
            (
                "auth sufficient pam_u2f.so\nauth required pam_unix.so\n",
                Some((1, true)),
            ),
            (
                "auth required pam_unix.so\nauth [success=2 default=1] pam_succeed_if.so user ingroup a\n\
                 auth required pam_deny.so\nauth sufficient pam_exec.so\n",
                Some((4, false)),
            ),
            (
                "auth required pam_unix.so\nauth [default=1] pam_succeed_if.so user ingroup a\n",
                Some((2, false)),
            ),
            (
                "auth required pam_unix.so\nauth [success=2 default=1] pam_succeed_if.so user ingroup a\n\
                 auth requisite pam_deny.so\n",
                Some((2, true)),
            ),
            (
                "auth required pam_unix.so\nauth sufficient pam_vas4.so\n",
                Some((2, false)),
            ),
        ] {
            assert_eq!(found(&format!("{lines}{ours}")), expected, "{lines}");
        }
        let jump = format!(
            "auth [success=2 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n{ours}auth required pam_permit.so\n"
        );
        assert_eq!(found(&jump), Some((1, false)));
    }

    #[test]
    fn an_account_line_that_is_no_check_is_found() {
        let ours = "account required pam_mfa.so\n";
        for (lines, expected) in [
            (ours.to_owned(), None),
            (format!("account required pam_nologin.so\n{ours}"), None),
            (
                "account optional pam_mfa.so\naccount required pam_unix.so\n".to_owned(),
                Some((1, false)),
            ),
            (
                format!("account sufficient pam_unix.so\n{ours}"),
                Some((1, false)),
            ),
            (
                format!("account sufficient pam_localuser.so\n{ours}"),
                Some((1, false)),
            ),
            (
                format!("account sufficient pam_access.so\n{ours}"),
                Some((1, true)),
            ),
            // As Debian has it: whose password is too old passes the rest by.
            (
                format!(
                    "account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n\
                     account requisite pam_deny.so\naccount required pam_permit.so\n{ours}"
                ),
                Some((1, false)),
            ),
        ] {
            assert_eq!(found_in(Phase::Account, &lines), expected, "{lines}");
        }
    }

    #[test]
    fn each_gate_is_told_beside_the_emergency_way_and_one_for_everybody_is_no_wish() {
        let ours = "auth [success=ok ignore=ignore default=die] pam_mfa.so\n";
        let way =
            "auth [success=2 default=ignore] pam_succeed_if.so quiet user = root service in x\n";
        let way = way.replace("success=2", "success=1");
        let of = |line: &str, control: &str| {
            let gate = format!("auth {control} pam_succeed_if.so {line}\n");
            let stack = format!("auth requisite pam_unix.so\n{gate}{way}{ours}");
            all(Phase::Auth, "x", &|_| Some(stack.as_str()))
        };
        for (line, control, expected) in [
            ("uid >= 0", "sufficient", Who::NearlyEverybody),
            (
                "quiet user != root",
                "[success=2 default=ignore]",
                Who::NearlyEverybody,
            ),
            (
                "user = root",
                "[success=ignore default=2]",
                Who::NearlyEverybody,
            ),
            ("user ingroup nomfa", "sufficient", Who::Chosen),
            ("user notingroup mfa", "sufficient", Who::Chosen),
            ("uid >= 0 service in cron", "sufficient", Who::Chosen),
        ] {
            let found = of(line, control);
            assert_eq!(found.len(), 2, "{line}: {found:?}");
            assert_eq!(
                (&found[0].who, found[0].line.number),
                (&expected, 2),
                "{line}"
            );
            assert!(matches!(found[1].who, Who::Emergency(_)), "{found:?}");
        }
        let other = format!("auth requisite pam_unix.so\n{way}{ours}").replace("in x", "in login");
        assert_eq!(all(Phase::Auth, "x", &|_| Some(other.as_str())), []);
    }

    #[test]
    fn more_ways_than_are_looked_at_are_not_taken_for_none() {
        let inner =
            "auth [default=reset success=ok] pam_a.so\nauth [default=bad success=3] pam_b.so\n"
                .repeat(6);
        let names = ["x", "b", "c", "d", "e", "f", "g", "h"];
        let files: Vec<_> = (1..=names.len())
            .map(|n| match names.get(n) {
                Some(next) => format!("{inner}auth substack {next}\n{inner}"),
                None => inner.clone(),
            })
            .collect();
        let stack = format!("{}auth required pam_mfa.so\n", files[0]);
        let text = |name: &str| {
            let at = names.iter().position(|known| *known == name)?;
            Some(if at == 0 {
                stack.as_str()
            } else {
                files[at].as_str()
            })
        };
        let found = all(Phase::Auth, "x", &text);
        assert!(!found.is_empty(), "{found:?}");
    }
}
