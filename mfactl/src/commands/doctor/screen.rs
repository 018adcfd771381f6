//! The report of `doctor` for people: problems first, then warnings, then the rest in few lines, and one sentence.

use super::Check;
use crate::output::{Colour, painted};
use crate::table::block;

/// How much is shown, and how.
#[derive(Clone, Copy)]
pub(super) struct View {
    pub(super) is_verbose: bool,
    pub(super) is_painted: bool,
}

/// How serious a check is, the most serious first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Grade {
    Problem,
    Warning,
    Note,
    Ok,
}

impl Grade {
    fn of(check: &Check) -> Self {
        match (check.ok, &check.remedy) {
            (false, _) => Self::Problem,
            (true, Some(_)) if !check.is_usual => Self::Warning,
            (true, Some(_)) => Self::Note,
            (true, None) => Self::Ok,
        }
    }

    fn word(self) -> (&'static str, Colour) {
        match self {
            Self::Problem => ("PROBLEM", Colour::Red),
            Self::Warning => ("warning", Colour::Yellow),
            Self::Note => ("note", Colour::Plain),
            Self::Ok => ("ok", Colour::Green),
        }
    }
}

/// The whole screen.
pub(super) fn of(checks: &[Check], view: View) -> String {
    let mut graded: Vec<_> = checks.iter().map(|it| (Grade::of(it), it)).collect();
    graded.sort_by_key(|(grade, _)| *grade);
    let is_folded = |grade| grade == Grade::Ok && !view.is_verbose;
    let mut screen: String = graded
        .iter()
        .filter(|(grade, _)| !is_folded(*grade))
        .map(|(grade, check)| lines(*grade, check, view))
        .collect();
    screen += &folded(&graded, view);
    screen + "\n" + &sentence(&graded) + "\n"
}

/// One check, in columns. What most hosts have takes one line, without its remedy.
fn lines(grade: Grade, check: &Check, view: View) -> String {
    let hides_remedy = grade == Grade::Note && !view.is_verbose;
    let remedy = check.remedy.as_deref().filter(|_| !hides_remedy);
    let text = match remedy {
        Some(remedy) => format!("{}\n{remedy}", check.message),
        None => check.message.clone(),
    };
    row(grade, check.name, &text, view)
}

/// The names of all that is well, in one line.
fn folded(graded: &[(Grade, &Check)], view: View) -> String {
    let mut names: Vec<&str> = Vec::new();
    for (_, check) in graded.iter().filter(|(grade, _)| *grade == Grade::Ok) {
        if !names.contains(&check.name) {
            names.push(check.name);
        }
    }
    match names.is_empty() || view.is_verbose {
        true => String::new(),
        false => row(Grade::Ok, "", &names.join(", "), view),
    }
}

fn row(grade: Grade, name: &str, text: &str, view: View) -> String {
    let (word, colour) = grade.word();
    let name = match name {
        "" => String::new(),
        name => format!("{name:<8} "),
    };
    let block = block(&format!("{word:<8} {name}"), text);
    match view.is_painted {
        true => block.replacen(word, &painted(word, colour), 1),
        false => block,
    }
}

/// "2 problems, 1 warning. Fix the problems first."
fn sentence(graded: &[(Grade, &Check)]) -> String {
    let count = |wanted| graded.iter().filter(|(grade, _)| *grade == wanted).count();
    let words = |count: usize, word: &str| match count {
        1 => format!("1 {word}"),
        count => format!("{count} {word}s"),
    };
    let problems = words(count(Grade::Problem), "problem");
    let warnings = words(count(Grade::Warning), "warning");
    match (count(Grade::Problem), count(Grade::Warning)) {
        (0, 0) => "No problems found.".to_owned(),
        (0, _) => format!("No problems found; {warnings}. A warning may be intended."),
        (1, 0) => "1 problem. Fix it, then run mfactl doctor again.".to_owned(),
        (_, 0) => format!("{problems}. Fix them, then run mfactl doctor again."),
        (1, _) => format!("{problems}, {warnings}. Fix the problem first."),
        (..) => format!("{problems}, {warnings}. Fix the problems first."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: View = View {
        is_verbose: false,
        is_painted: false,
    };

    fn checks() -> [Check; 5] {
        [
            Check::ok("agent", "answers at /run/mfa/agent.sock"),
            Check::ok("version", "agent and mfactl are both 0.1.0"),
            Check::usual(
                "stacks",
                "cups, ppp: a password is enough, no code",
                "keep one",
            ),
            Check::note("config", "warnings: 1", "list them: mfactl config check"),
            Check::problem(
                "store",
                "the agent can't read it: the checksum of the record of alice\u{7} is wrong",
                "see the log:\n  journalctl -u mfa-agent",
            ),
        ]
    }

    #[test]
    fn problems_come_first_and_what_is_well_takes_one_line() {
        insta::assert_snapshot!(of(&checks(), PLAIN));
    }

    #[test]
    fn verbose_shows_every_check_and_every_remedy() {
        let verbose = View {
            is_verbose: true,
            ..PLAIN
        };
        insta::assert_snapshot!(of(&checks(), verbose));
    }

    #[test]
    fn the_last_line_says_what_to_do() {
        let last = |checks: &[Check]| {
            let screen = of(checks, PLAIN);
            screen.lines().last().unwrap_or_default().to_owned()
        };
        let problem = || Check::problem("store", "gone", "restore it");
        assert_eq!(last(&checks()[..3]), "No problems found.");
        assert_eq!(
            last(&checks()[..4]),
            "No problems found; 1 warning. A warning may be intended."
        );
        assert_eq!(
            last(&[problem()]),
            "1 problem. Fix it, then run mfactl doctor again."
        );
        let [.., warning, first] = checks();
        assert_eq!(
            last(&[first, warning, problem()]),
            "2 problems, 1 warning. Fix the problems first."
        );
    }

    #[test]
    fn colours_leave_the_columns_as_they_are() {
        let painted = of(
            &checks(),
            View {
                is_painted: true,
                ..PLAIN
            },
        );
        let start = "\u{1b}[1;31mPROBLEM\u{1b}[0m  store    the agent";
        assert!(painted.starts_with(start), "{painted:?}");
    }
}
