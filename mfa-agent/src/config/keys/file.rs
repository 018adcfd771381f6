//! The shipped `agent.toml`, made of the table of keys.

use super::{SECTIONS, Section, Shown};

/// Where the part of the file begins that is written by hand.
pub const EXAMPLES: &str = "# Examples of rules";

/// What the files are, for all documents.
pub const ABOUT: &str = "\
Settings of mfa-agent. The agent reads them when it starts and at a reload (systemctl reload mfa-agent). After this file
it reads agent.d/*.toml beside it, in the order of their names: they override key by key, and their rules come after
the rules here. \"mfa-agent --check\" says whether all of it is right; at a reload with a mistake the old settings stay
in force. Lengths of time: \"90s\", \"30m\", \"1h30m\", \"14d\".
";

const ABOUT_FILE: &str = "
Every key is here with its default. Lines that begin with # and no blank are examples; \"# key = value\" is one that does
not go with the others.
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
    // A section of a list is there only if somebody writes it.
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
