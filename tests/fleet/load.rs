//! Logins on all hosts at once, with codes that all hosts are sent, and guesses.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mfa_protocol::Secret;
use mfa_protocol::client::{Client, ClientError};
use mfa_protocol::login::{Answer, AnswerParameters, Begin, BeginParameters, LoginReply};
use mfa_protocol::message::Method;
use mfa_tests::{Admin, Fleet, Key, eventually};

use super::checker::{ATTEMPTS, Attempt, Logged, broken_rules};
use super::stopwatch::Stopwatch;

/// An agent answers each call before this, whatever its store does: later, the module has refused the user already
/// (`timeout=`). An agent asks its store for three seconds; what is left is for a busy machine.
pub(crate) const LONGEST: Duration = Duration::from_secs(10);

/// A call that takes as long as this does not come back.
const PATIENCE: Duration = Duration::from_secs(120);

/// The codes of each device that are known.
const CODES: usize = 20_000;

/// A code that comes again as the code of one of so many later counters is not sent: it passes twice by right, since the
/// agent looks ten counters ahead (RFC 4226 §7.4). Of a hundred thousand codes two are.
const NEAR: usize = 20;

/// Guesses until an account is surely locked, even if some could not be verified.
const MOST_GUESSES: usize = 60;

/// After a login that could not be decided.
const PAUSE: Duration = Duration::from_millis(40);

/// A user with an HOTP device, so that no clock decides whether a code was used.
pub(crate) struct User {
    pub(crate) name: String,
    codes: Vec<String>,
}

impl User {
    /// Enrols one on a host. The code of counter 0 is used for that.
    pub(crate) fn enroll(socket: &Path, name: &str) -> Self {
        let key: Key = Admin::at(socket).counting_device(name);
        Self {
            name: name.to_owned(),
            codes: key.counted_from(0, CODES),
        }
    }

    /// The code of a counter; none after the last.
    fn code(&self, counter: u64) -> Option<&str> {
        let code = self.codes.get(usize::try_from(counter).ok()?)?;
        Some(code)
    }

    /// The first counter from this one on whose code does not come again soon.
    fn unmistakable(&self, counter: u64) -> u64 {
        let comes_again = |counter: &u64| {
            let mut later = self.codes.iter().skip(*counter as usize + 1).take(NEAR);
            let code = self.code(*counter);
            later.any(|later| code == Some(&**later))
        };
        let mut counters = counter..;
        counters
            .find(|counter| !comes_again(counter))
            .expect("a counter")
    }

    fn wrong_code(&self) -> String {
        let mut codes = (0..1_000_000).map(|code| format!("{code:06}"));
        codes
            .find(|code| !self.codes.contains(code))
            .expect("one of a million")
    }
}

/// Two users, one of whom an attacker guesses at, and all logins that were made.
pub(crate) struct Load {
    sockets: Vec<PathBuf>,
    user: User,
    guessed: User,
    next: AtomicU64,
    attempts: Mutex<Vec<Attempt>>,
    start: Instant,
}

impl Load {
    /// Enrols the users on the first host, by names that end with `suffix`.
    pub(crate) fn new(fleet: &Fleet, suffix: &str) -> Self {
        let sockets: Vec<PathBuf> = fleet
            .hosts()
            .iter()
            .map(|host| host.agent.socket().to_owned())
            .collect();
        Self {
            user: User::enroll(&sockets[0], &format!("anna{suffix}")),
            guessed: User::enroll(&sockets[0], &format!("bert{suffix}")),
            sockets,
            next: AtomicU64::new(1),
            attempts: Mutex::default(),
            start: Instant::now(),
        }
    }

    /// Does `work` while each host is sent every code of one user, and wrong codes of the other.
    pub(crate) fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let is_over = &is_over;
            for host in 0..self.sockets.len() {
                scope.spawn(move || {
                    while !is_over.load(Ordering::SeqCst) {
                        self.log_in_with_next(host);
                    }
                });
            }
            scope.spawn(move || {
                for host in (0..self.sockets.len()).cycle() {
                    if is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    let _ = self.guess(host);
                    std::thread::sleep(PAUSE);
                }
            });
            let _over = Over(is_over);
            work()
        })
    }

    /// Logs in on a host with the next code, which the other hosts are sent too. Returns whether it passed.
    pub(crate) fn log_in_with_next(&self, host: usize) -> bool {
        let counter = self.user.unmistakable(self.next.load(Ordering::SeqCst));
        let Some(code) = self.user.code(counter) else {
            std::thread::sleep(PAUSE);
            return false;
        };
        let outcome = self.log_in(host, &self.user, Some(counter), code);
        match outcome.as_deref() {
            // A host may not have known whether an earlier attempt was counted: the same code is sent again.
            None | Some("unavailable") => std::thread::sleep(PAUSE),
            Some(_) => {
                self.next.fetch_max(counter + 1, Ordering::SeqCst);
            }
        }
        outcome.as_deref() == Some("passed")
    }

    /// The outcome of a login on a host with a code that has passed.
    ///
    /// # Panics
    ///
    /// When none has.
    pub(crate) fn log_in_with_used(&self, host: usize) -> Option<String> {
        let used = {
            let attempts = self.attempts.lock().expect("no panic");
            let passed = attempts.iter().filter(|attempt| attempt.is("passed"));
            passed.filter_map(|attempt| attempt.code).max()
        };
        let code = used.and_then(|used| self.user.code(used));
        self.log_in(host, &self.user, used, code.expect("a used code"))
    }

    fn guess(&self, host: usize) -> Option<String> {
        let wrong = self.guessed.wrong_code();
        self.log_in(host, &self.guessed, None, &wrong)
    }

    fn log_in(&self, host: usize, user: &User, code: Option<u64>, answer: &str) -> Option<String> {
        let mut attempt = Attempt {
            host,
            user: user.name.clone(),
            session: None,
            code,
            outcome: None,
            began: self.start.elapsed(),
            ended: Duration::ZERO,
            longest_call: Duration::ZERO,
        };
        let _ = fill(&self.sockets[host], answer, &mut attempt);
        attempt.ended = self.start.elapsed();
        let outcome = attempt.outcome.clone();
        self.attempts.lock().expect("no panic").push(attempt);
        outcome
    }

    /// How many logins passed.
    pub(crate) fn passed(&self) -> usize {
        let attempts = self.attempts.lock().expect("no panic");
        let passed = attempts.iter();
        passed.filter(|attempt| attempt.is("passed")).count()
    }

    /// Checks all logins so far against the logs of the hosts, and what all hosts know now.
    ///
    /// # Panics
    ///
    /// When a rule was broken; `what` says by which test.
    pub(crate) fn check(&self, fleet: &Fleet, what: &str) {
        self.check_logs(fleet, what);
        let attempts = self.attempts.lock().expect("no panic").clone();
        let sockets = self.sockets.iter();
        let forgotten: Vec<String> = sockets
            .flat_map(|socket| self.forgotten(socket, &attempts))
            .collect();
        assert!(forgotten.is_empty(), "{what}: {forgotten:#?}");
    }

    /// The same without what the hosts know now.
    ///
    /// # Panics
    ///
    /// As above.
    pub(crate) fn check_logs(&self, fleet: &Fleet, what: &str) {
        let attempts = self.attempts.lock().expect("no panic").clone();
        let hosts = fleet.hosts().iter().enumerate();
        let logged: Vec<Logged> = hosts
            .flat_map(|(number, host)| Logged::of_host(number, &host.agent.events()))
            .collect();
        let mut broken = broken_rules(&attempts, &logged);
        broken.extend(too_slow(&attempts));
        if !attempts.iter().any(|attempt| attempt.is("passed")) {
            broken.push("nobody passed, so nothing was checked".to_owned());
        }
        assert!(broken.is_empty(), "{what}: {broken:#?}");
    }

    /// What a host has forgotten of what programs were told.
    fn forgotten(&self, socket: &Path, attempts: &[Attempt]) -> Vec<String> {
        let mut admin = Admin::at(socket);
        let of = |user: &User, outcome: &'static str| {
            let name = user.name.clone();
            let is_of = move |attempt: &&Attempt| {
                attempt.user == name && attempt.outcome.as_deref() == Some(outcome)
            };
            attempts.iter().filter(is_of)
        };
        let mut forgotten = Vec::new();
        let used = of(&self.user, "passed").filter_map(|attempt| attempt.code);
        let counter = admin.status(&self.user.name).devices[0].counter;
        if counter <= used.max() {
            forgotten.push(format!("{}: {counter:?} was used", self.user.name));
        }
        let wrong = of(&self.guessed, "wrong").count() as u64;
        let account = admin.status(&self.guessed.name);
        let is_locked = account.locked_until.is_some();
        if u64::from(account.failures) < wrong || (wrong >= ATTEMPTS && !is_locked) {
            forgotten.push(format!("after {wrong} wrong answers: {account:?}"));
        }
        forgotten
    }

    /// Locks the user who is guessed at, and tries the right code on each host.
    pub(crate) fn guesses_lock_on_all_hosts(&self) {
        for host in (0..self.sockets.len()).cycle().take(MOST_GUESSES) {
            if self.guess(host).as_deref() == Some("locked") {
                break;
            }
        }
        let code = self.guessed.code(1).expect("a code");
        for host in 0..self.sockets.len() {
            // On a machine that is too busy a login may be refused at first.
            let is_refused = || {
                let outcome = self.log_in(host, &self.guessed, Some(1), code);
                let outcome = outcome.filter(|outcome| outcome != "unavailable")?;
                assert_eq!(outcome, "locked", "host {host}");
                Some(())
            };
            eventually(&format!("host {host} to refuse the right code"), is_refused);
        }
    }
}

fn too_slow(attempts: &[Attempt]) -> Vec<String> {
    let slow = attempts.iter().filter(|it| it.longest_call >= LONGEST);
    slow.map(|attempt| format!("too slow: {attempt:?}"))
        .collect()
}

/// One login on the socket, as the module does it.
fn fill(socket: &Path, answer: &str, attempt: &mut Attempt) -> Result<(), ClientError> {
    let mut client = Client::connect(socket, PATIENCE)?;
    let begin = BeginParameters {
        user: attempt.user.clone(),
        service: "sshd".to_owned(),
        ..Default::default()
    };
    let begun: LoginReply = timed::<Begin>(&mut client, &begin, &mut attempt.longest_call)?;
    attempt.session = Some(begun.session.clone());
    let outcome = |reply: &LoginReply| reply.step.outcome.map(|it| it.as_str().to_owned());
    attempt.outcome = outcome(&begun);
    if attempt.outcome.is_none() {
        let parameters = AnswerParameters {
            session: begun.session,
            answer: Secret::from(answer),
            is_password: None,
            signed: None,
            unsigned: None,
        };
        let answered = timed::<Answer>(&mut client, &parameters, &mut attempt.longest_call)?;
        attempt.outcome = outcome(&answered);
    }
    Ok(())
}

/// Calls a method, and notes how long that took if it took longer than others.
fn timed<M: Method>(
    client: &mut Client,
    parameters: &M::Parameters,
    longest: &mut Duration,
) -> Result<M::Reply, ClientError> {
    let begun = Stopwatch::start();
    let reply = client.call::<M>(parameters);
    *longest = begun.elapsed().max(*longest);
    reply
}

/// Ends the load when dropped, also in a failing test.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_comes_again_soon_is_not_sent() {
        let codes: Vec<String> = (0..100).map(|n| format!("{n:06}")).collect();
        let mut user = User {
            name: "anna".to_owned(),
            codes,
        };
        assert_eq!(user.unmistakable(7), 7);
        user.codes[12] = user.codes[7].clone();
        assert_eq!((user.unmistakable(7), user.unmistakable(12)), (8, 12));
        user.codes[99] = user.codes[8].clone();
        assert_eq!(user.unmistakable(8), 8, "far away");
        assert_eq!(user.unmistakable(500), 500, "there is none");
    }
}
