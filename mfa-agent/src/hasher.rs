//! Hashes and verifies PINs and answers. Hashing is slow on purpose, so it is rationed.
//!
//! Argon2id with 19 MiB, two passes and one lane (OWASP's first choice; 55 ms here). A few hashes run at once, a
//! bounded number waits, and each caller has a share ([`Claim`]); beyond that the agent reports that it is busy. So
//! many guessers can't fill the memory, and can't starve the machine or each other. The caller checks the lock first,
//! and calls [`Hasher::decoy`] if there is no hash to verify, so that neither time nor queue reveals this.

mod memory;
mod queue;

use std::time::{Duration, Instant};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{CustomizedPasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use mfa_protocol::Secret;

use crate::log;
use crate::sys;
use crate::timing_decoy::{SharedDecoy, TimingDecoy};
use memory::Memory;
pub use queue::Claim;
use queue::{Queue, Turn};

/// The highest cost that a stored hash may have: KiB, passes, lanes.
const MOST: (u32, u32, u32) = (64 << 10, 10, 4);

/// How long a hash takes where none could be measured.
const USUAL: Duration = Duration::from_millis(60);

/// Salt and output of the decoy hash: hexadecimal digits of pi, in base64.
const DECOY: &str = "JD9qiIWjCNMTGYouA3BzRA$pAk4IimfMdAIL6mL7E5siUUoIeY40BN3vlRmzzTpDGw";

/// Hashes and verifies.
pub struct Hasher {
    argon2: Argon2<'static>,
    params: Params,
    decoy: String,
    queue: Queue,
    memory: Memory,
    /// Of hashing alone: the time in the queue says nothing about the machine.
    timing_decoy: SharedDecoy<()>,
}

/// Why a hash could not be computed or compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// The queue is full, overall or for this caller.
    #[error("too many PINs and answers are being checked; try again in a few seconds")]
    Busy,
    /// The record holds a hash that this agent did not make.
    #[error("a stored hash can't be used: {0}; enrol the factor again")]
    Malformed(&'static str),
    /// Hashing would exceed the memory limit, and the kernel would kill the agent.
    #[error(
        "no PIN or answer can be checked: that takes {needed} MiB, and the memory limit of the agent leaves {room} MiB; \
         raise MemoryMax= of mfa-agent.service"
    )]
    NoMemory {
        /// In MiB.
        needed: u32,
        /// In MiB.
        room: u64,
    },
    /// The algorithm failed, most likely because memory is short.
    #[error("hashing failed: {0}; check whether the host is out of memory")]
    Failed(String),
}

impl Hasher {
    /// Lets `at_once` hashes run (at least one) and `queue` wait. Takes as long as one hash, to
    /// measure how long that is.
    #[must_use]
    pub fn new(at_once: usize, queue: usize) -> Self {
        sys::keep_little_memory();
        let params = Params::DEFAULT;
        let decoy = format!(
            "$argon2id$v=19$m={},t={},p={}${DECOY}",
            params.m_cost(),
            params.t_cost(),
            params.p_cost()
        );
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        let memory = Memory::of_this_process();
        let first = match room_for(&memory, params.m_cost()) {
            Ok(_) => time_one(&argon2, &decoy),
            Err(error) => {
                log::error(error);
                USUAL
            }
        };
        Self {
            argon2,
            params,
            decoy,
            queue: Queue::new(at_once, queue),
            memory,
            timing_decoy: SharedDecoy::new(TimingDecoy::new(first, ())),
        }
    }

    /// The hash of `secret`, as a PHC string. The salt must be fresh and random.
    ///
    /// # Errors
    ///
    /// [`HashError::Busy`], or [`HashError::Failed`].
    pub fn hash(&self, who: &Claim, secret: &Secret, salt: [u8; 16]) -> Result<String, HashError> {
        let _turn = self.turn(who, self.params.m_cost())?;
        let hash = self.timed(|| {
            self.argon2.hash_password_customized(
                secret.expose().as_bytes(),
                &salt,
                Some(argon2::ARGON2ID_IDENT.as_str()),
                Some(Version::V0x13.into()),
                self.params.clone(),
            )
        });
        hash.map(|hash| hash.to_string())
            .map_err(|e| HashError::Failed(e.to_string()))
    }

    /// Whether `secret` matches `phc`.
    ///
    /// # Errors
    ///
    /// [`HashError`]; no variant reveals anything about the secret.
    pub fn verify(&self, who: &Claim, secret: &Secret, phc: &str) -> Result<bool, HashError> {
        let hash = parse(phc)?;
        let cost = Params::try_from(&hash).map_or(MOST.0, |params| params.m_cost());
        let _turn = self.turn(who, cost)?;
        let secret = secret.expose().as_bytes();
        match self.timed(|| self.argon2.verify_password(secret, &hash)) {
            Ok(()) => Ok(true),
            Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
            Err(e) => Err(HashError::Failed(e.to_string())),
        }
    }

    /// Waits for its turn and takes as long as [`Self::verify`], for locked accounts. Without this,
    /// a crowd of guesses could tell them from others.
    ///
    /// # Errors
    ///
    /// [`HashError::Busy`].
    pub fn decoy(&self, who: &Claim) -> Result<(), HashError> {
        let _turn = self.turn(who, self.params.m_cost())?;
        std::thread::sleep(self.typical());
        Ok(())
    }

    /// A hash that nothing matches, for users without one: it takes as long to verify.
    #[must_use]
    pub fn decoy_phc(&self) -> &str {
        &self.decoy
    }

    /// How long a hash takes, without the wait in the queue.
    #[must_use]
    pub fn typical(&self) -> Duration {
        self.timing_decoy.time()
    }

    /// `cost` is the memory that the hash takes, in KiB.
    fn turn(&self, who: &Claim, cost: u32) -> Result<Turn<'_>, HashError> {
        let fitting = room_for(&self.memory, cost)?;
        self.queue.turn_within(who, fitting).ok_or(HashError::Busy)
    }

    fn timed<T>(&self, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = work();
        let took = began.elapsed();
        self.timing_decoy.follow(took);
        done
    }
}

/// How many hashes of this cost, in KiB, fit into the memory that this process may have.
fn room_for(memory: &Memory, cost: u32) -> Result<usize, HashError> {
    let Some(room) = memory.room() else {
        return Ok(usize::MAX);
    };
    match room / (u64::from(cost.max(1)) << 10) {
        0 => Err(HashError::NoMemory {
            needed: cost >> 10,
            room: room >> 20,
        }),
        fitting => Ok(usize::try_from(fitting).unwrap_or(usize::MAX)),
    }
}

/// How long it takes to verify `phc`. A failure is ignored here: the next hash reports it.
fn time_one(argon2: &Argon2<'_>, phc: &str) -> Duration {
    let began = Instant::now();
    if let Ok(hash) = parse(phc) {
        let _ = argon2.verify_password(b"", &hash);
    }
    began.elapsed()
}

/// Accepts only our algorithm at a reasonable cost; after a restore a record could hold anything.
fn parse(phc: &str) -> Result<PasswordHash, HashError> {
    let hash =
        PasswordHash::new(phc).map_err(|_| HashError::Malformed("it is not a PHC string"))?;
    if hash.algorithm != argon2::ARGON2ID_IDENT || hash.hash.is_none() || hash.salt.is_none() {
        return Err(HashError::Malformed("its algorithm is not argon2id"));
    }
    let params =
        Params::try_from(&hash).map_err(|_| HashError::Malformed("its parameters are invalid"))?;
    if params.m_cost() > MOST.0 || params.t_cost() > MOST.1 || params.p_cost() > MOST.2 {
        return Err(HashError::Malformed("it costs too much to verify"));
    }
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher() -> Hasher {
        Hasher::new(4, 8)
    }

    /// A claim by root for this account.
    fn who(account: &str) -> Claim {
        Claim {
            uid: 0,
            privileged: true,
            account: account.to_owned(),
        }
    }

    #[test]
    fn a_secret_verifies_against_its_own_hash_only() {
        let hasher = hasher();
        let phc = hasher
            .hash(&who("anna"), &Secret::from("483920"), [7; 16])
            .unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert_eq!(
            hasher.verify(&who("anna"), &Secret::from("483920"), &phc),
            Ok(true)
        );
        assert_eq!(
            hasher.verify(&who("anna"), &Secret::from("483921"), &phc),
            Ok(false)
        );
        assert_eq!(
            hasher.verify(&who("anna"), &Secret::from(""), &phc),
            Ok(false)
        );
        assert_ne!(
            phc,
            hasher
                .hash(&who("anna"), &Secret::from("483920"), [8; 16])
                .unwrap()
        );
    }

    #[test]
    fn the_decoy_costs_what_a_real_hash_costs_and_matches_nothing() {
        let hasher = hasher();
        let phc = hasher
            .hash(&who("anna"), &Secret::from("483920"), [7; 16])
            .unwrap();
        let (decoy, real) = (parse(hasher.decoy_phc()).unwrap(), parse(&phc).unwrap());
        assert_eq!(decoy.params, real.params);
        assert_eq!(decoy.salt.unwrap().len(), real.salt.unwrap().len());
        assert_eq!(decoy.hash.unwrap().len(), real.hash.unwrap().len());
        assert_eq!(
            hasher.verify(&who("anna"), &Secret::from("483920"), hasher.decoy_phc()),
            Ok(false)
        );
    }

    #[test]
    fn the_typical_latency_is_known_before_the_first_hash_and_excludes_the_queue() {
        let hasher = Hasher::new(1, 8);
        assert!(hasher.typical() > Duration::ZERO);
        let before = hasher.typical();
        std::thread::scope(|scope| {
            let running = hasher.turn(&who("bert"), 1).unwrap();
            let waiting = scope.spawn(|| {
                hasher
                    .verify(&who("anna"), &Secret::from("1"), hasher.decoy_phc())
                    .unwrap()
            });
            while hasher.queue.waiting() == 0 {
                std::thread::yield_now();
            }
            assert_eq!(hasher.typical(), before, "nothing was hashed yet");
            drop(running);
            waiting.join().unwrap();
        });
        assert_ne!(hasher.typical(), before);
        let after = hasher.typical();
        hasher
            .hash(&who("anna"), &Secret::from("1"), [0; 16])
            .unwrap();
        assert_ne!(
            hasher.typical(),
            after,
            "a hash counts as a verification does"
        );
    }

    #[test]
    fn a_decoy_takes_a_turn_like_a_hash() {
        let hasher = Hasher::new(queue::PER_ACCOUNT + 1, 8);
        let held = [(); queue::PER_ACCOUNT].map(|()| hasher.queue.turn(&who("anna")).unwrap());
        assert_eq!(hasher.decoy(&who("anna")), Err(HashError::Busy));
        assert_eq!(hasher.decoy(&who("bert")), Ok(()));
        drop(held);
        assert_eq!(hasher.decoy(&who("anna")), Ok(()));
    }

    #[test]
    fn foreign_hashes_are_refused_without_verifying() {
        let hasher = hasher();
        let salt = "c29tZXNhbHQxMjM0NTY$3fZxLcQZ7aeJ2f8WJzmEb1tWuR3ZV0sSFu1e0QqXqJQ";
        for phc in [
            String::new(),
            "483920".to_owned(),
            "$argon2id$v=19$m=19456,t=2,p=1$JD9qiIWjCNMTGYouA3BzRA".to_owned(),
            format!("$argon2i$v=19$m=19456,t=2,p=1${salt}"),
            format!("$argon2id$v=19$m=4194304,t=2,p=1${salt}"),
            format!("$argon2id$v=19$m=19456,t=4000000,p=1${salt}"),
        ] {
            let verdict = hasher.verify(&who("anna"), &Secret::from("483920"), &phc);
            assert!(
                matches!(verdict, Err(HashError::Malformed(_))),
                "{phc}: {verdict:?}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn no_stored_text_makes_the_parser_panic(phc in "(\\$argon2id\\$v=19\\$)?.{0,120}") {
            if let Ok(hash) = parse(&phc) {
                proptest::prop_assert!(Params::try_from(&hash).unwrap().m_cost() <= MOST.0);
            }
        }
    }

    #[test]
    fn beyond_the_limits_the_hasher_is_busy() {
        let hasher = Hasher::new(1, 1);
        let running = hasher.turn(&who("first"), 1).unwrap();
        let verify = |name| hasher.verify(&who(name), &Secret::from("1"), hasher.decoy_phc());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| verify("second"));
            while hasher.queue.waiting() == 0 {
                std::thread::yield_now();
            }
            assert_eq!(verify("third"), Err(HashError::Busy));
            assert_eq!(
                hasher.hash(&who("third"), &Secret::from("1"), [0; 16]),
                Err(HashError::Busy)
            );
            drop(running);
            assert_eq!(waiting.join().unwrap(), Ok(false));
        });
        assert_eq!(verify("third"), Ok(false));
    }

    #[test]
    fn memory_goes_back_to_the_system_after_a_crowd() {
        // In its own process, because other tests hash at the same time.
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "hasher::tests::helper_that_measures_its_memory",
                "--ignored",
            ])
            .env("MFA_TEST_ALONE", "1")
            .status()
            .unwrap();
        assert!(status.success());
    }

    #[test]
    #[ignore = "not a test: the process of memory_goes_back_to_the_system_after_a_crowd"]
    fn helper_that_measures_its_memory() {
        if std::env::var_os("MFA_TEST_ALONE").is_none() {
            return;
        }
        let hasher = Hasher::new(2, 32);
        let before = resident_kib();
        std::thread::scope(|scope| {
            for n in 0..12 {
                let who = who(&format!("user{n}"));
                let hasher = &hasher;
                scope.spawn(move || {
                    hasher
                        .verify(&who, &Secret::from("1"), hasher.decoy_phc())
                        .unwrap()
                });
            }
        });
        let grown = resident_kib().saturating_sub(before);
        assert!(grown < 10 << 10, "{grown} KiB were kept");
    }

    fn resident_kib() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}
