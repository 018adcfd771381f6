//! What is found in settings as they are written, word by word, and what is not.

mod administrators;
mod callers;
mod host;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;

use super::*;
use mfa_core::names::{Groups, NamesError, PasswdEntry, UserName};

const DEFAULT: &str = include_str!("../../../config/agent.toml");

/// A host where root is the only user, until more are added.
#[derive(Clone, Debug)]
pub(super) struct Stub {
    users: BTreeSet<&'static str>,
    /// The groups and their members.
    groups: BTreeMap<&'static str, &'static [&'static str]>,
    /// Users of another source than the users' file.
    federated: BTreeSet<&'static str>,
    is_broken: bool,
}

impl Stub {
    pub(super) fn new() -> Self {
        Self {
            users: ["root", "anna", "bob"].into(),
            groups: [("staff", &["anna"][..]), ("desk", &["bob", "anna"])].into(),
            federated: BTreeSet::new(),
            is_broken: false,
        }
    }

    fn answer<T>(&self, answer: T) -> Result<T, NamesError> {
        match self.is_broken {
            true => Err(NamesError::LookUp {
                what: "anything".to_owned(),
                error: std::io::Error::other("no answer"),
            }),
            false => Ok(answer),
        }
    }
}

impl Names for Stub {
    /// Upper and lower case are one here.
    fn canonical(&self, user: &UserName) -> Result<Option<PasswdEntry>, NamesError> {
        let found = self
            .users
            .iter()
            .find(|name| name.eq_ignore_ascii_case(user.as_str()));
        self.answer(found.map(|name| PasswdEntry {
            name: name.parse().unwrap(),
            uid: 7,
            gid: 7,
            gecos: String::new(),
        }))
    }

    fn groups(
        &self,
        user: &UserName,
        _: Option<&PasswdEntry>,
        wanted: &[String],
    ) -> Result<Groups, NamesError> {
        let is_in = |group: &&String| {
            let members = self.groups.get(group.as_str());
            members.is_some_and(|members| members.contains(&user.as_str()))
        };
        self.answer(wanted.iter().filter(is_in).cloned().collect())
    }

    fn is_local(&self, user: &UserName) -> Result<bool, NamesError> {
        self.answer(!self.federated.contains(user.as_str()))
    }

    fn by_uid(&self, _: u32) -> Result<Option<PasswdEntry>, NamesError> {
        self.answer(None)
    }

    fn members(&self, group: &str) -> Result<Option<Vec<String>>, NamesError> {
        let members = self.groups.get(group);
        self.answer(members.map(|list| list.iter().map(|&name| name.to_owned()).collect()))
    }

    fn password_max_days(&self, _: &UserName) -> Result<Option<u32>, NamesError> {
        self.answer(None)
    }
}

pub(super) fn settings(text: &str) -> Settings {
    Settings::parse(vec![("agent.toml".into(), text.to_owned())]).unwrap()
}

fn review(text: &str, names: &Stub, repository: Option<&AccountRepository>) -> Vec<Finding> {
    let settings = settings(text);
    let review = Review {
        settings: &settings,
        names,
        repository,
        host: None,
    };
    review.findings(Timestamp::from_second(1_000_000).unwrap())
}

/// Findings in lines, on a host of [`Stub::new`] without an agent.
fn lines(text: &str) -> Vec<String> {
    review(text, &Stub::new(), None).iter().map(line).collect()
}

/// That there is one finding, and that it begins with `place` and holds all of `words`.
#[track_caller]
fn finds(text: &str, place: &str, words: &[&str]) {
    let lines = lines(text);
    let [line] = &lines[..] else {
        panic!("{text}\nfinds {lines:#?}");
    };
    assert!(line.starts_with(place), "{line}\nis not at {place}");
    for word in words {
        assert!(line.contains(word), "{line}\nhas no {word:?}");
    }
}

#[track_caller]
fn finds_nothing(text: &str) {
    assert_eq!(lines(text), [""; 0], "{text}");
}

#[test]
fn a_list_that_a_later_file_replaces_is_told_with_both_places() {
    let files = [
        "[policy]\nrequire = ['pin']",
        "[policy]\nrequire = ['totp']",
    ];
    let files = ["10.toml", "20.toml"].into_iter().zip(files);
    let files = files.map(|(name, text)| (name.into(), text.to_owned()));
    let settings = Settings::parse(files.collect()).unwrap();
    let told = settings
        .overridden
        .iter()
        .map(of_overridden)
        .map(|it| line(&it));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            "20.toml:2: [policy] require replaces the whole list at 10.toml:2; keep the list in \
             one file only"
        ]
    );
}

#[test]
fn the_default_file_and_its_examples_are_fine() {
    finds_nothing(DEFAULT);
    finds_nothing("");
    let example = |line: &'static str| match line.strip_prefix('#') {
        Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => rest,
        _ => line,
    };
    let examples: Vec<_> = DEFAULT.lines().map(example).collect();
    let mut host = Stub::new();
    host.users.extend(["contractor", "backup"]);
    let groups = ["sudo", "wheel", "contractors"];
    host.groups.extend(groups.map(|group| (group, &[][..])));
    assert_eq!(review(&examples.join("\n"), &host, None), []);
}

#[test]
fn self_service_without_a_factor_is_told() {
    finds(
        "[self_service]\nfactors = []",
        "[self_service] is enabled",
        &["enabled = false"],
    );
    finds_nothing("[self_service]\nenabled = false\nfactors = []");
    finds_nothing("[policy]\nrequire = ['pin']\n[self_service]\nfactors = ['totp']");
}

#[test]
fn a_choice_among_few_questions_is_told() {
    let few = "[questions]\ncatalogue = ['a?', 'b?', 'c?', 'd?']\n";
    finds(
        &format!("{few}own = false"),
        "[questions] own = false leaves users 4 questions",
        &["at least 5", "own = true"],
    );
    finds_nothing(few);
    finds_nothing("[questions]\nown = false");
}

#[test]
fn findings_always_fit_into_one_message_and_say_how_many_did_not() {
    let text = "[[rule]]\naction = 'skip'\n".repeat(1_000);
    let findings = review(&text, &Stub::new(), None);
    let bytes = serde_json::to_vec(&findings).unwrap().len();
    assert!(bytes < mfa_protocol::frame::MAX_FRAME, "{bytes}");
    let last = &findings.last().unwrap().message;
    let left_out = 999 - (findings.len() - 1);
    assert!(last.starts_with(&format!("{left_out} more")), "{last}");
}

const EMAIL: &str = "[delivery.email]\nfrom = 'mfa@example.org'\nsendmail = '/usr/sbin/sendmail'\n";
const SMS: &str = "[delivery.sms]\nprovider = 'command'\ncommand = '/usr/local/sbin/send-sms'\n";

#[test]
fn a_channel_that_is_set_up_and_never_used_is_told() {
    finds(
        EMAIL,
        "[delivery.email] is configured, but neither [policy] nor a rule asks for \"email\"",
        &["add \"email\" to require"],
    );
    finds(
        SMS,
        "[delivery.sms] is configured, but [delivery] channel is \"email\"",
        &["channel = \"sms\""],
    );
    finds_nothing(&format!("{EMAIL}[policy]\nrequire = ['totp', 'email+pin']"));
    finds_nothing(&format!(
        "{EMAIL}{SMS}[[rule]]\nservices = ['sshd']\nrequire = ['email']"
    ));
}

/// What is told of a webhook's token by the agent itself and by whoever else looks.
fn of_token(token: &str) -> [Vec<Finding>; 2] {
    let text = format!(
        "[delivery]\nchannel = 'sms'\n[policy]\nrequire = ['sms']\n[delivery.sms]\nprovider = 'webhook'\n\
         url = 'https://sms.example.org'\ntoken_file = '{token}'"
    );
    let settings = settings(&text);
    [Eyes::Agents, Eyes::Anybodys].map(|eyes| files::of_files(&settings, eyes))
}

#[test]
fn a_secret_that_others_may_read_is_an_error_whoever_looks() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "hunter2").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    for findings in of_token(&file.to_string_lossy()) {
        let [finding] = &findings[..] else {
            panic!("{findings:#?}");
        };
        assert_eq!(finding.severity, Severity::Error);
        let line = line(finding);
        assert!(
            line.starts_with("agent.toml:8: [delivery.sms] token_file: "),
            "{line}"
        );
        assert!(
            line.contains("chmod 0600") && !line.contains("hunter2"),
            "{line}"
        );
    }
}

#[test]
fn a_credential_of_the_unit_is_missed_by_the_agent_only() {
    let [agents, anybodys] = of_token("no-such-credential");
    assert_eq!(agents[0].severity, Severity::Error);
    assert_eq!(anybodys[0].severity, Severity::Warning);
    assert!(anybodys[0].message.contains("mfactl config check"));
}

#[test]
fn what_keeps_the_settings_from_being_put_in_force_comes_first() {
    let settings = settings(&format!(
        "{EMAIL}[[radius]]\nname = 'vip'\nservers = ['192.0.2.1']\nsecret_file = '/no/such/file'"
    ));
    let names = Stub::new();
    let review = Review {
        settings: &settings,
        names: &names,
        repository: None,
        host: None,
    };
    let findings = review.thorough_findings(Timestamp::UNIX_EPOCH);
    let severities: Vec<_> = findings.iter().map(|finding| finding.severity).collect();
    assert_eq!(severities[0], Severity::Error);
    assert!(
        severities[1..]
            .iter()
            .all(|severity| *severity == Severity::Warning)
    );
    assert!(
        findings[0]
            .message
            .starts_with("[[radius]] \"vip\" secret_file: ")
    );
}
