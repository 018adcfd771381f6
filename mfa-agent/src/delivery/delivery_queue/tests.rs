use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use mfa_protocol::Secret;

use super::*;
use crate::delivery::{MessagePurpose, Notice};

const FOREVER: Duration = Duration::from_secs(600);

/// Reports each attempt, and gives it the result that the test chooses.
struct Scripted {
    attempts: Mutex<Sender<String>>,
    answers: Mutex<Receiver<Result<(), SendError>>>,
}

struct Rig {
    delivery_queue: DeliveryQueue,
    attempts: Receiver<String>,
    answers: Sender<Result<(), SendError>>,
}

impl<A: Send + Sync> Transport<A> for Scripted {
    fn send(&self, _: &A, content: &Content, _: Instant) -> Result<(), SendError> {
        self.attempts
            .lock()
            .unwrap()
            .send(content.host().to_owned())
            .unwrap();
        let answers = self.answers.lock().unwrap();
        answers.recv().unwrap_or(Ok(()))
    }
}

fn limits() -> DeliveryLimits {
    DeliveryLimits {
        threads: 2,
        messages: 6,
        per_user: 3,
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_millis(10),
        ..DeliveryLimits::default()
    }
}

impl Rig {
    /// The test decides the results for emails.
    fn new() -> Self {
        let (attempt, attempts) = channel();
        let (answers, answer) = channel();
        let delivery_queue = DeliveryQueue::new(limits());
        delivery_queue.set_email(Some(Arc::new(Scripted {
            attempts: Mutex::new(attempt),
            answers: Mutex::new(answer),
        })));
        Self {
            delivery_queue,
            attempts,
            answers,
        }
    }

    fn submit(&self, user: &str, host: &str) -> Result<Ticket, QueueFull> {
        self.delivery_queue.submit(mail(user, host, FOREVER))
    }

    fn attempt(&self) -> String {
        self.attempts.recv().unwrap()
    }

    fn answer(&self, answer: Result<(), SendError>) {
        self.answers.send(answer).unwrap();
    }
}

fn notice(host: &str) -> Notice {
    Notice {
        purpose: MessagePurpose::Login,
        code: Secret::from("483920"),
        host: host.to_owned(),
        service: "sshd".to_owned(),
        address: None,
        at: "now".to_owned(),
        minutes: 5,
    }
}

fn mail(user: &str, host: &str, time: Duration) -> Job {
    Job {
        user: user.to_owned(),
        to: Recipient::Email("anna@example.org".parse().unwrap()),
        content: Content::Code(notice(host)),
        deadline: Instant::now() + time,
    }
}

fn busy() -> SendError {
    SendError::temporary("busy")
}

#[test]
fn a_message_is_sent_and_the_ticket_reports_it() {
    let rig = Rig::new();
    let ticket = rig.submit("anna", "one").unwrap();
    assert_eq!(rig.attempt(), "one");
    assert_eq!(ticket.wait(Duration::ZERO), Delivery::Pending);
    rig.answer(Ok(()));
    assert_eq!(ticket.wait(FOREVER), Delivery::Sent);
}

#[test]
fn a_temporary_failure_is_tried_again_and_a_permanent_one_is_not() {
    let rig = Rig::new();
    let ticket = rig.submit("anna", "one").unwrap();
    for _ in 0..3 {
        rig.attempt();
        rig.answer(Err(busy()));
        assert_eq!(ticket.wait(FOREVER), Delivery::Retrying(busy()));
    }
    rig.attempt();
    rig.answer(Ok(()));
    assert_eq!(ticket.wait_for_end(FOREVER), Delivery::Sent);
    assert_eq!(ticket.wait(Duration::ZERO), Delivery::Sent);
    let ticket = rig.submit("anna", "two").unwrap();
    rig.attempt();
    let never = SendError::permanent("no such user");
    rig.answer(Err(never.clone()));
    assert_eq!(ticket.wait(FOREVER), Delivery::Failed(never));
    assert!(rig.attempts.try_recv().is_err());
}

#[test]
fn no_attempt_begins_after_the_deadline_and_the_last_reason_is_reported() {
    let rig = Rig::new();
    let job = mail("anna", "one", Duration::from_millis(500));
    let ticket = rig.delivery_queue.submit(job).unwrap();
    let answers = rig.answers.clone();
    for _ in 0..1000 {
        answers.send(Err(busy())).unwrap();
    }
    assert_eq!(ticket.wait_for_end(FOREVER), Delivery::Failed(busy()));
    assert!(rig.attempts.try_iter().count() > 1);
}

#[test]
fn each_user_has_one_message_in_transit_and_others_overtake() {
    let rig = Rig::new();
    let first = rig.submit("anna", "anna 1").unwrap();
    assert_eq!(rig.attempt(), "anna 1");
    let second = rig.submit("anna", "anna 2").unwrap();
    let other = rig.submit("bert", "bert 1").unwrap();
    // Two threads, and one is idle: it skips anna's second message.
    assert_eq!(rig.attempt(), "bert 1");
    for _ in 0..3 {
        rig.answer(Ok(()));
    }
    for ticket in [first, second, other] {
        assert_eq!(ticket.wait(FOREVER), Delivery::Sent);
    }
    assert_eq!(rig.attempt(), "anna 2");
}

#[test]
fn a_hanging_channel_fills_up_and_leaves_the_other_alone() {
    let rig = Rig::new();
    let (attempt, texts) = channel();
    let (_, answer) = channel();
    rig.delivery_queue.set_texts(Some(Arc::new(Scripted {
        attempts: Mutex::new(attempt),
        answers: Mutex::new(answer),
    })));
    for n in 0..6 {
        rig.submit(&format!("user{n}"), "hangs").unwrap();
    }
    assert_eq!(rig.submit("user6", "hangs").unwrap_err(), QueueFull);
    let job = Job {
        to: Recipient::Phone("+491701234542".to_owned().try_into().unwrap()),
        ..mail("user6", "goes", FOREVER)
    };
    assert_eq!(
        rig.delivery_queue.submit(job).unwrap().wait(FOREVER),
        Delivery::Sent
    );
    assert_eq!(texts.recv().unwrap(), "goes");
}

#[test]
fn a_user_has_a_share_of_the_queue() {
    let rig = Rig::new();
    for n in 0..3 {
        rig.submit("anna", &n.to_string()).unwrap();
    }
    assert_eq!(rig.submit("anna", "3").unwrap_err(), QueueFull);
    assert!(rig.submit("bert", "0").is_ok());
}

#[test]
fn a_message_that_waits_past_its_deadline_fails_while_others_hang() {
    let rig = Rig::new();
    let _hanging = rig.submit("anna", "hangs").unwrap();
    rig.attempt();
    // The second thread sees the deadline: anna's next message can't be sent meanwhile.
    let late = rig
        .delivery_queue
        .submit(mail("anna", "late", Duration::from_millis(50)))
        .unwrap();
    let Delivery::Failed(error) = late.wait(FOREVER) else {
        panic!("it can't have been sent");
    };
    assert!(
        error.is_temporary() && error.to_string().contains("waited too long"),
        "{error}"
    );
}

#[test]
fn a_dropped_ticket_does_not_stop_its_message() {
    let rig = Rig::new();
    drop(rig.submit("anna", "one").unwrap());
    assert_eq!(rig.attempt(), "one");
}

#[test]
fn a_channel_without_a_transport_fails_for_good() {
    let delivery_queue = DeliveryQueue::new(limits());
    let ticket = delivery_queue.submit(mail("anna", "one", FOREVER)).unwrap();
    let Delivery::Failed(SendError::Permanent(text)) = ticket.wait(FOREVER) else {
        panic!("nobody could send it");
    };
    assert_eq!(text, "no way to send an e-mail is configured");
}

struct Panics;

impl Transport<EmailAddress> for Panics {
    fn send(&self, _: &EmailAddress, _: &Content, _: Instant) -> Result<(), SendError> {
        panic!("a test's own");
    }
}

#[test]
fn a_panic_fails_one_message_and_ends_no_thread() {
    let rig = Rig::new();
    rig.delivery_queue.set_email(Some(Arc::new(Panics)));
    for _ in 0..5 {
        let ticket = rig.submit("anna", "one").unwrap();
        assert!(matches!(
            ticket.wait(FOREVER),
            Delivery::Failed(SendError::Permanent(_))
        ));
    }
}

#[test]
fn stopping_fails_waiting_messages_and_awaits_messages_in_transit() {
    let rig = Rig::new();
    let first = rig.submit("anna", "one").unwrap();
    rig.attempt();
    let second = rig.submit("anna", "two").unwrap();
    assert!(!rig.delivery_queue.stop(Instant::now()), "one is under way");
    assert_eq!(
        second.wait(FOREVER),
        Delivery::Failed(SendError::temporary("the agent is stopping"))
    );
    assert_eq!(first.wait(Duration::ZERO), Delivery::Pending);
    rig.answer(Err(busy()));
    assert!(rig.delivery_queue.stop(Instant::now() + FOREVER));
    assert_eq!(first.wait(FOREVER), Delivery::Failed(busy()));
    let late = rig.submit("anna", "three").unwrap();
    assert!(matches!(late.wait(FOREVER), Delivery::Failed(_)));
}

#[test]
fn a_dropped_queue_leaves_no_ticket_open() {
    let rig = Rig::new();
    let _under_way = rig.submit("anna", "one").unwrap();
    rig.attempt();
    let waits = rig.submit("anna", "two").unwrap();
    drop(rig.delivery_queue);
    assert!(matches!(waits.wait(FOREVER), Delivery::Failed(_)));
}

#[test]
fn a_decoy_ends_like_the_first_attempt_of_the_last_message() {
    let rig = Rig::new();
    assert_eq!(
        rig.delivery_queue.decoy(Channel::Email),
        TimingDecoy::new(queue::USUAL, Delivery::Sent)
    );
    let ended_as = || rig.delivery_queue.decoy(Channel::Email).end;
    for (user, pretended) in [
        ("bert", Delivery::Sent),
        ("anna", Delivery::Retrying(busy())),
    ] {
        let ticket = rig.submit(user, "one").unwrap();
        rig.attempt();
        rig.answer(Err(busy()));
        assert_eq!(ticket.wait(FOREVER), Delivery::Retrying(busy()));
        assert_eq!(ended_as(), pretended);
        // The second attempt comes too late for anybody to wait for it.
        rig.attempt();
        rig.answer(Ok(()));
        assert_eq!(ticket.wait_for_end(FOREVER), Delivery::Sent);
        assert_eq!(ended_as(), pretended);
    }
    let refused = Delivery::Failed(SendError::permanent("no"));
    for (user, expected, pretended) in [
        ("anna", Delivery::Sent, Delivery::Sent),
        // Her own address may be wrong.
        ("anna", refused.clone(), Delivery::Sent),
        ("anna", refused.clone(), Delivery::Sent),
        ("bert", refused.clone(), refused.clone()),
        ("anna", Delivery::Sent, Delivery::Sent),
    ] {
        let ticket = rig.submit(user, "two").unwrap();
        rig.attempt();
        rig.answer(match expected {
            Delivery::Sent => Ok(()),
            _ => Err(SendError::permanent("no")),
        });
        assert_eq!(ticket.wait(FOREVER), expected);
        assert_eq!(ended_as(), pretended, "{user}");
    }
}

#[test]
fn a_decoy_takes_at_least_as_long_as_a_hanging_message() {
    let rig = Rig::new();
    let pause = Duration::from_millis(400);
    let _hanging = rig.submit("anna", "hangs").unwrap();
    rig.attempt();
    std::thread::sleep(pause);
    assert!(rig.delivery_queue.decoy(Channel::Email).time >= pause);
    assert_eq!(rig.delivery_queue.decoy(Channel::Sms).time, Duration::ZERO);
}

#[test]
fn without_a_provider_a_decoy_fails_like_a_message() {
    let delivery_queue = DeliveryQueue::new(limits());
    let ticket = delivery_queue.submit(mail("anna", "one", FOREVER)).unwrap();
    let timing_decoy = delivery_queue.decoy(Channel::Email);
    assert_eq!(timing_decoy.end, ticket.wait(FOREVER));
    assert!(matches!(timing_decoy.end, Delivery::Failed(_)));
    assert!(timing_decoy.time.is_zero());
}
