//! A counted block of memory that tensors share, with the version that in-place ops bump.
//!
//! The count is atomic, since kernels that run without the GIL hold storages. Blocks come from
//! [`super::cpu`], header and data in one, so that a small tensor costs no malloc once warm.

use std::any::Any;
use std::ptr::{NonNull, write_bytes};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::*, fence};

use super::cpu;
use super::gpu::{self, Block};
use crate::err;
use crate::error::{Error, Result};

/// Memory that another owner lends (a NumPy array); dropping the owner gives it back.
pub type Owner = Box<dyn Any + Send + Sync>;

/// Stands at the start of the block; the data follow, unless an owner lends them.
#[repr(C, align(64))]
struct Header {
    count: AtomicUsize,
    /// None: the data are not in this machine's memory.
    ptr: Option<NonNull<u8>>,
    bytes: usize,
    version: AtomicU32,
    held: Held,
}

/// Where the data are.
enum Held {
    /// In the block, after the header.
    Here,
    Lent(Owner),
    Moved(Box<Moved>),
    Gpu(Box<Block>),
    /// There are none: the block of a tensor on `meta`, which counts bytes that nobody has.
    Nowhere,
}

/// The memory of a block that was resized, or that another owner lends since.
struct Moved {
    /// How many bytes the block itself has after the header.
    block: usize,
    /// How many the memory has that the data lie in: at least as many as it ever had, as tensors may show all of them.
    room: usize,
    /// Whether another owner lends the memory.
    lent: bool,
    /// All that the data ever lay in, since arrays and other threads may still read there; the last is where they are.
    owners: Vec<Owner>,
}

const HEADER: usize = size_of::<Header>();
const _: () = assert!(HEADER == cpu::ALIGN);

/// One count of a block.
pub struct Storage(NonNull<Header>);

// SAFETY: the count is atomic and the block plain memory; who may write it when is the rule of `tensor::apply`.
unsafe impl Send for Storage {}
// SAFETY: as above.
unsafe impl Sync for Storage {}

impl Storage {
    /// `bytes` of memory with any content, aligned to 64.
    #[inline]
    pub fn new(bytes: usize) -> Result<Storage> {
        Ok(Self::allocate(bytes)?.0)
    }

    /// `bytes` zeros.
    #[inline]
    pub fn zeroed(bytes: usize) -> Result<Storage> {
        let (storage, zero) = Self::allocate(bytes)?;
        if !zero {
            // SAFETY: the block was just made, and has as many bytes.
            unsafe { write_bytes(storage.ptr(), 0, bytes) };
        }
        Ok(storage)
    }

    /// Also says whether the memory is known to be zero.
    #[inline]
    fn allocate(bytes: usize) -> Result<(Storage, bool)> {
        match bytes.checked_add(HEADER).and_then(cpu::allocate) {
            Some((block, zero)) => {
                // SAFETY: the block has a header more than `bytes`, aligned as a header is, and is ours.
                let storage = unsafe { Self::begin(block, Some(block.add(HEADER)), bytes, Held::Here) };
                Ok((storage, zero))
            }
            None => Err(refused(bytes)),
        }
    }

    /// # Safety
    /// `block` is fresh from the allocator, with room for a header.
    #[inline(always)]
    unsafe fn begin(block: NonNull<u8>, ptr: Option<NonNull<u8>>, bytes: usize, held: Held) -> Storage {
        let header = block.cast::<Header>();
        // SAFETY: says the caller.
        unsafe {
            header.write(Header { count: AtomicUsize::new(1), ptr, bytes, version: AtomicU32::new(0), held });
        }
        Storage(header)
    }

    /// Memory that `owner` keeps alive.
    ///
    /// # Safety
    /// `ptr` is valid for reads and writes of `bytes` bytes while `owner` lives.
    pub unsafe fn foreign(ptr: NonNull<u8>, bytes: usize, owner: Owner) -> Storage {
        Self::elsewhere(Some(ptr), bytes, Held::Lent(owner))
    }

    /// `bytes` of memory of the GPU, with any content.
    pub fn on_gpu(bytes: usize) -> Result<Storage> {
        let block = gpu::gpu("allocate")?.allocate(bytes)?;
        Ok(Self::elsewhere(None, bytes, Held::Gpu(Box::new(block))))
    }

    /// As many bytes as a `meta` tensor has, and no memory.
    pub fn nowhere(bytes: usize) -> Storage {
        Self::elsewhere(None, bytes, Held::Nowhere)
    }

    /// A header alone.
    fn elsewhere(ptr: Option<NonNull<u8>>, bytes: usize, held: Held) -> Storage {
        let Some((block, _)) = cpu::allocate(HEADER) else {
            std::alloc::handle_alloc_error(std::alloc::Layout::new::<Header>())
        };
        // SAFETY: a block for a header, whose data are not in it.
        unsafe { Self::begin(block, ptr, bytes, held) }
    }

    #[inline(always)]
    fn header(&self) -> &Header {
        // SAFETY: the block lives while a count of it does.
        unsafe { self.0.as_ref() }
    }

    /// The data. A tensor of the GPU has none here, and one on `meta` has none at all: asking is a mistake in the code, and a
    /// panic rather than a wild read. This is the only way to an address, so no kernel can get hold of memory that is not there.
    #[inline]
    pub fn ptr(&self) -> *mut u8 {
        match self.header().ptr {
            Some(p) => p.as_ptr(),
            None => not_here(),
        }
    }

    /// The buffer, where the data are on the GPU.
    #[inline]
    pub fn gpu(&self) -> Option<&Block> {
        match &self.header().held {
            Held::Gpu(block) => Some(block),
            _ => None,
        }
    }

    /// Whether the data are in this machine's memory.
    #[inline]
    pub fn is_here(&self) -> bool {
        self.header().ptr.is_some()
    }

    #[inline]
    pub fn bytes(&self) -> usize {
        self.header().bytes
    }

    /// Whether somebody else owns the memory, which then cannot grow.
    pub fn is_foreign(&self) -> bool {
        match &self.header().held {
            Held::Lent(_) => true,
            Held::Moved(moved) => moved.lent,
            _ => false,
        }
    }

    /// How many bytes the memory has that the data lie in: more than `bytes` after it was cut.
    pub fn room(&self) -> usize {
        match &self.header().held {
            Held::Moved(moved) => moved.room,
            _ => self.bytes(),
        }
    }

    /// Who lends the memory.
    pub fn lender(&self) -> Option<&Owner> {
        match &self.header().held {
            Held::Lent(owner) => Some(owner),
            Held::Moved(moved) if moved.lent => moved.owners.last(),
            _ => None,
        }
    }

    /// What the block was before it moves for the first time, or since.
    ///
    /// # Safety
    /// As for `relocate`.
    unsafe fn moved(&self) -> *mut Moved {
        // SAFETY: says the caller.
        let header = unsafe { &mut *self.0.as_ptr() };
        if !matches!(header.held, Held::Moved(_)) {
            let (block, lent, owners) = match std::mem::replace(&mut header.held, Held::Nowhere) {
                Held::Here => (header.bytes, false, Vec::new()),
                Held::Lent(owner) => (0, true, vec![owner]),
                _ => not_here(),
            };
            header.held = Held::Moved(Box::new(Moved { block, room: header.bytes, lent, owners }));
        }
        match &mut header.held {
            Held::Moved(moved) => &raw mut **moved,
            _ => unreachable!("was just made"),
        }
    }

    /// Lets the data be in memory that `owner` lends, for all tensors that show them. It has `room` bytes, the same ones.
    ///
    /// # Safety
    /// The data are in this machine's memory, `ptr` is valid while `owner` lives and holds what they are, and nobody holds a
    /// reference into the header meanwhile: the GIL is held.
    pub unsafe fn relocate(&self, ptr: NonNull<u8>, owner: Owner) {
        // SAFETY: says the caller.
        unsafe {
            let moved = &mut *self.moved();
            moved.owners.push(owner);
            moved.lent = true;
            (*self.0.as_ptr()).ptr = Some(ptr);
        }
    }

    /// Makes the data `bytes` long. New ones are zero; what is cut off stays readable for tensors that show it.
    ///
    /// # Safety
    /// The data are in this machine's memory, nobody else owns it, and the GIL is held.
    pub unsafe fn resize(&self, bytes: usize) -> Result<()> {
        // SAFETY: says the caller; the new memory is at least as long as the old.
        unsafe {
            let moved = &mut *self.moved();
            if bytes > moved.room {
                let larger = Storage::zeroed(bytes)?;
                std::ptr::copy_nonoverlapping(self.ptr(), larger.ptr(), moved.room);
                (*self.0.as_ptr()).ptr = NonNull::new(larger.ptr());
                moved.room = bytes;
                moved.owners.push(Box::new(larger));
            }
            (*self.0.as_ptr()).bytes = bytes;
        }
        Ok(())
    }

    /// How often the content was changed in place.
    #[inline]
    pub fn version(&self) -> u32 {
        self.header().version.load(Relaxed)
    }

    /// For memory that takes the place of other memory.
    pub fn set_version(&self, version: u32) {
        self.header().version.store(version, Relaxed);
    }

    #[inline]
    pub fn bump_version(&self) {
        self.header().version.fetch_add(1, Relaxed);
    }

    /// Whether both are the same block.
    #[inline]
    pub fn same(&self, other: &Storage) -> bool {
        self.0 == other.0
    }

    /// The address of the block, which tells it from all that live at the same time.
    #[inline]
    pub fn address(&self) -> usize {
        self.0.as_ptr() as usize
    }

    /// Whether this is the only count of the block, so that nobody else can see a write to it.
    #[inline]
    pub fn is_unique(&self) -> bool {
        self.header().count.load(Acquire) == 1
    }
}

#[cold]
#[inline(never)]
fn not_here() -> ! {
    panic!("data on the GPU, or on meta, were taken for data of the CPU")
}

#[cold]
fn refused(bytes: usize) -> Box<Error> {
    let e = err!(OutOfMemory, "not enough memory: you tried to allocate {bytes} bytes");
    match cpu::total_memory() {
        usize::MAX => e,
        total => {
            e.hint(format!("this machine has {total} bytes in all, of which large tensors use {}", cpu::stats().in_use))
        }
    }
}

impl Clone for Storage {
    #[inline]
    fn clone(&self) -> Storage {
        self.header().count.fetch_add(1, Relaxed);
        Storage(self.0)
    }
}

impl Drop for Storage {
    #[inline]
    fn drop(&mut self) {
        // Who sees a count of one holds it: nobody can add to it meanwhile, and the atomic step, which costs as much as the
        // rest of a small op's bookkeeping, is saved.
        if self.header().count.load(Acquire) != 1 {
            if self.header().count.fetch_sub(1, Release) != 1 {
                return;
            }
            fence(Acquire);
        }
        // SAFETY: this was the last count. The owner is taken out before the block goes, and dropped after, since its
        // drop may run foreign code.
        unsafe {
            let held = std::mem::replace(&mut (*self.0.as_ptr()).held, Held::Here);
            let data = match &held {
                Held::Here => self.header().bytes,
                Held::Moved(moved) => moved.block,
                _ => 0,
            };
            cpu::free(self.0.cast(), HEADER + data);
            drop(held);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    const SIZES: [usize; 9] = [0, 1, 64, 1000, 65_537, 1 << 20, (1 << 20) + 1, 5_000_000, 40_000_000];

    fn fill(s: &Storage, byte: u8) {
        // SAFETY: the block has as many bytes.
        unsafe { write_bytes(s.ptr(), byte, s.bytes()) }
    }
    fn all(s: &Storage, byte: u8) -> bool {
        // SAFETY: as above, and nobody writes.
        unsafe { std::slice::from_raw_parts(s.ptr(), s.bytes()) }.iter().all(|&b| b == byte)
    }

    #[test]
    fn blocks_are_aligned_apart_and_zero_where_promised() {
        for bytes in SIZES {
            let dirty = Storage::new(bytes).unwrap();
            fill(&dirty, 7);
            drop(dirty);
            let (a, b) = (Storage::new(bytes).unwrap(), Storage::zeroed(bytes).unwrap());
            assert!([&a, &b].iter().all(|s| (s.ptr() as usize).is_multiple_of(64)));
            assert!(a.bytes() == bytes && all(&b, 0));
            fill(&a, 1);
            assert!(all(&b, 0) && all(&a, 1));
        }
    }

    #[test]
    fn data_move_and_grow_in_place() {
        for bytes in SIZES {
            let s = Storage::new(bytes).unwrap();
            fill(&s, 5);
            let other = s.clone();
            // SAFETY: nobody else uses the block.
            unsafe {
                s.resize(bytes + 100).unwrap();
                assert!(other.bytes() == bytes + 100 && *other.ptr() == if bytes > 0 { 5 } else { 0 });
                assert_eq!(*other.ptr().add(bytes), 0);
                s.resize(bytes / 2).unwrap();
                assert!(all(&other, 5) && !s.is_foreign());
                let lent = Storage::zeroed(bytes.max(1)).unwrap();
                s.relocate(NonNull::new(lent.ptr()).unwrap(), Box::new(lent));
            }
            assert!(all(&other, 0) && other.is_foreign() && other.lender().is_some());
        }
    }

    #[test]
    fn freed_blocks_come_back() {
        thread::spawn(|| {
            // The last size is rare, so that no test beside this one takes the block from the common cache.
            for bytes in [8, 4096, 1_000_000, 77_000_000] {
                let first = Storage::new(bytes).unwrap();
                let at = first.ptr();
                drop(first);
                assert_eq!(Storage::new(bytes - 1).unwrap().ptr(), at);
            }
            let before = cpu::stats();
            assert!(before.peak >= before.in_use && before.peak >= 77_000_000);
            cpu::empty_cache();
        })
        .join()
        .unwrap();
    }

    #[test]
    fn blocks_cross_threads_and_outlive_them() {
        let made = thread::spawn(|| SIZES.map(|n| Storage::zeroed(n).unwrap())).join().unwrap();
        assert!(made.iter().all(|s| all(s, 0)));
        thread::spawn(move || {
            made.iter().for_each(|s| fill(s, 3));
            drop(made);
            SIZES.map(|n| Storage::new(n).unwrap())
        })
        .join()
        .unwrap();
        let shared = Storage::zeroed(64).unwrap();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let s = shared.clone();
                thread::spawn(move || {
                    for _ in 0..1000 {
                        drop(s.clone());
                    }
                    s.bump_version();
                })
            })
            .collect();
        threads.into_iter().for_each(|t| t.join().unwrap());
        assert!(shared.is_unique() && shared.version() == 4);
    }

    #[test]
    fn a_thread_local_may_drop_its_storage_after_the_lists_are_gone() {
        thread_local! { static KEPT: std::cell::RefCell<Vec<Storage>> = const { std::cell::RefCell::new(vec![]) }; }
        thread::spawn(|| {
            KEPT.with_borrow_mut(|k| k.extend(SIZES.map(|n| Storage::new(n).unwrap())));
            drop(Storage::new(10));
        })
        .join()
        .unwrap();
    }

    #[test]
    fn a_block_that_is_nowhere_has_a_size_a_version_and_no_address() {
        let before = cpu::stats().in_use;
        let s = Storage::nowhere(isize::MAX as usize);
        let t = s.clone();
        t.bump_version();
        assert!(s.bytes() == isize::MAX as usize && s.version() == 1 && !s.is_here() && !s.is_foreign());
        assert!(s.gpu().is_none() && s.same(&t) && cpu::stats().in_use < before + (1 << 30));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| s.ptr())).is_err());
    }

    #[test]
    fn owners_are_dropped_once_and_last() {
        let mut data = vec![5u8; 100];
        let owner = Arc::new(());
        let ptr = NonNull::new(data.as_mut_ptr()).unwrap();
        // SAFETY: `data` outlives the storage.
        let s = unsafe { Storage::foreign(ptr, 100, Box::new(owner.clone())) };
        let t = s.clone();
        assert!(s.same(&t) && !s.is_unique() && all(&t, 5));
        drop(s);
        assert_eq!(Arc::strong_count(&owner), 2);
        drop(t);
        assert_eq!(Arc::strong_count(&owner), 1);
    }

    #[test]
    fn absurd_sizes_are_refused() {
        for bytes in [usize::MAX, usize::MAX - 64, usize::MAX / 2, 1 << 60] {
            for made in [Storage::new(bytes), Storage::zeroed(bytes)] {
                let e = made.err().unwrap();
                assert_eq!(e.kind, crate::error::Kind::OutOfMemory);
                assert!(e.message.contains(&bytes.to_string()), "{e}");
            }
        }
    }

    #[cfg(all(unix, not(portable_os)))]
    #[test]
    fn a_forked_child_allocates() {
        let kept = Storage::zeroed(3 << 20).unwrap();
        // SAFETY: the child only allocates and leaves.
        let status = unsafe {
            let pid = libc::fork();
            if pid == 0 {
                let ok = SIZES.iter().all(|&n| Storage::zeroed(n).is_ok_and(|s| all(&s, 0)));
                drop(kept);
                libc::_exit(!ok as i32);
            }
            let mut status = -1;
            libc::waitpid(pid, &mut status, 0);
            status
        };
        assert_eq!(status, 0);
    }
}
