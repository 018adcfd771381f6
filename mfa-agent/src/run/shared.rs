//! Opens the store that many hosts share, and makes it on the first host.
//!
//! The store is in etcd, so a start may find no server: then the agent serves, refuses what needs a record, and goes on
//! trying. What a start refuses because only an administrator can help, it refuses later in the same way: no store, another
//! store than the mark names, another key.

use std::cell::RefCell;
use std::fmt;
use std::path::PathBuf;

use super::StartError;
use super::places::Places;
use crate::host_name;
use crate::log;
use crate::repository::AccountRepository;
use crate::store::StoreId;
use crate::store::etcd::{Access, Contact, EtcdStore, Looked};
use crate::store_mark::decision::{self, Facts, Opened, Reason, Start};
use crate::store_mark::{self, Found, Mark};

/// Why the agent does not serve from a shared store; only an administrator can help.
#[derive(Debug)]
pub(super) struct SharedRefused(String);

impl fmt::Display for SharedRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SharedRefused {}

/// Opens the store, and marks it, as soon as a server answers.
pub(super) fn open(places: &Places<'_>, access: &Access) -> Result<AccountRepository, StartError> {
    let host = name_of_this_host()?;
    require_key(places)?;
    let store = EtcdStore::new(access)?;
    let door = Door::of(places, access);
    let rollback = RefCell::new(None);
    let admit = |looked: &Looked| {
        door.admit(looked)
            .map(|found| *rollback.borrow_mut() = found)
    };
    match store.contact(&admit) {
        Ok(Contact::Admitted(_)) => {}
        Ok(Contact::Refused(_, reason)) => return Err(SharedRefused(reason).into()),
        Err(error) => log::error(format_args!(
            "{error}. The agent serves and refuses logins that ask for a factor, until a server answers"
        )),
    }
    store.start(Box::new(move |looked| {
        let rollback = door.admit(looked)?;
        rollback.map_or(Ok(()), |told| {
            log::error(told);
            Ok(())
        })
    }))?;
    let repository = AccountRepository::open_shared(Box::new(store), places.key.clone(), host)
        .map_err(|error| SharedRefused(error.to_string()))?;
    Ok(match rollback.into_inner() {
        Some(told) => {
            log::error(&told);
            repository.rolled_back(told)
        }
        None => repository,
    })
}

/// Makes the store if there is none, with its key; otherwise accepts the one that is there.
pub(super) fn init(places: &Places<'_>, access: &Access) -> Result<(), StartError> {
    let store = EtcdStore::new(access)?;
    let prefix = &access.prefix;
    let accept = |looked: &Looked| match looked {
        Looked::Store { .. } => Ok(()),
        Looked::Nothing => Err("nothing is there".to_owned()),
        Looked::NoId => Err(Door::of(places, access).without_id()),
    };
    let contact = match store.contact(&accept)? {
        Contact::Refused(Looked::Nothing, _) => {
            create(places, &store)?;
            store.contact(&accept)?
        }
        contact => contact,
    };
    let (id, reached) = match contact {
        Contact::Admitted(Looked::Store { id, reached }) => (id, reached),
        Contact::Admitted(_) => return Err("the store is gone again; run this once more".into()),
        Contact::Refused(_, reason) => return Err(SharedRefused(reason).into()),
    };
    require_key(places)?;
    let is_first = AccountRepository::init_shared(Box::new(store), places.key.clone())?;
    let mark = Mark {
        id,
        generation: reached,
    };
    let path = places.mark.display();
    store_mark::write(&places.mark, &mark).map_err(|e| {
        format!(
            "the mark {path} can't be written: {e}; make its folder writable for the agent's user"
        )
    })?;
    match is_first {
        true => log::info(format_args!(
            "created an empty store in etcd under {prefix} ({id}), and marked it in {path}"
        )),
        false => log::info(format_args!(
            "accepted the store in etcd under {prefix} ({id}) with its records, and marked it in {path}"
        )),
    }
    Ok(())
}

/// What would keep the agent from starting, as far as files can tell.
pub(super) fn check(places: &Places<'_>, access: &Access) -> Result<(), StartError> {
    name_of_this_host()?;
    EtcdStore::new(access)?;
    if places.key.has_credentials() || crate::vault::sealed_credential().is_some() {
        return Ok(());
    }
    require_key(places)?;
    drop(places.key.load()?);
    Ok(())
}

/// The key comes first: a crash in between must not leave a store whose key never existed.
fn create(places: &Places<'_>, store: &EtcdStore) -> Result<(), StartError> {
    let found = store_mark::read(&places.mark);
    if !places.key.is_there()? {
        places.key.make()?;
        log::info(format_args!(
            "created the key {}. Copy it to every host of this store, and keep a copy elsewhere: without it the records \
             are lost",
            places.key.file.display()
        ));
    }
    let mut id = StoreId([0; 16]);
    getrandom::fill(&mut id.0).map_err(|e| format!("the system provides no random bytes: {e}"))?;
    store.create(id)?;
    if found != Found::Nothing {
        log::warn(
            "it replaces a store that is gone from etcd; all users must enrol again, unless a backup is restored: mfactl \
             restore FILE. Each other host accepts it with: mfa-agent --init",
        );
    }
    Ok(())
}

fn name_of_this_host() -> Result<String, StartError> {
    host_name::own().ok_or_else(|| {
        "this host has no name, and the hosts of a store tell each other apart by their names; run: hostnamectl hostname NAME"
            .into()
    })
}

fn require_key(places: &Places<'_>) -> Result<(), StartError> {
    if places.key.is_there()? {
        return Ok(());
    }
    Err(SharedRefused(format!(
        "the key {} is missing. All hosts of a shared store have the same key: copy it from another host, owned by the \
         agent's user with mode 0600. To make the first one with a new store: mfa-agent --init",
        places.key.file.display()
    ))
    .into())
}

/// Decides whether what the servers hold is the store of this host, by the mark.
struct Door {
    mark: PathBuf,
    prefix: String,
}

impl Door {
    fn of(places: &Places<'_>, access: &Access) -> Self {
        Self {
            mark: places.mark.clone(),
            prefix: access.prefix.clone(),
        }
    }

    /// Whether it is used, or why not. It may be older than it was: then there is a text that says so.
    fn admit(&self, looked: &Looked) -> Result<Option<String>, String> {
        let found = store_mark::read(&self.mark);
        let (id, reached) = match looked {
            Looked::Store { id, reached } => (*id, *reached),
            Looked::Nothing => return Err(self.without_store(&found)),
            Looked::NoId => return Err(self.without_id()),
        };
        // The mark has the revision that was reached, and this opening counts as the next one.
        let generation = reached.saturating_add(1);
        let facts = Facts {
            key: true,
            mark: found.clone(),
            store: Some(Opened { id, generation }),
        };
        match decision::start(&facts) {
            Ok(Start::Open) => {
                self.keep_mark(&found, id, reached);
                Ok(None)
            }
            Ok(Start::OpenRolledBack(_)) => Ok(Some(self.rolled_back(&found, reached))),
            Err(Reason::Foreign { here, marked }) => Err(format!(
                "this is not this host's store: etcd holds the store {here} under {}, but {} names {marked}. Check \
                 [store] endpoints and prefix. If this store is right, accept it: mfa-agent --init",
                self.prefix,
                self.mark.display()
            )),
            Err(_) => Err(self.without_store(&found)),
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

    fn without_id(&self) -> String {
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

    fn rolled_back(&self, found: &Found, reached: u64) -> String {
        let had = match found {
            Found::Mark(mark) => mark.generation,
            _ => 0,
        };
        format!(
            "etcd was set back to an older state (revision {reached}; it had reached {had}): used codes, failures and \
             locks since then are lost. This is expected only after a restore of etcd. To accept it, on each host: \
             mfa-agent --init"
        )
    }

    fn keep_mark(&self, found: &Found, id: StoreId, reached: u64) {
        let mark = Mark {
            id,
            generation: reached,
        };
        let path = self.mark.display();
        if let Err(e) = store_mark::write(&self.mark, &mark) {
            return log::warn(format_args!(
                "the mark {path} can't be written: {e}; without it a lost store, or an older one, may go unnoticed; make \
                 its folder writable for the agent's user"
            ));
        }
        if *found == Found::Nothing {
            log::info(format_args!("marked the store {id} in {path}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(folder: &tempfile::TempDir) -> Door {
        Door {
            mark: folder.path().join("key.store"),
            prefix: "/p/".to_owned(),
        }
    }

    fn store(id: u8, reached: u64) -> Looked {
        Looked::Store {
            id: StoreId([id; 16]),
            reached,
        }
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
        assert_eq!(door.admit(&store(1, 7)), Ok(None));
        // Nothing needs to have changed in between.
        assert_eq!(door.admit(&store(1, 7)), Ok(None));
        assert_eq!(door.admit(&store(1, 9)), Ok(None));
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
    fn a_store_that_went_back_is_told_until_it_is_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let door = door(&folder);
        assert_eq!(door.admit(&store(1, 9)), Ok(None));
        for _ in 0..2 {
            let told = door.admit(&store(1, 8)).unwrap().unwrap();
            assert!(told.contains("revision 8; it had reached 9"), "{told}");
        }
    }
}
