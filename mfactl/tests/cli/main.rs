//! The commands as a shell and a person see them, against an agent that follows a script.

#[cfg(test)]
mod addresses;
#[cfg(test)]
mod backups;
#[cfg(test)]
mod checking;
#[cfg(test)]
mod devices;
#[cfg(test)]
mod doctoring;
mod enrolling;
mod importing;
mod keys;
#[cfg(test)]
mod looking;
#[cfg(test)]
mod person;
mod radius;
#[cfg(test)]
mod reaching;
#[cfg(test)]
mod screens;
mod sessions;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod support;
mod taking_over;
#[cfg(test)]
mod terminal;
#[cfg(test)]
mod usage;
mod verifying;
