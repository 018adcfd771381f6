//! The arguments of the commands about security keys alone. The key itself comes on standard input.

use std::path::PathBuf;

use super::name;

pub(super) const KEY: &str = "\
Examples:
  mfactl enroll key --label yubikey < ~/.ssh/id_ed25519_sk.pub
  mfactl enroll key alice < alice.pub
The first line of standard input is the public key, or a certificate of it. Your
own key must sign first, through your ssh-agent (ssh-add; over SSH: ssh -A):
touch it when it blinks. Administrators enrol other users' keys at once;
--confirm asks for the signature.";

pub(super) const AUTHORIZED_KEYS: &str = "\
Example: mfactl import authorized-keys alice /home/alice/.ssh/authorized_keys
For administrators. It imports security keys (sk-ssh-ed25519@openssh.com,
sk-ecdsa-sha2-nistp256@openssh.com, and what [key] types allows), and names each
line that it leaves, with the reason. The file stays as it is. You can repeat an
import.
Exit status 1 if a key was refused; the other keys are imported.";

/// A security key to enrol.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct EnrollKey {
    /// The user (default: yourself)
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: Option<String>,
    /// The key's name (default: key-1, key-2, …)
    #[arg(long, value_parser = name)]
    pub(crate) label: Option<String>,
    /// Ask for a signature of the key even as an administrator
    #[arg(long)]
    pub(crate) confirm: bool,
    /// Store your own key without a signature, as an administrator
    #[arg(long, conflicts_with = "confirm")]
    pub(crate) no_confirm: bool,
}

/// A file of public keys.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportAuthorizedKeys {
    /// The user
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: String,
    /// The file; - reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Show what the import would do, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Import without asking
    #[arg(long)]
    pub(crate) yes: bool,
}
