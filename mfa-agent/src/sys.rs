//! The one call of the C library that the agent needs and no safe crate offers.

/// From this size on, in bytes, freed memory goes back to the system: above what is allocated all the
/// time, below sled's buffers (512 KiB) and a password hash (19 MiB).
#[cfg(target_env = "gnu")]
const LARGE: nix::libc::c_int = 256 << 10;

/// Has the allocator give large blocks back to the system as soon as they are freed.
///
/// glibc maps them one by one at first, but raises its threshold with each that is freed (mallopt(3),
/// `M_MMAP_THRESHOLD`), and after the first password hash keeps them for good: 19 MiB for each that
/// ever ran at the same time. Setting the threshold stops that. Other C libraries need no telling.
pub(crate) fn give_large_blocks_back() {
    #[cfg(target_env = "gnu")]
    #[allow(unsafe_code, reason = "mallopt has no safe wrapper")]
    // SAFETY: mallopt takes two integers and reads no memory of ours. It locks the allocator, so it
    // may run beside allocations of other threads.
    unsafe {
        nix::libc::mallopt(nix::libc::M_MMAP_THRESHOLD, LARGE);
    }
}
