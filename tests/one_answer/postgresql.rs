//! PostgreSQL with `pam` in `pg_hba.conf`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use mfa_tests::{Daemon, Machine, Place, run};

use super::{ANNA, attempts, set_up_for};

/// The newest version on this host.
fn program(name: &str) -> PathBuf {
    let versions =
        fs::read_dir("/usr/lib/postgresql").expect("postgresql: run tests/install-needs");
    let mut found: Vec<PathBuf> = versions
        .flatten()
        .map(|version| version.path().join("bin").join(name))
        .filter(|path| path.exists())
        .collect();
    found.sort();
    found.pop().expect("postgresql: run tests/install-needs")
}

fn as_postgres(machine: &Machine, name: &str) -> Command {
    machine.as_user("postgres", &program(name).to_string_lossy())
}

fn start(machine: &Machine) -> Daemon {
    let place = Place::new();
    let data = place.folder_of("data", "postgres");
    let made = run(as_postgres(machine, "initdb").args(["-D", &data, "--auth=trust", "--no-sync"]));
    assert!(made.is_success(), "{made:?}");
    let hba = format!(
        "local all postgres peer\nhost all {ANNA} 127.0.0.1/32 pam pamservice=postgresql pam_use_hostname=0\n"
    );
    fs::write(format!("{data}/pg_hba.conf"), hba).expect("the settings");
    let (port, folder) = (
        place.port.to_string(),
        place.folder_of("socket", "postgres"),
    );
    let mut server = as_postgres(machine, "postgres");
    server.args(["-D", &data, "-p", &port, "-k", &folder, "-h", "127.0.0.1"]);
    let server = place.start(server);
    mfa_tests::eventually("a role", || {
        let mut psql = machine.as_user("postgres", "psql");
        let role = format!("create role \"{ANNA}\" login");
        let output = run(psql.args(["-h", &folder, "-p", &port, "-c", &role, "postgres"]));
        output.is_success().then_some(())
    });
    server
}

fn connects(server: &Daemon, password: &str) -> bool {
    let mut psql = Command::new("psql");
    psql.env("PGPASSWORD", password);
    let place = format!(
        "host=127.0.0.1 port={} user={ANNA} dbname=postgres",
        server.port()
    );
    run(psql.args(["-t", "-c", "select 'in'", &place]))
        .stdout
        .contains("in")
}

#[test]
fn a_client_gives_password_and_code_in_one_answer() {
    Machine::run(|machine| {
        let (agent, key) = set_up_for(machine, "postgresql", "postgres");
        let server = start(machine);
        for (typed, passes) in attempts(&key) {
            assert_eq!(connects(&server, &typed), passes, "{typed}");
        }
        let event = &agent.logins_of(ANNA, 5)[3];
        assert_eq!(event.text("result"), "passed");
        assert_eq!(event.text("rhost"), "127.0.0.1");
    });
}
