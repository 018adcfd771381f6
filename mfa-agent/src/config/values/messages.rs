//! What messages say, and where RADIUS servers are.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use crate::delivery::{Template, TemplateError, Templates};

/// The port of a RADIUS server (RFC 2865, 3).
const RADIUS_PORT: u16 = 1812;

/// The subject of a mail.
#[derive(Debug)]
pub(in crate::config) struct Subject(pub Template);

impl FromStr for Subject {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let subject = Template::parse(text)?;
        // Any text that is right will do to judge the subject.
        Templates::new(subject.clone(), Template::parse("{code}")?)?;
        Ok(Self(subject))
    }
}

/// The text of a mail or a text message.
#[derive(Debug)]
pub(in crate::config) struct MessageText(pub Template);

impl FromStr for MessageText {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let text = Template::parse(text)?;
        Templates::text_only(text.clone())?;
        Ok(Self(text))
    }
}

/// Where a RADIUS server listens. A name would have to be looked up, and whoever answers that could be
/// anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) struct ServerAddress(pub SocketAddr);

impl FromStr for ServerAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bare = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let alone = |text: &str| text.parse().ok().map(|ip: IpAddr| (ip, RADIUS_PORT).into());
        let address: Option<SocketAddr> = alone(bare.unwrap_or(text)).or_else(|| text.parse().ok());
        let is_somewhere = |address: &SocketAddr| {
            address.port() != 0 && !address.ip().is_unspecified() && !address.ip().is_multicast()
        };
        address.filter(is_somewhere).map(Self).ok_or_else(|| {
            format!(
                "{text:?} is no address of a server; expected one such as \"192.0.2.1\", \"192.0.2.1:1812\" \
                 or \"[2001:db8::1]:1812\""
            )
        })
    }
}
