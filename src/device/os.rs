//! The few things asked of the operating system, with a portable form of each. `--cfg portable_os` uses that anywhere, and
//! tests build both.

#[cfg(all(unix, any(not(portable_os), test)))]
#[cfg_attr(portable_os, expect(dead_code, reason = "only tests look at it"))]
mod unix {
    use std::ptr::{NonNull, null_mut};

    /// A huge page. Large blocks start on one, so that the kernel can back them by whole ones.
    const HUGE: usize = 2 << 20;

    /// Runs `child` in every forked child before `fork` returns there. Call it once per handler.
    pub fn on_fork(child: unsafe extern "C" fn()) {
        // SAFETY: registers a function that lives as long as the process. A failure (no memory) leaves forked
        // children without the handler, which is where every program without one stands.
        unsafe { libc::pthread_atfork(None, None, Some(child)) };
    }

    /// Bytes of physical memory, less where a control group allows less; 0 if unknown.
    pub fn total_memory() -> usize {
        // SAFETY: plain queries.
        let (pages, size) = unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
        let physical = if pages > 0 && size > 0 { pages as usize * size as usize } else { 0 };
        let limit = |path| std::fs::read_to_string(path).ok()?.trim().parse::<usize>().ok();
        let group = limit("/sys/fs/cgroup/memory.max")
            .or_else(|| limit("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
            .unwrap_or(usize::MAX);
        physical.min(group)
    }

    /// `bytes` zeros (a multiple of [`page`](super::PAGE)), aligned to a huge page, of which the first `used` will be written.
    ///
    /// Huge pages are asked for where they are used whole: the few bytes that a header pushes over the end of the last
    /// one would take another.
    pub fn map(bytes: usize, used: usize) -> Option<NonNull<u8>> {
        let whole = bytes.checked_add(HUGE)?;
        // SAFETY: a fresh private mapping; nothing else is touched.
        let base = unsafe {
            libc::mmap(
                null_mut(),
                whole,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return None;
        }
        let head = (base as usize).next_multiple_of(HUGE) - base as usize;
        let start = base.cast::<u8>().wrapping_add(head);
        // SAFETY: both ends belong to the mapping just made and are not used; the advice changes no content.
        unsafe {
            if head > 0 {
                libc::munmap(base, head);
            }
            if HUGE > head {
                libc::munmap(start.wrapping_add(bytes).cast(), HUGE - head);
            }
            #[cfg(target_os = "linux")]
            libc::madvise(
                start.cast(),
                if used % HUGE < HUGE / 2 { used / HUGE * HUGE } else { bytes },
                libc::MADV_HUGEPAGE,
            );
        }
        NonNull::new(start)
    }

    /// Runs `f`, which loads graphics drivers, without the layer by which Mesa asks the desktop which device is meant: where there
    /// is no desktop, it says so on the user's screen. We choose the device ourselves.
    pub fn quietly<R>(f: impl FnOnce() -> R) -> R {
        const SWITCH: &std::ffi::CStr = c"NODEVICE_SELECT";
        // SAFETY: plain calls; the GIL is held, under which Python changes the environment.
        let ours = unsafe {
            libc::getenv(c"XDG_RUNTIME_DIR".as_ptr()).is_null()
                && libc::getenv(SWITCH.as_ptr()).is_null()
                && libc::setenv(SWITCH.as_ptr(), c"1".as_ptr(), 0) == 0
        };
        let found = f();
        if ours {
            // SAFETY: as above.
            unsafe { libc::unsetenv(SWITCH.as_ptr()) };
        }
        found
    }

    /// # Safety
    /// `ptr` came from [`map`] with the same `bytes`, and is not used again.
    pub unsafe fn unmap(ptr: NonNull<u8>, bytes: usize) {
        // SAFETY: the whole mapping, says the caller.
        unsafe { libc::munmap(ptr.as_ptr().cast(), bytes) };
    }
}

#[cfg(any(not(unix), portable_os, test))]
#[cfg_attr(all(unix, not(portable_os)), expect(dead_code, reason = "only tests look at it"))]
mod portable {
    use std::alloc::{Layout, alloc_zeroed, dealloc};
    use std::ptr::NonNull;

    /// Runs `f`.
    pub fn quietly<R>(f: impl FnOnce() -> R) -> R {
        f()
    }

    /// No `fork` to prepare for.
    pub fn on_fork(_child: unsafe extern "C" fn()) {}

    /// Unknown.
    pub fn total_memory() -> usize {
        0
    }

    fn layout(bytes: usize) -> Option<Layout> {
        Layout::from_size_align(bytes.max(1), super::PAGE).ok()
    }

    /// `bytes` zeros, aligned to a page.
    pub fn map(bytes: usize, _used: usize) -> Option<NonNull<u8>> {
        // SAFETY: the size is not zero.
        NonNull::new(unsafe { alloc_zeroed(layout(bytes)?) })
    }

    /// # Safety
    /// `ptr` came from [`map`] with the same `bytes`, and is not used again.
    pub unsafe fn unmap(ptr: NonNull<u8>, bytes: usize) {
        if let Some(l) = layout(bytes) {
            // SAFETY: allocated with this layout.
            unsafe { dealloc(ptr.as_ptr(), l) }
        }
    }
}

/// What sizes of mappings are rounded to: a page, or several small ones.
pub const PAGE: usize = 64 << 10;

#[cfg(any(not(unix), portable_os))]
pub use portable::*;
#[cfg(all(unix, not(portable_os)))]
pub use unix::*;

#[cfg(test)]
mod tests {
    use super::*;

    /// Maps, looks, writes and unmaps.
    macro_rules! round_trip {
        ($os:ident) => {
            for bytes in [PAGE, 3 * PAGE, 5 << 20] {
                let p = $os::map(bytes, bytes).expect("memory for a test");
                assert_eq!(p.as_ptr() as usize % 4096, 0);
                // SAFETY: a mapping of so many bytes, which is given back once.
                unsafe {
                    assert!(std::slice::from_raw_parts(p.as_ptr(), bytes).iter().all(|&b| b == 0));
                    p.as_ptr().add(bytes - 1).write(1);
                    $os::unmap(p, bytes);
                }
            }
            assert!($os::map(usize::MAX - PAGE + 1, 1).is_none());
        };
    }

    #[test]
    fn memory_of_either_form() {
        round_trip!(portable);
        #[cfg(unix)]
        round_trip!(unix);
    }
}
