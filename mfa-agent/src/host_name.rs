//! What this host is called.

/// The name that the kernel has of this host, which is the full name on some hosts and a short one on others. `None` if it
/// has none. It is asked each time: tools such as cloud-init set it after the agent has started.
#[must_use]
pub fn own() -> Option<String> {
    let name = nix::unistd::gethostname().ok()?.into_string().ok()?;
    (!name.is_empty() && name != "(none)").then_some(name)
}
