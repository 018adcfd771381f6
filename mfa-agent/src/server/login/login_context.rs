//! What is known of a login, as opposed to what is said.
//!
//! A program that guards logins (root, or trusted) is believed. Any other process is not: it could name an address or a
//! terminal to match a rule that is not meant for it, or to get another user's address banned. It certainly runs on
//! this host. And a user who verifies a factor before a change can't choose the service whose rule applies.

use std::net::IpAddr;

use jiff::civil::DateTime;
use mfa_protocol::MAX_NAME;
use mfa_protocol::login::{Authtok, BeginParameters, MAX_VERIFIED_KEY, MAX_VERIFIED_KEYS};

use super::super::Agent;
use super::super::error::Failure;
use super::super::peer::Peer;
use crate::host_name;
use mfa_core::account::SessionScope;
use mfa_core::factors::security_key::PublicKey;
use mfa_core::login::{KeyReach, is_sshd};
use mfa_core::names::UserName;
use mfa_core::policy::{LoginOrigin, Request, remote_address, terminal_name};

/// The service whose rules apply when users verify themselves before they change their factors.
const PROOF_SERVICE: &str = "mfactl";

/// The longest name in a session, in bytes: a user's record has limited room.
const MAX_SPOT_NAME: usize = 64;

/// Verified methods that are taken note of; sshd knows fewer.
const MAX_METHODS: usize = 16;

/// The circumstances of a login.
#[derive(Clone)]
pub(in crate::server) struct LoginContext {
    pub(in crate::server) service: String,
    pub(in crate::server) operation: Option<String>,
    /// The host where the login is.
    pub(in crate::server) host: Option<String>,
    pub(super) rhost: Option<String>,
    pub(super) ruser: Option<String>,
    pub(super) tty: Option<String>,
    after: Vec<String>,
    /// The keys that sshd has verified, of those that could be enrolled.
    verified_keys: Vec<PublicKey>,
    /// Whether the program can reach the user's SSH agent. No deception: it only hears what it is to sign.
    can_sign: bool,
    address: Option<IpAddr>,
    pub(super) origin: LoginOrigin,
    /// Where a session of it would hold; none if that can't be told from other places.
    pub(in crate::server) spot: Option<SessionScope>,
    pub(in crate::server) authtok: Authtok,
    /// Whether the stack wants codes to be visible.
    pub(super) echo_code: bool,
}

impl Agent {
    /// What is known of the login that `peer` begins.
    ///
    /// That sshd has verified a key is believed from sshd, and so from root: a public key is no secret, and the programs
    /// in `[server] trusted` ask for others but let nobody in by their word.
    pub(super) fn login_context(
        &self,
        peer: Peer,
        mut begin: BeginParameters,
        proof: bool,
    ) -> Result<LoginContext, Failure> {
        if self.require_root(peer).is_err() || !is_sshd(&begin.service) {
            begin.verified_keys = None;
        }
        LoginContext::of(peer, begin, proof)
    }
}

impl LoginContext {
    /// What is known of the login that `peer` begins, whose word for the verified keys is good.
    fn of(peer: Peer, begin: BeginParameters, proof: bool) -> Result<Self, Failure> {
        check_names(&begin)?;
        let known = |name: Option<String>| name.filter(|name| !name.is_empty());
        let operation = known(begin.operation).filter(|_| !proof);
        let echo_code = begin.echo_code.unwrap_or_default();
        let can_sign = begin.can_sign.unwrap_or_default();
        let (tty, authtok) = (known(begin.tty), begin.authtok.unwrap_or_default());
        let service = match proof {
            true => PROOF_SERVICE.to_owned(),
            false => begin.service,
        };
        if !peer.privileged {
            let spot =
                own_spot(peer, &service, operation.as_ref(), tty.as_deref()).filter(Self::is_plain);
            return Ok(Self {
                service,
                operation,
                host: host_name::own(),
                rhost: None,
                ruser: None,
                tty: None,
                after: Vec::new(),
                verified_keys: Vec::new(),
                can_sign,
                address: None,
                origin: LoginOrigin::Local,
                spot,
                authtok,
                echo_code,
            });
        }
        let (rhost, ruser) = (known(begin.rhost), known(begin.ruser));
        let origin = LoginOrigin::of(&service, rhost.as_deref(), tty.as_deref());
        let mut login_context = Self {
            address: rhost.as_deref().and_then(remote_address),
            service,
            operation,
            host: host_name::own(),
            rhost,
            ruser,
            tty,
            after: begin.after.unwrap_or_default(),
            verified_keys: keys(&begin.verified_keys.unwrap_or_default()),
            can_sign,
            origin,
            spot: None,
            authtok,
            echo_code,
        };
        login_context.spot = login_context.spot().filter(Self::is_plain);
        Ok(login_context)
    }

    /// What a login would be like that a program which guards logins began, on `host` or on this one.
    pub(in crate::server) fn imagined(
        begin: BeginParameters,
        host: Option<String>,
    ) -> Result<Self, Failure> {
        let program = Peer {
            uid: 0,
            pid: 0,
            privileged: true,
        };
        let mut login_context = Self::of(program, begin, false)?;
        login_context.host = host.or(login_context.host);
        Ok(login_context)
    }

    /// The same as the policy takes it. `now` is the host's own time.
    pub(in crate::server) fn request<'a>(
        &'a self,
        user: &'a UserName,
        now: DateTime,
    ) -> Request<'a> {
        Request {
            user,
            service: &self.service,
            host: self.host.as_deref(),
            operation: self.operation.as_deref(),
            rhost: self.address,
            tty: self.tty.as_deref(),
            after: &self.after,
            now,
            origin: self.origin,
        }
    }

    /// How security keys can be met.
    pub(in crate::server) fn key_reach(&self) -> KeyReach<'_> {
        KeyReach {
            verified: &self.verified_keys,
            can_sign: self.can_sign,
        }
    }

    /// Whether all names are such that a record has room for them. None of a real program is longer.
    fn is_plain(spot: &SessionScope) -> bool {
        let names = [&spot.operation, &spot.ruser, &spot.tty];
        names
            .into_iter()
            .flatten()
            .chain([&spot.service])
            .all(|name| {
                let odd = |c: char| c.is_control() || matches!(c, '"' | '\\');
                name.len() <= MAX_SPOT_NAME && !name.chars().any(odd)
            })
    }

    /// A remote login is told from others by its address, one of this host by its terminal.
    fn spot(&self) -> Option<SessionScope> {
        let address = match self.origin {
            LoginOrigin::Address(address) => Some(address),
            LoginOrigin::Local => {
                self.tty.as_ref()?;
                None
            }
            LoginOrigin::Name | LoginOrigin::Unknown => return None,
        };
        Some(SessionScope {
            service: self.service.clone(),
            operation: self.operation.clone(),
            address,
            ruser: self.ruser.clone(),
            tty: self.tty.as_deref().map(terminal_name).map(str::to_owned),
        })
    }
}

/// An ordinary process has sessions for operations only, apart from those of other user ids. Its word is
/// good enough for the terminal: whatever it says, it deceives its own user only.
fn own_spot(
    peer: Peer,
    service: &str,
    operation: Option<&String>,
    tty: Option<&str>,
) -> Option<SessionScope> {
    Some(SessionScope {
        service: service.to_owned(),
        operation: Some(operation?.clone()),
        address: None,
        ruser: Some(format!("#{}", peer.uid)),
        tty: Some(terminal_name(tty?).to_owned()),
    })
}

/// The keys, without those that can't be enrolled. Each once: a way takes a key once only.
fn keys(lines: &[String]) -> Vec<PublicKey> {
    let mut keys: Vec<PublicKey> = Vec::new();
    for key in lines.iter().filter_map(|line| PublicKey::verified(line)) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

fn check_names(begin: &BeginParameters) -> Result<(), Failure> {
    let optional = [&begin.rhost, &begin.ruser, &begin.tty, &begin.operation];
    let methods = begin.after.as_deref().unwrap_or_default();
    let names = optional.into_iter().flatten().chain(methods);
    for name in names.chain([&begin.service]) {
        if name.len() > MAX_NAME || name.contains('\0') {
            return Err(Failure::refused(format!(
                "a service, operation, host or terminal name has at most {MAX_NAME} bytes and no NUL"
            )));
        }
    }
    if methods.len() > MAX_METHODS {
        return Err(Failure::Parameter("after".to_owned()));
    }
    let keys = begin.verified_keys.as_deref().unwrap_or_default();
    if keys.len() > MAX_VERIFIED_KEYS || keys.iter().any(|key| key.len() > MAX_VERIFIED_KEY) {
        return Err(Failure::Parameter("verified_keys".to_owned()));
    }
    if begin.service.is_empty() {
        return Err(Failure::Parameter("service".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: Peer = Peer {
        uid: 0,
        pid: 1,
        privileged: true,
    };
    const ANNA: Peer = Peer {
        uid: 60_001,
        pid: 1,
        privileged: false,
    };

    fn begin(service: &str, rhost: &str, tty: &str) -> BeginParameters {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        BeginParameters {
            user: "anna".to_owned(),
            service: service.to_owned(),
            rhost: given(rhost),
            ruser: given("anna"),
            tty: given(tty),
            after: Some(vec!["publickey".to_owned()]),
            ..BeginParameters::default()
        }
    }

    fn spot(peer: Peer, begin: BeginParameters) -> Option<SessionScope> {
        LoginContext::of(peer, begin, false).unwrap().spot
    }

    #[test]
    fn a_session_needs_an_address_or_a_terminal_of_this_host() {
        for (service, rhost, tty, holds) in [
            ("sshd", "192.0.2.7", "ssh", true),
            ("sshd", "host.example", "ssh", false),
            ("radiusd", "", "", false),
            ("sudo", "this-host", "/dev/pts/3", true),
            ("sudo", "this-host", "", false),
            ("su", "", "pts/3", true),
            ("login", "", "/dev/tty1", true),
            ("login", "far.example", "/dev/pts/3", false),
        ] {
            assert_eq!(
                spot(ROOT, begin(service, rhost, tty)).is_some(),
                holds,
                "{service} {rhost} {tty}"
            );
        }
    }

    #[test]
    fn a_name_that_would_fill_the_record_has_no_session() {
        for name in [
            "x".repeat(65),
            "a\u{1}b".to_owned(),
            "a\"b".to_owned(),
            "a\\b".to_owned(),
        ] {
            let mut parameters = begin("mfactl", "", "pts/3");
            parameters.operation = Some(name.clone());
            assert_eq!(spot(ROOT, parameters.clone()), None, "{name:?}");
            assert_eq!(spot(ANNA, parameters), None, "{name:?}");
        }
    }

    #[test]
    fn a_terminal_is_the_same_with_and_without_its_folder() {
        let sudo = spot(ROOT, begin("sudo", "this-host", "/dev/pts/3")).unwrap();
        assert_eq!(sudo.tty.as_deref(), Some("pts/3"));
    }

    #[test]
    fn an_ordinary_process_is_not_believed_and_has_no_session_but_for_operations() {
        let of = |begin| LoginContext::of(ANNA, begin, false).unwrap();
        let login = of(begin("sshd", "192.0.2.7", "pts/3"));
        assert_eq!((login.rhost, login.tty, login.ruser), (None, None, None));
        assert!(login.after.is_empty() && login.spot.is_none());
        assert_eq!(login.origin, LoginOrigin::Local);
        let mut operation = begin("mfactl", "", "pts/3");
        operation.operation = Some("collect".to_owned());
        let spot = of(operation.clone()).spot.unwrap();
        assert_eq!(spot.ruser.as_deref(), Some("#60001"), "never one of root's");
        operation.tty = None;
        assert_eq!(of(operation).spot, None);
    }

    #[test]
    fn a_proof_is_measured_by_the_rule_of_its_own_service() {
        let mut parameters = begin("login", "", "");
        parameters.operation = Some("easy".to_owned());
        let proof = LoginContext::of(ANNA, parameters, true).unwrap();
        assert_eq!((proof.service.as_str(), proof.operation), ("mfactl", None));
    }
}
