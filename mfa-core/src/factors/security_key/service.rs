//! Which programs can meet a security key at all, by their PAM service.

/// The services of programs that users start themselves, which therefore reach the users' SSH agents. There are more: the
/// module asks wherever the real user is not root. Of a program that is not here, it is not said beforehand.
const WITH_AGENT: [&str; 23] = [
    "chfn",
    "chsh",
    "cinnamon-screensaver",
    "doas",
    "gnome-screensaver",
    "gtklock",
    "hyprlock",
    "i3lock",
    "kde",
    "mate-screensaver",
    "mfactl",
    "passwd",
    "physlock",
    "su",
    "su-l",
    "sudo",
    "sudo-i",
    "swaylock",
    "vlock",
    "waylock",
    "xfce4-screensaver",
    "xlock",
    "xscreensaver",
];

/// How the program of a PAM service can meet keys. What a login has of them is another matter; this is for
/// whoever speaks of logins that nobody has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyService {
    /// It verifies keys: sshd.
    Verifies,
    /// It reaches the user's SSH agent.
    Signs,
    /// It can't meet any.
    Neither,
}

impl KeyService {
    /// Of this service.
    #[must_use]
    pub fn of(service: &str) -> Self {
        let mut known = WITH_AGENT.iter();
        match known.any(|known| known.eq_ignore_ascii_case(service)) {
            _ if is_sshd(service) => Self::Verifies,
            true => Self::Signs,
            false => Self::Neither,
        }
    }
}

/// Whether this is sshd, which alone verifies keys. The service is the name of its program, which may be a copy such as
/// `sshd-internal`.
#[must_use]
pub fn is_sshd(service: &str) -> bool {
    let name = service.as_bytes();
    name.get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"sshd"))
}
