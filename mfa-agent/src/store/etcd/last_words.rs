//! Connections that hear what a server said before it closed.
//!
//! With TLS 1.3 a server refuses a client's certificate when the client has already begun to send its request (RFC 8446
//! §4.4.2.4, §6): it sends an alert and closes. A write that comes after that fails, and whoever ends there never reads why.
//! Here a failed write counts only once there is nothing left to read.

use std::io::{self, ErrorKind};

use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, NextTimeout, RustlsConnector, TcpConnector, Transport,
};

/// TCP, and TLS where the URL says `https`.
pub(super) fn connector() -> impl Connector {
    ().chain(TcpConnector::default())
        .chain(LastWords)
        .chain(RustlsConnector::default())
}

/// Whether the other side closed the connection, or the network did.
pub(super) fn is_lost(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionReset
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionAborted
    )
}

/// Puts [`Listening`] around what it gets.
#[derive(Debug)]
struct LastWords;

impl<In: Transport> Connector<In> for LastWords {
    type Out = Listening<In>;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        Ok(chained.map(|inner| Listening {
            inner,
            failed_write: None,
        }))
    }
}

/// A connection that is read to its end after a write failed.
#[derive(Debug)]
struct Listening<In> {
    inner: In,
    failed_write: Option<ErrorKind>,
}

impl<In: Transport> Transport for Listening<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if self.failed_write.is_some() {
            return Ok(());
        }
        match self.inner.transmit_output(amount, timeout) {
            Err(Error::Io(e)) if is_lost(&e) => {
                self.failed_write = Some(e.kind());
                Ok(())
            }
            done => done,
        }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let read = self.inner.await_input(timeout);
        match self.failed_write {
            Some(kind) if !matches!(read, Ok(true)) => Err(Error::Io(kind.into())),
            _ => read,
        }
    }

    fn is_open(&mut self) -> bool {
        self.failed_write.is_none() && self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::time::Duration;

    use super::*;

    /// Sends more than the buffers of a connection hold to a server that answers at once, reads no more, and closes.
    fn answer_of_a_server_that_closes(answer: &'static str) -> Result<u16, Error> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.read_exact(&mut [0; 4]).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .build();
        let resolver = ureq::unversioned::resolver::DefaultResolver::default();
        let agent = ureq::Agent::with_parts(config, connector(), resolver);
        let answer = agent.post(url).send(vec![b'x'; 64 << 20]);
        server.join().unwrap();
        answer.map(|answer| answer.status().as_u16())
    }

    #[test]
    fn what_a_server_said_before_it_closed_is_read() {
        let status = answer_of_a_server_that_closes("HTTP/1.1 418 no\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(status.unwrap(), 418);
    }

    #[test]
    fn a_server_that_closes_without_a_word_is_a_lost_connection() {
        match answer_of_a_server_that_closes("") {
            Err(Error::Io(e)) => assert!(is_lost(&e), "{e}"),
            other => panic!("{other:?}"),
        }
    }
}
