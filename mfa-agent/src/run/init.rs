//! `mfa-agent --init`: makes key and store on a new host, and accepts a store that a normal start
//! refuses.

use super::StartError;
use super::owner::become_owner;
use super::places::Places;
use super::shared;
use super::storage::mark_of;
use crate::config;
use crate::log;
use crate::store::{SledStore, StoreId};
use crate::store_mark::decision::{self, Init};
use crate::store_mark::{self, Mark};
use crate::vault::sealed_credential;

/// The first opening counts as 1.
const NEVER_OPENED: u64 = 0;

/// Makes what is missing, and logs what it did.
pub(super) fn init(settings: &config::Store) -> Result<(), StartError> {
    let places = Places::of(settings);
    check_credential(&places)?;
    become_owner(&places)?;
    if let config::Engine::Etcd(access) = &settings.engine {
        return shared::init(&places, access);
    }
    let (facts, store) = places.look()?;
    let init = decision::init(&facts).map_err(|reason| places.refused(reason))?;
    match (init, store) {
        (Init::Create { key, replaces }, _) => create(&places, key, replaces),
        (Init::Adopt, Some(store)) => adopt(&places, store),
        (Init::Keep | Init::Adopt, _) => {
            let (store, mark) = (places.store.display(), places.mark.display());
            log::info(format_args!(
                "the store {store}, its key and {mark} exist and match; nothing was changed"
            ));
            Ok(())
        }
    }
}

/// The key comes first: a crash in between must not leave a store whose key never existed.
fn create(places: &Places<'_>, key: bool, replaces: bool) -> Result<(), StartError> {
    let key_file = places.key.file.display();
    if key {
        places.key.make()?;
        log::info(format_args!(
            "created the key {key_file}; without it the records are lost: keep a copy elsewhere"
        ));
    } else {
        // Fails now if the key can't be read, instead of at the next start.
        places.key.load()?;
    }
    let mut id = StoreId([0; 16]);
    getrandom::fill(&mut id.0).map_err(|e| format!("the system provides no random bytes: {e}"))?;
    SledStore::create(places.store, id)?;
    let store = places.store.display();
    log::info(format_args!("created an empty store {store} ({id})"));
    if replaces {
        log::warn(
            "it replaces the lost store; all users must enrol again, unless a backup is restored: mfactl restore FILE",
        );
    }
    let mark = Mark {
        id,
        generation: NEVER_OPENED,
        cluster: None,
        state: crate::store::KnownState::default(),
    };
    write_mark(places, &mark)
}

fn adopt(places: &Places<'_>, store: SledStore) -> Result<(), StartError> {
    let mark = mark_of(&store);
    // A store that the key does not open must not be accepted.
    drop(places.unlock(store)?);
    write_mark(places, &mark)?;
    let store = places.store.display();
    log::info(format_args!(
        "accepted the store {store} ({}) with its records",
        mark.id
    ));
    Ok(())
}

fn write_mark(places: &Places<'_>, mark: &Mark) -> Result<(), StartError> {
    let path = places.mark.display();
    store_mark::write(&places.mark, mark).map_err(|e| {
        format!(
            "the mark {path} can't be written: {e}; make its folder writable for the agent's user"
        )
    })?;
    log::info(format_args!("marked the store in {path}"));
    Ok(())
}

/// Refuses to make a second key in a file: where systemd passes one, it would never be used.
fn check_credential(places: &Places<'_>) -> Result<(), StartError> {
    if places.key.is_there()? {
        return Ok(());
    }
    let Some(sealed) = sealed_credential() else {
        return Ok(());
    };
    Err(format!(
        "the key is the credential {}, which only systemd can open; run: systemd-run --pipe --wait \
         --property=User=mfa --property=LoadCredentialEncrypted=mfa.key mfa-agent --init",
        sealed.display()
    )
    .into())
}
