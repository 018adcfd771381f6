//! A stack in which each module returns what the test says, run by the real libpam.
//!
//! Lines, order and controls are kept; only the modules are replaced by
//! `tests/programs/pam_code.c`. `pam_codes.c` runs one login after the other in a single process.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use mfa_stacks::chain::{Entry, Kind, entries};
use mfa_stacks::parse::{Does, Phase, lines};
use tempfile::TempDir;

/// The result of a login.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The return code of `pam_authenticate`.
    pub code: usize,
    /// Whether each entry's module was called.
    pub called: Vec<bool>,
}

/// A stack of such modules.
pub struct CodeStack {
    folder: TempDir,
    service: String,
    /// libpam's entries, with the modules' original names.
    pub entries: Vec<Entry>,
    /// The index of each entry among the codes; lines that are included twice share one.
    places: Vec<usize>,
    count: usize,
}

impl CodeStack {
    /// The stack of `service` among `files`, given by name.
    #[must_use]
    pub fn of(service: &str, files: &[(String, String)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut known: Vec<(String, usize)> = Vec::new();
        for (name, text) in files {
            let told = told(folder.path(), name, text, &mut known);
            fs::write(folder.path().join(name), told).expect("a service file");
        }
        fs::write(folder.path().join("other"), "auth required pam_deny.so\n").expect("a file");
        let text = |name: &str| {
            let file = files.iter().find(|(file, _)| file == name);
            file.map(|(_, text)| text.as_str())
        };
        let entries = entries(service, &text);
        let place = |entry: &Entry| match &entry.kind {
            Kind::Module(step) => {
                let place = step.place();
                let is_it = |line: &(String, usize)| *line == (place.file.clone(), place.number);
                known.iter().position(is_it).expect("a line that is told")
            }
            Kind::Substack | Kind::Broken(_) | Kind::Stopped(_) => usize::MAX,
        };
        Self {
            places: entries.iter().map(place).collect(),
            count: known.len(),
            service: service.to_owned(),
            entries,
            folder,
        }
    }

    /// libpam's result for each login, given by the code of each entry. Entries of one line return
    /// the code of the last of them; [`CodeStack::as_lines`] prepares that.
    #[must_use]
    pub fn outcomes(&self, logins: &[Vec<usize>]) -> Vec<Outcome> {
        let input = self.folder.path().join("codes.txt");
        let digits = |login: &Vec<usize>| self.digits(login) + "\n";
        fs::write(&input, logins.iter().map(digits).collect::<String>()).expect("a file");
        let output = Command::new(&programs().runner)
            .args([self.folder.path(), Path::new(&self.service)])
            .stdin(File::open(&input).expect("a file"))
            .output()
            .expect("pam_codes");
        assert!(output.status.success(), "pam_codes: {output:?}");
        let shown = String::from_utf8(output.stdout).expect("text");
        let outcomes: Vec<_> = shown.lines().map(|line| self.outcome(line)).collect();
        assert_eq!(outcomes.len(), logins.len(), "{}", self.service);
        outcomes
    }

    /// Gives entries of one line the same code.
    pub fn as_lines(&self, login: &mut [usize]) {
        for at in 0..login.len() {
            let first = self.places.iter().position(|&p| p == self.places[at]);
            login[at] = login[first.unwrap_or(at)];
        }
    }

    fn digits(&self, login: &[usize]) -> String {
        let mut digits = vec!['0'; self.count];
        for (place, code) in self.places.iter().zip(login) {
            if let Some(digit) = digits.get_mut(*place) {
                let code = u32::try_from(*code).expect("a code");
                *digit = char::from_digit(code, 32).expect("a code below 32");
            }
        }
        digits.into_iter().collect()
    }

    fn outcome(&self, line: &str) -> Outcome {
        let (code, called) = line.split_once(' ').unwrap_or((line, ""));
        let called = called.as_bytes();
        let is_called = |place: &usize| called.get(*place) == Some(&b'x');
        Outcome {
            code: code.parse().expect("a number"),
            called: self.places.iter().map(is_called).collect(),
        }
    }
}

/// The text of a file, with our module instead of each module that authenticates.
fn told(folder: &Path, file: &str, text: &str, known: &mut Vec<(String, usize)>) -> String {
    let physical: Vec<&str> = text.split('\n').collect();
    let module = programs().module.display();
    let mut told = String::new();
    for line in lines(text) {
        let written = physical[line.number - 1];
        match &line.does {
            _ if line.phase.is_some_and(|phase| phase != Phase::Auth) => {}
            Does::Include { file, .. } => {
                // libpam 1.5 looks for a bare name in /etc/pam.d, whatever folder it was told.
                let path = folder.join(file).display().to_string();
                told += &format!("{}\n", written.replace(file.as_str(), &path));
            }
            Does::Call(call) => {
                let at = written.find(&call.module).expect("a line in one piece");
                told += &format!("{}{module} at={}\n", &written[..at], known.len());
                known.push((file.to_owned(), line.number));
            }
            Does::Fails(_) | Does::Stops => told += &format!("{written}\n"),
        }
    }
    told
}

/// The compiled programs; they are removed with their folder.
struct Programs {
    module: PathBuf,
    runner: PathBuf,
    _folder: TempDir,
}

fn programs() -> &'static Programs {
    static PROGRAMS: OnceLock<Programs> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let compiled = |source: &str, name: &str, options: &[&str]| {
            let source = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("programs")
                .join(source);
            let made = folder.path().join(name);
            let mut cc = Command::new("cc");
            cc.args(["-O2", "-Wall", "-Wextra", "-o"])
                .args([&made, &source]);
            let status = cc.args(options).status().expect("cc");
            assert!(status.success(), "{} does not compile", source.display());
            made
        };
        Programs {
            module: compiled("pam_code.c", "pam_code.so", &["-shared", "-fPIC"]),
            runner: compiled("pam_codes.c", "pam_codes", &["-lpam"]),
            _folder: folder,
        }
    })
}
