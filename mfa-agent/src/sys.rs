//! Calls of the C library that no safe crate offers: allocator settings, and the age of passwords.

use std::ffi::CStr;
use std::io;

use nix::libc;
use zeroize::Zeroizing;

/// Bytes for an entry of the shadow database: a name, a hash, a few numbers.
const SHADOW_ENTRY: usize = 4096;

/// From this size on, in bytes, freed memory returns to the system: above common allocations, below
/// sled's buffers (512 KiB) and a password hash (19 MiB).
#[cfg(target_env = "gnu")]
const LARGE: nix::libc::c_int = 256 << 10;

/// The most allocator heaps. With glibc's default, one for each thread, 64 concurrent logins leave
/// 6 MiB more behind and are no faster.
#[cfg(target_env = "gnu")]
const HEAPS: nix::libc::c_int = 2;

/// Makes the allocator keep little freed memory. Call it early; repeated calls do no harm.
///
/// By default glibc raises its threshold for separate mappings with each one that is freed
/// (mallopt(3), `M_MMAP_THRESHOLD`), and then keeps 19 MiB for each password hash that ever ran
/// concurrently. A fixed threshold stops that; other C libraries don't need it.
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

/// Returns free memory to the system. It takes about a millisecond, so call it after a burst.
pub(crate) fn give_free_memory_back() {
    #[cfg(target_env = "gnu")]
    #[allow(unsafe_code, reason = "malloc_trim has no safe wrapper")]
    // SAFETY: malloc_trim takes an integer and touches only what the allocator knows to be free. It
    // locks the allocator, so it may run beside allocations of other threads.
    unsafe {
        nix::libc::malloc_trim(0);
    }
}

/// The maximum password age of a user in days, from any source of the name service (shadow(3));
/// `None` without an entry or limit. The hash in the same buffer is wiped.
pub(crate) fn password_max_days(name: &CStr) -> io::Result<Option<u32>> {
    let mut buffer = Zeroizing::new(vec![0; SHADOW_ENTRY]);
    let mut entry = std::mem::MaybeUninit::<libc::spwd>::uninit();
    let mut found: *mut libc::spwd = std::ptr::null_mut();
    #[allow(unsafe_code, reason = "getspnam_r has no safe wrapper")]
    // SAFETY: the name is a C string; entry and buffer are ours, have the sizes passed, and outlive
    // the call, which keeps no pointer to them.
    let code = unsafe {
        libc::getspnam_r(
            name.as_ptr(),
            entry.as_mut_ptr(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            &raw mut found,
        )
    };
    if found.is_null() {
        return match code {
            0 | libc::ENOENT | libc::ESRCH => Ok(None),
            code => Err(io::Error::from_raw_os_error(code)),
        };
    }
    #[allow(unsafe_code, reason = "getspnam_r has no safe wrapper")]
    // SAFETY: not null, so it points to `entry`, which the call has filled in.
    let days = unsafe { (*found).sp_max };
    Ok(u32::try_from(days).ok())
}

/// Closes every descriptor from 3 on at the next `exec` of a child.
///
/// Descriptors that std opens are closed there anyway; ones that others passed to us, such as
/// systemd, may not be. The child's standard streams are set up after the fork, and stay.
pub(crate) fn inherit_nothing() -> io::Result<()> {
    const FIRST: libc::c_uint = 3;
    #[allow(unsafe_code, reason = "close_range has no safe wrapper")]
    // SAFETY: the call takes three integers, and with this flag only marks descriptors.
    let done = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            FIRST,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    match done {
        0 => Ok(()),
        // Before Linux 5.11.
        _ => mark_one_by_one(FIRST.cast_signed()),
    }
}

fn mark_one_by_one(first: libc::c_int) -> io::Result<()> {
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let name = entry?.file_name();
        let number = name
            .to_str()
            .and_then(|name| name.parse::<libc::c_int>().ok());
        let Some(number) = number.filter(|number| *number >= first) else {
            continue;
        };
        #[allow(
            unsafe_code,
            reason = "there is no safe type for a descriptor that others own"
        )]
        // SAFETY: the call takes three integers; a closed number gives an error that does not
        // matter, and one that was reopened meanwhile is closed on exec anyway.
        unsafe {
            libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC);
        }
    }
    Ok(())
}
