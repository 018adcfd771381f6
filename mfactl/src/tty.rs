//! The terminal: prompts, with or without echo.
//!
//! This is not a crate, because Ctrl-C at a prompt without echo must leave the terminal as it was. During a prompt,
//! signals from the keyboard are off and Ctrl-C ends the line; it is returned as [`Failure::Cancelled`] once the old
//! settings are restored.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::termios::{
    FlushArg, LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcflush, tcgetattr, tcsetattr,
};
use zeroize::Zeroizing;

use crate::failure::Failure;
use mfa_protocol::Secret;

const CTRL_C: u8 = 3;

/// The majors of pseudo-terminals (`Documentation/admin-guide/devices.txt` of Linux).
const PTS: u32 = 136;
const PTS_MAJORS: u32 = 8;

/// The kernel hands out at most this much of a line (`N_TTY_BUF_SIZE`).
const MAX_TYPED: usize = 4096;

/// The controlling terminal of the process.
pub(crate) struct Tty {
    file: File,
}

impl Tty {
    /// Opens `/dev/tty`; fails if there is none.
    pub(crate) fn open() -> io::Result<Self> {
        Ok(Self {
            file: File::options().read(true).write(true).open("/dev/tty")?,
        })
    }

    /// Shows `text` as it is. The caller has cleaned it.
    pub(crate) fn show(&mut self, text: &str) -> io::Result<()> {
        self.file.write_all(text.as_bytes())
    }

    /// Shows `prompt` and reads a line; none at the end of input (Ctrl-D).
    pub(crate) fn ask(&mut self, prompt: &str, echo: bool) -> Result<Option<Secret>, Failure> {
        let terminal = "talk to the terminal";
        // Settings first: what is typed the moment the prompt appears must not be echoed.
        let asking = Asking::begin(&mut self.file, echo).map_err(Failure::io(terminal))?;
        asking
            .file
            .write_all(prompt.as_bytes())
            .map_err(Failure::io(terminal))?;
        let mut typed = Zeroizing::new([0; MAX_TYPED]);
        let length = read_line(asking.file, &mut typed[..]).map_err(Failure::io(terminal))?;
        drop(asking);
        if typed[..length].contains(&CTRL_C) || length == 0 {
            // Neither leaves a line end on the screen.
            self.show("\n").map_err(Failure::io(terminal))?;
        }
        line(&typed[..length])
    }

    /// Throws away what arrives until nothing more comes, without showing it.
    pub(crate) fn discard_typed(&mut self) {
        let Ok(asking) = Asking::begin(&mut self.file, false) else {
            return;
        };
        for _ in 0..MAX_PAUSES {
            // Not the flush of a line: a paste arrives in pieces.
            let _ = tcflush(&*asking.file, FlushArg::TCIFLUSH);
            let mut typed = [PollFd::new(asking.file.as_fd(), PollFlags::POLLIN)];
            if !poll(&mut typed, PAUSE).is_ok_and(|ready| ready > 0) {
                return;
            }
        }
    }
}

/// Between the pieces of what is pasted, in milliseconds.
const PAUSE: u8 = 200;

/// A paste has an end.
const MAX_PAUSES: u32 = 100;

/// The controlling terminal of this process, such as `/dev/pts/3`; none if it has none. Not the terminal of standard
/// input: the caller could choose that one, and with it the session. `/dev/tty` does not tell its real name.
pub(crate) fn name() -> Option<String> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (major, minor) = controlling_terminal(&stat)?;
    let name = match major {
        PTS.. if major < PTS + PTS_MAJORS => format!("pts/{}", (major - PTS) * 256 + minor),
        _ => device_name(major, minor)?,
    };
    Some(format!("/dev/{name}"))
}

/// Its numbers (proc_pid_stat(5), `tty_nr`). The name of the program before it may hold anything but is in brackets.
fn controlling_terminal(stat: &str) -> Option<(u32, u32)> {
    let (_, fields) = stat.rsplit_once(')')?;
    let number: i32 = fields.split_whitespace().nth(4)?.parse().ok()?;
    let number = number.cast_unsigned();
    let (major, minor) = (number >> 8 & 0xfff, number & 0xff | number >> 12 & 0xf_ff00);
    (number != 0).then_some((major, minor))
}

/// The kernel's name of a device that is no pseudo-terminal.
fn device_name(major: u32, minor: u32) -> Option<String> {
    let device = std::fs::read_link(format!("/sys/dev/char/{major}:{minor}")).ok()?;
    device.file_name()?.to_str().map(str::to_owned)
}

/// In canonical mode one read is one line.
fn read_line(file: &mut File, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(into) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

fn line(typed: &[u8]) -> Result<Option<Secret>, Failure> {
    if typed.contains(&CTRL_C) {
        return Err(Failure::Cancelled);
    }
    if typed.is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(typed)
        .map_err(|_| Failure::Rejected("the input is not UTF-8 text".to_owned()))?;
    Ok(Some(Secret::from(text.trim_end_matches('\n'))))
}

/// The terminal's settings during a prompt; dropping this restores the old ones.
struct Asking<'a> {
    file: &'a mut File,
    before: Termios,
}

impl<'a> Asking<'a> {
    fn begin(file: &'a mut File, echo: bool) -> io::Result<Self> {
        let before = tcgetattr(&*file)?;
        let mut during = before.clone();
        during
            .local_flags
            .insert(LocalFlags::ICANON | LocalFlags::ECHONL);
        during.local_flags.set(LocalFlags::ECHO, echo);
        during.local_flags.remove(LocalFlags::ISIG);
        during.control_chars[SpecialCharacterIndices::VEOL as usize] = CTRL_C;
        tcsetattr(&*file, SetArg::TCSADRAIN, &during)?;
        Ok(Self { file, before })
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        // If the terminal is gone, there is nothing to restore.
        let _ = tcsetattr(&*self.file, SetArg::TCSADRAIN, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_controlling_terminal_is_found_whatever_the_program_is_called() {
        for (stat, expected) in [
            ("7 (mfactl) S 1 7 7 34819 7 0", Some((136, 3))),
            ("7 (a) S 1 1 1 9) S 1 7 7 34819 7 0", Some((136, 3))),
            ("7 (mfactl) S 1 7 7 1025 7 0", Some((4, 1))),
            ("7 (mfactl) S 1 7 7 1083393 7 0", Some((136, 257))),
            ("7 (mfactl) S 1 7 7 0 -1 0", None),
            ("nonsense", None),
        ] {
            assert_eq!(controlling_terminal(stat), expected, "{stat}");
        }
    }

    #[test]
    fn ctrl_c_anywhere_in_the_line_cancels() {
        assert!(matches!(line(b"12\x03"), Err(Failure::Cancelled)));
        assert!(line(b"").unwrap().is_none());
        assert_eq!(line(b"1234\n").unwrap().unwrap().expose(), "1234");
        assert!(line(b"\n").unwrap().unwrap().is_empty());
    }
}
