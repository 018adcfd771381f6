//! The addresses for codes, and the state of sending.

use mfa_protocol::admin::{Account, Address};

use crate::clock::Clock;
use crate::table::{field, paragraph, table};

/// A table of the addresses, in the order in which they are tried.
pub(super) fn addresses(account: &Account, clock: &Clock) -> String {
    if account.addresses.is_empty() {
        return String::new();
    }
    let rows = account.addresses.iter().map(|address| row(address, clock));
    let table = table(["Factor", "Address", "State", "Last used"], rows);
    format!("\nAddresses (codes go to the first enabled one)\n{table}")
}

fn row(address: &Address, clock: &Clock) -> [String; 4] {
    let used = address.last_used_at.as_deref();
    [
        address.factor.to_string(),
        address.address.clone(),
        state(address),
        // Without the date, so that an address fits on its line.
        used.map_or_else(|| "never".to_owned(), |time| clock.wait(time)),
    ]
}

/// "primary, disabled, not confirmed"
fn state(address: &Address) -> String {
    let confirmed = match address.confirmed_at {
        Some(_) => "confirmed",
        None => "not confirmed",
    };
    let words = [
        address.primary.then_some("primary"),
        (!address.enabled).then_some("disabled"),
        Some(confirmed),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What was sent, if anything counts or failed. `for_administrators`: whether to name commands that only they may use.
pub(crate) fn messages(account: &Account, for_administrators: bool, clock: &Clock) -> String {
    let messages = &account.messages;
    let mut lines = match &messages.paused_until {
        Some(until) => {
            let until = clock.future(until);
            field(
                "Messages",
                &format!("PAUSED until {until}: too many codes were requested"),
            ) + &field("", &way_around(account, for_administrators))
        }
        None if messages.sent == 0 => String::new(),
        None => {
            let sent = messages.sent;
            field(
                "Messages",
                &format!("{sent} sent recently, which count towards the limit"),
            )
        }
    };
    if let Some(error) = &messages.last_error {
        let when = messages.last_sent_at.as_deref();
        let when = when.map_or_else(String::new, |time| format!(", {}", clock.wait(time)));
        lines += &paragraph("Not sent", &format!("the last message{when}: {error}"));
        if for_administrators {
            let hint = "test sending: mfactl test-delivery --help";
            lines += &field("", hint);
        }
    }
    lines
}

/// How the user can log in while no message is sent.
fn way_around(account: &Account, for_administrators: bool) -> String {
    if for_administrators {
        return format!(
            "log in before that with a one-time code: mfactl bypass {}",
            account.user
        );
    }
    match account.recovery_left {
        None | Some(0) => String::new(),
        Some(_) => "a recovery code works before that".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mfa_protocol::admin::Messages;
    use mfa_protocol::factor::Channel;

    fn address(address: &str) -> Address {
        Address {
            factor: Channel::Email,
            address: address.to_owned(),
            enabled: true,
            ..Address::default()
        }
    }

    fn sent(messages: Messages) -> Account {
        Account {
            user: "alice".to_owned(),
            messages,
            ..Account::default()
        }
    }

    #[test]
    fn each_address_says_whether_codes_go_there() {
        let confirmed = Address {
            confirmed_at: Some("2026-11-20T13:02:00Z".to_owned()),
            last_used_at: Some("2026-11-22T13:19:30Z".to_owned()),
            primary: true,
            ..address("anna@example.org")
        };
        let disabled = Address {
            enabled: false,
            primary: true,
            ..address("b\u{1b}@example.org")
        };
        let account = Account {
            addresses: vec![confirmed, disabled, address("c@example.org")],
            ..Account::default()
        };
        assert_eq!(addresses(&account, &Clock::for_tests()), ADDRESSES);
        assert_eq!(addresses(&Account::default(), &Clock::for_tests()), "");
    }

    #[test]
    fn the_longest_address_goes_on_in_the_next_line() {
        let long = format!("{}@{}.example.org", "a".repeat(64), "b".repeat(60));
        let account = Account {
            addresses: vec![address(&long)],
            ..Account::default()
        };
        let screen = addresses(&account, &Clock::for_tests());
        assert!(
            screen.lines().all(|line| line.chars().count() <= 80),
            "{screen}"
        );
    }

    #[test]
    fn messages_are_mentioned_only_where_there_is_something_to_say() {
        let clock = Clock::for_tests();
        assert_eq!(messages(&sent(Messages::default()), true, &clock), "");
        let long_ago = Messages {
            last_sent_at: Some("2026-11-20T13:02:00Z".to_owned()),
            ..Messages::default()
        };
        assert_eq!(messages(&sent(long_ago), true, &clock), "");
        let some = Messages {
            sent: 3,
            ..Messages::default()
        };
        let text = messages(&sent(some), true, &clock);
        assert_eq!(
            text,
            "Messages    3 sent recently, which count towards the limit\n"
        );
    }

    #[test]
    fn a_pause_and_an_error_come_with_what_an_administrator_can_do() {
        let bad = sent(Messages {
            sent: 0,
            paused_until: Some("2026-11-22T14:04:00Z".to_owned()),
            last_sent_at: Some("2026-11-22T13:19:30Z".to_owned()),
            last_error: Some("connection\u{7} refused".to_owned()),
        });
        let clock = Clock::for_tests();
        assert_eq!(messages(&bad, true, &clock), BAD);
        let for_users = messages(&bad, false, &clock);
        assert!(!for_users.contains("mfactl"), "{for_users}");
        let [pause, error] = for_users.lines().collect::<Vec<_>>()[..] else {
            panic!("{for_users}");
        };
        assert!(
            pause.contains("PAUSED") && error.contains("Not sent"),
            "{for_users}"
        );
        let with_codes = Account {
            recovery_left: Some(2),
            ..bad
        };
        assert!(messages(&with_codes, false, &clock).contains("a recovery code works"));
    }

    const ADDRESSES: &str = r"
Addresses (codes go to the first enabled one)
  Factor  Address              State                             Last used
  email   anna@example.org     primary, confirmed                2 minutes ago
  email   b\u{1b}@example.org  primary, disabled, not confirmed  never
  email   c@example.org        not confirmed                     never
";

    const BAD: &str = r"Messages    PAUSED until 15:04 (in 42 minutes): too many codes were requested
            log in before that with a one-time code: mfactl bypass alice
Not sent    the last message, 2 minutes ago: connection\u{7} refused
            test sending: mfactl test-delivery --help
";
}
