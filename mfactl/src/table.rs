//! Tables and lists for a terminal of 80 columns.
//!
//! Cells may come from the agent. They are cleaned here, so that no caller can forget it.

use std::fmt::Display;

use comfy_table::presets::NOTHING;
use comfy_table::{ColumnConstraint, ContentArrangement, Table};

use crate::output::clean;

/// The narrowest terminal that screens are made for.
const WIDTH: u16 = 80;
const INDENT: &str = "  ";

/// A table under a line of headings; longer cells are wrapped.
pub(crate) fn table<const N: usize>(
    headings: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    laid_out(headings, rows, |_| ())
}

fn laid_out<const N: usize>(
    headings: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
    constrain: impl FnOnce(&mut Table),
) -> String {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(WIDTH - 2).set_header(headings);
    for row in rows {
        table.add_row(row.map(|cell| clean(&cell).into_owned()));
    }
    for column in 0..N {
        if let Some(column) = table.column_mut(column) {
            column.set_padding((0, 2));
        }
    }
    constrain(&mut table);
    table
        .lines()
        .map(|line| format!("{INDENT}{}", line.trim_end()) + "\n")
        .collect()
}

/// As [`table`], whose last column is places (`FILE:LINE`). They are never broken: each cell has the line, and the file's
/// name where there is more than one file. The files are under the table.
pub(crate) fn table_of_places<const N: usize>(
    headings: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut rows: Vec<[String; N]> = rows.into_iter().collect();
    let mut files: Vec<String> = Vec::new();
    for row in &rows {
        if let Some((file, _)) = row.last().and_then(|place| split(place))
            && files.iter().all(|known| known != file)
        {
            files.push(file.to_owned());
        }
    }
    let is_one = files.len() == 1;
    for place in rows.iter_mut().filter_map(|row| row.last_mut()) {
        let Some((file, line)) = split(place) else {
            continue;
        };
        let name = file.rsplit('/').next().unwrap_or(file);
        *place = match is_one {
            true => format!("line {line}"),
            false => format!("{name}:{line}"),
        };
    }
    let shown = laid_out(headings, rows, |table| {
        if let Some(column) = N.checked_sub(1).and_then(|last| table.column_mut(last)) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    });
    let files = match &files[..] {
        [] => String::new(),
        [file] => remark(&format!("lines of {file}")),
        files => remark(&format!("files: {}", joined(files, ", "))),
    };
    shown + &files
}

/// File and line of a place.
fn split(place: &str) -> Option<(&str, &str)> {
    let (file, line) = place.rsplit_once(':')?;
    let is_line = !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit());
    is_line.then_some((file, line))
}

/// A name in a column of its own, and a text; nothing if the text is empty.
pub(crate) fn field(name: &str, text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!("{name:<11} {}\n", clean(text))
    }
}

/// What begins a line that is a command or a setting: it is for pasting, so it is not broken.
const VERBATIM: &str = "  ";

/// As [`field`], but a text that is wider than the terminal is wrapped. Line ends stay.
pub(crate) fn paragraph(name: &str, text: &str) -> String {
    match text.is_empty() {
        true => String::new(),
        false => block(&format!("{name:<11} "), text),
    }
}

/// `text` beside `head`, wrapped at the width of the terminal. Line ends stay, and so do commands and settings.
pub(crate) fn block(head: &str, text: &str) -> String {
    let indent = head.chars().count();
    let lines = text
        .split('\n')
        .flat_map(|line| match line.starts_with(VERBATIM) {
            true => vec![clean(line).into_owned()],
            false => wrapped(&clean(line), usize::from(WIDTH).saturating_sub(indent)),
        });
    let blank = " ".repeat(indent);
    let heads = std::iter::once(head).chain(std::iter::repeat(&*blank));
    heads
        .zip(lines)
        .map(|(head, line)| format!("{head}{line}\n"))
        .collect()
}

/// A remark under a table; a text that is wider than the terminal is wrapped, with an indent.
pub(crate) fn remark(text: &str) -> String {
    let lines = wrapped(&clean(text), WIDTH as usize - 2 * INDENT.len());
    let indents = std::iter::once("").chain(std::iter::repeat(INDENT));
    let lines = indents.zip(lines);
    lines
        .map(|(more, line)| format!("{INDENT}{more}{line}\n"))
        .collect()
}

/// `text` in lines of `width` characters, broken only at blanks: a longer word stays whole, so that it can be copied.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(last) if last.chars().count() + 1 + word.chars().count() <= width => {
                last.push(' ');
                last.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// "totp, pin", or `none` for none.
pub(crate) fn list(items: &[impl Display], none: &str) -> String {
    match items {
        [] => none.to_owned(),
        items => joined(items, ", "),
    }
}

/// All items, separated by `between`.
pub(crate) fn joined(items: &[impl Display], between: &str) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    items.join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_never_wider_than_the_terminal_nor_cells_obeyed_by_it() {
        let long = "wide ".repeat(40);
        let text = table(["One", "Two"], [["a\u{1b}b".to_owned(), long]]);
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        assert!(text.contains("a\\u{1b}b"), "{text}");
    }

    #[test]
    fn places_are_never_broken_and_a_file_is_named_once() {
        let row = |name: &str, place: &str| [name.to_owned(), "word ".repeat(20), place.to_owned()];
        let shown = |rows: Vec<[String; 3]>| table_of_places(["Rule", "Matches", "Where"], rows);
        let one = "/etc/mfa/agent.toml:34";
        let text = shown(vec![row("a", one), row("b", "/etc/mfa/agent.toml:7")]);
        assert!(text.contains("  line 34\n"), "{text}");
        assert!(
            text.ends_with("\n  lines of /etc/mfa/agent.toml\n"),
            "{text}"
        );
        let other = "/etc/mfa/agent.d/50-a-site-with-a-long-name.toml:3";
        let text = shown(vec![row("a", one), row("b", other), row("c", "built in")]);
        assert!(text.contains("  agent.toml:34\n"), "{text}");
        assert!(
            text.contains("  50-a-site-with-a-long-name.toml:3\n"),
            "{text}"
        );
        assert!(text.contains("  built in\n"), "{text}");
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
    }

    #[test]
    fn a_long_paragraph_goes_on_under_itself() {
        let text = paragraph("Logins", &"192.0.2.0/24, ".repeat(6));
        let expected = "\
Logins      192.0.2.0/24, 192.0.2.0/24, 192.0.2.0/24, 192.0.2.0/24,
            192.0.2.0/24, 192.0.2.0/24, \n";
        assert_eq!(text, expected);
        assert_eq!(paragraph("Logins", ""), "");
        assert_eq!(
            paragraph("Then", "one\n  two\u{7}"),
            "Then        one\n              two\\u{7}\n"
        );
        let setting = "  AuthenticationMethods publickey,keyboard-interactive keyboard-interactive";
        assert_eq!(paragraph("", setting), field("", setting));
        let unbroken = "x".repeat(100);
        assert_eq!(paragraph("", &unbroken), field("", &unbroken));
    }

    #[test]
    fn a_remark_goes_on_further_in() {
        let text = remark(&"word ".repeat(16));
        let expected = format!("  {}\n    word \n", "word ".repeat(15).trim_end());
        assert_eq!(text, expected);
    }
}
