//! JSON without a trace of it in errors: a parser's own complaint could quote a key.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Entry;
use crate::refusal::Refusal;

/// The whole file, or that it is not of the expected form.
pub(super) fn whole<'a, T: Deserialize<'a>>(
    bytes: &'a [u8],
    expected: &'static str,
) -> Result<T, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| {
        Refusal::whole(format!(
            "line {}, column {}: expected {expected}; was the file cut off, or is it of another program?",
            error.line(),
            error.column()
        ))
    })
}

/// Each element of a list, as an entry of its own: one that is odd does not hide the others.
pub(super) fn entries<'a, T: Deserialize<'a>>(
    list: &[&'a RawValue],
    mut read: impl FnMut(u64, T) -> Option<Entry>,
) -> Vec<Entry> {
    let entry = |(number, raw): (u64, &&'a RawValue)| match serde_json::from_str(raw.get()) {
        Ok(item) => read(number, item),
        Err(_) => Some(Entry {
            number,
            account: None,
            issuer: None,
            uri: Err(Refusal::whole(
                "this entry does not have the fields that the program writes",
            )),
        }),
    };
    (1..).zip(list).filter_map(entry).collect()
}
