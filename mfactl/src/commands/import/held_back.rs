//! New devices for users whom the agent knows already.
//!
//! A file in a home is the word of whoever had hold of that account for a moment. For a user who has
//! nothing here yet it is what the old module goes by, too. But a user who has been taken over changes
//! devices only after passing a factor, and a file with another key must not be a way around that, each
//! time an administrator repeats an import. So such a file is left for the administrator to name.
//!
//! The accounts that were looked at are those that are sent: a file can't change in between.

use std::collections::BTreeSet;

use mfa_protocol::admin::{PageParameters, Users};

use super::accounts::{self, Gathered, Place};
use super::table::Row;
use crate::commands::lists;
use crate::context::Context;
use crate::failure::Failure;

/// Takes out the accounts that would give a new device to a user who is known already; `reason` says
/// why and what to do.
pub(super) fn hold_back(
    context: &mut Context,
    gathered: Gathered,
    place: Place,
    reason: &str,
) -> Result<Gathered, Failure> {
    let page = |after| PageParameters { after };
    let known = lists::all::<Users, _>(context, page, |reply| (reply.users, reply.next))?;
    if known.is_empty() {
        return Ok(gathered);
    }
    let known: BTreeSet<String> = known.into_iter().collect();
    let (table, ended) = accounts::send(context, gathered.clone(), true, place);
    ended?;
    let held = table.new_of(&known);
    let Gathered {
        accounts,
        mut refused,
        without,
    } = gathered;
    let (held, accounts): (Vec<_>, Vec<_>) = accounts
        .into_iter()
        .partition(|account| held.contains(&account.line));
    refused.extend(
        held.into_iter()
            .map(|account| Row::refused(Some(account.line), Some(account.user), reason)),
    );
    Ok(Gathered {
        accounts,
        refused,
        without,
    })
}
