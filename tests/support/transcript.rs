//! What a program showed to its user, kept as a file and compared.
//!
//! A text with everything that differs from run to run masked comes in; the test fails where it is not
//! what `tests/transcripts/` holds. `INSTA_UPDATE=always` writes what is shown now; look at the difference
//! before you commit it.

/// What was shown.
pub struct Transcript {
    text: String,
}

impl Transcript {
    /// A transcript of what a terminal, a log or a page showed.
    #[must_use]
    pub fn of(shown: &str) -> Self {
        let lines: Vec<&str> = shown.lines().map(|line| line.trim_end()).collect();
        Self {
            text: lines.join("\n"),
        }
    }

    /// Puts `with` in the place of each `text`: a port, a code, a name that differs from run to run.
    #[must_use]
    pub fn masking(self, text: &str, with: &str) -> Self {
        Self {
            text: self.text.replace(text, with),
        }
    }

    /// Keeps only the lines that fit: a program that logs on the same terminal says more than we want.
    #[must_use]
    pub fn only(self, fits: impl Fn(&str) -> bool) -> Self {
        let lines: Vec<&str> = self.text.lines().filter(|line| fits(line)).collect();
        Self {
            text: lines.join("\n"),
        }
    }

    /// Compares it with the one that is kept under `name`, such as `sudo-askpass`.
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
