//! `org.varlink.service`: what this service is, and what its interfaces look like.

use mfa_protocol::{ADMIN_INTERFACE, LOGIN_INTERFACE};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::error::Failure;
use super::{Body, body, parse};

/// The interface that every Varlink service has (<https://varlink.org/Service>).
const SERVICE_INTERFACE: &str = include_str!("org.varlink.service.varlink");

#[derive(Serialize)]
struct Info {
    vendor: &'static str,
    product: &'static str,
    version: &'static str,
    url: &'static str,
    interfaces: [&'static str; 3],
}

#[derive(Deserialize)]
struct DescriptionParameters {
    interface: String,
}

#[derive(Serialize)]
struct Description {
    description: &'static str,
}

pub(super) fn service(method: &str, parameters: Option<&RawValue>) -> Result<Body, Failure> {
    match method {
        "GetInfo" => body(&Info {
            vendor: "pam_mfa",
            product: "mfa-agent",
            version: env!("CARGO_PKG_VERSION"),
            url: "file:///usr/share/doc/pam-mfa",
            interfaces: [
                "org.varlink.service",
                "org.pam-mfa.Login",
                "org.pam-mfa.Admin",
            ],
        }),
        "GetInterfaceDescription" => {
            let wanted: DescriptionParameters = parse(parameters)?;
            let description = match wanted.interface.as_str() {
                "org.varlink.service" => SERVICE_INTERFACE,
                "org.pam-mfa.Login" => LOGIN_INTERFACE,
                "org.pam-mfa.Admin" => ADMIN_INTERFACE,
                _ => return Err(Failure::NoInterface(wanted.interface)),
            };
            body(&Description { description })
        }
        _ => Err(Failure::NoMethod(format!("org.varlink.service.{method}"))),
    }
}
