//! `mfactl restore`: puts the records of a backup in the place of those that are stored.
//!
//! The file is read twice: once to check it, and once to send it. The agent checks it again and replaces all at once.

use std::path::Path;
use std::time::Duration;

use data_encoding::BASE64;
use mfa_protocol::admin::{
    RestoreBegin, RestoreBeginParameters, RestoreEnd, RestoreEndReply, RestoreNext,
    RestoreNextParameters,
};
use mfa_protocol::login::Nothing;
use serde::Serialize;

use super::backup::file::Reader;
use super::backup::key;
use super::backup::progress::{Progress, grouped};
use crate::args;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;
use crate::table::remark;

/// The last step waits for the disk.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Serialize)]
struct Restored<'a> {
    file: &'a Path,
    made_at: &'a str,
    accounts: u64,
    damaged: u64,
    totp_assumed_used: u64,
    hotp_unknown: u64,
    recovery_codes_unknown: u64,
}

pub(crate) fn run(context: &mut Context, args: &args::Restore) -> Result<Verdict, Failure> {
    context.set_timeout(PATIENCE);
    context.probe()?;
    let is_stdin = args.file.as_os_str() == "-";
    if !is_stdin {
        check(&args.file)?;
    }
    let (head, mut reader) = Reader::open(&args.file)?;
    let file_key = args.key_file.as_deref().map(|file| key::open(&head, file));
    context.call::<RestoreBegin>(&RestoreBeginParameters {
        head: head.clone(),
        file_key: file_key.transpose()?,
        replace: args.replace,
    })?;
    send(context, &mut reader)?;
    let reply = loop {
        let reply = context.call::<RestoreEnd>(&Nothing {})?;
        if reply.done {
            break reply;
        }
    };
    let restored = Restored {
        file: &args.file,
        made_at: &head.made_at,
        accounts: reply.accounts,
        damaged: reply.damaged,
        totp_assumed_used: reply.assumed,
        hotp_unknown: reply.unknown_counters,
        recovery_codes_unknown: reply.unknown_codes,
    };
    context
        .output
        .result(&restored, || screen(&restored, &reply))?;
    Ok(Verdict::Done)
}

/// Reads the whole file before anything is sent.
fn check(file: &Path) -> Result<(), Failure> {
    let (_, mut reader) = Reader::open(file)?;
    while !reader.chunk()?.1 {}
    Ok(())
}

fn send(context: &mut Context, reader: &mut Reader) -> Result<(), Failure> {
    let mut progress = Progress::new(context.output, "records");
    loop {
        let (chunk, last) = reader.chunk()?;
        let reply = context.call::<RestoreNext>(&RestoreNextParameters {
            chunk: BASE64.encode(&chunk),
            last,
        })?;
        progress.show(reply.records);
        if last {
            return Ok(());
        }
    }
}

fn screen(restored: &Restored<'_>, reply: &RestoreEndReply) -> String {
    let mut text = format!(
        "Restored accounts: {} (backup of {})\n",
        grouped(reply.accounts),
        clean(restored.made_at)
    );
    let mut say = |count: u64, what: &str| {
        if count > 0 {
            text += &remark(&format!("{}: {what}", grouped(count)));
        }
    };
    say(
        reply.assumed,
        "TOTP devices of which nothing was known. Their codes up to now count as used: users wait for the next code",
    );
    say(
        reply.unknown_counters,
        "HOTP devices of which nothing is known. A code that was used since the backup passes again: have their users \
         use a code now, or enrol them again",
    );
    say(
        reply.unknown_codes,
        "recovery codes of which nothing is known. One that was used since the backup passes again: mfactl enroll \
         recovery USER replaces them",
    );
    say(
        reply.damaged,
        "records that were damaged in the backup already. Their users can't log in: mfactl store check",
    );
    text
}
