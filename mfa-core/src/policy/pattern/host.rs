//! The name of a host, with `*` for any part of it: `web-*`, `*.example.org`.
//!
//! A host is what its kernel calls it, which is a short name on some hosts and a full one on others. So a pattern
//! matches either the whole name or the part before the first dot. Case is ignored, as in DNS.

use std::fmt;

/// A pattern of host names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HostPattern(String);

impl HostPattern {
    /// A pattern; `None` if no host can have such a name.
    pub(super) fn new(text: &str) -> Option<Self> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '*');
        let can_be = !text.is_empty() && text.chars().all(is_part);
        can_be.then(|| Self(text.to_owned()))
    }

    /// The name, if it matches only that.
    pub(super) fn name(&self) -> Option<&str> {
        (!self.0.contains('*')).then_some(&self.0)
    }

    /// Whether it matches a host of that name.
    pub(super) fn matches(&self, host: &str) -> bool {
        let short = host.split('.').next().unwrap_or(host);
        is_like(&self.0, host) || is_like(&self.0, short)
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `name` is like `pattern`, in time that grows with the product of their lengths at most.
fn is_like(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_ascii_lowercase(), name.to_ascii_lowercase());
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut left) = name.strip_prefix(start) else {
        return false;
    };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    // The first place of each part leaves the most for those that follow.
    for part in middle.split('*') {
        let Some((_, after)) = left.split_once(part) else {
            return false;
        };
        left = after;
    }
    left.ends_with(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, host: &str) -> bool {
        HostPattern::new(pattern).unwrap().matches(host)
    }

    #[test]
    fn a_pattern_matches_the_whole_name_or_the_part_before_the_first_dot() {
        for (pattern, host, expected) in [
            ("web-1", "web-1", true),
            ("web-1", "WEB-1.example.org", true),
            ("Web-1.example.org", "web-1.example.org", true),
            ("web-1.example.org", "web-1", false),
            ("web-1", "web-10", false),
            ("web-*", "web-10.example.org", true),
            ("web-*", "web-", true),
            ("web-*", "db-1", false),
            ("*.example.org", "web-1.example.org", true),
            ("*.example.org", "web-1", false),
            ("*-1", "web-1.example.org", true),
            ("web-*-eu", "web-1-eu.example.org", true),
            ("a*a", "a", false),
            ("a*b*c*d", "a-bc-c-d", true),
            ("a*b*c*d", "a-c-b-d", false),
            ("*", "", true),
            ("**", "anything", true),
        ] {
            assert_eq!(matches(pattern, host), expected, "{pattern} {host}");
        }
    }

    #[test]
    fn what_no_host_is_called_is_no_pattern() {
        for text in [
            "",
            "web 1",
            "@web",
            "web/1",
            "wéb",
            "web-[12]",
            "web-1,web-2",
        ] {
            assert_eq!(HostPattern::new(text), None, "{text:?}");
        }
    }

    /// The meaning of a pattern, in as few words as possible.
    fn means(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), None) => means(rest, name),
            (Some((b'*', rest)), Some((_, after))) => means(rest, name) || means(pattern, after),
            (Some((one, rest)), Some((other, after))) => one == other && means(rest, after),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    proptest! {
        #[test]
        fn a_pattern_means_what_its_stars_say(pattern in "[ab*]{1,7}", name in "[ab]{0,9}") {
            prop_assert_eq!(is_like(&pattern, &name), means(pattern.as_bytes(), name.as_bytes()));
        }
    }
}
