//! Security keys in a dialogue: the one that sshd has verified, or the signature of one by the user's SSH agent.
//!
//! Nothing is typed for a key. What sshd has verified is met without a word. Else the user's SSH agent is asked which keys
//! it has, whoever the user is, and then to sign with one that is theirs, which the user hears of first. If no key signs,
//! the login goes on without keys: by the next way that the user can go. An agent that says no, or nothing, is no guess,
//! and neither is a key that signs but shows too little. Once a key was refused, none is asked for in this login any more.

use std::collections::VecDeque;

use jiff::Timestamp;
use mfa_protocol::login::{Message, Outcome, Step, Unsigned};

use super::super::end::{End, EndReason};
use super::super::keys::{has_key, is_key};
use super::super::messages::{error, info};
use super::super::plan::{Answer, Plan};
use super::{Dialogue, Next, cancelled_for, told};
use crate::account::{KeyFault, KeyProof, Verdict};
use crate::factors::security_key::challenge::{
    Challenge, ChallengeContext, Identity, Purpose, SignatureFault, identities, identities_request,
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
    /// Whether a key may be asked for.
    standing: Standing,
    /// Whether what is verified holds a key.
    is_given: bool,
    /// Whether the last thing that the user did was to touch one.
    is_last: bool,
    /// Whether the user has asked for the way with the key.
    is_chosen: bool,
}

/// Whether a key may be asked for in a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It may.
    Open,
    /// Not before the user chooses a way with one: none has signed, or one has signed something else.
    Silent,
    /// Never: one was met and refused. It would be refused again.
    Refused,
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
            standing: Standing::Open,
            is_given: false,
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

    /// The user has chosen a way: a key may be asked once more.
    pub(super) fn chosen(&mut self) {
        if self.standing == Standing::Silent {
            self.standing = Standing::Open;
        }
        self.is_chosen = true;
    }

    /// These answers are verified next.
    pub(super) fn hand_over(&mut self, answers: &[Answer]) {
        self.is_given = answers.iter().any(|answer| answer.key.is_some());
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
            Verdict::Stale => self.is_given,
            _ => false,
        }
    }

    /// What the user hears of such a key, in a program that meets keys in this way.
    pub(super) fn complaint(&self, verdict: &Verdict, way: KeyService) -> Option<Text> {
        match verdict {
            Verdict::Insufficient {
                fault: SignatureFault::NotVerified,
                ..
            } => Some(Text::KeyNotVerified),
            Verdict::Insufficient { .. } => Some(Text::KeyNotTouched),
            Verdict::Stale if self.is_given => Some(Text::KeyOutOfReach(way)),
            _ if self.is_over_by(verdict) => Some(Text::KeyWentBack),
            _ => None,
        }
    }

    /// Takes a verdict. Returns whether the login goes on without keys.
    pub(super) fn take_verdict(&mut self, verdict: &Verdict) -> bool {
        if self.is_over_by(verdict) {
            self.standing = Standing::Refused;
        }
        std::mem::take(&mut self.is_given) && self.standing != Standing::Open
    }
}

/// The way to begin with, if the user is to be asked `chosen`: one with a key before it is tried first, for everybody alike.
/// What an SSH agent is asked must not tell who has a key.
pub(super) fn first_way(plan: &Plan, chosen: usize) -> usize {
    if !plan.keys.can_sign {
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
        if self.key.standing == Standing::Refused {
            return self.without_key(messages);
        }
        if let Some(key) = &self.user.keys.verified {
            let proof = KeyProof::BySshd(key.clone());
            return self.met(factor, proof, messages);
        }
        if self.key.standing == Standing::Silent || !self.plan.keys.can_sign {
            return self.without_key(messages);
        }
        self.relay(
            messages,
            &identities_request(),
            TO_TELL,
            AgentTurn::Identities,
        )
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
        let can_go = self.user.able.get(self.combination) == Some(&true);
        let keys = self.user.keys.enrolled.iter().filter(|_| can_go);
        let found = match &reply.reply {
            Ok(reply) => identities(reply, keys.map(|(key, _)| key)).unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        let touch = info(&self.plan.wording.asking, &Text::TouchKey);
        self.ask_to_sign(found.into(), vec![touch], reply)
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
            let shown = shown.and_then(|shown| self.plan.keys.terms.check(shown));
            let mut enrolled = self.user.keys.enrolled.iter();
            let known = enrolled.find(|(key, _)| *key == identity.key);
            let proof = KeyProof::Signed {
                key: identity.key.clone(),
                known: known.map_or(0, |(_, counter)| *counter),
                shown,
            };
            return self.met(Factor::Key, proof, Vec::new());
        }
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
        self.key.is_last = true;
        let is_wrong = proof.is_wrong();
        if is_wrong {
            self.key.standing = Standing::Silent;
        }
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
        let is_refused = match verdict {
            Verdict::Wrong { key, .. } => key.is_some(),
            _ => self.key.is_over_by(verdict),
        };
        let mut ways = self.plan.combinations.iter();
        is_refused && ways.all(has_key)
    }

    /// Goes on by a way without a key, or ends if there is none.
    pub(super) fn without_key<C>(&mut self, mut messages: Vec<Message>) -> Next<C> {
        if self.key.standing == Standing::Open {
            self.key.standing = Standing::Silent;
        }
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
