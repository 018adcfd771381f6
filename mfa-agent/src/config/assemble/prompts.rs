//! `[prompts]`: the language, the administrator's own catalogue, and single prompts, which override both catalogues.

use std::sync::Arc;

use super::list_text;
use crate::config::error::Problem;
use crate::config::keys::{self, Keys, Part};
use crate::config::lists::Lists;
use crate::config::settings::Prompts;
use crate::config::values::Findings;
use mfa_core::factors::Factor;
use mfa_core::policy::Place;
use mfa_core::texts::{Catalogue, Mistake, Text, Texts};

/// The prompts that may follow one another in a login, so that no two may be alike.
const NAMES: [&str; 6] = ["totp", "pin", "email", "sms", "radius", "number"];

pub(super) fn prompts(
    part: Part<'_, keys::Prompts>,
    lists: &Lists,
    findings: &mut Findings,
) -> Option<Prompts> {
    let catalogue = match &part.keys.catalogue_file {
        None => Catalogue::of(part.keys.language),
        Some(file) => {
            let text = list_text(&part, "catalogue_file", file, lists, findings)?;
            let problem = |mistake: Mistake| Problem {
                place: Place {
                    file: file.as_path().into(),
                    line: mistake.line,
                },
                message: mistake.message,
            };
            let catalogue = Catalogue::with(part.keys.language, text);
            findings.take(catalogue.map_err(|all| all.into_iter().map(problem).collect()))?
        }
    };
    let in_ascii = laid_over(&part.keys, Texts::in_ascii(catalogue.clone()));
    let texts = laid_over(&part.keys, Texts::of(catalogue));
    let all_keys: Vec<_> = keys::Prompts::SECTION
        .keys
        .iter()
        .map(|key| key.name)
        .collect();
    if let (Some(message), Some(place)) = (alike(&texts), part.layers.last_place(&all_keys)) {
        findings.problem(place, message);
    }
    Some(Prompts {
        texts: Arc::new(texts),
        in_ascii: Arc::new(in_ascii),
    })
}

fn laid_over(keys: &keys::Prompts, mut texts: Texts) -> Texts {
    let wordings = [
        &keys.totp,
        &keys.pin,
        &keys.email,
        &keys.sms,
        &keys.radius,
        &keys.number,
        &keys.password_and_code,
    ];
    for (prompt, wording) in prompts_of_keys().into_iter().zip(wordings) {
        if let (Some(prompt), Some(wording)) = (prompt, wording) {
            texts.replace(prompt, wording.clone());
        }
    }
    texts
}

/// What the keys word, in the order of [`NAMES`], and then the password with a code.
fn prompts_of_keys() -> [Option<Text>; 7] {
    [
        Text::prompt_for(Factor::Totp),
        Text::prompt_for(Factor::Pin),
        Text::prompt_for(Factor::Email),
        Text::prompt_for(Factor::Sms),
        Text::prompt_for(Factor::Radius),
        Some(Text::PromptNumber),
        Some(Text::PromptPasswordAndCode),
    ]
}

/// ocserv takes the same prompt once more for "wrong, try again".
fn alike(texts: &Texts) -> Option<String> {
    let texts = prompts_of_keys()
        .into_iter()
        .flatten()
        .map(|prompt| texts.prompt(&prompt));
    let named: Vec<_> = NAMES.into_iter().zip(texts).collect();
    let mut pairs = named.iter().enumerate().flat_map(|(i, first)| {
        let others = named[i + 1..].iter();
        others.map(move |second| (first, second))
    });
    let ((first, text), (second, _)) =
        pairs.find(|((_, one), (_, other))| one.trim() == other.trim())?;
    Some(format!(
        "{first} and {second} are both {text:?}; expected different texts"
    ))
}
