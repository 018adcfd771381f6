//! The relay against ssh-agents that misbehave, and against what is none.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread::JoinHandle;

use nix::unistd::geteuid;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// `SSH_AGENTC_REQUEST_IDENTITIES`.
const KEYS: &[u8] = &[11];

/// A socket on which a thread acts as an ssh-agent, once.
struct Scripted {
    folder: TempDir,
    thread: Option<JoinHandle<()>>,
}

impl Scripted {
    /// An ssh-agent that reads the message and does as `then` says.
    fn new(then: impl FnOnce(&mut UnixStream) + Send + 'static) -> Self {
        Self::accepting(|stream| {
            let mut message = [0; 5];
            stream.read_exact(&mut message).unwrap();
            assert_eq!(message, [0, 0, 0, 1, 11]);
            then(stream);
        })
    }

    fn accepting(serve: impl FnOnce(&mut UnixStream) + Send + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("agent")).unwrap();
        let thread = std::thread::spawn(move || serve(&mut listener.accept().unwrap().0));
        Self {
            folder,
            thread: Some(thread),
        }
    }

    fn says(reply: &'static [u8]) -> Self {
        Self::new(move |stream| {
            // The relay may have left already.
            let _ = stream.write_all(reply);
        })
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("agent")
    }

    fn relay(&self) -> Result<Vec<u8>, Unsigned> {
        relay_to(&self.path())
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        let outcome = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            outcome.unwrap();
        }
    }
}

fn message(seconds: u32, bytes: &[u8]) -> Message {
    Message::new(&Base64::encode_string(bytes), Some(seconds)).unwrap()
}

fn relay_to(path: &Path) -> Result<Vec<u8>, Unsigned> {
    relay(path, geteuid().as_raw(), || false)
}

/// Relays with a patience of a second, and checks that it did not take longer.
fn relay(path: &Path, owner: u32, is_interrupted: fn() -> bool) -> Result<Vec<u8>, Unsigned> {
    let agent = SshAgent {
        socket: path,
        owner,
        is_interrupted,
    };
    let start = Instant::now();
    let reply = agent.relay(&message(1, KEYS));
    assert!(start.elapsed() < Duration::from_secs(3), "{reply:?}");
    reply.map(|reply| Base64::decode_vec(&reply).unwrap())
}

#[test]
fn a_reply_comes_back_as_it_is_also_in_pieces() {
    let whole = Scripted::says(&[0, 0, 0, 5, 12, 0, 0, 0, 0]);
    assert_eq!(whole.relay(), Ok(vec![12, 0, 0, 0, 0]));
    let pieces = Scripted::new(|stream| {
        for piece in [&[0, 0][..], &[0, 3, 12], &[255], &[254, 1, 2, 3]] {
            stream.write_all(piece).unwrap();
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    assert_eq!(pieces.relay(), Ok(vec![12, 255, 254]));
    let refusal = Scripted::says(&[0, 0, 0, 1, 5]);
    assert_eq!(refusal.relay(), Ok(vec![5]), "that is mfa-agent's to read");
}

#[test]
fn the_longest_reply_passes_and_longer_ones_are_not_read() {
    let length = u32::try_from(MAX_SIGNED).unwrap();
    let longest = Scripted::new(move |stream| {
        stream.write_all(&length.to_be_bytes()).unwrap();
        stream.write_all(&vec![7; MAX_SIGNED]).unwrap();
    });
    assert_eq!(longest.relay(), Ok(vec![7; MAX_SIGNED]));
    for length in [length + 1, 256 * 1024, u32::MAX] {
        let huge = Scripted::new(move |stream| {
            let _ = stream.write_all(&length.to_be_bytes());
            // An ssh-agent without end.
            while stream.write_all(&[7; 4096]).is_ok() {}
        });
        assert_eq!(huge.relay(), Err(Unsigned::TooLong), "{length}");
    }
}

#[test]
fn one_that_hangs_or_drips_is_left_when_the_time_is_up() {
    let hangs = Scripted::new(|stream| drop(stream.read(&mut [0])));
    assert_eq!(hangs.relay(), Err(Unsigned::Timeout));
    let drips = Scripted::new(|stream| {
        stream.write_all(&[0, 0, 16, 0]).unwrap();
        while stream.write_all(&[7]).is_ok() {
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    assert_eq!(drips.relay(), Err(Unsigned::Timeout));
    // It takes the connection, and reads nothing.
    let path = tempfile::tempdir().unwrap();
    let socket = path.path().join("agent");
    let _listener = UnixListener::bind(&socket).unwrap();
    let agent = SshAgent {
        socket: &socket,
        owner: geteuid().as_raw(),
        is_interrupted: || false,
    };
    let name = string(SIGNATURE_NAMESPACE.as_bytes());
    let signed = [b"SSHSIG", &name[..], &vec![0; 1 << 20]].concat();
    let long = message(1, &request(&signed));
    assert_eq!(agent.relay(&long), Err(Unsigned::Timeout));
}

#[test]
fn one_that_closes_is_noticed_wherever_it_does() {
    let at_once = Scripted::accepting(|_| {});
    assert_eq!(at_once.relay(), Err(Unsigned::Closed));
    for reply in [&[][..], &[0, 0, 0], &[0, 0, 0, 9], &[0, 0, 0, 9, 12, 0]] {
        assert_eq!(Scripted::says(reply).relay(), Err(Unsigned::Closed));
    }
    let nothing = Scripted::says(&[0, 0, 0, 0]);
    assert_eq!(nothing.relay(), Err(Unsigned::Closed), "a reply has a type");
}

#[test]
fn a_queue_that_is_full_is_waited_for() {
    use nix::sys::socket::{self, Backlog, SockFlag, SockType, UnixAddr};
    use std::os::fd::AsRawFd;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent");
    let open = |flags| socket::socket(socket::AddressFamily::Unix, SockType::Stream, flags, None);
    let listener = open(SockFlag::empty()).unwrap();
    let address = UnixAddr::new(&path).unwrap();
    socket::bind(listener.as_raw_fd(), &address).unwrap();
    socket::listen(&listener, Backlog::new(1).unwrap()).unwrap();
    let mut fillers = Vec::new();
    loop {
        let filler = open(SockFlag::SOCK_NONBLOCK).unwrap();
        if socket::connect(filler.as_raw_fd(), &address).is_err() {
            break;
        }
        fillers.push(filler);
    }
    assert_eq!(relay_to(&path), Err(Unsigned::Timeout));
}

#[test]
fn only_the_users_own_ssh_agent_is_spoken_to() {
    let other = Scripted::accepting(|stream| {
        let mut read = Vec::new();
        stream.read_to_end(&mut read).unwrap();
        assert_eq!(read, [0; 0]);
    });
    let reply = relay(&other.path(), geteuid().as_raw() + 1, || false);
    assert_eq!(reply, Err(Unsigned::Refused));
}

#[test]
fn what_is_no_socket_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    assert_eq!(relay_to(&path("absent")), Err(Unsigned::NoAgent));
    std::fs::write(path("file"), "").unwrap();
    assert_eq!(relay_to(&path("file")), Err(Unsigned::NoAgent));
    assert_eq!(relay_to(&path("file/below")), Err(Unsigned::NoAgent));
    // A pipe that nobody reads: whoever opened it would wait for ever.
    nix::unistd::mkfifo(&path("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    for none in [&path("pipe"), Path::new("/dev/zero"), Path::new("/")] {
        assert_eq!(relay_to(none), Err(Unsigned::NoAgent), "{none:?}");
    }
    std::os::unix::fs::symlink(path("circle"), path("circle")).unwrap();
    assert_eq!(relay_to(&path("circle")), Err(Unsigned::Refused));
    // A socket whose listener is gone.
    drop(UnixListener::bind(path("left behind")).unwrap());
    assert_eq!(relay_to(&path("left behind")), Err(Unsigned::NoAgent));
    // Links are the kernel's business: they lead where the user could go anyway.
    let agent = Scripted::says(&[0, 0, 0, 1, 5]);
    std::os::unix::fs::symlink(agent.path(), path("link")).unwrap();
    assert_eq!(relay_to(&path("link")), Ok(vec![5]));
}

#[test]
fn a_path_must_be_absolute_and_fit_an_address() {
    let of_length = |length: usize| format!("/{}", "x".repeat(length - 1));
    assert_eq!(socket(OsStr::new("")), None);
    assert_eq!(socket(OsStr::new("agent.sock")), None);
    assert_eq!(socket(OsStr::new(&of_length(MAX_SOCKET_PATH + 1))), None);
    let longest = of_length(MAX_SOCKET_PATH);
    assert_eq!(socket(OsStr::new(&longest)), Some(longest.clone().into()));
    assert_eq!(relay_to(Path::new(&longest)), Err(Unsigned::NoAgent));
    let longer = of_length(MAX_SOCKET_PATH + 1);
    assert_eq!(relay_to(Path::new(&longer)), Err(Unsigned::Refused));
    assert_eq!(relay_to(Path::new("agent")), Err(Unsigned::Refused));
}

#[test]
fn an_interruption_ends_the_wait() {
    let hangs = Scripted::new(|stream| drop(stream.read(&mut [0])));
    let start = Instant::now();
    let own = geteuid().as_raw();
    let agent = SshAgent {
        socket: &hangs.path(),
        owner: own,
        is_interrupted: || true,
    };
    assert_eq!(agent.relay(&message(60, KEYS)), Err(Unsigned::Interrupted));
    assert!(start.elapsed() < Duration::from_secs(3));
}

#[test]
fn only_the_two_messages_that_change_nothing_are_relayed() {
    for kind in 0..=u8::MAX {
        let is_relayed = |rest: &[u8]| {
            let message = [&[kind], rest].concat();
            Message::new(&Base64::encode_string(&message), None).is_ok()
        };
        assert_eq!(is_relayed(&[]), kind == 11);
        assert!(!is_relayed(&[0, 0]));
        assert_eq!(is_relayed(&to_sign(SIGNATURE_NAMESPACE)[1..]), kind == 13);
    }
    assert_eq!(Message::new("", None), Err(NotRelayed));
    assert_eq!(Message::new("no base64", None), Err(NotRelayed));
}

#[test]
fn only_signatures_that_are_good_for_nothing_else_are_relayed() {
    let is_relayed = |message: &[u8]| Message::new(&Base64::encode_string(message), None).is_ok();
    let ours = to_sign(SIGNATURE_NAMESPACE);
    assert!(is_relayed(&ours));
    for other in [
        "file",
        "git",
        "",
        "pam-mfa@pam-mfa.orgx",
        "pam-mfa@pam-mfa.or",
    ] {
        assert!(!is_relayed(&to_sign(other)), "{other}");
    }
    // A login by SSH: the session ID, then the request (RFC 4252 §7).
    let login = request(&[&string(&[7; 32])[..], b"\x32", &string(b"alice")].concat());
    assert!(!is_relayed(&login));
    for (at, _) in ours.iter().enumerate() {
        assert!(!is_relayed(&ours[..at]), "cut at {at}");
    }
    assert!(!is_relayed(&[&ours[..], b"x"].concat()));
    let flagged = [&ours[..ours.len() - 1], &[2]].concat();
    assert!(!is_relayed(&flagged));
}

/// `SSH_AGENTC_SIGN_REQUEST` for a signature in a namespace.
fn to_sign(namespace: &str) -> Vec<u8> {
    request(
        &[
            b"SSHSIG",
            &string(namespace.as_bytes())[..],
            &string(b""),
            &string(b"sha512"),
        ]
        .concat(),
    )
}

fn request(signed: &[u8]) -> Vec<u8> {
    [&[13], &string(b"a key")[..], &string(signed), &[0; 4]].concat()
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    [&length.to_be_bytes()[..], bytes].concat()
}

#[test]
fn only_the_signals_that_end_a_program_end_a_wait() {
    let ends = |signal| !stream::all_but_interruptions().contains(signal);
    use nix::sys::signal::Signal::*;
    for signal in [SIGINT, SIGQUIT, SIGTERM, SIGHUP] {
        assert!(ends(signal), "{signal}");
    }
    for signal in [
        SIGCHLD, SIGALRM, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT, SIGTSTP,
    ] {
        assert!(!ends(signal), "{signal}");
    }
}

#[test]
fn the_patience_has_an_end() {
    let patience = |seconds| Message::new("Cw==", seconds).unwrap().patience;
    assert_eq!(patience(None), USUAL_PATIENCE);
    assert_eq!(patience(Some(7)), Duration::from_secs(7));
    assert_eq!(patience(Some(u32::MAX)), MOST_PATIENCE);
}

proptest! {
    #[test]
    fn no_reply_makes_it_panic(reply in prop::collection::vec(any::<u8>(), 0..64)) {
        let length = reply.get(..4).map(|bytes| u32::from_be_bytes(bytes.try_into().unwrap()));
        let agent = Scripted::new({
            let reply = reply.clone();
            move |stream| drop(stream.write_all(&reply))
        });
        match (agent.relay(), length) {
            (Ok(relayed), Some(length)) => {
                prop_assert_eq!(relayed.len(), length as usize);
                prop_assert_eq!(&reply[4..4 + relayed.len()], &relayed[..]);
            }
            (Err(Unsigned::TooLong), Some(length)) => prop_assert!(length as usize > MAX_SIGNED),
            (Err(Unsigned::Closed), _) => {}
            (other, _) => prop_assert!(false, "{:?}", other),
        }
    }
}
