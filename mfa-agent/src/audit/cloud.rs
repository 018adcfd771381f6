//! Events with the same fields and values as in IBM Cloud's activity tracking.
//!
//! A monitoring that watches for `billing.account-traits.update` or
//! `user-management.user-setting.update` there works here, too. These events carry our own fields
//! as well.

use serde::Serialize;

use super::Event;
use mfa_core::policy::Mode;

/// The origin of settings, as IBM Cloud names it.
const ORIGIN: &str = "BSS";

/// `requestData` of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum RequestData {
    /// For `billing.account-traits.update`.
    AccountTraits(AccountTraits),
    /// For `user-management.user-setting.update`.
    UserSetting(UserSetting),
}

/// Who needs a second factor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountTraits {
    mfa: &'static str,
    origin: &'static str,
}

/// The settings of one user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UserSetting {
    /// Whether the user needs more factors than the rules require; absent if only `self_manage`
    /// changed.
    #[serde(rename = "2FA", skip_serializing_if = "Option::is_none")]
    pub two_factor: Option<bool>,
    pub iam_id: String,
    origin: &'static str,
    /// Whether the user has answered three questions; absent if only `self_manage` changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_questions_setup: Option<bool>,
    /// Whether users may change these settings themselves.
    pub self_manage: bool,
}

impl UserSetting {
    /// The required factors of a user changed.
    #[must_use]
    pub fn of_login(user: &str, two_factor: bool, questions: bool, self_manage: bool) -> Self {
        Self {
            two_factor: Some(two_factor),
            security_questions_setup: Some(questions),
            ..Self::of_self_manage(user, self_manage)
        }
    }

    /// The user's permission to change settings changed.
    #[must_use]
    pub fn of_self_manage(user: &str, self_manage: bool) -> Self {
        Self {
            two_factor: None,
            iam_id: user.to_owned(),
            origin: ORIGIN,
            security_questions_setup: None,
            self_manage,
        }
    }
}

/// The two events for a change of `[enforcement] mode`: the new mode, and whether anybody is asked.
#[must_use]
pub fn mode_events(mode: Mode) -> [Event; 2] {
    let (mfa, name, action) = match mode {
        Mode::None => ("", "account-mfa.set-off", "billing.account-mfa.set-off"),
        Mode::LocalUsers => ("TOTP", "account-mfa.set-on", "billing.account-mfa.set-on"),
        Mode::All => (
            "TOTP4ALL",
            "account-mfa.set-on",
            "billing.account-mfa.set-on",
        ),
    };
    let origin = ORIGIN;
    let traits = Event {
        event: "account-traits.update",
        result: "done",
        reason: Some(format!("[enforcement] mode = \"{}\"", mode.name())),
        action: Some("billing.account-traits.update"),
        message: Some("Billing service: update account traits"),
        request_data: Some(RequestData::AccountTraits(AccountTraits { mfa, origin })),
        ..Event::default()
    };
    let set = Event {
        event: name,
        result: "done",
        action: Some(action),
        ..Event::default()
    };
    [traits, set]
}

/// The event for a change of one user's settings; `reason` says which.
#[must_use]
pub fn user_setting_event(data: UserSetting, reason: String) -> Event {
    Event {
        event: "user-setting.update",
        result: "done",
        reason: Some(reason),
        action: Some("user-management.user-setting.update"),
        message: Some("User management service: update user settings"),
        request_data: Some(RequestData::UserSetting(data)),
        ..Event::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn fields(event: &Event) -> Value {
        let mut value = serde_json::to_value(event).unwrap();
        let object = value.as_object_mut().unwrap();
        object.retain(|name, _| matches!(name.as_str(), "action" | "message" | "requestData"));
        value
    }

    #[test]
    fn each_mode_has_the_values_of_the_source() {
        for (mode, mfa, action) in [
            (Mode::None, "", "billing.account-mfa.set-off"),
            (Mode::LocalUsers, "TOTP", "billing.account-mfa.set-on"),
            (Mode::All, "TOTP4ALL", "billing.account-mfa.set-on"),
        ] {
            let [traits, set] = mode_events(mode);
            assert_eq!(
                fields(&traits),
                json!({
                    "action": "billing.account-traits.update",
                    "message": "Billing service: update account traits",
                    "requestData": {"mfa": mfa, "origin": "BSS"}
                })
            );
            assert_eq!(fields(&set), json!({"action": action}));
        }
    }

    #[test]
    fn a_users_settings_have_the_fields_of_the_source() {
        let event = user_setting_event(
            UserSetting::of_login("anna", true, true, false),
            "require questions".to_owned(),
        );
        assert_eq!(
            fields(&event),
            json!({
                "action": "user-management.user-setting.update",
                "message": "User management service: update user settings",
                "requestData": {
                    "2FA": true,
                    "iam_id": "anna",
                    "origin": "BSS",
                    "security_questions_setup": true,
                    "self_manage": false
                }
            })
        );
        let event = user_setting_event(UserSetting::of_self_manage("anna", false), String::new());
        assert_eq!(
            fields(&event)["requestData"],
            json!({"iam_id": "anna", "origin": "BSS", "self_manage": false})
        );
    }
}
