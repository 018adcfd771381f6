//! How a login begins: who it is for, what the policy says, and the first prompt.

use std::sync::Arc;
use std::time::Instant;

use data_encoding::HEXLOWER;
use jiff::Zoned;
use mfa_protocol::MAX_NAME;
use mfa_protocol::login::{Authtok, BeginParameters, LoginReply, Outcome};
use mfa_protocol::message::ErrorKind;

use super::super::Agent;
use super::super::error::Failure;
use super::super::peer::{Peer, Subject};
use super::{Context, Login, Progress, conclude};
use crate::account::Account;
use crate::config::Settings;
use crate::dialogue::{Dialogue, Holdings, Plan, Texts};
use crate::factors::Factor;
use crate::ledger::Key;
use crate::names::{Groups, UserName};
use crate::policy::{
    Ask, Facts, Personal, Policy, Prompting, Request, Unenrolled, Verdict, Whence, remote_address,
};

/// The service by whose rules somebody proves themselves before changing their factors.
const PROOF_SERVICE: &str = "mfactl";

/// What a login is to be asked for.
struct Wanted<'a> {
    ask: &'a Ask,
    authtok: Authtok,
    proof: bool,
}

impl Agent {
    /// Begins a login. `proof` demands a factor even where the policy asks for none, because the
    /// caller is about to change their own factors.
    pub(in crate::server) fn begin(
        &self,
        peer: Peer,
        begin: BeginParameters,
        proof: bool,
    ) -> Result<Progress, Failure> {
        check_names(&begin)?;
        let settings = self.settings();
        let (subject, known) = self.login_subject(peer, &settings, &begin.user)?;
        let begin = self.believable(peer, begin, proof);
        let mut context = Context::new(session_id()?, &subject.user, &begin, peer);
        let decision = self.decide(&settings.policy, &subject, &begin)?;
        context.rule = decision.rule_name().map(str::to_owned);
        let ask = match (&decision.verdict, proof) {
            (Verdict::Deny, _) => {
                return Ok(conclude(&context, Outcome::Denied, &decision.reason()));
            }
            (Verdict::Skip, false) => {
                return Ok(conclude(&context, Outcome::Skipped, &decision.reason()));
            }
            (Verdict::Skip, true) => Arc::clone(&settings.policy.default),
            (Verdict::Ask(ask), _) => Arc::clone(ask),
        };
        let authtok = begin.authtok.unwrap_or_default();
        let found = match known {
            Some(account) => (Key::account(&subject.user), account),
            None => self.account_or_stand_in(&subject.user)?,
        };
        let wanted = Wanted {
            ask: &ask,
            authtok,
            proof,
        };
        Ok(self.ask(context, settings, &subject, &wanted, found))
    }

    /// The user of a login, once it is sure that the caller may begin it, and their account if it was
    /// found on the way.
    ///
    /// For most logins of a host the name service has nothing to say: a program that may ask for
    /// anyone asks for somebody who has an account. Accounts are enrolled under canonical names, so an
    /// account under the very name that was given is theirs, and the look-up, which costs as much as
    /// the rest of this, is left out.
    fn login_subject(
        &self,
        peer: Peer,
        settings: &Settings,
        name: &str,
    ) -> Result<(Subject, Option<Account>), Failure> {
        if peer.privileged && !settings.policy.needs_names() {
            let user: UserName = name.parse().map_err(Failure::refused)?;
            let account = self.ledger.load(&Key::account(&user))?;
            if account.is_some() {
                return Ok((Subject { user, entry: None }, account));
            }
        }
        let subject = self.subject(name)?;
        self.require_login_right(peer, settings, &subject)?;
        Ok((subject, None))
    }

    /// What is known of a login, as opposed to what an ordinary process says. Such a process is no
    /// program that guards logins: the address and the terminal in its mouth could open a rule that is
    /// not meant for it, or have somebody else's address banned. And it does not choose the service
    /// whose rule its proof is measured by.
    fn believable(&self, peer: Peer, begin: BeginParameters, proof: bool) -> BeginParameters {
        let service = if proof {
            PROOF_SERVICE.to_owned()
        } else {
            begin.service.clone()
        };
        if peer.privileged {
            return BeginParameters { service, ..begin };
        }
        BeginParameters {
            service,
            rhost: None,
            ruser: None,
            tty: None,
            ..begin
        }
    }

    fn decide(
        &self,
        policy: &Policy,
        subject: &Subject,
        begin: &BeginParameters,
    ) -> Result<crate::policy::Decision, Failure> {
        let request = Request {
            user: &subject.user,
            service: &begin.service,
            rhost: begin.rhost.as_deref().and_then(remote_address),
            tty: begin.tty.as_deref(),
            operation: None,
            after: &[],
            now: Zoned::now().datetime(),
            whence: Whence::of(&begin.service, begin.rhost.as_deref(), begin.tty.as_deref()),
        };
        let (federated, groups) = self.facts(policy, subject, Some(&request))?;
        let facts = Facts {
            federated,
            groups: &groups,
        };
        Ok(policy.decide(&request, &facts, &Personal::default()))
    }

    /// What the policy wants to know of the user for a login, and no more: each look-up costs every login.
    /// Without one, what it may want to know for any.
    pub(in crate::server) fn facts(
        &self,
        policy: &Policy,
        subject: &Subject,
        request: Option<&Request<'_>>,
    ) -> Result<(bool, Groups), Failure> {
        let entry = subject.entry.as_ref();
        let needs_locality = request.map_or_else(
            || policy.needs_names(),
            |request| policy.needs_locality(request),
        );
        let federated = needs_locality && self.names.is_federated(entry)?;
        let groups = match request.is_none_or(|request| policy.needs_groups(request)) {
            true => self.names.groups(&subject.user, entry, &policy.groups())?,
            false => Groups::new(),
        };
        Ok((federated, groups))
    }

    fn ask(
        &self,
        mut context: Context,
        settings: Arc<Settings>,
        subject: &Subject,
        wanted: &Wanted<'_>,
        (key, account): (Key, Account),
    ) -> Progress {
        let Wanted {
            ask,
            authtok,
            proof,
        } = *wanted;
        let Some(plan) = plan(ask, authtok, &settings) else {
            let reason = "one answer for password and code was asked for, but the policy requires \
                          more than a code; set require = [\"totp\"] in a rule for this service";
            return conclude(&context, Outcome::Denied, reason);
        };
        let unenrolled = !plan.ways.iter().any(|way| account.can(way));
        // Who has set up something, but not all that is required, is asked: what they set up counts.
        if account.enrolled().is_empty() && ask.unenrolled == Unenrolled::Allow {
            return conclude(&context, Outcome::Skipped, "not enrolled, and need not be");
        }
        let holdings = Holdings::of(&account, &plan, self.stand_in_question(&settings, subject));
        let (dialogue, step) = Dialogue::begin(plan, holdings);
        context.way = dialogue.way().map(ToString::to_string);
        let reply = LoginReply {
            session: context.session.clone(),
            step,
        };
        let login = Login {
            context,
            deadline: Instant::now() + settings.server.login_timeout,
            dialogue,
            era: account.lockout().era(),
            settings,
            key,
            unenrolled,
            attempt: None,
            proof,
            generation: None,
        };
        Progress::Open(Box::new(login), reply)
    }

    /// The user's record, or the one that stands in for those who have none.
    fn account_or_stand_in(&self, user: &UserName) -> Result<(Key, Account), Failure> {
        let own = Key::account(user);
        if let Some(account) = self.ledger.load(&own)? {
            return Ok((own, account));
        }
        let stand_in = self.ledger.stand_in(user);
        let account = self.ledger.load(&stand_in)?.unwrap_or_default();
        Ok((stand_in, account))
    }

    /// The question that somebody without questions is asked: always the same for the same name.
    pub(in crate::server) fn stand_in_question<'a>(
        &self,
        settings: &'a Settings,
        subject: &Subject,
    ) -> &'a str {
        let catalogue = &settings.questions.catalogue;
        let choices = u32::try_from(catalogue.len()).unwrap_or(u32::MAX);
        let pick = self.ledger.pick(&subject.user, choices) as usize;
        catalogue.get(pick).map_or("", String::as_str)
    }
}

/// How the policy is carried out for a program that can hold a conversation, or not. `None` when it
/// has one answer only and no way is left that fits into it.
pub(in crate::server) fn plan(ask: &Ask, authtok: Authtok, settings: &Settings) -> Option<Plan> {
    let single = ask.prompting == Prompting::Single || authtok != Authtok::None;
    let one_code = |way: &&crate::factors::Way| way.factors() == [Factor::Totp];
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
    let texts = Texts {
        totp: settings.prompts.totp.clone(),
        pin: settings.prompts.pin.clone(),
    };
    Some(Plan {
        ways,
        single,
        tries,
        first_is_a_guess: authtok == Authtok::Try,
        texts,
    })
}

fn check_names(begin: &BeginParameters) -> Result<(), Failure> {
    let optional = [&begin.rhost, &begin.ruser, &begin.tty];
    let names = optional.into_iter().flatten().chain([&begin.service]);
    for name in names {
        if name.len() > MAX_NAME || name.contains('\0') {
            return Err(Failure::refused(format!(
                "a service, host or terminal name has at most {MAX_NAME} bytes and no NUL"
            )));
        }
    }
    if begin.service.is_empty() {
        return Err(Failure::Parameter("service".to_owned()));
    }
    Ok(())
}

fn session_id() -> Result<String, Failure> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|e| Failure::new(ErrorKind::Unavailable, format!("no random bytes: {e}")))?;
    Ok(HEXLOWER.encode(&random))
}
