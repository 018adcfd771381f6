//! Power cuts of a real ext4: the disk at any moment opens, with everything acknowledged by then.
//!
//! The agent keeps its state on an ext4 in an image on a loop device. The image is copied around
//! starts, stops, kills and under load; each copy is mounted, and another agent starts on it. The
//! test takes a few cuts; the ignored one takes a hundred (`make torture`).

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use mfa_tests::{Agent, Images, Load, Mounted, with_own_mounts};

/// What happens when the power is cut.
#[derive(Clone, Copy, Debug)]
enum During {
    Load,
    Start,
    Stop,
    StartAfterKill,
}

const ALL: [During; 4] = [
    During::Load,
    During::Start,
    During::Stop,
    During::StartAfterKill,
];

struct Host<'a> {
    images: &'a Images,
    disk: &'a Mounted,
    agent: Agent,
    load: Load,
    random: u64,
}

/// A copy of the disk, and everything acknowledged before it was made.
struct Cut {
    image: PathBuf,
    known: Load,
}

fn power_cuts(count: usize) {
    with_own_mounts(move || {
        let images = Images::new();
        let disk = images.ext4();
        let mut host = Host::new(&images, &disk);
        for number in 0..count {
            let during = ALL[number % ALL.len()];
            let cut = host.cut(number, during);
            if let Err(lost) = opens(&images, cut) {
                panic!("cut {number}, during {during:?}: {lost}");
            }
        }
        drop(host);
        println!("{count} power cuts of an ext4 with the agent's state: all opened, nothing lost");
    });
}

impl<'a> Host<'a> {
    fn new(images: &'a Images, disk: &'a Mounted) -> Self {
        let mut agent = Agent::keeping(disk.path(), "");
        assert!(agent.init().is_success());
        agent.launch();
        let load = Load::new(agent.socket());
        Self {
            images,
            disk,
            agent,
            load,
            random: 0x9E37_79B9_7F4A_7C15,
        }
    }

    /// Cuts the power during an action, which continues.
    fn cut(&mut self, number: usize, during: During) -> Cut {
        match during {
            During::Load => self.cut_under_load(number),
            During::Stop => {
                self.agent.signal(nix::sys::signal::Signal::SIGTERM);
                let cut = self.cut_within(number, 40);
                assert!(self.agent.await_end().success());
                self.agent.launch();
                cut
            }
            During::Start => {
                assert!(self.agent.terminate().success());
                self.cut_a_start(number)
            }
            During::StartAfterKill => {
                self.agent.kill_9();
                self.cut_a_start(number)
            }
        }
    }

    fn cut_a_start(&mut self, number: usize) -> Cut {
        self.agent.spawn();
        let cut = self.cut_within(number, 120);
        self.agent.await_readiness();
        cut
    }

    fn cut_under_load(&mut self, number: usize) -> Cut {
        let pause = self.below(400);
        self.load.during(self.agent.socket(), 900, || {
            std::thread::sleep(pause);
            self.cut_now(number)
        })
    }

    fn cut_within(&mut self, number: usize, milliseconds: u64) -> Cut {
        std::thread::sleep(self.below(milliseconds));
        self.cut_now(number)
    }

    fn cut_now(&self, number: usize) -> Cut {
        // In this order: a change that is acknowledged during the copy may be in it or not.
        let known = self.load.now();
        let image = self.images.cut(self.disk, &format!("cut{number}"));
        Cut { image, known }
    }

    fn below(&mut self, milliseconds: u64) -> Duration {
        let next = self.random.wrapping_mul(6_364_136_223_846_793_005);
        self.random = next.wrapping_add(1);
        Duration::from_millis((self.random >> 33) % milliseconds)
    }
}

/// Starts an agent on a copy, and checks it.
fn opens(images: &Images, cut: Cut) -> Result<(), String> {
    let disk = images.mount(&cut.image);
    let checked = {
        let mut agent = Agent::keeping(disk.path(), "");
        agent.launch();
        let held = cut.known.is_held_by(agent.socket());
        held.inspect(|()| cut.known.can_log_in(agent.socket()))
    };
    let names = fs::read_dir(disk.path().join("store")).map(|names| {
        let names = names.filter_map(|name| name.ok()?.file_name().into_string().ok());
        names.collect::<Vec<_>>()
    });
    disk.discard();
    checked.map_err(|lost| format!("{lost}; files: {names:?}"))
}

#[test]
fn a_cut_contains_synced_data_and_no_unsynced_data() {
    with_own_mounts(|| {
        let images = Images::new();
        let disk = images.ext4();
        let file = |name: &str| fs::File::create(disk.path().join(name)).unwrap();
        file("written").write_all(b"1").unwrap();
        let mut synced = file("synced");
        synced.write_all(b"1").unwrap();
        synced.sync_all().unwrap();
        let copy = images.mount(&images.cut(&disk, "cut"));
        let found = |name: &str| fs::read(copy.path().join(name)).unwrap_or_default();
        assert_eq!(found("synced"), b"1");
        assert_eq!(found("written"), b"");
    });
}

#[test]
fn after_a_power_cut_of_an_ext4_at_any_moment_the_store_opens_with_everything_acknowledged() {
    power_cuts(8);
}

/// `make torture` selects these by the module's name.
mod torture {
    use super::*;

    #[test]
    #[ignore = "takes minutes: make torture"]
    fn a_hundred_power_cuts_of_an_ext4_lose_nothing() {
        power_cuts(100);
    }
}
