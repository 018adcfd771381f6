//! What was typed before the code.

use mfa_protocol::Secret;

/// What a line says of it.
#[derive(Debug)]
pub(super) enum Pin {
    /// `-`: nothing.
    None,
    /// `+`: a password that another module checks.
    Elsewhere,
    /// This.
    Literal(Secret),
}

impl Pin {
    pub(super) fn parse(word: &str) -> Self {
        match word {
            "-" => Self::None,
            "+" => Self::Elsewhere,
            literal => Self::Literal(literal.into()),
        }
    }
}

/// The one PIN of a user, with what is to be said about it.
pub(super) fn of_all(pins: Vec<Pin>) -> Result<(Option<Secret>, Option<String>), String> {
    let (lines, elsewhere) = (pins.len(), any_elsewhere(&pins));
    let mut literals: Vec<Secret> = Vec::with_capacity(lines);
    for pin in pins {
        if let Pin::Literal(literal) = pin {
            literals.push(literal);
        }
    }
    let given = literals.len();
    literals.dedup_by(|a, b| a.expose() == b.expose());
    if literals.len() > 1 {
        return Err(
            "the lines of this user have different PINs, and here a user has one: give them the same, \
             or leave PINs out with --without-pins"
                .to_owned(),
        );
    }
    let note = if (1..lines).contains(&given) {
        Some("the PIN holds for all devices here, also for those that had none".to_owned())
    } else {
        elsewhere.then(elsewhere_note)
    };
    Ok((literals.pop(), note))
}

/// What is to be said when no PIN is taken over.
pub(super) fn left_out(pins: &[Pin]) -> Option<String> {
    if pins.iter().any(|pin| matches!(pin, Pin::Literal(_))) {
        return Some("the PIN is left out: the code alone is enough here".to_owned());
    }
    any_elsewhere(pins).then(elsewhere_note)
}

fn any_elsewhere(pins: &[Pin]) -> bool {
    pins.iter().any(|pin| matches!(pin, Pin::Elsewhere))
}

fn elsewhere_note() -> String {
    "another module checks the password before the code: in one line, that takes prompting = \"single\" \
     and forward_pass"
        .to_owned()
}
