//! The arguments of `mfactl backup`, `restore`, `backup-key`, `rotate-key` and `store`.

use std::path::{Path, PathBuf};

use clap::Subcommand;

pub(super) const BACKUP: &str = "\
Example: mfactl backup /var/lib/mfa/backups/today.mfa-backup
FILE is replaced once the backup is complete. It must be a regular file, not a
link, device or pipe. - is standard output.
The backup holds all that is stored, sealed with the host's key: keep a copy of
/var/lib/mfa/key elsewhere, or nobody can open it. With --recipient-key-file it
is sealed for a key that is not on the host: mfactl backup-key makes one.
Logins go on meanwhile. Daily: systemctl enable --now mfa-backup.timer
Root may do this, and the user that the agent runs as.";

pub(super) const RESTORE: &str = "\
Example: mfactl restore /var/lib/mfa/backups/Mon.mfa-backup
The whole file is checked first. Then all records are replaced at once; an end
before that changes nothing. FILE is a regular file; - is standard input.
No used code becomes good again and no lock ends, as far as the replaced store
knows of them. On a fresh host each TOTP code up to now counts as used. Of HOTP
codes and recovery codes nothing is known there.
All sessions end. Factors that users enrolled since the backup are gone.
With --key-file, the backup is sealed for a public key, and anyone who has that
key can make such a file: restore only one from a place that only you can write
to.
--merge adds the accounts of the backup to those that are stored, for two hosts
or fleets that become one. It reports what becomes of each account: no factor is
lost without being named. The stricter of two locks holds, and so do the later
used code and the stricter settings. If both have a PIN or questions, those here
stay. --dry-run only reports. If it is cut off, repeat it.
If many hosts share the store, all of them go on with the restored records. A
restore whose host died: --abandon ends it, on any host.
On a terminal, --replace and --merge ask first. Scripts, --yes and --json are
not asked.
Root may do this, and the user that the agent runs as.";

pub(super) const BACKUP_KEY: &str = "\
Example: mfactl backup-key /root/mfa-backup-key
Writes the private key to FILE and the public key to FILE.pub. Make it on
another machine, and copy only FILE.pub to this host:
  mfactl backup --recipient-key-file mfa-backup-key.pub FILE
To restore, FILE is needed: mfactl restore --key-file mfa-backup-key FILE";

pub(super) const ROTATE_KEY: &str = "\
Example: mfactl rotate-key
Makes a new key and seals each record with it, while logins go on. If it is
stopped, repeat the command: it goes on. The old key stays beside the new one as
key.ID, since it opens backups that were made before.
If the key is a credential of systemd, which the agent can't change:
  1. Pass the present credential as mfa.key.old and a new one as mfa.key
     (LoadCredentialEncrypted= of mfa-agent.service).
  2. systemctl restart mfa-agent
  3. mfactl rotate-key
If many hosts share the store:
  1. mfactl rotate-key --prepare    makes the new key, on one host
  2. Copy its file to all hosts, under the same name, mode 0600, owned by the
     agent's user. mfactl rotate-key --status shows who has it.
  3. mfactl rotate-key              on any host, once all live hosts have it
Root may do this, and the user that the agent runs as.";

/// Where the backup goes.
#[derive(Debug, clap::Args)]
pub(crate) struct Backup {
    /// The file; - is standard output
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The file of the public key that the backup is sealed for
    #[arg(long, value_name = "FILE")]
    pub(crate) recipient_key_file: Option<PathBuf>,
}

/// Where the backup is.
#[derive(Debug, clap::Args)]
pub(crate) struct Restore {
    /// The file; - is standard input
    #[arg(
        value_name = "FILE",
        required_unless_present = "abandon",
        conflicts_with = "abandon"
    )]
    file: Option<PathBuf>,
    /// Replace a store that is not empty
    #[arg(long)]
    pub(crate) replace: bool,
    /// Add the accounts of the backup to those that are stored
    #[arg(long, conflicts_with = "replace")]
    pub(crate) merge: bool,
    /// With --merge: only say what would become of the accounts
    #[arg(long, requires = "merge")]
    pub(crate) dry_run: bool,
    /// End the restore that a host of a shared store has begun, and that does not end
    #[arg(long, conflicts_with_all = ["replace", "merge", "key_file"])]
    pub(crate) abandon: bool,
    /// With --replace or --merge: do it without asking
    #[arg(long)]
    pub(crate) yes: bool,
    /// The file of the private key, for a backup that was made with --recipient-key-file
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
}

impl Restore {
    /// Where the backup is. Nothing is read with `--abandon`, which comes without a file.
    pub(crate) fn file(&self) -> &Path {
        self.file.as_deref().unwrap_or(Path::new("-"))
    }
}

/// Where the keys go.
#[derive(Debug, clap::Args)]
pub(crate) struct BackupKey {
    /// The file of the private key; the public key goes to FILE.pub
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// Whether to change anything.
#[derive(Debug, clap::Args)]
pub(crate) struct RotateKey {
    /// Only show the keys, and how many records an earlier key has sealed
    #[arg(long)]
    pub(crate) status: bool,
    /// If many hosts share the store: only make the new key, which all hosts are to have first
    #[arg(long, conflicts_with = "status")]
    pub(crate) prepare: bool,
}

/// What to do with the store.
#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    /// Read all records, and name those that are damaged
    #[command(after_help = "\
Example: mfactl store check
Exit status 1 if a record is damaged. Its user can't log in; nobody else
notices.")]
    Check,
    /// Remove a damaged record, so that its user can enrol again
    #[command(after_help = "\
Example: mfactl store repair --drop account/alice
Needs a backup of the last 24 hours. A record that is not damaged stays. Exit
status 1 if there is no such record.
On a terminal it asks first. Scripts, --yes and --json are not asked.
The user has nothing enrolled then: [enforcement] unenrolled decides about them.
To get the record back instead: mfactl restore --replace FILE")]
    Repair(Repair),
}

/// What to repair.
#[derive(Debug, clap::Args)]
pub(crate) struct Repair {
    /// The record, as mfactl store check names it
    #[arg(long, value_name = "RECORD", value_parser = super::name)]
    pub(crate) drop: String,
    /// Drop it without asking
    #[arg(long)]
    pub(crate) yes: bool,
}
