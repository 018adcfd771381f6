//! `[store]` in etcd.

use super::parse;
use crate::config::{Engine, Settings};
use crate::delivery::Roots;
use crate::store::etcd::ClientIdentity;

fn store(text: &str) -> Result<Settings, String> {
    parse(&format!("[store]\n{text}")).map_err(|error| error.to_string())
}

#[test]
fn every_key_of_a_shared_store_is_read() {
    let settings = store(
        "engine = 'etcd'\nendpoints = ['https://a:2379', 'https://b:2379/']\nprefix = '/x/'\nca_file = '/ca.pem'\n\
         cert_file = '/c.pem'\ncert_key_file = '/c.key'\nusername = 'pam-mfa'\npassword_file = '/password'\n\
         key_file = '/etc/mfa/fleet.key'",
    );
    let settings = settings.unwrap();
    let Engine::Etcd(access) = &settings.store.engine else {
        panic!("{settings:?}");
    };
    let endpoints: Vec<String> = access.endpoints.iter().map(ToString::to_string).collect();
    assert_eq!(endpoints, ["https://a:2379", "https://b:2379"]);
    assert_eq!(access.prefix, "/x/");
    assert_eq!(access.roots, Roots::File("/ca.pem".into()));
    let identity = ClientIdentity {
        certificate: "/c.pem".into(),
        key: "/c.key".into(),
    };
    assert_eq!(access.identity, Some(identity));
    assert_eq!(
        access.login,
        Some(("pam-mfa".to_owned(), "/password".into()))
    );
    assert_eq!(settings.store.key_file.to_str(), Some("/etc/mfa/fleet.key"));
    assert!(settings.file_places.contains_key("[store] cert_key_file"));
}

#[test]
fn little_is_needed_and_the_default_is_this_host() {
    assert_eq!(Settings::default().store.engine, Engine::Sled);
    let settings = store("engine = 'etcd'\nendpoints = ['http://127.0.0.1:2379']").unwrap();
    let Engine::Etcd(access) = &settings.store.engine else {
        panic!("{settings:?}");
    };
    assert_eq!(access.prefix, "/pam-mfa/");
    assert_eq!(access.roots, Roots::System);
    assert!(access.identity.is_none() && access.login.is_none());
}

#[test]
fn what_does_not_fit_together_is_refused() {
    const SERVERS: &str = "engine = 'etcd'\nendpoints = ['https://a:2379']\n";
    for (text, words) in [
        ("engine = 'consul'", "expected one of \"sled\", \"etcd\""),
        ("engine = 'etcd'", "there are no endpoints"),
        ("engine = 'etcd'\nendpoints = []", "there are no endpoints"),
        (
            "endpoints = ['https://a:2379']",
            "endpoints is only for engine = \"etcd\"",
        ),
        ("username = 'x'", "username is only for engine = \"etcd\""),
        (
            "engine = 'etcd'\nendpoints = ['a:2379']",
            "not the address of a server of etcd",
        ),
        (&format!("{SERVERS}prefix = 'pam'"), "can't begin the keys"),
        (&format!("{SERVERS}prefix = ''"), "can't begin the keys"),
        (
            &format!("{SERVERS}cert_file = '/c'"),
            "cert_file is set without cert_key_file",
        ),
        (
            &format!("{SERVERS}cert_key_file = '/c'"),
            "cert_key_file is set without cert_file",
        ),
        (
            &format!("{SERVERS}username = 'x'"),
            "username is set without password_file",
        ),
        (
            &format!("{SERVERS}password_file = '/p'"),
            "password_file is set without username",
        ),
        (
            "engine = 'etcd'\nendpoints = ['http://b:2379']\nusername = 'x'\npassword_file = '/p'",
            "unencrypted to http://b:2379",
        ),
    ] {
        let told = store(text).unwrap_err();
        assert!(told.contains(words), "{text}: {told}");
    }
}
