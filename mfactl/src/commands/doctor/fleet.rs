//! The hosts that share the store, and its servers: which answer, whether they are enough, whose clock is wrong, and which
//! certificate ends.

use mfa_protocol::admin::{FleetHost, StoreCertificate, StoreEndpoint};

use super::Check;
use crate::clock::Clock;
use crate::commands::hosts::{Fleet, clock, trouble};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;

const SERVERS: &str = "servers";
const HOSTS: &str = "hosts";
const CLOCKS: &str = "clocks";
const CERTIFICATES: &str = "certificates";

const GUIDE: &str = "/usr/share/doc/pam-mfa/docs/fleet.md";

/// So many hosts are named in one check.
const MOST: usize = 5;

/// A server that takes longer makes each login slower.
const SLOW: u64 = 100;

/// The name that this host has from its start, whatever a network says.
const NAME_FILE: &str = "/etc/hostname";

pub(super) fn checks(context: &mut Context, clock: &Clock) -> Result<Vec<Check>, Failure> {
    let fleet = crate::commands::hosts::fleet(context)?;
    let mut checks = of(&fleet, clock);
    // Of a file that can't be read nothing is said.
    let file = match std::fs::read_to_string(NAME_FILE) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Ok(checks),
        file => file.unwrap_or_default(),
    };
    checks.extend(changeable_name(&fleet.hosts, &file));
    Ok(checks)
}

fn of(fleet: &Fleet, clock: &Clock) -> Vec<Check> {
    if !fleet.shared {
        return Vec::new();
    }
    let mut checks = vec![servers(&fleet.endpoints)];
    checks.extend(fleet.endpoints.iter().filter_map(server));
    checks.extend(certificates(&fleet.certificates, clock));
    checks.push(hosts(&fleet.hosts));
    checks.extend(versions(&fleet.hosts));
    checks.extend(keys(&fleet.hosts));
    checks.extend(doubles(&fleet.hosts));
    checks.extend(clocks(&fleet.hosts));
    checks
}

fn works(server: &StoreEndpoint) -> bool {
    server.error.is_none() && server.has_leader && server.complaints.is_empty()
}

fn servers(all: &[StoreEndpoint]) -> Check {
    let working = all.iter().filter(|server| works(server)).count();
    let message = format!(
        "{working} of {} servers of the store can be used",
        all.len()
    );
    match working {
        0 => {
            // Where all servers answer, a majority is not what is missing.
            let section = all.iter().find_map(section_of_complaints);
            let section = section.unwrap_or("Loss of the quorum");
            Check::problem(
                SERVERS,
                format!("{message}: nobody who is asked for a factor gets in"),
                format!("see \"{section}\" in {GUIDE}"),
            )
        }
        _ => Check::ok(SERVERS, message),
    }
}

/// Where the guide says what to do about what a server complains of, or what it is refused for.
fn section_of_complaints(server: &StoreEndpoint) -> Option<&'static str> {
    let says = |word: &str| server.complaints.iter().any(|it| it.contains(word));
    match server.complaints.is_empty() {
        true => None,
        false if says("NOSPACE") => Some("A full database"),
        false if says("CORRUPT") => Some("Loss of a node"),
        // As the agent says it of another cluster, or an older state.
        false if says("mfa-agent --init") || says("set back") => Some("A store that was set back"),
        false if says("etcd is the cluster") => Some("A store that was set back"),
        false => Some("Loss of the quorum"),
    }
}

fn server(server: &StoreEndpoint) -> Option<Check> {
    let name = clean(&server.endpoint);
    if let Some(error) = &server.error {
        let message = format!("{name} can't be used: {error}");
        return Some(Check::problem(
            SERVERS,
            message,
            format!("see \"Loss of a node\" in {GUIDE}"),
        ));
    }
    if let Some(section) = section_of_complaints(server) {
        let message = format!("{name} is not used: {}", server.complaints.join(", "));
        let remedy = format!("see \"{section}\" in {GUIDE}");
        return Some(Check::problem(SERVERS, message, remedy));
    }
    if !server.has_leader {
        let message = format!("{name} has no leader: it does not reach most of the other servers");
        let remedy = format!("see \"Loss of the quorum\" in {GUIDE}");
        return Some(Check::problem(SERVERS, message, remedy));
    }
    let slow = server.milliseconds.filter(|latency| *latency > SLOW)?;
    Some(Check::note(
        SERVERS,
        format!("{name} answers in {slow} ms, and each login waits for that"),
        format!("put a cluster near the hosts: see \"One cluster a region\" in {GUIDE}"),
    ))
}

/// Those that need something done; if none does, when they end.
fn certificates(all: &[StoreCertificate], clock: &Clock) -> Vec<Check> {
    let told: Vec<Check> = all.iter().filter_map(|it| certificate(it, clock)).collect();
    if !told.is_empty() || all.is_empty() {
        return told;
    }
    let ends = all.iter().map(|it| {
        let ends = clock.date(it.ends.as_deref().unwrap_or_default());
        format!("{} {} ends on {ends}", it.key, clean(&it.file))
    });
    let message = ends.collect::<Vec<_>>().join(", ");
    vec![Check::ok(CERTIFICATES, message)]
}

fn certificate(certificate: &StoreCertificate, clock: &Clock) -> Option<Check> {
    let message = trouble(certificate, clock)?;
    let renew = format!("see \"Certificates end\" in {GUIDE}");
    Some(
        match (&certificate.error, certificate.valid, certificate.ends_soon) {
            (Some(_), ..) => Check::problem(
                CERTIFICATES,
                format!(
                    "{message}; the agent goes on with what it read before, until it is restarted"
                ),
                "correct the file, then: systemctl reload mfa-agent",
            ),
            (None, true, _) => Check::note(CERTIFICATES, message, renew),
            (None, false, true) => Check::problem(
                CERTIFICATES,
                format!("{message}: nobody who is asked for a factor gets in on this host"),
                renew,
            ),
            (None, false, false) => Check::problem(
                CERTIFICATES,
                message,
                "check the clock of this host: timedatectl",
            ),
        },
    )
}

fn hosts(all: &[FleetHost]) -> Check {
    let live = all.iter().filter(|host| host.live).count();
    Check::ok(HOSTS, format!("{live} of {} hosts are live", all.len()))
}

/// Live hosts of which something differs from this host.
fn differing(
    all: &[FleetHost],
    differs: impl Fn(&FleetHost, &FleetHost) -> bool,
) -> Option<String> {
    let own = all.iter().find(|host| host.this_host)?;
    let others = all.iter().filter(|host| host.live && !host.this_host);
    let names: Vec<&str> = others
        .filter(|host| differs(host, own))
        .map(|host| &*host.name)
        .collect();
    (!names.is_empty()).then(|| named(&names))
}

fn named(names: &[&str]) -> String {
    let (shown, more) = names.split_at(names.len().min(MOST));
    let shown: Vec<_> = shown.iter().map(|name| clean(name)).collect();
    match more.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Without a name in its file, a host may be called what a DHCP server says, and rules with `hosts` believe it.
fn changeable_name(all: &[FleetHost], file: &str) -> Option<Check> {
    let own = &all.iter().find(|host| host.this_host)?.name;
    let mut lines = file.lines().map(str::trim);
    let fixed = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
    let first = |name: &str| name.split('.').next().unwrap_or_default().to_lowercase();
    if fixed.is_some_and(|fixed| first(fixed) == first(own)) {
        return None;
    }
    let own = clean(own);
    let message = match fixed {
        Some(fixed) => format!(
            "this host is called {own}, but {NAME_FILE} says {}",
            clean(fixed)
        ),
        None => format!(
            "this host is called {own}, but {NAME_FILE} has no name: the network may change it"
        ),
    };
    let remedy = format!("rules with hosts depend on it: hostnamectl hostname {own}");
    Some(Check::note(HOSTS, message, remedy))
}

fn versions(all: &[FleetHost]) -> Option<Check> {
    let names = differing(all, |host, own| host.schema != own.schema)?;
    let message = format!("these hosts know other formats of records than this host: {names}");
    let remedy = format!("finish the upgrade: see \"Upgrade\" in {GUIDE}");
    Some(Check::note(HOSTS, message, remedy))
}

fn keys(all: &[FleetHost]) -> Option<Check> {
    let has = |host: &FleetHost, key: &str| {
        host.key == key || host.other_keys.iter().any(|own| own == key)
    };
    let names = differing(all, |host, own| !has(host, &own.key))?;
    let message = format!("these hosts do not have the key that this host seals with: {names}");
    let remedy = "copy key_file to them and restart their agents; see: mfactl rotate-key --status";
    Some(Check::problem(HOSTS, message, remedy))
}

/// Such hosts count as one: a key that one of them lacks, a restore of one, and sessions of both.
fn doubles(all: &[FleetHost]) -> Option<Check> {
    let names: Vec<&str> = all
        .iter()
        .filter(|host| host.double)
        .map(|host| &*host.name)
        .collect();
    if names.is_empty() {
        return None;
    }
    let message = format!("two hosts have the same name: {}", named(&names));
    let remedy = "give each host a name of its own: hostnamectl hostname NAME";
    Some(Check::problem(HOSTS, message, remedy))
}

fn clocks(all: &[FleetHost]) -> Option<Check> {
    let wrong: Vec<&FleetHost> = all
        .iter()
        .filter(|host| host.live && host.clock_wrong)
        .collect();
    if wrong.is_empty() {
        return None;
    }
    let shown = wrong.iter().take(MOST).map(|host| {
        let clock = clock(host.clock_ahead_milliseconds, true);
        format!("{} ({clock})", clean(&host.name))
    });
    let shown: Vec<String> = shown.collect();
    let more = match wrong.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(Check::problem(
        CLOCKS,
        format!(
            "the clock of these hosts differs from the clocks of the servers, and codes of devices depend on it: {}{more}",
            shown.join(", ")
        ),
        "set the clock there: timedatectl set-ntp true",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> FleetHost {
        FleetHost {
            name: name.to_owned(),
            live: true,
            key: "k1".to_owned(),
            schema: 6,
            ..FleetHost::default()
        }
    }

    fn server(endpoint: &str) -> StoreEndpoint {
        StoreEndpoint {
            endpoint: endpoint.to_owned(),
            has_leader: true,
            milliseconds: Some(2),
            ..StoreEndpoint::default()
        }
    }

    fn fleet() -> Fleet {
        let own = FleetHost {
            this_host: true,
            ..host("web-1")
        };
        Fleet {
            shared: true,
            hosts: vec![own, host("web-2"), host("db-1")],
            endpoints: vec![server("a"), server("b"), server("c")],
            certificates: vec![certificate("cert_file"), certificate("ca_file")],
        }
    }

    fn certificate(key: &str) -> StoreCertificate {
        StoreCertificate {
            key: key.to_owned(),
            file: format!("/etc/mfa/{key}.pem"),
            begins: Some("2026-11-01T00:00:00Z".to_owned()),
            ends: Some("2031-11-01T00:00:00Z".to_owned()),
            valid: true,
            ..StoreCertificate::default()
        }
    }

    /// The name, the message and whether it is well, of all but the first check of servers and of hosts.
    fn found(fleet: &Fleet) -> Vec<(&'static str, bool, String)> {
        let told = of(fleet, &Clock::for_tests())
            .into_iter()
            .filter(|check| check.remedy.is_some());
        told.map(|check| (check.name, check.ok, check.message))
            .collect()
    }

    fn assert_found(fleet: &Fleet, name: &str, ok: bool, words: &[&str]) {
        let found = found(fleet);
        let is_it = |(its, is_ok, message): &(&str, bool, String)| {
            *its == name && *is_ok == ok && words.iter().all(|word| message.contains(word))
        };
        assert!(found.iter().any(is_it), "{name} {words:?}: {found:?}");
    }

    #[test]
    fn nothing_is_found_where_all_is_well_or_no_store_is_shared() {
        assert_eq!(found(&fleet()), []);
        assert_eq!(of(&Fleet::default(), &Clock::for_tests()), []);
    }

    #[test]
    fn certificates_are_named_with_the_day_on_which_they_end() {
        let well = fleet();
        let shown = of(&well, &Clock::for_tests());
        let shown = shown
            .iter()
            .find(|check| check.name == CERTIFICATES)
            .unwrap();
        for words in [
            "cert_file.pem ends on 2031-11-01",
            "ca_file.pem ends on 2031-11-01",
        ] {
            assert!(shown.message.contains(words), "{}", shown.message);
        }
        let mut ill = fleet();
        ill.certificates[0].ends_soon = true;
        let words = ["cert_file /etc/mfa/cert_file.pem ends on 2031-11-01"];
        assert_found(&ill, CERTIFICATES, true, &words);
        assert_eq!(found(&ill).len(), 1);
        ill.certificates[0].valid = false;
        assert_found(
            &ill,
            CERTIFICATES,
            false,
            &["ended on 2031-11-01", "nobody"],
        );
        ill.certificates[0].ends_soon = false;
        let words = ["not yet valid", "begins on 2026-11-01"];
        assert_found(&ill, CERTIFICATES, false, &words);
        ill.certificates[0].error = Some("it is empty".to_owned());
        let words = ["can't be used: it is empty", "goes on"];
        assert_found(&ill, CERTIFICATES, false, &words);
    }

    #[test]
    fn servers_that_fail_complain_or_are_slow_are_named() {
        let mut ill = fleet();
        ill.endpoints[0].error = Some("connection refused".to_owned());
        ill.endpoints[1].complaints = vec!["NOSPACE".to_owned()];
        ill.endpoints[2].milliseconds = Some(250);
        assert_found(
            &ill,
            SERVERS,
            false,
            &["a can't be used", "connection refused"],
        );
        assert_found(&ill, SERVERS, false, &["b is not used: NOSPACE"]);
        assert_found(&ill, SERVERS, true, &["c answers in 250 ms"]);
        ill.endpoints[2].has_leader = false;
        assert_found(&ill, SERVERS, false, &["0 of 3", "nobody"]);
    }

    #[test]
    fn the_guide_is_named_at_the_place_that_helps() {
        let remedies = |complaint: &str| -> Vec<String> {
            let mut ill = fleet();
            for server in &mut ill.endpoints {
                server.complaints = vec![complaint.to_owned()];
            }
            let checks = of(&ill, &Clock::for_tests()).into_iter();
            let told = checks.filter(|check| check.name == SERVERS && !check.ok);
            told.filter_map(|check| check.remedy).collect()
        };
        for (complaint, section) in [
            ("memberID:1 alarm:NOSPACE", "\"A full database\""),
            (
                "etcd was set back to an older state",
                "\"A store that was set back\"",
            ),
            (
                "etcd is the cluster 5c14, and the store",
                "\"A store that was set back\"",
            ),
            ("etcdserver: no leader", "\"Loss of the quorum\""),
        ] {
            let told = remedies(complaint);
            assert_eq!(told.len(), 4);
            assert!(told.iter().all(|it| it.contains(section)), "{told:?}");
        }
        let mut silent = fleet();
        for server in &mut silent.endpoints {
            server.error = Some("connection refused".to_owned());
        }
        let checks = of(&silent, &Clock::for_tests());
        let remedy = checks[0].remedy.as_deref().unwrap_or_default();
        assert!(remedy.contains("Loss of the quorum"), "{remedy}");
    }

    #[test]
    fn a_name_that_a_network_may_change_is_told() {
        let told = |file: &str| changeable_name(&fleet().hosts, file).map(|check| check.message);
        for file in ["web-1\n", "WEB-1.example.org", "# a comment\n\n web-1 \n"] {
            assert_eq!(told(file), None, "{file:?}");
        }
        assert!(told("").is_some_and(|told| told.contains("has no name")));
        assert!(told("# only\n").is_some_and(|told| told.contains("has no name")));
        let told = told("template\n").unwrap();
        assert!(
            told.contains("web-1, but /etc/hostname says template"),
            "{told}"
        );
    }

    #[test]
    fn hosts_with_another_key_format_or_clock_are_named() {
        let mut ill = fleet();
        ill.hosts[1].key = "k2".to_owned();
        ill.hosts[2].schema = 5;
        ill.hosts[2].clock_wrong = true;
        ill.hosts[2].clock_ahead_milliseconds = Some(7_000);
        assert_found(&ill, HOSTS, false, &["key", "web-2"]);
        assert_found(&ill, HOSTS, true, &["formats", "db-1"]);
        assert_found(&ill, CLOCKS, false, &["db-1 (7 seconds ahead)"]);
        ill.hosts[0].double = true;
        assert_found(&ill, HOSTS, false, &["the same name"]);
        ill.hosts[0].double = false;
        ill.hosts[1].other_keys = vec!["k1".to_owned()];
        ill.hosts[2].live = false;
        assert_eq!(
            found(&ill),
            [],
            "a host that has the key, and one that is gone"
        );
    }
}
