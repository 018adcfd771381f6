//! The device type: the first word of a line.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Type {
    /// Length of a time step in seconds; `None` for HOTP.
    pub(super) period: Option<u64>,
    pub(super) digits: u32,
}

impl Type {
    /// Reads `HOTP`, `HOTP/E`, `HOTP/E/6`, `HOTP/T30`, `HOTP/T60/8` …. It accepts every number of
    /// seconds, though pam_oath knows 30 and 60 only.
    pub(super) fn parse(word: &str) -> Option<Self> {
        let rest = match word.strip_prefix("HOTP")? {
            "" => "/E",
            rest => rest,
        };
        let (kind, digits) = match rest.strip_prefix('/')?.split_once('/') {
            Some((kind, digits)) => (kind, self::digits(digits)?),
            None => (rest.strip_prefix('/')?, 6),
        };
        let period = match kind {
            "E" => None,
            time => Some(seconds(time.strip_prefix('T')?)?),
        };
        Some(Self { period, digits })
    }
}

fn digits(word: &str) -> Option<u32> {
    match word {
        "6" => Some(6),
        "7" => Some(7),
        "8" => Some(8),
        _ => None,
    }
}

fn seconds(word: &str) -> Option<u64> {
    let plain = word.bytes().all(|b| b.is_ascii_digit()) && !word.starts_with('0');
    word.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_pam_oath_is_known() {
        let counter = |digits| {
            Some(Type {
                period: None,
                digits,
            })
        };
        let time = |period, digits| {
            Some(Type {
                period: Some(period),
                digits,
            })
        };
        for (word, expected) in [
            ("HOTP", counter(6)),
            ("HOTP/E", counter(6)),
            ("HOTP/E/6", counter(6)),
            ("HOTP/E/7", counter(7)),
            ("HOTP/E/8", counter(8)),
            ("HOTP/T30", time(30, 6)),
            ("HOTP/T30/6", time(30, 6)),
            ("HOTP/T30/7", time(30, 7)),
            ("HOTP/T60/8", time(60, 8)),
            ("HOTP/T90", time(90, 6)),
        ] {
            assert_eq!(Type::parse(word), expected, "{word}");
        }
    }

    #[test]
    fn no_other_word_is_a_type() {
        for word in [
            "",
            "HOTP/",
            "hotp",
            "HOTP/E/9",
            "HOTP/6",
            "HOTP/T",
            "HOTP/T0",
            "HOTP/T+30",
            "HOTP/T30/",
            "HOTP/T30/6/7",
            "HOTPE",
            "TOTP",
            "HOTP/T99999999999999999999",
        ] {
            assert_eq!(Type::parse(word), None, "{word}");
        }
    }
}
