//! `mfa-agent`: verifies second factors.
//!
//! What is decided is decided in `mfa-core`, which is pure. The rooms here touch the world and decide nothing.

#![deny(unsafe_code)]

pub mod audit;
pub mod config;
pub mod delivery;
mod entry_facts;
pub mod hasher;
mod lines;
pub mod log;
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
pub mod vault;
