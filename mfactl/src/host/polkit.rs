//! The administrators of polkit: the identities of its admin rules.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use super::members;

/// Where rules are (polkit(8)), and, before version 0.106, settings.
const FOLDERS: [&str; 4] = [
    "/etc/polkit-1/rules.d",
    "/usr/share/polkit-1/rules.d",
    "/etc/polkit-1/localauthority.conf.d",
    "/var/lib/polkit-1/localauthority.conf.d",
];

/// Users that the rules name, directly or by a group. None without `pkexec`.
pub(super) fn administrators() -> Vec<String> {
    if !Path::new("/usr/bin/pkexec").exists() {
        return Vec::new();
    }
    let folders = FOLDERS
        .into_iter()
        .filter_map(|folder| fs::read_dir(folder).ok());
    let files = folders
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()));
    let rules = files.filter(|file| {
        let extension = file.extension();
        extension == Some(OsStr::new("rules")) || extension == Some(OsStr::new("conf"))
    });
    let texts = rules.filter_map(|file| fs::read_to_string(file).ok());
    texts.flat_map(|text| named(&text)).collect()
}

/// The users of the identities in a file of admin rules.
fn named(text: &str) -> Vec<String> {
    if !text.contains("addAdminRule") && !text.contains("AdminIdentities") {
        return Vec::new();
    }
    let is_end = |c: char| !(c.is_alphanumeric() || "-_.".contains(c));
    let after = |prefix| {
        let parts = text.split(prefix).skip(1);
        let names = parts.filter_map(move |part: &str| part.split(is_end).next());
        names.filter(|name| !name.is_empty() && *name != "0" && *name != "root")
    };
    let users = after("unix-user:").map(str::to_owned);
    users
        .chain(after("unix-group:").flat_map(members))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_read_from_rules_for_administrators_and_from_no_others() {
        let rule =
            "polkit.addAdminRule(function(a, s) { return [\"unix-user:anna\", 'unix-user:0']; });";
        assert_eq!(named(rule), ["anna"]);
        assert_eq!(named(&rule.replace("addAdminRule", "addRule")), [""; 0]);
        let settings = "[Configuration]\nAdminIdentities=unix-user:0;unix-user:bob;\n";
        assert_eq!(named(settings), ["bob"]);
    }
}
