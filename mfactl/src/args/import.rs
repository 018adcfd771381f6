//! The arguments of `mfactl import`.

use std::path::PathBuf;

use clap::Subcommand;

/// A format to import.
#[derive(Debug, Subcommand)]
pub(crate) enum Import {
    /// Lines of user<TAB>otpauth://…
    #[command(after_help = "Example: mfactl import uris devices.tsv
Blank lines and lines that begin with # are passed over. Repeating an import
changes nothing. Exit status 1 if a line was refused; the others are stored.")]
    Uris(ImportUris),
}

/// A file of otpauth URIs.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportUris {
    /// The file; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}
