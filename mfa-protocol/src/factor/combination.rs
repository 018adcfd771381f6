//! The combinations of factors that a policy asks for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Factor, FactorError};

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
