//! Reads the replies of a mail server (RFC 5321, 4.2): lines that begin with the same three digits.
//!
//! Before TLS an attacker on the path may send anything, so the length of lines and replies is
//! bounded.

use std::io::{self, ErrorKind, Read};

/// RFC 5321, 4.5.3.1.5 allows 512; some servers send more.
const LONGEST_LINE: usize = 2048;
const MOST_LINES: usize = 100;

/// A reply: its code, and its lines without the codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) code: u16,
    pub(super) lines: Vec<String>,
}

impl Reply {
    /// Reads the next reply; `buffer` keeps bytes beyond it.
    pub(super) fn read(stream: &mut impl Read, buffer: &mut Vec<u8>) -> io::Result<Self> {
        let mut lines = Vec::new();
        for _ in 0..MOST_LINES {
            let line = read_line(stream, buffer)?;
            let (code, is_last, text) = parse_line(&line).ok_or_else(not_smtp)?;
            lines.push(text);
            if is_last {
                return Ok(Self { code, lines });
            }
        }
        Err(endless())
    }

    /// The parameters of the extension `name`, if one of the lines after the first names it (RFC
    /// 5321, 4.1.1.1).
    pub(super) fn extension(&self, name: &str) -> Option<&str> {
        self.lines.iter().skip(1).find_map(|line| {
            let (keyword, parameters) = line.split_once(' ').unwrap_or((line, ""));
            keyword.eq_ignore_ascii_case(name).then_some(parameters)
        })
    }
}

fn read_line(stream: &mut impl Read, buffer: &mut Vec<u8>) -> io::Result<String> {
    loop {
        if let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = buffer.drain(..=end).collect();
            return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
        if buffer.len() > LONGEST_LINE {
            return Err(endless());
        }
        let mut chunk = [0; 512];
        match stream.read(&mut chunk) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(length) => buffer.extend_from_slice(&chunk[..length]),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// Code, whether it is the last line, text.
fn parse_line(line: &str) -> Option<(u16, bool, String)> {
    let (code, rest) = line.split_at_checked(3)?;
    if !code.bytes().all(|b| b.is_ascii_digit()) || !code.starts_with(['2', '3', '4', '5']) {
        return None;
    }
    let code = code.parse().ok()?;
    match rest.as_bytes().first() {
        None => Some((code, true, String::new())),
        Some(b' ') => Some((code, true, rest[1..].to_owned())),
        Some(b'-') => Some((code, false, rest[1..].to_owned())),
        Some(_) => None,
    }
}

fn endless() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "its reply never ends")
}

fn not_smtp() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "it does not speak SMTP")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &[u8]) -> io::Result<Reply> {
        Reply::read(&mut &text[..], &mut Vec::new())
    }

    #[test]
    fn replies_of_one_or_more_lines_are_read_one_at_a_time() {
        let (mut text, mut buffer) = (
            &b"250-mail\r\n250-AUTH PLAIN LOGIN\r\n250 STARTTLS\r\n220\r\n"[..],
            Vec::new(),
        );
        let reply = Reply::read(&mut text, &mut buffer).unwrap();
        assert_eq!(reply.code, 250);
        assert_eq!(reply.extension("auth"), Some("PLAIN LOGIN"));
        assert_eq!(reply.extension("STARTTLS"), Some(""));
        assert_eq!(
            reply.extension("mail"),
            None,
            "the first line is a greeting"
        );
        assert_eq!(Reply::read(&mut text, &mut buffer).unwrap().code, 220);
        assert!(Reply::read(&mut text, &mut buffer).is_err());
    }

    #[test]
    fn a_reply_without_end_is_an_error() {
        let mut endless_line = io::repeat(b'2');
        let mut buffer = Vec::new();
        assert!(Reply::read(&mut endless_line, &mut buffer).is_err());
        assert!(buffer.len() < 4096);
        let endless_lines = b"250-x\r\n".repeat(1000);
        assert!(read(&endless_lines).is_err());
    }

    #[test]
    fn other_protocols_are_refused() {
        for text in [
            "HTTP/1.1 400\r\n",
            "2a0 x\r\n",
            "250_x\r\n",
            "99\r\n",
            "\r\n",
            "150 x\r\n",
            "250 cut",
        ] {
            assert!(read(text.as_bytes()).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_reply_or_an_error(bytes: Vec<u8>) {
            if let Ok(reply) = read(&bytes) {
                prop_assert!((200..600).contains(&reply.code));
                prop_assert!(!reply.lines.is_empty());
            }
        }
    }
}
