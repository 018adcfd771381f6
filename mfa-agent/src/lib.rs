//! `mfa-agent`: verifies second factors.
//!
//! All decisions are in `mfa-core`, which is pure. The modules here do input and output and decide nothing.

#![deny(unsafe_code)]

pub mod audit;
pub mod backup;
pub mod config;
pub mod delivery;
mod durable_file;
mod entry_facts;
pub mod hasher;
pub mod host_name;
mod lines;
pub mod log;
mod profile;
pub mod providers;
pub mod repository;
pub mod review;
pub mod run;
pub mod server;
pub mod store;
pub mod store_mark;
mod sys;
pub mod system_names;
pub mod timing_decoy;
pub mod trusted_path;
mod userdb;
pub mod vault;
