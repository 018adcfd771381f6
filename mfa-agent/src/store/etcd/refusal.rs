//! What a server means that does not answer: whether to ask another one, the same once more, or nobody.

use super::http::Reply;
use super::wire::Refusal;

/// Why a call came to nothing. A change may have been made all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    /// No server answered.
    #[error("{0}")]
    Unreachable(String),
    /// No server answered, but one may have got the request.
    #[error("{0}")]
    Lost(String),
    /// The history does not reach back that far.
    #[error("etcd no longer has the revision that this needs, since its history was compacted")]
    Compacted,
    /// Etcd refuses the request, and every server would.
    #[error("etcd refuses: {0}")]
    Refused(String),
}

impl Problem {
    /// No server answered. `is_sent`: one may have got the request.
    pub(super) fn unanswered(reason: String, is_sent: bool) -> Self {
        match is_sent {
            true => Self::Lost(reason),
            false => Self::Unreachable(reason),
        }
    }
}

/// Why one attempt failed.
pub(super) enum Miss {
    /// This server is no use now.
    Endpoint { reason: String, is_unknown: bool },
    /// The servers are busy with themselves; soon they may answer.
    Soon { reason: String, is_unknown: bool },
    /// The same server may answer the same request.
    Again { is_unknown: bool },
    /// No server will do it.
    Final(Problem),
}

/// For who asks one server only.
impl From<Miss> for Problem {
    fn from(miss: Miss) -> Self {
        match miss {
            Miss::Final(problem) => problem,
            Miss::Endpoint { reason, .. } | Miss::Soon { reason, .. } => Self::Unreachable(reason),
            Miss::Again { .. } => Self::Unreachable("the connection was lost".to_owned()),
        }
    }
}

/// What an answer with another status than 200 means.
pub(super) fn meaning(reply: &Reply) -> Miss {
    let refusal = refusal(reply);
    let text = refusal.text();
    let says = |words: &str| text.contains(words);
    let soon = |is_unknown| Miss::Soon {
        reason: text.clone(),
        is_unknown,
    };
    if says("no leader") || says("too many requests") || says("future revision") {
        return soon(false);
    }
    if says("compacted") {
        return Miss::Final(Problem::Compacted);
    }
    if says("space exceeded") {
        return Miss::Final(Problem::Refused(format!(
            "{text}; its database is full. Compact and defragment it, then: etcdctl alarm disarm"
        )));
    }
    // An alarm, which an administrator ends. Such a change is refused when it is applied, so it was not made.
    if says("corrupt cluster") {
        return Miss::Final(Problem::Refused(format!(
            "{text}: a member holds other data than the rest. See which: etcdctl endpoint hashkv --cluster; replace it, \
             then: etcdctl alarm disarm"
        )));
    }
    match (refusal.code, reply.status) {
        // Cancelled, deadline exceeded, unavailable: it timed out, changed its leader, or is stopping. Unknown, internal and
        // data loss: its gateway lost the server behind it, or it can't tell what became of the request.
        (1 | 2 | 4 | 13 | 14 | 15, _) => soon(true),
        (7, _) => Miss::Final(Problem::Refused(format!(
            "{text}; grant the user of [store] username a role that reads and writes [store] prefix"
        ))),
        (1.., _) => Miss::Final(Problem::Refused(text)),
        (0, status) => Miss::Endpoint {
            reason: format!(
                "it answers with the status {status} ({text}); is this its port for clients?"
            ),
            is_unknown: true,
        },
    }
}

/// Whether the token is no longer known to the server.
pub(super) fn is_stale_token(reply: &Reply) -> bool {
    let refusal = refusal(reply);
    let text = refusal.text();
    refusal.code == 16 || text.contains("invalid auth token") || text.contains("auth store is old")
}

/// What the server says, for a log.
pub(super) fn text(reply: &Reply) -> String {
    refusal(reply).text()
}

fn refusal(reply: &Reply) -> Refusal {
    serde_json::from_slice(&reply.body).unwrap_or_else(|_| Refusal {
        message: String::from_utf8_lossy(&reply.body).into_owned(),
        ..Refusal::default()
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::super::clock::Exchange;
    use super::*;

    fn answer(code: u32, text: &str) -> Miss {
        let at = Timestamp::UNIX_EPOCH;
        meaning(&Reply {
            status: 500,
            body: format!(r#"{{"error":"{text}","message":"{text}","code":{code}}}"#).into_bytes(),
            date: None,
            exchange: Exchange {
                sent: at,
                answered: at,
            },
            took: Duration::ZERO,
        })
    }

    #[test]
    fn what_a_server_that_stops_says_is_neither_final_nor_a_proof_that_nothing_was_done() {
        for (code, text) in [
            (
                2,
                "OK: HTTP status code 200; transport: missing content-type field",
            ),
            (13, "transport is closing"),
            (14, "etcdserver: request timed out"),
        ] {
            let is_soon = matches!(
                answer(code, text),
                Miss::Soon {
                    is_unknown: true,
                    ..
                }
            );
            assert!(is_soon, "{code}");
        }
        let refused = answer(3, "etcdserver: key is not provided");
        assert!(matches!(refused, Miss::Final(Problem::Refused(_))));
    }
}
