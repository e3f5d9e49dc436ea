//! Cached blocks of memory for tensors on the CPU.
//!
//! Small blocks (to 1 MiB) come from free lists of the calling thread, one per size class: no lock, and no malloc once
//! warm. Large ones are mapped on huge pages and recycled through one cache for the process: the first touch of
//! fresh pages costs several times what a kernel does with them. What nobody takes out of it for two seconds goes back to the
//! system, so that a process does not keep what it needed once.

use std::alloc::{Layout, alloc, dealloc};
use std::cell::{Cell, UnsafeCell};
use std::ptr::{NonNull, null_mut, write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::*};
use std::time::{Duration, Instant};

use super::os;

/// The alignment of every block.
pub const ALIGN: usize = 64;
/// Classes of small blocks: the last one is [`SMALL`].
const CLASSES: usize = 53;
/// Larger requests go to the process-wide cache.
const SMALL: usize = 1 << 20;
/// Bytes that one thread keeps at most, and blocks of one class.
const THREAD_KEEPS: usize = 32 << 20;
const CLASS_KEEPS: u32 = 1024;
/// The process keeps this much of large blocks, or as much as was lately in use, whichever is more.
const PROCESS_KEEPS: usize = 64 << 20;
/// How long a large block waits in the cache before it goes back to the system.
const PATIENCE: Duration = Duration::from_secs(2);

/// The class of a size, and the size that its blocks have: multiples of 64 up to 256, then four per doubling.
#[inline]
fn class_of(size: usize) -> (usize, usize) {
    if size <= 256 {
        let class = size.div_ceil(64).max(1);
        return (class, class * 64);
    }
    let s = size - 1;
    let e = s.ilog2() as usize;
    let quarter = (s >> (e - 2)) & 3;
    (5 + (e - 8) * 4 + quarter, (5 + quarter) << (e - 2))
}

/// The size that a large block of at least `size` has: eight per doubling, in whole pages.
fn large_size(size: usize) -> Option<usize> {
    let step = (1usize << size.ilog2()) / 8;
    size.checked_next_multiple_of(step.max(os::PAGE)).filter(|&s| s < isize::MAX as usize / 2)
}

/// Free blocks of one thread. A free block's first word is the next block of its list.
struct Lists {
    heads: [Cell<*mut u8>; CLASSES],
    counts: [Cell<u32>; CLASSES],
    bytes: Cell<usize>,
}

thread_local! {
    static LISTS: Lists = const {
        Lists {
            heads: [const { Cell::new(null_mut()) }; CLASSES],
            counts: [const { Cell::new(0) }; CLASSES],
            bytes: Cell::new(0),
        }
    };
}

impl Lists {
    #[inline]
    fn pop(&self, class: usize, size: usize) -> Option<NonNull<u8>> {
        let head = NonNull::new(self.heads[class].get())?;
        // SAFETY: a block in a list belongs to the list, and its first word is the link.
        self.heads[class].set(unsafe { head.cast::<*mut u8>().read() });
        self.counts[class].set(self.counts[class].get() - 1);
        self.bytes.set(self.bytes.get() - size);
        Some(head)
    }

    /// Whether the block was kept.
    #[inline]
    fn push(&self, block: NonNull<u8>, class: usize, size: usize) -> bool {
        let bytes = self.bytes.get() + size;
        let count = self.counts[class].get();
        if bytes > THREAD_KEEPS || count >= CLASS_KEEPS {
            return false;
        }
        // SAFETY: the caller gives the block away; it is larger than a word.
        unsafe { block.cast::<*mut u8>().write(self.heads[class].get()) };
        self.heads[class].set(block.as_ptr());
        self.counts[class].set(count + 1);
        self.bytes.set(bytes);
        true
    }

    fn clear(&self) {
        for class in 1..CLASSES {
            let size = if class <= 4 { class * 64 } else { (5 + (class - 5) % 4) << ((class - 5) / 4 + 6) };
            while let Some(block) = self.pop(class, size) {
                // SAFETY: just taken out of the list.
                unsafe { give_back(block, size) };
            }
        }
    }
}

impl Drop for Lists {
    fn drop(&mut self) {
        self.clear();
    }
}

fn take(size: usize) -> Option<NonNull<u8>> {
    // SAFETY: the size is not zero.
    NonNull::new(unsafe { alloc(Layout::from_size_align(size, ALIGN).ok()?) })
}

/// # Safety
/// `block` came from [`take`] with the same `size`.
unsafe fn give_back(block: NonNull<u8>, size: usize) {
    if let Ok(layout) = Layout::from_size_align(size, ALIGN) {
        // SAFETY: allocated with this layout.
        unsafe { dealloc(block.as_ptr(), layout) }
    }
}

/// Bytes behind a small block that nobody may write, in builds with debug assertions. They make a kernel that writes past its result
/// fail in the test that runs it, where the system's allocator would end some later test, or none.
const GUARD: usize = if cfg!(debug_assertions) { 64 } else { 0 };
const GUARD_BYTE: u8 = 0xA5;

/// The size of a small block with its guard, where that is small as well.
#[inline]
fn with_guard(size: usize) -> usize {
    if size + GUARD <= SMALL { size + GUARD } else { size }
}

fn set_guard(block: NonNull<u8>, size: usize) {
    // SAFETY: the block has as many bytes as `with_guard` says.
    unsafe { block.add(size).write_bytes(GUARD_BYTE, with_guard(size) - size) }
}

fn check_guard(block: NonNull<u8>, size: usize) {
    // SAFETY: as in `set_guard`, which wrote them.
    let guard = unsafe { std::slice::from_raw_parts(block.as_ptr().add(size), with_guard(size) - size) };
    assert!(guard.iter().all(|&b| b == GUARD_BYTE), "something wrote past a block of {size} bytes");
}

/// A block of at least `size` bytes (not zero), aligned to [`ALIGN`], and whether it is known to be zero. None when
/// there is no memory, or not that much on this machine.
#[inline]
pub fn allocate(size: usize) -> Option<(NonNull<u8>, bool)> {
    if size > SMALL {
        return allocate_large(size);
    }
    let (class, whole) = class_of(with_guard(size));
    let block = match LISTS.try_with(|l| l.pop(class, whole)) {
        Ok(Some(block)) => block,
        _ => take(whole)?,
    };
    if GUARD > 0 {
        set_guard(block, size);
    }
    Some((block, false))
}

/// Takes a block back.
///
/// # Safety
/// `block` came from [`allocate`] with the same `size`, and is not used again.
#[inline]
pub unsafe fn free(block: NonNull<u8>, size: usize) {
    if size > SMALL {
        return free_large(block, size);
    }
    if GUARD > 0 {
        check_guard(block, size);
    }
    let (class, size) = class_of(with_guard(size));
    if !LISTS.try_with(|l| l.push(block, class, size)).unwrap_or(false) {
        // SAFETY: says the caller.
        unsafe { give_back(block, size) };
    }
}

/// Large blocks, kept in the order they were freed.
struct Large {
    locked: AtomicBool,
    inner: UnsafeCell<Inner>,
}

struct Inner {
    free: Vec<(NonNull<u8>, usize, Instant)>,
    kept: usize,
    in_use: usize,
    peak: usize,
    /// The peak of use that the cache aims at; it falls slowly with every block taken.
    recent: usize,
    fork_handled: bool,
    /// Whether a thread watches the cache.
    watched: bool,
}

// SAFETY: `inner` is reached through `with` only, which holds the lock.
unsafe impl Sync for Large {}

static LARGE: Large = Large {
    locked: AtomicBool::new(false),
    inner: UnsafeCell::new(Inner {
        free: Vec::new(),
        kept: 0,
        in_use: 0,
        peak: 0,
        recent: 0,
        fork_handled: false,
        watched: false,
    }),
};

impl Large {
    /// Not a `Mutex`, since a forked child must be able to reset it. Held for less than a microsecond.
    fn with<R>(&self, f: impl FnOnce(&mut Inner) -> R) -> R {
        let mut tries = 0u32;
        while self.locked.compare_exchange_weak(false, true, Acquire, Relaxed).is_err() {
            tries += 1;
            if tries < 1000 { std::hint::spin_loop() } else { std::thread::yield_now() }
        }
        // SAFETY: the lock is held, and `f` is ours: it does not panic and does not come back here.
        let r = f(unsafe { &mut *self.inner.get() });
        self.locked.store(false, Release);
        r
    }
}

/// Another thread may have held the lock, and the list may be half changed: the child begins a new one.
unsafe extern "C" fn after_fork() {
    // SAFETY: this is the only thread, and the one that watched the cache is the parent's.
    unsafe { (*LARGE.inner.get()).watched = false };
    if LARGE.locked.load(Relaxed) {
        // SAFETY: this is the only thread.
        unsafe {
            let inner = LARGE.inner.get();
            write(&raw mut (*inner).free, Vec::new());
            (*inner).kept = 0;
        }
        LARGE.locked.store(false, Release);
    }
}

/// Bytes that this process may use, `usize::MAX` where that is not known.
pub fn total_memory() -> usize {
    static TOTAL: OnceLock<usize> = OnceLock::new();
    match *TOTAL.get_or_init(os::total_memory) {
        0 => usize::MAX,
        n => n,
    }
}

#[cold]
fn allocate_large(wanted: usize) -> Option<(NonNull<u8>, bool)> {
    let size = large_size(wanted)?;
    let total = total_memory();
    let (recycled, fits, first) = LARGE.with(|l| {
        // What the system would promise and not have ends in a killed process.
        let fits = size <= total - l.in_use.min(total);
        let at = if fits { l.free.iter().rposition(|b| b.1 == size) } else { None };
        if at.is_some() {
            l.kept -= size;
        }
        let first = !std::mem::replace(&mut l.fork_handled, true);
        if fits {
            l.in_use += size;
            l.peak = l.peak.max(l.in_use);
            l.recent = l.in_use.max(l.recent - l.recent / 4096);
        }
        (at.map(|i| l.free.remove(i).0), fits, first)
    });
    if first {
        os::on_fork(after_fork);
    }
    if !fits {
        return None;
    }
    if let Some(block) = recycled {
        return Some((block, false));
    }
    let fresh = os::map(size, wanted).or_else(|| {
        empty_cache();
        os::map(size, wanted)
    });
    if fresh.is_none() {
        LARGE.with(|l| l.in_use -= size);
    }
    Some((fresh?, true))
}

#[cold]
fn free_large(block: NonNull<u8>, size: usize) {
    let Some(size) = large_size(size) else { return };
    let total = total_memory();
    let mut watch = false;
    let mut drop_one = |keep_this: bool| {
        LARGE.with(|l| {
            if keep_this {
                l.in_use -= size;
                l.kept += size;
                l.free.push((block, size, Instant::now()));
                watch |= !std::mem::replace(&mut l.watched, true);
            }
            // Kept and used memory together stay below the recent peak of use, so that a loop finds all its blocks.
            let most = PROCESS_KEEPS.max(l.recent.min(total / 2).saturating_sub(l.in_use));
            if l.kept <= most {
                return None;
            }
            let oldest = l.free.remove(0);
            l.kept -= oldest.1;
            Some(oldest)
        })
    };
    let mut victim = drop_one(true);
    while let Some((block, size, _)) = victim {
        // SAFETY: it was in the cache, and is no more.
        unsafe { os::unmap(block, size) };
        victim = drop_one(false);
    }
    if watch {
        // Where there is no thread to have, the cache keeps what it has.
        let _ = std::thread::Builder::new().name("rustgrad-memory".into()).stack_size(64 << 10).spawn(watch_cache);
    }
}

/// Gives blocks back that were not taken for a while, until none is left; then the thread ends.
fn watch_cache() {
    loop {
        std::thread::sleep(PATIENCE / 4);
        let (idle, done) = LARGE.with(|l| {
            // In the order they were freed: the oldest stand first.
            let n = l.free.iter().take_while(|b| b.2.elapsed() >= PATIENCE).count();
            let idle: Vec<(NonNull<u8>, usize, Instant)> = l.free.drain(..n).collect();
            l.kept -= idle.iter().map(|b| b.1).sum::<usize>();
            if n > 0 {
                l.recent = l.in_use + l.kept;
            }
            l.watched = !l.free.is_empty();
            (idle, !l.watched)
        });
        for (block, size, _) in idle {
            // SAFETY: it was in the cache, and is no more.
            unsafe { os::unmap(block, size) };
        }
        if done {
            return;
        }
    }
}

/// Gives the cached blocks of the process, and the small ones of this thread, back to the system.
pub fn empty_cache() {
    let free = LARGE.with(|l| {
        l.kept = 0;
        l.recent = l.in_use;
        std::mem::take(&mut l.free)
    });
    for (block, size, _) in free {
        // SAFETY: it was in the cache, and is no more.
        unsafe { os::unmap(block, size) };
    }
    // Absent when the thread is ending: the lists are gone already.
    LISTS.try_with(Lists::clear).unwrap_or(());
}

/// Bytes of large blocks (above 1 MiB); small ones are not counted, so that they cost nothing.
#[derive(Debug, Clone, Copy)]
pub struct Stats {
    pub in_use: usize,
    pub peak: usize,
    pub cached: usize,
}

pub fn stats() -> Stats {
    LARGE.with(|l| Stats { in_use: l.in_use, peak: l.peak, cached: l.kept })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_cover_every_size_and_round_trip() {
        for size in 1..=SMALL {
            let (class, block) = class_of(size);
            assert!(block >= size && class < CLASSES);
            assert!(block % 64 == 0 && (size <= 256 || block < size + size / 4 + 64));
            assert_eq!(class_of(block), (class, block));
        }
        for size in [SMALL + 1, 3 << 20, (5 << 20) + 1, 1 << 40] {
            let block = large_size(size).unwrap();
            assert!(block >= size && block <= size + size / 8 + os::PAGE);
            assert_eq!(large_size(block), Some(block));
        }
        assert!(large_size(usize::MAX / 2).is_none());
    }

    #[test]
    fn lists_clear_what_they_hold() {
        std::thread::spawn(|| {
            for class in 1..CLASSES {
                let size = if class <= 4 { class * 64 } else { (5 + (class - 5) % 4) << ((class - 5) / 4 + 6) };
                assert_eq!(class_of(size), (class, size));
                let (block, _) = allocate(size).unwrap();
                // SAFETY: just allocated.
                unsafe { free(block, size) };
            }
            LISTS.with(|l| {
                l.clear();
                assert_eq!(l.bytes.get(), 0);
            });
        })
        .join()
        .unwrap();
    }
}
