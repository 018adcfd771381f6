//! `mfactl`, the command line of `pam_mfa`; everything is in the library.

fn main() -> std::process::ExitCode {
    mfactl::main()
}
