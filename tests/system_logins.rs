//! Logins as a program sees them: what is asked, what is accepted, and what becomes of the account.

mod account_phase;
mod bypass;
mod codes;
mod devices;
mod dialogue;
mod echo;
mod enrollment;
mod federated;
mod hotp;
mod hours;
mod keys_challenge;
mod keys_sshd;
mod keys_sudo;
mod knowledge_rules;
mod languages;
mod lockout;
mod lost_device;
mod mfa_pam;
mod password_answers;
mod policy_ssh;
mod sessions;
mod set_up_codes;
mod ssh_agent_relay;
mod suspend;
mod unenrolled;
