//! What users have and are shown: devices, PINs, questions, prompts.

use super::section;
use crate::config::values::{Catalogue, EasyPin, Issuer, Joined, Line, List, OptionalPath, Whole};
use mfa_core::factors::Factor;
use mfa_core::factors::device::{Digits, HashAlgorithm, Period};
use mfa_core::texts::Language;

section! {
    /// Devices that show codes (RFC 6238). All but skew is for new devices; what is set up stays as it is.
    #[derive(Clone, Debug, PartialEq)]
    pub Totp = ["totp"] {
        /// What the device shows beside the code. Default: the name of this host.
        issuer: Option<String> as Option<Issuer> => "Example";
        /// The hash function. Many apps know "SHA1" only.
        algorithm: HashAlgorithm as HashAlgorithm = "SHA1";
        /// The length of a code.
        digits: Digits as Whole<6, 8, Digits> = 6;
        /// Seconds that a code is good for.
        period: Period as Whole<5, 300, Period> = 30;
        /// Periods that a clock may be off, either way. A code that is up to ten minutes off is refused, and "mfactl
        /// status" tells; two codes in "mfactl verify --resync" make up for it.
        skew: u32 as Whole<0, 10> = 1;
    }

    /// Devices that count their codes (RFC 4226). "totp" asks for their codes too.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub Hotp = ["hotp"] {
        /// Codes that are taken, from the next one on.
        look_ahead: u32 as Whole<1, 50> = 10;
        /// Codes among which two in a row bring the device back.
        resync: u32 as Whole<1, 200> = 100;
    }

    /// What follows a recovery code.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub Recovery = ["recovery"] {
        /// Whether a login by a recovery code goes on only once a new device is set up in it. That takes the place of
        /// the devices that are lost. Programs with one answer only can't show what it takes, and let the user in.
        new_device: bool as bool = false;
    }

    /// What users are shown. A prompt that is set here holds whatever the language; OpenVPN's pairs go by how it begins. It
    /// has at most 256 bytes, and no two are alike: some programs take a repeated one for a second try.
    pub(in crate::config) Prompts = ["prompts"] {
        /// The language of all that users are shown in a login: "en", "de", "es", "fr" or "ja".
        language: Language = "en";
        /// A file that replaces single texts, such as "/etc/mfa/texts.ftl"; "" for none.
        catalogue_file: OptionalPath = "";
        /// The prompt for a code that a device shows.
        totp: Option<Line<256>> => "OTP code: ";
        /// The prompt for a PIN.
        pin: Option<Line<256>> => "PIN: ";
        /// The prompt for a code that was sent by mail.
        email: Option<Line<256>> => "Code from your e-mail: ";
        /// The prompt for a code that was sent by text message.
        sms: Option<Line<256>> => "Code from your text message: ";
        /// The prompt for a passcode that a RADIUS server checks.
        radius: Option<Line<256>> => "Passcode: ";
        /// The prompt where one answer holds both (prompting = "single").
        password_and_code: Option<Line<256>> => "Password and code: ";
        /// The prompt for users who have no number yet, while they set up "sms".
        number: Option<Line<256>> => "Mobile number, with its country code: ";
    }

    /// What new PINs must not be, besides runs, repeats and years of this century. PINs that are set up stay.
    pub(in crate::config) Pin = ["pin"] {
        /// Such as ["4711"]. The lists of all files are joined.
        banned: Joined<EasyPin> = [];
        /// A file with more, one a line; "" for none. Where it is not given, the agent's own list holds, of PINs that
        /// are tried first.
        banned_file: Option<OptionalPath> | "/etc/mfa/banned-pins";
    }

    /// What new security questions must be; three are set up, and one is asked.
    pub(in crate::config) Questions = ["questions"] {
        /// What users may choose from: 3 to 100 questions here, or in a file. Without either it is the agent's own list.
        catalogue: Catalogue = [];
        /// The file, with one question a line, such as "/etc/mfa/questions"; "" for none.
        catalogue_file: OptionalPath = "";
        /// Whether they may bring questions of their own.
        own: bool = true;
    }

    /// What users may change themselves, once they have passed a factor that they have.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub SelfService = ["self_service"] {
        /// Whether they may change anything.
        enabled: bool as bool = true;
        /// What they may set up, replace and remove. With "sms" among the factors, any process of a user who has set up
        /// nothing can have messages sent to numbers that it names.
        factors: Vec<Factor> as List<Factor> = ["totp", "pin", "questions", "email"];
    }
}
