//! `mfactl sessions` and `mfactl revoke`: active sessions, in which a login is not asked again.

use mfa_protocol::admin::{Revoke, Session, Sessions, SessionsParameters, UserParameters};

use super::lists::all;
use crate::args::{Whom, Whose};
use crate::clock::Clock;
use crate::commands::Verdict;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;
use crate::table::table;

pub(crate) fn list(context: &mut Context, args: Whose) -> Result<Verdict, Failure> {
    let page = |after| SessionsParameters {
        user: args.user.clone(),
        after,
    };
    let mut sessions = all::<Sessions, _>(context, page, |reply| (reply.sessions, reply.next))?;
    sessions.sort_by(|one, other| one.user.cmp(&other.user));
    context
        .output
        .result(&sessions, || screen(&sessions, &Clock::system()))?;
    Ok(Verdict::Done)
}

pub(crate) fn revoke(context: &mut Context, args: Whom) -> Result<Verdict, Failure> {
    let parameters = UserParameters {
        user: Some(args.user),
    };
    let reply = context.call::<Revoke>(&parameters)?;
    context.output.result(&reply, || {
        let user = clean(&reply.user);
        match reply.ended {
            0 => format!("{user} has no session; nothing changed"),
            1 => format!("{user}: 1 session ended"),
            n => format!("{user}: {n} sessions ended"),
        }
    })?;
    Ok(Verdict::Done)
}

fn screen(sessions: &[Session], clock: &Clock) -> String {
    if sessions.is_empty() {
        return "No active sessions.".to_owned();
    }
    let is_of_fleet = sessions.iter().any(|session| session.host.is_some());
    let rows = sessions.iter().map(|session| row(session, clock));
    let sessions = match is_of_fleet {
        true => {
            let host = |session: &Session| session.host.clone().unwrap_or_default();
            let with_host = rows.zip(sessions).map(|([user, rest @ ..], session)| {
                let [guarded, mut from, tty, passed, began, ends] = rest;
                if session.rhost.is_none() {
                    from = "that host".to_owned();
                }
                [user, host(session), guarded, from, tty, passed, began, ends]
            });
            let head = [
                "User", "Host", "For", "From", "Terminal", "Passed", "Began", "Ends",
            ];
            table(head, with_host)
        }
        false => table(
            ["User", "For", "From", "Terminal", "Passed", "Began", "Ends"],
            rows,
        ),
    };
    sessions + "\nEnd all sessions of a user: mfactl revoke USER\n"
}

fn row(session: &Session, clock: &Clock) -> [String; 7] {
    let guarded = match &session.operation {
        Some(operation) => format!("operation {operation}"),
        None => session.service.clone(),
    };
    let tty = session.tty.as_deref().unwrap_or_default();
    let from = session.rhost.as_deref().unwrap_or("this host");
    [
        session.user.clone(),
        guarded,
        from.to_owned(),
        tty.strip_prefix("/dev/").unwrap_or(tty).to_owned(),
        session.factor.clone(),
        clock.brief(&session.begun_at),
        clock.wait(&session.ends_at),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_screen_says_what_is_not_asked_again_and_until_when() {
        let sudo = Session {
            user: "alice".to_owned(),
            service: "sudo".to_owned(),
            tty: Some("/dev/pts/3".to_owned()),
            factor: "totp+pin".to_owned(),
            begun_at: "2026-11-22T13:16:00Z".to_owned(),
            ends_at: "2026-11-22T13:31:00Z".to_owned(),
            ..Session::default()
        };
        let sessions = [
            Session {
                service: "mfactl".to_owned(),
                operation: Some("collect-evidence".to_owned()),
                factor: "pin".to_owned(),
                tty: None,
                ..sudo.clone()
            },
            Session {
                user: "bob\u{1b}[1A".to_owned(),
                service: "sshd".to_owned(),
                rhost: Some("2001:db8::1:2:3".to_owned()),
                ..sudo.clone()
            },
            sudo,
        ];
        let screen = screen(&sessions, &Clock::for_tests());
        assert_eq!(screen, SESSIONS);
        assert!(screen.lines().all(|line| line.chars().count() <= 80));
    }

    const SESSIONS: &str = r"  User          For           From          Terminal  Passed    Began  Ends
  alice         operation     this host               pin       14:16  in 9
                collect-evid                                           minutes
                ence
  bob\u{1b}[1A  sshd          2001:db8::1:  pts/3     totp+pin  14:16  in 9
                              2:3                                      minutes
  alice         sudo          this host     pts/3     totp+pin  14:16  in 9
                                                                       minutes

End all sessions of a user: mfactl revoke USER
";
}
