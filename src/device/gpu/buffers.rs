//! GPU memory: whole buffers by size class, kept when they are freed and handed out again. A freed buffer may be written by a
//! later kernel at once, since the queue is in order. Every kernel writes all of its output, so old contents never show.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::mem::ManuallyDrop;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{Gpu, is_forked, started, too_large};
use crate::err;
use crate::error::{Error, Kind, Result};

/// Every buffer's size is a multiple of this, and so is every offset that is bound.
pub const ALIGN: u64 = 256;

/// Submissions after which a cache of more than half of the peak is given back.
const PATIENCE: u32 = 100;

const USAGE: wgpu::BufferUsages =
    wgpu::BufferUsages::STORAGE.union(wgpu::BufferUsages::COPY_SRC).union(wgpu::BufferUsages::COPY_DST);

/// A buffer that one storage owns.
pub struct Block {
    buffer: ManuallyDrop<wgpu::Buffer>,
    /// Bytes that were asked for.
    pub bytes: usize,
    /// The batch that used it last: what overtakes the open batch must not write it.
    used: AtomicU64,
    /// Where it would lie, for `data_ptr`: devices tell no addresses. No other block has had it.
    pub address: u64,
}

/// Where the next block would lie.
static NEXT: AtomicU64 = AtomicU64::new(1 << 44);

fn address(bytes: u64) -> u64 {
    NEXT.fetch_add(bytes.next_multiple_of(ALIGN) + ALIGN, Relaxed)
}

impl Block {
    /// One that is no tensor's, of zeros.
    pub(super) fn fixed(device: &wgpu::Device, size: u64) -> Block {
        let descriptor = wgpu::BufferDescriptor { label: None, size, usage: USAGE, mapped_at_creation: false };
        Block {
            buffer: ManuallyDrop::new(device.create_buffer(&descriptor)),
            bytes: size as usize,
            used: AtomicU64::new(0),
            address: address(size),
        }
    }

    pub fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }

    /// Stands for it while it lives.
    pub fn id(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    pub(super) fn touch(&self, batch: u64) {
        self.used.store(batch, Relaxed);
    }

    pub(super) fn last_used(&self) -> u64 {
        self.used.load(Relaxed)
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // In a forked child the driver must not be touched: the buffer is the parent's.
        if is_forked() {
            return;
        }
        // SAFETY: taken once, here.
        let buffer = unsafe { ManuallyDrop::take(&mut self.buffer) };
        if let Some(g) = started() {
            g.state().buffers.give(buffer, self.last_used());
        }
    }
}

/// Figures of `gpu.memory_summary()`, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    pub in_use: u64,
    pub cached: u64,
    pub peak: u64,
    pub limit: u64,
    pub buffers: u64,
}

pub struct Buffers {
    free: HashMap<u64, VecDeque<(wgpu::Buffer, u64)>>,
    /// How many buffers of each size tensors use.
    used: BTreeMap<u64, u64>,
    statistics: Statistics,
    /// Submissions since more than half of the peak lies in the cache.
    idle: u32,
}

impl Buffers {
    /// The limit is as many bytes as were asked for, else half of the machine's memory where the device shares it.
    pub fn new(kind: wgpu::DeviceType, asked: Option<u64>) -> Buffers {
        let shares = matches!(kind, wgpu::DeviceType::Cpu | wgpu::DeviceType::IntegratedGpu);
        let half = (super::super::cpu::total_memory() / 2) as u64;
        let limit = asked.unwrap_or(if shares { half } else { u64::MAX });
        Buffers {
            free: HashMap::new(),
            used: BTreeMap::new(),
            statistics: Statistics { limit, ..Default::default() },
            idle: 0,
        }
    }

    fn give(&mut self, buffer: wgpu::Buffer, used: u64) {
        let size = buffer.size();
        self.statistics.in_use -= size;
        self.statistics.cached += size;
        self.statistics.buffers -= 1;
        if let Some(n) = self.used.get_mut(&size) {
            *n -= 1;
        }
        self.free.entry(size).or_default().push_back((buffer, used));
    }

    /// A cached buffer, the oldest first: it is the likeliest to be free of the open batch.
    fn take(&mut self, size: u64) -> Option<(wgpu::Buffer, u64)> {
        let found = self.free.get_mut(&size)?.pop_front()?;
        self.statistics.cached -= size;
        Some(found)
    }

    /// After each submission: what lay unused for long goes back to the driver.
    pub fn submitted(&mut self) {
        let s = &self.statistics;
        self.idle = if s.cached > s.peak / 2 { self.idle + 1 } else { 0 };
        if self.idle == PATIENCE {
            self.release();
        }
    }

    fn count(&mut self, size: u64) {
        *self.used.entry(size).or_default() += 1;
        let s = &mut self.statistics;
        s.in_use += size;
        s.buffers += 1;
        s.peak = s.peak.max(s.in_use);
    }

    /// `2 of 64 MiB, 1 of ...`: what memory went to.
    fn largest(&self) -> String {
        let used = self.used.iter().rev().filter(|(_, n)| **n > 0).take(3);
        used.map(|(size, n)| format!("{n} of {size} bytes")).collect::<Vec<_>>().join(", ")
    }

    fn release(&mut self) {
        self.free.clear();
        self.statistics.cached = 0;
        self.idle = 0;
    }
}

/// The size of the buffer for so many bytes: few sizes, so that freed buffers fit again.
fn class(bytes: usize) -> u64 {
    let bytes = (bytes as u64).max(1);
    if bytes <= 64 << 10 {
        return bytes.next_power_of_two().max(ALIGN);
    }
    if bytes > 64 << 20 {
        return bytes.next_multiple_of(ALIGN);
    }
    // Four steps between powers of two.
    bytes.next_multiple_of(bytes.next_power_of_two() / 8)
}

/// What frees memory that is held for work that was put off.
static RELIEF: OnceLock<fn()> = OnceLock::new();

/// Has `relief` called before memory is said to be used up.
pub fn relieve_by(relief: fn()) {
    RELIEF.get_or_init(|| relief);
}

impl Gpu {
    /// A buffer of at least `bytes`, of any content.
    ///
    /// # Errors
    /// RuntimeError above the adapter's limit for a buffer; OutOfMemoryError where the limit of all is reached.
    pub fn allocate(&self, bytes: usize) -> Result<Block> {
        match (self.buffer(bytes), RELIEF.get()) {
            (Err(e), Some(relief)) if e.kind == Kind::OutOfMemory => {
                relief();
                self.buffer(bytes)
            }
            (made, _) => made,
        }
    }

    fn buffer(&self, bytes: usize) -> Result<Block> {
        let size = class(bytes);
        too_large("allocate: a tensor of the GPU", size, self.limits.max_buffer_size)?;
        let mut state = self.state();
        if let Some((buffer, used)) = state.buffers.take(size) {
            state.buffers.count(size);
            return Ok(Block {
                buffer: ManuallyDrop::new(buffer),
                bytes,
                used: AtomicU64::new(used),
                address: address(size),
            });
        }
        let s = state.buffers.statistics;
        if s.in_use + s.cached + size > s.limit {
            state.buffers.release();
        }
        if s.in_use + size > s.limit {
            return Err(out_of_memory(bytes, &state.buffers, None));
        }
        let made = match self.create(size) {
            Err(_) => {
                // Cached buffers may be in the way, and buffers that the device still uses.
                state.batch.submit(self);
                self.wait(state.batch.last());
                state.buffers.release();
                self.create(size)
            }
            made => made,
        };
        let buffer = made.map_err(|why| out_of_memory(bytes, &state.buffers, Some(why)))?;
        state.buffers.count(size);
        Ok(Block { buffer: ManuallyDrop::new(buffer), bytes, used: AtomicU64::new(0), address: address(size) })
    }

    fn create(&self, size: u64) -> std::result::Result<wgpu::Buffer, String> {
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let descriptor = wgpu::BufferDescriptor { label: None, size, usage: USAGE, mapped_at_creation: false };
        let buffer = self.device.create_buffer(&descriptor);
        match pollster::block_on(memory.pop()) {
            None => Ok(buffer),
            Some(e) => Err(e.to_string()),
        }
    }

    pub fn statistics(&self) -> Statistics {
        self.state().buffers.statistics
    }

    /// The peak begins anew at what is in use.
    pub fn reset_peak(&self) {
        let statistics = &mut self.state().buffers.statistics;
        statistics.peak = statistics.in_use;
    }

    /// Gives cached buffers back to the driver.
    pub fn empty_cache(&self) {
        self.state().buffers.release();
    }
}

#[cold]
fn out_of_memory(bytes: usize, buffers: &Buffers, why: Option<String>) -> Box<Error> {
    let (s, largest) = (buffers.statistics, buffers.largest());
    let why = why.map_or(String::new(), |w| format!(" ({})", w.trim_end()));
    err!(
        OutOfMemory,
        "not enough memory on the GPU: you tried to allocate {bytes} bytes; {} tensors use {} bytes, the largest: {}{why}",
        s.buffers,
        s.in_use,
        if largest.is_empty() { "none" } else { &largest }
    )
    .hint(match s.limit {
        u64::MAX => "smaller batches need less; gpu.memory_summary() tells more".into(),
        limit => format!("the limit is {limit} bytes; RUSTGRAD_GPU_MEMORY sets it. Smaller batches need less"),
    })
}

#[cfg(test)]
mod tests {
    use super::class;

    #[test]
    fn classes_are_few_and_fit() {
        assert_eq!([0, 1, 256, 257, 65_536].map(class), [256, 256, 256, 512, 65_536]);
        assert_eq!([65_537, 81_921, (1 << 20) + 1].map(class), [81_920, 98_304, (1 << 20) + (1 << 18)]);
        assert_eq!(class((64 << 20) + 1), (64 << 20) + 256);
        for bytes in (1..5_000_000).step_by(977) {
            let size = class(bytes);
            assert!(size as usize >= bytes && (size as usize) < 2 * bytes.max(256) && size.is_multiple_of(256));
        }
    }
}
