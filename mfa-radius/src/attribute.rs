//! RADIUS attributes: a type, a length and up to 253 bytes (RFC 2865 §5).

/// Bytes before the attributes: code, identifier, length, authenticator (RFC 2865 §3).
pub(crate) const HEADER: usize = 20;

/// The longest packet, in bytes (RFC 2865 §3).
pub(crate) const MAX_PACKET: usize = 4096;

/// The longest value of an attribute, in bytes.
pub(crate) const MAX_VALUE: usize = 253;

/// Type and length.
const PREFIX: usize = 2;

/// The attribute types that this client sends or understands.
pub(crate) mod kind {
    pub(crate) const USER_NAME: u8 = 1;
    pub(crate) const USER_PASSWORD: u8 = 2;
    pub(crate) const SERVICE_TYPE: u8 = 6;
    pub(crate) const REPLY_MESSAGE: u8 = 18;
    pub(crate) const STATE: u8 = 24;
    pub(crate) const CALLING_STATION_ID: u8 = 31;
    pub(crate) const NAS_IDENTIFIER: u8 = 32;
    pub(crate) const NAS_PORT_TYPE: u8 = 61;
    pub(crate) const PROMPT: u8 = 76;
    pub(crate) const MESSAGE_AUTHENTICATOR: u8 = 80;
}

/// One attribute of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attribute<'a> {
    pub(crate) kind: u8,
    pub(crate) value: &'a [u8],
    /// Offset of the value among the attributes, in bytes.
    pub(crate) at: usize,
}

/// The attributes can't be split; holds the offset of the first bad one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) usize);

/// Splits all attributes or none: one with a wrong length makes the packet invalid (RFC 2865 §5).
pub(crate) fn split(bytes: &[u8]) -> Result<Vec<Attribute<'_>>, Malformed> {
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let &[kind, length, ..] = rest else {
            return Err(Malformed(at));
        };
        let length = usize::from(length);
        let value = rest.get(PREFIX..length).ok_or(Malformed(at))?;
        all.push(Attribute {
            kind,
            value,
            at: at + PREFIX,
        });
        at += length;
    }
    Ok(all)
}

/// Appends an attribute, if its value has a valid length.
pub(crate) fn append(packet: &mut Vec<u8>, kind: u8, value: &[u8]) -> Option<()> {
    if value.is_empty() || value.len() > MAX_VALUE {
        return None;
    }
    let length = u8::try_from(value.len() + PREFIX).ok()?;
    packet.extend_from_slice(&[kind, length]);
    packet.extend_from_slice(value);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_wrong_length_makes_the_packet_invalid() {
        assert_eq!(split(&[18]), Err(Malformed(0)));
        assert_eq!(split(&[18, 0]), Err(Malformed(0)));
        assert_eq!(split(&[18, 1]), Err(Malformed(0)));
        assert_eq!(split(&[18, 4, b'a']), Err(Malformed(0)));
        assert_eq!(split(&[18, 3, b'a', 24, 255, 0]), Err(Malformed(3)));
    }

    #[test]
    fn values_of_0_or_254_bytes_are_not_written() {
        let mut packet = Vec::new();
        assert_eq!(append(&mut packet, 1, b""), None);
        assert_eq!(append(&mut packet, 1, &[0; MAX_VALUE + 1]), None);
        assert!(packet.is_empty());
        assert_eq!(append(&mut packet, 1, &[0; MAX_VALUE]), Some(()));
    }

    proptest! {
        #[test]
        fn what_is_appended_is_split_again(
            wanted in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 1..=253)), 0..12),
        ) {
            let mut bytes = Vec::new();
            for (kind, value) in &wanted {
                append(&mut bytes, *kind, value).unwrap();
            }
            let all = split(&bytes).unwrap();
            let read: Vec<_> = all.iter().map(|a| (a.kind, a.value.to_vec())).collect();
            prop_assert_eq!(read, wanted);
            for attribute in all {
                prop_assert_eq!(&bytes[attribute.at..][..attribute.value.len()], attribute.value);
            }
        }

        #[test]
        fn any_bytes_are_split_or_refused(bytes: Vec<u8>) {
            if let Ok(all) = split(&bytes) {
                let spent: usize = all.iter().map(|a| a.value.len() + 2).sum();
                prop_assert_eq!(spent, bytes.len());
            }
        }
    }
}
