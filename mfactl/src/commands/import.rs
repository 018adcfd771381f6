//! `mfactl import`: devices, codes, PINs and keys from other programs, in calls as large as a frame.
//!
//! Files are read here, because an administrator may read what the agent may not. The crate `mfa-import` parses them,
//! and the agent decides about each account or entry. No error and no report repeats a key, a code or a PIN.

mod accounts;
mod apps;
mod authorized_keys;
mod batch;
mod google;
mod line;
mod oath;
mod report;
mod source;
mod table;
mod tokens;
mod uris;

use std::time::Duration;

use mfa_import::apps::App;

use crate::args::Import;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;

/// What a person is asked after the report of a dry run.
const QUESTION: &str = "Import this?";

/// A call stores 150 devices, and hashing PINs is slow by design.
const CALL_TIMEOUT: Duration = Duration::from_secs(120);

pub(crate) fn run(context: &mut Context, format: Import) -> Result<Verdict, Failure> {
    context.set_timeout(CALL_TIMEOUT);
    match format {
        Import::GoogleAuthenticator(args) => google::run(context, &args),
        Import::Oath(args) => oath::run(context, &args),
        Import::Uris(args) => uris::run(context, &args),
        Import::AuthorizedKeys(args) => authorized_keys::run(context, &args),
        Import::Aegis(args) => apps::run(context, App::Aegis, &args),
        Import::AndOtp(args) => apps::run(context, App::AndOtp, &args),
        Import::TwoFas(args) => apps::run(context, App::TwoFas, &args),
        Import::FreeOtpPlus(args) => apps::run(context, App::FreeOtpPlus, &args),
        Import::Bitwarden(args) => apps::run(context, App::Bitwarden, &args),
        Import::Ente(args) => apps::run(context, App::Ente, &args),
        Import::KeePassXc(args) => apps::run(context, App::KeePassXc, &args),
        Import::Pskc(args) => tokens::pskc(context, &args),
        Import::Csv(args) => tokens::csv(context, &args),
    }
}
