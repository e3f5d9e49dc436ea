//! The GPU: one adapter with its device and queue, made by the first use of `device="gpu"` and kept for good. Nothing of wgpu
//! runs before. Errors that wgpu reports on the side are kept here and raised by the next call; a lost device is final.

mod batch;
mod buffers;
mod profile;
mod staging;
pub mod trace;
mod transfer;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

pub use self::batch::{Dispatch, SLOT};
pub use self::buffers::{Block, Statistics, relieve_by};
pub use self::profile::Entry;
use super::{os, settings};
use crate::error::{Error, Result};
use crate::{bail, err};

/// The adapter in use and all that hangs on it.
pub struct Gpu {
    pub device: wgpu::Device,
    queue: wgpu::Queue,
    info: wgpu::AdapterInfo,
    limits: wgpu::Limits,
    checks_each: bool,
    /// Bytes of a binding at most.
    window: u64,
    trouble: Arc<Trouble>,
    state: Mutex<State>,
}

/// What changes with every call.
struct State {
    batch: batch::Batch,
    buffers: buffers::Buffers,
    transfer: transfer::Transfer,
    staging: staging::Staging,
    /// While kernels are timed.
    profile: Option<profile::Profile>,
}

/// What wgpu reports while nobody asks.
#[derive(Default)]
struct Trouble {
    lost: AtomicBool,
    any: AtomicBool,
    message: Mutex<Option<String>>,
}

impl Trouble {
    /// The first report stands: later ones follow from it.
    fn report(&self, lost: bool, message: String) {
        lock(&self.message).get_or_insert(message);
        self.lost.fetch_or(lost, Relaxed);
        self.any.store(true, Relaxed);
    }
}

/// Set in a forked child: drivers do not survive a fork.
static FORKED: AtomicBool = AtomicBool::new(false);

extern "C" fn forked() {
    FORKED.store(true, Relaxed);
}

/// Whether this is a forked child of the process that started the GPU.
pub fn is_forked() -> bool {
    FORKED.load(Relaxed)
}

static GPU: OnceLock<Gpu> = OnceLock::new();
/// Why there is none, and for which wish: another wish is tried anew.
static REFUSED: Mutex<Option<(String, String)>> = Mutex::new(None);

/// Whether wgpu's backend without a device stands in for the GPU.
static PRETENDS: AtomicBool = AtomicBool::new(false);

/// Lets wgpu's backend without a device, where it is built in, stand in for the GPU: all is checked as for a device, and
/// nothing runs. For tests, before the first use.
pub fn pretend() {
    PRETENDS.store(true, Relaxed);
}

/// What `RUSTGRAD_GPU` asks for.
fn wish() -> String {
    std::env::var("RUSTGRAD_GPU").unwrap_or_default()
}

const HOW: &str = "RUSTGRAD_GPU=software uses a software adapter such as Mesa's lavapipe (apt-get install \
                   mesa-vulkan-drivers), RUSTGRAD_GPU=NAME the adapter with that part in its name; or stay on device=\"cpu\"";

/// A poisoned lock only means that a thread panicked, which is reported elsewhere.
fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The GPU for `op`, made now where this is the first use.
///
/// # Errors
/// RuntimeError where there is no adapter to use, in a forked child, once the device is lost, and for what wgpu reported since
/// the last call.
pub fn gpu(op: &str) -> Result<&'static Gpu> {
    let g = match GPU.get() {
        Some(g) => g,
        None => start().map_err(|why| err!(Runtime, "{op}: {why}").hint(HOW))?,
    };
    g.usable(op).map(|()| g)
}

#[cold]
fn start() -> std::result::Result<&'static Gpu, String> {
    let (wish, mut refused) = (wish(), lock(&REFUSED));
    if let Some(g) = GPU.get() {
        return Ok(g);
    }
    if let Some((_, why)) = refused.as_ref().filter(|(w, _)| *w == wish) {
        return Err(why.clone());
    }
    match catch_unwind(|| Gpu::make(&wish))
        .unwrap_or_else(|_| Err("the graphics driver panicked as it was started".into()))
    {
        Ok(made) => Ok(GPU.get_or_init(|| made)),
        Err(why) => {
            *refused = Some((wish, why.clone()));
            Err(why)
        }
    }
}

/// The GPU, where one is in use already.
pub fn started() -> Option<&'static Gpu> {
    GPU.get()
}

/// Whether there is a GPU to use.
pub fn is_available() -> bool {
    gpu("gpu.is_available").is_ok()
}

/// Whether the GPU in use is hardware, not a program on the CPU. Starts the GPU.
pub fn is_hardware() -> bool {
    gpu("gpu.is_hardware").is_ok_and(|g| !g.is_software())
}

/// Bindings of buffers that are asked of an adapter at most.
const BINDINGS: u32 = 32;

/// What the environment says besides the adapter.
struct Settings {
    memory: Option<u64>,
    check: bool,
    /// Bytes that a binding shows at most, for tests of large operands.
    window: Option<u64>,
}

impl Settings {
    fn read() -> std::result::Result<Settings, String> {
        settings::choice("RUSTGRAD_GPU_MATMUL", &["tiled", "plain"])?;
        Ok(Settings {
            memory: settings::bytes("RUSTGRAD_GPU_MEMORY")?,
            check: settings::choice("RUSTGRAD_GPU_CHECK", &["0", "1"])? == Some("1"),
            window: settings::bytes("RUSTGRAD_GPU_WINDOW")?,
        })
    }
}

impl Gpu {
    fn make(wish: &str) -> std::result::Result<Gpu, String> {
        if wish == "off" {
            return Err("the GPU is switched off by RUSTGRAD_GPU=off".into());
        }
        let settings = Settings::read()?;
        let adapter = adapter(wish)?;
        let (mut info, limits) = (adapter.get_info(), adapter.limits());
        if PRETENDS.load(Relaxed) {
            // More kernels are for hardware than for a program on the CPU.
            info.device_type = wgpu::DeviceType::DiscreteGpu;
        }
        let required_limits = wgpu::Limits {
            max_buffer_size: limits.max_buffer_size,
            max_storage_buffer_binding_size: limits.max_storage_buffer_binding_size,
            // A tensor larger than a binding is bound several times.
            max_storage_buffers_per_shader_stage: limits.max_storage_buffers_per_shader_stage.min(BINDINGS),
            max_buffers_and_acceleration_structures_per_shader_stage: limits
                .max_buffers_and_acceleration_structures_per_shader_stage
                .min(BINDINGS + 20),
            ..wgpu::Limits::default()
        };
        let descriptor = wgpu::DeviceDescriptor {
            required_limits: required_limits.clone(),
            // For profiles alone.
            required_features: adapter.features() & wgpu::Features::TIMESTAMP_QUERY,
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|e| format!("the adapter {} gave no device: {e}", info.name))?;
        let trouble = Arc::new(Trouble::default());
        let heard = trouble.clone();
        device.on_uncaptured_error(Arc::new(move |e: wgpu::Error| heard.report(false, e.to_string())));
        let heard = trouble.clone();
        device.set_device_lost_callback(move |reason, message| heard.report(true, format!("{reason:?}: {message}")));
        let report = Block::fixed(&device, 256);
        let state = State {
            batch: batch::Batch::new(&device),
            buffers: buffers::Buffers::new(info.device_type, settings.memory),
            transfer: transfer::Transfer::new(&device, report),
            staging: staging::Staging::default(),
            profile: None,
        };
        os::on_fork(forked);
        // Whole words, at the alignment that any device takes; windows count elements of 16 bytes in 32 bits.
        let most = required_limits.max_storage_buffer_binding_size.min(1 << 31);
        let window = (settings.window.unwrap_or(most).min(most) / 256 * 256).max(256);
        let checks_each = settings.check;
        Ok(Gpu { device, queue, info, limits: required_limits, checks_each, window, trouble, state: Mutex::new(state) })
    }

    /// The adapter's name, as its driver gives it.
    pub fn name(&self) -> &str {
        &self.info.name
    }

    /// Whether the adapter is a program on the CPU.
    pub fn is_software(&self) -> bool {
        self.info.device_type == wgpu::DeviceType::Cpu
    }

    /// The most bytes of a buffer that one binding shows to a kernel.
    pub fn binding_limit(&self) -> u64 {
        self.window
    }

    /// How many bindings of buffers a kernel can have.
    pub fn most_bindings(&self) -> usize {
        self.limits.max_storage_buffers_per_shader_stage as usize
    }

    /// Whether every op waits for its result, to raise where the fault is: `RUSTGRAD_GPU_CHECK=1`.
    pub fn checks_each(&self) -> bool {
        self.checks_each
    }

    fn usable(&self, op: &str) -> Result<()> {
        if is_forked() {
            return Err(err!(Runtime, "{op}: the GPU cannot be used in a forked child of the process that started it")
                .hint("start processes by spawn: multiprocessing.set_start_method(\"spawn\")"));
        }
        if self.trouble.any.load(Relaxed) { Err(self.trouble(op)) } else { Ok(()) }
    }

    /// What wgpu reported; a lost device stays reported.
    #[cold]
    fn trouble(&self, op: &str) -> Box<Error> {
        let lost = self.trouble.lost.load(Relaxed);
        let mut message = lock(&self.trouble.message);
        let text = if lost { message.clone() } else { message.take() }.unwrap_or_default();
        if lost {
            return err!(Runtime, "{op}: the GPU device was lost ({})", text.trim_end())
                .hint("tensors on it are gone; the CPU goes on working. A new process can use the GPU again");
        }
        self.trouble.any.store(false, Relaxed);
        err!(Runtime, "{op}: the GPU reported an error in this or an earlier call: {}", text.trim_end())
    }

    /// Runs what may panic inside wgpu; a panic counts as the loss of the device.
    pub fn guarded<R>(&self, op: &str, f: impl FnOnce() -> R) -> Result<R> {
        match catch_unwind(AssertUnwindSafe(f)) {
            Ok(r) => Ok(r),
            Err(panic) => {
                let said = panic.downcast_ref::<String>().cloned();
                let said = said.or_else(|| panic.downcast_ref::<&str>().map(|s| s.to_string()));
                self.trouble.report(true, said.unwrap_or_else(|| "the driver panicked".into()));
                Err(self.trouble(op))
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn wait(&self, submission: Option<wgpu::SubmissionIndex>) {
        // A wait ends in an error only for a submission of another device or after a timeout that is not set.
        let _ = self.device.poll(wgpu::PollType::Wait { submission_index: submission, timeout: None });
    }

    /// Destroys the device, for the tests of what follows.
    pub fn destroy(&self) {
        let _ = self.guarded("gpu", || self.device.destroy());
        self.trouble.report(true, "destroyed".into());
    }
}

/// The adapter that `wish` names, or the best there is.
fn adapter(wish: &str) -> std::result::Result<wgpu::Adapter, String> {
    let pretends = PRETENDS.load(Relaxed);
    let (backends, wish) = match pretends {
        true => (wgpu::Backends::NOOP, "noop"),
        false => (wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12, wish),
    };
    let mut descriptor = wgpu::InstanceDescriptor {
        backends,
        flags: wgpu::InstanceFlags::empty(),
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    };
    descriptor.backend_options.noop.enable = pretends;
    let found = os::quietly(|| pollster::block_on(wgpu::Instance::new(descriptor).enumerate_adapters(backends)));
    let names = found.iter().map(|a| a.get_info().name).collect::<Vec<_>>().join(", ");
    let rank = |a: &wgpu::Adapter| match a.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu | wgpu::DeviceType::Other => 2,
        wgpu::DeviceType::Cpu => 3,
    };
    let wanted = |a: &wgpu::Adapter| match wish {
        "" => rank(a) < 3,
        "software" => rank(a) == 3,
        name => a.get_info().name.to_lowercase().contains(&name.to_lowercase()),
    };
    found.into_iter().filter(wanted).min_by_key(rank).ok_or_else(|| match (wish, names.as_str()) {
        (_, "") => "no GPU adapter was found (Vulkan, Metal or DX12)".into(),
        ("", _) => format!("no hardware GPU was found, only the software adapter {names}"),
        _ => format!("no GPU adapter fits RUSTGRAD_GPU={wish}; found: {names}"),
    })
}

/// An error for more bytes than the adapter takes.
fn too_large(what: &str, bytes: u64, limit: u64) -> Result<()> {
    if bytes > limit {
        bail!(Runtime, "{what} of {bytes} bytes exceeds this adapter's limit of {limit} bytes");
    }
    Ok(())
}
