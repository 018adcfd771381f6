//! What a person needs to set up a device: the QR code to scan, the key to type, and settings that differ from an
//! app's defaults.
//!
//! All of it is the device's secret. It is drawn once, on a terminal or on standard output, and wiped.

use mfa_protocol::admin::Enrollment;
use zeroize::Zeroizing;

use crate::output::clean;

/// The whole screen. The key is right above the QR code, so that both and the prompt below fit a usual terminal.
pub(super) fn screen(made: &Enrollment, painted: bool) -> Zeroizing<String> {
    let uri = made.uri.expose();
    let picture = mfa_qr::draw(uri, painted, mfa_qr::ROWS_BETWEEN).unwrap_or_else(|| {
        Zeroizing::new("(The URI is too long for a QR code in 80 columns.)\n".to_owned())
    });
    let grouped = in_fours(made.secret.expose());
    Zeroizing::new(format!(
        "Scan the QR code with the authenticator app of {}, or type the key into it.\n\
         URI     {}\nLabel   {}\n{}Key     {}\n{}",
        clean(&made.user),
        clean(uri),
        clean(&made.label),
        unusual(uri),
        clean(&grouped),
        *picture,
    ))
}

/// `JBSW Y3DP …`: easier to type.
fn in_fours(key: &str) -> Zeroizing<String> {
    let mut grouped = Zeroizing::new(String::with_capacity(key.len() * 5 / 4 + 1));
    for (i, c) in key.chars().enumerate() {
        if i > 0 && i % 4 == 0 {
            grouped.push(' ');
        }
        grouped.push(c);
    }
    grouped
}

/// What to set in the app when the key is typed, as a line; empty if the app's defaults are right.
fn unusual(uri: &str) -> String {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    let value = |name: &str, default: &'static str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let mut found = pairs
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value);
        found.next_back().unwrap_or(default).to_owned()
    };
    let algorithm = value("algorithm", "SHA1").to_ascii_uppercase();
    let digits = value("digits", "6");
    let steps = if uri.starts_with("otpauth://hotp/") {
        format!("counter-based (HOTP), counter {}", value("counter", "0"))
    } else {
        let period = value("period", "30");
        if (algorithm.as_str(), digits.as_str(), period.as_str()) == ("SHA1", "6", "30") {
            return String::new();
        }
        format!("a new code every {period} seconds")
    };
    let text = format!("{algorithm}, {digits} digits, {steps}");
    format!("Set     {}\n", clean(&text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mfa_protocol::factor::DeviceKind;

    #[test]
    fn key_picture_and_prompt_fit_the_usual_terminal() {
        for issuer in ["host", "an%20organisation"] {
            let key = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
            let uri = format!("otpauth://totp/{issuer}:alice?secret={key}&issuer={issuer}");
            let made = Enrollment {
                user: "alice".to_owned(),
                secret: key.into(),
                uri: uri.as_str().into(),
                label: "phone".to_owned(),
                factor: DeviceKind::Totp,
                stored: false,
            };
            let screen = screen(&made, false);
            let from_the_key: Vec<&str> = screen
                .lines()
                .skip_while(|line| !line.starts_with("Key "))
                .collect();
            assert!(from_the_key.len() < mfa_qr::USUAL_ROWS, "{}", *screen);
            assert!(from_the_key.iter().all(|line| line.chars().count() <= 80));
        }
    }

    #[test]
    fn a_key_is_grouped_in_fours() {
        assert_eq!(*in_fours("JBSWY3DPEHPK3PXPA"), "JBSW Y3DP EHPK 3PXP A");
        assert_eq!(*in_fours(""), "");
    }

    #[test]
    fn only_settings_that_an_app_would_not_assume_are_shown() {
        assert_eq!(
            unusual("otpauth://totp/a?secret=X&digits=6&period=30&algorithm=SHA1"),
            ""
        );
        assert_eq!(unusual("otpauth://totp/a?secret=X"), "");
        assert_eq!(
            unusual("otpauth://totp/a?secret=X&algorithm=sha256&digits=8"),
            "Set     SHA256, 8 digits, a new code every 30 seconds\n"
        );
    }

    #[test]
    fn that_a_device_counts_is_never_assumed() {
        assert_eq!(
            unusual("otpauth://hotp/a?secret=X&counter=12"),
            "Set     SHA1, 6 digits, counter-based (HOTP), counter 12\n"
        );
    }
}
