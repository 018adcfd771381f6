//! `mfactl status`: one account on one screen, for somebody who was woken for it.
//!
//! The lock stands first, then what the user can log in with, then what is set for them, then the rules
//! that hold for them.

mod tables;

use mfa_protocol::admin::{Account, Status, UserParameters};

use crate::args::Whose;
use crate::clock::Clock;
use crate::commands::{Verdict, settings};
use crate::context::Context;
use crate::failure::Failure;
use crate::table::{field, list, table};

pub(crate) fn run(context: &mut Context, args: Whose) -> Result<Verdict, Failure> {
    let named = args.user.is_some();
    let account = context
        .call::<Status>(&UserParameters { user: args.user })?
        .account;
    context
        .output
        .result(&account, || screen(&account, named, &Clock::system()))?;
    Ok(Verdict::Done)
}

/// `named` says whether commands have to name the user, because it is not the caller.
fn screen(account: &Account, named: bool, clock: &Clock) -> String {
    let mut screen = field("User", &account.user);
    screen += &state(account, clock);
    screen += &field("Failures", &failures(account));
    screen += &field(
        "Can use",
        &list(&account.enrolled, "nothing: no factor is enrolled"),
    );
    if account.enrolled.is_empty() {
        let command = if named {
            format!("mfactl enroll totp {}", account.user)
        } else {
            "mfactl enroll".to_owned()
        };
        screen += &field("", &format!("{command} sets up a device"));
    }
    screen += &passing(account, clock);
    let set = settings::screen(&account.settings);
    if !set.is_empty() {
        screen += "\nSet for this user\n";
        screen += &set;
    }
    let factors = tables::factors(account, clock);
    if !factors.is_empty() {
        screen += "\nFactors\n";
        screen += &table(["Factor", "Label", "Enrolled", "Last used"], factors);
    }
    screen += &account
        .devices
        .iter()
        .filter_map(tables::particular)
        .collect::<String>();
    screen += &tables::astray(account, named, clock);
    if !account.rules.is_empty() {
        screen += "\nRules (the first that fits decides)\n";
        screen += &table(
            ["Rule", "Does", "Services", "From", "Where"],
            account.rules.iter().map(tables::rule),
        );
        screen.extend(account.rules.iter().filter_map(tables::conditions));
    }
    screen
}

/// Whether the account is locked, and the command that ends it.
pub(super) fn state(account: &Account, clock: &Clock) -> String {
    let mut state = field("State", &lock(account, clock));
    if account.locked_by_limit || account.locked_until.is_some() {
        state += &field("", &format!("mfactl unlock {} ends it", account.user));
    }
    state
}

pub(super) fn lock(account: &Account, clock: &Clock) -> String {
    if account.locked_by_limit {
        return "LOCKED until an administrator unlocks: too many failures in a row".to_owned();
    }
    match &account.locked_until {
        Some(time) => format!("LOCKED until {}", clock.future(time)),
        None => "not locked".to_owned(),
    }
}

fn failures(account: &Account) -> String {
    let Account {
        failures,
        consecutive_failures,
        ..
    } = account;
    let mut text = format!("{failures} counted, {consecutive_failures} in a row");
    if account.refused_while_locked > 0 {
        text += &format!(", {} refused while locked", account.refused_while_locked);
    }
    text
}

/// What holds for a while: a code that stands in for a factor, days without one, sessions.
pub(super) fn passing(account: &Account, clock: &Clock) -> String {
    let mut lines = String::new();
    if let Some(left) = account.recovery_left {
        let codes = if left == 1 { "code" } else { "codes" };
        lines += &field("Recovery", &format!("{left} {codes} left"));
    }
    if let Some(time) = &account.bypass_until {
        lines += &field(
            "Bypass",
            &format!("a code is good until {}", clock.future(time)),
        );
    }
    if let Some(time) = &account.grace_since {
        let text = format!("let in without a factor since {}", clock.past(time));
        lines += &field("Grace", &text);
    }
    if account.sessions > 0 {
        lines += &field("Sessions", &account.sessions.to_string());
        lines += &field("", &format!("mfactl revoke {} ends them", account.user));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use mfa_protocol::admin::{Device, Drift, Knowledge, Rule, UserSettings};

    fn alice() -> Account {
        Account {
            user: "alice".to_owned(),
            enrolled: vec!["totp".to_owned(), "pin".to_owned()],
            devices: vec![
                Device {
                    factor: "totp".to_owned(),
                    label: "phone".to_owned(),
                    algorithm: "SHA1".to_owned(),
                    digits: 6,
                    period: Some(30),
                    counter: None,
                    clock_offset: 0,
                    drift: None,
                    credential_id: None,
                    enrolled_at: "2026-11-20T13:02:00Z".to_owned(),
                    last_used_at: Some("2026-11-22T13:19:30Z".to_owned()),
                },
                Device {
                    factor: "totp".to_owned(),
                    label: "tok\u{7}en".to_owned(),
                    algorithm: "SHA256".to_owned(),
                    digits: 8,
                    period: Some(60),
                    counter: None,
                    clock_offset: 0,
                    drift: None,
                    credential_id: Some("FT-1234".to_owned()),
                    enrolled_at: "2026-11-20T13:02:00Z".to_owned(),
                    last_used_at: None,
                },
            ],
            pin: Some(Knowledge {
                enrolled_at: "2026-01-02T03:04:05Z".to_owned(),
                last_used_at: None,
            }),
            failures: 5,
            consecutive_failures: 7,
            refused_while_locked: 3,
            locked_until: Some("2026-11-22T14:04:00Z".to_owned()),
            rules: rules(),
            ..Account::default()
        }
    }

    fn rules() -> Vec<Rule> {
        vec![
            Rule {
                name: "vpn".to_owned(),
                place: "/etc/mfa/agent.toml:31".to_owned(),
                action: "ask".to_owned(),
                require: vec!["totp".to_owned()],
                services: vec!["openvpn".to_owned()],
                from: vec!["10.0.0.0/8".to_owned()],
                conditions: vec!["hours: 08:00-18:00".to_owned(), "days: mon-fri".to_owned()],
            },
            Rule {
                name: "policy".to_owned(),
                place: "/etc/mfa/agent.toml:12".to_owned(),
                action: "ask".to_owned(),
                require: vec!["totp".to_owned(), "pin".to_owned(), "questions".to_owned()],
                ..Rule::default()
            },
        ]
    }

    #[test]
    fn the_screen_of_a_locked_user() {
        let screen = screen(&alice(), true, &Clock::for_tests());
        assert_eq!(screen, LOCKED);
        assert!(screen.lines().all(|line| line.chars().count() <= 80));
    }

    #[test]
    fn the_screen_of_a_user_with_nothing() {
        let account = Account {
            user: "bob".to_owned(),
            ..Account::default()
        };
        assert_eq!(screen(&account, true, &Clock::for_tests()), EMPTY);
    }

    #[test]
    fn the_screen_of_a_user_for_whom_much_is_set() {
        let account = Account {
            user: "carol".to_owned(),
            enrolled: vec!["questions".to_owned()],
            bypass_until: Some("2026-11-22T13:52:00Z".to_owned()),
            grace_since: Some("2026-11-20T13:02:00Z".to_owned()),
            sessions: 2,
            settings: UserSettings {
                enforce: "optional".to_owned(),
                require: vec!["questions".to_owned()],
                own_allow_from: vec!["192.0.2.0/24".to_owned()],
                self_manage: true,
                ..UserSettings::default()
            },
            ..Account::default()
        };
        let screen = screen(&account, true, &Clock::for_tests());
        assert_eq!(screen, SET);
        assert!(screen.lines().all(|line| line.chars().count() <= 80));
    }

    #[test]
    fn a_device_that_went_astray_is_shown_with_the_command_that_mends_it() {
        let mut account = alice();
        account.devices[0].drift = Some(Drift {
            seconds: Some(-150),
            seen_at: "2026-11-22T13:20:00Z".to_owned(),
            ..Drift::default()
        });
        account.devices[1] = Device {
            factor: "hotp".to_owned(),
            algorithm: "SHA1".to_owned(),
            digits: 6,
            period: None,
            counter: Some(12),
            credential_id: None,
            ..account.devices[1].clone()
        };
        let own = screen(&account, false, &Clock::for_tests());
        let shown = own
            .split_once("never\n  tok")
            .map(|(_, rest)| rest.split_once("\nRules"));
        assert_eq!(
            shown.flatten().map(|(shown, _)| shown),
            Some(ASTRAY),
            "{own}"
        );
        let of_another = screen(&account, true, &Clock::for_tests());
        assert!(
            of_another.contains("  mfactl verify alice --resync mends it"),
            "{of_another}"
        );
    }

    const ASTRAY: &str = r"\u{7}en: counts its codes, the next is number 12

Gone astray (codes are refused)
  phone: its clock is 150 seconds behind, seen 2 minutes ago
  mfactl verify --resync mends it, with two codes
";

    #[test]
    fn a_lock_that_only_an_administrator_ends_says_so() {
        let account = Account {
            locked_by_limit: true,
            ..alice()
        };
        let screen = screen(&account, true, &Clock::for_tests());
        assert!(
            screen.contains("LOCKED until an administrator unlocks"),
            "{screen}"
        );
    }

    const LOCKED: &str = r"User        alice
State       LOCKED until 15:04 (in 42 minutes)
            mfactl unlock alice ends it
Failures    5 counted, 7 in a row, 3 refused while locked
Can use     totp, pin

Factors
  Factor  Label       Enrolled          Last used
  totp    phone       2026-11-20 14:02  2026-11-22 14:19 (2 minutes ago)
  totp    tok\u{7}en  2026-11-20 14:02  never
  pin                 2026-01-02 04:04  never
  tok\u{7}en: SHA256, 8 digits, every 60 s, credential FT-1234

Rules (the first that fits decides)
  Rule    Does                    Services  From        Where
  vpn     asks for totp           openvpn   10.0.0.0/8  /etc/mfa/agent.toml:31
  policy  asks for totp or pin    all       anywhere    /etc/mfa/agent.toml:12
          or questions
  vpn only with hours: 08:00-18:00; days: mon-fri
";

    const SET: &str = "\
User        carol
State       not locked
Failures    0 counted, 0 in a row
Can use     questions
Bypass      a code is good until 14:52 (in 30 minutes)
Grace       let in without a factor since 2026-11-20 14:02 (2 days ago)
Sessions    2
            mfactl revoke carol ends them

Set for this user
Enforce     a factor is optional: a user who has set up none is let in
Required    questions (set by an administrator)
Login from  192.0.2.0/24 (set by the user)
May set     require and allow-from without an administrator
";

    const EMPTY: &str = r"User        bob
State       not locked
Failures    0 counted, 0 in a row
Can use     nothing: no factor is enrolled
            mfactl enroll totp bob sets up a device
";
}
