//! Whole accounts of other programs: devices with what is used up, scratch codes, PINs.

use jiff::Timestamp;
use mfa_protocol::Secret;
use mfa_protocol::admin::{
    ImportAccount, ImportAccountsParameters, ImportAccountsReply, ImportDevice, ImportOutcome,
    ImportedAccount,
};
use mfa_protocol::message::ErrorKind;

use super::super::super::connection::Connection;
use super::super::super::error::{Failure, about};
use super::super::super::peer::Subject;
use super::super::super::random;
use super::super::change_event;
use super::super::personal::pin_required;
use crate::audit::Event;
use crate::repository::{After, Key};
use mfa_core::account::{Account, Device, Import, Imported, Label, credential_ids};
use mfa_core::factors::device::{Digits, Generator, MAX_OFFSET, MovingFactor, with_room};
use mfa_core::factors::key::Key as SecretKey;
use mfa_core::factors::pin::Pin;
use mfa_core::factors::recovery::MAX_RECOVERY_CODES;

/// The digits of other programs' scratch codes.
const SCRATCH_DIGITS: usize = 8;

/// How it is imported.
#[derive(Clone, Copy)]
struct How {
    /// Whether new devices are for users only who never had anything here.
    newcomers: bool,
    /// Whether it is only to be said what would become of it.
    dry_run: bool,
}

/// An account that can be imported.
struct Read {
    subject: Subject,
    import: Import,
}

impl Connection {
    pub(in crate::server::admin) fn import_accounts(
        &self,
        parameters: ImportAccountsParameters,
    ) -> Result<ImportAccountsReply, Failure> {
        self.agent
            .require_administrator(self.peer, &self.agent.settings())?;
        let how = How {
            newcomers: parameters.newcomers,
            dry_run: parameters.dry_run,
        };
        let mut results = Vec::with_capacity(parameters.accounts.len());
        for account in parameters.accounts {
            let (line, user) = (account.line, account.user.clone());
            let result = match self.import_account(account, how) {
                Ok(result) => result,
                Err(Failure::Ours(ErrorKind::Refused, reason)) => refused(line, user, reason),
                Err(broken) => return Err(broken),
            };
            results.push(result);
        }
        Ok(ImportAccountsReply { results })
    }

    fn import_account(&self, account: ImportAccount, how: How) -> Result<ImportedAccount, Failure> {
        let (line, dry_run) = (account.line, how.dry_run);
        let windows = self.agent.settings().windows();
        let read = self.read_account(account, how)?;
        let key = Key::account(&read.subject.user);
        let imported = self.agent.commit(&key, self.peer, |account| {
            let mut account = account.unwrap_or_default();
            let imported = account.import(&read.import, &windows, Timestamp::now());
            let imported = imported.map_err(Failure::refused)?;
            if !imported.changed() || dry_run {
                return Ok((After::Same, Vec::new(), imported));
            }
            let mut events = vec![self.account_event(&read, &imported)];
            events.extend(self.setting_event(&read, &imported, &account));
            Ok((After::Put(account.into()), events, imported))
        })?;
        Ok(taken(line, &read, &imported))
    }

    fn read_account(&self, account: ImportAccount, how: How) -> Result<Read, Failure> {
        let subject = self.importing(&account.user)?;
        if account.devices.is_empty() {
            return Err(Failure::refused("there is no device to import"));
        }
        let devices: Result<Vec<Device>, Failure> = account.devices.iter().map(device).collect();
        let import = Import {
            devices: devices?,
            codes: account
                .scratch_codes
                .map(|codes| self.scratch_codes(&codes))
                .transpose()?,
            code_digits: SCRATCH_DIGITS as u32,
            asks_pin: account.pin.is_some(),
            pin: None,
            newcomers: how.newcomers,
        };
        let pin = account.pin.map(Pin::imported).transpose();
        let pin = pin.map_err(|e| Failure::refused(format!("its PIN can't be imported: {e}")))?;
        let held = self.agent.repository.account(&subject.user)?;
        let phc = match &pin {
            Some(pin) if self.wants_pin(&held, &import)? => {
                Some(self.hash_pin(&subject, pin, how.dry_run)?)
            }
            _ => None,
        };
        Ok(Read {
            subject,
            import: Import { pin: phc, ..import },
        })
    }

    fn scratch_codes(
        &self,
        codes: &[Secret],
    ) -> Result<Vec<mfa_core::factors::recovery::CodeDigest>, Failure> {
        if codes.len() > MAX_RECOVERY_CODES {
            return Err(Failure::refused(format!(
                "it has {} scratch codes; at most {MAX_RECOVERY_CODES} are possible",
                codes.len()
            )));
        }
        let pepper = self.agent.repository.pepper();
        let digest = |code: &Secret| {
            let text = code.expose();
            let fits = text.len() == SCRATCH_DIGITS && text.bytes().all(|b| b.is_ascii_digit());
            fits.then(|| pepper.digest(text)).ok_or_else(|| {
                Failure::refused(format!(
                    "a scratch code does not have {SCRATCH_DIGITS} digits"
                ))
            })
        };
        codes.iter().map(digest).collect()
    }

    /// Whether the PIN would be taken, so that it is worth hashing.
    fn wants_pin(&self, held: &Account, import: &Import) -> Result<bool, Failure> {
        if held.pin().is_some() {
            return Ok(false);
        }
        let windows = self.agent.settings().windows();
        let imported = held.clone().import(import, &windows, Timestamp::now());
        Ok(imported.map_err(Failure::refused)?.devices > 0)
    }

    /// A dry run stores nothing, and hashes nothing.
    fn hash_pin(&self, subject: &Subject, pin: &Pin, dry_run: bool) -> Result<String, Failure> {
        if dry_run {
            return Ok(String::new());
        }
        let who = self.peer.claim(&subject.user);
        Ok(self.agent.hasher.hash(&who, pin.secret(), random()?)?)
    }

    fn setting_event(&self, read: &Read, imported: &Imported, account: &Account) -> Option<Event> {
        let user = read.subject.user.to_string();
        imported.requires_pin.then(|| Event {
            by_uid: Some(self.peer.uid),
            by_pid: Some(self.peer.pid),
            user: Some(user.clone()),
            ..pin_required(&user, self.is_asked(&read.subject, account), account)
        })
    }

    fn account_event(&self, read: &Read, imported: &Imported) -> Event {
        let kinds = read.import.devices.iter().map(|d| d.kind().name());
        let mut kinds: Vec<&str> = kinds.collect();
        kinds.dedup();
        let mut parts = Vec::new();
        if imported.devices > 1 {
            parts.push(format!("{} devices", imported.devices));
        }
        if imported.codes > 0 {
            parts.push(format!("{} recovery codes", imported.codes));
        }
        if imported.pin {
            parts.push("a PIN".to_owned());
        }
        if imported.spent > 0 {
            parts.push(format!("{} recovery codes spent", imported.spent));
        }
        if imported.updated {
            parts.push("codes used elsewhere".to_owned());
        }
        Event {
            factor: Some(kinds.join(", ")),
            reason: (!parts.is_empty()).then(|| parts.join(", ")),
            credential_id: credential_ids(read.import.devices.iter()),
            ..change_event("import", &read.subject, self.peer)
        }
    }
}

fn device(read: &ImportDevice) -> Result<Device, Failure> {
    let label: Label = match &read.label {
        Some(label) => label.parse().map_err(Failure::refused)?,
        None => Label::numbered(1),
    };
    let generator = Generator {
        key: SecretKey::from_base32(&read.secret).map_err(Failure::refused)?,
        algorithm: read.algorithm.unwrap_or_default(),
        digits: match read.digits {
            Some(digits) => digits.try_into().map_err(Failure::refused)?,
            None => Digits::default(),
        },
        moves: match read.period {
            Some(seconds) => MovingFactor::Time(seconds.try_into().map_err(Failure::refused)?),
            None => MovingFactor::Counter,
        },
    };
    if generator.moves == MovingFactor::Counter {
        let next = read.used.map_or(0, |used| used.saturating_add(1));
        with_room(next).map_err(Failure::refused)?;
    }
    let offset = read.offset.unwrap_or(0);
    if !(-MAX_OFFSET..=MAX_OFFSET).contains(&offset) {
        return Err(Failure::refused(format!(
            "its clock is {offset} periods off; at most {MAX_OFFSET} in either direction are \
             possible. Correct the device's clock, and enrol it again"
        )));
    }
    let credential_id = read.credential_id.as_deref().map(str::parse).transpose();
    let mut device = Device::new(label, generator, Timestamp::now());
    device.offset = offset;
    device.last_step = read.used;
    device.credential_id =
        credential_id.map_err(|e| Failure::refused(format!("the credential ID: {e}")))?;
    Ok(device)
}

fn taken(line: u64, read: &Read, imported: &Imported) -> ImportedAccount {
    let result = match imported {
        Imported { devices: 1.., .. } => ImportOutcome::Stored,
        Imported { updated: true, .. } => ImportOutcome::Updated,
        _ => ImportOutcome::Unchanged,
    };
    let new = result == ImportOutcome::Stored;
    let mut notes = Vec::new();
    if read.subject.entry.is_none() {
        notes.push(
            "the user is not in the name service; this is right for VPN users without a \
                    host account"
                .to_owned(),
        );
    }
    if imported.pin {
        let user = &read.subject.user;
        notes.push(format!(
            "the PIN is asked for after the code; to undo this: mfactl require pin {user} --off"
        ));
    } else if new && read.import.asks_pin {
        let text = "the user already has a PIN here; it is kept and asked for after the code";
        notes.push(text.to_owned());
    }
    let had_codes = read
        .import
        .codes
        .as_ref()
        .is_some_and(|codes| !codes.is_empty());
    if new && had_codes && imported.codes == 0 {
        notes.push("the user already has recovery codes here; they are kept".to_owned());
    }
    if imported.spent > 0 {
        notes.push(format!(
            "{} scratch codes were spent elsewhere",
            imported.spent
        ));
    }
    ImportedAccount {
        line,
        user: read.subject.user.to_string(),
        result,
        reason: None,
        devices: imported.devices,
        codes: imported.codes,
        pin: imported.pin,
        notes,
    }
}

fn refused(line: u64, user: String, reason: String) -> ImportedAccount {
    ImportedAccount {
        line,
        reason: Some(about(&reason, &user)),
        user,
        result: ImportOutcome::Refused,
        devices: 0,
        codes: 0,
        pin: false,
        notes: Vec::new(),
    }
}
