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
    if let (Some(message), Some(place)) =
        (alike(&part.keys, &texts), part.layers.last_place(&all_keys))
    {
        findings.problem(place, message);
    }
    Some(Prompts {
        texts: Arc::new(texts),
        in_ascii: Arc::new(in_ascii),
        echo: part.keys.echo,
    })
}

fn laid_over(keys: &keys::Prompts, mut texts: Texts) -> Texts {
    let both = KeyedPrompt {
        name: "password_and_code",
        prompt: Some(Text::PromptPasswordAndCode),
        wording: keys.password_and_code.as_deref(),
    };
    for key in keyed_prompts(keys).into_iter().chain([both]) {
        if let (Some(prompt), Some(wording)) = (key.prompt, key.wording) {
            texts.replace(prompt, wording.to_owned());
        }
    }
    texts
}

/// A key of the section, and the prompt that it words.
struct KeyedPrompt<'a> {
    name: &'static str,
    prompt: Option<Text>,
    wording: Option<&'a str>,
}

/// The prompts that may follow one another in a login, so that no two may be alike.
fn keyed_prompts(keys: &keys::Prompts) -> [KeyedPrompt<'_>; 7] {
    [
        of_factor(Factor::Totp, keys.totp.as_deref()),
        of_factor(Factor::Pin, keys.pin.as_deref()),
        of_factor(Factor::Email, keys.email.as_deref()),
        of_factor(Factor::Sms, keys.sms.as_deref()),
        of_factor(Factor::Radius, keys.radius.as_deref()),
        KeyedPrompt {
            name: "number",
            prompt: Some(Text::PromptNumber),
            wording: keys.number.as_deref(),
        },
        KeyedPrompt {
            name: "address",
            prompt: Some(Text::PromptAddress),
            wording: keys.address.as_deref(),
        },
    ]
}

/// The key has the name of its factor.
fn of_factor(factor: Factor, wording: Option<&str>) -> KeyedPrompt<'_> {
    KeyedPrompt {
        name: factor.name(),
        prompt: Text::prompt_for(factor),
        wording,
    }
}

/// ocserv takes the same prompt once more for "wrong, try again".
fn alike(keys: &keys::Prompts, texts: &Texts) -> Option<String> {
    let named = |key: KeyedPrompt<'_>| Some((key.name, texts.prompt(&key.prompt?)));
    let named: Vec<_> = keyed_prompts(keys).into_iter().filter_map(named).collect();
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
