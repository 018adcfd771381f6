//! Lines that libpam does not understand, and files that it does not find: it refuses the login there, and the purpose of
//! the line is unknown.

use std::collections::BTreeMap;

use mfa_stacks::chain::{self, Place};
use mfa_stacks::parse::{Does, Fault, lines};

use super::files::Files;
use super::{Check, NAME, names};

/// What is wrong with the files of these services. `is_debian`: libpam knows `@include`.
pub(super) fn checks(files: &Files, services: &[&str], is_debian: bool) -> Vec<Check> {
    let mut by_file: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for &service in services {
        for file in files.reached(service) {
            by_file.entry(file).or_default().push(service);
        }
    }
    let mut checks = Vec::new();
    for (file, services) in &by_file {
        for (fault, numbers) in faults(files, file, is_debian) {
            checks.push(said(files, file, &fault, &numbers, services));
        }
    }
    checks.extend(missing(files, services));
    checks.extend(cut(files, services));
    checks
}

/// What was not checked.
fn cut(files: &Files, services: &[&str]) -> Vec<Check> {
    let text = |name: &str| files.text(name);
    let mut by_line: BTreeMap<Place, Vec<&str>> = BTreeMap::new();
    for service in services {
        if let Some(place) = chain::cut(service, &text) {
            by_line.entry(place).or_default().push(service);
        }
    }
    let said = |(place, services): (&Place, &Vec<&str>)| {
        let (at, services) = (files.place(place), names(services));
        let message = format!("{services}: {CUT} ({at})");
        Check::problem(
            NAME,
            message,
            "no file may include itself, directly or through others",
        )
    };
    by_line.iter().map(said).collect()
}

/// What is wrong with a line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wrong {
    Fault(Fault),
    /// `@include`, which only Debian's libpam knows.
    AtInclude,
    /// Debian's libpam does not look for its file there.
    Elsewhere,
}

/// The numbers of the lines of a file, by what is wrong with them.
fn faults(files: &Files, file: &str, is_debian: bool) -> BTreeMap<Wrong, Vec<usize>> {
    let mut faults: BTreeMap<Wrong, Vec<usize>> = BTreeMap::new();
    for line in files.text(file).map(lines).unwrap_or_default() {
        let wrong = match (&line.does, line.fault) {
            (_, Some(fault)) => Some(Wrong::Fault(fault)),
            (Does::Include { .. }, None) if line.phase.is_none() && !is_debian => {
                Some(Wrong::AtInclude)
            }
            (Does::Include { file, .. }, None) => {
                let elsewhere = is_debian && files.is_beyond_the_first(file);
                elsewhere.then_some(Wrong::Elsewhere)
            }
            _ => None,
        };
        if let Some(wrong) = wrong {
            faults.entry(wrong).or_default().push(line.number);
        }
    }
    faults
}

fn said(files: &Files, file: &str, wrong: &Wrong, numbers: &[usize], services: &[&str]) -> Check {
    let path = files.path(file);
    let first = numbers.first().copied().unwrap_or_default();
    let more = match numbers.len() {
        0 | 1 => String::new(),
        lines => format!(" and {} more", lines - 1),
    };
    let why = match wrong {
        Wrong::Fault(fault) => fault.to_string(),
        Wrong::AtInclude => "only Debian's libpam knows @include".to_owned(),
        Wrong::Elsewhere => {
            "Debian's libpam looks for included files in /etc/pam.d only".to_owned()
        }
    };
    let remedy = match wrong {
        Wrong::Fault(Fault::CarriageReturn) => format!("sed -i 's/\\r$//' {path}"),
        Wrong::AtInclude => "write one line for each phase, such as: auth include FILE".to_owned(),
        Wrong::Elsewhere => "name the file with its full path".to_owned(),
        Wrong::Fault(_) => format!("correct the line in {path}, or remove it"),
    };
    let services = names(services);
    Check::problem(
        NAME,
        format!("{services}: {REFUSED} ({path}:{first}{more}): {why}"),
        remedy,
    )
}

/// Lines that include a missing file.
fn missing(files: &Files, services: &[&str]) -> Vec<Check> {
    let text = |name: &str| files.text(name);
    let mut by_line: BTreeMap<Place, Vec<&str>> = BTreeMap::new();
    for service in services {
        for place in chain::missing(service, &text) {
            // A fault of the line itself is already reported.
            if is_sound(files, &place) {
                by_line.entry(place).or_default().push(service);
            }
        }
    }
    let said = |(place, services): (&Place, &Vec<&str>)| {
        let (at, services) = (files.place(place), names(services));
        let (what, remedy) = match is_there(files, place) {
            true => (
                TOO_DEEP,
                "no file may include itself, directly or through others",
            ),
            false => (NOT_THERE, "create the file, or remove the line"),
        };
        Check::problem(
            NAME,
            format!("{services}: {what} ({at}): {}", place.text),
            remedy,
        )
    };
    by_line.iter().map(said).collect()
}

/// Whether the file exists that a line includes.
fn is_there(files: &Files, place: &Place) -> bool {
    let lines = files.text(&place.file).map(lines).unwrap_or_default();
    let line = lines.into_iter().find(|line| line.number == place.number);
    match line.map(|line| line.does) {
        Some(Does::Include { file, .. }) => files.text(&file).is_some(),
        _ => false,
    }
}

fn is_sound(files: &Files, place: &Place) -> bool {
    let lines = files.text(&place.file).map(lines).unwrap_or_default();
    let line = lines.into_iter().find(|line| line.number == place.number);
    line.is_some_and(|line| line.fault.is_none())
}

const REFUSED: &str = "libpam reads this line differently, and logins fail there";
const NOT_THERE: &str = "this line includes a missing file, so libpam refuses the login";
const TOO_DEEP: &str =
    "this line includes files deeper than libpam allows, so it refuses the login";
const CUT: &str = "this stack is too long; nothing from this line on was checked";
