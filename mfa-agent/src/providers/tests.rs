use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

const CA: &str = include_str!("tests/ca.pem");

/// A folder of secrets with mode 0600; `DIR` in settings is replaced by its path.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for name in ["password", "token", "radius"] {
            folder.write(name, "0123456789abcdef\n", 0o600);
        }
        folder.write("ca.pem", CA, 0o644);
        folder
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        fs::write(self.at(name), text).unwrap();
        fs::set_permissions(self.at(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn settings(&self, text: &str) -> Settings {
        let path = self.0.path().to_string_lossy();
        let text = text.replace("DIR", &path);
        Settings::parse(vec![("agent.toml".into(), text)]).unwrap()
    }

    /// The errors, with paths relative to the folder.
    fn told(&self, text: &str) -> Vec<String> {
        let Err(error) = Providers::load(&self.settings(text)) else {
            panic!("it should have been refused");
        };
        let told = error.to_string();
        let told = told.replace(&format!("{}/", self.0.path().display()), "");
        told.lines().map(str::to_owned).collect()
    }
}

const ALL: &str = "\
[delivery.email]
from = 'mfa@example.org'
server = 'mail.example.org'
user = 'mfa'
password_file = 'DIR/password'
ca_file = 'DIR/ca.pem'
[delivery.sms]
provider = 'webhook'
url = 'https://sms.example.org/send'
token_file = 'DIR/token'
ca_file = 'DIR/ca.pem'
[[radius]]
name = 'vip'
servers = ['192.0.2.1', '192.0.2.2']
secret_file = 'DIR/radius'
[[radius]]
name = 'nps'
servers = ['192.0.2.3']
secret_file = 'DIR/radius'
nas_identifier = 'web1'
";

#[test]
fn the_providers_in_the_settings_are_loaded() {
    let folder = Folder::new();
    let settings = folder.settings(ALL);
    let providers = Providers::load(&settings).unwrap();
    assert!(providers.email.is_some() && providers.texts.is_some());
    let names: Vec<_> = providers.radius.keys().map(String::as_str).collect();
    assert_eq!(names, ["nps", "vip"]);
    assert_eq!(inspect(&settings), Inspection::default());
}

#[test]
fn without_providers_nothing_is_loaded() {
    let providers = Providers::load(&Settings::default()).unwrap();
    assert!(providers.email.is_none() && providers.texts.is_none());
    assert!(providers.radius.is_empty());
}

#[test]
fn a_channel_that_is_turned_off_needs_no_secret() {
    let folder = Folder::new();
    for name in ["password", "token"] {
        fs::remove_file(folder.at(name)).unwrap();
    }
    let off = ALL
        .replace("from =", "active = false\nfrom =")
        .replace("provider =", "active = false\nprovider =");
    let providers = Providers::load(&folder.settings(&off)).unwrap();
    assert!(providers.email.is_none() && providers.texts.is_none());
    assert_eq!(providers.radius.len(), 2);
}

#[test]
fn every_provider_of_text_messages_is_loaded() {
    let folder = Folder::new();
    for keys in [
        "provider = 'vonage'\nkey = 'k'\nfrom = 'f'\nsecret_file = 'DIR/token'\nca_file = 'DIR/ca.pem'",
        "provider = 'webhook'\nurl = 'https://a'\nhmac_key_file = 'DIR/token'\nca_file = 'DIR/ca.pem'",
        "provider = 'command'\ncommand = '/bin/true'",
    ] {
        let settings = folder.settings(&format!("[delivery.sms]\n{keys}"));
        assert!(
            Providers::load(&settings).unwrap().texts.is_some(),
            "{keys}"
        );
    }
}

#[test]
fn all_problems_are_reported_at_once_with_place_and_remedy() {
    let folder = Folder::new();
    folder.write("password", "hunter2\n", 0o640);
    folder.write("token", "two\nlines\n", 0o600);
    folder.write("ca.pem", "nothing of the kind", 0o644);
    fs::remove_file(folder.at("radius")).unwrap();
    let told = folder.told(ALL);
    let expected = [
        "agent.toml:5: [delivery.email] password_file: the secret password can be read by other users (mode 0640); \
         run: chmod 0600 password",
        "agent.toml:6: [delivery.email] ca_file: ca.pem holds no certificates in PEM",
        "agent.toml:10: [delivery.sms] token_file: the secret token must be one line of text",
        "agent.toml:11: [delivery.sms] ca_file: ca.pem holds no certificates in PEM",
        "agent.toml:15: [[radius]] \"vip\" secret_file: the secret radius can't be read",
        "agent.toml:19: [[radius]] \"nps\" secret_file: the secret radius can't be read",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}\nnot\n{expected}");
        assert!(!told.contains("hunter2") && !told.contains("lines\n"));
    }
}

#[test]
fn only_a_missing_credential_may_be_right_for_the_agent() {
    let folder = Folder::new();
    folder.write("radius", "0123456789abcdef", 0o644);
    let text = ALL.replace("DIR/token", "no-such-credential");
    let errors = inspect(&folder.settings(&text)).errors;
    let doubtful: Vec<_> = errors.iter().map(|error| error.is_doubtful).collect();
    assert_eq!(doubtful, [true, false, false]);
    assert!(
        errors[0]
            .message
            .contains("no systemd credential no-such-credential")
    );
}

#[test]
fn a_short_shared_secret_and_a_missing_program_cause_warnings() {
    let folder = Folder::new();
    folder.write("radius", "short", 0o600);
    let settings = folder.settings(
        "[delivery.email]\nfrom = 'a@b'\nsendmail = 'DIR/none'\n[delivery.sms]\nprovider = 'command'\n\
         command = 'DIR/ca.pem'\n[[radius]]\nname = 'vip'\nservers = ['192.0.2.1', '192.0.2.2']\n\
         secret_file = 'DIR/radius'",
    );
    assert!(Providers::load(&settings).is_ok());
    let found = inspect(&settings);
    assert!(found.errors.is_empty());
    let told: Vec<String> = found.warnings.iter().map(ToString::to_string).collect();
    for (told, expected) in told.iter().zip([
        ["agent.toml:3: [delivery.email] sendmail: ", "can't be run"],
        [
            "agent.toml:6: [delivery.sms] command: ",
            "is not executable",
        ],
        [
            "agent.toml:10: [[radius]] \"vip\" secret_file: ",
            "16 characters",
        ],
    ]) {
        let fits = told.starts_with(expected[0]) && told.contains(expected[1]);
        assert!(fits, "{told}");
    }
    assert_eq!(told.len(), 3, "{told:?}");
}
