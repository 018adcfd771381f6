//! `mfactl backup`: everything that is stored, as one file.
//!
//! The agent seals; here the chunks are put together, with a check sum. A file takes the place of an older one
//! once it is complete and on the disk.

pub(crate) mod file;
pub(crate) mod key;
pub(crate) mod progress;
pub(crate) mod target;

use std::io::{self, IsTerminal};
use std::path::Path;

use data_encoding::BASE64;
use mfa_protocol::admin::{
    BackupBegin, BackupBeginParameters, BackupEnd, BackupNext, BackupNextReply,
};
use mfa_protocol::backup::BackupHead;
use mfa_protocol::login::Nothing;
use serde::Serialize;

use crate::args;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;
use file::Writer;
use progress::{Progress, counted, grouped};
use target::Target;

#[derive(Serialize)]
struct Made<'a> {
    file: &'a Path,
    made_at: &'a str,
    records: u64,
    damaged: u64,
    bytes: u64,
    key_id: Option<&'a str>,
    recipient: Option<&'a str>,
}

pub(crate) fn run(context: &mut Context, args: &args::Backup) -> Result<Verdict, Failure> {
    let is_stdout = args.file.as_os_str() == "-";
    if is_stdout && context.output.is_json() {
        return Err(Failure::Usage(
            "with --json the result goes to standard output, so the backup can't; name a file"
                .to_owned(),
        ));
    }
    if is_stdout && io::stdout().is_terminal() {
        return Err(Failure::Usage(
            "a backup is no text for a terminal; name a file, or redirect standard output"
                .to_owned(),
        ));
    }
    let recipient = args.recipient_key_file.as_deref().map(key::read_text);
    let recipient = recipient.transpose()?;
    let target = match is_stdout {
        true => Target::stdout()?,
        false => Target::file(&args.file)?,
    };
    let begun = context.call::<BackupBegin>(&BackupBeginParameters { recipient })?;
    let mut writer = Writer::begin(target, &begun.head)?;
    let last = copy(context, &mut writer)?;
    let bytes = writer.end()?;
    context.call::<BackupEnd>(&Nothing {})?;
    if is_stdout {
        return Ok(Verdict::Done);
    }
    let made = Made {
        file: &args.file,
        made_at: &begun.head.made_at,
        records: last.records,
        damaged: last.damaged,
        bytes,
        key_id: begun.head.key_id.as_deref(),
        recipient: begun.head.recipient.as_deref(),
    };
    context
        .output
        .result(&made, || screen(&made, &begun.head))?;
    Ok(Verdict::Done)
}

fn copy(context: &mut Context, writer: &mut Writer) -> Result<BackupNextReply, Failure> {
    let mut progress = Progress::new(context.output, "records");
    loop {
        let next = context.call::<BackupNext>(&Nothing {})?;
        let chunk = BASE64.decode(next.chunk.as_bytes());
        writer.chunk(&chunk.map_err(|e| Failure::Garbled(e.to_string()))?)?;
        progress.show(next.records);
        if next.last {
            return Ok(next);
        }
    }
}

fn screen(made: &Made<'_>, head: &BackupHead) -> String {
    let file = clean(&made.file.display().to_string()).into_owned();
    let (records, bytes) = (counted(made.records, "record"), grouped(made.bytes));
    let needs = match (&head.key_id, &head.recipient) {
        (Some(id), _) => format!(
            "To restore it, the key {} is needed: keep a copy elsewhere",
            clean(id)
        ),
        (None, _) => "To restore it, the private key of the recipient is needed".to_owned(),
    };
    let damaged = match made.damaged {
        0 => String::new(),
        damaged => {
            format!("Damaged records, kept as they are: {damaged}. See them: mfactl store check\n")
        }
    };
    format!("{file}: {records}, {bytes} bytes\n{damaged}{needs}\n")
}
