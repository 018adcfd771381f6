//! The names of factors, and of what is set up for them. A new factor is in both lists.

use crate::words::words;

words! {
    /// A kind of proof that a user can give.
    pub enum Factor {
        /// A code of a device, with a clock (RFC 6238) or a counter (RFC 4226).
        Totp = "totp",
        /// 4 to 8 digits that the user knows.
        Pin = "pin",
        /// The answer to one of three questions.
        Questions = "questions",
        /// A code that is sent by mail.
        Email = "email",
        /// A code that is sent by text message.
        Sms = "sms",
        /// Whatever a RADIUS server asks for.
        Radius = "radius",
        /// A security key (FIDO) that SSH uses: sshd has verified it, or it signs through the user's SSH agent.
        Key = "key",
    }
}

words! {
    /// What a user can enrol, by its name in commands. Policy asks for [`Factor`]s: it does not distinguish kinds of
    /// devices, and recovery codes replace any code.
    pub enum Authenticator {
        /// A device with a clock.
        Totp = "totp",
        /// A device that counts its codes.
        Hotp = "hotp",
        /// A PIN.
        Pin = "pin",
        /// Security questions.
        Questions = "questions",
        /// An address of mail.
        Email = "email",
        /// A number that text messages are sent to.
        Sms = "sms",
        /// An account at a RADIUS server.
        Radius = "radius",
        /// A security key.
        Key = "key",
        /// Recovery codes.
        Recovery = "recovery",
    }
}
