//! `mfa-agent`: see the library of the same name.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    mfa_agent::run::main()
}
