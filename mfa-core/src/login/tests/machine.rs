//! Whatever happens, a login passes only by a verdict or by all that was set up, ends, and asks for a bounded number of things.

use proptest::prelude::*;

use super::*;
use crate::account::samples::device;
use crate::account::{Counted, Dates, Enrolled, FallbackCode, Refused, Remote, SecurityKey};
use crate::factors::address::{Channel, Recipient};
use crate::factors::pin::Banned;
use crate::factors::security_key::samples::SoftKey;
use crate::factors::sent_code::SentCode;
use mfa_protocol::login::Unsigned;

/// Effects that a login may have at most: for each of its 24 answers a look-up, a query, a message and a verdict, and
/// a prompt and a message or a count for each of the 100 answers of a set-up; and 16 messages for an SSH agent.
const MOST_EFFECTS: usize = 24 * 5 + 100 * 2 + 16 + 10;

/// What happens, drawn beforehand.
struct Chances {
    drawn: Vec<u8>,
    next: usize,
}

impl Chances {
    /// A number below `bound`. Drawn again from the first when all are used up, so that a login is led to its end.
    fn below(&mut self, bound: u8) -> u8 {
        self.next += 1;
        self.drawn[self.next % self.drawn.len()] % bound
    }

    fn typed(&mut self) -> AnswerEvent {
        const TEXTS: [&str; 16] = [
            "287082",
            "000000",
            "?",
            "1",
            "2",
            "resend",
            "2870821379",
            "yes",
            "0123456789",
            "+49 170 1234542",
            "no",
            "0123456789012345",
            "4826",
            "3",
            "rex the dog",
            "anna@example.org",
        ];
        AnswerEvent {
            text: TEXTS[usize::from(self.below(16))].into(),
            is_password: self.below(4) == 0,
            now: at(59 + i64::from(self.below(2)) * 500),
            windows: Windows::default(),
        }
    }

    fn verdict(&mut self) -> Verdict {
        match self.below(8) {
            0 => Verdict::Passed(Passed::default()),
            1 => Verdict::Passed(Passed {
                instead: Some(FallbackCode::Recovery),
                ..Passed::default()
            }),
            2 => Verdict::Locked(Lock::Administrator),
            3 => Verdict::BudgetExhausted,
            4 => Verdict::Replayed,
            5 => Verdict::Stale,
            6 => Verdict::Password,
            _ => WRONG,
        }
    }

    fn refused(&mut self) -> Refused {
        match self.below(3) {
            0 => Refused::Wrong {
                failures: 5,
                lock: Lock::Administrator,
            },
            1 => Refused::Locked(Lock::Administrator),
            _ => Refused::BudgetExhausted,
        }
    }

    fn counted(&mut self) -> Counted {
        match self.below(4) {
            0 => Counted::Refused(self.refused()),
            _ => Counted::Failure { failures: 1 },
        }
    }

    fn reply(&mut self) -> RadiusReply<Server> {
        let remote = Remote {
            server: "vip".parse().unwrap(),
            user: None,
            enabled: true,
            dates: Dates::enrolled(at(0)),
        };
        match self.below(4) {
            0 => RadiusReply::Accepted(remote),
            1 => RadiusReply::Rejected {
                remote: None,
                reserved: None,
            },
            2 => RadiusReply::Challenged {
                message: "Next".to_owned(),
                echo: false,
                challenge: Server("vip"),
            },
            _ => RadiusReply::Silent,
        }
    }

    /// What an SSH agent with this key says to a message.
    fn agent(&mut self, key: &mut SoftKey, step: &Step) -> AgentReply {
        let message = data_encoding::BASE64.decode(step.sign.as_ref().unwrap().as_bytes());
        let reply = match self.below(8) {
            0 => Err(Unsigned::Timeout),
            1 => Err(Unsigned::Interrupted),
            2 => Ok(vec![5]),
            3 => Ok(self.drawn.clone()),
            4 => Ok([&[14][..], &self.drawn].concat()),
            _ => Ok(key.answer(&message.unwrap())),
        };
        AgentReply {
            reply,
            now: at(0),
            nonce: [self.below(255); 32],
        }
    }

    fn sent(&mut self, request: &SendRequest) -> SendResult {
        let address = match request.channel {
            Channel::Email => "anna@example.org",
            Channel::Sms => "+491701234542",
        };
        SendResult {
            code: (self.below(2) == 0).then(|| SentCode {
                code: "000000".into(),
                to: Recipient::read(request.channel, address, None).unwrap(),
                unless_changed_since: None,
            }),
            expires: at(300),
            news: [
                DeliveryStatus::OnItsWay,
                DeliveryStatus::Failed,
                DeliveryStatus::TooMany,
            ][usize::from(self.below(3))],
        }
    }
}

fn fresh() -> FreshDevice {
    FreshDevice {
        device: device("phone"),
        codes: vec!["0123456789".into()],
        picture: None,
    }
}

/// What a set-up of these factors begins with.
fn to_set_up(factors: &[Factor]) -> FreshFactors {
    let fresh = |factor: &Factor| match factor {
        Factor::Pin => FreshFactor::Pin(Banned::default()),
        Factor::Questions => FreshFactor::Questions(QuestionChoice {
            catalogue: ["First pet?", "First car?", "First school?"]
                .map(str::to_owned)
                .into(),
            own: true,
            user: "anna".parse().unwrap(),
        }),
        Factor::Email | Factor::Sms => FreshFactor::Address(AddressChoice {
            channel: Channel::of(*factor).unwrap(),
            to: None,
            region: None,
            echo: Echo::default(),
        }),
        Factor::Totp | Factor::Radius => FreshFactor::Device(device("phone"), None),
        Factor::Key => FreshFactor::Key(SoftKey::ed25519(1).public()),
    };
    FreshFactors {
        factors: factors.iter().map(fresh).collect(),
        codes: vec!["0123456789".into()],
    }
}

/// Which factor was set up.
fn factor_of(chosen: &ChosenFactor) -> Factor {
    match chosen {
        ChosenFactor::Device(_) => Factor::Totp,
        ChosenFactor::Pin(_) => Factor::Pin,
        ChosenFactor::Questions(set) => {
            assert_eq!(set.len(), 3);
            Factor::Questions
        }
        ChosenFactor::Address(to) => to.channel().factor(),
        ChosenFactor::Key(_) => Factor::Key,
    }
}

/// What the driver has been told that lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    Nothing,
    Verified,
    Stored,
}

/// Leads a login to its end: what it ended with, and what speaks for that. What is stored is all of `set_up`.
fn lead(mut effect: Effect, chances: &mut Chances, set_up: &[Factor]) -> (Outcome, Proof) {
    let mut proof = Proof::Nothing;
    let mut key = SoftKey::ed25519(1);
    for _ in 0..MOST_EFFECTS {
        effect = match effect {
            Effect::Prompt(step, mut state) => {
                assert!(step.prompt.is_some() && step.outcome.is_none());
                if chances.below(5) == 0 {
                    state.learn_late(DeliveryStatus::Failed);
                }
                state.answer(chances.typed())
            }
            Effect::FindCode(state) => {
                let count = state.candidates().count();
                assert!(count > 0 && count < 10, "{count}");
                let found = usize::from(chances.below(12));
                state.found((found < count).then_some(found))
            }
            Effect::SendCode(state) => {
                let result = chances.sent(state.request());
                state.sent(result)
            }
            Effect::QueryRadius(state) => match chances.below(4) {
                0 => state.take_other_code(),
                1 => state.refused(chances.refused()),
                _ => state.replied(chances.reply()),
            },
            Effect::AskAgent(step, mut state) => {
                assert!(step.prompt.is_none() && step.outcome.is_none());
                if chances.below(5) == 0 {
                    state.learn_late(DeliveryStatus::Failed);
                }
                state.answered(chances.agent(&mut key, &step))
            }
            Effect::Verify(state) => {
                assert!(!state.answers().is_empty() && state.answers().len() < 10);
                let verdict = chances.verdict();
                if let (Verdict::Passed(_), Consequence::Ends(_)) =
                    (&verdict, state.consequence(&verdict))
                {
                    proof = Proof::Verified;
                }
                state.verified(&verdict)
            }
            Effect::MakeDevice(state) => state.made(fresh(), Screen::Terminal),
            Effect::CountWrongCode(state) => state.counted(chances.counted()),
            Effect::StoreFactors(state) => {
                let (chosen, codes) = state.made();
                let expected = match state.occasion() {
                    Occasion::First => set_up,
                    Occasion::Lost { .. } => &[Factor::Totp],
                };
                let chosen: Vec<Factor> = chosen.iter().map(factor_of).collect();
                assert_eq!(chosen, expected, "never a half");
                assert!(!codes.is_empty());
                let stored = [Enrolled::Stored, Enrolled::Locked, Enrolled::Otherwise]
                    [usize::from(chances.below(3))];
                if stored == Enrolled::Stored {
                    proof = Proof::Stored;
                }
                state.stored(stored)
            }
            Effect::End(end) => {
                assert_eq!(end.step.outcome, Some(end.outcome));
                assert!(end.step.prompt.is_none());
                return (end.outcome, proof);
            }
        };
    }
    panic!("it does not end");
}

fn some_combinations() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::select(vec![
        vec!["totp"],
        vec!["totp+pin", "questions"],
        vec!["email", "radius+pin"],
        vec!["sms+pin", "radius"],
        vec!["radius+email", "totp+pin"],
        vec!["totp+sms+pin"],
        vec!["key", "totp"],
        vec!["key+pin"],
        vec!["questions+key", "email+key", "sms"],
    ])
}

fn some_set_up() -> impl Strategy<Value = Vec<Factor>> {
    use Factor::{Email, Key, Pin, Questions, Sms, Totp};
    prop::sample::select(vec![
        vec![Totp],
        vec![Pin],
        vec![Email],
        vec![Questions],
        vec![Totp, Pin],
        vec![Key],
        vec![Key, Pin],
        vec![Email, Pin],
        vec![Sms, Questions, Pin],
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_login_ends_and_passes_by_nothing_but_a_verdict_or_all_that_was_set_up(
        combinations in some_combinations(),
        tries in 1u32..6,
        renews: bool,
        single: bool,
        enrolls: bool,
        set_up in some_set_up(),
        number: bool,
        mailbox: bool,
        has_key: bool,
        can_sign: bool,
        is_verified: bool,
        drawn in prop::collection::vec(any::<u8>(), 1..200),
    ) {
        let key = SoftKey::ed25519(1).public();
        let keys = KeyPlan {
            can_sign,
            verified: is_verified.then(|| key.clone()).into_iter().collect(),
            ..KeyPlan::default()
        };
        let plan = Plan { tries, renews, single, keys, ..plan(&combinations) };
        let mut account = full();
        if has_key {
            account.add_key(SecurityKey::new("blue".parse().unwrap(), key, at(0))).unwrap();
        }
        let fallback = FallbackRecipients {
            address: None,
            asks: number.then_some(Channel::Sms).or_else(|| mailbox.then_some(Channel::Email)),
        };
        let factors = factors(&plan, &account, fallback);
        let effect = match enrolls {
            true => enroll(
                Occasion::First,
                to_set_up(&set_up),
                Screen::Terminal,
                Wording::default(),
            ),
            false => super::super::begin(plan, factors),
        };
        let (outcome, proof) = lead(effect, &mut Chances { drawn, next: 0 }, &set_up);
        prop_assert_eq!(outcome == Outcome::Passed, proof != Proof::Nothing);
    }
}
