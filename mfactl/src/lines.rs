//! Lines from a file or from standard input that may hold secrets.
//!
//! The standard library's buffered readers never wipe what they read. Here both the buffer and the line are wiped, and
//! a line is bounded, so a file without line ends costs a few kilobytes. With a chunk of one byte nothing is read beyond
//! the line: what follows on standard input belongs to the next reader.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use zeroize::Zeroizing;

/// The longest line in bytes: an otpauth URI with the longest names fits.
pub(crate) const MAX_LINE: usize = 8 * 1024;

/// A line without its end (`\n` or `\r\n`).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// Its bytes.
    Bytes(&'a [u8]),
    /// It is longer than [`MAX_LINE`], and was skipped.
    TooLong,
}

/// Takes lines off a byte stream.
pub(crate) struct LineReader<R> {
    source: R,
    chunk: Zeroizing<Vec<u8>>,
    /// The part of the chunk that was read and not yet handed out.
    unread: std::ops::Range<usize>,
    line: Zeroizing<Vec<u8>>,
}

impl<R: Read> LineReader<R> {
    /// Reads `chunk` bytes at a time, at least one.
    pub(crate) fn new(source: R, chunk: usize) -> Self {
        Self {
            source,
            chunk: Zeroizing::new(vec![0; chunk.max(1)]),
            unread: 0..0,
            // Never grows, so no copy is left behind unwiped.
            line: Zeroizing::new(Vec::with_capacity(MAX_LINE)),
        }
    }

    /// The next line, or none at the end. A last line without a line end counts.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.fill(0);
        self.line.clear();
        let (mut ended, mut too_long) = (false, false);
        while !ended {
            if self.unread.is_empty() && !self.fill()? {
                break;
            }
            let held = &self.chunk[self.unread.clone()];
            let end = held.iter().position(|&b| b == b'\n');
            let part = &held[..end.unwrap_or(held.len())];
            ended = end.is_some();
            too_long |= self.line.len() + part.len() > MAX_LINE;
            if !too_long {
                self.line.extend_from_slice(part);
            }
            self.unread.start += part.len() + usize::from(ended);
        }
        if too_long {
            return Ok(Some(Line::TooLong));
        }
        if !ended && self.line.is_empty() {
            return Ok(None);
        }
        Ok(Some(Line::Bytes(
            self.line.strip_suffix(b"\r").unwrap_or(&self.line),
        )))
    }

    /// Reads on; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        loop {
            match self.source.read(&mut self.chunk) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
                Ok(got) => {
                    self.unread = 0..got;
                    return Ok(got > 0);
                }
            }
        }
    }
}

impl LineReader<File> {
    /// Whether the end has been reached. Waits for nobody: a source that may still deliver has not ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        if !self.unread.is_empty() {
            return false;
        }
        let mut source = [PollFd::new(self.source.as_fd(), PollFlags::POLLIN)];
        let is_ready = poll(&mut source, PollTimeout::ZERO).is_ok_and(|ready| ready > 0);
        is_ready && self.fill().is_ok_and(|more| !more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(bytes: &[u8], chunk: usize) -> Vec<Option<Vec<u8>>> {
        let mut reader = LineReader::new(bytes, chunk);
        let mut lines = Vec::new();
        while let Some(line) = reader.next().unwrap() {
            lines.push(match line {
                Line::Bytes(bytes) => Some(bytes.to_vec()),
                Line::TooLong => None,
            });
        }
        lines
    }

    #[test]
    fn line_ends_of_both_kinds_and_none_at_the_end() {
        let expected = ["a", "", "b"].map(|l| Some(l.as_bytes().to_vec()));
        assert_eq!(all(b"a\r\n\nb", 2), expected);
    }

    #[test]
    fn a_line_too_long_is_passed_over_and_the_next_is_read() {
        let mut bytes = vec![b'x'; MAX_LINE + 1];
        bytes.extend_from_slice(b"\nnext\n");
        assert_eq!(all(&bytes, 100), [None, Some(b"next".to_vec())]);
        assert_eq!(all(&bytes[1..], 100)[0], Some(vec![b'x'; MAX_LINE]));
    }

    #[test]
    fn one_byte_at_a_time_leaves_the_rest_for_the_next_reader() {
        let mut source: &[u8] = b"mine\nyours\n";
        let mut reader = LineReader::new(&mut source, 1);
        assert_eq!(reader.next().unwrap(), Some(Line::Bytes(b"mine")));
        drop(reader);
        assert_eq!(source, b"yours\n");
    }

    #[test]
    fn a_source_has_ended_once_nothing_is_left_of_it_and_not_while_it_may_deliver() {
        let (end, mut other) = nix::unistd::pipe()
            .map(|(a, b)| (File::from(a), File::from(b)))
            .unwrap();
        io::Write::write_all(&mut other, b"key\ncode\n").unwrap();
        let mut reader = LineReader::new(end, 1);
        for line in [b"key".as_slice(), b"code"] {
            assert!(!reader.has_ended());
            assert_eq!(reader.next().unwrap(), Some(Line::Bytes(line)));
        }
        assert!(!reader.has_ended(), "nobody waits for the writer");
        drop(other);
        assert!(reader.has_ended());
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(text in "[a\r\n]{0,60}", chunk in 1usize..9) {
            let expected: Vec<_> =
                text.lines().map(|l| Some(l.as_bytes().to_vec())).collect();
            // `str::lines` keeps a lone \r at the very end; here it is a line end cut short.
            prop_assume!(!text.ends_with('\r'));
            prop_assert_eq!(all(text.as_bytes(), chunk), expected);
        }
    }
}
