//! `mfactl import pskc` and `mfactl import csv`: the files in which makers deliver tokens.

use std::path::Path;

use mfa_import::Account;
use mfa_import::tokens::pskc::{self, Lock};
use mfa_import::tokens::{MAX_FILE, Token, csv};
use mfa_protocol::Secret;
use mfa_protocol::admin::ImportAccount;

use super::accounts::{self, Gathered, How, Read};
use super::line;
use super::source;
use super::table::Row;
use crate::args::{ImportCsv, ImportPskc, PskcUser};
use crate::commands::Verdict;
use crate::console::Console;
use crate::context::Context;
use crate::failure::Failure;
use crate::lines::{Line, LineReader};

/// What is taken of a file.
struct Wanted<'a> {
    file: &'a Path,
    /// The user of all tokens; none where each names its own.
    user: Option<&'a str>,
    serial: Option<&'a str>,
    dry_run: bool,
    yes: bool,
}

pub(super) fn pskc(context: &mut Context, args: &ImportPskc) -> Result<Verdict, Failure> {
    let bytes = source::read_all(&args.file, MAX_FILE)?;
    let rejected = |refusal| rejected(&args.file, refusal);
    let key = match pskc::lock(&bytes).map_err(rejected)? {
        Lock::None => None,
        lock => Some(key(args, lock)?),
    };
    let mut tokens = pskc::read(&bytes, key.as_ref()).map_err(rejected)?;
    for token in &mut tokens {
        token.user = match args.user_from {
            Some(PskcUser::UserId) => token.user.take().map(of_distinguished_name),
            Some(PskcUser::Label) => token.name.clone(),
            None => None,
        };
    }
    let wanted = Wanted {
        file: &args.file,
        user: args.user.as_deref(),
        serial: args.serial.as_deref(),
        dry_run: args.dry_run,
        yes: args.yes,
    };
    import(context, tokens, &wanted)
}

pub(super) fn csv(context: &mut Context, args: &ImportCsv) -> Result<Verdict, Failure> {
    let bytes = source::read_all(&args.file, MAX_FILE)?;
    let form = csv::Form {
        columns: args.columns.clone(),
        base32: args.base32,
        hotp: args.hotp,
        digits: args.digits,
        period: args.period,
        algorithm: args.algorithm,
        user: args.user_from.clone(),
    };
    let tokens = csv::read(&bytes, &form).map_err(|refusal| rejected(&args.file, refusal))?;
    let wanted = Wanted {
        file: &args.file,
        user: args.user.as_deref(),
        serial: args.serial.as_deref(),
        dry_run: args.dry_run,
        yes: args.yes,
    };
    import(context, tokens, &wanted)
}

fn rejected(file: &Path, refusal: mfa_import::Refusal) -> Failure {
    Failure::Rejected(format!("{}: {refusal}", file.display()))
}

/// The first line of a file, or what a person types.
fn key(args: &ImportPskc, lock: Lock) -> Result<Secret, Failure> {
    let what = match lock {
        Lock::Password => "password",
        _ => "pre-shared key (hexadecimal)",
    };
    let Some(file) = &args.key_file else {
        let mut console = Console::terminal("--key-file")?;
        let prompt = format!("The {what} of {}: ", args.file.display());
        return console.demand(&prompt, false, what);
    };
    let mut lines = LineReader::new(source::open(file)?, 1);
    let line = lines
        .next()
        .map_err(Failure::io(format!("read {}", file.display())))?;
    let text = match line {
        Some(Line::Bytes(bytes)) => std::str::from_utf8(bytes).ok(),
        _ => None,
    };
    text.filter(|text| !text.trim().is_empty())
        .map(Secret::from)
        .ok_or_else(|| {
            Failure::Rejected(format!(
                "{} has no {what} in its first line",
                file.display()
            ))
        })
}

/// The first UID or CN of a distinguished name (`UID=anna,CN=Anna`), else the text itself.
fn of_distinguished_name(text: String) -> String {
    let part = |name: &str| {
        text.split(',')
            .filter_map(|part| part.split_once('='))
            .find(|(its, _)| its.trim().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
    };
    part("UID").or_else(|| part("CN")).unwrap_or(text)
}

fn import(
    context: &mut Context,
    mut tokens: Vec<Token>,
    wanted: &Wanted<'_>,
) -> Result<Verdict, Failure> {
    let file = wanted.file.display();
    if let Some(serial) = wanted.serial {
        tokens.retain(|token| token.serial.as_deref() == Some(serial));
        if tokens.is_empty() {
            return Err(Failure::Rejected(format!(
                "{file} has no token with the serial number {serial}"
            )));
        }
    }
    if wanted.user.is_some() && tokens.len() > 1 {
        return Err(Failure::Rejected(format!(
            "{file} has {} tokens; say which with --serial, or with --user-from where each user is",
            tokens.len()
        )));
    }
    let how = How {
        newcomers: false,
        dry_run: wanted.dry_run,
        yes: wanted.yes,
        place,
        is_numbered: true,
        by_name: None,
    };
    let gathered = gathered(tokens, wanted.user);
    accounts::import(context, how, || Ok(gathered.clone()))
}

fn place(account: &ImportAccount) -> String {
    format!("token {}", account.line)
}

/// The tokens of each user, in the order of the file.
fn gathered(tokens: Vec<Token>, user: Option<&str>) -> Gathered {
    let mut gathered = Gathered::default();
    let mut places = std::collections::BTreeMap::new();
    for token in tokens {
        let user = user.map(str::to_owned).or(token.user);
        let (user, device) = match checked(user, token.device) {
            Ok(both) => both,
            Err((user, reason)) => {
                let serial = token.serial.map(|serial| format!("token {serial}: "));
                let reason = serial.unwrap_or_default() + &reason;
                let row = Row::refused(Some(token.place), user, reason);
                gathered.refused.push(row);
                continue;
            }
        };
        let next = gathered.accounts.len();
        let at = *places.entry(user.clone()).or_insert(next);
        if at == next {
            gathered.accounts.push(Read {
                line: token.place,
                user,
                account: Account::default(),
            });
        }
        let account = &mut gathered.accounts[at].account;
        account.devices.push(device);
        account.notes.extend(token.notes);
    }
    gathered
}

fn checked(
    user: Option<String>,
    device: Result<mfa_import::Device, mfa_import::Refusal>,
) -> Result<(String, mfa_import::Device), (Option<String>, String)> {
    let user = user.ok_or_else(|| (None, "the file names no user for it".to_owned()))?;
    line::check_user(&user).map_err(|malformed| (None, malformed.reason))?;
    let device = device.map_err(|refusal| (Some(user.clone()), refusal.to_string()))?;
    Ok((user, device))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_in_a_distinguished_name() {
        for (text, user) in [
            ("anna", "anna"),
            ("UID=anna,DC=example", "anna"),
            ("CN=Anna Example, uid=anna", "anna"),
            ("CN=anna", "anna"),
            ("OU=x", "OU=x"),
        ] {
            assert_eq!(of_distinguished_name(text.to_owned()), user);
        }
    }
}
