//! Who gets in: the decisions of `mfa-agent`, without its I/O.
//!
//! [`factors`] knows what can be typed and verifies it, [`account`] what a user has set up and what an attempt does to
//! it, [`lockout`] how many wrong answers are too many, [`policy`] what is asked of whom, [`login`] leads a user
//! through the prompts, and [`texts`] holds what they see. Time and random bytes come in as arguments. Nothing here
//! reads a clock, a file or the environment, and nothing blocks: what a login has to wait for leaves as a value that the
//! agent acts on.

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
