//! What is wrong with a file, where, and what was expected.

use super::parse;

/// A file, and the beginning of what is said about it.
const WRONG: &[(&str, &str)] = &[
    ("x", "1: key with no value; expected `=`"),
    ("[lockout]\n[lockout]", "2: duplicate key"),
    (
        "[server]\n\nsockt = '/x'",
        "3: unknown key \"sockt\" in [server]; did you mean \"socket\"? Known keys: \"socket\", \"trusted\"",
    ),
    (
        "[[rules]]\nname = 'x'",
        "1: unknown key \"rules\"; did you mean \"rule\"? Known keys: \"server\"",
    ),
    (
        "[[rule]]\nsesion = '15m'",
        "2: unknown key \"sesion\" in [[rule]]; did you mean \"session\"? Known keys: \"name\"",
    ),
    (
        "[rule]\nname = 'x'",
        "1: invalid type: table; expected [[rule]]",
    ),
    (
        "[[rule]]\nusers = 'root'",
        "2: invalid type: string \"root\"; expected a list in [ ]",
    ),
    (
        "[server]\nsocket = 3",
        "2: invalid type: integer `3`; expected a full path",
    ),
    (
        "[server]\nsocket = 'agent.sock'",
        "2: \"agent.sock\" is not a full path; expected a path that begins with \"/\"",
    ),
    (
        "[server]\ntrusted = ['a', '']",
        "2: a user name can't be empty",
    ),
    (
        "[server]\nmax_connections = 0",
        "2: invalid value: integer `0`; expected a whole number from 1 to 65536",
    ),
    (
        "[server]\nlogin_timeout = '2h'",
        "2: \"2h\" is out of range; expected 1s to 1h",
    ),
    (
        "[enforcement]\nmode = 'some'",
        "2: \"some\" is not known here; expected one of \"none\", \"local-users\", \"all\"",
    ),
    (
        "[enforcement]\nmode = true",
        "2: invalid type: boolean `true`; expected \"none\", \"local-users\" or \"all\"",
    ),
    (
        "[enforcement]\nunenrolled = 'enrol'",
        "2: \"enrol\" is not known here; expected one of \"deny\", \"allow\", \"enroll\"",
    ),
    (
        "[lockout]\nattempts = 101",
        "2: invalid value: integer `101`; expected a whole number from 1 to 100",
    ),
    (
        "[lockout]\nattempts = 'five'",
        "2: invalid type: string \"five\"; expected a whole number",
    ),
    (
        "[lockout]\nduration = '1x'",
        "2: \"1x\" is not a duration; expected a duration such as \"90s\"",
    ),
    (
        "[lockout]\nduration = '0s'",
        "2: \"0s\" is out of range; expected 1s to 365d",
    ),
    ("[lockout]\nduration = '-1h'", "2: \"-1h\" is out of range"),
    (
        "[lockout]\nduration = '366d'",
        "2: \"366d\" is out of range",
    ),
    (
        "[lockout]\nduration = 3600",
        "2: invalid type: integer `3600`; expected a duration",
    ),
    (
        "[lockout]\nmax_consecutive = 4",
        "2: max_consecutive = 4 is less than attempts = 5; expected at least 5, or 0",
    ),
    (
        "[policy]\nrequire = [\n'totp',\n'fax',\n]",
        "4: \"fax\" is not a factor; expected \"totp\", \"pin\", \"questions\", \"email\"",
    ),
    (
        "[policy]\nrequire = []",
        "2: the list is empty, so no user could log in",
    ),
    (
        "[policy]\ntries = 6",
        "2: invalid value: integer `6`; expected a whole number from 1 to 5",
    ),
    ("[totp]\nissuer = 'a:b'", "2: \"a:b\" contains a colon"),
    (
        "[totp]\nalgorithm = 'MD5'",
        "2: \"MD5\" is not an algorithm; expected SHA1, SHA256 or SHA512",
    ),
    (
        "[totp]\ndigits = 10",
        "2: invalid value: integer `10`; expected a whole number from 6 to 8",
    ),
    (
        "[totp]\nperiod = 0",
        "2: invalid value: integer `0`; expected a whole number from 5 to 300",
    ),
    (
        "[totp]\nskew = 11",
        "2: invalid value: integer `11`; expected a whole number from 0 to 10",
    ),
    (
        "[prompts]\npin = 'OTP code: '",
        "2: totp and pin are both \"OTP code: \"; expected different texts",
    ),
    (
        "[prompts]\nlanguage = 'xx'",
        "2: \"xx\" is not an available language; expected one of \"en\", \"de\"",
    ),
    (
        "[prompts]\ncatalogue_file = 'texts.ftl'",
        "2: \"texts.ftl\" is not a full path",
    ),
    ("[prompts]\ntotp = \"a\\nb\"", "2: the text contains U+000A"),
    ("[prompts]\ntotp = ''", "2: \"\" shows nothing"),
    (
        "[pin]\nbanned = [\n'4711',\n'471',\n]",
        "4: \"471\" is not a PIN; expected 4 to 8 digits",
    ),
    (
        "[pin]\nbanned = [4711]",
        "2: invalid type: integer `4711`; expected a PIN such as \"4711\"",
    ),
    (
        "[pin]\nbanned_file = 'pins'",
        "2: \"pins\" is not a full path; expected a path that begins with \"/\"",
    ),
    (
        "[pin]\nbaned = []",
        "2: unknown key \"baned\" in [pin]; did you mean \"banned\"? Known keys: \"banned\", \"banned_file\"",
    ),
    (
        "[questions]\nown = 'no'",
        "2: invalid type: string \"no\"; expected true or false",
    ),
    (
        "[questions]\ncatalogue_file = '/list'\ncatalogue = ['a', 'b', 'c']",
        "2: catalogue_file is set, and so is catalogue at agent.toml:3; expected one of the two",
    ),
    (
        "[questions]\ncatalogue = [\n'a',\n'b', 'c',\n'a']",
        "5: the question \"a\" is listed twice",
    ),
    (
        "[questions]\ncatalogue = ['a', 'b']",
        "2: 2 questions to choose from; expected at least 3",
    ),
    (
        "[audit]\nfile = 'audit.jsonl'",
        "2: \"audit.jsonl\" is not a full path",
    ),
    (
        "[admin]\ngroups = ['@wheel']",
        "2: \"@wheel\" is not a group; expected a name only",
    ),
    (
        "[[rule]]\n[[rule]]\nusers = ['!*']",
        "3: \"!*\" excludes everything",
    ),
    (
        "[[rule]]\nusers = []",
        "2: the list is empty, so the rule could never match",
    ),
    (
        "[[rule]]\nservices = []",
        "2: the list is empty, so the rule could never match",
    ),
    (
        "[[rule]]\nfrom = []",
        "2: the list is empty, so the rule could never match",
    ),
    (
        "[[rule]]\nservices = ['@sudo']",
        "2: \"@sudo\" names a group of users",
    ),
    (
        "[[rule]]\nfrom = ['office']",
        "2: \"office\" is not an address",
    ),
    (
        "[[rule]]\nfrom = ['192.0.2.7/24']",
        "2: \"192.0.2.7/24\" has bits beyond its mask",
    ),
    (
        "[[rule]]\naction = 'permit'",
        "2: \"permit\" is not known here; expected one of \"ask\", \"skip\", \"deny\"",
    ),
    (
        "[[rule]]\naction = 'skip'\nrequire = ['totp']",
        "3: require has no effect with action = \"skip\"",
    ),
    (
        "[[rule]]\ntries = 2\naction = 'deny'",
        "2: tries has no effect with action = \"deny\"",
    ),
    (
        "[enforcement]\ngrace = '366d'",
        "2: \"366d\" is out of range; expected 0s to 365d",
    ),
    (
        "[enforcement]\ngrace = '14d'\nunenrolled = 'allow'",
        "2: grace has no effect with unenrolled = \"allow\"",
    ),
    (
        "[policy]\nsession = '8d'",
        "2: \"8d\" is out of range; expected 0s to 7d",
    ),
    (
        "[policy]\nsession = true",
        "2: invalid type: boolean `true`; expected a duration",
    ),
    (
        "[policy]\nsession_scope = ['sudo']",
        "2: session_scope shares a session, but session is not set; expected a session such as session = \"15m\"",
    ),
    (
        "[policy]\nsession = '1h'\nsession_scope = [\n'sudo',\n'*']",
        "5: \"*\" is not a service; expected a name only",
    ),
    (
        "[policy]\nsession = '1h'\nsession_scope = ['!su']",
        "3: \"!su\" is not a service",
    ),
    (
        "[policy]\nsession = '1h'\nsession_scope = ['@sudo']",
        "3: \"@sudo\" is not a service",
    ),
    (
        "[policy]\nrequire_password_expiry = 'yes'",
        "2: invalid type: string \"yes\"; expected true or false",
    ),
    (
        "[self_service]\nenabled = 1",
        "2: invalid type: integer `1`; expected true or false",
    ),
    (
        "[self_service]\nfactors = ['totp', 'fax']",
        "2: \"fax\" is not a factor",
    ),
    (
        "[self_service]\nfactors = ['totp+pin']",
        "2: \"totp+pin\" is not a factor",
    ),
    (
        "[[rule]]\nsource = 'ldap'",
        "2: \"ldap\" is not known here; expected one of \"local\", \"federated\"",
    ),
    (
        "[[rule]]\nafter = []",
        "2: the list is empty, so the rule could never match",
    ),
    (
        "[[rule]]\nafter = ['publickey ssh-ed25519']",
        "2: \"publickey ssh-ed25519\" is not a method of sshd; expected a method such as \"publickey\"",
    ),
    (
        "[[rule]]\nhours = []",
        "2: the list is empty, so the rule could never match",
    ),
    (
        "[[rule]]\nhours = '08:00-18:00'",
        "2: invalid type: string \"08:00-18:00\"; expected a list in [ ]",
    ),
    (
        "[[rule]]\nhours = ['8-18']",
        "2: \"8-18\" is not a range of hours; expected a range such as \"08:00-18:00\"",
    ),
    (
        "[[rule]]\nhours = [\n'08:00-12:00',\n'13:00-13:00']",
        "4: \"13:00-13:00\" begins where it ends; expected \"00:00-24:00\"",
    ),
    (
        "[[rule]]\nhours = ['24:00-06:00']",
        "2: \"24:00-06:00\" begins at the end of a day",
    ),
    (
        "[[rule]]\ndays = []",
        "2: the list is empty, so the rule could never match",
    ),
    (
        "[[rule]]\ndays = ['weekend']",
        "2: \"weekend\" is not a day; expected a day such as \"sun\" or several such as \"mon-fri\"",
    ),
    (
        "[[rule]]\ndays = ['mon-mon']",
        "2: \"mon-mon\" begins where it ends; expected \"mon\" for the day",
    ),
    (
        "[[rule]]\noperations = []",
        "2: the list is empty, so the rule could never match",
    ),
    (
        "[[rule]]\noperations = ['@staff']",
        "2: \"@staff\" names a group of users",
    ),
    (
        "[[rule]]\nsession = '169h'",
        "2: \"169h\" is out of range; expected 0s to 7d",
    ),
    (
        "[[rule]]\nsession_scope = ['sudo']",
        "2: session_scope shares a session, but session is not set",
    ),
    (
        "[policy]\nsession = '1h'\n[[rule]]\nsession = '0s'\nsession_scope = ['sudo']",
        "5: session_scope shares a session, but session is not set",
    ),
    (
        "[[rule]]\nsession_hosts = 'all'",
        "2: session_hosts = \"all\" shares a session, but session is not set",
    ),
    (
        "[policy]\nsession = '1h'\nsession_hosts = 'some'",
        "3: \"some\" is not known here; expected one of \"this\", \"all\"",
    ),
    (
        "[[rule]]\nhosts = ['web-1', 'web 2']\naction = 'skip'",
        "2: \"web 2\" can't be the name of a host; expected letters, digits",
    ),
    (
        "[[rule]]\nhosts = ['!*']\naction = 'skip'",
        "2: \"!*\" excludes everything",
    ),
    (
        "[[rule]]\nunenrolled = 'never'",
        "2: \"never\" is not known here",
    ),
    (
        "[[rule]]\ngrace = '1d'\nunenrolled = 'allow'",
        "2: grace has no effect with unenrolled = \"allow\"",
    ),
    (
        "[enforcement]\nunenrolled = 'allow'\n[[rule]]\ngrace = '1d'",
        "4: grace has no effect with unenrolled = \"allow\"",
    ),
    (
        "[[rule]]\nlockout = { attempts = 0 }",
        "2: invalid value: integer `0`; expected a whole number from 1 to 100",
    ),
    (
        "[[rule]]\nlockout = { attempts = 3, tries = 1 }",
        "2: unknown key \"tries\" in [lockout]; it is a key of [policy]; expected one of \"attempts\"",
    ),
    (
        "[[rule]]\nlockout = { duration = '366d' }",
        "2: \"366d\" is out of range; expected 1s to 365d",
    ),
    (
        "[[rule]]\nlockout = { attempts = 6, max_consecutive = 5 }",
        "2: max_consecutive = 5 is less than attempts = 6; expected at least 6, or 0",
    ),
    (
        "[lockout]\nmax_consecutive = 10\n[[rule]]\nlockout = { attempts = 20 }",
        "4: max_consecutive = 10 is less than attempts = 20",
    ),
    (
        "[[rule]]\naction = 'skip'\nsession = '15m'",
        "3: session has no effect with action = \"skip\"",
    ),
    (
        "[[rule]]\naction = 'skip'\nsession_hosts = 'all'",
        "3: session_hosts has no effect with action = \"skip\"",
    ),
    (
        "[[rule]]\naction = 'skip'\nsession_scope = []",
        "3: session_scope has no effect with action = \"skip\"",
    ),
    (
        "[[rule]]\naction = 'deny'\nunenrolled = 'deny'",
        "3: unenrolled has no effect with action = \"deny\"",
    ),
    (
        "[[rule]]\ngrace = '0s'\naction = 'deny'",
        "2: grace has no effect with action = \"deny\"",
    ),
    (
        "[[rule]]\naction = 'skip'\nlockout = { attempts = 3 }",
        "3: lockout has no effect with action = \"skip\"",
    ),
];

#[test]
fn what_is_wrong_is_told_with_its_line_and_what_was_expected() {
    let mut differ = Vec::new();
    for (text, message) in WRONG {
        let told = parse(text).unwrap_err().to_string();
        let expected = format!("agent.toml:{message}");
        if !told.starts_with(&expected) || told.lines().count() != 1 {
            differ.push(format!("{text}\n=> {told}\nnot {expected}"));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n\n"));
}
