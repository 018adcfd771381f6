//! `mfactl(1)` and a page for each of its commands.

use std::io;

use clap::Command;
use clap_mangen::Man;

use crate::roff;

/// The end of each page.
const ENDING: &str = "\
.SH EXIT STATUS
.TP
0
done
.TP
1
refused or not verified
.TP
2
wrong usage
.TP
3
agent not reachable, or its reply is unusable
.SH FILES
.TP
.I /run/mfa/agent.sock
socket of the agent
.TP
.I /etc/mfa/agent.toml
settings of the agent
";

/// The pages, by the names of their files.
pub(crate) fn pages(mfactl: &Command) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut mfactl = mfactl.clone().disable_help_subcommand(true);
    // Without this a command does not know the global options.
    mfactl.build();
    let mut pages = Vec::new();
    add(&mfactl, "mfactl", &mut pages)?;
    Ok(pages)
}

fn add(command: &Command, name: &str, pages: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    pages.push((format!("{name}.1"), page(command, name)?));
    for sub in command.get_subcommands() {
        add(sub, &format!("{name}-{}", sub.get_name()), pages)?;
    }
    Ok(())
}

fn page(command: &Command, name: &str) -> io::Result<Vec<u8>> {
    // clap needs names that live as long as the program.
    let shown: &'static str = Box::leak(name.to_owned().into_boxed_str());
    let named = command.clone().name(shown).display_name(shown);
    let man = Man::new(named)
        .title(name.to_uppercase())
        .section("1")
        .manual("pam_mfa");
    // Without a date, two builds are equal.
    let man = man.source("pam_mfa").date("");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    page.extend(subcommands(command, name).into_bytes());
    page.extend(remarks(command, name).into_bytes());
    page.extend(ENDING.as_bytes());
    page.extend(see_also(name).into_bytes());
    Ok(page)
}

fn subcommands(command: &Command, name: &str) -> String {
    let mut section = String::new();
    // `--help` leaves the hidden ones out too.
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        if section.is_empty() {
            section.push_str(".SH COMMANDS\n");
        }
        let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
        let page = format!("{name}-{}", sub.get_name());
        section += &format!(
            ".TP\n.BR {} (1)\n{}\n",
            roff::text(&page),
            roff::text(&about)
        );
    }
    section
}

/// The end of the help: mostly examples.
fn remarks(command: &Command, name: &str) -> String {
    let Some(help) = command.get_after_help() else {
        return String::new();
    };
    let help = help.to_string();
    let help = help.strip_prefix("Examples:\n").unwrap_or(&help);
    // The page of `mfactl` itself says it in a section of its own; those of the commands say more than that section.
    let help = match name {
        "mfactl" => without_exit_status(help),
        _ => help.to_owned(),
    };
    format!(".SH EXAMPLES\n{}", roff::literal(&help))
}

/// Without the sentence about the exit status, which may take more than one line.
fn without_exit_status(help: &str) -> String {
    let mut is_inside = false;
    let mut rest = Vec::new();
    for line in help.lines() {
        is_inside |= line.starts_with("Exit status:");
        if !is_inside {
            rest.push(line);
        }
        is_inside &= !line.ends_with('.');
    }
    rest.join("\n")
}

fn see_also(name: &str) -> String {
    let mut pages = vec![
        ("mfactl", 1),
        ("mfa-agent", 8),
        ("agent.toml", 5),
        ("pam_mfa", 8),
    ];
    pages.retain(|(page, _)| *page != name);
    let others: Vec<String> = pages
        .into_iter()
        .map(|(page, section)| format!(".BR {} ({section})", roff::text(page)))
        .collect();
    format!(".SH SEE ALSO\n{}\n", others.join(",\n"))
}
