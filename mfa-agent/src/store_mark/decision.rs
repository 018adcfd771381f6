//! Decides what a start, or `mfa-agent --init`, does with the key, the mark and the store that it finds.
//!
//! | key | mark | store | start | `--init` |
//! | --- | --- | --- | --- | --- |
//! | no | any | there | refuse: the key is missing | the same |
//! | yes | none, unreadable | there | open | adopt |
//! | yes | of this store | there, newer | open | keep |
//! | yes | of this store | there, not newer | open, and report the rollback | adopt |
//! | yes | of another store | there | refuse: a foreign store | adopt |
//! | no | none | missing | refuse: nothing is there | create key and store |
//! | at least one of both | | missing | refuse: the store is lost | create what is missing |
//!
//! Pure: the caller reads the files before and writes them after.

use super::{Found, Mark};
use crate::store::StoreId;

/// A store that was just opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    pub id: StoreId,
    /// How often it was opened, including this time.
    pub generation: u64,
}

/// What exists.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Whether there is a key, as a file or as a credential.
    pub key: bool,
    /// The mark beside the key.
    pub mark: Found,
    /// The store, if there is one.
    pub store: Option<Opened>,
}

/// How a start continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Serve from the store, and mark it.
    Open,
    /// Serve from the store, report that it is older than its mark, and leave the mark.
    OpenRolledBack(Rollback),
}

/// How `--init` continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Init {
    /// All exist and match; change nothing.
    Keep,
    /// Mark the existing store, whatever the mark says.
    Adopt,
    /// Make an empty store and mark it.
    Create {
        /// Make a key as well.
        key: bool,
        /// The mark says that there was a store before.
        replaces: bool,
    },
}

/// A store that was opened less often than its mark says: an older copy was put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rollback {
    /// The generation in the mark.
    pub mark_generation: u64,
    /// The generation in the store.
    pub store_generation: u64,
}

/// Why the agent does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is no key, no mark and no store.
    NothingThere,
    /// A key or a mark proves that there was a store.
    StoreLost {
        /// Whether there is a mark.
        marked: bool,
    },
    /// The store's key is missing.
    KeyMissing,
    /// The mark names another store.
    Foreign {
        /// The store that exists.
        here: StoreId,
        /// The store that the mark names.
        marked: StoreId,
    },
}

/// Decides how a start continues. It makes neither key nor store.
///
/// # Errors
///
/// The [`Reason`] why the agent must not serve.
pub fn start(facts: &Facts) -> Result<Start, Reason> {
    let store = match facts.store {
        None => return Err(lost(facts)),
        Some(_) if !facts.key => return Err(Reason::KeyMissing),
        Some(store) => store,
    };
    let Found::Mark(Mark { id, generation, .. }) = facts.mark else {
        return Ok(Start::Open);
    };
    if id != store.id {
        return Err(Reason::Foreign {
            here: store.id,
            marked: id,
        });
    }
    // Each opening increments it, so after the mark it must be higher.
    if store.generation <= generation {
        return Ok(Start::OpenRolledBack(Rollback {
            mark_generation: generation,
            store_generation: store.generation,
        }));
    }
    Ok(Start::Open)
}

/// Decides how `--init` continues. It makes what is missing, and accepts an existing store.
///
/// # Errors
///
/// [`Reason::KeyMissing`]: a new key can't open an existing store.
pub fn init(facts: &Facts) -> Result<Init, Reason> {
    if facts.store.is_none() {
        return Ok(Init::Create {
            key: !facts.key,
            replaces: facts.mark != Found::Nothing,
        });
    }
    match start(facts) {
        Err(Reason::KeyMissing) => Err(Reason::KeyMissing),
        Ok(Start::Open) if matches!(facts.mark, Found::Mark(_)) => Ok(Init::Keep),
        _ => Ok(Init::Adopt),
    }
}

fn lost(facts: &Facts) -> Reason {
    let marked = facts.mark != Found::Nothing;
    if !marked && !facts.key {
        return Reason::NothingThere;
    }
    Reason::StoreLost { marked }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: StoreId = StoreId([1; 16]);
    const OTHER: StoreId = StoreId([2; 16]);
    const MARKED: u64 = 7;

    const MISSING: Option<u64> = None;
    const OLDER: Option<u64> = Some(MARKED - 1);
    const EQUAL: Option<u64> = Some(MARKED);
    const NEWER: Option<u64> = Some(MARKED + 1);

    fn none() -> Found {
        Found::Nothing
    }

    fn damaged() -> Found {
        Found::Unreadable("damaged".to_owned())
    }

    fn fits() -> Found {
        Found::Mark(Mark {
            id: HERE,
            generation: MARKED,
            cluster: None,
            state: crate::store::KnownState::default(),
        })
    }

    fn foreign() -> Found {
        Found::Mark(Mark {
            id: OTHER,
            generation: MARKED,
            cluster: None,
            state: crate::store::KnownState::default(),
        })
    }

    fn rolled_back(store_generation: u64) -> Start {
        Start::OpenRolledBack(Rollback {
            mark_generation: MARKED,
            store_generation,
        })
    }

    fn create(key: bool, replaces: bool) -> Init {
        Init::Create { key, replaces }
    }

    fn facts(key: bool, mark: &Found, generation: Option<u64>) -> Facts {
        let store = generation.map(|generation| Opened {
            id: HERE,
            generation,
        });
        let mark = mark.clone();
        Facts { key, mark, store }
    }

    /// Mark, generation of the store, result of a start, result of `--init`.
    type Row = (Found, Option<u64>, Result<Start, Reason>, Init);

    fn with_a_key() -> Vec<Row> {
        use Init::{Adopt, Keep};
        use Start::Open;
        let lost = |marked| Err(Reason::StoreLost { marked });
        let not_ours = Err(Reason::Foreign {
            here: HERE,
            marked: OTHER,
        });
        vec![
            (none(), MISSING, lost(false), create(false, false)),
            (none(), OLDER, Ok(Open), Adopt),
            (none(), EQUAL, Ok(Open), Adopt),
            (none(), NEWER, Ok(Open), Adopt),
            (damaged(), MISSING, lost(true), create(false, true)),
            (damaged(), OLDER, Ok(Open), Adopt),
            (damaged(), EQUAL, Ok(Open), Adopt),
            (damaged(), NEWER, Ok(Open), Adopt),
            (fits(), MISSING, lost(true), create(false, true)),
            (fits(), OLDER, Ok(rolled_back(MARKED - 1)), Adopt),
            (fits(), EQUAL, Ok(rolled_back(MARKED)), Adopt),
            (fits(), NEWER, Ok(Open), Keep),
            (foreign(), MISSING, lost(true), create(false, true)),
            (foreign(), OLDER, not_ours, Adopt),
            (foreign(), EQUAL, not_ours, Adopt),
            (foreign(), NEWER, not_ours, Adopt),
        ]
    }

    #[test]
    fn with_a_key_a_start_serves_its_own_store_only_and_init_accepts_any_store() {
        for (mark, generation, started, made) in with_a_key() {
            let facts = facts(true, &mark, generation);
            assert_eq!(start(&facts), started, "{facts:?}");
            assert_eq!(init(&facts), Ok(made), "{facts:?}");
        }
    }

    #[test]
    fn without_a_key_nothing_starts_and_init_makes_one_only_if_there_is_no_store() {
        for mark in [none(), damaged(), fits(), foreign()] {
            let marked = mark != none();
            let reason = match marked {
                true => Reason::StoreLost { marked },
                false => Reason::NothingThere,
            };
            let missing = facts(false, &mark, MISSING);
            assert_eq!(start(&missing), Err(reason), "{mark:?}");
            assert_eq!(init(&missing), Ok(create(true, marked)), "{mark:?}");
            for generation in [OLDER, EQUAL, NEWER] {
                let facts = facts(false, &mark, generation);
                assert_eq!(start(&facts), Err(Reason::KeyMissing), "{facts:?}");
                assert_eq!(init(&facts), Err(Reason::KeyMissing), "{facts:?}");
            }
        }
    }
}
