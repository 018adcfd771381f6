//! What a person reads on the screen during enrolment, and what their phone does with it.

use std::fs;
use std::process::Command;

use crate::run;

/// The key for typing by hand.
///
/// # Panics
///
/// When there is none.
#[must_use]
pub fn key_shown(shown: &str) -> String {
    let line = shown
        .lines()
        .rev()
        .find_map(|line| Some(line.split_once("Key: ")?.1));
    line.expect("a key").replace([' ', '\r'], "")
}

/// The code of a phone with this key, `steps` from now.
#[must_use]
pub fn code_of(key: &str, steps: i64) -> String {
    let seconds = steps * 30;
    let output = run(Command::new("oathtool")
        .args(["--totp", "--base32", key])
        .arg(format!("--now=now {seconds:+} seconds")));
    assert!(output.is_success(), "oathtool: {output:?}");
    output.stdout.trim().to_owned()
}

/// The recovery codes on the screen, without their blanks.
#[must_use]
pub fn codes_shown(shown: &str) -> Vec<String> {
    let after = shown.rsplit("not shown again.").next().expect("some text");
    let digits: String = after.chars().filter(char::is_ascii_digit).collect();
    let codes = digits.as_bytes().chunks(10);
    codes
        .map(|code| String::from_utf8_lossy(code).into_owned())
        .collect()
}

/// What a camera reads from the screen, on a dark terminal and on a light one.
///
/// # Panics
///
/// When it can't be read.
#[must_use]
pub fn scanned(shown: &str) -> [String; 2] {
    let is_picture = |line: &&str| line.contains('█');
    let picture: Vec<&str> = shown
        .lines()
        .map(str::trim_end)
        .filter(is_picture)
        .collect();
    [true, false].map(|dark| {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("screen.pgm");
        fs::write(&file, photograph(&picture, dark)).expect("a picture");
        // On a light terminal it is light on dark, which apps on phones read as well.
        let mut zbarimg = Command::new("zbarimg");
        zbarimg.args(["--quiet", "--raw", "--nodbus", "-Stest-inverted"]);
        let output = run(zbarimg.arg(&file));
        assert!(output.is_success(), "{output:?}");
        output.stdout.trim().to_owned()
    })
}

/// Each half of a character cell as eight by eight dots, surrounded by the terminal's background.
fn photograph(picture: &[&str], dark: bool) -> Vec<u8> {
    const DOT: usize = 8;
    let (ink, paper) = if dark { (255, 0) } else { (0, 255) };
    let margin = [paper; 4];
    let mut rows: Vec<Vec<u8>> = Vec::new();
    for line in picture {
        for half in [['█', '▀'], ['█', '▄']] {
            let dots = line
                .chars()
                .map(|c| if half.contains(&c) { ink } else { paper });
            rows.push(margin.into_iter().chain(dots).chain(margin).collect());
        }
    }
    let blank = vec![paper; rows[0].len()];
    let around = || std::iter::repeat_n(blank.clone(), margin.len());
    let rows: Vec<Vec<u8>> = around().chain(rows).chain(around()).collect();
    let (width, height) = (blank.len() * DOT, rows.len() * DOT);
    let mut image = format!("P5\n{width} {height}\n255\n").into_bytes();
    for row in rows {
        let wide: Vec<u8> = row.iter().flat_map(|dot| [*dot; DOT]).collect();
        (0..DOT).for_each(|_| image.extend(&wide));
    }
    image
}
