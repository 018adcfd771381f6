//! Where answers come from, and where prompts and remarks go.
//!
//! If standard input is a terminal, a person is asked there. Otherwise each answer is the next line of standard input,
//! and remarks go to standard error. Standard output has results only.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;

use mfa_protocol::Secret;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::lines::{Line, LineReader, MAX_LINE};
use crate::output::folded;
use crate::tty::Tty;

/// A person at a terminal, or a script.
pub(crate) enum Console {
    /// A person.
    Terminal(Tty),
    /// Lines of standard input.
    Lines(LineReader<File>),
}

impl Console {
    /// A person if standard input is a terminal, else its lines.
    pub(crate) fn from_stdin() -> Result<Self, Failure> {
        let stdin = std::io::stdin();
        if stdin.is_terminal()
            && let Ok(tty) = Tty::open()
        {
            return Ok(Self::Terminal(tty));
        }
        let owned = stdin
            .as_fd()
            .try_clone_to_owned()
            .map_err(Failure::io("read standard input"))?;
        // One byte at a time: what follows our lines belongs to the next reader.
        Ok(Self::Lines(LineReader::new(File::from(owned), 1)))
    }

    /// A person, even if standard input is no terminal; `instead` is the option for scripts.
    pub(crate) fn terminal(instead: &str) -> Result<Self, Failure> {
        let tty = Tty::open().map_err(|_| {
            Failure::Usage(format!("no terminal to ask on. In scripts, use {instead}"))
        })?;
        Ok(Self::Terminal(tty))
    }

    /// Whether a person is asked.
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self, Self::Terminal(_))
    }

    /// Asks a person from now on if standard input has ended and there is a terminal.
    pub(crate) fn go_on_at_the_terminal(&mut self) {
        if let Self::Lines(lines) = self
            && lines.has_ended()
            && let Ok(tty) = Tty::open()
        {
            *self = Self::Terminal(tty);
        }
    }

    /// Throws away what is typed ahead, such as the rest of something that was pasted by mistake.
    pub(crate) fn discard_typed(&mut self) {
        if let Self::Terminal(tty) = self {
            tty.discard_typed();
        }
    }

    /// Shows a remark, with a line end added. The caller has cleaned it.
    pub(crate) fn say(&mut self, text: &str) {
        // A remark that can't be shown is no reason to fail: the answer decides.
        let _ = match self {
            Self::Terminal(tty) => tty.show(&Zeroizing::new(format!("{}\n", folded(text)))),
            Self::Lines(_) => std::io::stderr().write_all(format!("{text}\n").as_bytes()),
        };
    }

    /// The answer to `prompt`, or none at the end of input.
    pub(crate) fn ask(&mut self, prompt: &str, echo: bool) -> Result<Option<Secret>, Failure> {
        match self {
            Self::Terminal(tty) => tty.ask(prompt, echo),
            Self::Lines(lines) => next_line(lines),
        }
    }

    /// The answer to `prompt`, which must not be missing; `what` names it in the error.
    pub(crate) fn demand(
        &mut self,
        prompt: &str,
        echo: bool,
        what: &str,
    ) -> Result<Secret, Failure> {
        match self.ask(prompt, echo)? {
            Some(answer) => Ok(answer),
            None if self.is_terminal() => Err(Failure::Cancelled),
            None => Err(Failure::Usage(format!(
                "standard input ended before {what}. Put it on a line of its own"
            ))),
        }
    }
}

fn next_line(lines: &mut LineReader<File>) -> Result<Option<Secret>, Failure> {
    match lines.next().map_err(Failure::io("read standard input"))? {
        None => Ok(None),
        Some(Line::TooLong) => Err(Failure::Usage(format!(
            "a line of standard input is longer than {MAX_LINE} bytes"
        ))),
        Some(Line::Bytes(bytes)) => std::str::from_utf8(bytes)
            .map(|text| Some(Secret::from(text)))
            .map_err(|_| Failure::Usage("a line of standard input is not UTF-8 text".to_owned())),
    }
}
