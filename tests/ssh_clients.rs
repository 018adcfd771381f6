//! Other clients than OpenSSH's, and programs that use its connection: paramiko, libssh2, rsync, git,
//! Ansible, mosh.

use std::fs;
use std::path::Path;
use std::process::Command;

use mfa_tests::{Agent, Key, Machine, Pty, Sshd, run};

const PASSWORD: &str = "correct horse";
const ANNA: &str = "mfat-anna";
const BY_CONVERSATION: &str = "PasswordAuthentication no\nAuthenticationMethods keyboard-interactive\n\
                               Subsystem sftp internal-sftp";

fn set_up(machine: &Machine, stack: &str, settings: &str) -> (Agent, Key, Sshd) {
    machine.user(ANNA, PASSWORD);
    let shipped = mfa_tests::built().tree.join("config/pam.d").join(stack);
    machine.stack("sshd", &fs::read_to_string(shipped).expect("a stack"));
    let agent = Agent::at_default_socket(settings);
    let key = agent.admin().device(ANNA);
    let sshd = Sshd::start(machine, BY_CONVERSATION);
    (agent, key, sshd)
}

const ONE_ANSWER: &str =
    "[[rule]]\nservices = [\"sshd\"]\nrequire = [\"totp\"]\nprompting = \"single\"\n";

/// Runs Python with paramiko; the text prints what it finds.
fn python(sshd: &Sshd, text: &str, typed: &[&str]) -> String {
    let mut python = Command::new("/usr/bin/python3");
    python
        .args(["-c", text, &sshd.port().to_string(), ANNA])
        .args(typed);
    let output = run(&mut python);
    format!("{}{}", output.stdout, output.stderr)
}

const BY_PROMPTS: &str = "
import paramiko, socket, sys
port, user, password, code = int(sys.argv[1]), *sys.argv[2:]
def answer(title, instructions, prompts):
    return [password if 'assword' in text else code for text, echo in prompts]
transport = paramiko.Transport(socket.create_connection(('127.0.0.1', port)))
transport.start_client()
try:
    transport.auth_interactive(user, answer)
    print('in' if transport.is_authenticated() else 'out')
except paramiko.AuthenticationException:
    print('out')
transport.close()
";

const BY_PASSWORD: &str = "
import paramiko, sys
port, user, password = int(sys.argv[1]), *sys.argv[2:]
client = paramiko.SSHClient()
client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
try:
    client.connect('127.0.0.1', port, user, password, allow_agent=False, look_for_keys=False)
    print('in' if client.exec_command('echo yes')[1].read() == b'yes\\n' else 'out')
except paramiko.AuthenticationException:
    print('out')
client.close()
";

#[test]
fn paramiko_answers_each_prompt_with_auth_interactive() {
    Machine::run(|machine| {
        let (agent, key, sshd) = set_up(machine, "sshd", "");
        let wrong = python(&sshd, BY_PROMPTS, &[PASSWORD, &key.wrong_code()]);
        assert_eq!(wrong.trim(), "out");
        let right = python(&sshd, BY_PROMPTS, &[PASSWORD, &key.code(0)]);
        assert_eq!(right.trim(), "in");
        let results: Vec<String> = agent
            .logins_of(ANNA, 2)
            .iter()
            .map(|e| e.text("result").to_owned())
            .collect();
        assert_eq!(results, ["wrong", "passed"]);
    });
}

#[test]
fn paramikos_connect_gives_one_answer_and_locks_nobody_where_two_are_asked_for() {
    Machine::run(|machine| {
        let (agent, _, sshd) = set_up(machine, "sshd", "");
        for _ in 0..6 {
            assert_eq!(python(&sshd, BY_PASSWORD, &[PASSWORD]).trim(), "out");
        }
        assert_eq!(agent.admin().status(ANNA).failures, 0);
    });
    Machine::run(|machine| {
        let (_agent, key, sshd) = set_up(machine, "password+code", ONE_ANSWER);
        let typed = format!("{PASSWORD}{}", key.code(0));
        assert_eq!(python(&sshd, BY_PASSWORD, &[&typed]).trim(), "in");
        assert_eq!(python(&sshd, BY_PASSWORD, &[&typed]).trim(), "out");
    });
}

/// Lists a folder by curl, whose SFTP is libssh2's.
fn curl(sshd: &Sshd, typed: &str, folder: &Path) -> bool {
    let url = format!("sftp://127.0.0.1:{}{}/", sshd.port(), folder.display());
    let user = format!("{ANNA}:{typed}");
    let mut curl = Command::new("curl");
    let output = run(curl.args([
        "--silent",
        "--insecure",
        "--list-only",
        "--user",
        &user,
        &url,
    ]));
    output.stdout.contains("a-file")
}

#[test]
fn libssh2_in_curl_gives_password_and_code_in_one_answer() {
    let files = tempfile::tempdir().unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(files.path(), mode).unwrap();
    fs::write(files.path().join("a-file"), "").unwrap();
    let folder = files.path().to_owned();
    Machine::run(move |machine| {
        let (agent, key, sshd) = set_up(machine, "password+code", ONE_ANSWER);
        assert!(!curl(
            &sshd,
            &format!("{PASSWORD}{}", key.wrong_code()),
            &folder
        ));
        let typed = format!("{PASSWORD}{}", key.code(0));
        assert!(curl(&sshd, &typed, &folder));
        assert!(!curl(&sshd, &typed, &folder), "a used code");
        assert_eq!(agent.logins_of(ANNA, 1)[0].text("result"), "wrong");
    });
}

/// A connection that others use: ssh asks for password and code once.
fn master(sshd: &Sshd, key: &Key, path: &str) -> Pty {
    let options = [
        "-o",
        "ControlMaster=yes",
        "-o",
        path,
        "-o",
        "ControlPersist=no",
    ];
    let mut master = sshd.client_of(ANNA, &options, "echo open; cat");
    master.answer("Password: ", PASSWORD);
    master.answer("OTP code: ", &key.code(0));
    master.expect("open");
    master
}

#[test]
fn rsync_git_and_ansible_use_an_open_connection_without_another_code() {
    Machine::run(|machine| {
        let (agent, key, sshd) = set_up(machine, "sshd", "");
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let path = format!("ControlPath={}", at("master"));
        let mut connection = master(&sshd, &key, &path);
        let ssh = format!(
            "ssh -F /dev/null -o {path} -o ControlMaster=no -o BatchMode=yes -p {}",
            sshd.port()
        );

        let remote = format!("/run/home/{ANNA}/copy");
        fs::write(at("file"), "a file").unwrap();
        let target = format!("{ANNA}@127.0.0.1:{remote}");
        let rsync = run(Command::new("rsync").args(["-e", &ssh, &at("file"), &target]));
        assert!(rsync.is_success(), "{rsync:?}");
        assert_eq!(fs::read_to_string(&remote).unwrap(), "a file");

        let bare = format!("/run/home/{ANNA}/repo.git");
        let made = run(machine
            .as_user(ANNA, "git")
            .args(["init", "--quiet", "--bare", &bare]));
        assert!(made.is_success(), "{made:?}");
        let url = format!("ssh://{ANNA}@127.0.0.1:{}{bare}", sshd.port());
        let mut git = Command::new("git");
        git.env("GIT_SSH_COMMAND", &ssh)
            .args(["clone", "--quiet", &url, &at("clone")]);
        let cloned = run(&mut git);
        assert!(cloned.is_success(), "{cloned:?}");

        let mut ansible = Command::new("ansible");
        ansible
            .env("HOME", folder.path())
            .env("LC_ALL", "C.UTF-8")
            .args(["all", "-i", "127.0.0.1,", "-u", ANNA, "-m", "ping"])
            .args(["-e", "ansible_python_interpreter=/usr/bin/python3"])
            .args(["-e", &format!("ansible_port={}", sshd.port())])
            .args([
                "--ssh-common-args",
                &format!("-F /dev/null -o {path} -o ControlMaster=no -o BatchMode=yes"),
            ]);
        let ping = run(&mut ansible);
        assert!(ping.stdout.contains("pong"), "{ping:?}");

        assert_eq!(agent.logins_of(ANNA, 1).len(), 1);
        assert_eq!(
            agent
                .events()
                .iter()
                .filter(|e| e.text("event") == "login")
                .count(),
            1
        );
        connection.kill();
        let closed = run(Command::new("rsync").args(["-e", &ssh, &at("file"), &target]));
        assert!(!closed.is_success(), "{closed:?}");
    });
}

#[test]
fn mosh_asks_once_at_its_start() {
    Machine::run(|machine| {
        let (agent, key, sshd) = set_up(machine, "sshd", "");
        let ssh = format!(
            "--ssh=ssh -F /dev/null -p {} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null",
            sshd.port()
        );
        let target = format!("{ANNA}@127.0.0.1");
        let server = "--server=env LC_ALL=C.UTF-8 mosh-server";
        // mosh wants a terminal of some size, and a name for what it can do.
        let start = "stty rows 24 cols 80; export TERM=xterm; exec \"$@\"";
        let inside = "echo you are in; read x";
        let mut mosh = Pty::spawn(
            "sh",
            &[
                "-c", start, "sh", "mosh", &ssh, server, &target, "--", "sh", "-c", inside,
            ],
        );
        mosh.answer("Password: ", PASSWORD);
        mosh.answer("OTP code: ", &key.code(0));
        mosh.expect("you are in");
        mosh.kill();
        assert_eq!(agent.logins_of(ANNA, 1)[0].text("result"), "passed");
    });
}
