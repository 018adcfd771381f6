//! MariaDB with its plugin `pam`, whose client shows every prompt.

use std::process::Command;
use std::sync::Mutex;

use mfa_tests::{Daemon, Machine, Place, Pty, eventually, run};

use super::{ANNA, PASSWORD, attempts};

fn start(more: &[&str]) -> Daemon {
    let place = Place::new();
    let data = place.folder_of("data", "mysql");
    let data = format!("--datadir={data}");
    let mut install = Command::new("mariadb-install-db");
    let made = run(install.args([
        "--no-defaults",
        "--user=mysql",
        "--auth-root-authentication-method=socket",
        &data,
    ]));
    assert!(made.is_success(), "{made:?}");
    let mut server = Command::new("/usr/sbin/mariadbd");
    server
        .args([
            "--no-defaults",
            "--user=mysql",
            "--bind-address=127.0.0.1",
            &data,
        ])
        .args([&format!(
            "--socket={}",
            place.folder_of("run", "mysql") + "/socket"
        )])
        .args([
            &format!("--port={}", place.port),
            "--plugin-load-add=auth_pam.so",
        ])
        .args(more);
    let server = place.start(server);
    let socket = server.path("run/socket").to_string_lossy().into_owned();
    eventually("a user", || {
        let mut client = Command::new("mariadb");
        let text = format!("create user '{ANNA}'@'localhost' identified via pam using 'mariadb'");
        let output = run(client.args([
            "--no-defaults",
            "--socket",
            &socket,
            "-u",
            "root",
            "-e",
            &text,
        ]));
        output.is_success().then_some(())
    });
    server
}

/// `mariadb-install-db` fails beside another.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn its_own_client_asks_for_password_and_code() {
    let _alone = ALONE.lock();
    Machine::run(|machine| {
        let (agent, key) = super::set_up_of(machine, "mariadb", "mariadb", "");
        let server = start(&[]);
        let port = server.port().to_string();
        let client = |code: &str| {
            let line = [
                "--no-defaults",
                "-h",
                "127.0.0.1",
                "-P",
                &port,
                "-u",
                ANNA,
                "-N",
                "-e",
                "select 'you are in'",
            ];
            let mut client = Pty::spawn("mariadb", &line);
            client.answer("Password: ", PASSWORD);
            client.answer("OTP code: ", code);
            client.finish().0.contains("you are in")
        };
        assert!(!client(&key.wrong_code()));
        assert!(client(&key.code(0)));
        assert_eq!(agent.logins_of(ANNA, 2)[1].text("result"), "passed");
    });
}

#[test]
fn a_client_without_dialogue_gives_password_and_code_in_one_answer() {
    let _alone = ALONE.lock();
    Machine::run(|machine| {
        let (_agent, key) =
            super::set_up_of(machine, "mariadb", "password+code", &super::rule("mariadb"));
        let server = start(&["--pam-use-cleartext-plugin=ON"]);
        let port = server.port().to_string();
        for (typed, passes) in attempts(&key) {
            let mut client = Command::new("mariadb");
            client.env("MYSQL_PWD", &typed).args([
                "--no-defaults",
                "-h",
                "127.0.0.1",
                "-P",
                &port,
                "-u",
                ANNA,
            ]);
            let output = run(client.args([
                "--enable-cleartext-plugin",
                "-N",
                "-e",
                "select 'you are in'",
            ]));
            assert_eq!(
                output.stdout.contains("you are in"),
                passes,
                "{typed} {output:?}"
            );
        }
    });
}
