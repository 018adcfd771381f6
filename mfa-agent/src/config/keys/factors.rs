//! What users have and are shown: devices, PINs, questions, prompts.

use super::section;
use crate::config::values::{
    Catalogue, EasyPin, Issuer, Joined, KeyPattern, Line, List, OptionalPath, Whole,
};
use crate::config::words::KeyVerification;
use mfa_core::factors::Factor;
use mfa_core::factors::device::{Digits, HashAlgorithm, Period};
use mfa_core::texts::Language;

section! {
    /// Time-based devices, such as authenticator apps (RFC 6238). All keys except skew apply to new devices only.
    #[derive(Clone, Debug, PartialEq)]
    pub Totp = ["totp"] {
        /// The name that the device shows with the code. Default: the name of this host.
        issuer: Option<String> as Option<Issuer> => "Example";
        /// The hash function. Many apps support "SHA1" only.
        algorithm: HashAlgorithm as HashAlgorithm = "SHA1";
        /// The length of a code.
        digits: Digits as Whole<6, 8, Digits> = 6;
        /// How many seconds a code is valid.
        period: Period as Whole<5, 300, Period> = 30;
        /// How many periods a clock may be off, in either direction. Codes that are further off, up to ten minutes, are
        /// refused, and "mfactl status" shows that the device is out of sync; two consecutive codes in "mfactl verify
        /// --resync" resynchronise it.
        skew: u32 as Whole<0, 10> = 1;
    }

    /// Counter-based devices (RFC 4226). "totp" in require accepts their codes too.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub Hotp = ["hotp"] {
        /// How many codes are accepted, from the next one on.
        look_ahead: u32 as Whole<1, 50> = 10;
        /// How many codes ahead two consecutive codes resynchronise the device.
        resync: u32 as Whole<1, 200> = 100;
    }

    /// Security keys of users, which sshd verifies or which sign through the user's SSH agent ("key" in require).
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(in crate::config) SecurityKeys = ["key"] {
        /// The types of keys that count, each whole or with "*" at the end: of "sk-ssh-ed25519@openssh.com",
        /// "sk-ecdsa-sha2-nistp256@openssh.com", "ssh-ed25519" and "ecdsa-sha2-nistp256". The last two are files, which
        /// anybody can copy and which need no touch.
        types: List<KeyPattern> = ["sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"];
        /// "required": a key counts only if it shows that it has verified its owner, by a PIN or a finger, in this
        /// login. sshd does not say that of the keys that it verifies, so they do not count then. "preferred": a touch is
        /// enough.
        verification: KeyVerification = "preferred";
    }

    /// Logins with a recovery code.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub Recovery = ["recovery"] {
        /// Whether a user must enrol a new device during a login with a recovery code. It replaces the lost devices.
        /// Single-prompt programs can't show the enrolment and accept the recovery code alone.
        new_device: bool as bool = false;
    }

    /// What users see. A prompt that is set here is used in every language; OpenVPN matches the beginning of a prompt.
    /// A prompt has at most 256 bytes, and all prompts must be different: some programs read a repeated prompt as a
    /// second try.
    pub(in crate::config) Prompts = ["prompts"] {
        /// The language of everything that users see in a login: "en", "de", "es", "fr" or "ja".
        language: Language = "en";
        /// A file with your own version of single texts, such as "/etc/mfa/texts.ftl"; "" for none.
        catalogue_file: OptionalPath = "";
        /// Factors whose answers are visible while users type them, such as ["totp", "email", "sms"]: for screen readers, or
        /// where mistyped codes are a nuisance. A one-time code that somebody sees is used up; a PIN or an answer is not,
        /// so name "pin" and "questions" with care. Prompts for password and code in one answer stay hidden.
        echo: Vec<Factor> as List<Factor> = [];
        /// The prompt for a code from a device.
        totp: Option<Line<256>> => "OTP code: ";
        /// The prompt for a PIN.
        pin: Option<Line<256>> => "PIN: ";
        /// The prompt for a code that was sent by mail.
        email: Option<Line<256>> => "Code from your e-mail: ";
        /// The prompt for a code that was sent by text message.
        sms: Option<Line<256>> => "Code from your text message: ";
        /// The prompt for a passcode that a RADIUS server checks.
        radius: Option<Line<256>> => "Passcode: ";
        /// The prompt for password and code in one answer (prompting = "single").
        password_and_code: Option<Line<256>> => "Password and code: ";
        /// The prompt for the number when a user enrols "sms" during a login.
        number: Option<Line<256>> => "Mobile number, with its country code: ";
        /// The prompt for the address when a user enrols "email" during a login.
        address: Option<Line<256>> => "E-mail address for codes: ";
    }

    /// PINs that users can't choose, in addition to runs, repeats and years of this century. Existing PINs stay valid.
    pub(in crate::config) Pin = ["pin"] {
        /// PINs, such as ["4711"]. The lists of all files are joined.
        banned: Joined<EasyPin> = [];
        /// A file with more PINs, one on each line; "" for none. Default: the agent's own list of common PINs.
        banned_file: Option<OptionalPath> | "/etc/mfa/banned-pins";
    }

    /// Security questions. Users enrol three, and a login asks one.
    pub(in crate::config) Questions = ["questions"] {
        /// The questions that users can choose from, 3 to 100, here or in a file. Default: the agent's own list.
        catalogue: Catalogue = [];
        /// The file with the questions, one on each line, such as "/etc/mfa/questions"; "" for none.
        catalogue_file: OptionalPath = "";
        /// Whether users can write their own questions.
        own: bool = true;
    }

    /// What users can change themselves, after they have verified a factor that they have.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub SelfService = ["self_service"] {
        /// Whether users can change anything themselves.
        enabled: bool as bool = true;
        /// The factors that users can enrol, replace and remove. With "sms", any process of a user with nothing
        /// enrolled can make the agent send messages to any number.
        factors: Vec<Factor> as List<Factor> = ["totp", "key", "pin", "questions", "email"];
    }
}
