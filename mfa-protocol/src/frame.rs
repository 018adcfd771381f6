//! Frames: a JSON object and a NUL byte.
//!
//! What comes in is bounded before it is read: a frame of more than [`MAX_FRAME`] bytes is refused
//! while it arrives, so a sender without end costs 64 KiB and no more. Every buffer here may hold an
//! answer or a key and is wiped when it is dropped, or used again.

use std::io::{self, Read, Write};

use serde::Serialize;
use zeroize::Zeroizing;

/// The longest frame, in bytes, without its NUL (rule 7 of the architecture).
pub const MAX_FRAME: usize = 64 * 1024;

/// Buffers begin with so many bytes, so that a usual exchange never moves (and so copies) a secret. All of a buffer is
/// wiped byte by byte, so more than that costs each login.
const FIRST_CAPACITY: usize = 1024;

/// What can go wrong with a frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The other side closed the connection between two frames.
    #[error("the connection was closed")]
    Closed,
    /// The other side closed the connection inside a frame.
    #[error("the connection ended inside a message")]
    Truncated,
    /// More than [`MAX_FRAME`] bytes came without a NUL.
    #[error("a message of more than {MAX_FRAME} bytes was refused")]
    TooLong,
    /// The message to send could not be written as JSON.
    #[error("the message could not be encoded")]
    Encode,
    /// Reading or writing failed; a time-out comes as [`io::ErrorKind::TimedOut`].
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Takes frames off a byte stream.
#[derive(Default)]
pub struct FrameReader {
    buffer: Zeroizing<Vec<u8>>,
    /// Length of the frame that was handed out last, NUL included; dropped at the next call.
    spent: usize,
}

impl FrameReader {
    /// A reader with nothing read yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next frame, without its NUL.
    ///
    /// # Errors
    ///
    /// [`FrameError::Closed`] at the end of the stream, [`FrameError::Truncated`] inside a frame,
    /// [`FrameError::TooLong`] past [`MAX_FRAME`], and whatever `source` fails with.
    pub fn next<R: Read>(&mut self, source: &mut R) -> Result<&[u8], FrameError> {
        self.forget_last();
        let mut searched = 0;
        loop {
            if let Some(at) = self.buffer[searched..].iter().position(|&b| b == 0) {
                let end = searched + at;
                if end > MAX_FRAME {
                    return Err(FrameError::TooLong);
                }
                self.spent = end + 1;
                return Ok(&self.buffer[..end]);
            }
            searched = self.buffer.len();
            if searched > MAX_FRAME {
                return Err(FrameError::TooLong);
            }
            self.fill(source)?;
        }
    }

    /// Wipes the frame handed out last and moves what came after it to the front.
    fn forget_last(&mut self) {
        let rest = self.buffer.len() - self.spent;
        self.buffer.copy_within(self.spent.., 0);
        self.buffer[rest..].fill(0);
        self.buffer.truncate(rest);
        self.spent = 0;
    }

    fn fill<R: Read>(&mut self, source: &mut R) -> Result<(), FrameError> {
        let held = self.buffer.len();
        if self.buffer.capacity() - held < FIRST_CAPACITY / 2 {
            self.grow();
        }
        let room = self.buffer.capacity();
        self.buffer.resize(room, 0);
        let outcome = read_retrying(source, &mut self.buffer[held..]);
        let got = *outcome.as_ref().unwrap_or(&0);
        self.buffer.truncate(held + got);
        match outcome? {
            0 if held == 0 => Err(FrameError::Closed),
            0 => Err(FrameError::Truncated),
            _ => Ok(()),
        }
    }

    /// Moves to a larger buffer by hand: `Vec`'s own growth would leave an unwiped copy behind.
    fn grow(&mut self) {
        let mut larger = Zeroizing::new(Vec::with_capacity(
            FIRST_CAPACITY.max(self.buffer.capacity() * 2),
        ));
        larger.extend_from_slice(&self.buffer);
        self.buffer = larger;
    }
}

fn read_retrying<R: Read>(source: &mut R, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(into) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            // A socket with a receive time-out reports it as "would block".
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            other => return other,
        }
    }
}

/// Writes `message` as one frame, in one call where the stream takes it.
///
/// # Errors
///
/// [`FrameError::TooLong`] for a message past [`MAX_FRAME`], [`FrameError::Encode`] when it cannot be
/// written as JSON, and whatever `sink` fails with.
pub fn write_frame<W: Write>(sink: &mut W, message: &impl Serialize) -> Result<(), FrameError> {
    let mut frame = Wiped(Zeroizing::new(Vec::with_capacity(FIRST_CAPACITY)));
    serde_json::to_writer(&mut frame, message).map_err(|e| {
        if e.is_io() {
            FrameError::TooLong
        } else {
            FrameError::Encode
        }
    })?;
    send(sink, frame)
}

/// Writes a reply whose `parameters` are JSON already, as one frame.
///
/// # Errors
///
/// As [`write_frame`].
pub fn write_reply<W: Write>(sink: &mut W, parameters: &[u8]) -> Result<(), FrameError> {
    const BEFORE: &[u8] = b"{\"parameters\":";
    let size = BEFORE.len() + parameters.len() + 2;
    let mut frame = Wiped(Zeroizing::new(Vec::with_capacity(size)));
    for part in [BEFORE, parameters, b"}"] {
        frame.write_all(part).map_err(|_| FrameError::TooLong)?;
    }
    send(sink, frame)
}

fn send<W: Write>(sink: &mut W, frame: Wiped) -> Result<(), FrameError> {
    let mut bytes = frame.0;
    bytes.push(0);
    sink.write_all(&bytes).map_err(|e| match e.kind() {
        io::ErrorKind::WouldBlock => FrameError::Io(io::ErrorKind::TimedOut.into()),
        _ => FrameError::Io(e),
    })
}

/// A growing buffer that leaves no copies behind and stops at [`MAX_FRAME`].
struct Wiped(Zeroizing<Vec<u8>>);

impl Write for Wiped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_FRAME {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        // One byte stays free for the NUL.
        if self.0.capacity() - self.0.len() <= bytes.len() {
            let wanted = (self.0.len() + bytes.len() + 1).max(self.0.capacity() * 2);
            let mut larger = Zeroizing::new(Vec::with_capacity(wanted));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames(bytes: &[u8]) -> (Vec<Vec<u8>>, FrameError) {
        let mut source = bytes;
        let mut reader = FrameReader::new();
        let mut all = Vec::new();
        loop {
            match reader.next(&mut source) {
                Ok(frame) => all.push(frame.to_vec()),
                Err(e) => return (all, e),
            }
        }
    }

    #[test]
    fn two_frames_in_one_read_come_one_by_one() {
        let (all, end) = frames(b"{\"a\":1}\0{}\0");
        assert_eq!(all, [b"{\"a\":1}".to_vec(), b"{}".to_vec()]);
        assert!(matches!(end, FrameError::Closed));
    }

    #[test]
    fn a_frame_cut_short_is_not_a_frame() {
        let (all, end) = frames(b"{}\0{\"met");
        assert_eq!(all.len(), 1);
        assert!(matches!(end, FrameError::Truncated));
    }

    #[test]
    fn a_frame_without_end_is_refused_after_64_kib() {
        let mut reader = FrameReader::new();
        let error = reader.next(&mut io::repeat(b'x')).err();
        assert!(matches!(error, Some(FrameError::TooLong)));
        assert!(reader.buffer.capacity() <= 2 * MAX_FRAME + FIRST_CAPACITY);
    }

    #[test]
    fn the_longest_frame_passes_and_one_byte_more_does_not() {
        let mut bytes = vec![b' '; MAX_FRAME];
        bytes.push(0);
        assert_eq!(frames(&bytes).0.len(), 1);
        bytes.insert(0, b' ');
        assert!(matches!(frames(&bytes), (all, FrameError::TooLong) if all.is_empty()));
    }

    #[test]
    fn a_reply_of_ready_json_is_the_frame_that_serde_would_write() {
        let parameters = serde_json::json!({ "session": "s1", "step": { "messages": [] } });
        let (mut ready, mut written) = (Vec::new(), Vec::new());
        write_reply(&mut ready, parameters.to_string().as_bytes()).unwrap();
        write_frame(&mut written, &crate::message::Reply { parameters }).unwrap();
        assert_eq!(ready, written);
        let long = write_reply(&mut Vec::new(), &vec![b' '; MAX_FRAME]);
        assert!(matches!(long, Err(FrameError::TooLong)));
    }

    #[test]
    fn a_message_too_long_to_send_is_refused_before_a_byte_leaves() {
        let mut sink = Vec::new();
        let error = write_frame(&mut sink, &"x".repeat(MAX_FRAME)).err();
        assert!(matches!(error, Some(FrameError::TooLong)));
        assert!(sink.is_empty());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(texts in prop::collection::vec(".{0,300}", 0..20)) {
            let mut stream = Vec::new();
            for text in &texts {
                write_frame(&mut stream, text).unwrap();
            }
            let (all, _) = frames(&stream);
            let read: Vec<String> =
                all.iter().map(|f| serde_json::from_slice(f).unwrap()).collect();
            prop_assert_eq!(read, texts);
        }
    }
}
