//! A passcode that a RADIUS server asks for and verifies.

use super::{AnswerForm, Need, Row, Stored, Verification};

/// The properties of this factor.
pub const ROW: Row = Row {
    prompt: Some("prompt-radius"),
    choice: "way-radius",
    in_notice: "notice-factor-radius",
    form: AnswerForm::Anything,
    verification: Verification::Radius,
    stored: Stored::Remote,
    needs: Need::RadiusServer,
    enroll_arguments: " --server NAME",
    enroll_note: "",
    may_be_required_first: false,
    fits_one_answer: false,
    enrolls_in_login: false,
};
