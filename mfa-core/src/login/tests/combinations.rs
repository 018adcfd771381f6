//! Whatever is typed, sent and answered: what is verified is a whole combination, or a combination that a server has rejected on
//! the way; each code is one that was sent by its own channel, and each answer of a server its last.

use proptest::prelude::*;

use super::*;
use crate::account::{Dates, Remote};
use crate::factors::FactorCombination;
use crate::factors::address::{Channel, Recipient};
use crate::factors::sent_code::SentCode;

const OTHER_CODE: &str = "0123456789";

fn accepted(given: &Answer) -> Option<bool> {
    given.decision.as_ref().map(|decision| decision.accepted)
}

#[derive(Clone, Debug)]
enum Act {
    Type(&'static str),
    /// The code that was sent last.
    Code,
    /// A recovery code.
    Other,
}

/// A world that sends, answers and verifies by chance.
struct World {
    replies: Vec<u8>,
    issued: Vec<(Channel, String)>,
    accepted: Option<bool>,
}

impl World {
    fn chance(&mut self) -> u8 {
        self.replies.pop().unwrap_or(1)
    }

    fn last_code(&self) -> &str {
        self.issued.last().map_or("000000", |(_, code)| code)
    }

    fn send(&mut self, order: &SendRequest) -> SendResult {
        let code = match self.chance() % 4 {
            0 => None,
            _ => Some(order.again.clone().unwrap_or_else(|| self.fresh(order))),
        };
        SendResult {
            code,
            expires: at(1000),
            news: DeliveryStatus::OnItsWay,
        }
    }

    fn fresh(&mut self, order: &SendRequest) -> SentCode {
        let code = format!(
            "{:06}",
            700_000 + self.replies.len() + 100 * self.issued.len()
        );
        self.issued.push((order.channel, code.clone()));
        let address = match order.channel {
            Channel::Email => "anna@example.org",
            Channel::Sms => "+491701234542",
        };
        SentCode {
            code: code.as_str().into(),
            to: Recipient::read(order.channel, address, None).unwrap(),
            unless_changed_since: None,
        }
    }

    fn ask(&mut self) -> RadiusReply<Server> {
        let remote = Remote {
            server: "vip".parse().unwrap(),
            user: None,
            enabled: true,
            dates: Dates::enrolled(at(0)),
        };
        let rejected = RadiusReply::Rejected {
            remote: Some(remote.clone()),
            reserved: Some(7),
        };
        let (reply, accepted) = match self.chance() % 4 {
            0 => (RadiusReply::Accepted(remote), Some(true)),
            1 => (rejected, Some(false)),
            2 => {
                let message = "Next".to_owned();
                (
                    RadiusReply::Challenged {
                        message,
                        echo: false,
                        challenge: Server("vip"),
                    },
                    None,
                )
            }
            _ => (RadiusReply::Silent, None),
        };
        self.accepted = accepted.or(self.accepted);
        reply
    }

    fn check(&self, given: &[Answer], combinations: &[FactorCombination]) {
        let factors: Vec<Factor> = given.iter().map(|given| given.factor).collect();
        let is_rejected = given.iter().any(|given| accepted(given) == Some(false));
        let whole = combinations
            .iter()
            .any(|combination| combination.factors() == factors);
        let front = combinations
            .iter()
            .any(|combination| combination.factors().starts_with(&factors));
        assert!(whole || is_rejected && front, "not a way: {factors:?}");
        for given in given {
            if let Some(sent) = &given.sent {
                let channel = sent.to.channel();
                assert_eq!(Channel::of(given.factor), Some(channel));
                let code = sent.code.expose().to_owned();
                assert!(
                    self.issued.contains(&(channel, code)),
                    "never sent, or spent"
                );
            }
            if let Some(accepted) = accepted(given) {
                assert_eq!(given.factor, Factor::Radius);
                assert_eq!(Some(accepted), self.accepted);
            }
        }
    }

    fn spend(&mut self, given: &[Answer]) {
        let right = |given: &Answer| {
            let sent = given.sent.as_ref();
            let sent = sent.filter(|sent| sent.is(given.typed.expose()))?;
            Some(sent.code.expose().to_owned())
        };
        let spent: Vec<String> = given.iter().filter_map(right).collect();
        self.issued.retain(|(_, code)| !spent.contains(code));
    }
}

/// Leads a login through `acts`; every decision says no.
fn lead(plan: Plan, beside: FallbackRecipients, acts: &[Act], world: &mut World) {
    let combinations = plan.combinations.clone();
    let (mut dialogue, mut next) = start(plan, &full(), beside);
    dialogue.other_code = OTHER_CODE;
    let mut acts = acts.iter();
    loop {
        next = match next {
            Next::Relay(step) => panic!("no key is asked for: {step:?}"),
            Next::End(..) => return,
            Next::Ask(step) => {
                assert!(step.prompt.is_some());
                let Some(act) = acts.next() else { return };
                let typed = match act {
                    Act::Type(text) => (*text).to_owned(),
                    Act::Code => world.last_code().to_owned(),
                    Act::Other => OTHER_CODE.to_owned(),
                };
                dialogue.answer(&typed, 1)
            }
            Next::Send(order) => dialogue.dispatched(world.send(&order)),
            Next::Query(_) => dialogue.replied(world.ask()),
            Next::Verify(given) => {
                world.check(&given, &combinations);
                world.spend(&given);
                dialogue.verified(&WRONG)
            }
        };
    }
}

fn act() -> impl Strategy<Value = Act> {
    let typed = [
        "?",
        "1",
        "2",
        "3",
        "resend",
        " RESEND ",
        "287082",
        "2870821379",
        "1379",
        "+49 170 1234542",
        "abc",
    ];
    prop_oneof![
        2 => Just(Act::Code),
        1 => Just(Act::Other),
        5 => prop::sample::select(typed.to_vec()).prop_map(Act::Type),
    ]
}

fn some_combinations() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::select(vec![
        vec!["email", "radius+pin"],
        vec!["sms+pin", "radius"],
        vec!["email+sms"],
        vec!["sms", "email"],
        vec!["radius+email", "totp+pin"],
        vec!["pin+radius", "sms+radius", "email+pin"],
        vec!["totp+sms+pin"],
    ])
}

proptest! {
    #[test]
    fn only_whole_combinations_are_verified(
        combinations in some_combinations(),
        number: bool,
        tries in 1u32..4,
        acts in prop::collection::vec(act(), 0..30),
        replies in prop::collection::vec(any::<u8>(), 0..30),
    ) {
        let plan = Plan { tries, ..plan(&combinations) };
        let address = Some(Recipient::read(Channel::Email, "anna@example.org", None).unwrap());
        let beside = FallbackRecipients { address, asks: number.then_some(Channel::Sms) };
        let mut world = World { replies, issued: Vec::new(), accepted: None };
        lead(plan, beside, &acts, &mut world);
    }
}

#[test]
fn recovery_codes_lead_nobody_to_a_way_that_they_have_nothing_for() {
    let mut account = Account::default();
    account.set_pin("phc-pin".to_owned(), at(0));
    account.set_recovery(
        vec![crate::account::samples::pepper().digest("0123456789")],
        at(0),
    );
    let (_, first) = begin(plan(&["totp", "pin"]), &account);
    assert_eq!(prompt(&first), "PIN: ");
    // Who has nothing else types one.
    let (_, first) = begin(plan(&["questions", "totp"]), &account);
    assert_eq!(prompt(&first), "OTP code: ");
    // An administrator has issued this one to be typed now.
    account.issue_bypass(
        "123456789".into(),
        std::time::Duration::from_secs(60),
        at(0),
    );
    let (_, first) = begin(plan(&["totp", "pin"]), &account);
    assert_eq!(prompt(&first), "OTP code: ");
}
