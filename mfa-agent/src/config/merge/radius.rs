//! `[[radius]]`, from all files, in order. No two have the same name.

use std::net::SocketAddr;
use std::time::Duration;

use toml::Spanned;

use super::located::{Diagnostics, Located, keep, keep_parsed};
use crate::config::document::{self, List};
use crate::config::error::Source;
use crate::config::settings;
use crate::config::values::ServerAddress;
use mfa_core::account::Label;
use mfa_core::policy::Place;

const TIMEOUT: Duration = Duration::from_secs(5);
const WAIT: Duration = Duration::from_secs(60);
const DEAD_TIME: Duration = Duration::from_secs(5 * 60);

/// So many stand in for each other.
const MOST_SERVERS: usize = 8;

const NO_NAME: &str = "[[radius]] has no name; expected one for \"mfactl enroll radius --server\", such as \
     name = \"vip\"";
const NO_SERVERS: &str =
    "[[radius]] has no servers; expected their addresses, such as servers = [\"192.0.2.1\"]";
const NO_SECRET: &str = "[[radius]] has no secret_file; expected the file or the systemd credential that \
     holds the secret shared with the servers";

/// `[[radius]]` in the making.
#[derive(Default)]
pub(super) struct Radius(Vec<(Source, Spanned<document::Radius>)>);

impl Radius {
    pub(super) fn add(&mut self, written: Vec<Spanned<document::Radius>>, source: &Source) {
        let written = written.into_iter();
        self.0.extend(written.map(|one| (source.clone(), one)));
    }

    /// What holds in the end; what is wrong is noted.
    pub(super) fn finish(self, diagnostics: &mut Diagnostics) -> Vec<settings::Radius> {
        let mut names: Vec<(Place, Label)> = Vec::new();
        let mut finished = Vec::new();
        for (source, written) in self.0 {
            let Some((place, one)) = finish(&source, written, diagnostics) else {
                continue;
            };
            if let Some((other, _)) = names.iter().find(|(_, name)| *name == one.name) {
                let message = format!(
                    "{:?} is the name of the servers at {other} already; expected another one",
                    one.name.as_str()
                );
                diagnostics.problem(&place, message);
            }
            names.push((place, one.name.clone()));
            finished.push(one);
        }
        finished
    }
}

/// One of them, and where its name stands.
fn finish(
    source: &Source,
    written: Spanned<document::Radius>,
    diagnostics: &mut Diagnostics,
) -> Option<(Place, settings::Radius)> {
    let whole = source.place(written.span());
    let written = written.into_inner();
    let (mut name, mut secret, mut timeout, mut wait) = (None, None, None, None);
    keep_parsed(&mut name, written.name, source);
    keep(&mut secret, written.secret_file, source, |file| file.0.0);
    keep(&mut timeout, written.timeout, source, |time| time.0.0);
    keep(&mut wait, written.wait, source, |time| time.0.0);
    let place = name.as_ref().map_or(&whole, |(place, _)| place).clone();
    let name = diagnostics.demand(name, &whole, NO_NAME);
    let servers = servers(written.servers, source, &whole, diagnostics);
    if secret.is_none() {
        diagnostics.problem(&whole, NO_SECRET);
    }
    let name = name?;
    let key = format!("[[radius]] {:?} secret_file", name.as_str());
    let secret = diagnostics.named(key, secret);
    let (timeout, wait) = times(timeout, wait, diagnostics);
    let radius = settings::Radius {
        name,
        servers: servers?,
        secret: secret?,
        nas_identifier: written.nas_identifier.map(|name| name.0.0),
        timeout,
        wait,
        dead_time: written.dead_time.map_or(DEAD_TIME, |time| time.0.0),
        status_server: written.status_server.unwrap_or(true),
    };
    Some((place, radius))
}

fn servers(
    written: Option<List<ServerAddress>>,
    source: &Source,
    whole: &Place,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<SocketAddr>> {
    let Some(list) = written else {
        diagnostics.problem(whole, NO_SERVERS);
        return None;
    };
    let place = source.place(list.span());
    let servers: Vec<SocketAddr> = list.into_inner().into_iter().map(|one| one.0.0).collect();
    let twice = servers.iter().enumerate();
    let twice = twice.filter(|(i, server)| servers[..*i].contains(server));
    for (_, server) in twice {
        diagnostics.problem(
            &place,
            format!("{server} stands there twice; expected each once"),
        );
    }
    match servers.len() {
        0 => diagnostics.problem(
            &place,
            "the list is empty, so that nobody could be asked; expected an address such as \"192.0.2.1\"",
        ),
        1..=MOST_SERVERS => return Some(servers),
        many => diagnostics.problem(
            &place,
            format!("{many} servers; expected at most {MOST_SERVERS} that stand in for each other"),
        ),
    }
    None
}

/// `timeout` and `wait`, where the second is no shorter.
fn times(
    timeout: Located<Duration>,
    wait: Located<Duration>,
    diagnostics: &mut Diagnostics,
) -> (Duration, Duration) {
    let place = wait.as_ref().or(timeout.as_ref());
    let place = place.map(|(place, _)| place.clone());
    let time = |located: Located<Duration>, usual| located.map_or(usual, |(_, time)| time);
    let (timeout, wait) = (time(timeout, TIMEOUT), time(wait, WAIT));
    if let Some(place) = place.filter(|_| wait < timeout) {
        let message = format!(
            "wait = \"{}s\" is shorter than timeout = \"{}s\"; expected at least as much",
            wait.as_secs(),
            timeout.as_secs()
        );
        diagnostics.problem(&place, message);
    }
    (timeout, wait)
}
