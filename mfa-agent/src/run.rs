//! The life of the agent: start, reload, stop.
//!
//! All errors are found before the socket opens, and reported in one line; only then systemd gets
//! `READY=1`. SIGHUP reloads the settings; if a file is faulty, the old settings stay. SIGTERM lets
//! active logins finish for a while, a second SIGTERM only active calls; all answers so far are
//! durable. Then the agent accepts nothing more, so that the next agent gets the waiting logins.

mod backups;
mod end;
mod init;
mod owner;
mod places;
mod refused;
mod shared;
mod socket;
mod storage;
mod watchdog;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{CommandFactory, Parser};
use jiff::Timestamp;
use mfa_protocol::LONGEST_SILENCE;
use mfa_protocol::admin::Severity;
use nix::sys::prctl::set_dumpable;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use sd_notify::NotifyState;

use crate::audit::{self, Audit};
use crate::config::{DEFAULT_FILE, Settings};
use crate::hasher::Hasher;
use crate::log;
use crate::review::{self, Review};
use crate::server::{self, ActiveConfig, Agent, left_of};
use crate::sys;
use crate::system_names::SystemNames;
use places::Places;
use refused::Refused;
use shared::SharedRefused;
use socket::Sockets;

/// Concurrent hashes; each takes 19 MiB and a processor.
const HASHES_AT_ONCE: usize = 4;

/// Hashes that wait for their turn; more are refused.
const HASHES_WAITING: usize = 64;

/// Descriptors that the look-up of a user needs; every connection may have one active.
const DESCRIPTORS_OF_A_LOOK_UP: u64 = 3;

/// Descriptors for the store, the logs, the name service, and connections that are turned away.
const DESCRIPTORS_BESIDE: u64 = 192;

/// The unique ID of each boot of the host (random(4)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Exit status (sysexits.h) when only an administrator can help: the unit does not restart.
const EX_CONFIG: u8 = 78;

/// How long a program that has just connected may take for its first call after the agent stops accepting, and how long
/// a login may take to finish.
const FIRST_CALLS: Duration = Duration::from_secs(1);

/// How long active calls may take to finish. Their audit lines are durable with them.
const LAST_CALLS: Duration = Duration::from_secs(2);

/// How long what earlier agents left to be written may take at a start.
const EARLIER_WORDS: Duration = Duration::from_secs(2);

/// How long the last lines of the log may take. The last that the agent does within [`LONGEST_SILENCE`].
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Verifies second factors for pam_mfa and mfactl
#[derive(Parser)]
#[command(
    name = "mfa-agent",
    version,
    after_help = "Example: mfa-agent --config /etc/mfa/agent.toml --check"
)]
struct Arguments {
    /// The settings file; files in agent.d in the same folder are read after it
    #[arg(long, value_name = "FILE", default_value = DEFAULT_FILE)]
    config: PathBuf,
    /// Check the settings, report errors and warnings, and exit
    #[arg(long)]
    check: bool,
    /// Create the key and an empty store on a new host, or accept the existing store, and exit
    #[arg(long, conflicts_with = "check")]
    init: bool,
}

/// The command line, for the generator of its manual.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Runs the program `mfa-agent`.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // A core file would hold the key, and no other process of the agent's user may read its memory.
    if let Err(e) = set_dumpable(false) {
        log::warn(format_args!(
            "a crash may leave the key in a core file: {e}"
        ));
    }
    let outcome = if arguments.check {
        check(&arguments.config)
    } else if arguments.init {
        init(&arguments.config)
    } else {
        run(&arguments.config)
    };
    let code = match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = exit_code(&*error);
            // A line for each mistake.
            for line in error.to_string().lines() {
                log::error(line);
            }
            code
        }
    };
    // If nobody reads the log, nobody can be told.
    let _ = log::flush(LAST_WORDS);
    code
}

/// An error that prevents the start; its text says what to do.
type StartError = Box<dyn std::error::Error>;

fn exit_code(error: &(dyn std::error::Error + 'static)) -> ExitCode {
    match error.is::<Refused>() || error.is::<SharedRefused>() {
        true => ExitCode::from(EX_CONFIG),
        false => ExitCode::FAILURE,
    }
}

fn init(config: &Path) -> Result<(), StartError> {
    init::init(&Settings::load_for_agent(config)?.store)
}

fn check(config: &Path) -> Result<(), StartError> {
    let settings = Settings::load_for_agent(config)?;
    owner::become_owner(&Places::of(&settings.store))?;
    // Once more, as the agent reads them.
    let settings = Settings::load_for_agent(config)?;
    Places::of(&settings.store).check(&settings.store.engine)?;
    let review = Review {
        settings: &settings,
        names: &SystemNames::default(),
        repository: None,
        host: None,
    };
    let findings = review.thorough_findings(Timestamp::now());
    for finding in &findings {
        match finding.severity {
            Severity::Error => log::error(review::line(finding)),
            Severity::Warning => log::warn(review::line(finding)),
        }
    }
    let config = config.display();
    let errors = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error);
    match (errors.count(), findings.len()) {
        (0, 0) => log::info(format_args!(
            "{config} is fine. The records were not read: a start does that, and mfactl store check"
        )),
        (0, warnings) => log::info(format_args!("{config} is valid; warnings: {warnings}")),
        (errors, _) => {
            return Err(format!(
                "{config} can't be used; errors: {errors}. Fix them and run this again"
            )
            .into());
        }
    }
    Ok(())
}

fn run(config: &Path) -> Result<(), StartError> {
    let signals = block_signals()?;
    log::limit_panics();
    log::start()?;
    let active_config = ActiveConfig::load_or_last_good(config)?;
    let (agent, mut sockets) = begin(active_config.clone()).or_else(|error| {
        // A wrong path in the settings is a mistake like any other.
        let last_good = active_config.last_good_instead(&error.to_string());
        last_good.map_or(Err(error), begin)
    })?;
    // The first login need not wait until the time zone is read.
    drop(jiff::Zoned::now());
    let settings = agent.settings();
    for listener in sockets.listeners.drain(..) {
        server::serve(&agent, listener)?;
    }
    notify(&[NotifyState::Ready]);
    log::info(format_args!(
        "serving at {}",
        settings.server.socket.display()
    ));
    agent.keep_settings();
    agent.sweep();
    agent.keep_metrics_written();
    agent.note_mode();
    agent.announce();
    agent.review();
    // The start has read all records.
    sys::give_free_memory_back();
    watchdog::start(&settings.server.socket);
    serve_until_told(&agent, &signals)?;
    let since = agent.stop_accepting(FIRST_CALLS);
    drop(sockets);
    if !agent.stop_serving(left_of(since, LAST_CALLS)) {
        log::warn(
            "some calls were still running when the agent stopped; their callers get no \
                   answer",
        );
    }
    if !agent
        .audit()
        .flush(left_of(since, LONGEST_SILENCE - LAST_WORDS))
    {
        log::warn("the last lines of the audit log could not be written");
    }
    agent.keep_store();
    log::info("stopped");
    Ok(())
}

/// Opens all that the settings name, the sockets last.
fn begin(active_config: ActiveConfig) -> Result<(Arc<Agent>, Sockets), StartError> {
    let server = active_config.settings().server.clone();
    make_room(server.max_connections)?;
    let agent = start(active_config)?;
    Ok((agent, socket::open(&server.socket)?))
}

/// Reloads as often as it is told to, until it is to end.
fn serve_until_told(agent: &Arc<Agent>, signals: &SigSet) -> Result<(), StartError> {
    let mut is_ending = false;
    loop {
        match signals.wait()? {
            Signal::SIGHUP => reload(agent),
            Signal::SIGTERM if !is_ending => {
                is_ending = true;
                notify(&[NotifyState::Stopping]);
                end::raise_sigterm_when_idle(agent);
            }
            _ => return Ok(()),
        }
    }
}

/// Only the main thread waits for signals; no handler ever runs.
fn block_signals() -> Result<SigSet, StartError> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGHUP, Signal::SIGTERM, Signal::SIGINT] {
        signals.add(signal);
    }
    signals.thread_block()?;
    Ok(signals)
}

/// Keeps connections from using up the descriptors of the store, the logs and the name service:
/// without them logins would fail at the look-up of the user.
fn make_room(max_connections: u32) -> Result<(), StartError> {
    let least = u64::from(max_connections) + DESCRIPTORS_BESIDE;
    let enough = least + u64::from(max_connections) * DESCRIPTORS_OF_A_LOOK_UP;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if hard < least {
        return Err(format!(
            "[server] max_connections = {max_connections} needs {least} open files, but this \
             process may open only {hard}; lower it, or raise LimitNOFILE= of mfa-agent.service"
        )
        .into());
    }
    if soft < enough.min(hard) {
        setrlimit(Resource::RLIMIT_NOFILE, enough.min(hard), hard)?;
    }
    Ok(())
}

fn start(active_config: ActiveConfig) -> Result<Arc<Agent>, StartError> {
    let settings = active_config.settings();
    let repository = storage::open(&settings.store)?;
    let audit = start_audit(settings, repository.lines()?)?;
    let hasher = Hasher::new(HASHES_AT_ONCE, HASHES_WAITING);
    let names = Box::new(SystemNames::default());
    let boot = boot_id()?;
    Ok(Agent::new(
        active_config,
        repository,
        hasher,
        names,
        audit,
        boot,
    )?)
}

/// Starts the audit log, complete before the first login: it gets the lines that an earlier process
/// made durable in the store but did not write.
fn start_audit(settings: &Settings, earlier: Vec<Vec<u8>>) -> Result<Audit, StartError> {
    let has_earlier = !earlier.is_empty();
    let to = audit::Settings {
        file: settings.audit.file.clone(),
        syslog: settings.audit.syslog,
        syslog_socket: None,
    };
    let audit = Audit::start(to, earlier)?;
    if has_earlier && !audit.sync(EARLIER_WORDS) {
        log::error(
            "the audit log can't be written and may lack lines from before this start; logins \
             continue, and the agent adds the lines when it can: check [audit] file in agent.toml",
        );
    }
    Ok(audit)
}

/// The kernel's ID of this boot; a new boot ends all sessions.
fn boot_id() -> Result<String, StartError> {
    let text = std::fs::read_to_string(BOOT_ID)
        .map_err(|e| format!("{BOOT_ID} can't be read: {e}; check that /proc is mounted"))?;
    Ok(text.trim().to_owned())
}

fn reload(agent: &Agent) {
    let reloading = NotifyState::monotonic_usec_now();
    notify(&reloading.map_or(vec![NotifyState::Reloading], |now| {
        vec![NotifyState::Reloading, now]
    }));
    let reloaded = agent.reload();
    notify(&[NotifyState::Ready]);
    if reloaded {
        agent.review();
    }
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(e) = sd_notify::notify(states) {
        log::warn(format_args!("systemd could not be told: {e}"));
    }
}
