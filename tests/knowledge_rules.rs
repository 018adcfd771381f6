//! The rules for new PINs and security questions, through `mfactl`: a refusal says what to do, and
//! stores nothing.

use std::path::PathBuf;

use mfa_protocol::admin::Health;
use mfa_protocol::login::Nothing;
use mfa_tests::{Agent, Login, Machine, Output, Pty, Stack, built};
use tempfile::TempDir;

const ANNA: &str = "mfat-anna";

const QUESTIONS: [&str; 3] = ["enroll", "questions", ANNA];

/// An agent, and a list that its settings name.
struct WithList {
    agent: Agent,
    list: PathBuf,
    settings: String,
    _folder: TempDir,
}

impl WithList {
    /// `LIST` in the settings is replaced by the path of the list.
    fn of(list: &str, settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        std::fs::write(&path, list).unwrap();
        let settings = settings.replace("LIST", &path.to_string_lossy());
        Self {
            agent: Agent::with(&settings),
            list: path,
            settings,
            _folder: folder,
        }
    }

    fn write(&self, list: &str) {
        std::fs::write(&self.list, list).unwrap();
    }

    fn check(&self) -> Output {
        self.agent.ctl().run(&["config", "check"], "")
    }
}

fn from_lines(agent: &Agent, factor: &str, lines: &str) -> Output {
    agent.ctl().run(&["enroll", factor, ANNA, "--stdin"], lines)
}

/// The lines are refused with `reason`, no part of `secret` is shown, and nothing is stored.
#[track_caller]
fn is_refused(agent: &Agent, factor: &str, lines: &str, reason: &str, secret: &str) {
    let output = from_lines(agent, factor, lines);
    let said = format!("{}{}", output.stdout, output.stderr);
    assert!(!output.is_success(), "{lines:?}: {said}");
    assert!(said.contains(reason), "{lines:?}: {said}");
    assert!(!said.contains(secret), "{lines:?}: {said}");
    let account = agent.admin().status(ANNA);
    assert!(account.enrolled.is_empty(), "{lines:?}: {account:?}");
}

#[test]
fn a_commonly_guessed_pin_is_refused_and_another_is_accepted() {
    let agent = Agent::with("[pin]\nbanned = [\"4826\"]\n");
    let reason = "this PIN is very common and easy to guess; choose another";
    for pin in ["2580", "1984", "159357", "4826"] {
        is_refused(&agent, "pin", pin, reason, pin);
    }
    assert!(from_lines(&agent, "pin", "7391").is_success());
    assert_eq!(agent.admin().enrolled(ANNA), ["pin"]);
}

#[test]
fn an_own_list_replaces_the_agents_and_existing_pins_stay() {
    let own = WithList::of("# ours\n7391\n\n", "[pin]\nbanned_file = \"LIST\"\n");
    let agent = &own.agent;
    is_refused(agent, "pin", "7391", "very common", "7391");
    assert!(from_lines(agent, "pin", "2580").is_success());
    own.write("2580\n");
    let health = agent.admin().call::<Health>(&Nothing {}).unwrap();
    assert!(health.config_changed, "a list counts as settings do");
    assert_eq!(agent.reload_with(&own.settings).text("result"), "done");
    assert!(!from_lines(agent, "pin", "2580").is_success());
    assert_eq!(agent.admin().enrolled(ANNA), ["pin"]);
    let stack = Stack::asking(agent);
    let seen = Login::of(ANNA).answer("2580").run(&stack);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
}

#[test]
fn an_unreadable_list_is_refused_with_file_and_line_and_the_old_one_stays() {
    let own = WithList::of("4826\n", "[pin]\nbanned_file = \"LIST\"\n");
    let right = own.check();
    assert!(right.stdout.contains("\"valid\":true"), "{right:?}");
    own.write("4826\n\n47 11\n");
    let wrong = own.check();
    assert!(wrong.stdout.contains("\"valid\":false"), "{wrong:?}");
    let place = format!("{}:3", own.list.display());
    for words in [place.as_str(), "expected 4 to 8 digits"] {
        assert!(wrong.stdout.contains(words), "{wrong:?}");
    }
    std::fs::remove_file(&own.list).unwrap();
    let missing = own.check();
    for words in ["banned_file", "no such file"] {
        assert!(missing.stdout.contains(words), "{missing:?}");
    }
    let event = own.agent.reload_with(&own.settings);
    assert_eq!(event.text("result"), "refused");
    is_refused(&own.agent, "pin", "4826", "very common", "4826");
}

#[test]
fn answers_that_are_easy_to_guess_are_refused_with_the_number_of_the_question() {
    let agent = Agent::start();
    for (answer, reason) in [
        ("Yo", "the answer to question 2 is too short"),
        ("TOWN", "the answer to question 2 is the question itself"),
        (ANNA, "the answer to question 2 is the user name"),
        (
            " rex ",
            "the answer to question 2 is the same as another answer",
        ),
    ] {
        let lines = format!("Pet?\tRex\nTown?\t{answer}\nBook?\tMomo\n");
        is_refused(&agent, "questions", &lines, reason, "Rex");
    }
    let lines = "Pet?\tRex\nTown?\tUlm\nBook?\tMomo\n";
    assert!(from_lines(&agent, "questions", lines).is_success());
}

#[test]
fn own_questions_are_refused_if_only_the_list_is_allowed() {
    let own = WithList::of(
        "# ours\nFirst town?\nFirst pet?\nFirst book?\n",
        "[questions]\ncatalogue_file = \"LIST\"\nown = false\n",
    );
    let not_listed = "First pet?\tRex\nFirst town?\tUlm\nWhose hat?\tMagritte\n";
    let reason = "question 3 is not in the list";
    is_refused(&own.agent, "questions", not_listed, reason, "Magritte");
    let listed = "First pet?\tRex\nFirst town?\tUlm\nFirst book?\tMomo\n";
    assert!(from_lines(&own.agent, "questions", listed).is_success());
    assert_eq!(own.agent.admin().enrolled(ANNA), ["questions"]);
}

#[test]
fn a_person_learns_of_a_mistake_at_once_and_answers_that_question_again() {
    Machine::run(|machine| {
        machine.user(ANNA, "correct horse");
        let agent = Agent::at_default_socket("[questions]\nown = false\n");
        let mut person = Pty::spawn(&built().mfactl.to_string_lossy(), &QUESTIONS);
        person.expect("Choose three questions by number.");
        let answer = |person: &mut Pty, number: u8, question: &str, answer: &str| {
            person.answer(&format!("Question {number} of 3: "), question);
            person.answer("Answer (not shown): ", answer);
            person.answer("Repeat the answer: ", answer);
        };
        person.answer("Question 1 of 3: ", "Whose hat?");
        person.expect("Choose a number from 1 to 12");
        answer(&mut person, 1, "1", "Spike");
        answer(&mut person, 2, "2", "me");
        person.expect("the answer to question 2 is too short");
        answer(&mut person, 2, "2", "spike");
        person.expect("the answer to question 2 is the same as another answer");
        assert!(agent.admin().status(ANNA).enrolled.is_empty());
        answer(&mut person, 2, "2", "Bear");
        answer(&mut person, 3, "3", "Soup");
        person.expect("security questions enrolled");
        let (shown, status) = person.finish();
        assert_eq!(status, Some(0), "{shown}");
        assert!(
            !shown.contains("Spike") && !shown.contains("Bear"),
            "{shown}"
        );
        assert_eq!(agent.admin().enrolled(ANNA), ["questions"]);
    });
}
