//! The only text that the module has of its own: the agent can't be asked, so no other text can come from it.
//!
//! The language of the agent's texts is in its settings, which the module does not read. This text follows the locale
//! of the program, as the texts of other modules do. It is the same for every user.

/// What the user sees when the second factor can't be checked.
pub(crate) fn not_checked(locale: Option<&str>, service: Option<&str>) -> &'static str {
    let locale = locale.unwrap_or_default();
    let wording = WORDINGS
        .iter()
        .find(|wording| is_in(locale, wording.language))
        .unwrap_or(&WORDINGS[0]);
    match has_utf8(locale) && !service.is_some_and(|name| IN_ASCII.contains(&name)) {
        true => wording.text,
        false => wording.ascii,
    }
}

/// Whether a locale such as `de_AT.UTF-8@euro` is of this language.
fn is_in(locale: &str, language: &str) -> bool {
    locale.split(['_', '.', '@']).next() == Some(language)
}

fn has_utf8(locale: &str) -> bool {
    let codeset = locale.split('.').nth(1).unwrap_or_default();
    let codeset = codeset.split('@').next().unwrap_or_default();
    codeset.eq_ignore_ascii_case("UTF-8") || codeset.eq_ignore_ascii_case("utf8")
}

/// The services whose programs show ASCII only at the end of a login: the agent does the same for its texts.
const IN_ASCII: [&str; 2] = ["sshd", "cockpit"];

struct Wording {
    language: &'static str,
    text: &'static str,
    /// The same in ASCII, or in English if the language has no ASCII form.
    ascii: &'static str,
}

/// English first: it is used for all other languages.
const WORDINGS: [Wording; 5] = [
    Wording {
        language: "en",
        text: ENGLISH,
        ascii: ENGLISH,
    },
    Wording {
        language: "de",
        text: "Der zweite Faktor kann zurzeit nicht geprüft werden. Wenden Sie sich an Ihre Administration.",
        ascii: "Der zweite Faktor kann zurzeit nicht geprueft werden. Wenden Sie sich an Ihre Administration.",
    },
    Wording {
        language: "es",
        text: "El segundo factor no se puede comprobar en este momento. Póngase en contacto con su administrador.",
        ascii: "El segundo factor no se puede comprobar en este momento. Pongase en contacto con su administrador.",
    },
    Wording {
        language: "fr",
        text: "Le second facteur ne peut pas être vérifié pour le moment. Contactez votre administrateur.",
        ascii: "Le second facteur ne peut pas etre verifie pour le moment. Contactez votre administrateur.",
    },
    Wording {
        language: "ja",
        text: "現在、二要素認証を確認できません。管理者にお問い合わせください。",
        ascii: ENGLISH,
    },
];

const ENGLISH: &str = "The second factor can't be checked now. Contact your administrator.";

#[cfg(test)]
mod tests {
    use super::*;

    fn text(locale: &str, service: &str) -> &'static str {
        not_checked(Some(locale), Some(service))
    }

    #[test]
    fn the_locale_chooses_one_of_five_languages_and_all_others_read_english() {
        for (locale, begin) in [
            (
                "de_DE.UTF-8",
                "Der zweite Faktor kann zurzeit nicht geprüft",
            ),
            (
                "de_AT.utf8@euro",
                "Der zweite Faktor kann zurzeit nicht geprüft",
            ),
            ("es_MX.UTF-8", "El segundo factor"),
            ("fr_CH.UTF-8", "Le second facteur ne peut pas être vérifié"),
            ("ja_JP.UTF-8", "現在、二要素認証"),
            ("en_GB.UTF-8", ENGLISH),
            ("den.UTF-8", ENGLISH),
            ("pt_BR.UTF-8", ENGLISH),
            ("C.UTF-8", ENGLISH),
            ("", ENGLISH),
        ] {
            assert!(text(locale, "sudo").starts_with(begin), "{locale}");
        }
        assert_eq!(not_checked(None, None), ENGLISH);
    }

    #[test]
    fn where_only_ascii_is_shown_no_text_has_more() {
        for (locale, service) in [
            ("UTF-8", "sshd"),
            ("UTF-8", "cockpit"),
            ("ISO-8859-1", "sudo"),
        ] {
            for wording in &WORDINGS {
                let text = text(&format!("{}_XX.{locale}", wording.language), service);
                assert!(text.is_ascii() && text == wording.ascii, "{text}");
            }
        }
        assert!(text("de", "sudo").is_ascii(), "a locale without a codeset");
    }
}
