//! `mfactl stacks`: what `mfa-pam` and the packages' scripts need to know of the stacks. It reads and judges them as
//! `mfactl doctor` does, and needs no agent.

mod replace;
mod take_out;

use mfa_stacks::parse::lines;
use serde::Serialize;

use crate::args::Stacks;
use crate::commands::Verdict;
use crate::commands::doctor::stacks::files::Files;
use crate::commands::doctor::stacks::{asking, problems_by_file, unloadable_by_file};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;
use crate::table::paragraph;

pub(crate) fn run(context: &Context, what: &Stacks) -> Result<Verdict, Failure> {
    let files = Files::read(context.pam_dir());
    match what {
        Stacks::Lines => list(context, &files),
        Stacks::Check { file } => check(context, &files, file),
        Stacks::TakeOut => take_out(context, &files),
        Stacks::AskForAPassword { service } => {
            all_read(&files)?;
            Ok(answer(take_out::asks_for_a_password(&files, service)))
        }
        Stacks::AskForACode { service } => {
            all_read(&files)?;
            Ok(answer(asking(&files).contains(&service.as_str())))
        }
    }
}

fn answer(yes: bool) -> Verdict {
    match yes {
        true => Verdict::Done,
        false => Verdict::Refused,
    }
}

/// Replaces our lines in all files or in none.
fn take_out(context: &Context, files: &Files) -> Result<Verdict, Failure> {
    all_read(files)?;
    let plan = take_out::plan(files).map_err(Failure::Rejected)?;
    replace::all(&plan).map_err(Failure::Rejected)?;
    let told = take_out::told(&plan);
    let screen = || {
        told.iter()
            .map(|line| format!("{}\n", clean(line)))
            .collect()
    };
    context.output.result(&told, screen)?;
    Ok(Verdict::Done)
}

/// A file that can't be read may name the module.
fn all_read(files: &Files) -> Result<(), Failure> {
    if files.unread().is_empty() {
        return Ok(());
    }
    let message = format!(
        "can't read {}, which may name pam_mfa.so. Run this as root, or move the file away",
        files.unread().join(", ")
    );
    Err(Failure::Rejected(message))
}

/// A line that names the module.
#[derive(Serialize)]
struct Named {
    file: String,
    line: usize,
    text: String,
}

fn list(context: &Context, files: &Files) -> Result<Verdict, Failure> {
    all_read(files)?;
    let mut named = Vec::new();
    for file in files.all() {
        let lines = files.text(file).map(lines).unwrap_or_default().into_iter();
        named.extend(lines.filter(|line| line.is_ours).map(|line| Named {
            file: files.path(file),
            line: line.number,
            text: match line.text.is_empty() {
                true => "(a line that libpam does not understand)".to_owned(),
                false => line.text,
            },
        }));
    }
    let screen = |it: &Named| format!("{}:{}:{}\n", clean(&it.file), it.line, clean(&it.text));
    context
        .output
        .result(&named, || named.iter().map(screen).collect())?;
    Ok(Verdict::Done)
}

/// What is wrong, with the remedy.
#[derive(Serialize)]
struct Problem {
    message: String,
    remedy: Option<String>,
}

fn check(context: &Context, files: &Files, file: &str) -> Result<Verdict, Failure> {
    let found = problems_by_file(files, file).into_iter();
    let found = found.chain(unloadable_by_file(files, file));
    let problems: Vec<_> = found
        .map(|(message, remedy)| Problem { message, remedy })
        .collect();
    let screen = |problem: &Problem| {
        let remedy = problem.remedy.as_deref().unwrap_or_default();
        paragraph("PROBLEM", &problem.message) + &paragraph("", remedy)
    };
    context
        .output
        .result(&problems, || problems.iter().map(screen).collect())?;
    Ok(answer(problems.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Output;
    use std::fs;

    #[test]
    fn a_file_that_can_t_be_read_is_a_failure_and_not_an_empty_list() {
        let folder = tempfile::tempdir().unwrap();
        let context = Context::new("/nonexistent".into(), Vec::new(), Output::new(true), || {
            false
        });
        fs::write(folder.path().join("sshd"), vec![b'#'; 70_000]).unwrap();
        let files = Files::read(&[folder.path().to_owned()]);
        assert!(matches!(list(&context, &files), Err(Failure::Rejected(_))));
    }
}
