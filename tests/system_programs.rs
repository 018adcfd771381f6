//! Real programs that log users in, with the stacks that they need.

mod authselect;
mod cockpit;
mod cockpit_browser;
mod cron;
mod doas;
mod doctor_stacks;
mod lightdm;
mod logrotate;
mod ocserv;
mod one_answer;
mod openvpn;
mod pkexec;
mod privilege;
mod radius_pam;
mod random_stacks;
mod screen_lockers;
mod ssh_clients;
mod sshd;
mod sshd_ways;
mod stack_tables;
mod stacks;
mod strongswan;
mod take_out;
mod terminal;
mod x_lockers;
