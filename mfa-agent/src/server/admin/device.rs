//! Existing devices and security keys: shows, renames, disables and resynchronises them.

use jiff::Timestamp;
use mfa_protocol::admin::{
    self as wire, DriftsReply, EnableFactorParameters, EnableFactorReply, PageParameters,
    RenameParameters, RenameReply, ResyncParameters, ResyncReply,
};

use super::super::authorization::what_follows;
use super::super::connection::Connection;
use super::super::error::{Failure, about};
use super::super::peer::{Peer, Subject};
use super::RECORDS_A_PAGE;
use super::{Change, ROOM, change_event, factor_event};
use crate::audit::Event;
use crate::repository::{After, Key};
use mfa_core::account::{Account, Device, Drift, Label, Resync, Resynced};
use mfa_core::factors::Factor;
use mfa_core::factors::device::unspaced;
use mfa_protocol::factor::Authenticator;

impl Connection {
    pub(super) fn rename(&mut self, parameters: &RenameParameters) -> Result<RenameReply, Failure> {
        let label: Option<Label> = parsed(parameters.label.as_deref())?;
        let to: Label = parameters.to.parse().map_err(Failure::refused)?;
        let settings = self.agent.settings();
        let is_key = renames_key(parameters.factor)?;
        let factor = if is_key { Factor::Key } else { Factor::Totp };
        let user = parameters.user.as_deref();
        let (subject, permit) = self.changing(user, &settings, Change::Enroll(factor))?;
        let by = (&subject, self.peer);
        let (changed, ()) = self.change_factors(&subject, &permit, |account| {
            let was = match is_key {
                true => rename_key(account, label.as_ref(), &to)?,
                false => rename_device(account, label.as_ref(), &to)?,
            };
            let event = was.map(|(named, was)| Event {
                reason: Some(format!("its name was {:?} before", was.to_string())),
                ..named_event("rename", by, account, (named, to.as_str()))
            });
            Ok((event, ()))
        })?;
        Ok(RenameReply {
            user: subject.user.to_string(),
            label: to.to_string(),
            changed,
        })
    }

    /// Disables a device, a security key or the account at a RADIUS server without deleting it, or enables it again.
    pub(super) fn enable_factor(
        &mut self,
        parameters: &EnableFactorParameters,
    ) -> Result<EnableFactorReply, Failure> {
        let (named, enabled) = (parameters.factor, parameters.enabled);
        let factor = switchable(named)?;
        let label: Option<Label> = parsed(parameters.label.as_deref())?;
        let settings = self.agent.settings();
        // What is disabled is as good as removed, and what is enabled as good as enrolled.
        let what = match enabled {
            true => Change::Enroll(factor),
            false => Change::Remove(factor),
        };
        if enabled && factor == Factor::Radius {
            self.agent.require_administrator(self.peer, &settings)?;
        }
        let (subject, permit) = self.changing(parameters.user.as_deref(), &settings, what)?;
        let by = (&subject, self.peer);
        let prospects = self.agent.prospects(&settings, &subject)?;
        let name = if enabled { "enable" } else { "disable" };
        let (changed, (label, note)) = self.change_factors(&subject, &permit, |account| {
            let before = account.clone();
            let (label, changed) = switch(account, named, label.as_ref(), enabled)?;
            permit.check_keys(&before, account)?;
            if !enabled {
                permit.check_left(account, factor)?;
                permit.check_last(&before, account, &prospects)?;
            }
            let event = changed.then(|| named_event(name, by, &before, (named, &label)));
            let note = what_follows(&before, account, factor, &prospects);
            Ok((event, (label, note)))
        })?;
        let user = subject.user.to_string();
        Ok(EnableFactorReply {
            note: note.map(|note| about(&note, &user)),
            user,
            label,
            changed,
        })
    }

    /// An attacker who has seen old codes of a device must not move its clock back to them, so this needs a verified
    /// factor, or an administrator.
    pub(super) fn resync(&self, parameters: &ResyncParameters) -> Result<ResyncReply, Failure> {
        let agent = &self.agent;
        let settings = agent.settings();
        let user = parameters.user.as_deref();
        let (subject, permit) = self.changing(user, &settings, Change::Resync)?;
        let account = agent.repository.account(&subject.user)?;
        permit.check(&account)?;
        if account.usable_devices().next().is_none() {
            return Err(Failure::refused(
                "there is no enabled device to resynchronise. To see which devices are disabled: mfactl status USER. \
                 To enrol one: mfactl enroll totp USER",
            ));
        }
        let mut resync = Resync {
            label: parsed(parameters.label.as_deref())?,
            first: unspaced(parameters.first.expose()),
            second: unspaced(parameters.second.expose()),
            epoch: account.lockout().epoch(),
            now: Timestamp::now(),
            windows: settings.windows(),
            limits: settings.lockout,
        };
        let resynced = agent.commit(&Key::account(&subject.user), self.peer, |account| {
            resync.now = Timestamp::now();
            let mut account = account.unwrap_or_default();
            permit.check(&account)?;
            let resynced = account.resync(&resync);
            let event = self.resync_event(&subject, &account, &resynced);
            let events = event.into_iter().collect();
            Ok((After::Put(account.into()), events, resynced))
        })?;
        reply(&subject, resynced)
    }

    pub(super) fn drifts(&self, parameters: &PageParameters) -> Result<DriftsReply, Failure> {
        let agent = &self.agent;
        agent.require_administrator(self.peer, &agent.settings())?;
        let page = agent
            .repository
            .page(parameters.after.as_deref(), RECORDS_A_PAGE)?;
        let (whole, now) = (page.len() < RECORDS_A_PAGE, Timestamp::now());
        let mut reply = DriftsReply::default();
        let mut room = ROOM;
        for (user, account) in page {
            let devices = account.usable_devices();
            let drifts: Vec<_> = devices.filter_map(|d| drift(&user, d, now)).collect();
            // Those of one user always fit: there are few.
            let size = serde_json::to_vec(&drifts).map_or(ROOM, |bytes| bytes.len());
            let Some(left) = room.checked_sub(size) else {
                return Ok(reply);
            };
            room = left;
            reply.drifts.extend(drifts);
            reply.next = Some(user);
        }
        if whole {
            reply.next = None;
        }
        Ok(reply)
    }

    fn resync_event(
        &self,
        subject: &Subject,
        account: &Account,
        resynced: &Resynced,
    ) -> Option<Event> {
        let event = change_event("resync", subject, self.peer);
        Some(match resynced {
            Resynced::Done { label, kind, .. } => Event {
                factor: Some(kind.name().to_owned()),
                label: Some(label.to_string()),
                credential_id: account.credential_ids(|device| device.label == *label),
                ..event
            },
            Resynced::Wrong { lock } => Event {
                result: "wrong",
                reason: Some(match lock {
                    Some(_) => "not two consecutive codes; the account is locked now".to_owned(),
                    None => "not two consecutive codes".to_owned(),
                }),
                ..event
            },
            Resynced::Idle => return None,
            Resynced::Locked => Event {
                result: "locked",
                reason: Some("the account is locked; the codes were not checked".to_owned()),
                ..event
            },
        })
    }
}

/// The factor of what can be disabled by its name; addresses have a method of their own.
fn switchable(named: Authenticator) -> Result<Factor, Failure> {
    match (named, named.device_kind()) {
        (_, Some(kind)) => Ok(kind.factor()),
        (Authenticator::Radius, None) => Ok(Factor::Radius),
        (Authenticator::Key, None) => Ok(Factor::Key),
        (other, None) => Err(Failure::refused(format!(
            "{other} can't be disabled; only devices, keys, addresses and RADIUS accounts can. To remove it: mfactl remove \
             {other} USER"
        ))),
    }
}

/// Whether a security key is renamed, and not a device.
fn renames_key(factor: Option<Authenticator>) -> Result<bool, Failure> {
    match (factor, factor.and_then(Authenticator::device_kind)) {
        (None, _) | (_, Some(_)) => Ok(false),
        (Some(Authenticator::Key), None) => Ok(true),
        (Some(other), None) => Err(Failure::refused(format!(
            "{other} has no names; only devices and security keys have names"
        ))),
    }
}

/// What it is, and its earlier name if it had another.
type Renamed = Option<(Authenticator, Label)>;

fn rename_key(
    account: &mut Account,
    label: Option<&Label>,
    to: &Label,
) -> Result<Renamed, Failure> {
    let was = account.rename_key(label.map(Label::as_str), to);
    let was = was.map_err(Failure::refused)?;
    Ok(was.map(|was| (Authenticator::Key, was)))
}

fn rename_device(
    account: &mut Account,
    label: Option<&Label>,
    to: &Label,
) -> Result<Renamed, Failure> {
    let was = account.rename(label, to).map_err(Failure::refused)?;
    Ok(was.map(|(kind, was)| (kind.into(), was)))
}

/// The event of a change of what has this label, with what else identifies it.
fn named_event(
    event: &'static str,
    by: (&Subject, Peer),
    account: &Account,
    (named, label): (Authenticator, &str),
) -> Event {
    let kind = named.device_kind();
    let is_meant = |device: &Device| kind == Some(device.kind()) && device.label.as_str() == label;
    let key = match named {
        Authenticator::Key => account.find_key(Some(label)).ok(),
        _ => None,
    };
    Event {
        credential_id: account.credential_ids(is_meant),
        fingerprint: key.map(|key| key.key.fingerprint()),
        ..factor_event(event, by, named, Some(label.to_owned()))
    }
}

/// Returns the name of the device, the key or the server, and whether anything changed.
fn switch(
    account: &mut Account,
    named: Authenticator,
    label: Option<&Label>,
    enabled: bool,
) -> Result<(String, bool), Failure> {
    if let Some(kind) = named.device_kind() {
        let switched = account.enable_device(kind, label, enabled);
        let (label, changed) = switched.map_err(Failure::refused)?;
        return Ok((label.to_string(), changed));
    }
    if named == Authenticator::Key {
        let switched = account.enable_key(label.map(Label::as_str), enabled);
        let (label, changed) = switched.map_err(Failure::refused)?;
        return Ok((label.to_string(), changed));
    }
    let server = account.remote().map(|remote| remote.server.to_string());
    let changed = account.enable_remote(enabled);
    server.zip(changed).ok_or_else(|| {
        Failure::refused(
            "the user has no account at a RADIUS server; to enrol one: mfactl enroll radius USER --server NAME",
        )
    })
}

/// A device, as it goes over the wire.
pub(super) fn show(user: &str, device: &Device, now: Timestamp) -> wire::Device {
    let period = device.generator.moves.period().map(u64::from);
    let seconds = i64::try_from(period.unwrap_or(0)).unwrap_or(i64::MAX);
    wire::Device {
        factor: device.kind(),
        label: device.label.to_string(),
        algorithm: device.generator.algorithm,
        digits: device.generator.digits.into(),
        period,
        counter: period.is_none().then(|| device.next()),
        clock_offset: device.offset.saturating_mul(seconds),
        drift: drift(user, device, now),
        credential_id: device.credential_id.as_ref().map(ToString::to_string),
        enabled: device.enabled,
        enrolled_at: device.dates.enrolled_at.to_string(),
        last_used_at: device.dates.last_used_at.map(|at| at.to_string()),
    }
}

fn drift(user: &str, device: &Device, now: Timestamp) -> Option<wire::Drift> {
    let used_ahead = used_ahead(device, now);
    let (drift, seen_at) = match (device.drift(now), used_ahead) {
        (Some((drift, seen_at)), _) => (Some(drift), seen_at),
        (None, Some(_)) => (None, now),
        (None, None) => return None,
    };
    let (seconds, codes) = match drift {
        Some(Drift::Clock(seconds)) => (Some(seconds), None),
        Some(Drift::Counter(codes)) => (None, Some(codes)),
        None => (None, None),
    };
    Some(wire::Drift {
        user: user.to_owned(),
        factor: device.kind(),
        label: device.label.to_string(),
        seconds,
        codes,
        seen_at: seen_at.to_string(),
        used_ahead,
    })
}

/// Seconds to the last use of a device, if that is still to come by more than a clock is corrected by.
fn used_ahead(device: &Device, now: Timestamp) -> Option<i64> {
    let ahead = device.dates.last_used_at?.as_second() - now.as_second();
    (ahead > USED_AHEAD).then_some(ahead)
}

/// In seconds.
const USED_AHEAD: i64 = 300;

fn reply(subject: &Subject, resynced: Resynced) -> Result<ResyncReply, Failure> {
    match resynced {
        Resynced::Done {
            label,
            kind,
            clock_offset,
            skipped,
        } => Ok(ResyncReply {
            user: subject.user.to_string(),
            factor: kind,
            label: label.to_string(),
            clock_offset,
            skipped,
        }),
        Resynced::Wrong { lock: None } => Err(Failure::refused(
            "these are not two consecutive, unused codes of a device, at most ten minutes off; \
             wait for a new code, type it, then type the next one",
        )),
        Resynced::Idle => Err(Failure::refused(
            "these are not codes, or they were already used; wait for a new code, type it, then \
             type the next one",
        )),
        Resynced::Wrong { lock: Some(_) } | Resynced::Locked => Err(Failure::refused(
            "the account is locked, and no code is accepted until the lock ends. To see when: \
             mfactl status USER. An administrator can unlock it: mfactl unlock USER",
        )),
    }
}

fn parsed(label: Option<&str>) -> Result<Option<Label>, Failure> {
    let label = label.map(str::parse).transpose();
    label.map_err(Failure::refused)
}
