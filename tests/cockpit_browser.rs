//! Cockpit's login page in a real browser: password, code, and the enrolment of a device.

use mfa_tests::browser::Browser;
use mfa_tests::{Agent, Cockpit, Machine, Transcript, code_of, key_shown};
use serde_json::Value;

const PASSWORD: &str = "correct horse";
const USER: &str = "mfat-anna";
const PROMPT: &str = "#conversation-prompt";
const MESSAGE: &str = "#conversation-message";
const FIELD: &str = "#conversation-input";

fn set_up(machine: &Machine, settings: &str) -> (Agent, Cockpit, Browser) {
    machine.user(USER, PASSWORD);
    machine.shipped_stack("cockpit");
    let agent = Agent::at_default_socket(settings);
    let cockpit = Cockpit::start(machine);
    (agent, cockpit, Browser::start())
}

/// Fills in the first page.
fn give_password(browser: &Browser, cockpit: &Cockpit) {
    browser.open(&cockpit.address());
    let _ = browser.shown("#login-button");
    browser.type_into("#login-user-input", USER);
    browser.type_into("#login-password-input", PASSWORD);
    browser.click("#login-button");
}

fn answer(browser: &Browser, text: &str) {
    browser.type_into(FIELD, text);
    browser.click("#login-button");
}

/// The visible form, one line for each part.
fn form(browser: &Browser) -> String {
    let parts = ["#error-group", MESSAGE, PROMPT, "#login-button"];
    let shown = parts.map(|part| browser.text(part).trim().to_owned());
    shown
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

/// After the login Cockpit loads its shell, which is another page.
fn await_shell(browser: &Browser) {
    mfa_tests::eventually("the page after the login", || {
        let is_login = browser.script("return document.getElementById('login-button') !== null;");
        (is_login == Value::Bool(false)).then_some(())
    });
}

#[test]
fn the_password_page_is_followed_by_a_page_for_the_code() {
    Machine::run(|machine| {
        let (agent, cockpit, browser) = set_up(machine, "");
        let key = agent.admin().device(USER);
        give_password(&browser, &cockpit);
        let _ = browser.shown_with(PROMPT, "OTP code:");
        let hidden = format!("return document.querySelector({FIELD:?}).type;");
        assert_eq!(browser.script(&hidden), "password");
        let mut shown = form(&browser);
        answer(&browser, &key.wrong_code());
        let _ = browser.shown("#error-group");
        shown += &format!("\n--- after a wrong code\n{}", form(&browser));
        Transcript::of(&shown).assert("cockpit-page");
        assert_eq!(agent.admin().status(USER).failures, 1);

        give_password(&browser, &cockpit);
        let _ = browser.shown_with(PROMPT, "OTP code:");
        answer(&browser, &key.code(0));
        await_shell(&browser);
        assert_eq!(agent.logins_of(USER, 2)[1].text("result"), "passed");
    });
}

/// Whether an element is completely inside the window and its own box, on one background.
fn is_in_sight(browser: &Browser, selector: &str) -> bool {
    let script = format!(
        "const it = document.querySelector({selector:?}), box = it.getBoundingClientRect();\
         const around = document.querySelector('.container').getBoundingClientRect();\
         return it.scrollWidth <= Math.ceil(box.width) + 1 && box.left >= around.left\
         && box.right <= around.right && box.top >= 0 && box.bottom <= window.innerHeight;"
    );
    browser.script(&script) == Value::Bool(true)
}

#[test]
fn a_device_is_enrolled_with_a_key_that_is_completely_visible() {
    Machine::run(|machine| {
        let enroll = "[enforcement]\nunenrolled = \"enroll\"\n[totp]\nissuer = \"Test host\"\n";
        let (agent, cockpit, browser) = set_up(machine, enroll);
        give_password(&browser, &cockpit);
        let prompt = browser.shown_with(PROMPT, "Key: ");
        let typed = prompt
            .split_once(" Code that")
            .map_or(&*prompt, |(key, _)| key);
        let key = key_shown(typed);
        assert_eq!(key.len(), 32, "{prompt}");
        assert!(is_in_sight(&browser, PROMPT) && is_in_sight(&browser, MESSAGE));
        let mut shown = form(&browser).replace(typed, "Key: KEY");

        // The reason for not showing a QR code: the page collapses blanks, and its letters differ
        // in width.
        let style = |name: &str| {
            let script =
                format!("return getComputedStyle(document.querySelector({PROMPT:?})).{name};");
            browser
                .script(&script)
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        assert_eq!(style("whiteSpace"), "normal");
        assert!(
            !style("fontFamily").contains("mono"),
            "{}",
            style("fontFamily")
        );

        answer(&browser, &code_of(&key, 0));
        let prompt = browser.shown_with(PROMPT, "Type yes");
        assert!(is_in_sight(&browser, PROMPT) && is_in_sight(&browser, MESSAGE));
        let codes: Vec<&str> = prompt
            .split_whitespace()
            .filter(|word| is_half(word))
            .collect();
        assert_eq!(codes.len(), 20, "ten codes: {prompt}");
        let (_, asked) = prompt.split_once(". ").unwrap_or_default();
        shown += &format!(
            "\n--- then\n{}\nCODES. {asked}",
            browser.text(MESSAGE).trim()
        );
        Transcript::of(&shown).assert("cockpit-set-up");
        answer(&browser, "yes");
        await_shell(&browser);
        assert_eq!(agent.admin().status(USER).devices.len(), 1);
    });
}

/// Half of a recovery code.
fn is_half(word: &str) -> bool {
    let digits = word.trim_end_matches([',', '.']);
    digits.len() == 5 && digits.bytes().all(|byte| byte.is_ascii_digit())
}
