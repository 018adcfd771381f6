//! An authenticator of another maker: logins that a FreeRADIUS judges, through a real PAM stack.
//!
//! Who has an account at the server and what they are asked stands in `tests/support/radiusd.conf`. What
//! was judged is told by the server, not by us: it writes down each request.

mod host;
mod rounds;
mod setting_up;
mod silence;
mod verdicts;
mod way;
