//! Security keys in a dialogue: the one that sshd has verified, or the signature of one by the user's SSH agent.
//!
//! Nothing is typed for a key. What sshd has verified is met without a word. Else the user's SSH agent is asked which keys
//! it has, whoever the user is, and then to sign with one that is theirs, which the user hears of first. If no key signs,
//! the login goes on without keys: by the next way that the user can go. An agent that says no, or nothing, is no guess,
//! and neither is a key that signs but shows too little. A key that was refused is not asked again in this login; the user's
//! next one is, and those that may have been copied are asked last.

use std::collections::VecDeque;

use jiff::Timestamp;
use mfa_protocol::login::{Message, Outcome, Step, Unsigned};

use super::super::end::{End, EndReason};
use super::super::keys::{has_key, is_key};
use super::super::messages::{error, info};
use super::super::plan::{Answer, Plan, UserFactors};
use super::{Dialogue, Next, cancelled_for, told};
use crate::account::{KeyFault, KeyProof, Verdict};
use crate::factors::security_key::PublicKey;
use crate::factors::security_key::challenge::{
    Assertion, Challenge, ChallengeContext, Identity, Purpose, SignatureFault, identities,
    identities_request,
};
use crate::factors::security_key::service::KeyService;
use crate::factors::{Factor, FactorCombination};
use crate::texts::Text;

/// How many messages for an SSH agent a login has.
const MAX_MESSAGES: u32 = 16;

/// How many seconds an agent has to tell its identities. One behind a slow line needs a few, and users without a key wait
/// for a mute one in vain.
const TO_TELL: u32 = 5;

/// How many seconds the user has to type the PIN of a key and touch it.
const TO_TOUCH: u32 = 45;

/// The keys of a dialogue.
#[derive(Debug)]
pub(super) struct KeyState {
    /// How many more messages go to the user's SSH agent.
    messages_left: u32,
    /// Whether no key is asked for before the user chooses a way with one: none has signed, or one has signed something else.
    is_silent: bool,
    /// Those that were asked and have not signed. They are not asked again before the user chooses a way with one.
    silent: Vec<PublicKey>,
    /// Those that were met and refused. They would be refused again.
    refused: Vec<PublicKey>,
    /// Whether the user's SSH agent has keys that were not asked yet.
    has_more: bool,
    /// The key in what is verified.
    given: Option<PublicKey>,
    /// Whether a count that went back was a failure of this login.
    is_counted: bool,
    /// Whether the last answer was a key alone, or one that is wrong by itself: what is said is about the key then.
    is_last: bool,
    /// Whether the user has asked for the way with the key.
    is_chosen: bool,
}

/// What an SSH agent is asked.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one of these exists for each login, and for a moment"
)]
pub(in crate::login) enum AgentTurn {
    /// Which keys it has.
    Identities,
    /// To sign this.
    Signature {
        challenge: Challenge,
        identity: Identity,
        /// Keys of the user's that it has, too.
        others: VecDeque<Identity>,
    },
}

/// What came of a message for an SSH agent.
#[derive(Clone, Debug)]
pub struct AgentReply {
    /// Its reply, or why there is none.
    pub reply: Result<Vec<u8>, Unsigned>,
    /// When.
    pub now: Timestamp,
    /// Fresh random bytes, for the next challenge.
    pub nonce: [u8; 32],
}

impl KeyState {
    pub(super) const fn new() -> Self {
        Self {
            messages_left: MAX_MESSAGES,
            is_silent: false,
            silent: Vec::new(),
            refused: Vec::new(),
            has_more: false,
            given: None,
            is_counted: false,
            is_last: false,
            is_chosen: false,
        }
    }

    /// Whether the verdict is about a key alone.
    pub(super) const fn is_last(&self) -> bool {
        self.is_last
    }

    /// Something was typed.
    pub(super) const fn typed(&mut self) {
        self.is_last = false;
    }

    /// Whether a count that went back was a failure of this login.
    pub(super) const fn is_counted(&self) -> bool {
        self.is_counted
    }

    /// The user has chosen a way: a key may be asked once more.
    pub(super) fn chosen(&mut self) {
        self.is_silent = false;
        self.silent.clear();
        self.is_chosen = true;
    }

    /// Whether this key may be asked, or met.
    fn may_ask(&self, key: &PublicKey) -> bool {
        !self.refused.contains(key) && !self.silent.contains(key)
    }

    /// These answers are verified next.
    pub(super) fn hand_over(&mut self, answers: &[Answer]) {
        let mut proofs = answers.iter().filter_map(|answer| answer.key.as_ref());
        let proof = proofs.next();
        self.given = proof.map(|proof| proof.key().clone());
        // The account may be locked, so this goes by what was answered and not by the verdict.
        self.is_last = proof.is_some_and(|proof| answers.len() == 1 || proof.is_wrong());
    }

    /// Whether this verdict refuses a key that is no guess: it is the user's, but shows too little, may have been copied,
    /// or was removed or disabled meanwhile.
    pub(super) fn is_over_by(&self, verdict: &Verdict) -> bool {
        match verdict {
            Verdict::Insufficient { .. } => true,
            Verdict::Wrong {
                key: Some((_, fault)),
                ..
            } => *fault == KeyFault::WentBack,
            Verdict::Stale => self.given.is_some(),
            _ => false,
        }
    }

    /// What the user hears of such a key, in a program that meets keys in this way.
    pub(super) fn complaint(&self, verdict: &Verdict, way: KeyService) -> Option<Text> {
        match verdict {
            Verdict::Insufficient {
                fault: KeyFault::Signature(SignatureFault::NotVerified),
                ..
            } => Some(Text::KeyNotVerified),
            Verdict::Insufficient {
                fault: KeyFault::Signature(_),
                ..
            } => Some(Text::KeyNotTouched),
            Verdict::Stale if self.given.is_some() => Some(Text::KeyOutOfReach(way)),
            _ if self.is_over_by(verdict) => Some(Text::KeyWentBack),
            _ => None,
        }
    }

    /// Takes a verdict. `has_other` is whether another key can be met.
    fn take_verdict(&mut self, verdict: &Verdict, has_other: bool) {
        let is_over = self.is_over_by(verdict);
        let given = self.given.take();
        if is_over {
            self.refused.extend(given);
        }
        if let Verdict::Wrong { key: Some(_), .. } = verdict {
            self.is_counted |= is_over;
            self.is_silent |= !is_over;
        }
        self.is_silent |= is_over && !has_other;
    }
}

/// The way to begin with, if the user is to be asked `chosen`: one with a key before it is tried first, for everybody alike.
/// What an SSH agent is asked must not tell who has a key. In sshd it is tried where there is something to say of the key
/// that sshd has verified.
pub(super) fn first_way(plan: &Plan, user: &UserFactors, chosen: usize) -> usize {
    if !plan.keys.can_sign && !user.keys.has_suspect_by_sshd() {
        return chosen;
    }
    let begins_with_key = |combination: &FactorCombination| {
        let first = combination.factors().first();
        first.copied().is_some_and(is_key)
    };
    let ways = plan.combinations.iter();
    let by_key = ways.take(chosen).position(begins_with_key);
    by_key.unwrap_or(chosen)
}

impl Dialogue {
    /// The same at the way that the user hears of: that an SSH agent is asked for keys which the user lacks is not heard.
    pub(in crate::login) fn past_vain_keys(mut self) -> Self {
        if self.user.able.get(self.combination) != Some(&true) {
            let other = self.user.way(&self.plan.combinations, |way| !has_key(way));
            self.combination = other.unwrap_or(self.combination);
        }
        self
    }

    /// Meets a key, or asks the user's SSH agent for one.
    pub(super) fn meet_key<C>(&mut self, factor: Factor, messages: Vec<Message>) -> Next<C> {
        let verified = self.verified_keys().next().cloned();
        if let Some(key) = verified {
            let proof = match self.user.keys.suspect.contains(&key) {
                true => KeyProof::OfSuspect(key),
                false => KeyProof::BySshd(key),
            };
            return self.met(factor, proof, messages);
        }
        if self.key.is_silent || !self.plan.keys.can_sign || self.has_none_left() {
            return self.without_key(messages);
        }
        self.relay(
            messages,
            &identities_request(),
            TO_TELL,
            AgentTurn::Identities,
        )
    }

    /// Those that sshd has verified, and that were not refused.
    fn verified_keys(&self) -> impl Iterator<Item = &PublicKey> {
        let verified = self.user.keys.verified.iter();
        verified.filter(|key| self.key.may_ask(key))
    }

    /// Whether the user has keys and each was refused in this login.
    fn has_none_left(&self) -> bool {
        let refused = &self.key.refused;
        !refused.is_empty() && self.user.keys.all().all(|key| refused.contains(key))
    }

    /// Whether another key than the one in what is verified can be met.
    fn has_other_key(&self) -> bool {
        let given = self.key.given.as_ref();
        self.key.has_more || self.verified_keys().any(|key| Some(key) != given)
    }

    /// Takes a verdict on what may hold a key, and goes on: by the next key, the next way, or the same one once more.
    pub(super) fn after_key<C>(&mut self, verdict: &Verdict, complaint: Vec<Message>) -> Next<C> {
        let (has_key, has_other) = (self.key.given.is_some(), self.has_other_key());
        self.key.take_verdict(verdict, has_other);
        match has_key && self.key.is_silent {
            true => self.without_key(complaint),
            false => self.go_on(complaint),
        }
    }

    /// Takes what came of [`Next::Relay`].
    pub(in crate::login) fn relayed<C>(&mut self, turn: AgentTurn, reply: AgentReply) -> Next<C> {
        let next = match reply.reply {
            Err(Unsigned::Interrupted) => cancelled_for(EndReason::Interrupted),
            _ => match turn {
                AgentTurn::Identities => self.take_identities(&reply),
                AgentTurn::Signature {
                    challenge,
                    identity,
                    others,
                } => self.take_signature(&challenge, &identity, others, &reply),
            },
        };
        self.with_late_news(next)
    }

    fn take_identities<C>(&mut self, reply: &AgentReply) -> Next<C> {
        // Who lacks the rest of the way would touch a key for nothing.
        let can_go = self.user.able_by_key.get(self.combination) == Some(&true);
        let keys = self.user.keys.all();
        let keys: Vec<_> = keys.filter(|key| can_go && self.key.may_ask(key)).collect();
        let found = match &reply.reply {
            Ok(reply) => identities(reply, keys.into_iter()).unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        // A key in a file signs at once, and nothing blinks.
        let blinks = found.iter().any(|it| it.key.is_security_key());
        let touch = blinks.then(|| info(&self.plan.wording.asking, &Text::TouchKey));
        self.ask_to_sign(found.into(), touch.into_iter().collect(), reply)
            .unwrap_or_else(|| self.without_key(Vec::new()))
    }

    fn take_signature<C>(
        &mut self,
        challenge: &Challenge,
        identity: &Identity,
        others: VecDeque<Identity>,
        reply: &AgentReply,
    ) -> Next<C> {
        let signed = match &reply.reply {
            Ok(bytes) => challenge.verify(&identity.key, bytes).ok(),
            Err(_) => None,
        };
        if let Some(shown) = signed {
            self.key.has_more = !others.is_empty();
            let proof = self.proof(&identity.key, shown);
            return self.met(Factor::Key, proof, Vec::new());
        }
        self.key.silent.push(identity.key.clone());
        // A key that is not plugged in is refused at once: the next one may be. Nobody touches a key that waits in vain.
        let others = match reply.reply {
            Ok(_) => others,
            Err(_) => VecDeque::new(),
        };
        self.ask_to_sign(others, Vec::new(), reply)
            .unwrap_or_else(|| {
                let silent = error(&self.plan.wording.asking, &Text::KeySilent);
                self.without_key(vec![silent])
            })
    }

    /// What a signature proves.
    fn proof(&self, key: &PublicKey, shown: Result<Assertion, SignatureFault>) -> KeyProof {
        let is_genuine = shown.map_or_else(SignatureFault::is_genuine, |_| true);
        if is_genuine && self.user.keys.suspect.contains(key) {
            return KeyProof::OfSuspect(key.clone());
        }
        let mut enrolled = self.user.keys.enrolled.iter();
        let known = enrolled.find(|(known, _)| known == key);
        KeyProof::Signed {
            key: key.clone(),
            known: known.map_or(0, |(_, counter)| *counter),
            shown: shown.and_then(|shown| self.plan.keys.terms.check(shown)),
        }
    }

    /// Asks for a signature by the first of these keys; none if there is no key.
    fn ask_to_sign<C>(
        &mut self,
        mut keys: VecDeque<Identity>,
        messages: Vec<Message>,
        reply: &AgentReply,
    ) -> Option<Next<C>> {
        let identity = keys.pop_front()?;
        let plan = &self.plan.keys;
        let challenge = Challenge::new(&ChallengeContext {
            purpose: Purpose::Login,
            host: &plan.host,
            service: &plan.service,
            session: &plan.session,
            user: &plan.user,
            now: reply.now,
            nonce: reply.nonce,
        });
        let request = challenge.request(&identity);
        let turn = AgentTurn::Signature {
            challenge,
            identity,
            others: keys,
        };
        Some(self.relay(messages, &request, TO_TOUCH, turn))
    }

    fn relay<C>(
        &mut self,
        messages: Vec<Message>,
        message: &[u8],
        patience: u32,
        turn: AgentTurn,
    ) -> Next<C> {
        let Some(left) = self.key.messages_left.checked_sub(1) else {
            return self.without_key(messages);
        };
        self.key.messages_left = left;
        let step = Step {
            messages,
            sign: Some(data_encoding::BASE64.encode(message)),
            patience: Some(patience),
            ..Step::default()
        };
        Next::Relay(step, turn)
    }

    /// A key is met. One that is wrong is verified at once: no other answer of the way helps.
    fn met<C>(&mut self, factor: Factor, proof: KeyProof, messages: Vec<Message>) -> Next<C> {
        let is_wrong = proof.is_wrong();
        self.given.push(Answer {
            key: Some(proof),
            ..Answer::of(factor, mfa_protocol::Secret::default())
        });
        match is_wrong {
            true => Next::Verify(std::mem::take(&mut self.given)),
            false => self.go_on(messages),
        }
    }

    /// Whether a key was refused, and nothing else is accepted.
    pub(super) fn is_stuck_with_key(&self, verdict: &Verdict) -> bool {
        let is_refused = match self.key.is_over_by(verdict) {
            true => !self.has_other_key(),
            false => matches!(verdict, Verdict::Wrong { key: Some(_), .. }),
        };
        let mut ways = self.plan.combinations.iter();
        is_refused && ways.all(has_key)
    }

    /// Goes on by a way without a key, or ends if there is none.
    pub(super) fn without_key<C>(&mut self, mut messages: Vec<Message>) -> Next<C> {
        self.key.is_silent = true;
        self.given.clear();
        let wanted = std::mem::take(&mut self.key.is_chosen);
        let Some(way) = self.user.way(&self.plan.combinations, |way| !has_key(way)) else {
            messages.push(error(
                &self.plan.wording.last,
                &Text::KeyOutOfReach(self.plan.keys.way()),
            ));
            return Next::End(End {
                step: told(messages, Outcome::Wrong),
                outcome: Outcome::Wrong,
                reason: Some(EndReason::KeyOutOfReach),
            });
        };
        if wanted && messages.is_empty() {
            messages.push(error(
                &self.plan.wording.asking,
                &Text::KeyOutOfReach(self.plan.keys.way()),
            ));
        }
        self.combination = way;
        self.go_on(messages)
    }
}
