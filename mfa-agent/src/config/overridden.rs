//! Lists that a later file has again.

use mfa_core::policy::Place;

/// A list that a later file has again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overridden {
    /// Such as `[policy] require`.
    pub key: &'static str,
    /// Where it is last.
    pub place: Place,
    /// Where it was before.
    pub earlier: Place,
    /// Whether it joins the other: then it is empty, and changes nothing.
    pub joins: bool,
}
