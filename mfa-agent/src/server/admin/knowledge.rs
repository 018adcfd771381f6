//! Enrolling what a user knows: a PIN, security questions.

use jiff::Timestamp;
use mfa_protocol::Secret;
use mfa_protocol::admin::{
    EnrollPinParameters, EnrollQuestionsParameters, QuestionAnswer, QuestionsReply, UserReply,
};
use mfa_protocol::message::ErrorKind;

use super::super::connection::Connection;
use super::super::error::Failure;
use super::super::peer::Subject;
use super::super::random;
use super::{Change, Permit, factor_event};
use crate::config::{Questions, Settings};
use mfa_core::account::{Account, Question, QuestionSet};
use mfa_core::factors::Factor;
use mfa_core::factors::pin::Pin;
use mfa_core::factors::questions::{QUESTIONS, QuestionText, Rules, check_set, check_so_far};

impl Connection {
    pub(super) fn enroll_pin(
        &mut self,
        parameters: EnrollPinParameters,
    ) -> Result<UserReply, Failure> {
        let what = Change::Enroll(Factor::Pin);
        let settings = self.agent.settings();
        let (subject, permit) = self.changing(parameters.user.as_deref(), &settings, what)?;
        let pin = Pin::new(parameters.pin, &settings.pin.banned).map_err(Failure::refused)?;
        let account = self.checked(&subject, &permit)?;
        let same = match account.pin() {
            Some(held) => {
                let who = self.peer.claim(&subject.user);
                self.agent.hasher.verify(&who, pin.secret(), &held.phc)?
            }
            None => false,
        };
        if !same {
            let phc = self.hash(&subject, pin.secret())?;
            self.set_factor(&subject, &permit, Factor::Pin, |account| {
                account.set_pin(phc.clone(), Timestamp::now());
            })?;
        }
        Ok(UserReply {
            user: subject.user.to_string(),
        })
    }

    pub(super) fn questions(&self) -> QuestionsReply {
        let Questions { catalogue, own } = self.agent.settings().questions.clone();
        QuestionsReply {
            questions: catalogue,
            own,
        }
    }

    /// Checks the questions so far, so that users don't type three answers in vain. Only a change that is stored needs
    /// a verified factor.
    pub(super) fn check_questions(
        &self,
        parameters: EnrollQuestionsParameters,
    ) -> Result<UserReply, Failure> {
        let what = Change::Enroll(Factor::Questions);
        let settings = self.agent.settings();
        let (subject, permit) = self.changing(parameters.user.as_deref(), &settings, what)?;
        let rules = rules(&settings, &subject);
        check_so_far(pairs(parameters.questions), &rules).map_err(Failure::refused)?;
        match self.checked(&subject, &permit) {
            Ok(_) | Err(Failure::Ours(ErrorKind::NotVerified, _)) => Ok(UserReply {
                user: subject.user.to_string(),
            }),
            Err(failure) => Err(failure),
        }
    }

    pub(super) fn enroll_questions(
        &mut self,
        parameters: EnrollQuestionsParameters,
    ) -> Result<UserReply, Failure> {
        let what = Change::Enroll(Factor::Questions);
        let settings = self.agent.settings();
        let (subject, permit) = self.changing(parameters.user.as_deref(), &settings, what)?;
        let rules = rules(&settings, &subject);
        let set = check_set(pairs(parameters.questions), &rules).map_err(Failure::refused)?;
        let account = self.checked(&subject, &permit)?;
        if !self.are_held(&subject, &account, &set)? {
            let mut items = Vec::with_capacity(QUESTIONS);
            for (text, answer) in set {
                let (text, phc) = (text.as_str().to_owned(), self.hash(&subject, &answer)?);
                items.push(Question { text, phc });
            }
            let items: [Question; QUESTIONS] = items
                .try_into()
                .map_err(|_| Failure::refused("three questions are needed"))?;
            let start = u32::from(random::<1>()?[0]);
            self.set_factor(&subject, &permit, Factor::Questions, |account| {
                account.set_questions(QuestionSet::new(items.clone(), start, Timestamp::now()));
            })?;
        }
        Ok(UserReply {
            user: subject.user.to_string(),
        })
    }

    /// Whether the account holds just these questions with just these answers.
    fn are_held(
        &self,
        subject: &Subject,
        account: &Account,
        set: &[(QuestionText, Secret)],
    ) -> Result<bool, Failure> {
        let Some(held) = account.questions() else {
            return Ok(false);
        };
        let who = self.peer.claim(&subject.user);
        for ((text, answer), held) in set.iter().zip(held.items()) {
            if text.as_str() != held.text || !self.agent.hasher.verify(&who, answer, &held.phc)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The account, after it is clear that the caller may change it: other callers cost no hashing.
    fn checked(&self, subject: &Subject, permit: &Permit) -> Result<Account, Failure> {
        let account = self.agent.repository.account(&subject.user)?;
        permit.check(&account)?;
        Ok(account)
    }

    fn set_factor(
        &mut self,
        subject: &Subject,
        permit: &Permit,
        factor: Factor,
        change: impl Fn(&mut Account),
    ) -> Result<(), Failure> {
        let event = factor_event("enroll", (subject, self.peer), factor.name(), None);
        self.change_factors(subject, permit, |account| {
            change(account);
            Ok((Some(event.clone()), ()))
        })?;
        Ok(())
    }

    fn hash(&self, subject: &Subject, secret: &Secret) -> Result<String, Failure> {
        let who = self.peer.claim(&subject.user);
        Ok(self.agent.hasher.hash(&who, secret, random()?)?)
    }
}

fn rules<'a>(settings: &'a Settings, subject: &'a Subject) -> Rules<'a> {
    Rules {
        own: settings.questions.own,
        catalogue: &settings.questions.catalogue,
        user: subject.user.as_str(),
    }
}

fn pairs(given: Vec<QuestionAnswer>) -> Vec<(String, Secret)> {
    let given = given.into_iter();
    given.map(|pair| (pair.question, pair.answer)).collect()
}
