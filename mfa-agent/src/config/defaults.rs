//! What holds where the files say nothing. The `agent.toml` that is shipped says the same, and a test
//! compares the two.

use std::time::Duration;

use super::settings::{Audit, Hotp, Prompts, Questions, SelfService, Server, Store, Totp};
use crate::factors::Factor;
use crate::factors::device::{Algorithm, Digits, Period};

impl Default for Server {
    fn default() -> Self {
        Self {
            socket: mfa_protocol::DEFAULT_SOCKET.into(),
            trusted: Vec::new(),
            max_connections: 512,
            max_connections_per_user: 16,
            login_timeout: Duration::from_secs(2 * 60),
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
            algorithm: Algorithm::default(),
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
            totp: "OTP code: ".into(),
            pin: "PIN: ".into(),
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
            factors: Factor::ALL.into(),
        }
    }
}

impl Default for Questions {
    fn default() -> Self {
        Self {
            catalogue: CATALOGUE.map(str::to_owned).into(),
        }
    }
}

/// Questions whose answers stay the same, are short, and stand in no register or profile.
const CATALOGUE: [&str; 12] = [
    "What did your family call you when you were a child?",
    "What was the name of your first stuffed animal or doll?",
    "What was the first thing that you learned to cook?",
    "What was the first thing that you bought with money of your own?",
    "Which book did you read more often than any other as a child?",
    "Where did you get lost as a child?",
    "What was the name of the first teacher whom you liked?",
    "Which meal did you refuse to eat as a child?",
    "What did you dream of becoming when you were ten?",
    "Who was your first friend whom you later lost sight of?",
    "Where were you when you first saw the sea?",
    "What was your first prize or medal for?",
];
