//! Large uploads: pieces through a few buffers that stay mapped while the device does not read them. Fresh ones for each upload
//! would cost several times the copy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::batch::Batch;
use super::{Block, Gpu};

/// Bytes of a piece.
pub const PIECE: usize = 16 << 20;
/// Buffers in turn.
const COUNT: usize = 4;

/// A buffer that is mapped for writing whenever `ready`.
struct Stage {
    buffer: wgpu::Buffer,
    ready: Arc<AtomicBool>,
    submission: Option<wgpu::SubmissionIndex>,
}

impl Stage {
    fn new(device: &wgpu::Device) -> Stage {
        let usage = wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC;
        let descriptor = wgpu::BufferDescriptor { label: None, size: PIECE as u64, usage, mapped_at_creation: true };
        let ready = Arc::new(AtomicBool::new(true));
        Stage { buffer: device.create_buffer(&descriptor), ready, submission: None }
    }
}

#[derive(Default)]
pub struct Staging {
    stages: Vec<Stage>,
    next: usize,
}

impl Staging {
    /// Copies `bytes`, of at most a piece, to `offset` of `to`; whether it could.
    pub fn copy(&mut self, gpu: &Gpu, batch: &mut Batch, to: &Block, offset: usize, bytes: &[u8]) -> bool {
        let at = self.next % COUNT;
        if self.stages.len() <= at {
            self.stages.push(Stage::new(&gpu.device));
        }
        let Some(stage) = self.stages.get_mut(at) else { return false };
        self.next += 1;
        if !stage.ready.load(Relaxed) {
            gpu.wait(stage.submission.clone());
        }
        if !stage.ready.swap(false, Relaxed) {
            return false;
        }
        let whole = bytes.len().next_multiple_of(4);
        let Ok(mut view) = stage.buffer.slice(..whole.next_multiple_of(8) as u64).get_mapped_range_mut() else {
            return false;
        };
        view.slice(..bytes.len()).copy_from_slice(bytes);
        drop(view);
        stage.buffer.unmap();
        let encoder = batch.encoder(gpu);
        encoder.copy_buffer_to_buffer(&stage.buffer, 0, to.buffer(), offset as u64, whole as u64);
        batch.submit(gpu);
        stage.submission = batch.last();
        let told = stage.ready.clone();
        stage.buffer.slice(..).map_async(wgpu::MapMode::Write, move |r| told.store(r.is_ok(), Relaxed));
        true
    }
}
