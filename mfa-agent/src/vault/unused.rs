//! Why an earlier key has a file and is not used.

use std::io::ErrorKind;
use std::path::PathBuf;

use nix::unistd::geteuid;

use super::key::{self, KeyError, KeySource};
use super::ring::id;

impl KeySource {
    /// The file of the earlier key with this ID, and why it is not used, with what to do; none if there is no such file.
    #[must_use]
    pub fn why_unused(&self, wanted: &str) -> Option<(PathBuf, String)> {
        let path = self.earlier_path(wanted);
        let reason = match key::load_file(&path) {
            Ok(None) => return None,
            Ok(Some(key)) if id(&key) == wanted => {
                "the agent has not read it since it started".to_owned()
            }
            Ok(Some(key)) => format!("it contains another key, {}", id(&key)),
            Err(KeyError::Io { reason, .. }) if reason.kind() == ErrorKind::PermissionDenied => {
                let (me, path) = (geteuid(), path.display());
                format!("the agent may not read it; run: chown {me} {path} && chmod 0600 {path}")
            }
            Err(error) => error.to_string(),
        };
        Some((path, reason))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::vault::Vault;

    #[test]
    fn a_key_file_that_is_there_and_not_used_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let source = KeySource {
            credentials: None,
            file: dir.path().join("key"),
        };
        source.make().unwrap();
        let wanted = Vault::with(&source.load_ring().unwrap(), None).key_id();
        assert_eq!(source.why_unused(&wanted), None);
        let path = source.replace().unwrap();
        let why = || source.why_unused(&wanted).unwrap();
        assert_eq!(why().0, path);
        assert!(why().1.contains("since it started"), "{:?}", why());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(why().1.contains("chmod 0600"), "{:?}", why());
        fs::copy(&source.file, &path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(why().1.contains("another key"), "{:?}", why());
        fs::write(&path, "").unwrap();
        assert!(why().1.contains("contains no key"), "{:?}", why());
    }
}
