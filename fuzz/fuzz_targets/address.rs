//! Any text typed as an address or a number is refused, or parses to an address that prints as
//! itself and is safe to show.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mfa_core::factors::address::{Channel, Recipient, Region};

fuzz_target!(|text: &str| {
    let region: Region = "DE".parse().expect("a region");
    for (channel, region) in [
        (Channel::Email, None),
        (Channel::Sms, None),
        (Channel::Sms, Some(region)),
    ] {
        let Ok(recipient) = Recipient::read(channel, text, region) else {
            continue;
        };
        assert_eq!(Recipient::read(channel, recipient.as_str(), None).as_ref(), Ok(&recipient));
        assert!(!recipient.as_str().contains(|c: char| c.is_control() || c == ' '));
        assert!(!recipient.as_str().starts_with('-'), "no option of a program");
        assert!(!recipient.masked().contains(char::is_control));
        let kept = serde_json::to_string(&recipient).expect("it is text");
        let read: Recipient = serde_json::from_str(&kept).expect("it was written");
        assert_eq!(read, recipient);
    }
});
