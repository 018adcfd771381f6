//! KeePassXC: its CSV, whose column `TOTP` holds a URI, or its XML, where an entry has a field
//! `otp`, or the fields of older versions and of KeePass 2. Older states of an entry and the recycle
//! bin are passed over.

use roxmltree::Node;

use super::uri::Parts;
use super::{Entry, otp_text};
use crate::csv::{Row, Table};
use crate::refusal::Refusal;
use crate::xml::{self, child, children, text};

/// The first bytes of a database.
const DATABASE: &[u8] = &[0x03, 0xd9, 0xa2, 0x9a];

pub(super) fn read(bytes: &[u8]) -> Result<Vec<Entry>, Refusal> {
    if bytes.starts_with(DATABASE) {
        return Err(Refusal::whole(
            "this is an encrypted database of KeePass. Export it: in KeePassXC, Database > Export > CSV File or XML File",
        ));
    }
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    match first {
        Some(b'<') => from_xml(bytes),
        _ => from_csv(bytes),
    }
}

fn from_csv(bytes: &[u8]) -> Result<Vec<Entry>, Refusal> {
    let table = Table::read(bytes)?;
    let totp = table.column(&["totp"]).ok_or_else(|| {
        Refusal::whole(
            "there is no column TOTP; expected CSV or XML, as KeePassXC writes it. Versions before 2.7 write XML only \
             with keys",
        )
    })?;
    let (title, user) = (table.column(&["title"]), table.column(&["username"]));
    let entry = |row: &Row| {
        let text = row
            .cell(Some(totp))
            .filter(|text| !text.trim().is_empty())?;
        Some(otp_text::entry(
            row.number,
            row.cell(title),
            row.cell(user),
            text,
        ))
    };
    Ok(table.rows.iter().filter_map(entry).collect())
}

fn from_xml(bytes: &[u8]) -> Result<Vec<Entry>, Refusal> {
    let document = xml::parse(bytes, "XML, as KeePassXC writes it")?;
    let file = document.root_element();
    if file.tag_name().name() != "KeePassFile" {
        return Err(Refusal::whole(
            "the XML has no KeePassFile; expected an export of KeePassXC",
        ));
    }
    let bin = child(file, "Meta").and_then(|meta| text(meta, "RecycleBinUUID"));
    let mut groups = file
        .descendants()
        .filter(|node| node.tag_name().name() == "Group");
    let bin = groups.find(|group| bin.is_some() && text(*group, "UUID") == bin);
    let is_kept = |entry: &Node<'_, '_>| {
        let mut above = entry.ancestors().skip(1);
        above.all(|node| node.tag_name().name() != "History" && Some(node) != bin)
    };
    let entries = file
        .descendants()
        .filter(|node| node.tag_name().name() == "Entry");
    let entries = (1..).zip(entries.filter(is_kept));
    Ok(entries
        .filter_map(|(number, entry)| from_entry(number, entry))
        .collect())
}

fn from_entry(number: u64, entry: Node<'_, '_>) -> Option<Entry> {
    let field = |name: &str| {
        children(entry, "String")
            .find(|string| text(*string, "Key") == Some(name))
            .and_then(|string| text(string, "Value"))
            .map(str::trim)
            .filter(|value| !value.is_empty())
    };
    let (title, user) = (field("Title"), field("UserName"));
    if let Some(otp) = field("otp") {
        return Some(otp_text::entry(number, title, user, otp));
    }
    let number_in = |name: &str| field(name).and_then(|value| value.parse().ok());
    if let Some(key) = field("TimeOtp-Secret-Base32") {
        let parts = Parts {
            kind: "totp",
            issuer: title,
            account: user,
            key,
            algorithm: field("TimeOtp-Algorithm").map(|name| name.trim_start_matches("HMAC-")),
            digits: number_in("TimeOtp-Length"),
            period: number_in("TimeOtp-Period"),
            shown: None,
        };
        return Some(parts.entry(number));
    }
    // "30;6", or "30;S" for Steam's codes.
    let (period, digits) = field("TOTP Settings")
        .and_then(|settings| settings.split_once(';'))
        .unwrap_or(("30", "6"));
    let parts = Parts {
        kind: if digits.trim() == "S" {
            "steam"
        } else {
            "totp"
        },
        issuer: title,
        account: user,
        key: field("TOTP Seed")?,
        digits: digits.trim().parse().ok(),
        period: period.trim().parse().ok(),
        ..Parts::default()
    };
    Some(parts.entry(number))
}
