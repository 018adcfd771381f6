use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown, symlink};

use tempfile::TempDir;

use super::*;

const NOBODY: u32 = 65_534;

struct Scene(TempDir);

impl Scene {
    /// A folder with `etc/agent.d/file`; others can't write to any of it.
    fn new() -> Self {
        let scene = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(scene.at("etc/agent.d")).unwrap();
        fs::write(scene.at("etc/agent.d/file"), "").unwrap();
        for path in ["", "etc", "etc/agent.d"] {
            scene.set_mode(path, 0o755);
        }
        scene.set_mode("etc/agent.d/file", 0o644);
        scene
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(path)
    }

    fn set_mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.at(path), Permissions::from_mode(mode)).unwrap();
    }

    /// The error; `None` if the file is trusted.
    fn told(&self, path: &str) -> Option<String> {
        let told = check(&self.at(path), &Owners::own());
        told.err().map(|error| error.to_string())
    }
}

/// Only root can change the owner of a file. Without, the test says that it does not run, to the terminal though the
/// test harness captures the output.
fn can_give_away() -> bool {
    let is_root = geteuid().is_root();
    if !is_root {
        let name = std::thread::current().name().unwrap_or("a test").to_owned();
        let _ = writeln!(std::io::stderr(), "NOT RUN: {name}: it needs root");
    }
    is_root
}

#[test]
fn a_path_that_only_its_owner_can_write_to_is_trusted() {
    let scene = Scene::new();
    assert_eq!(scene.told("etc/agent.d/file"), None);
    assert_eq!(scene.told("etc/../etc/./agent.d"), None);
    check(Path::new("/"), &Owners::own()).unwrap();
}

#[test]
fn a_file_or_folder_that_others_can_write_to_is_refused_with_the_command_that_fixes_it() {
    if !can_give_away() {
        return;
    }
    for path in ["etc/agent.d/file", "etc/agent.d", "etc"] {
        for (mode, cure) in [(0o757, "o-w"), (0o777, "go-w")] {
            let scene = Scene::new();
            scene.set_mode(path, mode);
            chown(scene.at(path), None, Some(NOBODY)).unwrap();
            let told = scene.told("etc/agent.d/file").unwrap();
            let command = format!("chmod {cure} {}", scene.at(path).display());
            assert!(told.ends_with(&command), "{told}");
        }
    }
}

#[test]
fn a_group_that_can_write_is_refused_unless_it_is_roots() {
    if !can_give_away() {
        return;
    }
    for path in ["etc/agent.d/file", "etc/agent.d", "etc"] {
        let scene = Scene::new();
        scene.set_mode(path, 0o775);
        assert_eq!(scene.told("etc/agent.d/file"), None);
        chown(scene.at(path), None, Some(NOBODY)).unwrap();
        let told = scene.told("etc/agent.d/file").unwrap();
        assert!(told.contains("chmod g-w"), "{told}");
    }
}

#[test]
fn a_file_folder_or_link_of_another_user_is_refused() {
    if !can_give_away() {
        return;
    }
    for path in ["etc/agent.d/file", "etc/agent.d", "etc"] {
        let scene = Scene::new();
        chown(scene.at(path), Some(NOBODY), None).unwrap();
        let told = scene.told("etc/agent.d/file").unwrap();
        assert!(told.contains("belongs to user id 65534"), "{told}");
        assert!(told.contains("chown -h root"), "{told}");
    }
    let scene = Scene::new();
    symlink("file", scene.at("etc/agent.d/link")).unwrap();
    assert_eq!(scene.told("etc/agent.d/link"), None);
    std::os::unix::fs::lchown(scene.at("etc/agent.d/link"), Some(NOBODY), None).unwrap();
    let told = scene.told("etc/agent.d/link").unwrap();
    assert!(told.contains("agent.d/link belongs to"), "{told}");
}

#[test]
fn a_link_to_an_untrusted_file_is_refused() {
    let scene = Scene::new();
    fs::create_dir(scene.at("open")).unwrap();
    fs::write(scene.at("open/file"), "").unwrap();
    scene.set_mode("open", 0o757);
    for (name, target) in [
        ("relative", PathBuf::from("../../open/file")),
        ("absolute", scene.at("open/file")),
        ("folder", PathBuf::from("../../open")),
    ] {
        symlink(&target, scene.at("etc/agent.d").join(name)).unwrap();
        let told = scene.told(&format!("etc/agent.d/{name}")).unwrap();
        assert!(told.contains("chmod o-w"), "{name}: {told}");
        assert!(told.contains("open"), "{name}: {told}");
    }
    assert!(scene.told("etc/agent.d/folder/file").is_some());
}

#[test]
fn in_a_sticky_folder_our_own_files_are_trusted() {
    let scene = Scene::new();
    scene.set_mode("etc", 0o1777);
    assert_eq!(scene.told("etc/agent.d/file"), None);
    scene.set_mode("etc/agent.d", 0o1777);
    assert_eq!(scene.told("etc/agent.d/file"), None);
    let told = scene.told("etc/agent.d").unwrap();
    assert!(told.contains("o-w"), "anybody may add to it: {told}");
}

#[test]
fn circular_links_and_missing_files_are_reported() {
    let scene = Scene::new();
    symlink("b", scene.at("etc/a")).unwrap();
    symlink("a", scene.at("etc/b")).unwrap();
    assert!(scene.told("etc/a").unwrap().contains("can't be examined"));
    assert!(
        scene
            .told("etc/none")
            .unwrap()
            .contains("can't be examined")
    );
}
