//! What is set for one user: `mfactl require`, `enforce`, `self-manage`, `allow-from`.

use std::sync::Arc;

use mfa_protocol::admin::{
    self as wire, AllowFromParameters, EnforceParameters, PreferParameters, RequireParameters,
    SelfManageParameters, SettingReply,
};
use mfa_protocol::policy::Action;

use super::super::Agent;
use super::super::connection::Connection;
use super::super::error::Failure;
use super::super::peer::Subject;
use super::super::prospects::Remains;
use super::{Change, Permit};
use crate::audit::Event;
use crate::audit::cloud::{UserSetting, user_setting_event};
use crate::config::Settings;
use crate::host_name;
use mfa_core::account::{Account, UserOverrides, UserSettings};
use mfa_core::factors::{FactorRow, Stored, Verification};
use mfa_core::names::{Groups, UserName};
use mfa_core::policy::{Enforcement, Facts, Mode, Network};

impl Connection {
    pub(super) fn require(
        &mut self,
        parameters: &RequireParameters,
    ) -> Result<SettingReply, Failure> {
        let (factor, on) = (parameters.factor, parameters.on);
        let settings = self.agent.settings();
        let (subject, permit) =
            self.changing(parameters.user.as_deref(), &settings, Change::Settings)?;
        let account = self.agent.repository.account(&subject.user)?;
        permit.check(&account)?;
        let is_new = on && !account.requires(factor, permit.by());
        let is_of_device = matches!(factor.row().verification, Verification::Device);
        if is_new && is_of_device && settings.require_password_expiry {
            self.require_password_expiry(&subject)?;
        }
        let user = subject.user.to_string();
        let words = format!("require {factor} {}", if on { "on" } else { "off" });
        let done = self.set(&subject, &permit, &words, |account| {
            account
                .require(&user, factor, on, permit.by())
                .map_err(Failure::refused)
        })?;
        let note = (on && !done.1.has(factor)).then(|| {
            format!(
                "{user} has not enrolled {factor} yet and can't log in where it is asked for; enrol it: {}",
                factor.enroll_command(&user)
            )
        });
        let key = (on && factor.row().stored == Stored::Keys).then(|| {
            format!(
                "a key can be used with sshd, sudo, su and doas only: logins of {user} at the console and by other programs are \
                 refused, whatever else is enrolled; to ask for a key or a code: require = [\"key\", \"totp\"] in a rule; to undo \
                 this: mfactl require key {user} --off"
            )
        });
        let notes: Vec<String> = note.into_iter().chain(key).collect();
        let note = (!notes.is_empty()).then(|| notes.join("\n"));
        Ok(said(&subject, done, note))
    }

    pub(super) fn enforce(
        &mut self,
        parameters: &EnforceParameters,
    ) -> Result<SettingReply, Failure> {
        let level = parameters.level;
        let (subject, permit) = self.administering(&parameters.user)?;
        let words = format!("enforce {level}");
        let done = self.set(&subject, &permit, &words, |account| {
            Ok(account.enforce(level))
        })?;
        let note = match level {
            Enforcement::Required => self.what_required_comes_to(&subject, &done.1)?,
            Enforcement::Optional | Enforcement::Default => None,
        };
        Ok(said(&subject, done, note))
    }

    /// What keeps a required factor from being asked for, or the user from giving it.
    fn what_required_comes_to(
        &self,
        subject: &Subject,
        account: &Account,
    ) -> Result<Option<String>, Failure> {
        let (user, asker) = (&subject.user, Asker::of(&self.agent, subject));
        if !asker.asks(account) {
            let why = asker.why_not().replace("USER", user.as_str());
            return Ok(Some(why));
        }
        let prospects = self.agent.prospects(&asker.settings, subject)?;
        Ok((prospects.remains(account) == Remains::Nothing).then(|| {
            format!(
                "{user} has none of the required factors enrolled and can't log in where a rule asks for one; enrol one: \
                 mfactl enroll totp {user}"
            )
        }))
    }

    pub(super) fn prefer(
        &mut self,
        parameters: &PreferParameters,
    ) -> Result<SettingReply, Failure> {
        let factor = parameters.factor;
        let settings = self.agent.settings();
        let (subject, permit) =
            self.changing(parameters.user.as_deref(), &settings, Change::Settings)?;
        let user = subject.user.to_string();
        let words = match factor {
            Some(factor) => format!("prefer {factor}"),
            None => "prefer default".to_owned(),
        };
        let done = self.set(&subject, &permit, &words, |account| {
            account.prefer(&user, factor).map_err(Failure::refused)
        })?;
        Ok(said(&subject, done, None))
    }

    pub(super) fn self_manage(
        &mut self,
        parameters: &SelfManageParameters,
    ) -> Result<SettingReply, Failure> {
        let on = parameters.on;
        let (subject, permit) = self.administering(&parameters.user)?;
        let words = format!("self-manage {}", if on { "on" } else { "off" });
        let done = self.set(&subject, &permit, &words, |account| {
            Ok(account.set_self_manage(on))
        })?;
        Ok(said(&subject, done, None))
    }

    pub(super) fn allow_from(
        &mut self,
        parameters: &AllowFromParameters,
    ) -> Result<SettingReply, Failure> {
        let parsed: Result<Vec<Network>, _> = parameters
            .networks
            .iter()
            .map(|text| text.parse())
            .collect();
        let networks = parsed.map_err(Failure::refused)?;
        let settings = self.agent.settings();
        let (subject, permit) =
            self.changing(parameters.user.as_deref(), &settings, Change::Settings)?;
        let words = match parameters.networks.is_empty() {
            true => "allow-from anywhere".to_owned(),
            false => format!("allow-from {}", parameters.networks.join(" ")),
        };
        let done = self.set(&subject, &permit, &words, |account| {
            account
                .allow_from(&networks, permit.by())
                .map_err(Failure::refused)
        })?;
        Ok(said(&subject, done, None))
    }

    /// Only an administrator may.
    fn administering(&self, user: &str) -> Result<(Subject, Permit), Failure> {
        let settings = self.agent.settings();
        let subject = self.agent.subject(user)?;
        self.agent
            .require_authority(self.peer, &settings, &subject)?;
        self.changing(Some(user), &settings, Change::Settings)
    }

    /// Passwords that never expire and codes together would leave a stolen password good for ever.
    fn require_password_expiry(&self, subject: &Subject) -> Result<(), Failure> {
        if self.agent.names.password_max_days(&subject.user)?.is_some() {
            return Ok(());
        }
        let user = &subject.user;
        Err(Failure::refused(format!(
            "{user} has no maximum password age, but [policy] require_password_expiry requires \
             one; set it first: chage -M 90 {user}"
        )))
    }

    /// See [`Asker`].
    pub(super) fn is_asked(&self, subject: &Subject, account: &Account) -> bool {
        Asker::of(&self.agent, subject).asks(account)
    }

    /// Changes what is set, and returns whether that changed anything, with the account as it is then. Its event
    /// says `words`.
    fn set(
        &mut self,
        subject: &Subject,
        permit: &Permit,
        words: &str,
        change: impl Fn(&mut Account) -> Result<bool, Failure>,
    ) -> Result<(bool, Account), Failure> {
        let (user, peer) = (subject.user.to_string(), self.peer);
        let asker = Asker::of(&self.agent, subject);
        self.change_factors(subject, permit, |account| {
            let was = account.settings().self_manage;
            let changed = change(account)?;
            let is_self_manage = was != account.settings().self_manage;
            let event = changed.then(|| Event {
                user: Some(user.clone()),
                by_uid: Some(peer.uid),
                by_pid: Some(peer.pid),
                ..user_setting_event(
                    match is_self_manage {
                        true => of_self_manage(&user, account),
                        false => of_login(&user, asker.asks(account), account),
                    },
                    words.to_owned(),
                )
            });
            Ok((event, account.clone()))
        })
    }
}

/// Tells whether any login of a user is asked for a second factor, as `status` shows their rules.
struct Asker {
    settings: Arc<Settings>,
    user: UserName,
    federated: bool,
    groups: Groups,
}

impl Asker {
    /// A name service that does not answer keeps no setting from being changed: what it knows counts as unknown.
    fn of(agent: &Agent, subject: &Subject) -> Self {
        let settings = agent.settings();
        let facts = agent.all_facts(&settings.policy, subject);
        let (federated, groups) = facts.unwrap_or_default();
        Self {
            settings,
            user: subject.user.clone(),
            federated,
            groups,
        }
    }

    /// Why no login of a user is asked.
    fn why_not(&self) -> &'static str {
        match self.settings.policy.mode {
            Mode::None => {
                "[enforcement] mode = \"none\" asks no user, so this does nothing for now; to ask again: mfactl mode all"
            }
            Mode::LocalUsers if self.federated => {
                "USER comes from a directory, and [enforcement] mode = \"local-users\" does not ask such users, so this \
                 does nothing for now; to ask them too: mfactl mode all"
            }
            Mode::LocalUsers | Mode::All => {
                "no rule asks USER for a second factor, so this does nothing for now; see the rules: mfactl status USER"
            }
        }
    }

    fn asks(&self, account: &Account) -> bool {
        let facts = Facts {
            federated: self.federated,
            groups: &self.groups,
        };
        let personal = account.personal();
        let policy = &self.settings.policy;
        let rules =
            policy.rules_for_user(host_name::own().as_deref(), &self.user, &facts, &personal);
        rules.iter().any(|rule| rule.action == Action::Ask)
    }
}

fn said(
    subject: &Subject,
    (changed, account): (bool, Account),
    note: Option<String>,
) -> SettingReply {
    SettingReply {
        user: subject.user.to_string(),
        changed,
        settings: show(account.settings()),
        note,
    }
}

/// An import makes the PIN that it brings a required one.
pub(super) fn pin_required(user: &str, is_asked: bool, account: &Account) -> Event {
    let data = of_login(user, is_asked, account);
    user_setting_event(data, "require pin on".to_owned())
}

fn of_login(user: &str, is_asked: bool, account: &Account) -> UserSetting {
    let (questions, self_manage) = (
        account.questions().is_some(),
        account.settings().self_manage,
    );
    UserSetting::of_login(user, is_asked, questions, self_manage)
}

fn of_self_manage(user: &str, account: &Account) -> UserSetting {
    UserSetting::of_self_manage(user, account.settings().self_manage)
}

/// What is set, as it goes over the wire.
pub(super) fn show(settings: &UserSettings) -> wire::UserSettings {
    let networks = |side: &UserOverrides| side.allow_from.iter().map(ToString::to_string).collect();
    wire::UserSettings {
        enforce: settings.enforce,
        require: settings.administrator.require.clone(),
        own_require: settings.own.require.clone(),
        prefer: settings.preferred,
        self_manage: settings.self_manage,
        allow_from: networks(&settings.administrator),
        own_allow_from: networks(&settings.own),
    }
}
