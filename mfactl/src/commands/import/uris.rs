//! `mfactl import uris`: many devices from a file.
//!
//! The file is read line by line, and each line is wiped. Malformed lines are refused here, with their line numbers. A
//! line with an export of Google Authenticator becomes one entry for each of its devices.

use std::io::Read;

use mfa_import::migration::{self, Export};
use mfa_protocol::admin::{ImportEntry, ImportParameters, ImportUris};

use super::batch::Batch;
use super::line;
use super::report::{self, Report};
use super::source::{self, CHUNK};
use crate::args;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::lines::LineReader;
use crate::progress::Progress;

pub(super) fn run(context: &mut Context, args: &args::ImportUris) -> Result<Verdict, Failure> {
    // What is no file can't be read a second time after a question.
    let yes = args.yes || !args.file.is_file();
    report::import(context, args.dry_run, yes, |context, dry_run| {
        let source = source::open(&args.file)?;
        let mut import = Import::new(context, Report::new(dry_run), dry_run);
        let ended = import.read(context, source);
        Ok((import.report, ended))
    })
}

/// Entries on their way to the agent, and what became of them.
pub(super) struct Import {
    batch: Batch<ImportEntry>,
    pub(super) report: Report,
    dry_run: bool,
    progress: Progress,
}

impl Import {
    pub(super) fn new(context: &Context, report: Report, dry_run: bool) -> Self {
        Self {
            batch: Batch::default(),
            report,
            dry_run,
            progress: Progress::new(context.output),
        }
    }

    fn read(&mut self, context: &mut Context, source: Box<dyn Read>) -> Result<(), Failure> {
        let mut lines = LineReader::new(source, CHUNK);
        let mut number = 0;
        while let Some(bytes) = lines.next().map_err(Failure::io("read the file"))? {
            number += 1;
            match line::parse(number, &bytes) {
                Ok(None) => {}
                Ok(Some(entry)) if migration::is_export(entry.uri.expose()) => {
                    self.expand(context, &entry)?;
                }
                Ok(Some(entry)) => self.add(context, entry)?,
                Err(malformed) => self.report.refuse(number, malformed.user, malformed.reason),
            }
        }
        self.send(context)
    }

    /// The devices of an export, as entries of the same line.
    fn expand(&mut self, context: &mut Context, line: &ImportEntry) -> Result<(), Failure> {
        let user = || Some(line.user.clone());
        let Export { devices, part } = match migration::read(line.uri.expose()) {
            Ok(export) => export,
            Err(refusal) => {
                self.report.refuse(line.line, user(), refusal.to_string());
                return Ok(());
            }
        };
        if let Some((number, of)) = part.filter(|(_, of)| *of > 1) {
            let note = format!("part {number} of {of} of an export");
            self.report.note(line.line, note);
        }
        for device in devices {
            match device {
                Ok(device) => self.add(
                    context,
                    ImportEntry {
                        line: line.line,
                        user: line.user.clone(),
                        uri: migration::otpauth(&device),
                    },
                )?,
                Err(refusal) => self.report.refuse(line.line, user(), refusal.to_string()),
            }
        }
        Ok(())
    }

    /// Adds an entry, and sends those before it if there is no room.
    pub(super) fn add(&mut self, context: &mut Context, entry: ImportEntry) -> Result<(), Failure> {
        if !self.batch.has_room_for(&entry) {
            self.send(context)?;
        }
        self.batch.push(entry);
        Ok(())
    }

    /// Sends what was added since the last call.
    pub(super) fn send(&mut self, context: &mut Context) -> Result<(), Failure> {
        let parameters = ImportParameters {
            entries: self.batch.take(),
            dry_run: self.dry_run,
        };
        let Some(first) = parameters.entries.first() else {
            return Ok(());
        };
        let outcome = context.change::<ImportUris>(&parameters).and_then(|reply| {
            if reply.results.len() == parameters.entries.len() {
                return Ok(reply.results);
            }
            Err(Failure::Garbled(
                "it has no result for some entries".to_owned(),
            ))
        });
        match outcome {
            Ok(results) => {
                self.report.take(results);
                self.progress.show(self.report.taken());
                Ok(())
            }
            Err(source) => Err(Failure::Import {
                place: format!("{} {}", self.report.unit(), first.line),
                taken: self.report.taken(),
                source: Box::new(source),
            }),
        }
    }
}
