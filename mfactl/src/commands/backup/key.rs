//! `mfactl backup-key`, and what such a key opens: HPKE (RFC 9180) with X25519, HKDF-SHA256 and ChaCha20-Poly1305.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use data_encoding::BASE64;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, Serializable};
use mfa_protocol::Secret;
use mfa_protocol::backup::{BackupHead, PRIVATE_KEY, PUBLIC_KEY, RECIPIENT_INFO};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::args;
use crate::commands::{Verdict, opener};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;

type Private = <X25519HkdfSha256 as Kem>::PrivateKey;
type Encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey;

/// A file of a key is not larger.
const LARGEST: u64 = 4096;

#[derive(Serialize)]
struct Made<'a> {
    private: &'a Path,
    public: &'a Path,
    key: &'a str,
}

/// Makes a pair of keys.
pub(crate) fn run(context: &mut Context, args: &args::BackupKey) -> Result<Verdict, Failure> {
    let (private, public) = X25519HkdfSha256::gen_keypair();
    let public = BASE64.encode(&public.to_bytes());
    let private_text =
        Zeroizing::new(BASE64.encode(&Zeroizing::new(<[u8; 32]>::from(private.to_bytes()))[..]));
    let mut name = args.file.as_os_str().to_owned();
    name.push(".pub");
    let public_file = Path::new(&name);
    let secret = Zeroizing::new(format!(
        "# Opens backups of mfactl that were sealed for {public}.\n{PRIVATE_KEY} {}\n",
        *private_text
    ));
    write_new(&args.file, 0o600, &secret)?;
    let text = format!("# Seals backups of mfactl.\n{PUBLIC_KEY} {public}\n");
    if let Err(failure) = write_new(public_file, 0o644, &text) {
        // Half a pair is no use, and would be in the way of the next try.
        let _ = std::fs::remove_file(&args.file);
        return Err(failure);
    }
    let made = Made {
        private: &args.file,
        public: public_file,
        key: &public,
    };
    context.output.result(&made, || {
        let (private, public) = (
            args.file.display().to_string(),
            public_file.display().to_string(),
        );
        format!(
            "Private key: {}   keep it, and not on the host whose backups it opens\n\
             Public key:  {}   mfactl backup --recipient-key-file\n",
            clean(&private),
            clean(&public)
        )
    })?;
    Ok(Verdict::Done)
}

fn write_new(path: &Path, mode: u32, text: &str) -> Result<(), Failure> {
    let what = format!("make {}", path.display());
    let file = File::options()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path);
    let mut file = file.map_err(|reason| {
        let next = match reason.kind() {
            ErrorKind::AlreadyExists => {
                "No key is replaced, because backups may need it. Name another file"
            }
            _ => "Name a file in a folder that you can write to",
        };
        Failure::file(what.clone(), &reason, next.to_owned())
    })?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all());
    written.map_err(|reason| {
        let _ = std::fs::remove_file(path);
        let next = "Free room there, or name a file elsewhere".to_owned();
        Failure::file(what, &reason, next)
    })
}

/// The text of a file with a key.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    let what = format!("read {}", path.display());
    let file = opener::named(path)?;
    let mut text = String::with_capacity(LARGEST as usize + 32);
    let read = file.take(LARGEST).read_to_string(&mut text);
    read.map_err(Failure::io(&what))?;
    Ok(text)
}

/// The key of the file of a backup that was sealed for a recipient, in base64.
pub(crate) fn open(head: &BackupHead, key_file: &Path) -> Result<Secret, Failure> {
    let shown = key_file.display().to_string();
    let no_key = || {
        Failure::Rejected(format!(
            "{}: this is no private key for backups (a line `{PRIVATE_KEY}`); mfactl backup-key makes one",
            clean(&shown)
        ))
    };
    let wrong = || {
        Failure::Rejected(format!(
            "{}: this key does not open the backup, which is sealed for {}; nothing was changed",
            clean(&shown),
            clean(head.recipient.as_deref().unwrap_or("a host's key"))
        ))
    };
    let text = Zeroizing::new(read_text(key_file)?);
    let mut lines = text.lines();
    let encoded = lines.find_map(|line| line.trim().strip_prefix(PRIVATE_KEY));
    let bytes = encoded.and_then(|it| BASE64.decode(it.trim().as_bytes()).ok());
    let bytes = Zeroizing::new(bytes.ok_or_else(no_key)?);
    let private = Private::from_bytes(&bytes).map_err(|_| no_key())?;
    let decoded = |text: &str| BASE64.decode(text.as_bytes()).ok();
    let encapsulated = head.encapsulated.as_deref().and_then(decoded);
    let encapsulated = Encapsulated::from_bytes(&encapsulated.ok_or_else(wrong)?);
    let key = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &private,
        &encapsulated.map_err(|_| wrong())?,
        RECIPIENT_INFO,
        &decoded(&head.file_key).ok_or_else(wrong)?,
        b"",
    );
    let key = Zeroizing::new(key.map_err(|_| wrong())?);
    Ok(Secret::new(BASE64.encode(&key)))
}
