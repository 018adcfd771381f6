//! What an account has of each factor, in the place that the factor's row names.

use jiff::Timestamp;

use super::Account;
use crate::factors::{Factor, FactorRow, Stored};

impl Account {
    /// Whether the user can use `factor`.
    #[must_use]
    pub fn has(&self, factor: Factor) -> bool {
        match factor.row().stored {
            Stored::Devices => self.usable_devices().next().is_some(),
            Stored::Pin => self.pin.is_some(),
            Stored::Questions => self.questions.is_some(),
            Stored::Contacts(channel) => self.contact(channel).is_some(),
            Stored::Remote => self.usable_remote().is_some(),
            Stored::Keys => self.usable_keys().next().is_some(),
        }
    }

    /// Removes what there is of a factor. Returns how many were there.
    pub fn remove(&mut self, factor: Factor) -> u32 {
        let removed = match factor.row().stored {
            Stored::Devices => std::mem::take(&mut self.devices).len(),
            Stored::Pin => usize::from(self.pin.take().is_some()),
            Stored::Questions => usize::from(self.questions.take().is_some()),
            Stored::Contacts(channel) => return self.remove_contacts(channel, None),
            Stored::Remote => usize::from(self.remote.take().is_some()),
            Stored::Keys => return self.remove_keys(None),
        };
        self.removed(removed)
    }

    /// The slow hash (PHC string) that an answer for `factor` is compared with; none for what is not hashed.
    #[must_use]
    pub fn hash_of(&self, factor: Factor) -> Option<&str> {
        match factor.row().stored {
            Stored::Pin => Some(&self.pin()?.phc),
            Stored::Questions => Some(&self.questions()?.current().phc),
            Stored::Devices | Stored::Contacts(_) | Stored::Remote | Stored::Keys => None,
        }
    }

    /// An answer to what is hashed was right.
    pub(super) fn use_knowledge(&mut self, factor: Factor, now: Timestamp) {
        match factor.row().stored {
            Stored::Pin => {
                if let Some(pin) = &mut self.pin {
                    pin.dates.last_used_at = Some(now);
                }
            }
            Stored::Questions => {
                if let Some(set) = &mut self.questions {
                    set.dates.last_used_at = Some(now);
                    set.turn = set.turn.wrapping_add(1);
                }
            }
            Stored::Devices | Stored::Contacts(_) | Stored::Remote | Stored::Keys => {}
        }
    }
}
