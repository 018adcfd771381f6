//! `agent.toml(5)`, made of the default settings with their comments.
//!
//! A comment stands before the keys that it speaks of, or behind one. A line that begins with `#` and no blank
//! is an example. From the rules on all is shown as it stands in the file.

use crate::roff;

const BEGINNING: &str = r#".TH AGENT.TOML 5 "" "pam_mfa" "pam_mfa"
.SH NAME
agent.toml \- settings of mfa\-agent
.SH SYNOPSIS
.I /etc/mfa/agent.toml
.br
.I /etc/mfa/agent.d/*.toml
.SH DESCRIPTION
"#;

const ENDING: &str = r#".SH FILES
.TP
.I /etc/mfa/agent.toml
the settings
.TP
.I /etc/mfa/agent.d/*.toml
read after them, in the order of their names
.SH SEE ALSO
.BR mfa\-agent (8),
.BR mfactl (1),
.BR mfactl\-config\-check (1),
.BR mfactl\-explain (1),
.BR pam_mfa (8)
"#;

/// Marks a key that the file does not set: what it shows is no default.
const EXAMPLE: &str = "(Example; not set unless you set it.)";

/// Where the rules begin.
const RULES: &str = "# Rules. ";

pub(crate) fn page(settings: &str) -> String {
    let (keys, rules) = match settings.find(RULES) {
        Some(at) => settings.split_at(at),
        None => (settings, ""),
    };
    let mut page = Page::default();
    let mut blocks = keys.split("\n\n").filter(|block| !block.trim().is_empty());
    let first = blocks.next().unwrap_or_default();
    page.text += BEGINNING;
    page.remark(first.lines().map(comment));
    for block in blocks {
        page.block(block);
    }
    let rules = rules.lines().map(comment).collect::<Vec<_>>().join("\n");
    page.text += &format!(".SH RULES\n{}", roff::literal(&rules));
    page.text += ENDING;
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
    /// Comments that stand before what they speak of.
    waiting: Vec<String>,
}

impl Page {
    /// A section of the file. What stands before its name is said of all of it.
    fn block(&mut self, block: &str) {
        for line in block.lines() {
            let name = line.trim_start_matches('#');
            if name.starts_with('[') {
                self.text += &format!(".SH {}\n", roff::text(name));
                self.flush();
            } else {
                self.line(line);
            }
        }
        self.flush();
    }

    fn line(&mut self, line: &str) {
        let is_comment = line == "#" || line.starts_with("# ");
        if is_comment {
            return self.waiting.push(comment(line).to_owned());
        }
        let (setting, behind) = split(line.trim_start_matches('#'));
        let is_example = line.starts_with('#');
        // A request would take the quotes away.
        self.text += &format!(".TP\n\\fB{}\\fR\n", roff::text(setting));
        let before = std::mem::take(&mut self.waiting);
        let said = before.iter().map(String::as_str).chain(behind);
        let said: Vec<&str> = is_example
            .then_some(EXAMPLE)
            .into_iter()
            .chain(said)
            .collect();
        match said.is_empty() {
            true => self.text += "\\&\n",
            false => self.remark(said.into_iter()),
        }
    }

    fn remark<'a>(&mut self, lines: impl Iterator<Item = &'a str>) {
        for line in lines {
            // What is set out in columns stays so.
            self.text += &match line {
                "" => ".PP\n".to_owned(),
                line if line.starts_with("  ") => roff::literal(line),
                line => roff::text(line) + "\n",
            };
        }
    }

    /// Comments that nothing comes after.
    fn flush(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        if !waiting.is_empty() {
            self.text += ".PP\n";
            self.remark(waiting.iter().map(String::as_str));
        }
    }
}

/// A comment without its mark.
fn comment(line: &str) -> &str {
    let text = line.strip_prefix('#').unwrap_or(line);
    text.strip_prefix(' ').unwrap_or(text)
}

/// `key = value`, and what is said behind it.
fn split(line: &str) -> (&str, Option<&str>) {
    match line.split_once("  #") {
        Some((setting, said)) => (setting.trim_end(), Some(said.trim_start())),
        None => (line, None),
    }
}
