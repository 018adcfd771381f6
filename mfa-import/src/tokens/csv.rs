//! Tables of seeds: a token a row. The first row names the columns, or the caller does.
//!
//! Makers name columns as they like, so some names are known for each; a file that says neither kind
//! nor period of its tokens is read as the caller says.

use data_encoding::{BASE32_NOPAD, HEXUPPER_PERMISSIVE};
use zeroize::Zeroizing;

use super::{Token, bounded, check_length, counted, name, used_before};
use crate::account::{Device, HashAlgorithm, Kind, base32};
use crate::csv::{Row, Table};
use crate::refusal::Refusal;

const SERIAL: [&str; 8] = [
    "serial",
    "serialno",
    "serialnumber",
    "sn",
    "tokenserial",
    "tokenserialnumber",
    "tokenid",
    "id",
];
const KEY: [&str; 10] = [
    "seed",
    "secret",
    "key",
    "secretkey",
    "seedkey",
    "tokenseed",
    "tokenkey",
    "hexseed",
    "seedhex",
    "secrethex",
];
const KIND: [&str; 3] = ["type", "otptype", "mode"];
const DIGITS: [&str; 4] = ["digits", "otplength", "codelength", "length"];
const PERIOD: [&str; 5] = ["period", "timeinterval", "interval", "timestep", "step"];
const COUNTER: [&str; 3] = ["counter", "movingfactor", "eventcounter"];
const ALGORITHM: [&str; 3] = ["algorithm", "hash", "hashalgorithm"];

/// How a table is read. What a column says comes before what is said here.
#[derive(Clone, Debug, Default)]
pub struct Form {
    /// The names of the columns, for a table without a row of names.
    pub columns: Option<Vec<String>>,
    /// Whether keys are in base32, not in hexadecimal.
    pub base32: bool,
    /// Whether the tokens count their codes (HOTP).
    pub hotp: bool,
    /// The length of a code.
    pub digits: Option<u32>,
    /// The length of a step in seconds.
    pub period: Option<u64>,
    /// The hash function.
    pub algorithm: Option<HashAlgorithm>,
    /// The column that holds the user: its name, or its number from 1.
    pub user: Option<String>,
}

/// Where things are.
struct Columns {
    serial: Option<usize>,
    key: usize,
    kind: Option<usize>,
    digits: Option<usize>,
    period: Option<usize>,
    counter: Option<usize>,
    algorithm: Option<usize>,
    user: Option<usize>,
}

/// Reads a table.
///
/// # Errors
///
/// A [`Refusal`] if the file is no table, or has no column of keys.
pub fn read(bytes: &[u8], form: &Form) -> Result<Vec<Token>, Refusal> {
    bounded(bytes)?;
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let table = match &form.columns {
        Some(names) => {
            let mut table = Table::without_names(bytes)?;
            table.names.clone_from(names);
            table
        }
        None => Table::read(bytes)?,
    };
    let columns = columns(&table, form)?;
    let token = |row: &Row| Token {
        place: row.number,
        serial: name(row.cell(columns.serial)),
        name: name(row.cell(columns.serial)),
        user: row
            .cell(columns.user)
            .map(|user| user.trim().to_owned())
            .filter(|user| !user.is_empty()),
        device: device(row, &columns, form),
        notes: Vec::new(),
    };
    counted(table.rows.iter().map(token).collect())
}

fn columns(table: &Table, form: &Form) -> Result<Columns, Refusal> {
    let key = table.column(&KEY).ok_or_else(|| {
        Refusal::whole(
            "no column is named seed, secret or key. If the first row names no columns, name them: \
             --columns serial,seed",
        )
    })?;
    let user = form.user.as_ref().map(|wanted| {
        let number = wanted
            .parse()
            .ok()
            .filter(|n| (1..=table.names.len()).contains(n));
        let by_number = number.map(|n| n - 1);
        table
            .column(&[wanted.as_str()])
            .or(by_number)
            .ok_or_else(|| {
                Refusal::whole(
                    "the table has no column with the name or number that --user-from gives",
                )
            })
    });
    Ok(Columns {
        serial: table.column(&SERIAL),
        key,
        kind: table.column(&KIND),
        digits: table.column(&DIGITS),
        period: table.column(&PERIOD),
        counter: table.column(&COUNTER),
        algorithm: table.column(&ALGORITHM),
        user: user.transpose()?,
    })
}

fn device(row: &Row, columns: &Columns, form: &Form) -> Result<Device, Refusal> {
    let key = key(row.cell(Some(columns.key)).unwrap_or_default(), form.base32)?;
    check_length(&key)?;
    let is_hotp = match filled(row, columns.kind)
        .map(str::to_ascii_lowercase)
        .as_deref()
    {
        None => form.hotp,
        Some("hotp" | "event" | "oath-hotp" | "h") => true,
        Some("totp" | "time" | "oath-totp" | "t") => false,
        Some(_) => return Err(Refusal::whole("its type is neither totp nor hotp")),
    };
    let period = number(row, columns.period, "period")?.or(form.period);
    let counter = number(row, columns.counter, "counter")?;
    let digits = number(row, columns.digits, "digits")?;
    let digits = match digits {
        Some(digits) => u32::try_from(digits).unwrap_or(u32::MAX),
        None => form.digits.unwrap_or(6),
    };
    Ok(Device {
        label: name(row.cell(columns.serial)),
        credential_id: name(row.cell(columns.serial)),
        secret: base32(&key),
        algorithm: match filled(row, columns.algorithm) {
            Some(text) => algorithm(text)?,
            None => form.algorithm.unwrap_or_default(),
        },
        digits,
        kind: match is_hotp {
            true => Kind::Counter,
            false => Kind::Time {
                period: period.unwrap_or(30),
                offset: 0,
            },
        },
        used: counter.filter(|_| is_hotp).and_then(used_before),
    })
}

fn filled(row: &Row, column: Option<usize>) -> Option<&str> {
    row.cell(column).map(str::trim).filter(|it| !it.is_empty())
}

fn number(row: &Row, column: Option<usize>, what: &str) -> Result<Option<u64>, Refusal> {
    filled(row, column)
        .map(|text| {
            text.parse()
                .map_err(|_| Refusal::whole(format!("its {what} is not a whole number")))
        })
        .transpose()
}

/// SHA1, SHA-1, HMAC-SHA1, HmacSHA1.
fn algorithm(text: &str) -> Result<HashAlgorithm, Refusal> {
    super::pskc::algorithm(text)
        .ok_or_else(|| Refusal::whole("its algorithm is not SHA1, SHA256 or SHA512"))
}

/// The bytes of a key. Blanks, dashes and `0x` are passed over.
fn key(text: &str, is_base32: bool) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let text = text.trim();
    let text = match is_base32 {
        true => text.trim_end_matches('='),
        false => text.strip_prefix("0x").unwrap_or(text),
    };
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len()));
    let kept = text
        .bytes()
        .filter(|byte| !matches!(byte, b' ' | b'-' | b'\t'));
    plain.extend(kept.map(|byte| byte.to_ascii_uppercase()));
    if plain.is_empty() {
        return Err(Refusal::whole("it has no key"));
    }
    let (encoding, wrong) = match is_base32 {
        true => (&BASE32_NOPAD, "its key is not base32"),
        false => (
            &HEXUPPER_PERMISSIVE,
            "its key is not hexadecimal; for keys in base32 add --base32",
        ),
    };
    let bytes = encoding.decode(&plain);
    bytes.map(Zeroizing::new).map_err(|_| Refusal::whole(wrong))
}
