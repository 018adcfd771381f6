//! Looking at accounts, removing factors, unlocking.

use jiff::Timestamp;
use mfa_protocol::admin::{
    self as wire, LockoutsReply, PageParameters, RemoveParameters, RemoveReply, StatusReply,
    UnlockParameters, UnlockReply, UserParameters, UsersReply,
};
use mfa_protocol::policy::Action;

use super::super::authorization::what_follows;
use super::super::commit::put_if;
use super::super::connection::Connection;
use super::super::error::{Failure, about};
use super::{
    Change, RECORDS_A_PAGE, change_event, delivery, device, factor_event, fit, key, personal,
};
use crate::audit::Event;
use crate::config::Settings;
use crate::host_name;
use crate::repository::Key;
use mfa_core::account::{Account, Dates, Label};
use mfa_core::factors::Factor;
use mfa_core::lockout::Lock;
use mfa_core::policy::Facts;
use mfa_protocol::factor::Authenticator;

/// Bytes of names on a page; less than what a frame holds.
const ROOM_A_PAGE: usize = 48 * 1024;

/// Lockouts on a page.
const LOCKOUTS_A_PAGE: usize = 100;

impl Connection {
    pub(super) fn status(&self, parameters: &UserParameters) -> Result<StatusReply, Failure> {
        let agent = &self.agent;
        let settings = agent.settings();
        let subject = agent.subject_or_caller(parameters.user.as_deref(), self.peer)?;
        agent.require_sight(self.peer, &settings, &subject)?;
        let account = agent.repository.account(&subject.user)?;
        let (federated, groups) = agent.all_facts(&settings.policy, &subject)?;
        let facts = Facts {
            federated,
            groups: &groups,
        };
        let personal = account.personal();
        let mut rules = settings.policy.rules_for_user(
            host_name::own().as_deref(),
            &subject.user,
            &facts,
            &personal,
        );
        let left_out = fit(&mut rules);
        if left_out > 0 {
            rules.push(wire::Rule {
                name: format!("… and {left_out} more"),
                action: Action::SeeSettings,
                ..wire::Rule::default()
            });
        }
        let now = Timestamp::now();
        let sessions = account.sessions(&agent.session_host(None), now).count();
        let keys = account.keys().iter();
        Ok(StatusReply {
            account: wire::Account {
                sessions: u32::try_from(sessions).unwrap_or(u32::MAX),
                rules,
                addresses: delivery::addresses(self.peer, &account),
                messages: delivery::messages(&account, &settings.delivery.budget, now),
                keys: keys.map(|it| key::show(&settings, it)).collect(),
                ..show(subject.user.to_string(), &account, now)
            },
        })
    }

    pub(super) fn users(&self, parameters: &PageParameters) -> Result<UsersReply, Failure> {
        self.agent
            .require_administrator(self.peer, &self.agent.settings())?;
        let page = self
            .agent
            .repository
            .page(parameters.after.as_deref(), RECORDS_A_PAGE)?;
        let more = page.len() == RECORDS_A_PAGE;
        let mut reply = UsersReply {
            next: page.last().filter(|_| more).map(|(user, _)| user.clone()),
            ..UsersReply::default()
        };
        let (mut room, now) = (ROOM_A_PAGE, Timestamp::now());
        let mut last = None;
        for (user, account) in page {
            let suspended = account.suspended_until(now);
            // A record without factors is what is left of an account.
            let has_any = !account.has_never_enrolled();
            if !has_any && suspended.is_none() {
                continue;
            }
            // Six bytes are the most that JSON makes of one.
            let times = if suspended.is_some() { 2 } else { 1 };
            let Some(left) = room.checked_sub(times * (6 * user.len() + 64)) else {
                reply.next = last;
                break;
            };
            room = left;
            last = Some(user.clone());
            let until = suspended.map(|until| format!("{until:.0}"));
            reply.suspended.extend(until.map(|until| wire::Suspended {
                user: user.clone(),
                until,
            }));
            if has_any {
                reply.users.push(user);
            }
        }
        Ok(reply)
    }

    pub(super) fn lockouts(&self, parameters: &PageParameters) -> Result<LockoutsReply, Failure> {
        self.agent
            .require_administrator(self.peer, &self.agent.settings())?;
        let page = self
            .agent
            .repository
            .page(parameters.after.as_deref(), RECORDS_A_PAGE)?;
        let now = Timestamp::now();
        let whole = page.len() < RECORDS_A_PAGE;
        let mut reply = LockoutsReply::default();
        for (user, account) in page {
            reply.next = Some(user.clone());
            if account.lockout().lock(now).is_some() {
                reply.lockouts.push(lockout(user, &account, now));
                if reply.lockouts.len() == LOCKOUTS_A_PAGE {
                    return Ok(reply);
                }
            }
        }
        if whole {
            reply.next = None;
        }
        Ok(reply)
    }

    pub(super) fn unlock(&self, parameters: &UnlockParameters) -> Result<UnlockReply, Failure> {
        let agent = &self.agent;
        let subject = agent.subject(&parameters.user)?;
        agent.require_authority(self.peer, &agent.settings(), &subject)?;
        let key = Key::account(&subject.user);
        let event = change_event("unlock", &subject, self.peer);
        let changed = agent.commit(&key, self.peer, |account| {
            let Some(mut account) = account else {
                return Err(Failure::refused(format!(
                    "there is no account {:?}; to list accounts: mfactl users",
                    subject.user.as_str()
                )));
            };
            let changed = account.unlock();
            Ok(put_if(changed.then(|| event.clone()), account, changed))
        })?;
        Ok(UnlockReply {
            user: subject.user.to_string(),
            changed,
        })
    }

    pub(super) fn remove(&mut self, parameters: &RemoveParameters) -> Result<RemoveReply, Failure> {
        let named = parameters.factor;
        let no_labels = || {
            Failure::refused(format!(
                "{named} has no labels; only devices, keys and addresses have labels"
            ))
        };
        let Some(factor) = named.factor() else {
            return match parameters.label {
                None => self.remove_recovery(parameters.user.as_deref()),
                Some(_) => Err(no_labels()),
            };
        };
        let (kind, channel) = (named.device_kind(), named.channel());
        let shown = parameters.label.as_deref();
        let is_key = factor == Factor::Key;
        if shown.is_some() && kind.is_none() && channel.is_none() && !is_key {
            return Err(no_labels());
        }
        let settings = self.agent.settings();
        let what = Change::Remove(factor);
        let (subject, permit) = self.changing(parameters.user.as_deref(), &settings, what)?;
        let by = (&subject, self.peer);
        let prospects = self.agent.prospects(&settings, &subject)?;
        let (_, (removed, notes)) = self.change_factors(&subject, &permit, |account| {
            let before = account.clone();
            let (removed, label) = remove_named(&settings, account, (named, factor), shown)?;
            let changed = removed > 0;
            let spent = match changed {
                true => account.forget_spent_codes(Timestamp::now()).words(),
                false => None,
            };
            permit.check_keys(&before, account)?;
            permit.check_left(account, factor)?;
            permit.check_last(&before, account, &prospects)?;
            let event = || Event {
                reason: spent.as_ref().map(|spent| format!("with {spent}")),
                credential_id: before.credential_ids(|device| {
                    kind == Some(device.kind())
                        && label.as_ref().is_none_or(|it| it == device.label.as_str())
                }),
                fingerprint: key::gone(&before, account),
                ..factor_event("remove", by, named, label.clone())
            };
            let event = changed.then(event);
            let follows = what_follows(&before, account, factor, &prospects);
            let spent = spent.map(|spent| format!("also removed: {spent}"));
            let of_sshd = (is_key && changed).then(|| key::STILL_IN_SSHD.to_owned());
            let notes: Vec<_> = spent.into_iter().chain(of_sshd).chain(follows).collect();
            Ok((event, (removed, notes.join("\n"))))
        })?;
        let user = subject.user.to_string();
        Ok(RemoveReply {
            note: (!notes.is_empty()).then(|| about(&notes, &user)),
            user,
            removed,
        })
    }
}

/// Removes what `shown` names of a factor, or all of it. Returns how many there were, and the name of the one that was
/// named, as the audit log has it. What no longer exists is removed.
fn remove_named(
    settings: &Settings,
    account: &mut Account,
    (named, factor): (Authenticator, Factor),
    shown: Option<&str>,
) -> Result<(u32, Option<String>), Failure> {
    if let Some(kind) = named.device_kind() {
        let label: Option<Label> = shown
            .map(str::parse)
            .transpose()
            .map_err(Failure::refused)?;
        let removed = account.remove_devices(kind, label.as_ref());
        return Ok((removed, label.map(|label| label.to_string())));
    }
    let Some(shown) = shown else {
        return Ok((account.remove(factor), None));
    };
    if let Some(channel) = named.channel() {
        let Some(to) = Connection::named_contact(settings, account, channel, shown)? else {
            return Ok((0, None));
        };
        let label = account.contact_label(&to);
        return Ok((account.remove_contacts(channel, Some(&to)), Some(label)));
    }
    let label = account.find_key(Some(shown)).ok();
    let label = label.map(|key| key.label.to_string());
    Ok((account.remove_keys(Some(shown)), label))
}

/// All that the record itself tells.
fn show(user: String, account: &Account, now: Timestamp) -> wire::Account {
    let lockout = account.lockout();
    let (locked_until, locked_by_limit) = lock_fields(lockout.lock(now));
    let devices = account.devices().iter();
    wire::Account {
        enrolled: account.authenticators(),
        devices: devices.map(|d| device::show(&user, d, now)).collect(),
        pin: account.pin().map(|pin| knowledge(&pin.dates)),
        questions: account.questions().map(|set| knowledge(&set.dates)),
        failures: lockout.failures(now),
        consecutive_failures: lockout.consecutive(),
        refused_while_locked: lockout.refused(),
        locked_until,
        locked_by_limit,
        recovery_left: account.recovery_left(),
        bypass_until: account.bypass_until(now).map(|until| until.to_string()),
        suspended_until: account
            .suspended_until(now)
            .map(|until| format!("{until:.0}")),
        radius: delivery::radius(&user, account),
        grace_since: account.grace_since(now).map(|since| since.to_string()),
        settings: personal::show(account.settings()),
        user,
        ..wire::Account::default()
    }
}

fn lockout(user: String, account: &Account, now: Timestamp) -> wire::Lockout {
    let lockout = account.lockout();
    let (locked_until, locked_by_limit) = lock_fields(lockout.lock(now));
    wire::Lockout {
        user,
        failures: lockout.failures(now),
        consecutive_failures: lockout.consecutive(),
        locked_until,
        locked_by_limit,
    }
}

fn lock_fields(lock: Option<Lock>) -> (Option<String>, bool) {
    match lock {
        None => (None, false),
        Some(Lock::Until(until)) => (Some(until.to_string()), false),
        Some(Lock::Administrator) => (None, true),
    }
}

fn knowledge(dates: &Dates) -> wire::Knowledge {
    wire::Knowledge {
        enrolled_at: dates.enrolled_at.to_string(),
        last_used_at: dates.last_used_at.map(|at| at.to_string()),
    }
}
