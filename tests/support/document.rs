//! The commands in the documents, and a reader who types them.

use std::fs;

use crate::booted::Booted;
use crate::{built, code_of};

/// The blocks of a document below the heading that begins with `heading`, in their order, with
/// `kind` after their fence: `sh` for commands.
///
/// A second word there says that not every reader runs the block, and names those who do:
/// `sh fedora`. Such blocks are left out.
///
/// # Panics
///
/// When there is no such heading, or no block below it: then nothing would be tested.
#[must_use]
pub fn blocks(document: &str, heading: &str, kind: &str) -> Vec<String> {
    let file = built().tree.join(document);
    let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let found = blocks_of(&text, heading, kind);
    assert!(
        !found.is_empty(),
        "{document} has no block of the kind \"{kind}\" below \"{heading}\""
    );
    found
}

fn blocks_of(text: &str, heading: &str, kind: &str) -> Vec<String> {
    let mut found = Vec::new();
    // The depth of the wanted heading, while lines below it are read.
    let mut inside = None;
    // The indentation of the block, and its lines if they are wanted.
    let mut block: Option<(usize, Option<String>)> = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let fence = line.trim_start().strip_prefix("```");
        match (&mut block, fence) {
            (None, Some(info)) => {
                let is_wanted = inside.is_some() && info.trim() == kind;
                block = Some((indent, is_wanted.then(String::new)));
            }
            (Some((_, lines)), Some("")) => {
                found.extend(lines.take());
                block = None;
            }
            (Some((by, Some(lines))), _) => {
                lines.push_str(line.get(*by..).unwrap_or_default());
                lines.push('\n');
            }
            (Some(_), _) => {}
            (None, None) => {
                let depth = line.bytes().take_while(|byte| *byte == b'#').count();
                let is_heading = depth > 0 && line[depth..].starts_with(' ');
                if is_heading && inside.is_none_or(|of| depth <= of) {
                    let is_wanted = line[depth..].trim_start().starts_with(heading);
                    inside = is_wanted.then_some(depth);
                }
            }
        }
    }
    found
}

/// What is asked at a terminal, and what answers it: the present code confirms a device, and as each
/// code works once, a login takes the next.
const PROMPTS: [(&str, Typed); 3] = [
    ("Code on the device: ", Typed::Code(0)),
    ("OTP code: ", Typed::Code(1)),
    ("Type yes when they are in a safe place: ", Typed::Yes),
];

#[derive(Clone, Copy)]
enum Typed {
    /// The code of the step that is so many ahead.
    Code(i64),
    Yes,
}

/// Runs a block at a terminal, and types codes of the device whose key was shown last; returns what
/// was shown.
///
/// A line with `make` is for the host that builds: only its target must exist.
///
/// # Panics
///
/// When a command fails.
pub fn follow(machine: &Booted, block: &str) -> String {
    let (built_elsewhere, here): (Vec<&str>, Vec<&str>) =
        block.lines().partition(|line| line.starts_with("make "));
    for line in built_elsewhere {
        is_target(&line["make ".len()..]);
    }
    let mut terminal = machine.terminal(&["sh", "-euc", &here.join("\n")]);
    while let Some(prompt) = terminal.expect_one_of_or_end(&PROMPTS.map(|(prompt, _)| prompt)) {
        // Without a key it is a prompt that "mfactl explain" names.
        let Some(key) = last_key(terminal.shown(), "") else {
            continue;
        };
        let (_, typed) = PROMPTS
            .into_iter()
            .find(|(text, _)| *text == prompt)
            .expect("a prompt");
        terminal.send(&match typed {
            Typed::Code(ahead) => code_of(&key, ahead),
            Typed::Yes => "yes".to_owned(),
        });
    }
    let (shown, status) = terminal.finish();
    assert_eq!(status, Some(0), "{block}\n{shown}");
    shown
}

/// The key in the last `otpauth` URI that was shown, of this user if one is given.
#[must_use]
pub fn last_key(shown: &str, user: &str) -> Option<String> {
    let (_, rest) = shown.rsplit_once(&format!("{user}?secret="))?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric());
    Some(rest[..end.unwrap_or(rest.len())].to_owned())
}

fn is_target(name: &str) {
    let makefile = fs::read_to_string(built().tree.join("Makefile")).expect("a Makefile");
    let rule = format!("{name}:");
    assert!(
        makefile.lines().any(|line| line.starts_with(&rule)),
        "the Makefile has no {name}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Title\n```sh\nno\n```\n## Install it\n```sh\none\ntwo\n```\n\
        ```sh fedora\nno\n```\n### On a disk\n1. First:\n   ```sh\n   three\n     four\n   ```\n\
        ```toml\n# no\n## no\n```\n```\nplain\n```\n## Other\n```sh\nno\n```\n";

    #[test]
    fn the_blocks_below_a_heading_are_found_in_order_and_others_left_out() {
        let found = blocks_of(TEXT, "Install", "sh");
        assert_eq!(found, ["one\ntwo\n", "three\n  four\n"]);
        assert_eq!(blocks_of(TEXT, "Install", ""), ["plain\n"]);
        assert!(blocks_of(TEXT, "Nothing", "sh").is_empty());
    }
}
