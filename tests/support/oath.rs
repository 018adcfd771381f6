//! Codes computed by `oathtool`, which shares no code with ours.

use std::fmt::Write;
use std::io::Read;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::run;

/// At least this much of a step must be left, so that it does not end during the test.
const MARGIN: u64 = 12;

/// The key of a device.
#[derive(Clone, Debug)]
pub struct Key {
    /// Twenty random bytes in hexadecimal.
    pub hex: String,
    /// `SHA1`, `SHA256` or `SHA512`.
    pub algorithm: &'static str,
    /// 6 to 8.
    pub digits: u32,
    /// Seconds.
    pub period: u64,
}

impl Default for Key {
    fn default() -> Self {
        Self::new()
    }
}

impl Key {
    /// A new default key: SHA-1, six digits, thirty seconds.
    #[must_use]
    pub fn new() -> Self {
        Self::of("SHA1", 6, 30)
    }

    /// A new key with these parameters.
    #[must_use]
    pub fn of(algorithm: &'static str, digits: u32, period: u64) -> Self {
        let mut bytes = [0; 20];
        let mut source = std::fs::File::open("/dev/urandom").expect("/dev/urandom");
        source.read_exact(&mut bytes).expect("random bytes");
        let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a string takes all");
            hex
        });
        Self {
            hex,
            algorithm,
            digits,
            period,
        }
    }

    /// A default key with these bytes.
    #[must_use]
    pub fn from_hex(hex: &str) -> Self {
        Self {
            hex: hex.to_owned(),
            algorithm: "SHA1",
            digits: 6,
            period: 30,
        }
    }

    /// The key in base32, as an authenticator accepts it.
    #[must_use]
    pub fn base32(&self) -> String {
        let output = run(Command::new("oathtool").args(["--verbose", &self.hex]));
        let line = output
            .stdout
            .lines()
            .find_map(|line| line.strip_prefix("Base32 secret: "));
        line.expect("a base32 secret from oathtool").to_owned()
    }

    /// The `otpauth` URI.
    #[must_use]
    pub fn uri(&self, user: &str) -> String {
        let Self {
            algorithm,
            digits,
            period,
            ..
        } = self;
        let secret = self.base32();
        format!(
            "otpauth://totp/test:{user}?secret={secret}&issuer=test&algorithm={algorithm}\
             &digits={digits}&period={period}"
        )
    }

    /// The code of the present step plus `steps`; -1 to 1 are accepted. Waits a moment when the
    /// step is about to end.
    #[must_use]
    pub fn code(&self, steps: i64) -> String {
        let margin = MARGIN.min(self.period / 2);
        let left = self.period - now() % self.period;
        if left <= margin {
            std::thread::sleep(Duration::from_secs(left));
        }
        let time = i64::try_from(now()).expect("a time") + steps * self.period.cast_signed();
        self.code_at(time)
    }

    /// A wrong code: of a step in the far past.
    #[must_use]
    pub fn wrong_code(&self) -> String {
        let accepted = [self.code(-1), self.code(0), self.code(1)];
        (1..)
            .map(|n| self.code_at(1_000_000_000 + n * self.period.cast_signed()))
            .find(|code| !accepted.contains(code))
            .expect("one of endlessly many")
    }

    /// The code of an HOTP device with this key.
    #[must_use]
    pub fn counted(&self, counter: u64) -> String {
        self.codes_of(&["--hotp".to_owned(), format!("--counter={counter}")])
    }

    /// The next `count` codes of an HOTP device, from `counter` on.
    #[must_use]
    pub fn counted_from(&self, counter: u64, count: usize) -> Vec<String> {
        let codes = self.codes_of(&[
            "--hotp".to_owned(),
            format!("--counter={counter}"),
            format!("--window={}", count - 1),
        ]);
        codes.lines().map(str::to_owned).collect()
    }

    fn code_at(&self, time: i64) -> String {
        self.codes_of(&[
            format!("--totp={}", self.algorithm.to_lowercase()),
            format!("--time-step-size={}s", self.period),
            format!("--now=@{time}"),
        ])
    }

    fn codes_of(&self, kind: &[String]) -> String {
        let mut oathtool = Command::new("oathtool");
        oathtool.args(kind);
        let output = run(oathtool
            .arg(format!("--digits={}", self.digits))
            .arg(&self.hex));
        assert!(output.is_success(), "oathtool: {}", output.stderr);
        output.stdout.trim().to_owned()
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock past 1970")
        .as_secs()
}
