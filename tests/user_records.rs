//! Addresses and numbers from the user database of systemd.

use std::time::{Duration, Instant};

use mfa_tests::{Agent, Files, Login, Machine, Stack, Userdb, code_in, eventually};

const EVA: &str = "mfat-eva";
const BEN: &str = "mfat-ben";
const PASSWORD: &str = "a password";
const EMAIL: &str = "[policy]\nrequire = [\"email\"]\n";
const PROMPT: &str = "Code from your e-mail: ";

/// An agent that sends emails by the test's own program, to what the user database says.
struct Scene {
    settings: String,
    files: Files,
    agent: Agent,
    stack: Stack,
}

impl Scene {
    fn with(machine: &Machine, policy: &str) -> Self {
        machine.user(EVA, PASSWORD);
        machine.user(BEN, PASSWORD);
        let files = Files::new();
        let here = files.folder().display().to_string();
        let sendmail = files.program(
            "sendmail",
            &format!(
                "echo \"$5\" > {here}/draft && cat >> {here}/draft && mv {here}/draft {here}/mail"
            ),
        );
        let settings = format!(
            "{policy}[delivery.email]\nfrom = \"mfa@example.org\"\nsendmail = {sendmail:?}\naddress_from = \"userdb\"\n"
        );
        let agent = Agent::with(&settings);
        Self {
            stack: Stack::asking(&agent),
            settings,
            files,
            agent,
        }
    }

    /// Logs in with a code, and returns where it was sent.
    fn log_in(&self, user: &str) -> String {
        let mut login = Login::of(user).start(&self.stack);
        login.await_prompt();
        let mail = eventually("a mail", || {
            Some(self.files.text("mail")).filter(|mail| !mail.is_empty())
        });
        std::fs::remove_file(self.files.path("mail")).expect("a mail");
        let (to, mail) = mail.split_once('\n').expect("two lines");
        login.answer(&code_in(mail));
        let seen = login.finish();
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        to.to_owned()
    }

    /// A login is refused, whatever is typed, and no mail is sent.
    fn assert_refused(&self, user: &str, reason: &str) {
        let seen = Login::of(user).answer("000000").run(&self.stack);
        assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
        assert_eq!(seen.prompts(), [PROMPT]);
        eventually(reason, || {
            let logins = self.agent.logins_of(user, 0);
            let mut reasons = logins.iter().map(|event| event.text("reason"));
            reasons.any(|told| told.contains(reason)).then_some(())
        });
        assert!(!self.files.path("mail").exists());
    }
}

#[test]
fn an_address_of_the_user_database_gets_the_first_code_and_is_enrolled_by_it() {
    Machine::run(|machine| {
        let userdb = Userdb::start();
        userdb.record(EVA, "emailAddress", "eva@example.org");
        userdb.record("mfat-nobody", "emailAddress", "eve@example.com");
        let scene = Scene::with(machine, EMAIL);
        scene.assert_refused(BEN, "none of the required factors");
        scene.assert_refused("mfat-nobody", "none of the required factors");
        assert_eq!(scene.log_in(EVA), "eva@example.org");
        let address = scene.agent.admin().status(EVA).addresses.remove(0);
        assert!(address.confirmed_at.is_some(), "{address:?}");
        // The enrolled address wins over what the user database has from now on, and needs no user database.
        userdb.record(EVA, "emailAddress", "eve@example.com");
        assert_eq!(scene.log_in(EVA), "eva@example.org");
        assert!(Userdb::remove());
        assert_eq!(scene.log_in(EVA), "eva@example.org");
    });
}

#[test]
fn a_user_database_that_is_absent_or_hangs_makes_nobody_a_newcomer_and_holds_nobody_up() {
    Machine::run(|machine| {
        let userdb = Userdb::start();
        let policy = format!("{EMAIL}[enforcement]\nunenrolled = \"allow\"\n");
        let scene = Scene::with(machine, &policy);
        // He has no address, so he is let in without a code.
        let _ = Login::of(BEN).run(&scene.stack);
        let login = &scene.agent.logins_of(BEN, 1)[0];
        assert_eq!(login.text("result"), "skipped");
        scene.agent.admin().address(EVA, "email", "eva@example.org");
        userdb.hang();
        let since = Instant::now();
        for _ in 0..3 {
            scene.assert_refused(BEN, "the user database did not say");
            assert_eq!(scene.log_in(EVA), "eva@example.org");
        }
        assert!(
            since.elapsed() < Duration::from_secs(20),
            "it waited each time"
        );
        scene
            .agent
            .await_log("the user database of systemd does not answer");
        assert!(Userdb::remove());
        scene.assert_refused(BEN, "the user database did not say");
        let output = scene.agent.ctl().run(&["config", "check"], "");
        let told = output.stdout + &output.stderr;
        assert!(
            told.contains("[delivery.email] address_from names the user database"),
            "{told}"
        );
        // Another factor goes on.
        let key = scene.agent.admin().device(BEN);
        let settings = scene
            .settings
            .replace("[\"email\"]", "[\"email\", \"totp\"]");
        assert_eq!(scene.agent.reload_with(&settings).text("result"), "done");
        let seen = Login::of(BEN).answer(&key.code(0)).run(&scene.stack);
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    });
}
