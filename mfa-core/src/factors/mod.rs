//! The factors: what can be typed, and how it is verified.
//!
//! Pure: a factor judges what was typed against what the account holds, with the time passed in. Nothing here reads a
//! clock, hashes slowly or stores; see `hasher` for what takes long. [`Factor::row`](FactorRow::row) says what sets one
//! factor apart from the others, so that nothing else asks which one it is.

pub mod address;
pub mod bypass;
mod counter_uri;
pub mod device;
pub mod key;
pub mod pin;
pub mod questions;
pub mod radius;
pub mod random_code;
pub mod recovery;
mod registry;
mod row;
pub mod sent_code;
pub mod totp;
pub mod uri;

pub use mfa_protocol::factor::{Factor, FactorCombination, FactorError};
pub use registry::FactorRow;
pub use row::{AnswerForm, Need, Row, Stored, Verification};
