//! Entries of the lists of names in a rule.

use std::str::FromStr;

use mfa_core::policy::{Pattern, PatternError};

macro_rules! pattern {
    ($($(#[$meta:meta])* $name:ident($parse:path);)*) => {$(
        $(#[$meta])*
        #[derive(Debug)]
        pub(in crate::config) struct $name(pub Pattern);

        impl FromStr for $name {
            type Err = PatternError;

            fn from_str(text: &str) -> Result<Self, PatternError> {
                $parse(text).map(Self)
            }
        }
    )*};
}

pattern! {
    /// An entry of `users`.
    UserPattern(Pattern::user);
    /// An entry of `services`.
    ServicePattern(Pattern::service);
    /// An entry of `operations`.
    OperationPattern(Pattern::operation);
    /// An entry of `tty`.
    TerminalPattern(Pattern::terminal);
    /// An entry of `after`.
    MethodPattern(Pattern::method);
}

/// The name of one service, in lower case, as libpam hands it to modules.
#[derive(Debug)]
pub(in crate::config) struct ServiceName(pub String);

impl FromStr for ServiceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_pattern = text == "*" || text.starts_with('!');
        if is_pattern || Pattern::service(text).is_err() {
            return Err(format!(
                "{text:?} is no service; expected just the name of one, such as \"sudo\""
            ));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}
