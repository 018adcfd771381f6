//! `mfactl import uris`: many devices from a file, in calls as large as a frame takes.
//!
//! The file is read a line at a time, wiped behind. What is malformed is refused here, with its line
//! number; the rest is for the agent to judge, each entry on its own. No complaint ever repeats a URI.

mod batch;
mod line;
mod report;

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use mfa_protocol::admin::ImportUris;

use crate::args::Import;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::lines::LineReader;
use batch::Batch;
use report::Report;

/// A call stores 150 devices; a busy agent may take its time.
const CALL_TIMEOUT: Duration = Duration::from_secs(120);

const CHUNK: usize = 64 * 1024;

pub(crate) fn run(context: &mut Context, format: Import) -> Result<Verdict, Failure> {
    let Import::Uris(args) = format;
    context.set_timeout(CALL_TIMEOUT);
    let source = open(&args.file)?;
    let mut report = Report::default();
    let ended = import(context, source, &mut report);
    report.finish(context.output, ended)
}

fn open(path: &Path) -> Result<Box<dyn Read>, Failure> {
    if path.as_os_str() == "-" {
        // Not through the standard library's buffer, which is never wiped.
        let owned = std::io::stdin().as_fd().try_clone_to_owned();
        return Ok(Box::new(File::from(
            owned.map_err(Failure::io("read standard input"))?,
        )));
    }
    let file = File::open(path).map_err(Failure::io(format!("open {}", path.display())))?;
    Ok(Box::new(file))
}

fn import(
    context: &mut Context,
    source: Box<dyn Read>,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut lines = LineReader::new(source, CHUNK);
    let mut batch = Batch::default();
    let mut number = 0;
    while let Some(bytes) = lines.next().map_err(Failure::io("read the file"))? {
        number += 1;
        match line::parse(number, &bytes) {
            Ok(None) => {}
            Ok(Some(entry)) => {
                if !batch.has_room_for(&entry) {
                    send(context, &mut batch, report)?;
                }
                batch.push(entry);
            }
            Err(malformed) => report.refuse(number, malformed.user, malformed.reason),
        }
    }
    send(context, &mut batch, report)
}

fn send(context: &mut Context, batch: &mut Batch, report: &mut Report) -> Result<(), Failure> {
    let parameters = batch.take();
    let Some(first) = parameters.entries.first() else {
        return Ok(());
    };
    let outcome = context.change::<ImportUris>(&parameters).and_then(|reply| {
        if reply.results.len() == parameters.entries.len() {
            return Ok(reply.results);
        }
        Err(Failure::Garbled(
            "it does not say what became of every entry".to_owned(),
        ))
    });
    match outcome {
        Ok(results) => {
            report.take(results);
            Ok(())
        }
        Err(source) => Err(Failure::Import {
            line: first.line,
            taken: report.taken(),
            source: Box::new(source),
        }),
    }
}
