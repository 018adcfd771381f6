//! What the user database of the host has of a user: the address or number that codes can go to.
//!
//! Only read, and only for users who have enrolled none; what is read is validated like what is typed.

use crate::config::{GecosField, NumberSource, Settings};
use mfa_core::factors::address::{Channel, Recipient};
use mfa_core::login::entry::{KnownUser, Profile};
use mfa_core::names::PasswdEntry;

/// What the host knows of a user, whose entry in the name service this is.
pub(crate) fn known_user(settings: &Settings, entry: Option<&PasswdEntry>) -> KnownUser {
    let profile = entry.and_then(|entry| recipient(settings, entry));
    KnownUser {
        is_known: entry.is_some(),
        profile: profile.map_or(Profile::Nothing, Profile::Recipient),
    }
}

fn recipient(settings: &Settings, entry: &PasswdEntry) -> Option<Recipient> {
    let delivery = &settings.delivery;
    let sms = delivery.sms.as_ref();
    let sms = sms.filter(|_| delivery.channel == Channel::Sms)?;
    let NumberSource::Gecos(field) = sms.number_from?;
    Recipient::read(Channel::Sms, sub_field(&entry.gecos, field)?, sms.region).ok()
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
            match known_user(&settings, Some(&entry)).profile {
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
        let known = known_user(&Settings::default(), None);
        assert_eq!(known, KnownUser::by_name(false));
    }
}
