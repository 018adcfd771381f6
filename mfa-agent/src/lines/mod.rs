//! Lines on their way out of the agent: bounded queues, and the threads that write.
//!
//! The log and the audit both stand on this room, and it knows neither. A line comes in from any thread, which never
//! waits; it goes out to a [`Sink`] on a thread of the sink's own. What a sink can't write, the sink itself reports.

mod printable;
mod queue;
mod sink;
mod worker;

pub(crate) use printable::{escaped, is_plain, printable};
pub use queue::Origin;
pub(crate) use sink::{Sink, WriteError};
pub(crate) use worker::{QUEUE, Worker};
