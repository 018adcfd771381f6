//! The pages against the programs and the settings themselves.

use clap::Command;
use mfa_agent::config::keys::SECTIONS;

use super::*;

fn plain(page: &str) -> String {
    let page = page.replace("\\*(Aq", "'").replace("\\&", "");
    page.replace("\\-", "-")
        .replace("\\fB", "")
        .replace("\\fI", "")
        .replace("\\fR", "")
}

fn every(command: &Command, name: &str, found: &mut Vec<(String, Command)>) {
    found.push((name.to_owned(), command.clone()));
    for sub in command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help")
    {
        every(sub, &format!("{name}-{}", sub.get_name()), found);
    }
}

#[test]
fn the_first_page_lists_the_commands_of_its_help_and_the_exit_status_once() {
    let pages = commands::pages(&mfactl::command()).unwrap();
    let (_, page) = pages.iter().find(|(file, _)| file == "mfactl.1").unwrap();
    let page = plain(std::str::from_utf8(page).unwrap());
    assert!(
        page.contains("mfactl-status") && !page.contains("mfactl-stacks"),
        "{page}"
    );
    assert!(
        !page.contains("Exit status:") && !page.contains("Examples:"),
        "{page}"
    );
    assert!(page.contains("never from arguments"), "{page}");
}

#[test]
fn every_command_has_a_page_with_every_option_and_every_argument_that_its_help_has() {
    let mut mfactl = mfactl::command();
    mfactl.build();
    let mut all = Vec::new();
    every(&mfactl, "mfactl", &mut all);
    let pages = commands::pages(&mfactl::command()).unwrap();
    assert_eq!(pages.len(), all.len());
    for ((name, mut command), (file, page)) in all.into_iter().zip(pages) {
        assert_eq!(file, format!("{name}.1"));
        let page = plain(&String::from_utf8(page).unwrap());
        let help = command.render_long_help().to_string();
        for argument in command
            .get_arguments()
            .filter(|argument| !argument.is_hide_set())
        {
            if let Some(option) = argument.get_long() {
                assert!(page.contains(&format!("--{option}")), "{name}: --{option}");
                assert!(help.contains(&format!("--{option}")), "{name}: --{option}");
            }
            let said = argument
                .get_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            let said = said.lines().next().unwrap_or_default();
            assert!(page.contains(said), "{name}: {said}");
        }
        for word in page
            .split_whitespace()
            .filter(|word| word.starts_with("--"))
        {
            let option = word.trim_end_matches(|c: char| !c.is_alphanumeric());
            assert!(
                help.contains(option) || !option.starts_with("--"),
                "{name}: {option}"
            );
        }
        let examples = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        // Its own page has the exit status in a section of its own.
        let is_elsewhere = |line: &&str| {
            *line == "Examples:"
                || name == "mfactl" && (line.starts_with("Exit status:") || *line == "reachable.")
        };
        for line in examples.lines().filter(|line| !is_elsewhere(line)) {
            assert!(page.contains(&plain(&roff::text(line))), "{name}: {line}");
        }
    }
}

#[test]
fn the_page_has_every_key_with_its_value_its_range_and_what_is_said_of_it() {
    let page = settings::page(SETTINGS);
    assert!(
        page.contains(&roff::text("[[rule]]\nname = \"vpn\"")),
        "{page}"
    );
    let sections: Vec<&str> = page.split(".SH ").collect();
    for section in SECTIONS {
        let header = format!("{}\n", roff::text(section.header));
        let text = sections.iter().find(|text| text.starts_with(&header));
        let text = text.unwrap_or_else(|| panic!("{header}"));
        let named = text.matches("\n.TP\n\\fB").count();
        assert_eq!(named, section.keys.len(), "{header}");
        for key in section.keys {
            let (_, said) = text
                .split_once(&format!("\\fB{}\\fR\n", roff::text(&key.line())))
                .unwrap_or_else(|| panic!("{}", key.full_name));
            let said = said.split(".TP\n").next().unwrap();
            assert!(
                said.lines()
                    .any(|line| line.ends_with(['.', ',', ';', ':', ')'])),
                "{said}"
            );
            if let Some(range) = (key.range)() {
                assert!(said.contains(&roff::text(&range)), "{said}");
            }
        }
    }
}

#[test]
fn the_page_of_the_agent_has_the_options_of_its_help() {
    let (_, page) = BY_HAND[1];
    let page = plain(page);
    let command = mfa_agent::run::command();
    for argument in command.get_arguments() {
        let Some(option) = argument.get_long() else {
            continue;
        };
        assert!(page.contains(&format!("--{option}")), "--{option}");
    }
    for word in page
        .split_whitespace()
        .filter(|word| word.starts_with("--"))
    {
        let option = word
            .trim_start_matches('-')
            .trim_end_matches(|c: char| !c.is_alphanumeric());
        let known = command
            .get_arguments()
            .any(|argument| argument.get_long() == Some(option));
        assert!(known || ["help", "version"].contains(&option), "{word}");
    }
}

#[test]
fn the_page_of_the_module_has_the_arguments_that_it_takes_and_its_codes() {
    let (_, page) = BY_HAND[0];
    let page = plain(page);
    for argument in [
        "socket=",
        "timeout=",
        "forward_pass",
        "use_first_pass",
        "try_first_pass",
        "on_unavailable=",
        "ticket",
        "password_failed",
        "echo_code",
        "quiet",
        "debug",
    ] {
        assert!(page.contains(argument), "{argument}");
    }
    for code in [
        "PAM_SUCCESS",
        "PAM_IGNORE",
        "PAM_AUTH_ERR",
        "PAM_MAXTRIES",
        "PAM_PERM_DENIED",
        "PAM_AUTHINFO_UNAVAIL",
        "PAM_CONV_ERR",
        "PAM_SERVICE_ERR",
        "PAM_ABORT",
    ] {
        assert!(page.contains(code), "{code}");
    }
}

#[test]
fn two_runs_write_the_same() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for folder in &folders {
        pages(&folder.path().join("man")).unwrap();
        completions(&folder.path().join("completions")).unwrap();
    }
    for entry in fs::read_dir(folders[0].path().join("man")).unwrap() {
        let name = entry.unwrap().file_name();
        let text = |n: usize| fs::read(folders[n].path().join("man").join(&name)).unwrap();
        assert_eq!(text(0), text(1), "{name:?}");
    }
}

fn written() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    pages(&folder.path().join("man")).unwrap();
    completions(&folder.path().join("completions")).unwrap();
    folder
}

fn output(program: &str, arguments: &[&str]) -> (bool, String) {
    let output = std::process::Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|e| panic!("{program}: {e}; run tests/install-needs"));
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[test]
fn groff_has_nothing_to_say_about_any_page() {
    let folder = written();
    for entry in fs::read_dir(folder.path().join("man")).unwrap() {
        let page = entry.unwrap().path();
        let page = page.to_str().unwrap();
        let said = output("groff", &["-Kutf8", "-man", "-Tutf8", "-ww", "-z", page]);
        assert_eq!(said, (true, String::new()), "{page}");
    }
}

#[test]
fn the_shells_take_the_completions_and_bash_completes_commands_and_options() {
    let folder = written();
    let at = |name: &str| {
        folder
            .path()
            .join("completions")
            .join(name)
            .display()
            .to_string()
    };
    let zsh = output("zsh", &["-n", &at("zsh/_mfactl")]);
    assert_eq!(zsh, (true, String::new()));
    let fish = output("fish", &["--no-execute", &at("fish/mfactl.fish")]);
    assert_eq!(fish, (true, String::new()));
    for (words, expected) in [
        ("mfactl enr", "enroll"),
        ("mfactl enroll to", "totp"),
        ("mfactl enroll totp --lab", "--label"),
        ("mfactl enroll totp --algorithm SHA5", "SHA512"),
    ] {
        let list: Vec<&str> = words.split(' ').collect();
        let (last, before) = (list[list.len() - 1], list[list.len() - 2]);
        let script = format!(
            "source {}; COMP_WORDS=({words}); COMP_CWORD={}; COMP_LINE='{words}'; COMP_POINT={}; \
             _mfactl mfactl '{last}' '{before}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            at("bash/mfactl"),
            list.len() - 1,
            words.len(),
        );
        let (_, said) = output("bash", &["-c", &script]);
        assert!(
            said.lines().any(|line| line.trim() == expected),
            "{words}: {said}"
        );
    }
}
