//! The hosts that share the store, and its servers.

use jiff::Timestamp;
use mfa_protocol::admin::{
    FleetHost, ForgetHostParameters, ForgetHostReply, HostsReply, MetricsReply, PageParameters,
    StoreCertificate, StoreEndpoint,
};

use super::super::connection::Connection;
use super::super::error::Failure;
use super::super::metrics;
use crate::store::fleet::{self, ClockDifference, HostSeen, Server};

/// Hosts on a page; with the longest names and keys of each they fit into a message.
const HOSTS_A_PAGE: usize = 64;

/// The most bytes of a text that another host or a server has written.
const MOST_BYTES: usize = 256;

impl Connection {
    pub(super) fn hosts(&self, parameters: &PageParameters) -> Result<HostsReply, Failure> {
        let agent = &self.agent;
        agent.require_administrator(self.peer, &agent.settings())?;
        let Some(fleet) = agent.repository.fleet() else {
            return Ok(HostsReply::default());
        };
        let after = parameters.after.as_deref();
        let (mut endpoints, mut certificates) = (Vec::new(), Vec::new());
        if after.is_none() {
            let now = Timestamp::now();
            endpoints.extend(fleet.servers().iter().map(endpoint));
            certificates.extend(fleet.certificates().iter().map(|it| certificate(it, now)));
        }
        // Where nothing can be read, the servers say why.
        let hosts = match fleet.some_hosts(after, HOSTS_A_PAGE + 1) {
            Err(_) if after.is_none() => Vec::new(),
            hosts => hosts.map_err(|error| Failure::refused(error.to_string()))?,
        };
        let mut hosts = hosts.iter();
        let page: Vec<_> = hosts.by_ref().take(HOSTS_A_PAGE).map(host).collect();
        let is_last = hosts.next().is_none();
        let next = page.last().map(|host| host.name.clone());
        Ok(HostsReply {
            shared: true,
            hosts: page,
            endpoints,
            certificates,
            next: next.filter(|_| !is_last),
        })
    }

    pub(super) fn forget_host(
        &self,
        parameters: &ForgetHostParameters,
    ) -> Result<ForgetHostReply, Failure> {
        let agent = &self.agent;
        agent.require_root(self.peer)?;
        let Some(fleet) = agent.repository.fleet() else {
            return Err(Failure::refused(
                "the store is of this host only, so there is no other host to forget",
            ));
        };
        let name = parameters.name.clone();
        let forgotten = fleet
            .forget(&name)
            .map_err(|error| Failure::refused(error.to_string()))?;
        Ok(ForgetHostReply { name, forgotten })
    }

    pub(super) fn metrics(&self) -> Result<MetricsReply, Failure> {
        let agent = &self.agent;
        agent.require_administrator(self.peer, &agent.settings())?;
        let metrics = metrics::text(agent);
        Ok(MetricsReply { metrics })
    }
}

fn host(seen: &HostSeen) -> FleetHost {
    let notice = &seen.notice;
    FleetHost {
        name: bounded(&notice.name),
        this_host: seen.is_here,
        version: bounded(&notice.version),
        schema: notice.schema,
        key: bounded(&notice.key),
        other_keys: notice
            .other_keys
            .iter()
            .take(4)
            .map(|key| bounded(key))
            .collect(),
        seen_at: format!("{:.0}", seen.at),
        seconds: seen.age.as_secs(),
        live: seen.is_live,
        clock_ahead_milliseconds: seen.clock.map(ClockDifference::middle),
        clock_wrong: seen.clock.is_some_and(ClockDifference::is_wrong),
        double: seen.is_double,
    }
}

fn endpoint(server: &Server) -> StoreEndpoint {
    let endpoint = server.endpoint.clone();
    let status = match &server.status {
        Ok(status) => status,
        Err(error) => {
            return StoreEndpoint {
                endpoint,
                error: Some(bounded(error)),
                ..StoreEndpoint::default()
            };
        }
    };
    StoreEndpoint {
        endpoint,
        error: None,
        milliseconds: u64::try_from(status.latency.as_millis()).ok(),
        version: Some(bounded(&status.version)),
        leader: status.is_leader,
        has_leader: status.has_leader,
        database: Some(status.database),
        in_use: Some(status.in_use),
        complaints: status
            .complaints
            .iter()
            .take(8)
            .map(|it| bounded(it))
            .collect(),
        clock_ahead_milliseconds: status.clock.map(ClockDifference::middle),
    }
}

fn certificate(certificate: &fleet::StoreCertificate, now: Timestamp) -> StoreCertificate {
    let empty = StoreCertificate {
        key: certificate.key.to_owned(),
        file: bounded(&certificate.file.to_string_lossy()),
        ..StoreCertificate::default()
    };
    match &certificate.term {
        Ok(term) => StoreCertificate {
            begins: Some(term.begins.to_string()),
            ends: Some(term.ends.to_string()),
            valid: term.holds(now),
            ends_soon: term.ends_soon(now),
            ..empty
        },
        Err(error) => StoreCertificate {
            error: Some(bounded(error)),
            ..empty
        },
    }
}

fn bounded(text: &str) -> String {
    let mut end = text.len().min(MOST_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}
