//! Attacks, crowds and broken hosts: nobody gets in, nobody learns anything, nothing is lost.

mod bad_days;
mod bad_host;
mod closed_on_error;
mod core_dumps;
mod crowd;
mod durable;
mod hostile;
mod hygiene;
mod limits;
mod lost_store;
mod no_telling;
mod wrong_clock;
