//! Rules in themselves, and against those before them.

use super::{finds, finds_nothing, lines};

/// Two rules, of which the second stands in line 4.
fn two(first: &str, second: &str) -> String {
    format!(
        "[[rule]]\nname = 'first'\n{first}\n[[rule]]\nname = 'second'\naction = 'skip'\n{second}"
    )
}

#[test]
fn a_rule_that_an_earlier_one_leaves_nothing_to_is_told_with_both_places() {
    for (first, second) in [
        ("users = ['anna']", "users = ['anna']"),
        (
            "users = ['anna', 'bob']",
            "users = ['bob']\nservices = ['login']",
        ),
        ("users = ['*', '!bob']", "users = ['anna']"),
        ("users = ['!bob']", "users = ['*', '!bob']"),
        ("users = ['!bob']", "users = ['!bob', '!anna']"),
        (
            "users = ['@staff', '!@desk']",
            "users = ['@staff', '!bob', '!@desk']",
        ),
        ("users = ['@staff', 'bob']", "users = ['bob']"),
        ("users = ['anna']", "users = ['anna', 'bob', '!bob']"),
        ("users = ['*']\nservices = ['cron']", "services = ['CRON']"),
        (
            "users = ['bob']\nservices = ['!sshd']",
            "users = ['bob']\nservices = ['!SSHD', '!su']",
        ),
        (
            "services = ['cron']\nsource = 'local'",
            "services = ['cron']\nsource = 'local'",
        ),
        (
            "from = ['10.0.0.0/8', '0.0.0.0/0']",
            "from = ['10.1.0.0/16', '192.0.2.7']",
        ),
        (
            "from = ['::/0', '192.0.2.0/24']",
            "from = ['2001:db8::/32', '::ffff:192.0.2.0/120']",
        ),
        ("tty = ['*', '!tty1']", "tty = ['!tty1']"),
        ("tty = ['/dev/pts/1']", "tty = ['pts/1']"),
        (
            "after = ['publickey', 'password']",
            "after = ['password']\nservices = ['sshd']",
        ),
        ("after = ['*']", "after = ['publickey', '!password']"),
        ("after = ['publickey']", "after = ['publickey:sk-*']"),
        (
            "after = ['publickey:sk-*']",
            "after = ['publickey:sk-ssh-ed25519@openssh.com', 'publickey:sk-ssh-*']",
        ),
        ("after = ['!publickey:sk-*']", "after = ['!publickey']"),
        (
            "after = ['!password']",
            "after = ['!password', '!gssapi-with-mic']",
        ),
        ("operations = ['*']", "operations = ['restart']"),
        (
            "hours = ['22:00-06:00']",
            "hours = ['23:00-01:00', '05:00-06:00']",
        ),
        (
            "hours = ['08:00-12:00', '12:00-18:00']",
            "hours = ['09:00-17:00']",
        ),
        ("hours = ['00:00-24:00']", "users = ['bob']"),
        ("days = ['mon-fri', 'sat', 'sun']", "users = ['bob']"),
        ("days = ['fri-mon']", "days = ['sat', 'sun']"),
    ] {
        let place = if first.contains('\n') {
            "agent.toml:5: "
        } else {
            "agent.toml:4: "
        };
        finds(
            &two(first, second),
            place,
            &[
                "rule \"second\" never decides",
                "rule \"first\" at agent.toml:1 ",
            ],
        );
    }
}

#[test]
fn a_rule_that_an_earlier_one_leaves_something_to_is_not() {
    for (first, second) in [
        ("users = ['anna']", ""),
        ("users = ['anna']", "users = ['*']"),
        ("users = ['anna']", "users = ['@staff']"),
        ("users = ['@staff']", "users = ['anna']"),
        ("users = ['!@staff']", "users = ['anna']"),
        ("users = ['!bob']", "users = ['@staff']"),
        ("users = ['!bob']", "users = ['!anna']"),
        ("users = ['anna']\nservices = ['sshd']", "users = ['anna']"),
        (
            "services = ['cron']\nsource = 'local'",
            "services = ['cron']",
        ),
        (
            "services = ['cron']\nsource = 'local'",
            "services = ['cron']\nsource = 'federated'",
        ),
        ("from = ['0.0.0.0/0', '::/0']", ""),
        ("from = ['10.1.0.0/16']", "from = ['10.0.0.0/8']"),
        ("from = ['0.0.0.0/0']", "from = ['2001:db8::/32']"),
        ("tty = ['*']", ""),
        ("operations = ['*']", ""),
        ("operations = ['!restart']", ""),
        ("after = ['*']", ""),
        ("after = ['*']", "after = ['!password']"),
        ("after = ['!password']", "after = ['publickey']"),
        ("after = ['!password']", ""),
        ("after = ['publickey:sk-*']", "after = ['publickey']"),
        ("after = ['publickey:sk-x']", "after = ['publickey:sk-*']"),
        ("after = ['!publickey:sk-*']", "after = ['publickey']"),
        ("hours = ['22:00-06:00']", "hours = ['05:00-07:00']"),
        ("hours = ['08:00-18:00']", ""),
        ("days = ['mon-fri']", "days = ['fri-sat']"),
    ] {
        finds_nothing(&two(first, second));
    }
}

#[test]
fn a_rule_that_takes_out_what_it_names_is_told_once_for_each_list() {
    for list in [
        "users = ['bob', '!bob']",
        "users = ['@staff', '!@staff']",
        "services = ['sudo', '!SUDO']",
        "operations = ['restart', '!restart']",
        "tty = ['tty1', '!/dev/tty1']",
        "after = ['password', '!password']",
    ] {
        let text = format!("[[rule]]\nname = 'x'\naction = 'deny'\n{list}");
        let field = list.split(' ').next().unwrap();
        finds(
            &text,
            "agent.toml:1: ",
            &[
                "rule \"x\" matches nothing",
                &format!("{field} excludes everything"),
            ],
        );
    }
    finds_nothing("[[rule]]\nusers = ['bob', '@staff', '!bob']");
    finds_nothing("[[rule]]\nusers = ['*', '!bob']");
    finds_nothing("[[rule]]\nusers = ['@staff', '!bob']");
}

#[test]
fn addresses_of_services_that_give_none_are_told() {
    let rule = |services: &str| {
        format!(
            "[[rule]]\nname = 'office'\nfrom = ['192.0.2.0/24']\naction = 'skip'\nservices = {services}"
        )
    };
    for (services, words) in [
        (
            "['sudo', '!sudo-i']",
            &[
                "never matches: ",
                "logins through \"sudo\" have none",
                "sudo gives the name of this host",
            ][..],
        ),
        (
            "['Sudo', 'su-l', '!sudo-i']",
            &["never matches: ", "\"Sudo\", \"su-l\"", "su gives none"],
        ),
        ("['radiusd']", &["never matches: ", "FreeRADIUS gives none"]),
        (
            "['sshd', 'sudo', '!sudo-i']",
            &["never matches for \"sudo\": ", "separate rule"],
        ),
        ("['*', 'login']", &["never matches for \"login\": "]),
    ] {
        finds(&rule(services), "agent.toml:1: rule \"office\" ", words);
    }
    for services in [
        "['sshd']",
        "['*']",
        "['!sudo']",
        "['sshd', 'sudo', '!sudo']",
    ] {
        finds_nothing(&rule(services));
    }
    finds_nothing("[[rule]]\nfrom = ['192.0.2.0/24']");
}

#[test]
fn operations_without_their_service_are_told() {
    let rule = |services: &str| format!("[[rule]]\noperations = ['restart']\n{services}");
    for services in ["services = ['cron']", "services = ['!mfactl']"] {
        finds(&rule(services), "agent.toml:1: ", &["add \"mfactl\""]);
    }
    for services in [
        "",
        "services = ['*']",
        "services = ['mfactl', 'cron']",
        "services = ['!sudo']",
    ] {
        finds_nothing(&rule(services));
    }
}

#[test]
fn verified_methods_of_services_other_than_sshd_are_told() {
    let rule = |fields: &str| format!("[[rule]]\n{fields}");
    for (fields, word) in [
        (
            "after = ['publickey']\nservices = ['cron', 'login']",
            "the rule never matches",
        ),
        (
            "after = ['!password']\nservices = ['cron', 'login']",
            "\"after\" changes nothing",
        ),
    ] {
        finds(
            &rule(fields),
            "agent.toml:1: ",
            &[word, "\"cron\", \"login\"", "only sshd reports"],
        );
    }
    for services in [
        "['sshd']",
        "['cron', 'sshd-internal']",
        "['*']",
        "['!sudo']",
    ] {
        finds_nothing(&rule(&format!(
            "after = ['publickey']\nservices = {services}"
        )));
    }
}

#[test]
fn a_long_list_is_cut_short_in_a_finding() {
    let services: Vec<String> = (0..5_000).map(|n| format!("service{n}")).collect();
    finds(
        &format!("[[rule]]\nafter = ['password']\nservices = {services:?}"),
        "agent.toml:1: ",
        &["\"service0\"", "\"service9\" and 4990 more,"],
    );
}

#[test]
fn rules_that_ask_where_nobody_is_asked_are_told() {
    let none = "[enforcement]\nmode = 'none'\n";
    let asks = "[[rule]]\nusers = ['bob']\nrequire = ['pin']\n";
    finds(
        &format!("{none}{asks}"),
        "agent.toml:2: ",
        &["mode = \"none\" asks no user", "the rule that asks"],
    );
    finds(
        &format!("{none}{asks}[[rule]]"),
        "agent.toml:2: ",
        &["the 2 rules that ask"],
    );
    finds_nothing(&format!("{none}[[rule]]\naction = 'deny'\nusers = ['bob']"));
    let local = "[enforcement]\nmode = 'local-users'\n[[rule]]\nname = 'x'\nsource = 'federated'\n";
    finds(
        local,
        "agent.toml:3: rule \"x\" never asks",
        &["local-users", "mode = \"all\""],
    );
    finds_nothing(&format!("{local}action = 'deny'"));
    finds_nothing("[[rule]]\nsource = 'federated'");
}

#[test]
fn sessions_that_are_not_used_or_too_long_are_told() {
    let rule = |fields: &str| format!("[[rule]]\nname = 'x'\nusers = ['bob']\n{fields}");
    finds(
        &rule("services = ['radiusd', 'dovecot']\nprompting = 'single'\nsession = '15m'"),
        "agent.toml:1: rule \"x\" has session = \"15m\"",
        &["through \"radiusd\" have neither", "session = \"0s\""],
    );
    finds_nothing(&rule(
        "services = ['dovecot', 'login']\nprompting = 'single'\nsession = '15m'",
    ));
    finds_nothing(&rule("services = ['radiusd']\nprompting = 'single'"));
    finds(
        &rule("session = '2d'"),
        "agent.toml:1: rule \"x\" has session = \"2d\"",
        &["more than a day"],
    );
    finds_nothing(&rule("session = '24h'"));
    finds(
        "[policy]\nsession = '25h'",
        "[policy] has session = \"25h\"",
        &["more than a day"],
    );
}

#[test]
fn operations_that_are_open_to_everybody_are_told() {
    let open =
        "[enforcement]\nunenrolled = 'allow'\n[[rule]]\nname = 'x'\noperations = ['restart']\n";
    finds(
        open,
        "agent.toml:3: rule \"x\" protects operations",
        &["unenrolled = \"deny\""],
    );
    finds_nothing(&format!("{open}unenrolled = 'deny'"));
    finds_nothing(&format!("{open}action = 'skip'"));
    finds_nothing("[enforcement]\nunenrolled = 'allow'\n[[rule]]\nservices = ['sshd']");
}

#[test]
fn set_up_in_the_login_that_can_set_up_nothing_is_told() {
    let enroll = "[enforcement]\nunenrolled = 'enroll'\n[policy]\n";
    finds(
        &format!("{enroll}require = ['radius', 'radius+pin']\n{RADIUS}"),
        "agent.toml:4: [policy] has unenrolled",
        &["can't set up radius or radius+pin"],
    );
    finds(
        &format!(
            "{enroll}require = ['totp']\n[[rule]]\nname = 'desk'\nservices = ['login']\nrequire = ['radius']\n{RADIUS}"
        ),
        "agent.toml:5: rule \"desk\" has unenrolled",
        &["can't set up radius"],
    );
    for require in [
        "'pin', 'radius'",
        "'totp+pin'",
        "'questions'",
        "'pin+questions'",
    ] {
        finds_nothing(&format!("{enroll}require = [{require}]\n{RADIUS}"));
    }
    finds_nothing(&format!("{enroll}require = ['email+pin']\n{MAILS}"));
    finds_nothing(&format!("{enroll}require = ['email', 'pin']\n{MAILS}"));
    finds_nothing(&format!(
        "{enroll}require = ['totp']\n[[rule]]\nservices = ['openvpn']\nprompting = 'single'"
    ));
}

const RADIUS: &str = "[[radius]]\nname = 'vip'\nservers = ['127.0.0.1']\nsecret_file = '/nowhere'";

const MAILS: &str = "[delivery.email]\nfrom = 'mfa@example.org'\nsendmail = '/usr/sbin/sendmail'";

#[test]
fn a_channel_that_is_turned_off_is_told_and_who_is_hit() {
    let off = format!("{MAILS}\nactive = false\n");
    finds(
        &format!("[policy]\nrequire = ['email', 'totp']\n{off}"),
        "[delivery.email] active = false, so nothing is sent by email.",
        &["are refused", "mfactl users --not-enrolled"],
    );
    finds(&off, "[delivery.email] active = false", &["by email"]);
    let notices = format!("[notify]\nevents = ['locked']\n{off}");
    assert_eq!(lines(&notices).len(), 2);
}

#[test]
fn one_answer_that_needs_more_than_a_code_is_told() {
    let rule = |require: &str| {
        format!("[[rule]]\nname = 'x'\nusers = ['bob']\nprompting = 'single'\nrequire = {require}")
    };
    finds(
        &rule("['totp+pin', 'questions']"),
        "agent.toml:1: rule \"x\" denies every login",
        &["asks for totp+pin or questions", "add \"totp\""],
    );
    finds_nothing(&rule("['totp+pin', 'totp']"));
}

#[test]
fn a_rule_with_several_faults_is_told_of_each() {
    let text = "[[rule]]\nfrom = ['192.0.2.7']\nafter = ['password']\nservices = ['login']\nsession = '2d'";
    assert_eq!(lines(text).len(), 3);
}

#[test]
fn a_rule_for_sudo_or_su_that_forgets_their_login_shells_is_told() {
    let rule = |services: &str| format!("[[rule]]\nname = 'x'\nservices = {services}");
    for (services, words) in [
        ("['sudo']", ["\"sudo-i\"", "\"sudo -i\""]),
        ("['sshd', 'SU']", ["\"su-l\"", "\"su -\""]),
    ] {
        finds(&rule(services), "agent.toml:1: rule \"x\" is for ", &words);
    }
    assert_eq!(lines(&rule("['sudo', 'su']")).len(), 2);
    for services in [
        "['sudo', 'sudo-i']",
        "['sudo', '!sudo-i']",
        "['*']",
        "['su-l']",
    ] {
        finds_nothing(&rule(services));
    }
    let another = "\n[[rule]]\nservices = ['sudo-i']\naction = 'deny'";
    finds_nothing(&(rule("['sudo']") + another));
}

#[test]
fn a_rule_that_asks_for_a_key_alone_where_none_can_be_met_is_told() {
    let rule = |services: &str, require: &str| {
        format!("[[rule]]\nname = 'x'\nservices = {services}\nrequire = {require}")
    };
    for (services, require, named, asked) in [
        ("['login']", "['key']", "through \"login\" can", "key"),
        (
            "['sshd', 'openvpn']",
            "['key+pin', 'key']",
            "\"openvpn\" can",
            "key+pin or key",
        ),
    ] {
        let words = [
            named,
            "only sudo, su, doas and other programs that users start reach an SSH agent",
        ];
        is_told(
            &rule(services, require),
            &format!("agent.toml:1: rule \"x\" asks for {asked} and nothing else"),
            &words,
        );
    }
    for (services, require) in [
        (
            "['sshd', 'sudo', 'sudo-i', 'su', 'su-l', 'doas', 'mfactl']",
            "['key']",
        ),
        ("['login']", "['key', 'totp']"),
        ("['*', '!login']", "['key']"),
    ] {
        finds_nothing(&rule(services, require));
    }
    // What only logins through sshd have.
    for field in [
        "after = ['publickey:sk-*']",
        "from = ['10.0.0.0/8']",
        "tty = ['ssh']",
    ] {
        finds_nothing(&format!("[[rule]]\n{field}\nrequire = ['key']"));
    }
    let asks = "asks for key and nothing else";
    let login = ["no login through \"login\" can use"];
    is_told(&rule("['*']", "['key']"), asks, &login);
    let policy = "[policy]\nrequire = ['key']";
    is_told(policy, asks, &login);
    let console = "\n[[rule]]\nservices = ['login']\nrequire = ['totp']";
    finds_nothing(&(policy.to_owned() + console));
}

/// One of the findings has all these words; others may be about who could log in at all.
fn is_told(text: &str, what: &str, words: &[&str]) {
    let lines = lines(text);
    let is_meant =
        |line: &&String| line.contains(what) && words.iter().all(|word| line.contains(word));
    assert_eq!(
        lines.iter().filter(is_meant).count(),
        1,
        "{text}\n{lines:#?}"
    );
}

#[test]
fn settings_with_which_no_key_counts_are_told() {
    let required = "[key]\nverification = 'required'\n";
    let sshd = "[[rule]]\nname = 'x'\nservices = ['sshd']\nrequire = ['key']\n";
    let words = [
        "no login through \"sshd\" can",
        "does not say that the key asked for a PIN",
    ];
    is_told(
        &(sshd.to_owned() + required),
        "rule \"x\" asks for key and",
        &words,
    );
    is_told(
        &(sshd.to_owned() + "[key]\ntypes = []"),
        "rule \"x\" asks for key and",
        &["[key] types lists no type that counts"],
    );
    let files = "types = ['ssh-ed25519', 'sk-*']";
    is_told(
        &(required.to_owned() + files),
        "[key] types lists \"ssh-ed25519\"",
        &["none of them counts"],
    );
    finds_nothing(&format!("[key]\n{files}"));
}
