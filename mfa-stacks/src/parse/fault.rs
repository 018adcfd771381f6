//! What is wrong with a line.

use std::fmt;

/// The longest line that libpam 1.5 reads: its buffer holds 1024 bytes, including a newline and a
/// NUL. It reads the rest as another line.
pub(super) const LONGEST_LINE: usize = 1022;

/// Why libpam refuses a line, or reads it differently than it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It has a Windows line end.
    CarriageReturn,
    /// Its first word is not a phase.
    Phase,
    /// Nothing follows the phase.
    NoControl,
    /// The control is invalid.
    Control,
    /// No module or file is named.
    NoModule,
    /// It is longer than libpam's buffer.
    TooLong,
    /// It ends with a backslash, at the end of the file.
    Unfinished,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CarriageReturn => {
                "the line ends with a carriage return, which libpam treats as part of the last word"
            }
            Self::Phase => "the first word is not auth, account, session or password",
            Self::NoControl => "there is no control (such as required) after the phase",
            Self::Control => "the control is not one that libpam understands",
            Self::NoModule => "the line names no module and no file",
            Self::TooLong => "the line is longer than 1022 bytes, and libpam 1.5 cuts it into two",
            Self::Unfinished => "the file ends with a backslash, so libpam rejects the whole file",
        })
    }
}
