//! `mfactl rotate-key`: a new key, and each record sealed with it.

use std::time::Duration;

use mfa_protocol::admin::{
    HostKeys, KeyStatus, KeyStatusReply, RotateBegin, RotateEnd, RotateEndParameters,
    RotateEndReply, RotateNext, RotateNextParameters, RotatePrepare,
};
use mfa_protocol::login::Nothing;
use serde::Serialize;

use super::backup::progress::{Progress, counted, grouped};
use crate::args;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;
use crate::table::table;

/// The first step may read all records.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Default)]
struct Counted {
    records: u64,
    earlier: u64,
    damaged: u64,
}

#[derive(Serialize)]
struct Status<'a> {
    key_id: &'a str,
    earlier_keys: &'a [String],
    rotating: Option<&'a str>,
    credential: bool,
    prepared: Option<&'a str>,
    hosts: &'a [HostKeys],
    records: u64,
    sealed_with_earlier_keys: u64,
}

#[derive(Serialize)]
struct Rotated<'a> {
    key_id: &'a str,
    new: bool,
    records: u64,
    resealed: u64,
    damaged: u64,
    earlier_key: Option<&'a str>,
    earlier_key_file: Option<&'a str>,
}

pub(crate) fn run(context: &mut Context, args: &args::RotateKey) -> Result<Verdict, Failure> {
    match (args.status, args.prepare) {
        (true, _) => return status(context),
        (_, true) => return prepare(context),
        _ => {}
    }
    context.set_timeout(PATIENCE);
    let begun = context.call::<RotateBegin>(&Nothing {})?;
    let done = all(context, false)?;
    let end = context.call::<RotateEnd>(&RotateEndParameters {
        key_id: Some(begun.key_id.clone()),
    })?;
    let rotated = Rotated {
        key_id: &begun.key_id,
        new: begun.new,
        records: done.records,
        resealed: done.earlier,
        damaged: done.damaged,
        earlier_key: end.earlier.as_deref(),
        earlier_key_file: end.file.as_deref(),
    };
    context.output.result(&rotated, || {
        let key = clean(&begun.key_id);
        let (earlier, records) = (grouped(done.earlier), counted(done.records, "record"));
        let first = format!("Key {key} seals all records now ({earlier} of {records} resealed)\n");
        format!("{first}{}{}", left(done.damaged), needless(&end))
    })?;
    Ok(Verdict::Done)
}

#[derive(Serialize)]
struct Next<'a> {
    key_id: &'a str,
    file: Option<&'a str>,
    new: bool,
    hosts: &'a [HostKeys],
}

/// Makes the next key of a store that many hosts share.
fn prepare(context: &mut Context) -> Result<Verdict, Failure> {
    let next = context.call::<RotatePrepare>(&Nothing {})?;
    let keys = context.call::<KeyStatus>(&Nothing {})?;
    let shown = Next {
        key_id: &next.key_id,
        file: next.file.as_deref(),
        new: next.new,
        hosts: &keys.hosts,
    };
    context.output.result(&shown, || {
        let key = clean(&next.key_id);
        let first = match next.new {
            true => format!("Key {key} is the next one\n"),
            false => format!("Key {key} is the next one already\n"),
        };
        let copy = match &next.file {
            Some(file) => format!(
                "Copy {} to all hosts, under the same name, with mode 0600 and owned by the agent's user. Then, on any \
                 host: mfactl rotate-key\n",
                clean(file)
            ),
            None => "Its file is not on this host. All hosts need it before it seals: mfactl rotate-key\n".to_owned(),
        };
        format!("{first}{copy}{}", hosts_screen(&keys))
    })?;
    Ok(Verdict::Done)
}

/// Which hosts have which keys; nothing if no other host shares the store.
fn hosts_screen(keys: &KeyStatusReply) -> String {
    if keys.hosts.is_empty() {
        return String::new();
    }
    let has = |it: bool| if it { "yes" } else { "no" }.to_owned();
    let rows = keys.hosts.iter().map(|host| {
        [
            host.name.clone(),
            has(host.live),
            has(host.current),
            host.prepared.map_or_else(String::new, has),
        ]
    });
    let mut text = table(["Host", "Alive", "Has the key", "Has the next key"], rows);
    if keys.more_hosts > 0 {
        text += &format!("  and {}\n", counted(keys.more_hosts, "other host"));
    }
    text
}

fn status(context: &mut Context) -> Result<Verdict, Failure> {
    let keys = context.call::<KeyStatus>(&Nothing {})?;
    let counted = all(context, true)?;
    let status = Status {
        key_id: &keys.key_id,
        earlier_keys: &keys.earlier,
        rotating: keys.rotating.as_deref(),
        credential: keys.credential,
        prepared: keys.prepared.as_deref(),
        hosts: &keys.hosts,
        records: counted.records,
        sealed_with_earlier_keys: counted.earlier,
    };
    context
        .output
        .result(&status, || status_screen(&keys, &counted))?;
    Ok(Verdict::Done)
}

/// Goes through all records.
fn all(context: &mut Context, dry_run: bool) -> Result<Counted, Failure> {
    let mut progress = Progress::new(context.output, "records");
    let mut counted = Counted::default();
    let mut after = None;
    loop {
        let next = context.call::<RotateNext>(&RotateNextParameters { after, dry_run })?;
        counted.records += next.records;
        counted.earlier += next.earlier;
        counted.damaged += next.damaged;
        progress.show(counted.records);
        after = next.next;
        if after.is_none() {
            return Ok(counted);
        }
    }
}

fn status_screen(keys: &KeyStatusReply, counted: &Counted) -> String {
    let place = match keys.credential {
        true => " (credential mfa.key)",
        false => "",
    };
    let mut text = format!("Key: {}{place}\n", clean(&keys.key_id));
    if !keys.earlier.is_empty() {
        text += &format!("Earlier keys: {}\n", clean(&keys.earlier.join(", ")));
    }
    if let Some(next) = &keys.prepared {
        text += &format!("Next key: {}\n", clean(next));
    }
    text += &format!(
        "Records sealed with an earlier key: {} of {}\n",
        grouped(counted.earlier),
        grouped(counted.records)
    );
    if keys.rotating.is_some() || counted.earlier > 0 {
        text += "The change of the key is not at its end. Go on: mfactl rotate-key\n";
    }
    text + &hosts_screen(keys)
}

fn left(damaged: u64) -> String {
    match damaged {
        0 => String::new(),
        damaged => {
            format!("Damaged records, left as they are: {damaged}. See them: mfactl store check\n")
        }
    }
}

/// What to do with the key before.
fn needless(end: &RotateEndReply) -> String {
    let Some(earlier) = &end.earlier else {
        return String::new();
    };
    let earlier = clean(earlier);
    let place = match (&end.file, &end.replace) {
        (Some(file), _) => format!("remove {}", clean(file)),
        (None, Some(file)) => {
            let file = clean(file);
            return format!(
                "Key {earlier} is no longer needed by the store. Put the new key in its place, on each host: \
                 mv {file} {file}.{earlier} && mv {file}.next {file}\n\
                 Backups made before now need {file}.{earlier}: keep it as long as you keep them\n"
            );
        }
        (None, None) => "take it out of the unit and restart the agent".to_owned(),
    };
    format!(
        "Key {earlier} is no longer needed by the store. Backups made before now need it: keep it as long as you keep \
         them, then {place}\n"
    )
}
