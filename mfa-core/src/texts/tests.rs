//! The catalogues that come with the agent, and errors in others.

use std::collections::BTreeSet;

use fluent_bundle::FluentResource;
use fluent_syntax::ast::Entry;
use proptest::prelude::*;

use super::*;
use crate::factors::Factor;
use crate::factors::address::Channel;

fn names(language: Language) -> Vec<String> {
    let source = language.source().to_owned();
    let resource = FluentResource::try_new(source).map_err(|(_, errors)| errors);
    let resource = resource.unwrap_or_else(|errors| panic!("{language}: {errors:?}"));
    let entries = resource.entries();
    let name = |entry: &Entry<&str>| match entry {
        Entry::Message(message) => Some(message.id.name.to_owned()),
        Entry::Comment(_) | Entry::GroupComment(_) | Entry::ResourceComment(_) => None,
        Entry::Term(_) | Entry::Junk { .. } => panic!("{language}: {entry:?}"),
    };
    entries.filter_map(name).collect()
}

#[test]
fn every_language_has_every_text_once_and_no_other() {
    let known: BTreeSet<String> = Text::samples().iter().map(|t| t.id().to_owned()).collect();
    for language in Language::ALL {
        let names = names(language);
        assert_eq!(names.len(), known.len(), "{language}");
        assert_eq!(
            names.into_iter().collect::<BTreeSet<_>>(),
            known,
            "{language}"
        );
    }
}

#[test]
fn every_text_uses_its_variables_and_can_be_shown() {
    for language in Language::ALL {
        let catalogue = Catalogue::of(language);
        assert_eq!(catalogue.mistakes(), [], "{language}");
        // What comes with a language is as good as somebody's own.
        assert_eq!(Catalogue::with(Language::En, language.source()).err(), None);
    }
}

#[test]
fn no_two_prompts_of_a_language_are_alike_and_each_ends_in_a_blank() {
    for language in Language::ALL {
        let texts = Texts::of(Catalogue::of(language));
        let of_factors = Factor::ALL.into_iter().filter_map(Text::prompt_for);
        let prompts: Vec<String> = of_factors
            .chain([Text::PromptNumber, Text::PromptAddress])
            .chain([Text::PromptNewPin, Text::PromptPinAgain])
            .chain([1, 2, 3].map(Text::PromptQuestion))
            .chain([1, 2, 3].map(Text::PromptAnswer))
            .chain([1, 2, 3].map(Text::PromptAnswerAgain))
            .map(|prompt| texts.prompt(&prompt))
            .collect();
        let different: BTreeSet<_> = prompts.iter().collect();
        assert_eq!(different.len(), prompts.len(), "{language}");
        assert!(
            prompts.iter().all(|prompt| prompt.ends_with(": ")),
            "{language}"
        );
    }
}

/// A Japanese letter takes two columns.
fn columns(text: &str) -> usize {
    text.chars().map(|c| 1 + usize::from(c > '\u{2fff}')).sum()
}

#[test]
fn enrollment_fits_eighty_columns_with_what_ssh_puts_before_it() {
    for language in Language::ALL {
        let texts = Texts::of(Catalogue::of(language));
        for text in [
            Text::EnrollNone,
            Text::EnrollFirst(How::Scan),
            Text::EnrollFirst(How::Type),
            Text::EnrollDevice(How::Scan),
            Text::EnrollPin,
            Text::EnrollQuestions(true),
            Text::EnrollQuestions(false),
            Text::EnrollCodes,
            Text::EnrollLost(How::Scan),
            Text::EnrollWrongCode,
            Text::EnrollRecovery,
            Text::EnrollCode,
            Text::EnrollStored,
        ] {
            for (number, line) in texts.say(&text).lines().enumerate() {
                let room = if number == 0 { 55 } else { 80 };
                assert!(
                    columns(line) <= room,
                    "{language}, {}: {line}",
                    columns(line)
                );
            }
        }
    }
}

#[test]
fn numbers_follow_the_plural_rules_of_the_language() {
    let said = |language, text| Texts::of(Catalogue::of(language)).say(&text);
    let starts = [
        (Language::En, 1, "This is the last day that you can"),
        (Language::En, 5, "For 5 more days you can"),
        (
            Language::De,
            1,
            "Heute ist der letzte Tag, an dem Sie sich hier ohne zweiten Faktor anmelden können.",
        ),
        (
            Language::De,
            2,
            "Noch 2 Tage lang können Sie sich hier ohne zweiten Faktor anmelden.\n",
        ),
        (Language::Fr, 3, "Pendant encore 3 jours"),
        (Language::Es, 1, "Este es el último día"),
        (
            Language::Ja,
            7,
            "二要素認証なしでログインできるのはあと 7 日です。\n",
        ),
    ];
    for (language, days, start) in starts {
        let text = said(language, Text::Grace(days));
        assert!(text.starts_with(start), "{text}");
    }
    let codes = said(Language::De, Text::FewRecoveryCodes(1));
    assert_eq!(
        codes,
        "Sie haben noch einen Wiederherstellungscode. Neue erstellen: mfactl enroll recovery"
    );
}

#[test]
fn variables_are_shown_without_isolation_marks() {
    let texts = Texts::of(Catalogue::of(Language::De));
    assert_eq!(
        texts.say(&Text::CodeOnItsWay(Channel::Sms, true)),
        "Ein Code ist unterwegs auf Ihr Telefon. Mit erneut wird er erneut gesendet, mit ? melden Sie sich \
         anders an."
    );
    assert_eq!(texts.prompt(&Text::WaysThen), ", dann ");
    assert_eq!(texts.say(&Text::FactorCombination(Factor::Pin)), "Ihre PIN");
}

#[test]
fn in_ascii_every_text_is_in_its_language_where_possible() {
    for language in Language::ALL {
        let texts = Texts::in_ascii(Catalogue::of(language));
        for text in Text::samples() {
            assert!(
                texts.say(&text).is_ascii(),
                "{language}: {}",
                texts.say(&text)
            );
        }
        let english = Texts::default();
        let is_english = texts.say(&Text::NotAccepted) == english.say(&Text::NotAccepted);
        let is_expected = matches!(language, Language::En | Language::Ja);
        assert_eq!(is_english, is_expected, "{language}");
    }
    let texts = Texts::in_ascii(Catalogue::of(Language::De));
    assert_eq!(texts.prompt(&Text::EnrollKey), "Schluessel: ");
}

#[test]
fn words_are_accepted_in_the_language_and_in_english() {
    for (language, yes, resend) in [
        (Language::En, "yes", "resend"),
        (Language::De, "ja", "erneut"),
        (Language::Fr, "oui", "renvoyer"),
        (Language::Es, "sí", "reenviar"),
        (Language::Ja, "yes", "resend"),
    ] {
        let texts = Texts::of(Catalogue::of(language));
        for typed in [yes, "yes", " YES ", "y", &yes.to_uppercase(), &yes[..1]] {
            assert!(texts.is_yes(typed), "{language}: {typed}");
        }
        for typed in [resend, "Resend", " resend "] {
            assert!(texts.is_resend(typed), "{language}: {typed}");
        }
        for typed in ["", " ", "no", "r", "yess", "123456"] {
            assert!(!texts.is_yes(typed) && !texts.is_resend(typed), "{typed}");
        }
    }
}

#[test]
fn an_own_catalogue_replaces_the_texts_that_it_has() {
    let own = "# ours\nprompt-totp = Token:\nnot-accepted =\n    No.\n    Ask { -desk }.\n-desk = the desk\n";
    let texts = Texts::of(Catalogue::with(Language::Fr, own).unwrap());
    assert_eq!(texts.prompt_for(Factor::Totp, ""), "Token: ");
    assert_eq!(texts.say(&Text::NotAccepted), "No.\nAsk the desk.");
    assert_eq!(texts.prompt_for(Factor::Pin, ""), "Code PIN : ");
    assert_eq!(texts.prompt_for(Factor::Questions, "Pet?"), "Pet? ");
    assert_ne!(texts, Texts::of(Catalogue::of(Language::Fr)));
}

#[test]
fn mistakes_in_a_catalogue_are_reported_with_their_line() {
    for (own, line, words) in [
        (
            "prompt-totp = A\n\nprompt-top = B\n",
            3,
            "prompt-top: there is no such text",
        ),
        (
            "prompt-pin = A\nprompt-pin = B\n",
            2,
            "prompt-pin: the text is defined twice",
        ),
        (
            "not-met =\n    .title = x\n",
            1,
            "not-met: the text is missing",
        ),
        (
            "not-met = a\ngrace = { $day } days\n",
            2,
            "expected it to use $days",
        ),
        ("ways = { nobody }\n", 1, "ways: "),
        ("not-met = { $x }\n", 1, "expected it to use nothing"),
        (
            "grace = { $days ->\n    [one] {\" \"}\n   *[other] more\n }\n",
            1,
            "the text is blank",
        ),
        (
            "prompt-pin = a\n  b\n",
            1,
            "it has several lines; expected one",
        ),
        ("not-met = a\u{7}b\n", 1, "it contains U+0007"),
        (
            "not-met = a\nways\n",
            2,
            "expected texts in the form of Project Fluent",
        ),
        (
            "-x = { -y }{ -y }{ -y }\n-y = { -z }{ -z }{ -z }{ -z }\n-z = { -x }\nways = { -x }\n",
            4,
            "ways: ",
        ),
    ] {
        let mistakes = Catalogue::with(Language::En, own).unwrap_err();
        let told = mistakes
            .iter()
            .any(|m| m.line == line && m.message.contains(words));
        assert!(told, "{own}{mistakes:?}");
    }
    let long = format!("not-met = {}\n", "a".repeat(2001));
    let mistakes = Catalogue::with(Language::En, &long).unwrap_err();
    assert!(
        mistakes[0].message.contains("has 2001 bytes"),
        "{mistakes:?}"
    );
}

#[test]
fn an_unknown_language_is_named_with_the_available_ones() {
    let told = "xx".parse::<Language>().unwrap_err().to_string();
    assert_eq!(
        told,
        "\"xx\" is not an available language; expected one of \"en\", \"de\", \"es\", \"fr\", \"ja\""
    );
    for language in Language::ALL {
        assert_eq!(language.code().parse(), Ok(language));
    }
}

proptest! {
    #[test]
    fn whatever_a_catalogue_holds_it_gives_texts_or_says_what_is_wrong(
        own in prop_oneof![
            any::<String>(),
            "(prompt-pin|ways|grace|-x) = ?[a-z{}$ \"\\[\\]*>\n-]{0,60}\n",
        ]
    ) {
        match Catalogue::with(Language::Es, &own) {
            Ok(catalogue) => {
                for text in Text::samples() {
                    prop_assert!(!catalogue.say(&text).trim().is_empty());
                }
            }
            Err(mistakes) => {
                prop_assert!(!mistakes.is_empty());
                prop_assert!(mistakes.iter().all(|mistake| mistake.line >= 1));
            }
        }
    }
}
