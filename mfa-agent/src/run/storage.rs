//! Opens key, mark and store together at a start.
//!
//! A start never creates one of them: a lost or unmounted disk would become an empty store, in which no user is
//! enrolled. `mfa-agent --init` creates them ([`init`](mod@super::init)); [`crate::store_mark::decision`] decides
//! whether they match.

use super::StartError;
use super::backups::Remedy;
use super::places::Places;
use super::refused::Refused;
use super::shared;
use crate::config::{self, Engine};
use crate::log;
use crate::repository::{AccountRepository, RepositoryError};
use crate::store::SledStore;
use crate::store_mark::decision::{self, Facts, Opened, Reason, Rollback, Start};
use crate::store_mark::{self, Found, Mark};
use crate::vault::{Vault, VaultError, sealed_credential};

/// Opens the existing store, and marks it.
pub(super) fn open(settings: &config::Store) -> Result<AccountRepository, StartError> {
    let places = Places::of(settings);
    if let Engine::Etcd(access) = &settings.engine {
        return shared::open(&places, access);
    }
    let (facts, store) = places.look()?;
    let start = decision::start(&facts).map_err(|reason| places.refused(reason))?;
    let Some(store) = store else {
        return Err(places.refused(Reason::StoreLost { marked: false }).into());
    };
    let mark = mark_of(&store);
    let repository = places.unlock(store)?;
    match start {
        Start::Open => {
            places.keep_mark(&facts.mark, &mark);
            Ok(repository)
        }
        Start::OpenRolledBack(rollback) => Ok(repository.rolled_back(places.tell(rollback))),
    }
}

/// The mark for a store that was just opened.
pub(super) fn mark_of(store: &SledStore) -> Mark {
    Mark {
        id: store.id(),
        generation: store.generation(),
        cluster: None,
        state: crate::store::KnownState::default(),
    }
}

impl Places<'_> {
    /// What is there, and the store, opened, if it is.
    pub(super) fn look(&self) -> Result<(Facts, Option<SledStore>), StartError> {
        let key = self.key.is_there()?;
        let store = match SledStore::is_there(self.store)? {
            true => {
                Some(SledStore::open(self.store).map_err(|e| self.with_remedy(&e.to_string()))?)
            }
            false => None,
        };
        let opened = store.as_ref().map(|store| Opened {
            id: store.id(),
            generation: store.generation(),
        });
        let facts = Facts {
            key,
            mark: store_mark::read(&self.mark),
            store: opened,
        };
        Ok((facts, store))
    }

    /// The records of `store`, which this key must have sealed.
    pub(super) fn unlock(&self, store: SledStore) -> Result<AccountRepository, StartError> {
        let vault = Vault::with(&self.key.load_ring()?, None);
        let refused = |e: RepositoryError| match &e {
            // It says which key to restore.
            RepositoryError::Vault(_, VaultError::OtherKey { .. }) => e.to_string(),
            _ => self.with_remedy(&e.to_string()),
        };
        let repository = AccountRepository::open(Box::new(store), vault).map_err(refused)?;
        repository.check_key().map_err(refused)?;
        Ok(repository)
    }

    /// What would keep the agent from starting, as far as this can be checked while an agent uses the store. Only the
    /// agent itself can see a credential.
    pub(super) fn check(&self, engine: &Engine) -> Result<(), StartError> {
        if let Engine::Etcd(access) = engine {
            return shared::check(self, access);
        }
        let has_credential = self.key.has_credentials() || sealed_credential().is_some();
        let marked = matches!(store_mark::read(&self.mark), Found::Mark(_));
        let has_key = has_credential || self.key.is_there()?;
        match (has_key, SledStore::is_usable(self.store)?) {
            (true, true) if has_credential => Ok(()),
            (true, true) => {
                drop(self.key.load()?);
                Ok(())
            }
            (false, true) => Err(self.refused(Reason::KeyMissing).into()),
            (true, false) => Err(self.refused(Reason::StoreLost { marked }).into()),
            (false, false) if marked => Err(self.refused(Reason::StoreLost { marked }).into()),
            (false, false) => {
                log::warn(self.refused(Reason::NothingThere));
                Ok(())
            }
        }
    }

    /// The reason why the store can't be used, with the way to a restore.
    fn with_remedy(&self, reason: &str) -> String {
        format!("{reason}. {}", Remedy::of(self))
    }

    pub(super) fn refused(&self, reason: Reason) -> Refused {
        Refused::new(reason, self)
    }

    /// An unwritable mark does not prevent the start: the older mark still proves that there was a
    /// store.
    fn keep_mark(&self, found: &Found, mark: &Mark) {
        let path = self.mark.display();
        if let Err(e) = store_mark::write(&self.mark, mark) {
            return log::warn(format_args!(
                "the mark {path} can't be written: {e}; without it a lost store, or an older one, \
                 may go unnoticed; make its folder writable for the agent's user"
            ));
        }
        match found {
            Found::Mark(_) => {}
            Found::Nothing => log::info(format_args!("marked the store {} in {path}", mark.id)),
            Found::Unreadable(reason) => log::warn(format_args!(
                "the mark {path} was not readable ({reason}); rewrote it for the store {}",
                mark.id
            )),
        }
    }

    /// Logs the rollback, and returns the text that administrators see later.
    fn tell(&self, rollback: Rollback) -> String {
        let Rollback {
            mark_generation,
            store_generation,
        } = rollback;
        let told = format!(
            "the store {} was set back to an older state ({store_generation}; it had reached \
             {mark_generation}): used codes, failures and locks since then are lost",
            self.store.display()
        );
        log::error(format_args!(
            "{told}. This is expected only after a restore. To accept it, stop the agent and run: \
             mfa-agent --init"
        ));
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Change, Store, StoreId};

    #[test]
    fn a_damaged_state_of_all_records_names_the_way_to_a_restore() {
        let dir = tempfile::tempdir().unwrap();
        let settings = config::Store {
            engine: config::Engine::Sled,
            path: dir.path().join("store"),
            key_file: dir.path().join("key"),
        };
        let places = Places::of(&settings);
        places.key.make().unwrap();
        SledStore::create(places.store, StoreId([1; 16])).unwrap();
        let store = SledStore::open(places.store).unwrap();
        let junk = Change {
            key: b"vault/state",
            expected: None,
            new: Some(b"junk"),
            line: None,
        };
        store.swap(junk).unwrap();
        let error = places.unlock(store).err().unwrap().to_string();
        for words in ["vault/state", "mfa-agent --init", "mfactl restore FILE"] {
            assert!(error.contains(words), "{error}");
        }
    }
}
