//! Answers that are the user's own password.
//!
//! Many programs answer every prompt with the password that they keep (libssh2, curl, screen lockers, Cockpit's
//! administrative access). A stack that asks for it first has checked it, so that it is no guess at the second factor.
//!
//! The caller claims this but can't prove it: a module does not learn the results of earlier modules, and a screen
//! locker is the user's own process. So the agent believes only a few different passwords of a user in a day: a stack
//! that asks for the second factor after a wrong password too, or a user who keeps changing the password, gets only so
//! many guesses. The agent keeps 16 bits of a keyed hash of each password, in memory only.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::log;
use mfa_core::names::UserName;

/// How many different passwords of a user are believed in a day: the old one, the new one, and a mistake.
const DIFFERENT: usize = 3;

/// For how long one is remembered.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Users whose passwords are remembered.
const MAX_USERS: usize = 16_384;

/// What was believed lately.
#[derive(Default)]
pub(super) struct PasswordAnswers {
    believed: Mutex<HashMap<UserName, Vec<Believed>>>,
    key: RandomState,
}

/// That an answer was believed to be the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Belief {
    hash: u16,
    is_new: bool,
}

struct Believed {
    hash: u16,
    until: Instant,
}

impl PasswordAnswers {
    /// Whether the agent believes that `typed` is the password of `user`, as the caller claims; none if not. From now
    /// on it is one of the few passwords of a day, until it is [forgotten](Self::forget).
    pub(super) fn believe(&self, user: &UserName, typed: &str, now: Instant) -> Option<Belief> {
        let [high, low, ..] = self.key.hash_one(typed).to_be_bytes();
        let hash = u16::from_be_bytes([high, low]);
        let earlier = Belief {
            hash,
            is_new: false,
        };
        let mut all = self.believed.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_USERS && !all.contains_key(user) {
            all.retain(|_, believed| believed.iter().any(|one| one.until > now));
            if all.len() >= MAX_USERS {
                let why = "passwords of too many users are remembered; a password that is typed \
                           instead of a code now counts as a guess";
                log::limited("passwords", format_args!("{why}"));
                return None;
            }
        }
        let believed = all.entry(user.clone()).or_default();
        believed.retain(|one| one.until > now);
        if believed.iter().any(|one| one.hash == hash) {
            return Some(earlier);
        }
        if believed.len() >= DIFFERENT {
            return None;
        }
        let until = now + DAY;
        believed.push(Believed { hash, until });
        Some(Belief { hash, is_new: true })
    }

    /// This password did not skip a failure, such as a password with the right code behind it, so it no longer counts
    /// as one of the few unless it did before.
    pub(super) fn forget(&self, user: &UserName, belief: Belief) {
        let mut all = self.believed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(believed) = all.get_mut(user).filter(|_| belief.is_new) {
            believed.retain(|one| one.hash != belief.hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl PasswordAnswers {
        fn is_no_guess(&self, user: &UserName, typed: &str, now: Instant) -> bool {
            self.believe(user, typed, now).is_some()
        }
    }

    #[test]
    fn what_passed_is_none_of_the_few() {
        let (answers, now, anna) = (PasswordAnswers::default(), Instant::now(), user("anna"));
        let kept = answers.believe(&anna, "correct horse", now).unwrap();
        for code in 0..1000 {
            let typed = format!("correct horse{code:06}");
            let belief = answers.believe(&anna, &typed, now).unwrap();
            answers.forget(&anna, belief);
        }
        let again = answers.believe(&anna, "correct horse", now).unwrap();
        assert_eq!((kept.is_new, again.is_new), (true, false));
        answers.forget(&anna, again);
        assert_eq!(answers.believed.lock().unwrap()[&anna].len(), 1);
    }

    fn user(name: &str) -> UserName {
        name.parse().unwrap()
    }

    #[test]
    fn the_same_password_is_believed_without_end() {
        let (answers, now) = (PasswordAnswers::default(), Instant::now());
        for _ in 0..1000 {
            assert!(answers.is_no_guess(&user("anna"), "correct horse", now));
        }
    }

    #[test]
    fn of_many_different_passwords_few_are_believed_until_a_day_later() {
        let (answers, now) = (PasswordAnswers::default(), Instant::now());
        let believed = |from: u32, now| {
            (from..from + 1000)
                .filter(|pin| answers.is_no_guess(&user("anna"), &pin.to_string(), now))
                .count()
        };
        // One of 65536 has the hash of another.
        assert!((DIFFERENT..DIFFERENT + 4).contains(&believed(1000, now)));
        assert!(believed(2000, now) < 4);
        assert!(
            answers.is_no_guess(&user("bert"), "2000", now),
            "another user"
        );
        assert!(believed(3000, now + DAY) >= DIFFERENT);
    }

    #[test]
    fn a_full_table_believes_nobody_new_until_days_end() {
        let (answers, now) = (PasswordAnswers::default(), Instant::now());
        for number in 0..MAX_USERS {
            assert!(answers.is_no_guess(&user(&format!("u{number}")), "x", now));
        }
        assert!(!answers.is_no_guess(&user("anna"), "x", now));
        assert!(answers.is_no_guess(&user("u1"), "x", now), "known already");
        assert!(answers.is_no_guess(&user("anna"), "x", now + DAY));
    }
}
