//! Lets go of the lines of the audit log that the audit log has for good.

use std::sync::Weak;
use std::time::Instant;

use super::background::Task;
use super::commit::GroupCommit;
use super::fault::Fault;
use super::shared::{Shared, State};
use super::writer::Writer;

/// Has lines settled, on a thread of its own.
pub(super) struct Settler {
    /// It goes away with the store.
    pub(super) commits: Weak<GroupCommit<Writer>>,
}

impl Task for Settler {
    const NAME: &'static str = "store-lines";

    fn is_due(&self, shared: &Shared, _: &State) -> bool {
        shared.lines.are_due()
    }

    fn work(&self, shared: &Shared) -> Result<(), Fault> {
        let Some(until) = shared.lines.write_out(Instant::now()) else {
            return Ok(());
        };
        if let Some(commits) = self.commits.upgrade() {
            // It becomes durable with the next change: without it, lines are looked for once more.
            commits.commit(|batch| {
                batch.settled(until);
                Ok(((), false))
            })?;
        }
        if !shared.state().stopping {
            shared.lines.settled(until);
            shared.remove_settled();
        }
        Ok(())
    }
}
