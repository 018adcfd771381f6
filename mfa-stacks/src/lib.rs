//! Computes what libpam makes of a stack for every result of its modules.
//!
//! [`parse`] and [`chain`] read the text of a service's files; [`dispatch`] computes libpam 1.5's
//! result for given return codes, and [`paths`] finds paths to success that should not exist.
//! `tests/stack_tables.rs` compares the dispatch with the real libpam.

#![warn(missing_docs)]

pub mod chain;
pub mod codes;
pub mod dispatch;
pub mod emergency;
pub mod modules;
mod names;
pub mod parse;
pub mod paths;
