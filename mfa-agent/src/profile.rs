//! What the user database of the host has of a user: the address or number that codes can go to.
//!
//! Only read, and only for users who have enrolled none; what is read is validated like what is typed.

use crate::config::{GecosField, NumberSource, Settings};
use crate::log;
use mfa_core::factors::address::{Channel, Recipient};
use mfa_core::login::entry::{KnownUser, Profile};
use mfa_core::names::{Names, NamesError, PasswdEntry, UserName};
use mfa_core::policy::Ask;

/// The standard field of a record of systemd.
const EMAIL_ADDRESS: &str = "emailAddress";

/// A place in the user database.
enum Source<'a> {
    /// A sub-field of the entry in the name service.
    Gecos(GecosField),
    /// A field of the record of systemd.
    Record(&'a str),
}

/// What the host knows of a user, whose entry in the name service is `entry`.
pub(crate) fn known_user(
    names: &dyn Names,
    settings: &Settings,
    user: &UserName,
    entry: Option<&PasswdEntry>,
) -> KnownUser {
    let profile = match text(names, settings, user, entry) {
        Ok(Some(text)) => recipient(settings, &text),
        Ok(None) => Profile::Nothing,
        Err(error) => {
            log::limited(
                "the user database",
                format_args!("can't look up where codes for {user} go: {error}"),
            );
            Profile::Unread
        }
    };
    KnownUser {
        is_known: entry.is_some(),
        profile,
    }
}

/// Whether a login that is asked for `ask` reads a record of systemd, which can take long.
pub(crate) fn reads_records(settings: &Settings, ask: &Ask) -> bool {
    let factor = settings.delivery.channel.factor();
    let mut combinations = ask.combinations.iter();
    matches!(source(settings), Some(Source::Record(_)))
        && combinations.any(|combination| combination.factors().contains(&factor))
}

/// Why no record can be read, if the settings name one.
pub(crate) fn records_are_missing(names: &dyn Names, settings: &Settings) -> Option<NamesError> {
    let Source::Record(field) = source(settings)? else {
        return None;
    };
    let root = "root".parse().ok()?;
    names.record_field(&root, field).err()
}

fn text(
    names: &dyn Names,
    settings: &Settings,
    user: &UserName,
    entry: Option<&PasswdEntry>,
) -> Result<Option<String>, NamesError> {
    match source(settings) {
        Some(Source::Gecos(field)) => {
            let text = entry.and_then(|entry| sub_field(&entry.gecos, field));
            Ok(text.map(str::to_owned))
        }
        Some(Source::Record(field)) => names.record_field(user, field),
        None => Ok(None),
    }
}

fn recipient(settings: &Settings, text: &str) -> Profile {
    let delivery = &settings.delivery;
    let region = delivery.sms.as_ref().and_then(|sms| sms.region);
    let read = Recipient::read(delivery.channel, text, region);
    read.map_or(Profile::Nothing, Profile::Recipient)
}

/// Where the settings look.
fn source(settings: &Settings) -> Option<Source<'_>> {
    let delivery = &settings.delivery;
    match delivery.channel {
        Channel::Email => {
            let from = delivery.email.as_ref()?.address_from;
            from.map(|_| Source::Record(EMAIL_ADDRESS))
        }
        Channel::Sms => Some(match delivery.sms.as_ref()?.number_from.as_ref()? {
            NumberSource::Gecos(field) => Source::Gecos(*field),
            NumberSource::Record(field) => Source::Record(field),
        }),
    }
}

/// Full name, room number, work phone, home phone, and whatever follows.
fn sub_field(gecos: &str, field: GecosField) -> Option<&str> {
    let index = match field {
        GecosField::WorkPhone => 2,
        GecosField::HomePhone => 3,
        GecosField::Other => 4,
    };
    gecos.splitn(5, ',').nth(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system_names::SystemNames;
    use mfa_core::names::Groups;

    #[test]
    fn a_number_is_read_from_the_sub_field_that_is_named_and_validated() {
        let known = |from: &str, gecos: &str| {
            let text = format!(
                "[delivery]\nchannel = 'sms'\n[delivery.sms]\nprovider = 'command'\ncommand = '/s'\nregion = 'DE'\n\
                 number_from = '{from}'"
            );
            let settings = Settings::parse(vec![("agent.toml".into(), text)]).unwrap();
            let entry = PasswdEntry {
                name: "anna".parse().unwrap(),
                uid: 7,
                gid: 7,
                gecos: gecos.to_owned(),
            };
            let names = SystemNames::default();
            match known_user(&names, &settings, &entry.name, Some(&entry)).profile {
                Profile::Recipient(to) => to.as_str().to_owned(),
                other => format!("{other:?}"),
            }
        };
        let gecos = "Anna Smith,4.12,0170 1234567,+49 170 1234568,+43 664 1234567";
        for (from, gecos, expected) in [
            ("work-phone", gecos, "+491701234567"),
            ("home-phone", gecos, "+491701234568"),
            ("other", gecos, "+436641234567"),
            ("other", "Anna,,,,+49 170 1234567,second", "Nothing"),
            ("home-phone", "Anna,,+49 170 1234567", "Nothing"),
            ("work-phone", "Anna,,", "Nothing"),
            ("work-phone", "", "Nothing"),
            ("work-phone", "Anna,,0900 1234567,,", "Nothing"),
            ("work-phone", "Anna,,call me,,", "Nothing"),
            ("work-phone", "Anna,,\u{fffd}0170 1234567,,", "Nothing"),
        ] {
            assert_eq!(known(from, gecos), expected, "{from} {gecos}");
        }
    }

    #[test]
    fn a_user_without_an_entry_is_not_known() {
        let anna = "anna".parse().unwrap();
        let known = known_user(&SystemNames::default(), &Settings::default(), &anna, None);
        assert_eq!(known, KnownUser::by_name(false));
    }

    /// A host whose user database says this of everybody.
    struct Records(Result<Option<&'static str>, ()>);

    impl Names for Records {
        fn canonical(&self, _: &UserName) -> Result<Option<PasswdEntry>, NamesError> {
            Ok(None)
        }

        fn groups(
            &self,
            _: &UserName,
            _: Option<&PasswdEntry>,
            _: &[String],
        ) -> Result<Groups, NamesError> {
            Ok(Groups::new())
        }

        fn is_local(&self, _: &UserName) -> Result<bool, NamesError> {
            Ok(true)
        }

        fn by_uid(&self, _: u32) -> Result<Option<PasswdEntry>, NamesError> {
            Ok(None)
        }

        fn members(&self, _: &str) -> Result<Option<Vec<String>>, NamesError> {
            Ok(None)
        }

        fn password_max_days(&self, _: &UserName) -> Result<Option<u32>, NamesError> {
            Ok(None)
        }

        fn record_field(&self, _: &UserName, field: &str) -> Result<Option<String>, NamesError> {
            assert!(["emailAddress", "mobile"].contains(&field), "{field}");
            let text = self
                .0
                .map_err(|()| NamesError::Record("silence".to_owned()))?;
            Ok(text.map(str::to_owned))
        }
    }

    #[test]
    fn a_record_is_read_for_the_channel_in_use_and_validated() {
        let (mail, number) = ("anna@example.org", "+49 170 1234567");
        for (channel, said, expected) in [
            ("email", Some(mail), mail),
            (
                "email",
                Some("anna@example.org, eve@example.com"),
                "Nothing",
            ),
            ("email", Some(number), "Nothing"),
            ("email", None, "Nothing"),
            ("sms", Some(number), "+491701234567"),
            ("sms", Some("0900 1234567"), "Nothing"),
            ("sms", Some(mail), "Nothing"),
        ] {
            let (settings, anna) = (by_records(channel), "anna".parse().unwrap());
            let found = match known_user(&Records(Ok(said)), &settings, &anna, None).profile {
                Profile::Recipient(to) => to.as_str().to_owned(),
                other => format!("{other:?}"),
            };
            assert_eq!(found, expected, "{said:?}");
            let unread = known_user(&Records(Err(())), &settings, &anna, None);
            assert_eq!(unread.profile, Profile::Unread);
        }
    }

    #[test]
    fn a_record_is_read_only_where_a_sent_code_is_asked_for() {
        let settings = by_records("email");
        let ask = |combination: &str| Ask {
            combinations: vec![combination.parse().unwrap()],
            ..Ask::default()
        };
        assert!(reads_records(&settings, &ask("email+pin")));
        assert!(!reads_records(&settings, &ask("totp")));
        assert!(!reads_records(&Settings::default(), &ask("email")));
        let is_missing = |said| records_are_missing(&Records(said), &settings).is_some();
        assert!(is_missing(Err(())) && !is_missing(Ok(None)));
    }

    fn by_records(channel: &str) -> Settings {
        let text = format!(
            "[delivery]\nchannel = '{channel}'\n[delivery.email]\nfrom = 'mfa@example.org'\nsendmail = '/s'\n\
             address_from = 'userdb'\n[delivery.sms]\nprovider = 'command'\ncommand = '/s'\n\
             number_from = 'userdb:mobile'"
        );
        Settings::parse(vec![("agent.toml".into(), text)]).unwrap()
    }
}
