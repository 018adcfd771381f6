//! What libpam does not understand of a line.

use std::fmt;

/// As much of a line as libpam 1.5 takes in one piece: its buffer holds 1024 bytes, a newline and a NUL
/// among them. What is beyond it takes for the next line.
pub(super) const LONGEST_LINE: usize = 1022;

/// Why libpam refuses a line, or reads it otherwise than it looks; says so by `Display`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It ends as lines of Windows do.
    CarriageReturn,
    /// Its first word is no phase.
    Phase,
    /// There is nothing after the phase.
    NoControl,
    /// libpam does not know what to do with a result.
    Control,
    /// No module, or no file, is named.
    NoModule,
    /// It is longer than libpam's buffer.
    TooLong,
    /// It ends with a backslash, and so does the file.
    Unfinished,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CarriageReturn => {
                "the line ends with a carriage return, which libpam takes for a part of the last word"
            }
            Self::Phase => "the first word is none of auth, account, session and password",
            Self::NoControl => "there is no control (such as required) after the phase",
            Self::Control => "the control is not one that libpam understands",
            Self::NoModule => "no module and no file is named",
            Self::TooLong => "the line is longer than 1022 bytes, and libpam 1.5 cuts it into two",
            Self::Unfinished => "the file ends with a backslash, so libpam gives the whole file up",
        })
    }
}
