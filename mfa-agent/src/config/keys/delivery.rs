//! What leaves this host: codes that are sent, and RADIUS servers.

use super::section;
use crate::config::values::{
    FullPath, Lasting, Line, List, MessageText, SecretFile, ServerAddress, Subject, Whole,
};
use crate::config::words::ProviderName;
use crate::delivery::{HttpsUrl, ProgramPath, Security, ServerHost};
use mfa_core::account::Label;
use mfa_core::factors::address::{AddressTemplate, Channel, EmailAddress, Region};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

section! {
    /// Codes that are sent: "email" and "sms" in require. A user can have several addresses or numbers; the code goes
    /// to the one that is "primary" ("mfactl enroll email", "mfactl primary email").
    pub(in crate::config) Delivery = ["delivery"] {
        /// One channel at a time.
        channel: Channel = "email";
        /// The length of a code.
        digits: Whole<6, 8> = 6;
        /// How long a code is good for; after that the user has to begin the login again.
        lifetime: Lasting<MINUTE, { 30 * MINUTE }> = "5m";
        /// At most so many messages go to one user in the time that `within` says, and then none for as long as `pause`
        /// says.
        messages: Whole<1, 100> = 10;
        /// The time in which messages are counted.
        within: Lasting<MINUTE, HOUR> = "5m";
        /// How long a user who got that many gets none.
        pause: Lasting<0, DAY> = "30m";
    }

    /// Secrets, here and below, are one line in a file that nobody but its owner may read (chmod 0600), named by its
    /// full path; or a systemd credential, named without a slash (LoadCredential= in the unit).
    /// "mfactl test-delivery email" sends a message to try it out.
    pub(in crate::config) Email = ["delivery.email"] {
        /// The address that mails are from. Required.
        from: Option<EmailAddress> => "mfa@example.org";
        /// The server that takes the mails. Without a server or a program, no mail is sent.
        server: Option<ServerHost> => "mail.example.org";
        /// A program that takes the mails, instead of the server.
        sendmail: Option<ProgramPath> | "/usr/sbin/sendmail";
        /// Default: 587 with "starttls", 465 with "tls".
        port: Option<Whole<1, 65_535, u16>> => 587;
        /// Default: "starttls". The certificate must be right in any case.
        security: Option<Security> => "starttls";
        /// The account at the server. Both this and the password, or neither.
        user: Option<Line<256>> => "mfa";
        /// The secret file of the account's password.
        password_file: Option<SecretFile> => "/etc/mfa/smtp-password";
        /// Authorities to trust, in PEM, instead of the authorities of this host.
        ca_file: Option<FullPath> => "/etc/mfa/ca.pem";
        /// The address of users who have enrolled none; without it they get no mail. {user} is their name.
        address: Option<AddressTemplate> => "{user}@example.org";
        /// What a mail says, in subject and text: {code} {host} {service} {address} {time} {minutes}, of which the text
        /// needs {code}. {address} is where the login comes from. Who asked for no code should know what that means.
        subject: Option<Subject> => "Your code for {host}";
        /// The text of a mail, with the same placeholders.
        text: Option<MessageText> => "{code} is your code for {service} on {host}, valid for {minutes} minutes.\n";
    }

    /// Text messages. Keys of another provider than the one that is chosen are a mistake.
    pub(in crate::config) Sms = ["delivery.sms"] {
        /// The provider of text messages; without it none are sent. "vonage" needs key, secret_file and from;
        /// "webhook" needs url and one of token_file and hmac_key_file; "command" needs command.
        provider: Option<ProviderName> => "vonage";
        /// The key of the account at Vonage.
        key: Option<Line<64>> => "abcd1234";
        /// The secret file of the account at Vonage.
        secret_file: Option<SecretFile> => "/etc/mfa/vonage-secret";
        /// The sender of messages by Vonage: a number, or a name that the country allows.
        from: Option<Line<32>> => "Example";
        /// Where Vonage's API is.
        endpoint: Option<HttpsUrl> => "https://rest.nexmo.com/sms/json";
        /// Where the webhook is, which takes JSON over HTTPS.
        url: Option<HttpsUrl> | "https://sms.example.org/send";
        /// The secret file of a bearer token for the webhook.
        token_file: Option<SecretFile> | "/etc/mfa/sms-token";
        /// The secret file of a key that signs what the webhook gets, in the header X-Signature.
        hmac_key_file: Option<SecretFile> | "/etc/mfa/sms-key";
        /// A program that takes JSON on its standard input.
        command: Option<ProgramPath> | "/usr/local/sbin/send-sms";
        /// Authorities to trust, as above; for "vonage" and "webhook".
        ca_file: Option<FullPath> => "/etc/mfa/ca.pem";
        /// The country of numbers that are typed without its code.
        region: Option<Region> => "DE";
        /// What a message says, as above.
        text: Option<MessageText> => "{code} is your code for {service} on {host}, valid for {minutes} minutes.";
    }

    /// Authenticators behind RADIUS servers: "radius" in require, for users with "mfactl enroll radius --server vip".
    /// If one server does not answer, the next one is asked. Their replies must have a Message-Authenticator (RFC 2869, 5.14).
    pub(in crate::config) Radius = [["radius"]] {
        /// The name that "mfactl enroll radius --server" takes.
        name: Option<Label> => "vip";
        /// Addresses, in order, 8 at most. Default port: 1812.
        servers: Option<List<ServerAddress>> => ["192.0.2.1", "[2001:db8::1]:1812"];
        /// The secret file of what is shared with the servers.
        secret_file: Option<SecretFile> => "/etc/mfa/radius-vip";
        /// The name by which they know this host. Default: the name of this host.
        nas_identifier: Option<Line<253>> => "web1";
        /// How long a server may be silent before the next is asked.
        timeout: Lasting<1, MINUTE> = "5s";
        /// How long in all, for a phone call or a push to be answered; no less than timeout.
        wait: Lasting<1, { 5 * MINUTE }> = "60s";
        /// How long a silent server is passed over.
        dead_time: Lasting<0, DAY> = "5m";
        /// Whether they answer Status-Server (RFC 5997): FreeRADIUS does, NPS does not.
        status_server: bool = true;
    }
}
