//! What the user is told about: which changes of a record are worth a message.
//!
//! Found by comparing the record before and after a change, so that no command and no login can forget to say so.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use mfa_protocol::factor::Authenticator;

use super::Account;
use crate::factors::Factor;
use crate::factors::address::Recipient;
use crate::policy::Enforcement;
use crate::words::word;

/// A kind of notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// A factor was added.
    Enroll,
    /// A factor was removed or disabled.
    Remove,
    /// Wrong answers have locked the account.
    Locked,
    /// A bypass code was issued.
    Bypass,
    /// The second factor was suspended.
    Suspended,
    /// An administrator requires less of the user.
    LessRequired,
    /// An administrator changed the networks that the user may log in from.
    Networks,
    /// An administrator changed what the user may change by themselves.
    SelfManage,
    /// A recovery code was used.
    Recovery,
    /// A login came from a network that the user has not logged in from.
    NewNetwork,
}

/// Something that happened to an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// What happened.
    pub kind: NoticeKind,
    /// What was added or removed.
    pub factors: Vec<Authenticator>,
}

impl NoticeKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Enroll,
        Self::Remove,
        Self::Locked,
        Self::Bypass,
        Self::Suspended,
        Self::LessRequired,
        Self::Networks,
        Self::SelfManage,
        Self::Recovery,
        Self::NewNetwork,
    ];

    /// The kind that the settings name: what else an administrator does to let the user, or others, in by less goes with
    /// the bypass code.
    #[must_use]
    pub const fn setting(self) -> Self {
        match self {
            Self::Suspended | Self::LessRequired | Self::Networks | Self::SelfManage => {
                Self::Bypass
            }
            kind => kind,
        }
    }

    /// Its name in the audit log, and in the settings if it has a setting of its own.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enroll => "enroll",
            Self::Remove => "remove",
            Self::Locked => "locked",
            Self::Bypass => "bypass",
            Self::Suspended => "suspended",
            Self::LessRequired => "less-required",
            Self::Networks => "networks",
            Self::SelfManage => "self-manage",
            Self::Recovery => "recovery",
            Self::NewNetwork => "new-network",
        }
    }
}

impl FromStr for NoticeKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        use NoticeKind::{Bypass, Enroll, Locked, NewNetwork, Recovery, Remove};
        let settings = [Enroll, Remove, Locked, Bypass, Recovery, NewNetwork];
        word(text, settings.map(|kind| (kind.name(), kind)))
    }
}

impl fmt::Display for NoticeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Account {
    /// What happened between `before` and this record.
    #[must_use]
    pub fn occurrences_since(&self, before: &Self, now: Timestamp) -> Vec<Occurrence> {
        let occurrence = |kind, factors| Occurrence { kind, factors };
        let added = self.gained_since(before);
        let removed = before.not_in(self);
        let is_locked = |account: &Self| account.lockout.lock(now).is_some();
        let bypass = self.bypass != before.bypass && self.bypass_until(now).is_some();
        let suspended = self.suspended_until(now);
        let is_suspended = suspended.is_some() && suspended != before.suspended_until(now);
        let networks = |account: &Self| account.settings().administrator.allow_from.clone();
        let is_own = |account: &Self| account.settings().self_manage;
        let alone = [
            (NoticeKind::Locked, is_locked(self) && !is_locked(before)),
            (NoticeKind::Bypass, bypass),
            (NoticeKind::Suspended, is_suspended),
            (NoticeKind::LessRequired, self.requires_less_than(before)),
            (NoticeKind::Networks, networks(self) != networks(before)),
            (NoticeKind::SelfManage, is_own(self) != is_own(before)),
            (NoticeKind::Recovery, self.has_spent_recovery(before)),
            (NoticeKind::NewNetwork, self.is_from_new_network(before)),
        ];
        let alone = alone.into_iter().filter(|(_, is_so)| *is_so);
        let listed = [(NoticeKind::Enroll, added), (NoticeKind::Remove, removed)];
        let listed = listed
            .into_iter()
            .filter(|(_, factors)| !factors.is_empty());
        let listed = listed.map(|(kind, factors)| occurrence(kind, factors));
        listed
            .chain(alone.map(|(kind, _)| occurrence(kind, Vec::new())))
            .collect()
    }

    /// The addresses that notices go to: a code that was sent there has come back, so they are the user's own.
    pub fn notice_recipients(&self) -> impl Iterator<Item = &Recipient> {
        let own = |contact: &&super::Contact| contact.enabled && contact.confirmed_at.is_some();
        self.contacts.iter().filter(own).map(|contact| &contact.to)
    }

    /// Whether an administrator requires less of the user than in `before`.
    fn requires_less_than(&self, before: &Self) -> bool {
        let [new, old] = [self, before].map(Self::settings);
        let is_required = |factor: &Factor| new.administrator.require.contains(factor);
        strength(new.enforce) < strength(old.enforce)
            || !old.administrator.require.iter().all(is_required)
    }

    /// What is new or was replaced.
    fn gained_since(&self, before: &Self) -> Vec<Authenticator> {
        let mut gained = self.not_in(before);
        let pins = [self, before].map(|account| account.pin.as_ref().map(|pin| &pin.phc));
        let questions = [self, before].map(|account| {
            let questions = account.questions.as_ref();
            questions.map(|set| set.dates.enrolled_at)
        });
        let codes = [self, before].map(|account| account.recovery_made_at());
        let remotes = [self, before].map(|account| {
            let remote = account.usable_remote();
            remote.map(|remote| (&remote.server, &remote.user))
        });
        for (factor, was_replaced) in [
            (Authenticator::Pin, is_other(&pins)),
            (Authenticator::Questions, is_other(&questions)),
            (Authenticator::Radius, is_other(&remotes)),
            (Authenticator::Recovery, is_other(&codes)),
        ] {
            if was_replaced {
                gained.push(factor);
            }
        }
        gained
    }

    /// What this record has and `other` lacks. What is disabled is as good as none.
    fn not_in(&self, other: &Self) -> Vec<Authenticator> {
        let is_there = |device: &super::Device| {
            let mut devices = other.devices.iter();
            devices.any(|known| known.enabled && known.generator == device.generator)
        };
        let devices = self.usable_devices().filter(|device| !is_there(device));
        let is_known = |contact: &super::Contact| {
            let mut contacts = other.contacts.iter();
            contacts.any(|known| known.enabled && known.to == contact.to)
        };
        let contacts = self.contacts.iter();
        let contacts = contacts.filter(|contact| contact.enabled && !is_known(contact));
        let channel = |contact: &super::Contact| match contact.to {
            Recipient::Email(_) => Authenticator::Email,
            Recipient::Phone(_) => Authenticator::Sms,
        };
        let single = [
            (
                Authenticator::Pin,
                self.pin.is_some() && other.pin.is_none(),
            ),
            (
                Authenticator::Questions,
                self.questions.is_some() && other.questions.is_none(),
            ),
            (
                Authenticator::Radius,
                self.usable_remote().is_some() && other.usable_remote().is_none(),
            ),
            (
                Authenticator::Recovery,
                self.recovery.is_some() && other.recovery.is_none(),
            ),
        ];
        let single = single.into_iter().filter(|(_, is_so)| *is_so);
        let is_known = |key: &super::SecurityKey| {
            let mut keys = other.usable_keys();
            keys.any(|known| known.key == key.key)
        };
        let keys = self.usable_keys().filter(|key| !is_known(key));
        let mut all: Vec<Authenticator> = devices
            .map(|device| device.kind().into())
            .chain(contacts.map(channel))
            .chain(keys.map(|_| Authenticator::Key))
            .chain(single.map(|(factor, _)| factor))
            .collect();
        all.dedup();
        all
    }
}

fn strength(enforcement: Enforcement) -> u8 {
    match enforcement {
        Enforcement::Optional => 0,
        Enforcement::Default => 1,
        Enforcement::Required => 2,
    }
}

/// Whether both are there and differ.
fn is_other<T: PartialEq>([new, old]: &[Option<T>; 2]) -> bool {
    matches!((new, old), (Some(new), Some(old)) if new != old)
}

#[cfg(test)]
mod tests {
    use super::super::samples::{at, counter, device, full, pepper};
    use super::super::{By, Contact, LONGEST_SUSPENSION, Label};
    use super::*;
    use crate::factors::address::Channel;
    use crate::factors::bypass::LONGEST_BYPASS;
    use crate::policy::Network;

    const EMAIL: Channel = Channel::Email;

    fn to(text: &str) -> Recipient {
        Recipient::read(EMAIL, text, None).unwrap()
    }

    /// What a change of the full sample is.
    fn told(change: impl FnOnce(&mut Account)) -> Vec<(NoticeKind, Vec<Authenticator>)> {
        let before = with_codes();
        let mut after = before.clone();
        change(&mut after);
        let occurrences = after.occurrences_since(&before, at(100)).into_iter();
        occurrences.map(|one| (one.kind, one.factors)).collect()
    }

    fn with_codes() -> Account {
        let mut account = full();
        let codes = ["1234567890", "1234567891"].map(|code| pepper().digest(code));
        account.set_recovery(codes.to_vec(), at(0));
        account
            .add_contact(Contact::new(to("anna@example.org"), at(0)))
            .unwrap();
        account
    }

    #[test]
    fn a_factor_that_is_added_replaced_or_removed_is_told() {
        use Authenticator::{Email, Hotp, Pin, Recovery, Totp};
        let enroll = |factors: &[Authenticator]| vec![(NoticeKind::Enroll, factors.to_vec())];
        let remove = |factors: &[Authenticator]| vec![(NoticeKind::Remove, factors.to_vec())];
        let mut token = counter("token");
        token.generator.key = crate::factors::key::Key::fresh([9; 20]);
        let added = told(|account| {
            account.add_device(token).unwrap();
        });
        assert_eq!(added, enroll(&[Hotp]));
        let pin = told(|account| account.set_pin("other".to_owned(), at(0)));
        assert_eq!(pin, enroll(&[Pin]));
        let codes = told(|account| account.set_recovery(Vec::new(), at(9)));
        assert_eq!(codes, enroll(&[Recovery]));
        let gone = told(|account| {
            account.remove_devices(device("phone").kind(), None);
        });
        assert_eq!(gone, remove(&[Totp]));
        let disabled = told(|account| {
            account
                .enable_contact(&to("anna@example.org"), false)
                .unwrap();
        });
        assert_eq!(disabled, remove(&[Email]));
    }

    #[test]
    fn what_changes_no_factor_is_not_told() {
        let same = told(|account| {
            let label: Label = "mobile".parse().unwrap();
            account.devices[0].label = label;
            account.devices[0].use_up(7, at(9));
            account.code_came_back(&to("anna@example.org"), at(9));
            account.note_network("anna", "192.0.2.7".parse().unwrap(), &pepper());
        });
        assert_eq!(same, []);
    }

    #[test]
    fn a_bypass_code_and_a_used_recovery_code_are_told() {
        let bypass = told(|account| {
            account.issue_bypass("483920137".into(), LONGEST_BYPASS, at(99));
        });
        assert_eq!(bypass, [(NoticeKind::Bypass, Vec::new())]);
        let recovery = told(|account| {
            let code = account.find_recovery("1234567890", &pepper()).unwrap();
            account.use_recovery(code);
        });
        assert_eq!(recovery, [(NoticeKind::Recovery, Vec::new())]);
    }

    #[test]
    fn a_suspension_is_told_and_its_end_is_not() {
        let suspended = vec![(NoticeKind::Suspended, Vec::new())];
        let begun = told(|account| {
            account.suspend(LONGEST_SUSPENSION, at(99));
        });
        assert_eq!(begun, suspended);
        let mut before = with_codes();
        before.suspend(LONGEST_SUSPENSION, at(0));
        let changes = |change: fn(&mut Account)| {
            let mut after = before.clone();
            change(&mut after);
            let told = after.occurrences_since(&before, at(100)).into_iter();
            told.map(|one| (one.kind, one.factors)).collect::<Vec<_>>()
        };
        let longer = changes(|account| {
            account.suspend(LONGEST_SUSPENSION, at(99));
        });
        assert_eq!(longer, suspended);
        let ended = changes(|account| {
            account.resume(at(99));
        });
        assert_eq!(ended, []);
    }

    #[test]
    fn what_an_administrator_makes_easier_is_told_and_what_the_user_sets_is_not() {
        let alone = |kind| vec![(kind, Vec::new())];
        let optional = told(|account| {
            account.enforce(Enforcement::Optional);
        });
        assert_eq!(optional, alone(NoticeKind::LessRequired));
        let required = told(|account| {
            account.enforce(Enforcement::Required);
        });
        assert_eq!(required, []);
        let network: Network = "192.0.2.0/24".parse().unwrap();
        let from = |by| {
            told(|account| {
                account
                    .allow_from(std::slice::from_ref(&network), by)
                    .unwrap();
            })
        };
        assert_eq!(from(By::Administrator), alone(NoticeKind::Networks));
        let change = |change: fn(&mut Account)| {
            let mut before = with_codes();
            before.set_self_manage(true);
            before
                .require("anna", Factor::Pin, true, By::Administrator)
                .unwrap();
            let mut after = before.clone();
            change(&mut after);
            let told = after.occurrences_since(&before, at(100)).into_iter();
            told.map(|one| one.kind).collect::<Vec<_>>()
        };
        let off = change(|account| {
            account.set_self_manage(false);
        });
        assert_eq!(off, [NoticeKind::SelfManage]);
        let own = change(|account| {
            let network = "192.0.2.0/24".parse().unwrap();
            account.allow_from(&[network], By::User).unwrap();
        });
        assert_eq!(own, []);
        let less = change(|account| {
            account
                .require("anna", Factor::Pin, false, By::Administrator)
                .unwrap();
        });
        assert_eq!(less, [NoticeKind::LessRequired]);
    }

    #[test]
    fn notices_go_to_enabled_and_confirmed_addresses() {
        let mut account = full();
        for text in ["a@example.org", "b@example.org", "c@example.org"] {
            account.add_contact(Contact::new(to(text), at(0))).unwrap();
        }
        account.code_came_back(&to("b@example.org"), at(1));
        account.code_came_back(&to("c@example.org"), at(1));
        account.enable_contact(&to("c@example.org"), false).unwrap();
        let recipients: Vec<_> = account.notice_recipients().cloned().collect();
        assert_eq!(recipients, [to("b@example.org")]);
    }

    #[test]
    fn every_kind_has_a_setting_that_is_read_by_its_name() {
        for kind in NoticeKind::ALL {
            assert_eq!(kind.setting().name().parse(), Ok(kind.setting()));
        }
        assert!("suspended".parse::<NoticeKind>().is_err());
    }
}
