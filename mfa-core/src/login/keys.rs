//! What a login has of security keys: which count, what sshd has verified, and whether an SSH agent can sign.

use std::cmp::Reverse;

use crate::account::Account;
use crate::factors::security_key::challenge::{Assertion, SignatureFault};
use crate::factors::security_key::service::KeyService;
use crate::factors::security_key::{KEY_TYPES, PublicKey};
use crate::factors::{Factor, FactorCombination, FactorRow, Verification};

/// Which keys count, for any login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyTerms {
    /// Which of [`KEY_TYPES`].
    types: [bool; KEY_TYPES.len()],
    /// Whether a key must verify its owner, by a PIN or a finger, in each login. sshd does not say that it has, so what
    /// sshd has verified does not count then.
    verifies_owner: bool,
}

/// How keys can be met in a login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyReach<'a> {
    /// The keys that sshd has verified.
    pub verified: &'a [PublicKey],
    /// Whether the program can reach the user's SSH agent.
    pub can_sign: bool,
}

impl<'a> KeyReach<'a> {
    /// What a login of such a service, which nobody has begun, could have of keys at best, by a user with the keys
    /// `enrolled`.
    #[must_use]
    pub fn at_best(service: KeyService, enrolled: &'a [PublicKey]) -> Self {
        Self {
            verified: match service {
                KeyService::Verifies => enrolled,
                KeyService::Signs | KeyService::Neither => &[],
            },
            can_sign: service == KeyService::Signs,
        }
    }
}

/// The same, and what a challenge is bound to.
#[derive(Clone, Debug, Default)]
pub struct KeyPlan {
    /// Which keys count.
    pub terms: KeyTerms,
    /// The keys that sshd has verified.
    pub verified: Vec<PublicKey>,
    /// Whether the program can reach the user's SSH agent.
    pub can_sign: bool,
    /// The name of this host.
    pub host: String,
    /// The PAM service.
    pub service: String,
    /// The login.
    pub session: String,
    /// The user.
    pub user: String,
}

/// What a user can do with keys in a login.
#[derive(Clone, Debug, Default)]
pub(super) struct UserKeys {
    /// The enrolled keys that count, and how often each is known to have signed. The one that has passed last is first: it
    /// is plugged in, and shows what is required.
    pub(super) enrolled: Vec<(PublicKey, u32)>,
    /// Those that would count, but may have been copied. Who uses one hears that it is refused.
    pub(super) suspect: Vec<PublicKey>,
    /// Those of both that sshd has verified.
    pub(super) verified: Vec<PublicKey>,
}

/// Keys of hardware, which can ask for a touch.
impl Default for KeyTerms {
    fn default() -> Self {
        Self::of(|name| name.starts_with("sk-"), false)
    }
}

impl KeyTerms {
    /// The types that `is_taken`, and whether each must verify its owner.
    #[must_use]
    pub fn of(is_taken: impl Fn(&'static str) -> bool, verifies_owner: bool) -> Self {
        Self {
            types: KEY_TYPES.map(is_taken),
            verifies_owner,
        }
    }

    /// The types of keys that count.
    pub fn types(&self) -> impl Iterator<Item = &'static str> {
        self.listed().filter(|name| self.can_show(name))
    }

    /// The types that are taken but never count, because such keys can't verify their owner.
    pub fn types_in_vain(&self) -> impl Iterator<Item = &'static str> {
        self.listed().filter(|name| !self.can_show(name))
    }

    fn listed(&self) -> impl Iterator<Item = &'static str> + use<> {
        let types = KEY_TYPES.into_iter().zip(self.types);
        types.filter_map(|(name, is_taken)| is_taken.then_some(name))
    }

    /// A key in a file shows neither PIN nor finger.
    fn can_show(&self, name: &str) -> bool {
        !self.verifies_owner || name.starts_with("sk-")
    }

    /// How logins of this service can meet keys that count.
    #[must_use]
    pub fn at(&self, service: &str) -> KeyService {
        match KeyService::of(service) {
            KeyService::Verifies if !self.believes_sshd() => KeyService::Neither,
            _ if self.types().next().is_none() => KeyService::Neither,
            service => service,
        }
    }

    /// sshd does not say whether a key has verified its owner.
    fn believes_sshd(&self) -> bool {
        !self.verifies_owner
    }

    /// Whether a key must verify its owner in each login.
    #[must_use]
    pub fn verifies_owner(&self) -> bool {
        self.verifies_owner
    }

    /// Whether such a key counts. One in a file never verifies its owner.
    #[must_use]
    pub fn take(&self, key: &PublicKey) -> bool {
        let can_verify = key.is_security_key() || !self.verifies_owner;
        can_verify && self.types().any(|name| name == key.type_name())
    }

    /// Whether a signature shows enough to count.
    ///
    /// # Errors
    ///
    /// [`SignatureFault::NotVerified`].
    pub fn check(&self, shown: Assertion) -> Result<Assertion, SignatureFault> {
        match shown.is_owner_verified || !self.verifies_owner {
            true => Ok(shown),
            false => Err(SignatureFault::NotVerified),
        }
    }

    /// Whether `account` has a key that counts and can be met.
    #[must_use]
    pub fn can_be_met(&self, account: &Account, reach: KeyReach<'_>) -> bool {
        let keys = UserKeys::of(account, self, reach);
        keys.can_be_met(reach.can_sign)
    }

    /// The key that sshd has verified and that counts, for a user who has none.
    pub(super) fn new_key<'a>(&self, reach: KeyReach<'a>) -> Option<&'a PublicKey> {
        let verified = reach.verified.iter().filter(|_| self.believes_sshd());
        verified.rev().find(|key| self.take(key))
    }
}

impl KeyPlan {
    /// How a program such as that of this login can meet keys: the same for every user.
    pub(super) fn way(&self) -> KeyService {
        match self.can_sign {
            true => KeyService::Signs,
            false => self.terms.at(&self.service),
        }
    }

    pub(super) fn reach(&self) -> KeyReach<'_> {
        KeyReach {
            verified: &self.verified,
            can_sign: self.can_sign,
        }
    }
}

/// Whether it is a key.
pub(super) fn is_key(factor: Factor) -> bool {
    matches!(factor.row().verification, Verification::Key)
}

/// Whether it needs a key.
#[must_use]
pub fn has_key(combination: &FactorCombination) -> bool {
    combination.factors().iter().copied().any(is_key)
}

impl UserKeys {
    pub(super) fn of(account: &Account, terms: &KeyTerms, reach: KeyReach<'_>) -> Self {
        let keys = account.usable_keys().filter(|key| terms.take(&key.key));
        let mut keys: Vec<_> = keys.collect();
        keys.sort_by_key(|key| Reverse(key.dates.last_used_at));
        let suspect = account.suspect_keys().filter(|key| terms.take(&key.key));
        let suspect: Vec<_> = suspect.map(|key| key.key.clone()).collect();
        let all = keys.iter().map(|key| &key.key).chain(&suspect);
        let verified = all.filter(|key| terms.believes_sshd() && reach.verified.contains(key));
        Self {
            verified: verified.cloned().collect(),
            enrolled: keys
                .iter()
                .map(|key| (key.key.clone(), key.counter()))
                .collect(),
            suspect,
        }
    }

    /// All of them, in the order in which they are asked.
    pub(super) fn all(&self) -> impl Iterator<Item = &PublicKey> {
        let enrolled = self.enrolled.iter().map(|(key, _)| key);
        enrolled.chain(&self.suspect)
    }

    pub(super) fn can_be_met(&self, can_sign: bool) -> bool {
        self.has_verified() || can_sign && !self.enrolled.is_empty()
    }

    /// Whether sshd has verified one that counts.
    pub(super) fn has_verified(&self) -> bool {
        let mut verified = self.verified.iter();
        verified.any(|key| !self.suspect.contains(key))
    }

    /// Whether sshd has verified one that may have been copied.
    pub(super) fn has_suspect_by_sshd(&self) -> bool {
        let mut verified = self.verified.iter();
        verified.any(|key| self.suspect.contains(key))
    }
}
