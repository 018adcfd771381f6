//! Stacks that nobody would write, as the real libpam sees them: what `mfactl stacks check` finds nothing wrong with
//! lets nobody in without a code or without a password, and what `mfactl stacks take-out` leaves lets nobody in by
//! less than a password.

use std::fs;
use std::path::Path;
use std::process::Command;

use mfa_stacks::chain::{Entry, Kind, Step};
use mfa_stacks::codes::{AUTH_ERR, IGNORE, NEW_AUTHTOK_REQD, SUCCESS};
use mfa_stacks::modules::{is_ours, is_password, stem};
use mfa_tests::code_module::CodeStack;
use mfa_tests::{Machine, Output, built, run};

const STACKS: usize = 150;
const LOGINS: usize = 600;

const MODULES: [&str; 9] = [
    "pam_unix.so",
    "pam_unix.so",
    "pam_deny.so",
    "pam_permit.so",
    "pam_exec.so",
    "pam_mfa.so",
    "pam_mfa.so",
    "pam_faildelay.so",
    "pam_sss.so",
];
const WORDS: [&str; 4] = ["required", "requisite", "sufficient", "optional"];
const RESULTS: [&str; 6] = [
    "success",
    "auth_err",
    "default",
    "user_unknown",
    "authinfo_unavail",
    "perm_denied",
];
const ACTIONS: [&str; 9] = ["ok", "ignore", "bad", "die", "done", "reset", "1", "2", "3"];
/// As Debian has it.
const CORE: [&str; 4] = [
    "auth [success=1 default=ignore] pam_unix.so",
    "auth requisite pam_deny.so",
    "auth required pam_permit.so",
    "auth [success=ok ignore=ignore default=die] pam_mfa.so",
];
/// What modules may say; the last three only those that check no password.
const CODES: [usize; 9] = [SUCCESS, SUCCESS, AUTH_ERR, 6, 9, 10, IGNORE, 11, 3];

/// The same numbers at each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let high = usize::try_from(self.0 >> 33).expect("31 bits");
        high % limit
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn line(&mut self) -> String {
        let control = match self.below(2) {
            0 => self.one(&WORDS).to_owned(),
            _ => {
                let pairs = 1 + self.below(3);
                let pair = |_| format!("{}={}", self.one(&RESULTS), self.one(&ACTIONS));
                format!("[{}]", (0..pairs).map(pair).collect::<Vec<_>>().join(" "))
            }
        };
        format!("auth {control} {}", self.one(&MODULES))
    }

    /// A service, and a file that it takes in.
    fn files(&mut self) -> Vec<(String, String)> {
        let mut files = ["svc", "inner"].map(|_| {
            let count = 1 + self.below(4);
            (0..count).map(|_| self.line()).collect::<Vec<_>>()
        });
        if self.below(3) > 0 {
            let file = self.below(2);
            files[file].retain(|line| !line.contains("pam_mfa"));
            let at = self.below(files[file].len() + 1);
            files[file].splice(at..at, CORE.map(str::to_owned));
        }
        let at = self.below(files[0].len() + 1);
        let how = self.one(&["auth include inner", "auth substack inner"]);
        files[0].insert(at, how.to_owned());
        let named = ["svc", "inner"].into_iter().zip(files);
        named
            .map(|(name, lines)| (name.to_owned(), lines.join("\n") + "\n"))
            .collect()
    }

    fn login(&mut self, stack: &CodeStack) -> Vec<usize> {
        let mut codes = stack
            .entries
            .iter()
            .map(|entry| self.code(entry))
            .collect::<Vec<_>>();
        stack.as_lines(&mut codes);
        codes
    }

    fn code(&mut self, entry: &Entry) -> usize {
        match module(entry).map(|step| stem(&step.call.module)) {
            Some("pam_permit") | None => SUCCESS,
            Some("pam_deny") => AUTH_ERR,
            Some(name) if is_password(name) => self.one(&CODES[..6]),
            Some(_) => self.one(&CODES),
        }
    }
}

fn module(entry: &Entry) -> Option<&Step> {
    match &entry.kind {
        Kind::Module(step) => Some(step),
        Kind::Substack | Kind::Broken(_) | Kind::Stopped(_) => None,
    }
}

fn write(folder: &Path, files: &[(String, String)]) {
    for (name, text) in files {
        fs::write(folder.join(name), text).expect("a file");
    }
}

fn mfactl(folder: &Path, arguments: &[&str]) -> Output {
    run(Command::new(&built().mfactl)
        .args(["stacks", arguments[0], "--pam-dir"])
        .arg(folder)
        .args(&arguments[1..]))
}

/// What let somebody in: the entries that were called, with what they said.
fn ways_in(dice: &mut Dice, stack: &CodeStack) -> Vec<Vec<(usize, usize)>> {
    let logins: Vec<_> = (0..LOGINS).map(|_| dice.login(stack)).collect();
    let outcomes = stack.outcomes(&logins).into_iter().zip(&logins);
    let let_in = outcomes.filter(|(outcome, _)| outcome.code == SUCCESS);
    let said = let_in.map(|(outcome, login)| {
        let called = outcome.called.iter().zip(login).enumerate();
        let called = called.filter(|(_, (called, _))| **called);
        called.map(|(at, (_, code))| (at, *code)).collect()
    });
    said.collect()
}

fn says(stack: &CodeStack, way: &[(usize, usize)], is: fn(&str) -> bool, codes: &[usize]) -> bool {
    way.iter().any(|(at, code)| {
        let is_it = |step: &Step| is(&step.call.module);
        module(&stack.entries[*at]).is_some_and(is_it) && codes.contains(code)
    })
}

/// Whether somebody gets in with whom every module is content.
fn is_let_in_by_right_answers(stack: &CodeStack) -> bool {
    let says = |entry: &Entry| match module(entry).map(|step| stem(&step.call.module)) {
        Some("pam_deny") => AUTH_ERR,
        _ => SUCCESS,
    };
    let login = stack.entries.iter().map(says).collect();
    stack.outcomes(&[login])[0].code == SUCCESS
}

const RIGHT: [usize; 2] = [SUCCESS, NEW_AUTHTOK_REQD];

#[test]
fn what_nothing_is_wrong_with_lets_nobody_in_without_a_code_or_a_password() {
    Machine::run(|_| {
        let mut dice = Dice(15);
        let (mut sound, mut let_in) = (0, 0);
        for _ in 0..STACKS {
            let files = dice.files();
            let folder = tempfile::tempdir().expect("a folder");
            write(folder.path(), &files);
            let mut asking = files.iter().filter(|(_, text)| text.contains("pam_mfa.so"));
            if !asking.all(|(name, _)| mfactl(folder.path(), &["check", name]).is_success()) {
                continue;
            }
            let stack = CodeStack::of("svc", &files);
            let any = |is: fn(&str) -> bool| {
                let mut steps = stack.entries.iter().filter_map(module);
                steps.any(|step| is(&step.call.module))
            };
            if !any(is_ours) {
                continue;
            }
            sound += 1;
            for way in ways_in(&mut dice, &stack) {
                let_in += 1;
                let told = || format!("{files:#?} {way:?}");
                assert!(
                    says(&stack, &way, is_ours, &[SUCCESS, IGNORE]),
                    "{}",
                    told()
                );
                assert!(
                    !any(is_password) || says(&stack, &way, is_password, &RIGHT),
                    "{}",
                    told()
                );
            }
        }
        assert!(
            sound > 5 && let_in > 50,
            "too few to prove anything: {sound}, {let_in}"
        );
    });
}

#[test]
fn what_is_left_when_the_module_is_taken_out_lets_nobody_in_by_less_than_a_password() {
    Machine::run(|_| {
        let mut dice = Dice(16);
        let mut taken = 0;
        for _ in 0..STACKS {
            let files = dice.files();
            let folder = tempfile::tempdir().expect("a folder");
            write(folder.path(), &files);
            let out = mfactl(folder.path(), &["take-out"]);
            let now: Vec<_> = files
                .iter()
                .map(|(name, _)| {
                    let text = fs::read_to_string(folder.path().join(name)).expect("a file");
                    (name.clone(), text)
                })
                .collect();
            if !out.is_success() {
                assert!(out.stderr.contains("nothing changed"), "{files:#?} {out:?}");
                assert_eq!(now, files);
                continue;
            }
            taken += 1;
            let left = mfactl(folder.path(), &["lines"]);
            assert_eq!(left.stdout, "", "{files:#?}");
            let stack = CodeStack::of("svc", &now);
            // Who knows the password is not kept out, either; a stack that takes back what has failed may be shut.
            let resets = files.iter().any(|(_, text)| text.contains("=reset"));
            let could = !resets && is_let_in_by_right_answers(&CodeStack::of("svc", &files));
            assert!(
                !could || is_let_in_by_right_answers(&stack),
                "{files:#?} {now:#?}"
            );
            let is_in_place = |at: usize| {
                let place = module(&stack.entries[at]).map(Step::place)?;
                let (_, text) = now.iter().find(|(name, _)| *name == place.file)?;
                let line = text.lines().nth(place.number - 1)?;
                line.contains("# instead of pam_mfa").then_some(())
            };
            for way in ways_in(&mut dice, &stack) {
                // Ways beside our line are as they were.
                let is_by_it = way.iter().any(|(at, _)| is_in_place(*at).is_some());
                let is_right = says(&stack, &way, is_password, &RIGHT);
                assert!(!is_by_it || is_right, "{files:#?} {now:#?} {way:?}");
            }
        }
        assert!(taken > STACKS / 2, "{taken}");
    });
}
