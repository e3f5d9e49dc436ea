//! What each kernel takes, by op: while a profile is open every dispatch runs alone, between two timestamps of the device, or,
//! where it has none, by this machine's clock.

use std::time::Instant;

use super::transfer::HEAD;
use super::{Dispatch, Gpu, State};
use crate::error::Result;

/// The kernels of one op.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub op: String,
    pub calls: u64,
    pub nanoseconds: f64,
}

#[derive(Default)]
pub struct Profile {
    entries: Vec<Entry>,
    clock: Option<Clock>,
}

/// Two timestamps, and where they can be copied from.
struct Clock {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
}

impl Clock {
    fn new(device: &wgpu::Device) -> Clock {
        let ty = wgpu::QueryType::Timestamp;
        let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
        Clock {
            queries: device.create_query_set(&wgpu::QuerySetDescriptor { label: None, ty, count: 2 }),
            resolved: device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: 256,
                usage,
                mapped_at_creation: false,
            }),
        }
    }
}

impl Gpu {
    /// Times kernels from now on; whether by the device's own clock.
    pub fn start_profile(&self) -> Result<bool> {
        let own = self.device.features().contains(wgpu::Features::TIMESTAMP_QUERY);
        self.guarded("gpu.profile", || {
            let clock = own.then(|| Clock::new(&self.device));
            self.state().profile = Some(Profile { entries: vec![], clock });
        })?;
        Ok(own)
    }

    /// Ends the profile: what it saw, the longest first.
    pub fn stop_profile(&self) -> Vec<Entry> {
        let mut entries = self.state().profile.take().map_or(vec![], |p| p.entries);
        entries.sort_by(|a, b| b.nanoseconds.total_cmp(&a.nanoseconds));
        entries
    }

    /// Runs a dispatch alone, and waits for it.
    pub(super) fn timed(&self, op: &str, s: &mut State, d: &Dispatch) -> Result<()> {
        let Some(mut profile) = s.profile.take() else { return Ok(()) };
        let outcome = self.time(op, s, d, profile.clock.as_ref());
        if let Ok(nanoseconds) = outcome {
            match profile.entries.iter_mut().find(|e| e.op == op) {
                Some(e) => (e.calls, e.nanoseconds) = (e.calls + 1, e.nanoseconds + nanoseconds),
                None => profile.entries.push(Entry { op: op.to_string(), calls: 1, nanoseconds }),
            }
        }
        s.profile = Some(profile);
        outcome.map(|_| ())
    }

    fn time(&self, op: &str, s: &mut State, d: &Dispatch, clock: Option<&Clock>) -> Result<f64> {
        self.settle(op, s)?;
        let start = Instant::now();
        self.guarded(op, || {
            let State { batch, transfer, .. } = s;
            batch.dispatch(self, d, d.reports.then(|| transfer.report(op)), clock.map(|c| &c.queries));
        })?;
        let Some(clock) = clock else {
            self.settle(op, s)?;
            return Ok(start.elapsed().as_nanos() as f64);
        };
        let report = self.fetch(op, s, &mut |batch, to| {
            let encoder = batch.encoder(self);
            encoder.resolve_query_set(&clock.queries, 0..2, &clock.resolved, 0);
            encoder.copy_buffer_to_buffer(&clock.resolved, 0, to, HEAD, 16);
        })?;
        let mut ticks = [0; 16];
        self.mapped(op, s, HEAD, &mut ticks)?;
        self.release(s);
        self.check(s, &report)?;
        let [from, to] = [0, 8].map(|at| u64::from_le_bytes(std::array::from_fn(|b| ticks[at + b])));
        Ok(to.saturating_sub(from) as f64 * f64::from(self.queue.get_timestamp_period()))
    }
}
