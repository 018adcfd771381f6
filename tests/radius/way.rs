//! An attacker on the path to the server, or without its secret, lets nobody in.

use std::sync::{Arc, Mutex};

use mfa_tests::{FreeRadius, Login, Passing, Relay, attributes_without, reply_that_fits};

use super::host::{Host, IMPATIENT, Plan};

const PASSWORD: &str = FreeRadius::PASSWORD;
const ACCEPT: u8 = 2;
const MESSAGE_AUTHENTICATOR: u8 = 80;

fn impatient() -> Plan<'static> {
    Plan {
        keys: IMPATIENT,
        ..Plan::default()
    }
}

#[test]
fn a_server_that_requires_a_message_authenticator_gets_one() {
    let server = FreeRadius::start();
    let relay = Relay::before(server.address());
    let host = Host::with(&[relay.address()], &impatient());
    host.enroll("anna");
    assert_eq!(host.log_in("anna", &[PASSWORD]), "PAM_SUCCESS");

    relay.on_request(|passing| {
        let attributes = attributes_without(MESSAGE_AUTHENTICATOR, passing.datagram);
        let length = u16::try_from(20 + attributes.len()).expect("a short request");
        let header = [&passing.datagram[..2], &length.to_be_bytes()].concat();
        vec![[&header, &passing.datagram[4..20], &attributes].concat()]
    });
    assert_eq!(host.log_in("anna", &[PASSWORD]), "PAM_CONV_ERR");
    assert_eq!(server.asked().len(), 1, "the server did demand it");
}

#[test]
fn with_a_wrong_shared_secret_nobody_passes_no_failure_counts_and_the_log_says_why() {
    let server = FreeRadius::start();
    let plan = Plan {
        secret: "another secret",
        ..impatient()
    };
    let host = Host::with(&[server.address()], &plan);
    host.enroll("anna");
    for typed in [PASSWORD, "guess"] {
        assert_eq!(host.log_in("anna", &[typed]), "PAM_CONV_ERR");
    }
    assert_eq!(host.failures("anna"), 0);
    assert_eq!(host.outcome("anna", 2), "cancelled");
    host.agent.await_log("with the same shared secret");
    host.agent.await_log(&server.address().to_string());
    let log = host.agent.log();
    assert!(!log.contains("another secret"), "{log}");
}

#[test]
fn a_replayed_accept_lets_nobody_in() {
    let server = FreeRadius::start();
    let relay = Relay::before(server.address());
    let host = Host::asking(&[relay.address()]);
    host.enroll("anna");
    let recorded = Arc::new(Mutex::new(Vec::new()));
    let recorder = Arc::clone(&recorded);
    relay.on_reply(move |passing| {
        *recorder.lock().expect("a record") = passing.datagram.to_vec();
        vec![passing.datagram.to_vec()]
    });
    assert_eq!(host.log_in("anna", &[PASSWORD]), "PAM_SUCCESS");

    let accept = recorded.lock().expect("a record").clone();
    assert_eq!(accept[0], ACCEPT);
    relay.on_reply(move |passing| {
        // Also with the expected identifier, and with a valid Response Authenticator.
        let mut fitting = accept.clone();
        fitting[1] = passing.datagram[1];
        let signed = forged(passing.request, &accept[20..]);
        vec![accept.clone(), fitting, signed, passing.datagram.to_vec()]
    });
    assert_eq!(host.log_in("anna", &["guess"]), "PAM_AUTH_ERR");
    assert_eq!(
        host.failures("anna"),
        1,
        "what the server itself said counts"
    );
    host.agent.await_log("3 datagrams from");
}

/// An Accept with these attributes and a valid Response Authenticator.
fn forged(request: &[u8], attributes: &[u8]) -> Vec<u8> {
    reply_that_fits(ACCEPT, request, attributes, FreeRadius::SECRET)
}

/// Otherwise the forgeries below would prove nothing.
#[test]
fn a_reassembled_reply_of_the_server_is_accepted() {
    let server = FreeRadius::start();
    let relay = Relay::before(server.address());
    let host = Host::asking(&[relay.address()]);
    host.enroll("anna");
    relay.on_reply(|passing| {
        let reply = passing.datagram;
        vec![reply_that_fits(
            reply[0],
            passing.request,
            &reply[20..],
            FreeRadius::SECRET,
        )]
    });
    assert_eq!(host.log_in("anna", &[PASSWORD]), "PAM_SUCCESS");
    assert_eq!(host.log_in("anna", &["guess"]), "PAM_AUTH_ERR");
}

/// Makes an Accept from another reply.
type Forgery = fn(&Passing<'_>) -> Vec<u8>;

const FORGERIES: [(&str, Forgery); 4] = [
    ("only the code is another", |passing| {
        let mut reply = passing.datagram.to_vec();
        reply[0] = ACCEPT;
        reply
    }),
    ("without a Message-Authenticator", |passing| {
        let attributes = attributes_without(MESSAGE_AUTHENTICATOR, passing.datagram);
        forged(passing.request, &attributes)
    }),
    ("with that of the other reply", |passing| {
        forged(passing.request, &passing.datagram[20..])
    }),
    ("with one that is made up", |passing| {
        let made_up = [&[MESSAGE_AUTHENTICATOR, 18], &[0xa5; 16][..]].concat();
        forged(passing.request, &made_up)
    }),
];

#[test]
fn a_reject_turned_into_an_accept_lets_nobody_in() {
    for (what, forge) in FORGERIES {
        let server = FreeRadius::start();
        let relay = Relay::before(server.address());
        let host = Host::with(&[relay.address()], &impatient());
        host.enroll("anna");
        relay.on_reply(move |passing| vec![forge(passing)]);
        let result = host.log_in("anna", &["guess"]);
        assert_eq!(result, "PAM_CONV_ERR", "{what}");
        assert_eq!(host.failures("anna"), 0, "{what}");
        host.agent.await_log("refused, the last because");
    }
}

#[test]
fn a_challenge_turned_into_an_accept_lets_nobody_in() {
    for (what, forge) in FORGERIES {
        let server = FreeRadius::start();
        let relay = Relay::before(server.address());
        let host = Host::with(&[relay.address()], &impatient());
        host.enroll("bob");
        relay.on_reply(move |passing| vec![forge(passing), passing.datagram.to_vec()]);
        // The server's own question comes after it, and is shown.
        let seen = Login::of("bob").answer(PASSWORD).run(&host.stack);
        assert_eq!(seen.result(), "PAM_CONV_ERR", "{what}: {seen:?}");
        assert_eq!(seen.prompts().len(), 2, "{what}: {seen:?}");
    }
}

#[test]
fn rubbish_before_the_answer_ends_no_login() {
    let server = FreeRadius::start();
    let relay = Relay::before(server.address());
    let host = Host::asking(&[relay.address()]);
    host.enroll("anna");
    relay.on_reply(|passing| {
        let reply = passing.datagram;
        let rubbish = [
            &[][..],
            &reply[..1],
            &reply[..19],
            &reply[..reply.len() - 1],
        ];
        let mut datagrams: Vec<Vec<u8>> = rubbish.map(<[u8]>::to_vec).to_vec();
        datagrams.extend([vec![0xff; 4096], reply.to_vec()]);
        datagrams
    });
    assert_eq!(host.log_in("anna", &[PASSWORD]), "PAM_SUCCESS");
    assert_eq!(host.log_in("anna", &["guess"]), "PAM_AUTH_ERR");
}
