//! What a program showed to its user, compared with a stored file.
//!
//! Everything that differs from run to run must be masked; the test fails if the rest differs from
//! `tests/transcripts/`. `INSTA_UPDATE=always` stores the present text; look at the difference
//! before you commit it.

/// The shown text.
pub struct Transcript {
    text: String,
}

impl Transcript {
    /// A transcript of a terminal, a log or a page.
    #[must_use]
    pub fn of(shown: &str) -> Self {
        let lines: Vec<&str> = shown.lines().map(|line| line.trim_end()).collect();
        Self {
            text: lines.join("\n"),
        }
    }

    /// Replaces each `text` by `with`: a port, a code, a name that differs from run to run.
    #[must_use]
    pub fn masking(self, text: &str, with: &str) -> Self {
        Self {
            text: self.text.replace(text, with),
        }
    }

    /// Keeps only the lines that match: a program that logs to the same terminal prints more.
    #[must_use]
    pub fn only(self, fits: impl Fn(&str) -> bool) -> Self {
        let lines: Vec<&str> = self.text.lines().filter(|line| fits(line)).collect();
        Self {
            text: lines.join("\n"),
        }
    }

    /// Compares it with the one stored as `name`, such as `sudo-askpass`.
    ///
    /// # Panics
    ///
    /// When they differ.
    pub fn assert(&self, name: &str) {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("../transcripts");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, self.text));
    }
}
