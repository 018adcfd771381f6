//! The test's own agent: store, key, socket, settings and audit file in one folder.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};
use tempfile::TempDir;

use crate::{
    Admin, Ctl, Ending, Event, Output, Traced, built, eventually, is_root, killed_after, run,
    suspend,
};

/// A running agent. It is killed when dropped.
pub struct Agent {
    folder: TempDir,
    /// Where its store, key and audit file are.
    state: PathBuf,
    socket: PathBuf,
    /// The lines of `[store]`, unless it is the usual one.
    store: Option<String>,
    /// What it always runs under, such as a network of its own.
    place: Vec<String>,
    child: Option<Child>,
}

impl Agent {
    /// Starts one with default settings.
    #[must_use]
    pub fn start() -> Self {
        Self::with("")
    }

    /// Starts one with more settings; `[server]`, `[store]` and `[audit]` are written already.
    #[must_use]
    pub fn with(settings: &str) -> Self {
        Self::made(Self::unmade(settings))
    }

    /// An agent with more settings that was never started, without key and store.
    #[must_use]
    pub fn unmade(settings: &str) -> Self {
        let folder = a_folder();
        let state = folder.path().to_owned();
        let socket = state.join("agent.sock");
        Self::configured(folder, state, socket, settings)
    }

    /// The same with store, key and audit file in `state`, where they may exist already.
    #[must_use]
    pub fn keeping(state: &Path, settings: &str) -> Self {
        let folder = a_folder();
        let socket = folder.path().join("agent.sock");
        Self::configured(folder, state.to_owned(), socket, settings)
    }

    /// An agent with these lines of `[store]` that always runs under `place`, never started.
    #[must_use]
    pub fn elsewhere(place: Vec<String>, store: &str, settings: &str) -> Self {
        let mut agent = Self::unmade("");
        agent.store = Some(store.to_owned());
        agent.place = place;
        agent.configure(settings);
        agent
    }

    /// Starts one at the default socket of the module and `mfactl`. Only for a [`crate::Machine`].
    #[must_use]
    pub fn at_default_socket(settings: &str) -> Self {
        let folder = a_folder();
        let state = folder.path().to_owned();
        let socket = PathBuf::from(mfa_protocol::DEFAULT_SOCKET);
        fs::create_dir_all(socket.parent().expect("a folder")).expect("the socket's folder");
        Self::made(Self::configured(folder, state, socket, settings))
    }

    fn configured(folder: TempDir, state: PathBuf, socket: PathBuf, settings: &str) -> Self {
        let agent = Self {
            folder,
            state,
            socket,
            store: None,
            place: Vec::new(),
            child: None,
        };
        agent.configure(settings);
        agent
    }

    fn made(mut agent: Self) -> Self {
        let made = agent.init();
        assert!(made.is_success(), "{made:?}");
        agent.launch();
        agent
    }

    /// Runs `mfa-agent --init` with its settings.
    #[must_use]
    pub fn init(&self) -> Output {
        self.run(&["--init"])
    }

    /// Starts it where it must refuse; returns its output. If it serves all the same, it ends with
    /// status 124.
    #[must_use]
    pub fn launch_in_vain(&self) -> Output {
        self.run(&[])
    }

    /// Runs `mfa-agent --check` with its settings.
    #[must_use]
    pub fn check(&self) -> Output {
        self.run(&["--check"])
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("timeout");
        command.arg("30").args(&self.place);
        command.arg(&built().agent).args(arguments);
        run(command.arg("--config").arg(self.config()))
    }

    /// Writes other settings; they apply after [`Agent::reload`] or a start.
    pub fn configure(&self, settings: &str) {
        // A user other than root must be trusted to log in others, like a service's user.
        match User::from_uid(geteuid()) {
            Ok(Some(user)) if !is_root() => {
                self.write_config(&format!("{:?}", user.name), settings)
            }
            _ => self.write_config("", settings),
        }
    }

    /// Adds keys to its `[server]` settings, in another file, and restarts it.
    pub fn restart_with_server(&mut self, keys: &str) {
        let folder = self.folder.path().join("agent.d");
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("server.toml"), format!("[server]\n{keys}\n")).expect("settings");
        self.kill_9();
        self.launch();
    }

    /// Trusts `user` to ask for anyone, with default settings otherwise.
    pub fn trust(&self, user: &str) {
        self.write_config(&format!("{user:?}"), "");
        self.reload();
    }

    fn write_config(&self, trusted: &str, settings: &str) {
        let state = self.state.display();
        let socket = self.socket.display();
        let usual = || format!("path = \"{state}/store\"\nkey_file = \"{state}/key\"");
        let store = self.store.clone().unwrap_or_else(usual);
        let text = format!(
            "[server]\nsocket = \"{socket}\"\ntrusted = [{trusted}]\n\
             [store]\n{store}\n\
             [audit]\nfile = \"{state}/audit.jsonl\"\nsyslog = false\n\
             {settings}\n"
        );
        fs::write(self.config(), text).expect("the settings");
    }

    /// Starts it again after [`Agent::kill_9`] or [`Agent::terminate`].
    pub fn launch(&mut self) {
        self.spawn();
        self.await_readiness();
    }

    /// Starts it through a wrapper that becomes it, such as `env` or `strace -D`.
    pub fn launch_under(&mut self, wrapper: &[&str]) {
        self.spawn_under(wrapper);
        self.await_readiness();
    }

    /// Starts it and returns at once.
    pub fn spawn(&mut self) {
        self.spawn_under(&[]);
    }

    /// Starts it through a wrapper, and returns at once.
    pub fn spawn_under(&mut self, wrapper: &[&str]) {
        assert!(self.child.is_none(), "the agent runs already");
        let agent = built().agent.to_string_lossy();
        let place = self.place.iter().map(String::as_str);
        let mut words = place.chain(wrapper.iter().copied()).chain([&*agent]);
        let mut command = Command::new(words.next().expect("a program"));
        let log = self.log_for_appending();
        let child = command
            .args(words)
            .arg("--config")
            .arg(self.config())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("mfa-agent");
        self.child = Some(child);
    }

    /// Runs it with more arguments and kills it after `calls` system calls; see [`killed_after`].
    #[must_use]
    pub fn killed_after(
        &self,
        calls: usize,
        arguments: &[&str],
        meanwhile: impl FnOnce(&Traced) + Send,
    ) -> Ending {
        let mut words = vec![built().agent.display().to_string()];
        words.extend(arguments.iter().map(|&word| word.to_owned()));
        words.extend(["--config".to_owned(), self.config().display().to_string()]);
        killed_after(calls, &words, self.log_for_appending(), meanwhile)
    }

    /// Waits until it listens.
    pub fn await_readiness(&mut self) {
        if let Err(status) = self.await_readiness_or_end() {
            panic!("the agent ended at once, {status}: {}", self.log());
        }
    }

    /// Waits until it listens.
    ///
    /// # Errors
    ///
    /// Its exit status, if it ends first.
    pub fn await_readiness_or_end(&mut self) -> Result<(), ExitStatus> {
        let socket = self.socket.clone();
        let child = self.child.as_mut().expect("an agent that was started");
        let ready = eventually("the agent to listen", || {
            let ended = child.try_wait().expect("a child");
            ended
                .map(Err)
                .or_else(|| UnixStream::connect(&socket).ok().map(|_| Ok(())))
        });
        ready.inspect_err(|_| self.child = None)
    }

    /// Waits until somebody listens, whoever started it.
    pub fn await_socket(&self) {
        eventually("the agent to listen", || {
            UnixStream::connect(&self.socket).ok()
        });
    }

    /// Ends it like a power cut, as far as that is possible for a process.
    pub fn kill_9(&mut self) {
        let mut child = self.child.take().expect("a running agent");
        child.kill().expect("a kill");
        child.wait().expect("an end");
    }

    /// Sends SIGTERM, and waits until it has ended.
    ///
    /// # Panics
    ///
    /// When it has not after half a minute.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.await_end()
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    ///
    /// When it has not after half a minute.
    pub fn await_end(&mut self) -> ExitStatus {
        let child = self.child.as_mut().expect("a running agent");
        let status = eventually("the agent to end", || child.try_wait().expect("a child"));
        self.child = None;
        status
    }

    /// Makes it reload its settings. Returns at once.
    pub fn reload(&self) {
        self.signal(Signal::SIGHUP);
    }

    /// Writes other settings, reloads, and waits for the result.
    pub fn reload_with(&self, settings: &str) -> Event {
        let reloads = || self.events_of_kind("reload");
        let before = reloads().len();
        self.configure(settings);
        self.reload();
        eventually("the reload in the audit file", || {
            reloads().get(before).cloned()
        })
    }

    /// Ends it and starts it again.
    pub fn restart(&mut self) {
        let status = self.terminate();
        assert!(status.success(), "{status}: {}", self.log());
        self.launch();
    }

    /// The events of a kind about `user`, once there are `count`.
    #[must_use]
    pub fn events_of(&self, kind: &str, user: &str, count: usize) -> Vec<Event> {
        eventually(&format!("{count} events {kind} of {user}"), || {
            let mut events = self.events_of_kind(kind);
            events.retain(|event| event.text("user") == user);
            (events.len() >= count).then_some(events)
        })
    }

    /// The newest event of a kind, once there is one: the audit log is written after the answer.
    #[must_use]
    pub fn event(&self, kind: &str) -> Event {
        eventually(&format!("an event {kind}"), || {
            self.events_of_kind(kind).pop()
        })
    }

    fn events_of_kind(&self, kind: &str) -> Vec<Event> {
        let mut events = self.events();
        events.retain(|event| event.text("event") == kind);
        events
    }

    /// Suspends it; [`Agent::resume`] lets it continue.
    pub fn suspend(&self) {
        suspend(self.pid());
    }

    /// Lets it continue.
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Sends it a signal and returns at once.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("a signal");
    }

    #[must_use]
    pub fn pid(&self) -> Pid {
        let id = self.child.as_ref().expect("a running agent").id();
        Pid::from_raw(id.cast_signed())
    }

    /// Its resident memory in bytes.
    #[must_use]
    pub fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix("kB"));
        kib.and_then(|kib| kib.trim().parse::<u64>().ok())
            .expect("a number")
            << 10
    }

    /// The processor time of its main thread, which does not depend on other load.
    #[must_use]
    pub fn busy(&self) -> Duration {
        let file = format!("/proc/{}/schedstat", self.pid());
        let text = fs::read_to_string(file).expect("a process");
        let nanoseconds = text.split_whitespace().next().map(str::parse);
        Duration::from_nanos(nanoseconds.and_then(Result::ok).expect("a number"))
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of its store.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.state.join("store")
    }

    /// Its settings.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("agent.toml")
    }

    /// The administrator's methods.
    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin::at(&self.socket)
    }

    /// The command line.
    #[must_use]
    pub fn ctl(&self) -> Ctl {
        Ctl::at(&self.socket)
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Waits until its log contains `words`, which may take a moment.
    pub fn await_log(&self, words: &str) {
        eventually(&format!("{words:?} in the log"), || {
            self.log().contains(words).then_some(())
        });
    }

    /// Empties its log and its audit file if they are large. It appends to both.
    pub fn empty_logs(&self) {
        for file in [self.log_file(), self.state.join("audit.jsonl")] {
            let is_large = fs::metadata(&file).is_ok_and(|meta| meta.len() > LARGE_LOG);
            if is_large {
                let file = File::options().write(true).open(file).expect("a log");
                file.set_len(0).expect("an empty log");
            }
        }
    }

    fn log_for_appending(&self) -> File {
        let mut options = File::options();
        let log = options.create(true).append(true).open(self.log_file());
        log.expect("a log")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// The events in its audit file by now. One that must be there is awaited: [`Agent::event`],
    /// [`Agent::events_of`], [`Agent::logins_of`].
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        let text = fs::read_to_string(self.state.join("audit.jsonl")).unwrap_or_default();
        Event::parse_all(&text)
    }

    /// The outcomes of `user`'s logins, once there are `count`.
    #[must_use]
    pub fn logins_of(&self, user: &str, count: usize) -> Vec<Event> {
        eventually(
            &format!("{count} logins of {user} in the audit file"),
            || {
                let mut events = self.events();
                events.retain(|event| event.is_login_of(user));
                (events.len() >= count).then_some(events)
            },
        )
    }
}

fn a_folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("mfa-agent-").tempdir();
    let folder = folder.expect("a folder");
    // Other users of this machine must reach the socket; the store's folder protects itself.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
    folder
}

/// An hour of logins writes gigabytes.
const LARGE_LOG: u64 = 64 << 20;

/// How much of the log a failed test shows.
const LINES_SHOWN: usize = 40;

impl Drop for Agent {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        let _ = child.kill();
        let _ = child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let end = &lines[lines.len().saturating_sub(LINES_SHOWN)..];
            eprintln!("the end of the agent's log:\n{}", end.join("\n"));
        }
    }
}
