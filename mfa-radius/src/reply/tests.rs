//! Which datagrams are valid replies, and which must not be.

use super::*;
use crate::testing::{ACCEPT, CHALLENGE, Mac, REJECT, login, reply, reply_of_bytes, secret};
use proptest::prelude::*;

const REQUEST: (u8, [u8; 16]) = (42, [0xa5; 16]);

fn read_with(datagram: &[u8], shared: &str) -> Result<Reply, ReplyError> {
    let request = login(REQUEST.0, REQUEST.1, &secret(shared));
    decode(datagram, &request, &secret(shared))
}

fn read(datagram: &[u8]) -> Result<Reply, ReplyError> {
    read_with(datagram, "s3cret")
}

fn made(code: u8, attributes: &[(u8, &[u8])], mac: Mac) -> Vec<u8> {
    reply(code, REQUEST, attributes, mac, &secret("s3cret"))
}

fn accept() -> Vec<u8> {
    made(ACCEPT, &[(kind::REPLY_MESSAGE, b"welcome")], Mac::First)
}

#[test]
fn accept_and_reject_carry_their_message() {
    let message = "welcome".to_owned();
    assert_eq!(read(&accept()), Ok(Reply::Accept { message }));
    let rejected = made(REJECT, &[(kind::REPLY_MESSAGE, b"no")], Mac::First);
    assert_eq!(
        read(&rejected),
        Ok(Reply::Reject {
            message: "no".into()
        })
    );
    let silent = made(REJECT, &[], Mac::First);
    assert_eq!(
        read(&silent),
        Ok(Reply::Reject {
            message: String::new()
        })
    );
}

#[test]
fn a_challenge_carries_state_question_and_prompt() {
    let all_bytes: Vec<u8> = (0..=252).collect();
    let challenge = made(
        CHALLENGE,
        &[
            (kind::REPLY_MESSAGE, b"Enter the code"),
            (kind::STATE, &all_bytes),
            (kind::PROMPT, &[0, 0, 0, 1]),
        ],
        Mac::First,
    );
    let expected = Reply::Challenge {
        state: State::new(&all_bytes),
        message: "Enter the code".into(),
        echo: true,
    };
    assert_eq!(read(&challenge), Ok(expected));
}

#[test]
fn an_answer_is_hidden_unless_the_prompt_says_echo() {
    let prompts: [&[(u8, &[u8])]; 3] = [
        &[],
        &[(kind::PROMPT, &[0, 0, 0, 0])],
        &[(kind::PROMPT, &[1, 0, 0, 1])],
    ];
    for prompt in prompts {
        let Ok(Reply::Challenge { echo, .. }) = read(&made(CHALLENGE, prompt, Mac::First)) else {
            panic!("a challenge was expected");
        };
        assert!(!echo, "{prompt:?}");
    }
}

#[test]
fn attributes_that_grant_a_service_are_ignored() {
    let service: [(u8, &[u8]); 3] = [(6, &[0, 0, 0, 2]), (7, &[0, 0, 0, 1]), (25, b"class")];
    let message = String::new();
    assert_eq!(
        read(&made(ACCEPT, &service, Mac::First)),
        Ok(Reply::Accept { message })
    );
}

#[test]
fn without_a_message_authenticator_nothing_passes() {
    // A BlastRADIUS forgery: the Response Authenticator is right.
    for code in [ACCEPT, REJECT, CHALLENGE] {
        let forged = made(code, &[], Mac::Missing);
        assert_eq!(read(&forged), Err(ReplyError::NoMessageAuthenticator));
    }
}

#[test]
fn a_wrong_message_authenticator_is_a_forgery() {
    let forged = made(ACCEPT, &[], Mac::Wrong);
    assert_eq!(read(&forged), Err(ReplyError::MessageAuthenticator));
    let short = made(
        ACCEPT,
        &[(kind::MESSAGE_AUTHENTICATOR, b"short")],
        Mac::Missing,
    );
    assert_eq!(read(&short), Err(ReplyError::MessageAuthenticator));
}

#[test]
fn two_message_authenticators_are_refused() {
    let twice = made(ACCEPT, &[], Mac::Twice);
    let repeated = ReplyError::Repeated(kind::MESSAGE_AUTHENTICATOR);
    assert_eq!(read(&twice), Err(repeated));
}

#[test]
fn a_message_authenticator_counts_in_any_position() {
    let last = made(ACCEPT, &[(kind::REPLY_MESSAGE, b"welcome")], Mac::Last);
    assert_eq!(read(&last), read(&accept()));
}

#[test]
fn a_digest_moved_to_another_position_is_wrong() {
    let mut datagram = made(REJECT, &[(kind::STATE, &[0; 16])], Mac::First);
    // Message-Authenticator and State change places, and the Response Authenticator is computed
    // again.
    let attributes = datagram.split_off(HEADER);
    let (mac, state) = attributes.split_at(18);
    let moved = [state, mac].concat();
    let forged = reply_of_bytes(REJECT, REQUEST, &moved, Mac::Missing, &secret("s3cret"));
    assert_eq!(read(&forged), Err(ReplyError::MessageAuthenticator));
}

#[test]
fn a_reply_made_with_another_secret_is_refused() {
    assert_eq!(
        read_with(&accept(), "other"),
        Err(ReplyError::ResponseAuthenticator)
    );
}

#[test]
fn a_replayed_accept_matches_no_later_request() {
    let recorded = accept();
    for (identifier, authenticator) in [(REQUEST.0, [0xa6; 16]), (REQUEST.0 ^ 1, REQUEST.1)] {
        let later = login(identifier, authenticator, &secret("s3cret"));
        assert!(decode(&recorded, &later, &secret("s3cret")).is_err());
    }
}

#[test]
fn a_reject_turned_into_an_accept_is_refused() {
    let mut datagram = made(REJECT, &[], Mac::First);
    datagram[0] = ACCEPT;
    assert_eq!(read(&datagram), Err(ReplyError::ResponseAuthenticator));
    // Even with a matching Response Authenticator, the Message-Authenticator covers the code.
    let attributes = datagram.split_off(HEADER);
    let forged = reply_of_bytes(
        ACCEPT,
        REQUEST,
        &attributes,
        Mac::Missing,
        &secret("s3cret"),
    );
    assert_eq!(read(&forged), Err(ReplyError::MessageAuthenticator));
}

#[test]
fn the_own_request_sent_back_is_not_a_reply() {
    let request = login(REQUEST.0, REQUEST.1, &secret("s3cret"));
    assert_eq!(read(request.bytes()), Err(ReplyError::Code(1)));
}

#[test]
fn other_codes_are_not_replies() {
    for code in (0..=255).filter(|code| ![ACCEPT, REJECT, CHALLENGE].contains(code)) {
        assert_eq!(
            read(&made(code, &[], Mac::First)),
            Err(ReplyError::Code(code))
        );
    }
}

#[test]
fn a_datagram_shorter_than_its_length_field_is_dropped() {
    let whole = accept();
    for length in 0..whole.len() {
        assert!(matches!(read(&whole[..length]), Err(ReplyError::Short(n)) if n == length));
    }
}

#[test]
fn bytes_behind_the_packet_are_padding() {
    let mut padded = accept();
    padded.extend_from_slice(&[0xff; 40]);
    assert_eq!(read(&padded), read(&accept()));
}

#[test]
fn a_length_field_out_of_range_is_refused() {
    for length in [0u16, 19, 4097, u16::MAX] {
        let mut datagram = accept();
        datagram.resize(70_000, 0);
        datagram[2..4].copy_from_slice(&length.to_be_bytes());
        assert_eq!(read(&datagram), Err(ReplyError::Length(length.into())));
    }
}

#[test]
fn garbled_attributes_make_an_authentic_packet_invalid() {
    for garbled in [&[24u8][..], &[24, 0], &[24, 1], &[24, 9, 1]] {
        let datagram = reply_of_bytes(ACCEPT, REQUEST, garbled, Mac::First, &secret("s3cret"));
        assert_eq!(read(&datagram), Err(ReplyError::Attributes(18)));
    }
}

#[test]
fn two_states_or_prompts_are_refused() {
    for (kind, value) in [(kind::STATE, &b"abcd"[..]), (kind::PROMPT, &[0, 0, 0, 1])] {
        let twice = made(CHALLENGE, &[(kind, value), (kind, value)], Mac::First);
        assert_eq!(read(&twice), Err(ReplyError::Repeated(kind)));
    }
}

#[test]
fn a_state_or_prompt_of_invalid_length_is_refused() {
    for bytes in [&[kind::STATE, 2][..], &[kind::PROMPT, 3, 1]] {
        let datagram = reply_of_bytes(CHALLENGE, REQUEST, bytes, Mac::First, &secret("s3cret"));
        assert_eq!(read(&datagram), Err(ReplyError::AttributeLength(bytes[0])));
    }
}

#[test]
fn the_state_is_not_in_debug_output() {
    let state = State::new(b"resume-me").unwrap();
    assert_eq!(format!("{state:?}"), "State(9 bytes)");
    assert_eq!(State::new(b""), None);
    assert_eq!(State::new(&[0; 254]), None);
}

#[test]
fn an_answer_to_status_needs_the_secret_and_is_no_login() {
    let shared = secret("s3cret");
    let nas = crate::request::NasIdentifier::new("host".into()).unwrap();
    let status = Packet::status_server(&nas, 9, [3; 16], &shared);
    for mac in [Mac::First, Mac::Missing] {
        let alive = reply(ACCEPT, (9, [3; 16]), &[], mac, &shared);
        assert!(shows_life(&alive, &status, &shared));
        assert!(read(&alive).is_err());
    }
    let wrong = reply(ACCEPT, (9, [3; 16]), &[], Mac::Wrong, &shared);
    assert!(!shows_life(&wrong, &status, &shared));
    let stranger = reply(ACCEPT, (9, [3; 16]), &[], Mac::First, &secret("other"));
    assert!(!shows_life(&stranger, &status, &shared));
    let rejected = reply(REJECT, (9, [3; 16]), &[], Mac::First, &shared);
    assert!(!shows_life(&rejected, &status, &shared));
}

proptest! {
    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..5000)) {
        prop_assert!(read(&bytes).is_err());
    }

    #[test]
    fn any_attributes_of_a_true_server_are_a_reply_or_refused(
        code in prop::sample::select(vec![ACCEPT, REJECT, CHALLENGE]),
        attributes in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let datagram = reply_of_bytes(code, REQUEST, &attributes, Mac::First, &secret("s3cret"));
        match read(&datagram) {
            Ok(Reply::Accept { .. }) => prop_assert_eq!(code, ACCEPT),
            Ok(Reply::Reject { .. }) => prop_assert_eq!(code, REJECT),
            Ok(Reply::Challenge { .. }) => prop_assert_eq!(code, CHALLENGE),
            Err(_) => {}
        }
    }

    #[test]
    fn one_bit_changed_anywhere_voids_a_reply(at in 0usize..45, bit in 0u8..8) {
        let mut datagram = accept();
        let at = at % datagram.len();
        datagram[at] ^= 1 << bit;
        prop_assert!(read(&datagram).is_err());
    }
}
