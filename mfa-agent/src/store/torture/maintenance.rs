//! Power cuts and faults in the middle of a restore and of a change of the key.
//!
//! Before the restore there are users that the backup does not have, and codes were used since. After each cut either all
//! of these users are there or none, everybody else is, and no used code is good again.

use jiff::Timestamp;
use mfa_protocol::backup::BackupHead;

use super::*;
use crate::repository::{
    AccountRepository, After, Key, RepositoryError, RestoreError, Step as Went,
};
use crate::vault::{KeySource, Vault};
use mfa_core::account::{Account, samples};

/// Of the users in the backup, the first ten use a code after it.
const USED: usize = 10;

/// Users who come after the backup.
const LATER: usize = 20;

/// A step that was used after the backup.
const STEP: u64 = 50;

struct Life {
    disk: Simulated,
    keys: tempfile::TempDir,
    /// Where in the record the restore began, and was acknowledged.
    restore: (usize, usize),
    /// Where the change of the key began.
    rotation: usize,
}

fn source(keys: &tempfile::TempDir) -> KeySource {
    KeySource {
        credentials: None,
        file: keys.path().join("key"),
    }
}

/// The same keys in a folder of their own.
fn copied(keys: &tempfile::TempDir) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(keys.path()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

fn open(disk: &Simulated, source: &KeySource) -> Result<AccountRepository, String> {
    let store =
        SledStore::open_on(disk.path(), Arc::new(disk.clone())).map_err(|e| e.to_string())?;
    let vault = Vault::with(&source.load_ring().unwrap(), None);
    let repository = AccountRepository::open(Box::new(store), vault).map_err(|e| e.to_string())?;
    repository.check_key().map_err(|e| e.to_string())?;
    Ok(repository)
}

fn key(name: &str) -> Key {
    Key::account(&name.parse().unwrap())
}

fn put(repository: &AccountRepository, names: &[String], step: Option<u64>) {
    let keys: Vec<Key> = names.iter().map(|name| key(name)).collect();
    let put = |_: &Key, account: Option<Account>| {
        let mut account = account.unwrap_or_else(samples::full);
        let mut device = account.devices()[0].clone();
        device.last_step = device.last_step.max(step);
        let now = samples::at(step.unwrap_or(0).cast_signed() * 30);
        account
            .import_device(device, &Default::default(), now)
            .unwrap();
        (After::Put(account.into()), ())
    };
    for some in keys.chunks(50) {
        let changed = repository.change_all(some, put).unwrap();
        assert_eq!(changed.said.len(), some.len(), "{:?}", changed.error);
    }
}

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{prefix}{n:03}")).collect()
}

fn backup(repository: &AccountRepository) -> (BackupHead, Vec<Vec<u8>>) {
    let (head, mut run) = repository.backup(None, Timestamp::UNIX_EPOCH).unwrap();
    let mut chunks = Vec::new();
    while let Some(next) = run.next_chunk().unwrap() {
        chunks.push(next.chunk);
    }
    (head, chunks)
}

fn restore(
    repository: &AccountRepository,
    (head, chunks): &(BackupHead, Vec<Vec<u8>>),
) -> Result<(), RestoreError> {
    let now = samples::at(STEP.cast_signed() * 30);
    let mut run = repository.begin_restore(head, None, None, true, now)?;
    for (number, chunk) in chunks.iter().enumerate() {
        repository.restore_chunk(&mut run, chunk, number + 1 == chunks.len())?;
    }
    while let Went::More = repository.finish_restore(&mut run, 100, |_| None)? {}
    Ok(())
}

fn sweep(repository: &AccountRepository) -> Result<(), RepositoryError> {
    while repository.sweep(100)? {}
    Ok(())
}

fn rotate(repository: &AccountRepository, source: &KeySource) -> Result<(), String> {
    repository
        .begin_rotation(source, None)
        .map_err(|e| e.to_string())?;
    let mut after = None;
    loop {
        let done = repository
            .reseal(after.as_deref(), 40, false)
            .map_err(|e| e.to_string())?;
        after = done.next;
        if after.is_none() {
            break;
        }
    }
    repository
        .end_rotation(None, None)
        .map_err(|e| e.to_string())?;
    Ok(())
}

/// A store with a backup, codes and users since, and no restore yet.
fn before_a_restore(
    disk: &Simulated,
    source: &KeySource,
    users: usize,
) -> (BackupHead, Vec<Vec<u8>>) {
    create_in(Arc::new(disk.clone()), StoreId([1; 16])).unwrap();
    let repository = open(disk, source).unwrap();
    put(&repository, &names("user", users), Some(1));
    let backup = backup(&repository);
    put(&repository, &names("user", USED), Some(STEP));
    put(&repository, &names("later", LATER), None);
    backup
}

fn lived(users: usize) -> Life {
    let disk = Simulated::new(Image::new());
    let keys = tempfile::tempdir().unwrap();
    let source = source(&keys);
    source.make().unwrap();
    let backup = before_a_restore(&disk, &source, users);
    let repository = open(&disk, &source).unwrap();
    let begun = disk.steps().len();
    restore(&repository, &backup).unwrap();
    let restored = disk.steps().len();
    sweep(&repository).unwrap();
    let rotating = disk.steps().len();
    rotate(&repository, &source).unwrap();
    drop(repository);
    Life {
        disk,
        keys,
        restore: (begun, restored),
        rotation: rotating,
    }
}

/// What a store holds.
#[derive(Debug, PartialEq, Eq)]
enum State {
    Old,
    New,
}

fn state(repository: &AccountRepository, users: usize, way: &str) -> State {
    let accounts = repository.page(None, usize::MAX).unwrap();
    assert!(repository.damaged().is_empty(), "{way}");
    let of = |prefix: &str| {
        accounts
            .iter()
            .filter(|(name, _)| name.starts_with(prefix))
            .count()
    };
    assert_eq!(of("user"), users, "{way}");
    for (name, account) in &accounts {
        let number: Option<usize> = name.strip_prefix("user").and_then(|n| n.parse().ok());
        if number.is_some_and(|number| number < USED) {
            assert_eq!(account.devices()[0].last_step, Some(STEP), "{way}: {name}");
        }
    }
    match of("later") {
        0 => State::New,
        LATER => State::Old,
        some => panic!("{way}: {some} of {LATER} users who came later"),
    }
}

/// Cuts in the middle of the restore and of the change of the key. Returns how many of each.
fn cut(users: usize, stride: usize, seeds: u64) -> (usize, usize) {
    let life = lived(users);
    let (mut restores, mut rotations) = (0, 0);
    every_cut(&life.disk, |number, _, cut| {
        if number < life.restore.0 || !number.is_multiple_of(stride) {
            return;
        }
        let way = format!("cut after step {number}");
        let some = |seed| Anything((number as u64).wrapping_mul(7919).wrapping_add(seed));
        let mut choices: Vec<Box<dyn Choice>> = vec![Box::new(Nothing), Box::new(Everything)];
        choices.extend((0..seeds).map(|seed| Box::new(some(seed)) as Box<dyn Choice>));
        for mut choice in choices {
            let disk = Simulated::new(cut.image(&mut *choice));
            let keys = copied(&life.keys);
            let source = source(&keys);
            let repository = open(&disk, &source).unwrap_or_else(|e| panic!("{way}: {e}"));
            let found = state(&repository, users, &way);
            assert!(
                found == State::New || number < life.restore.1,
                "{way}: the old state came back"
            );
            // It goes on where it was.
            sweep(&repository).unwrap();
            rotate(&repository, &source).unwrap();
            assert_eq!(state(&repository, users, &way), found, "{way}");
            match number < life.rotation {
                true => restores += 1,
                false => rotations += 1,
            }
        }
    });
    (restores, rotations)
}

/// What is done while steps fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Restore,
    Rotation,
}

/// A store, its keys and a backup, to try the same work on again and again.
struct Trial {
    base: Image,
    keys: tempfile::TempDir,
    backup: (BackupHead, Vec<Vec<u8>>),
    users: usize,
}

impl Trial {
    fn new(users: usize) -> Self {
        let keys = tempfile::tempdir().unwrap();
        let source = source(&keys);
        source.make().unwrap();
        let disk = Simulated::new(Image::new());
        let backup = before_a_restore(&disk, &source, users);
        let base = disk.now();
        Self {
            base,
            keys,
            backup,
            users,
        }
    }

    /// Does `work` while `count` steps from `at` on fail. Returns how many steps were tried.
    fn attempt(&self, work: Work, at: usize, count: usize, errno: i32) -> usize {
        let keys = copied(&self.keys);
        let source = source(&keys);
        let disk = Simulated::new(self.base.clone());
        let repository = open(&disk, &source).unwrap();
        let begun = disk.tried();
        disk.fail(Some(Box::new(move |number, _| {
            let fails = number >= begun + at && number - begun - at < count;
            fails.then(|| io::Error::from_raw_os_error(errno))
        })));
        let is_done = match work {
            Work::Restore => restore(&repository, &self.backup).is_ok(),
            Work::Rotation => rotate(&repository, &source).is_ok(),
        };
        repository.abandon_restore();
        let tried = disk.tried() - begun;
        disk.fail(None);
        drop(repository);
        let way = format!("{work:?}: {count} steps from {at} on fail with {errno}");
        let again = open(&disk, &source).unwrap_or_else(|e| panic!("{way}: {e}"));
        let found = state(&again, self.users, &way);
        match work {
            Work::Restore => assert!(
                !is_done || found == State::New,
                "{way}: the old state came back"
            ),
            Work::Rotation => assert_eq!(found, State::Old, "{way}"),
        }
        // It goes on where it was.
        sweep(&again).unwrap_or_else(|e| panic!("{way}: {e}"));
        rotate(&again, &source).unwrap_or_else(|e| panic!("{way}: {e}"));
        assert_eq!(state(&again, self.users, &way), found, "{way}");
        tried
    }

    /// Every `stride`th step of `work` fails, with as many after it as `counts` say. Returns how often the work was tried.
    fn fail(&self, work: Work, stride: usize, counts: &[usize]) -> usize {
        let steps = self.attempt(work, 0, 0, 0);
        let mut tried = 0;
        for at in (0..steps).step_by(stride) {
            for errno in ERRORS {
                for &count in counts {
                    self.attempt(work, at, count, errno);
                    tried += 1;
                }
            }
        }
        tried
    }
}

#[test]
fn a_cut_in_a_restore_leaves_the_old_records_or_the_new_ones_and_a_cut_of_a_new_key_loses_nothing()
{
    let (restores, rotations) = cut(200, 7, 1);
    assert!(restores >= 6 && rotations >= 6, "{restores} {rotations}");
}

#[test]
fn a_fault_in_a_restore_or_a_new_key_leaves_the_old_records_or_the_new_ones() {
    let trial = Trial::new(200);
    for work in [Work::Restore, Work::Rotation] {
        let tried = trial.fail(work, 11, &[1, 3]);
        assert!(tried >= 8, "{work:?}: {tried}");
    }
}

#[test]
#[ignore = "takes minutes: make torture"]
fn hundreds_of_cuts_of_restores_and_of_new_keys_lose_nothing() {
    let (restores, rotations) = cut(400, 1, 12);
    println!("cuts in restores: {restores}, in changes of the key: {rotations}; nothing lost");
    assert!(
        restores >= 300 && rotations >= 300,
        "{restores} {rotations}"
    );
}

#[test]
#[ignore = "takes minutes: make torture"]
fn hundreds_of_faults_in_restores_and_in_new_keys_lose_nothing() {
    let trial = Trial::new(400);
    // The last: until the agent is started again.
    let counts = [1, 2, 3, 8, usize::MAX];
    let restores = trial.fail(Work::Restore, 1, &counts);
    let rotations = trial.fail(Work::Rotation, 1, &counts);
    println!("faults in restores: {restores}, in changes of the key: {rotations}; nothing lost");
    assert!(
        restores >= 300 && rotations >= 300,
        "{restores} {rotations}"
    );
}
