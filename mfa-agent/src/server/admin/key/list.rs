//! The security keys of all users, for `doctor`.

use mfa_protocol::admin::{KeysReply, PageParameters, UserKey};

use super::super::super::connection::Connection;
use super::super::super::error::Failure;
use super::super::{RECORDS_A_PAGE, ROOM};
use crate::config::Settings;
use mfa_core::account::SecurityKey;

impl Connection {
    pub(in crate::server::admin) fn keys(
        &self,
        parameters: &PageParameters,
    ) -> Result<KeysReply, Failure> {
        let agent = &self.agent;
        let settings = agent.settings();
        agent.require_administrator(self.peer, &settings)?;
        let page = agent
            .repository
            .page(parameters.after.as_deref(), RECORDS_A_PAGE)?;
        let whole = page.len() < RECORDS_A_PAGE;
        let mut reply = KeysReply::default();
        let mut room = ROOM;
        for (user, account) in page {
            let keys = account.keys().iter();
            let keys: Vec<_> = keys.map(|key| of(&settings, &user, key)).collect();
            // Those of one user always fit: there are few.
            let size = serde_json::to_vec(&keys).map_or(ROOM, |bytes| bytes.len());
            let Some(left) = room.checked_sub(size) else {
                return Ok(reply);
            };
            room = left;
            reply.keys.extend(keys);
            reply.next = Some(user);
        }
        if whole {
            reply.next = None;
        }
        Ok(reply)
    }
}

fn of(settings: &Settings, user: &str, key: &SecurityKey) -> UserKey {
    UserKey {
        user: user.to_owned(),
        label: key.label.to_string(),
        fingerprint: key.key.fingerprint(),
        enabled: key.enabled,
        counter_back_at: key.went_back_at().map(|at| at.to_string()),
        kind: key.key.type_name().to_owned(),
        type_accepted: settings.key.take(&key.key),
    }
}
