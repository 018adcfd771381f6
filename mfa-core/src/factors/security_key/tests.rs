//! Lines of keys, and what keys sign.

use jiff::Timestamp;
use proptest::prelude::*;

use super::challenge::*;
use super::samples::{SoftKey, longest_key, no_identities, plain_line};
use super::*;

fn read(line: &str) -> Result<KeyLine, KeyLineError> {
    line.parse()
}

fn context(session: &str) -> ChallengeContext<'_> {
    ChallengeContext {
        purpose: Purpose::Login,
        host: "web-1",
        service: "sudo",
        session,
        user: "anna",
        now: Timestamp::UNIX_EPOCH,
        nonce: [7; 32],
    }
}

fn identity(key: &mut SoftKey) -> Identity {
    let reply = key.answer(&identities_request());
    let mut found = identities(&reply, [key.public()].iter()).unwrap();
    assert_eq!(found.len(), 1);
    found.remove(0)
}

/// Both kinds of keys that are taken without further ado.
fn both() -> [SoftKey; 2] {
    [SoftKey::ed25519(1), SoftKey::p256()]
}

#[test]
fn a_line_of_a_key_is_read_and_written_back() {
    for key in both() {
        let line = key.public().to_string();
        let read = read(&format!("  {line} anna@home\n")).unwrap();
        assert_eq!(
            (&read.key, read.comment.as_str()),
            (&key.public(), "anna@home")
        );
        assert_eq!(read.key.to_string(), line);
        assert!(line.starts_with(read.key.type_name()), "{line}");
        assert_eq!(read.key.application(), Some("ssh:"));
        assert_eq!(PublicKey::verified(&line), Some(read.key));
    }
}

#[test]
fn the_fingerprint_and_the_key_of_a_certificate_are_those_of_openssh() {
    // ssh-keygen -l, and ssh-keygen -s of a key of the dummy provider of OpenSSH.
    let key = read(include_str!("samples/id.pub")).unwrap();
    let certificate = read(include_str!("samples/id-cert.pub")).unwrap();
    assert_eq!(
        key.key.fingerprint(),
        include_str!("samples/id.sha256").trim()
    );
    assert_eq!(certificate.key, key.key);
    let host = read(include_str!("samples/host-cert.pub"));
    assert_eq!(host, Err(KeyLineError::Host));
}

#[test]
fn what_is_no_key_is_refused_and_never_quoted() {
    let private = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA";
    let rsa = include_str!("samples/rsa.pub");
    let (long, key) = (
        "x".repeat(MAX_LINE + 1),
        SoftKey::ed25519(1).public().to_string(),
    );
    let other_name = key.replace("sk-ssh-ed25519@openssh.com", "ssh-ed25519");
    let too_long = SoftKey::ed25519(1)
        .with_application(&"x".repeat(64))
        .public();
    let longer = too_long.to_string();
    for (line, expected) in [
        (private, KeyLineError::Private),
        (rsa, KeyLineError::Type),
        (&long, KeyLineError::Long),
        ("", KeyLineError::Form),
        ("hunter2", KeyLineError::Form),
        ("sk-ssh-ed25519@openssh.com", KeyLineError::Form),
        ("sk-ssh-ed25519@openssh.com AAAB", KeyLineError::Form),
        (&key[..key.len() - 8], KeyLineError::Form),
        (&other_name, KeyLineError::Form),
        (&format!("cert-authority {key}"), KeyLineError::Form),
    ] {
        let error = read(line).unwrap_err();
        assert_eq!(error, expected, "{line}");
        let secret = line.split_once(' ').map_or("hunter2", |(_, secret)| secret);
        assert!(!error.to_string().contains(secret), "{error}");
    }
    assert!(read(&longer).is_ok());
}

#[test]
fn a_key_signs_this_challenge_and_no_other() {
    for mut key in both() {
        let identity = identity(&mut key);
        let challenge = Challenge::new(&context("1"));
        let reply = key.answer(&challenge.request(&identity));
        let shown = challenge.verify(&identity.key, &reply).unwrap().unwrap();
        assert_eq!((shown.counter, shown.is_owner_verified), (1, false));
        for other in [
            ChallengeContext {
                host: "web-2",
                ..context("1")
            },
            ChallengeContext {
                service: "su",
                ..context("1")
            },
            ChallengeContext {
                user: "bert",
                ..context("1")
            },
            ChallengeContext {
                purpose: Purpose::Enroll,
                ..context("1")
            },
            ChallengeContext {
                nonce: [8; 32],
                ..context("1")
            },
            ChallengeContext {
                now: Timestamp::MAX,
                ..context("1")
            },
            // The end of a name is not shifted.
            ChallengeContext {
                host: "web-1sudo",
                service: "",
                ..context("1")
            },
            context("2"),
        ] {
            let verdict = Challenge::new(&other).verify(&identity.key, &reply);
            assert_eq!(verdict, Ok(Err(SignatureFault::Invalid)), "{other:?}");
        }
        key.flags = 5;
        let reply = key.answer(&challenge.request(&identity));
        let shown = challenge.verify(&identity.key, &reply).unwrap().unwrap();
        assert_eq!((shown.counter, shown.is_owner_verified), (2, true));
    }
}

#[test]
fn a_signature_of_another_key_or_application_or_without_a_touch_is_wrong() {
    let challenge = Challenge::new(&context("1"));
    for mut key in both() {
        let own = identity(&mut key);
        let mut untouched = key.clone().saying(4);
        let reply = untouched.answer(&challenge.request(&own));
        let verdict = challenge.verify(&own.key, &reply);
        assert_eq!(verdict, Ok(Err(SignatureFault::NotTouched)));
        let mut forger = key.clone().forging();
        let reply = forger.answer(&challenge.request(&own));
        let verdict = challenge.verify(&own.key, &reply);
        assert_eq!(verdict, Ok(Err(SignatureFault::Invalid)));
        let mut elsewhere = key.with_application("ssh:other");
        let other = identity(&mut elsewhere);
        let reply = elsewhere.answer(&challenge.request(&other));
        let verdict = challenge.verify(&own.key, &reply);
        assert_eq!(verdict, Ok(Err(SignatureFault::Invalid)));
    }
    let [mut one, mut two] = [SoftKey::ed25519(1), SoftKey::ed25519(2)];
    let (own, other) = (identity(&mut one), identity(&mut two));
    let reply = two.answer(&challenge.request(&other));
    let verdict = challenge.verify(&own.key, &reply);
    assert_eq!(verdict, Ok(Err(SignatureFault::Invalid)));
}

#[test]
fn what_an_agent_says_instead_of_signing_is_no_guess() {
    let mut key = SoftKey::ed25519(1);
    let own = identity(&mut key);
    let challenge = Challenge::new(&context("1"));
    let good = key.answer(&challenge.request(&own));
    let longer = [&good[..], b"x"].concat();
    let webauthn = {
        let name = b"webauthn-sk-ecdsa-sha2-nistp256@openssh.com";
        let blob = [&[0, 0, 0, 43][..], name, &[0, 0, 0, 1, 1]].concat();
        [&[14, 0, 0, 0, u8::try_from(blob.len()).unwrap()][..], &blob].concat()
    };
    for (reply, expected) in [
        (&[5][..], NoSignature::Refused),
        (&[12, 0, 0, 0, 0], NoSignature::Refused),
        (&[], NoSignature::Unreadable),
        (&[14], NoSignature::Unreadable),
        (&[14, 255, 255, 255, 255], NoSignature::Unreadable),
        (&good[..good.len() - 1], NoSignature::Unreadable),
        (&longer, NoSignature::Unreadable),
        (&webauthn, NoSignature::Unreadable),
    ] {
        assert_eq!(
            challenge.verify(&own.key, reply),
            Err(expected),
            "{reply:?}"
        );
    }
}

#[test]
fn only_keys_of_the_user_are_found_among_those_of_an_agent() {
    let mut key = SoftKey::ed25519(1);
    let (mine, other) = (key.public(), SoftKey::ed25519(2).public());
    let reply = key.answer(&identities_request());
    assert_eq!(identities(&reply, [other].iter()), Ok(vec![]));
    let [found] = &identities(&reply, [mine.clone()].iter()).unwrap()[..] else {
        panic!("not found")
    };
    assert_eq!(found.key, mine);
    assert_eq!(
        identities(&no_identities(), [mine.clone()].iter()),
        Ok(vec![])
    );
    for junk in [
        &[12][..],
        &[12, 0, 0, 0, 1],
        &[12, 0, 0, 0, 9, 255, 255, 255, 255],
    ] {
        let found = identities(junk, [mine.clone()].iter());
        assert_eq!(found, Err(NoSignature::Unreadable), "{junk:?}");
    }
    let thousands: Vec<u8> = [12, 0, 1, 0, 0]
        .into_iter()
        .chain(vec![0; 43 << 10])
        .collect();
    assert_eq!(identities(&thousands, [mine].iter()), Ok(vec![]));
}

#[test]
fn a_plain_key_is_read_and_is_no_security_key() {
    let key = read(&plain_line()).unwrap().key;
    assert!(!key.is_security_key());
    assert_eq!(key.type_name(), "ssh-ed25519");
}

#[test]
fn the_longest_key_has_room_in_a_record() {
    assert!(longest_key(0).to_string().len() < 400);
}

proptest! {
    #[test]
    fn no_reply_of_an_agent_makes_it_panic(reply in proptest::collection::vec(any::<u8>(), 0..300), number in 11_u8..15) {
        let reply: Vec<u8> = std::iter::once(number).chain(reply).collect();
        let key = SoftKey::ed25519(1).public();
        let _ = identities(&reply, [key.clone()].iter());
        let verdict = Challenge::new(&context("1")).verify(&key, &reply);
        prop_assert!(!matches!(verdict, Ok(Ok(_))));
    }

    #[test]
    fn a_changed_signature_is_never_right(at in 1_usize..200, bit in 0_u32..8) {
        for mut key in both() {
            let own = identity(&mut key);
            let challenge = Challenge::new(&context("1"));
            let mut reply = key.answer(&challenge.request(&own));
            let at = 1 + at % (reply.len() - 1);
            reply[at] ^= 1 << bit;
            let verdict = challenge.verify(&own.key, &reply);
            prop_assert!(!matches!(verdict, Ok(Ok(_))), "{verdict:?}");
        }
    }

    #[test]
    fn no_line_makes_it_panic(line in "\\PC{0,80}", kind in 0..KEY_TYPES.len()) {
        let _ = read(&line);
        let _ = read(&format!("{} {line}", KEY_TYPES[kind]));
    }
}
