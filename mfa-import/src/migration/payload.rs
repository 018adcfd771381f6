//! The protobuf message, as read from real exports; Google has published no schema.

use std::fmt;

use prost::{Enumeration, Message};
use zeroize::Zeroize;

/// The content of one QR code.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Payload {
    #[prost(message, repeated, tag = "1")]
    pub(super) devices: Vec<Otp>,
    #[prost(int32, tag = "2")]
    pub(super) version: i32,
    /// Number of QR codes in the export.
    #[prost(int32, tag = "3")]
    pub(super) batch_size: i32,
    /// Number of this QR code, from 0.
    #[prost(int32, tag = "4")]
    pub(super) batch_index: i32,
    #[prost(int32, tag = "5")]
    pub(super) batch_id: i32,
}

/// A device.
#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub(super) struct Otp {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) secret: Vec<u8>,
    #[prost(string, tag = "2")]
    pub(super) name: String,
    #[prost(string, tag = "3")]
    pub(super) issuer: String,
    #[prost(enumeration = "Hash", tag = "4")]
    pub(super) algorithm: i32,
    #[prost(enumeration = "Count", tag = "5")]
    pub(super) digits: i32,
    #[prost(enumeration = "Type", tag = "6")]
    pub(super) kind: i32,
    #[prost(int64, tag = "7")]
    pub(super) counter: i64,
}

impl fmt::Debug for Otp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Otp(…)")
    }
}

impl Drop for Otp {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub(super) enum Hash {
    Unspecified = 0,
    Sha1 = 1,
    Sha256 = 2,
    Sha512 = 3,
    Md5 = 4,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub(super) enum Count {
    Unspecified = 0,
    Six = 1,
    Eight = 2,
    Seven = 3,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub(super) enum Type {
    Unspecified = 0,
    Hotp = 1,
    Totp = 2,
}
