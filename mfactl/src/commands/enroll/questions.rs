//! `mfactl enroll questions`: three questions, chosen from the agent's catalogue or one's own, and
//! their answers; or three lines `question<TAB>answer` of standard input.
//!
//! Answers are typed unseen, and twice: they are secrets like a PIN, and a slip would be noticed only
//! when its owner stands before a locked door. Which questions and answers are good enough is the agent's
//! to say, and it is asked after each, so that nobody types three for nothing.

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
        "the questions are",
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
                    "line {number} is not of the form question<TAB>answer"
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
        true => "Choose three by their numbers, or type questions of your own.",
        false => "Choose three by their numbers.",
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

/// Adds a question that the agent would take. Who is refused chooses and answers once more.
fn add_one(
    context: &mut Context,
    offer: &QuestionsReply,
    parameters: &mut EnrollQuestionsParameters,
) -> Result<(), Failure> {
    let mut last = None;
    for _ in 0..TRIES {
        // An answer takes its time; an idle connection need not wait for it.
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
                console.say("That one is chosen already; take another.");
            }
            Ok(question) => return Ok(question),
            Err(complaint) => console.say(&complaint),
        }
    }
    Err(Failure::Rejected(
        "no question was chosen; nothing was stored".to_owned(),
    ))
}

/// A number means a question of the catalogue, anything else is a question itself, where those are taken.
fn pick(typed: &str, offer: &QuestionsReply) -> Result<String, String> {
    let typed = typed.trim();
    let last = offer.questions.len();
    if !typed.bytes().all(|b| b.is_ascii_digit()) {
        return match offer.own {
            true => Ok(typed.to_owned()),
            false => Err(format!(
                "Questions of your own are not taken here; choose a number from 1 to {last}."
            )),
        };
    }
    let number = typed.parse::<usize>().unwrap_or(usize::MAX);
    number
        .checked_sub(1)
        .and_then(|index| offer.questions.get(index))
        .cloned()
        .ok_or_else(|| format!("There is no number {typed}; the last is {last}."))
}

fn answer_twice(console: &mut Console, question: &str) -> Result<Secret, Failure> {
    console.say(&clean(question));
    for _ in 0..TRIES {
        let answer = console.demand("Answer (not shown): ", false, "the answer")?;
        if answer.expose().trim().is_empty() {
            return Err(Failure::Cancelled);
        }
        let again = console.demand("The same answer again: ", false, "the answer once more")?;
        if answer.expose() == again.expose() {
            return Ok(answer);
        }
        console.say("The two are not the same; once more.");
    }
    Err(Failure::Rejected(
        "the answers were not the same; nothing was stored".to_owned(),
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
        assert!(pick("3", &offer).unwrap_err().contains("the last is 2"));
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
