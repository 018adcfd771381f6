//! `[store]`: on this host, or in etcd.

use crate::config::keys::{self, Part};
use crate::config::settings::{Engine, Store};
use crate::config::values::Findings;
use crate::config::words::EngineName;
use crate::store::etcd::{Access, ClientIdentity};
use mfa_core::policy::Place;

/// The most servers; a cluster of more is slower than one of fewer.
const MOST_SERVERS: usize = 16;

const PREFIX: &str = "/pam-mfa/";

const OF_ETCD: [&str; 7] = [
    "endpoints",
    "prefix",
    "ca_file",
    "cert_file",
    "cert_key_file",
    "username",
    "password_file",
];

const NOT_WITH_SLED: &str =
    "is only for engine = \"etcd\", and the engine is \"sled\"; set engine, or remove this key";

const NO_SERVERS: &str = "engine is \"etcd\", and there are no endpoints; expected the servers, such as endpoints = \
                          [\"https://etcd1.example.org:2379\"]";

pub(super) fn store(mut part: Part<'_, keys::Store>, findings: &mut Findings) -> Option<Store> {
    let engine = match part.keys.engine {
        EngineName::Sled => {
            part.refuse(&OF_ETCD, NOT_WITH_SLED, findings);
            Engine::Sled
        }
        EngineName::Etcd => Engine::Etcd(Box::new(access(&mut part, findings)?)),
    };
    Some(Store {
        engine,
        path: part.keys.path,
        key_file: part.keys.key_file,
    })
}

fn access(part: &mut Part<'_, keys::Store>, findings: &mut Findings) -> Option<Access> {
    let place = part.place("engine")?;
    for (one, other) in [
        ("cert_file", "cert_key_file"),
        ("username", "password_file"),
    ] {
        both_or_neither(part, one, other, findings);
    }
    let endpoints = part.keys.endpoints.take();
    let endpoints = part.named("endpoints", endpoints, findings);
    let endpoints = endpoints.filter(|endpoints| !endpoints.is_empty());
    let endpoints = findings.demand(endpoints, place, NO_SERVERS)?;
    if endpoints.len() > MOST_SERVERS {
        let message = format!(
            "endpoints has more than {MOST_SERVERS} servers; expected those of one cluster"
        );
        part.problem(findings, "endpoints", message);
    }
    if let Some(open) = endpoints.iter().find(|endpoint| !endpoint.is_private())
        && part.keys.username.is_some()
    {
        let message = format!(
            "username would send its password unencrypted to {open}; expected https:// endpoints"
        );
        part.problem(findings, "username", message);
    }
    let certificate = part.keys.cert_file.take();
    let certificate = part.named("cert_file", certificate, findings);
    let key = part.keys.cert_key_file.take();
    let key = part.named("cert_key_file", key, findings);
    let password = part.keys.password_file.take();
    let password = part.named("password_file", password, findings);
    let ca_file = part.keys.ca_file.take();
    Some(Access {
        endpoints,
        prefix: part.keys.prefix.take().unwrap_or_else(|| PREFIX.to_owned()),
        roots: part.roots(ca_file, findings),
        identity: certificate
            .zip(key)
            .map(|(certificate, key)| ClientIdentity { certificate, key }),
        login: part.keys.username.take().zip(password),
    })
}

fn both_or_neither(part: &Part<'_, keys::Store>, one: &str, other: &str, findings: &mut Findings) {
    let set = |key| part.place(key).cloned();
    let lonely: Option<(Place, &str, &str)> = match (set(one), set(other)) {
        (Some(place), None) => Some((place, one, other)),
        (None, Some(place)) => Some((place, other, one)),
        _ => None,
    };
    if let Some((place, key, other)) = lonely {
        findings.problem(
            &place,
            format!("{key} is set without {other}; expected both or neither"),
        );
    }
}
