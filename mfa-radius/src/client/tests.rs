//! The client against scripted servers, in a world where time passes only when it waits.

mod loopback;
mod world;

use super::*;
use crate::reply::ReplyError;
use crate::testing::{ACCEPT, CHALLENGE, Mac, REJECT, Seen, reply, secret};
use std::net::SocketAddr;
use world::{World, address};

const SECRET: &str = "a shared secret of some length";
const SECOND: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);

const ALICE: Attempt<'_> = Attempt {
    user: "alice",
    password: "483920",
    calling_station: Some("192.0.2.7"),
    follows: None,
};

fn client_of(servers: u8, answers_status: bool) -> Client {
    let servers = (1..=servers).map(|number| Server {
        address: address(number),
        secret: secret(SECRET),
        answers_status,
    });
    Client::new(servers.collect(), settings()).unwrap()
}

fn settings() -> Settings {
    Settings {
        nas_identifier: "host".into(),
        timeout: TIMEOUT,
        dead_time: MINUTE,
    }
}

fn answer(code: u8, to: &Seen) -> Vec<u8> {
    signed(code, to, Mac::First)
}

fn signed(code: u8, to: &Seen, mac: Mac) -> Vec<u8> {
    reply(
        code,
        (to.identifier, to.authenticator),
        &[],
        mac,
        &secret(SECRET),
    )
}

fn ask(client: &Client, world: &World) -> Result<Answer, ClientError> {
    client.ask(&ALICE, world.now() + MINUTE, world)
}

fn accepted(answer: &Result<Answer, ClientError>, by: u8) -> bool {
    let message = String::new();
    answer.as_ref().is_ok_and(|answer| {
        answer.outcome == Outcome::Accepted { message } && answer.server == address(by)
    })
}

fn in_vain(answer: Result<Answer, ClientError>) -> Vec<Tried> {
    match answer {
        Err(ClientError::NoAnswer(tried)) => tried,
        Ok(answer) => panic!("answered: {:?}", answer.outcome),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn an_accept_and_a_reject_are_told_apart() {
    let world = World::new();
    world.script(1, |seen, _| vec![(SECOND, answer(ACCEPT, seen))]);
    assert!(accepted(&ask(&client_of(1, false), &world), 1));
    world.script(1, |seen, _| vec![(SECOND, answer(REJECT, seen))]);
    let rejected = ask(&client_of(1, false), &world).unwrap();
    assert_eq!(
        rejected.outcome,
        Outcome::Rejected {
            message: String::new()
        }
    );
    assert_eq!((rejected.refused, rejected.in_vain.len()), (0, 0));
}

#[test]
fn the_same_bytes_go_out_again_until_an_answer_comes() {
    let world = World::new();
    world.script(1, |seen, count| match count {
        4 => vec![(SECOND, answer(ACCEPT, seen))],
        _ => vec![],
    });
    assert!(accepted(&ask(&client_of(1, false), &world), 1));
    let sent = world.sent_to(1);
    assert_eq!(sent.len(), 4);
    assert!(sent.iter().all(|one| one.bytes == sent[0].bytes));
    let pauses: Vec<f64> = sent
        .windows(2)
        .map(|w| (w[1].at - w[0].at).as_secs_f64())
        .collect();
    assert!((1.8..=2.2).contains(&pauses[0]), "{pauses:?}");
    assert!((1.9..=2.1).contains(&(pauses[1] / pauses[0])), "{pauses:?}");
}

#[test]
fn a_phone_call_of_a_minute_is_waited_for() {
    let world = World::new();
    world.script(1, |seen, count| match count {
        1 => vec![(58 * SECOND, answer(ACCEPT, seen))],
        _ => vec![],
    });
    assert!(accepted(&ask(&client_of(1, false), &world), 1));
}

#[test]
fn silence_ends_at_the_deadline_and_the_error_says_what_to_check() {
    let world = World::new();
    let error = ask(&client_of(1, false), &world).err().unwrap();
    assert_eq!(world.elapsed(), MINUTE);
    let text = error.to_string();
    assert!(text.contains("192.0.2.1:1812 did not answer"), "{text}");
    assert!(text.contains("shared secret"), "{text}");
    assert!(!text.contains(SECRET) && !text.contains(ALICE.password));
}

#[test]
fn each_request_is_new() {
    let world = World::new();
    world.script(1, |seen, _| vec![(SECOND, answer(ACCEPT, seen))]);
    let client = client_of(1, false);
    for _ in 0..2 {
        assert!(accepted(&ask(&client, &world), 1));
    }
    let sent = world.sent_to(1);
    assert_ne!(sent[0].bytes[4..20], sent[1].bytes[4..20]);
}

#[test]
fn forged_and_replayed_replies_are_counted_and_ignored() {
    let world = World::new();
    world.script(1, |seen, _| {
        let mut replayed = answer(ACCEPT, seen);
        replayed[4] ^= 1;
        vec![
            (SECOND, signed(ACCEPT, seen, Mac::Missing)),
            (SECOND, signed(ACCEPT, seen, Mac::Wrong)),
            (SECOND, replayed),
            (SECOND, b"\x02".to_vec()),
            (2 * SECOND - SECOND / 2, answer(REJECT, seen)),
        ]
    });
    let answer = ask(&client_of(1, false), &world).unwrap();
    assert_eq!(
        answer.outcome,
        Outcome::Rejected {
            message: String::new()
        }
    );
    assert_eq!(
        (answer.refused, answer.last_refusal),
        (4, Some(ReplyError::Short(1)))
    );
}

#[test]
fn a_server_that_signs_nothing_never_passes_and_the_error_says_why() {
    let world = World::new();
    world.script(1, |seen, _| {
        vec![(SECOND, signed(ACCEPT, seen, Mac::Missing))]
    });
    let tried = in_vain(ask(&client_of(1, false), &world));
    assert_eq!(
        tried[0].last_refusal,
        Some(ReplyError::NoMessageAuthenticator)
    );
    assert_eq!(tried[0].refused, tried[0].sent);
    assert!(
        tried[0].to_string().contains("update the server"),
        "{}",
        tried[0]
    );
}

#[test]
fn a_silent_first_server_is_left_after_its_time_and_then_skipped() {
    let world = World::new();
    world.script(2, |seen, _| vec![(SECOND, answer(ACCEPT, seen))]);
    let client = client_of(2, false);
    let first = ask(&client, &world);
    assert!(accepted(&first, 2));
    assert!(matches!(
        first.unwrap().in_vain[..],
        [Tried {
            silence: Silence::Silent,
            ..
        }]
    ));
    assert_eq!(world.elapsed(), TIMEOUT + SECOND);
    // Another authenticator, because the request is built for the second server.
    assert_ne!(
        world.sent_to(1)[0].bytes[4..20],
        world.sent_to(2)[0].bytes[4..20]
    );
    let before = world.sent_to(1).len();
    assert!(accepted(&ask(&client, &world), 2));
    assert_eq!(world.sent_to(1).len(), before);
    world.pass(MINUTE);
    assert!(accepted(&ask(&client, &world), 2));
    assert!(world.sent_to(1).len() > before);
}

#[test]
fn the_last_living_server_is_awaited_although_a_dead_one_is_left() {
    let world = World::new();
    let client = client_of(2, false);
    world.script(2, |seen, count| match count {
        1 => vec![(SECOND, answer(ACCEPT, seen))],
        2 => vec![(45 * SECOND, answer(ACCEPT, seen))],
        _ => vec![],
    });
    assert!(accepted(&ask(&client, &world), 2));
    assert!(accepted(&ask(&client, &world), 2));
}

#[test]
fn when_all_are_dead_all_are_tried() {
    let world = World::new();
    let client = client_of(2, false);
    assert_eq!(in_vain(ask(&client, &world)).len(), 2);
    world.script(1, |seen, _| vec![(SECOND, answer(ACCEPT, seen))]);
    assert!(accepted(&ask(&client, &world), 1));
}

#[test]
fn a_dead_server_is_asked_when_the_others_cannot_be_reached() {
    let world = World::new();
    let client = client_of(2, false);
    world.script(2, |seen, _| vec![(SECOND, answer(ACCEPT, seen))]);
    assert!(accepted(&ask(&client, &world), 2));
    world.script(1, |seen, _| vec![(SECOND, answer(ACCEPT, seen))]);
    world.cut_off(2);
    let answer = ask(&client, &world);
    assert!(accepted(&answer, 1));
    assert!(matches!(
        answer.unwrap().in_vain[..],
        [Tried {
            silence: Silence::Unreachable(_),
            ..
        }]
    ));
}

#[test]
fn a_host_that_refuses_is_left_at_once() {
    let world = World::new();
    world.cut_off(1);
    world.script(2, |seen, _| vec![(SECOND, answer(ACCEPT, seen))]);
    assert!(accepted(&ask(&client_of(2, false), &world), 2));
    assert_eq!(world.elapsed(), SECOND);
    let tried = in_vain({
        world.cut_off(2);
        ask(&client_of(2, false), &world)
    });
    assert_eq!(tried.len(), 2);
    assert_eq!(world.elapsed(), SECOND);
}

#[test]
fn a_first_server_that_answers_status_is_awaited() {
    let world = World::new();
    let mut login = None;
    world.script(1, move |seen, count| match (seen.code, count) {
        (1, 1) => {
            login = Some(answer(ACCEPT, seen));
            vec![]
        }
        // The answer to a Status-Server needs no Message-Authenticator; some servers send none.
        (12, 3) => vec![
            (SECOND, signed(ACCEPT, seen, Mac::Missing)),
            (40 * SECOND, login.clone().unwrap()),
        ],
        _ => vec![],
    });
    let answer = ask(&client_of(2, true), &world);
    assert!(accepted(&answer, 1));
    assert_eq!(answer.unwrap().refused, 0);
    assert!(world.sent_to(2).is_empty());
}

#[test]
fn an_answer_to_status_is_never_a_pass() {
    let world = World::new();
    world.script(1, |seen, _| match seen.code {
        12 => vec![(SECOND, answer(ACCEPT, seen))],
        _ => vec![],
    });
    let client = client_of(1, true);
    let tried = in_vain(ask(&client, &world));
    assert!(!client.health.is_dead(0, world.now()), "it lives");
    assert!(matches!(
        tried[..],
        [Tried {
            silence: Silence::Busy,
            refused: 0,
            ..
        }]
    ));
}

#[test]
fn a_server_that_does_not_answer_status_is_left() {
    let world = World::new();
    world.script(2, |seen, _| vec![(SECOND, answer(ACCEPT, seen))]);
    assert!(accepted(&ask(&client_of(2, true), &world), 2));
    let kinds: Vec<u8> = world.sent_to(1).iter().map(|one| one.bytes[0]).collect();
    assert_eq!(kinds, [1, 1, 12, 1, 12]);
    let identifiers: Vec<u8> = world.sent_to(1).iter().map(|one| one.bytes[1]).collect();
    let [login, _, first, _, second] = identifiers[..] else {
        panic!("{identifiers:?}");
    };
    assert!(login != first && login != second && first != second);
}

#[test]
fn the_answer_to_a_challenge_goes_only_to_the_server_that_asked() {
    let world = World::new();
    let client = client_of(2, false);
    world.script(2, |seen, _| {
        let known = (seen.identifier, seen.authenticator);
        let state: &[u8] = b"round one";
        if seen.all(24) == [state] && seen.password.as_deref() == Some("blue") {
            return vec![(SECOND, answer(ACCEPT, seen))];
        }
        let attributes: [(u8, &[u8]); 2] = [(24, state), (18, b"Which colour?")];
        vec![(
            SECOND,
            reply(CHALLENGE, known, &attributes, Mac::First, &secret(SECRET)),
        )]
    });
    let Outcome::Challenged(challenge) = ask(&client, &world).unwrap().outcome else {
        panic!("a challenge was expected");
    };
    assert_eq!(
        (challenge.server, challenge.message.as_str()),
        (address(2), "Which colour?")
    );
    let (asked, follows) = (world.sent_to(1).len(), Some(&challenge));
    // The first server is no longer dead, and is still not asked.
    world.pass(2 * MINUTE);
    let second = Attempt {
        password: "blue",
        follows,
        ..ALICE
    };
    let deadline = world.now() + MINUTE;
    assert!(accepted(&client.ask(&second, deadline, &world), 2));
    world.cut_off(2);
    assert_eq!(in_vain(client.ask(&second, deadline, &world)).len(), 1);
    assert_eq!(world.sent_to(1).len(), asked);
}

#[test]
fn a_challenge_of_a_removed_server_can_not_be_answered() {
    let challenge = Challenge {
        server: address(9),
        state: None,
        message: String::new(),
        echo: false,
    };
    let world = World::new();
    let attempt = Attempt {
        follows: Some(&challenge),
        ..ALICE
    };
    let error = client_of(2, false)
        .ask(&attempt, world.now() + MINUTE, &world)
        .err();
    assert!(matches!(error, Some(ClientError::UnknownServer(server)) if server == address(9)));
}

#[test]
fn a_request_that_cannot_be_sent_is_no_answer_and_marks_no_server_dead() {
    let world = World::new();
    let client = client_of(1, false);
    let attempt = Attempt { user: "", ..ALICE };
    let error = client.ask(&attempt, world.now() + MINUTE, &world).err();
    assert!(matches!(error, Some(ClientError::Request(_))));
    assert!(!client.health.is_dead(0, world.now()));
}

#[test]
fn a_deadline_that_has_passed_sends_nothing() {
    let world = World::new();
    let tried = in_vain(client_of(2, false).ask(&ALICE, world.now(), &world));
    assert!(matches!(tried[..], [Tried { sent: 0, .. }]));
    assert!(world.sent_to(1).is_empty());
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let server = || Server {
        address: address(1),
        secret: secret(SECRET),
        answers_status: false,
    };
    let of = |servers, settings| Client::new(servers, settings).err();
    assert_eq!(of(vec![], settings()), Some(SetupError::NoServer));
    assert_eq!(
        of(vec![server(), server()], settings()),
        Some(SetupError::Twice(address(1)))
    );
    let timeout = Duration::ZERO;
    let refused = of(
        vec![server()],
        Settings {
            timeout,
            ..settings()
        },
    );
    assert_eq!(refused, Some(SetupError::NoTimeout));
    let nas_identifier = String::new();
    let refused = of(
        vec![server()],
        Settings {
            nas_identifier,
            ..settings()
        },
    );
    assert!(matches!(refused, Some(SetupError::NasIdentifier(_))));
}

#[test]
fn a_short_deadline_marks_no_server_dead() {
    let world = World::new();
    let client = client_of(1, false);
    in_vain(client.ask(&ALICE, world.now() + SECOND, &world));
    assert!(!client.health.is_dead(0, world.now()));
    in_vain(client.ask(&ALICE, world.now() + TIMEOUT, &world));
    assert!(client.health.is_dead(0, world.now()));
}

#[test]
fn without_randomness_nothing_is_sent() {
    let world = World::new();
    world.run_dry();
    let error = ask(&client_of(1, false), &world).err();
    assert!(matches!(error, Some(ClientError::Random(_))));
    assert!(world.sent_to(1).is_empty());
}

#[test]
fn several_logins_can_share_a_client() {
    fn shared<T: Send + Sync>() {}
    shared::<Client>();
}
