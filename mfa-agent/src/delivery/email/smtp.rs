//! Sends one email to one server: RFC 5321 over TLS (RFC 8314), or after STARTTLS (RFC 3207).
//!
//! STARTTLS is required: a server that does not offer it gets neither credentials nor the code, so
//! stripping the offer gains an attacker nothing. Data before the encryption that was not requested
//! is an attack, and ends the connection. Each message has its own connection: codes are rare, and
//! an idle connection may break at the wrong moment.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::str::FromStr;
use std::time::Instant;

use data_encoding::BASE64;
use mfa_protocol::Secret;
use rustls::pki_types::ServerName;
use zeroize::Zeroizing;

use super::reply::Reply;
use super::stream::Stream;
use crate::delivery::error::said;
use crate::delivery::tls::{tls_error, tls_inside};
use crate::delivery::{SendError, Trust};
use crate::host_name;
use mfa_core::factors::address::EmailAddress;

/// A mail server.
#[derive(Debug)]
pub struct Smtp {
    /// Its name, which its certificate must match.
    pub host: ServerHost,
    /// Usually 465 with [`Security::Tls`], 587 with [`Security::StartTls`].
    pub port: u16,
    /// When the encryption begins.
    pub security: Security,
    /// The login at the server, if it requires one.
    pub credentials: Option<Credentials>,
    /// The trusted certificates.
    pub trust: Trust,
}

/// When the encryption begins. Unencrypted connections are not supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// At once.
    Tls,
    /// After `STARTTLS`, which the server must offer.
    StartTls,
}

/// A user of a mail server.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub user: String,
    pub password: Secret,
}

/// The name or address of a server, usable for verifying a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerHost {
    text: String,
    name: ServerName<'static>,
}

/// The text is not a server name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is not the name of a server; expected a name such as mail.example.org, without a port"
)]
pub struct HostError;

impl FromStr for ServerHost {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        let name = ServerName::try_from(text.to_owned()).map_err(|_| HostError)?;
        Ok(Self {
            text: text.to_owned(),
            name,
        })
    }
}

impl fmt::Display for ServerHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Smtp {
    /// Hands `message` over. Errors never contain `code`.
    pub(super) fn send(
        &self,
        from: &EmailAddress,
        to: &EmailAddress,
        message: &[u8],
        code: &str,
        until: Instant,
    ) -> Result<(), SendError> {
        let mut session = Session::open(self, code, until)?;
        if let Some(credentials) = &self.credentials {
            session.log_in(credentials)?;
        }
        session.command(&format!("MAIL FROM:<{}>", from.as_str()), 250)?;
        session.command(&format!("RCPT TO:<{}>", to.as_str()), 250)?;
        session.command("DATA", 354)?;
        session.write(&dot_stuffed(message))?;
        session.expect("the message", 250)?;
        // The message is accepted; the reply to QUIT does not matter.
        let _ = session.write(b"QUIT\r\n");
        Ok(())
    }
}

struct Session<'a> {
    server: &'a Smtp,
    code: &'a str,
    stream: Stream,
    /// Bytes that were read but not parsed.
    buffer: Vec<u8>,
    /// The last reply to EHLO.
    offers: Reply,
}

impl<'a> Session<'a> {
    /// Returns an encrypted connection to the verified server, and its extensions.
    fn open(server: &'a Smtp, code: &'a str, until: Instant) -> Result<Self, SendError> {
        let failed = |e: io::Error| failure(server, &e);
        let mut stream = Stream::connect(&server.host.text, server.port, until).map_err(failed)?;
        if server.security == Security::Tls {
            stream = encrypted(server, stream)?;
        }
        let mut session = Self {
            server,
            code,
            stream,
            buffer: Vec::new(),
            offers: Reply {
                code: 0,
                lines: Vec::new(),
            },
        };
        session.expect("the connection", 220)?;
        session.hello()?;
        match server.security {
            Security::Tls => Ok(session),
            Security::StartTls => session.start_tls(),
        }
    }

    fn start_tls(mut self) -> Result<Self, SendError> {
        if self.offers.extension("STARTTLS").is_none() {
            return Err(SendError::permanent(format!(
                "{} offers no STARTTLS, so nothing was sent; enable it there, or use TLS from the \
                 start (port 465)",
                self.server.place()
            )));
        }
        self.command("STARTTLS", 220)?;
        if !self.buffer.is_empty() {
            return Err(SendError::permanent(format!(
                "something on the way to {} injected data before the encryption began; nothing \
                 was sent. Check the network, or use TLS from the start (port 465)",
                self.server.place()
            )));
        }
        self.stream = encrypted(self.server, self.stream)?;
        // Unencrypted replies are void (RFC 3207, 4.2).
        self.hello()?;
        Ok(self)
    }

    fn hello(&mut self) -> Result<(), SendError> {
        self.offers = self.command(&format!("EHLO {}", own_name()), 250)?;
        Ok(())
    }

    /// RFC 4954 with PLAIN (RFC 4616), or with LOGIN, the only mechanism of some servers.
    fn log_in(&mut self, credentials: &Credentials) -> Result<(), SendError> {
        let offered = self
            .offers
            .extension("AUTH")
            .unwrap_or("")
            .to_ascii_uppercase();
        let has = |mechanism: &str| offered.split(' ').any(|offer| offer == mechanism);
        let (user, password) = (
            credentials.user.as_bytes(),
            credentials.password.expose().as_bytes(),
        );
        if has("PLAIN") {
            let mut plain = Zeroizing::new(Vec::with_capacity(user.len() + password.len() + 2));
            for part in [b"\0", user, b"\0", password] {
                plain.extend_from_slice(part);
            }
            return self.secret_line("AUTH PLAIN ", &plain, 235);
        }
        if has("LOGIN") {
            self.command("AUTH LOGIN", 334)?;
            self.secret_line("", user, 334)?;
            return self.secret_line("", password, 235);
        }
        Err(SendError::permanent(format!(
            "{} offers neither AUTH PLAIN nor LOGIN, but [delivery.email] user is set",
            self.server.place()
        )))
    }

    fn secret_line(&mut self, before: &str, secret: &[u8], expected: u16) -> Result<(), SendError> {
        let room = before.len() + BASE64.encode_len(secret.len()) + 2;
        let mut line = Zeroizing::new(String::with_capacity(room));
        line.push_str(before);
        BASE64.encode_append(secret, &mut line);
        line.push_str("\r\n");
        self.write(line.as_bytes())?;
        self.expect("the user and password", expected)?;
        Ok(())
    }

    fn command(&mut self, line: &str, expected: u16) -> Result<Reply, SendError> {
        self.write(format!("{line}\r\n").as_bytes())?;
        let verb = line.split([' ', ':']).next().unwrap_or(line);
        self.expect(verb, expected)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), SendError> {
        let written = self
            .stream
            .write_all(bytes)
            .and_then(|()| self.stream.flush());
        written.map_err(|e| failure(self.server, &e))
    }

    /// Reads the reply to `what`. Any code but `expected` is an error, temporary or permanent by
    /// its first digit (RFC 5321, 4.2.1).
    fn expect(&mut self, what: &str, expected: u16) -> Result<Reply, SendError> {
        let reply = Reply::read(&mut self.stream, &mut self.buffer)
            .map_err(|e| failure(self.server, &e))?;
        // 251: the server forwards the message, which is success, too.
        if reply.code == expected || (expected == 250 && reply.code == 251) {
            return Ok(reply);
        }
        let mut hidden = vec![self.code];
        hidden.extend(self.server.credentials.iter().map(|c| c.password.expose()));
        let text = format!(
            "{} refused {what}: {} {}",
            self.server.place(),
            reply.code,
            said(&reply.lines.join(" "), &hidden)
        );
        match reply.code {
            400..500 => Err(SendError::Temporary(text)),
            _ => Err(SendError::Permanent(text)),
        }
    }
}

impl Smtp {
    fn place(&self) -> String {
        format!("the mail server {}:{}", self.host, self.port)
    }
}

fn encrypted(server: &Smtp, stream: Stream) -> Result<Stream, SendError> {
    stream
        .encrypt(server.trust.client(), server.host.name.clone())
        .map_err(|e| failure(server, &e))
}

fn failure(server: &Smtp, e: &io::Error) -> SendError {
    if let Some(e) = tls_inside(e) {
        return tls_error(&server.place(), e);
    }
    let place = server.place();
    match e.kind() {
        ErrorKind::TimedOut => SendError::temporary(format!("{place} did not answer in time")),
        ErrorKind::UnexpectedEof => SendError::temporary(format!("{place} closed the connection")),
        ErrorKind::InvalidData => {
            SendError::temporary(format!("{place} sent an invalid reply: {e}"))
        }
        _ => SendError::temporary(format!("{place} can't be reached: {e}")),
    }
}

/// The host's name if it looks valid, or else an address literal that servers accept.
fn own_name() -> String {
    let is_plain = |name: &String| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-';
        !name.is_empty() && name.len() <= 255 && name.bytes().all(plain)
    };
    host_name::own()
        .filter(is_plain)
        .unwrap_or_else(|| "localhost".to_owned())
}

/// The message with dots at the beginning of lines doubled, and the final line with only a dot (RFC
/// 5321, 4.5.2).
fn dot_stuffed(message: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut stuffed = Zeroizing::new(Vec::with_capacity(message.len() * 2 + 5));
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            stuffed.push(b'.');
        }
        stuffed.extend_from_slice(line);
    }
    if !stuffed.ends_with(b"\r\n") {
        stuffed.extend_from_slice(b"\r\n");
    }
    stuffed.extend_from_slice(b".\r\n");
    stuffed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_dot_in_a_message_does_not_end_it() {
        let stuffed =
            |text: &str| String::from_utf8(dot_stuffed(text.as_bytes()).to_vec()).unwrap();
        assert_eq!(stuffed("a\r\n.\r\n..b"), "a\r\n..\r\n...b\r\n.\r\n");
        assert_eq!(stuffed("a\r\n"), "a\r\n.\r\n");
    }

    #[test]
    fn a_server_has_a_name_that_a_certificate_can_match() {
        assert_eq!(
            "mail.example.org"
                .parse::<ServerHost>()
                .unwrap()
                .to_string(),
            "mail.example.org"
        );
        assert!("192.0.2.7".parse::<ServerHost>().is_ok());
        for text in ["", "mail example", "mail.example.org:25", "a\r\nb"] {
            assert_eq!(text.parse::<ServerHost>(), Err(HostError), "{text:?}");
        }
    }
}
