//! Security keys: verified by sshd, or by the user's SSH agent.

use super::*;
use crate::account::{KeyFault, KeyProof, SecurityKey};
use crate::factors::security_key::challenge::{Assertion, SignatureFault};
use crate::factors::security_key::samples::{SoftKey, no_identities};
use mfa_protocol::login::Unsigned;

const TOTP: &str = "OTP code: ";
const TOUCH: &str = "Touch your security key.";
const OUT_OF_REACH: &str = "No security key that is set up for you is in reach.";
const SILENT: &str = "The security key did not answer";

/// Anna has a device, a PIN, questions and this key.
fn with_key(key: &SoftKey) -> Account {
    let mut account = full();
    add(&mut account, "blue", key);
    account
}

fn add(account: &mut Account, label: &str, key: &SoftKey) {
    let key = SecurityKey::new(label.parse().unwrap(), key.public(), at(0));
    account.add_key(key).unwrap();
}

fn plan_of(combinations: &[&str], can_sign: bool, verified: &[&SoftKey]) -> Plan {
    Plan {
        tries: 2,
        keys: KeyPlan {
            can_sign,
            verified: verified.iter().map(|key| key.public()).collect(),
            host: "web-1".to_owned(),
            session: "1".to_owned(),
            ..KeyPlan::default()
        },
        ..plan(combinations)
    }
}

fn first(plan: Plan, account: &Account) -> (Talk, Next) {
    start(plan, account, FallbackRecipients::default())
}

impl Talk {
    fn relayed(&mut self, reply: Result<Vec<u8>, Unsigned>) -> Next {
        let Some(Waiting::Asking(state)) = self.waiting.take() else {
            panic!("no agent is asked");
        };
        self.keep(state.answered(AgentReply {
            reply,
            now: at(0),
            nonce: [7; 32],
        }))
    }
}

/// What an agent is asked, and the messages before.
fn relayed(next: Next) -> (Vec<u8>, Vec<String>) {
    match next {
        Next::Relay(step) => {
            let message = step.sign.as_ref().unwrap().as_bytes();
            let message = data_encoding::BASE64.decode(message).unwrap();
            assert!(step.patience.is_some() && step.prompt.is_none());
            (message, texts(&step))
        }
        other => panic!("no agent is asked: {other:?}"),
    }
}

fn texts(step: &Step) -> Vec<String> {
    step.messages.iter().map(|it| it.text.clone()).collect()
}

/// The proofs that are verified.
fn proofs(next: Next) -> Vec<KeyProof> {
    match next {
        Next::Verify(answers) => answers.into_iter().filter_map(|it| it.key).collect(),
        other => panic!("nothing is verified: {other:?}"),
    }
}

#[test]
fn a_key_that_sshd_has_verified_is_met_without_a_question() {
    let key = SoftKey::ed25519(1);
    let account = with_key(&key);
    let (mut talk, next) = first(plan_of(&["key", "totp"], false, &[&key]), &account);
    assert_eq!(proofs(next), [KeyProof::BySshd(key.public())]);
    let Next::End(step, Outcome::Passed) = talk.verified(&Verdict::Passed(Passed::default()))
    else {
        panic!("not passed")
    };
    assert!(step.messages.is_empty());
    // With a PIN both are verified together.
    let (mut talk, next) = first(plan_of(&["key+pin"], false, &[&key]), &account);
    assert_eq!(prompt(&asked(next)), "PIN: ");
    assert_eq!(proofs(answer(&mut talk, "1379")).len(), 1);
}

#[test]
fn without_a_key_in_reach_the_next_way_is_asked_without_a_word() {
    let (key, other) = (SoftKey::ed25519(1), SoftKey::ed25519(2));
    for verified in [&[][..], &[&other]] {
        let plan = plan_of(&["key", "totp"], false, verified);
        let (_, step) = begin(plan, &with_key(&key));
        assert_eq!((prompt(&step), texts(&step)), (TOTP, Vec::new()));
    }
    let mut disabled = with_key(&key);
    disabled.enable_key(None, false).unwrap();
    let (_, step) = begin(plan_of(&["key", "totp"], false, &[&key]), &disabled);
    assert_eq!(prompt(&step), TOTP);
}

#[test]
fn a_key_counts_by_its_type_and_not_by_sshd_where_it_must_verify_its_owner() {
    let key = SoftKey::ed25519(1);
    let terms = [
        KeyTerms::of(|name| name == "sk-ecdsa-sha2-nistp256@openssh.com", false),
        KeyTerms::of(|_| true, true),
    ];
    for terms in terms {
        let mut plan = plan_of(&["key", "totp"], false, &[&key]);
        plan.keys.terms = terms;
        let (_, step) = begin(plan, &with_key(&key));
        assert_eq!(prompt(&step), TOTP, "{terms:?}");
    }
}

#[test]
fn an_ssh_agent_is_asked_for_its_keys_and_then_to_sign_which_the_user_hears_of() {
    for mut key in [SoftKey::ed25519(1), SoftKey::p256()] {
        let account = with_key(&key);
        let (mut talk, next) = first(plan_of(&["key", "totp"], true, &[]), &account);
        let (message, said) = relayed(next);
        assert_eq!((&message[..], said), (&[11][..], vec![]));
        let next = talk.relayed(Ok(key.answer(&message)));
        let (message, said) = relayed(next);
        assert_eq!((message[0], said), (13, vec![TOUCH.to_owned()]));
        let [
            KeyProof::Signed {
                shown: Ok(shown), ..
            },
        ] = &proofs(talk.relayed(Ok(key.answer(&message))))[..]
        else {
            panic!("no signature")
        };
        assert_eq!(shown.counter, 1);
        let end = talk.verified(&Verdict::Passed(Passed::default()));
        assert!(matches!(end, Next::End(_, Outcome::Passed)));
    }
}

#[test]
fn everybody_has_an_agent_asked_before_the_way_behind_a_key_and_touches_nothing_in_vain() {
    let mut key = SoftKey::ed25519(1);
    for account in [full(), Account::default(), with_key(&SoftKey::ed25519(2))] {
        let (mut talk, next) = first(plan_of(&["key", "totp"], true, &[]), &account);
        let (message, said) = relayed(next);
        assert_eq!((&message[..], said), (&[11][..], vec![]));
        let step = asked(talk.relayed(Ok(key.answer(&message))));
        assert_eq!((prompt(&step), texts(&step)), (TOTP, vec![]));
    }
    // A key is not touched for a way that its owner can't go to the end.
    let mut account = with_key(&key);
    account.remove(Factor::Pin);
    let (mut talk, next) = first(plan_of(&["key+pin", "totp"], true, &[]), &account);
    let (message, _) = relayed(next);
    assert_eq!(prompt(&asked(talk.relayed(Ok(key.answer(&message))))), TOTP);
    // Who is asked for a code first has no agent asked.
    let (_, step) = begin(plan_of(&["totp", "key"], true, &[]), &with_key(&key));
    assert_eq!(prompt(&step), TOTP);
}

#[test]
fn an_agent_that_does_not_answer_or_sign_is_no_guess() {
    let mut key = SoftKey::ed25519(1);
    let account = with_key(&key);
    let silences = [
        Unsigned::NoAgent,
        Unsigned::Refused,
        Unsigned::Timeout,
        Unsigned::TooLong,
        Unsigned::Closed,
    ];
    let mut replies: Vec<Result<Vec<u8>, Unsigned>> = silences.map(Err).into();
    replies.extend([vec![], vec![5], vec![14], vec![255; 4000]].map(Ok));
    for reply in replies {
        let (mut talk, _) = first(plan_of(&["key", "totp"], true, &[]), &account);
        let step = asked(talk.relayed(reply.clone()));
        assert_eq!((prompt(&step), texts(&step)), (TOTP, vec![]), "{reply:?}");

        let (mut talk, next) = first(plan_of(&["key", "totp"], true, &[]), &account);
        let (message, _) = relayed(next);
        relayed(talk.relayed(Ok(key.answer(&message))));
        let step = asked(talk.relayed(reply.clone()));
        assert_eq!(prompt(&step), TOTP, "{reply:?}");
        assert!(texts(&step)[0].starts_with(SILENT), "{step:?}");
    }
}

/// In a program that verifies no keys and reaches no SSH agent.
const NO_WAY: &str = "This program can't use security keys.";

#[test]
fn a_wrong_code_beside_a_good_key_is_not_blamed_on_the_key() {
    let mut key = SoftKey::ed25519(1);
    let (mut talk, step) = begin(plan_of(&["totp+key"], true, &[]), &with_key(&key));
    assert_eq!(prompt(&step), TOTP);
    let (message, _) = relayed(answer(&mut talk, "000000"));
    let (message, _) = relayed(talk.relayed(Ok(key.answer(&message))));
    let proofs = proofs(talk.relayed(Ok(key.answer(&message))));
    assert_eq!(proofs.len(), 1);
    for verdict in [WRONG, Verdict::Locked(Lock::Administrator)] {
        let said = match talk.verified(&verdict) {
            Next::Ask(step) => texts(&step),
            Next::End(step, _) => texts(&step),
            other => panic!("{other:?}"),
        };
        assert!(!said[0].contains("key"), "{said:?}");
        // The same code once more.
        if let Verdict::Wrong { .. } = verdict {
            let (message, _) = relayed(answer(&mut talk, "000000"));
            let (message, _) = relayed(talk.relayed(Ok(key.answer(&message))));
            talk.relayed(Ok(key.answer(&message)));
        }
    }
}

#[test]
fn an_interrupted_wait_cancels() {
    let mut key = SoftKey::ed25519(1);
    let (mut talk, next) = first(plan_of(&["key", "totp"], true, &[]), &with_key(&key));
    let (message, _) = relayed(next);
    relayed(talk.relayed(Ok(key.answer(&message))));
    let end = talk.relayed(Err(Unsigned::Interrupted));
    assert!(matches!(end, Next::End(_, Outcome::Cancelled)), "{end:?}");
}

#[test]
fn with_a_key_alone_users_without_one_in_reach_read_what_to_do_like_those_who_have_none() {
    let key = SoftKey::ed25519(1);
    for account in [full(), Account::default(), with_key(&key)] {
        for combination in ["key", "key+pin"] {
            let (_, next) = first(plan_of(&[combination], false, &[]), &account);
            let Next::End(step, Outcome::Wrong) = next else {
                panic!("{next:?}")
            };
            assert!(texts(&step)[0].starts_with(NO_WAY), "{step:?}");
            let (mut talk, next) = first(plan_of(&[combination], true, &[]), &account);
            relayed(next);
            let next = talk.relayed(Ok(no_identities()));
            let Next::End(step, Outcome::Wrong) = next else {
                panic!("{next:?}")
            };
            assert!(texts(&step)[0].starts_with(OUT_OF_REACH), "{step:?}");
        }
    }
}

#[test]
fn a_wrong_signature_is_verified_as_such_and_another_way_is_asked_then() {
    let key = SoftKey::ed25519(1);
    let mut key = key.forging();
    let plan = plan_of(&["key+pin", "totp"], true, &[]);
    let (mut talk, found) = signed(plan, &with_key(&key), &mut key);
    assert_eq!(found, Some(Err(SignatureFault::Invalid)));
    let fault = KeyFault::Signature(SignatureFault::Invalid);
    let step = asked(talk.verified(&wrong(fault, None)));
    assert_eq!(prompt(&step), TOTP);
    assert!(texts(&step)[0].contains("is not valid"), "{step:?}");
}

/// Leads a login until the key has signed, and returns what its signature shows.
fn signed(
    plan: Plan,
    account: &Account,
    key: &mut SoftKey,
) -> (Talk, Option<Result<Assertion, SignatureFault>>) {
    let (mut talk, next) = first(plan, account);
    let (message, _) = relayed(next);
    let (message, _) = relayed(talk.relayed(Ok(key.answer(&message))));
    let proofs = proofs(talk.relayed(Ok(key.answer(&message))));
    let shown = match &proofs[..] {
        [KeyProof::Signed { shown, .. }] => Some(*shown),
        _ => None,
    };
    (talk, shown)
}

fn wrong(fault: KeyFault, lock: Option<Lock>) -> Verdict {
    Verdict::Wrong {
        failures: 1,
        lock,
        out_of_sync: None,
        expended: None,
        key: Some(("blue".to_owned(), fault)),
    }
}

/// The verdicts on keys that are no guess, and what the user hears of them.
fn refusals() -> [(Verdict, &'static str); 6] {
    let refused = |fault| Verdict::Insufficient {
        key: "blue".to_owned(),
        fault,
    };
    let insufficient = |fault| refused(KeyFault::Signature(fault));
    [
        (refused(KeyFault::Suspect), "may have been copied"),
        (refused(KeyFault::WentBack), "may have been copied"),
        (
            insufficient(SignatureFault::NotTouched),
            "without being touched",
        ),
        (
            insufficient(SignatureFault::NotVerified),
            "PIN or your finger",
        ),
        (wrong(KeyFault::WentBack, None), "may have been copied"),
        (Verdict::Stale, OUT_OF_REACH),
    ]
}

#[test]
fn after_a_key_that_is_refused_the_code_is_asked_for_with_all_its_tries_and_the_key_never_again() {
    for tries in [1, 2, 3] {
        for (verdict, why) in refusals() {
            let mut key = SoftKey::ed25519(1);
            let plan = Plan {
                tries,
                ..plan_of(&["key", "totp"], true, &[])
            };
            let (mut talk, _) = signed(plan, &with_key(&key), &mut key);
            let step = asked(talk.verified(&verdict));
            assert_eq!(prompt(&step), TOTP, "{tries} {verdict:?}");
            assert!(texts(&step)[0].contains(why), "{step:?}");
            asked(answer(&mut talk, "?"));
            let step = asked(answer(&mut talk, "1"));
            assert_eq!(prompt(&step), TOTP, "the key is over: {verdict:?}");
            for _ in 1..tries {
                assert!(matches!(answer(&mut talk, "000000"), Next::Verify(_)));
                assert_eq!(prompt(&asked(talk.verified(&WRONG))), TOTP);
            }
            assert!(matches!(answer(&mut talk, "000000"), Next::Verify(_)));
            assert!(matches!(talk.verified(&WRONG), Next::End(..)));
        }
    }
}

#[test]
fn a_key_alone_that_is_refused_ends_the_login_and_the_user_reads_why() {
    for tries in [1, 3] {
        for (verdict, why) in refusals() {
            let mut key = SoftKey::ed25519(1);
            let plan = Plan {
                tries,
                ..plan_of(&["key", "key+pin"], true, &[])
            };
            let (mut talk, _) = signed(plan, &with_key(&key), &mut key);
            let Next::End(step, Outcome::Wrong) = talk.verified(&verdict) else {
                panic!("{verdict:?}")
            };
            assert!(texts(&step)[0].contains(why), "{step:?}");
        }
    }
    let mut key = SoftKey::ed25519(1);
    let (mut talk, _) = signed(
        plan_of(&["key", "totp"], true, &[]),
        &with_key(&key),
        &mut key,
    );
    let locked = talk.verified(&wrong(KeyFault::WentBack, Some(Lock::Administrator)));
    assert!(matches!(locked, Next::End(_, Outcome::Wrong)), "{locked:?}");
}

#[test]
fn a_count_that_went_back_is_verified_before_a_pin_is_asked_for() {
    let mut key = SoftKey::ed25519(1);
    let mut account = full();
    let label = "blue".parse().unwrap();
    let enrolled = SecurityKey::new(label, key.public(), at(0)).counted(9);
    account.add_key(enrolled).unwrap();
    let plan = plan_of(&["key+pin", "totp"], true, &[]);
    let (_, shown) = signed(plan, &account, &mut key);
    assert_eq!(shown.unwrap().unwrap().counter, 1);
}

#[test]
fn a_key_that_sshd_has_verified_and_that_is_gone_is_not_met_again() {
    let key = SoftKey::ed25519(1);
    let (mut talk, next) = first(plan_of(&["key", "totp"], false, &[&key]), &with_key(&key));
    assert_eq!(proofs(next).len(), 1);
    assert_eq!(prompt(&asked(talk.verified(&Verdict::Stale))), TOTP);
}

#[test]
fn a_key_in_a_file_does_not_count_where_keys_must_verify_their_owner() {
    use crate::factors::security_key::{KeyLine, samples::plain_line};
    let plain: KeyLine = plain_line().parse().unwrap();
    for verifies_owner in [false, true] {
        let terms = KeyTerms::of(|_| true, verifies_owner);
        assert_eq!(terms.take(&plain.key), !verifies_owner);
        assert!(terms.take(&SoftKey::p256().public()));
    }
}

#[test]
fn a_key_in_a_file_is_asked_without_a_word_of_touching_it() {
    use crate::factors::security_key::{KeyLine, samples::plain_line};
    let line = plain_line();
    let plain: KeyLine = line.parse().unwrap();
    let mut account = full();
    let label = "file".parse().unwrap();
    let key = SecurityKey::new(label, plain.key, at(0));
    account.add_key(key).unwrap();
    let mut plan = plan_of(&["key"], true, &[]);
    plan.keys.terms = KeyTerms::of(|_| true, false);
    let (mut talk, next) = first(plan, &account);
    relayed(next);
    let blob = line.split_whitespace().nth(1).unwrap();
    let blob = data_encoding::BASE64.decode(blob.as_bytes()).unwrap();
    let length = u32::try_from(blob.len()).unwrap().to_be_bytes();
    let identities = [&[12, 0, 0, 0, 1][..], &length, &blob, &[0; 4]].concat();
    let (message, said) = relayed(talk.relayed(Ok(identities)));
    assert_eq!((message[0], said), (13, vec![]));
}

#[test]
fn a_key_must_show_that_it_has_verified_its_owner_where_that_is_required() {
    for (flags, is_enough) in [(1, false), (5, true)] {
        let mut key = SoftKey::p256().saying(flags);
        let mut plan = plan_of(&["key"], true, &[]);
        plan.keys.terms = KeyTerms::of(|_| true, true);
        let (mut talk, next) = first(plan, &with_key(&key));
        let (message, _) = relayed(next);
        let (message, _) = relayed(talk.relayed(Ok(key.answer(&message))));
        let proofs = proofs(talk.relayed(Ok(key.answer(&message))));
        assert_eq!(proofs[0].is_wrong(), !is_enough, "{proofs:?}");
    }
}

#[test]
fn of_two_keys_the_one_that_signs_is_taken_and_the_user_is_told_once() {
    let (lost, mut here) = (SoftKey::ed25519(1), SoftKey::ed25519(2));
    let mut account = with_key(&lost);
    add(&mut account, "red", &here);
    let (mut talk, next) = first(plan_of(&["key"], true, &[]), &account);
    relayed(next);
    let both = both(&lost, &here);
    let (message, said) = relayed(talk.relayed(Ok(both)));
    assert_eq!(said, [TOUCH]);
    // The agent has the first key, but it is not plugged in.
    let (message, said) = relayed(talk.relayed(Ok(here.answer(&message))));
    assert_eq!(said, [""; 0]);
    let proofs = proofs(talk.relayed(Ok(here.answer(&message))));
    assert_eq!(proofs[0].key(), &here.public());
}

/// What an SSH agent with both keys says that it has.
fn both(one: &SoftKey, two: &SoftKey) -> Vec<u8> {
    let [one, two] = [one.clone(), two.clone()].map(|mut key| key.answer(&[11]));
    [&[12, 0, 0, 0, 2][..], &one[5..], &two[5..]].concat()
}

/// Two keys in one SSH agent. Leads the login until the next one has signed.
fn signs(talk: &mut Talk, next: Next, agent: [&mut SoftKey; 2]) -> (Vec<KeyProof>, Vec<String>) {
    let (message, mut heard) = relayed(next);
    assert_eq!(message, [11]);
    let [one, two] = agent;
    let (message, said) = relayed(talk.relayed(Ok(both(one, two))));
    heard.extend(said);
    let replies = [one, two].map(|key| key.answer(&message));
    let signed = replies.into_iter().find(|reply| reply[0] == 14).unwrap();
    (proofs(talk.relayed(Ok(signed))), heard)
}

#[test]
fn after_a_key_that_is_refused_the_next_one_is_asked_and_then_the_code() {
    for policy in [&["key", "totp"][..], &["key"]] {
        for (verdict, why) in refusals() {
            let (mut one, mut two) = (SoftKey::ed25519(1), SoftKey::ed25519(2));
            let mut account = with_key(&one);
            add(&mut account, "red", &two);
            let (mut talk, next) = first(plan_of(policy, true, &[]), &account);
            let (first, _) = signs(&mut talk, next, [&mut one, &mut two]);
            assert_eq!(first[0].key(), &one.public());
            let next = talk.verified(&verdict);
            let (second, heard) = signs(&mut talk, next, [&mut one, &mut two]);
            assert_eq!(second[0].key(), &two.public(), "{verdict:?}");
            assert!(heard[0].contains(why) && heard[1] == TOUCH, "{heard:?}");
            match (talk.verified(&verdict), policy.len()) {
                (Next::Ask(step), 2) => assert_eq!(prompt(&step), TOTP),
                (Next::End(step, Outcome::Wrong), 1) => assert!(texts(&step)[0].contains(why)),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_key_that_has_passed_is_asked_first_and_one_that_may_be_copied_last() {
    let (mut one, mut two) = (SoftKey::ed25519(1), SoftKey::ed25519(2));
    let mut account = with_key(&one);
    add(&mut account, "red", &two);
    let passed = |account: &mut Account, key: &SoftKey, counter| {
        let shown = Ok(Assertion {
            counter,
            is_owner_verified: false,
        });
        let key = key.public();
        let known = 0;
        verify_key(account, KeyProof::Signed { key, known, shown })
    };
    assert!(matches!(passed(&mut account, &two, 1), Verdict::Passed(_)));
    let (mut talk, next) = first(plan_of(&["key"], true, &[]), &account);
    let (proofs, _) = signs(&mut talk, next, [&mut one, &mut two]);
    assert_eq!(proofs[0].key(), &two.public());
    // The same count once more is of a copy.
    assert!(passed(&mut account, &two, 1).is_wrong());
    let (mut talk, next) = first(plan_of(&["key"], true, &[]), &account);
    let (proofs, _) = signs(&mut talk, next, [&mut one, &mut two]);
    assert_eq!(proofs[0].key(), &one.public());
}

fn verify_key(account: &mut Account, proof: KeyProof) -> Verdict {
    let attempt = crate::account::Attempt {
        epoch: account.lockout().epoch(),
        answers: vec![crate::account::PreparedAnswer::Key(proof)],
        now: at(59),
        windows: crate::factors::device::Windows::default(),
        limits: crate::lockout::Limits::default(),
        opening: None,
        renews: false,
        pepper: crate::account::samples::pepper(),
        rejected: None,
        is_password: false,
        is_key_counted: false,
    };
    account.attempt(&attempt)
}

/// Anna's key has shown the same count twice.
fn with_suspect(key: &SoftKey) -> Account {
    let mut account = with_key(key);
    for _ in 0..2 {
        let shown = Ok(Assertion {
            counter: 7,
            is_owner_verified: false,
        });
        let key = key.public();
        verify_key(
            &mut account,
            KeyProof::Signed {
                key,
                known: 0,
                shown,
            },
        );
    }
    account
}

#[test]
fn who_uses_a_key_that_may_be_copied_reads_so_and_is_asked_for_the_code() {
    for is_by_sshd in [false, true] {
        for policy in [&["key", "totp"][..], &["key"]] {
            let mut key = SoftKey::ed25519(1);
            let account = with_suspect(&key);
            assert!(!account.has(Factor::Key));
            let keys = [&key.clone()];
            let verified = &keys[..usize::from(is_by_sshd)];
            let plan = plan_of(policy, !is_by_sshd, verified);
            let (mut talk, next) = first(plan, &account);
            let proofs = match is_by_sshd {
                true => proofs(next),
                false => {
                    let (message, _) = relayed(next);
                    let (message, said) = relayed(talk.relayed(Ok(key.answer(&message))));
                    assert_eq!(said, [TOUCH]);
                    proofs(talk.relayed(Ok(key.answer(&message))))
                }
            };
            assert_eq!(proofs, [KeyProof::OfSuspect(key.public())]);
            let refused = Verdict::Insufficient {
                key: "blue".to_owned(),
                fault: KeyFault::Suspect,
            };
            let step = match talk.verified(&refused) {
                Next::Ask(step) => step,
                Next::End(step, Outcome::Wrong) => step,
                other => panic!("{other:?}"),
            };
            assert!(texts(&step)[0].contains("may have been copied"), "{step:?}");
            assert_eq!(step.prompt.is_some(), policy.len() == 2);
        }
    }
}

#[test]
fn a_key_can_be_chosen_again_and_its_messages_are_bounded() {
    let key = SoftKey::ed25519(1);
    let (mut talk, mut next) = first(plan_of(&["key", "totp"], true, &[]), &with_key(&key));
    let mut messages = 0;
    for _ in 0..20 {
        if let Next::Relay(_) = next {
            messages += 1;
            next = talk.relayed(Ok(no_identities()));
        }
        let step = asked(next);
        assert_eq!(prompt(&step), TOTP);
        if messages > 1 {
            assert!(texts(&step)[0].starts_with(OUT_OF_REACH), "{step:?}");
        }
        asked(answer(&mut talk, "?"));
        next = answer(&mut talk, "1");
        if let Next::End(..) = next {
            break;
        }
    }
    assert!((2..=16).contains(&messages), "{messages}");
}
