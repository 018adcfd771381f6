//! A line of OpenSSH's `authorized_keys`, or of a public key file.
//!
//! The crate `ssh-key` reads the key. What stands before it is read here as sshd reads it (`sshkey_advance_past_options`):
//! the crate ends the options at the first blank, also inside of quotation marks, and takes any `#` for a comment.
//! Errors never repeat the line: what was pasted may be a private key.

use ssh_key::{Algorithm, Certificate, Fingerprint, HashAlg, PublicKey};

use crate::Refusal;

/// The suffix of the types of certificates.
const CERTIFICATE: &str = "-cert-v01@openssh.com";

/// What begins or fills a file with a private key: PEM and OpenSSH's own format, its base64 without the first line, and
/// PuTTY's.
const PRIVATE: [&str; 3] = ["PRIVATE KEY", "b3BlbnNzaC1rZXktdjE", "PuTTY-User-Key-File"];

/// A key with what stands beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyLine {
    /// Its type as it was written, such as `sk-ssh-ed25519@openssh.com`.
    pub kind: String,
    /// `TYPE BASE64`, without options and comment.
    pub key: String,
    /// `SHA256:…`; of a certificate, of the key inside.
    pub fingerprint: String,
    /// What stands after the key.
    pub comment: Option<String>,
    /// The options that matter here.
    pub options: Options,
}

/// Options before a key; sshd(8), AUTHORIZED_KEYS FILE FORMAT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether there are any.
    pub any: bool,
    /// `cert-authority`: what the key signs is accepted, and not the key itself.
    pub cert_authority: bool,
    /// `no-touch-required`: sshd accepts signatures that nobody touched the key for.
    pub no_touch: bool,
    /// `verify-required`: sshd demands a PIN or a finger.
    pub verify: bool,
}

impl KeyLine {
    /// Whether it is a certificate.
    #[must_use]
    pub fn is_certificate(&self) -> bool {
        self.kind.ends_with(CERTIFICATE)
    }

    /// Whether the key is held by a security key.
    #[must_use]
    pub fn is_security_key(&self) -> bool {
        self.kind.starts_with("sk-")
    }
}

/// Whether this line belongs to a private key.
#[must_use]
pub fn is_private(line: &str) -> bool {
    PRIVATE.iter().any(|mark| line.contains(mark))
}

/// The key on a line; none for a comment or a blank line.
///
/// # Errors
///
/// Says what is wrong, without a word of the line.
pub fn read(line: &str) -> Result<Option<KeyLine>, Refusal> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    if is_private(line) {
        return Err(Refusal::whole(
            "this is a private key; only the public key is needed, such as the line in the file that ends in .pub",
        ));
    }
    if line.starts_with("---- BEGIN SSH2 PUBLIC KEY") {
        return Err(Refusal::whole(
            "this is a public key in another format; convert it: ssh-keygen -i -f FILE",
        ));
    }
    // Without options first, as sshd does: options may be called like anything.
    let without = key(line, Options::default());
    let (Err(_), Some((before, rest))) = (&without, past_options(line)) else {
        return without.map(Some);
    };
    match key(rest, options(before)) {
        Ok(found) => Ok(Some(found)),
        // The type is in front if there are no options: the first complaint is about that.
        Err(refusal) if begins_with_type(rest) => Err(refusal),
        Err(_) => without.map(Some),
    }
}

fn begins_with_type(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    Algorithm::new(first).is_ok() || Algorithm::new_certificate(first).is_ok()
}

fn key(text: &str, options: Options) -> Result<KeyLine, Refusal> {
    let mut fields = text.splitn(3, [' ', '\t']).map(str::trim);
    let kind = fields.next().unwrap_or_default();
    let (blob, comment) = match (fields.next().unwrap_or_default(), fields.next()) {
        // Several blanks between type and key.
        ("", Some(rest)) => rest.split_once([' ', '\t']).unwrap_or((rest, "")),
        (blob, comment) => (blob, comment.unwrap_or_default()),
    };
    if blob.is_empty() {
        return Err(Refusal::whole(
            "no public key: expected TYPE BASE64, such as the line in the file that ends in .pub",
        ));
    }
    let key = format!("{kind} {blob}");
    let fingerprint = fingerprint(kind, &key)?;
    let comment = comment.trim();
    Ok(KeyLine {
        kind: kind.to_owned(),
        key,
        fingerprint: fingerprint.to_string(),
        comment: (!comment.is_empty()).then(|| comment.to_owned()),
        options,
    })
}

fn fingerprint(kind: &str, key: &str) -> Result<Fingerprint, Refusal> {
    let damaged = || {
        Refusal::whole(
            "not a public key that can be read: it is cut off, changed, or of an unknown type",
        )
    };
    if kind.ends_with(CERTIFICATE) {
        let certificate = Certificate::from_openssh(key).map_err(|_| damaged())?;
        return Ok(certificate.public_key().fingerprint(HashAlg::Sha256));
    }
    let key = PublicKey::from_openssh(key).map_err(|_| damaged())?;
    Ok(key.fingerprint(HashAlg::Sha256))
}

/// Options, and what follows them; none without a blank outside of quotation marks.
fn past_options(line: &str) -> Option<(&str, &str)> {
    let end = outside_quotes(line).find(|(_, byte)| matches!(byte, b' ' | b'\t'));
    let (before, rest) = line.split_at(end?.0);
    Some((before, rest.trim_start()))
}

fn options(text: &str) -> Options {
    let mut options = Options {
        any: true,
        ..Options::default()
    };
    let mut rest = text;
    while !rest.is_empty() {
        let comma = outside_quotes(rest).find(|(_, byte)| *byte == b',');
        let (option, after) = match comma {
            Some((at, _)) => (&rest[..at], &rest[at + 1..]),
            None => (rest, ""),
        };
        match option.trim().to_ascii_lowercase().as_str() {
            "cert-authority" => options.cert_authority = true,
            "no-touch-required" => options.no_touch = true,
            "touch-required" => options.no_touch = false,
            "verify-required" => options.verify = true,
            "no-verify-required" => options.verify = false,
            _ => {}
        }
        rest = after;
    }
    options
}

/// The bytes outside of quotation marks, with their positions. `\"` is no quotation mark.
fn outside_quotes(text: &str) -> impl Iterator<Item = (usize, u8)> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let bytes = text.bytes().enumerate();
    bytes.filter(move |(_, byte)| {
        let was_escaped = std::mem::replace(&mut is_escaped, *byte == b'\\');
        if *byte == b'"' && !was_escaped {
            is_quoted = !is_quoted;
        }
        !is_quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SK: &str = "sk-ssh-ed25519@openssh.com \
        AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIAqYYOyTMdO9s2KUqjLlL1HdZH7SKdYpTjqQqYYP3pRZAAAABHNzaDo=";
    const PLAIN: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAqYYOyTMdO9s2KUqjLlL1HdZH7SKdYpTjqQqYYP3pRZ";

    fn one(line: &str) -> KeyLine {
        read(line).unwrap().unwrap()
    }

    fn complaint(line: &str) -> String {
        read(line).unwrap_err().to_string()
    }

    #[test]
    fn a_key_stands_alone_with_a_comment_or_behind_options() {
        let alone = one(SK);
        assert_eq!(alone.key, SK);
        assert_eq!(alone.kind, "sk-ssh-ed25519@openssh.com");
        assert!(alone.fingerprint.starts_with("SHA256:"));
        assert_eq!((alone.comment, alone.options), (None, Options::default()));
        for (line, comment) in [
            (format!("{SK} anna"), "anna"),
            (
                format!("  {SK}\tanna on # her laptop "),
                "anna on # her laptop",
            ),
            (SK.replace(' ', " \t ") + " x", "x"),
        ] {
            let found = one(&line);
            assert_eq!(
                (found.key.as_str(), found.comment.as_deref()),
                (SK, Some(comment)),
                "{line}"
            );
            assert!(!found.options.any);
        }
    }

    #[test]
    fn options_end_at_the_first_blank_outside_of_quotation_marks() {
        for (options, no_touch, verify, cert_authority) in [
            ("no-touch-required", true, false, false),
            (
                "command=\"echo \\\"no-touch-required\\\", a b\",no-pty",
                false,
                false,
                false,
            ),
            (
                "command=\"a, no-touch-required\",No-Touch-Required",
                true,
                false,
                false,
            ),
            ("no-touch-required,touch-required", false, false, false),
            ("from=\"192.0.2.0/24\",verify-required", false, true, false),
            ("cert-authority,principals=\"a b\"", false, false, true),
        ] {
            let found = one(&format!("{options} {SK} anna"));
            let expected = Options {
                any: true,
                cert_authority,
                no_touch,
                verify,
            };
            assert_eq!(found.options, expected, "{options}");
            assert_eq!(
                (found.key.as_str(), found.comment.as_deref()),
                (SK, Some("anna"))
            );
        }
    }

    #[test]
    fn a_plain_key_is_told_from_one_in_a_token() {
        assert!(one(SK).is_security_key());
        assert!(!one(PLAIN).is_security_key());
        assert!(!one(PLAIN).is_certificate());
    }

    #[test]
    fn nothing_is_on_a_blank_line_and_in_a_comment() {
        for line in ["", " \t", "# ssh-ed25519 AAAA"] {
            assert_eq!(read(line), Ok(None), "{line:?}");
        }
    }

    #[test]
    fn a_private_key_is_named_and_never_repeated() {
        for line in [
            "-----BEGIN OPENSSH PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----",
            "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAA",
            "PuTTY-User-Key-File-3: ssh-ed25519",
        ] {
            let complaint = complaint(line);
            assert!(
                complaint.starts_with("this is a private key"),
                "{complaint}"
            );
            assert!(!complaint.contains(&line[..12]), "{complaint}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused_without_a_word_of_it() {
        for line in [
            "secret",
            "secret words",
            "ssh-ed25519 c2VjcmV0",
            "secret ssh-ed25519 c2VjcmV0",
        ] {
            let complaint = complaint(line);
            assert!(
                !complaint.contains("secret") && !complaint.contains("c2Vj"),
                "{complaint}"
            );
        }
        let cut = &SK[..SK.len() - 20];
        assert!(complaint(cut).contains("cut off"));
        let mistyped = SK.replacen("sk-ssh-ed25519@openssh.com", "ssh-ed25519", 1);
        assert!(complaint(&mistyped).contains("can be read"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(line in "\\PC{0,200}") {
            let _ = read(&line);
        }

        #[test]
        fn options_of_any_kind_leave_the_key_as_it_is(options in "[a-z-]{1,9}(=\"[^\"\\\\]{0,20}\")?") {
            let found = read(&format!("{options} {SK} anna"));
            prop_assert_eq!(found.unwrap().unwrap().key, SK);
        }
    }
}
