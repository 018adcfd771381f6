//! The module leaves the program that loads it unchanged.

use std::process::Command;

use mfa_tests::{Agent, Login, Stack, built, run};

/// Number of logins in one process.
const LOGINS: usize = 100;

/// An agent with many allowed attempts.
fn patient_agent() -> Agent {
    let agent = Agent::with("[lockout]\nattempts = 100\nmax_consecutive = 0\n");
    agent.admin().pin("anna", "4826");
    agent
}

#[test]
fn valgrind_finds_nothing_in_a_hundred_logins_of_one_process() {
    let agent = patient_agent();
    let stack = Stack::at(agent.socket(), "timeout=60");
    // Reachable memory belongs to libc and the loader; libpam's dlopen leaves it behind.
    let valgrind = [
        "valgrind",
        "--error-exitcode=99",
        "--leak-check=full",
        "--show-leak-kinds=definite,indirect,possible",
        "--errors-for-leak-kinds=definite,indirect,possible",
        "--track-fds=yes",
    ];
    for (answer, result) in [("4826", "PAM_SUCCESS"), ("0000", "PAM_AUTH_ERR")] {
        let seen = Login::of("anna")
            .answer(answer)
            .times(LOGINS)
            .under(&valgrind)
            .run(&stack);
        assert_eq!(seen.results(), vec![result; LOGINS], "{}", seen.stderr);
        assert!(
            seen.stderr.contains("ERROR SUMMARY: 0 errors"),
            "{}",
            seen.stderr
        );
    }
}

#[test]
fn a_program_loads_the_module_once_and_keeps_it() {
    let agent = patient_agent();
    let seen = Login::of("anna")
        .answer("4826")
        .times(3)
        .under(&["env", "LD_DEBUG=files"])
        .run(&Stack::asking(&agent));
    assert_eq!(seen.results(), ["PAM_SUCCESS"; 3]);
    let count = |what: &str| {
        let is_counted = |line: &&str| line.contains("pam_mfa.so") && line.contains(what);
        seen.stderr.lines().filter(is_counted).count()
    };
    assert_eq!(count("generating link map"), 1, "{}", seen.stderr);
    // At the program's end, and not after each login.
    assert!(count("calling fini") <= 1, "{}", seen.stderr);
}

#[test]
fn descriptors_do_not_grow_over_a_hundred_logins() {
    let agent = patient_agent();
    let stack = Stack::asking(&agent);
    for answer in ["4826", "0000"] {
        let seen = Login::of("anna")
            .option("--descriptors")
            .answer(answer)
            .times(LOGINS)
            .run(&stack);
        assert_eq!(seen.results().len(), LOGINS);
        let line = seen.lines("descriptors: ")[0];
        let (before, after) = line.split_once(" before, ").expect("a count");
        assert_eq!(Some(before), after.strip_suffix(" after"), "{line}");
    }
}

#[test]
fn descriptors_do_not_grow_over_logins_that_find_no_agent() {
    let folder = tempfile::tempdir().unwrap();
    let stack = Stack::at(&folder.path().join("agent.sock"), "");
    let seen = Login::of("anna")
        .option("--descriptors")
        .times(LOGINS)
        .run(&stack);
    assert_eq!(seen.results(), vec!["PAM_AUTHINFO_UNAVAIL"; LOGINS]);
    let line = seen.lines("descriptors: ")[0];
    let (before, after) = line.split_once(" before, ").expect("a count");
    assert_eq!(Some(before), after.strip_suffix(" after"), "{line}");
}

#[test]
fn a_login_fits_on_a_stack_of_64_kib() {
    let agent = patient_agent();
    let stack = Stack::asking(&agent);
    let service = std::fs::read_to_string(stack.path().join("other")).unwrap();
    assert!(service.contains("pam_mfa"), "{service}");
    // ocserv gives PAM 96 KiB, and libpam needs some of them itself.
    let login = Login::of("anna").option("--stack-kib=96").answer("4826");
    let seen = login.run(&stack);
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    let line = seen.lines("stack: ")[0];
    let used: usize = line.trim_end_matches(" bytes").parse().expect("a size");
    let without = stack_of_libpam_alone();
    assert!(
        used.saturating_sub(without) <= 64 * 1024,
        "{used} with us, {without} without"
    );
}

fn stack_of_libpam_alone() -> usize {
    let stack = Stack::of("auth required pam_permit.so\n");
    let seen = Login::of("anna").option("--stack-kib=96").run(&stack);
    seen.lines("stack: ")[0]
        .trim_end_matches(" bytes")
        .parse()
        .expect("a size")
}

#[test]
fn the_module_exports_its_six_functions_and_nothing_else() {
    let output = run(Command::new("nm")
        .args(["--dynamic", "--defined-only"])
        .arg(&built().module));
    let mut names: Vec<&str> = output
        .stdout
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .collect();
    names.sort_unstable();
    let expected = [
        "pam_sm_acct_mgmt",
        "pam_sm_authenticate",
        "pam_sm_chauthtok",
        "pam_sm_close_session",
        "pam_sm_open_session",
        "pam_sm_setcred",
    ];
    assert_eq!(names, expected, "{output:?}");
}

#[test]
fn the_released_module_is_under_500_kilobytes() {
    // A debug build contains code that a release leaves out.
    if built()
        .module
        .parent()
        .is_some_and(|folder| folder.ends_with("release"))
    {
        let size = std::fs::metadata(&built().module).unwrap().len();
        assert!(size < 500_000, "{size} bytes");
    }
}

#[test]
fn a_closed_socket_does_not_kill_the_host_by_signal() {
    let impostor = mfa_tests::Impostor::start(mfa_tests::Manner::HangsUp);
    let seen = Login::of("anna")
        .times(5)
        .run(&Stack::at(&impostor.socket(), ""));
    assert_eq!(seen.results(), ["PAM_AUTHINFO_UNAVAIL"; 5], "{seen:?}");
}
