//! A kernel and its launch: the text around its operands, the pipelines made of it once, and the check of what a device would
//! only complain about later.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::access::{self, Access, Type, Way};
use super::words::Words;
use super::{library, map};
use crate::core::Number;
use crate::device::Array;
use crate::device::gpu::{Block, Dispatch, Gpu, SLOT, gpu, trace};
use crate::error::Result;
use crate::{bail, err};

/// Words of metadata that are a kernel's own, but for the last, which is the launch's number.
pub const WORDS: usize = 108;
/// Groups of one dimension of a grid at most.
const ROW: u32 = 65_535;
/// Operands of a kernel at most: the storage buffers that every adapter takes. Windows of large ones come on top, where the
/// adapter takes more.
const OPERANDS: usize = 8;
/// Constants of a kernel at most.
const CONSTS: usize = 6;

/// An array as a kernel sees it.
#[derive(Clone, Copy)]
pub struct Operand<'a> {
    pub array: &'a Array,
    access: Access,
    /// The part that is seen: the first element, counted from that of the array, and how many.
    part: Option<(usize, usize)>,
}

impl<'a> Operand<'a> {
    pub fn new(array: &'a Array, kind: Type) -> Operand<'a> {
        Operand {
            array,
            access: Access { dtype: array.dtype, kind, way: Way::Each, over: false, output: 0, windows: 1, window: 0 },
            part: None,
        }
    }

    /// Read or written as the type that its dtype computes in.
    pub fn of(array: &'a Array) -> Operand<'a> {
        Operand::new(array, Type::of(array.dtype))
    }

    pub fn way(mut self, way: Way) -> Operand<'a> {
        self.access.way = way;
        self
    }

    /// An input over the memory of output 0.
    pub fn over(self) -> Operand<'a> {
        self.over_output(0)
    }

    /// An input over the memory of output `k`.
    pub fn over_output(mut self, k: u8) -> Operand<'a> {
        (self.access.over, self.access.output) = (true, k);
        self
    }

    /// Sees `n` elements of a contiguous array from `start` on.
    pub fn part(mut self, start: usize, n: usize) -> Operand<'a> {
        self.part = Some((start, n));
        self
    }

    /// Bytes of the buffer before what is bound, and bytes that are: all of it, or of a large one what is seen.
    fn extent(&self, g: &Gpu) -> (u64, u64) {
        let size = self.array.storage.gpu().map_or(0, |b| b.buffer().size());
        if size <= g.binding_limit() {
            return (0, size);
        }
        let layout = &self.array.layout;
        let (start, end) = match self.part {
            Some((start, n)) => (layout.offset + start, layout.offset + start + n),
            None => (layout.offset, layout.end()),
        };
        let element = self.array.dtype.size() as u64;
        let from = start as u64 * element / 256 * 256;
        (from, (end as u64 * element - from).next_multiple_of(16).clamp(16, size - from))
    }

    /// What a kernel is given of it: the buffer, the bytes before and the bytes of each window.
    fn bound(&self, g: &Gpu, op: &str, to: &mut Vec<(&'a Block, u64, u64)>) -> Result<()> {
        let Some(block) = self.array.storage.gpu() else {
            bail!(Runtime, "internal error: {op} was given an array of the CPU on the GPU")
        };
        let (from, bytes) = self.extent(g);
        let limit = g.binding_limit();
        to.extend((0..bytes.div_ceil(limit).max(1)).map(|p| (block, from + p * limit, limit.min(bytes - p * limit))));
        Ok(())
    }

    /// How its text reaches it on this adapter.
    fn access(&self, g: &Gpu) -> Access {
        let (windows, limit) = (self.extent(g).1.div_ceil(g.binding_limit()).max(1), g.binding_limit());
        Access { windows: windows.min(255) as u8, window: if windows > 1 { limit as u32 } else { 0 }, ..self.access }
    }

    /// Where its first element stands in what is bound.
    pub fn first(&self, g: &Gpu) -> u32 {
        let start = self.array.layout.offset + self.part.map_or(0, |p| p.0);
        (start - self.extent(g).0 as usize / self.array.dtype.size()) as u32
    }
}

/// A kernel with its operands. The text of `body` sees `load0`.. of the reads, `store0`.. of the writes, the constants, and the
/// functions of the library; its entry point is `main`.
pub struct Kernel<'a> {
    /// For messages.
    pub op: &'a str,
    /// Stands for `body` in the key of the pipeline: the address of what it is made from.
    pub id: usize,
    /// What else `body` depends on.
    pub variant: u64,
    pub consts: &'a [(&'static str, u32)],
    pub reads: &'a [Operand<'a>],
    pub writes: &'a [Operand<'a>],
    pub body: &'a dyn Fn() -> Result<String>,
}

#[derive(PartialEq, Eq, Hash)]
struct Key {
    id: usize,
    variant: u64,
    accesses: [u64; OPERANDS],
    consts: [u32; CONSTS],
}

struct Pipeline {
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
    reports: bool,
}

/// Pipelines by what launches know, and by their texts: several keys may print one text, where a choice turns out to change nothing.
#[derive(Default)]
struct Pipelines {
    by_key: HashMap<Key, &'static Pipeline>,
    by_text: HashMap<String, &'static Pipeline>,
}

fn pipelines() -> &'static Mutex<Pipelines> {
    static PIPELINES: OnceLock<Mutex<Pipelines>> = OnceLock::new();
    PIPELINES.get_or_init(Default::default)
}

/// The op and the text of every kernel that was compiled, from the first call on: for tests.
pub fn texts() -> Vec<(String, String)> {
    TEXTS.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().clone()
}

static TEXTS: Mutex<Option<Vec<(String, String)>>> = Mutex::new(None);

impl Kernel<'_> {
    /// The whole WGSL text, and whether the kernel may report a bad index.
    fn text(&self, words: &Words) -> Result<(String, bool)> {
        let g = gpu(self.op)?;
        let (reads, writes) = self.accesses(g);
        let mut text = words.text();
        for (name, value) in self.consts {
            text += &format!("const {name}: u32 = {value}u;\n");
        }
        let mut binding = 1;
        for (k, x) in reads.iter().enumerate() {
            text += &access::read(k, binding, *x);
            binding += if x.over { 0 } else { x.windows as usize };
        }
        for (k, y) in writes.iter().enumerate() {
            text += &access::write(k, binding, *y);
            binding += y.windows as usize;
        }
        text += &(self.body)()?;
        let reports = library::reports(&text);
        Ok((library::link(&text, reports.then_some(binding as u32)), reports))
    }

    /// How the operands are reached on this adapter. An input over an output is reached as that is.
    fn accesses(&self, g: &Gpu) -> (Vec<Access>, Vec<Access>) {
        let writes: Vec<Access> = self.writes.iter().map(|y| y.access(g)).collect();
        let reads = self.reads.iter().map(|x| match writes.get(x.access.output as usize) {
            Some(y) if x.access.over => Access { windows: y.windows, window: y.window, ..x.access },
            _ => x.access(g),
        });
        (reads.collect(), writes)
    }

    fn key(&self, reads: &[Access], writes: &[Access]) -> Key {
        let mut key = Key { id: self.id, variant: self.variant, accesses: [0; OPERANDS], consts: [0; CONSTS] };
        let codes = reads.iter().map(|x| x.code()).chain(writes.iter().map(|y| y.code() << 32));
        key.accesses.iter_mut().zip(codes).for_each(|(to, code)| *to = code);
        key.consts.iter_mut().zip(self.consts).for_each(|(to, (_, v))| *to = *v);
        key
    }

    fn pipeline(&self, g: &Gpu, words: &Words) -> Result<&'static Pipeline> {
        let (reads, writes) = self.accesses(g);
        let key = self.key(&reads, &writes);
        let mut known = pipelines().lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(p) = known.by_key.get(&key) {
            return Ok(p);
        }
        let (text, reports) = self.text(words)?;
        if let Some(&p) = known.by_text.get(&text) {
            known.by_key.insert(key, p);
            return Ok(p);
        }
        let bindings = |list: &[Access]| list.iter().filter(|a| !a.over).map(|a| a.windows as usize).sum::<usize>();
        let (reads, writes) = (bindings(&reads), bindings(&writes) + usize::from(reports));
        if reads + writes > g.most_bindings() {
            return Err(self.too_wide(g, reads + writes));
        }
        let (pipeline, layout) = g.compile(self.op, &text, reads, writes)?;
        if let Some(all) = &mut *TEXTS.lock().unwrap_or_else(PoisonError::into_inner) {
            all.push((self.op.to_string(), text.clone()));
        }
        // Pipelines live as long as the device, which is never given up.
        let made: &'static Pipeline = Box::leak(Box::new(Pipeline { pipeline, layout, reports }));
        known.by_key.insert(key, made);
        known.by_text.insert(text, made);
        Ok(made)
    }

    /// The error for operands that this adapter cannot show to a kernel.
    #[cold]
    fn too_wide(&self, g: &Gpu, windows: usize) -> Box<crate::error::Error> {
        let operands = self.reads.iter().chain(self.writes);
        let largest = operands.map(|x| x.extent(g).1).max().unwrap_or(0);
        err!(
            Runtime,
            "{}: an operand of {largest} bytes is more than this adapter shows to a kernel: {} windows of {} bytes, and all \
             operands together take {windows}",
            self.op,
            g.most_bindings(),
            g.binding_limit()
        )
        .hint("work on parts of it, x.split(n), or use x.cpu()")
    }

    /// Launches one invocation for each of `n`, in workgroups of `size`.
    pub fn run_linear(&self, n: usize, size: usize, words: &Words, numbers: &[Number]) -> Result<()> {
        self.run_groups(n, n.div_ceil(size), words, numbers)
    }

    /// Launches so many workgroups, for `n` of what the kernel counts: `rg_meta.count`.
    pub fn run_groups(&self, n: usize, groups: usize, words: &Words, numbers: &[Number]) -> Result<()> {
        map::settle()?;
        self.launch_groups(n, groups, words, numbers)
    }

    /// Launches a grid of workgroups that has more dims than one, and computes more than it moves: so many operations,
    /// which bring the end of the open batch nearer.
    pub fn run_grid(&self, groups: [u32; 3], words: &Words, numbers: &[Number], operations: usize) -> Result<()> {
        map::settle()?;
        self.launch(0, groups, words, numbers, operations)
    }

    /// As [`Kernel::run_linear`], ahead of what waits in [`map`].
    pub(super) fn launch_linear(&self, n: usize, size: usize, words: &Words, numbers: &[Number]) -> Result<()> {
        self.launch_groups(n, n.div_ceil(size), words, numbers)
    }

    /// Workgroups stand in rows, as many as a dim of a grid has at most.
    fn launch_groups(&self, n: usize, groups: usize, words: &Words, numbers: &[Number]) -> Result<()> {
        let n = count(self.op, n)?;
        let row = groups.min(ROW as usize);
        self.launch(n, [row as u32, groups.div_ceil(row.max(1)) as u32, 1], words, numbers, 0)
    }

    fn launch(&self, count: u32, groups: [u32; 3], words: &Words, numbers: &[Number], operations: usize) -> Result<()> {
        let g = gpu(self.op)?;
        if groups.contains(&0) {
            return Ok(());
        }
        if words.list().len() >= WORDS || groups.iter().any(|&n| n > ROW) || self.consts.len() > CONSTS {
            bail!(Runtime, "internal error: {} launches a kernel with too much metadata or too large a grid", self.op);
        }
        let mut bindings = Vec::with_capacity(OPERANDS);
        // 4 G operations are worth a batch, as 512 MiB are.
        let mut traffic = operations as u64 / 8;
        let read = self.reads.iter().filter(|x| !x.access.over);
        for x in read.clone().chain(self.writes) {
            x.bound(g, self.op, &mut bindings)?;
            traffic += (x.array.numel() * x.array.dtype.size()) as u64;
        }
        if self.reads.len() + self.writes.len() > OPERANDS + self.reads.iter().filter(|x| x.access.over).count()
            || read.clone().any(|x| self.writes.iter().any(|y| x.array.storage.same(&y.array.storage)))
        {
            bail!(Runtime, "internal error: {} reads a buffer that it writes, or has too many operands", self.op);
        }
        let p = self.pipeline(g, words)?;
        let meta = metadata([count, groups[0]], words.list(), numbers);
        trace::note(|| trace::Event::Launch {
            op: self.op.to_string(),
            text: self.text(words).map_or(String::new(), |(text, _)| text),
            meta: meta.clone(),
            groups,
            bindings: bindings.iter().map(|&(b, from, n)| (b.id(), b.buffer().size(), from, n)).collect(),
        });
        let (pipeline, layout, reports) = (&p.pipeline, &p.layout, p.reports);
        g.dispatch(self.op, &Dispatch { pipeline, layout, bindings: &bindings, meta: &meta, groups, traffic, reports })
    }
}

/// A count that kernels can hold.
pub fn count(op: &str, n: usize) -> Result<u32> {
    match u32::try_from(n) {
        Ok(n) if n < 1 << 31 => Ok(n),
        _ => bail!(Runtime, "{op}: {n} elements are more than a kernel on the GPU can count (2147483647)"),
    }
}

/// The bytes of a slot, as `RgMeta` in `shaders/common.wgsl` declares it.
fn metadata(grid: [u32; 2], words: &[u32], numbers: &[Number]) -> Vec<u8> {
    let mut out = Vec::with_capacity(SLOT as usize);
    let four = |out: &mut Vec<u8>, f: &dyn Fn(Number) -> u32| {
        for i in 0..4 {
            out.extend(numbers.get(i).map_or(0, |&n| f(n)).to_le_bytes());
        }
    };
    out.extend([f32::INFINITY, f32::NAN].iter().flat_map(|v| v.to_le_bytes()));
    out.extend(grid.iter().flat_map(|v| v.to_le_bytes()));
    four(&mut out, &|n| (n.to_f64() as f32).to_bits());
    four(&mut out, &|n| n.to_i64() as u32);
    for i in 0..4 {
        match numbers.get(i) {
            Some(&Number::Complex(re, im)) => out.extend([re, im].iter().flat_map(|&v| (v as f32).to_le_bytes())),
            n => out.extend(n.map_or(0, |n| n.to_i64()).to_le_bytes()),
        }
    }
    out.extend(words.iter().flat_map(|w| w.to_le_bytes()));
    out
}

impl Gpu {
    /// A pipeline of `text`, whose bindings after the metadata are so many read and written buffers.
    fn compile(
        &self,
        op: &str,
        text: &str,
        reads: usize,
        writes: usize,
    ) -> Result<(wgpu::ComputePipeline, wgpu::BindGroupLayout)> {
        self.guarded(op, || {
            let scope = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
            let buffer = |binding: usize, ty, has_dynamic_offset| wgpu::BindGroupLayoutEntry {
                binding: binding as u32,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset, min_binding_size: None },
                count: None,
            };
            let mut entries = vec![buffer(0, wgpu::BufferBindingType::Uniform, true)];
            for i in 0..reads + writes {
                entries.push(buffer(i + 1, wgpu::BufferBindingType::Storage { read_only: i < reads }, false));
            }
            let layout = self
                .device
                .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries });
            let whole = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: None,
                bind_group_layouts: &[Some(&layout)],
                immediate_size: 0,
            });
            let source = wgpu::ShaderSource::Wgsl(text.into());
            let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some(op), source });
            let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(op),
                layout: Some(&whole),
                module: &module,
                entry_point: Some("main"),
                compilation_options: Default::default(),
                cache: None,
            });
            match pollster::block_on(scope.pop()) {
                None => Ok((pipeline, layout)),
                Some(e) => Err(err!(Runtime, "{op}: a shader failed to compile: {e}")
                    .hint("this is a mistake in rustgrad; please report it")),
            }
        })?
    }
}
