//! The types of this crate and the `.varlink` files say the same. Whoever writes a client from the files
//! must not find out otherwise.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which clippy.toml does not know from others"
)]

mod fields;
mod varlink;

use std::collections::BTreeMap;

use mfa_protocol::backup::BackupHead;
use mfa_protocol::message::{ErrorKind, Method};
use mfa_protocol::{ADMIN_INTERFACE, LOGIN_INTERFACE, admin, login};
use serde_json::{Map, Value, json};
use varlink::{Fields, Interface};

/// What the Rust types of an interface say.
#[derive(Default)]
struct Types {
    methods: BTreeMap<String, (Vec<&'static str>, Vec<&'static str>)>,
    types: BTreeMap<String, Vec<&'static str>>,
    /// A whole reply of each method, through the Rust type and back.
    round_trips: BTreeMap<String, fn(Value) -> Value>,
}

impl Types {
    fn method<M: Method>(&mut self) -> &mut Self {
        self.method_without::<M>("")
    }

    /// A method whose parameters share a type with those of another method, which takes one more.
    fn method_without<M: Method>(&mut self, other: &str) -> &mut Self {
        let name = M::NAME.to_owned();
        let mut parameters = fields::of::<M::Parameters>();
        parameters.retain(|field| *field != other);
        self.methods
            .insert(name.clone(), (parameters, fields::of::<M::Reply>()));
        self.round_trips.insert(name, |reply| {
            let typed: M::Reply = serde_json::from_value(reply).unwrap();
            serde_json::to_value(typed).unwrap()
        });
        self
    }

    fn kind<'de, T: serde::Deserialize<'de>>(&mut self) -> &mut Self {
        let path = std::any::type_name::<T>();
        let name = path.rsplit("::").next().unwrap_or(path);
        self.types.insert(name.to_owned(), fields::of::<T>());
        self
    }
}

fn login_types() -> Types {
    use login::{Admit, Answer, Authtok, Begin, Cancel, Message, Outcome, Prompt, Step};
    let mut types = Types::default();
    types
        .method::<Begin>()
        .method::<Answer>()
        .method::<Cancel>()
        .method::<Admit>();
    types
        .kind::<Message>()
        .kind::<Prompt>()
        .kind::<Outcome>()
        .kind::<Step>()
        .kind::<Authtok>();
    types
}

fn admin_types() -> Types {
    use admin::{
        Account, Address, AddressRule, Administrator, AllowFrom, BackupBegin, BackupEnd,
        BackupNext, Bypass, CheckConfig, CheckQuestions, ConfirmAddress, ConfirmDevice, ConfirmKey,
        ConfirmRecovery, Considered, DamagedRecord, Device, Drift, Drifts, EnableAddress,
        EnableFactor, Enforce, EnrollAddress, EnrollHotp, EnrollKey, EnrollPin, EnrollQuestions,
        EnrollRadius, EnrollRecovery, EnrollTotp, Enrollment, Explain, Explanation, Finding,
        FleetHost, ForgetHost, Health, HostFacts, HostKeys, Hosts, ImportAccount, ImportAccounts,
        ImportDevice, ImportEntry, ImportKeys, ImportResult, ImportUris, ImportedAccount,
        ImportedKey, KeyLine, KeyRule, KeyStatus, Keys, Knowledge, Lockout, Lockouts, MergeBegin,
        MergeNext, MergedAccount, Messages, Metrics, Mode, Prefer, Primary, QuestionAnswer,
        Questions, Radius, Refused, Reload, Remove, Rename, Require, RestoreAbandon, RestoreBegin,
        RestoreEnd, RestoreNext, Resume, Resync, Revoke, RevokeBypass, RotateBegin, RotateEnd,
        RotateNext, RotatePrepare, Rule, SecurityKey, SelfManage, ServiceAsk, ServiceTerms,
        Session, Sessions, Severity, Status, StoreCertificate, StoreCheck, StoreDrop,
        StoreEndpoint, Suspend, Suspended, Terms, TestDelivery, Unlock, UserKey, UserSettings,
        Users,
    };
    let mut types = Types::default();
    types
        .method::<Status>()
        .method::<Users>()
        .method::<Lockouts>()
        .method::<Unlock>();
    types
        .method_without::<EnrollTotp>("counter")
        .method::<ConfirmDevice>()
        .method::<EnrollPin>();
    types
        .method::<Questions>()
        .method::<CheckQuestions>()
        .method::<EnrollQuestions>()
        .method::<Remove>();
    types
        .method::<ImportUris>()
        .method::<Explain>()
        .method::<Require>();
    types
        .method::<Enforce>()
        .method::<Prefer>()
        .method::<SelfManage>()
        .method::<AllowFrom>();
    types
        .method::<Sessions>()
        .method::<Revoke>()
        .method::<Bypass>()
        .method::<RevokeBypass>()
        .method::<Suspend>()
        .method::<Resume>();
    types
        .method::<CheckConfig>()
        .method::<Health>()
        .method::<Terms>()
        .method::<Mode>()
        .method::<Reload>()
        .method::<EnrollRecovery>()
        .method::<ConfirmRecovery>();
    types
        .method_without::<EnrollHotp>("period")
        .method::<Rename>()
        .method::<Resync>()
        .method::<Drifts>()
        .method::<ImportAccounts>();
    types
        .method::<EnrollAddress>()
        .method::<ConfirmAddress>()
        .method::<EnrollRadius>()
        .method::<Primary>()
        .method::<EnableAddress>()
        .method::<EnableFactor>()
        .method::<TestDelivery>();
    types
        .method::<EnrollKey>()
        .method::<ConfirmKey>()
        .method::<ImportKeys>()
        .method::<Keys>();
    types
        .kind::<SecurityKey>()
        .kind::<UserKey>()
        .kind::<KeyLine>()
        .kind::<ImportedKey>();
    types
        .kind::<FleetHost>()
        .kind::<StoreEndpoint>()
        .kind::<StoreCertificate>()
        .kind::<ServiceTerms>()
        .kind::<ServiceAsk>()
        .kind::<AddressRule>()
        .kind::<KeyRule>();
    types.kind::<Address>().kind::<Radius>().kind::<Messages>();
    types
        .kind::<Drift>()
        .kind::<ImportAccount>()
        .kind::<ImportDevice>()
        .kind::<ImportedAccount>();
    types
        .kind::<Device>()
        .kind::<Knowledge>()
        .kind::<Rule>()
        .kind::<Account>();
    types
        .kind::<Lockout>()
        .kind::<Suspended>()
        .kind::<Enrollment>()
        .kind::<QuestionAnswer>()
        .kind::<ImportEntry>();
    types
        .kind::<ImportResult>()
        .kind::<Considered>()
        .kind::<Explanation>();
    types
        .kind::<UserSettings>()
        .kind::<Session>()
        .kind::<Severity>()
        .kind::<Finding>();
    types
        .method::<BackupBegin>()
        .method::<BackupNext>()
        .method::<BackupEnd>()
        .method::<RestoreBegin>()
        .method::<RestoreNext>()
        .method::<RestoreEnd>()
        .method::<RestoreAbandon>()
        .method::<MergeBegin>()
        .method::<MergeNext>();
    types
        .method::<KeyStatus>()
        .method::<RotatePrepare>()
        .method::<RotateBegin>()
        .method::<RotateNext>()
        .method::<RotateEnd>()
        .method::<Hosts>()
        .method::<ForgetHost>()
        .method::<Metrics>()
        .method::<StoreCheck>()
        .method::<StoreDrop>();
    types
        .kind::<BackupHead>()
        .kind::<DamagedRecord>()
        .kind::<MergedAccount>()
        .kind::<HostKeys>();
    types
        .kind::<HostFacts>()
        .kind::<Administrator>()
        .kind::<Refused>();
    types
}

#[test]
fn the_types_and_the_files_name_the_same_methods_types_fields_and_errors() {
    for (text, types) in [
        (LOGIN_INTERFACE, login_types()),
        (ADMIN_INTERFACE, admin_types()),
    ] {
        let file = varlink::parse(text);
        let methods: BTreeMap<String, (Vec<&str>, Vec<&str>)> = file
            .methods
            .iter()
            .map(|(name, (parameters, reply))| {
                (
                    format!("{}.{name}", file.name),
                    (names(parameters), names(reply)),
                )
            })
            .collect();
        assert_eq!(methods, types.methods);
        let kinds: BTreeMap<String, Vec<&str>> = file
            .types
            .iter()
            .map(|(name, fields)| (name.clone(), names(fields)))
            .collect();
        assert_eq!(kinds, types.types);
        for kind in ErrorKind::ALL {
            assert_eq!(names(&file.errors[kind.name()]), ["reason"]);
            assert_eq!(
                ErrorKind::of(&format!("{}.{}", file.name, kind.name())),
                Some(kind)
            );
        }
        assert_eq!(file.errors.len(), ErrorKind::ALL.len());
    }
}

#[test]
fn a_reply_made_after_the_files_goes_through_the_types_unchanged() {
    for (text, types) in [
        (LOGIN_INTERFACE, login_types()),
        (ADMIN_INTERFACE, admin_types()),
    ] {
        let file = varlink::parse(text);
        for (name, (_, reply)) in &file.methods {
            let sample = object(&file, name, reply);
            let round_trip = types.round_trips[&format!("{}.{name}", file.name)];
            assert_eq!(round_trip(sample.clone()), sample, "{name}");
        }
    }
}

fn names(fields: &Fields) -> Vec<&str> {
    fields.iter().map(|(name, _)| name.as_str()).collect()
}

/// An object with every field filled.
fn object(file: &Interface, owner: &str, fields: &Fields) -> Value {
    let fields = fields
        .iter()
        .map(|(name, kind)| (name.clone(), sample(file, (owner, name), kind)));
    Value::Object(fields.collect::<Map<_, _>>())
}

/// One of the words of a field that is declared as a string, so that a later word is no new interface.
fn word((owner, name): (&str, &str)) -> Option<&'static str> {
    Some(match (owner, name) {
        ("Address", "factor") => "sms",
        (_, "factor") => "hotp",
        (_, "enrolled") => "pin",
        ("UserSettings", "require" | "own_require" | "prefer") => "questions",
        (_, "require") => "totp+pin",
        (_, "action") => "skip",
        (_, "algorithm") => "SHA256",
        (_, "enforce") => "optional",
        ("Considered", "field") => "from",
        (_, "mode" | "file_mode") => "local-users",
        (_, "prompting") => "single",
        ("MergedAccount", "result") => "merged",
        (_, "result") => "stored",
        (_, "source") => "federated",
        (_, "unenrolled") => "enroll",
        _ => return None,
    })
}

fn sample(file: &Interface, field: (&str, &str), kind: &str) -> Value {
    match kind {
        "string" => {
            json!(word(field).map_or_else(|| format!("some {}", field.1), str::to_owned))
        }
        "int" => json!(7),
        "bool" => json!(true),
        _ => {
            if let Some(kind) = kind.strip_prefix('?') {
                return sample(file, field, kind);
            }
            if let Some(kind) = kind.strip_prefix("[]") {
                return json!([sample(file, field, kind)]);
            }
            if let Some(variants) = kind.strip_prefix('(') {
                return json!(variants.split([',', ')']).next());
            }
            match file.types[kind].as_slice() {
                [(variant, none), ..] if none.is_empty() => json!(variant),
                fields => object(file, kind, &fields.to_vec()),
            }
        }
    }
}
