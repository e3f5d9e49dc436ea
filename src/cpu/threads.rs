//! A persistent pool of threads: chunks are taken as they come, workers spin briefly and then park, and the caller
//! never waits for a worker that has not joined, so a busy machine costs no more than working alone. The caller takes
//! them from the front, every other worker from the back: what two threads share comes to each as it did in the call
//! before, while its part is still in its own cache.
//!
//! Which thread runs which chunk is not determined: a kernel's result must not depend on it.

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::{null_mut, write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering::*};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::device::{os, settings};

/// How long an idle worker spins before it parks: a woken worker is 10 us late, a spinning one 0.2 us.
const SPIN: Duration = Duration::from_micros(20);
/// More threads than this are not used.
const MOST: usize = 1 << 10;

// The state word: the number of the job in the high half; then whether it is open to join, how many workers may
// join it (15 bits), and how many are in it (16 bits).
const OPEN: u64 = 1 << 31;
const LIMIT: u32 = 16;
const JOINED: u64 = (1 << LIMIT) - 1;
/// One chunk from the back.
const BACK: u64 = 1 << 32;

type Task = dyn Fn(usize) + Sync;
type Payload = Box<dyn Any + Send>;

/// Two lines apart, since processors fetch lines in pairs.
#[repr(align(128))]
struct Apart<T>(T);

struct Worker {
    sleeping: Arc<Apart<AtomicBool>>,
    thread: Thread,
}

struct Pool {
    state: Apart<AtomicU64>,
    /// How many chunks were taken from the front, in the low half, and from the back.
    taken: Apart<AtomicU64>,
    /// The work of the open job and its number of chunks.
    job: UnsafeCell<(*const Task, usize)>,
    /// The payload of the first panic in a task.
    panic: AtomicPtr<Payload>,
    /// Held by the caller of the running job; it guards `job` and `workers`.
    busy: AtomicBool,
    workers: UnsafeCell<Vec<Worker>>,
    /// What `count` says; 0 until it is first asked for.
    count: AtomicUsize,
    fork_handled: AtomicBool,
}

// SAFETY: `job` is written by the holder of `busy` while no worker is joined, and read by workers that joined an open
// job only; `workers` belongs to the holder of `busy`.
unsafe impl Sync for Pool {}

fn nothing(_: usize) {}

static POOL: Pool = Pool {
    state: Apart(AtomicU64::new(0)),
    taken: Apart(AtomicU64::new(0)),
    job: UnsafeCell::new((&nothing as *const Task, 0)),
    panic: AtomicPtr::new(null_mut()),
    busy: AtomicBool::new(false),
    workers: UnsafeCell::new(Vec::new()),
    count: AtomicUsize::new(0),
    fork_handled: AtomicBool::new(false),
};

thread_local! {
    static ALONE: Cell<bool> = const { Cell::new(false) };
}

/// From here on, kernels that this thread starts run on it alone: a thread that prepares data leaves the pool to the
/// thread that trains.
pub fn work_alone() {
    ALONE.set(true);
}

/// How many threads [`run`] uses, the caller's included: `RUSTGRAD_NUM_THREADS`, else `OMP_NUM_THREADS`, else the
/// processors that this process may use. One on a thread that works alone.
#[inline]
pub fn count() -> usize {
    if ALONE.get() {
        return 1;
    }
    match POOL.count.load(Relaxed) {
        0 => first_count(),
        n => n,
    }
}

#[cold]
fn first_count() -> usize {
    // The first is looked at and refused at import; the second is also others'.
    let asked = |name| settings::count(name).ok().flatten();
    let n = asked("RUSTGRAD_NUM_THREADS").or_else(|| asked("OMP_NUM_THREADS"));
    let n = n.unwrap_or_else(|| thread::available_parallelism().map_or(1, |n| n.get())).min(MOST);
    match POOL.count.compare_exchange(0, n, Relaxed, Relaxed) {
        Ok(_) => n,
        Err(set) => set,
    }
}

/// Sets what [`count`] says, from 1 up. Workers that are too many stay parked.
pub fn set_count(n: usize) {
    POOL.count.store(n.clamp(1, MOST), Relaxed);
}

/// Runs `f(0)` to `f(chunks - 1)`, each once, on this thread and the pool's. Calls from inside a task, or while
/// another thread has the pool, run here alone. A panic in a task is rethrown here, when no other thread is in `f`
/// any more; chunks not yet begun are then left out. There are fewer than 2^32 chunks.
///
/// About 20 us of work pay for it; below that call the kernel directly. 8 to 32 chunks balance well.
pub fn run(chunks: usize, f: &(dyn Fn(usize) + Sync)) {
    let n = count();
    if n <= 1 || chunks <= 1 || POOL.busy.swap(true, Acquire) {
        return (0..chunks).for_each(f);
    }
    POOL.start(chunks, f, n);
}

/// Splits `0..n` into ranges of about equal length, at least `grain` each and as many for each thread, and runs `f` on
/// each of them.
pub fn split(n: usize, grain: usize, f: &(dyn Fn(Range<usize>) + Sync)) {
    let threads = count();
    let parts = if threads == 1 { 1 } else { (n / grain.max(1)).clamp(1, 8 * threads) };
    // Five parts on two threads take as long as six.
    let parts = if parts > threads { parts - parts % threads } else { parts };
    if parts == 1 {
        return f(0..n);
    }
    let bound = |i: usize| (n as u128 * i as u128 / parts as u128) as usize;
    run(parts, &|i| f(bound(i)..bound(i + 1)));
}

impl Pool {
    /// The caller has set `busy`.
    fn start(&'static self, chunks: usize, f: &(dyn Fn(usize) + Sync), threads: usize) {
        let helpers = (threads - 1).min(chunks - 1);
        // SAFETY: this thread holds `busy`, and every worker has left the last job. The lifetime of `f` is erased:
        // this function returns only after every worker that joined has left.
        let workers = unsafe {
            *self.job.get() = (std::mem::transmute::<&(dyn Fn(usize) + Sync), *const Task>(f), chunks);
            &mut *self.workers.get()
        };
        while workers.len() < helpers {
            match self.spawn(workers.len().is_multiple_of(2)) {
                Some(w) => workers.push(w),
                None => break,
            }
        }
        self.taken.0.store(0, Relaxed);
        let number = (self.state.0.load(Relaxed) >> 32) + 1;
        self.state.0.store(number << 32 | OPEN | (helpers as u64) << LIMIT, SeqCst);
        for w in workers.iter().take(helpers) {
            if w.sleeping.0.load(SeqCst) {
                w.thread.unpark();
            }
        }
        self.take_chunks(f, chunks, false);
        // A worker that wakes only now finds the job closed.
        self.state.0.fetch_and(!OPEN, AcqRel);
        let mut tries = 0u32;
        while self.state.0.load(Acquire) & JOINED != 0 {
            tries += 1;
            if tries < 2000 { std::hint::spin_loop() } else { thread::yield_now() }
        }
        let panic = self.panic.swap(null_mut(), AcqRel);
        self.busy.store(false, Release);
        if !panic.is_null() {
            // SAFETY: made by `Box::into_raw` in `take_chunks`, and taken once.
            resume_unwind(*unsafe { Box::from_raw(panic) });
        }
    }

    fn take_chunks(&self, f: &(dyn Fn(usize) + Sync), chunks: usize, back: bool) {
        let work = || {
            loop {
                let taken = self.taken.0.fetch_add(if back { BACK } else { 1 }, Relaxed);
                let (front, rear) = ((taken % BACK) as usize, (taken / BACK) as usize);
                if front + rear >= chunks {
                    return;
                }
                f(if back { chunks - 1 - rear } else { front });
            }
        };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(work)) {
            self.taken.0.store(chunks as u64, Relaxed);
            let p = Box::into_raw(Box::new(payload));
            if self.panic.compare_exchange(null_mut(), p, AcqRel, Relaxed).is_err() {
                // SAFETY: made just above.
                drop(unsafe { Box::from_raw(p) });
            }
        }
    }

    /// A new worker, if the system gives one; with fewer the caller does more itself.
    #[cold]
    fn spawn(&'static self, back: bool) -> Option<Worker> {
        if !self.fork_handled.swap(true, Relaxed) {
            os::on_fork(forget_workers);
        }
        let sleeping = Arc::new(Apart(AtomicBool::new(false)));
        let own = sleeping.clone();
        let handle = thread::Builder::new().name("rustgrad".into()).spawn(move || self.work(&own.0, back)).ok()?;
        Some(Worker { sleeping, thread: handle.thread().clone() })
    }

    /// The life of a worker.
    fn work(&self, sleeping: &AtomicBool, back: bool) {
        let mut last = 0;
        let joinable = |s: u64, last| s & OPEN != 0 && s >> 32 != last && s & JOINED < (s & !OPEN) >> LIMIT & JOINED;
        loop {
            let mut since = Instant::now();
            let mut tries = 0u32;
            let state = loop {
                let state = self.state.0.load(Acquire);
                if joinable(state, last) {
                    break state;
                }
                std::hint::spin_loop();
                tries = tries.wrapping_add(1);
                if tries.is_multiple_of(32) && since.elapsed() > SPIN {
                    // Either the caller sees the flag and unparks, or this thread sees the job: both are SeqCst.
                    sleeping.store(true, SeqCst);
                    if !joinable(self.state.0.load(SeqCst), last) {
                        thread::park();
                    }
                    sleeping.store(false, SeqCst);
                    since = Instant::now();
                }
            };
            if self.state.0.compare_exchange(state, state + 1, AcqRel, Relaxed).is_err() {
                continue;
            }
            last = state >> 32;
            // SAFETY: this thread has joined an open job, so its caller waits and the closure is alive.
            let (f, chunks) = unsafe { *self.job.get() };
            // SAFETY: as above.
            self.take_chunks(unsafe { &*f }, chunks, back);
            self.state.0.fetch_sub(1, Release);
        }
    }
}

/// A forked child has this thread only. A job that another thread had open is none of its business.
unsafe extern "C" fn forget_workers() {
    // SAFETY: no other thread exists. The old list is leaked, since another thread may have been changing it.
    unsafe { write(POOL.workers.get(), Vec::new()) };
    let number = (POOL.state.0.load(Relaxed) >> 32) + 1;
    POOL.state.0.store(number << 32, Relaxed);
    POOL.panic.store(null_mut(), Relaxed);
    POOL.busy.store(false, Release);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chunk_runs_once() {
        for threads in [1, 2, 5] {
            set_count(threads);
            for chunks in [0, 1, 2, 7, 1000] {
                let hits: Vec<AtomicUsize> = (0..chunks).map(|_| AtomicUsize::new(0)).collect();
                run(chunks, &|i| {
                    hits[i].fetch_add(1, Relaxed);
                });
                assert!(hits.iter().all(|h| h.load(Relaxed) == 1));
            }
        }
    }

    #[test]
    fn split_covers_the_range() {
        let sum = AtomicUsize::new(0);
        split(100_001, 1000, &|r| {
            assert!(r.len() >= 1000);
            sum.fetch_add(r.sum(), Relaxed);
        });
        assert_eq!(sum.into_inner(), 100_001 * 100_000 / 2);
        split(0, 10, &|r| assert!(r.is_empty()));
    }

    #[test]
    fn nested_and_concurrent_calls_finish() {
        let total = AtomicUsize::new(0);
        thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    for _ in 0..200 {
                        run(8, &|_| {
                            run(4, &|_| {
                                total.fetch_add(1, Relaxed);
                            })
                        });
                    }
                });
            }
        });
        assert_eq!(total.into_inner(), 4 * 200 * 32);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_survives() {
        for _ in 0..50 {
            let caught = catch_unwind(|| {
                run(64, &|i| {
                    if i % 16 == 3 {
                        resume_unwind(Box::new(i))
                    }
                })
            });
            assert_eq!(caught.unwrap_err().downcast_ref::<usize>().map(|i| i % 16), Some(3));
            let done = AtomicUsize::new(0);
            run(64, &|_| {
                done.fetch_add(1, Relaxed);
            });
            assert_eq!(done.into_inner(), 64);
        }
    }

    #[cfg(all(unix, not(portable_os)))]
    #[test]
    fn a_forked_child_works() {
        set_count(2);
        run(8, &|_| {});
        // SAFETY: the child runs the pool, which takes no lock of this process's other threads, and leaves.
        let status = unsafe {
            let pid = libc::fork();
            if pid == 0 {
                let done = AtomicUsize::new(0);
                for _ in 0..100 {
                    run(8, &|_| {
                        done.fetch_add(1, Relaxed);
                    });
                }
                libc::_exit((done.into_inner() != 800) as i32);
            }
            let mut status = -1;
            libc::waitpid(pid, &mut status, 0);
            status
        };
        assert_eq!(status, 0);
    }
}
