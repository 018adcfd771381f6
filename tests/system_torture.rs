//! Power cuts, kills and failing disks: a few in every run, all of them in `make torture`.

mod torture_backup;
mod torture_ext4;
mod torture_faults;
mod torture_kill;
mod torture_qemu;
mod torture_size;
mod torture_start;
