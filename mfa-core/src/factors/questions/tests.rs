use super::*;
use proptest::prelude::*;

fn normal_of(text: &str) -> String {
    normal(&text.into()).expose().to_owned()
}

const FREE: Rules<'_> = Rules {
    own: true,
    catalogue: &[],
    user: "alice",
};

fn pairs(items: &[(&str, &str)]) -> Vec<(String, Secret)> {
    let pair = |(question, answer): &(&str, &str)| ((*question).to_owned(), (*answer).into());
    items.iter().map(pair).collect()
}

fn refusal(items: &[(&str, &str)], rules: &Rules<'_>) -> Option<QuestionError> {
    check_set(pairs(items), rules).err()
}

/// What is said of one answer to "Which town?".
fn of_answer(answer: &str, user: &str) -> Option<QuestionError> {
    let rules = Rules { user, ..FREE };
    check_so_far(pairs(&[("Which town?", answer)]), &rules).err()
}

#[test]
fn case_accents_and_surplus_blanks_make_no_difference() {
    for spelling in [
        "São  Paulo",
        " sao paulo ",
        "SAO\tPAULO",
        "Sa\u{303}o Paulo",
    ] {
        assert_eq!(normal_of(spelling), "sao paulo", "{spelling:?}");
    }
    assert_eq!(normal_of(" \u{301} "), "");
}

#[test]
fn a_set_is_refused_with_its_first_mistake() {
    use QuestionError::{
        ControlCharacter, Count, EmptyAnswer, EmptyQuestion, SameAnswer, SameQuestion, ShortAnswer,
    };
    let three = |second: (&str, &str)| refusal(&[("a?", "one"), second, ("c?", "three")], &FREE);
    assert_eq!(three(("b?", "two")), None);
    assert_eq!(three(("", "two")), Some(EmptyQuestion(2)));
    assert_eq!(three(("a? ", "two")), Some(SameQuestion(2)));
    assert_eq!(three(("b\x1b[2J?", "two")), Some(ControlCharacter(2)));
    assert_eq!(three(("b?", " ONE ")), Some(SameAnswer(2)));
    assert_eq!(three(("b?", " ")), Some(EmptyAnswer(2)));
    assert_eq!(three(("b?", "ab")), Some(ShortAnswer(2)));
    assert_eq!(refusal(&[], &FREE), Some(Count(0)));
    let four = [
        ("a?", "one"),
        ("b?", "two"),
        ("c?", "three"),
        ("d?", "four"),
    ];
    assert_eq!(check_so_far(pairs(&four), &FREE).err(), Some(Count(4)));
    assert!(check_so_far(pairs(&four[..2]), &FREE).is_ok());
}

#[test]
fn an_answer_has_three_characters_besides_accents_and_blanks() {
    for short in ["a", "Yo", "a b", "n o", "é è", "a\u{301}\u{302}b\u{300}"] {
        let said = of_answer(short, "alice");
        assert_eq!(said, Some(QuestionError::ShortAnswer(1)), "{short:?}");
    }
    for long in ["Rex", "a b c", "Ñoñ", "東京都", "007"] {
        assert_eq!(of_answer(long, "alice"), None, "{long:?}");
    }
}

#[test]
fn an_answer_is_not_its_question() {
    for answer in [
        "Which town?",
        "which  TOWN",
        "¿Which town?!",
        "Whích Town ?",
    ] {
        let said = of_answer(answer, "alice");
        assert_eq!(said, Some(QuestionError::AnswerIsQuestion(1)), "{answer:?}");
    }
    assert_eq!(of_answer("Which", "alice"), None);
}

#[test]
fn an_answer_is_not_the_user_name_with_or_without_its_domain() {
    for (user, answers) in [
        ("alice", &["alice", " Alice", "ALICE"][..]),
        ("bert@example.com", &["bert", "Bert@Example.com"]),
        ("EXAMPLE\\carl", &["Carl", "example\\carl"]),
        ("EXAMPLE\\dora@example.com", &["dora", "dora@example.com"]),
    ] {
        for answer in answers {
            let said = of_answer(answer, user);
            assert_eq!(
                said,
                Some(QuestionError::AnswerIsUser(1)),
                "{user} {answer}"
            );
        }
        assert_eq!(of_answer("example", user), None, "{user}");
    }
}

#[test]
fn questions_of_ones_own_are_taken_only_where_they_are_allowed() {
    let catalogue = ["Pet?", "Town?", "Book?"].map(str::to_owned);
    let rules = |own| Rules {
        own,
        catalogue: &catalogue,
        user: "alice",
    };
    let chosen = [("Pet?", "Rex"), (" Town? ", "Ulm"), ("Book?", "Momo")];
    assert_eq!(refusal(&chosen, &rules(false)), None);
    let own = [("Pet?", "Rex"), ("Town?", "Ulm"), ("Hat?", "Magritte")];
    assert_eq!(
        refusal(&own, &rules(false)),
        Some(QuestionError::NotInCatalogue(3))
    );
    assert_eq!(refusal(&own, &rules(true)), None);
}

proptest! {
    #[test]
    fn normalising_twice_changes_nothing(text in "\\PC{0,60}") {
        let once = normal_of(&text);
        prop_assert_eq!(normal_of(&once), once);
    }

    #[test]
    fn what_is_said_of_a_mistake_holds_nothing_of_the_answer(answer in "[q-z]{0,2}7777[0-9]{0,9}") {
        let twice = [("Pet?", answer.as_str()), ("Town?", &answer), ("Book?", "Momo")];
        let said = refusal(&twice, &FREE).unwrap().to_string();
        prop_assert!(!said.contains("7777"), "{}", said);
    }

    #[test]
    fn an_answer_that_is_taken_has_what_is_asked_of_it(answer in any::<String>(), user in "\\PC{1,20}") {
        if of_answer(&answer, &user).is_none() {
            let normal = normal_of(&answer);
            prop_assert!(normal.chars().filter(|c| !c.is_whitespace()).count() >= MIN_ANSWER);
            prop_assert_ne!(&normal, "which town?");
            prop_assert_ne!(normal, normal_of(&user));
        }
    }
}
