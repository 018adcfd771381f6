//! `mfactl restore`: puts the records of a backup in the place of those that are stored.
//!
//! The file is read twice: once to check it, and once to send it. The agent checks it again and replaces all at once.

mod merge;

use std::path::Path;
use std::time::Duration;

use data_encoding::BASE64;
use mfa_protocol::admin::{
    RestoreAbandon, RestoreBegin, RestoreBeginParameters, RestoreEnd, RestoreEndReply, RestoreNext,
    RestoreNextParameters,
};
use mfa_protocol::login::Nothing;
use serde::Serialize;

use super::backup::file::{Reader, Source};
use super::backup::key;
use super::backup::progress::{Progress, counted};
use crate::args;
use crate::clock::Clock;
use crate::commands::{Verdict, confirm};
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
    records: u64,
    accounts: u64,
    damaged: u64,
    damaged_unnamed: u64,
    totp_assumed_used: u64,
    hotp_unknown: u64,
    recovery_codes_unknown: u64,
    damaged_kept: u64,
    factors_returned: u64,
    returned_users: &'a [String],
    accounts_gone: u64,
    gone_users: &'a [String],
}

pub(crate) fn run(context: &mut Context, args: &args::Restore) -> Result<Verdict, Failure> {
    context.set_timeout(PATIENCE);
    context.probe()?;
    match (args.abandon, args.merge) {
        (true, _) => return abandon(context),
        (_, true) => return merge::run(context, args),
        _ => {}
    }
    let source = Source::open(args.file())?;
    if source.is_repeatable() {
        check(&source)?;
    }
    let (head, mut reader) = source.read()?;
    let file_key = args.key_file.as_deref().map(|file| key::open(&head, file));
    if head.key_id.is_none() {
        context.output.complain(FROM_ANYONE);
    }
    if args.replace && confirm::asks(context, args.yes) {
        confirm::agreed(context, &lost(&head.made_at), "Replace it?")?;
    }
    context.call::<RestoreBegin>(&RestoreBeginParameters {
        head: head.clone(),
        file_key: file_key.transpose()?,
        size: source.size(),
        replace: args.replace,
    })?;
    let records = send(context, &mut reader)?;
    let reply = loop {
        let reply = context.call::<RestoreEnd>(&Nothing {})?;
        if reply.done {
            break reply;
        }
    };
    let restored = Restored {
        file: args.file(),
        made_at: &head.made_at,
        records,
        accounts: reply.accounts,
        damaged: reply.damaged,
        damaged_unnamed: reply.unnamed,
        totp_assumed_used: reply.assumed,
        hotp_unknown: reply.unknown_counters,
        recovery_codes_unknown: reply.unknown_codes,
        damaged_kept: reply.kept,
        factors_returned: reply.returned,
        returned_users: &reply.returned_users,
        accounts_gone: reply.gone,
        gone_users: &reply.gone_users,
    };
    context
        .output
        .result(&restored, || screen(&restored, &reply))?;
    Ok(Verdict::Done)
}

#[derive(Serialize)]
struct Ended<'a> {
    abandoned: bool,
    host: Option<&'a str>,
    begun_at: Option<&'a str>,
    stopped_logins: bool,
}

fn abandon(context: &mut Context) -> Result<Verdict, Failure> {
    let reply = context.call::<RestoreAbandon>(&Nothing {})?;
    let ended = Ended {
        abandoned: reply.abandoned,
        host: reply.host.as_deref(),
        begun_at: reply.begun_at.as_deref(),
        stopped_logins: reply.stopped_logins,
    };
    context.output.result(&ended, || {
        let Some(host) = ended.host else {
            return "No restore is going on.\n".to_owned();
        };
        let at = Clock::system().date(ended.begun_at.unwrap_or_default());
        let logins = match ended.stopped_logins {
            true => " Logins go on.",
            false => "",
        };
        format!(
            "The restore that {} began at {} has ended. Nothing was restored.{logins}\n",
            clean(host),
            clean(&at)
        )
    })?;
    Ok(Verdict::Done)
}

/// The public key is in the head of each such backup.
const FROM_ANYONE: &str = "Note: this backup is sealed for a public key, and anyone who has that key can make such a file \
                           with factors of their own. Restore it only if it comes from a place that only you can write to.";

/// What is lost.
fn lost(made_at: &str) -> String {
    format!(
        "This replaces all that is stored with the backup of {}. Factors that users enrolled since then are gone, \
         factors that were removed since then are back, and all sessions end.",
        clean(&Clock::system().past(made_at))
    )
}

/// Reads the whole file before anything is sent.
fn check(source: &Source) -> Result<(), Failure> {
    let (_, mut reader) = source.read()?;
    while !reader.chunk()?.1 {}
    Ok(())
}

/// Sends the file; how many records it has.
fn send(context: &mut Context, reader: &mut Reader) -> Result<u64, Failure> {
    let mut progress = Progress::new(context.output, "records");
    loop {
        let (chunk, last) = reader.chunk()?;
        let reply = context.call::<RestoreNext>(&RestoreNextParameters {
            chunk: BASE64.encode(&chunk),
            last,
        })?;
        progress.show(reply.records);
        if last {
            return Ok(reply.records);
        }
    }
}

fn screen(restored: &Restored<'_>, reply: &RestoreEndReply) -> String {
    let known = reply
        .accounts
        .saturating_add(reply.damaged)
        .saturating_add(reply.kept);
    let mut text = format!(
        "Restored {}{} (backup of {})\n",
        counted(reply.accounts, "user"),
        others(restored.records.saturating_sub(known)),
        clean(&Clock::system().date(restored.made_at))
    );
    let mut say = |count: u64, of: &str, what: &str| {
        if count > 0 {
            text += &remark(&format!("{}: {what}", counted(count, of)));
        }
    };
    say(
        reply.assumed,
        "TOTP device",
        "codes up to now count as used. Users wait for the next code.",
    );
    say(
        reply.unknown_counters,
        "HOTP device",
        "a code that was used since the backup passes again. Have their users use a code now, or enrol \
         them again.",
    );
    say(
        reply.unknown_codes,
        "recovery code",
        "one that was used since the backup passes again. Replace them: mfactl enroll recovery USER",
    );
    let returned = format!(
        "removed since the backup, and back now. Remove them again: {}",
        named(&reply.returned_users, reply.returned_users.len() >= NAMED)
    );
    say(reply.returned, "factor", &returned);
    let gone = format!(
        "not in the backup, so that nothing is enrolled there now. Have these users enrol again: {}",
        named(
            &reply.gone_users,
            reply.gone > reply.gone_users.len() as u64
        )
    );
    say(reply.gone, "account", &gone);
    say(
        reply.damaged,
        "record",
        "damaged in the backup already, so that its user can't log in. See more: mfactl store check",
    );
    say(
        reply.unnamed,
        "of these",
        "nobody can tell whose it is, so it refuses nobody. If the user is known, have them enrol again.",
    );
    say(
        reply.kept,
        "record",
        "damaged in the backup. The one that was here is intact, and was kept.",
    );
    text
}

/// The agent names this many users.
const NAMED: usize = 10;

fn named(users: &[String], has_more: bool) -> String {
    let names = users.join(", ");
    let names = clean(&names);
    match has_more {
        true => format!("{names}, …"),
        false => names.into_owned(),
    }
}

/// Other records are the store's own, and those of names without an account.
fn others(count: u64) -> String {
    match count {
        0 => String::new(),
        count => format!(" and {}", counted(count, "other record")),
    }
}
