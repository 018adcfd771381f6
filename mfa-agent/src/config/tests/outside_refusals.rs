//! What is wrong with codes that are sent and RADIUS servers, where, and what was expected.

use super::parse;

/// Text that begins in line 1, and what is said of it.
const WRONG: &[(&str, &str)] = &[
    (
        "[delivery]\nchannel = 'fax'",
        "2: \"fax\" is not a channel for codes; expected \"email\" or \"sms\"",
    ),
    (
        "[delivery]\nchannel = ['email', 'sms']",
        "2: invalid type: list; expected \"email\" or \"sms\"",
    ),
    (
        "[delivery]\ndigits = 9",
        "2: invalid value: integer `9`; expected a whole number from 6 to 8",
    ),
    (
        "[delivery]\nlifetime = '31m'",
        "2: \"31m\" is out of range; expected 1m to 30m",
    ),
    (
        "[delivery]\nlifetime = '30s'",
        "2: \"30s\" is out of range; expected 1m to 30m",
    ),
    (
        "[delivery]\nmessages = 0",
        "2: invalid value: integer `0`; expected a whole number from 1 to 100",
    ),
    (
        "[delivery]\nwithin = '2h'",
        "2: \"2h\" is out of range; expected 1m to 1h",
    ),
    (
        "[delivery]\npause = '2d'",
        "2: \"2d\" is out of range; expected 0s to 1d",
    ),
    (
        "[delivery]\nserver = 'mail.example.org'",
        "2: unknown key \"server\" in [delivery]; it is a key of [delivery.email]; expected one of \"channel\"",
    ),
    (
        "[delivery.fax]\nnumber = '1'",
        "1: unknown key \"fax\" in [delivery]; expected one of \"channel\"",
    ),
    (
        "[delivery.email]\npasword_file = '/p'",
        "2: unknown key \"pasword_file\" in [delivery.email]; did you mean \"password_file\"? Known keys: \"active\"",
    ),
    (
        "[delivery.email]\nfrom = 'mfa'",
        "2: this is not an e-mail address; expected an address such as name@example.org",
    ),
    (
        "[delivery.email]\nfrom = 'mfa@example.org'",
        "2: no server or program sends the mails; expected server = \"mail.example.org\" or sendmail =",
    ),
    (
        "[delivery.email]\nserver = 'mail.example.org'",
        "2: [delivery.email] has no from; expected the sender address",
    ),
    (
        "[delivery.email]\nserver = 'mail.example.org:587'",
        "2: this is not the name of a server; expected a name such as mail.example.org, without a port",
    ),
    (
        "[delivery.email]\nfrom = 'a@b'\nserver = 'b'\nsendmail = '/s'",
        "4: sendmail is set, and so is server at agent.toml:3; expected one of the two",
    ),
    (
        "[delivery.email]\nsendmail = 'sendmail -t'",
        "2: expected the absolute path of a program, without arguments",
    ),
    (
        "[delivery.email]\nfrom = 'a@b'\nsendmail = '/s'\nport = 25",
        "4: port has no effect with sendmail; expected it with server only",
    ),
    (
        "[delivery.email]\nfrom = 'a@b'\nsendmail = '/s'\npassword_file = 'p'",
        "4: password_file has no effect with sendmail",
    ),
    (
        "[delivery.email]\nport = 0",
        "2: invalid value: integer `0`; expected a whole number from 1 to 65535",
    ),
    (
        "[delivery.email]\nsecurity = 'none'",
        "2: \"none\" is not known here; expected one of \"starttls\", \"tls\"",
    ),
    (
        "[delivery.email]\nfrom = 'a@b'\nserver = 'b'\nuser = 'mfa'",
        "4: user is set without password_file; expected both or neither",
    ),
    (
        "[delivery.email]\nfrom = 'a@b'\nserver = 'b'\npassword_file = 'p'",
        "4: password_file is set without user; expected both or neither",
    ),
    (
        "[delivery.email]\npassword_file = 'hunter2!'",
        "2: this does not name a secret; expected the full path of a file that holds it, or the name of a systemd",
    ),
    (
        "[delivery.email]\nca_file = 'ca.pem'",
        "2: \"ca.pem\" is not a full path",
    ),
    (
        "[delivery.email]\naddress = 'mfa@example.org'",
        "2: the name of the user is missing; expected {user} once, before the @",
    ),
    (
        "[delivery.email]\naddress = '{user}@{host}'",
        "2: {user} is the only placeholder",
    ),
    (
        "[delivery.email]\nsubject = \"a\\nb\"",
        "2: the template contains control characters; a subject is one line",
    ),
    (
        "[delivery.email]\ntext = 'Hello'",
        "2: the text has no {code}, so users could not log in with the message; add {code}",
    ),
    (
        "[delivery.email]\ntext = '{code} {pin}'",
        "2: {pin} is not a placeholder; expected {code} {host}",
    ),
    (
        "[delivery.sms]\nprovider = 'pigeon'",
        "2: \"pigeon\" is not known here; expected one of \"vonage\", \"webhook\", \"command\"",
    ),
    (
        "[delivery.sms]\nregion = 'DE'",
        "2: no provider sends the text messages; expected provider = \"vonage\", \"webhook\" or",
    ),
    (
        "[delivery.sms]\nurl = 'https://example.org'",
        "2: no provider sends the text messages",
    ),
    (
        "[delivery.sms]\nprovider = 'vonage'\nsecret_file = 's'\nfrom = 'f'",
        "2: provider = \"vonage\" has no key; expected the API key of the account",
    ),
    (
        "[delivery.sms]\nprovider = 'vonage'\nkey = 'k'\nfrom = 'f'",
        "2: provider = \"vonage\" has no secret_file; expected the file",
    ),
    (
        "[delivery.sms]\nprovider = 'vonage'\nkey = 'k'\nsecret_file = 's'",
        "2: provider = \"vonage\" has no from; expected the sender of messages",
    ),
    (
        "[delivery.sms]\nprovider = 'vonage'\nendpoint = 'http://example.org'",
        "3: codes are sent over https:// only",
    ),
    (
        "[delivery.sms]\nprovider = 'webhook'\ntoken_file = 't'",
        "2: provider = \"webhook\" has no url; expected its address",
    ),
    (
        "[delivery.sms]\nprovider = 'webhook'\nurl = 'https://example.org'",
        "2: provider = \"webhook\" has no secret; expected token_file or hmac_key_file",
    ),
    (
        "[delivery.sms]\nprovider = 'webhook'\nurl = 'https://example.org'\ntoken_file = 't'\nhmac_key_file = 'h'",
        "5: hmac_key_file is set, and so is token_file at agent.toml:4; expected one of the two",
    ),
    (
        "[delivery.sms]\nprovider = 'command'",
        "2: provider = \"command\" has no command; expected the full path of a program",
    ),
    (
        "[delivery.sms]\nprovider = 'command'\ncommand = '/s'\nca_file = '/ca'",
        "4: ca_file has no effect with provider = \"command\"; expected only command, active, template, number_from, region and text",
    ),
    (
        "[delivery.sms]\nprovider = 'command'\ncommand = '/s'\nnumber_from = 'fax'",
        "4: ",
    ),
    (
        "[delivery.sms]\nprovider = 'command'\ncommand = '/s'\nnumber_from = 'userdb:'",
        "4: ",
    ),
    (
        "[delivery.email]\nfrom = 'a@b.org'\nsendmail = '/s'\naddress = '{user}@b.org'\naddress_from = 'userdb'",
        "5: address_from is set, and so is address at agent.toml:4; expected one of the two: remove one",
    ),
    (
        "[delivery.sms]\nprovider = 'command'\ncommand = '/s'\ntemplate = '{user}'",
        "4: this does not make a telephone number; expected a plus sign and the country code",
    ),
    (
        "[delivery.sms]\nprovider = 'command'\ncommand = '/s'\ntemplate = '+49{user}'\nnumber_from = 'other'",
        "5: number_from is set, and so is template at agent.toml:4; expected one of the two: remove one",
    ),
    (
        "[delivery.sms]\ntemplate = '+49{user}'",
        "2: no provider sends the text messages",
    ),
    (
        "[delivery.sms]\nprovider = 'vonage'\nkey = 'k'\nsecret_file = 's'\nfrom = 'f'\ncommand = '/s'",
        "6: command has no effect with provider = \"vonage\"",
    ),
    (
        "[delivery.sms]\nregion = 'Germany'",
        "2: unknown region; expected the two letters of a country, such as DE or GB",
    ),
    (
        "[radius]\nname = 'vip'",
        "1: invalid type: table; expected [[radius]]",
    ),
    (
        "[[radius]]\nservers = ['192.0.2.1']\nsecret_file = 's'",
        "1: [[radius]] has no name; expected a name for \"mfactl enroll radius --server\"",
    ),
    ("[[radius]]\nname = ''", "2: a label can't be empty"),
    (
        "[[radius]]\nname = 'vip'\nsecret_file = 's'",
        "1: [[radius]] has no servers; expected their addresses",
    ),
    (
        "[[radius]]\nname = 'vip'\nservers = ['192.0.2.1']",
        "1: [[radius]] has no secret_file; expected the file",
    ),
    (
        "[[radius]]\nname = 'vip'\nservers = []\nsecret_file = 's'",
        "3: the list is empty, so no server could be asked",
    ),
    (
        "[[radius]]\nservers = ['192.0.2.1',\n'radius.example.org']",
        "3: \"radius.example.org\" is not a server address; expected an address such as \"192.0.2.1\"",
    ),
    (
        "[[radius]]\nservers = ['192.0.2.1:0']",
        "2: \"192.0.2.1:0\" is not a server address",
    ),
    (
        "[[radius]]\nservers = ['0.0.0.0']",
        "2: \"0.0.0.0\" is not a server address",
    ),
    (
        "[[radius]]\nname = 'vip'\nservers = ['192.0.2.1', '192.0.2.1:1812']\nsecret_file = 's'",
        "3: 192.0.2.1:1812 is listed twice; expected each once",
    ),
    (
        "[[radius]]\nname = 'vip'\nsecret_file = 's'\nservers = ['192.0.2.1', '192.0.2.2', '192.0.2.3', \
         '192.0.2.4', '192.0.2.5', '192.0.2.6', '192.0.2.7', '192.0.2.8', '192.0.2.9']",
        "4: 9 servers; expected at most 8",
    ),
    (
        "[[radius]]\nsecret_file = '../secret'",
        "2: this does not name a secret",
    ),
    (
        "[[radius]]\ntimeout = '0s'",
        "2: \"0s\" is out of range; expected 1s to 1m",
    ),
    (
        "[[radius]]\nwait = '6m'",
        "2: \"6m\" is out of range; expected 1s to 5m",
    ),
    (
        "[[radius]]\nname = 'vip'\nservers = ['192.0.2.1']\nsecret_file = 's'\ntimeout = '50s'\nwait = '20s'",
        "6: wait = \"20s\" is shorter than timeout = \"50s\"; expected at least timeout",
    ),
    (
        "[[radius]]\ndead_time = '2d'",
        "2: \"2d\" is out of range; expected 0s to 1d",
    ),
    (
        "[[radius]]\nstatus_server = 'no'",
        "2: invalid type: string \"no\"; expected true or false",
    ),
    (
        "[prompts]\nradius = 'PIN: '",
        "2: pin and radius are both \"PIN: \"; expected different texts",
    ),
    (
        "[prompts]\nnumber = 'Number: '\nsms = 'Number:'",
        "3: sms and number are both \"Number:\"; expected different texts",
    ),
];

#[test]
fn what_is_wrong_with_channels_and_servers_is_told_with_its_line() {
    let mut differ = Vec::new();
    for (text, expected) in WRONG {
        let told = parse(text).unwrap_err().to_string();
        let expected = format!("agent.toml:{expected}");
        if !told.starts_with(&expected) {
            differ.push(format!("{text}\n=> {told}\nnot {expected}"));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n\n"));
}

#[test]
fn a_secret_in_the_place_of_its_file_is_not_repeated() {
    for key in ["[delivery.email]\npassword_file", "[[radius]]\nsecret_file"] {
        let told = parse(&format!("{key} = 'pass word'")).unwrap_err();
        assert!(!told.to_string().contains("pass word"), "{told}");
    }
}
