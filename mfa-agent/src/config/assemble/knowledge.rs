//! The banned PINs and the questions to choose from, in the settings or in a file that they name; the security keys that
//! count.

use super::list_text;
use crate::config::keys::{self, Part};
use crate::config::lists::{self, Lists};
use crate::config::settings::{Pin, Questions};
use crate::config::values::Findings;
use crate::config::words::KeyVerification;
use mfa_core::login::KeyTerms;

/// `banned` comes on top of the file, or of the agent's own list.
pub(super) fn pin(
    mut part: Part<'_, keys::Pin>,
    lists: &Lists,
    findings: &mut Findings,
) -> Option<Pin> {
    let more = match part.keys.banned_file.take() {
        None => lists::shipped_pins().collect(),
        Some(None) => Vec::new(),
        Some(Some(file)) => {
            let text = list_text(&part, "banned_file", &file, lists, findings)?;
            findings.take(lists::banned(&file, text))?
        }
    };
    Some(Pin {
        banned: part.keys.banned.into_iter().chain(more).collect(),
    })
}

pub(super) fn key_terms(keys: &keys::SecurityKeys) -> KeyTerms {
    let types = keys.types.concat();
    let verifies_owner = keys.verification == KeyVerification::Required;
    KeyTerms::of(|name| types.contains(&name), verifies_owner)
}

pub(super) fn questions(
    mut part: Part<'_, keys::Questions>,
    lists: &Lists,
    findings: &mut Findings,
) -> Option<Questions> {
    let listed = std::mem::take(&mut part.keys.catalogue);
    let whole = part.place("catalogue").filter(|_| !listed.is_empty());
    let catalogue = match (whole, part.keys.catalogue_file.take()) {
        (None, None) => lists::shipped_questions(),
        (Some(whole), None) => findings.take(lists::catalogue(whole, listed))?,
        (None, Some(file)) => {
            let text = list_text(&part, "catalogue_file", &file, lists, findings)?;
            findings.take(lists::questions(&file, text))?
        }
        (Some(whole), Some(_)) => {
            let message = format!(
                "catalogue_file is set, and so is catalogue at {whole}; expected one of the two: \
                 remove one, or unset it with catalogue = [] or catalogue_file = \"\""
            );
            part.problem(findings, "catalogue_file", message);
            return None;
        }
    };
    let own = part.keys.own;
    Some(Questions { catalogue, own })
}
