//! `mfactl rename`: a new name for a device or a security key.
//!
//! The agent identifies a device by its name, which is unique for a user, as it is among keys. The kind of the device,
//! and the name if none was given, are looked up first.

use mfa_protocol::admin::{
    Account, Device, Rename, RenameParameters, RenameReply, Status, UserParameters,
};
use mfa_protocol::factor::Authenticator;
use serde::Serialize;

use crate::args;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;

#[derive(Serialize)]
struct Renamed<'a> {
    user: &'a str,
    factor: Authenticator,
    label: &'a str,
    changed: bool,
}

pub(crate) fn run(context: &mut Context, args: args::Rename) -> Result<Verdict, Failure> {
    let factor = args.factor;
    let whose = UserParameters {
        user: args.user.clone(),
    };
    let account = context.call::<Status>(&whose)?.account;
    let label = meant(&account, factor, args.label.as_deref())?;
    let parameters = RenameParameters {
        user: args.user,
        // An agent of an earlier version knows devices only, and does not take the word.
        factor: (factor == Authenticator::Key).then_some(factor),
        label: Some(label.clone()),
        to: args.to,
    };
    let reply = context.change::<Rename>(&parameters)?;
    let value = Renamed {
        user: &reply.user,
        factor,
        label: &reply.label,
        changed: reply.changed,
    };
    context
        .output
        .result(&value, || screen(factor, &label, &reply))?;
    Ok(Verdict::Done)
}

/// What a factor with names is called.
fn kind(factor: Authenticator) -> &'static str {
    match factor {
        Authenticator::Key => "security key",
        _ => "device",
    }
}

/// The present name of the device or key.
fn meant(account: &Account, factor: Authenticator, label: Option<&str>) -> Result<String, Failure> {
    let user = clean(&account.user);
    let of_kind = |device: &&Device| Authenticator::from(device.factor) == factor;
    if let Some(label) = label {
        let named = account.devices.iter().find(|device| device.label == label);
        return match named {
            Some(device) if factor != Authenticator::Key && !of_kind(&device) => {
                Err(Failure::Rejected(format!(
                    "the device {:?} of {user} is of kind {}, not {factor}. Nothing changed",
                    clean(label),
                    device.factor
                )))
            }
            // A missing name may have been renamed already: the agent knows.
            _ => Ok(label.to_owned()),
        };
    }
    let devices = account.devices.iter().filter(of_kind);
    let keys = account.keys.iter();
    let keys = keys.filter(|_| factor == Authenticator::Key);
    let labels: Vec<&str> = devices
        .map(|device| &*device.label)
        .chain(keys.map(|key| &*key.label))
        .collect();
    let kind = match factor {
        Authenticator::Key => "security key".to_owned(),
        _ => format!("{factor} device"),
    };
    match labels[..] {
        [label] => Ok(label.to_owned()),
        [] => Err(Failure::Rejected(format!(
            "{user} has no {kind}. Enrol one: mfactl enroll {factor} {user}"
        ))),
        _ => Err(Failure::Rejected(format!(
            "{user} has several {kind}s. Choose one with --label: {}",
            labels.join(", ")
        ))),
    }
}

fn screen(factor: Authenticator, label: &str, reply: &RenameReply) -> String {
    let kind = kind(factor);
    let (user, now) = (clean(&reply.user), clean(&reply.label));
    if reply.changed {
        format!("{user}: {kind} {:?} is now {now:?}", clean(label))
    } else {
        format!("{user}: the {kind} is already named {now:?}; nothing changed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mfa_protocol::admin::SecurityKey;
    use mfa_protocol::factor::DeviceKind;

    fn account() -> Account {
        let device = |factor: DeviceKind, label: &str| Device {
            factor,
            label: label.to_owned(),
            ..Device::default()
        };
        Account {
            user: "alice".to_owned(),
            devices: vec![
                device(DeviceKind::Totp, "phone"),
                device(DeviceKind::Totp, "tablet"),
                device(DeviceKind::Hotp, "token"),
            ],
            ..Account::default()
        }
    }

    fn complaint(factor: Authenticator, label: Option<&str>) -> String {
        meant(&account(), factor, label).unwrap_err().to_string()
    }

    #[test]
    fn without_a_name_the_only_device_of_its_kind_is_meant() {
        assert_eq!(
            meant(&account(), Authenticator::Hotp, None).unwrap(),
            "token"
        );
        assert!(complaint(Authenticator::Totp, None).ends_with("--label: phone, tablet"));
        let nobody = Account::default();
        let error = meant(&nobody, Authenticator::Totp, None)
            .unwrap_err()
            .to_string();
        assert!(error.contains("mfactl enroll totp"), "{error}");
    }

    #[test]
    fn a_name_of_the_other_kind_is_refused_and_an_unknown_one_left_to_the_agent() {
        assert_eq!(
            complaint(Authenticator::Hotp, Some("phone")),
            "the device \"phone\" of alice is of kind totp, not hotp. Nothing changed"
        );
        assert_eq!(
            meant(&account(), Authenticator::Totp, Some("gone")).unwrap(),
            "gone"
        );
    }

    #[test]
    fn a_key_has_a_name_of_its_own_that_a_device_may_have_too() {
        let key = |label: &str| SecurityKey {
            label: label.to_owned(),
            ..SecurityKey::default()
        };
        let mut account = account();
        let meant = |account: &Account, label| meant(account, Authenticator::Key, label);
        let none = meant(&account, None).unwrap_err().to_string();
        assert!(none.contains("mfactl enroll key alice"), "{none}");
        account.keys = vec![key("yubikey")];
        assert_eq!(meant(&account, None).unwrap(), "yubikey");
        assert_eq!(meant(&account, Some("phone")).unwrap(), "phone");
        account.keys.push(key("phone"));
        let several = meant(&account, None).unwrap_err().to_string();
        assert!(several.contains("several security keys"), "{several}");
    }
}
