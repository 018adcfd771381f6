//! `mfactl users`: who has a factor, with `--not-enrolled` who still has to enrol, with `--suspended` who is not asked.
//!
//! Who is refused is not judged here: the agent explains a login of each user of the host, by the same decision that a
//! real login gets.

use std::path::Path;

use mfa_protocol::admin::{
    Account, Explain, ExplainParameters, Explanation, Status, Suspended, UserParameters, Users,
};
use mfa_protocol::factor::FactorCombination;
use serde::Serialize;

use super::asking::{Asking, alone};
use super::doctor::stacks::files::Files;
use super::lists::{all, page};
use crate::args;
use crate::clock::Clock;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::host::users::people;
use crate::output::clean;
use crate::table::{joined, table};

pub(crate) fn run(context: &mut Context, args: args::Users) -> Result<Verdict, Failure> {
    match (args.not_enrolled, args.suspended) {
        (true, _) => not_enrolled(context, &args.service, &args.sshd.program),
        (_, true) => suspended(context),
        _ => with_a_factor(context),
    }
}

fn suspended(context: &mut Context) -> Result<Verdict, Failure> {
    let mut users = all::<Users, _>(context, page, |reply| (reply.suspended, reply.next))?;
    users.sort_by(|one, other| one.user.cmp(&other.user));
    context
        .output
        .result(&users, || suspended_screen(&users, &Clock::system()))?;
    Ok(Verdict::Done)
}

fn suspended_screen(users: &[Suspended], clock: &Clock) -> String {
    if users.is_empty() {
        return "No user is suspended.".to_owned();
    }
    let rows = users
        .iter()
        .map(|it| [it.user.clone(), clock.future(&it.until)]);
    table(["User", "Not asked until"], rows) + "\nAsk a user again: mfactl resume USER\n"
}

/// One name a line, for other programs.
fn with_a_factor(context: &mut Context) -> Result<Verdict, Failure> {
    let mut users = all::<Users, _>(context, page, |reply| (reply.users, reply.next))?;
    users.sort();
    if users.is_empty() && !context.output.is_json() {
        context
            .output
            .complain("No user has a factor yet. Enrol one: mfactl enroll totp USER");
    }
    context.output.result(&users, || {
        users
            .iter()
            .map(|user| format!("{}\n", clean(user)))
            .collect()
    })?;
    Ok(Verdict::Done)
}

/// A user who is refused, now or when their days of grace are over, or once their codes are used up.
#[derive(Debug, Serialize)]
struct NotEnrolled {
    user: String,
    rule: Option<String>,
    place: Option<String>,
    require: Vec<FactorCombination>,
    grace_days_left: Option<u32>,
    grace_since: Option<String>,
    grace_until: Option<String>,
    /// What still lets in a user without a factor: the number of recovery codes, and the end of a bypass code.
    recovery_left: Option<u32>,
    bypass_until: Option<String>,
}

impl From<Explanation> for NotEnrolled {
    fn from(it: Explanation) -> Self {
        Self {
            user: it.user,
            rule: it.rule,
            place: it.place,
            require: it.require,
            grace_days_left: it.grace_days_left,
            grace_since: it.grace_since,
            grace_until: it.grace_until,
            recovery_left: None,
            bypass_until: None,
        }
    }
}

impl NotEnrolled {
    fn with_codes(self, account: Account) -> Self {
        Self {
            recovery_left: account.recovery_left.filter(|left| *left > 0),
            bypass_until: account.bypass_until,
            ..self
        }
    }
}

fn not_enrolled(context: &mut Context, service: &str, sshd: &Path) -> Result<Verdict, Failure> {
    let people = people()?;
    let looked_at = people.len();
    let mut found: Vec<NotEnrolled> = Vec::new();
    for person in people {
        let parameters = ExplainParameters {
            user: person.name,
            service: service.to_owned(),
            ..ExplainParameters::default()
        };
        let it = context.call::<Explain>(&parameters)?.explanation;
        let is_refused = it
            .not_enrolled
            .ok_or_else(|| Failure::Rejected(OLD.to_owned()))?;
        // Two names of the name service may be one account.
        if found.iter().any(|known| known.user == it.user) {
            continue;
        }
        if is_refused {
            found.push(it.into());
        } else if it.only_codes == Some(true) {
            let user = Some(it.user.clone());
            let account = context.call::<Status>(&UserParameters { user })?.account;
            found.push(NotEnrolled::from(it).with_codes(account));
        }
    }
    let files = Files::read(context.pam_dir());
    let at = Service {
        name: service,
        asking: Asking::of(&files, service),
        alone: alone(sshd, &files, service, None),
    };
    context
        .output
        .result(&found, || screen(&found, looked_at, &at, &Clock::system()))?;
    Ok(Verdict::Done)
}

const OLD: &str = "the agent is older than mfactl and does not say who has not enrolled. Restart it: systemctl restart \
                   mfa-agent";

/// Where the users log in.
struct Service<'a> {
    name: &'a str,
    asking: Asking,
    /// What lets users in without the agent, such as "a key alone".
    alone: Option<String>,
}

fn screen(found: &[NotEnrolled], looked_at: usize, at: &Service<'_>, clock: &Clock) -> String {
    let not_yet = at.asking.not_yet(at.name);
    let service = clean(at.name);
    if found.is_empty() {
        return format!(
            "Users of this host who still have to enrol for {service}: none of {looked_at}"
        );
    }
    let rows = found.iter().map(|it| row(it, not_yet.is_none(), clock));
    let table = table(
        ["User", "Rule", "Requires", "Grace since", "Grace until"],
        rows,
    );
    let count = found.len();
    let remark = match (not_yet, &at.alone) {
        (Some(why), _) => format!("Nobody is refused yet: {why}.\n"),
        (None, Some(alone)) => {
            format!("Only logins with a password are refused: {alone} still lets a user in.\n")
        }
        (None, None) => String::new(),
    };
    format!(
        "{table}\nUsers of this host who still have to enrol for {service}: {count} of {looked_at}\n{remark}\
         Enrol a user:   mfactl enroll totp USER\n\
         See the reason: mfactl explain --user USER --service {service}\n"
    )
}

fn row(it: &NotEnrolled, is_asked: bool, clock: &Clock) -> [String; 5] {
    let [since, until] = grace(it, is_asked, clock);
    [
        it.user.clone(),
        it.rule.clone().unwrap_or_else(|| "[policy]".to_owned()),
        joined(&it.require, " or "),
        since,
        until,
    ]
}

/// Since when and until when. Grace begins with the first login, and a last day is known before that. Users without
/// grace are refused now, unless the stack does not ask yet.
fn grace(it: &NotEnrolled, is_asked: bool, clock: &Clock) -> [String; 2] {
    match (it.recovery_left, &it.bypass_until) {
        (Some(1), _) => return ["none", "1 recovery code left"].map(str::to_owned),
        (Some(left), _) => return ["none".to_owned(), format!("{left} recovery codes left")],
        (None, Some(_)) => return ["none", "a bypass code"].map(str::to_owned),
        (None, None) => {}
    }
    match (&it.grace_since, &it.grace_until, it.grace_days_left) {
        (Some(since), Some(until), _) => [clock.date(since), clock.date(until)],
        (None, Some(until), _) => ["first login".to_owned(), clock.date(until)],
        (_, _, Some(1)) => ["first login", "1 day later"].map(str::to_owned),
        (_, _, Some(days)) => ["first login".to_owned(), format!("{days} days later")],
        (_, _, None) if is_asked => ["none", "refused now"].map(str::to_owned),
        (_, _, None) => ["none", "none"].map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(user: &str, rule: Option<&str>) -> NotEnrolled {
        NotEnrolled {
            user: user.to_owned(),
            rule: rule.map(str::to_owned),
            place: None,
            require: vec!["totp+pin".parse().unwrap(), "email".parse().unwrap()],
            grace_days_left: None,
            grace_since: None,
            grace_until: None,
            recovery_left: None,
            bypass_until: None,
        }
    }

    fn at(name: &str, asking: Asking) -> Service<'_> {
        Service {
            name,
            asking,
            alone: None,
        }
    }

    #[test]
    fn a_key_alone_is_named_if_it_lets_users_in() {
        let at = Service {
            alone: Some("a key alone".to_owned()),
            ..at("sshd", Asking::Asks)
        };
        let text = screen(&[user("bert", None)], 7, &at, &Clock::for_tests());
        let remark = "Only logins with a password are refused: a key alone still lets a user in.\n";
        assert!(text.contains(remark), "{text}");
    }

    #[test]
    fn the_suspended_are_listed_with_the_end() {
        let alice = Suspended {
            user: "alice".to_owned(),
            until: "2026-11-22T14:04:00Z".to_owned(),
        };
        assert_eq!(
            suspended_screen(&[alice], &Clock::for_tests()),
            "  User   Not asked until\n  alice  15:04 (in 42 minutes)\n\nAsk a user again: mfactl resume USER\n"
        );
        assert_eq!(
            suspended_screen(&[], &Clock::for_tests()),
            "No user is suspended."
        );
    }

    #[test]
    fn the_table_says_who_what_and_until_when() {
        let anna = NotEnrolled {
            grace_days_left: Some(12),
            grace_since: Some("2026-11-20T14:02:00Z".to_owned()),
            grace_until: Some("2026-12-04T14:02:00Z".to_owned()),
            ..user("anna", Some("staff"))
        };
        let carl = NotEnrolled {
            grace_days_left: Some(14),
            ..user("carl", Some("staff"))
        };
        let dora = NotEnrolled {
            grace_days_left: Some(71),
            grace_until: Some("2027-01-31T23:00:00Z".to_owned()),
            ..user("dora", None)
        };
        let emil = NotEnrolled {
            recovery_left: Some(5),
            ..user("emil", None)
        };
        let fred = NotEnrolled {
            bypass_until: Some("2026-11-22T14:52:00Z".to_owned()),
            ..user("fred", None)
        };
        let found = [anna, user("bert", None), carl, dora, emil, fred];
        insta::assert_snapshot!(screen(
            &found,
            7,
            &at("sshd", Asking::Asks),
            &Clock::for_tests()
        ));
        assert_eq!(
            screen(&[], 7, &at("sudo", Asking::Asks), &Clock::for_tests()),
            "Users of this host who still have to enrol for sudo: none of 7"
        );
    }

    #[test]
    fn nobody_is_refused_now_where_no_stack_asks() {
        let shown = |asking| {
            let found = [user("bert", None)];
            screen(&found, 7, &at("sudo", asking), &Clock::for_tests())
        };
        let before = shown(Asking::Nowhere);
        assert!(!before.contains("refused now"), "{before}");
        let line = "Nobody is refused yet: pam_mfa is in no PAM stack.\n";
        assert!(before.contains(line), "{before}");
        let elsewhere = shown(Asking::OtherServices);
        assert!(
            elsewhere.contains("yet: pam_mfa is not in the PAM stack of sudo.\n"),
            "{elsewhere}"
        );
        assert!(shown(Asking::Asks).contains("refused now"));
    }
}
