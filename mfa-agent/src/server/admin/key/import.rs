//! The keys of an `authorized_keys` file, stored in one change. An administrator brings them, so nothing is signed.

use mfa_protocol::admin::{
    ImportKeysParameters, ImportKeysReply, ImportedKey, KeyLine as WireLine, KeyOutcome,
};
use mfa_protocol::factor::Authenticator;

use super::super::super::commit::put_if;
use super::super::super::connection::Connection;
use super::super::super::error::{Failure, about};
use super::super::factor_event;
use super::{now, of_other_type, unshown};
use crate::audit::Event;
use crate::config::Settings;
use crate::repository::{After, Key};
use mfa_core::account::{Account, Label, SecurityKey};
use mfa_core::factors::security_key::{KeyLine, PublicKey};

impl Connection {
    pub(in crate::server::admin) fn import_keys(
        &self,
        parameters: &ImportKeysParameters,
    ) -> Result<ImportKeysReply, Failure> {
        let agent = &self.agent;
        let settings = agent.settings();
        let subject = agent.subject(&parameters.user)?;
        agent.require_authority(self.peer, &settings, &subject)?;
        if !parameters.dry_run {
            agent.repository.check_room_for_import()?;
        }
        let read: Vec<_> = parameters
            .keys
            .iter()
            .map(|line| read(&settings, line))
            .collect();
        let keys: Vec<PublicKey> = read.iter().filter_map(|key| key.clone().ok()).collect();
        let others = agent.others_with(&subject.user, &keys)?;
        let by = (&subject, self.peer);
        let place = Key::account(&subject.user);
        let results = agent.commit(&place, self.peer, |account| {
            let mut account = account.unwrap_or_default();
            let results: Vec<_> = parameters
                .keys
                .iter()
                .zip(&read)
                .map(|(line, key)| add(&mut account, line, key))
                .collect();
            if parameters.dry_run {
                return Ok((After::Same, Vec::new(), results));
            }
            let stored = results.iter().filter(|it| it.result == KeyOutcome::Stored);
            let fingerprints: Vec<_> = stored.filter_map(|it| it.fingerprint.clone()).collect();
            let event = (!fingerprints.is_empty()).then(|| Event {
                reason: others.event_reason(),
                fingerprint: Some(fingerprints.join(", ")),
                ..factor_event("import", by, Authenticator::Key, None)
            });
            Ok(put_if(event, account, results))
        })?;
        let user = subject.user.to_string();
        let has_stored = results.iter().any(|it| it.result == KeyOutcome::Stored);
        let unshown = unshown(&settings).filter(|_| has_stored);
        let notes: Vec<_> = others.note().into_iter().chain(unshown).collect();
        let notes = notes.join("\n");
        Ok(ImportKeysReply {
            results: results
                .into_iter()
                .map(|result| ImportedKey {
                    reason: result.reason.map(|reason| about(&reason, &user)),
                    ..result
                })
                .collect(),
            note: (!notes.is_empty()).then(|| about(&notes, &user)),
            user,
        })
    }
}

/// The key of a line, or what becomes of the line.
fn read(settings: &Settings, line: &WireLine) -> Result<PublicKey, (KeyOutcome, String)> {
    let read: Result<KeyLine, _> = line.key.parse();
    match read {
        Ok(read) if settings.key.take(&read.key) => Ok(read.key),
        Ok(read) => Err((KeyOutcome::Left, of_other_type(settings, &read.key))),
        // sshd takes keys of other types, which are none of ours.
        Err(error) if line.key.starts_with("sk-") => Err((KeyOutcome::Refused, error.to_string())),
        Err(error) => Err((KeyOutcome::Left, error.to_string())),
    }
}

fn add(
    account: &mut Account,
    line: &WireLine,
    key: &Result<PublicKey, (KeyOutcome, String)>,
) -> ImportedKey {
    let result = |result, label: Option<&Label>, fingerprint, reason| ImportedKey {
        line: line.line,
        result,
        label: label.map(ToString::to_string),
        fingerprint,
        reason,
    };
    let key = match key {
        Ok(key) => key,
        Err((outcome, reason)) => return result(*outcome, None, None, Some(reason.clone())),
    };
    let fingerprint = || Some(key.fingerprint());
    if let Some(held) = account.keys().iter().find(|held| held.key == *key) {
        return result(
            KeyOutcome::Unchanged,
            Some(&held.label),
            fingerprint(),
            None,
        );
    }
    let label = label(account, line.label.as_deref());
    match account.add_key(SecurityKey::new(label.clone(), key.clone(), now())) {
        Ok(_) => result(KeyOutcome::Stored, Some(&label), fingerprint(), None),
        Err(error) => result(
            KeyOutcome::Refused,
            None,
            fingerprint(),
            Some(error.to_string()),
        ),
    }
}

/// The comment of the key if it can be its name, or a free name.
fn label(account: &Account, wanted: Option<&str>) -> Label {
    let is_free = |label: &Label| account.keys().iter().all(|key| key.label != *label);
    let wanted = wanted.and_then(|wanted| wanted.parse().ok());
    wanted
        .filter(is_free)
        .unwrap_or_else(|| account.free_key_label())
}
