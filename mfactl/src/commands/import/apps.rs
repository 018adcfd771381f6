//! `mfactl import aegis` and the others: what a user's authenticator app or password manager exports.
//!
//! An export holds the accounts of many services, and the key of another service must not become a way in
//! here: so for one user more than one account is taken only where the administrator says which, or all.

use mfa_import::apps::{self, App, Entry, MAX_FILE};
use mfa_protocol::admin::ImportEntry;

use super::line;
use super::report::{self, Report};
use super::source;
use super::uris::Import;
use crate::args::ImportApp;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;

/// So many names are shown of which one must be chosen.
const SHOWN: usize = 20;

pub(super) fn run(context: &mut Context, app: App, args: &ImportApp) -> Result<Verdict, Failure> {
    // What is no file can't be read a second time after a question.
    let yes = args.yes || !args.file.is_file();
    report::import(context, args.dry_run, yes, |context, dry_run| {
        let entries = chosen(read(app, args)?, args)?;
        let mut import = Import::new(context, Report::of("entry", dry_run), dry_run);
        let ended = send(context, &mut import, entries, args);
        Ok((import.report, ended))
    })
}

fn read(app: App, args: &ImportApp) -> Result<Vec<Entry>, Failure> {
    let bytes = source::read_all(&args.file, MAX_FILE)?;
    apps::read(app, &bytes)
        .map_err(|refusal| Failure::Rejected(format!("{}: {refusal}", args.file.display())))
}

fn chosen(mut entries: Vec<Entry>, args: &ImportApp) -> Result<Vec<Entry>, Failure> {
    let file = args.file.display();
    if let Some(only) = &args.only {
        let all = names(&entries);
        entries.retain(|entry| contains(entry, &only.to_lowercase()));
        if entries.is_empty() {
            return Err(Failure::Rejected(format!(
                "no account in {file} has {:?} in its name or service; it has {all}",
                clean(only)
            )));
        }
    }
    if args.user.is_some() && !args.all && entries.len() > 1 {
        return Err(Failure::Rejected(format!(
            "{file} has {} accounts, and those of other services must not open this host: {}. Choose with \
             --only TEXT, or take all with --all",
            entries.len(),
            names(&entries)
        )));
    }
    Ok(entries)
}

fn contains(entry: &Entry, wanted: &str) -> bool {
    [&entry.account, &entry.issuer]
        .into_iter()
        .flatten()
        .any(|name| name.to_lowercase().contains(wanted))
}

/// The names of accounts, as many as fit on a screen.
fn names(entries: &[Entry]) -> String {
    let mut names: Vec<String> = entries.iter().take(SHOWN).map(name).collect();
    if entries.len() > SHOWN {
        names.push(format!("and {} more", entries.len() - SHOWN));
    }
    names.join(", ")
}

fn name(entry: &Entry) -> String {
    let (account, issuer) = (entry.account.as_deref(), entry.issuer.as_deref());
    match (issuer, account) {
        (Some(issuer), Some(account)) => format!("{} ({})", clean(issuer), clean(account)),
        (Some(name), None) | (None, Some(name)) => clean(name).into_owned(),
        (None, None) => format!("entry {}", entry.number),
    }
}

fn send(
    context: &mut Context,
    import: &mut Import,
    entries: Vec<Entry>,
    args: &ImportApp,
) -> Result<(), Failure> {
    for entry in entries {
        let (number, named) = (entry.number, name(&entry));
        match import_entry(entry, args) {
            Ok(entry) => import.add(context, entry)?,
            Err((user, reason)) => {
                import
                    .report
                    .refuse(number, user, format!("{named}: {reason}"));
            }
        }
    }
    import.send(context)
}

/// What is sent, or the user and why nothing is.
fn import_entry(entry: Entry, args: &ImportApp) -> Result<ImportEntry, (Option<String>, String)> {
    let user = match &args.user {
        Some(user) => user.clone(),
        None => entry
            .account
            .ok_or_else(|| (None, "it has no name that could be a user's".to_owned()))?,
    };
    line::check_user(&user).map_err(|malformed| (None, malformed.reason))?;
    let uri = entry
        .uri
        .map_err(|refusal| (Some(user.clone()), refusal.to_string()))?;
    if let Err(reason) = line::check_uri(uri.expose())
        // The agent has a sentence of its own for those.
        && !uri.expose().starts_with("steam:")
    {
        return Err((Some(user), reason.to_owned()));
    }
    Ok(ImportEntry {
        line: entry.number,
        user,
        uri,
    })
}
