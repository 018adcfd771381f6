//! `mfactl import google-authenticator`: one user's file, or those of a whole host.
//!
//! The files are in users' homes, so users control their content; see [`home_file`] for what is read.

mod home_file;
mod pattern;

use std::path::Path;

use jiff::Timestamp;
use mfa_import::google;
use mfa_protocol::admin::ImportAccount;
use nix::unistd::{Uid, User};

use super::accounts::{self, Gathered, How, Read};
use super::source;
use super::table::Row;
use crate::args::ImportGoogle;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::host::users::{self, HostUser};
use home_file::{Content, Place, Unusable};
use pattern::Pattern;

pub(super) fn run(context: &mut Context, args: &ImportGoogle) -> Result<Verdict, Failure> {
    match (&args.user, &args.file) {
        (Some(user), Some(file)) => one(context, user, file, args),
        _ => all(context, args),
    }
}

fn one(
    context: &mut Context,
    user: &str,
    file: &Path,
    args: &ImportGoogle,
) -> Result<Verdict, Failure> {
    let mut gathered = Gathered::default();
    let content = match named(user, file)? {
        Ok(content) => content,
        Err(Unusable::Missing) => {
            return Err(Failure::Rejected(format!(
                "{} does not exist. Name the user's file, or - for standard input",
                file.display()
            )));
        }
        Err(Unusable::Other(reason)) => return Err(Failure::Rejected(reason)),
    };
    gathered.add(1, user, content);
    let how = How {
        newcomers: false,
        ..how(args)
    };
    accounts::import(context, how, || Ok(gathered.clone()))
}

/// A file that is named on the command line may also be in a home.
fn named(user: &str, file: &Path) -> Result<Result<Content, Unusable>, Failure> {
    if source::is_stdin(file) {
        return Ok(home_file::content(source::stdin()?));
    }
    let entry = User::from_name(user).ok().flatten();
    let owner = entry.as_ref().map(|entry| entry.uid);
    let path = std::path::absolute(file);
    let path = path.map_err(Failure::io(format!("find {}", file.display())))?;
    let place = Place {
        base: entry.as_ref().map_or(Path::new("/"), |entry| &entry.dir),
        path: &path,
        owners: vec![owner.unwrap_or(Uid::effective()), Uid::effective()],
    };
    Ok(home_file::read(&place))
}

fn all(context: &mut Context, args: &ImportGoogle) -> Result<Verdict, Failure> {
    let pattern: Pattern = args.secret.parse().map_err(Failure::Usage)?;
    // Read again after a question: codes may have been used in the meantime.
    accounts::import(context, how(args), || read_all(&pattern))
}

/// Files in homes give devices to newcomers only.
fn how(args: &ImportGoogle) -> How<'static> {
    How {
        newcomers: true,
        dry_run: args.dry_run,
        yes: args.yes,
        place,
        is_numbered: false,
        by_name: Some("mfactl import google-authenticator USER FILE"),
    }
}

fn place(account: &ImportAccount) -> String {
    account.user.clone()
}

/// What can be imported from the whole host.
fn read_all(pattern: &Pattern) -> Result<Gathered, Failure> {
    let mut gathered = Gathered::default();
    let mut without = 0;
    for (number, user) in (1..).zip(users::users()?) {
        match found(pattern, &user) {
            Ok(content) => gathered.add(number, &user.name, content),
            Err(Unusable::Missing) => without += 1,
            Err(Unusable::Other(reason)) => {
                let row = Row::refused(None, Some(user.name), reason);
                gathered.refused.push(row);
            }
        }
    }
    gathered.without = Some(without);
    Ok(gathered)
}

fn found(pattern: &Pattern, user: &HostUser) -> Result<Content, Unusable> {
    let path = pattern.path(user).ok_or(Unusable::Missing)?;
    home_file::read(&Place {
        base: &user.home,
        path: &path,
        owners: vec![user.uid],
    })
}

impl Gathered {
    fn add(&mut self, number: u64, user: &str, content: Content) {
        let now = u64::try_from(Timestamp::now().as_second()).unwrap_or(0);
        match google::read(&content.bytes, now) {
            Ok(mut account) => {
                account.notes.extend(content.note);
                self.accounts.push(Read {
                    line: number,
                    user: user.to_owned(),
                    account,
                });
            }
            Err(refusal) => {
                let row = Row::refused(None, Some(user.to_owned()), refusal.to_string());
                self.refused.push(row);
            }
        }
    }
}
