//! Each shipped stack with every return code of every module in it, through the real libpam.
//!
//! Nobody gets in without a required second factor, nor without a password, and a user who needs no
//! second factor is never locked out. The tests also prove that `mfactl doctor` computes the same
//! results as libpam, because it checks the stacks of other hosts.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use mfa_stacks::chain::{Entry, Kind, Step};
use mfa_stacks::codes::{AUTH_ERR, CODES, IGNORE, INCOMPLETE, SUCCESS};
use mfa_stacks::dispatch::verdict;
use mfa_stacks::modules::{is_ours, is_password, stem};
use mfa_stacks::paths::way_without;
use mfa_tests::Transcript;
use mfa_tests::code_module::CodeStack;

/// Stacks that never ask for a code, because nobody could answer.
const NEVER_ASKED: [&str; 1] = ["cron"];
/// Stacks without a password: the program has verified a key.
const AFTER_A_KEY: [&str; 1] = ["sshd-publickey"];
/// Whoever passes here is not asked, on purpose: root becomes another user.
const LETS_IN: [(&str, &str); 1] = [("su", "pam_rootok")];

/// Every stack in `config/pam.d`, by its name.
fn shipped() -> Vec<(String, CodeStack)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/pam.d");
    let folder = fs::read_dir(folder).expect("the shipped stacks");
    let names = folder.map(|entry| entry.expect("a file"));
    let mut files: Vec<(String, String)> = names
        .map(|file| {
            let text = fs::read_to_string(file.path()).expect("a stack");
            (file.file_name().into_string().expect("a name"), text)
        })
        .collect();
    files.sort();
    let services: Vec<_> = files.iter().map(|(name, _)| name.clone()).collect();
    files.push(("common-auth".to_owned(), common_auth()));
    let stack = |name: String| {
        let stack = CodeStack::of(&name, &files);
        (name, stack)
    };
    services.into_iter().map(stack).collect()
}

/// `common-auth` from Debian's template, as `pam-auth-update` fills it.
fn common_auth() -> String {
    let template = "/usr/share/pam/common-auth";
    let template = fs::read_to_string(template).unwrap_or_else(|e| panic!("{template}: {e}"));
    let primary = "auth [success=1 default=ignore] pam_unix.so nullok";
    template
        .replace("$auth_primary", primary)
        .replace("$auth_additional", "auth optional pam_cap.so")
}

fn module(entry: &Entry) -> Option<&Step> {
    match &entry.kind {
        Kind::Module(step) => Some(step),
        Kind::Substack | Kind::Broken(_) | Kind::Stopped(_) => None,
    }
}

fn is(entry: &Entry, fits: impl Fn(&str) -> bool) -> bool {
    module(entry).is_some_and(|step| fits(&step.call.module))
}

/// Fixed codes: `pam_deny` fails and `pam_permit` succeeds.
fn fixed(entry: &Entry) -> Option<usize> {
    match module(entry).map(|step| stem(&step.call.module)) {
        Some("pam_permit") => Some(SUCCESS),
        Some("pam_deny") => Some(AUTH_ERR),
        Some(_) => None,
        None => Some(SUCCESS),
    }
}

/// Whether a module can return this. A module that checks passwords never returns `ignore`, which
/// would pass `required`.
fn may(entry: &Entry, code: usize) -> bool {
    code != IGNORE || !is(entry, is_password)
}

/// Each module returns `code`, except those that can't.
fn all_saying(entries: &[Entry], code: usize) -> Vec<usize> {
    let says = |entry: &Entry| fixed(entry).unwrap_or(code);
    entries.iter().map(says).collect()
}

/// The indexes of modules that may return anything.
fn free(entries: &[Entry]) -> Vec<usize> {
    let free = |&at: &usize| fixed(&entries[at]).is_none();
    (0..entries.len()).filter(free).collect()
}

/// Every pair of modules with every pair of codes, all others at success and then at failure; a
/// module paired with itself is a single exception.
fn pairs(entries: &[Entry]) -> Vec<Vec<usize>> {
    let mut logins = Vec::new();
    let free = free(entries);
    for background in [SUCCESS, AUTH_ERR] {
        let background = all_saying(entries, background);
        for (n, &one) in free.iter().enumerate() {
            for &other in &free[n..] {
                for codes in 0..CODES.len() * CODES.len() {
                    if codes / CODES.len() == INCOMPLETE || codes % CODES.len() == INCOMPLETE {
                        continue;
                    }
                    let mut login = background.clone();
                    login[one] = codes / CODES.len();
                    login[other] = codes % CODES.len();
                    logins.push(login);
                }
            }
        }
    }
    logins
}

/// Whether `code` of `entry` satisfies the second factor here.
fn satisfies_second(service: &str, entry: &Entry, code: usize) -> bool {
    let lets_in = |module: &str| LETS_IN.contains(&(service, stem(module)));
    is(entry, is_ours) && (code == SUCCESS || code == IGNORE)
        || is(entry, lets_in) && code == SUCCESS
        || NEVER_ASKED.contains(&service)
}

/// Whether `code` of `entry` satisfies the first factor here.
fn satisfies_first(service: &str, entry: &Entry, code: usize) -> bool {
    let lets_in = |module: &str| is_password(module) || LETS_IN.contains(&(service, stem(module)));
    is(entry, lets_in) && code == SUCCESS
        || AFTER_A_KEY.contains(&service)
        || NEVER_ASKED.contains(&service)
}

#[test]
fn nobody_gets_in_without_the_second_or_without_the_first_factor() {
    for (service, stack) in shipped() {
        let logins = pairs(&stack.entries);
        let mut let_in = 0_usize;
        for (login, outcome) in logins.iter().zip(stack.outcomes(&logins)) {
            if outcome.code != SUCCESS {
                continue;
            }
            let said = || {
                let called = stack.entries.iter().zip(login).zip(&outcome.called);
                called.filter_map(|(said, called)| called.then_some(said))
            };
            if stack
                .entries
                .iter()
                .zip(login)
                .any(|(entry, &code)| !may(entry, code))
            {
                continue;
            }
            let passed = |has: fn(&str, &Entry, usize) -> bool| {
                said().any(|(entry, &code)| has(&service, entry, code))
            };
            let_in += 1;
            assert!(
                passed(satisfies_second),
                "{service}: no code: {:?}",
                words(&stack.entries, login)
            );
            assert!(
                passed(satisfies_first),
                "{service}: no password: {:?}",
                words(&stack.entries, login)
            );
        }
        assert!(
            let_in > 0 || stack.entries.is_empty(),
            "{service} lets nobody in"
        );
    }
}

#[test]
fn no_combination_of_codes_bypasses_the_factors() {
    for (service, stack) in shipped() {
        let entries = &stack.entries;
        let may = |at: usize, code| {
            fixed(&entries[at]).is_none_or(|fixed| fixed == code) && may(&entries[at], code)
        };
        for has in [satisfies_second, satisfies_first] {
            let met = |at: usize, code| has(&service, &entries[at], code);
            assert_eq!(
                way_without(entries, &[SUCCESS], may, met),
                Ok(None),
                "{service}"
            );
        }
    }
}

#[test]
fn a_user_who_needs_no_second_factor_gets_in_with_the_right_password_only() {
    for (service, stack) in shipped() {
        if NEVER_ASKED.contains(&service.as_str()) {
            continue;
        }
        let ours = |entry: &Entry| is(entry, is_ours);
        assert!(
            stack.entries.iter().any(ours),
            "{service} does not ask for a code"
        );
        let login = |password: usize| {
            let says = |entry: &Entry| match fixed(entry) {
                Some(code) => code,
                None if ours(entry) => IGNORE,
                None if is(entry, is_password) => password,
                None if is(entry, |module| LETS_IN.contains(&(&service, stem(module)))) => AUTH_ERR,
                None => SUCCESS,
            };
            stack.entries.iter().map(says).collect::<Vec<_>>()
        };
        let outcomes = stack.outcomes(&[login(SUCCESS), login(AUTH_ERR)]);
        assert_eq!(outcomes[0].code, SUCCESS, "{service}");
        let has_password = !AFTER_A_KEY.contains(&service.as_str());
        assert_eq!(outcomes[1].code != SUCCESS, has_password, "{service}");
    }
}

#[test]
fn the_tables_of_the_shipped_stacks() {
    for (service, stack) in shipped() {
        Transcript::of(&table(&stack)).assert(&format!("stack-{service}"));
    }
}

#[test]
fn doctor_computes_the_same_as_libpam_for_every_shipped_stack() {
    for (service, stack) in shipped() {
        agree(&service, &stack, &pairs(&stack.entries));
    }
}

#[test]
fn doctor_computes_the_same_as_libpam_for_odd_stacks() {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    for round in 0..300 {
        let names = ["outer", "inner", "deep"];
        let files: Vec<_> = (0..names.len())
            .map(|n| (names[n].to_owned(), dice.file(names.get(n + 1).copied())))
            .collect();
        let stack = CodeStack::of("outer", &files);
        if stack.entries.iter().all(|entry| module(entry).is_none()) {
            continue;
        }
        let logins: Vec<_> = (0..200).map(|_| dice.login(&stack)).collect();
        agree(&format!("{round}: {files:#?}"), &stack, &logins);
    }
}

#[test]
fn doctor_computes_the_same_as_libpam_if_an_include_finds_no_file() {
    for (outer, inner) in [
        ("@include gone\nauth sufficient pam_x.so\n", ""),
        (
            "auth sufficient pam_x.so\n@include inner\n",
            "@include gone\n",
        ),
        (
            "auth sufficient pam_x.so\n@include inner\n",
            "auth required \\\n",
        ),
        (
            "auth include inner\nauth sufficient pam_x.so\n",
            "auth required \\\n",
        ),
    ] {
        let files = [("outer", outer), ("inner", inner)];
        let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let stack = CodeStack::of("outer", &files);
        agree(outer, &stack, &[vec![SUCCESS; stack.entries.len()]]);
    }
}

/// Compares our result with libpam's.
fn agree(what: &str, stack: &CodeStack, logins: &[Vec<usize>]) {
    for (login, outcome) in logins.iter().zip(stack.outcomes(logins)) {
        let ours = verdict(&stack.entries, |at| login[at]);
        let said = words(&stack.entries, login);
        assert_eq!(
            CODES[ours], CODES[outcome.code],
            "ours, libpam's: {what}\n{said:?}"
        );
    }
}

fn words<'a>(entries: &'a [Entry], login: &[usize]) -> Vec<(&'a str, &'static str)> {
    let said = entries.iter().zip(login);
    said.filter_map(|(entry, &code)| Some((&*module(entry)?.call.module, CODES[code])))
        .collect()
}

/// The result of a login for each code of each module.
fn table(stack: &CodeStack) -> String {
    let mut table = String::new();
    for (background, words) in [(SUCCESS, "succeed"), (AUTH_ERR, "fail")] {
        table += &format!("All others {words}, and\n");
        for at in free(&stack.entries) {
            let login = |code| {
                let mut login = all_saying(&stack.entries, background);
                login[at] = code;
                login
            };
            let logins: Vec<_> = (0..CODES.len()).map(login).collect();
            let step = module(&stack.entries[at]).expect("a module");
            let name = step
                .place()
                .text
                .split_whitespace()
                .skip(1)
                .collect::<Vec<_>>()
                .join(" ");
            table += &format!("  {name}\n");
            let mut by_end: BTreeMap<String, Vec<&str>> = BTreeMap::new();
            for (code, outcome) in stack.outcomes(&logins).iter().enumerate() {
                let end = match outcome.code {
                    SUCCESS => "let in".to_owned(),
                    own if own == code => "refused with this code".to_owned(),
                    other => format!("refused with {}", CODES[other]),
                };
                by_end.entry(end).or_default().push(CODES[code]);
            }
            let most = by_end.values().map(Vec::len).max();
            for (end, codes) in &by_end {
                let said = match Some(codes.len()) == most && by_end.len() > 1 {
                    true => "anything else".to_owned(),
                    false if by_end.len() == 1 => "anything".to_owned(),
                    false => codes.join(", "),
                };
                table += &format!("    says {said}: {end}\n");
            }
        }
    }
    table
}

/// Lines that libpam does not understand, or understands differently than expected.
const ODD: [&str; 12] = [
    "auth",
    "auth required",
    "auth [success=ok",
    "auth include gone",
    "auth substack gone",
    "foo optional pam_x.so",
    "-foo required pam_x.so",
    "account include gone",
    "\r",
    "auth must pam_x.so",
    "auth [ success = 1default= ignore ] pam_x.so",
    "auth [success=okay default=ignore] pam_x.so",
];

/// The same numbers in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits") % end
    }

    fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }

    /// A file of a few lines, which may include the next.
    fn file(&mut self, next: Option<&str>) -> String {
        let count = self.below(6);
        let line = |_| match next {
            Some(next) if self.below(4) == 0 => {
                let how = self.one_of(&["auth include", "auth substack", "@include"]);
                format!("{how} {next}\n")
            }
            _ if self.below(12) == 0 => format!("{}\n", self.one_of(&ODD)),
            _ => format!("auth {} pam_x.so\n", self.control()),
        };
        (0..count).map(line).collect()
    }

    fn control(&mut self) -> String {
        let words = ["required", "requisite", "sufficient", "optional"];
        if self.below(2) == 0 {
            return self.one_of(&words).to_owned();
        }
        let actions = ["ok", "done", "bad", "die", "ignore", "reset", "1", "2", "3"];
        let results = [
            "success",
            "auth_err",
            "ignore",
            "maxtries",
            "new_authtok_reqd",
            "default",
        ];
        let mut pairs = Vec::new();
        for result in results {
            if self.below(2) == 0 {
                pairs.push(format!("{result}={}", self.one_of(&actions)));
            }
        }
        match pairs.is_empty() {
            true => "[default=ignore]".to_owned(),
            false => format!("[{}]", pairs.join(" ")),
        }
    }

    /// A code for each entry, usually one that a line may name.
    fn login(&mut self, stack: &CodeStack) -> Vec<usize> {
        let code = |_: &Entry| match self.below(8) {
            0..=2 => SUCCESS,
            3 | 4 => AUTH_ERR,
            5 => IGNORE,
            6 => 11,
            _ => self.below(CODES.len() - 1),
        };
        let mut login: Vec<usize> = stack.entries.iter().map(code).collect();
        stack.as_lines(&mut login);
        login
    }
}
