//! Shared parts of the whole-system tests.
//!
//! They run the real programs: the agent with its own store and socket, the module through libpam,
//! sshd, sudo, su and login through a pseudo-terminal, FreeRADIUS, postfix, VPN gateways. Only a
//! broken agent ([`Impostor`]), an attacker on the path ([`Relay`]) and providers of text messages
//! ([`Provider`]) are simulated. Accounts and `/etc/pam.d` belong to a [`Machine`], a mount
//! namespace of the test's own thread, so that no test can change the machine or see another test,
//! and nothing is left behind when one is killed.

pub mod booted;
pub mod browser;
pub mod code_module;
pub mod deb;
pub mod document;
pub mod ocserv;
pub mod openvpn;
pub mod radius_pam;
pub mod strongswan;

mod acknowledged;
mod admin;
mod agent;
mod audit;
mod authority;
mod both_modules;
mod built;
mod caller;
mod clock;
mod cockpit;
mod daemon;
mod emulated;
mod etcd;
mod failing;
mod files;
mod fleet;
mod freeradius;
mod greylist;
mod image;
mod impostor;
mod lan;
mod load;
mod login;
mod machine;
mod mfactl;
mod network;
mod oath;
mod postfix;
mod provider;
mod pty;
mod relay;
mod run;
mod screen;
mod security_key;
mod sent;
mod source;
mod sshd;
mod stack;
mod store_files;
mod traced;
mod transcript;
mod userdb;
mod write_log;

pub use acknowledged::{Acknowledged, log_in};
pub use admin::{Admin, answer_to};
pub use agent::Agent;
pub use audit::Event;
pub use authority::{Authority, Certificate, hmac};
pub use both_modules::{BothModules, Device, STEP, passes, this_step};
pub use built::{Built, built};
pub use caller::Caller;
pub use clock::{Clock, faketime_library};
pub use cockpit::{Cockpit, Page};
pub use daemon::{Daemon, Place};
pub use emulated::{Emulated, Kit};
pub use etcd::Etcd;
pub use failing::{Failing, Faults, On};
pub use files::Files;
pub use fleet::{Fleet, Host};
pub use freeradius::{FreeRadius, unused_port};
pub use image::{Images, Mounted};
pub use impostor::{Impostor, Manner};
pub use lan::Lan;
pub use load::Load;
pub use login::{Login, Running, Seen};
pub use machine::{Machine, is_root, with_own_mounts};
pub use mfactl::Ctl;
pub use network::Network;
pub use oath::Key;
pub use postfix::{Encryption, Postfix};
pub use provider::{Answer, Provider, Request};
pub use pty::Pty;
pub use relay::{Passing, Relay, attributes_without, reply_that_fits};
pub use run::{Output, eventually, has_program, not_run, run, run_with_input, suspend, within};
pub use screen::{code_of, codes_shown, key_shown, scanned};
pub use security_key::{KINDS, SecurityKey, SshAgent};
pub use sent::{another_than, code_in};
pub use source::{Source, sources};
pub use sshd::Sshd;
pub use stack::Stack;
pub use store_files::StoreSize;
pub use traced::{Ending, Traced, killed_after};
pub use transcript::Transcript;
pub use userdb::Userdb;
pub use write_log::WriteLog;
