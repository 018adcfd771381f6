//! From what the policy asks to the first prompt.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mfa_protocol::login::Outcome;

use super::super::Agent;
use super::super::error::Failure;
use super::super::limits::OpenLogin;
use super::super::peer::Subject;
use super::again::{Again, ends_in_a_change, needs_proof};
use super::begin::{Resolved, ResolvedLogin};
use super::recall::Recall;
use super::{Effect, Ended, Login, Progress, conclude};
use crate::config::Settings;
use crate::entry_facts::entry_facts;
use crate::profile::{known_user, reads_records};
use crate::repository::Key;
use mfa_core::account::Device;
use mfa_core::factors::address::Region;
use mfa_core::factors::device::DeviceKind;
use mfa_core::factors::{Factor, FactorCombination};
use mfa_core::login::entry::{Asked, Entry, EntryContext, EntryFacts, KnownUser, entry};
use mfa_core::login::{AskTerms, Echo, KeyPlan, Plan, PromptDecoy, Screen, UserFactors, begin};
use mfa_core::policy::Ask;
use mfa_core::texts::Wording;

/// How often a login is decided because its account changed under the decision.
const MAX_DECISIONS: u32 = 3;

impl Agent {
    /// Does what is decided for a login that the policy asks for `ask`.
    pub(super) fn ask(
        &self,
        mut resolved: ResolvedLogin<'_>,
        open_login: OpenLogin,
        ask: &Arc<Ask>,
    ) -> Result<Progress, Failure> {
        // Looked up for all users alike: how long it takes tells nothing of an account.
        if reads_records(&resolved.settings, ask) {
            self.known_user(&resolved)?;
        }
        for _ in 0..MAX_DECISIONS {
            let entry = self.entry(&resolved, ask)?;
            if resolved.remembered.is_some() && !ends_in_a_change(&entry, ask) {
                return self.ask_newest(&resolved, open_login);
            }
            match entry {
                Entry::NoRoom => {
                    let user = resolved.context.user.as_str();
                    let reason = TOO_MUCH_FOR_ONE_ANSWER.replace("USER", user);
                    return Ok(conclude(&resolved.context, Outcome::Denied, &reason).into());
                }
                Entry::Enroll(set_up) => return self.enroll(resolved, open_login, ask, set_up),
                Entry::Ask(asked) => {
                    return self.first_prompt(resolved, open_login, ask, asked);
                }
                Entry::LetIn(_) => {}
            }
            if let Some(ended) = self.let_in(&resolved, ask)? {
                return Ok(ended.into());
            }
            if resolved.remembered.is_some() {
                return self.ask_newest(&resolved, open_login);
            }
            let found = self.account_or_placeholder(&resolved.subject.user)?;
            (resolved.key, resolved.account) = (found.key, found.account);
        }
        // Any user can cause that.
        Err(Failure::busy("the account keeps changing; try again"))
    }

    /// The same for the newest record of the user.
    fn ask_newest(
        &self,
        resolved: &ResolvedLogin<'_>,
        open_login: OpenLogin,
    ) -> Result<Progress, Failure> {
        let newest = self.resolve(
            resolved.context.clone(),
            Arc::clone(&resolved.settings),
            (resolved.subject, None),
            resolved.login_context,
            resolved.proof,
        )?;
        match newest {
            Resolved::Asks(resolved, ask) => self.ask(*resolved, open_login, &ask),
            Resolved::Ended(ended) => Ok(ended.into()),
        }
    }

    /// The result of a login.
    pub(super) fn entry<'a>(
        &'a self,
        resolved: &'a ResolvedLogin<'_>,
        ask: &'a Ask,
    ) -> Result<Entry<'a>, Failure> {
        let (facts, context) = (resolved.facts(), self.entry_context(resolved));
        entry(ask, &resolved.account, facts, context).decide(|| self.known_user(resolved))
    }

    pub(super) fn entry_context<'a>(&'a self, resolved: &'a ResolvedLogin<'_>) -> EntryContext<'a> {
        let login_context = resolved.login_context;
        EntryContext {
            user: &resolved.subject.user,
            authtok: login_context.authtok,
            is_operation: login_context.operation.is_some(),
            is_proof: resolved.proof,
            is_guarded: resolved.context.peer.privileged,
            is_own_record: resolved.key.is_account(),
            counts_suspension: true,
            keys: login_context.key_reach(),
            scope: login_context.spot.as_ref(),
            host: &resolved.session_host,
            now: resolved.now,
        }
    }

    /// What the host knows of the user by this very name; looked up once in a login. The way past the name service has
    /// not asked it yet.
    fn known_user(&self, resolved: &ResolvedLogin<'_>) -> Result<KnownUser, Failure> {
        if let Some(known) = resolved.known.get() {
            return Ok(known.clone());
        }
        let subject = resolved.subject;
        let looked_up = match subject.entry {
            Some(_) => None,
            None => self.names.canonical(&subject.user)?,
        };
        let entry = subject.entry.as_ref();
        let entry = entry.or(looked_up.as_ref().filter(|it| it.name == subject.user));
        let known = known_user(&*self.names, &resolved.settings, &subject.user, entry);
        Ok(resolved.known.get_or_init(|| known).clone())
    }

    fn first_prompt(
        &self,
        resolved: ResolvedLogin<'_>,
        open_login: OpenLogin,
        ask: &Ask,
        asked: Asked,
    ) -> Result<Progress, Failure> {
        let (read_in, begun) = (resolved.read_in, Instant::now());
        let (mut login, mut effect) = self.begin_asking(resolved, open_login, ask, asked);
        if login.unproven.is_some() && needs_proof(&effect) {
            match self.begin_again(*login, Recall::Newest)? {
                Again::With(again, what) => (login, effect) = (again, *what),
                Again::Otherwise(progress) => return Ok(*progress),
            }
        }
        self.repository.keep_pace(read_in + begun.elapsed());
        self.first_step(login, effect)
    }

    /// The end of a login by nothing but a key that sshd has verified; none if something would have to be asked. For the
    /// account phase, where nothing can be.
    pub(super) fn by_key_alone(
        &self,
        resolved: ResolvedLogin<'_>,
        ask: &Ask,
        mut asked: Asked,
    ) -> Result<Option<Box<Ended>>, Failure> {
        let is_key =
            |combination: &FactorCombination| combination.factors() == [Factor::Key].as_slice();
        asked.terms.combinations.retain(is_key);
        let reach = resolved.login_context.key_reach();
        if asked.terms.combinations.is_empty() || reach.verified.is_empty() {
            return Ok(None);
        }
        let open_login = self.open_login(&resolved.subject.user, &resolved.settings)?;
        let (login, effect) = self.begin_asking(resolved, open_login, ask, asked);
        match effect {
            Effect::Verify(_) => match self.first_step(login, effect)? {
                Progress::Ended(ended) => Ok(Some(ended)),
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }

    pub(super) fn begin_asking(
        &self,
        mut resolved: ResolvedLogin<'_>,
        open_login: OpenLogin,
        ask: &Ask,
        asked: Asked,
    ) -> (Box<Login>, Effect) {
        // What comes back is stored, and what is wrong counted, on the user's own record.
        if asked.counts_on_own_record {
            resolved.key = Key::account(&resolved.subject.user);
        }
        resolved.context.hint = asked.hint;
        let (account, now) = (&resolved.account, resolved.now);
        let echo_code = resolved.login_context.echo_code;
        let mut plan = Plan {
            renews: asked.renews,
            ..plan(asked.terms, &resolved.settings, resolved.context.screen())
        };
        plan.echo.codes |= echo_code;
        plan.keys = self.key_plan(&resolved);
        let decoy = self.prompt_decoy(&resolved.settings, resolved.subject, &plan);
        let factors = UserFactors::of(account, &plan, &decoy, asked.fallback, now);
        let counts = |device: &Device| device.kind() == DeviceKind::Hotp;
        let mut devices = account.usable_devices().map(counts);
        let is_by_counter = devices.next() == Some(true) && devices.all(|counts| counts);
        drop(devices);
        let effect = begin(plan, factors);
        let mut login = Login::of(resolved, open_login, ask, asked.session);
        login.context.is_by_counter = is_by_counter;
        login
            .context
            .set_combination(effect.combination().map(ToString::to_string));
        (login, effect)
    }

    /// How keys are met in this login.
    fn key_plan(&self, resolved: &ResolvedLogin<'_>) -> KeyPlan {
        let (context, reach) = (&resolved.context, resolved.login_context.key_reach());
        KeyPlan {
            terms: resolved.settings.key,
            verified: reach.verified.to_vec(),
            can_sign: reach.can_sign,
            host: self.host_name(),
            service: resolved.login_context.service.clone(),
            session: context.session.clone(),
            user: context.user.to_string(),
        }
    }

    /// What a user without the factor is asked for: always the same for the same name.
    pub(in crate::server) fn prompt_decoy<'a>(
        &self,
        settings: &'a Settings,
        subject: &Subject,
        plan: &Plan,
    ) -> PromptDecoy<'a> {
        // Whether a question is asked may depend on the record of the user. Picking one takes as long for everybody.
        let catalogue = &settings.questions.catalogue;
        let question = self.repository.pick(&subject.user, catalogue);
        PromptDecoy {
            combination: self.repository.lean(&subject.user, &plan.combinations),
            question: question.map_or("", String::as_str),
            is_pushed: self.push_of_nobody(settings, &subject.user),
        }
    }
}

impl ResolvedLogin<'_> {
    pub(super) fn facts(&self) -> EntryFacts<'_> {
        entry_facts(&self.settings)
    }
}

const TOO_MUCH_FOR_ONE_ANSWER: &str = "one answer for password and code was asked for, but more \
                                       than a code is required; set require = [\"totp\"] in a \
                                       rule for this service, or check what is required for this \
                                       user: mfactl status USER";

/// The prompts and texts of a login on these terms.
pub(in crate::server) fn plan(terms: AskTerms, settings: &Settings, screen: Screen) -> Plan {
    Plan {
        combinations: terms.combinations,
        single: terms.single,
        tries: terms.tries,
        first_is_a_guess: terms.first_is_a_guess,
        wording: wording(settings, screen),
        code_digits: settings.delivery.digits,
        usual_digits: settings.totp.digits.into(),
        region: region(settings),
        patience: patience(settings),
        renews: false,
        pushes: settings.push.per_login,
        push_servers: settings
            .radius
            .iter()
            .filter(|radius| radius.push)
            .map(|radius| radius.name.clone())
            .collect(),
        echo: echo(settings, false),
        keys: KeyPlan {
            terms: settings.key,
            ..KeyPlan::default()
        },
    }
}

/// The country of numbers that are typed without one.
pub(super) fn region(settings: &Settings) -> Option<Region> {
    settings.delivery.sms.as_ref().and_then(|sms| sms.region)
}

/// What is visible while it is typed; `codes`: whether the program wants codes to be.
pub(super) fn echo(settings: &Settings, codes: bool) -> Echo {
    Echo {
        factors: settings.prompts.echo.clone(),
        codes,
    }
}

/// What is said on this screen.
pub(in crate::server) fn wording(settings: &Settings, screen: Screen) -> Wording {
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
