//! The right to change an account.
//!
//! Administrators change what they like. Users change their own, as far as `[self_service]` and what is
//! set for them let them, once they have passed a factor on the same connection. It is asked inside
//! the change itself, on the very record that is changed, so that nothing at the same time slips in
//! between.

use mfa_protocol::message::ErrorKind;

use super::error::Failure;
use super::prospects::{Prospects, Remains};
use crate::config::SelfService;
use mfa_core::account::{Account, By, SecurityKey};
use mfa_core::factors::{Factor, FactorRow};

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// What the user can pass.
    Enroll(Factor),
    /// The same, by taking it away.
    Remove(Factor),
    /// The state of a device.
    Resync,
    /// What is set for the user.
    Settings,
}

/// Who changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// An administrator.
    Administrator,
    /// The user, who has passed a factor on this connection, when the account was in this generation.
    Proven(u64),
    /// The user, who has not: enough only as long as they have never set up anything.
    Unproven,
}

/// A right to a change, to be measured against the record.
#[derive(Clone, Debug)]
pub(super) struct Permit {
    right: Right,
    change: Change,
    service: SelfService,
}

impl Permit {
    pub(super) fn new(right: Right, change: Change, service: SelfService) -> Self {
        Self {
            right,
            change,
            service,
        }
    }

    /// On whose side of the settings it is.
    pub(super) fn by(&self) -> By {
        match self.right {
            Right::Administrator => By::Administrator,
            Right::Proven(_) | Right::Unproven => By::User,
        }
    }

    /// What it is for.
    pub(super) fn change(&self) -> Change {
        self.change
    }

    /// Whether it is the right of a user who has never set up anything.
    pub(super) fn is_unproven(&self) -> bool {
        self.right == Right::Unproven
    }

    /// Refuses what is not theirs to change, and users who have to pass a factor first.
    pub(super) fn check(&self, account: &Account) -> Result<(), Failure> {
        let proven = match self.right {
            Right::Administrator => return Ok(()),
            Right::Proven(generation) => generation == account.generation(),
            Right::Unproven => account.has_never_enrolled(),
        };
        self.check_self_service(account)?;
        if proven {
            return Ok(());
        }
        Err(Failure::new(
            ErrorKind::NotVerified,
            "to change your factors, first verify one that you have",
        ))
    }

    /// Refuses to remove the last of a required factor: users can't undo what an administrator requires, and without
    /// the factor they could not verify themselves any more, not even to undo their own setting. `account` is the
    /// account after the change.
    pub(super) fn check_left(&self, account: &Account, factor: Factor) -> Result<(), Failure> {
        if self.by() == By::Administrator || account.has(factor) {
            return Ok(());
        }
        if account.admin_required(factor) {
            return Err(refused(&format!(
                "an administrator requires {factor} for you, so only an administrator can remove \
                 the last one"
            )));
        }
        if account.settings().own.require.contains(&factor) {
            return Err(Failure::refused(format!(
                "you require {factor} for yourself; first undo this: mfactl require {factor} USER \
                 --off"
            )));
        }
        Ok(())
    }

    /// Refuses users who would make it forgotten that a key's count went back: who holds a copy of the key could. `before`
    /// and `left` are the account before and after.
    pub(super) fn check_keys(&self, before: &Account, left: &Account) -> Result<(), Failure> {
        if self.by() == By::Administrator {
            return Ok(());
        }
        let is_kept = |key: &&SecurityKey| {
            let kept = left.keys().iter().find(|held| held.key == key.key);
            kept.is_some_and(|held| held.went_back_at() == key.went_back_at())
        };
        let mut suspect = before
            .keys()
            .iter()
            .filter(|key| key.went_back_at().is_some());
        match suspect.find(|key| !is_kept(key)) {
            None => Ok(()),
            Some(key) => Err(refused(&format!(
                "the key {0:?} has counted fewer signatures than before, so it may have been copied, and counts nowhere: only \
                 an administrator can enable or remove it",
                key.label.as_str()
            ))),
        }
    }

    /// Refuses to remove the last lasting factor of a user who must have one. `left` is the account after the change.
    pub(super) fn check_last(
        &self,
        before: &Account,
        left: &Account,
        prospects: &Prospects<'_>,
    ) -> Result<(), Failure> {
        if self.by() == By::Administrator || before == left {
            return Ok(());
        }
        let remains = prospects.remains(left);
        let is_less = remains < prospects.remains(before);
        Err(refused(match remains {
            Remains::Enough => return Ok(()),
            // Nobody makes a newcomer of themselves, whatever they had before.
            Remains::AsNewcomer => {
                "without this factor you have nothing enrolled, and a factor is required for you; enrol another one first, \
                 or ask an administrator to remove it"
            }
            Remains::OnlyCodes | Remains::Nothing if !is_less => return Ok(()),
            Remains::OnlyCodes => {
                "without this factor you have only single-use codes left (recovery codes, a bypass code), and a factor \
                 is required for you; enrol another one first, or ask an administrator to remove it"
            }
            Remains::Nothing if prospects.newcomers_are_let_in(left) => {
                "without this factor you could not log in any more, since you are asked while you have recovery \
                 codes or disabled addresses; remove these first: mfactl remove recovery"
            }
            Remains::Nothing => {
                "without this factor you could not log in any more, since a factor is required for you; \
                 enrol another one first, or ask an administrator to remove it"
            }
        }))
    }

    fn check_self_service(&self, account: &Account) -> Result<(), Failure> {
        let managed = account.settings().self_manage;
        match self.change {
            Change::Settings if !managed => Err(refused(
                "this is for administrators and for users who are allowed to; to allow it: mfactl \
                 self-manage USER on",
            )),
            Change::Enroll(_) | Change::Remove(_) if !(self.service.enabled || managed) => Err(
                refused("users may not change their factors here; ask your administrator"),
            ),
            Change::Enroll(factor) | Change::Remove(factor)
                if !self.service.factors.contains(&factor) =>
            {
                let text = format!("users may not change {factor} here; ask your administrator");
                Err(refused(&text))
            }
            Change::Settings | Change::Resync | Change::Enroll(_) | Change::Remove(_) => Ok(()),
        }
    }
}

/// The warning if an administrator removes what a user must have; none if there is nothing to warn about. `before` and
/// `left` are the account before and after.
pub(super) fn what_follows(
    before: &Account,
    left: &Account,
    factor: Factor,
    prospects: &Prospects<'_>,
) -> Option<String> {
    if !before.has(factor) || left.has(factor) {
        return None;
    }
    if left.settings().required().contains(&factor) {
        let enroll = factor.enroll_command("USER");
        return Some(format!(
            "{factor} is still required for USER, and logins are refused until it is enrolled \
             again: {enroll}. To stop requiring it: mfactl require {factor} USER --off"
        ));
    }
    let what = match prospects.remains(left) {
        Remains::Enough => return None,
        Remains::OnlyCodes => "USER has only single-use codes left (recovery codes, a bypass code)",
        Remains::AsNewcomer => "USER has nothing enrolled any more, and logs in like a new user",
        Remains::Nothing => "USER has nothing left that the policy asks for",
    };
    let first = prospects.policy.default.combinations.first();
    let factor = first.and_then(|combination| combination.factors().first());
    let enroll = factor.unwrap_or(&Factor::Totp).enroll_command("USER");
    Some(format!(
        "{what}; to see what happens at a login: mfactl explain --user USER --service sshd. To enrol something: {enroll}"
    ))
}

fn refused(text: &str) -> Failure {
    Failure::new(ErrorKind::NotAllowed, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use mfa_core::account::samples::{at, device, full, pepper};
    use mfa_core::factors::FactorCombination;
    use mfa_core::login::entry::{EntryFacts, KnownUser};
    use mfa_core::names::{Groups, UserName};
    use mfa_core::policy::{Ask, Enforcement, GracePeriod, Mode, Policy, Unenrolled};

    fn permit(right: Right, change: Change, enabled: bool, factors: &[Factor]) -> Permit {
        let factors = factors.to_vec();
        Permit::new(right, change, SelfService { enabled, factors })
    }

    fn word(outcome: Result<(), Failure>) -> &'static str {
        match outcome {
            Ok(()) => "ok",
            Err(Failure::Ours(kind, _)) => kind.name(),
            Err(_) => "other",
        }
    }

    #[test]
    fn who_may_change_what() {
        use Change::{Enroll, Remove, Settings};
        use Right::{Administrator, Proven, Unproven};
        let plain = full();
        let now = plain.generation();
        let mut managed = full();
        managed.set_self_manage(true);
        let mut admin_required = managed.clone();
        admin_required
            .require("anna", Factor::Pin, true, By::Administrator)
            .unwrap();
        admin_required.enforce(Enforcement::Required);
        let pin = Factor::Pin;
        let all = &Factor::ALL[..];
        for (account, right, change, enabled, factors, expected) in [
            (&plain, Administrator, Settings, false, &[][..], "ok"),
            (&plain, Administrator, Remove(pin), false, &[], "ok"),
            (&plain, Proven(now), Enroll(pin), true, all, "ok"),
            (
                &plain,
                Proven(now - 1),
                Enroll(pin),
                true,
                all,
                "NotVerified",
            ),
            (&plain, Unproven, Enroll(pin), true, all, "NotVerified"),
            (&plain, Unproven, Enroll(pin), false, all, "NotAllowed"),
            (
                &plain,
                Proven(now),
                Enroll(pin),
                true,
                &[Factor::Totp],
                "NotAllowed",
            ),
            (&plain, Proven(now), Settings, true, all, "NotAllowed"),
            (&managed, Proven(now), Settings, false, &[], "ok"),
            (&managed, Unproven, Settings, false, &[], "NotVerified"),
            (&managed, Proven(now), Enroll(pin), false, all, "ok"),
            (&managed, Proven(now), Enroll(pin), true, &[], "NotAllowed"),
            (&admin_required, Proven(now), Enroll(pin), true, all, "ok"),
            (&admin_required, Administrator, Remove(pin), true, all, "ok"),
        ] {
            let outcome = permit(right, change, enabled, factors).check(account);
            assert_eq!(
                word(outcome),
                expected,
                "{right:?} {change:?} {enabled} {factors:?}"
            );
        }
    }

    #[test]
    fn the_last_of_a_required_factor_is_not_the_user_s_to_remove() {
        let permit = |right| permit(right, Change::Remove(Factor::Pin), true, &Factor::ALL);
        for (by, expected) in [(By::Administrator, "NotAllowed"), (By::User, "Refused")] {
            let mut account = full();
            account.require("anna", Factor::Pin, true, by).unwrap();
            let left = |account: &Account, right| permit(right).check_left(account, Factor::Pin);
            assert_eq!(
                word(left(&account, Right::Proven(1))),
                "ok",
                "there is one left"
            );
            account.remove(Factor::Pin);
            assert_eq!(word(left(&account, Right::Proven(1))), expected);
            assert_eq!(word(left(&account, Right::Administrator)), "ok");
        }
    }

    #[test]
    fn the_last_factor_of_somebody_who_must_have_one_is_an_administrator_s_to_remove() {
        let permit = |right| permit(right, Change::Remove(Factor::Pin), true, &Factor::ALL);
        let mut policy = Policy::default();
        let mut account = Account::default();
        let last = |right, account: &Account, policy: &Policy| {
            let anna = "anna".parse().unwrap();
            let prospects = prospects(policy, &anna);
            word(permit(right).check_last(&full(), account, &prospects))
        };
        assert_eq!(last(Right::Proven(1), &full(), &policy), "ok");
        assert_eq!(last(Right::Proven(1), &account, &policy), "NotAllowed");
        assert_eq!(last(Right::Administrator, &account, &policy), "ok");
        account.enforce(Enforcement::Optional);
        assert_eq!(last(Right::Proven(1), &account, &policy), "ok");
        account.enforce(Enforcement::Required);
        assert_eq!(last(Right::Proven(1), &account, &policy), "NotAllowed");
        let mut only_pin = full();
        only_pin.remove(Factor::Totp);
        only_pin.remove(Factor::Questions);
        let mut ask = Ask::clone(&policy.default);
        ask.combinations = vec![FactorCombination::from(Factor::Totp)];
        policy.default = ask.into();
        assert_eq!(
            last(Right::Proven(1), &only_pin, &policy),
            "NotAllowed",
            "a PIN is not asked for"
        );
        policy.mode = Mode::None;
        assert_eq!(last(Right::Proven(1), &account, &policy), "ok");
    }

    fn prospects<'a>(policy: &'a Policy, user: &'a UserName) -> Prospects<'a> {
        Prospects {
            host: None,
            policy,
            facts: EntryFacts::default(),
            user,
            known: KnownUser::by_name(true),
            federated: false,
            groups: Groups::new(),
            now: at(0),
        }
    }

    fn asking(change: impl FnOnce(&mut Ask)) -> Policy {
        let mut ask = Ask {
            combinations: vec![FactorCombination::from(Factor::Totp)],
            ..Ask::default()
        };
        change(&mut ask);
        Policy {
            default: ask.into(),
            ..Policy::default()
        }
    }

    #[test]
    fn what_remains_is_what_a_login_would_make_of_it() {
        let anna = "anna".parse().unwrap();
        let remains =
            |policy: &Policy, account: &Account| prospects(policy, &anna).remains(account);
        let totp = asking(|_| ());
        let nothing = Account::default();
        let mut device_only = Account::default();
        device_only.add_device(device("phone")).unwrap();
        let mut codes = Account::default();
        codes.set_recovery(vec![pepper().digest("1234567890")], at(0));
        let mut bypass = Account::default();
        bypass.issue_bypass("123456789".into(), Duration::from_secs(60), at(0));
        assert_eq!(remains(&totp, &device_only), Remains::Enough);
        assert_eq!(remains(&totp, &codes), Remains::OnlyCodes);
        assert_eq!(remains(&totp, &bypass), Remains::OnlyCodes);
        assert_eq!(remains(&totp, &nothing), Remains::Nothing);
        assert_eq!(
            remains(&totp, &codes.with_codes_used_up()),
            Remains::Nothing
        );
        let pin = asking(|ask| ask.combinations = vec![FactorCombination::from(Factor::Pin)]);
        assert_eq!(
            remains(&pin, &codes),
            Remains::Nothing,
            "not asked for a code"
        );
        let graceful =
            asking(|ask| ask.grace = Some(GracePeriod::Lasting(Duration::from_secs(86_400))));
        assert_eq!(remains(&graceful, &nothing), Remains::AsNewcomer);
        let open = asking(|ask| ask.unenrolled = Unenrolled::Allow);
        assert_eq!(remains(&open, &nothing), Remains::Enough);
        assert_eq!(remains(&open, &codes), Remains::OnlyCodes);
        let local = Policy {
            mode: Mode::LocalUsers,
            ..asking(|_| ())
        };
        assert_eq!(remains(&local, &nothing), Remains::Nothing);
        let federated = Prospects {
            federated: true,
            ..prospects(&local, &anna)
        };
        assert_eq!(federated.remains(&nothing), Remains::Enough, "passed over");
    }

    #[test]
    fn an_administrator_is_told_what_is_left() {
        let anna = "anna".parse().unwrap();
        let policy = asking(|_| ());
        let prospects = prospects(&policy, &anna);
        let told = |before: &Account| {
            let mut left = before.clone();
            left.remove(Factor::Totp);
            what_follows(before, &left, Factor::Totp, &prospects).unwrap()
        };
        let mut account = Account::default();
        account.add_device(device("phone")).unwrap();
        let nothing = told(&account);
        assert!(nothing.starts_with("USER has nothing left"), "{nothing}");
        account.set_recovery(vec![pepper().digest("1234567890")], at(0));
        let codes = told(&account);
        assert!(
            codes.starts_with("USER has only single-use codes left"),
            "{codes}"
        );
    }

    #[test]
    fn a_first_factor_needs_no_proof() {
        let permit = permit(
            Right::Unproven,
            Change::Enroll(Factor::Totp),
            true,
            &Factor::ALL,
        );
        assert_eq!(word(permit.check(&Account::default())), "ok");
    }
}
