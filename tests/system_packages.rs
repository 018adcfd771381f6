//! Packages, roles, profiles and documents, on machines that are booted for them.

mod ansible;
mod apparmor;
mod cloud_init;
mod documents;
mod package_deb;
mod package_rpm;
mod selinux;
