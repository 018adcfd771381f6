//! What libpam makes of a stack, whatever its modules say.
//!
//! The texts of a service's files go in ([`parse`], [`chain`]); [`dispatch`] says what comes out for given
//! return codes, as libpam 1.5 does it, and [`paths`] looks for a way to success that should not be there.
//! `tests/stack_tables.rs` holds the dispatch against the real libpam.

#![warn(missing_docs)]

pub mod chain;
pub mod codes;
pub mod dispatch;
pub mod emergency;
pub mod modules;
mod names;
pub mod parse;
pub mod paths;
