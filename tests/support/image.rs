//! File systems in image files, on loop devices, and copies of such a disk at one moment.
//!
//! The image is a file on an XFS, which clones files: a clone is made at one moment, while `cp`
//! reads the beginning before the end and makes a disk that never existed. Data only in the page
//! cache of the tested file system is not in it, as after a power cut.

use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MntFlags, umount2};
use tempfile::TempDir;

use crate::run;

/// Sizes of the file system with the images, and of an image. Both files are sparse.
const HOST: &str = "2G";
const IMAGE: &str = "192M";

/// Where images are kept.
pub struct Images {
    folder: TempDir,
}

/// A mounted image. It is unmounted when dropped, and its loop device is removed then.
pub struct Mounted {
    image: PathBuf,
    at: PathBuf,
}

impl Images {
    /// A place for images, for a test [`with_own_mounts`](crate::with_own_mounts).
    ///
    /// # Panics
    ///
    /// When there is no loop device or no XFS.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("mfa-image-").tempdir();
        let folder = folder.expect("a folder");
        let image = folder.path().join("xfs");
        done(Command::new("truncate").arg("--size").arg(HOST).arg(&image));
        done(Command::new("mkfs.xfs").arg("-q").arg(&image));
        let at = folder.path().join("images");
        mounted(&image, &at);
        Self { folder }
    }

    /// A new disk with an empty ext4.
    #[must_use]
    pub fn ext4(&self) -> Mounted {
        let image = self.path("ext4");
        done(
            Command::new("truncate")
                .arg("--size")
                .arg(IMAGE)
                .arg(&image),
        );
        done(Command::new("mkfs.ext4").arg("-q").arg(&image));
        self.mount(&image)
    }

    /// The present content of the disk, as a file.
    #[must_use]
    pub fn cut(&self, disk: &Mounted, name: &str) -> PathBuf {
        let copy = self.path(name);
        let mut cp = Command::new("cp");
        done(cp.arg("--reflink=always").arg(&disk.image).arg(&copy));
        copy
    }

    /// A copy of the disk in the file `image`.
    #[must_use]
    pub fn copied(&self, image: &Path, name: &str) -> PathBuf {
        let copy = self.path(name);
        let mut cp = Command::new("cp");
        done(
            cp.args(["--reflink=auto", "--sparse=always"])
                .arg(image)
                .arg(&copy),
        );
        copy
    }

    /// Mounts an image, which replays its journal.
    #[must_use]
    pub fn mount(&self, image: &Path) -> Mounted {
        let at = image.with_extension("mounted");
        mounted(image, &at);
        let image = image.to_owned();
        Mounted { image, at }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("images").join(name)
    }
}

impl Default for Images {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Images {
    fn drop(&mut self) {
        let _ = umount2(&self.folder.path().join("images"), MntFlags::MNT_DETACH);
    }
}

impl Mounted {
    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.at
    }

    /// Unmounts it and removes its image.
    pub fn discard(self) {
        let image = self.image.clone();
        drop(self);
        std::fs::remove_file(image).expect("an image that is there");
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Open files keep it mounted until they are closed.
        let _ = umount2(&self.at, MntFlags::MNT_DETACH);
    }
}

fn mounted(image: &Path, at: &Path) {
    std::fs::create_dir_all(at).expect("a folder");
    // mount(8) makes a loop device that is removed with the mount.
    done(
        Command::new("mount")
            .args(["-o", "loop"])
            .arg(image)
            .arg(at),
    );
}

fn done(command: &mut Command) {
    let output = run(command);
    assert!(output.is_success(), "{command:?}: {output:?}");
}
