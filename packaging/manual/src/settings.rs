//! `agent.toml(5)`, from the table of keys of the agent.

use mfa_agent::config::keys::{ABOUT, EXAMPLES, Key, SECTIONS, Section, Shown};

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
read after agent.toml, in the order of their names
.SH SEE ALSO
.BR mfa\-agent (8),
.BR mfactl (1),
.BR mfactl\-config\-check (1),
.BR mfactl\-explain (1),
.BR pam_mfa (8)
"#;

/// Marks a key that is not set: its value is no default.
const EXAMPLE: &str = "(Example; not set by default.)";

/// The page. `shipped` is the file with the examples of rules.
pub(crate) fn page(shipped: &str) -> String {
    let sections: String = SECTIONS.iter().map(section).collect();
    let examples = shipped.find(EXAMPLES).map_or("", |at| &shipped[at..]);
    let examples = examples.lines().map(uncommented).collect::<Vec<_>>();
    let examples = roff::literal(&examples.join("\n"));
    format!(
        "{BEGINNING}{}{sections}.SH EXAMPLES\n{examples}{ENDING}",
        remark(ABOUT)
    )
}

fn section(section: &Section) -> String {
    let keys: String = section.keys.iter().map(key).collect();
    let header = roff::text(section.header);
    format!(".SH {header}\n{}{keys}", remark(section.about))
}

fn key(key: &Key) -> String {
    // A request would remove the quotes.
    let mut text = format!(".TP\n\\fB{}\\fR\n", roff::text(&key.line()));
    if !matches!(key.shown, Shown::Default(_)) {
        text += &remark(EXAMPLE);
    }
    text += &remark(key.about);
    if let Some(range) = (key.range)() {
        text += &remark(&format!("Values: {range}."));
    }
    text
}

/// The text of a key or a section, without the code marks of the source.
fn remark(about: &str) -> String {
    let lines = about
        .lines()
        .map(|line| roff::text(&line.trim().replace('`', "")) + "\n");
    lines.collect()
}

/// A comment without its mark, because an example is not commented out.
fn uncommented(line: &str) -> &str {
    let text = line.strip_prefix('#').unwrap_or(line);
    text.strip_prefix(' ').unwrap_or(text)
}
