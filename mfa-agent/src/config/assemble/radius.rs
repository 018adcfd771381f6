//! `[[radius]]`, from all files, in order. No two have the same name.

use std::net::SocketAddr;

use crate::config::keys::{self, Part};
use crate::config::settings::Radius;
use crate::config::values::Findings;
use mfa_core::account::Label;
use mfa_core::policy::Place;

/// The most servers that can fail over to each other.
const MOST_SERVERS: usize = 8;

const NO_NAME: &str = "[[radius]] has no name; expected a name for \"mfactl enroll radius \
                       --server\", such as name = \"vip\"";
const NO_SERVERS: &str =
    "[[radius]] has no servers; expected their addresses, such as servers = [\"192.0.2.1\"]";
const NO_SECRET: &str = "[[radius]] has no secret_file; expected the file or the systemd credential that \
     holds the secret shared with the servers";

pub(super) fn radius(parts: Vec<Part<'_, keys::Radius>>, findings: &mut Findings) -> Vec<Radius> {
    let mut names: Vec<(Place, Label)> = Vec::new();
    let mut finished = Vec::new();
    for part in parts {
        let place = part.place("name").cloned();
        let Some((place, one)) = place.zip(one(part, findings)) else {
            continue;
        };
        if let Some((other, _)) = names.iter().find(|(_, name)| *name == one.name) {
            let message = format!(
                "{:?} is already the name of the servers at {other}; expected another name",
                one.name.as_str()
            );
            findings.problem(&place, message);
        }
        names.push((place, one.name.clone()));
        finished.push(one);
    }
    finished
}

fn one(mut part: Part<'_, keys::Radius>, findings: &mut Findings) -> Option<Radius> {
    let whole = part.whole?;
    let name = findings.demand(part.keys.name.take(), whole, NO_NAME);
    let servers = findings.demand(part.keys.servers.take(), whole, NO_SERVERS);
    let servers = servers.filter(|servers| are_right(&part, servers, findings));
    let secret = findings.demand(part.keys.secret_file.take(), whole, NO_SECRET);
    let name = name?;
    if let Some(place) = part.place("secret_file") {
        let key = format!("[[radius]] {:?} secret_file", name.as_str());
        findings.file_places.insert(key, place.clone());
    }
    let (timeout, wait) = (part.keys.timeout, part.keys.wait);
    let place = part.place("wait").or(part.place("timeout"));
    if let Some(place) = place.filter(|_| wait < timeout) {
        let message = format!(
            "wait = \"{}s\" is shorter than timeout = \"{}s\"; expected at least timeout",
            wait.as_secs(),
            timeout.as_secs()
        );
        findings.problem(place, message);
    }
    Some(Radius {
        name,
        servers: servers?,
        secret: secret?,
        nas_identifier: part.keys.nas_identifier,
        timeout,
        wait,
        dead_time: part.keys.dead_time,
        status_server: part.keys.status_server,
        push: part.keys.push,
        push_code: part.keys.push_code.unwrap_or_default(),
    })
}

fn are_right(
    part: &Part<'_, keys::Radius>,
    servers: &[SocketAddr],
    findings: &mut Findings,
) -> bool {
    for (i, server) in servers.iter().enumerate() {
        if servers[..i].contains(server) {
            let message = format!("{server} is listed twice; expected each once");
            part.problem(findings, "servers", message);
        }
    }
    let message = match servers.len() {
        0 => "the list is empty, so no server could be asked; expected an address such as \
              \"192.0.2.1\""
            .to_owned(),
        1..=MOST_SERVERS => return true,
        many => {
            format!("{many} servers; expected at most {MOST_SERVERS}")
        }
    };
    part.problem(findings, "servers", message);
    false
}
