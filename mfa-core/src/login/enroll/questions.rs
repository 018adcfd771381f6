//! Sets up security questions: each is chosen, and its answer typed twice.

use mfa_protocol::Secret;
use mfa_protocol::login::{Message, Step, Style};

use super::super::event::{AnswerEvent, QuestionChoice};
use super::super::messages::{error, info};
use super::ChosenFactor;
use super::step::{FactorNext, Saying, ask};
use crate::factors::questions::{
    QUESTIONS, QuestionError, QuestionText, Rules, check_set, check_so_far,
};
use crate::texts::{QuestionRefusal, Text};

pub(super) struct QuestionsStage {
    choice: QuestionChoice,
    /// The questions so far, with their answers.
    given: Vec<(String, Secret)>,
    awaited: Awaited,
}

/// What is typed next.
enum Awaited {
    Question,
    Answer(String),
    /// The question, and the answer as it was typed first.
    AnswerAgain(String, Secret),
}

impl QuestionsStage {
    pub(super) fn of(choice: QuestionChoice) -> Self {
        Self {
            choice,
            given: Vec::with_capacity(QUESTIONS),
            awaited: Awaited::Question,
        }
    }

    pub(super) fn begin(&self, saying: &Saying) -> FactorNext {
        let mut messages = saying.introduction();
        messages.push(self.list(saying));
        FactorNext::Ask(self.ask_for_question(messages, saying))
    }

    pub(super) fn answer(&mut self, typed: &AnswerEvent, saying: &Saying) -> FactorNext {
        if typed.is_password {
            return FactorNext::Password;
        }
        match std::mem::replace(&mut self.awaited, Awaited::Question) {
            Awaited::Question => self.take_question(typed.text.expose(), saying),
            Awaited::Answer(question) => {
                let prompt = saying
                    .asking
                    .prompt(&Text::PromptAnswerAgain(self.number()));
                self.awaited = Awaited::AnswerAgain(question, typed.text.clone());
                FactorNext::Ask(ask(Vec::new(), prompt, false))
            }
            Awaited::AnswerAgain(question, answer) => {
                match answer.expose() == typed.text.expose() {
                    true => self.take_pair(question, answer, saying),
                    false => self.refuse_answer(question, &Text::AnswersDiffer, saying),
                }
            }
        }
    }

    /// A number is a question of the list. Anything else is a question itself, where users may write their own.
    fn take_question(&mut self, typed: &str, saying: &Saying) -> FactorNext {
        let typed = typed.trim();
        if typed == "?" {
            let list = self.list(saying);
            return FactorNext::Ask(self.ask_for_question(vec![list], saying));
        }
        let is_number = typed.bytes().all(|b| b.is_ascii_digit());
        let question = match is_number {
            true => self.listed(typed),
            false => Some(typed).filter(|_| self.choice.own),
        };
        let Some(question) = question.map(str::to_owned) else {
            return self.refuse_question(QuestionRefusal::Unknown(self.choice.own), saying);
        };
        if QuestionText::new(&question, 1).is_err() {
            return self.refuse_question(QuestionRefusal::Form, saying);
        }
        if self.given.iter().any(|(other, _)| *other == question) {
            return self.refuse_question(QuestionRefusal::Twice, saying);
        }
        // A question of the user's own was just typed, and some programs log what they show.
        let shown = is_number.then(|| Message {
            style: Style::Info,
            text: question.clone(),
        });
        self.awaited = Awaited::Answer(question);
        FactorNext::Ask(self.ask_for_answer(shown.into_iter().collect(), saying))
    }

    fn listed(&self, number: &str) -> Option<&str> {
        let index = number.parse::<usize>().ok()?.checked_sub(1)?;
        self.choice.catalogue.get(index).map(String::as_str)
    }

    fn take_pair(&mut self, question: String, answer: Secret, saying: &Saying) -> FactorNext {
        self.given.push((question, answer));
        let checked = check_so_far(self.given.clone(), &self.rules()).map(|_| ());
        let checked = checked.and_then(|()| match self.given.len() {
            QUESTIONS => check_set(self.given.clone(), &self.rules()).map(Some),
            _ => Ok(None),
        });
        match checked {
            Ok(Some(set)) => FactorNext::Done(ChosenFactor::Questions(set)),
            Ok(None) => FactorNext::Ask(self.ask_for_question(Vec::new(), saying)),
            Err(why) => self.take_back(&why, saying),
        }
    }

    /// The last pair can't be taken: its answer is typed again, or another question chosen.
    fn take_back(&mut self, why: &QuestionError, saying: &Saying) -> FactorNext {
        let why = refusal(why, self.choice.own);
        match (self.given.pop(), why.is_of_answer()) {
            (Some((question, _)), true) => {
                self.refuse_answer(question, &Text::Question(why), saying)
            }
            _ => self.refuse_question(why, saying),
        }
    }

    fn refuse_question(&self, why: QuestionRefusal, saying: &Saying) -> FactorNext {
        let why = error(&saying.asking, &Text::Question(why));
        FactorNext::Refused(self.ask_for_question(vec![why], saying))
    }

    fn refuse_answer(&mut self, question: String, why: &Text, saying: &Saying) -> FactorNext {
        self.awaited = Awaited::Answer(question);
        FactorNext::Refused(self.ask_for_answer(vec![error(&saying.asking, why)], saying))
    }

    fn ask_for_question(&self, messages: Vec<Message>, saying: &Saying) -> Step {
        let prompt = saying.asking.prompt(&Text::PromptQuestion(self.number()));
        ask(messages, prompt, true)
    }

    fn ask_for_answer(&self, messages: Vec<Message>, saying: &Saying) -> Step {
        let prompt = saying.asking.prompt(&Text::PromptAnswer(self.number()));
        ask(messages, prompt, false)
    }

    /// The number of the question, from 1.
    fn number(&self) -> u32 {
        u32::try_from(self.given.len() + 1).unwrap_or(u32::MAX)
    }

    /// The questions to choose from.
    fn list(&self, saying: &Saying) -> Message {
        let mut list = info(&saying.asking, &Text::EnrollQuestions(self.choice.own));
        for (number, question) in (1..).zip(&self.choice.catalogue) {
            list.text.push_str(&format!("\n{number:>3}  {question}"));
        }
        list
    }

    fn rules(&self) -> Rules<'_> {
        Rules {
            own: self.choice.own,
            catalogue: &self.choice.catalogue,
            user: self.choice.user.as_str(),
        }
    }
}

/// What the user is told. The count is right, and an empty question or answer ends the login before it comes here.
fn refusal(why: &QuestionError, own: bool) -> QuestionRefusal {
    match why {
        QuestionError::LongQuestion(_) | QuestionError::ControlCharacter(_) => {
            QuestionRefusal::Form
        }
        QuestionError::SameQuestion(_) => QuestionRefusal::Twice,
        QuestionError::Count(_)
        | QuestionError::EmptyQuestion(_)
        | QuestionError::NotInCatalogue(_) => QuestionRefusal::Unknown(own),
        QuestionError::EmptyAnswer(_) | QuestionError::ShortAnswer(_) => {
            QuestionRefusal::ShortAnswer
        }
        QuestionError::AnswerIsQuestion(_) => QuestionRefusal::AnswerIsQuestion,
        QuestionError::AnswerIsUser(_) => QuestionRefusal::AnswerIsUser,
        QuestionError::SameAnswer(_) => QuestionRefusal::SameAnswer,
    }
}
