//! One mail to one server: RFC 5321 over TLS (RFC 8314), or with STARTTLS first (RFC 3207).
//!
//! STARTTLS is demanded: a server that does not offer it gets nothing, neither credentials nor the code;
//! whoever strips the offer on the way gains a message that is not sent. What came before the encryption
//! and was not asked for is an attack, and ends the conversation. Each message has a connection of its own:
//! codes are few, and a connection kept open is one that breaks at the wrong moment.

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
use mfa_core::factors::address::EmailAddress;

/// A server that takes mails.
#[derive(Debug)]
pub struct Smtp {
    /// Its name, which its certificate has to be for.
    pub host: ServerHost,
    /// Usually 465 with [`Security::Tls`], 587 with [`Security::StartTls`].
    pub port: u16,
    /// When the encryption begins.
    pub security: Security,
    /// What to log in with, if it wants that.
    pub credentials: Option<Credentials>,
    /// Whose certificates are believed.
    pub trust: Trust,
}

/// When the encryption begins. There is no way without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// At once.
    Tls,
    /// After `STARTTLS`, which the server has to offer.
    StartTls,
}

/// A user of a mail server.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub user: String,
    pub password: Secret,
}

/// The name or address of a server, fit for a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerHost {
    text: String,
    name: ServerName<'static>,
}

/// A text that is no name of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no name of a server; one looks like mail.example.org, without a port")]
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
    /// Hands `message` over. Nothing is said of `code` in an error.
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
        // It is theirs now. Whether they take note of our leaving is no matter.
        let _ = session.write(b"QUIT\r\n");
        Ok(())
    }
}

struct Session<'a> {
    server: &'a Smtp,
    code: &'a str,
    stream: Stream,
    /// Read, and not yet looked at.
    buffer: Vec<u8>,
    /// The last answer to EHLO.
    offers: Reply,
}

impl<'a> Session<'a> {
    /// Returns with an encrypted connection to the right server, and what it offers.
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
                "{} offers no STARTTLS, so nothing was sent; have it offer that, or use TLS from the \
                 start (port 465)",
                self.server.place()
            )));
        }
        self.command("STARTTLS", 220)?;
        if !self.buffer.is_empty() {
            return Err(SendError::permanent(format!(
                "somebody between here and {} speaks in its place before the encryption begins; \
                 nothing was sent",
                self.server.place()
            )));
        }
        self.stream = encrypted(self.server, self.stream)?;
        // What it said in the clear is void (RFC 3207, 4.2).
        self.hello()?;
        Ok(self)
    }

    fn hello(&mut self) -> Result<(), SendError> {
        self.offers = self.command(&format!("EHLO {}", own_name()), 250)?;
        Ok(())
    }

    /// RFC 4954 with PLAIN (RFC 4616), or with LOGIN, which some servers have alone.
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
            "{} takes neither AUTH PLAIN nor LOGIN, and the settings have a user for it",
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

    /// Reads the reply to `what`; any other than `expected` is an error, and its first digit tells of
    /// which kind (RFC 5321, 4.2.1).
    fn expect(&mut self, what: &str, expected: u16) -> Result<Reply, SendError> {
        let reply = Reply::read(&mut self.stream, &mut self.buffer)
            .map_err(|e| failure(self.server, &e))?;
        // 251: it forwards, which is as good.
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
        ErrorKind::TimedOut => SendError::temporary(format!("{place} does not answer in time")),
        ErrorKind::UnexpectedEof => SendError::temporary(format!("{place} hung up")),
        ErrorKind::InvalidData => SendError::temporary(format!("{place} is not understood: {e}")),
        _ => SendError::temporary(format!("{place} can't be reached: {e}")),
    }
}

/// How we call ourselves: the host's name if it could be one, or else what nobody takes amiss.
fn own_name() -> String {
    let name = nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok());
    let is_plain = |name: &String| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-';
        !name.is_empty() && name.len() <= 255 && name.bytes().all(plain)
    };
    name.filter(is_plain)
        .unwrap_or_else(|| "localhost".to_owned())
}

/// The message as it travels: a dot at the beginning of a line is doubled, one alone ends it (RFC 5321,
/// 4.5.2).
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
    fn a_dot_alone_in_a_message_does_not_end_it() {
        let stuffed =
            |text: &str| String::from_utf8(dot_stuffed(text.as_bytes()).to_vec()).unwrap();
        assert_eq!(stuffed("a\r\n.\r\n..b"), "a\r\n..\r\n...b\r\n.\r\n");
        assert_eq!(stuffed("a\r\n"), "a\r\n.\r\n");
    }

    #[test]
    fn a_server_has_a_name_that_a_certificate_can_be_for() {
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
