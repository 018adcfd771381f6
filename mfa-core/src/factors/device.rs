//! Codes of devices: by the time (TOTP, RFC 6238) or by a counter (HOTP, RFC 4226).
//!
//! Pure: the time comes in, and the step that a code belongs to comes out, which is the counter for an HOTP device.
//! This module also checks whether the step was already used: a step is accepted once, and no earlier step is accepted
//! after it (RFC 6238 §5.2, RFC 4226 §7.2).
//!
//! ```text
//!   TOTP    … s-20 … │ s-1   s   s+1 │ … s+20 …         s: the step of now, corrected by the device's offset
//!        out of sync │   accepted    │ out of sync
//!
//!   HOTP    … n-2  n-1 │ n  n+1 … n+9 │ n+10 … n+99     n: the step after the last used one
//!                 used │   accepted   │ out of sync
//! ```

mod moving_factor;
mod parameters;
mod replay_state;

use std::ops::RangeInclusive;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::counter_uri;
use super::key::Key;
pub use mfa_protocol::factor::{DeviceKind, HashAlgorithm};
pub use moving_factor::MovingFactor;
pub use parameters::{Digits, MAX_COUNTER, ParameterError, Period, with_room};
pub use replay_state::{Match, ReplayState, Windows};

/// How far off a clock may be that is noticed, and put right by two codes: ten minutes, in seconds.
pub const MAX_DRIFT: u64 = 600;

/// How far off this host's clock may be and be found out: by any time zone, in seconds.
pub const MAX_DISTANCE: i64 = 14 * 3600 + 600;

/// How many steps a device's clock may be off: a bit more than a day, at 30 seconds. More than a resynchronisation
/// allows, since other programs, whose devices are imported, allow this much.
pub const MAX_OFFSET: i64 = 3_000;

/// What a device computes its codes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generator {
    /// The shared key.
    pub key: Key,
    /// The hash function.
    pub algorithm: HashAlgorithm,
    /// The length of a code.
    pub digits: Digits,
    /// What moves it on to the next code. A period, or null for a counter, in the record.
    #[serde(rename = "period")]
    pub moves: MovingFactor,
}

impl Generator {
    /// What `code` is at `now`.
    #[must_use]
    pub fn check(
        &self,
        code: &str,
        now: Timestamp,
        windows: &Windows,
        position: ReplayState,
    ) -> Match {
        let codes = self.codes();
        let expected = self.expected(now, windows, position);
        let used_up = match self.is_void(now, position) {
            true => Some(*expected.end()),
            false => position.last,
        };
        let mut found = Match::None;
        // The whole window is walked whatever matches: how long it takes tells nothing.
        for step in expected {
            if !codes.is(code, step) {
                continue;
            }
            match found {
                Match::Unused { .. } => {}
                _ if used_up.is_some_and(|last| step <= last) || position.told == Some(step) => {
                    found = Match::Used;
                }
                _ => found = Match::Unused { step },
            }
        }
        found
    }

    /// The unused step nearest to where the device should be whose code this is. For a code that
    /// [`Self::check`] found nowhere: it is no reason to let anybody in.
    #[must_use]
    pub fn find_out_of_sync(
        &self,
        code: &str,
        now: Timestamp,
        windows: &Windows,
        position: ReplayState,
    ) -> Option<u64> {
        if !self.is_shaped(code) {
            return None;
        }
        let codes = self.codes();
        self.near(now, windows, position)
            .filter(|step| !self.is_used(*step, now, position))
            .find(|step| codes.is(code, *step))
    }

    /// By how many seconds the clock is ahead that shows `code` at `now`, the nearest one within [`MAX_DISTANCE`]; none
    /// for a counter. It is a reason to suspect a clock, and none to let anybody in.
    #[must_use]
    pub fn distance(&self, code: &str, now: Timestamp) -> Option<i64> {
        let period = i64::try_from(u64::from(self.moves.period()?)).ok()?;
        let present = i64::try_from(self.present(now)?).ok()?;
        if !self.is_shaped(code) {
            return None;
        }
        let codes = self.codes();
        let is_shown = |steps: &i64| {
            let step = present.checked_add(*steps);
            step.and_then(|step| u64::try_from(step).ok())
                .is_some_and(|step| codes.is(code, step))
        };
        let mut steps = (0..=MAX_DISTANCE / period).flat_map(|steps| [steps, -steps]);
        steps.find(is_shown).map(|steps| steps * period)
    }

    /// The first step near here whose code is `first` and whose next one's is `second`, neither used.
    #[must_use]
    pub fn find_pair(
        &self,
        (first, second): (&str, &str),
        now: Timestamp,
        windows: &Windows,
        position: ReplayState,
    ) -> Option<u64> {
        let codes = self.codes();
        self.near(now, windows, position)
            .filter(|step| !self.is_used(*step, now, position))
            .find(|step| codes.is(first, *step) && codes.is(second, step.saturating_add(1)))
    }

    /// Steps that a device is ahead which shows the code of `step` now; none for a counter.
    #[must_use]
    pub fn ahead(&self, step: u64, now: Timestamp) -> Option<i64> {
        let present = i64::try_from(self.present(now)?).ok()?;
        Some(i64::try_from(step).ok()? - present)
    }

    /// Whether the last step that was used lies farther ahead than the clocks may be apart. It was used while ours was
    /// wrong, and would refuse every code until then.
    #[must_use]
    pub fn is_void(&self, now: Timestamp, position: ReplayState) -> bool {
        let Some(period) = self.moves.period() else {
            return false;
        };
        let reach = i64::try_from(MAX_DRIFT / u64::from(period)).unwrap_or(0);
        let farthest = position.offset.saturating_add(reach);
        let ahead = position.last.map(|last| self.ahead(last, now));
        ahead.is_some_and(|ahead| ahead.is_none_or(|steps| steps > farthest))
    }

    /// The last step whose code may be shown at `now`; none for a counter.
    #[must_use]
    pub fn latest(&self, now: Timestamp, windows: &Windows, position: ReplayState) -> Option<u64> {
        self.present(now)?;
        Some(*self.expected(now, windows, position).end())
    }

    /// The step whose code a device with this offset shows at `now`; none for a counter.
    #[must_use]
    pub fn shown(&self, now: Timestamp, offset: i64) -> Option<u64> {
        Some(self.present(now)?.saturating_add_signed(offset))
    }

    fn is_used(&self, step: u64, now: Timestamp, position: ReplayState) -> bool {
        position.is_used(step) && !self.is_void(now, position)
    }

    /// The otpauth URI that authenticator apps read
    /// (<https://github.com/google/google-authenticator/wiki/Key-Uri-Format>). `next` is the counter of the
    /// next code.
    #[must_use]
    pub fn uri(&self, issuer: &str, user: &str, next: u64) -> Option<mfa_protocol::Secret> {
        // A colon would end the issuer in the label, so neither name may contain one.
        let plain = |name: &str| name.replace(':', "_");
        let period = self.moves.period().unwrap_or_default();
        let builder = self
            .builder()
            .with_step_duration(period.into())
            .with_issuer(Some(plain(issuer)))
            .with_account_name(plain(user));
        let url = builder.build_noncompliant().to_url().ok();
        let url = mfa_protocol::Secret::new(url?);
        match self.moves {
            MovingFactor::Time(_) => Some(url),
            MovingFactor::Counter => counter_uri::of_counter(&url, next),
        }
    }

    /// The steps whose codes are accepted, and those used before that are told from wrong ones.
    fn expected(
        &self,
        now: Timestamp,
        windows: &Windows,
        position: ReplayState,
    ) -> RangeInclusive<u64> {
        match self.present(now) {
            Some(present) => {
                let centre = present.saturating_add_signed(position.offset);
                let skew = windows.skew.into();
                centre.saturating_sub(skew)..=centre.saturating_add(skew)
            }
            None => {
                let ahead = u64::from(windows.look_ahead.max(1)) - 1;
                position.last.unwrap_or(0)..=position.next().saturating_add(ahead)
            }
        }
    }

    /// The steps in which a device that is out of sync is searched, the nearest to its right place first.
    fn near(
        &self,
        now: Timestamp,
        windows: &Windows,
        position: ReplayState,
    ) -> impl Iterator<Item = u64> + use<> {
        let (centre, down, up) = match (self.present(now), self.moves) {
            (Some(present), MovingFactor::Time(period)) => {
                let reach = MAX_DRIFT / u64::from(period);
                (present, reach, reach)
            }
            _ => (position.next(), 0, u64::from(windows.resync.max(1)) - 1),
        };
        (0..=down.max(up)).flat_map(move |distance| {
            let before = (distance > 0 && distance <= down)
                .then(|| centre.checked_sub(distance))
                .flatten();
            let after = (distance <= up)
                .then(|| centre.checked_add(distance))
                .flatten();
            [before, after].into_iter().flatten()
        })
    }

    /// The step of now by a right clock; none for a counter.
    fn present(&self, now: Timestamp) -> Option<u64> {
        let period = self.moves.period()?;
        Some(u64::try_from(now.as_second()).unwrap_or(0) / u64::from(period))
    }

    /// Whether they are the codes of the last step that was used and of the one before it.
    #[must_use]
    pub fn was_pair(&self, (first, second): (&str, &str), position: ReplayState) -> bool {
        let codes = self.codes();
        let is_last = |last: u64| {
            let before = last.checked_sub(1);
            codes.is(second, last) && before.is_some_and(|before| codes.is(first, before))
        };
        position.last.is_some_and(is_last)
    }

    /// Whether it could be a code at all: what could not is not looked for far and wide.
    #[must_use]
    pub fn is_shaped(&self, code: &str) -> bool {
        code.len() == u32::from(self.digits) as usize && code.bytes().all(|b| b.is_ascii_digit())
    }

    fn codes(&self) -> Codes {
        Codes(self.builder().build_noncompliant())
    }

    #[cfg(test)]
    pub(crate) fn code(&self, step: u64) -> String {
        self.codes().0.generate(step).to_string()
    }

    /// The library's own `build` refuses keys under 128 bits, which real apps have; the bounds that
    /// it needs not to panic are those of our own types. A step of one second makes of a number of
    /// seconds a number of steps, and of steps a counter (RFC 6238 §4.2).
    fn builder(&self) -> totp_rs::Builder {
        totp_rs::Builder::new()
            .with_algorithm(match self.algorithm {
                HashAlgorithm::Sha1 => totp_rs::Algorithm::SHA1,
                HashAlgorithm::Sha256 => totp_rs::Algorithm::SHA256,
                HashAlgorithm::Sha512 => totp_rs::Algorithm::SHA512,
            })
            .with_digits(self.digits.small())
            .with_secret(totp_rs::Secret::new(self.key.bytes().into()))
            .with_skew(0)
            .with_step_duration(1)
    }
}

/// A code as it was typed, without the blanks that apps show inside.
#[must_use]
pub fn unspaced(typed: &str) -> Zeroizing<String> {
    // As long as it gets at once: growing would leave a copy behind.
    let mut code = Zeroizing::new(String::with_capacity(typed.len()));
    code.extend(typed.chars().filter(|c| !c.is_whitespace()));
    code
}

/// The codes of a device, one a step.
struct Codes(totp_rs::Totp);

impl Codes {
    fn is(&self, code: &str, step: u64) -> bool {
        self.0.check(code, step).is_some()
    }
}

#[cfg(test)]
mod tests;
