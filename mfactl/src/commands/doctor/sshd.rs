//! sshd's own settings: whether it asks at all, where its stack asks for a code.
//!
//! They are those that `sshd -T` prints, as they hold for everybody; what stands below `Match` is not among
//! them. Nothing is read of files, and nothing is said where sshd's stack does not name the module.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use mfa_protocol::admin::ServiceTerms;

use super::Check;
use super::stacks::Service;

const NAME: &str = "sshd";

/// Whether sshd gives PAM the name of a remote host in place of its address. What can't be seen is not claimed.
pub(crate) fn gives_names(program: &Path) -> bool {
    settings(program).is_ok_and(|text| Settings::parse(&text).names)
}

/// What is to be said of the sshd at `program`, whose stack is `service`; `terms` are what is asked for there.
pub(super) fn checks(
    program: &Path,
    service: Option<&Service>,
    terms: Option<&ServiceTerms>,
) -> Vec<Check> {
    let Some(service) = service else {
        return Vec::new();
    };
    match settings(program) {
        Ok(text) => {
            let settings = Settings::parse(&text);
            let mut checks = judge(&settings, service);
            checks.extend(
                terms
                    .into_iter()
                    .flat_map(|terms| against(&settings, terms)),
            );
            checks
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(e) => vec![Check::note(
            NAME,
            format!("its settings can't be read: {e}"),
            "run mfactl doctor as root; sshd -T has to print them",
        )],
    }
}

fn settings(program: &Path) -> io::Result<String> {
    let output = Command::new(program)
        .arg("-T")
        .stdin(Stdio::null())
        .output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let first = said.lines().next().unwrap_or("sshd -T failed");
    Err(io::Error::other(first.to_owned()))
}

/// What `sshd -T` says of the ways to log in; sshd_config(5).
#[derive(Debug, Default)]
struct Settings {
    pam: bool,
    conversation: bool,
    password: bool,
    key: bool,
    hostbased: bool,
    gssapi: bool,
    /// `UseDNS`
    names: bool,
    /// `LoginGraceTime` in seconds; 0 is no limit.
    grace: u64,
    /// `AuthenticationMethods`: lists of methods of which one has to be passed; none if any one does.
    methods: Vec<Vec<String>>,
}

impl Settings {
    fn parse(text: &str) -> Self {
        let mut settings = Self::default();
        for line in text.lines() {
            let (name, value) = line.split_once(' ').unwrap_or((line, ""));
            let is_on = value == "yes";
            match name.to_ascii_lowercase().as_str() {
                "usepam" => settings.pam = is_on,
                "kbdinteractiveauthentication" => settings.conversation = is_on,
                "passwordauthentication" => settings.password = is_on,
                "pubkeyauthentication" => settings.key = is_on,
                "hostbasedauthentication" => settings.hostbased = is_on,
                "gssapiauthentication" | "gssapikeyexchange" => settings.gssapi |= is_on,
                "usedns" => settings.names = is_on,
                "logingracetime" => settings.grace = value.parse().unwrap_or_default(),
                "authenticationmethods" => settings.methods = methods(value),
                _ => {}
            }
        }
        settings
    }

    /// Whether there is a way in that is nothing but this method.
    fn is_enough(&self, method: &str) -> bool {
        self.methods.is_empty() || self.methods.iter().any(|list| list == &[method])
    }

    /// Whether this method stands on a way in.
    fn is_used(&self, method: &str) -> bool {
        let mut lists = self.methods.iter().flatten();
        self.methods.is_empty() || lists.any(|name| name == method)
    }
}

/// `publickey,keyboard-interactive:pam password`, without what is said of devices.
fn methods(value: &str) -> Vec<Vec<String>> {
    let name = |method: &str| method.split(':').next().unwrap_or_default().to_owned();
    let list = |list: &str| list.split(',').map(name).collect();
    let lists = value.split_whitespace().filter(|list| *list != "any");
    lists.map(list).collect()
}

fn judge(settings: &Settings, service: &Service) -> Vec<Check> {
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
        checks.extend(alone(settings));
    }
    if checks.is_empty() {
        checks.push(Check::ok(NAME, "its settings let it ask for the code"));
    }
    checks
}

/// Ways in past which sshd asks for no code.
fn alone(settings: &Settings) -> Vec<Check> {
    let is_enough = |methods: &[&str]| methods.iter().any(|method| settings.is_enough(method));
    let mut checks = Vec::new();
    if settings.key && is_enough(&["publickey"]) {
        checks.push(Check::note(NAME, KEY_ALONE, KEY_AND_CODE));
    }
    if settings.hostbased && is_enough(&["hostbased"]) {
        let remedy = change("HostbasedAuthentication no");
        checks.push(Check::problem(NAME, HOST_ALONE, remedy));
    }
    if settings.gssapi && is_enough(&["gssapi-with-mic", "gssapi-keyex"]) {
        checks.push(Check::note(NAME, TICKET_ALONE, TICKET_AND_CODE));
    }
    checks
}

/// What of sshd's settings does not fit the agent's.
fn against(settings: &Settings, terms: &ServiceTerms) -> Vec<Check> {
    let mut checks = Vec::new();
    let by_address = terms.by_address.iter();
    let rules: Vec<_> = by_address
        .map(|rule| format!("{:?} ({})", rule.name, rule.place))
        .collect();
    match (settings.names, rules.is_empty()) {
        (true, false) => {
            let message = format!(
                "{NAMES}, so that these rules can't hold: {}",
                rules.join(", ")
            );
            checks.push(Check::problem(NAME, message, change("UseDNS no")));
        }
        (true, true) => checks.push(Check::note(
            NAME,
            format!("{NAMES}: neither rules with from nor allow-from would hold"),
            change("UseDNS no"),
        )),
        (false, _) => {}
    }
    let longest = terms.asks.iter().max_by_key(|ask| ask.seconds);
    if let Some(ask) = longest.filter(|ask| (1..ask.seconds).contains(&settings.grace)) {
        let message = format!(
            "LoginGraceTime is {} s, and what {} asks for may take {} s: sshd hangs up before",
            settings.grace, ask.by, ask.seconds
        );
        let remedy = change(&format!("LoginGraceTime {}", ask.seconds));
        checks.push(Check::problem(NAME, message, remedy));
    }
    checks
}

fn change(line: &str) -> String {
    format!(
        "in sshd_config: {line}\nthen: sshd -t && systemctl reload ssh (sshd on Fedora and RHEL)"
    )
}

const NO_PAM: &str = "UsePAM is no: it asks nobody for a code";
const NOBODY_ASKED: &str = "its settings leave no way to ask for a code";
const ONE_STRING: &str = "PasswordAuthentication is yes: it gives one answer to every prompt, so that a \
                          client which uses it fails, and spends an attempt";
const KEY_ALONE: &str = "a public key alone lets in, without a code";
const HOST_ALONE: &str =
    "another host's word alone lets in, without a code (HostbasedAuthentication yes)";
const TICKET_ALONE: &str =
    "a Kerberos ticket alone lets in, without a code (GSSAPIAuthentication yes)";
const TICKET_AND_CODE: &str = "if that is not meant, in sshd_config: GSSAPIAuthentication no\nor the account line of \
                               config/pam.d/sshd-account";
const NAMES: &str = "UseDNS is yes: PAM is given the name of a remote host in place of its address";
const KEY_AND_CODE: &str = "if that is not meant, in sshd_config:\n  AuthenticationMethods \
                            publickey,keyboard-interactive keyboard-interactive\nor the account line of \
                            config/pam.d/sshd-account";

#[cfg(test)]
mod tests {
    use super::*;
    use mfa_protocol::admin::{AddressRule, ServiceAsk};

    const STACK: Service = Service {
        one_answer: false,
        account: false,
    };

    fn said(text: &str, service: &Service) -> Vec<(bool, String)> {
        let checks = judge(&Settings::parse(text), service);
        let told = |check: Check| (check.ok, check.message);
        checks.into_iter().map(told).collect()
    }

    #[test]
    fn what_sshd_prints_is_judged_by_what_its_stack_needs() {
        let well = [(true, "its settings let it ask for the code".to_owned())];
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
                "its settings let it ask for the code",
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
            account: false,
        };
        let text = "usepam yes\nkbdinteractiveauthentication no\npasswordauthentication no\n";
        assert_eq!(said(text, &one_answer), [(false, NOBODY_ASKED.to_owned())]);
        let text = text.replace("passwordauthentication no", "passwordauthentication yes");
        assert!(said(&text, &one_answer).iter().all(|(ok, _)| *ok));
    }

    #[test]
    fn a_program_that_is_not_there_is_nothing_to_speak_of_and_one_that_fails_is() {
        assert_eq!(
            checks(Path::new("/nonexistent/sshd"), Some(&STACK), None),
            []
        );
        let failed = checks(Path::new("/bin/false"), Some(&STACK), None);
        assert!(failed[0].message.contains("can't be read"), "{failed:?}");
        assert_eq!(checks(Path::new("/bin/false"), None, None), []);
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
            !names[0].0 && names[0].1.contains("can't hold: \"blocked\" (a.toml:3)"),
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
