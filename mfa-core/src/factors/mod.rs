//! The factors, and the ways that a policy combines them into.
//!
//! Pure: a factor judges what was typed against what the account holds, with the time passed in.
//! Nothing here reads a clock, hashes slowly or stores; see `hasher` for what takes long.

pub mod address;
mod counter_uri;
pub mod device;
pub mod key;
pub mod pin;
pub mod questions;
pub mod recovery;
pub mod sent;
pub mod uri;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A kind of proof that a user can give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Factor {
    /// A code of a device, with a clock (RFC 6238) or a counter (RFC 4226).
    Totp,
    /// 4 to 8 digits that the user knows.
    Pin,
    /// The answer to one of three questions.
    Questions,
    /// A code that is sent by mail.
    Email,
    /// A code that is sent by text message.
    Sms,
    /// Whatever a RADIUS server asks for.
    Radius,
}

impl Factor {
    /// All of them, in the order in which they are listed to people.
    pub const ALL: [Self; 6] = [
        Self::Totp,
        Self::Pin,
        Self::Questions,
        Self::Email,
        Self::Sms,
        Self::Radius,
    ];

    /// Those that need nothing outside of this host.
    pub const LOCAL: [Self; 3] = [Self::Totp, Self::Pin, Self::Questions];

    /// The name in settings, commands and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Pin => "pin",
            Self::Questions => "questions",
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Radius => "radius",
        }
    }

    /// The command that sets it up for a user; an address or a server can't be known.
    #[must_use]
    pub fn enroll_command(self, user: &str) -> String {
        let rest = match self {
            Self::Totp | Self::Pin | Self::Questions => "",
            Self::Email | Self::Sms => " ADDRESS",
            Self::Radius => " --server NAME",
        };
        format!("mfactl enroll {self} {user}{rest}")
    }

    /// Whether it asks for a code, which a recovery or a bypass code may stand in for.
    #[must_use]
    pub const fn is_code(self) -> bool {
        match self {
            Self::Totp | Self::Email | Self::Sms | Self::Radius => true,
            Self::Pin | Self::Questions => false,
        }
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no factor has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FactorError {
    /// Not a factor.
    #[error(
        "{0:?} is not a factor; there are \"totp\", \"pin\", \"questions\", \"email\", \"sms\" and \"radius\""
    )]
    Unknown(String),
    /// A kind of device, which policy does not tell from the other.
    #[error(
        "\"hotp\" is not asked for by that name: \"totp\" takes the codes of all devices, those that \
         count among them"
    )]
    Counter,
    /// A combination that asks for the same factor twice.
    #[error("{0:?} asks for the same factor twice")]
    Repeated(String),
}

impl FromStr for Factor {
    type Err = FactorError;

    fn from_str(name: &str) -> Result<Self, FactorError> {
        if name == device::Kind::Hotp.name() {
            return Err(FactorError::Counter);
        }
        Self::ALL
            .into_iter()
            .find(|factor| factor.name() == name)
            .ok_or_else(|| FactorError::Unknown(name.to_owned()))
    }
}

/// One way to pass: a factor, or several that are all needed (`totp+pin`). Never empty, nothing twice.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FactorCombination(Vec<Factor>);

impl FactorCombination {
    /// A way of these factors, each once; `None` without any.
    #[must_use]
    pub fn new(factors: Vec<Factor>) -> Option<Self> {
        let mut way = Vec::with_capacity(factors.len());
        for factor in factors {
            if !way.contains(&factor) {
                way.push(factor);
            }
        }
        (!way.is_empty()).then_some(Self(way))
    }

    /// The factors, in the order in which they are asked.
    #[must_use]
    pub fn factors(&self) -> &[Factor] {
        &self.0
    }

    /// This way, with `factor` asked last unless it is asked for already.
    #[must_use]
    pub fn with(mut self, factor: Factor) -> Self {
        if !self.0.contains(&factor) {
            self.0.push(factor);
        }
        self
    }
}

impl TryFrom<String> for FactorCombination {
    type Error = FactorError;

    fn try_from(text: String) -> Result<Self, FactorError> {
        text.parse()
    }
}

impl From<FactorCombination> for String {
    fn from(way: FactorCombination) -> Self {
        way.to_string()
    }
}

impl From<Factor> for FactorCombination {
    fn from(factor: Factor) -> Self {
        Self(vec![factor])
    }
}

impl FromStr for FactorCombination {
    type Err = FactorError;

    fn from_str(text: &str) -> Result<Self, FactorError> {
        let factors = text
            .split('+')
            .map(|name| name.trim().parse())
            .collect::<Result<Vec<Factor>, _>>()?;
        for (i, factor) in factors.iter().enumerate() {
            if factors[..i].contains(factor) {
                return Err(FactorError::Repeated(text.to_owned()));
            }
        }
        Ok(Self(factors))
    }
}

impl fmt::Display for FactorCombination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, factor) in self.0.iter().enumerate() {
            write!(f, "{}{factor}", if i == 0 { "" } else { "+" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_combination_reads_back_as_it_was_written() {
        let way: FactorCombination = "totp+pin".parse().unwrap();
        assert_eq!(way.factors(), [Factor::Totp, Factor::Pin]);
        assert_eq!(way.to_string(), "totp+pin");
    }

    #[test]
    fn a_name_that_is_no_factor_is_named_in_the_error() {
        let error = "totp+pni".parse::<FactorCombination>().unwrap_err();
        assert!(error.to_string().contains("\"pni\""), "{error}");
        assert!("pin+pin".parse::<FactorCombination>().is_err());
        assert!("".parse::<FactorCombination>().is_err());
    }
}
