use aes::cipher::{BlockModeEncrypt, KeyIvInit, block_padding::Pkcs7};
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use mfa_protocol::Secret;
use proptest::prelude::*;
use sha2::Sha256;

use super::csv::Form;
use super::pskc::Lock;
use super::*;
use crate::account::{HashAlgorithm, Kind};

const SEED: &[u8; 20] = b"12345678901234567890";
const SEED_HEX: &str = "3132333435363738393031323334353637383930";
const SEED_BASE32: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn table(text: &str, form: &Form) -> Vec<Token> {
    csv::read(text.as_bytes(), form).unwrap()
}

fn device(token: &Token) -> &Device {
    token.device.as_ref().unwrap()
}

fn reason(token: &Token) -> String {
    let reason = token.device.as_ref().unwrap_err().to_string();
    assert!(!reason.contains(SEED_HEX) && !reason.contains(SEED_BASE32));
    reason
}

#[test]
fn a_table_says_what_it_has_columns_for_and_the_caller_the_rest() {
    let form = Form {
        period: Some(60),
        digits: Some(8),
        user: Some("Login".to_owned()),
        ..Form::default()
    };
    let text = format!(
        "Serial No;Hex Seed;Type;Counter;Algorithm;login\r\n\
         100001;{SEED_HEX};;;;anna\r\n\
         100002;0x{};HOTP;7;HMAC-SHA256; bert \r\n\
         100003;xyz;;;;\r\n",
        SEED_HEX.to_uppercase()
    );
    let tokens = table(&text, &form);
    let first = device(&tokens[0]);
    assert_eq!(first.secret.expose(), SEED_BASE32);
    assert_eq!((first.digits, first.algorithm), (8, HashAlgorithm::Sha1));
    assert_eq!(
        first.kind,
        Kind::Time {
            period: 60,
            offset: 0
        }
    );
    assert_eq!(first.label.as_deref(), Some("100001"));
    assert_eq!(first.credential_id.as_deref(), Some("100001"));
    let second = device(&tokens[1]);
    assert_eq!((second.kind, second.used), (Kind::Counter, Some(6)));
    assert_eq!(second.algorithm, HashAlgorithm::Sha256);
    assert_eq!(tokens[1].user.as_deref(), Some("bert"));
    assert_eq!((tokens[2].place, tokens[2].user.as_deref()), (4, None));
    assert!(reason(&tokens[2]).contains("--base32"));
}

#[test]
fn a_table_without_names_is_read_with_those_of_the_caller() {
    let text = format!("100001,{SEED_BASE32}\n");
    let refusal = csv::read(text.as_bytes(), &Form::default()).unwrap_err();
    assert!(
        refusal.to_string().contains("--columns serial,seed"),
        "{refusal}"
    );
    let form = Form {
        columns: Some(vec!["serial".to_owned(), "seed".to_owned()]),
        base32: true,
        hotp: true,
        user: Some("1".to_owned()),
        ..Form::default()
    };
    let tokens = table(&text, &form);
    assert_eq!(device(&tokens[0]).secret.expose(), SEED_BASE32);
    assert_eq!(
        (device(&tokens[0]).kind, device(&tokens[0]).used),
        (Kind::Counter, None)
    );
    assert_eq!(tokens[0].user.as_deref(), Some("100001"));
    let form = Form {
        user: Some("9".to_owned()),
        ..form
    };
    assert!(csv::read(text.as_bytes(), &form).is_err());
}

#[test]
fn what_a_row_says_wrong_is_refused() {
    let form = Form::default();
    for (row, words) in [
        ("1,,6,30,totp,", "no key"),
        ("1,3132,6,30,totp,", "2 bytes"),
        ("1,SEED,six,30,totp,", "digits"),
        ("1,SEED,6,30,ocra,", "neither totp nor hotp"),
        ("1,SEED,6,30,totp,md5", "not SHA1"),
    ] {
        let row = row.replace("SEED", SEED_HEX);
        let text = format!("serial,seed,digits,period,type,algorithm\n{row}\n");
        let reason = reason(&table(&text, &form)[0]);
        assert!(reason.contains(words), "{row}: {reason}");
    }
}

/// A file with one key; `secret` is what its element holds, `head` what comes before the tokens.
fn pskc_with(head: &str, secret: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
        <p:KeyContainer Version="1.0" xmlns:p="urn:ietf:params:xml:ns:keyprov:pskc"
            xmlns:xenc="http://www.w3.org/2001/04/xmlenc#">{head}
          <p:KeyPackage>
            <p:DeviceInfo><p:Manufacturer>Example</p:Manufacturer><p:SerialNo> 1000042 </p:SerialNo></p:DeviceInfo>
            <p:Key Id="k1" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:totp">
              <p:AlgorithmParameters><p:Suite>HMAC-SHA256</p:Suite>
                <p:ResponseFormat Length="8" Encoding="DECIMAL"/></p:AlgorithmParameters>
              <p:Data><p:Secret>{secret}</p:Secret><p:Time><p:PlainValue>0</p:PlainValue></p:Time>
                <p:TimeInterval><p:PlainValue>60</p:PlainValue></p:TimeInterval>
                <p:TimeDrift><p:PlainValue>-2</p:PlainValue></p:TimeDrift></p:Data>
              <p:UserId>UID=anna</p:UserId>
            </p:Key>
          </p:KeyPackage>
        </p:KeyContainer>"#
    )
}

fn plain() -> String {
    let secret = format!("<p:PlainValue>{}</p:PlainValue>", BASE64.encode(SEED));
    pskc_with("", &secret)
}

fn read_plain(text: &str) -> Vec<Token> {
    assert_eq!(pskc::lock(text.as_bytes()).unwrap(), Lock::None);
    pskc::read(text.as_bytes(), None).unwrap()
}

#[test]
fn a_plain_key_is_read_with_all_that_makes_its_codes() {
    let tokens = read_plain(&plain());
    let device = device(&tokens[0]);
    assert_eq!(device.secret.expose(), SEED_BASE32);
    assert_eq!(
        (device.digits, device.algorithm),
        (8, HashAlgorithm::Sha256)
    );
    assert_eq!(
        device.kind,
        Kind::Time {
            period: 60,
            offset: -2
        }
    );
    assert_eq!(tokens[0].serial.as_deref(), Some("1000042"));
    assert_eq!(tokens[0].user.as_deref(), Some("UID=anna"));
    assert_eq!(device.credential_id.as_deref(), Some("1000042"));
    let hotp = plain()
        .replace("pskc:totp", "pskc:hotp")
        .replace("p:TimeInterval>", "p:Counter>");
    let tokens = read_plain(&hotp);
    let device = tokens[0].device.as_ref().unwrap();
    assert_eq!((device.kind, device.used), (Kind::Counter, Some(59)));
}

#[test]
fn a_key_that_makes_other_codes_than_ours_is_refused() {
    for (from, to, words) in [
        ("pskc:totp", "pskc:ocra", "Algorithm"),
        ("DECIMAL", "HEXADECIMAL", "decimal"),
        (
            "Encoding=\"DECIMAL\"",
            "CheckDigits=\"true\"",
            "check digit",
        ),
        ("HMAC-SHA256", "HMAC-MD5", "Suite"),
        ("<p:PlainValue>0<", "<p:PlainValue>946684800<", "1970"),
        ("<p:PlainValue>60<", "<p:PlainValue>often<", "TimeInterval"),
        (
            "<p:UserId>",
            "<p:Policy><p:KeyUsage>CR</p:KeyUsage></p:Policy><p:UserId>",
            "KeyUsage",
        ),
    ] {
        let tokens = read_plain(&plain().replace(from, to));
        let reason = reason(&tokens[0]);
        assert!(reason.contains(words), "{to}: {reason}");
    }
}

/// An element with this value, encrypted, and its MAC if there is a key for one.
fn sealed(key: &[u8; 16], mac_key: Option<&[u8]>, value: &[u8]) -> String {
    let vector = [7; 16];
    let mut data = value.to_vec();
    data.resize(value.len() + 16, 0);
    let encryptor = cbc::Encryptor::<aes::Aes128>::new(key.into(), &vector.into());
    let blocks = encryptor
        .encrypt_padded::<Pkcs7>(&mut data, value.len())
        .unwrap();
    let data = [&vector, blocks].concat();
    let mac = mac_key.map(|mac_key| {
        let mac = Hmac::<Sha256>::new_from_slice(mac_key)
            .unwrap()
            .chain_update(&data);
        format!(
            "<p:ValueMAC>{}</p:ValueMAC>",
            BASE64.encode(&mac.finalize().into_bytes())
        )
    });
    let method =
        r#"<xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/>"#;
    let value = format!(
        "{method}<xenc:CipherData><xenc:CipherValue>\n {}\n</xenc:CipherValue></xenc:CipherData>",
        BASE64.encode(&data)
    );
    match mac {
        Some(mac) => format!("<p:EncryptedValue>{value}</p:EncryptedValue>{mac}"),
        None => value,
    }
}

const MAC_KEY: &[u8] = b"a key for the MAC only";

fn encrypted(key: &[u8; 16], key_element: &str) -> String {
    let head = format!(
        "<p:EncryptionKey>{key_element}</p:EncryptionKey>\
         <p:MACMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#hmac-sha256\"><p:MACKey>{}</p:MACKey></p:MACMethod>",
        sealed(key, None, MAC_KEY)
    );
    pskc_with(&head, &sealed(key, Some(MAC_KEY), SEED))
}

#[test]
fn a_file_with_a_pre_shared_key_opens_with_that_key_only() {
    let text = encrypted(&[0x12; 16], "<ds:KeyName xmlns:ds=\"d\">k</ds:KeyName>");
    assert_eq!(pskc::lock(text.as_bytes()).unwrap(), Lock::PreSharedKey);
    let read = |key: &str| pskc::read(text.as_bytes(), Some(&Secret::from(key)));
    let tokens = read(&"12".repeat(16)).unwrap();
    assert_eq!(device(&tokens[0]).secret.expose(), SEED_BASE32);
    for (key, words) in [("not hexadecimal", "not hexadecimal"), ("1212", "2 bytes")] {
        let refusal = read(key).unwrap_err().to_string();
        assert!(refusal.contains(words), "{refusal}");
    }
    // A wrong key spoils the key of the MAC, or the values.
    let wrong = "34".repeat(16);
    match read(&wrong) {
        Err(refusal) => assert!(refusal.to_string().contains("does not fit"), "{refusal}"),
        Ok(tokens) => assert!(reason(&tokens[0]).contains("does not fit")),
    }
    assert!(pskc::read(text.as_bytes(), None).is_err());
}

#[test]
fn a_changed_value_is_refused_and_so_is_a_file_without_a_mac() {
    let text = encrypted(&[0x12; 16], "");
    let key = Secret::from("12121212121212121212121212121212");
    let value = sealed(&[0x12; 16], Some(MAC_KEY), b"another secret for a test");
    let start = value.find("</p:EncryptedValue>").unwrap();
    let swapped = text.replace(
        &sealed(&[0x12; 16], Some(MAC_KEY), SEED)
            .split("</p:EncryptedValue>")
            .next()
            .unwrap()
            .to_owned(),
        &value[..start],
    );
    assert_ne!(swapped, text);
    let tokens = pskc::read(swapped.as_bytes(), Some(&key)).unwrap();
    assert!(reason(&tokens[0]).contains("does not fit"));
    let without = text.replace("MACMethod", "NoMethod");
    let refusal = pskc::read(without.as_bytes(), Some(&key)).unwrap_err();
    assert!(refusal.to_string().contains("no MAC"), "{refusal}");
    let certificate = encrypted(&[0x12; 16], "<X509Data/>");
    assert!(pskc::lock(certificate.as_bytes()).is_err());
}

fn with_password(rounds: &str, function: &str) -> String {
    // PBKDF2 of "qwerty" with this salt: python3 -c 'import hashlib; print(hashlib.pbkdf2_hmac(…).hex())'
    let key = match function {
        "" => *b"\x65\x1e\x63\xcd\x57\x00\x84\x76\xaf\x1f\xf6\x42\x2c\xd0\x2e\x41",
        _ => SHA256_KEY,
    };
    encrypted(
        &key,
        &format!(
            "<DerivedKey><KeyDerivationMethod Algorithm=\"http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#pbkdf2\">\
             <PBKDF2-params><Salt><Specified>Ej7/PEpyEpw=</Specified></Salt><IterationCount>{rounds}</IterationCount>\
             <KeyLength>16</KeyLength><PRF {function}/></PBKDF2-params></KeyDerivationMethod></DerivedKey>"
        ),
    )
}

const SHA256_KEY: [u8; 16] = *b"\x97\x0a\x29\xcc\x90\xf4\x46\x2f\x97\xe2\x41\xf3\x54\xf6\x84\x64";

#[test]
fn a_file_with_a_password_opens_with_that_password_only() {
    for function in [
        "",
        "Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#hmac-sha256\"",
    ] {
        let text = with_password("1000", function);
        assert_eq!(pskc::lock(text.as_bytes()).unwrap(), Lock::Password);
        let tokens = pskc::read(text.as_bytes(), Some(&"qwerty".into())).unwrap();
        assert_eq!(
            device(&tokens[0]).secret.expose(),
            SEED_BASE32,
            "{function}"
        );
        match pskc::read(text.as_bytes(), Some(&"qwertz".into())) {
            Err(refusal) => assert!(refusal.to_string().contains("does not fit"), "{refusal}"),
            Ok(tokens) => assert!(reason(&tokens[0]).contains("does not fit")),
        }
    }
    for rounds in ["0", "99999999999", "x"] {
        let text = with_password(rounds, "");
        let refusal = pskc::read(text.as_bytes(), Some(&"qwerty".into())).unwrap_err();
        assert!(refusal.to_string().contains("IterationCount"), "{refusal}");
    }
}

#[test]
fn other_files_and_floods_are_refused() {
    for text in [
        "",
        "<a/>",
        "no xml",
        "<KeyContainer/>",
        "<!DOCTYPE a []><KeyContainer/>",
    ] {
        assert!(pskc::read(text.as_bytes(), None).is_err(), "{text}");
    }
    let large = vec![b' '; MAX_FILE + 1];
    assert!(pskc::read(&large, None).is_err());
    assert!(csv::read(&large, &Form::default()).is_err());
    let package = format!(
        "<KeyPackage>{}</KeyPackage>",
        "<Key/>".repeat(MAX_TOKENS + 1)
    );
    let refusal = pskc::read(
        format!("<KeyContainer>{package}</KeyContainer>").as_bytes(),
        None,
    );
    assert!(refusal.unwrap_err().to_string().contains("split it"));
}

proptest! {
    #[test]
    fn any_document_is_read_or_refused(
        names in prop::collection::vec(prop::sample::select(vec![
            "KeyPackage", "Key", "Data", "Secret", "PlainValue", "EncryptedValue", "Policy", "MACMethod", "EncryptionKey",
        ]), 0..8),
        text in "[A-Za-z0-9+/=]{0,30}",
    ) {
        let open: String = names.iter().map(|name| format!("<{name} Algorithm=\"x:totp\">")).collect();
        let close: String = names.iter().rev().map(|name| format!("</{name}>")).collect();
        let document = format!("<KeyContainer>{open}{text}{close}</KeyContainer>");
        let _ = pskc::lock(document.as_bytes());
        let _ = pskc::read(document.as_bytes(), Some(&"00".into()));
    }

    #[test]
    fn a_seed_in_a_table_is_read_back(seed in prop::collection::vec(any::<u8>(), 10..64)) {
        let hex = data_encoding::HEXLOWER.encode(&seed);
        let tokens = table(&format!("serial,seed\n1,{hex}\n"), &Form::default());
        let read = data_encoding::BASE32_NOPAD.decode(device(&tokens[0]).secret.expose().as_bytes()).unwrap();
        prop_assert_eq!(read, seed);
    }
}
