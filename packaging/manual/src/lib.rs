//! Generates man pages and completions from the programs themselves.
//!
//! Input: the arguments of `mfactl` and the table of keys. Output: files for `man` and the shells. They do not depend on
//! time or place of the build.

#![forbid(unsafe_code)]

mod commands;
mod roff;
mod settings;

use std::fs;
use std::io;
use std::path::Path;

use clap_complete::Shell;

/// The shipped settings, for their examples of rules.
const SETTINGS: &str = include_str!("../../../config/agent.toml");

/// The pages that are written by hand.
const BY_HAND: [(&str, &str); 3] = [
    ("pam_mfa.8", include_str!("../../man/pam_mfa.8")),
    ("mfa-agent.8", include_str!("../../man/mfa-agent.8")),
    ("mfa-pam.8", include_str!("../../man/mfa-pam.8")),
];

/// Writes every page into `folder`.
///
/// # Errors
///
/// If the folder is not writable.
pub fn pages(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (name, text) in commands::pages(&mfactl::command())? {
        fs::write(folder.join(name), text)?;
    }
    for (name, text) in BY_HAND {
        fs::write(folder.join(name), text)?;
    }
    fs::write(folder.join("agent.toml.5"), settings::page(SETTINGS))
}

/// Writes completions for three shells into folders of `folder`.
///
/// # Errors
///
/// If the folder is not writable.
pub fn completions(folder: &Path) -> io::Result<()> {
    for (shell, place) in [
        (Shell::Bash, "bash/mfactl"),
        (Shell::Zsh, "zsh/_mfactl"),
        (Shell::Fish, "fish/mfactl.fish"),
    ] {
        let place = folder.join(place);
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut mfactl::command(), "mfactl", &mut text);
        fs::write(place, text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
