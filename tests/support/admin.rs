//! The administrator's methods over the socket, for preparing and inspecting accounts.

use std::path::Path;
use std::time::Duration;

use mfa_protocol::Secret;
use mfa_protocol::admin::{
    Account, ConfirmDevice, ConfirmParameters, EnrollAddress, EnrollAddressParameters,
    EnrollDeviceParameters, EnrollHotp, EnrollPin, EnrollPinParameters, EnrollQuestions,
    EnrollQuestionsParameters, EnrollRecovery, EnrollRecoveryParameters, ImportEntry,
    ImportOutcome, ImportParameters, ImportUris, QuestionAnswer, Status, Unlock, UnlockParameters,
    UserParameters,
};
use mfa_protocol::client::{Client, ClientError};
use mfa_protocol::factor::Authenticator;
use mfa_protocol::message::{ErrorKind, Method};

use crate::{Key, within};

const TIMEOUT: Duration = Duration::from_secs(30);

/// How long the store of a fleet may be without a leader, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Questions and their answers.
const QUESTIONS: [(&str, &str); 3] = [
    ("First street?", "Quincy Street"),
    ("First teacher?", "Mrs. Crème Brûlée"),
    ("First pet?", "Übermut"),
];

/// The answer to the question in `text`.
///
/// # Panics
///
/// When there is none.
#[must_use]
pub fn answer_to(text: &str) -> &'static str {
    let fits = |(question, _): &&(&str, &str)| text.contains(question);
    QUESTIONS
        .iter()
        .find(fits)
        .unwrap_or_else(|| panic!("no question of ours: {text}"))
        .1
}

/// A connection with an administrator's rights.
pub struct Admin(Client);

impl Admin {
    /// Connects.
    ///
    /// # Panics
    ///
    /// When nobody listens.
    #[must_use]
    pub fn at(socket: &Path) -> Self {
        Self(Client::connect(socket, TIMEOUT).unwrap_or_else(|e| panic!("{e}")))
    }

    /// Calls a method.
    ///
    /// # Errors
    ///
    /// The agent's refusal.
    pub fn call<M: Method>(&mut self, parameters: &M::Parameters) -> Result<M::Reply, ClientError> {
        self.0.call::<M>(parameters)
    }

    /// A new default device for `user`.
    pub fn device(&mut self, user: &str) -> Key {
        let key = Key::new();
        self.add_device(user, &key);
        key
    }

    /// Imports `key` as a device of `user`.
    pub fn add_device(&mut self, user: &str, key: &Key) {
        self.import(&[(user, key)]);
    }

    /// A new HOTP device of `user`, enrolled with the code of counter 0.
    pub fn counting_device(&mut self, user: &str) -> Key {
        let key = Key::new();
        let parameters = EnrollDeviceParameters {
            user: Some(user.to_owned()),
            secret: Some(Secret::new(key.base32())),
            confirm: true,
            ..Default::default()
        };
        self.call::<EnrollHotp>(&parameters).expect("a device");
        let parameters = ConfirmParameters {
            code: Secret::new(key.counted(0)),
        };
        let reply = self.call::<ConfirmDevice>(&parameters).expect("its code");
        assert!(reply.enrollment.stored);
        key
    }

    /// New recovery codes of `user`.
    pub fn recovery_codes(&mut self, user: &str, count: u32) -> Vec<String> {
        let parameters = EnrollRecoveryParameters {
            confirm: false,
            user: Some(user.to_owned()),
            count: Some(count),
        };
        let reply = self.call::<EnrollRecovery>(&parameters).expect("codes");
        let codes = reply.codes.iter().map(|code| code.expose().to_owned());
        codes.collect()
    }

    /// Imports many devices in one call.
    pub fn import(&mut self, devices: &[(&str, &Key)]) {
        let entry = |(line, (user, key)): (usize, &(&str, &Key))| ImportEntry {
            line: line as u64,
            user: (*user).to_owned(),
            uri: Secret::new(key.uri(user)),
        };
        let entries = devices.iter().enumerate().map(entry).collect();
        let reply = self
            .call::<ImportUris>(&ImportParameters {
                entries,
                dry_run: false,
            })
            .expect("an import");
        for result in reply.results {
            assert_eq!(result.result, ImportOutcome::Stored, "{:?}", result.reason);
        }
    }

    /// Sets a PIN.
    pub fn pin(&mut self, user: &str, pin: &str) {
        let parameters = EnrollPinParameters {
            user: Some(user.to_owned()),
            pin: Secret::from(pin),
        };
        self.call::<EnrollPin>(&parameters).expect("a PIN");
    }

    /// Sets three questions; [`answer_to`] knows the answers.
    pub fn questions(&mut self, user: &str) {
        let questions = QUESTIONS
            .map(|(question, answer)| QuestionAnswer {
                question: question.to_owned(),
                answer: Secret::from(answer),
            })
            .to_vec();
        let parameters = EnrollQuestionsParameters {
            user: Some(user.to_owned()),
            questions,
        };
        self.call::<EnrollQuestions>(&parameters)
            .expect("three questions");
    }

    /// Adds an address that codes go to at once; factor: `email` or `sms`.
    pub fn address(&mut self, user: &str, factor: &str, address: &str) {
        let parameters = EnrollAddressParameters {
            user: Some(user.to_owned()),
            factor: factor.parse().expect("email or sms"),
            address: address.to_owned(),
            confirm: false,
        };
        let reply = self.call::<EnrollAddress>(&parameters);
        assert!(reply.expect("an address").stored);
    }

    /// The state of an account.
    pub fn status(&mut self, user: &str) -> Account {
        let parameters = UserParameters {
            user: Some(user.to_owned()),
        };
        self.call_until_served::<Status>(&parameters).account
    }

    /// Calls a method that can be repeated, until the store serves: the servers of a fleet may be electing a leader.
    fn call_until_served<M: Method>(&mut self, parameters: &M::Parameters) -> M::Reply {
        within(PATIENCE, M::NAME, || match self.call::<M>(parameters) {
            Err(ClientError::Refused {
                kind: Some(ErrorKind::Unavailable),
                ..
            }) => None,
            reply => Some(reply.unwrap_or_else(|e| panic!("{}: {e}", M::NAME))),
        })
    }

    /// What a user can use, by name.
    pub fn enrolled(&mut self, user: &str) -> Vec<&'static str> {
        let enrolled = self.status(user).enrolled.into_iter();
        enrolled.map(Authenticator::name).collect()
    }

    /// Ends a lock.
    pub fn unlock(&mut self, user: &str) {
        let _ = self.call_until_served::<Unlock>(&UnlockParameters {
            user: user.to_owned(),
        });
    }
}
