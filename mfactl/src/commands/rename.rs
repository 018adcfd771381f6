//! `mfactl rename`: a new name for a device.
//!
//! The agent identifies a device by its name, which is unique for a user. The kind of the device, and its name if none
//! was given, are looked up first.

use mfa_protocol::admin::{
    Account, Device, Rename, RenameParameters, RenameReply, Status, UserParameters,
};
use mfa_protocol::factor::DeviceKind;
use serde::Serialize;

use crate::args;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;

#[derive(Serialize)]
struct Renamed<'a> {
    user: &'a str,
    factor: DeviceKind,
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
    context.output.result(&value, || screen(&label, &reply))?;
    Ok(Verdict::Done)
}

/// The present name of the device.
fn meant(account: &Account, factor: DeviceKind, label: Option<&str>) -> Result<String, Failure> {
    let user = clean(&account.user);
    let of_kind = |device: &&Device| device.factor == factor;
    if let Some(label) = label {
        let named = account.devices.iter().find(|device| device.label == label);
        return match named {
            Some(device) if !of_kind(&device) => Err(Failure::Rejected(format!(
                "the device {:?} of {user} is of kind {}, not {factor}. Nothing changed",
                clean(label),
                device.factor
            ))),
            // A missing name may have been renamed already: the agent knows.
            _ => Ok(label.to_owned()),
        };
    }
    let devices: Vec<_> = account.devices.iter().filter(of_kind).collect();
    match devices[..] {
        [device] => Ok(device.label.clone()),
        [] => Err(Failure::Rejected(format!(
            "{user} has no {factor} device. Enrol one: mfactl enroll {factor} {user}"
        ))),
        _ => {
            let labels: Vec<_> = devices.iter().map(|device| &*device.label).collect();
            Err(Failure::Rejected(format!(
                "{user} has several {factor} devices. Choose one with --label: {}",
                labels.join(", ")
            )))
        }
    }
}

fn screen(label: &str, reply: &RenameReply) -> String {
    let (user, now) = (clean(&reply.user), clean(&reply.label));
    if reply.changed {
        format!("{user}: device {:?} is now {now:?}", clean(label))
    } else {
        format!("{user}: the device is already named {now:?}; nothing changed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn complaint(factor: DeviceKind, label: Option<&str>) -> String {
        meant(&account(), factor, label).unwrap_err().to_string()
    }

    #[test]
    fn without_a_name_the_only_device_of_its_kind_is_meant() {
        assert_eq!(meant(&account(), DeviceKind::Hotp, None).unwrap(), "token");
        assert!(complaint(DeviceKind::Totp, None).ends_with("--label: phone, tablet"));
        let nobody = Account::default();
        let error = meant(&nobody, DeviceKind::Totp, None)
            .unwrap_err()
            .to_string();
        assert!(error.contains("mfactl enroll totp"), "{error}");
    }

    #[test]
    fn a_name_of_the_other_kind_is_refused_and_an_unknown_one_left_to_the_agent() {
        assert_eq!(
            complaint(DeviceKind::Hotp, Some("phone")),
            "the device \"phone\" of alice is of kind totp, not hotp. Nothing changed"
        );
        assert_eq!(
            meant(&account(), DeviceKind::Totp, Some("gone")).unwrap(),
            "gone"
        );
    }
}
