//! When to send again (RFC 5080 §2.2.1): after about 2 seconds, then twice as long each time, up to
//! about 16 seconds. Each pause has a jitter of up to a tenth, so that many clients do not retry at
//! once.

use std::time::Duration;

/// IRT in the RFC.
const FIRST: Duration = Duration::from_secs(2);
/// MRT in the RFC.
const LONGEST: Duration = Duration::from_secs(16);

/// The pauses between datagrams.
#[derive(Default)]
pub(super) struct Backoff {
    last: Option<Duration>,
}

impl Backoff {
    /// The next pause; `random` decides its jitter.
    pub(super) fn next(&mut self, random: u16) -> Duration {
        let pause = match self.last {
            None => jittered(FIRST, FIRST, random),
            Some(last) => jittered(last * 2, last, random),
        };
        let pause = if pause > LONGEST {
            jittered(LONGEST, LONGEST, random)
        } else {
            pause
        };
        self.last = Some(pause);
        pause
    }
}

/// `base`, plus -0.1 to +0.1 times `scale`.
fn jittered(base: Duration, scale: Duration, random: u16) -> Duration {
    let tenth = scale / 10;
    base - tenth + tenth * 2 * u32::from(random) / u32::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pauses_double_from_2_to_16_seconds() {
        let mut backoff = Backoff::default();
        let pauses: Vec<u64> = (0..6)
            .map(|_| backoff.next(u16::MAX / 2).as_secs_f64().round() as u64)
            .collect();
        assert_eq!(pauses, [2, 4, 8, 16, 16, 16]);
    }

    proptest! {
        #[test]
        fn pauses_stay_within_what_the_rfc_allows(draws in prop::collection::vec(any::<u16>(), 1..12)) {
            let mut backoff = Backoff::default();
            let mut last = None;
            for draw in draws {
                let pause = backoff.next(draw).as_secs_f64();
                let (low, high) = match last {
                    None => (1.8, 2.2),
                    // A pause beyond 16 seconds is drawn again around 16.
                    Some(last) if 2.1 * last > 16.0 => (f64::min(1.9 * last, 14.4), 17.6),
                    Some(last) => (1.9 * last, 2.1 * last),
                };
                prop_assert!((low - 1e-6..=high + 1e-6).contains(&pause), "{pause} after {last:?}");
                last = Some(pause);
            }
        }
    }
}
