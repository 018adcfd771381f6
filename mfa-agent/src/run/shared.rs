//! Opens the store that many hosts share, and makes it on the first host.
//!
//! The store is in etcd, so a start may find no server: then the agent serves, refuses what needs a record, and goes on
//! trying. It does the same where only an administrator can help: no store, another one than the mark names, one that was
//! set back, another key. A start after that must not be worse than what was before it, and rules for emergencies hold only
//! while an agent serves. Only what is wrong on this host itself ends a start: no key, no name, no certificate.

mod door;

use std::fmt;
use std::sync::Arc;

use self::door::Door;
use super::StartError;
use super::places::Places;
use crate::host_name;
use crate::log;
use crate::repository::{AccountRepository, RepositoryError};
use crate::store::etcd::{Access, Contact, EtcdStore, Looked, Memory};
use crate::store::{KnownState, StoreId};
use crate::store_mark::{self, Found, Mark};

/// Why the agent does not start; only an administrator can help.
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
    let door = Arc::new(Door::of(places, access));
    match store.contact(&*door) {
        Ok(Contact::Admitted(_)) => {}
        Ok(Contact::Refused(_, reason) | Contact::Undecided(_, reason)) => refuses(&reason),
        Err(error) => refuses(&error),
    }
    store.start(door)?;
    let repository = AccountRepository::open_shared(Box::new(store), places.key.clone(), host)
        .map_err(|error| SharedRefused(error.to_string()))?;
    if let Err(error) = repository.prepare() {
        match error {
            // It was said why.
            RepositoryError::Store(_) => {}
            error => refuses(&error),
        }
    }
    Ok(repository)
}

/// The agent serves all the same: rules that need no account hold, and tell administrators apart from the rest.
fn refuses(reason: &dyn fmt::Display) {
    log::error(format_args!(
        "{reason}. While this is so, the agent refuses logins that ask for a factor, and goes on trying"
    ));
}

/// Makes the store if there is none, with its key; otherwise accepts the one that is there.
pub(super) fn init(places: &Places<'_>, access: &Access) -> Result<(), StartError> {
    let store = EtcdStore::new(access)?;
    let prefix = &access.prefix;
    let accept = AnyStore(Door::of(places, access));
    let is_whole = store.keep_to_one_cluster()?;
    let contact = match store.contact(&accept)? {
        Contact::Refused(Looked::Nothing, _) | Contact::Undecided(Looked::Nothing, _) => {
            create(places, &store, is_whole)?;
            store.contact(&accept)?
        }
        Contact::Admitted(_) if AccountRepository::is_empty_store(&store)? => {
            store.replace(new_id()?)?;
            log::warn(format_args!(
                "the store in etcd had an ID and no records: {GONE}"
            ));
            store.contact(&accept)?
        }
        contact => contact,
    };
    let mark = match contact {
        Contact::Admitted(Looked::Store {
            id,
            cluster,
            reached,
        }) => Mark {
            id,
            generation: reached,
            cluster: Some(cluster),
            state: KnownState::default(),
        },
        Contact::Admitted(_) => return Err("the store is gone again; run this once more".into()),
        Contact::Refused(_, reason) | Contact::Undecided(_, reason) => {
            return Err(SharedRefused(reason).into());
        }
    };
    let id = mark.id;
    require_key(places)?;
    let (is_first, state) = AccountRepository::init_shared(Box::new(store), places.key.clone())?;
    let accepted = random()?;
    let state = KnownState { accepted, ..state };
    let mark = Mark { state, ..mark };
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

/// Whatever store is there: an administrator accepts it.
struct AnyStore(Door);

impl Memory for AnyStore {
    fn admit(&self, looked: &Looked) -> Result<(), String> {
        match looked {
            Looked::Store { .. } => Ok(()),
            Looked::Nothing => Err("nothing is there".to_owned()),
            Looked::NoId => Err(self.0.without_id()),
        }
    }

    fn keep(&self, _: u64, _: KnownState) -> bool {
        true
    }
}

/// The key comes first: a crash in between must not leave a store whose key never existed. `is_whole`: all servers
/// answered.
fn create(places: &Places<'_>, store: &EtcdStore, is_whole: bool) -> Result<(), StartError> {
    let found = store_mark::read(&places.mark);
    if found != Found::Nothing && !is_whole {
        return Err(SharedRefused(format!(
            "{} names a store, and the servers that answer do not hold it; others do not answer. Nothing was made: start \
             all servers, or correct [store] endpoints, and run this again",
            places.mark.display()
        ))
        .into());
    }
    let makes_key = !places.key.is_there()?;
    if makes_key {
        places.key.make()?;
    }
    store.create(new_id()?)?;
    if makes_key {
        log::info(format_args!(
            "created the key {}. Copy it to every host of this store, and keep a copy elsewhere: without it the records \
             are lost",
            places.key.file.display()
        ));
    }
    if found != Found::Nothing {
        log::warn(format_args!("the store in etcd was gone: {GONE}"));
    }
    Ok(())
}

/// What an administrator has to know of a store in the place of another one.
const GONE: &str = "an empty one is in its place now. All users must enrol again, unless a backup is restored: mfactl \
                    restore FILE. Each other host refuses it until it accepts it: mfa-agent --init";

fn new_id() -> Result<StoreId, StartError> {
    let (first, last) = (random()?, random()?);
    let mut id = StoreId([0; 16]);
    id.0[..8].copy_from_slice(&first.to_ne_bytes());
    id.0[8..].copy_from_slice(&last.to_ne_bytes());
    Ok(id)
}

fn random() -> Result<u64, StartError> {
    getrandom::u64().map_err(|e| format!("the system provides no random bytes: {e}").into())
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

#[cfg(test)]
mod tests;
