//! What the device is asked to do, kept while a test listens, so that another binding can be asked the same.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// Buffers go by the address of their block.
#[derive(Debug, Clone)]
pub enum Event {
    /// Bytes at the start of a buffer.
    Upload { buffer: usize, bytes: Vec<u8> },
    /// Zeros all over a buffer.
    Clear { buffer: usize },
    Launch {
        op: String,
        text: String,
        /// The metadata.
        meta: Vec<u8>,
        groups: [u32; 3],
        /// Per binding from 1 on: the buffer and its size; the first byte that is bound, and how many.
        bindings: Vec<(usize, u64, u64, u64)>,
    },
}

static LISTENS: AtomicBool = AtomicBool::new(false);
static EVENTS: Mutex<Vec<Event>> = Mutex::new(vec![]);

/// Begins or ends to listen, and gives what was heard since.
pub fn listen(on: bool) -> Vec<Event> {
    LISTENS.store(on, Relaxed);
    std::mem::take(&mut EVENTS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Keeps an event, where anyone listens.
#[inline]
pub fn note(event: impl FnOnce() -> Event) {
    if LISTENS.load(Relaxed) {
        let event = event();
        EVENTS.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }
}
