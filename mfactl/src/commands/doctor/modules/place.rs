//! Where systemd runs a process, by its cgroup.

/// Services with a process for each login, besides those of single connections.
const BY_LOGIN: [&str; 16] = [
    "atd",
    "console-getty",
    "cron",
    "crond",
    "gdm",
    "gdm3",
    "getty",
    "greetd",
    "lightdm",
    "lxdm",
    "sddm",
    "serial-getty",
    "ssh",
    "sshd",
    "user",
    "xdm",
];

/// Where systemd runs a process that may verify many logins.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Service(String),
    /// Systemd does not run it.
    Unknown,
}

/// Where systemd has its units among the cgroups (cgroups(7)).
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Units {
    /// The hierarchy: the unified one without a name, or `name=systemd`.
    hierarchy: String,
    /// The path that all units are below: not empty in a container without a cgroup namespace.
    root: String,
}

impl Units {
    /// `manager` is the text of `/proc/1/cgroup`.
    pub(super) fn of(manager: &str) -> Self {
        let of_systemd = |(hierarchy, path): (&str, &str)| {
            Some(Self {
                hierarchy: hierarchy.to_owned(),
                root: path.strip_suffix("/init.scope")?.to_owned(),
            })
        };
        let mut hierarchies = manager.lines().filter_map(hierarchy_and_path);
        hierarchies.find_map(of_systemd).unwrap_or_default()
    }

    /// `cgroups` is the text of `/proc/PID/cgroup`. Nothing for a session, or for what has a process for each login.
    pub(super) fn place(&self, cgroups: &str) -> Option<Place> {
        let mut paths = cgroups.lines().filter_map(hierarchy_and_path);
        let path =
            paths.find_map(|(hierarchy, path)| (hierarchy == self.hierarchy).then_some(path));
        let below = path.and_then(|path| path.strip_prefix(&*self.root)?.strip_prefix('/'));
        for part in below.unwrap_or_default().split('/') {
            match part {
                "user.slice" => return None,
                part if part.ends_with(".slice") => {}
                part if part.ends_with(".scope") => return None,
                part if is_service(part) => return service(part),
                _ => break,
            }
        }
        Some(Place::Unknown)
    }
}

/// A line of `/proc/PID/cgroup`.
fn hierarchy_and_path(line: &str) -> Option<(&str, &str)> {
    line.split_once(':')?.1.split_once(':')
}

/// Whether a unit can be called so (systemd.unit(5)). Others may name their cgroups as they like.
fn is_service(part: &str) -> bool {
    let is_usual = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
    part.strip_suffix(".service").is_some_and(|name| {
        !name.is_empty() && !name.starts_with('-') && name.chars().all(is_usual)
    })
}

fn service(unit: &str) -> Option<Place> {
    let name = unit.strip_suffix(".service")?;
    let (template, instance) = name.split_once('@').unwrap_or((name, ""));
    let is_by_login = BY_LOGIN.contains(&template) || is_connection(instance);
    (!is_by_login).then(|| Place::Service(unit.to_owned()))
}

/// Whether a socket made this instance for one connection (systemd.socket(5), `Accept=`): a number, and then the addresses
/// or the numbers of the caller.
fn is_connection(instance: &str) -> bool {
    let Some((number, caller)) = instance.split_once('-') else {
        return false;
    };
    let is_number = |text: &str| text.chars().all(|c| matches!(c, '0'..='9' | '-' | '_'));
    let is_caller = is_number(caller) || caller.contains(':') || caller.ends_with("unknown");
    !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()) && is_caller
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(cgroups: &str) -> Option<Place> {
        Units::of("0::/init.scope\n").place(cgroups)
    }

    fn radius() -> Option<Place> {
        Some(Place::Service("freeradius.service".to_owned()))
    }

    #[test]
    fn sessions_and_services_with_a_process_for_each_login_have_no_place() {
        for unit in [
            "user.slice/user-1000.slice/session-3.scope",
            "user.slice/user-1000.slice/user@1000.service/app.slice/lock.service",
            "system.slice/docker-8f1e.scope",
            "system.slice/system-getty.slice/getty@tty1.service",
            "system.slice/gdm.service",
            "system.slice/system-ssh.slice/ssh@3-192.0.2.1:22-192.0.2.7:4711.service",
            "system.slice/system-sshd.slice/sshd@12-4711-0.service",
            "system.slice/system-cockpit.slice/cockpit-session@5-99-4711_3-1000.service",
            "system.slice/system-x.slice/x@7-99-unknown.service",
        ] {
            assert_eq!(place(&format!("0::/{unit}\n")), None, "{unit}");
        }
    }

    #[test]
    fn services_and_instances_with_any_name_have_their_unit() {
        for name in [
            "freeradius",
            "vpn@10.0.0.1:1194",
            "vpn@2-site",
            "vpn@a\\x2db",
            "my_a.b",
        ] {
            let unit = format!("{name}.service");
            let found = place(&format!("0::/system.slice/{unit}/worker\n"));
            assert_eq!(found, Some(Place::Service(unit)));
        }
    }

    #[test]
    fn what_others_call_their_cgroups_is_no_unit() {
        for path in [
            "$(reboot).service",
            "system.slice/a;b.service",
            "system.slice/--force.service",
            "system.slice/.service",
            "lxc.payload.web/system.slice/freeradius.service",
            "docker/8f1e",
            "",
        ] {
            assert_eq!(
                place(&format!("0::/{path}\n")),
                Some(Place::Unknown),
                "{path}"
            );
        }
        assert_eq!(place("not of cgroups"), Some(Place::Unknown));
    }

    #[test]
    fn units_are_where_systemd_itself_is() {
        let unit = "system.slice/freeradius.service";
        for (manager, cgroups) in [
            (
                "0::/init.scope\n",
                format!("9:name=systemd:/\n0::/{unit}\n"),
            ),
            (
                "9:name=systemd:/init.scope\n0::/\n",
                format!("12:memory:/\n9:name=systemd:/{unit}\n0::/\n"),
            ),
            ("0::/lxc/web/init.scope\n", format!("0::/lxc/web/{unit}\n")),
        ] {
            assert_eq!(Units::of(manager).place(&cgroups), radius(), "{manager}");
        }
        let inside = Units::of("0::/lxc/web/init.scope\n");
        let beside = inside.place(&format!("0::/lxc/website/{unit}\n"));
        assert_eq!(beside, Some(Place::Unknown));
        let none = Units::of("0::/docker/8f1e\n");
        assert_eq!(none.place("0::/docker/8f1e\n"), Some(Place::Unknown));
    }
}
