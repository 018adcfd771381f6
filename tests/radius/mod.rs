//! Another vendor's authenticator: logins that FreeRADIUS verifies, through a real PAM stack.
//!
//! Its users and prompts are in `tests/support/radiusd.conf`. What it verified is read from the
//! server's own record of requests.

mod host;
mod push;
mod rounds;
mod setting_up;
mod silence;
mod verdicts;
mod way;
