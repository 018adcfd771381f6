//! `mfactl require`, `enforce`, `prefer`, `self-manage` and `allow-from`: per-user settings, on top of the rules. Each prints all
//! settings of the user after the change.

mod screen;

use mfa_protocol::admin::{
    AllowFrom, AllowFromParameters, Enforce, EnforceParameters, Prefer, PreferParameters, Require,
    RequireParameters, SelfManage, SelfManageParameters, SettingReply,
};
use mfa_protocol::policy::Enforcement;

use crate::args::{self, Sshd, Switch};
use crate::commands::doctor::stacks::files::Files;
use crate::commands::{Verdict, asking};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;

pub(super) use screen::settings as screen;

pub(crate) fn require(context: &mut Context, args: args::Require) -> Result<Verdict, Failure> {
    let factor = args.factor;
    let reply = context.change::<Require>(&RequireParameters {
        user: args.user,
        factor,
        on: !args.off,
    })?;
    let holds = if args.off {
        format!("{factor} is not required")
    } else {
        format!("{factor} is required in every login that asks for a factor")
    };
    report(context, &reply, &holds)
}

pub(crate) fn enforce(context: &mut Context, args: args::Enforce) -> Result<Verdict, Failure> {
    let level = args.level;
    let reply = context.change::<Enforce>(&EnforceParameters {
        user: args.user,
        level,
    })?;
    let alone = (level == Enforcement::Required)
        .then(|| alone(context, &args.sshd, &reply))
        .flatten();
    let note = alone.map(|alone| format!("{alone}, without a factor"));
    let holds = match level {
        Enforcement::Default => {
            "the rules decide whether a factor is required, and grace applies".to_owned()
        }
        _ => format!("a factor is {}", screen::level(level)),
    };
    report_with(context, &reply, &holds, note.as_deref())
}

pub(crate) fn prefer(context: &mut Context, args: args::Prefer) -> Result<Verdict, Failure> {
    let factor = args.factor.0;
    let reply = context.change::<Prefer>(&PreferParameters {
        user: args.user,
        factor,
    })?;
    let holds = match factor {
        Some(factor) => format!("{factor} is asked for first, where the policy accepts it"),
        None => "factors are asked for in the order of the policy".to_owned(),
    };
    report(context, &reply, &holds)
}

pub(crate) fn self_manage(
    context: &mut Context,
    args: args::SelfManage,
) -> Result<Verdict, Failure> {
    let on = args.switch == Switch::On;
    let reply = context.change::<SelfManage>(&SelfManageParameters {
        user: args.user,
        on,
    })?;
    let may = if on { "may" } else { "may not" };
    let holds = format!("{may} set require and allow-from without an administrator");
    report(context, &reply, &holds)
}

pub(crate) fn allow_from(context: &mut Context, args: args::AllowFrom) -> Result<Verdict, Failure> {
    let reply = context.change::<AllowFrom>(&AllowFromParameters {
        user: Some(args.user),
        networks: args.networks,
    })?;
    let holds = if args.anywhere {
        "logins are not limited to networks"
    } else {
        "logins are limited to networks"
    };
    let alone = (!args.anywhere)
        .then(|| alone(context, &args.sshd, &reply))
        .flatten();
    let note = alone.map(|alone| format!("{alone}, from everywhere"));
    report_with(context, &reply, holds, note.as_deref())
}

/// What the agent does not know: that sshd lets the user in without asking it.
fn alone(context: &Context, sshd: &Sshd, reply: &SettingReply) -> Option<String> {
    let files = Files::read(context.pam_dir());
    let alone = asking::alone(&sshd.program, &files, "sshd", Some(&reply.user))?;
    Some(format!(
        "{alone} still lets {} in through sshd",
        clean(&reply.user)
    ))
}

fn report(context: &Context, reply: &SettingReply, holds: &str) -> Result<Verdict, Failure> {
    report_with(context, reply, holds, None)
}

fn report_with(
    context: &Context,
    reply: &SettingReply,
    holds: &str,
    note: Option<&str>,
) -> Result<Verdict, Failure> {
    context
        .output
        .result(reply, || screen::changed(reply, holds, note))?;
    Ok(Verdict::Done)
}
