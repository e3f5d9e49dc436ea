//! Autocast: the dtype in which ops compute, by PyTorch's lists. It acts on calls from Python only: what an op calls itself
//! computes in what it was given.
//!
//! Source: PyTorch 2.13, `torch.amp`, the tables of ops for CPU and CUDA.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::core::DType;
use crate::error::Result;
use crate::ops;
use crate::tensor::{Arg, Args, OpDef, Outs, Tensor};
use crate::{bail, err};

/// What becomes of an op's floating point tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// To the dtype of autocast.
    Lower,
    /// To float32.
    Full,
    /// To float32, unless the call names a dtype.
    FullByDefault,
    /// To the widest among them.
    Widest,
    /// Refused: the result would overflow.
    Refused,
}

/// The device types that have a state, in the order of their numbers; rustgrad computes on the first two.
pub const CPU: usize = 0;
pub const GPU: usize = 1;
/// How many device types PyTorch knows, and the GPU of rustgrad.
pub const DEVICES: usize = 21;

const CPU_LOWER: &str = "conv1d conv2d conv3d bmm mm vecdot baddbmm addmm addbmm linear matmul conv_tbc conv_transpose1d \
                         conv_transpose2d conv_transpose3d prelu scaled_dot_product_attention einsum tensordot chain_matmul \
                         multi_dot matrix_power";
const CPU_FULL: &str = "avg_pool3d binary_cross_entropy grid_sampler polar prod quantile nanquantile stft cdist trace \
                        view_as_complex cholesky cholesky_inverse cholesky_solve inverse lu_solve orgqr ormqr pinverse \
                        max_pool3d max_unpool2d max_unpool3d adaptive_avg_pool3d mse_loss cosine_embedding_loss nll_loss \
                        hinge_embedding_loss poisson_nll_loss smooth_l1_loss cross_entropy l1_loss huber_loss \
                        margin_ranking_loss soft_margin_loss triplet_margin_loss multi_margin_loss ctc_loss kl_div \
                        multilabel_margin_loss binary_cross_entropy_with_logits fft ifft fft2 ifft2 fftn ifftn rfft irfft \
                        rfft2 irfft2 rfftn irfftn hfft ihfft cond matrix_rank linalg.solve svdvals eigvals eigvalsh inv \
                        householder_product tensorinv tensorsolve fake_quantize_per_tensor_affine geqrf qr svd \
                        triangular_solve fractional_max_pool2d fractional_max_pool3d adaptive_max_pool3d cholesky_ex eig \
                        eigh lstsq inv_ex";
const CPU_WIDEST: &str = "stack cat concat concatenate index_copy";

const GPU_LOWER: &str = "conv1d conv2d conv3d bmm mm mv baddbmm addmm addbmm addmv addr linear matmul conv_tbc vecdot \
                         conv_transpose1d conv_transpose2d conv_transpose3d prelu scaled_dot_product_attention einsum \
                         chain_matmul multi_dot matrix_power";
const GPU_FULL: &str = "__rpow__ __rtruediv__ acos asin cosh erfinv exp expm1 log log10 log2 log1p reciprocal rsqrt sinh tan \
                        pow softplus layer_norm group_norm cosine_similarity poisson_nll_loss cosine_embedding_loss nll_loss \
                        cross_entropy hinge_embedding_loss kl_div l1_loss smooth_l1_loss huber_loss mse_loss \
                        margin_ranking_loss multilabel_margin_loss soft_margin_loss triplet_margin_loss multi_margin_loss \
                        binary_cross_entropy_with_logits dist pdist cdist renorm logsumexp norm nuclear_norm";
const GPU_FULL_BY_DEFAULT: &str = "prod softmax log_softmax cumprod cumsum vector_norm matrix_norm sum";
const GPU_WIDEST: &str = "addcdiv addcmul atan2 bilinear cross dot vdot grid_sampler index_put tensordot scatter_add stack cat \
                          concat concatenate index_copy";

/// How many threads have autocast on for a device that computes.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// Whether any thread has autocast on: what every call asks.
#[inline(always)]
pub fn anywhere() -> bool {
    THREADS.load(Relaxed) != 0
}

/// One thread's autocast.
struct State {
    enabled: [bool; DEVICES],
    dtypes: [DType; DEVICES],
    cache_enabled: bool,
    /// How many blocks are open; the cache lives until the outermost ends.
    nesting: i64,
    /// Inside of a function that is written with other ops, which compute in what they are given.
    suspended: bool,
    /// Leaves and their casts, by the leaf's id.
    cache: HashMap<usize, (Tensor, Tensor)>,
}

/// The device types whose autocast computes in bfloat16, where nothing else was asked for: cpu and xla.
const BFLOAT16: [usize; 2] = [CPU, 13];

impl State {
    fn new() -> State {
        let mut dtypes = [DType::F16; DEVICES];
        BFLOAT16.iter().for_each(|&i| dtypes[i] = DType::BF16);
        let enabled = [false; DEVICES];
        State { enabled, dtypes, cache_enabled: true, nesting: 0, suspended: false, cache: HashMap::new() }
    }

    fn counts(&self) -> bool {
        self.enabled[CPU] || self.enabled[GPU]
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if self.counts() {
            THREADS.fetch_sub(1, Relaxed);
        }
    }
}

thread_local! {
    static STATE: RefCell<State> = RefCell::new(State::new());
}

pub fn enabled(device: usize) -> bool {
    STATE.with_borrow(|s| s.enabled.get(device).copied().unwrap_or(false))
}

pub fn set_enabled(device: usize, on: bool) {
    STATE.with_borrow_mut(|s| {
        let before = s.counts();
        if let Some(e) = s.enabled.get_mut(device) {
            *e = on;
        }
        match (before, s.counts()) {
            (false, true) => {
                THREADS.fetch_add(1, Relaxed);
            }
            (true, false) => {
                THREADS.fetch_sub(1, Relaxed);
            }
            _ => {}
        }
    });
}

pub fn dtype(device: usize) -> DType {
    STATE.with_borrow(|s| s.dtypes.get(device).copied().unwrap_or(DType::F16))
}

pub fn set_dtype(device: usize, dtype: DType) {
    STATE.with_borrow_mut(|s| {
        if let Some(d) = s.dtypes.get_mut(device) {
            *d = dtype;
        }
    });
}

pub fn cache_enabled() -> bool {
    STATE.with_borrow(|s| s.cache_enabled)
}

pub fn set_cache_enabled(on: bool) {
    STATE.with_borrow_mut(|s| s.cache_enabled = on);
}

/// Opens (1) or closes (-1) a block; returns how many are open.
pub fn nest(step: i64) -> i64 {
    STATE.with_borrow_mut(|s| {
        s.nesting += step;
        s.nesting
    })
}

pub fn clear_cache() {
    // Dropped after the borrow: a tensor's end may run Python code.
    let gone = STATE.with_borrow_mut(|s| std::mem::take(&mut s.cache));
    drop(gone);
}

/// Whether calls of this thread are changed now.
pub fn active() -> bool {
    anywhere() && STATE.with_borrow(|s| s.counts() && !s.suspended)
}

/// Leaves calls as they are, or changes them again; returns what it was.
pub fn suspend(on: bool) -> bool {
    STATE.with_borrow_mut(|s| std::mem::replace(&mut s.suspended, on))
}

/// The policies of an op on both devices.
type Policies = [Option<Policy>; 2];

fn policies() -> &'static HashMap<usize, Policies> {
    static MAP: OnceLock<HashMap<usize, Policies>> = OnceLock::new();
    MAP.get_or_init(|| {
        let of = |lists: &[(&'static str, Policy)]| {
            let mut map: HashMap<&'static str, Policy> = HashMap::new();
            for (list, policy) in lists {
                map.extend(list.split_whitespace().map(|name| (name, *policy)));
            }
            map
        };
        let cpu = of(&[(CPU_LOWER, Policy::Lower), (CPU_FULL, Policy::Full), (CPU_WIDEST, Policy::Widest)]);
        let gpu = of(&[
            (GPU_LOWER, Policy::Lower),
            (GPU_FULL, Policy::Full),
            (GPU_FULL_BY_DEFAULT, Policy::FullByDefault),
            (GPU_WIDEST, Policy::Widest),
            ("binary_cross_entropy", Policy::Refused),
        ]);
        let mut all = HashMap::new();
        for def in ops::registry() {
            let mut found: Policies = [None, None];
            for line in def.schema.iter() {
                let path = &line[..line.find('(').unwrap_or(line.len())];
                let name = path.rsplit('.').next().unwrap_or(path);
                for (slot, map) in found.iter_mut().zip([&cpu, &gpu]) {
                    *slot = slot.or_else(|| map.get(path).or_else(|| map.get(name)).copied());
                }
            }
            if found != [None, None] {
                all.insert(std::ptr::from_ref(def) as usize, found);
            }
        }
        all
    })
}

/// Every tensor among the arguments.
fn tensors<'a>(values: &[Arg<'a>]) -> Vec<&'a Tensor> {
    let mut out = Vec::new();
    for v in values {
        match v {
            Arg::Tensor(t) => out.push(*t),
            Arg::Tensors(list) => out.extend(list.iter().copied()),
            Arg::OptionalTensors(list) => out.extend(list.iter().flatten().copied()),
            _ => {}
        }
    }
    out
}

/// A call in a thread that may have autocast on.
#[cold]
pub fn call(def: &'static OpDef, a: &Args) -> Result<Outs> {
    let run = |a: &Args| (def.call)(a);
    let Some(found) = policies().get(&(std::ptr::from_ref(def) as usize)) else { return run(a) };
    let given = tensors(a.values);
    let Some(first) = given.first() else { return run(a) };
    if first.device().is_meta() {
        return run(a);
    }
    let device = first.device().is_gpu() as usize;
    let on = STATE.with_borrow(|s| s.enabled[device] && !s.suspended);
    let Some(policy) = found[device].filter(|_| on) else { return run(a) };
    let Some(to) = target(policy, dtype(device), &given, a.values)? else { return run(a) };
    let cast = given.iter().map(|t| cast(t, to)).collect::<Result<Vec<Tensor>>>()?;
    with_tensors(a, &cast, run)
}

/// The dtype that the policy asks for; None leaves all as it is.
fn target(policy: Policy, lower: DType, given: &[&Tensor], values: &[Arg]) -> Result<Option<DType>> {
    Ok(match policy {
        Policy::Lower => Some(lower),
        Policy::Full => Some(DType::F32),
        Policy::FullByDefault => {
            let named = values.iter().any(|v| matches!(v, Arg::DType(_)));
            if named { None } else { Some(DType::F32) }
        }
        Policy::Widest => widest(lower, given)?,
        Policy::Refused => {
            return Err(err!(
                Runtime,
                "{0}.nn.functional.binary_cross_entropy and {0}.nn.BCELoss are unsafe to autocast.",
                crate::core::spoken::library()
            )
            .hint("binary_cross_entropy_with_logits and BCEWithLogitsLoss are safe to autocast"));
        }
    })
}

fn widest(lower: DType, given: &[&Tensor]) -> Result<Option<DType>> {
    let mut to = lower;
    for t in given.iter().filter(|t| t.dtype().is_float()) {
        to = match (to, t.dtype()) {
            (DType::F64, _) | (_, DType::F64) => return Ok(None),
            (DType::F32, _) | (_, DType::F32) => DType::F32,
            (a, b) if a == b => a,
            _ => bail!(Runtime, "Unexpected floating ScalarType in at::autocast::prioritize"),
        };
    }
    Ok(Some(to))
}

/// Whether autocast changes the dtype of this tensor.
fn eligible(t: &Tensor) -> bool {
    t.dtype().is_float() && t.dtype() != DType::F64
}

/// `t` in dtype `to`; casts of leaves to a lower dtype are kept until the outermost block ends.
pub fn cast(t: &Tensor, to: DType) -> Result<Tensor> {
    if !eligible(t) || t.dtype() == to {
        return Ok(t.clone());
    }
    let keeps = to != DType::F32
        && t.dtype() == DType::F32
        && t.requires_grad()
        && t.is_leaf()
        && !t.is_view()
        && STATE.with_borrow(|s| s.cache_enabled && s.nesting > 0);
    if !keeps {
        return t.to_dtype(to);
    }
    let known = STATE.with_borrow(|s| s.cache.get(&t.id()).map(|(_, made)| made.clone()));
    // What was cast where nothing is recorded must not cut a graph.
    let recording = crate::tensor::mode::recording();
    if let Some(made) = known.filter(|made| made.dtype() == to && made.requires_grad() == recording) {
        return Ok(made);
    }
    let made = t.to_dtype(to)?;
    let old = STATE.with_borrow_mut(|s| s.cache.insert(t.id(), (t.clone(), made.clone())));
    drop(old);
    Ok(made)
}

/// Calls `run` with `cast` in the place of the arguments' tensors, in the order of [`tensors`].
fn with_tensors(a: &Args, cast: &[Tensor], run: impl FnOnce(&Args) -> Result<Outs>) -> Result<Outs> {
    let mut next = cast.iter();
    let mut lists: Vec<Vec<&Tensor>> = Vec::new();
    let mut optional: Vec<Vec<Option<&Tensor>>> = Vec::new();
    let mut singles: Vec<&Tensor> = Vec::new();
    for v in a.values {
        match v {
            Arg::Tensor(_) => singles.extend(next.next()),
            Arg::Tensors(list) => lists.push(next.by_ref().take(list.len()).collect()),
            Arg::OptionalTensors(list) => {
                optional.push(list.iter().map(|t| t.and_then(|_| next.next())).collect());
            }
            _ => {}
        }
    }
    let (mut singles, mut lists, mut optional) = (singles.into_iter(), lists.iter(), optional.iter());
    let values: Vec<Arg> = a
        .values
        .iter()
        .map(|v| match v {
            Arg::Tensor(t) => Arg::Tensor(singles.next().unwrap_or(t)),
            Arg::Tensors(list) => Arg::Tensors(lists.next().map_or(*list, Vec::as_slice)),
            Arg::OptionalTensors(list) => Arg::OptionalTensors(optional.next().map_or(*list, Vec::as_slice)),
            other => *other,
        })
        .collect();
    run(&Args { overload: a.overload, values: &values, inplace: false, out: &[] })
}
