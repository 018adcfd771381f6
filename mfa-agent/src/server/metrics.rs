//! What a monitor reads of this host, in the format of OpenMetrics 1.0.
//!
//! No name of a user is in it, and nothing that grows with the number of accounts or hosts.

use std::fmt::Write;
use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Weak;
use std::thread;
use std::time::Duration;

use super::Agent;
use crate::durable_file::with_suffix;
use crate::log;
use crate::store::fleet::{ClockDifference, Server, ServerStatus, StoreCertificate};

/// How often `[metrics] textfile` is written.
const EVERY: Duration = Duration::from_secs(15);

impl Agent {
    /// Writes `[metrics] textfile` from now on, on a thread of its own, as the settings in force say.
    pub fn keep_metrics_written(&self) {
        let me = Weak::clone(&self.me);
        let started = thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || keep_written(&me));
        if let Err(e) = started {
            log::warn(format_args!(
                "[metrics] textfile is not written: no thread can be started: {e}"
            ));
        }
    }
}

fn keep_written(weak: &Weak<Agent>) {
    while let Some(agent) = weak.upgrade() {
        if let Some(path) = &agent.settings().metrics.textfile
            && let Err(e) = replace(path, &text(&agent))
        {
            log::limited(
                "textfile",
                format_args!(
                    "[metrics] textfile {} can't be written: {e}; make its folder writable for the agent's user, and add \
                     ReadWritePaths= to its unit",
                    path.display()
                ),
            );
        }
        drop(agent);
        thread::sleep(EVERY);
    }
}

/// Readers see the file before or after, never half of it. It need not survive a crash.
///
/// The folder may be another account's, which may put a link in its place: the file is always a new one.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let draft = with_suffix(path, ".new");
    let _ = fs::remove_file(&draft);
    let mut file = File::options().write(true).create_new(true).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.set_permissions(Permissions::from_mode(0o644))?;
    fs::rename(&draft, path)
}

/// All metrics.
pub(super) fn text(agent: &Agent) -> String {
    let mut text = Text::default();
    text.family("pam_mfa_build", "info", "The version of the agent.");
    text.sample(
        "pam_mfa_build_info",
        &[("version", env!("CARGO_PKG_VERSION"))],
        1,
    );
    text.family(
        "pam_mfa_events",
        "counter",
        "Lines of the audit log since the agent started, by event and result.",
    );
    let counts = agent.audit.counts();
    for ((event, result), count) in &counts.events {
        let labels = [("event", *event), ("result", *result)];
        text.sample("pam_mfa_events_total", &labels, count);
    }
    text.family(
        "pam_mfa_locks",
        "counter",
        "Wrong answers on this host that locked an account.",
    );
    text.sample("pam_mfa_locks_total", &[], counts.locks);
    let servers = agent.repository.fleet().map(|fleet| fleet.servers());
    text.gauge(
        "pam_mfa_store_up",
        "Whether users who must be asked can log in on this host.",
        u8::from(is_up(agent, servers.as_deref().unwrap_or_default())),
    );
    text.gauge(
        "pam_mfa_damaged_records",
        "Damaged records that were met.",
        agent.repository.damaged().len(),
    );
    text.gauge(
        "pam_mfa_config_refused",
        "Whether the last reload was refused.",
        u8::from(agent.active_config().reload_error.is_some()),
    );
    if let Some(servers) = servers {
        text.servers(&servers);
    }
    if let Some(fleet) = agent.repository.fleet() {
        text.certificates(&fleet.certificates());
    }
    text.0 + "# EOF\n"
}

/// The store is asked, because what the agent knows of it may be as old as the last login.
fn is_up(agent: &Agent, servers: &[Server]) -> bool {
    let is_read_only = |server: &Server| {
        let status = server.status.as_ref();
        status.is_ok_and(|status| status.is_read_only)
    };
    !servers.iter().any(is_read_only) && agent.repository.check_service().is_ok()
}

#[derive(Default)]
struct Text(String);

/// A value of one server, if it has one.
type OfServer = fn(&ServerStatus) -> Option<f64>;

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // A String takes all that is written to it.
        let _ = writeln!(self.0, "# TYPE {name} {kind}\n# HELP {name} {help}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, text)| format!("{label}=\"{}\"", escaped(text)))
            .collect();
        let _ = match labels.is_empty() {
            true => writeln!(self.0, "{name} {value}"),
            false => writeln!(self.0, "{name}{{{}}} {value}", labels.join(",")),
        };
    }

    /// A value that has no labels.
    fn gauge(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }

    fn servers(&mut self, servers: &[Server]) {
        const UP: &str = "pam_mfa_store_endpoint_up";
        self.family(
            UP,
            "gauge",
            "Whether a server of the store answers and has no complaint.",
        );
        for server in servers {
            let is_up = server
                .status
                .as_ref()
                .is_ok_and(|status| status.has_leader && status.complaints.is_empty());
            self.sample(UP, &[("endpoint", &server.endpoint)], u8::from(is_up));
        }
        let families: [(&str, &str, OfServer); 4] = [
            (
                "pam_mfa_store_endpoint_latency_seconds",
                "How long the answer of a server takes.",
                |status| Some(status.latency.as_secs_f64()),
            ),
            (
                "pam_mfa_store_endpoint_leader",
                "Whether a server leads the cluster.",
                |status| Some(f64::from(u8::from(status.is_leader))),
            ),
            (
                "pam_mfa_store_endpoint_database_bytes",
                "The size of the database of a server.",
                |status| Some(status.database as f64),
            ),
            (
                "pam_mfa_store_endpoint_clock_ahead_seconds",
                "How far the clock of this host is ahead of the clock of a server.",
                |status| Some(status.clock.map(ClockDifference::middle)? as f64 / 1000.0),
            ),
        ];
        for (name, help, value) in families {
            self.family(name, "gauge", help);
            for server in servers {
                let value = server.status.as_ref().ok().and_then(value);
                if let Some(value) = value {
                    self.sample(name, &[("endpoint", &server.endpoint)], value);
                }
            }
        }
    }

    /// A file that can't be used has no sample.
    fn certificates(&mut self, certificates: &[StoreCertificate]) {
        const ENDS: &str = "pam_mfa_store_certificate_ends_timestamp_seconds";
        self.family(ENDS, "gauge", "When a certificate of [store] ends.");
        for StoreCertificate { key, file, term } in certificates {
            if let Ok(term) = term {
                let labels = [("key", *key), ("file", &file.to_string_lossy())];
                self.sample(ENDS, &labels, term.ends.as_second());
            }
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_file_of_a_collector_is_replaced_as_a_whole_and_open_to_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pam_mfa.prom");
        for text in ["a long text", "short"] {
            replace(&path, text).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_link_leads_to_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pam_mfa.prom");
        let secret = folder.path().join("fleet.key");
        fs::write(&secret, "secret").unwrap();
        fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
        let draft = with_suffix(&path, ".new");
        for place in [&draft, &path] {
            std::os::unix::fs::symlink(&secret, place).unwrap();
            replace(&path, "text").unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "text");
            assert!(fs::symlink_metadata(&path).unwrap().is_file());
            fs::remove_file(&path).unwrap();
        }
        // A second name of the same file.
        fs::hard_link(&secret, &draft).unwrap();
        replace(&path, "text").unwrap();
        assert_eq!(fs::read_to_string(&secret).unwrap(), "secret");
        let mode = fs::metadata(&secret).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn the_end_of_each_certificate_is_told() {
        let at = |second| jiff::Timestamp::from_second(second).unwrap();
        let term = crate::store::fleet::Term {
            begins: at(0),
            ends: at(1_900_000_000),
        };
        let certificate = |key, file: &str, term| StoreCertificate {
            key,
            file: file.into(),
            term,
        };
        let mut text = Text::default();
        text.certificates(&[
            certificate("cert_file", "/etc/mfa/a \"b\".pem", Ok(term)),
            certificate("ca_file", "/etc/mfa/ca.pem", Err("it is empty".to_owned())),
        ]);
        let samples: Vec<&str> = text.0.lines().skip(2).collect();
        let expected = "pam_mfa_store_certificate_ends_timestamp_seconds{key=\"cert_file\",file=\"/etc/mfa/a \\\"b\\\".pem\"} 1900000000";
        assert_eq!(samples, [expected]);
    }

    #[test]
    fn servers_are_described_one_family_after_the_other() {
        let status = ServerStatus {
            latency: Duration::from_millis(3),
            has_leader: true,
            is_leader: true,
            database: 20_480,
            clock: Some(ClockDifference {
                least: -500,
                most: -100,
            }),
            ..ServerStatus::default()
        };
        let servers = [
            Server {
                endpoint: "https://a\"b:2379".to_owned(),
                status: Ok(status),
            },
            Server {
                endpoint: "https://c:2379".to_owned(),
                status: Err("connection refused".to_owned()),
            },
        ];
        let mut text = Text::default();
        text.servers(&servers);
        let samples: Vec<&str> = text
            .0
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        assert_eq!(
            samples,
            [
                "pam_mfa_store_endpoint_up{endpoint=\"https://a\\\"b:2379\"} 1",
                "pam_mfa_store_endpoint_up{endpoint=\"https://c:2379\"} 0",
                "pam_mfa_store_endpoint_latency_seconds{endpoint=\"https://a\\\"b:2379\"} 0.003",
                "pam_mfa_store_endpoint_leader{endpoint=\"https://a\\\"b:2379\"} 1",
                "pam_mfa_store_endpoint_database_bytes{endpoint=\"https://a\\\"b:2379\"} 20480",
                "pam_mfa_store_endpoint_clock_ahead_seconds{endpoint=\"https://a\\\"b:2379\"} -0.3",
            ]
        );
    }
}
