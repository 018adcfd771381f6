//! The user database: whether it answers, and numbers that users could set by themselves.

use mfa_protocol::admin::Finding;

use super::warning;
use crate::config::{GecosField, NumberSource, Settings};
use crate::profile::records_are_missing;
use mfa_core::factors::address::Channel;
use mfa_core::names::Names;

/// A user database that does not answer: users who may have an address there are refused.
pub(super) fn of_records(settings: &Settings, names: &dyn Names) -> Option<Finding> {
    let error = records_are_missing(names, settings)?;
    let key = match settings.delivery.channel {
        Channel::Email => "[delivery.email] address_from",
        Channel::Sms => "[delivery.sms] number_from",
    };
    let message = format!(
        "{key} names the user database, and logins that ask for a code refuse users without a factor: {error}"
    );
    Some(warning(None, message))
}

/// Where chfn(1) reads what users may change.
const LOGIN_DEFS: &str = "/etc/login.defs";

/// A number that users can change with chfn: whoever has the password of an account and one way in without a code could
/// have its codes sent to their own phone.
pub(super) fn of_number_source(settings: &Settings) -> Option<Finding> {
    let field = gecos_field(settings)?;
    finding(field, &std::fs::read_to_string(LOGIN_DEFS).ok()?)
}

fn gecos_field(settings: &Settings) -> Option<GecosField> {
    let delivery = &settings.delivery;
    let sms = delivery.sms.as_ref();
    let sms = sms.filter(|_| delivery.channel == Channel::Sms)?;
    match sms.number_from.as_ref()? {
        NumberSource::Gecos(field) => Some(*field),
        NumberSource::Record(_) => None,
    }
}

fn finding(field: GecosField, login_defs: &str) -> Option<Finding> {
    let letter = match field {
        GecosField::WorkPhone => 'w',
        GecosField::HomePhone => 'h',
        GecosField::Other => return None,
    };
    let restrict = chfn_restrict(login_defs)?;
    let letters = match restrict {
        "yes" => "rwh",
        "no" => "frwh",
        letters => letters,
    };
    letters.contains(letter).then(|| {
        let name = field.name();
        let message = format!(
            "[delivery.sms] number_from = {name:?}, but users can change this field by themselves with chfn \
             (CHFN_RESTRICT {restrict} in {LOGIN_DEFS}), and so choose where their first codes go; take {letter:?} out of \
             CHFN_RESTRICT, or set number_from = \"other\""
        );
        warning(None, message)
    })
}

/// The last one in the file. Without it users can change nothing.
fn chfn_restrict(login_defs: &str) -> Option<&str> {
    let mut values = login_defs.lines().rev().filter_map(|line| {
        let (name, value) = line.trim().split_once([' ', '\t'])?;
        (name == "CHFN_RESTRICT").then(|| value.trim().trim_matches('"'))
    });
    values.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_users_can_change_is_told() {
        use GecosField::{HomePhone, Other, WorkPhone};
        for (field, login_defs, is_told) in [
            (WorkPhone, "CHFN_RESTRICT\t\trwh\n", true),
            (HomePhone, "CHFN_RESTRICT rwh", true),
            (HomePhone, "CHFN_RESTRICT \"frw\"", false),
            (WorkPhone, "  CHFN_RESTRICT yes  ", true),
            (WorkPhone, "CHFN_RESTRICT no", true),
            (WorkPhone, "#CHFN_RESTRICT rwh\nUMASK 022", false),
            (WorkPhone, "CHFN_RESTRICT rwh\nCHFN_RESTRICT f", false),
            (Other, "CHFN_RESTRICT frwho", false),
            (WorkPhone, "", false),
        ] {
            let told = finding(field, login_defs);
            assert_eq!(told.is_some(), is_told, "{login_defs}: {told:?}");
        }
    }
}
