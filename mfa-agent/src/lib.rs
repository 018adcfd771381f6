//! `mfa-agent`: judges second factors.
//!
//! The core (`policy`, `dialogue`, `factors`, `lockout`, `clock`, `account`, and the `texts`) is pure: it takes the time and
//! random bytes as arguments and does no I/O. The edge (`server`, `store`, `vault`, `audit`, `config`,
//! `delivery`, `hasher`, `names`) touches the world and decides nothing.

#![deny(unsafe_code)]

pub mod account;
pub mod audit;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod dialogue;
pub mod factors;
pub mod hasher;
pub mod lockout;
pub mod log;
pub mod names;
pub mod policy;
pub mod providers;
pub mod repository;
pub mod review;
pub mod run;
pub mod server;
pub mod store;
pub mod store_mark;
mod sys;
pub mod texts;
pub mod trusted_path;
pub mod vault;
