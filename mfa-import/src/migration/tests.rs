use data_encoding::BASE64;
use proptest::prelude::*;

use super::*;

fn otp() -> Otp {
    Otp {
        secret: b"12345678901234567890".to_vec(),
        name: "alice@example.org".to_owned(),
        issuer: "Example: host".to_owned(),
        algorithm: Hash::Sha1 as i32,
        digits: Count::Six as i32,
        kind: Type::Totp as i32,
        counter: 0,
    }
}

fn uri_of(devices: Vec<Otp>, batch_size: i32, batch_index: i32) -> String {
    let payload = Payload {
        devices,
        version: 1,
        batch_size,
        batch_index,
        batch_id: -7,
    };
    let data = BASE64.encode(&payload.encode_to_vec());
    let data = data
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    format!("otpauth-migration://offline?data={data}")
}

fn one(change: impl FnOnce(&mut Otp)) -> Result<Device, Refusal> {
    let mut otp = otp();
    change(&mut otp);
    read(&uri_of(vec![otp], 1, 0)).unwrap().devices.remove(0)
}

/// A real export from the app: key "Hello!" and DEADBEEF.
const REAL: &str = "otpauth-migration://offline?data=CjEKCkhlbGxvId6tvu8SGEV4YW1wbGU6YWxpY2VAZ29vZ2xlLmNvbRoHRXhhbXBsZTAC";

#[test]
fn a_real_export_is_read() {
    let export = read(REAL).unwrap();
    let device = export.devices[0].as_ref().unwrap();
    assert_eq!(device.secret.expose(), "JBSWY3DPEHPK3PXP");
    assert_eq!(device.label.as_deref(), Some("Example"));
    assert_eq!((device.algorithm, device.digits), (HashAlgorithm::Sha1, 6));
    assert_eq!(
        device.kind,
        Kind::Time {
            period: 30,
            offset: 0
        }
    );
    assert_eq!(export.part, None);
}

#[test]
fn a_part_of_an_export_has_its_number() {
    let export = read(&uri_of(vec![otp(), otp()], 3, 1)).unwrap();
    assert_eq!(export.devices.len(), 2);
    assert_eq!(export.part, Some((2, 3)));
    assert_eq!(part(3, 3), None);
    assert_eq!(part(-1, 3), None);
}

#[test]
fn every_algorithm_and_length_is_known_and_md5_is_refused() {
    let sha512 = one(|o| {
        o.algorithm = Hash::Sha512 as i32;
        o.digits = Count::Eight as i32;
    })
    .unwrap();
    assert_eq!(
        (sha512.algorithm, sha512.digits),
        (HashAlgorithm::Sha512, 8)
    );
    assert_eq!(
        one(|o| o.algorithm = 0).unwrap().algorithm,
        HashAlgorithm::Sha1
    );
    for bad in [4, 99, -1] {
        let refusal = one(|o| o.algorithm = bad).unwrap_err().to_string();
        assert!(refusal.contains("MD5"), "{refusal}");
    }
    assert!(one(|o| o.digits = 9).is_err());
    assert!(one(|o| o.kind = 0).is_err());
    assert!(one(|o| o.secret.clear()).is_err());
}

#[test]
fn a_counter_is_that_of_the_code_shown_last() {
    let hotp = |counter| {
        one(|o| {
            o.kind = Type::Hotp as i32;
            o.counter = counter;
        })
    };
    let device = hotp(7).unwrap();
    assert_eq!((device.kind, device.used), (Kind::Counter, Some(7)));
    assert!(otpauth(&device).expose().ends_with("&counter=8"));
    assert_eq!(hotp(0).unwrap().used, None);
    assert!(hotp(-1).is_err());
}

#[test]
fn a_device_is_written_as_the_usual_uri() {
    assert_eq!(
        otpauth(&one(|_| ()).unwrap()).expose(),
        "otpauth://totp/Example_%20host?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
         &issuer=Example_%20host&algorithm=SHA1&digits=6&period=30"
    );
}

#[test]
fn the_data_is_read_in_every_encoding() {
    let unpadded = REAL.trim_end_matches('=');
    let escaped = REAL.replace("CjEK", "%43%6aEK");
    let among_others = REAL.replace("?data=", "?x=1&data=") + "&y=2#z";
    for uri in [
        unpadded,
        &escaped,
        &among_others,
        &REAL.replace("otpauth-m", "OTPAUTH-M"),
    ] {
        assert_eq!(read(uri).unwrap().devices.len(), 1, "{uri}");
    }
}

#[test]
fn a_uri_that_is_no_export_is_refused_and_not_repeated() {
    let cut = &REAL[..REAL.len() - 30];
    for (uri, expected) in [
        ("otpauth://totp/a", "expected otpauth-migration://"),
        ("otpauth-migration://offline", "no data"),
        ("otpauth-migration://offline?data=", "no data"),
        ("otpauth-migration://offline?data=CjE!", "base64"),
        ("otpauth-migration://offline?data=%4", "incomplete % escape"),
        ("otpauth-migration://offline?data=EAE%3D", "no device"),
        (cut, "cut off"),
    ] {
        let refusal = read(uri).unwrap_err().to_string();
        assert!(refusal.contains(expected), "{uri}: {refusal}");
        assert!(!refusal.contains("CjE"), "{refusal}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(tail in "\\PC{0,120}") {
        let _ = read(&format!("otpauth-migration://offline?data={tail}"));
    }

    #[test]
    fn any_message_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let data = BASE64.encode(&bytes);
        if let Ok(export) = read(&format!("otpauth-migration://offline?data={data}")) {
            for device in export.devices.into_iter().flatten() {
                prop_assert!(otpauth(&device).expose().starts_with("otpauth://"));
            }
        }
    }
}
