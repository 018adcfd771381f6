//! What messages say, and where RADIUS servers are.

use std::net::{IpAddr, SocketAddr};

use crate::delivery::{Template, TemplateError, Templates};

/// The port of a RADIUS server (RFC 2865, 3).
const RADIUS_PORT: u16 = 1812;

/// The subject of a mail.
pub(super) fn subject(text: &str) -> Result<Template, TemplateError> {
    let subject = Template::parse(text)?;
    // Any valid text is enough to check the subject.
    Templates::new(subject.clone(), Template::parse("{code}")?)?;
    Ok(subject)
}

/// The text of a mail or a text message.
pub(super) fn text(text: &str) -> Result<Template, TemplateError> {
    let text = Template::parse(text)?;
    Templates::text_only(text.clone())?;
    Ok(text)
}

/// Where a RADIUS server listens. Host names are refused, since a look-up can be forged.
pub(super) fn server_address(text: &str) -> Result<SocketAddr, String> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let alone = |text: &str| text.parse().ok().map(|ip: IpAddr| (ip, RADIUS_PORT).into());
    let address: Option<SocketAddr> = alone(bare.unwrap_or(text)).or_else(|| text.parse().ok());
    let is_somewhere = |address: &SocketAddr| {
        address.port() != 0 && !address.ip().is_unspecified() && !address.ip().is_multicast()
    };
    address.filter(is_somewhere).ok_or_else(|| {
        format!(
            "{text:?} is not a server address; expected an address such as \"192.0.2.1\", \
             \"192.0.2.1:1812\" or \"[2001:db8::1]:1812\""
        )
    })
}
