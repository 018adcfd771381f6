//! Servers of a shared store that others could impersonate, or that fail alone.

use mfa_protocol::admin::Finding;

use super::warning;
use crate::config::{Engine, Settings};

/// What is strange in `[store]`.
pub(super) fn of_store(settings: &Settings) -> Vec<Finding> {
    let Engine::Etcd(access) = &settings.store.engine else {
        return Vec::new();
    };
    let place = settings.file_places.get("[store] endpoints");
    let mut findings = Vec::new();
    if let Some(open) = access
        .endpoints
        .iter()
        .find(|endpoint| !endpoint.is_private())
    {
        let message = format!(
            "[store] endpoints: the connection to {open} is not encrypted, so anybody on the way can put back older records \
             or remove them, and used codes are valid again; use https:// and ca_file"
        );
        findings.push(warning(place, message));
    }
    if access.endpoints.len() == 1 {
        let message = "[store] endpoints has one server; if it stops, nobody can log in. Name all servers of the cluster, \
                       three at least";
        findings.push(warning(place, message.to_owned()));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(endpoints: &str) -> Vec<String> {
        let text = format!("[store]\nengine = 'etcd'\nendpoints = [{endpoints}]\n");
        let settings = Settings::parse(vec![("agent.toml".into(), text)]).unwrap();
        let findings = of_store(&settings).into_iter();
        findings.map(|finding| finding.message).collect()
    }

    #[test]
    fn servers_that_others_could_stand_in_for_and_single_ones_are_told() {
        assert!(of_store(&Settings::default()).is_empty());
        assert!(findings("'https://a:2379', 'https://b:2379', 'http://127.0.0.1:2379'").is_empty());
        let open = findings("'https://a:2379', 'http://b:2379'");
        assert!(
            open[0].contains("http://b:2379 is not encrypted"),
            "{open:?}"
        );
        let single = findings("'https://a:2379'");
        assert!(single[0].contains("has one server"), "{single:?}");
    }
}
