//! What holds where the files say nothing. The `agent.toml` that is shipped says the same, and a test
//! compares the two.

use std::sync::Arc;
use std::time::Duration;

use super::lists;
use super::settings::{
    Audit, Delivery, Hotp, Pin, Prompts, Questions, SelfService, Server, Store, Totp,
};
use mfa_core::factors::Factor;
use mfa_core::factors::address::Channel;
use mfa_core::factors::device::{Digits, HashAlgorithm, Period};
use mfa_core::factors::pin::BannedPin;
use mfa_core::texts::{Catalogue, Texts};

impl Default for Server {
    fn default() -> Self {
        Self {
            socket: mfa_protocol::DEFAULT_SOCKET.into(),
            trusted: Vec::new(),
            max_connections: 512,
            max_connections_per_user: 16,
            login_timeout: Duration::from_secs(2 * 60),
            stop_timeout: Duration::from_secs(60),
        }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self {
            path: "/var/lib/mfa/store".into(),
            key_file: "/var/lib/mfa/key".into(),
        }
    }
}

impl Default for Totp {
    fn default() -> Self {
        Self {
            issuer: None,
            algorithm: HashAlgorithm::default(),
            digits: Digits::default(),
            period: Period::default(),
            skew: 1,
        }
    }
}

impl Default for Hotp {
    fn default() -> Self {
        Self {
            look_ahead: 10,
            resync: 100,
        }
    }
}

impl Default for Prompts {
    fn default() -> Self {
        Self {
            texts: Arc::default(),
            in_ascii: Arc::new(Texts::in_ascii(Catalogue::default())),
        }
    }
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            channel: Channel::default(),
            digits: 6,
            lifetime: Duration::from_secs(5 * 60),
            budget: mfa_core::account::MessageLimits::default(),
            email: None,
            sms: None,
        }
    }
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            file: Some("/var/log/mfa/audit.jsonl".into()),
            syslog: true,
        }
    }
}

impl Default for SelfService {
    fn default() -> Self {
        Self {
            enabled: true,
            factors: vec![Factor::Totp, Factor::Pin, Factor::Questions, Factor::Email],
        }
    }
}

impl Default for Pin {
    fn default() -> Self {
        Self {
            banned: shipped_pins().collect(),
        }
    }
}

impl Default for Questions {
    fn default() -> Self {
        Self {
            catalogue: shipped_questions(),
            own: true,
        }
    }
}

/// The list of PINs that holds where no other file is named.
pub(super) fn shipped_pins() -> impl Iterator<Item = BannedPin> {
    // A test reads each line of both lists.
    lists::entries(BANNED_PINS).filter_map(|(_, line)| BannedPin::new(line).ok())
}

/// The catalogue that holds where there is no other.
pub(super) fn shipped_questions() -> Vec<String> {
    let lines = lists::entries(QUESTIONS);
    lines.map(|(_, line)| line.to_owned()).collect()
}

pub(super) const BANNED_PINS: &str = include_str!("../../../config/banned-pins");
pub(super) const QUESTIONS: &str = include_str!("../../../config/questions");
