//! What dm-log-writes recorded of a disk, and the disk as a power cut between two writes would leave it.
//!
//! The format is the kernel's (`drivers/md/dm-log-writes.c`): a sector with the superblock, then for each write a sector
//! with its place and length, and its data. A write is recorded once it is complete; a write without a flush comes with
//! the next flush. So until that flush the disk may have any part of it.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

const MAGIC: u64 = 0x006a_7366_7773_6872;

/// Flags of a write.
const FLUSH: u64 = 1;
const FUA: u64 = 2;
const DISCARD: u64 = 4;
const MARK: u64 = 8;

/// A recorded disk.
pub struct WriteLog {
    file: File,
    sector: u64,
    entries: Vec<Entry>,
}

struct Entry {
    /// Where on the disk, in bytes.
    place: u64,
    length: u64,
    flags: u64,
    /// Where in the log its data begin.
    data: u64,
    mark: String,
}

impl WriteLog {
    /// Reads the log on the device in the file `path`.
    ///
    /// # Panics
    ///
    /// When it is no such log.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let file = File::open(path).expect("a log");
        let head = read(&file, 0, 28);
        assert_eq!(number(&head, 0), MAGIC, "{}", path.display());
        let count = number(&head, 2);
        let sector = u64::from(u32::from_le_bytes(
            head[24..28].try_into().expect("4 bytes"),
        ));
        let mut log = Self {
            file,
            sector,
            entries: Vec::new(),
        };
        let mut at = sector;
        for _ in 0..count {
            let entry = log.entry(at);
            at = entry.data
                + if entry.flags & DISCARD == 0 {
                    entry.length
                } else {
                    0
                };
            log.entries.push(entry);
        }
        log
    }

    fn entry(&self, at: u64) -> Entry {
        let bytes = read(&self.file, at, self.sector as usize);
        let mark = &bytes[32..32 + number(&bytes, 3) as usize];
        Entry {
            place: number(&bytes, 0) * self.sector,
            length: number(&bytes, 1) * self.sector,
            flags: number(&bytes, 2),
            data: at + self.sector,
            mark: String::from_utf8_lossy(mark).into_owned(),
        }
    }

    /// How many writes and marks there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing was recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The marks that were made before the write `position`, in order.
    pub fn marks(&self, position: usize) -> impl Iterator<Item = &str> {
        let marks = self.entries[..position].iter();
        marks
            .filter(|entry| entry.flags & MARK != 0)
            .map(|entry| entry.mark.trim_end_matches('\0'))
    }

    /// Brings the disk in the file `image`, which has all durable writes before `from`, to those before `to`.
    pub fn replay(&self, image: &Path, from: usize, to: usize) {
        let disk = File::options().write(true).open(image).expect("a disk");
        let has = self.durable(from);
        let (mut durable, mut missing) = (self.durable(to), Vec::new());
        durable.retain(|number| !has.contains(number));
        missing.extend(durable);
        for number in missing {
            self.write(&disk, &self.entries[number]);
        }
    }

    /// Adds to the disk in the file `image` those writes that no flush had made durable at `position` and that `choose` takes:
    /// in what order a disk does them, nobody knows. Returns how many there were and were taken.
    pub fn replay_some(
        &self,
        image: &Path,
        position: usize,
        mut choose: impl FnMut() -> bool,
    ) -> (usize, usize) {
        let disk = File::options().write(true).open(image).expect("a disk");
        let durable = self.durable(position);
        let begin = self.last_flush(position).map_or(0, |number| number + 1);
        let next = self.entries[position..].iter();
        let end = position + next.take_while(|entry| entry.flags & FLUSH == 0).count();
        let (mut open, mut taken) = (0, 0);
        for number in (begin..end).filter(|number| !durable.contains(number)) {
            let entry = &self.entries[number];
            if entry.flags & MARK != 0 {
                continue;
            }
            open += 1;
            if choose() {
                taken += 1;
                self.write(&disk, entry);
            }
        }
        (open, taken)
    }

    /// The writes before `position` that are on the disk for sure: all before the last flush, and each that went through
    /// all caches (FUA).
    fn durable(&self, position: usize) -> BTreeSet<usize> {
        let begin = self.last_flush(position).map_or(0, |number| number + 1);
        let alone = (begin..position).filter(|number| self.entries[*number].flags & FUA != 0);
        (0..begin).chain(alone).collect()
    }

    fn last_flush(&self, position: usize) -> Option<usize> {
        let before = &self.entries[..position];
        before.iter().rposition(|entry| entry.flags & FLUSH != 0)
    }

    fn write(&self, disk: &File, entry: &Entry) {
        if entry.flags & MARK != 0 {
            return;
        }
        let data = match entry.flags & DISCARD {
            0 => read(&self.file, entry.data, entry.length as usize),
            _ => vec![0; entry.length as usize],
        };
        disk.write_all_at(&data, entry.place).expect("a write");
    }
}

fn read(file: &File, at: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, at).expect("a whole log");
    bytes
}

/// The number `index` of 64 bits.
fn number(bytes: &[u8], index: usize) -> u64 {
    let bytes = &bytes[index * 8..index * 8 + 8];
    u64::from_le_bytes(bytes.try_into().expect("8 bytes"))
}
