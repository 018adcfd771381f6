//! sshd's own settings: whether sshd prompts at all, if its stack asks for a code.
//!
//! They are checked for everybody, and for each administrator of this host if there are `Match` blocks. There is no
//! check if sshd's stack does not name the module.

mod alone;

use std::fs;
use std::io;
use std::path::Path;

use mfa_protocol::admin::ServiceTerms;
use nix::unistd::geteuid;

pub(crate) use alone::{A_KEY_ALONE, unasked};
use alone::{KEY_ALONE, alone, evaded, of_key_alone};

use super::Check;
use super::stacks::Service;
use crate::host;
use crate::sshd::{Settings, for_all, for_user, match_blocks};

const NAME: &str = "sshd";

/// sshd is asked for at most so many users.
const MOST_USERS: usize = 20;

/// Whether sshd passes the name of a remote host to PAM instead of its address. False if that can't be seen.
pub(crate) fn gives_names(program: &Path) -> bool {
    for_all(program).is_ok_and(|settings| settings.names)
}

/// Whether every login through PAM needs a key before, for everybody without a `Match` block.
pub(super) fn asks_after_a_key(program: &Path) -> bool {
    for_all(program).is_ok_and(|settings| settings.is_key_first())
}

/// The findings about the sshd at `program`, whose stack is `service`; `terms` are the rules for it. `drop_in` is the
/// text of the file that `mfa-pam sshd` writes.
pub(super) fn checks(
    program: &Path,
    service: Option<&Service>,
    terms: Option<&ServiceTerms>,
    drop_in: Option<&str>,
) -> Vec<Check> {
    let Some(service) = service else {
        let is_there = drop_in.is_some();
        return is_there.then(no_code).into_iter().collect();
    };
    match for_all(program) {
        Ok(settings) => {
            let mut checks = judge(&settings, service, way(service));
            let is_chosen = drop_in.is_some_and(|text| text.contains(KEY_CHOSEN));
            let evaded = evaded(terms);
            for check in checks.iter_mut().filter(|check| check.message == KEY_ALONE) {
                of_key_alone(check, is_chosen, evaded.as_deref());
            }
            checks.extend(of_match_blocks(program, &settings, service));
            checks.extend(
                terms
                    .into_iter()
                    .flat_map(|terms| against(&settings, terms)),
            );
            checks
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(e) => vec![unreadable(&e.to_string(), program, geteuid().is_root())],
    }
}

/// `sshd -T` failed. For root that is sshd's own refusal, unless sshd misses a folder that its unit makes at each start.
fn unreadable(said: &str, program: &Path, is_root: bool) -> Check {
    match (is_root, said.contains("privilege separation directory")) {
        (true, false) => Check::problem(
            NAME,
            format!("sshd refuses its own settings ({said}); it will not start again"),
            format!("check: {} -t", program.display()),
        ),
        (true, true) => Check::note(
            NAME,
            format!("sshd does not run, so its settings can't be read: {said}"),
            "start sshd, then run mfactl doctor again",
        ),
        (false, _) => Check::note(
            NAME,
            format!("can't read its settings: {said}"),
            "run mfactl doctor as root",
        ),
    }
}

/// sshd's settings expect a code, and its stack asks for none.
fn no_code() -> Check {
    Check::problem(
        NAME,
        format!("{DROP_IN} is active, but sshd's stack asks for no code: a password is enough"),
        "if `mfa-pam disable --all` changed /etc/pam.d/sshd, it has lines that begin with #mfa-pam#: put them back.\n\
         Then: mfa-pam enable --sshd\n\
         If sshd should ask for no code: mfa-pam sshd remove",
    )
}

/// The file that `mfa-pam sshd` writes, if it is there.
pub(super) fn drop_in() -> Option<String> {
    let text = fs::read_to_string(DROP_IN).ok()?;
    let first = text.lines().next().unwrap_or_default();
    let is_ours = OUR_MARKS.iter().any(|mark| first.starts_with(mark));
    is_ours.then_some(text)
}

const DROP_IN: &str = "/etc/ssh/sshd_config.d/00-pam-mfa.conf";

/// The first lines of our file: `OUR_MARK` of packaging/lib/pam-mfa/sshd.sh.
const OUR_MARKS: [&str; 2] = [
    "# Written by mfa-pam",
    "# Managed by Ansible. The stack asks",
];

/// What our file says if a key alone was chosen.
const KEY_CHOSEN: &str = "\nAuthenticationMethods publickey keyboard-interactive\n";

/// What `mfa-pam sshd` writes so that this stack can ask, if it can write that.
fn way(service: &Service) -> Option<&'static str> {
    match (service.one_answer, service.code_only) {
        (true, _) => None,
        (false, true) => Some("mfa-pam sshd key+code"),
        (false, false) => Some(KEY),
    }
}

/// What sshd's settings mean for its stack. `way` is the command that corrects them.
fn judge(settings: &Settings, service: &Service, way: Option<&str>) -> Vec<Check> {
    let change = |line: &str| match way {
        Some(way) => format!("{way}\nor by hand, {}", change(line)),
        None => change(line),
    };
    if !settings.pam {
        return vec![Check::problem(NAME, NO_PAM, change("UsePAM yes"))];
    }
    let mut checks = Vec::new();
    let asks = settings.conversation && settings.is_used("keyboard-interactive");
    let asks_once = settings.password && settings.is_used("password");
    match (asks, service.one_answer) {
        (false, false) => {
            let line = match settings.conversation {
                true => "AuthenticationMethods keyboard-interactive",
                false => "KbdInteractiveAuthentication yes",
            };
            checks.push(Check::problem(NAME, NOBODY_ASKED, change(line)));
        }
        (true, false) if asks_once => {
            let remedy = change("PasswordAuthentication no");
            checks.push(Check::note(NAME, ONE_STRING, remedy));
        }
        (false, true) if !asks_once => {
            let remedy = change("PasswordAuthentication yes");
            checks.push(Check::problem(NAME, NOBODY_ASKED, remedy));
        }
        _ => {}
    }
    if !service.account {
        checks.extend(alone(settings, service, way));
    }
    if checks.is_empty() {
        checks.push(Check::ok(NAME, "its settings allow a prompt for the code"));
    }
    checks
}

/// What `Match` blocks change for the administrators of this host, and what was not checked.
fn of_match_blocks(program: &Path, all: &Settings, service: &Service) -> Vec<Check> {
    let blocks = match_blocks();
    if blocks.is_empty() {
        return Vec::new();
    }
    let mut checks = Vec::new();
    let users: Vec<String> = host::administrators()
        .into_iter()
        .take(MOST_USERS)
        .collect();
    for user in &users {
        let Ok(settings) = for_user(program, user, None) else {
            continue;
        };
        if settings != *all {
            // A Match block overrides what mfa-pam writes.
            let of_user = judge(&settings, service, None).into_iter();
            checks.extend(
                of_user
                    .filter(|check| check.remedy.is_some())
                    .map(|check| Check {
                        message: format!("for {user}, by a Match block: {}", check.message),
                        ..check
                    }),
            );
        }
    }
    let message = format!(
        "Match blocks ({}) were checked for {} from 192.0.2.1 only; they may let others in without a code",
        blocks.join("; "),
        users.join(", ")
    );
    checks.push(Check::note(NAME, message, ONE_LOGIN));
    checks
}

/// Where sshd's settings contradict the agent's.
fn against(settings: &Settings, terms: &ServiceTerms) -> Vec<Check> {
    let mut checks = Vec::new();
    let by_address = terms.by_address.iter();
    let rules: Vec<_> = by_address
        .map(|rule| format!("{:?} ({})", rule.name, rule.place))
        .collect();
    match (settings.names, rules.is_empty()) {
        (true, false) => {
            let message = format!("{NAMES}, so these rules can't work: {}", rules.join(", "));
            checks.push(Check::problem(NAME, message, change("UseDNS no")));
        }
        (true, true) => checks.push(Check::note(
            NAME,
            format!("{NAMES}, so rules with from and allow-from would not work"),
            change("UseDNS no"),
        )),
        (false, _) => {}
    }
    let longest = terms.asks.iter().max_by_key(|ask| ask.seconds);
    if let Some(ask) = longest.filter(|ask| (1..ask.seconds).contains(&settings.grace)) {
        let message = format!(
            "LoginGraceTime is {} s, but {} may take {} s: sshd disconnects before",
            settings.grace, ask.by, ask.seconds
        );
        let remedy = change(&format!("LoginGraceTime {}", ask.seconds));
        checks.push(Check::problem(NAME, message, remedy));
    }
    checks
}

/// How to change a line of sshd's settings.
pub(super) fn change(line: &str) -> String {
    format!(
        "in sshd_config: {line}\nthen: sshd -t && systemctl reload ssh (sshd on Fedora and RHEL)"
    )
}

/// The command after which a key alone, or password and code, let users in.
const KEY: &str = "mfa-pam sshd key";
const NO_PAM: &str = "UsePAM is no, so sshd asks nobody for a code";
const NOBODY_ASKED: &str = "sshd can't prompt for a code with these settings";
const ONE_STRING: &str = "PasswordAuthentication is yes: a client that uses it answers every prompt with the \
                          password, fails, and spends an attempt";
const ONE_LOGIN: &str =
    "check a login: sshd -T -C user=USER,host=HOST,addr=ADDRESS | grep authenticationmethods";
const NAMES: &str =
    "UseDNS is yes: sshd passes the name of a remote host to PAM instead of its address";

#[cfg(test)]
mod tests {
    use super::alone::{HOST_ALONE, TICKET_ALONE};
    use super::*;
    use mfa_protocol::admin::{AddressRule, ServiceAsk};

    const STACK: Service = Service {
        one_answer: false,
        code_only: false,
        account: false,
    };

    fn said(text: &str, service: &Service) -> Vec<(bool, String)> {
        let checks = judge(&Settings::parse(text), service, way(service));
        let told = |check: Check| (check.ok, check.message);
        checks.into_iter().map(told).collect()
    }

    #[test]
    fn what_sshd_prints_is_judged_by_what_its_stack_needs() {
        let well = [(true, "its settings allow a prompt for the code".to_owned())];
        let both = "usepam yes\nkbdinteractiveauthentication yes\npasswordauthentication no\n\
                    pubkeyauthentication yes\n";
        let methods =
            "authenticationmethods publickey,keyboard-interactive:pam keyboard-interactive\n";
        assert_eq!(said(&format!("{both}{methods}"), &STACK), well);
        let by_account = Service {
            account: true,
            ..STACK
        };
        assert_eq!(said(both, &by_account), well);
        for (text, ok, words) in [
            (
                "usepam no\nkbdinteractiveauthentication yes\n",
                false,
                NO_PAM,
            ),
            (
                "usepam yes\nkbdinteractiveauthentication no\n",
                false,
                NOBODY_ASKED,
            ),
            (
                "usepam yes\nkbdinteractiveauthentication yes\nauthenticationmethods publickey\n",
                false,
                NOBODY_ASKED,
            ),
            (
                "usepam yes\nkbdinteractiveauthentication yes\npasswordauthentication yes\n",
                true,
                ONE_STRING,
            ),
            (both, true, KEY_ALONE),
            (
                &format!("{both}{methods}hostbasedauthentication yes\n"),
                true,
                "its settings allow a prompt for the code",
            ),
            (
                "usepam yes\nkbdinteractiveauthentication yes\nhostbasedauthentication yes\n",
                false,
                HOST_ALONE,
            ),
            (
                "usepam yes\nkbdinteractiveauthentication yes\ngssapiauthentication yes\n",
                true,
                TICKET_ALONE,
            ),
        ] {
            assert_eq!(said(text, &STACK), [(ok, words.to_owned())], "{text}");
        }
    }

    #[test]
    fn password_and_code_in_one_need_the_password_method() {
        let one_answer = Service {
            one_answer: true,
            ..STACK
        };
        let text = "usepam yes\nkbdinteractiveauthentication no\npasswordauthentication no\n";
        assert_eq!(said(text, &one_answer), [(false, NOBODY_ASKED.to_owned())]);
        let text = text.replace("passwordauthentication no", "passwordauthentication yes");
        assert!(said(&text, &one_answer).iter().all(|(ok, _)| *ok));
    }

    #[test]
    fn the_command_that_corrects_sshd_comes_before_what_to_write_by_hand() {
        let remedy = |text: &str, service: &Service| {
            let checks = judge(&Settings::parse(text), service, way(service));
            checks[0].remedy.clone().unwrap_or_default()
        };
        let silent = "usepam yes\nkbdinteractiveauthentication no\n";
        let by_hand = "in sshd_config: KbdInteractiveAuthentication yes\nthen: sshd -t";
        let first = format!("mfa-pam sshd key\nor by hand, {by_hand}");
        assert!(remedy(silent, &STACK).starts_with(&first));
        let after_a_key = Service {
            code_only: true,
            ..STACK
        };
        let first = format!("mfa-pam sshd key+code\nor by hand, {by_hand}");
        assert!(remedy(silent, &after_a_key).starts_with(&first));
        let one_answer = Service {
            one_answer: true,
            ..STACK
        };
        let by_hand = "in sshd_config: PasswordAuthentication yes\n";
        assert!(remedy(silent, &one_answer).starts_with(by_hand));
        let ticket = "usepam yes\nkbdinteractiveauthentication yes\ngssapiauthentication yes\n";
        let first = "to change it: mfa-pam sshd key\nor by hand, in sshd_config: GSSAPI";
        assert!(remedy(ticket, &STACK).starts_with(first));
    }

    #[test]
    fn a_program_that_is_not_there_is_nothing_to_speak_of_and_one_that_fails_is() {
        assert_eq!(
            checks(Path::new("/nonexistent/sshd"), Some(&STACK), None, None),
            []
        );
        let failed = checks(Path::new("/bin/false"), Some(&STACK), None, None);
        assert!(failed[0].message.contains("settings"), "{failed:?}");
        assert_eq!(checks(Path::new("/bin/false"), None, None, None), []);
    }

    #[test]
    fn settings_that_sshd_refuses_are_a_problem_for_root_and_unknown_for_others() {
        let of = |said: &str, is_root| unreadable(said, Path::new("sshd"), is_root);
        let refused = of("line 3: Bad configuration option: Foo", true);
        assert!(
            !refused.ok && refused.message.contains("option: Foo); it will not start"),
            "{refused:?}"
        );
        assert!(of("no hostkeys available", false).ok);
        assert!(of("Missing privilege separation directory: /run/sshd", true).ok);
    }

    #[test]
    fn our_settings_with_a_stack_without_a_code_are_a_problem() {
        let checks = checks(Path::new("/bin/false"), None, None, Some(""));
        assert!(!checks[0].ok, "{checks:?}");
        assert!(checks[0].message.contains("asks for no code"), "{checks:?}");
    }

    #[test]
    fn names_in_place_of_addresses_and_too_short_a_time_do_not_fit_the_rules() {
        let terms = |by_address: &[&str]| ServiceTerms {
            service: "sshd".to_owned(),
            asks: vec![ServiceAsk {
                by: "[policy]".to_owned(),
                seconds: 90,
                ..ServiceAsk::default()
            }],
            by_address: by_address
                .iter()
                .map(|name| AddressRule {
                    name: (*name).to_owned(),
                    place: "a.toml:3".to_owned(),
                    denies: true,
                })
                .collect(),
            ..ServiceTerms::default()
        };
        let said = |text: &str, rules: &[&str]| -> Vec<(bool, String)> {
            let checks = against(&Settings::parse(text), &terms(rules));
            let told = |check: Check| (check.ok, check.message);
            checks.into_iter().map(told).collect()
        };
        assert_eq!(said("usedns no\nlogingracetime 120\n", &["blocked"]), []);
        assert_eq!(said("logingracetime 0\n", &[]), []);
        let names = said("usedns yes\n", &["blocked"]);
        assert!(
            !names[0].0 && names[0].1.contains("can't work: \"blocked\" (a.toml:3)"),
            "{names:?}"
        );
        assert!(said("usedns yes\n", &[])[0].0, "a note");
        let short = said("logingracetime 30\n", &[]);
        assert!(
            !short[0].0 && short[0].1.contains("may take 90 s"),
            "{short:?}"
        );
    }
}
