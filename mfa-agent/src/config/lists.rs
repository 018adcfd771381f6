//! Lists in separate files: banned PINs, and questions to choose from.
//!
//! One entry on each line; blank lines and lines that begin with `#` are skipped. Errors name file, line and what was
//! expected, but do not quote the line: the settings may name a secret file by mistake. The files are read here only,
//! with limits; the rest is pure.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::error::Problem;
use super::ordinary;
use super::values;
use crate::trusted_path::{self, Owners};
use mfa_core::factors::pin::{BannedPin, MAX_PIN, MIN_PIN};
use mfa_core::factors::questions::{MAX_QUESTION, QUESTIONS};
use mfa_core::policy::Place;

/// The longest file, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// The most lines of a file.
const MOST_LINES: usize = 100_000;

/// The most questions to choose from: so many fit into one message, even when JSON doubles them.
const MOST_QUESTIONS: usize = 100;

/// The most wrong lines of one file that are reported.
const MOST_PROBLEMS: usize = 10;

const SHIPPED_PINS: &str = include_str!("../../../config/banned-pins");
const SHIPPED_QUESTIONS: &str = include_str!("../../../config/questions");

/// The files that the settings name, with their texts, or the error.
pub(super) type Lists = BTreeMap<PathBuf, Result<String, String>>;

/// The text of a list.
///
/// # Errors
///
/// What is wrong with the file, and what to do.
pub(super) fn read(file: &Path, owners: &Owners) -> Result<String, String> {
    let unreadable = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => "no such file; expected a file, or no key that names it".into(),
        _ => format!("can't be read: {error}"),
    };
    fs::metadata(file).map_err(unreadable)?;
    trusted_path::check(file, owners).map_err(|error| error.to_string())?;
    let open = ordinary::open(file).map_err(unreadable)?;
    let mut bytes = Vec::new();
    let length = open.take(MOST_BYTES + 1).read_to_end(&mut bytes);
    if length.map_err(unreadable)? as u64 > MOST_BYTES {
        return Err(format!("is too long; expected at most {MOST_BYTES} bytes"));
    }
    String::from_utf8(bytes)
        .map_err(|_| "contains bytes that are not text; expected UTF-8".to_owned())
}

/// The lines that say something, with their numbers from 1.
pub(super) fn entries(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = (1..).zip(text.lines().map(str::trim));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// The PINs that are banned where no other file is named.
pub(super) fn shipped_pins() -> impl Iterator<Item = BannedPin> {
    // A test reads each line of both lists.
    entries(SHIPPED_PINS).filter_map(|(_, line)| BannedPin::new(line).ok())
}

/// The catalogue where there is no other.
pub(super) fn shipped_questions() -> Vec<String> {
    let lines = entries(SHIPPED_QUESTIONS);
    lines.map(|(_, line)| line.to_owned()).collect()
}

/// A list of PINs.
pub(super) fn banned(file: &Path, text: &str) -> Result<Vec<BannedPin>, Vec<Problem>> {
    let pins = each(file, text, |line| {
        let message =
            || format!("not a PIN; expected {MIN_PIN} to {MAX_PIN} digits, or a comment after a #");
        BannedPin::new(line).map_err(|_| message())
    })?;
    Ok(pins.into_iter().map(|(_, pin)| pin).collect())
}

/// A list of questions.
pub(super) fn questions(file: &Path, text: &str) -> Result<Vec<String>, Vec<Problem>> {
    let questions = each(file, text, |line| values::line(line, MAX_QUESTION))?;
    catalogue(&place(file, 1), questions)
}

/// Questions that people can choose from, as they stand in their places; `whole` is that of them all.
pub(super) fn catalogue(
    whole: &Place,
    questions: Vec<(Place, String)>,
) -> Result<Vec<String>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut catalogue: Vec<String> = Vec::new();
    for (place, question) in questions.into_iter().take(MOST_QUESTIONS + 1) {
        let question = question.trim();
        if catalogue.iter().any(|other| other == question) {
            let message = format!("the question {question:?} is listed twice; expected each once");
            problems.push(Problem { place, message });
        }
        catalogue.push(question.to_owned());
    }
    let message = match catalogue.len() {
        few @ ..QUESTIONS => format!(
            "{few} questions to choose from; expected at least {QUESTIONS}, since users set up \
             that many"
        ),
        QUESTIONS..=MOST_QUESTIONS if problems.is_empty() => return Ok(catalogue),
        QUESTIONS..=MOST_QUESTIONS => return Err(problems),
        _ => format!("too many questions to choose from; expected at most {MOST_QUESTIONS}"),
    };
    problems.push(Problem {
        place: whole.clone(),
        message,
    });
    Err(problems)
}

/// Each entry, parsed, in its place.
fn each<T>(
    file: &Path,
    text: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<(Place, T)>, Vec<Problem>> {
    if text.lines().nth(MOST_LINES).is_some() {
        return Err(vec![Problem {
            place: place(file, MOST_LINES + 1),
            message: format!("too many lines; expected at most {MOST_LINES}"),
        }]);
    }
    let mut parsed = Vec::new();
    let mut problems = Vec::new();
    for (line, entry) in entries(text) {
        let place = place(file, line);
        match parse(entry) {
            Ok(value) => parsed.push((place, value)),
            Err(message) => problems.push(Problem { place, message }),
        }
        if problems.len() == MOST_PROBLEMS {
            break;
        }
    }
    match problems.is_empty() {
        true => Ok(parsed),
        false => Err(problems),
    }
}

fn place(file: &Path, line: usize) -> Place {
    Place {
        file: file.into(),
        line,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use mfa_core::factors::pin::{Banned, Pin, PinError};

    fn told<T>(result: Result<T, Vec<Problem>>) -> Vec<String> {
        let problems = result.err().unwrap_or_default();
        problems.iter().map(ToString::to_string).collect()
    }

    fn pins(text: &str) -> Result<Vec<BannedPin>, Vec<Problem>> {
        banned(Path::new("pins"), text)
    }

    fn catalogue_of(text: &str) -> Result<Vec<String>, Vec<Problem>> {
        questions(Path::new("list"), text)
    }

    #[test]
    fn each_line_of_the_shipped_lists_is_read() {
        let banned = pins(SHIPPED_PINS).unwrap();
        assert!(banned.len() > 100);
        assert_eq!(banned, shipped_pins().collect::<Vec<_>>());
        let questions = catalogue_of(SHIPPED_QUESTIONS).unwrap();
        assert_eq!(questions, shipped_questions());
    }

    #[test]
    fn the_shipped_list_holds_no_pin_twice_and_none_that_is_refused_anyway() {
        let banned: Banned = pins(SHIPPED_PINS).unwrap().into_iter().collect();
        let lines: Vec<_> = entries(SHIPPED_PINS).collect();
        assert_eq!(banned.len(), lines.len());
        for (_, pin) in lines {
            let refusal = Pin::new(pin.into(), &banned).err();
            assert_eq!(refusal, Some(PinError::Banned), "{pin}");
        }
    }

    #[test]
    fn comments_and_blank_lines_say_nothing() {
        let read = pins("# PINs\n\n 4711 \r\n  # more\n0852").unwrap();
        let expected = ["4711", "0852"].map(|pin| BannedPin::new(pin).unwrap());
        assert_eq!(read, expected);
        assert_eq!(catalogue_of("a?\n#\n b?\nc?").unwrap(), ["a?", "b?", "c?"]);
    }

    #[test]
    fn a_wrong_line_is_told_with_its_number_and_not_quoted() {
        let expected = "pins:3: not a PIN; expected 4 to 8 digits, or a comment after a #";
        assert_eq!(told(pins("4711\n\nsecret\n0852")), [expected]);
        assert_eq!(told(pins("123\n123456789\n4711 # till\n1 234")).len(), 4);
        assert_eq!(told(pins(&"x\n".repeat(1_000))).len(), MOST_PROBLEMS);
        let long = format!("a?\n{}\nb\u{7}", "x".repeat(201));
        let expected = [
            "list:2: the text has 201 bytes; expected at most 200",
            "list:3: the text contains U+0007; expected no invisible characters",
        ];
        assert_eq!(told(catalogue_of(&long)), expected);
    }

    #[test]
    fn a_catalogue_has_3_to_100_questions_and_none_twice() {
        let numbered = |count: usize| (0..count).map(|n| format!("{n}?\n")).collect::<String>();
        assert_eq!(catalogue_of(&numbered(100)).unwrap().len(), 100);
        let told_of = |text: &str| told(catalogue_of(text));
        assert_eq!(
            told_of(&numbered(5_000)),
            ["list:1: too many questions to choose from; expected at most 100"]
        );
        assert_eq!(
            told_of("a?\nb?"),
            [
                "list:1: 2 questions to choose from; expected at least 3, since users set up that many"
            ]
        );
        assert_eq!(
            told_of("a?\nb?\nc?\n b? "),
            ["list:4: the question \"b?\" is listed twice; expected each once"]
        );
    }

    #[test]
    fn a_list_has_at_most_a_hundred_thousand_lines() {
        let lines = |count| "4711\n".repeat(count);
        assert_eq!(pins(&lines(MOST_LINES)).unwrap().len(), MOST_LINES);
        assert_eq!(
            told(pins(&lines(MOST_LINES + 1))),
            ["pins:100001: too many lines; expected at most 100000"]
        );
    }

    #[test]
    fn a_file_that_is_no_list_is_refused_before_anything_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert!(
            read(&at("none"), &Owners::own())
                .unwrap_err()
                .contains("no such file")
        );
        let refused = |name: &str| read(&at(name), &Owners::own()).unwrap_err();
        nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert!(refused("pipe").contains("not a regular file"));
        assert!(
            read(folder.path(), &Owners::own())
                .unwrap_err()
                .contains("not a regular file")
        );
        fs::write(at("long"), vec![b'#'; 1 + (1 << 20)]).unwrap();
        assert!(refused("long").contains("at most 1048576 bytes"));
        fs::write(at("bytes"), b"4711\n\xff").unwrap();
        assert!(refused("bytes").contains("UTF-8"));
        fs::write(at("open"), "4711\n").unwrap();
        assert_eq!(read(&at("open"), &Owners::own()).unwrap(), "4711\n");
        fs::set_permissions(at("open"), fs::Permissions::from_mode(0o666)).unwrap();
        assert!(refused("open").contains("o-w"));
    }

    proptest! {
        #[test]
        fn any_text_is_a_list_of_pins_or_wrong_in_a_line_of_its_own(
            text in prop_oneof![any::<String>(), "([0-9]{3,9}|# ?[a-z]*|)(\n([0-9]{4,8}|#|.{0,4})){0,9}"],
        ) {
            let good = |line: &str| line.chars().all(|c| c.is_ascii_digit()) && (4..=8).contains(&line.len());
            let bad: Vec<usize> = entries(&text).filter(|(_, line)| !good(line)).map(|(n, _)| n).collect();
            match pins(&text) {
                Ok(read) => prop_assert!(bad.is_empty() && read.len() == entries(&text).count()),
                Err(problems) => {
                    let lines: Vec<usize> = problems.iter().map(|problem| problem.place.line).collect();
                    prop_assert_eq!(lines, &bad[..bad.len().min(MOST_PROBLEMS)]);
                }
            }
        }

        #[test]
        fn any_text_is_a_catalogue_or_wrong_in_one_of_its_lines(text in any::<String>()) {
            match catalogue_of(&text) {
                Ok(read) => prop_assert!(read.iter().all(|question| question.trim() == question)),
                Err(problems) => for problem in problems {
                    prop_assert!((1..=1 + text.matches('\n').count()).contains(&problem.place.line));
                    prop_assert!(!problem.message.contains('\n'));
                },
            }
        }
    }
}
