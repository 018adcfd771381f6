//! `mfactl mode`: shows or changes `[enforcement] mode`, without an editor.
//!
//! The agent can't write its settings, so root does it here: one file in `agent.d` that is read after all others. The
//! agent then reloads its settings. If it can't, the file is restored.

mod drop_in;

use std::path::Path;

use mfa_protocol::admin::{Mode, ModeReply, Reload};
use mfa_protocol::login::Nothing;
use mfa_protocol::policy::EnforcementMode;
use nix::unistd::geteuid;
use serde::Serialize;

use crate::args;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;
use drop_in::DropIn;

#[derive(Serialize)]
struct Shown<'a> {
    mode: EnforcementMode,
    place: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<bool>,
}

pub(crate) fn run(context: &mut Context, args: &args::Mode) -> Result<Verdict, Failure> {
    let now = context.call::<Mode>(&Nothing {})?;
    let Some(wanted) = args.mode else {
        return show(context, &now, None);
    };
    if now.mode == wanted && now.file_mode == Some(wanted) {
        return show(context, &now, Some(false));
    }
    let set = set(context, &now, wanted)?;
    show(context, &set, Some(true))
}

fn set(
    context: &mut Context,
    now: &ModeReply,
    wanted: EnforcementMode,
) -> Result<ModeReply, Failure> {
    if !geteuid().is_root() {
        return Err(Failure::Rejected(format!(
            "only root can change the mode. Run: sudo mfactl mode {wanted}"
        )));
    }
    let drop_in = DropIn::beside(Path::new(&now.config))?;
    let before = drop_in.write(wanted)?;
    let reloaded = context.call::<Reload>(&Nothing {}).and_then(|reply| {
        match reply.error {
            None => Ok(()),
            Some(error) => Err(Failure::Rejected(format!(
                "the mode stays {}, because the agent refuses the settings: {}. Check them: mfactl config check",
                now.mode,
                clean(&error)
            ))),
        }
    });
    let set = reloaded.and_then(|()| context.call::<Mode>(&Nothing {}));
    match set {
        Ok(set) if set.mode == wanted => Ok(set),
        Ok(other) => {
            drop_in.put_back(before)?;
            Err(Failure::Rejected(format!(
                "the mode stays {}, because {} sets it and is read last. Change the mode there",
                other.mode,
                other.place.as_deref().unwrap_or("another file")
            )))
        }
        Err(failure) => {
            drop_in.put_back(before)?;
            Err(failure)
        }
    }
}

fn show(context: &Context, reply: &ModeReply, changed: Option<bool>) -> Result<Verdict, Failure> {
    let shown = Shown {
        mode: reply.mode,
        place: reply.place.as_deref(),
        changed,
    };
    context.output.result(&shown, || screen(reply, changed))?;
    Ok(Verdict::Done)
}

fn screen(reply: &ModeReply, changed: Option<bool>) -> String {
    let mode = reply.mode;
    let asked = match mode {
        EnforcementMode::None => "nobody is asked for a second factor",
        EnforcementMode::LocalUsers => {
            "users of this host are asked for a second factor, users of a directory are not"
        }
        EnforcementMode::All => "the rules decide who is asked for a second factor",
    };
    let place = reply.place.as_deref().map_or_else(
        || "the default".to_owned(),
        |place| format!("set in {}", clean(place)),
    );
    let already = match changed {
        Some(false) => "; nothing changed",
        _ => "",
    };
    format!("{mode}: {asked} ({place}{already})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_shown_with_its_place() {
        let reply = ModeReply {
            mode: EnforcementMode::None,
            place: Some("/etc/mfa/agent.toml:7".to_owned()),
            ..ModeReply::default()
        };
        assert_eq!(
            screen(&reply, None),
            "none: nobody is asked for a second factor (set in /etc/mfa/agent.toml:7)"
        );
        let builtin = ModeReply {
            mode: EnforcementMode::All,
            ..ModeReply::default()
        };
        assert_eq!(
            screen(&builtin, Some(false)),
            "all: the rules decide who is asked for a second factor (the default; nothing changed)"
        );
    }
}
