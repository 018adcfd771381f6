//! Codes of devices, by the time or by a counter.
//!
//! A policy does not tell the two kinds of device apart; [`device`](super::device) computes the codes of both.

use super::{AnswerForm, Need, Row, Stored, Verification};

/// The properties of this factor.
pub const ROW: Row = Row {
    prompt: Some("prompt-totp"),
    choice: "way-totp",
    in_notice: "notice-factor-totp",
    form: AnswerForm::DeviceCode,
    verification: Verification::Device,
    stored: Stored::Devices,
    needs: Need::Nothing,
    enroll_arguments: "",
    enroll_note: "",
    may_be_required_first: true,
    fits_one_answer: true,
    enrolls_in_login: true,
};
