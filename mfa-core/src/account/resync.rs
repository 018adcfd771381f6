//! Resynchronises a device that is out of sync by two codes in a row (RFC 4226 §7.4, RFC 6238 §6).
//!
//! They are verified like an answer of a login: not while the account is locked, and a wrong pair
//! counts as a failure. A right pair is used up.

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::{Account, Label};
use crate::factors::device::{DeviceKind, MAX_OFFSET, Windows};
use crate::lockout::{Admission, Limits, Lock, LoginEpoch};

/// Two codes in a row.
pub struct Resync {
    /// The device; `None`: any device that they match.
    pub label: Option<Label>,
    /// A code.
    pub first: Zeroizing<String>,
    /// The next code of the device.
    pub second: Zeroizing<String>,
    /// When the account was read.
    pub epoch: LoginEpoch,
    /// The time of verification, at which the second code is shown.
    pub now: Timestamp,
    /// The accepted windows.
    pub windows: Windows,
    /// The limits of the lockout.
    pub limits: Limits,
}

/// The result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resynced {
    /// The device is resynchronised.
    Done {
        /// Its label.
        label: Label,
        /// Its kind.
        kind: DeviceKind,
        /// Seconds that its clock is ahead; none for a device that counts.
        clock_offset: Option<i64>,
        /// Number of skipped codes; `None` for TOTP.
        skipped: Option<u64>,
    },
    /// The codes are not two in a row of any device; that counts as a failure.
    Wrong {
        /// The lock that this failure caused.
        lock: Option<Lock>,
    },
    /// They were used before, or can't be codes; nothing is counted.
    Idle,
    /// The account is locked; nothing was verified.
    Locked,
}

impl Account {
    /// Resynchronises a device.
    pub fn resync(&mut self, resync: &Resync) -> Resynced {
        match self.lockout.admit(resync.epoch, resync.now, &resync.limits) {
            Admission::Open => {}
            Admission::Locked(_) => {
                self.lockout.refused_one();
                return Resynced::Locked;
            }
            Admission::BudgetExhausted => return Resynced::Locked,
        }
        match self.find_resync(resync) {
            Some((index, step)) => self.resynchronise(index, step, resync.now),
            None if self.is_idle(resync) => Resynced::Idle,
            None => {
                let lock = self.fail(resync.epoch, resync.now, &resync.limits);
                Resynced::Wrong { lock }
            }
        }
    }

    /// Whether the codes can't be from any device, or are the last used ones of one. What is disabled does not count.
    fn is_idle(&self, resync: &Resync) -> bool {
        let pair = (resync.first.as_str(), resync.second.as_str());
        let generators = || {
            self.usable_devices()
                .map(|device| (device, &device.generator))
        };
        let could_be = generators().any(|(_, g)| g.is_shaped(pair.0) && g.is_shaped(pair.1));
        !could_be || generators().any(|(device, g)| g.was_pair(pair, device.position()))
    }

    fn find_resync(&self, resync: &Resync) -> Option<(usize, u64)> {
        let pair = (resync.first.as_str(), resync.second.as_str());
        let is_meant = |label: &Label| resync.label.as_ref().is_none_or(|wanted| wanted == label);
        let mut devices = self.devices_in_use();
        devices.find_map(|(index, device)| {
            let wanted = is_meant(&device.label).then_some(device)?;
            let position = wanted.position();
            let generator = &wanted.generator;
            let step = generator.find_pair(pair, resync.now, &resync.windows, position)?;
            Some((index, step.checked_add(1)?))
        })
    }

    /// Resynchronises to `step`, which the device shows now.
    fn resynchronise(&mut self, index: usize, step: u64, now: Timestamp) -> Resynced {
        let Some(device) = self.devices.get_mut(index) else {
            return Resynced::Wrong { lock: None };
        };
        let period = device.generator.moves.period();
        let ahead = device.generator.ahead(step, now);
        let skipped = (step - 1).saturating_sub(device.next());
        if let Some(ahead) = ahead {
            device.offset = ahead.clamp(-MAX_OFFSET, MAX_OFFSET);
        }
        device.use_up(step, now);
        let seconds = |offset: i64| {
            let period = u64::from(period.unwrap_or_default());
            offset.saturating_mul(i64::try_from(period).unwrap_or(i64::MAX))
        };
        Resynced::Done {
            label: device.label.clone(),
            kind: device.kind(),
            clock_offset: ahead.map(|_| seconds(device.offset)),
            skipped: ahead.is_none().then_some(skipped),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{CODES, at, counter, device};
    use super::*;

    fn resync(codes: (&str, &str), second: i64) -> Resync {
        Resync {
            label: None,
            first: codes.0.to_owned().into(),
            second: codes.1.to_owned().into(),
            epoch: LoginEpoch::default(),
            now: at(second),
            windows: Windows::default(),
            limits: Limits::default(),
        }
    }

    fn account() -> Account {
        let mut account = Account::default();
        account.add_device(counter("token")).unwrap();
        account
    }

    #[test]
    fn two_codes_in_a_row_resynchronise_a_clock() {
        let mut account = Account::default();
        account.add_device(device("phone")).unwrap();
        // Shown at 90 s by a right clock; it is ten periods behind.
        let done = account.resync(&resync((CODES[2], CODES[3]), 390));
        let expected = Resynced::Done {
            label: "phone".parse().unwrap(),
            kind: DeviceKind::Totp,
            clock_offset: Some(-300),
            skipped: None,
        };
        assert_eq!(done, expected);
        let phone = &account.devices()[0];
        assert_eq!((phone.offset, phone.last_step), (-10, Some(3)));
        let windows = Windows::default();
        let next = phone.check(CODES[4], at(420), &windows);
        assert_eq!(next, crate::factors::device::Match::Unused { step: 4 });
    }

    #[test]
    fn two_codes_in_a_row_resynchronise_a_counter() {
        let mut account = Account::default();
        account.add_device(counter("token")).unwrap();
        let done = account.resync(&resync((CODES[7], CODES[8]), 0));
        assert!(
            matches!(
                done,
                Resynced::Done {
                    skipped: Some(7),
                    clock_offset: None,
                    ..
                }
            ),
            "{done:?}"
        );
        assert_eq!(account.devices()[0].next(), 9);
    }

    #[test]
    fn a_wrong_pair_counts_and_a_right_one_is_used_up() {
        let mut account = account();
        let token = Some("token".parse().unwrap());
        let pair = |codes| Resync {
            label: token.clone(),
            ..resync(codes, 0)
        };
        assert_eq!(
            account.resync(&pair(("000000", "000000"))),
            Resynced::Wrong { lock: None }
        );
        assert_eq!(account.lockout().failures(at(0)), 1);
        assert!(matches!(
            account.resync(&pair((CODES[1], CODES[2]))),
            Resynced::Done { .. }
        ));
        for idle in [
            (CODES[1], CODES[2]),
            ("", ""),
            ("abc", "def"),
            (CODES[3], ""),
        ] {
            assert_eq!(account.resync(&pair(idle)), Resynced::Idle, "{idle:?}");
        }
        assert_eq!(account.lockout().failures(at(0)), 1, "nothing is counted");
    }

    #[test]
    fn a_disabled_device_counts_for_nothing() {
        let mut account = account();
        assert!(matches!(
            account.resync(&resync((CODES[1], CODES[2]), 0)),
            Resynced::Done { .. }
        ));
        let mut phone = device("phone");
        phone.generator.key = crate::factors::key::Key::fresh([9; 20]);
        account.add_device(phone).unwrap();
        account
            .enable_device(DeviceKind::Hotp, None, false)
            .unwrap();
        let wrong = account.resync(&resync((CODES[1], CODES[2]), 3000));
        assert_eq!(wrong, Resynced::Wrong { lock: None }, "no longer known");
        account
            .enable_device(DeviceKind::Totp, None, false)
            .unwrap();
        let idle = account.resync(&resync(("000000", "000000"), 3000));
        assert_eq!(idle, Resynced::Idle, "no device could show it");
        assert_eq!(account.lockout().failures(at(3000)), 1);
    }

    #[test]
    fn a_locked_account_accepts_no_codes() {
        let mut account = account();
        for _ in 0..5 {
            account.resync(&resync(("000000", "000000"), 0));
        }
        assert_eq!(
            account.resync(&resync((CODES[1], CODES[2]), 1)),
            Resynced::Locked
        );
    }
}
