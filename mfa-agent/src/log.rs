//! The agent's own log, for administrators: `journalctl -u mfa-agent`.
//!
//! It goes to standard error, one line for each call. For the journal, the line begins with `<N>`,
//! its priority; otherwise with the time. Texts may quote what strangers sent, so control
//! characters are escaped and the length is bounded: no text can forge a second line or control a
//! terminal. Lines that strangers can cause go through [`limited`]. Secrets are never logged.
//!
//! After [`start`], lines go through a bounded queue to their own thread, so that a slow reader of
//! standard error blocks no caller; call [`flush`] at the end. Before it, lines are written at
//! once.

mod limit;

use std::fmt::Display;
use std::io::Write;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::lines::{Origin, Sink, Worker, WriteError, printable};
use limit::{LeftOut, Limits};

/// Longer texts are cut, in bytes.
const LONGEST: usize = 4096;

/// Severity, with the numbers of syslog (RFC 5424, 6.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Something does not work.
    Error = 3,
    /// It works, but an administrator should look.
    Warn = 4,
    /// Normal operation.
    Info = 6,
    /// For debugging.
    Debug = 7,
}

static MOST: AtomicU8 = AtomicU8::new(Level::Info as u8);
static QUEUE: OnceLock<Worker<String>> = OnceLock::new();
static LIMITS: Mutex<Limits> = Mutex::new(Limits::new());

/// From now on a thread writes the lines. A second call changes nothing.
///
/// # Errors
///
/// When the thread can't be started.
pub fn start() -> std::io::Result<()> {
    if QUEUE.get().is_none() {
        // If two threads get here at once, the second thread ends at once.
        let _ = QUEUE.set(Worker::start("log", StandardError)?);
    }
    Ok(())
}

/// Waits at most `limit` until every line is written, and returns whether it is. Call it before the
/// process ends.
#[must_use]
pub fn flush(limit: Duration) -> bool {
    let left_out = limits().end_all();
    say(&left_out);
    QUEUE
        .get()
        .is_none_or(|queue| queue.flush(Instant::now() + limit))
}

/// Drops lines less important than `level`; the default is [`Level::Info`].
pub fn set_level(level: Level) {
    MOST.store(level as u8, Ordering::Relaxed);
}

/// Something does not work; the text says what to do.
pub fn error(text: impl Display) {
    write(Level::Error, &text);
}

/// It works, but an administrator should look.
pub fn warn(text: impl Display) {
    write(Level::Warn, &text);
}

/// Normal operation.
pub fn info(text: impl Display) {
    write(Level::Info, &text);
}

/// For debugging.
pub fn debug(text: impl Display) {
    write(Level::Debug, &text);
}

/// A warning that strangers can cause at will. Of each `kind`, a few words such as `refused calls`,
/// five lines a minute are written; the others are counted.
pub fn limited(kind: &'static str, text: impl Display) {
    limited_at(Level::Warn, kind, text);
}

/// The same at another level.
pub fn limited_at(level: Level, kind: &'static str, text: impl Display) {
    let now = Instant::now();
    let mut limits = limits();
    let left_out = limits.over(now);
    let admitted = limits.admit(kind, now);
    drop(limits);
    say(&left_out);
    if admitted {
        put(level, &text, Origin::Privileged);
    }
}

/// From now on panics are limited, too: a fault that strangers can trigger must not fill the log.
/// The line is written at once, because the process may end by the panic.
pub fn limit_panics() {
    std::panic::set_hook(Box::new(|panic| {
        // A panic while this lock is held must not wait for it.
        let admits = |mut limits: MutexGuard<'_, Limits>| limits.admit("panics", Instant::now());
        if LIMITS.try_lock().ok().is_none_or(admits) {
            let text = format!("a bug in the agent, please report it: {panic}");
            let now = jiff::Timestamp::now();
            emit(line(Level::Error, &text, to_journal(), now).as_bytes());
        }
    }));
}

/// Whether standard error is the journal, by the method of systemd.exec(5).
#[must_use]
pub fn to_journal() -> bool {
    static JOURNAL: OnceLock<bool> = OnceLock::new();
    *JOURNAL.get_or_init(|| {
        std::env::var("JOURNAL_STREAM").is_ok_and(|stream| {
            nix::sys::stat::fstat(std::io::stderr())
                .is_ok_and(|meta| stream == format!("{}:{}", meta.st_dev, meta.st_ino))
        })
    })
}

fn write(level: Level, text: &dyn Display) {
    record(level, text, Origin::Privileged);
}

/// Writes a line within the queue share of `origin`.
pub(crate) fn record(level: Level, text: &dyn Display, origin: Origin) {
    let left_out = limits().over(Instant::now());
    say(&left_out);
    put(level, text, origin);
}

fn limits() -> MutexGuard<'static, Limits> {
    LIMITS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn say(left_out: &[LeftOut]) {
    for LeftOut { kind, count } in left_out {
        let text = format!("{kind}: {count} more lines like this were suppressed");
        put(Level::Warn, &text, Origin::Privileged);
    }
}

fn put(level: Level, text: &dyn Display, origin: Origin) {
    if level as u8 > MOST.load(Ordering::Relaxed) {
        return;
    }
    let line = line(level, text, to_journal(), jiff::Timestamp::now());
    match QUEUE.get() {
        Some(queue) => {
            // Lines that find no room are counted, and the next line says so.
            queue.push(line, origin);
        }
        None => emit(line.as_bytes()),
    }
}

fn emit(line: &[u8]) {
    // If this fails, no log is left to report it.
    let _ = std::io::stderr().lock().write_all(line);
}

struct StandardError;

impl Sink for StandardError {
    type Line = String;

    fn write(&mut self, lines: &[String]) -> Result<usize, WriteError> {
        let written = std::io::stderr().lock().write(lines.concat().as_bytes());
        let written = written.unwrap_or(0);
        // The rest line by line: if its reader is slow and does not block us, only what does not fit is lost.
        let mut end = 0;
        for line in lines {
            let begin = end;
            end += line.len();
            if let Some(left @ [_, ..]) = line.as_bytes().get(written.saturating_sub(begin)..) {
                emit(left);
            }
        }
        Ok(lines.len())
    }

    fn reopen(&mut self) {}

    fn lost(&self, count: u64) -> String {
        let text =
            format!("{count} lines were lost: they came faster than the log could write them");
        line(Level::Warn, &text, to_journal(), jiff::Timestamp::now())
    }

    // Standard error accepts every line, or its reader is gone: no log is left to report it.
    fn report_failure(&self, _: &WriteError) {}

    fn report_recovery(&self) {}
}

fn line(level: Level, text: &dyn Display, journal: bool, now: jiff::Timestamp) -> String {
    let mut text = text.to_string();
    if text.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or_default());
        text.push('…');
    }
    let text = printable(&text);
    if journal {
        return format!("<{}>{text}\n", level as u8);
    }
    let name = match level {
        Level::Error => "error",
        Level::Warn => "warning",
        Level::Info => "info",
        Level::Debug => "debug",
    };
    format!("{now:.3} {name}: {text}\n")
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    #[test]
    fn a_line_begins_with_priority_or_time() {
        let now = jiff::Timestamp::UNIX_EPOCH;
        assert_eq!(line(Level::Warn, &"full", true, now), "<4>full\n");
        let plain = line(Level::Error, &"full", false, now);
        assert_eq!(plain, "1970-01-01T00:00:00.000Z error: full\n");
    }

    #[test]
    fn no_text_can_forge_a_second_line_or_control_a_terminal() {
        let now = jiff::Timestamp::UNIX_EPOCH;
        let line = line(Level::Info, &"a\n<0>forged\x1b[2J\u{2028}", true, now);
        assert_eq!(line, "<6>a\\n<0>forged\\u{1b}[2J\\u{2028}\n");
    }
    #[test]
    fn a_text_without_end_is_cut() {
        let now = jiff::Timestamp::UNIX_EPOCH;
        let line = line(Level::Info, &"ä".repeat(LONGEST), true, now);
        assert_eq!(line, format!("<6>{}…\n", "ä".repeat(LONGEST / 2)));
    }

    /// Runs a test of this module in its own process, whose standard error is a pipe.
    fn helper(name: &str) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("log::tests::{name}"), "--ignored"])
            .env("MFA_TEST_ALONE", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    #[test]
    fn a_standard_error_that_nobody_reads_blocks_nobody() {
        let mut child = helper("helper_that_writes_more_than_a_pipe_holds");
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break Some(status);
            }
            if begun.elapsed() > Duration::from_secs(60) {
                child.kill().unwrap();
                break None;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        assert!(status.is_some_and(|status| status.success()), "{status:?}");
    }

    #[test]
    #[ignore = "not a test: the process of a_standard_error_that_nobody_reads_blocks_nobody"]
    fn helper_that_writes_more_than_a_pipe_holds() {
        if std::env::var_os("MFA_TEST_ALONE").is_none() {
            return;
        }
        start().unwrap();
        (0..20_000).for_each(|n| info(format_args!("line {n} {}", "x".repeat(100))));
        assert!(!flush(Duration::from_millis(20)), "it can't be written");
    }

    #[test]
    fn panics_are_limited_like_lines_that_strangers_cause() {
        let output = helper("helper_that_panics_a_hundred_times").wait_with_output();
        let text = String::from_utf8(output.unwrap().stderr).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 6, "{text}");
        assert!(
            lines[..5].iter().all(|line| line.contains("fault no. ")),
            "{text}"
        );
        assert!(lines[5].ends_with("panics: 95 more lines like this were suppressed"));
    }

    #[test]
    #[ignore = "not a test: the process of panics_are_limited_like_lines_that_strangers_cause"]
    fn helper_that_panics_a_hundred_times() {
        if std::env::var_os("MFA_TEST_ALONE").is_none() {
            return;
        }
        limit_panics();
        for n in 0..100 {
            let caught = std::panic::catch_unwind(|| panic!("fault no. {n}"));
            assert!(caught.is_err());
        }
        assert!(flush(Duration::from_secs(60)));
    }

    #[test]
    fn the_last_lines_are_written_in_order_before_the_process_ends() {
        let child = helper("helper_that_writes_and_ends");
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        let lines: Vec<&str> = text
            .lines()
            .filter_map(|line| Some(line.split_once("Z ")?.1))
            .collect();
        let refused = "warning: refused";
        let mut expected = vec!["info: before the thread", "info: behind it"];
        expected.extend([refused; 5]);
        expected.push("error: the end");
        expected.push("warning: refused calls: 95 more lines like this were suppressed");
        assert_eq!(lines, expected);
    }

    #[test]
    #[ignore = "not a test: the process of the_last_lines_are_written_in_order_before_the_process_ends"]
    fn helper_that_writes_and_ends() {
        if std::env::var_os("MFA_TEST_ALONE").is_none() {
            return;
        }
        info("before the thread");
        start().unwrap();
        info("behind it");
        (0..100).for_each(|_| limited("refused calls", "refused"));
        error("the end");
        assert!(flush(Duration::from_secs(20)));
    }
}
