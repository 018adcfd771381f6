//! `mfactl explain`: the decision for a login, the rule that makes it, and its file and line.

use std::path::Path;

use mfa_protocol::admin::{
    Account, Considered, Explain, ExplainParameters, Explanation, NO_ROOM_IN_ONE_ANSWER, Status,
    UserParameters,
};
use mfa_protocol::factor::{Factor, FactorCombination};
use mfa_protocol::policy::{Action, Prompting, RuleField, Source, Unenrolled};
use nix::unistd::User;
use serde::Serialize;

use crate::args;
use crate::clock::Clock;
use crate::commands::asking::{Asking, is_sshd};
use crate::commands::doctor::sshd::{A_KEY_ALONE, gives_names, unasked};
use crate::commands::doctor::stacks::{emergency_line, files::Files, takes_one_answer};
use crate::commands::status::POLICY;
use crate::commands::{Verdict, status};
use crate::context::{Context, OWN_SERVICE, acts_for_oneself, caller};
use crate::failure::Failure;
use crate::output::clean;
use crate::table::{field, joined, list, paragraph, table_of_places};

pub(crate) fn run(context: &mut Context, args: args::Explain) -> Result<Verdict, Failure> {
    let sshd = args.sshd.program.clone();
    let user = args.user.clone().map_or_else(caller, Ok)?;
    let stacks = Files::read(context.pam_dir());
    let parameters = ExplainParameters {
        service: args.service().to_owned(),
        user,
        from: args.from,
        tty: args.tty,
        ruser: args.ruser,
        after: Some(args.after).filter(|methods| !methods.is_empty()),
        operation: args.operation,
        at: args.at,
        host: args.host,
    };
    let is_elsewhere = parameters.host.is_some();
    let mut explanation = context.call::<Explain>(&parameters)?.explanation;
    let this_host = ThisHost::of(&explanation, &parameters, &stacks, &sshd);
    let ThisHost {
        beware,
        not_asked,
        emergency,
    } = this_host.unwrap_or_default();
    if context.output.is_json() {
        let shown = Shown {
            explanation: &explanation,
            beware,
            not_asked: not_asked.map(|it| it.text(&explanation.service)),
            emergency,
        };
        context.output.result(&shown, String::new)?;
        return Ok(Verdict::Done);
    }
    // A lock is the most likely answer to why a login fails, so it comes first.
    let whose = UserParameters {
        user: Some(explanation.user.clone()),
    };
    let account = context.call::<Status>(&whose)?.account;
    let own = acts_for_oneself(Some(&account.user));
    let clock = Clock::system();
    let state = status::state(&account, own, &clock);
    let operation = parameters.operation.as_deref().unwrap_or_default();
    let mut head = state + &field("Host", parameters.host.as_deref().unwrap_or_default());
    head += &field("Service", &explanation.service);
    if !is_elsewhere {
        head += &paragraph("", &without_a_file(context, &stacks, &explanation.service));
    }
    head += &field("Operation", operation);
    if !is_elsewhere && !takes_one_answer(&stacks, &explanation.service) {
        explanation.reason = explanation.reason.replace(NO_ROOM_IN_ONE_ANSWER, "");
    }
    explanation.reason = clock.localized(&explanation.reason);
    let is_known = !matches!(User::from_name(&explanation.user), Ok(None));
    let emergency = emergency.map(|line| let_in(&explanation, &line));
    let service = &explanation.service;
    let not_asked = not_asked.map(|it| paragraph(it.name(), &it.words(service)));
    let beware = not_asked.unwrap_or_default()
        + &paragraph("Beware", beware.unwrap_or_default())
        + &paragraph("Emergency", &emergency.unwrap_or_default());
    let accepted = accepted(&explanation, &account, &clock);
    let shown = screen(&explanation, is_known, &(head + &beware), &accepted);
    context.output.text(&shown)?;
    Ok(Verdict::Done)
}

/// A note if a service has no stack of its own: its name may be a typing error.
fn without_a_file(context: &Context, stacks: &Files, service: &str) -> String {
    let has_file = stacks.names().any(|name| name == service);
    match context.pam_dir().first() {
        Some(folder) if !has_file && service != OWN_SERVICE && stacks.unread().is_empty() => {
            let file = folder.join(service);
            format!(
                "{} does not exist, so libpam uses \"other\"",
                clean(&file.to_string_lossy())
            )
        }
        _ => String::new(),
    }
}

/// The codes that are accepted of a user who has enrolled no factor.
fn accepted(it: &Explanation, account: &Account, clock: &Clock) -> String {
    let recovery = account.recovery_left.filter(|left| *left > 0);
    let recovery = recovery.map(|left| match left {
        1 => "1 recovery code".to_owned(),
        left => format!("{left} recovery codes"),
    });
    let bypass = account.bypass_until.as_ref();
    let bypass = bypass.map(|until| format!("a bypass code until {}", clock.brief(until)));
    let codes: Vec<_> = recovery.into_iter().chain(bypass).collect();
    let asks = it.action == Action::Ask && !is_refused(it);
    match it.enrolled.is_empty() && asks && !codes.is_empty() {
        true => format!("; accepted: {}", codes.join(", ")),
        false => String::new(),
    }
}

/// What the agent says, and a warning about this host.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    explanation: &'a Explanation,
    #[serde(skip_serializing_if = "Option::is_none")]
    beware: Option<&'static str>,
    /// Logins at this service for which this host does not ask the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_asked: Option<String>,
    /// The line of this host's stack that lets the user in without a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    emergency: Option<String>,
}

/// What the files of this host mean for a login. They say nothing of another host.
#[derive(Default)]
struct ThisHost {
    beware: Option<&'static str>,
    not_asked: Option<NotAsked>,
    emergency: Option<String>,
}

impl ThisHost {
    fn of(
        it: &Explanation,
        login: &ExplainParameters,
        stacks: &Files,
        sshd: &Path,
    ) -> Option<Self> {
        login.host.is_none().then(|| Self {
            beware: beware(it, login, sshd),
            not_asked: NotAsked::of(it, login, stacks, sshd),
            emergency: emergency_line(stacks, &it.service, &it.user),
        })
    }
}

/// When this host does not ask the agent, so that it decides nothing.
enum NotAsked {
    /// No stack does; this is why.
    Yet(String),
    /// sshd accepts one of these alone.
    Alone(Vec<String>),
}

impl NotAsked {
    fn of(
        it: &Explanation,
        login: &ExplainParameters,
        stacks: &Files,
        sshd: &Path,
    ) -> Option<Self> {
        let (user, service) = (&it.user, &it.service);
        if let Some(why) = Asking::of(stacks, service).not_yet(service) {
            return Some(Self::Yet(why));
        }
        if !is_sshd(service) {
            return None;
        }
        let from = login.from.as_ref().and_then(|from| from.parse().ok());
        let ways = unasked(sshd, stacks, (service, Some(user)), from);
        (!ways.is_empty()).then_some(Self::Alone(ways))
    }

    /// The name of the field.
    fn name(&self) -> &'static str {
        match self {
            Self::Yet(_) => "Not yet",
            Self::Alone(ways) if is_key(ways) => "With a key",
            Self::Alone(_) => "Not asked",
        }
    }

    /// The text of the field.
    fn words(&self, service: &str) -> String {
        match self {
            Self::Alone(ways) if is_key(ways) => {
                "sshd lets the user in without asking the agent".to_owned()
            }
            other => other.text(service),
        }
    }

    /// In JSON, where no name says what it is about.
    fn text(&self, service: &str) -> String {
        let ways = match self {
            Self::Yet(why) => return format!("{why}, so {service} does not ask the agent yet"),
            Self::Alone(ways) => ways,
        };
        let are = if ways.len() == 1 { "is" } else { "are each" };
        let ways = ways.join(", ");
        format!("{ways} {are} enough for sshd on this host; then the agent is not asked")
    }
}

fn is_key(ways: &[String]) -> bool {
    matches!(ways, [way] if way == A_KEY_ALONE)
}

fn let_in(it: &Explanation, line: &str) -> String {
    let (user, service) = (&it.user, &it.service);
    format!("this host's stack lets {user} in at {service} without a code ({line})")
}

/// A warning if sshd passes names instead of addresses and that matters for this login.
fn beware(it: &Explanation, asked: &ExplainParameters, sshd: &Path) -> Option<&'static str> {
    let by_address = it
        .considered
        .iter()
        .any(|rule| rule.field == Some(RuleField::From));
    let matters = asked.from.is_some() || by_address;
    (matters && is_sshd(&it.service) && gives_names(sshd)).then_some(NAMES)
}

const NAMES: &str = "sshd has UseDNS yes, and passes the name of a remote host instead of its address. A rule that \
                     denies by address denies every host that has a name; other rules with from, and \
                     allow-from, do not match it. Fix: UseDNS no in sshd_config";

/// `head` is what is known of the user and the login before the decision, `accepted` what else counts than what is
/// enrolled; `is_known` is whether the host knows the user.
fn screen(it: &Explanation, is_known: bool, head: &str, accepted: &str) -> String {
    let user = format!("{} ({})", it.user, source(it.source, is_known));
    let mut screen = field("User", &user) + head;
    screen += &paragraph("Decision", &decision(it));
    screen += &paragraph("Because", &it.reason);
    screen += &field("Rule", rule(it));
    screen += &field("Where", it.place.as_deref().unwrap_or_default());
    let enrolled = list(&it.enrolled, "none") + accepted;
    screen += &paragraph("Enrolled", &enrolled);
    screen += &paragraph("No device", &unenrolled(it));
    screen += &field("Prompts", prompts(it));
    for (i, prompt) in it.prompts.iter().enumerate() {
        screen += &field(if i == 0 { "Asked" } else { "" }, &format!("{prompt:?}"));
    }
    if is_refused(it) && !it.prompts.is_empty() {
        screen += &field("", "no answer to these is accepted");
    }
    screen += &field("Session", &session(it));
    screen += &field("Lockout", &lockout(it));
    if !it.considered.is_empty() {
        screen += "\nRules checked, in order\n";
        screen += &table_of_places(
            ["Rule", "Matches", "Where"],
            it.considered.iter().map(considered),
        );
    }
    screen
}

fn source(source: Source, is_known: bool) -> &'static str {
    match source {
        // Users without an entry are local for the rules.
        Source::Local if !is_known => "not known to this host; treated as local",
        Source::Local => "local",
        Source::Federated => "federated: in the name service, not in /etc/passwd",
    }
}

/// What decides: for people, the rule for logins that no `[[rule]]` matches is `[policy]`.
fn rule(it: &Explanation) -> &str {
    match (&it.rule, it.action) {
        (Some(rule), _) => rule,
        // Only what asks has a list of required factors.
        (None, _) if !it.require.is_empty() => POLICY,
        (None, Action::Skip) => "[enforcement]",
        (None, _) => "none",
    }
}

fn prompts(it: &Explanation) -> &'static str {
    match (it.action, it.prompting) {
        (Action::Skip | Action::Deny, _) => "",
        (_, Prompting::Dialogue) => "one after the other",
        (_, Prompting::Single) => "one, for all answers together",
    }
}

/// Whether the user is asked, and refused whatever the answers: they lack what is required.
fn is_refused(it: &Explanation) -> bool {
    it.action == Action::Ask && it.not_enrolled == Some(true)
}

/// What happens to a user who has none of the required factors.
fn unenrolled(it: &Explanation) -> String {
    let what = match it.unenrolled {
        Some(Unenrolled::Deny) => "denied",
        Some(Unenrolled::Allow) => "let in",
        Some(Unenrolled::Enroll) => "asked to enrol in the login",
        None => "",
    };
    let grace = match it.grace_days_left {
        Some(1) => "let in for 1 more day",
        Some(days) => &format!("let in for {days} more days"),
        None => "",
    };
    match (what, grace) {
        ("", "") => String::new(),
        (what, "") => format!("a user who has enrolled nothing is {what}"),
        ("", grace) => format!("a user who has enrolled nothing is {grace}"),
        (what, grace) => format!("a user who has enrolled nothing is {grace}, then {what}"),
    }
}

fn session(it: &Explanation) -> String {
    match (&it.session, it.action) {
        (Some(length), _) => format!("not asked again for {length}"),
        (None, Action::Ask) => "none: every login is asked".to_owned(),
        (None, _) => String::new(),
    }
}

fn lockout(it: &Explanation) -> String {
    match (it.lockout_attempts, &it.lockout_duration) {
        (Some(attempts), Some(length)) => format!("{attempts} failures lock the user for {length}"),
        (Some(attempts), None) => format!("{attempts} failures lock the user"),
        (None, _) => String::new(),
    }
}

fn decision(it: &Explanation) -> String {
    match it.action {
        Action::Ask if is_refused(it) => refused(it),
        Action::Ask if it.require.is_empty() => "ask for nothing".to_owned(),
        Action::Ask => format!("ask for {}", joined(&it.require, " or ")),
        Action::Skip => "skip: no second factor".to_owned(),
        Action::Deny => "deny: the login is refused".to_owned(),
        Action::SeeSettings => it.action.to_string(),
    }
}

fn refused(it: &Explanation) -> String {
    let (user, required) = (&it.user, joined(&it.require, ", "));
    if let Some((has, missing)) = incomplete(it) {
        let commands = missing.iter().map(|factor| enroll(*factor, user));
        let commands: Vec<_> = commands.collect();
        return format!(
            "deny: {user} has {}, but no {}: {}",
            joined(&has, ", "),
            joined(&missing, " and no "),
            commands.join(", ")
        );
    }
    if let Some(had) = it.require.iter().find(|way| has_all(it, way)) {
        let others = it.require.iter().filter(|way| !has_all(it, way));
        let others: Vec<_> = others.collect();
        let more = match others.is_empty() {
            true => String::new(),
            false => format!(", and has not enrolled: {}", joined(&others, ", ")),
        };
        return format!("deny: {user} has {had}, but can't use it in this login{more}");
    }
    match it
        .require
        .iter()
        .any(|combination| combination.to_string().contains('+'))
    {
        true => format!(
            "deny: {user} has not enrolled what is required: {}",
            joined(&it.require, " or ")
        ),
        false => format!("deny: {user} has enrolled none of: {required}"),
    }
}

fn has_all(it: &Explanation, combination: &FactorCombination) -> bool {
    let mut factors = combination.factors().iter();
    factors.all(|factor| it.enrolled.contains(factor))
}

/// What the user has of the combination that is nearest to complete, and what is missing; none if they have no part.
fn incomplete(it: &Explanation) -> Option<(Vec<Factor>, Vec<Factor>)> {
    let parts = it.require.iter().map(|combination| {
        let factors = combination.factors().iter().copied();
        factors.partition(|factor| it.enrolled.contains(factor))
    });
    let begun =
        parts.filter(|(has, missing): &(Vec<_>, Vec<_>)| !has.is_empty() && !missing.is_empty());
    begun.min_by_key(|(_, missing)| missing.len())
}

/// The command that enrols a factor, with what else it needs.
fn enroll(factor: Factor, user: &str) -> String {
    let more = match factor {
        Factor::Totp | Factor::Pin | Factor::Questions => "",
        Factor::Radius => " --server NAME",
        Factor::Email | Factor::Sms => " ADDRESS",
        Factor::Key => " < KEY.pub",
    };
    format!("mfactl enroll {factor} {user}{more}")
}

fn considered(rule: &Considered) -> [String; 3] {
    let fits = match (rule.fits, rule.field, &rule.reason) {
        (true, ..) => "yes".to_owned(),
        (false, Some(field), Some(reason)) => format!("no: {field}: {reason}"),
        (false, Some(field), None) => format!("no: {field}"),
        (false, None, Some(reason)) => format!("no: {reason}"),
        (false, None, None) => "no".to_owned(),
    };
    [rule.name.clone(), fits, rule.place.clone()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_screen_names_the_decision_the_rule_and_why_others_do_not_fit() {
        let explanation = Explanation {
            user: "alice".to_owned(),
            service: "openvpn".to_owned(),
            action: Action::Ask,
            rule: Some("vpn".to_owned()),
            place: Some("/etc/mfa/agent.toml:31".to_owned()),
            reason: "rule \"vpn\" is the first that fits".to_owned(),
            require: vec![Factor::Totp.into(), Factor::Pin.into()],
            prompting: Prompting::Single,
            source: Source::Local,
            session: Some("15m".to_owned()),
            unenrolled: Some(Unenrolled::Deny),
            grace_days_left: Some(12),
            grace_since: None,
            grace_until: None,
            suspended_until: None,
            not_enrolled: None,
            only_codes: None,
            lockout_attempts: Some(5),
            lockout_duration: Some("1h".to_owned()),
            enrolled: vec![Factor::Totp],
            prompts: vec!["OTP code: ".to_owned(), "PIN:\u{1b} ".to_owned()],
            considered: vec![
                Considered {
                    name: "console break-glass".to_owned(),
                    place: "/etc/mfa/agent.toml:24".to_owned(),
                    fits: false,
                    field: Some(RuleField::Users),
                    reason: Some("alice is not among them".to_owned()),
                },
                Considered {
                    name: "vpn".to_owned(),
                    place: "/etc/mfa/agent.toml:31".to_owned(),
                    fits: true,
                    ..Considered::default()
                },
            ],
        };
        let head = "State       not locked\nService     openvpn\n";
        assert_eq!(screen(&explanation, true, head, ""), EXPLAINED);
    }

    #[test]
    fn what_does_not_hold_for_a_login_takes_no_line() {
        let explanation = Explanation {
            user: "alice".to_owned(),
            action: Action::Skip,
            source: Source::Federated,
            reason: "the enforcement mode is local-users, and the user is federated".to_owned(),
            prompting: Prompting::Dialogue,
            ..Explanation::default()
        };
        assert_eq!(
            screen(&explanation, true, "Service     mfactl\n", ""),
            SKIPPED
        );
    }

    #[test]
    fn who_lacks_what_is_required_is_denied_by_the_policy() {
        let bob = |require: &[&str]| Explanation {
            user: "bob".to_owned(),
            action: Action::Ask,
            require: require.iter().map(|way| way.parse().unwrap()).collect(),
            not_enrolled: Some(true),
            prompts: vec!["OTP code: ".to_owned()],
            ..Explanation::default()
        };
        let text = screen(&bob(&["totp", "pin"]), false, "", "");
        for line in [
            "User        bob (not known to this host; treated as local)\n",
            "Decision    deny: bob has enrolled none of: totp, pin\n",
            "Rule        [policy]\n",
            "            no answer to these is accepted\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
        assert_eq!(
            decision(&bob(&["totp+pin", "questions"])),
            "deny: bob has not enrolled what is required: totp+pin or questions"
        );
        let mut elsewhere = bob(&["key", "totp", "totp+pin"]);
        elsewhere.enrolled = vec![Factor::Key];
        assert_eq!(
            decision(&elsewhere),
            "deny: bob has key, but can't use it in this login, and has not enrolled: totp, totp+pin"
        );
        elsewhere.require = vec![Factor::Key.into()];
        assert_eq!(
            decision(&elsewhere),
            "deny: bob has key, but can't use it in this login"
        );
        let mut half = bob(&["questions", "totp+pin+email", "totp+email"]);
        half.enrolled = vec![Factor::Totp];
        assert_eq!(
            decision(&half),
            "deny: bob has totp, but no email: mfactl enroll email bob ADDRESS"
        );
        half.require = vec!["totp+pin+email".parse().unwrap()];
        assert_eq!(
            decision(&half),
            "deny: bob has totp, but no pin and no email: mfactl enroll pin bob, \
             mfactl enroll email bob ADDRESS"
        );
    }

    #[test]
    fn codes_that_are_accepted_without_a_factor_are_named() {
        let mut it = Explanation {
            action: Action::Ask,
            require: vec![Factor::Totp.into()],
            not_enrolled: Some(false),
            ..Explanation::default()
        };
        let account = Account {
            recovery_left: Some(5),
            bypass_until: Some("2026-11-22T13:52:00Z".to_owned()),
            ..Account::default()
        };
        let clock = Clock::for_tests();
        assert_eq!(
            accepted(&it, &account, &clock),
            "; accepted: 5 recovery codes, a bypass code until 14:52"
        );
        assert_eq!(accepted(&it, &Account::default(), &clock), "");
        it.not_enrolled = Some(true);
        assert_eq!(accepted(&it, &account, &clock), "");
    }

    #[test]
    fn what_sshd_or_the_stacks_decide_alone_has_a_name_of_its_own() {
        let key = NotAsked::Alone(vec![A_KEY_ALONE.to_owned()]);
        assert_eq!(
            (key.name(), key.words("sshd").as_str()),
            (
                "With a key",
                "sshd lets the user in without asking the agent"
            )
        );
        let ticket = NotAsked::Alone(vec!["a Kerberos ticket alone".to_owned()]);
        assert_eq!(ticket.name(), "Not asked");
        assert!(
            ticket
                .words("sshd")
                .starts_with("a Kerberos ticket alone is enough")
        );
        let yet = NotAsked::Yet("pam_mfa is in no PAM stack".to_owned());
        assert_eq!(
            (yet.name(), yet.words("sshd").as_str()),
            (
                "Not yet",
                "pam_mfa is in no PAM stack, so sshd does not ask the agent yet"
            )
        );
    }

    const SKIPPED: &str = "\
User        alice (federated: in the name service, not in /etc/passwd)
Service     mfactl
Decision    skip: no second factor
Because     the enforcement mode is local-users, and the user is federated
Rule        [enforcement]
Enrolled    none
";

    const EXPLAINED: &str = r#"User        alice (local)
State       not locked
Service     openvpn
Decision    ask for totp or pin
Because     rule "vpn" is the first that fits
Rule        vpn
Where       /etc/mfa/agent.toml:31
Enrolled    totp
No device   a user who has enrolled nothing is let in for 12 more days, then
            denied
Prompts     one, for all answers together
Asked       "OTP code: "
            "PIN:\u{1b} "
Session     not asked again for 15m
Lockout     5 failures lock the user for 1h

Rules checked, in order
  Rule                 Matches                             Where
  console break-glass  no: users: alice is not among them  line 24
  vpn                  yes                                 line 31
  lines of /etc/mfa/agent.toml
"#;
}
