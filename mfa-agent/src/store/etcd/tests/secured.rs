//! Servers with TLS, certificates of clients, users and passwords.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use crate::store::fleet::Term;

/// Keys and certificates of a test, in a folder.
struct Authority(tempfile::TempDir);

impl Authority {
    fn new() -> Self {
        let authority = Self(tempfile::tempdir().unwrap());
        authority.openssl(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-subj",
            "/CN=test",
            "-days",
            "2",
        ]);
        authority
    }

    fn openssl(&self, arguments: &[&str]) {
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// A certificate with its key; without extensions it is one of version 1.
    fn sign(&self, name: &str, extensions: Option<&str>) {
        self.sign_for(name, extensions, 2);
    }

    /// The same for so many days.
    fn sign_for(&self, name: &str, extensions: Option<&str>, days: u32) {
        let days = days.to_string();
        let (key, request, certificate) = (
            format!("{name}.key"),
            format!("{name}.csr"),
            format!("{name}.pem"),
        );
        self.openssl(&[
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            &key,
            "-out",
            &request,
            "-subj",
            &format!("/CN={name}"),
        ]);
        let file = format!("{name}.ext");
        std::fs::write(self.0.path().join(&file), extensions.unwrap_or_default()).unwrap();
        let mut arguments = vec![
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-out",
            &certificate,
            "-days",
            &days,
        ];
        if extensions.is_some() {
            arguments.extend(["-extfile", &file]);
        }
        self.openssl(&arguments);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn options(&self, server: &str) -> Vec<String> {
        [
            ("--cert-file", format!("{server}.pem")),
            ("--key-file", format!("{server}.key")),
            ("--trusted-ca-file", "ca.pem".to_owned()),
        ]
        .iter()
        .map(|(option, file)| format!("{option}={}", self.path(file).display()))
        .chain(["--client-cert-auth".to_owned()])
        .collect()
    }

    fn identity(&self, name: &str) -> Option<ClientIdentity> {
        Some(ClientIdentity {
            certificate: self.path(&format!("{name}.pem")),
            key: self.path(&format!("{name}.key")),
        })
    }
}

fn why_not(access: &Access) -> String {
    let store = EtcdStore::new(access).unwrap();
    store.core.client.slowness.store(2, Ordering::Relaxed);
    let why = || store.contact(&TakesAll).unwrap_err().to_string();
    // A node that has just started on a busy machine may be asked too early.
    let is_slow = |why: &String| why.contains("no time was left") || why.contains("in time");
    let mut tries = std::iter::repeat_with(why).take(30);
    tries.find(|why| !is_slow(why)).expect("an answer in time")
}

const SERVER: &str = "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n";

#[test]
fn certificates_of_both_sides_are_checked_and_what_is_wrong_is_told() {
    let Some(_turn) = turn() else {
        return;
    };
    let authority = Authority::new();
    authority.sign("server", Some(SERVER));
    authority.sign(
        "other-name",
        Some("subjectAltName=DNS:etcd1.example.org\nextendedKeyUsage=serverAuth,clientAuth\n"),
    );
    authority.sign("old", None);
    authority.sign("host", Some("extendedKeyUsage=clientAuth\n"));
    let mut nodes = Node::cluster(1, "https", &authority.options("server"));
    let node = nodes.pop().unwrap();
    let good = Access {
        roots: Roots::File(authority.path("ca.pem")),
        identity: authority.identity("host"),
        ..access(&[node.url()])
    };
    let store = open(&good);
    assert_eq!(store.swap(new(b"a", b"1")).unwrap(), Swap::Done);
    assert_eq!(store.load(b"a").unwrap().unwrap().bytes, b"1");

    let without = Access {
        identity: None,
        ..good.clone()
    };
    let why = why_not(&without);
    assert!(why.contains("[store] cert_file"), "{why}");
    let stranger = Authority::new();
    stranger.sign("host", Some("extendedKeyUsage=clientAuth\n"));
    let of_stranger = Access {
        identity: stranger.identity("host"),
        ..good.clone()
    };
    let why = why_not(&of_stranger);
    assert!(why.contains("[store] cert_file"), "{why}");
    let wrong_roots = Access {
        roots: Roots::File(stranger.path("ca.pem")),
        ..good.clone()
    };
    let why = why_not(&wrong_roots);
    assert!(why.contains("[store] ca_file"), "{why}");
    for (server, words) in [("other-name", "[store] endpoints"), ("old", "version 3")] {
        let mut nodes = Node::cluster(1, "https", &authority.options(server));
        let node = nodes.pop().unwrap();
        let access = Access {
            endpoints: vec![node.url().parse().unwrap()],
            ..good.clone()
        };
        let why = why_not(&access);
        assert!(why.contains(words), "{server}: {why}");
    }
}

#[test]
fn files_that_are_no_certificates_or_keys_are_refused_by_name() {
    let authority = Authority::new();
    authority.sign("host", Some(SERVER));
    let access = |certificate: &Path, key: &Path| Access {
        identity: Some(ClientIdentity {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        }),
        ..access(&["https://127.0.0.1:1".to_owned()])
    };
    let error = |certificate: &Path, key: &Path| {
        EtcdStore::new(&access(certificate, key))
            .err()
            .unwrap()
            .to_string()
    };
    let (pem, key) = (authority.path("host.pem"), authority.path("host.key"));
    assert!(error(&key, &key).contains("cert_file"));
    assert!(error(&pem, &pem).contains("cert_key_file"));
    assert!(error(Path::new("/nowhere"), &key).contains("/nowhere"));
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let exposed = error(&pem, &key);
    assert!(exposed.contains("chmod 0600"), "{exposed}");
    authority.sign("other", Some(SERVER));
    let different = error(&pem, &authority.path("other.key"));
    assert!(different.contains("is not the key"), "{different}");
}

const HOST: &str = "extendedKeyUsage=clientAuth\n";

/// One file after the other, as one.
fn join(files: &[PathBuf], into: &Path) {
    let parts: Vec<_> = files
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect();
    std::fs::write(into, parts.concat()).unwrap();
}

#[test]
fn a_renewed_certificate_is_used_without_a_restart_and_a_broken_one_is_not() {
    let Some(_turn) = turn() else {
        return;
    };
    let (authority, next) = (Authority::new(), Authority::new());
    authority.sign("server", Some(SERVER));
    authority.sign_for("host", Some(HOST), 0);
    let roots = authority.path("roots.pem");
    join(&[authority.path("ca.pem")], &roots);
    let mut nodes = Node::cluster(1, "https", &authority.options("server"));
    let mut node = nodes.pop().unwrap();
    authority.sign("maker", Some(HOST));
    let access = |identity| Access {
        roots: Roots::File(roots.clone()),
        identity,
        ..access(&[node.url()])
    };
    let maker = EtcdStore::new(&access(authority.identity("maker"))).unwrap();
    soon("the store is made", || match maker.contact(&TakesAll) {
        Ok(Contact::Refused(Looked::Nothing, _)) => maker.create(ID).is_ok(),
        Ok(Contact::Admitted(_)) => true,
        _ => false,
    });
    // The agent starts with a certificate that has ended.
    let store = EtcdStore::new(&access(authority.identity("host"))).unwrap();
    store.start(Arc::new(TakesAll)).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    store.load(b"a").unwrap_err();
    authority.sign("host", Some(HOST));
    soon("the new certificate is used", || store.load(b"a").is_ok());

    // Of another authority, and its key is not there yet.
    let (pem, key) = (authority.path("host.pem"), authority.path("host.key"));
    next.sign("host", Some(HOST));
    std::fs::copy(next.path("host.pem"), &pem).unwrap();
    let fleet = store.fleet().unwrap();
    fleet.renew_certificates();
    store.load(b"a").unwrap();
    let told = fleet.certificates()[0].term.clone().unwrap_err();
    assert!(told.contains("is not the key"), "{told}");
    std::fs::copy(next.path("host.key"), &key).unwrap();

    // The servers come from the new authority, and trust both.
    let ca = authority.path("ca.pem");
    join(&[ca.clone(), next.path("ca.pem")], &authority.path("both"));
    join(&[authority.path("both")], &ca);
    next.sign("server", Some(SERVER));
    node.stop();
    for file in ["server.pem", "server.key"] {
        std::fs::copy(next.path(file), authority.path(file)).unwrap();
    }
    node.start_again();
    soon("the host knows only the old one", || {
        store
            .load(b"a")
            .is_err_and(|e| e.to_string().contains("ca_file"))
    });
    join(&[ca], &roots);
    soon("it knows both", || store.load(b"a").is_ok());
}

#[test]
fn it_is_told_when_certificates_end() {
    let (authority, next) = (Authority::new(), Authority::new());
    authority.sign_for("host", Some(HOST), 100);
    let file = authority.path("host.pem");
    let terms = |roots: &Path| {
        let access = Access {
            roots: Roots::File(roots.to_owned()),
            identity: authority.identity("host"),
            ..access(&["https://127.0.0.1:1".to_owned()])
        };
        let store = EtcdStore::new(&access).unwrap();
        store.fleet().unwrap().certificates()
    };
    let now = jiff::Timestamp::now();
    let days = |term: &Term| (term.ends.duration_since(now).as_hours() + 12) / 24;
    let found = terms(&authority.path("ca.pem"));
    let keys: Vec<_> = found.iter().map(|it| (it.key, it.file.clone())).collect();
    let ca = authority.path("ca.pem");
    assert_eq!(keys, [("cert_file", file.clone()), ("ca_file", ca.clone())]);
    let both: Vec<_> = found.iter().map(|it| it.term.clone().unwrap()).collect();
    assert_eq!(both.iter().map(days).collect::<Vec<_>>(), [100, 2]);
    assert!(both[0].holds(now) && !both[0].ends_soon(now) && both[1].ends_soon(now));
    // A chain ends with its first one, and authorities with the last one.
    join(&[file.clone(), ca.clone()], &authority.path("chain"));
    join(&[authority.path("chain")], &file);
    next.openssl(&[
        "x509", "-in", "ca.pem", "-signkey", "ca.key", "-days", "200", "-out", "longer",
    ]);
    let roots = authority.path("roots.pem");
    join(&[ca, next.path("longer")], &roots);
    let found = terms(&roots);
    let both: Vec<_> = found.iter().map(|it| it.term.clone().unwrap()).collect();
    assert_eq!(both.iter().map(days).collect::<Vec<_>>(), [2, 200]);
    authority.sign_for("host", Some(HOST), 0);
    let term = terms(&roots)[0].term.clone().unwrap();
    let later = now
        .checked_add(jiff::SignedDuration::from_secs(120))
        .unwrap();
    assert!(!term.holds(later) && term.ends_soon(now));
}

#[test]
fn a_user_with_a_password_gets_a_token_and_a_new_one_when_the_servers_forget_it() {
    let Some(_turn) = turn() else {
        return;
    };
    let mut node = Node::start();
    drop(open(&access(&[node.url()])));
    for arguments in [
        ["user", "add", "root:toor"].as_slice(),
        &["role", "add", "fleet"],
        &[
            "role",
            "grant-permission",
            "fleet",
            "--prefix=true",
            "readwrite",
            "/test/",
        ],
        &["user", "add", "pam-mfa:secret"],
        &["user", "grant-role", "pam-mfa", "fleet"],
        &["user", "grant-role", "root", "root"],
        &["auth", "enable"],
    ] {
        node.etcdctl(arguments);
    }
    let folder = tempfile::tempdir().unwrap();
    let password = |text: &str| {
        let file = folder.path().join(text);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        file
    };
    let with = |user: &str, text: &str| Access {
        login: Some((user.to_owned(), password(text))),
        ..access(&[node.url()])
    };
    let good = with("pam-mfa", "secret");
    let wrong = with("pam-mfa", "guess");
    let elsewhere = Access {
        prefix: "/other/".to_owned(),
        ..good.clone()
    };
    let nobody = access(&[node.url()]);
    let store = open(&good);
    assert_eq!(store.swap(new(b"a", b"1")).unwrap(), Swap::Done);
    let why = why_not(&wrong);
    assert!(
        why.contains("password_file") && !why.contains("guess"),
        "{why}"
    );
    let why = why_not(&elsewhere);
    assert!(
        why.contains("permission denied") && why.contains("role"),
        "{why}"
    );
    let why = why_not(&nobody);
    assert!(why.contains("user name is empty"), "{why}");
    node.stop();
    node.start_again();
    soon("it works with a new token", || store.load(b"a").is_ok());
}
