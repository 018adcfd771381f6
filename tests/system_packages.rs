//! Packages, roles and profiles, on machines that are booted for them.

mod ansible;
mod apparmor;
mod cloud_init;
mod package_deb;
mod package_rpm;
mod selinux;
