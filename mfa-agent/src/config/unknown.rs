//! Keys that there are not, and what was meant.

use super::error::Problem;
use super::keys::{SECTIONS, Section};
use super::tree::{Data, Layers, Node, Table};

/// A key this close to a known key is taken as a typing mistake: one letter in three may be wrong.
const LETTERS_PER_MISTAKE: usize = 3;

/// A longer key was not meant to be any; comparing it would take long.
const LONGEST_KEY: usize = 64;

/// Keys in the files that no section has.
pub(super) fn problems(root: &Layers<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for table in root.each() {
        check("", table, &mut problems);
    }
    problems
}

/// The sections directly in the one of that name, by their own names; the root has no name.
fn below(name: &str) -> impl Iterator<Item = (&'static str, &'static Section)> {
    let own_name = move |section: &'static Section| {
        let (above, own) = section.name.rsplit_once('.').unwrap_or(("", section.name));
        (above == name).then_some((own, section))
    };
    SECTIONS.iter().filter_map(own_name)
}

/// The names of the keys and sections in the section of that name.
fn known(name: &str) -> Vec<&'static str> {
    let section = SECTIONS.iter().find(|section| section.name == name);
    let keys = section.into_iter().flat_map(|section| section.keys);
    let sections = below(name).map(|(own, _)| own);
    keys.map(|key| key.name).chain(sections).collect()
}

fn check(name: &str, table: &Table, problems: &mut Vec<Problem>) {
    let known = known(name);
    for (key, place, node) in table.entries() {
        if let Some((_, section)) = below(name).find(|(own, _)| *own == key) {
            check_section(section, node, problems);
        } else if let ("rule", "lockout", Data::Table(limits)) = (name, key, &node.data) {
            check("lockout", limits, problems);
        } else if (name, key) == ("rule", "lockout") {
            problems.push(node.misfit("a table such as { attempts = 3 }"));
        } else if !known.contains(&key) {
            problems.push(Problem {
                place: place.clone(),
                message: unknown(key, name, &known),
            });
        }
    }
}

fn check_section(section: &Section, node: &Node, problems: &mut Vec<Problem>) {
    match (&node.data, section.is_list) {
        (Data::Table(table), false) => check(section.name, table, problems),
        (Data::List(nodes), true) => {
            for node in nodes {
                match &node.data {
                    Data::Table(table) => check(section.name, table, problems),
                    _ => problems.push(node.misfit(section.header)),
                }
            }
        }
        _ => problems.push(node.misfit(section.header)),
    }
}

/// The error for an unknown key, with the known keys.
fn unknown(key: &str, section: &str, known: &[&str]) -> String {
    let elsewhere = || {
        let mut others = SECTIONS.iter();
        others.find(|other| other.keys.iter().any(|known| known.name == key))
    };
    let meant = match (nearest(key, known), elsewhere()) {
        (Some(near), _) => format!("did you mean {near:?}? Known keys:"),
        (None, Some(other)) => format!("it is a key of {}; expected one of", other.header),
        (None, None) => "expected one of".to_owned(),
    };
    let section = SECTIONS.iter().find(|known| known.name == section);
    let place = section.map_or_else(String::new, |section| format!(" in {}", section.header));
    let known: Vec<_> = known.iter().map(|name| format!("{name:?}")).collect();
    format!("unknown key {key:?}{place}; {meant} {}", known.join(", "))
}

/// The name that is most like `key`, if it is like one at all.
fn nearest<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    if key.len() > LONGEST_KEY {
        return None;
    }
    let distances = known
        .iter()
        .map(|name| (strsim::osa_distance(key, name), *name));
    let (distance, name) = distances.min()?;
    (distance * LETTERS_PER_MISTAKE <= name.len()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_taken_for_the_nearest_one_if_it_is_near() {
        let known = ["socket", "trusted", "max_connections"];
        for (key, meant) in [
            ("sockt", Some("socket")),
            ("socekt", Some("socket")),
            ("max-conections", Some("max_connections")),
            ("Socket", Some("socket")),
            ("path", None),
            ("", None),
        ] {
            assert_eq!(nearest(key, &known), meant, "{key}");
        }
    }
}
