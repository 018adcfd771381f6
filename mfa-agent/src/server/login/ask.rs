//! From what the policy asks to the first prompt.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use mfa_protocol::login::{Authtok, Outcome};

use super::super::Agent;
use super::super::error::Failure;
use super::super::peer::Subject;
use super::begin::ResolvedLogin;
use super::enrol::cannot_enrol;
use super::reach::{FallbackRecipients, asks_number_first};
use super::{Login, Progress, Stage, conclude};
use crate::config::Settings;
use crate::repository::Key;
use mfa_core::account::{Device, NewSession};
use mfa_core::factors::device::DeviceKind;
use mfa_core::factors::{Factor, FactorCombination};
use mfa_core::login::{Dialogue, Plan, PromptDecoy, Screen, UserFactors};
use mfa_core::policy::{Ask, Prompting, Unenrolled};
use mfa_core::texts::Wording;

impl Agent {
    pub(super) fn ask(
        &self,
        resolved: ResolvedLogin<'_>,
        ask: &Arc<Ask>,
    ) -> Result<Progress, Failure> {
        let ResolvedLogin {
            context,
            settings,
            account,
            ..
        } = &resolved;
        let authtok = resolved.login_context.authtok;
        let Some(plan) = plan(ask, authtok, settings, context.screen()) else {
            let reason = TOO_MUCH_FOR_ONE_ANSWER.replace("USER", context.user.as_str());
            return Ok(conclude(context, Outcome::Denied, &reason));
        };
        let mut reach = match self.admit_without_prompt(&resolved, ask, &plan)? {
            ControlFlow::Break(ended) => return Ok(ended),
            ControlFlow::Continue(reach) => reach,
        };
        let is_new = account.has_never_enrolled()
            && !reach.enables_combination(account, &plan, resolved.now);
        // A name that this host does not know may be another spelling of one that has set up something.
        if is_new && ask.unenrolled == Unenrolled::Enroll && self.is_known(resolved.subject)? {
            return self.ask_newcomer(resolved, ask, plan);
        }
        reach.number = self.asks_number_beside(settings, account, &plan, ask)
            && !account.has_never_enrolled()
            && may_name_a_number(&resolved)
            && self.is_known(resolved.subject)?;
        self.first_prompt(resolved, ask, plan, reach)
    }

    /// What becomes of a user of this host who has set up nothing, and may do so now.
    fn ask_newcomer(
        &self,
        mut resolved: ResolvedLogin<'_>,
        ask: &Arc<Ask>,
        plan: Plan,
    ) -> Result<Progress, Failure> {
        if asks_number_first(&resolved.settings, &resolved.account, &plan, ask)
            && may_name_a_number(&resolved)
        {
            let reach = FallbackRecipients {
                number: true,
                ..FallbackRecipients::default()
            };
            return self.first_prompt(resolved, ask, plan, reach);
        }
        if !self.may_enrol_in_login(&resolved) {
            return self.first_prompt(resolved, ask, plan, FallbackRecipients::default());
        }
        // Nobody is told by a refusal at once that this user has nothing.
        if let Some(reason) = cannot_enrol(&plan) {
            resolved.context.hint = Some(reason);
            return self.first_prompt(resolved, ask, plan, FallbackRecipients::default());
        }
        self.enrol(resolved, ask, plan)
    }

    /// Whether the host knows the user by this very name. The way past the name service has not asked it
    /// yet.
    pub(super) fn is_known(&self, subject: &Subject) -> Result<bool, Failure> {
        if subject.entry.is_some() {
            return Ok(true);
        }
        let entry = self.names.canonical(&subject.user)?;
        Ok(entry.is_some_and(|entry| entry.name == subject.user))
    }

    /// A program that guards logins has checked a password before, or its stack is to blame; an ordinary
    /// process has not, and does no more than self-service lets it. A proof is no set-up, and what guards
    /// an operation is no place for one.
    fn may_enrol_in_login(&self, resolved: &ResolvedLogin<'_>) -> bool {
        if resolved.proof || resolved.login_context.operation.is_some() {
            return false;
        }
        let service = &resolved.settings.self_service;
        let by_oneself = service.enabled && service.factors.contains(&Factor::Totp);
        resolved.context.peer.privileged || by_oneself
    }

    fn first_prompt(
        &self,
        mut resolved: ResolvedLogin<'_>,
        ask: &Arc<Ask>,
        plan: Plan,
        reach: FallbackRecipients,
    ) -> Result<Progress, Failure> {
        // What comes back is stored, and what is wrong counted, on the user's own record.
        if reach.enables_combination(&resolved.account, &plan, resolved.now) {
            resolved.key = Key::account(&resolved.subject.user);
        }
        let (account, now) = (&resolved.account, resolved.now);
        let beside = reach.beside();
        let factors = beside.factors();
        let unenrolled = !plan.ways.iter().any(|way| account.can(way, &factors, now));
        if unenrolled && account.has_no_usable_factor(now) && !account.has_never_enrolled() {
            resolved.context.hint = Some(NOTHING_USABLE);
        }
        let opening = self.opening(&resolved, ask).filter(|_| !plan.single);
        let by_device = |way: &FactorCombination| way.factors().contains(&Factor::Totp);
        let due = resolved.settings.recovery.new_device
            && !plan.single
            && plan.ways.iter().any(by_device);
        let renews = due && self.may_enrol_in_login(&resolved);
        let decoy = self.prompt_decoy(&resolved.settings, resolved.subject, &plan);
        let holdings = UserFactors::of(account, &plan, &decoy, &beside, now);
        let devices = account.devices();
        let counts = |device: &Device| device.kind() == DeviceKind::Hotp;
        let is_by_counter = !devices.is_empty() && devices.iter().all(counts);
        let (dialogue, next) = Dialogue::begin(plan, holdings);
        let way = dialogue.way().map(ToString::to_string);
        let mut login = Login::of(resolved, ask, Stage::Asking(Box::new(dialogue)), opening);
        login.context.is_by_counter = is_by_counter;
        login.context.set_way(way);
        login.unenrolled = unenrolled;
        login.renews = renews;
        login.template = reach.template;
        self.first_step(Box::new(login), next)
    }

    /// The session that a pass of this login begins.
    pub(super) fn opening(&self, resolved: &ResolvedLogin<'_>, ask: &Ask) -> Option<NewSession> {
        let spot = resolved.login_context.spot.clone()?;
        let rule = ask.session.as_ref().filter(|_| !resolved.proof)?;
        Some(NewSession {
            spot,
            duration: rule.duration,
            boot: self.boot.clone(),
        })
    }

    /// What somebody is asked for who lacks it: always the same for the same name.
    pub(in crate::server) fn prompt_decoy<'a>(
        &self,
        settings: &'a Settings,
        subject: &Subject,
        plan: &Plan,
    ) -> PromptDecoy<'a> {
        let catalogue = &settings.questions.catalogue;
        let question = self.repository.pick(&subject.user, catalogue);
        PromptDecoy {
            way: self.repository.lean(&subject.user, &plan.ways),
            question: question.map_or("", String::as_str),
        }
    }
}

const NOTHING_USABLE: &str = "what was set up can't be used any more (a disabled address, used-up recovery codes, an expired \
                              bypass code); mfactl bypass issues a code";

const TOO_MUCH_FOR_ONE_ANSWER: &str = "one answer for password and code was asked for, but more than a code is required; set require = \
     [\"totp\"] in a rule for this service, or take back what is required of this user: mfactl status USER";

/// A message to a number that somebody types costs money. So it is asked for by programs that guard logins,
/// which have checked a password, and not for an operation or a proof.
fn may_name_a_number(resolved: &ResolvedLogin<'_>) -> bool {
    let is_login = !resolved.proof && resolved.login_context.operation.is_none();
    resolved.context.peer.privileged && is_login
}

/// How the policy is carried out for a program that can hold a conversation, or not. `None` when it
/// has one answer only and no way is left that fits into it.
pub(in crate::server) fn plan(
    ask: &Ask,
    authtok: Authtok,
    settings: &Settings,
    screen: Screen,
) -> Option<Plan> {
    let single = ask.prompting == Prompting::Single || authtok != Authtok::None;
    let one_code = |way: &&FactorCombination| way.factors() == [Factor::Totp];
    let ways: Vec<_> = match single {
        true => ask.ways.iter().filter(one_code).cloned().collect(),
        false => ask.ways.clone(),
    };
    if ways.is_empty() {
        return None;
    }
    let tries = if authtok == Authtok::Try {
        ask.tries.max(2)
    } else {
        ask.tries
    };
    Some(Plan {
        ways,
        single,
        tries,
        first_is_a_guess: authtok == Authtok::Try,
        wording: wording(settings, screen),
        code_digits: settings.delivery.digits,
        usual_digits: settings.totp.digits.into(),
        region: settings.delivery.sms.as_ref().and_then(|sms| sms.region),
        patience: patience(settings),
    })
}

/// What is said on this screen.
pub(super) fn wording(settings: &Settings, screen: Screen) -> Wording {
    let prompts = &settings.prompts;
    let (asking, last) = match screen {
        Screen::Terminal => (&prompts.texts, &prompts.texts),
        Screen::Ssh => (&prompts.texts, &prompts.in_ascii),
        Screen::Page => (&prompts.in_ascii, &prompts.in_ascii),
    };
    Wording {
        asking: asking.clone(),
        last: last.clone(),
    }
}

/// How many seconds a RADIUS server may take: the same for everybody, whichever server is theirs.
fn patience(settings: &Settings) -> Option<u32> {
    let longest = settings.radius.iter().map(|radius| radius.wait).max()?;
    u32::try_from((longest + A_LITTLE_MORE).as_secs()).ok()
}

/// What the reply may take beyond the wait for a server.
const A_LITTLE_MORE: Duration = Duration::from_secs(5);
