//! `mfactl import`: devices, codes and PINs from other programs, in calls as large as a frame.
//!
//! Files are read here, because an administrator may read what the agent may not. The crate `mfa-import` parses them,
//! and the agent decides about each account or entry. No error and no report repeats a key, a code or a PIN.

mod accounts;
mod batch;
mod google;
mod line;
mod oath;
mod opener;
mod report;
mod source;
mod table;
mod uris;

use std::time::Duration;

use crate::args::Import;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;

/// A call stores 150 devices, and hashing PINs is slow by design.
const CALL_TIMEOUT: Duration = Duration::from_secs(120);

pub(crate) fn run(context: &mut Context, format: Import) -> Result<Verdict, Failure> {
    context.set_timeout(CALL_TIMEOUT);
    match format {
        Import::GoogleAuthenticator(args) => google::run(context, &args),
        Import::Oath(args) => oath::run(context, &args),
        Import::Uris(args) => uris::run(context, &args),
    }
}
