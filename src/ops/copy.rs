//! Copies and aliases: clone, contiguous, copy_, detach. Where a result's strides are free they follow PyTorch's
//! `preserve_format`: those of the input if it is dense, else dense ones in the same order.

use crate::core::layout::preserved;
use crate::core::shape::{broadcast, list};
use crate::core::{DType, Device, Layout, Meta, Number};
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::tensor::apply_inplace;
use crate::tensor::declare::FromArg;
use crate::tensor::{Args, Context, Cotangents, Grads, Op, Operand, Tensor, apply, data};
use crate::{bail, err};

/// What a `memory_format` asks of the strides of a fresh tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Preserve,
    Contiguous,
    /// Channels (dim 1) fastest, for 4-d and 5-d tensors.
    ChannelsLast(u8),
}

impl<'a> FromArg<'a> for Option<Format> {
    const TYPES: &'static [&'static str] = &["memory_format"];
    const MAY_LACK: bool = true;

    fn read(op: &'static str, a: &Args<'a>, at: usize) -> Result<Self> {
        Ok(match <Option<&str>>::read(op, a, at)? {
            None => None,
            Some(name) => Some(match name.rsplit('.').next().unwrap_or(name) {
                "preserve_format" => Format::Preserve,
                "contiguous_format" => Format::Contiguous,
                "channels_last" => Format::ChannelsLast(4),
                "channels_last_3d" => Format::ChannelsLast(5),
                other => bail!(Runtime, "unknown memory format {other}"),
            }),
        })
    }
}

impl Format {
    /// The layout of a fresh tensor with the shape of `x`.
    pub fn layout(self, x: &Layout) -> Result<Layout> {
        Ok(match self {
            Format::Preserve => preserved(x),
            Format::Contiguous => Layout::contiguous(x.shape.clone()),
            Format::ChannelsLast(rank) => {
                if x.ndim() != rank as usize {
                    let name = if rank == 4 { "channels_last" } else { "channels_last_3d" };
                    bail!(Runtime, "required rank {rank} tensor to use {name} format");
                }
                let strides = x.channels_last_strides().unwrap_or_default();
                Layout { strides, shape: x.shape.clone(), offset: 0 }
            }
        })
    }
}

ops! {
    /// A copy with its own memory, recorded: gradients flow to `self`.
    ///
    /// Keeps the strides of a dense `self` unless `memory_format` says otherwise.
    clone as ["clone(Tensor self, *, memory_format? memory_format=None) -> Tensor"] {
        call(x = self: &Tensor, memory_format: Option<Format>) { x.cloned(memory_format.unwrap_or(Format::Preserve)) },
        samples: [
            "u(2, 3)",
            "u(3, 2).t()",
            "u(6)[::2]",
            "u(1, 3).expand(2, 3)",
            "u()",
            "u(0, 2)",
            "edges(0.0, -0.0, INF, NAN)",
        ],
    }
    /// `self` if it is C-contiguous, else a copy that is.
    contiguous as ["method.contiguous(Tensor self, *, memory_format? memory_format=None) -> Tensor"] {
        call(x = self: &Tensor, memory_format: Option<Format>) {
            match memory_format {
                Some(Format::Preserve) => {
                    bail!(Runtime, "preserve memory format is unsupported by the contiguous operator")
                }
                None | Some(Format::Contiguous) => x.contiguous(),
                Some(format) => {
                    format.layout(x.layout())?;
                    if x.layout().is_channels_last() { Ok(x.clone()) } else { x.cloned(format) }
                }
            }
        },
        samples: ["u(2, 3)", "u(3, 2).t()", "u(6)[::2]", "u(1, 3).expand(2, 3)", "u()"],
    }
    /// Overwrites `self` with `src`, broadcast to its shape and cast to its dtype. Gradients flow to `src`.
    copy_ as ["method.copy_(Tensor self, Operand src, bool non_blocking=False) -> Tensor"] {
        call(target = self: &Tensor, src: Operand) {
            match src {
                Operand::Tensor(src) => {
                    crate::ops::cast::warn_of_real(src.dtype(), target.dtype())?;
                    target.copy_from(src)?;
                }
                Operand::Number(n) => {
                    let dtype = match n {
                        Number::Complex(..) => DType::C128,
                        Number::Float(_) => DType::F64,
                        _ => DType::I64,
                    };
                    target.copy_from(&Tensor::constant(&[], dtype, Device::CPU, n)?)?;
                }
            }
            Ok(target.clone())
        },
        samples: [
            "u(2, 3), u(2, 3)",
            "u(2, 3), u(3)",
            "u(3, 2).t(), u(2, 3)",
            "u(2, 3), u(2, 1).double()",
            "u(2, 3), 2",
            "u(3), u(4)",
            "u(3), u(2, 3)",
        ],
    }
    /// A tensor over the same memory that is outside the graph. Writes to either are seen by both.
    detach as ["detach(Tensor self) -> Tensor"] {
        call(x = self: &Tensor) { Ok(x.detach()) },
        samples: ["u(2, 3)", "u(3, 2).t()"],
    }
    /// Cuts `self` off the graph that made it. Refused for views.
    detach_ as ["detach_(Tensor self) -> Tensor"] {
        call(x = self: &Tensor) {
            if x.is_view() {
                return Err(err!(Runtime, "Can't detach views in-place. Use detach() instead.")
                    .hint("detach_: this tensor is a view of another, whose graph it would leave in pieces"));
            }
            x.clear_history();
            Ok(x.clone())
        },
        samples: ["u(2, 3)"],
    }
}

impl Tensor {
    /// A recorded copy in the given format.
    pub fn cloned(&self, format: Format) -> Result<Tensor> {
        apply(Clone_ { format }, &[self])
    }

    /// This tensor if it is C-contiguous, else a copy that is.
    #[inline]
    pub fn contiguous(&self) -> Result<Tensor> {
        if self.is_contiguous() { Ok(self.clone()) } else { self.cloned(Format::Contiguous) }
    }

    /// Overwrites this tensor with `src`, broadcast and cast.
    pub fn copy_from(&self, src: &Tensor) -> Result<()> {
        if self.is(src) {
            return Ok(());
        }
        let op = CopyFrom { src: src.meta().clone() };
        // An integer tensor has no history, whatever is written to it.
        if self.dtype().is_differentiable() {
            apply_inplace(op, &[self, src])?;
        } else {
            apply_inplace(op, &[self, &src.detach()])?;
        }
        Ok(())
    }
}

struct Clone_ {
    format: Format,
}

impl Op for Clone_ {
    fn name(&self) -> &'static str {
        "clone"
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(Meta::new(self.format.layout(&x[0].layout)?, x[0].dtype, x[0].device))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        data::copy(x[0], &out[0])
    }
    fn everywhere(&self) -> bool {
        true
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(g.one()?.clone())
    }
}

/// Input 0 overwritten with input 1, which looked like `src`.
struct CopyFrom {
    src: Meta,
}

impl Op for CopyFrom {
    fn name(&self) -> &'static str {
        "copy"
    }
    fn grad_name(&self) -> String {
        "CopyBackwards".into()
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        if x[1].device.is_meta() && !x[0].device.is_meta() {
            return Err(data::no_data());
        }
        let shape = broadcast(x[0].shape(), x[1].shape())?;
        if *shape != *x[0].shape() {
            return Err(err!(
                Runtime,
                "output with shape {} doesn't match the broadcast shape {}",
                list(x[0].shape()),
                list(&shape)
            )
            .hint(format!("copy_: src has shape {}, which does not broadcast to that of self", list(x[1].shape()))));
        }
        Ok(x[0].contiguous(shape))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        data::copy(&x[1].with_layout(x[1].layout.broadcast_to(out[0].shape())), &out[0])
    }
    fn everywhere(&self) -> bool {
        true
    }
    fn cost(&self, x: &[&Array], out: &[Array]) -> usize {
        data::copy_cost(x, &out[0])
    }
    fn crosses_devices(&self) -> bool {
        true
    }
    fn aliases(&self) -> bool {
        true
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let g = g.one()?;
        Grads::two(
            c,
            || g.zeros_of(g.shape()),
            || g.to_dtype(self.src.dtype)?.sum_to(self.src.shape())?.to_device(self.src.device),
        )
    }
}
