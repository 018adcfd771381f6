//! Security keys in attempts.

use super::super::samples::{at, full, pepper};
use super::super::{Label, SecurityKey};
use super::*;
use crate::factors::security_key::PublicKey;
use crate::factors::security_key::challenge::{Assertion, SignatureFault};
use crate::factors::security_key::samples::SoftKey;
use proptest::prelude::*;

fn key() -> PublicKey {
    SoftKey::ed25519(1).public()
}

fn with_key() -> Account {
    let mut account = full();
    let label: Label = "blue".parse().unwrap();
    account
        .add_key(SecurityKey::new(label, key(), at(0)))
        .unwrap();
    account
}

fn verify(account: &mut Account, answers: Vec<PreparedAnswer>) -> Verdict {
    let attempt = attempt(account, answers);
    account.attempt(&attempt)
}

fn attempt(account: &Account, answers: Vec<PreparedAnswer>) -> Attempt {
    Attempt {
        epoch: account.lockout().epoch(),
        answers,
        now: at(59),
        windows: Windows::default(),
        limits: Limits::default(),
        opening: None,
        renews: false,
        pepper: pepper(),
        rejected: None,
        is_password: false,
        is_key_counted: false,
    }
}

fn signed(known: u32, counter: u32) -> PreparedAnswer {
    PreparedAnswer::Key(KeyProof::Signed {
        key: key(),
        known,
        shown: Ok(Assertion {
            counter,
            is_owner_verified: false,
        }),
    })
}

fn by_sshd() -> PreparedAnswer {
    PreparedAnswer::Key(KeyProof::BySshd(key()))
}

fn pin(matches: bool) -> PreparedAnswer {
    PreparedAnswer::Hashed {
        factor: Factor::Pin,
        phc: "phc-pin".to_owned(),
        matches,
    }
}

#[test]
fn a_key_passes_with_its_label_and_fingerprint() {
    for proof in [by_sshd(), signed(0, 1), signed(0, 0)] {
        let mut account = with_key();
        let Verdict::Passed(passed) = verify(&mut account, vec![proof]) else {
            panic!("not passed")
        };
        assert_eq!(passed.device.as_deref(), Some("blue"));
        assert_eq!(passed.fingerprint, Some(key().fingerprint()));
        assert_eq!(account.keys()[0].dates.last_used_at, Some(at(59)));
    }
}

#[test]
fn a_key_that_was_removed_or_disabled_meanwhile_does_not_count_and_nothing_is_counted() {
    for change in [
        |account: &mut Account| assert!(account.enable_key(None, false).is_ok()),
        |account: &mut Account| assert_eq!(account.remove_keys(None), 1),
    ] {
        for proof in [by_sshd(), signed(0, 1)] {
            let mut account = with_key();
            change(&mut account);
            let before = account.clone();
            assert_eq!(verify(&mut account, vec![proof]), Verdict::Stale);
            assert_eq!(account, before);
        }
    }
}

#[test]
fn a_wrong_signature_is_a_failure_and_five_lock_also_for_sshd() {
    let mut account = with_key();
    for n in 1..=5 {
        let wrong = PreparedAnswer::Key(KeyProof::Signed {
            key: key(),
            known: 0,
            shown: Err(SignatureFault::Invalid),
        });
        let Verdict::Wrong { failures, key, .. } = verify(&mut account, vec![wrong]) else {
            panic!("not wrong")
        };
        let fault = KeyFault::Signature(SignatureFault::Invalid);
        assert_eq!((failures, key), (n, Some(("blue".to_owned(), fault))));
    }
    for proof in [by_sshd(), signed(0, 1)] {
        let locked = verify(&mut account, vec![proof]);
        assert!(matches!(locked, Verdict::Locked(_)), "{locked:?}");
    }
    assert_eq!(account.keys()[0].went_back_at(), None);
}

#[test]
fn a_signature_that_shows_too_little_is_no_guess_and_tells_nothing_of_a_pin() {
    for fault in [SignatureFault::NotTouched, SignatureFault::NotVerified] {
        let mut account = with_key();
        for with in [None, Some(pin(true)), Some(pin(false))] {
            let proof = PreparedAnswer::Key(KeyProof::Signed {
                key: key(),
                known: 0,
                shown: Err(fault),
            });
            let answers = std::iter::once(proof).chain(with).collect();
            let before = account.clone();
            let insufficient = Verdict::Insufficient {
                key: "blue".to_owned(),
                fault: KeyFault::Signature(fault),
            };
            assert_eq!(verify(&mut account, answers), insufficient);
            assert_eq!(account, before, "nothing is counted");
        }
    }
}

/// Such a proof is verified without the other answers of its way, so it must never pass.
#[test]
fn a_proof_that_is_wrong_by_itself_passes_at_no_record() {
    for (known, shown, kept) in (0..4).flat_map(|known| {
        (0..4).flat_map(move |shown| (0..4).map(move |kept| (known, shown, kept)))
    }) {
        let PreparedAnswer::Key(proof) = signed(known, shown) else {
            panic!("no proof")
        };
        let mut account = with_key();
        account.count_key(0, Some(kept));
        let verdict = verify(&mut account, vec![PreparedAnswer::Key(proof.clone())]);
        let passed = matches!(verdict, Verdict::Passed(_));
        assert!(!(passed && proof.is_wrong()), "{known} {shown} {kept}");
    }
}

#[test]
fn a_count_that_goes_back_is_a_failure_that_the_record_remembers_until_the_key_is_enabled() {
    for again in [(7, 7), (7, 6), (7, 0), (7, 1)] {
        let mut account = with_key();
        let passed = verify(&mut account, vec![signed(0, 7)]);
        assert!(matches!(passed, Verdict::Passed(_)));
        let verdict = verify(&mut account, vec![signed(again.0, again.1)]);
        let fault = Some(("blue".to_owned(), KeyFault::WentBack));
        assert!(
            matches!(&verdict, Verdict::Wrong { key, .. } if *key == fault),
            "{again:?}: {verdict:?}"
        );
        assert_eq!(account.keys()[0].went_back_at(), Some(at(59)));
        assert_eq!(account.keys()[0].counter(), 7);
        assert!(!account.has(Factor::Key), "no login expects it");
        assert_eq!(account.lockout().failures(at(59)), 1);
        // Whoever has which of the two: neither passes, and nobody is locked out by showing it.
        for proof in [
            signed(7, 8),
            signed(7, u32::MAX),
            signed(7, 7),
            by_sshd(),
            PreparedAnswer::Key(KeyProof::OfSuspect(key())),
        ] {
            let before = account.clone();
            assert_eq!(
                verify(&mut account, vec![proof]),
                refused(KeyFault::Suspect)
            );
            assert_eq!(account, before);
        }
        let enabled = account.enable_key(None, true);
        assert_eq!(enabled.map(|(_, changed)| changed), Ok(true));
        assert_eq!(account.keys()[0].went_back_at(), None);
        let passed = verify(&mut account, vec![signed(0, 1)]);
        assert!(matches!(passed, Verdict::Passed(_)));
    }
}

fn refused(fault: KeyFault) -> Verdict {
    Verdict::Insufficient {
        key: "blue".to_owned(),
        fault,
    }
}

/// It is verified before a PIN is typed, so it must not count, also if an administrator enables the key in that moment.
#[test]
fn a_proof_of_a_key_that_may_be_copied_never_passes() {
    let proof = || PreparedAnswer::Key(KeyProof::OfSuspect(key()));
    let mut account = with_key();
    assert_eq!(
        verify(&mut account, vec![proof()]),
        refused(KeyFault::Suspect)
    );
    account.remove_keys(None);
    assert_eq!(verify(&mut account, vec![proof()]), Verdict::Stale);
}

#[test]
fn a_wrong_signature_is_a_failure_also_for_a_key_that_may_be_copied() {
    let mut account = with_key();
    account.keys[0].went_back_at = Some(at(9));
    let forged = PreparedAnswer::Key(KeyProof::Signed {
        key: key(),
        known: 0,
        shown: Err(SignatureFault::Invalid),
    });
    assert!(verify(&mut account, vec![forged]).is_wrong());
}

#[test]
fn of_several_keys_that_were_reset_one_is_a_failure_in_a_login_and_all_are_remembered() {
    let mut account = with_key();
    account.count_key(0, Some(7));
    let attempt = Attempt {
        is_key_counted: true,
        ..attempt(&account, vec![signed(7, 3)])
    };
    assert_eq!(account.attempt(&attempt), refused(KeyFault::WentBack));
    assert_eq!(account.lockout().failures(at(59)), 0);
    assert!(account.keys()[0].is_suspect());
}

#[test]
fn a_signature_counts_also_if_another_answer_is_wrong() {
    let mut account = with_key();
    assert!(verify(&mut account, vec![signed(0, 5), pin(false)]).is_wrong());
    assert_eq!(account.keys()[0].counter(), 5);
    let passed = verify(&mut account, vec![signed(5, 6), pin(true)]);
    assert!(matches!(passed, Verdict::Passed(_)));
    let mut copied = account.clone();
    assert!(verify(&mut copied, vec![signed(6, 6), pin(true)]).is_wrong());
    assert!(verify(&mut account, vec![by_sshd(), pin(false)]).is_wrong());
}

proptest! {
    /// Logins at the same time: all have begun before the first is verified, so all pass, in any order.
    #[test]
    fn logins_at_the_same_time_all_pass_in_any_order(order in Just((1..=64).collect::<Vec<u32>>()).prop_shuffle()) {
        let mut account = with_key();
        for counter in order {
            let verdict = verify(&mut account, vec![signed(0, counter)]);
            prop_assert!(matches!(verdict, Verdict::Passed(_)), "{}", counter);
        }
        prop_assert_eq!(account.keys()[0].counter(), 64);
    }

    /// A copy of the key counts for itself: of logins one after the other, one with a count that was shown before fails.
    #[test]
    fn one_after_the_other_no_count_passes_twice_or_below_another(counters in prop::collection::vec(0_u32..9, 1..20)) {
        let mut account = with_key();
        let mut highest = 0;
        for counter in counters {
            let known = account.keys()[0].counter();
            let mut limitless = account.clone();
            limitless.unlock();
            limitless.keys[0].went_back_at = None;
            let verdict = verify(&mut limitless, vec![signed(known, counter)]);
            let passes = counter > highest || counter == 0 && highest == 0;
            prop_assert_eq!(matches!(verdict, Verdict::Passed(_)), passes);
            highest = highest.max(counter);
            account = limitless;
        }
    }
}
