//! Lists in files of their own.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::parse_all;
use crate::config::{Files, Settings};
use mfa_core::factors::Factor;
use mfa_core::factors::pin::{Banned, BannedPin};

/// A folder with `agent.toml` and `agent.d/1.toml`; `DIR` in them is its path.
struct Folder(TempDir);

impl Folder {
    fn new(first: &str, second: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::create_dir(folder.at("agent.d")).unwrap();
        let path = folder.0.path().to_string_lossy().into_owned();
        folder.write("agent.toml", &first.replace("DIR", &path));
        folder.write("agent.d/1.toml", &second.replace("DIR", &path));
        folder
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.at(name), text).unwrap();
    }

    fn files(&self) -> Files {
        Files::read(&self.at("agent.toml")).unwrap()
    }

    fn settings(&self) -> Settings {
        self.files().settings().unwrap()
    }

    /// What is wrong, with paths from the folder.
    fn told(&self) -> String {
        let told = self.files().settings().unwrap_err().to_string();
        told.replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn banned(pins: &[&str]) -> Banned {
    pins.iter()
        .map(|pin| BannedPin::new(pin).unwrap())
        .collect()
}

const BANNED_FILE: &str = "[pin]\nbanned_file = 'DIR/pins'";
const CATALOGUE_FILE: &str = "[questions]\ncatalogue_file = 'DIR/questions'";

#[test]
fn a_file_takes_the_place_of_the_agents_own_list_and_banned_comes_on_top() {
    let folder = Folder::new(BANNED_FILE, "[pin]\nbanned = ['4711']");
    folder.write("pins", "# ours\n0852\n");
    assert_eq!(folder.settings().pin.banned, banned(&["0852", "4711"]));
    let settings = parse_all(&["[pin]\nbanned = ['4711']"]).unwrap();
    let shipped = Settings::default().pin.banned;
    assert_eq!(settings.pin.banned.len(), shipped.len() + 1);
}

#[test]
fn a_later_file_takes_a_list_back_which_then_may_be_missing() {
    let folder = Folder::new(BANNED_FILE, "[pin]\nbanned_file = ''");
    assert!(folder.settings().pin.banned.is_empty());
    let second = "[questions]\ncatalogue_file = ''\ncatalogue = ['a', 'b', 'c']";
    let folder = Folder::new(CATALOGUE_FILE, second);
    assert_eq!(folder.settings().questions.catalogue, ["a", "b", "c"]);
    let folder = Folder::new(CATALOGUE_FILE, "[questions]\ncatalogue_file = ''");
    let shipped = Settings::default().questions;
    assert_eq!(folder.settings().questions, shipped);
}

#[test]
fn a_catalogue_is_in_the_settings_or_in_a_file() {
    let inline = "[questions]\ncatalogue = ['a', 'b', 'c']";
    let folder = Folder::new(inline, CATALOGUE_FILE);
    folder.write("questions", "One?\nTwo?\nThree?\n");
    let told = folder.told();
    assert!(
        told.starts_with(
            "agent.d/1.toml:2: catalogue_file is set, and so is catalogue at agent.toml:2; expected one"
        ),
        "{told}"
    );
    let folder = Folder::new(inline, &format!("{CATALOGUE_FILE}\ncatalogue = []"));
    folder.write("questions", "One?\nTwo?\nThree?\n");
    let catalogue = folder.settings().questions.catalogue;
    assert_eq!(catalogue, ["One?", "Two?", "Three?"]);
}

#[test]
fn a_list_that_is_missing_is_told_where_it_is_named() {
    let folder = Folder::new(BANNED_FILE, CATALOGUE_FILE);
    let told = folder.told();
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(
        lines,
        [
            "agent.toml:2: banned_file \"pins\": no such file; expected a file, or no key that \
             names it",
            "agent.d/1.toml:2: catalogue_file \"questions\": no such file; expected a file, or no \
             key that names it",
        ]
    );
}

#[test]
fn a_wrong_line_is_told_where_it_stands() {
    let folder = Folder::new(BANNED_FILE, CATALOGUE_FILE);
    folder.write("pins", "4711\n\nPIN\n");
    folder.write("questions", "One?\nTwo?\n");
    let told = folder.told();
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(
        lines,
        [
            "pins:3: not a PIN; expected 4 to 8 digits, or a comment after a #",
            "questions:1: 2 questions to choose from; expected at least 3, since users set up \
             that many",
        ]
    );
}

#[test]
fn lists_are_among_the_texts_that_make_the_settings() {
    let folder = Folder::new(BANNED_FILE, "");
    folder.write("pins", "4711\n");
    let texts = |folder: &Folder| -> Vec<String> {
        let files = folder.files();
        files.texts().map(|(_, text)| text.to_owned()).collect()
    };
    let before = texts(&folder);
    assert_eq!(before.last().unwrap(), "4711\n");
    folder.write("pins", "4712\n");
    assert_ne!(texts(&folder), before);
}

#[test]
fn text_alone_reads_no_list() {
    let told = parse_all(&["[pin]\nbanned_file = '/etc/hostname'"]).unwrap_err();
    assert_eq!(
        told.to_string(),
        "0.toml:2: banned_file \"/etc/hostname\": was not read"
    );
}

const TEXTS_FILE: &str = "[prompts]\nlanguage = 'fr'\ncatalogue_file = 'DIR/texts'";

#[test]
fn a_catalogue_replaces_single_texts_and_a_prompt_of_the_settings_wins() {
    let folder = Folder::new(TEXTS_FILE, "[prompts]\npin = 'Number: '");
    folder.write("texts", "prompt-totp = Jeton :\nprompt-pin = NIP :\n");
    let prompts = folder.settings().prompts;
    let texts = &prompts.texts;
    assert_eq!(texts.prompt_for(Factor::Totp, ""), "Jeton : ");
    assert_eq!(texts.prompt_for(Factor::Pin, ""), "Number: ");
    assert_eq!(texts.prompt_for(Factor::Sms, ""), "Code reçu par SMS : ");
    let plain = &prompts.in_ascii;
    assert_eq!(plain.prompt_for(Factor::Totp, ""), "Jeton : ");
    assert_eq!(plain.prompt_for(Factor::Pin, ""), "Number: ");
    assert_eq!(plain.prompt_for(Factor::Sms, ""), "Code recu par SMS : ");
    assert!(
        folder
            .files()
            .texts()
            .any(|(file, _)| file.ends_with("texts"))
    );
}

#[test]
fn a_catalogue_that_is_wrong_is_told_with_its_own_line() {
    let folder = Folder::new(TEXTS_FILE, "");
    let told = folder.told();
    assert!(told.contains("agent.toml:3: catalogue_file"), "{told}");
    folder.write("texts", "# ours\nprompt-top = a\n");
    let told = folder.told();
    assert!(
        told.contains("texts:2: prompt-top: there is no such text"),
        "{told}"
    );
    folder.write("texts", "prompt-totp = a\nprompt-pin = a\n");
    let told = folder.told();
    assert!(
        told.contains("agent.toml:3: totp and pin are both \"a \""),
        "{told}"
    );
}
