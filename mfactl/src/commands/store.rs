//! `mfactl store`: finding damaged records, and dropping one.

use mfa_protocol::admin::{
    DamagedRecord, StoreCheck, StoreCheckParameters, StoreDrop, StoreDropParameters,
};
use serde::Serialize;

use super::backup::progress::{Progress, counted};
use crate::args;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;
use crate::table::remark;

#[derive(Default, Serialize)]
struct Checked {
    records: u64,
    damaged: Vec<DamagedRecord>,
}

#[derive(Serialize)]
struct Repaired<'a> {
    record: &'a str,
    dropped: bool,
}

pub(crate) fn run(context: &mut Context, what: args::Store) -> Result<Verdict, Failure> {
    match what {
        args::Store::Check => check(context),
        args::Store::Repair(repair) => drop_record(context, repair.drop),
    }
}

fn check(context: &mut Context) -> Result<Verdict, Failure> {
    let mut progress = Progress::new(context.output, "records");
    let mut checked = Checked::default();
    let mut after = None;
    loop {
        let next = context.call::<StoreCheck>(&StoreCheckParameters { after })?;
        checked.records += next.records;
        checked.damaged.extend(next.damaged);
        progress.show(checked.records);
        after = next.next;
        if after.is_none() {
            break;
        }
    }
    drop(progress);
    context.output.result(&checked, || screen(&checked))?;
    Ok(match checked.damaged.is_empty() {
        true => Verdict::Done,
        false => Verdict::Refused,
    })
}

fn screen(checked: &Checked) -> String {
    let records = counted(checked.records, "record");
    if checked.damaged.is_empty() {
        return format!("{records}, all intact\n");
    }
    let mut text = format!("{records}, {} damaged\n", checked.damaged.len());
    for damaged in &checked.damaged {
        text += &remark(&format!("{}: {}", damaged.record, damaged.reason));
    }
    text + "Their users can't log in. To get the records back, from a backup of before the damage:\n  mfactl restore --replace FILE\n\
            Or to drop one, so that its user enrols again, after a backup:\n  mfactl store repair --drop RECORD\n"
}

fn drop_record(context: &mut Context, record: String) -> Result<Verdict, Failure> {
    let reply = context.call::<StoreDrop>(&StoreDropParameters {
        record: record.clone(),
    })?;
    let repaired = Repaired {
        record: &record,
        dropped: reply.dropped,
    };
    context.output.result(&repaired, || {
        let record = clean(&record);
        match reply.dropped {
            true => format!("{record} is dropped. Its user has nothing enrolled now"),
            false => format!("there is no record {record}; nothing was changed"),
        }
    })?;
    Ok(Verdict::Done)
}
