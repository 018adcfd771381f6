//! Files in which makers deliver tokens: tables of seeds, and PSKC, encrypted by another program.

use std::process::Command;

use data_encoding::{BASE64, HEXLOWER};
use mfa_tests::{Agent, Device, Files, Key, Stack, passes, run, run_with_input, this_step};

/// Users that every host has.
const ANNA: &str = "daemon";
const BERT: &str = "nobody";

#[test]
fn a_table_of_seeds_gives_each_user_their_token() {
    let (anna, bert) = (Key::new(), Key::new());
    let text = format!(
        "Serial Number;Seed;Assigned to\n2600001;{};{ANNA}\n2600002;{};{BERT}\n2600003;{};\n",
        anna.hex.to_uppercase(),
        bert.hex,
        Key::new().hex
    );
    let agent = Agent::start();
    let line = [
        "import",
        "csv",
        "-",
        "--user-from",
        "assigned to",
        "--period",
        "60",
    ];
    let output = agent.ctl().run(&line, &text);
    assert_eq!(output.status, Some(1), "{output:?}");
    let report: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!(
        (&report["stored"], &report["refused"]),
        (&2.into(), &1.into()),
        "{report}"
    );
    assert!(
        report
            .to_string()
            .contains("token 2600003: the file names no user for it"),
        "{report}"
    );
    assert!(!report.to_string().contains(&bert.hex));
    let ours = Stack::asking(&agent);
    for (user, key) in [(ANNA, &anna), (BERT, &bert)] {
        let code = Device(key.base32()).timed(this_step());
        assert!(passes(&ours, user, &[&code]), "{user}");
        let status = agent.ctl().json(&["status", user], "").to_string();
        assert!(status.contains("26000"), "{status}");
    }
    let one = ["import", "csv", ANNA, "-", "--serial", "2600003"];
    assert_eq!(agent.ctl().json(&one, &text)["stored"], 1);
    let all = agent.ctl().run(&["import", "csv", ANNA, "-"], &text);
    assert!(format!("{all:?}").contains("--serial"), "{all:?}");
}

/// AES-128 in CBC mode by openssl, with the vector before the blocks.
fn sealed(key: &str, value: &str) -> Vec<u8> {
    let vector = "000102030405060708090a0b0c0d0e0f";
    let mut openssl = Command::new("openssl");
    openssl.args([
        "enc",
        "-aes-128-cbc",
        "-base64",
        "-A",
        "-K",
        key,
        "-iv",
        vector,
    ]);
    let output = run_with_input(&mut openssl, value);
    assert!(output.is_success(), "openssl: {output:?}");
    let blocks = BASE64
        .decode(output.stdout.trim().as_bytes())
        .expect("base64");
    [HEXLOWER.decode(vector.as_bytes()).expect("hex"), blocks].concat()
}

/// HMAC-SHA-1 by openssl.
fn mac(key: &str, data: &[u8], folder: &Files) -> String {
    let file = folder.path("data");
    std::fs::write(&file, data).expect("a file");
    let key = format!("hexkey:{}", HEXLOWER.encode(key.as_bytes()));
    let mut openssl = Command::new("openssl");
    openssl.args(["dgst", "-sha1", "-mac", "HMAC", "-macopt", &key, "-r"]);
    let output = run(openssl.arg(file));
    assert!(output.is_success(), "openssl: {output:?}");
    let hex = output.stdout.split(' ').next().unwrap_or_default();
    BASE64.encode(&HEXLOWER.decode(hex.as_bytes()).expect("hex"))
}

/// A file of a maker whose values are sealed with `key`, which `key_element` describes. The seed is of
/// printable characters, so that it passes through a pipe.
fn pskc(key: &str, key_element: &str, seed: &str, folder: &Files) -> String {
    const MAC_KEY: &str = "a key of 20 bytes ..";
    let value = |data: &[u8]| {
        format!(
            "<xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#aes128-cbc\"/>\
             <xenc:CipherData><xenc:CipherValue>{}</xenc:CipherValue></xenc:CipherData>",
            BASE64.encode(data)
        )
    };
    let secret = sealed(key, seed);
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <KeyContainer Version=\"1.0\" xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\" \
         xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\"><EncryptionKey>{key_element}</EncryptionKey>\
         <MACMethod Algorithm=\"http://www.w3.org/2000/09/xmldsig#hmac-sha1\"><MACKey>{}</MACKey></MACMethod>\
         <KeyPackage><DeviceInfo><Manufacturer>Example</Manufacturer><SerialNo>1000042</SerialNo></DeviceInfo>\
         <Key Id=\"1000042\" Algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:hotp\">\
         <AlgorithmParameters><ResponseFormat Length=\"6\" Encoding=\"DECIMAL\"/></AlgorithmParameters>\
         <Data><Secret><EncryptedValue>{}</EncryptedValue><ValueMAC>{}</ValueMAC></Secret>\
         <Counter><PlainValue>3</PlainValue></Counter></Data><UserId>UID={ANNA},O=Example</UserId></Key></KeyPackage>\
         </KeyContainer>\n",
        value(&sealed(key, MAC_KEY)),
        value(&secret),
        mac(MAC_KEY, &secret, folder)
    )
}

const SEED: &str = "seed of twenty bytes";

fn token() -> Device {
    Device(data_encoding::BASE32_NOPAD.encode(SEED.as_bytes()))
}

#[test]
fn an_encrypted_file_opens_with_its_key_and_stays_closed_with_another() {
    const KEY: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
    let folder = Files::new();
    let text = pskc(KEY, "", SEED, &folder);
    let file = folder.secret("seeds.xml", &text);
    let file = file.to_string_lossy();
    let right = folder.secret("right", &format!("{KEY}\n"));
    let wrong = folder.secret("wrong", &format!("{}\n", KEY.replace('0', "1")));
    let agent = Agent::start();
    let import = |key: &std::path::Path, more: &[&str]| {
        let key = key.to_string_lossy();
        let line = [&["import", "pskc", ANNA, &file, "--key-file", &key], more].concat();
        agent.ctl().run(&line, "")
    };
    let refused = import(&wrong, &[]);
    assert_ne!(refused.status, Some(0), "{refused:?}");
    assert!(
        format!("{refused:?}").contains("does not fit"),
        "{refused:?}"
    );
    assert!(import(&right, &["--dry-run"]).is_success());
    let ours = Stack::asking(&agent);
    assert!(!passes(&ours, ANNA, &[&token().counted(3)]));
    let stored = import(&right, &[]);
    assert!(stored.is_success(), "{stored:?}");
    assert!(
        !passes(&ours, ANNA, &[&token().counted(2)]),
        "before the counter of the file"
    );
    assert!(passes(&ours, ANNA, &[&token().counted(3)]));
    assert!(import(&right, &[]).stdout.contains("\"unchanged\":1"));
    assert!(!passes(&ours, ANNA, &[&token().counted(3)]));
    let unasked = agent.ctl().run(&["import", "pskc", ANNA, &file], "");
    assert!(format!("{unasked:?}").contains("--key-file"), "{unasked:?}");
}

#[test]
fn a_file_with_a_password_brings_the_users_that_it_names() {
    let mut openssl = Command::new("openssl");
    openssl.args([
        "kdf",
        "-keylen",
        "16",
        "-kdfopt",
        "digest:SHA1",
        "-kdfopt",
        "pass:open sesame",
    ]);
    openssl.args(["-kdfopt", "salt:salt and", "-kdfopt", "iter:2000", "PBKDF2"]);
    let output = run(&mut openssl);
    assert!(output.is_success(), "openssl: {output:?}");
    let key = output.stdout.trim().replace(':', "").to_lowercase();
    let element = format!(
        "<DerivedKey><KeyDerivationMethod Algorithm=\"http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#pbkdf2\">\
         <PBKDF2-params><Salt><Specified>{}</Specified></Salt><IterationCount>2000</IterationCount>\
         <KeyLength>16</KeyLength><PRF/></PBKDF2-params></KeyDerivationMethod></DerivedKey>",
        BASE64.encode(b"salt and")
    );
    let folder = Files::new();
    let text = pskc(&key, &element, SEED, &folder);
    let password = folder.secret("password", "open sesame\n");
    let agent = Agent::start();
    let line = [
        "import",
        "pskc",
        "--user-from",
        "user-id",
        "--key-file",
        &password.to_string_lossy(),
        "-",
    ];
    let report = agent.ctl().json(&line, &text);
    assert_eq!(report["accounts"][0]["user"], ANNA, "{report}");
    assert!(passes(&Stack::asking(&agent), ANNA, &[&token().counted(3)]));
}
