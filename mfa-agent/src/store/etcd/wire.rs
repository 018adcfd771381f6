//! The messages of etcd's JSON gateway: requests as they are written, answers as they are read.
//!
//! Keys and values are in base64, and 64-bit numbers in strings, as protobuf's JSON has them. What etcd leaves out is
//! zero, empty or false. Unknown fields are ignored, so that newer versions of etcd can be used.

use std::borrow::Cow;
use std::fmt;

use data_encoding::BASE64;
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// The path of a range.
pub(super) const RANGE: &str = "/v3/kv/range";
/// The path of a transaction.
pub(super) const TXN: &str = "/v3/kv/txn";
/// The path of a log-in.
pub(super) const AUTHENTICATE: &str = "/v3/auth/authenticate";
/// The path of a server's status.
pub(super) const STATUS: &str = "/v3/maintenance/status";

/// Bytes in base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bytes<'a>(pub(super) Cow<'a, [u8]>);

impl<'a> From<&'a [u8]> for Bytes<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(Cow::Borrowed(bytes))
    }
}

impl From<Vec<u8>> for Bytes<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Cow::Owned(bytes))
    }
}

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

/// A 64-bit number, which JSON has as a string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number(pub(super) u64);

impl Number {
    const fn is_zero(&self) -> bool {
        self.0 == 0
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Keys from one on, up to another one.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Range<'a> {
    pub(super) key: Bytes<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) range_end: Option<Bytes<'a>>,
    #[serde(skip_serializing_if = "Number::is_zero")]
    pub(super) limit: Number,
    /// As it was then; zero: now.
    #[serde(skip_serializing_if = "Number::is_zero")]
    pub(super) revision: Number,
    #[serde(skip_serializing_if = "is_false")]
    pub(super) keys_only: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(super) count_only: bool,
}

impl<'a> Range<'a> {
    /// One key.
    pub(super) fn of(key: impl Into<Bytes<'a>>) -> Self {
        Self {
            key: key.into(),
            range_end: None,
            limit: Number(0),
            revision: Number(0),
            keys_only: false,
            count_only: false,
        }
    }

    /// Up to `limit` keys from `from` on, before `end`.
    pub(super) fn between(from: Vec<u8>, end: Vec<u8>, limit: u64) -> Self {
        Self {
            range_end: Some(end.into()),
            limit: Number(limit),
            ..Self::of(from)
        }
    }

    /// The same as it was at `revision`.
    pub(super) fn at(self, revision: u64) -> Self {
        Self {
            revision: Number(revision),
            ..self
        }
    }

    /// The same without values.
    pub(super) fn keys(self) -> Self {
        Self {
            keys_only: true,
            ..self
        }
    }
}

/// A condition of a transaction: the revision of the last change of a key; zero: it does not exist.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Compare<'a> {
    key: Bytes<'a>,
    target: &'static str,
    result: &'static str,
    mod_revision: Number,
}

impl<'a> Compare<'a> {
    pub(super) fn is_at(key: impl Into<Bytes<'a>>, revision: u64) -> Self {
        Self {
            key: key.into(),
            target: "MOD",
            result: "EQUAL",
            mod_revision: Number(revision),
        }
    }
}

/// A part of a transaction.
#[derive(Clone, Debug, Serialize)]
pub(super) enum Operation<'a> {
    #[serde(rename = "request_range")]
    Range(Range<'a>),
    #[serde(rename = "request_put")]
    Put { key: Bytes<'a>, value: Bytes<'a> },
    #[serde(rename = "request_delete_range")]
    Delete { key: Bytes<'a> },
}

/// What happens if all conditions hold, and if not.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Txn<'a> {
    pub(super) compare: Vec<Compare<'a>>,
    pub(super) success: Vec<Operation<'a>>,
    pub(super) failure: Vec<Operation<'a>>,
}

#[derive(Clone, Serialize)]
pub(super) struct Authenticate<'a> {
    pub(super) name: &'a str,
    pub(super) password: &'a str,
}

/// What every answer says of the server and the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Header {
    #[serde(deserialize_with = "number")]
    pub(super) cluster_id: u64,
    #[serde(deserialize_with = "number")]
    pub(super) member_id: u64,
    #[serde(deserialize_with = "number")]
    pub(super) revision: u64,
}

/// An answer that has a header.
pub(super) trait Answer: de::DeserializeOwned {
    fn header(&self) -> Header;
}

/// A key with its value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct KeyValue {
    #[serde(deserialize_with = "bytes")]
    pub(super) key: Vec<u8>,
    #[serde(deserialize_with = "bytes")]
    pub(super) value: Vec<u8>,
    #[serde(deserialize_with = "number")]
    pub(super) mod_revision: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct RangeAnswer {
    pub(super) header: Header,
    pub(super) kvs: Vec<KeyValue>,
    pub(super) more: bool,
    #[serde(deserialize_with = "number")]
    pub(super) count: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct TxnAnswer {
    pub(super) header: Header,
    pub(super) succeeded: bool,
    pub(super) responses: Vec<Response>,
}

/// The answer to a part of a transaction.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) enum Response {
    #[serde(rename = "response_range")]
    Range(RangeAnswer),
    #[serde(rename = "response_put")]
    Put(de::IgnoredAny),
    #[serde(rename = "response_delete_range")]
    Delete(de::IgnoredAny),
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Authenticated {
    pub(super) token: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct StatusAnswer {
    pub(super) header: Header,
    pub(super) version: String,
    #[serde(rename = "dbSize", deserialize_with = "number")]
    pub(super) db_size: u64,
    #[serde(rename = "dbSizeInUse", deserialize_with = "number")]
    pub(super) db_size_in_use: u64,
    #[serde(deserialize_with = "number")]
    pub(super) leader: u64,
    pub(super) errors: Vec<String>,
}

/// What etcd says instead of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Refusal {
    /// The code of gRPC.
    pub(super) code: u32,
    pub(super) message: String,
    /// The same in other versions.
    pub(super) error: String,
}

impl Refusal {
    /// Its text, on one line and of bounded length.
    pub(super) fn text(&self) -> String {
        let text = match self.message.is_empty() {
            true => &self.error,
            false => &self.message,
        };
        printable(text)
    }
}

/// A text of a server that may be anybody: what of it may go into a log.
pub(super) fn printable(text: &str) -> String {
    let kept = |c: &char| !c.is_control();
    text.chars().filter(kept).take(200).collect()
}

macro_rules! answers {
    ($($name:ident)*) => {$(
        impl Answer for $name {
            fn header(&self) -> Header {
                self.header
            }
        }
    )*};
}

answers! { RangeAnswer TxnAnswer StatusAnswer }

impl TxnAnswer {
    /// What its ranges found, each of one key, unless the answer has another form.
    pub(super) fn into_found(self) -> Option<Vec<Option<KeyValue>>> {
        let found = |response: Response| match response {
            Response::Range(range) => Some(range.kvs.into_iter().next()),
            _ => None,
        };
        self.responses.into_iter().map(found).collect()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
const fn is_false(value: &bool) -> bool {
    !*value
}

fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    struct Base64;

    impl Visitor<'_> for Base64 {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("base64")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<u8>, E> {
            BASE64
                .decode(text.as_bytes())
                .map_err(|_| E::custom("this is not base64"))
        }
    }

    deserializer.deserialize_str(Base64)
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    struct Numeral;

    impl Visitor<'_> for Numeral {
        type Value = u64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
            text.parse().map_err(|_| E::custom("this is not a number"))
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<u64, E> {
            Ok(number)
        }
    }

    deserializer.deserialize_any(Numeral)
}

/// Reads bytes as each kind of answer; for the fuzzer.
pub fn examine(data: &[u8]) {
    if let Ok(txn) = serde_json::from_slice::<TxnAnswer>(data) {
        let _ = txn.header();
        let _ = txn.into_found();
    }
    let _ = serde_json::from_slice::<RangeAnswer>(data);
    let _ = serde_json::from_slice::<StatusAnswer>(data);
    let _ = serde_json::from_slice::<Authenticated>(data);
    if let Ok(refusal) = serde_json::from_slice::<Refusal>(data) {
        assert!(!refusal.text().contains(char::is_control));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_transaction_is_written_as_the_gateway_reads_it() {
        let txn = Txn {
            compare: vec![
                Compare::is_at(b"id".as_slice(), 7),
                Compare::is_at(b"k".as_slice(), 0),
            ],
            success: vec![
                Operation::Put {
                    key: b"k".as_slice().into(),
                    value: b"v".as_slice().into(),
                },
                Operation::Delete {
                    key: b"k".as_slice().into(),
                },
            ],
            failure: vec![Operation::Range(Range::of(b"k".as_slice()).keys().at(9))],
        };
        let expected = concat!(
            r#"{"compare":[{"key":"aWQ=","target":"MOD","result":"EQUAL","mod_revision":"7"},"#,
            r#"{"key":"aw==","target":"MOD","result":"EQUAL","mod_revision":"0"}],"#,
            r#""success":[{"request_put":{"key":"aw==","value":"dg=="}},"#,
            r#"{"request_delete_range":{"key":"aw=="}}],"#,
            r#""failure":[{"request_range":{"key":"aw==","revision":"9","keys_only":true}}]}"#,
        );
        assert_eq!(serde_json::to_string(&txn).unwrap(), expected);
    }

    #[test]
    fn an_answer_of_etcd_is_read() {
        let text = r#"{"header":{"cluster_id":"3","member_id":"4","revision":"2","raft_term":"2"},
            "responses":[{"response_range":{"header":{"revision":"2"},"kvs":[{"key":"azE=","create_revision":"2",
            "mod_revision":"2","version":"1","value":"dg=="}],"count":"1"}},{"response_range":{"header":{}}}]}"#;
        let answer: TxnAnswer = serde_json::from_str(text).unwrap();
        assert_eq!(answer.header().cluster_id, 3);
        assert!(!answer.succeeded);
        let expected = KeyValue {
            key: b"k1".to_vec(),
            value: b"v".to_vec(),
            mod_revision: 2,
        };
        assert_eq!(answer.into_found().unwrap(), [Some(expected), None]);
        let text = r#"{"header":{"revision":"3"},"succeeded":true,"responses":[{"response_put":{"header":
            {"revision":"3"}}},{"response_delete_range":{"header":{"revision":"3"},"deleted":"1"}}]}"#;
        let answer: TxnAnswer = serde_json::from_str(text).unwrap();
        assert!(answer.succeeded);
        assert_eq!(answer.into_found(), None);
    }

    #[test]
    fn a_text_of_a_server_brings_no_line_of_its_own_into_a_log() {
        let refusal = Refusal {
            message: format!("a\nb\u{1b}[2J{}", "x".repeat(300)),
            ..Refusal::default()
        };
        let text = refusal.text();
        assert!(text.starts_with("ab[2Jx") && text.len() == 200, "{text}");
    }

    proptest! {
        #[test]
        fn garbage_does_not_panic(data: Vec<u8>, text in r#"\{("[a-z_]{1,9}":("[0-9a-zA-Z=]{0,8}"|\[\{\}\]|\{\}|[0-9]{1,20}),?){0,4}\}"#) {
            examine(&data);
            examine(text.as_bytes());
        }
    }
}
