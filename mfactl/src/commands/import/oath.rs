//! `mfactl import oath`: pam_oath's users file.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use mfa_import::oath::{Reader, Reading, UsersFile};
use mfa_protocol::admin::ImportAccount;

use super::accounts::{self, Gathered, How, Read};
use super::source::{self, CHUNK};
use super::table::Row;
use crate::args::ImportOath;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::lines::{Line, LineReader, MAX_LINE};

pub(super) fn run(context: &mut Context, args: &ImportOath) -> Result<Verdict, Failure> {
    let mut file = read(args)?;
    if let Some(user) = &args.user {
        file.accounts.retain(|of| of.user == *user);
        file.refused.retain(|line| line.user.as_ref() == Some(user));
        if file.accounts.is_empty() && file.refused.is_empty() {
            return Err(Failure::Rejected(format!(
                "{} has no line for {user}; nothing changed",
                args.file.display()
            )));
        }
    }
    let by_name = format!("mfactl import oath {} --user USER", args.file.display());
    let how = How {
        newcomers: args.user.is_none(),
        dry_run: args.dry_run,
        yes: args.yes,
        place,
        is_numbered: true,
        by_name: Some(&by_name),
    };
    let gathered = gathered(file);
    accounts::import(context, how, || Ok(gathered.clone()))
}

fn place(account: &ImportAccount) -> String {
    format!("line {}", account.line)
}

fn read(args: &ImportOath) -> Result<UsersFile, Failure> {
    let mut lines = LineReader::new(source::open(&args.file)?, CHUNK);
    let mut reader = Reader::new(Reading {
        zone: TimeZone::system(),
        now: Timestamp::now(),
        without_pins: args.without_pins,
    });
    let mut number = 0;
    while let Some(line) = lines.next().map_err(Failure::io("read the file"))? {
        number += 1;
        match line {
            Line::Bytes(bytes) => reader.take(number, bytes),
            Line::TooLong => reader.refuse(number, format!("longer than {MAX_LINE} bytes")),
        }
    }
    Ok(reader.finish())
}

fn gathered(file: UsersFile) -> Gathered {
    let accounts = file.accounts.into_iter().map(|of| Read {
        line: of.line,
        user: of.user,
        account: of.account,
    });
    let refused = file.refused.into_iter();
    let refused = refused.map(|line| Row::refused(Some(line.line), line.user, line.reason));
    Gathered {
        accounts: accounts.collect(),
        refused: refused.collect(),
        without: None,
    }
}
