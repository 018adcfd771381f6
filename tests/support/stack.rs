//! PAM service files in their own folder, for programs that use `pam_start_confdir`.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{Agent, built};

/// A folder of PAM service files.
pub struct Stack {
    path: PathBuf,
    /// Kept as long as the stack; `None` for the host's own.
    _folder: Option<TempDir>,
}

impl Stack {
    /// A stack that asks only `agent`, under every service name.
    #[must_use]
    pub fn asking(agent: &Agent) -> Self {
        Self::at(agent.socket(), "")
    }

    /// A stack like those of services: users who need no second factor are let in, and users that
    /// `agent` refuses are not.
    #[must_use]
    pub fn guarded_by(agent: &Agent) -> Self {
        let module = built().module.display();
        let socket = agent.socket().display();
        Self::of(&format!(
            "auth [success=ok ignore=ignore default=die] {module} socket={socket}\n\
             auth required pam_permit.so\naccount required pam_permit.so\n"
        ))
    }

    /// A stack whose module asks at `socket` and has more `arguments`.
    #[must_use]
    pub fn at(socket: &Path, arguments: &str) -> Self {
        let module = built().module.display();
        let socket = socket.display();
        Self::of(&format!(
            "auth required {module} socket={socket} {arguments}\naccount required pam_permit.so\n"
        ))
    }

    /// A stack of these lines.
    #[must_use]
    pub fn of(lines: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("mfa-stack-")
            .tempdir()
            .expect("a folder");
        let stack = Self {
            path: folder.path().to_owned(),
            _folder: Some(folder),
        };
        stack.service("other", lines);
        stack
    }

    /// The host's own `/etc/pam.d`; a [`crate::Machine`] has its own.
    #[must_use]
    pub fn of_host() -> Self {
        Self {
            path: "/etc/pam.d".into(),
            _folder: None,
        }
    }

    /// Adds a service with its own stack.
    pub fn service(&self, name: &str, lines: &str) {
        std::fs::write(self.path.join(name), lines).expect("a service file");
    }

    /// Lets other users of the machine read it.
    pub fn open_to_all(&self) {
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&self.path, mode).expect("a mode");
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}
