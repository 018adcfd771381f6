//! Lines on their way out of the agent: bounded queues, and the threads that write.
//!
//! The log and the audit log both use this module, which knows neither. A line comes in from any thread, which never
//! waits; it goes out to a [`Sink`], which has a thread of its own and reports what it can't write.

mod printable;
mod queue;
mod sink;
mod worker;

pub(crate) use printable::{is_plain, printable, push_escaped};
pub use queue::Origin;
pub(crate) use sink::{Sink, WriteError};
pub(crate) use worker::{QUEUE, Worker};
