//! vsftpd and ProFTPD.

use std::process::Command;

use mfa_tests::{Daemon, Machine, Place, built};

use super::{ANNA, attempts, set_up};

fn vsftpd() -> Daemon {
    let place = Place::new();
    std::fs::create_dir(place.path("empty")).expect("a folder");
    let settings = place.settings(
        "vsftpd.conf",
        "listen=YES\nlisten_address=127.0.0.1\nlisten_port=@PORT@\nbackground=NO\nanonymous_enable=NO\n\
         local_enable=YES\npam_service_name=vsftpd\nsecure_chroot_dir=@FOLDER@/empty\n",
    );
    let mut vsftpd = Command::new("/usr/sbin/vsftpd");
    vsftpd.arg(settings);
    place.start(vsftpd)
}

fn proftpd(order: &str) -> Daemon {
    let place = Place::new();
    let settings = place.settings(
        "proftpd.conf",
        &"LoadModule mod_auth_pam.c\nServerType standalone\nDefaultAddress 127.0.0.1\nPort @PORT@\nUser nobody\n\
         Group nogroup\nUseIPv6 off\nUseReverseDNS off\nScoreboardFile @FOLDER@/board\nPidFile @FOLDER@/pid\n\
         DelayTable @FOLDER@/delay\nSystemLog @FOLDER@/log\nWtmpLog off\nTransferLog none\nRequireValidShell off\n\
         AuthPAM on\nAuthPAMConfig proftpd\nAuthOrder @ORDER@\n"
            .replace("@ORDER@", order),
    );
    // Debian lets a host have one FTP server: tests/install-needs unpacks this one beside vsftpd.
    let program = built().target().join("proftpd/usr/sbin/proftpd");
    let mut proftpd = Command::new(program);
    proftpd.args(["--nodaemon", "--config", &settings]);
    place.start(proftpd)
}

fn logs_in(server: &Daemon, password: &str) -> bool {
    let lines = [
        (format!("USER {ANNA}"), "331 "),
        (format!("PASS {password}"), ""),
    ];
    server.talk("220", &lines)[1].starts_with("230")
}

#[test]
fn vsftpd_takes_password_and_code_in_one_answer() {
    Machine::run(|machine| {
        let (agent, key) = set_up(machine, "vsftpd");
        let server = vsftpd();
        for (typed, passes) in attempts(&key) {
            assert_eq!(logs_in(&server, &typed), passes, "{typed}");
        }
        let event = &agent.logins_of(ANNA, 5)[3];
        assert_eq!(event.text("result"), "passed");
        assert_eq!(event.text("rhost"), "127.0.0.1");
    });
}

#[test]
fn proftpd_takes_password_and_code_in_one_answer_if_pam_decides_alone() {
    Machine::run(|machine| {
        let (agent, key) = set_up(machine, "proftpd");
        let server = proftpd("mod_auth_pam.c* mod_auth_unix.c");
        for (typed, passes) in attempts(&key) {
            assert_eq!(logs_in(&server, &typed), passes, "{typed}");
        }
        let event = &agent.logins_of(ANNA, 5)[3];
        assert_eq!(event.text("result"), "passed");
        assert_eq!(event.text("rhost"), "127.0.0.1");
    });
}

#[test]
fn proftpd_without_the_star_lets_in_by_the_password_alone() {
    Machine::run(|machine| {
        let (_agent, _) = set_up(machine, "proftpd");
        assert!(logs_in(
            &proftpd("mod_auth_pam.c mod_auth_unix.c"),
            super::PASSWORD
        ));
        assert!(!logs_in(
            &proftpd("mod_auth_pam.c* mod_auth_unix.c"),
            super::PASSWORD
        ));
    });
}
