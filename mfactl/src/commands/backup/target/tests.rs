use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

fn target(path: &Path) -> Target {
    Target::file(path).unwrap()
}

fn refused(path: &Path) -> String {
    Target::file(path).err().unwrap().to_string()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn of_two_backups_to_one_file_at_once_each_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("backup");
    let (mut first, mut second) = (target(&path), target(&path));
    first.put(b"the first").unwrap();
    second.put(b"half of").unwrap();
    first.keep().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"the first");
    second.put(b" the second").unwrap();
    second.keep().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"half of the second");
    assert_eq!(names(dir.path()), ["backup"]);
}

#[test]
fn only_a_regular_file_is_replaced_and_no_link_is_followed() {
    let dir = tempfile::tempdir().unwrap();
    let other = dir.path().join("other");
    fs::write(&other, "of another").unwrap();
    let path = |name: &str| dir.path().join(name);
    symlink(&other, path("link")).unwrap();
    symlink("/dev/null", path("device")).unwrap();
    symlink("nowhere", path("dangling")).unwrap();
    nix::unistd::mkfifo(&path("fifo"), Mode::S_IRWXU).unwrap();
    let before = names(dir.path());
    for name in ["link", "device", "dangling"] {
        assert!(refused(&path(name)).contains("symbolic link"), "{name}");
    }
    let pipe = refused(&path("fifo"));
    assert!(pipe.contains("mfactl backup - |"), "{pipe}");
    assert!(refused(Path::new("/dev/null")).contains("not a regular file"));
    for folder in [dir.path(), Path::new("/"), Path::new("..")] {
        assert!(refused(folder).contains("is a folder"), "{folder:?}");
    }
    let missing = refused(&path("missing/backup"));
    assert!(missing.contains("mkdir -m 0700"), "{missing}");
    assert_eq!(names(dir.path()), before);
    assert_eq!(fs::read(&other).unwrap(), b"of another");
}

#[test]
fn a_folder_behind_a_link_of_a_user_or_open_to_all_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (real, link) = (dir.path().join("real"), dir.path().join("link"));
    fs::create_dir(&real).unwrap();
    symlink(&real, &link).unwrap();
    drop(target(&link.join("backup")));
    let set = |folder: &Path, mode| fs::set_permissions(folder, PermissionsExt::from_mode(mode));
    set(dir.path(), 0o757).unwrap();
    let behind = refused(&link.join("backup"));
    assert!(behind.contains("symbolic link"), "{behind}");
    set(&real, 0o777).unwrap();
    let open = refused(&real.join("backup"));
    assert!(open.contains("chmod o-w"), "{open}");
    set(&real, 0o1777).unwrap();
    drop(target(&real.join("backup")));
    assert!(names(&real).is_empty());
}

#[test]
fn what_a_stopped_backup_left_behind_is_removed_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("backup");
    let others = [
        ".backup.new",
        ".backup.0123.new",
        ".other.0123456789abcdef.new",
        "backup.0123456789abcdef.new",
    ];
    for name in others.iter().chain(&[".backup.0123456789abcdef.new"]) {
        fs::write(dir.path().join(name), "half").unwrap();
    }
    let running = target(&path);
    assert_eq!(names(dir.path()).len(), others.len() + 1);
    drop(target(&path));
    assert_eq!(
        names(dir.path()).len(),
        others.len() + 1,
        "the running one stays"
    );
    running.keep().unwrap();
    assert_eq!(names(dir.path()).len(), others.len() + 1);
    assert!(path.exists());
}

#[test]
fn a_draft_that_was_replaced_is_no_backup() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("backup");
    fs::write(&path, "older").unwrap();
    let mut target = target(&path);
    target.put(b"newer").unwrap();
    let draft = names(dir.path())
        .into_iter()
        .find(|name| name.starts_with('.'));
    let draft = dir.path().join(draft.unwrap());
    fs::remove_file(&draft).unwrap();
    fs::write(&draft, "of another").unwrap();
    let error = target.keep().unwrap_err().to_string();
    for words in ["replaced the file", "The older", "repeat the command"] {
        assert!(error.contains(words), "{error}");
    }
    assert_eq!(fs::read(&path).unwrap(), b"older");
    assert_eq!(fs::read(&draft).unwrap(), b"of another");
}

#[test]
fn a_folder_that_can_not_be_written_to_is_said_with_what_to_do() {
    let error = refused(Path::new("/proc/self/backup"));
    assert!(
        error.ends_with(". Name a file in a folder that you can write to"),
        "{error}"
    );
    assert!(!error.contains("os error"), "{error}");
}

#[test]
fn a_full_disk_is_said_without_a_number_and_with_what_to_do() {
    let Ok(full) = File::options().write(true).open("/dev/full") else {
        return;
    };
    let target = Target {
        out: Box::new(full.try_clone().unwrap()),
        name: "/backup".to_owned(),
        end: End::Stdout(full),
    };
    let mut target = target;
    assert_eq!(
        target.put(b"more").unwrap_err().to_string(),
        "can't write /backup: No space left on device. Free room where it is stored, and repeat the command"
    );
}
