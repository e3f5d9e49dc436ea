//! Bytes between the CPU and the GPU, and the reports of kernels that met a bad index: a device cannot raise, so it notes the
//! first one in a small buffer, which every read and sync fetches along.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::batch::Batch;
use super::buffers::ALIGN;
use super::staging::PIECE;
use super::{Block, Gpu, State, trace};
use crate::err;
use crate::error::{Error, Kind, Result};

/// The buffer that small reads pass through, and the one that is made for the first large one.
const STAGING: [u64; 2] = [64 << 10, 16 << 20];
/// Uploads of so many bytes are left to wgpu's own staging.
const SMALL: usize = 256 << 10;
/// What stands before the data in it: the report.
pub const HEAD: u64 = ALIGN;
/// Bytes of a report: the op's number, how many indices were bad, the first (low and high word), the size it should be under.
const REPORT: usize = 20;

pub struct Transfer {
    staging: wgpu::Buffer,
    report: Block,
    /// The ops that may have reported, by their number less one.
    ops: Vec<String>,
}

fn staging(device: &wgpu::Device, bytes: u64) -> wgpu::Buffer {
    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
    device.create_buffer(&wgpu::BufferDescriptor { label: None, size: HEAD + bytes, usage, mapped_at_creation: false })
}

impl Transfer {
    pub fn new(device: &wgpu::Device, report: Block) -> Transfer {
        Transfer { staging: staging(device, STAGING[0]), report, ops: vec![] }
    }

    /// The buffer of reports, and the number by which kernels of `op` report.
    pub fn report(&mut self, op: &str) -> (&Block, u32) {
        let at = self.ops.iter().position(|o| o == op).unwrap_or_else(|| {
            self.ops.push(op.to_string());
            self.ops.len() - 1
        });
        (&self.report, at as u32 + 1)
    }
}

impl Gpu {
    /// Writes `bytes` to the start of `to`, after all that was asked of it before.
    pub fn upload(&self, op: &str, to: &Block, bytes: &[u8]) -> Result<()> {
        trace::note(|| trace::Event::Upload { buffer: to.id(), bytes: bytes.to_vec() });
        let done = self.guarded(op, || {
            let State { batch, staging, .. } = &mut *self.state();
            if bytes.len() > SMALL {
                let mut pieces = bytes.chunks(PIECE).enumerate();
                return pieces.all(|(i, piece)| staging.copy(self, batch, to, i * PIECE, piece));
            }
            // This overtakes the open batch.
            if to.last_used() == batch.number() {
                batch.submit(self);
            }
            // Copies are of whole words; a buffer has room for the last one.
            let (words, rest) = bytes.split_at(bytes.len() / 4 * 4);
            self.queue.write_buffer(to.buffer(), 0, words);
            if !rest.is_empty() {
                let mut last = [0; 4];
                last[..rest.len()].copy_from_slice(rest);
                self.queue.write_buffer(to.buffer(), words.len() as u64, &last);
            }
            true
        })?;
        self.usable(op)?;
        if done { Ok(()) } else { Err(err!(Runtime, "{op}: the GPU did not take an upload")) }
    }

    /// Reads from byte `offset` of `from`, once all that was asked before is done.
    ///
    /// # Errors
    /// IndexError where a kernel has met a bad index since the last read.
    pub fn download(&self, op: &str, from: &Block, offset: usize, bytes: &mut [u8]) -> Result<()> {
        let mut state = self.state();
        let s = &mut *state;
        if bytes.len() as u64 > STAGING[0] && s.transfer.staging.size() < HEAD + STAGING[1] {
            s.transfer.staging = staging(&self.device, STAGING[1]);
        }
        let mut done = 0;
        loop {
            let start = (offset + done) / 4 * 4;
            let skip = offset + done - start;
            let room = (s.transfer.staging.size() - HEAD) as usize - skip;
            let n = room.min(bytes.len() - done);
            let copied = (skip + n).next_multiple_of(4) as u64;
            let report = self.fetch(op, s, &mut |batch, to| {
                if copied > 0 {
                    let encoder = batch.encoder(self);
                    encoder.copy_buffer_to_buffer(from.buffer(), start as u64, to, HEAD, copied);
                }
            })?;
            let read = self.mapped(op, s, HEAD + skip as u64, &mut bytes[done..done + n]);
            self.release(s);
            self.check(s, &report)?;
            read?;
            done += n;
            if done == bytes.len() {
                return Ok(());
            }
        }
    }

    /// Waits until all that was asked of the device is done.
    ///
    /// # Errors
    /// As [`Gpu::download`].
    pub fn synchronize(&self, op: &str) -> Result<()> {
        self.settle(op, &mut self.state())
    }

    pub(super) fn settle(&self, op: &str, s: &mut State) -> Result<()> {
        let report = self.fetch(op, s, &mut |_, _| {})?;
        self.release(s);
        self.check(s, &report)
    }

    /// Ends what [`Gpu::fetch`] began.
    pub(super) fn release(&self, s: &State) {
        s.transfer.staging.unmap();
    }

    /// Submits, with what `more` copies to the staging buffer, waits, maps, and returns the report.
    pub(super) fn fetch(
        &self,
        op: &str,
        s: &mut State,
        more: &mut dyn FnMut(&mut Batch, &wgpu::Buffer),
    ) -> Result<[u32; REPORT / 4]> {
        let mapped = Arc::new(AtomicBool::new(false));
        let told = mapped.clone();
        self.guarded(op, || {
            let Transfer { staging, report, .. } = &s.transfer;
            s.batch.encoder(self).copy_buffer_to_buffer(report.buffer(), 0, staging, 0, REPORT as u64);
            more(&mut s.batch, staging);
            s.batch.submit(self);
            staging.slice(..).map_async(wgpu::MapMode::Read, move |r| told.store(r.is_ok(), Relaxed));
            self.wait(s.batch.last());
        })?;
        self.usable(op)?;
        if !mapped.load(Relaxed) {
            return Err(err!(Runtime, "{op}: the GPU did not answer a read"));
        }
        let mut words = [0; REPORT];
        self.mapped(op, s, 0, &mut words)?;
        Ok(std::array::from_fn(|i| u32::from_le_bytes(std::array::from_fn(|b| words[4 * i + b]))))
    }

    /// Copies from the mapped staging buffer.
    pub(super) fn mapped(&self, op: &str, s: &State, at: u64, to: &mut [u8]) -> Result<()> {
        if to.is_empty() {
            return Ok(());
        }
        // Ranges begin at multiples of 8.
        let skip = (at % 8) as usize;
        let end = (at + to.len() as u64).next_multiple_of(4);
        match s.transfer.staging.slice(at - skip as u64..end).get_mapped_range() {
            Ok(view) => {
                to.copy_from_slice(&view[skip..skip + to.len()]);
                Ok(())
            }
            Err(e) => Err(err!(Runtime, "{op}: the GPU did not answer a read: {e}")),
        }
    }

    /// Raises what a kernel reported, once.
    ///
    /// A size of 0 stands for a division by zero: nothing is launched for the indices of a dim without entries.
    pub(super) fn check(&self, s: &mut State, report: &[u32; REPORT / 4]) -> Result<()> {
        if report[1] == 0 {
            return Ok(());
        }
        self.queue.write_buffer(s.transfer.report.buffer(), 0, &[0; REPORT]);
        let told = bad_index(s.transfer.ops.get(report[0].wrapping_sub(1) as usize), report);
        Err(if self.checks_each() {
            told
        } else {
            told.hint(
                "the GPU reports this when a result is read; RUSTGRAD_GPU_CHECK=1 waits for each op, so that the error comes from \
                 its line",
            )
        })
    }
}

#[cold]
fn bad_index(op: Option<&String>, report: &[u32; REPORT / 4]) -> Box<Error> {
    let index = (u64::from(report[3]) << 32 | u64::from(report[2])) as i64;
    let op = op.map_or("an earlier op", String::as_str);
    if report[4] == 0 {
        return err!(Runtime, "ZeroDivisionError: {op}: an integer tensor was divided by zero");
    }
    // PyTorch's classes.
    let kind = match op.starts_with("gather") || op.starts_with("scatter") {
        true => Kind::Runtime,
        false => Kind::Index,
    };
    Error::new(kind, format!("{op}: index {index} is out of bounds for a dimension with size {}", report[4]))
}
