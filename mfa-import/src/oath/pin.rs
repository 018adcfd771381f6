//! The PIN: what is typed before the code.

use mfa_protocol::Secret;

/// The PIN field of a line.
#[derive(Debug)]
pub(super) enum Pin {
    /// `-`: no PIN.
    None,
    /// `+`: a password that another module checks.
    Elsewhere,
    /// The PIN itself.
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

/// The one PIN of a user, with a note if it applies to more than it did.
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
            "the lines of this user have different PINs, but a user has only one PIN here; make \
             them equal, or skip PINs with --without-pins"
                .to_owned(),
        );
    }
    let note = if (1..lines).contains(&given) {
        Some("the PIN applies to all devices here, including devices that had none".to_owned())
    } else {
        elsewhere.then(elsewhere_note)
    };
    Ok((literals.pop(), note))
}

/// The note for an import without PINs.
pub(super) fn left_out(pins: &[Pin]) -> Option<String> {
    if pins.iter().any(|pin| matches!(pin, Pin::Literal(_))) {
        return Some("the PIN is skipped: the code alone is enough here".to_owned());
    }
    any_elsewhere(pins).then(elsewhere_note)
}

fn any_elsewhere(pins: &[Pin]) -> bool {
    pins.iter().any(|pin| matches!(pin, Pin::Elsewhere))
}

fn elsewhere_note() -> String {
    "another module checks the password before the code; for both in one answer, use prompting = \
     \"single\" and forward_pass"
        .to_owned()
}
