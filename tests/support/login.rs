//! Logins through libpam, by the program `pam_login`, answered by the test.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::{Stack, built};

/// A login to be made.
#[derive(Clone, Debug)]
pub struct Login {
    arguments: Vec<String>,
    wrapper: Vec<String>,
    answers: Vec<String>,
}

impl Login {
    /// A login of `user`, without an origin, with the service `mfa-test`.
    #[must_use]
    pub fn of(user: &str) -> Self {
        let login = Self {
            arguments: Vec::new(),
            wrapper: Vec::new(),
            answers: Vec::new(),
        };
        login.with("--user", user)
    }

    fn with(mut self, option: &str, value: &str) -> Self {
        self.arguments.extend([option.to_owned(), value.to_owned()]);
        self
    }

    /// With this service name.
    #[must_use]
    pub fn service(self, name: &str) -> Self {
        self.with("--service", name)
    }

    /// From this host.
    #[must_use]
    pub fn from(self, host: &str) -> Self {
        self.with("--rhost", host)
    }

    /// On this terminal.
    #[must_use]
    pub fn on(self, terminal: &str) -> Self {
        self.with("--tty", terminal)
    }

    /// Requested by this user of the remote host, or of this one.
    #[must_use]
    pub fn by(self, user: &str) -> Self {
        self.with("--ruser", user)
    }

    /// After these methods that sshd has verified, one a line, as in PAM's environment.
    #[must_use]
    pub fn after(self, methods: &str) -> Self {
        self.with("--pam-env", &format!("SSH_AUTH_INFO_0={methods}"))
    }

    /// This number of times in one process, with the same answers.
    #[must_use]
    pub fn times(mut self, count: usize) -> Self {
        let once = std::mem::take(&mut self.answers);
        for _ in 0..count {
            self.answers.extend_from_slice(&once);
        }
        self.arguments.push("--keep-going".to_owned());
        self.with("--count", &count.to_string())
    }

    /// With one more option of `pam_login`.
    #[must_use]
    pub fn option(mut self, option: &str) -> Self {
        self.arguments.push(option.to_owned());
        self
    }

    /// Answers the next prompt.
    #[must_use]
    pub fn answer(mut self, text: &str) -> Self {
        self.answers.push(text.to_owned());
        self
    }

    /// Runs under another program, such as `valgrind` or `setpriv`.
    #[must_use]
    pub fn under(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|&word| word.to_owned()).collect();
        self
    }

    #[must_use]
    pub fn run(self, stack: &Stack) -> Seen {
        let mut running = self.start(stack);
        running.send_prepared();
        running.finish()
    }

    /// Begins it; the test answers later.
    #[must_use]
    pub fn start(self, stack: &Stack) -> Running {
        let mut words = self.wrapper;
        words.push(built().pam_login.to_string_lossy().into_owned());
        words.extend([
            "--confdir".to_owned(),
            stack.path().to_string_lossy().into_owned(),
        ]);
        words.extend(["--answer-fd", "0", "--when-asked"].map(str::to_owned));
        if !self.arguments.iter().any(|word| word == "--service") {
            words.extend(["--service".to_owned(), "mfa-test".to_owned()]);
        }
        words.extend(self.arguments);
        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{words:?}: {e}"));
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        Running {
            child,
            stdin,
            stdout,
            read: String::new(),
            prepared: self.answers,
        }
    }
}

/// A running login.
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    read: String,
    prepared: Vec<String>,
}

impl Running {
    /// Waits until a prompt is shown.
    ///
    /// # Panics
    ///
    /// When the login ends without one.
    pub fn await_prompt(&mut self) {
        let is_prompted = self.is_prompted();
        assert!(
            is_prompted,
            "the login ended without a prompt: {}",
            self.read
        );
    }

    /// Waits until a prompt is shown or the login ends. Returns whether there is a prompt.
    pub fn is_prompted(&mut self) -> bool {
        loop {
            let mut line = String::new();
            let count = self.stdout.read_line(&mut line).expect("output");
            self.read.push_str(&line);
            if count == 0 || line.starts_with("prompt-") {
                return count > 0;
            }
        }
    }

    /// Everything shown so far.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.read
    }

    /// Answers the prompt.
    pub fn answer(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().expect("an open pipe");
        // The login may have ended already; its output shows that.
        let _ = stdin.write_all(format!("{text}\n").as_bytes());
    }

    fn send_prepared(&mut self) {
        for text in std::mem::take(&mut self.prepared) {
            self.answer(&text);
        }
    }

    /// Sends the answers of [`Login::answer`], and no more.
    pub fn answer_prepared(&mut self) {
        self.send_prepared();
    }

    /// Ends it like a lost connection.
    pub fn kill(mut self) {
        self.child.kill().expect("a kill");
        self.child.wait().expect("an end");
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Closes the input, waits for the end, and reads everything that was shown.
    #[must_use]
    pub fn finish(mut self) -> Seen {
        drop(self.stdin.take());
        self.stdout.read_to_string(&mut self.read).expect("output");
        let mut errors = String::new();
        let mut stderr = self.child.stderr.take().expect("a pipe");
        stderr.read_to_string(&mut errors).expect("errors");
        let status = self.child.wait().expect("an end");
        Seen {
            text: self.read,
            stderr: errors,
            signalled: status.code().is_none(),
        }
    }
}

/// What a person would have seen.
#[derive(Debug)]
pub struct Seen {
    /// Everything that `pam_login` printed.
    pub text: String,
    /// Its standard error, and its wrapper's.
    pub stderr: String,
    /// Whether a signal ended the process.
    pub signalled: bool,
}

impl Seen {
    /// The PAM code of the only login, such as `PAM_SUCCESS`.
    ///
    /// # Panics
    ///
    /// When there was not exactly one.
    #[must_use]
    pub fn result(&self) -> &str {
        let results = self.results();
        assert_eq!(results.len(), 1, "not one result: {self:?}");
        results[0]
    }

    /// The PAM codes, one for each login.
    #[must_use]
    pub fn results(&self) -> Vec<&str> {
        assert!(!self.signalled, "the host program died: {self:?}");
        self.lines("result: ")
    }

    /// The prompts in order, without the answers.
    #[must_use]
    pub fn prompts(&self) -> Vec<&str> {
        let prompts = self.text.lines().filter_map(|line| {
            line.strip_prefix("prompt-hidden: ")
                .or_else(|| line.strip_prefix("prompt-visible: "))
        });
        prompts.collect()
    }

    /// The rest of each line that begins with `prefix`.
    #[must_use]
    pub fn lines(&self, prefix: &str) -> Vec<&str> {
        self.text
            .lines()
            .filter_map(|line| line.strip_prefix(prefix))
            .collect()
    }
}
