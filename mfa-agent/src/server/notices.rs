//! Messages to users about changes of their accounts (`[notify]`).
//!
//! Every change of a record is compared with the record before it. What is worth a message is handed to a thread, so
//! that neither a login nor a command waits for it or fails by it. Notices have a delivery queue of their own: however
//! many there are, codes don't wait behind them. They are in memory only, and a restart drops the ones that wait.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use jiff::{Timestamp, Zoned};
use mfa_protocol::factor::Authenticator;

use super::Agent;
use crate::audit::{Event, Origin};
use crate::config::Settings;
use crate::delivery::{AtEnd, Content, Delivery, DeliveryLimits, DeliveryQueue, Job, Words};
use crate::log;
use crate::repository::{After, Key};
use mfa_core::account::{Account, NoticeKind, Occurrence};
use mfa_core::factors::address::Recipient;
use mfa_core::policy::remote_address;
use mfa_core::texts::{Text, Texts};

/// Changes that wait for the thread.
const WAITING: usize = 256;

/// The most notices to a user in an hour, however many addresses each goes to.
const OF_USER: usize = 10;
/// The most of locked accounts beside these: a stranger can cause them, and must not use up the others.
const OF_LOCKS: usize = 3;
/// The most addresses that a notice goes to: five of each channel.
const ADDRESSES: usize = 10;
/// The most messages to all users in an hour. Each address counts.
const OF_ALL: usize = 4096;
const HOUR: Duration = Duration::from_secs(3600);

/// Notices can wait longer than codes, and are tried again more patiently.
const LIMITS: DeliveryLimits = DeliveryLimits {
    threads: 2,
    messages: 512,
    per_user: (OF_USER + OF_LOCKS) * ADDRESSES,
    attempt: Duration::from_secs(20),
    first_pause: Duration::from_secs(2),
    longest_pause: Duration::from_secs(300),
};

/// Sends notices.
pub(super) struct Notices {
    pub(super) queue: DeliveryQueue,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Told>,
    is_running: bool,
    /// The notices of the last hour, oldest first.
    recent: VecDeque<Recent>,
}

struct Recent {
    sent: Instant,
    user: String,
    addresses: usize,
    is_lock: bool,
}

/// An account whose user is told what happens to it.
pub(super) struct Watched {
    user: String,
    settings: Arc<Settings>,
}

/// What a user is told.
pub(super) struct Told {
    user: String,
    settings: Arc<Settings>,
    occurrences: Vec<Occurrence>,
    /// The addresses from before the change: whoever adds one must not be the only one who hears of it.
    to: Vec<(Recipient, String)>,
    service: String,
    address: String,
    at: Zoned,
}

impl Default for Notices {
    fn default() -> Self {
        Self {
            queue: DeliveryQueue::new(LIMITS),
            state: Mutex::default(),
        }
    }
}

impl Notices {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next one; none when there is none, and then the thread ends.
    fn next(&self) -> Option<Told> {
        let mut state = self.lock();
        let next = state.waiting.pop_front();
        state.is_running = next.is_some();
        next
    }
}

impl State {
    /// Counts a notice that goes to so many addresses. Returns whether it may be sent.
    fn count(&mut self, user: &str, kind: NoticeKind, addresses: usize, now: Instant) -> bool {
        let is_over = |one: &&Recent| now.duration_since(one.sent) >= HOUR;
        let over = self.recent.iter().take_while(is_over).count();
        self.recent.drain(..over);
        let is_lock = kind == NoticeKind::Locked;
        let is_like = |one: &&Recent| one.user == user && one.is_lock == is_lock;
        let own = self.recent.iter().filter(is_like).count();
        let most = if is_lock { OF_LOCKS } else { OF_USER };
        let messages: usize = self.recent.iter().map(|one| one.addresses).sum();
        if own >= most || messages + addresses > OF_ALL {
            return false;
        }
        self.recent.push_back(Recent {
            sent: now,
            user: user.to_owned(),
            addresses,
            is_lock,
        });
        true
    }
}

impl Watched {
    /// What there is to tell of a change.
    pub(super) fn compare(
        &self,
        before: &Account,
        after: &After,
        events: &[Event],
    ) -> Option<Told> {
        let now = Zoned::now();
        let mut occurrences = after.account()?.occurrences_since(before, now.timestamp());
        let events_told = &self.settings.notify.events;
        occurrences.retain(|one| events_told.contains(&one.kind.setting()));
        let labelled = |to: &Recipient| (to.clone(), before.contact_label(to));
        let to: Vec<_> = before.notice_recipients().map(labelled).collect();
        if occurrences.is_empty() || to.is_empty() {
            return None;
        }
        // An ordinary process names any service: its word must not come to a user in the agent's name.
        let is_trusted =
            |event: &&Event| event.service.is_some() && event.unprivileged != Some(true);
        let login = events.iter().find(is_trusted);
        let rhost = login.and_then(|event| event.rhost.as_deref());
        let address = rhost.and_then(remote_address);
        Some(Told {
            user: self.user.clone(),
            settings: Arc::clone(&self.settings),
            occurrences,
            to,
            service: login
                .and_then(|event| event.service.clone())
                .unwrap_or_default(),
            address: address
                .map(|address| address.to_string())
                .unwrap_or_default(),
            at: now,
        })
    }
}

impl Agent {
    /// The account under `key`, if its user is told what happens to it.
    pub(super) fn watched(&self, key: &Key) -> Option<Watched> {
        let settings = self.settings();
        if settings.notify.events.is_empty() {
            return None;
        }
        let user = key.user()?.to_owned();
        Some(Watched { user, settings })
    }

    /// Hands a notice to the thread that sends it.
    pub(super) fn tell(&self, told: Told) {
        let mut state = self.notices.lock();
        if state.waiting.len() >= WAITING {
            drop(state);
            log::limited(
                "notices",
                format_args!(
                    "a notice to {} is dropped: {WAITING} others wait. If accounts change this fast on purpose, set \
                     [notify] events = [] meanwhile",
                    told.user
                ),
            );
            return;
        }
        state.waiting.push_back(told);
        if state.is_running {
            return;
        }
        let me = Weak::clone(&self.me);
        let started = thread::Builder::new()
            .name("notices".to_owned())
            .spawn(move || send_waiting(&me));
        match started {
            Ok(_) => state.is_running = true,
            Err(e) => log::limited(
                "threads that send notices",
                format_args!(
                    "can't start a thread to send notices: {e}; raise TasksMax= of mfa-agent.service"
                ),
            ),
        }
    }

    fn send(&self, told: &Told) {
        let delivery = &told.settings.delivery;
        let is_sent = |(to, _): &&(Recipient, String)| delivery.is_configured(to.channel());
        let to: Vec<_> = told.to.iter().filter(is_sent).take(ADDRESSES).collect();
        if to.is_empty() {
            return;
        }
        for occurrence in &told.occurrences {
            let words = told.words(occurrence, self.host_name());
            let mut state = self.notices.lock();
            let may_send = state.count(&told.user, occurrence.kind, to.len(), Instant::now());
            drop(state);
            for (to, label) in &to {
                let words = may_send.then_some(&words);
                self.send_to(told, occurrence.kind, (to, label), words);
            }
        }
    }

    /// Sends a notice to one address; without words it is one too many, which is recorded.
    fn send_to(
        &self,
        told: &Told,
        kind: NoticeKind,
        (to, label): (&Recipient, &str),
        words: Option<&Words>,
    ) {
        let about = Event {
            factor: Some(to.channel().name().to_owned()),
            label: Some(label.to_owned()),
            ..event(&told.user, "sent", kind.name().to_owned())
        };
        let Some(words) = words else {
            let refused = Event {
                result: "refused",
                reason: Some(format!("{kind}: too many notices in an hour")),
                ..about
            };
            self.audit
                .record(refused, Timestamp::now(), Origin::Privileged);
            return;
        };
        let job = Job {
            user: told.user.clone(),
            to: to.clone(),
            content: Content::Words(words.clone()),
            deadline: Instant::now() + HOUR,
        };
        let (audit, said) = (Arc::clone(&self.audit), about.clone());
        let at_end: AtEnd = Box::new(move |delivery| {
            let event = match delivery {
                Delivery::Failed(error) => failed(said, kind, &error.to_string()),
                _ => said,
            };
            audit.record(event, Timestamp::now(), Origin::Privileged);
        });
        if let Err(full) = self.notices.queue.submit_and_tell(job, at_end) {
            let event = failed(about, kind, &full.to_string());
            self.audit
                .record(event, Timestamp::now(), Origin::Privileged);
        }
    }
}

impl Told {
    fn words(&self, occurrence: &Occurrence, host: String) -> Words {
        let texts = &self.settings.prompts.texts;
        let factors: Vec<_> = occurrence
            .factors
            .iter()
            .map(|factor| named(texts, *factor))
            .collect();
        let (factors, time) = (factors.join(", "), self.time());
        let values = [
            ("user", self.user.as_str()),
            ("host", &host),
            ("time", &time),
            ("factor", &factors),
            ("address", &self.address),
            ("service", &self.service),
        ];
        let text = texts.say_with(&Text::Notice(occurrence.kind), &values);
        let advice = texts.say_with(&Text::NoticeAdvice, &[]);
        Words {
            subject: texts.say_with(&Text::NoticeSubject, &values),
            paragraphs: vec![text, advice],
            host,
        }
    }

    fn time(&self) -> String {
        self.at.strftime("%Y-%m-%d %H:%M %Z").to_string()
    }
}

/// What users call a factor.
fn named(texts: &Texts, factor: Authenticator) -> String {
    let text = match factor.factor() {
        Some(factor) => Text::NoticeFactor(factor),
        None => Text::NoticeCodes,
    };
    texts.say_with(&text, &[])
}

fn event(user: &str, result: &'static str, reason: String) -> Event {
    Event {
        event: "notice",
        result,
        user: Some(user.to_owned()),
        reason: Some(reason),
        ..Event::default()
    }
}

fn failed(event: Event, kind: NoticeKind, error: &str) -> Event {
    Event {
        result: "failed",
        reason: Some(format!("{kind}: {error}")),
        ..event
    }
}

fn send_waiting(weak: &Weak<Agent>) {
    while let Some(agent) = weak.upgrade() {
        let Some(told) = agent.notices.next() else {
            return;
        };
        agent.send(&told);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mfa_core::account::{Contact, samples};
    use mfa_core::factors::address::Channel;

    #[test]
    fn a_user_gets_ten_notices_an_hour_at_any_number_of_addresses_and_all_users_have_a_limit() {
        for addresses in [1, ADDRESSES] {
            let (mut state, start) = (State::default(), Instant::now());
            let mut lock = |at| state.count("anna", NoticeKind::Locked, addresses, at);
            let locks = (0..20).filter(|_| lock(start)).count();
            assert_eq!(locks, OF_LOCKS, "and they use up none of the others");
            let mut count = |user: &str, at| state.count(user, NoticeKind::Enroll, addresses, at);
            let sent = (0..20).filter(|_| count("anna", start)).count();
            assert_eq!(sent, OF_USER);
            assert!(count("bob", start));
            assert!(!count("anna", start + HOUR / 2));
            assert!(
                count("anna", start + HOUR),
                "what is an hour old is forgotten"
            );
            let users = (0..2 * OF_ALL).map(|number| number.to_string());
            let sent = users.filter(|user| count(user, start + HOUR)).count();
            assert_eq!(sent, OF_ALL / addresses - 1);
        }
    }

    #[test]
    fn a_notice_has_no_word_of_an_ordinary_process() {
        let watched = Watched {
            user: "anna".to_owned(),
            settings: Arc::new(
                Settings::parse(vec![(
                    "agent.toml".into(),
                    "[notify]\nevents = ['enroll']".to_owned(),
                )])
                .unwrap(),
            ),
        };
        let mut before = samples::full();
        let to = Recipient::read(Channel::Email, "anna@example.org", None).unwrap();
        let confirmed = Contact {
            confirmed_at: Some(samples::at(0)),
            ..Contact::new(to, samples::at(0))
        };
        before.add_contact(confirmed).unwrap();
        let mut after = before.clone();
        after.set_pin("other".to_owned(), samples::at(0));
        let after = After::Put(after.into());
        let said = |unprivileged| {
            let event = Event {
                service: Some("call 0900 1234".to_owned()),
                rhost: Some("192.0.2.7".to_owned()),
                unprivileged,
                ..Event::default()
            };
            let told = watched.compare(&before, &after, &[event]).unwrap();
            (told.service, told.address)
        };
        assert_eq!(said(Some(true)), (String::new(), String::new()));
        let trusted = ("call 0900 1234".to_owned(), "192.0.2.7".to_owned());
        assert_eq!(said(None), trusted);
    }
}
