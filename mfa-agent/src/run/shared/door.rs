//! Decides whether what the servers hold is the store of this host, by the mark.
//!
//! The mark names the store, its cluster and the highest revision that this host knows. It is written while the agent
//! serves, every minute, and when it stops; no login waits for it. So a store that was set back to before that is refused
//! by the next start, too, until `mfa-agent --init` writes a mark of what is there.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::log;
use crate::store::KnownState;
use crate::store::etcd::{Access, Looked, Memory, SET_BACK, other_cluster, set_back};
use crate::store_mark::{self, Found, Mark};

use super::Places;

/// The mark is written no more often, except for another store.
const LEAST_PAUSE: Duration = Duration::from_secs(match cfg!(test) {
    true => 0,
    false => 30,
});

/// Where the mark is, and what this process wrote into it.
pub(super) struct Door {
    mark: PathBuf,
    prefix: String,
    last: Mutex<Option<Kept>>,
}

struct Kept {
    mark: Mark,
    at: Instant,
}

impl Door {
    pub(super) fn of(places: &Places<'_>, access: &Access) -> Self {
        Self {
            mark: places.mark.clone(),
            prefix: access.prefix.clone(),
            last: Mutex::default(),
        }
    }

    /// The mark for a store that fits what was found.
    fn look(&self, found: &Found, looked: &Looked) -> Result<Mark, String> {
        let new = match looked {
            Looked::Store {
                id,
                cluster,
                reached,
            } => Mark {
                id: *id,
                generation: *reached,
                cluster: Some(*cluster),
                state: KnownState::default(),
            },
            Looked::Nothing => return Err(self.without_store(found)),
            Looked::NoId => return Err(self.without_id()),
        };
        let known = match found {
            Found::Mark(known) => known,
            Found::Nothing => return Ok(new),
            Found::Unreadable(reason) => {
                return Err(format!(
                    "the mark {path} can't be read ({reason}). Without it another store, or an older one, would go \
                     unnoticed. If only its owner or mode is wrong: chown mfa: {path} && chmod 0600 {path}. Otherwise accept \
                     the store that is there: mfa-agent --init",
                    path = self.mark.display()
                ));
            }
        };
        if known.id != new.id {
            return Err(format!(
                "this is not this host's store: etcd holds the store {} under {}, but {} names {}. Check [store] endpoints \
                 and prefix. If this store is right, accept it: mfa-agent --init",
                new.id,
                self.prefix,
                self.mark.display(),
                known.id
            ));
        }
        match (new.cluster, known.cluster) {
            (Some(here), Some(known)) if here != known => Err(other_cluster(here, known)),
            _ if new.generation < known.generation => {
                Err(set_back(new.generation, known.generation))
            }
            _ => Ok(Mark {
                state: known.state.clone(),
                ..new
            }),
        }
    }

    fn without_store(&self, found: &Found) -> String {
        let prefix = &self.prefix;
        match found {
            Found::Nothing => format!(
                "there is no store in etcd under {prefix}. If there should be one, check [store] endpoints and prefix. To \
                 make it, on the first host only: mfa-agent --init"
            ),
            _ => format!(
                "the store is lost: etcd holds nothing under {prefix}, but {} names a store. The agent does not make an \
                 empty one by itself, since no user would be enrolled in it. Check [store] endpoints and prefix, or \
                 restore a snapshot of etcd. Otherwise, on one host: mfa-agent --init, start the agent, and: mfactl \
                 restore FILE",
                self.mark.display()
            ),
        }
    }

    pub(super) fn without_id(&self) -> String {
        let prefix = &self.prefix;
        let id = match store_mark::read(&self.mark) {
            Found::Mark(mark) => mark.id.to_string(),
            _ => "ID".to_owned(),
        };
        format!(
            "etcd holds keys under {prefix}, but not {prefix}id, which says which store they are of. Somebody removed it, \
             or the prefix is one of another program. If you know that the records are those of this store, put it back: \
             etcdctl put {prefix}id '{{\"format\":1,\"id\":\"{id}\"}}'"
        )
    }

    /// Writes the mark, and returns whether it did. An older one that stays still proves that there was a store.
    fn write(&self, last: &mut Option<Kept>, mark: Mark) -> bool {
        let path = self.mark.display();
        match store_mark::write(&self.mark, &mark) {
            Ok(()) => {
                *last = Some(Kept {
                    mark,
                    at: Instant::now(),
                });
                true
            }
            Err(e) => {
                log::limited(
                    "store mark",
                    format_args!(
                        "the mark {path} can't be written: {e}; without it a lost store, or an older one, may go unnoticed \
                         after a restart; make its folder writable for the agent's user"
                    ),
                );
                false
            }
        }
    }

    fn last(&self) -> MutexGuard<'_, Option<Kept>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mark. If it was removed, it is the one that this process wrote last: only `mfa-agent --init` accepts anything.
    fn found(&self, last: Option<&Kept>) -> Found {
        match (store_mark::read(&self.mark), last) {
            (Found::Nothing, Some(last)) => Found::Mark(last.mark.clone()),
            (found, _) => found,
        }
    }
}

impl Memory for Door {
    fn admit(&self, looked: &Looked) -> Result<(), String> {
        let mut last = self.last();
        let found = self.found(last.as_ref());
        let new = self.look(&found, looked)?;
        let is_recent = last.as_ref().is_some_and(|last| {
            let there = store_mark::read(&self.mark);
            there == Found::Mark(last.mark.clone()) && last.at.elapsed() < LEAST_PAUSE
        });
        if !is_recent {
            let _ = self.write(&mut last, new.clone());
        }
        if found == Found::Nothing {
            let path = self.mark.display();
            log::info(format_args!("marked the store {} in {path}", new.id));
        }
        Ok(())
    }

    fn keep(&self, reached: u64, state: KnownState) -> bool {
        let mut last = self.last();
        let known = match &*last {
            Some(kept) if self.found(Some(kept)) == Found::Mark(kept.mark.clone()) => {
                kept.mark.clone()
            }
            // An administrator accepted another state, or it could not be written until now.
            _ => return false,
        };
        let is_gone = store_mark::read(&self.mark) == Found::Nothing;
        let mut mark = Mark {
            generation: known.generation.max(reached),
            ..known.clone()
        };
        // What was seen before an administrator accepted the store counts no more.
        if state.accepted == mark.state.accepted {
            mark.state.learn(&state);
        }
        if mark != known || is_gone {
            let _ = self.write(&mut last, mark);
        }
        true
    }

    fn is_older(&self, looked: &Looked) -> bool {
        match self.found(self.last().as_ref()) {
            Found::Mark(known) => is_older(looked, &known),
            Found::Nothing | Found::Unreadable(_) => false,
        }
    }

    fn keep_set_back(&self, looked: &Looked) -> bool {
        let mut last = self.last();
        let known = match self.found(last.as_ref()) {
            Found::Mark(known) => known,
            Found::Nothing => return true,
            Found::Unreadable(_) => return false,
        };
        // An administrator may have accepted it since.
        let is_ours = match &*last {
            Some(last) => last.mark == known,
            None => is_older(looked, &known),
        };
        if !is_ours || known.generation == SET_BACK {
            return true;
        }
        let mark = Mark {
            generation: SET_BACK,
            ..known
        };
        self.write(&mut last, mark)
    }

    fn state(&self) -> Option<KnownState> {
        match self.found(self.last().as_ref()) {
            Found::Mark(mark) => Some(mark.state),
            Found::Nothing | Found::Unreadable(_) => None,
        }
    }
}

/// Whether a store is the one of the mark, as it was before. A copy in another cluster is refused as long as it is there,
/// and does not come as far.
fn is_older(looked: &Looked, known: &Mark) -> bool {
    match looked {
        Looked::Store {
            id,
            cluster,
            reached,
        } => {
            let is_same = *id == known.id && known.cluster.is_none_or(|known| known == *cluster);
            is_same && *reached < known.generation
        }
        Looked::Nothing | Looked::NoId => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreId;

    fn door(folder: &tempfile::TempDir) -> Door {
        Door {
            mark: folder.path().join("key.store"),
            prefix: "/p/".to_owned(),
            last: Mutex::default(),
        }
    }

    fn in_cluster(cluster: u64, id: u8, reached: u64) -> Looked {
        Looked::Store {
            id: StoreId([id; 16]),
            cluster,
            reached,
        }
    }

    fn known(number: u64) -> KnownState {
        KnownState {
            number,
            retired: (0..number.min(9)).map(|key| format!("{key:08x}")).collect(),
            ..KnownState::default()
        }
    }

    fn store(id: u8, reached: u64) -> Looked {
        in_cluster(3, id, reached)
    }

    #[test]
    fn a_store_is_marked_and_no_other_one_is_taken_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let door = door(&folder);
        let missing = door.admit(&Looked::Nothing).unwrap_err();
        assert!(
            missing.contains("there is no store in etcd under /p/"),
            "{missing}"
        );
        assert_eq!(door.admit(&store(1, 7)), Ok(()));
        // Nothing needs to have changed in between.
        assert_eq!(door.admit(&store(1, 7)), Ok(()));
        assert_eq!(door.admit(&store(1, 9)), Ok(()));
        let foreign = door.admit(&store(2, 99)).unwrap_err();
        assert!(foreign.contains("not this host's store"), "{foreign}");
        let lost = door.admit(&Looked::Nothing).unwrap_err();
        assert!(lost.contains("the store is lost"), "{lost}");
        let no_id = door.admit(&Looked::NoId).unwrap_err();
        assert!(no_id.contains(&StoreId([1; 16]).to_string()), "{no_id}");
        for text in [missing, foreign, lost] {
            assert!(text.contains("mfa-agent --init"), "{text}");
        }
    }

    #[test]
    fn a_store_that_went_back_while_the_agent_ran_or_not_is_refused_until_it_is_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let first = door(&folder);
        assert_eq!(first.admit(&store(1, 9)), Ok(()));
        assert!(first.keep(40, known(3)));
        // The next start.
        let door = door(&folder);
        assert_eq!(door.state(), Some(known(3)));
        for looked in [store(1, 9), store(1, 39), in_cluster(4, 1, 99)] {
            for _ in 0..2 {
                let told = door.admit(&looked).unwrap_err();
                assert!(told.contains("mfa-agent --init"), "{told}");
            }
        }
        let told = door.admit(&store(1, 39)).unwrap_err();
        assert!(told.contains("revision 39; it had reached 40"), "{told}");
        assert_eq!(door.admit(&store(1, 40)), Ok(()));
        assert_eq!(door.state(), Some(known(3)));
    }

    #[test]
    fn a_store_that_was_set_back_stays_refused_however_far_it_comes_until_it_is_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let first = door(&folder);
        assert_eq!(first.admit(&store(1, 9)), Ok(()));
        assert!(first.keep(40, known(3)));
        assert!(first.is_older(&store(1, 39)));
        let elsewhere = in_cluster(4, 1, 39);
        for other in [
            store(1, 40),
            store(2, 39),
            elsewhere,
            Looked::Nothing,
            Looked::NoId,
        ] {
            assert!(!first.is_older(&other), "{other:?}");
        }
        assert!(first.keep_set_back(&store(1, 39)));
        // The next starts.
        for reached in [39, 40, 999] {
            let door = door(&folder);
            let told = door.admit(&store(1, reached)).unwrap_err();
            assert!(told.contains("noticed that before"), "{told}");
            assert_eq!(door.state(), Some(known(3)));
            assert!(door.keep_set_back(&store(1, reached)));
        }
        let accepted = Mark {
            id: StoreId([1; 16]),
            generation: 39,
            cluster: Some(3),
            state: KnownState::default(),
        };
        store_mark::write(&first.mark, &accepted).unwrap();
        assert!(first.keep_set_back(&store(1, 39)));
        assert_eq!(store_mark::read(&first.mark), Found::Mark(accepted));
        assert_eq!(door(&folder).admit(&store(1, 40)), Ok(()));
    }

    #[test]
    fn what_an_administrator_accepted_is_not_overwritten_by_an_agent_that_has_seen_more() {
        let folder = tempfile::tempdir().unwrap();
        let door = door(&folder);
        assert!(!door.keep(9, known(0)), "nothing was admitted");
        assert_eq!(door.admit(&store(1, 9)), Ok(()));
        let accepted = Mark {
            id: StoreId([1; 16]),
            generation: 5,
            cluster: Some(3),
            state: KnownState::default(),
        };
        store_mark::write(&door.mark, &accepted).unwrap();
        assert!(!door.keep(40, known(0)));
        assert_eq!(store_mark::read(&door.mark), Found::Mark(accepted));
        assert_eq!(door.admit(&store(1, 6)), Ok(()));
        assert!(door.keep(40, known(0)));
    }

    #[test]
    fn a_mark_that_can_not_be_read_is_not_one_that_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let door = door(&folder);
        assert_eq!(door.admit(&store(1, 40)), Ok(()));
        let whole = std::fs::read(&door.mark).unwrap();
        std::fs::write(&door.mark, &whole[..60]).unwrap();
        for _ in 0..2 {
            let told = door.admit(&store(1, 9)).unwrap_err();
            assert!(
                told.contains("can't be read") && told.contains("--init"),
                "{told}"
            );
        }
        assert_eq!(std::fs::read(&door.mark).unwrap(), whole[..60]);
    }

    #[test]
    fn a_mark_that_is_removed_or_damaged_while_the_agent_runs_accepts_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let door = door(&folder);
        assert_eq!(door.state(), None, "nothing was kept");
        assert_eq!(door.admit(&store(1, 9)), Ok(()));
        assert!(door.keep(40, known(3)));
        let whole = std::fs::read(&door.mark).unwrap();
        let remove = || std::fs::remove_file(&door.mark).unwrap();
        remove();
        assert_eq!(door.state(), Some(known(3)));
        assert!(door.is_older(&store(1, 39)));
        assert!(door.admit(&store(1, 39)).is_err() && door.admit(&store(2, 99)).is_err());
        assert!(door.admit(&Looked::Nothing).is_err());
        assert_eq!(door.admit(&store(1, 40)), Ok(()));
        assert_eq!(
            std::fs::read(&door.mark).unwrap(),
            whole,
            "it is there again"
        );
        remove();
        assert!(door.keep(40, known(3)));
        assert_eq!(std::fs::read(&door.mark).unwrap(), whole);
        std::fs::write(&door.mark, &whole[..60]).unwrap();
        assert_eq!(door.state(), None, "what is known stays");
        assert!(!door.keep_set_back(&store(1, 39)), "later");
        remove();
        assert!(door.keep_set_back(&store(1, 39)));
        assert!(door.admit(&store(1, 99)).is_err());
        assert_eq!(door.state(), Some(known(3)));
    }

    #[test]
    fn an_acceptance_of_the_same_state_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let door = door(&folder);
        assert_eq!(door.admit(&store(1, 9)), Ok(()));
        let Found::Mark(mark) = store_mark::read(&door.mark) else {
            panic!("it was marked");
        };
        let accepted = Mark {
            state: KnownState {
                accepted: 7,
                ..mark.state
            },
            ..mark
        };
        store_mark::write(&door.mark, &accepted).unwrap();
        assert!(!door.keep(40, known(3)), "it is the one of before");
        assert_eq!(store_mark::read(&door.mark), Found::Mark(accepted.clone()));
        // The store is admitted once more, and what was seen before does not count.
        assert_eq!(door.admit(&store(1, 9)), Ok(()));
        assert!(door.keep(9, known(u64::MAX)));
        assert_eq!(store_mark::read(&door.mark), Found::Mark(accepted));
    }
}
