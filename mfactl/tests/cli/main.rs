//! The commands as a shell and a person see them, against an agent that follows a script.

mod enrolling;
mod importing;
mod looking;
#[cfg(test)]
mod support;
#[cfg(test)]
mod terminal;
mod usage;
mod verifying;
