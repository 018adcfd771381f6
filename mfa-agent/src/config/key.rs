//! What is known of a key and of a section of the settings.

/// A table of settings.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Such as `delivery.email`.
    pub name: &'static str,
    /// The name in brackets, as in the files.
    pub header: &'static str,
    /// What it is about, in lines.
    pub about: &'static str,
    /// Whether there can be several, such as `[[radius]]`.
    pub is_list: bool,
    /// Its keys, in the order in which they are documented.
    pub keys: &'static [Key],
}

/// A key of a section.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name in the section.
    pub name: &'static str,
    /// Such as `[server] socket`.
    pub full_name: &'static str,
    /// What it is for, in lines.
    pub about: &'static str,
    /// The value that documents show.
    pub shown: Shown,
    /// Its bounds or its words, if it has any.
    pub range: fn() -> Option<String>,
}

/// A value in the form of TOML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The default.
    Default(&'static str),
    /// An example; there is no default.
    Example(&'static str),
    /// The same, for what does not go with the other examples of the section.
    Alternative(&'static str),
}

impl Key {
    /// `key = value`, as documents show it.
    #[must_use]
    pub fn line(&self) -> String {
        let (Shown::Default(value) | Shown::Example(value) | Shown::Alternative(value)) =
            self.shown;
        format!("{} = {value}", self.name)
    }
}
