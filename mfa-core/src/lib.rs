//! The decisions of `mfa-agent` about logins, without its I/O.
//!
//! [`factors`] defines and verifies what can be typed, [`account`] what a user has enrolled and what an attempt
//! changes, [`lockout`] how many wrong answers are too many, [`policy`] what each user is asked for, [`login`] leads a
//! user through the prompts, and [`texts`] has what users see. Time and random bytes come in as arguments. Nothing here
//! reads a clock, a file or the environment, and nothing blocks: what a login must wait for is returned as a value for
//! the agent.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod account;
pub mod clock;
pub mod factors;
pub mod lockout;
pub mod login;
pub mod names;
pub mod policy;
pub mod texts;
pub mod words;
