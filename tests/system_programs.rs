//! Real programs that log users in, with the stacks that they need.

mod authselect;
mod cockpit;
mod cockpit_browser;
mod cron;
mod doctor_stacks;
mod logrotate;
mod ocserv;
mod openvpn;
mod pkexec;
mod privilege;
mod radius_pam;
mod random_stacks;
mod screen_lockers;
mod sshd;
mod sshd_ways;
mod stack_tables;
mod stacks;
mod strongswan;
mod take_out;
mod terminal;
