//! The options: lines that begin with `" `.

use std::collections::BTreeSet;

use crate::refusal::Refusal;

/// Longest time step that pam_google_authenticator accepts, in seconds.
const MAX_STEP: u64 = 60;
const MAX_WINDOW: u64 = 100;

/// The options of a file, with pam_google_authenticator's own defaults.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options {
    /// The next expected counter; `None` for a TOTP device.
    pub(super) counter: Option<u64>,
    /// The used steps; `None` if codes may be used more than once.
    pub(super) used: Option<Vec<u64>>,
    /// Number of steps or counters that are tried.
    pub(super) window: u64,
    /// Attempts per number of seconds.
    pub(super) rate_limit: Option<(u64, u64)>,
    /// Steps that the device is ahead of the host.
    pub(super) skew: i64,
    /// Length of a time step in seconds.
    pub(super) step: u64,
    /// Whether the user had begun to resynchronise.
    pub(super) resetting: bool,
    /// Number of addresses that need no code for a while.
    pub(super) grace: usize,
    /// Number of unknown options, and the line of the first.
    pub(super) unknown: Option<(u64, u64)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            counter: None,
            used: None,
            window: 3,
            rate_limit: None,
            skew: 0,
            step: 30,
            resetting: false,
            grace: 0,
            unknown: None,
        }
    }
}

impl Options {
    /// If an option is given twice, the first counts.
    pub(super) fn read(text: &str) -> Result<Self, Refusal> {
        let mut options = Self::default();
        let mut seen = BTreeSet::new();
        for (number, line) in (1..).zip(text.split('\n')) {
            // pam_google_authenticator ends a line at a lone carriage return, too.
            for part in line.split('\r') {
                let Some(option) = part.strip_prefix("\" ") else {
                    continue;
                };
                let (name, value) = option.split_once([' ', '\t']).unwrap_or((option, ""));
                if seen.insert(name) {
                    options.take(number, name, value.trim_matches([' ', '\t']))?;
                }
            }
        }
        Ok(options)
    }

    fn take(&mut self, line: u64, name: &str, value: &str) -> Result<(), Refusal> {
        match name {
            "TOTP_AUTH" => {}
            "HOTP_COUNTER" => self.counter = counter(line, value)?,
            "DISALLOW_REUSE" => self.used = Some(steps(line, value)?),
            "WINDOW_SIZE" => self.window = bounded(line, name, first(value), MAX_WINDOW)?,
            "STEP_SIZE" => self.step = bounded(line, name, first(value), MAX_STEP)?,
            "RATE_LIMIT" => self.rate_limit = Some(rate_limit(line, value)?),
            "TIME_SKEW" => self.skew = skew(line, value)?,
            "RESETTING_TIME_SKEW" => self.resetting = !value.is_empty(),
            name if is_grace(name) => self.grace += 1,
            _ => {
                let (count, first) = self.unknown.unwrap_or((0, line));
                self.unknown = Some((count + 1, first));
            }
        }
        Ok(())
    }
}

/// With 0, or a value that is not a number, the device is not HOTP.
fn counter(line: u64, value: &str) -> Result<Option<u64>, Refusal> {
    let value = first(value);
    if value.is_empty() || value.starts_with('-') {
        return Ok(None);
    }
    match value.parse() {
        // pam_google_authenticator keeps the counter in a signed integer.
        Ok(next) if i64::try_from(next).is_ok() => Ok(Some(next).filter(|next| *next > 0)),
        _ => Err(Refusal::line(
            line,
            "HOTP_COUNTER is not a valid counter; expected the next counter",
        )),
    }
}

fn steps(line: u64, value: &str) -> Result<Vec<u64>, Refusal> {
    let steps = value.split_ascii_whitespace().map(str::parse);
    steps.collect::<Result<_, _>>().map_err(|_| {
        Refusal::line(
            line,
            "DISALLOW_REUSE contains a word that is not a number; expected the used steps",
        )
    })
}

fn rate_limit(line: u64, value: &str) -> Result<(u64, u64), Refusal> {
    let mut words = value.split_ascii_whitespace();
    let attempts = bounded(line, "RATE_LIMIT", words.next().unwrap_or_default(), 100)?;
    let seconds = bounded(line, "RATE_LIMIT", words.next().unwrap_or_default(), 3600)?;
    // The rest of the line holds the times of earlier logins.
    if words.any(|time| time.parse::<u64>().is_err()) {
        return Err(Refusal::line(
            line,
            "RATE_LIMIT contains a time that is not a number; expected seconds since 1970",
        ));
    }
    Ok((attempts, seconds))
}

fn skew(line: u64, value: &str) -> Result<i64, Refusal> {
    first(value).parse::<i32>().map(i64::from).map_err(|_| {
        Refusal::line(
            line,
            "TIME_SKEW is not a number; expected the steps that the device is ahead or (-) behind",
        )
    })
}

fn bounded(line: u64, name: &str, value: &str, most: u64) -> Result<u64, Refusal> {
    match value.parse() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(Refusal::line(
            line,
            format!(
                "{name} is out of range, so google-authenticator refuses every login; expected 1 to {most}"
            ),
        )),
    }
}

fn first(value: &str) -> &str {
    value.split_ascii_whitespace().next().unwrap_or_default()
}

/// `LAST0` to `LAST9`: an address, and when a code was last asked for from there.
fn is_grace(name: &str) -> bool {
    name.strip_prefix("LAST")
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
}
