//! What leaves this host: codes that are sent, and RADIUS servers.

use std::time::Duration;

use super::section;
use crate::config::values::{
    FullPath, Lasting, Line, List, MessageText, SecretFile, ServerAddress, Subject, Whole,
};
use crate::config::words::{AddressSource, NumberSource, ProviderName};
use crate::delivery::{HttpsUrl, ProgramPath, Security, ServerHost};
use mfa_core::account::{Label, NoticeKind};
use mfa_core::factors::address::{AddressTemplate, Channel, EmailAddress, NumberTemplate, Region};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

section! {
    /// Codes that are sent: "email" and "sms" in require. A user can have several addresses or numbers; codes go to the
    /// primary one ("mfactl enroll email", "mfactl primary email").
    pub(in crate::config) Delivery = ["delivery"] {
        /// How codes are sent; only one channel is possible.
        channel: Channel = "email";
        /// The length of a code.
        digits: Whole<6, 8> = 6;
        /// How long a code is valid; after that the user must log in again.
        lifetime: Lasting<MINUTE, { 30 * MINUTE }> = "5m";
        /// How many messages one user can get in the time of `within`. After that the user gets none for the time of
        /// `pause`.
        messages: Whole<1, 100> = 10;
        /// The time in which messages are counted.
        within: Lasting<MINUTE, HOUR> = "5m";
        /// How long a user gets no messages after that.
        pause: Lasting<0, DAY> = "30m";
    }

    /// A secret, here and below, is one line in a file that only its owner can read (chmod 0600), given by its full
    /// path; or a systemd credential, given by its name (LoadCredential= in the unit). To send a test message, run
    /// "mfactl test-delivery email".
    pub(in crate::config) Email = ["delivery.email"] {
        /// Whether mails are sent. false turns the channel off and keeps its settings.
        active: bool = true;
        /// The sender address of mails. Required.
        from: Option<EmailAddress> => "mfa@example.org";
        /// The mail server. Without server and sendmail, no mail is sent.
        server: Option<ServerHost> => "mail.example.org";
        /// A program that sends the mails, instead of the server. Postfix's sendmail does not work here: docs/delivery.md,
        /// "By mail".
        sendmail: Option<ProgramPath> | "/usr/bin/msmtp";
        /// The port. Default: 587 with "starttls", 465 with "tls".
        port: Option<Whole<1, 65_535, u16>> => 587;
        /// The encryption. Default: "starttls". The certificate must be valid with both.
        security: Option<Security> => "starttls";
        /// The account at the server. Set both user and password_file, or neither.
        user: Option<Line<256>> => "mfa";
        /// The file with the account's password.
        password_file: Option<SecretFile> => "/etc/mfa/smtp-password";
        /// Certificate authorities to trust, in PEM, instead of the ones of this host.
        ca_file: Option<FullPath> => "/etc/mfa/ca.pem";
        /// The address of users who have enrolled none; {user} is the user name. Without this key these users get no
        /// mail.
        address: Option<AddressTemplate> => "{user}@example.org";
        /// Where the address of users who have enrolled none is: "userdb", the field emailAddress of their record in the
        /// user database of systemd (userdbctl(1)). Set address or address_from, not both.
        address_from: Option<AddressSource> | "userdb";
        /// The subject of a mail. Placeholders in subject and text: {code} {host} {service} {address} {time} {minutes};
        /// the text needs {code}. {address} is where the login comes from. The text should tell users what to do if
        /// they did not try to log in.
        subject: Option<Subject> => "Your code for {host}";
        /// The text of a mail, with the same placeholders.
        text: Option<MessageText> => "{code} is your code for {service} on {host}, valid for {minutes} minutes.\n";
    }

    /// Text messages. Keys of a provider that is not chosen are refused.
    pub(in crate::config) Sms = ["delivery.sms"] {
        /// Whether text messages are sent. false turns the channel off and keeps its settings.
        active: bool = true;
        /// The provider; without it no text messages are sent. "vonage" needs key, secret_file and from; "webhook"
        /// needs url and either token_file or hmac_key_file; "command" needs command.
        provider: Option<ProviderName> => "vonage";
        /// The API key of the Vonage account.
        key: Option<Line<64>> => "abcd1234";
        /// The file with the API secret of the Vonage account.
        secret_file: Option<SecretFile> => "/etc/mfa/vonage-secret";
        /// The sender of messages through Vonage: a number, or a name that the country allows.
        from: Option<Line<32>> => "Example";
        /// The address of Vonage's API.
        endpoint: Option<HttpsUrl> => "https://rest.nexmo.com/sms/json";
        /// The address of the webhook, which gets JSON over HTTPS.
        url: Option<HttpsUrl> | "https://sms.example.org/send";
        /// The file with a bearer token for the webhook.
        token_file: Option<SecretFile> | "/etc/mfa/sms-token";
        /// The file with a key that signs the request to the webhook, in the header X-Signature.
        hmac_key_file: Option<SecretFile> | "/etc/mfa/sms-key";
        /// A program that gets JSON on its standard input.
        command: Option<ProgramPath> | "/usr/local/sbin/send-sms";
        /// Certificate authorities to trust, as above; for "vonage" and "webhook".
        ca_file: Option<FullPath> => "/etc/mfa/ca.pem";
        /// The number of users who have enrolled none; {user} is the user name, which must be digits. Set template or
        /// number_from, not both. Without these keys these users get no text messages.
        template: Option<NumberTemplate> => "+4930901820{user}";
        /// The field with the number of users who have enrolled none: a field of their entry in the user database, as
        /// chfn(1) names them, or "userdb:" and the name of a field of their record in the user database of systemd.
        /// Users can change some fields by themselves (CHFN_RESTRICT in login.defs(5)).
        number_from: Option<NumberSource> | "other";
        /// The country of numbers that are typed, or read, without a country code.
        region: Option<Region> => "DE";
        /// The text of a message, with the placeholders above.
        text: Option<MessageText> => "{code} is your code for {service} on {host}, valid for {minutes} minutes.";
    }

    /// Messages to users about changes of their accounts. They go to every address and number of the user that is
    /// enabled and confirmed, by [delivery.email] and [delivery.sms], whichever channel codes use.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub Notify = ["notify"] {
        /// What users are told. "enroll": a factor was added or replaced. "remove": a factor was removed, or an address
        /// disabled. "locked": wrong answers have locked the account. "bypass": an administrator issued a bypass code,
        /// suspended the second factor, requires less than before, or changed allow-from or self-manage. "recovery": a
        /// recovery code was used. "new-network": a login from a network (/24, with IPv6 /48) that the user has not
        /// logged in from. [] for nothing.
        events: Vec<NoticeKind> as List<NoticeKind> = [];
    }

    /// RADIUS servers that check passcodes: "radius" in require, for users with "mfactl enroll radius --server vip". If
    /// a server does not answer, the agent asks the next one. Replies must have a Message-Authenticator (RFC 2869,
    /// 5.14).
    pub(in crate::config) Radius = [["radius"]] {
        /// The name for "mfactl enroll radius --server".
        name: Option<Label> => "vip";
        /// The addresses of the servers, in order, at most 8. Default port: 1812.
        servers: Option<List<ServerAddress>> => ["192.0.2.1", "[2001:db8::1]:1812"];
        /// The file with the secret shared with the servers.
        secret_file: Option<SecretFile> => "/etc/mfa/radius-vip";
        /// The name of this host that the servers see. Default: the name of this host.
        nas_identifier: Option<Line<253>> => "web1";
        /// How long the agent waits for an answer before it asks the next server.
        timeout: Lasting<1, MINUTE> = "5s";
        /// How long the agent waits in total, so that users can answer a phone call or push; at least timeout.
        wait: Lasting<1, { 5 * MINUTE }> = "60s";
        /// How long a server that did not answer is skipped.
        dead_time: Lasting<0, DAY> = "5m";
        /// Whether the servers answer Status-Server (RFC 5997): FreeRADIUS does, NPS does not.
        status_server: bool = true;
        /// Whether the servers ask users on their phones (a push or a call). The agent sends the request at once, and
        /// users type nothing.
        push: bool = false;
        /// What the agent sends as the passcode to start a push, such as "push" for Duo's proxy. Default: an empty
        /// passcode.
        push_code: Option<Line<64>> => "push";
    }

    /// How often users are asked by RADIUS servers, so that nobody approves a login only to make the requests stop.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub Push = ["push"] {
        /// How many requests to a phone one login can send.
        per_login: u32 as Whole<1, 5> = 3;
        /// How many requests one user can get in the time of `within`; questions of a server (Access-Challenge) count
        /// too. Restarts do not reset the count.
        requests: u32 as Whole<1, 20> = 10;
        /// The time in which requests are counted.
        within: Duration as Lasting<MINUTE, HOUR> = "5m";
    }
}
