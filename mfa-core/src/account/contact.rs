//! The addresses that codes are sent to.
//!
//! An ordered list: a code goes to the first enabled address of its channel, and the primary one
//! comes first. An address is confirmed by the first right code that was sent there, in a login or
//! during enrolment.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Account, Dates};
use crate::factors::address::{Channel, Recipient};

/// The most addresses of a user for a channel.
pub const MAX_CONTACTS: usize = 5;

/// An address that codes are sent to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The address.
    pub to: Recipient,
    /// Whether codes may be sent there.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub enabled: bool,
    /// When a code that was sent there was first confirmed.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::second::optional"
    )]
    pub confirmed_at: Option<Timestamp>,
    /// When it was enrolled, and last used.
    #[serde(flatten)]
    pub dates: Dates,
}

/// Why an address can't be added or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContactError {
    /// The user has the most addresses already.
    #[error(
        "there are already {MAX_CONTACTS} addresses for {0}; remove one first: mfactl remove {0} \
         USER --label ADDRESS"
    )]
    Full(&'static str),
    /// The user has no such address.
    #[error("there is no such address for {0}; to list them: mfactl status USER")]
    Unknown(&'static str),
    /// The shown form matches several addresses.
    #[error("several addresses for {0} match this; type the whole address")]
    Several(&'static str),
    /// A disabled address can't be primary.
    #[error(
        "this address is disabled, so codes can't go there; enable it first: mfactl enable {0} \
         USER ADDRESS"
    )]
    Disabled(&'static str),
}

impl Contact {
    /// A new address.
    #[must_use]
    pub fn new(to: Recipient, now: Timestamp) -> Self {
        Self {
            to,
            enabled: true,
            confirmed_at: None,
            dates: Dates::enrolled(now),
        }
    }
}

impl Account {
    /// The addresses; within each channel in the order in which they are tried.
    #[must_use]
    pub fn contacts(&self) -> &[Contact] {
        &self.contacts
    }

    /// The address that a code of this channel goes to.
    #[must_use]
    pub fn contact(&self, channel: Channel) -> Option<&Contact> {
        self.contacts_of(channel).find(|contact| contact.enabled)
    }

    /// The address that the next code of this channel goes to after messages to `failed` could not be sent, the last
    /// failure at the end: the first one that has not failed, or else the one that failed first.
    #[must_use]
    pub fn contact_after(&self, channel: Channel, failed: &[Recipient]) -> Option<&Contact> {
        let failure = |contact: &&Contact| failed.iter().rposition(|to| *to == contact.to);
        let enabled = self.contacts_of(channel).filter(|contact| contact.enabled);
        enabled.min_by_key(failure)
    }

    /// Whether codes go to this address before others of its channel.
    #[must_use]
    pub fn is_primary(&self, contact: &Contact) -> bool {
        let first = self.contacts_of(contact.to.channel()).next();
        first.is_some_and(|first| first.to == contact.to)
    }

    /// Adds an address after the others of its channel. Returns whether it is new.
    ///
    /// # Errors
    ///
    /// [`ContactError::Full`].
    pub fn add_contact(&mut self, contact: Contact) -> Result<bool, ContactError> {
        let channel = contact.to.channel();
        if let Some(known) = self.contact_mut(&contact.to) {
            if known.confirmed_at.is_none() {
                known.confirmed_at = contact.confirmed_at;
            }
            return Ok(false);
        }
        if self.contacts_of(channel).count() >= MAX_CONTACTS {
            return Err(ContactError::Full(channel.name()));
        }
        self.contacts.push(contact);
        self.generation += 1;
        Ok(true)
    }

    /// The address of this channel that matches a text: in full, as it was parsed, or as it is
    /// shown.
    ///
    /// # Errors
    ///
    /// [`ContactError::Unknown`] or [`ContactError::Several`].
    pub fn find_contact(
        &self,
        channel: Channel,
        whole: Option<&Recipient>,
        shown: &str,
    ) -> Result<Recipient, ContactError> {
        let mut fitting = self
            .contacts_of(channel)
            .map(|contact| &contact.to)
            .filter(|to| {
                Some(*to) == whole || to.masked() == shown || self.contact_label(to) == shown
            });
        match (fitting.next(), fitting.next()) {
            (Some(to), None) => Ok(to.clone()),
            (None, _) => Err(ContactError::Unknown(channel.name())),
            (Some(_), Some(_)) => Err(ContactError::Several(channel.name())),
        }
    }

    /// What `to` is called where whole addresses are not shown: masked, with a number if another address of the user
    /// looks the same. The numbers follow the order of enrolment.
    #[must_use]
    pub fn contact_label(&self, to: &Recipient) -> String {
        let masked = to.masked();
        let contacts = self.contacts_of(to.channel());
        let mut alike: Vec<&Contact> = contacts.filter(|it| it.to.masked() == masked).collect();
        alike.sort_by_key(|it| (it.dates.enrolled_at, it.to.as_str()));
        let place = alike.iter().position(|it| it.to == *to);
        // An address that is not stored yet would be the next one.
        let (count, number) = match place {
            Some(index) => (alike.len(), index + 1),
            None => (alike.len() + 1, alike.len() + 1),
        };
        match count {
            1 => masked,
            _ => format!("{masked} ({number})"),
        }
    }

    /// Makes `to` the primary address of its channel. Returns whether it was another.
    ///
    /// # Errors
    ///
    /// [`ContactError::Unknown`], or [`ContactError::Disabled`].
    pub fn make_primary(&mut self, to: &Recipient) -> Result<bool, ContactError> {
        let channel = to.channel();
        let index = self.contacts.iter().position(|contact| contact.to == *to);
        let index = index.ok_or(ContactError::Unknown(channel.name()))?;
        if !self.contacts[index].enabled {
            return Err(ContactError::Disabled(channel.name()));
        }
        if self.is_primary(&self.contacts[index]) {
            return Ok(false);
        }
        let contact = self.contacts.remove(index);
        self.contacts.insert(0, contact);
        self.generation += 1;
        Ok(true)
    }

    /// Enables or disables `to`. Returns whether that changed.
    ///
    /// # Errors
    ///
    /// [`ContactError::Unknown`].
    pub fn enable_contact(&mut self, to: &Recipient, enabled: bool) -> Result<bool, ContactError> {
        let unknown = ContactError::Unknown(to.channel().name());
        let contact = self.contact_mut(to).ok_or(unknown)?;
        let changed = contact.enabled != enabled;
        contact.enabled = enabled;
        self.generation += u64::from(changed);
        Ok(changed)
    }

    /// Removes the addresses of a channel, or one of them. Returns how many were removed.
    pub fn remove_contacts(&mut self, channel: Channel, one: Option<&Recipient>) -> u32 {
        let before = self.contacts.len();
        let goes = |contact: &Contact| {
            contact.to.channel() == channel && one.is_none_or(|one| contact.to == *one)
        };
        self.contacts.retain(|contact| !goes(contact));
        self.removed(before - self.contacts.len())
    }

    /// Confirms `to` after a right code, and adds it if it came from a template or from the user in
    /// the login; returns whether it was added. If the record is full it stays as it is, because
    /// the code was right all the same.
    pub(super) fn code_came_back(&mut self, to: &Recipient, now: Timestamp) -> bool {
        let is_new = self.contact_mut(to).is_none()
            && self.add_contact(Contact::new(to.clone(), now)) == Ok(true);
        if let Some(contact) = self.contact_mut(to) {
            contact.confirmed_at.get_or_insert(now);
            contact.dates.last_used_at = Some(now);
        }
        is_new
    }

    fn contacts_of(&self, channel: Channel) -> impl Iterator<Item = &Contact> {
        let contacts = self.contacts.iter();
        contacts.filter(move |contact| contact.to.channel() == channel)
    }

    fn contact_mut(&mut self, to: &Recipient) -> Option<&mut Contact> {
        self.contacts.iter_mut().find(|contact| contact.to == *to)
    }
}

pub(super) fn yes() -> bool {
    true
}

pub(super) fn is_yes(enabled: &bool) -> bool {
    *enabled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::samples::at;

    fn to(text: &str) -> Recipient {
        let channel = match text.contains('@') {
            true => Channel::Email,
            false => Channel::Sms,
        };
        Recipient::read(channel, text, None).unwrap()
    }

    fn with(texts: &[&str]) -> Account {
        let mut account = Account::default();
        for text in texts {
            assert_eq!(account.add_contact(Contact::new(to(text), at(0))), Ok(true));
        }
        account
    }

    fn goes_to(account: &Account, channel: Channel) -> Option<&str> {
        account.contact(channel).map(|contact| contact.to.as_str())
    }

    #[test]
    fn codes_go_to_the_first_enabled_address_of_their_channel() {
        let mut account = with(&["a@example.org", "+491701234542", "b@example.org"]);
        assert_eq!(goes_to(&account, Channel::Email), Some("a@example.org"));
        assert_eq!(goes_to(&account, Channel::Sms), Some("+491701234542"));
        assert_eq!(account.make_primary(&to("b@example.org")), Ok(true));
        assert_eq!(account.make_primary(&to("b@example.org")), Ok(false));
        assert_eq!(goes_to(&account, Channel::Email), Some("b@example.org"));
        assert_eq!(
            account.enable_contact(&to("b@example.org"), false),
            Ok(true)
        );
        assert_eq!(goes_to(&account, Channel::Email), Some("a@example.org"));
        assert_eq!(
            account.make_primary(&to("b@example.org")),
            Err(ContactError::Disabled("email"))
        );
        assert_eq!(
            account.remove_contacts(Channel::Email, Some(&to("a@example.org"))),
            1
        );
        assert_eq!(goes_to(&account, Channel::Email), None);
        assert_eq!(account.remove_contacts(Channel::Sms, None), 1);
    }

    #[test]
    fn after_a_failure_the_next_address_gets_the_code_and_then_the_first_again() {
        let account = with(&["a@example.org", "b@example.org", "c@example.org"]);
        let [a, b, c] = ["a@example.org", "b@example.org", "c@example.org"].map(to);
        for (failed, expected) in [
            (vec![], &a),
            (vec![a.clone()], &b),
            (vec![a.clone(), b.clone()], &c),
            (vec![b.clone()], &a),
            (vec![a.clone(), b.clone(), c.clone()], &a),
            (vec![a.clone(), b.clone(), c.clone(), a.clone()], &b),
        ] {
            let next = account.contact_after(Channel::Email, &failed).unwrap();
            assert_eq!(next.to, *expected, "{failed:?}");
        }
        assert_eq!(account.contact_after(Channel::Sms, &[]), None);
    }

    #[test]
    fn adding_twice_changes_nothing_and_the_number_is_limited() {
        let mut account = with(&["a@example.org"]);
        let before = account.clone();
        let again = account.add_contact(Contact::new(to("a@example.org"), at(9)));
        assert_eq!((again, &account), (Ok(false), &before));
        for number in 1..MAX_CONTACTS {
            let text = format!("{number}@example.org");
            account.add_contact(Contact::new(to(&text), at(0))).unwrap();
        }
        let full = account.add_contact(Contact::new(to("z@example.org"), at(0)));
        assert_eq!(full, Err(ContactError::Full("email")));
    }

    #[test]
    fn an_address_is_named_in_full_or_as_it_is_shown() {
        let account = with(&["anna@example.org", "alfred@example.org", "bob@example.org"]);
        let find = |text: &str| {
            let whole = Recipient::read(Channel::Email, text, None).ok();
            account.find_contact(Channel::Email, whole.as_ref(), text)
        };
        assert_eq!(find("anna@example.org"), Ok(to("anna@example.org")));
        assert_eq!(find("b•••@example.org"), Ok(to("bob@example.org")));
        assert_eq!(
            find("a•••@example.org"),
            Err(ContactError::Several("email"))
        );
        assert_eq!(
            find("carl@example.org"),
            Err(ContactError::Unknown("email"))
        );
    }

    #[test]
    fn a_right_code_confirms_its_address_once() {
        let mut account = with(&["a@example.org"]);
        let generation = account.generation();
        account.code_came_back(&to("a@example.org"), at(5));
        account.code_came_back(&to("a@example.org"), at(9));
        let contact = &account.contacts()[0];
        assert_eq!(contact.confirmed_at, Some(at(5)));
        assert_eq!(contact.dates.last_used_at, Some(at(9)));
        assert_eq!(
            account.generation(),
            generation,
            "it could be passed before"
        );
        account.code_came_back(&to("+491701234542"), at(9));
        assert!(
            account
                .contact(Channel::Sms)
                .unwrap()
                .confirmed_at
                .is_some()
        );
    }

    #[test]
    fn two_addresses_that_look_the_same_are_told_apart_by_the_order_of_enrolment() {
        let mut account = with(&["anna@example.org", "+491701234542", "b@example.org"]);
        let (anna, alex) = (to("anna@example.org"), to("alex@example.org"));
        assert_eq!(account.contact_label(&anna), "a•••@example.org");
        assert_eq!(account.contact_label(&alex), "a•••@example.org (2)");
        account
            .add_contact(Contact::new(alex.clone(), at(1)))
            .unwrap();
        account.make_primary(&alex).unwrap();
        assert_eq!(account.contact_label(&anna), "a•••@example.org (1)");
        assert_eq!(account.contact_label(&alex), "a•••@example.org (2)");
        assert_eq!(
            account.contact_label(&to("b@example.org")),
            "•••@example.org"
        );
        let find = |shown| account.find_contact(Channel::Email, None, shown);
        assert_eq!(
            find("a•••@example.org"),
            Err(ContactError::Several("email"))
        );
        assert_eq!(find("a•••@example.org (1)"), Ok(anna.clone()));
        assert_eq!(find("a•••@example.org (2)"), Ok(alex.clone()));
        account.remove_contacts(Channel::Email, Some(&anna));
        assert_eq!(account.contact_label(&alex), "a•••@example.org");
    }
}
