//! A real Cockpit, driven over HTTP like its login page.

use std::fs;

use mfa_tests::{Agent, Cockpit, Machine, Page, code_of, codes_shown, key_shown};

const PASSWORD: &str = "correct horse";
const USER: &str = "mfat-anna";
const ASKED: &str = "OTP code: ";

fn set_up(machine: &Machine, settings: &str) -> (Agent, Cockpit) {
    machine.user(USER, PASSWORD);
    machine.shipped_stack("cockpit");
    let agent = Agent::at_default_socket(settings);
    (agent, Cockpit::start(machine))
}

/// The page that asks for a code.
fn asked(cockpit: &Cockpit) -> Page {
    let page = cockpit.log_in(USER, PASSWORD);
    assert_eq!(
        (page.status, page.prompt.as_str()),
        (401, ASKED),
        "{page:?}"
    );
    page
}

#[test]
fn password_and_code_let_in_and_neither_does_alone() {
    Machine::run(|machine| {
        let (agent, cockpit) = set_up(machine, "");
        let key = agent.admin().device(USER);
        let page = cockpit.answer(&asked(&cockpit), &key.wrong_code());
        assert_eq!((page.status, page.prompt.as_str()), (401, ""), "{page:?}");
        let page = cockpit.log_in(USER, "wrong");
        assert_eq!((page.status, page.prompt.as_str()), (401, ""), "{page:?}");
        assert_eq!(agent.admin().status(USER).failures, 1, "that of the code");
        let page = asked(&cockpit);
        assert!(!page.echo);
        let page = cockpit.answer(&page, &key.code(0));
        assert_eq!(page.status, 200, "{page:?}");
        let events = agent.logins_of(USER, 2);
        assert_eq!(events[1].text("result"), "passed");
        assert_eq!(events[1].text("service"), "cockpit");
        assert_eq!(events[1].text("rhost"), "127.0.0.1");
    });
}

/// Enrols the device that `page` offers; returns its key and the recovery codes.
fn set_up_device(cockpit: &Cockpit, page: &Page) -> (String, Vec<String>) {
    let key = key_shown(&page.prompt);
    assert!(page.prompt.ends_with("Code that the app shows now: "));
    let page = cockpit.answer(page, "000000");
    assert!(page.error.contains("Unexpected code"), "{page:?}");
    assert_eq!(key_shown(&page.prompt), key, "a page forgets the last one");

    let page = cockpit.answer(&page, &code_of(&key, 0));
    assert!(
        page.message.contains("Keep these recovery codes"),
        "{page:?}"
    );
    assert!(page.prompt.contains("Type yes"), "{page:?}");
    assert!(page.echo);
    let codes = codes_shown(&page.prompt);
    assert_eq!(codes.len(), 10, "{page:?}");
    let page = cockpit.answer(&page, "not yet");
    assert_eq!(codes_shown(&page.prompt), codes, "{page:?}");
    let page = cockpit.answer(&page, "yes");
    assert_eq!(page.status, 200, "{page:?}");
    (key, codes)
}

/// Cockpit logs everything it shows except prompts.
fn nothing_is_in_the_log(cockpit: &Cockpit, (key, codes): &(String, Vec<String>)) {
    let log = cockpit.log();
    assert!(log.contains("Keep these recovery codes"), "it logs: {log}");
    let log = log.replace(' ', "");
    assert!(!log.contains(key.as_str()), "{log}");
    assert!(
        codes.iter().all(|code| !log.contains(code.as_str())),
        "{log}"
    );
}

#[test]
fn a_new_user_enrols_a_device_and_no_key_is_in_the_journal() {
    Machine::run(|machine| {
        let (agent, cockpit) = set_up(machine, "[enforcement]\nunenrolled = \"enroll\"\n");
        let page = cockpit.log_in(USER, PASSWORD);
        assert_eq!(page.status, 401);
        assert!(
            page.message.contains("Set one up now: type the key"),
            "{page:?}"
        );
        // Cockpit replaces characters that it can't show: a QR code would be a page of question
        // marks.
        assert!(!page.message.contains('?'), "{page:?}");
        let made = set_up_device(&cockpit, &page);
        nothing_is_in_the_log(&cockpit, &made);
        let account = agent.admin().status(USER);
        assert_eq!(
            (account.devices.len(), account.recovery_left),
            (1, Some(10))
        );

        let (key, codes) = made;
        let page = cockpit.answer(&asked(&cockpit), &code_of(&key, 1));
        assert_eq!(page.status, 200, "{page:?}");
        let page = cockpit.answer(&asked(&cockpit), &codes[0]);
        assert_eq!(page.status, 200, "{page:?}");
    });
}

#[test]
fn a_user_who_lost_a_phone_enrols_a_new_one() {
    Machine::run(|machine| {
        let (agent, cockpit) = set_up(machine, "[recovery]\nnew_device = true\n");
        let lost = agent.admin().device(USER);
        let codes = agent.admin().recovery_codes(USER, 10);
        let page = cockpit.answer(&asked(&cockpit), &codes[0]);
        assert!(page.message.contains("replaces the lost one"), "{page:?}");
        let made = set_up_device(&cockpit, &page);
        nothing_is_in_the_log(&cockpit, &made);
        assert_eq!(agent.admin().status(USER).devices.len(), 1);
        let page = cockpit.answer(&asked(&cockpit), &lost.code(0));
        assert_eq!(page.status, 401, "{page:?}");
        let page = cockpit.answer(&asked(&cockpit), &code_of(&made.0, 1));
        assert_eq!(page.status, 200, "{page:?}");
    });
}

#[test]
fn an_unanswered_page_costs_no_attempt() {
    Machine::run(|machine| {
        fs::write(
            "/etc/cockpit/cockpit.conf",
            "[basic]\nresponse-timeout = 1\n",
        )
        .unwrap();
        let (agent, cockpit) = set_up(machine, "");
        let _ = agent.admin().device(USER);
        let page = asked(&cockpit);
        let event = &agent.logins_of(USER, 1)[0];
        assert_eq!(event.text("result"), "cancelled", "{event:?}");
        let page = cockpit.answer(&page, "000000");
        assert_eq!((page.status, page.prompt.as_str()), (401, ""), "{page:?}");
        assert_eq!(agent.admin().status(USER).failures, 0);
    });
}

#[test]
fn in_a_substack_a_wrong_password_leads_to_the_code_and_doctor_reports_it() {
    Machine::run(|machine| {
        let (agent, cockpit) = set_up(machine, "");
        let _ = agent.admin().device(USER);
        let shipped = fs::read_to_string("/etc/pam.d/cockpit").unwrap();
        let stack = shipped.replace("include      common-auth", "substack     common-auth");
        assert_ne!(stack, shipped);
        machine.stack("cockpit", &stack);
        let page = cockpit.log_in(USER, "wrong");
        assert_eq!(page.prompt, ASKED, "{page:?}");
        let told = agent.ctl().run(&["doctor"], "").stdout;
        let cockpit = told.find("cockpit: ").map(|at| &told[at..]);
        let told = cockpit.unwrap_or_else(|| panic!("{told}"));
        assert!(
            told.contains("asked for even after a wrong password"),
            "{told}"
        );
    });
}
