//! `mfactl enroll questions`: three questions from the agent's catalogue or of one's own, and their answers; or three
//! lines `question<TAB>answer` of standard input.
//!
//! Answers are not shown and are typed twice: they are secrets like a PIN, and a typing error would show only at a
//! login. The agent decides which questions and answers are good enough. It is asked after each one, so that a person
//! need not type all three again.

use mfa_protocol::Secret;
use mfa_protocol::admin::{
    CheckQuestions, EnrollQuestions, EnrollQuestionsParameters, QuestionAnswer, Questions,
    QuestionsReply,
};
use mfa_protocol::factor::{Authenticator, QUESTIONS};
use mfa_protocol::login::Nothing;

use super::TRIES;
use crate::args::EnrollKnowledge;
use crate::commands::Verdict;
use crate::console::Console;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{clean, clean_lines};

pub(super) fn run(context: &mut Context, args: EnrollKnowledge) -> Result<Verdict, Failure> {
    let questions = if args.stdin {
        from_stdin(context)?
    } else {
        asked(context, args.user.as_deref())?
    };
    let parameters = EnrollQuestionsParameters {
        user: args.user,
        questions,
    };
    let user = context.change::<EnrollQuestions>(&parameters)?.user;
    super::report(
        context,
        &user,
        Authenticator::Questions,
        "security questions",
    )
}

fn from_stdin(context: &mut Context) -> Result<Vec<QuestionAnswer>, Failure> {
    let console = context.console()?;
    (1..=QUESTIONS)
        .map(|number| {
            let prompt = format!("Question {number} <Tab> answer: ");
            let line = console.demand(&prompt, false, "question<TAB>answer")?;
            pair(line.expose()).ok_or_else(|| {
                Failure::Usage(format!(
                    "line {number} of standard input is not question<TAB>answer"
                ))
            })
        })
        .collect()
}

/// Splits at the first tab; neither side may be empty.
fn pair(line: &str) -> Option<QuestionAnswer> {
    let (question, answer) = line.split_once('\t')?;
    let (question, answer) = (question.trim(), answer.trim());
    if question.is_empty() || answer.is_empty() {
        return None;
    }
    Some(QuestionAnswer {
        question: question.to_owned(),
        answer: Secret::from(answer),
    })
}

fn asked(context: &mut Context, user: Option<&str>) -> Result<Vec<QuestionAnswer>, Failure> {
    context.insist_on_terminal("--stdin")?;
    let offer = context.call::<Questions>(&Nothing {})?;
    let console = context.console()?;
    for (i, question) in offer.questions.iter().enumerate() {
        console.say(&format!("{:>3}  {}", i + 1, clean(question)));
    }
    console.say(match offer.own {
        true => "Choose three questions by number, or type your own.",
        false => "Choose three questions by number.",
    });
    let mut parameters = EnrollQuestionsParameters {
        user: user.map(str::to_owned),
        questions: Vec::with_capacity(QUESTIONS),
    };
    while parameters.questions.len() < QUESTIONS {
        add_one(context, &offer, &mut parameters)?;
    }
    Ok(parameters.questions)
}

/// Adds a question that the agent accepts. A person whose choice is refused chooses again.
fn add_one(
    context: &mut Context,
    offer: &QuestionsReply,
    parameters: &mut EnrollQuestionsParameters,
) -> Result<(), Failure> {
    let mut last = None;
    for _ in 0..TRIES {
        // A person takes time to type, and the agent closes idle connections.
        context.hang_up();
        let console = context.console()?;
        let question = choose(console, offer, &parameters.questions)?;
        let answer = answer_twice(console, &question)?;
        parameters
            .questions
            .push(QuestionAnswer { question, answer });
        match context.call::<CheckQuestions>(parameters) {
            Err(failure) if failure.is_correctable() => {
                context.console()?.say(&clean_lines(&failure.to_string()));
                parameters.questions.pop();
                last = Some(failure);
            }
            outcome => return outcome.map(|_| ()),
        }
    }
    Err(last.unwrap_or(Failure::Cancelled))
}

fn choose(
    console: &mut Console,
    offer: &QuestionsReply,
    chosen: &[QuestionAnswer],
) -> Result<String, Failure> {
    let prompt = format!("Question {} of {QUESTIONS}: ", chosen.len() + 1);
    for _ in 0..TRIES {
        let typed = console.demand(&prompt, true, "a question")?;
        if typed.expose().trim().is_empty() {
            return Err(Failure::Cancelled);
        }
        match pick(typed.expose(), offer) {
            Ok(question) if chosen.iter().any(|other| other.question == question) => {
                console.say("You already chose this question. Choose another one.");
            }
            Ok(question) => return Ok(question),
            Err(complaint) => console.say(&complaint),
        }
    }
    Err(Failure::Rejected(
        "no question chosen; nothing was stored".to_owned(),
    ))
}

/// A number means a question of the catalogue. Anything else is a question itself, where own questions are allowed.
fn pick(typed: &str, offer: &QuestionsReply) -> Result<String, String> {
    let typed = typed.trim();
    let last = offer.questions.len();
    if !typed.bytes().all(|b| b.is_ascii_digit()) {
        return match offer.own {
            true => Ok(typed.to_owned()),
            false => Err(format!(
                "Your own questions are not allowed here. Choose a number from 1 to {last}."
            )),
        };
    }
    let number = typed.parse::<usize>().unwrap_or(usize::MAX);
    number
        .checked_sub(1)
        .and_then(|index| offer.questions.get(index))
        .cloned()
        .ok_or_else(|| format!("There is no question {typed}. Choose a number from 1 to {last}."))
}

fn answer_twice(console: &mut Console, question: &str) -> Result<Secret, Failure> {
    console.say(&clean(question));
    for _ in 0..TRIES {
        let answer = console.demand("Answer (not shown): ", false, "the answer")?;
        if answer.expose().trim().is_empty() {
            return Err(Failure::Cancelled);
        }
        let again = console.demand("Repeat the answer: ", false, "the answer again")?;
        if answer.expose() == again.expose() {
            return Ok(answer);
        }
        console.say("The answers differ. Try again.");
    }
    Err(Failure::Rejected(
        "the answers differ; nothing was stored".to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split_at_its_first_tab() {
        let both = pair("First pet? \t Rex\tthe dog ").unwrap();
        assert_eq!(
            (both.question.as_str(), both.answer.expose()),
            ("First pet?", "Rex\tthe dog")
        );
        for line in ["no tab", "\tanswer", "question\t ", ""] {
            assert!(pair(line).is_none(), "{line:?}");
        }
    }

    fn offer(own: bool) -> QuestionsReply {
        QuestionsReply {
            questions: vec!["One?".to_owned(), "Two?".to_owned()],
            own,
        }
    }

    #[test]
    fn a_number_picks_from_the_catalogue_and_words_are_one_s_own() {
        let offer = offer(true);
        assert_eq!(pick(" 2 ", &offer), Ok("Two?".to_owned()));
        assert_eq!(pick("2 cats?", &offer), Ok("2 cats?".to_owned()));
        assert!(pick("0", &offer).is_err());
        assert!(pick("3", &offer).unwrap_err().contains("from 1 to 2"));
        assert!(pick(&"9".repeat(40), &offer).is_err());
    }

    #[test]
    fn words_are_refused_where_questions_of_one_s_own_are_not_taken() {
        let offer = offer(false);
        assert_eq!(pick("1", &offer), Ok("One?".to_owned()));
        let complaint = pick("Whose hat?", &offer).unwrap_err();
        assert!(complaint.contains("a number from 1 to 2"), "{complaint}");
    }
}
