//! Draws QR codes for a terminal or a login prompt.
//!
//! The text is usually a secret, so nothing keeps a copy.
//!
//! Two modules share one character cell, which is about twice as high as wide, so modules come out
//! square. Painted codes use the fixed part of the 256-colour palette, so the code is dark on light
//! in every theme. Plain codes draw the light modules as blocks, which suits dark terminals and
//! most scanners on light ones.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

use fast_qr::ECL;
use fast_qr::QRBuilder;
use fast_qr::qr::QRCode;
use zeroize::Zeroizing;

/// Black on white from the palette's colour cube, which themes do not change.
const PAINT: &str = "\x1b[38;5;16;48;5;231m";
const UNPAINT: &str = "\x1b[0m";

const MAX_COLUMNS: usize = 80;
/// The height of a default terminal.
pub const USUAL_ROWS: usize = 24;
/// The quiet zone that the standard asks for (ISO/IEC 18004, 9.1).
const QUIET: usize = 4;
/// A quiet zone that scanners still accept.
const LESS_QUIET: usize = 2;
/// A quiet zone that most scanners still accept.
const LEAST_QUIET: usize = 1;
/// Rows for the picture on a default terminal, with the key in a line above and a prompt below.
pub const ROWS_BETWEEN: usize = USUAL_ROWS - 2;

/// The QR code for `text` as lines, in at most `rows` lines where possible; `None` if it needs more
/// than 80 columns. With `painted`, it contains escape sequences.
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

/// The full quiet zone, or a smaller one if the code does not fit into the rows otherwise.
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

/// The character whose halves show these two modules in the foreground colour.
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
    fn a_typical_code_fits_a_default_terminal() {
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
    fn a_large_code_shrinks_its_quiet_zone_before_it_takes_more_rows() {
        assert_eq!(quiet_zone(37, USUAL_ROWS), 4);
        assert_eq!(quiet_zone(41, USUAL_ROWS), 2);
        assert_eq!(quiet_zone(41, ROWS_BETWEEN), 1);
        assert_eq!(quiet_zone(60, ROWS_BETWEEN), 2, "it can't be made to fit");
        assert!((41 + 2 * quiet_zone(41, USUAL_ROWS)).div_ceil(2) <= USUAL_ROWS);
    }
}
