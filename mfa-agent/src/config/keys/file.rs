//! The shipped `agent.toml`, made of the table of keys.

use super::{SECTIONS, Section, Shown};

/// Where the part of the file begins that is written by hand.
pub const EXAMPLES: &str = "# Examples of rules";

/// What the files are, for all documents.
pub const ABOUT: &str = "\
Settings of mfa-agent. The agent reads them when it starts and on reload (systemctl reload mfa-agent). After this file
it reads agent.d/*.toml in the same folder, in the order of their names: their keys override the keys here, and their
rules come after the rules here. Check your changes with \"mfactl config check\". If there is a mistake, a reload changes
nothing and the old settings stay active. Durations: \"90s\", \"30m\", \"1h30m\", \"14d\".
";

const ABOUT_FILE: &str = "
Every key is listed with its default. \"#key = value\" is an example; \"# key = value\" is an example that can't be combined
with the others.
";

/// The column of what is said behind a value.
const COLUMN: usize = 33;

/// The file up to [`EXAMPLES`].
#[must_use]
pub fn shipped_file() -> String {
    let sections: String = SECTIONS.iter().map(section).collect();
    let about = [ABOUT, ABOUT_FILE].map(comment).concat();
    format!("{about}{sections}\n")
}

fn section(section: &Section) -> String {
    // A section of a list exists only if an administrator writes it.
    let mark = match section.keys.iter().map(|key| key.shown).find(is_example) {
        _ if !section.is_list => "",
        Some(_) => "#",
        None => "# ",
    };
    let mut text = format!("\n{}{mark}{}\n", comment(section.about), section.header);
    for key in section.keys {
        let mark = match key.shown {
            Shown::Default(_) => mark,
            Shown::Example(_) => "#",
            Shown::Alternative(_) => "# ",
        };
        let line = format!("{mark}{}", key.line());
        let line = match (key.range)() {
            Some(range) => format!(
                "{line:<width$}# {range}",
                width = COLUMN.max(line.len() + 2)
            ),
            None => line,
        };
        text += &format!("{}{line}\n", comment(key.about));
    }
    text
}

fn is_example(shown: &Shown) -> bool {
    matches!(shown, Shown::Example(_))
}

/// Lines of documentation as a comment.
fn comment(about: &str) -> String {
    let line = |line: &str| format!("# {}\n", line.trim().replace('`', "")).replace("# \n", "#\n");
    about.lines().map(line).collect()
}
