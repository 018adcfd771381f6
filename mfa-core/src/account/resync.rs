//! Two codes that follow each other take up a device again that has gone astray (RFC 4226 §7.4, RFC 6238
//! §6).
//!
//! They are weighed like an answer of a login: while the account is locked nothing is judged, and a wrong
//! pair counts as a failure. A right pair is used up.

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::{Account, Label};
use crate::factors::device::{DeviceKind, MAX_OFFSET, Windows};
use crate::lockout::{Admission, Limits, Lock, LoginEpoch};

/// Two codes.
pub struct Resync {
    /// The device; none: whichever they are of.
    pub label: Option<Label>,
    /// A code.
    pub first: Zeroizing<String>,
    /// The one that the device showed next.
    pub second: Zeroizing<String>,
    /// When the account was read.
    pub epoch: LoginEpoch,
    /// The time of the judgement, at which the second one is shown.
    pub now: Timestamp,
    /// How far off they may be.
    pub windows: Windows,
    /// The bounds of the lockout.
    pub limits: Limits,
}

/// What became of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resynced {
    /// The device is in step again.
    Done {
        /// Which one.
        label: Label,
        /// Its kind.
        kind: DeviceKind,
        /// Seconds that its clock is ahead; none for a device that counts.
        clock_offset: Option<i64>,
        /// Codes that were passed over; none for a device with a clock.
        skipped: Option<u64>,
    },
    /// They are no two codes in a row of any device; that counts as a failure.
    Wrong {
        /// The lock that this failure caused.
        lock: Option<Lock>,
    },
    /// They were used before, or are no codes at all; nothing is counted.
    Idle,
    /// Nothing was judged.
    Locked,
}

impl Account {
    /// Takes up a device again.
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
            Some((index, step)) => self.take_up(index, step, resync.now),
            None if self.is_idle(resync) => Resynced::Idle,
            None => {
                let lock = self.fail(resync.epoch, resync.now, &resync.limits);
                Resynced::Wrong { lock }
            }
        }
    }

    /// Whether they could be codes of no device, or are the last that were used of one.
    fn is_idle(&self, resync: &Resync) -> bool {
        let pair = (resync.first.as_str(), resync.second.as_str());
        let generators = || {
            self.devices
                .iter()
                .map(|device| (device, &device.generator))
        };
        let could_be = generators().any(|(_, g)| g.is_shaped(pair.0) && g.is_shaped(pair.1));
        !could_be || generators().any(|(device, g)| g.was_pair(pair, device.position()))
    }

    fn find_resync(&self, resync: &Resync) -> Option<(usize, u64)> {
        let pair = (resync.first.as_str(), resync.second.as_str());
        let is_meant = |label: &Label| resync.label.as_ref().is_none_or(|wanted| wanted == label);
        let mut devices = self.devices.iter().enumerate();
        devices.find_map(|(index, device)| {
            let wanted = is_meant(&device.label).then_some(device)?;
            let position = wanted.position();
            let generator = &wanted.generator;
            let step = generator.find_pair(pair, resync.now, &resync.windows, position)?;
            Some((index, step.checked_add(1)?))
        })
    }

    /// The device shows the code of `step` now.
    fn take_up(&mut self, index: usize, step: u64, now: Timestamp) -> Resynced {
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
    fn two_codes_in_a_row_set_a_clock_right() {
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
    fn two_codes_in_a_row_take_a_counter_on() {
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
        assert_eq!(account.lockout().failures(at(0)), 1, "none of these counts");
    }

    #[test]
    fn a_locked_account_takes_no_codes() {
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
