//! A disk for tests: real files in a temporary folder, a record of each step, and faults on demand.
//!
//! From the record [`Cut`] builds what a power cut at any point may leave. Synced data is there.
//! Anything else may be there or not: writes whole, torn or missing, in any order, and names, too.
//! After a failed sync the kernel shows data that it could not write, and a later sync does not
//! write it: such steps stay uncertain.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use tempfile::TempDir;

use super::disk::{Disk, DiskFile, HostFolder, UNFINISHED};

/// The files in a folder by name.
pub(super) type Image = BTreeMap<String, Vec<u8>>;

/// A step that changes something.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Create(String, usize),
    Write(usize, u64, Arc<[u8]>),
    Rename(String, String, usize),
    Remove(String),
    SyncFile(usize),
    SyncFolder,
    /// A sync that failed.
    LostFile(usize),
    LostFolder,
    /// The test is about to change a key.
    Attempt(Vec<u8>, Option<Vec<u8>>),
    /// That change was acknowledged, or was the state when the record began.
    Acknowledged(Vec<u8>, Option<Vec<u8>>),
    /// It had this line for the audit log.
    Line(Vec<u8>),
    /// The audit log durably has all lines up to now.
    Audited,
}

/// Decides whether a step fails, by its number and content.
pub(super) type Faults = Box<dyn FnMut(usize, &Step) -> Option<io::Error> + Send>;

#[derive(Default)]
struct Record {
    steps: Vec<Step>,
    /// Number of attempted steps.
    tried: usize,
    names: BTreeMap<String, usize>,
    files: usize,
    faults: Option<Faults>,
}

#[derive(Clone)]
pub(super) struct Simulated {
    folder: Arc<TempDir>,
    base: Arc<Image>,
    record: Arc<Mutex<Record>>,
}

impl Simulated {
    /// A disk that holds `base`, durably.
    pub(super) fn new(base: Image) -> Self {
        // In memory if possible: only the recorded syncs count.
        let folder = match Path::new("/dev/shm").is_dir() {
            true => private().tempdir_in("/dev/shm").unwrap(),
            false => private_folder(),
        };
        for (name, bytes) in &base {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        let record = Record {
            names: base.keys().cloned().zip(0..).collect(),
            files: base.len(),
            ..Record::default()
        };
        Self {
            folder: Arc::new(folder),
            base: Arc::new(base),
            record: Arc::new(Mutex::new(record)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// From now on `faults` decides what fails.
    pub(super) fn fail(&self, faults: Option<Faults>) {
        self.lock().faults = faults;
    }

    /// Records a step of the test.
    pub(super) fn note(&self, step: Step) {
        self.lock().steps.push(step);
    }

    pub(super) fn steps(&self) -> Vec<Step> {
        self.lock().steps.clone()
    }

    /// Number of attempted steps.
    pub(super) fn tried(&self) -> usize {
        self.lock().tried
    }

    /// The current content of the folder, as a reader sees it.
    pub(super) fn now(&self) -> Image {
        // Nothing changes meanwhile.
        let record = self.lock();
        let read = |name: &String| std::fs::read(self.path().join(name)).unwrap();
        let names = record.names.keys();
        names.map(|name| (name.clone(), read(name))).collect()
    }

    /// The files that have their final name.
    pub(super) fn published(&self) -> BTreeSet<usize> {
        let record = self.lock();
        let names = record.names.iter();
        names
            .filter(|(name, _)| !name.ends_with(UNFINISHED))
            .map(|(_, number)| *number)
            .collect()
    }

    /// Replaces all files.
    pub(super) fn replace_by(&self, image: &Image) {
        let mut record = self.lock();
        for name in std::mem::take(&mut record.names).into_keys() {
            let _ = std::fs::remove_file(self.path().join(name));
        }
        for (name, bytes) in image {
            std::fs::write(self.path().join(name), bytes).unwrap();
            let number = record.files;
            record.files += 1;
            record.names.insert(name.clone(), number);
        }
    }

    /// Whether there were files before the first step.
    pub(super) fn begins_with_a_store(&self) -> bool {
        !self.base.is_empty()
    }

    /// What a cut before the first step may leave; it follows the steps one by one.
    pub(super) fn cut_before_all(&self) -> Cut {
        Cut::of(&self.base)
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap()
    }

    fn host(&self) -> HostFolder {
        HostFolder::open(self.folder.path()).unwrap()
    }

    fn file(&self, file: Box<dyn DiskFile>, number: usize) -> Box<dyn DiskFile> {
        Box::new(SimulatedFile {
            file,
            number,
            disk: self.clone(),
        })
    }
}

impl Record {
    /// Attempts a step; it is recorded if it succeeds, or if it is a sync that fails.
    fn attempt<T>(&mut self, step: Step, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let number = self.tried;
        self.tried += 1;
        let fault = self
            .faults
            .as_mut()
            .and_then(|faults| faults(number, &step));
        match fault {
            None => {
                let done = work()?;
                self.steps.push(step);
                Ok(done)
            }
            Some(error) => {
                match step {
                    Step::SyncFile(number) => self.steps.push(Step::LostFile(number)),
                    Step::SyncFolder => self.steps.push(Step::LostFolder),
                    _ => {}
                }
                Err(error)
            }
        }
    }
}

impl Disk for Simulated {
    fn names(&self) -> io::Result<Vec<String>> {
        self.host().names()
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut record = self.lock();
        let number = record.files;
        let file = record.attempt(Step::Create(name.to_owned(), number), || {
            self.host().create(name)
        })?;
        record.files += 1;
        record.names.insert(name.to_owned(), number);
        Ok(self.file(file, number))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = self.host().open(name)?;
        let number = self.lock().names[name];
        Ok(self.file(file, number))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut record = self.lock();
        let number = *record.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        let step = Step::Rename(from.to_owned(), to.to_owned(), number);
        record.attempt(step, || self.host().rename(from, to))?;
        record.names.remove(from);
        record.names.insert(to.to_owned(), number);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut record = self.lock();
        if !record.names.contains_key(name) {
            return Ok(());
        }
        record.attempt(Step::Remove(name.to_owned()), || self.host().remove(name))?;
        record.names.remove(name);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.lock().attempt(Step::SyncFolder, || Ok(()))
    }
}

struct SimulatedFile {
    file: Box<dyn DiskFile>,
    number: usize,
    disk: Simulated,
}

impl DiskFile for SimulatedFile {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        self.file.read_at(into, at)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let step = Step::Write(self.number, at, bytes.into());
        self.disk
            .lock()
            .attempt(step, || self.file.write_at(bytes, at))
    }

    fn sync(&self) -> io::Result<()> {
        self.disk
            .lock()
            .attempt(Step::SyncFile(self.number), || Ok(()))
    }
}

/// A folder with mode 0700, whatever the umask.
pub(super) fn private_folder() -> TempDir {
    private().tempdir().unwrap()
}

fn private() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.permissions(std::fs::Permissions::from_mode(0o700));
    builder
}

/// Whether a step is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Durable,
    /// The next sync makes it durable.
    Pending,
    /// No later sync makes it durable.
    Uncertain,
}

/// Offset, bytes, and whether it is durable.
type Write = (u64, Arc<[u8]>, Fate);

#[derive(Clone, Debug)]
enum NameStep {
    Set(String, usize),
    Unset(String),
    /// From, to.
    Move(String, String, usize),
}

/// Chooses the fate of an uncertain step.
pub(super) trait Choice {
    /// Whether it took place at all.
    fn is_there(&mut self) -> bool;

    /// How many of `size` bytes were written.
    fn written(&mut self, size: usize) -> usize;
}

/// What a power cut may leave.
pub(super) struct Cut {
    /// By file.
    writes: Vec<Vec<Write>>,
    names: Vec<(NameStep, Fate)>,
    pub(super) truth: Truth,
}

impl Cut {
    fn of(base: &Image) -> Self {
        let names = base.keys().cloned().zip(0..);
        Self {
            writes: base
                .values()
                .map(|bytes| vec![(0, bytes.as_slice().into(), Fate::Durable)])
                .collect(),
            names: names
                .map(|(name, number)| (NameStep::Set(name, number), Fate::Durable))
                .collect(),
            truth: Truth::default(),
        }
    }

    /// The next step took place.
    pub(super) fn follow(&mut self, step: &Step) {
        match step {
            Step::Create(name, number) => {
                self.writes.resize(number + 1, Vec::new());
                self.name(NameStep::Set(name.clone(), *number));
            }
            Step::Write(number, at, bytes) => {
                self.writes[*number].push((*at, Arc::clone(bytes), Fate::Pending));
            }
            Step::Rename(from, to, number) => {
                self.name(NameStep::Move(from.clone(), to.clone(), *number));
            }
            Step::Remove(name) => self.name(NameStep::Unset(name.clone())),
            Step::SyncFile(number) => end(
                self.writes[*number].iter_mut().map(|w| &mut w.2),
                Fate::Durable,
            ),
            Step::LostFile(number) => end(
                self.writes[*number].iter_mut().map(|w| &mut w.2),
                Fate::Uncertain,
            ),
            Step::SyncFolder => end(self.names.iter_mut().map(|n| &mut n.1), Fate::Durable),
            Step::LostFolder => end(self.names.iter_mut().map(|n| &mut n.1), Fate::Uncertain),
            Step::Attempt(..) | Step::Acknowledged(..) | Step::Line(_) | Step::Audited => {
                self.truth.follow(step);
            }
        }
    }

    fn name(&mut self, step: NameStep) {
        self.names.push((step, Fate::Pending));
    }

    /// A folder that may be found after the cut.
    pub(super) fn image(&self, choice: &mut dyn Choice) -> Image {
        let mut names: BTreeMap<&str, usize> = BTreeMap::new();
        for (step, fate) in &self.names {
            if *fate != Fate::Durable && !choice.is_there() {
                continue;
            }
            match step {
                NameStep::Set(name, number) => drop(names.insert(name, *number)),
                NameStep::Unset(name) => drop(names.remove(name.as_str())),
                NameStep::Move(from, to, number) => {
                    names.remove(from.as_str());
                    names.insert(to, *number);
                }
            }
        }
        let content = |number: usize, choice: &mut dyn Choice| {
            let mut there = Vec::new();
            for (at, bytes, fate) in &self.writes[number] {
                match fate {
                    Fate::Durable => there.push((*at as usize, &**bytes)),
                    _ if choice.is_there() => {
                        there.push((*at as usize, &bytes[..choice.written(bytes.len())]));
                    }
                    _ => {}
                }
            }
            let end = there.iter().map(|(at, bytes)| at + bytes.len()).max();
            let mut content = vec![0; end.unwrap_or(0)];
            for (at, bytes) in there {
                content[at..at + bytes.len()].copy_from_slice(bytes);
            }
            content
        };
        names
            .into_iter()
            .map(|(name, number)| (name.to_owned(), content(number, choice)))
            .collect()
    }
}

/// The records that a store must hold, as far as the test knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Truth {
    acknowledged: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// Other values that each may have, because they were attempted later.
    attempted: BTreeMap<Vec<u8>, Vec<Option<Vec<u8>>>>,
    /// Lines of acknowledged changes that the audit log lacks.
    lines: Vec<Vec<u8>>,
}

impl Truth {
    pub(super) fn follow(&mut self, step: &Step) {
        match step {
            Step::Attempt(key, value) => {
                let attempts = self.attempted.entry(key.clone()).or_default();
                attempts.push(value.clone());
            }
            Step::Acknowledged(key, value) => {
                self.attempted.remove(key);
                self.acknowledged.insert(key.clone(), value.clone());
            }
            Step::Line(line) => self.lines.push(line.clone()),
            Step::Audited => self.lines.clear(),
            _ => {}
        }
    }

    /// The lines that neither the audit log nor `found`, the store's lines, contain.
    pub(super) fn missing_lines(&self, found: &[Vec<u8>]) -> Vec<String> {
        let missing = self.lines.iter().filter(|line| !found.contains(line));
        missing
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect()
    }

    /// The same, given what was known `before`.
    pub(super) fn after(&self, before: &Self) -> Self {
        let mut all = before.clone();
        for (key, value) in &self.acknowledged {
            all.attempted.remove(key);
            all.acknowledged.insert(key.clone(), value.clone());
        }
        for (key, attempts) in &self.attempted {
            all.attempted
                .entry(key.clone())
                .or_default()
                .extend(attempts.clone());
        }
        all
    }

    /// What is wrong with `found` as all records of the store, if anything.
    pub(super) fn check(&self, found: &BTreeMap<Vec<u8>, Vec<u8>>) -> Result<(), String> {
        for (key, value) in &self.acknowledged {
            let found = found.get(key);
            let mut attempts = self.attempted.get(key).into_iter().flatten();
            if found != value.as_ref() && !attempts.any(|value| found == value.as_ref()) {
                let key = String::from_utf8_lossy(key);
                return Err(format!("{key}: {found:?} instead of {value:?}"));
            }
        }
        for (key, value) in found {
            let attempts = self.attempted.get(key).into_iter().flatten();
            let known = self.acknowledged.get(key).into_iter().chain(attempts);
            if !known.flatten().any(|known| known == value) {
                return Err(format!("{}: from nowhere", String::from_utf8_lossy(key)));
            }
        }
        Ok(())
    }
}

fn end<'a>(fates: impl Iterator<Item = &'a mut Fate>, fate: Fate) {
    fates
        .filter(|known| **known == Fate::Pending)
        .for_each(|known| *known = fate);
}

/// Nothing unsynced is there.
pub(super) struct Nothing;

impl Choice for Nothing {
    fn is_there(&mut self) -> bool {
        false
    }

    fn written(&mut self, _: usize) -> usize {
        0
    }
}

/// Everything is there.
pub(super) struct Everything;

impl Choice for Everything {
    fn is_there(&mut self) -> bool {
        true
    }

    fn written(&mut self, size: usize) -> usize {
        size
    }
}

/// Anything may be there. Marsaglia's xorshift: the same seed makes the same choices.
pub(super) struct Anything(pub(super) u64);

impl Anything {
    fn next(&mut self) -> u64 {
        self.0 |= 1;
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

impl Choice for Anything {
    fn is_there(&mut self) -> bool {
        self.next().is_multiple_of(2)
    }

    fn written(&mut self, size: usize) -> usize {
        match self.next() % 3 {
            // Whole sectors, or torn anywhere.
            0 => size,
            1 => (self.next() as usize % (size + 1)) / 512 * 512,
            _ => self.next() as usize % (size + 1),
        }
    }
}
