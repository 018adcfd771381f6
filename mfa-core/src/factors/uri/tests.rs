//! Tests of reading URIs.

use proptest::prelude::*;

use super::*;
use crate::factors::device::HashAlgorithm;
use crate::factors::key::Key;

#[test]
fn an_uri_reads_back_as_the_generator_it_was_made_from() {
    let made = Generator {
        key: Key::fresh([7; 20]),
        algorithm: HashAlgorithm::Sha256,
        digits: 8u32.try_into().unwrap(),
        moves: MovingFactor::Time(60u64.try_into().unwrap()),
    };
    let uri = made.uri("example host", "alice@example.org", 0).unwrap();
    let read = from_uri(&uri).unwrap();
    assert_eq!(read.generator, made);
    assert_eq!(read.issuer.as_deref(), Some("example host"));
    assert_eq!(read.account, "alice@example.org");
}

#[test]
fn a_counter_goes_into_an_uri_and_back() {
    let made = Generator {
        key: Key::fresh([7; 20]),
        algorithm: HashAlgorithm::Sha1,
        digits: 6u32.try_into().unwrap(),
        moves: MovingFactor::Counter,
    };
    let uri = made.uri("example host", "alice", 41).unwrap();
    assert!(uri.expose().starts_with("otpauth://hotp/"), "no secret");
    assert!(!uri.expose().contains("period="), "no secret");
    let read = from_uri(&uri).unwrap();
    assert_eq!((read.generator, read.next), (made, 41));
    assert_eq!(read.account, "alice");
}

#[test]
fn a_counter_device_is_read_in_any_dress() {
    let key = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    for (tail, next) in [
        (format!("?counter=7&secret={key}"), 7),
        (format!("?secret={key}&period=30&counter=7&issuer=x"), 7),
        (format!("?secret={key}&counter=07&counter=7"), 7),
    ] {
        let read = from_uri(&format!("OTPAUTH://HOTP/a{tail}").as_str().into()).unwrap();
        assert_eq!(
            (read.generator.moves, read.next),
            (MovingFactor::Counter, next),
            "{tail}"
        );
    }
}

#[test]
fn a_key_in_lower_case_or_with_padding_is_read_from_an_uri() {
    let plain = from_uri(&"otpauth://totp/a?secret=GEZDGNBVGY3TQOJQGE&digits=8".into()).unwrap();
    for key in [
        "gezdgnbvgy3tqojqge",
        "GEZDGNBVGY3TQOJQGE======",
        "gezdgnbvgy3tqojqge%3D%3d",
    ] {
        let uri = format!("otpauth://totp/a?digits=8&secret={key}&issuer=x");
        assert_eq!(
            from_uri(&uri.as_str().into()).unwrap().generator,
            plain.generator,
            "{key}"
        );
    }
}

const KEY: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

#[test]
fn what_does_not_bear_on_the_codes_is_passed_over() {
    let plain = format!("otpauth://totp/ann?secret={KEY}");
    let plain = from_uri(&plain.as_str().into()).unwrap().generator;
    for uri in [
        format!("otpauth://totp/ACME:ann?secret={KEY}&issuer=acme.example"),
        format!("otpauth://totp/acme:ann?secret={KEY}&issuer=ACME"),
        format!("otpauth://totp/ACME+Co:ann?secret={KEY}&issuer=ACME+Co"),
        format!("otpauth://totp/ACME:ann?secret={KEY}&issuer=ACME%20"),
        format!("otpauth://totp/ACME%3Aann?secret={KEY}&image=https%3A%2F%2Fa&foo"),
        format!("OTPAUTH://TOTP/ann?SECRET={KEY}&Digits=6&PERIOD=30&Algorithm=hmacsha1"),
        format!("otpauth://totp/ann?secret={KEY}&amp;digits=6&amp;period=30"),
        format!("otpauth://totp/ann?secret={KEY}&digits=&period=&algorithm=&issuer="),
        format!("otpauth://totp/ann?secret={KEY}&secret={KEY}#secret=other"),
        format!("otpauth://totp?secret={KEY}"),
        format!("otpauth://totp/ann?secret={KEY}&issuer=ACME&issuer=Other"),
        format!("otpauth://totp/ann?secret={KEY}&algorithm=SHA1&algorithm=sha1&algorithm=HmacSHA1"),
        format!("otpauth://totp/ann?secret={KEY}&digits=6&digits=06&period=30&period=030"),
        format!(
            "otpauth://totp/ann?secret={KEY}&secret={}",
            KEY.to_lowercase()
        ),
        format!("otpauth://totp/ACME#1:ann?secret={KEY}"),
        format!("otpauth://totp/who?:ann?secret={KEY}"),
        format!("otpauth://totp/who?:a#nn?issuer=x?&secret={KEY}"),
        format!("otpauth://totp/ann?%73ecret={KEY}&%64igits=6"),
        format!("otpauth://totp/ann?foo=bar&secret={KEY}"),
        "otpauth://totp/a?secret=JBSW%C2%A0Y3DP%E2%80%93EHPK\u{a0}3PXP\u{2013}JBSWY3DPEHPK3PXP"
            .to_owned(),
        "otpauth://totp/a?secret=JBSW%20Y3DP%20EHPK%203PXP%20JBSW%20Y3DP%20EHPK%203PXP".to_owned(),
        "otpauth://totp/a?secret=JBSW+Y3DP+EHPK+3PXP+JBSW+Y3DP+EHPK+3PXP".to_owned(),
        "otpauth://totp/a?secret=jbsw-y3dp-ehpk-3pxp-JBSW-Y3DP-EHPK-3PXP".to_owned(),
    ] {
        let read = from_uri(&uri.as_str().into()).unwrap_or_else(|e| panic!("{uri}: {e}"));
        assert_eq!(read.generator, plain, "{uri}");
    }
}

#[test]
fn the_issuer_is_the_parameter_and_else_what_stands_before_the_account() {
    for (label, tail, issuer) in [
        ("ACME+Co:ann", "&issuer=ACME+Co", Some("ACME Co")),
        ("ACME:%20ann", "&issuer=acme.example", Some("acme.example")),
        ("ACME%20Co%3Aann", "", Some("ACME Co")),
        ("ann", "", None),
        ("ACME:ann", "&issuer=Two&issuer=Three", Some("Two")),
        ("A?CME#1:ann", "", Some("A?CME#1")),
    ] {
        let uri = format!("otpauth://totp/{label}?secret={KEY}{tail}");
        let read = from_uri(&uri.as_str().into()).unwrap();
        assert_eq!(read.issuer.as_deref(), issuer, "{uri}");
        assert_eq!(read.account, "ann", "{uri}");
    }
}

#[test]
fn what_names_steam_s_codes_is_refused_as_that() {
    for uri in [
        format!("steam://{KEY}"),
        format!("otpauth://steam/Steam:ann?secret={KEY}"),
        format!("otpauth://Steam/ann?secret={KEY}&digits=5"),
        format!("otpauth://totp/ann?secret={KEY}&encoder=steam"),
        format!("otpauth://totp/Steam:ann?secret={KEY}"),
        format!("otpauth://totp/Steam:ann?secret={KEY}&issuer=valve"),
        format!("otpauth://totp/ann?secret={KEY}&issuer=Steam&digits=5"),
        format!("otpauth://totp/ann?secret={KEY}&issuer=Steam%20Guard"),
        format!("otpauth://totp/steam-guard:ann?secret={KEY}"),
        format!("otpauth://totp/ann?secret={KEY}&issuer=Valve&issuer=Steam+Guard"),
    ] {
        let refused = from_uri(&uri.as_str().into()).err();
        assert!(
            matches!(refused, Some(UriError::Steam)),
            "{uri}: {refused:?}"
        );
    }
}

#[test]
fn a_bad_uri_is_refused_with_its_mistake_and_without_its_key() {
    let key = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let refusal = |uri: String| match from_uri(&uri.as_str().into()) {
        Err(e) => e.to_string(),
        Ok(_) => panic!("{uri} was taken"),
    };
    for (uri, mistake) in [
        (format!("https://totp/a?secret={key}"), "otpauth://"),
        (format!("otpauth://yaotp/a?secret={key}"), "kind"),
        (
            "otpauth-migration://offline?data=CjEK".to_owned(),
            "mfactl import uris",
        ),
        (
            format!("otpauth://totp/a?secret={key}&secret=GEZDGNBV"),
            "two values",
        ),
        (
            format!("otpauth://totp/a?secret={key}&digits=6&digits=8"),
            "two values",
        ),
        (
            format!("otpauth://totp/a?secret={key}&digits=six"),
            "digits",
        ),
        (format!("otpauth://totp/a?secret={key}&period=1m"), "period"),
        (
            format!("otpauth://totp/a?secret={key}&algorithm={key}"),
            "algorithm",
        ),
        (format!("otpauth://{key}/a"), "kind"),
        ("otpauth://totp/a".to_owned(), "no secret"),
        ("otpauth://totp/a?secret=1".to_owned(), "base32"),
        (
            format!("otpauth://totp/a?secret={key}&digits=10"),
            "10 digits",
        ),
        (
            format!("otpauth://totp/a?secret={key}&period=0"),
            "0 seconds",
        ),
        (
            format!("otpauth://totp/a?secret={key}&algorithm=MD5"),
            "algorithm",
        ),
        (
            format!("otpauth://hotp/a?secret={key}&counter=-1"),
            "counter",
        ),
        ("otpauth://hotp/a?counter=1".to_owned(), "no secret"),
        (format!("otpauth://hotp/a?secret={key}"), "no counter"),
        (
            format!("otpauth://hotp/a?secret={key}&counter=18446744073709551615"),
            "no room",
        ),
    ] {
        let message = refusal(uri);
        assert!(message.contains(mistake), "{message}");
        assert!(!message.contains(key), "{message}");
    }
}

proptest! {
    #[test]
    fn any_uri_is_read_or_refused(tail in "\\PC{0,120}") {
        for host in ["totp", "hotp"] {
            let _ = from_uri(&format!("otpauth://{host}/{tail}").as_str().into());
        }
    }
}
