//! A program on a terminal, and a test that types.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::openpty;

/// How long a program may take to show the expected text; pam_faildelay alone takes seconds.
const PATIENCE: Duration = Duration::from_secs(40);

/// A program with its own terminal.
pub struct Pty {
    child: Child,
    terminal: File,
    shown: String,
    /// The first bytes of a character that is not complete yet.
    cut: Vec<u8>,
    seen: usize,
}

impl Pty {
    /// Starts `program` with a new controlling terminal.
    #[must_use]
    pub fn spawn(program: &str, arguments: &[&str]) -> Self {
        let pair = openpty(None, None).expect("a terminal");
        let slave = File::from(pair.slave);
        let copy = || Stdio::from(slave.try_clone().expect("a descriptor"));
        let child = Command::new("setsid")
            .args(["--ctty", "--wait"])
            // A test in the background ignores ^C, and its child processes would inherit that.
            .args(["env", "--default-signal=INT,QUIT", program])
            .args(arguments)
            .stdin(copy())
            .stdout(copy())
            .stderr(copy())
            .env("LC_ALL", "C.UTF-8")
            .env("TERM", "dumb")
            .spawn()
            .unwrap_or_else(|e| panic!("{program}: {e}"));
        Self {
            child,
            terminal: File::from(pair.master),
            shown: String::new(),
            cut: Vec::new(),
            seen: 0,
        }
    }

    /// Waits until `text` is shown, after the last expected text.
    ///
    /// # Panics
    ///
    /// When it is not.
    pub fn expect(&mut self, text: &str) {
        self.expect_one_of(&[text]);
    }

    /// Waits until one of `texts` is shown, after the last expected text; returns it.
    ///
    /// # Panics
    ///
    /// When none is.
    pub fn expect_one_of<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        let found = self.expect_one_of_or_end(texts);
        found.unwrap_or_else(|| panic!("{texts:?} was not shown; shown was: {}", self.shown))
    }

    /// The same; nothing if the program ends, or shows none of them for too long.
    pub fn expect_one_of_or_end<'a>(&mut self, texts: &[&'a str]) -> Option<&'a str> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let fresh = &self.shown[self.seen..];
            let found = texts
                .iter()
                .filter_map(|text| fresh.find(text).map(|at| (at, *text)));
            if let Some((at, text)) = found.min() {
                self.seen += at + text.len();
                return Some(text);
            }
            if !self.read_some(deadline) {
                return None;
            }
        }
    }

    /// Everything shown so far.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Types a line.
    pub fn send(&mut self, line: &str) {
        // A program that flushes its input while it turns echo off must have done so first.
        std::thread::sleep(Duration::from_millis(100));
        self.terminal
            .write_all(format!("{line}\n").as_bytes())
            .expect("a terminal that takes input");
    }

    /// Waits until `prompt` is shown, and types a line.
    pub fn answer(&mut self, prompt: &str, line: &str) {
        self.expect(prompt);
        self.send(line);
    }

    /// Types ^C repeatedly, because a program that changes the terminal's settings drops earlier
    /// input. Returns everything shown, and the exit status.
    pub fn interrupt(mut self) -> (String, Option<i32>) {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            // It may have ended just now.
            let _ = self.terminal.write_all(b"\x03");
            let soon = Instant::now() + Duration::from_secs(1);
            while self.read_some(soon) {}
        }
        self.finish()
    }

    /// Ends the program like a lost connection.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end; returns everything shown, and the exit status.
    pub fn finish(mut self) -> (String, Option<i32>) {
        let deadline = Instant::now() + PATIENCE;
        while self.read_some(deadline) {}
        let left = self.child.try_wait().expect("a status");
        let status = left.unwrap_or_else(|| {
            assert!(
                Instant::now() < deadline,
                "it does not end; shown was: {}",
                self.shown
            );
            self.child.wait().expect("a status")
        });
        (std::mem::take(&mut self.shown), status.code())
    }

    /// Reads available output; false at the end, or on a time-out.
    fn read_some(&mut self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).expect("a time-out");
        let mut wanted = [PollFd::new(self.terminal.as_fd(), PollFlags::POLLIN)];
        if !matches!(poll(&mut wanted, timeout), Ok(1..)) {
            return false;
        }
        let mut buffer = [0; 4096];
        // After every program has closed the terminal, reading fails: that is its end.
        match self.terminal.read(&mut buffer) {
            Ok(count @ 1..) => {
                self.cut.extend(&buffer[..count]);
                let (whole, cut) = without_the_cut(&self.cut);
                self.shown.push_str(&String::from_utf8_lossy(whole));
                self.cut = cut.to_vec();
                true
            }
            _ => false,
        }
    }
}

/// The bytes up to an incomplete character, and its first bytes.
fn without_the_cut(bytes: &[u8]) -> (&[u8], &[u8]) {
    // A character has at most four bytes, and all but the first begin with the bits 10.
    let start = bytes.iter().rposition(|byte| byte & 0xc0 != 0x80);
    let last = start.unwrap_or(bytes.len());
    match std::str::from_utf8(&bytes[last..]) {
        Err(error) if error.error_len().is_none() => bytes.split_at(last),
        _ => (bytes, &[]),
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_in_two_pieces_is_one() {
        let text = "x█▀é\u{1f600}\n".as_bytes();
        for at in 0..=text.len() {
            let (whole, cut) = without_the_cut(&text[..at]);
            let rest = [cut, &text[at..]].concat();
            assert!(std::str::from_utf8(whole).is_ok(), "{at}");
            assert!(std::str::from_utf8(&rest).is_ok(), "{at}");
        }
        assert_eq!(without_the_cut(b"x\xff"), (&b"x\xff"[..], &b""[..]));
        assert_eq!(without_the_cut(b"\x80\x80"), (&b"\x80\x80"[..], &b""[..]));
    }
}
