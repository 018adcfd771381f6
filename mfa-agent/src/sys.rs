//! What the agent needs of the C library's allocator and no safe crate offers.

/// From this size on, in bytes, freed memory goes back to the system: above what is allocated all the
/// time, below sled's buffers (512 KiB) and a password hash (19 MiB).
#[cfg(target_env = "gnu")]
const LARGE: nix::libc::c_int = 256 << 10;

/// Heaps of the allocator that threads share, at most. With one for each thread, as glibc likes it, 64
/// logins at once leave 6 MiB more behind, and are no faster.
#[cfg(target_env = "gnu")]
const HEAPS: nix::libc::c_int = 2;

/// Has the allocator keep little of what has been freed. To be called early; again does no harm.
///
/// glibc maps large blocks one by one at first, but raises its threshold with each that is freed
/// (mallopt(3), `M_MMAP_THRESHOLD`), and after the first password hash keeps them for good: 19 MiB for
/// each that ever ran at the same time. Setting the threshold stops that. Other C libraries need no
/// telling.
pub(crate) fn keep_little_memory() {
    #[cfg(target_env = "gnu")]
    #[allow(unsafe_code, reason = "mallopt has no safe wrapper")]
    // SAFETY: mallopt takes two integers and reads no memory of ours. It locks the allocator, so it
    // may run beside allocations of other threads.
    unsafe {
        nix::libc::mallopt(nix::libc::M_MMAP_THRESHOLD, LARGE);
        nix::libc::mallopt(nix::libc::M_ARENA_MAX, HEAPS);
    }
}

/// Gives back what is free now. Takes about a millisecond: for when a burst is over.
pub(crate) fn give_free_memory_back() {
    #[cfg(target_env = "gnu")]
    #[allow(unsafe_code, reason = "malloc_trim has no safe wrapper")]
    // SAFETY: malloc_trim takes an integer and touches only what the allocator knows to be free. It
    // locks the allocator, so it may run beside allocations of other threads.
    unsafe {
        nix::libc::malloc_trim(0);
    }
}
