//! The QR code in a terminal, or in a login.
//!
//! A text goes in, which is a secret as a rule, and lines come out; nothing is kept.
//!
//! Two modules share one character cell, which is about twice as high as wide, so modules come out
//! square. Painted, both colours are named from the fixed part of the 256-colour palette, so the code
//! is dark on light whatever the terminal's own colours are. Plain, light modules are drawn as blocks,
//! which is right on dark terminals and for most scanners on light ones.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

use fast_qr::ECL;
use fast_qr::QRBuilder;
use fast_qr::qr::QRCode;
use zeroize::Zeroizing;

/// Black on white, from the palette's colour cube, which themes leave alone.
const PAINT: &str = "\x1b[38;5;16;48;5;231m";
const UNPAINT: &str = "\x1b[0m";

const MAX_COLUMNS: usize = 80;
/// The height of the usual terminal.
pub const USUAL_ROWS: usize = 24;
/// What the standard asks for around the code (ISO/IEC 18004, 9.1).
const QUIET: usize = 4;
/// What scanners get along with.
const LESS_QUIET: usize = 2;
/// What most scanners still get along with.
const LEAST_QUIET: usize = 1;
/// Rows for the picture on the usual terminal, with the key in a line above it and a prompt below.
pub const ROWS_BETWEEN: usize = USUAL_ROWS - 2;

/// The code for `text`, as lines; none if it would not fit into 80 columns. It fits into `rows` lines, if it
/// can be made to. Painted, it carries the escape sequences of a terminal.
#[must_use]
pub fn draw(text: &str, painted: bool, rows: usize) -> Option<Zeroizing<String>> {
    // The lowest redundancy makes the largest modules, and a screen has no dirt on it.
    let code = QRBuilder::new(text).ecl(ECL::L).build().ok()?;
    let quiet = quiet_zone(code.size, rows);
    if code.size + 2 * quiet > MAX_COLUMNS {
        return None;
    }
    Some(render(&code, quiet, painted))
}

/// The full quiet zone, unless the code then no longer fits into the rows.
fn quiet_zone(size: usize, rows: usize) -> usize {
    let fits = |quiet: &usize| (size + 2 * quiet).div_ceil(2) <= rows;
    let quiet = [QUIET, LESS_QUIET, LEAST_QUIET].into_iter().find(fits);
    quiet.unwrap_or(LESS_QUIET)
}

fn render(code: &QRCode, quiet: usize, painted: bool) -> Zeroizing<String> {
    let side = code.size + 2 * quiet;
    let is_dark = |row: usize, column: usize| {
        let inside = quiet..quiet + code.size;
        inside.contains(&row)
            && inside.contains(&column)
            && code[row - quiet][column - quiet].value()
    };
    let mut picture = Zeroizing::new(String::with_capacity(side * side * 2));
    for row in (0..side).step_by(2) {
        picture.push_str(if painted { PAINT } else { "" });
        for column in 0..side {
            let (upper, lower) = (is_dark(row, column), is_dark(row + 1, column));
            picture.push(cell(upper == painted, lower == painted));
        }
        picture.push_str(if painted { UNPAINT } else { "" });
        picture.push('\n');
    }
    picture
}

/// The character that fills these halves of a cell with the foreground colour.
fn cell(upper: bool, lower: bool) -> char {
    match (upper, lower) {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URI: &str = "otpauth://totp/example%20host:alice?secret=\
                       JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=example%20host";

    /// The modules that a picture shows, dark ones true, its quiet zone included.
    fn modules(picture: &str, painted: bool) -> Vec<Vec<bool>> {
        let mut rows = Vec::new();
        for line in picture.lines() {
            let cells = if painted {
                line.strip_prefix(PAINT)
                    .unwrap()
                    .strip_suffix(UNPAINT)
                    .unwrap()
            } else {
                line
            };
            let half = |filled: [char; 2]| {
                cells
                    .chars()
                    .map(move |c| filled.contains(&c) == painted)
                    .collect::<Vec<_>>()
            };
            rows.push(half(['█', '▀']));
            rows.push(half(['█', '▄']));
        }
        rows
    }

    #[test]
    fn the_picture_shows_every_module_with_light_around() {
        let code = QRBuilder::new(URI).ecl(ECL::L).build().unwrap();
        for painted in [true, false] {
            let seen = modules(&draw(URI, painted, USUAL_ROWS).unwrap(), painted);
            for (y, row) in seen.iter().enumerate() {
                assert_eq!(row.len(), code.size + 2 * QUIET);
                for (x, dark) in row.iter().enumerate() {
                    let (y, x) = (y.wrapping_sub(QUIET), x.wrapping_sub(QUIET));
                    let expected = y < code.size && x < code.size && code[y][x].value();
                    assert_eq!(*dark, expected, "module {x}, {y}, painted {painted}");
                }
            }
        }
    }

    #[test]
    fn a_typical_code_fits_the_usual_terminal() {
        let picture = draw(URI, false, USUAL_ROWS).unwrap();
        assert!(
            picture.lines().count() <= USUAL_ROWS,
            "{}",
            picture.lines().count()
        );
        assert!(
            picture
                .lines()
                .all(|line| line.chars().count() <= MAX_COLUMNS)
        );
    }

    #[test]
    fn a_code_too_wide_for_the_terminal_is_not_drawn() {
        assert!(draw(&"x".repeat(458), false, USUAL_ROWS).is_some());
        assert!(draw(&"x".repeat(600), false, USUAL_ROWS).is_none());
        assert!(draw(&"x".repeat(8000), false, USUAL_ROWS).is_none());
    }

    #[test]
    fn a_large_code_gives_up_quiet_before_rows() {
        assert_eq!(quiet_zone(37, USUAL_ROWS), 4);
        assert_eq!(quiet_zone(41, USUAL_ROWS), 2);
        assert_eq!(quiet_zone(41, ROWS_BETWEEN), 1);
        assert_eq!(quiet_zone(60, ROWS_BETWEEN), 2, "it can't be made to fit");
        assert!((41 + 2 * quiet_zone(41, USUAL_ROWS)).div_ceil(2) <= USUAL_ROWS);
    }
}
