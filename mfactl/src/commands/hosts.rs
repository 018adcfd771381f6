//! `mfactl hosts`: the hosts that share the store, its servers, and whose clock is wrong.

use mfa_protocol::admin::{
    FleetHost, ForgetHost, ForgetHostParameters, Hosts, HostsReply, PageParameters,
    StoreCertificate, StoreEndpoint,
};
use serde::Serialize;

use crate::args;
use crate::clock::Clock;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;
use crate::table::{remark, table};

/// All hosts and servers.
#[derive(Debug, Default, Serialize)]
pub(super) struct Fleet {
    /// Whether hosts share the store.
    pub(super) shared: bool,
    pub(super) hosts: Vec<FleetHost>,
    pub(super) endpoints: Vec<StoreEndpoint>,
    pub(super) certificates: Vec<StoreCertificate>,
}

pub(crate) fn run(context: &mut Context, what: args::Hosts) -> Result<Verdict, Failure> {
    if let Some(name) = what.forget {
        return forget(context, name);
    }
    let fleet = fleet(context)?;
    context.output.result(&fleet, || screen(&fleet))?;
    Ok(Verdict::Done)
}

fn forget(context: &mut Context, name: String) -> Result<Verdict, Failure> {
    let reply = context.call::<ForgetHost>(&ForgetHostParameters { name })?;
    context.output.result(&reply, || {
        let name = clean(&reply.name);
        match reply.forgotten {
            true => format!("{name} is forgotten; if it is alive, it is back within a minute"),
            false => format!("{name} is not known; nothing changed"),
        }
    })?;
    Ok(Verdict::Done)
}

/// All pages.
pub(super) fn fleet(context: &mut Context) -> Result<Fleet, Failure> {
    let mut fleet = Fleet::default();
    let mut after = None;
    loop {
        let page: HostsReply = context.call::<Hosts>(&PageParameters { after })?;
        fleet.shared = page.shared;
        fleet.endpoints.extend(page.endpoints);
        fleet.certificates.extend(page.certificates);
        let last = fleet.hosts.last().map(|host| host.name.clone());
        fleet.hosts.extend(page.hosts);
        if page.next.is_none() {
            return Ok(fleet);
        }
        if page.next <= last {
            return Err(Failure::Garbled(
                "a page of a list repeats itself".to_owned(),
            ));
        }
        after = page.next;
    }
}

fn screen(fleet: &Fleet) -> String {
    if !fleet.shared {
        return "The store is of this host only. Hosts that share a store: [store] engine = \"etcd\" in agent.toml(5).\n"
            .to_owned();
    }
    let hosts = table(
        ["Host", "Version", "Key", "Clock", "Last seen"],
        fleet.hosts.iter().map(host_row),
    );
    let servers = table(
        ["Server", "Version", "Answers in", "State", "Database"],
        fleet.endpoints.iter().map(server_row),
    );
    let mut screen = format!("{hosts}\n{servers}");
    for endpoint in &fleet.endpoints {
        if let Some(error) = &endpoint.error {
            screen += "\n";
            screen += &remark(&format!("{}: {error}", clean(&endpoint.endpoint)));
        }
    }
    for certificate in &fleet.certificates {
        if let Some(trouble) = trouble(certificate, &Clock::system()) {
            screen += "\n";
            screen += &remark(&trouble);
        }
    }
    for host in fleet.hosts.iter().filter(|host| host.double) {
        let name = clean(&host.name);
        screen += "\n";
        screen += &remark(&format!(
            "{name}: two hosts are called so. Give each a name of its own: hostnamectl hostname NAME"
        ));
    }
    if fleet.hosts.iter().any(|host| !host.live) {
        screen += "\n";
        screen += &remark("A host that is gone for good: mfactl hosts --forget HOST");
    }
    screen
}

/// What is wrong with a certificate, or will be soon.
pub(super) fn trouble(certificate: &StoreCertificate, clock: &Clock) -> Option<String> {
    let name = format!("{} {}", certificate.key, clean(&certificate.file));
    if let Some(error) = &certificate.error {
        return Some(format!("{name} can't be used: {}", clean(error)));
    }
    let time = |time: &Option<String>| clock.date(time.as_deref().unwrap_or_default());
    let ends = time(&certificate.ends);
    match (certificate.valid, certificate.ends_soon) {
        (true, false) => None,
        (true, true) => Some(format!("{name} ends on {ends}")),
        (false, true) => Some(format!("{name} ended on {ends}")),
        (false, false) => {
            let begins = time(&certificate.begins);
            Some(format!("{name} is not yet valid: it begins on {begins}"))
        }
    }
}

fn host_row(host: &FleetHost) -> [String; 5] {
    let name = match host.this_host {
        true => format!("{} (this host)", host.name),
        false => host.name.clone(),
    };
    let seen = match host.live {
        true => "now".to_owned(),
        false => format!("{} ago", length(host.seconds)),
    };
    [
        name,
        host.version.clone(),
        host.key.chars().take(8).collect(),
        clock(host.clock_ahead_milliseconds, host.clock_wrong),
        seen,
    ]
}

fn server_row(server: &StoreEndpoint) -> [String; 5] {
    let state = match (&server.error, server.complaints.is_empty()) {
        (Some(_), _) => "can't be used".to_owned(),
        (None, false) => server.complaints.join(", "),
        (None, true) if !server.has_leader => "no quorum".to_owned(),
        (None, true) if server.leader => "leads".to_owned(),
        (None, true) => "follows".to_owned(),
    };
    let latency = server.milliseconds.map(|latency| format!("{latency} ms"));
    let database = server.database.map(|bytes| format!("{} MiB", bytes >> 20));
    [
        server.endpoint.clone(),
        server.version.clone().unwrap_or_default(),
        latency.unwrap_or_default(),
        state,
        database.unwrap_or_default(),
    ]
}

/// How a clock differs, for people.
pub(super) fn clock(ahead: Option<i64>, is_wrong: bool) -> String {
    let Some(ahead) = ahead else {
        return "unknown".to_owned();
    };
    if !is_wrong {
        return "right".to_owned();
    }
    let seconds = ahead.unsigned_abs() / 1000;
    let side = if ahead < 0 { "behind" } else { "ahead" };
    format!("{} {side}", length(seconds))
}

/// A length of time in its largest unit.
fn length(seconds: u64) -> String {
    match seconds {
        1 => "1 second".to_owned(),
        0..120 => format!("{seconds} seconds"),
        120..7200 => format!("{} minutes", seconds / 60),
        7200..172_800 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_screen_names_hosts_servers_and_what_is_wrong_with_them() {
        let host = |name: &str| FleetHost {
            name: name.to_owned(),
            version: "0.1.0".to_owned(),
            key: "0123456789abcdef".to_owned(),
            live: true,
            clock_ahead_milliseconds: Some(12),
            ..FleetHost::default()
        };
        let server = |endpoint: &str| StoreEndpoint {
            endpoint: endpoint.to_owned(),
            version: Some("3.4.23".to_owned()),
            milliseconds: Some(3),
            has_leader: true,
            database: Some(21 << 20),
            ..StoreEndpoint::default()
        };
        let fleet = Fleet {
            shared: true,
            hosts: vec![
                FleetHost {
                    clock_ahead_milliseconds: Some(-7_900),
                    clock_wrong: true,
                    ..host("db-1\u{1b}[1A")
                },
                FleetHost {
                    live: false,
                    seconds: 90_000,
                    clock_ahead_milliseconds: None,
                    ..host("web-1")
                },
                FleetHost {
                    this_host: true,
                    ..host("web-2")
                },
            ],
            endpoints: vec![
                StoreEndpoint {
                    leader: true,
                    ..server("https://etcd1:2379")
                },
                StoreEndpoint {
                    complaints: vec!["NOSPACE".to_owned()],
                    ..server("https://etcd2:2379")
                },
                StoreEndpoint {
                    endpoint: "https://etcd3:2379".to_owned(),
                    error: Some("connection refused".to_owned()),
                    ..StoreEndpoint::default()
                },
            ],
            certificates: vec![StoreCertificate {
                key: "cert_file".to_owned(),
                file: "/etc/mfa/etcd-client.pem".to_owned(),
                ends: Some("2026-11-30T12:00:00Z".to_owned()),
                valid: true,
                ends_soon: true,
                ..StoreCertificate::default()
            }],
        };
        let hosts: Vec<[String; 5]> = fleet.hosts.iter().map(host_row).collect();
        assert_eq!(
            hosts,
            [
                [
                    "db-1\u{1b}[1A",
                    "0.1.0",
                    "01234567",
                    "7 seconds behind",
                    "now"
                ],
                ["web-1", "0.1.0", "01234567", "unknown", "25 hours ago"],
                ["web-2 (this host)", "0.1.0", "01234567", "right", "now"],
            ]
        );
        let servers: Vec<[String; 5]> = fleet.endpoints.iter().map(server_row).collect();
        assert_eq!(
            servers,
            [
                ["https://etcd1:2379", "3.4.23", "3 ms", "leads", "21 MiB"],
                ["https://etcd2:2379", "3.4.23", "3 ms", "NOSPACE", "21 MiB"],
                ["https://etcd3:2379", "", "", "can't be used", ""],
            ]
        );
        let screen = screen(&fleet);
        assert!(!screen.contains('\u{1b}'));
        assert!(screen.contains("https://etcd3:2379: connection refused"));
        assert!(screen.contains("mfactl hosts --forget HOST"));
        assert!(screen.contains("cert_file /etc/mfa/etcd-client.pem ends on 2026-11-30"));
        assert!(screen.lines().all(|line| line.chars().count() <= 80));
    }

    #[test]
    fn a_clock_that_is_wrong_says_by_how_much() {
        assert_eq!(clock(Some(900), false), "right");
        assert_eq!(clock(Some(1_500), true), "1 second ahead");
        assert_eq!(clock(Some(-3_700_000), true), "61 minutes behind");
        assert_eq!(clock(None, false), "unknown");
    }
}
