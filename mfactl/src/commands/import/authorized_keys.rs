//! `mfactl import authorized-keys`: security keys from a file that sshd reads.
//!
//! The lines are read here, and the agent decides which keys it takes. What is no key, and keys of other types, are left
//! with the reason. Options before a key are sshd's business and stay there; one that lets sshd do without the touch is
//! named.

use std::path::Path;

use mfa_import::authorized_keys::{self, KeyLine as Found};
use mfa_protocol::admin::{
    ImportKeys, ImportKeysParameters, ImportKeysReply, ImportedKey, KeyLine, KeyOutcome,
};
use serde::Serialize;

use super::{QUESTION, source};
use crate::args::ImportAuthorizedKeys;
use crate::commands::{Verdict, confirm};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Output, clean};

/// The largest file: thousands of keys.
const MAX_FILE: usize = 1 << 20;

/// The most keys of a call. Their lines, and the results with their reasons, fit into frames.
const KEYS_A_CALL: usize = 50;

/// The longest line of a key: 50 of them fit into a frame.
const MAX_KEY: usize = 1000;

/// People see at most so many lines; more would scroll the counts away.
const SHOWN: usize = 20;

pub(super) fn run(context: &mut Context, args: &ImportAuthorizedKeys) -> Result<Verdict, Failure> {
    let read = read(&args.file)?;
    if confirm::asks(context, args.dry_run || args.yes) {
        let trial = import(context, args, &read, true)?;
        if trial.stored == 0 {
            return trial.finish(context.output);
        }
        trial.show(context.output)?;
        confirm::agreed(context, "", QUESTION)?;
    }
    import(context, args, &read, args.dry_run)?.finish(context.output)
}

/// The lines of a file by what is done with them.
#[derive(Debug, Default)]
struct Lines {
    keys: Vec<KeyLine>,
    left: Vec<Line>,
    refused: Vec<Line>,
    /// Lines whose keys sshd takes without a touch.
    untouched: Vec<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Line {
    line: u64,
    reason: String,
}

fn read(file: &Path) -> Result<Lines, Failure> {
    let bytes = source::read_all(file, MAX_FILE)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Failure::Rejected(format!("{} is not UTF-8 text", file.display())))?;
    let mut lines = Lines::default();
    for (line, text) in (1..).zip(text.lines()) {
        match authorized_keys::read(text) {
            Ok(None) => {}
            Ok(Some(found)) => lines.take(line, found),
            Err(refusal) if authorized_keys::is_private(text) => {
                return Err(Failure::Rejected(format!(
                    "line {line}: {refusal}. Nothing was sent"
                )));
            }
            Err(refusal) => lines.refused.push(Line {
                line,
                reason: refusal.to_string(),
            }),
        }
    }
    Ok(lines)
}

impl Lines {
    /// The type of the key in a line.
    fn kind(&self, line: u64) -> &str {
        let found = self.keys.iter().find(|key| key.line == line);
        let words = found.map(|key| key.key.split_whitespace());
        words.and_then(|mut words| words.next()).unwrap_or_default()
    }

    fn take(&mut self, line: u64, found: Found) {
        let left = |reason: &str| Line {
            line,
            reason: reason.to_owned(),
        };
        if found.options.cert_authority {
            self.left.push(left(
                "cert-authority: it is the key of who signs certificates, not a user's",
            ));
            return;
        }
        if found.is_certificate() {
            self.left
                .push(left("a certificate: sshd does not take it from this file"));
            return;
        }
        if found.key.len() > MAX_KEY {
            self.left
                .push(left("the key is longer than that of a security key"));
            return;
        }
        if found.options.no_touch && found.is_security_key() {
            self.untouched.push(line);
        }
        self.keys.push(KeyLine {
            line,
            key: found.key,
            label: found.comment,
        });
    }
}

fn import(
    context: &mut Context,
    args: &ImportAuthorizedKeys,
    lines: &Lines,
    dry_run: bool,
) -> Result<Report, Failure> {
    let mut report = Report {
        user: args.user.clone(),
        dry_run,
        left: lines.left.clone(),
        refused: lines.refused.clone(),
        ..Report::default()
    };
    for keys in lines.keys.chunks(KEYS_A_CALL) {
        let parameters = ImportKeysParameters {
            user: args.user.clone(),
            keys: keys.to_vec(),
            dry_run,
        };
        let reply = context.change::<ImportKeys>(&parameters)?;
        if reply.results.len() != keys.len() {
            return Err(Failure::Garbled(
                "it has no result for some keys".to_owned(),
            ));
        }
        report.take(reply, lines);
    }
    report.left.sort_by_key(|line| line.line);
    report.refused.sort_by_key(|line| line.line);
    Ok(report)
}

/// `mfactl import authorized-keys --json` prints it as it is.
#[derive(Debug, Default, Serialize)]
struct Report {
    user: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
    stored: u64,
    unchanged: u64,
    keys: Vec<Key>,
    left: Vec<Line>,
    refused: Vec<Line>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// A key that is the user's now, or would be.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Key {
    line: u64,
    label: String,
    #[serde(rename = "type")]
    kind: String,
    fingerprint: String,
    /// Whether it was not the user's before.
    new: bool,
}

impl Report {
    fn take(&mut self, reply: ImportKeysReply, lines: &Lines) {
        self.user = reply.user;
        self.notes.extend(reply.note);
        for ImportedKey {
            line,
            result,
            label,
            fingerprint,
            reason,
        } in reply.results
        {
            let because = |reason: Option<String>| Line {
                line,
                reason: reason.unwrap_or_else(|| "the agent gives no reason".to_owned()),
            };
            match result {
                KeyOutcome::Stored => self.stored += 1,
                KeyOutcome::Unchanged => self.unchanged += 1,
                KeyOutcome::Left => {
                    self.left.push(because(reason));
                    continue;
                }
                KeyOutcome::Refused => {
                    self.refused.push(because(reason));
                    continue;
                }
            }
            if lines.untouched.contains(&line) {
                self.notes.push(format!("line {line}: {NO_TOUCH}"));
            }
            self.keys.push(Key {
                line,
                label: label.unwrap_or_default(),
                kind: lines.kind(line).to_owned(),
                fingerprint: fingerprint.unwrap_or_default(),
                new: result == KeyOutcome::Stored,
            });
        }
    }

    /// What a person reads before they are asked.
    fn show(&self, output: Output) -> Result<(), Failure> {
        self.remarks().iter().for_each(|line| output.complain(line));
        output.text(&self.screen())
    }

    fn finish(&self, output: Output) -> Result<Verdict, Failure> {
        if !output.is_json() {
            self.remarks().iter().for_each(|line| output.complain(line));
        }
        output.result(self, || self.screen())?;
        Ok(match self.refused.is_empty() {
            true => Verdict::Done,
            false => Verdict::Refused,
        })
    }

    fn remarks(&self) -> Vec<String> {
        let of = |lines: &[Line], word: &str| -> Vec<String> {
            let shown = lines.iter().take(SHOWN);
            let mut remarks: Vec<_> = shown
                .map(|it| format!("line {} {word}: {}", it.line, clean(&it.reason)))
                .collect();
            let more = lines.len().saturating_sub(SHOWN);
            if more > 0 {
                remarks.push(format!("and {more} more {word} (list all with --json)"));
            }
            remarks
        };
        let mut remarks = of(&self.left, "left");
        remarks.extend(of(&self.refused, "refused"));
        let notes = self.notes.iter().flat_map(|note| note.lines());
        remarks.extend(notes.map(|note| clean(note).into_owned()));
        remarks
    }

    fn screen(&self) -> String {
        let Self {
            stored, unchanged, ..
        } = self;
        let (left, refused) = (self.left.len(), self.refused.len());
        let user = clean(&self.user);
        let keys: String = self.keys.iter().map(Key::shown).collect();
        if self.dry_run {
            return format!(
                "{keys}{user}: dry run: would import {stored}, {unchanged} unchanged, would leave {left}, would refuse {refused}; \
                 nothing changed"
            );
        }
        format!(
            "{keys}{user}: {stored} imported, {unchanged} unchanged, {left} left, {refused} refused"
        )
    }
}

impl Key {
    /// A line for people. The file may be somebody else's than the keys' owner: who imports it must see what they are.
    fn shown(&self) -> String {
        let state = match self.new {
            true => "new",
            false => "unchanged",
        };
        let (kind, fingerprint) = (clean(&self.kind), clean(&self.fingerprint));
        format!(
            "line {}, {state}: {:?} {kind} {fingerprint}\n",
            self.line,
            clean(&self.label)
        )
    }
}

const NO_TOUCH: &str = "no-touch-required: sshd takes this key without a touch. Remove this option, or set \
                        PubkeyAuthOptions touch-required in sshd_config";

#[cfg(test)]
mod tests {
    use super::*;

    const SK: &str = "sk-ssh-ed25519@openssh.com \
        AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIAqYYOyTMdO9s2KUqjLlL1HdZH7SKdYpTjqQqYYP3pRZAAAABHNzaDo=";

    fn lines(text: &str) -> Result<Lines, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("authorized_keys");
        std::fs::write(&file, text).unwrap();
        read(&file)
    }

    #[test]
    fn each_line_is_sent_left_or_refused() {
        let text = format!(
            "# a comment\n\nno-touch-required,from=\"a b\" {SK} anna on # the road\ncert-authority {SK}\nnonsense\n{SK}\n"
        );
        let lines = lines(&text).unwrap();
        let keys: Vec<_> = lines
            .keys
            .iter()
            .map(|it| (it.line, it.label.as_deref()))
            .collect();
        assert_eq!(keys, [(3, Some("anna on # the road")), (6, None)]);
        assert_eq!(lines.keys[0].key, SK);
        assert_eq!(lines.untouched, [3]);
        assert_eq!(lines.left.iter().map(|it| it.line).collect::<Vec<_>>(), [4]);
        assert_eq!(
            lines.refused.iter().map(|it| it.line).collect::<Vec<_>>(),
            [5]
        );
    }

    #[test]
    fn a_private_key_ends_the_import_before_anything_is_sent() {
        let failure = lines("-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n").unwrap_err();
        let text = failure.to_string();
        assert!(
            text.contains("private key") && text.contains("Nothing was sent"),
            "{text}"
        );
        assert!(!text.contains("c2Vj"));
    }

    #[test]
    fn a_full_call_and_its_reply_fit_into_frames() {
        use mfa_protocol::frame::write_frame;
        use mfa_protocol::message::Reply;
        let key = KeyLine {
            line: u64::MAX,
            key: "k".repeat(MAX_KEY),
            label: Some("\"".repeat(64)),
        };
        let parameters = ImportKeysParameters {
            user: "\"".repeat(256),
            keys: vec![key; KEYS_A_CALL],
            dry_run: true,
        };
        assert!(write_frame(&mut Vec::new(), &parameters).is_ok());
        let result = ImportedKey {
            line: u64::MAX,
            result: KeyOutcome::Refused,
            label: Some("\"".repeat(64)),
            fingerprint: Some("f".repeat(60)),
            reason: Some("r".repeat(400)),
        };
        let parameters = ImportKeysReply {
            user: "u".repeat(256),
            results: vec![result; KEYS_A_CALL],
            note: Some("n".repeat(1000)),
        };
        assert!(write_frame(&mut Vec::new(), &Reply { parameters }).is_ok());
    }
}
