//! The open batch: dispatches are appended to one compute pass and submitted together, at a read, at a sync, or when there are
//! enough. The metadata of a batch go up in one write just before it.
//!
//! `write_buffer` runs before the whole next submit, so it may only touch buffers that the open batch does not use.

use super::buffers::ALIGN;
use super::{Block, Gpu, State, trace};
use crate::error::Result;

/// Bytes of metadata of a dispatch.
pub const SLOT: u64 = 512;
/// Dispatches of a batch at most.
const FULL: usize = 64;
/// A batch of so many is submitted already where the device has nothing else to do.
const EARLY: usize = 16;
/// Bytes that a batch moves at most: a submission should end well before drivers lose patience.
const TRAFFIC: u64 = 512 << 20;
/// Batches whose metadata are kept apart, so that one can be filled while others run.
const SEGMENTS: usize = 4;

/// A kernel with its operands.
pub struct Dispatch<'a> {
    pub pipeline: &'a wgpu::ComputePipeline,
    pub layout: &'a wgpu::BindGroupLayout,
    /// Per binding from 1 on: the buffer, and the offset and bytes that the kernel sees.
    pub bindings: &'a [(&'a Block, u64, u64)],
    pub meta: &'a [u8],
    pub groups: [u32; 3],
    /// Bytes it moves, roughly.
    pub traffic: u64,
    /// Whether it may report a bad index: the buffer of reports is its last binding, its number the last word of `meta`.
    pub reports: bool,
}

pub struct Batch {
    encoder: Option<wgpu::CommandEncoder>,
    pass: Option<wgpu::ComputePass<'static>>,
    meta: Vec<u8>,
    count: usize,
    traffic: u64,
    segments: Vec<wgpu::Buffer>,
    /// Counts batches; the open one's number.
    number: u64,
    last: Option<wgpu::SubmissionIndex>,
}

impl Batch {
    pub fn new(device: &wgpu::Device) -> Batch {
        let segment = |_| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: SLOT * FULL as u64,
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        };
        Batch {
            encoder: None,
            pass: None,
            meta: Vec::with_capacity(SLOT as usize * FULL),
            count: 0,
            traffic: 0,
            segments: (0..SEGMENTS).map(segment).collect(),
            number: 1,
            last: None,
        }
    }

    pub fn number(&self) -> u64 {
        self.number
    }

    /// The latest submission.
    pub fn last(&self) -> Option<wgpu::SubmissionIndex> {
        self.last.clone()
    }

    /// The encoder outside of the pass, for copies.
    pub fn encoder(&mut self, gpu: &Gpu) -> &mut wgpu::CommandEncoder {
        self.pass = None;
        self.encoder.get_or_insert_with(|| gpu.device.create_command_encoder(&Default::default()))
    }

    pub fn dispatch(&mut self, gpu: &Gpu, d: &Dispatch, report: Option<(&Block, u32)>, clock: Option<&wgpu::QuerySet>) {
        let uniforms = &self.segments[(self.number % SEGMENTS as u64) as usize];
        let whole = |buffer, offset, bytes| {
            wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size: std::num::NonZero::new(bytes) })
        };
        let mut entries = Vec::with_capacity(d.bindings.len() + 1);
        entries.push(wgpu::BindGroupEntry { binding: 0, resource: whole(uniforms, 0, SLOT) });
        let reports = report.map(|(block, _)| (block, 0, ALIGN));
        for (i, (block, offset, bytes)) in d.bindings.iter().copied().chain(reports).enumerate() {
            block.touch(self.number);
            let resource = whole(block.buffer(), offset, bytes);
            entries.push(wgpu::BindGroupEntry { binding: i as u32 + 1, resource });
        }
        let descriptor = wgpu::BindGroupDescriptor { label: None, layout: d.layout, entries: &entries };
        let group = gpu.device.create_bind_group(&descriptor);
        let at = self.meta.len();
        self.meta.extend_from_slice(d.meta);
        self.meta.resize(at + SLOT as usize, 0);
        if let (Some((_, number)), Some(last)) = (report, self.meta.last_chunk_mut::<4>()) {
            *last = number.to_le_bytes();
        }
        if self.pass.is_none() {
            let encoder = self.encoder(gpu);
            let timestamp_writes = clock.map(|query_set| wgpu::ComputePassTimestampWrites {
                query_set,
                beginning_of_pass_write_index: Some(0),
                end_of_pass_write_index: Some(1),
            });
            let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes };
            let pass = encoder.begin_compute_pass(&descriptor).forget_lifetime();
            self.pass = Some(pass);
        }
        if let Some(pass) = &mut self.pass {
            pass.set_pipeline(d.pipeline);
            pass.set_bind_group(0, &group, &[at as u32]);
            pass.dispatch_workgroups(d.groups[0], d.groups[1], d.groups[2]);
        }
        self.count += 1;
        self.traffic += d.traffic;
        let idle = || matches!(gpu.device.poll(wgpu::PollType::Poll), Ok(wgpu::PollStatus::QueueEmpty));
        if self.count == FULL || self.traffic > TRAFFIC || (self.count == EARLY && idle()) {
            self.submit(gpu);
        }
    }

    /// Hands the open batch to the device.
    pub fn submit(&mut self, gpu: &Gpu) {
        self.pass = None;
        let Some(encoder) = self.encoder.take() else { return };
        let uniforms = &self.segments[(self.number % SEGMENTS as u64) as usize];
        if !self.meta.is_empty() {
            gpu.queue.write_buffer(uniforms, 0, &self.meta);
        }
        self.last = Some(gpu.queue.submit([encoder.finish()]));
        self.meta.clear();
        (self.count, self.traffic) = (0, 0);
        self.number += 1;
    }
}

impl Gpu {
    /// Appends the writing of zeros over a whole buffer.
    pub fn clear(&self, op: &str, block: &Block) -> Result<()> {
        trace::note(|| trace::Event::Clear { buffer: block.id() });
        self.guarded(op, || {
            let batch = &mut self.state().batch;
            block.touch(batch.number);
            batch.encoder(self).clear_buffer(block.buffer(), 0, None);
        })
    }

    /// Appends a dispatch to the open batch.
    pub fn dispatch(&self, op: &str, d: &Dispatch) -> Result<()> {
        let mut state = self.state();
        if state.profile.is_some() {
            return self.timed(op, &mut state, d);
        }
        self.guarded(op, || {
            let State { batch, transfer, buffers, .. } = &mut *state;
            let number = batch.number();
            batch.dispatch(self, d, d.reports.then(|| transfer.report(op)), None);
            if batch.number() != number {
                buffers.submitted();
            }
        })?;
        drop(state);
        if self.checks_each() { self.synchronize(op) } else { Ok(()) }
    }
}
