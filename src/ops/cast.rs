//! Casts between dtypes and devices: to, float, long, type_as ... The gradient is cast back.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::copy::Format;
use crate::core::{DType, Device, Meta};
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::tensor::{Context, Cotangents, Grads, Op, Tensor, apply, data, mode};

ops! {
    /// `self` as another dtype or on another device; `self` itself where nothing changes and `copy` is False.
    ///
    /// Floats become integers by cutting towards zero, anything becomes bool by `!= 0`.
    to as [
        "method.to(Tensor self, device? device=None, dtype? dtype=None, bool non_blocking=False, bool copy=False, *, memory_format? memory_format=None) -> Tensor",
        "method.to(Tensor self, dtype dtype, bool non_blocking=False, bool copy=False, *, memory_format? memory_format=None) -> Tensor",
        "method.to(Tensor self, Tensor other, bool non_blocking=False, bool copy=False, *, memory_format? memory_format=None) -> Tensor",
    ] {
        call(
            x = self: &Tensor,
            device: Option<Device>,
            dtype: Option<DType>,
            other: Option<&Tensor>,
            copy: bool,
            memory_format: Option<Format>
        ) {
            let device = device.or(other.map(|t| t.device()));
            to(x, device, dtype.or(other.map(|t| t.dtype())).unwrap_or(x.dtype()), copy, memory_format)
        },
        samples: [
            "u(2, 3), float64",
            "u(3, 2).t(), float16",
            "u(6)[::2], bfloat16",
            "u(2, 3) * 100, int32",
            "u(2, 3) * 300, uint8",
            "edges(0.0, 0.5, -1.0, INF, NAN), bool",
            "edges(0.0, -0.5, 3.7, -300.0), int64",
            "u(2, 3), 'cpu', float32",
            "u(2, 3), u(1).double()",
            "u(2, 3), float32, copy=True",
            "u(2, 3), dtype=float64, memory_format=channels_last",
        ],
    }
    /// `self.to(dtype)`.
    type_ as ["method.type(Tensor self, dtype dtype, bool non_blocking=False) -> Tensor"] {
        call(x = self: &Tensor, dtype: Option<DType>) { to(x, None, dtype.unwrap_or(x.dtype()), false, None) },
        samples: ["u(2, 3), float64", "u(2, 3), int32"],
    }
    /// `self` with the dtype and device of `other`.
    type_as as ["method.type_as(Tensor self, Tensor other) -> Tensor"] {
        call(x = self: &Tensor, other: &Tensor) { to(x, Some(other.device()), other.dtype(), false, None) },
        samples: ["u(2, 3), u(1).double()", "u(2, 3), ix(1, n=2)"],
    }
    /// `self.to("cpu")`.
    cpu as ["method.cpu(Tensor self, *, memory_format? memory_format=None) -> Tensor"] {
        call(x = self: &Tensor, memory_format: Option<Format>) { to(x, Some(Device::CPU), x.dtype(), false, memory_format) },
        samples: ["u(2, 3)"],
    }
    /// `self.to(float32)`.
    float as ["method.float(Tensor self, *, memory_format? memory_format=None) -> Tensor"] {
        call(x = self: &Tensor, memory_format: Option<Format>) { to(x, None, DType::F32, false, memory_format) },
        samples: CASTS,
    }
    /// `self.to(float64)`.
    double as ["method.double(Tensor self, *, memory_format? memory_format=None) -> Tensor"] {
        call(x = self: &Tensor, memory_format: Option<Format>) { to(x, None, DType::F64, false, memory_format) },
        samples: CASTS,
    }
    /// `self.to(float16)`.
    half as ["method.half(Tensor self, *, memory_format? memory_format=None) -> Tensor"] {
        call(x = self: &Tensor, memory_format: Option<Format>) { to(x, None, DType::F16, false, memory_format) },
        samples: CASTS,
    }
    /// `self.to(bfloat16)`.
    bfloat16 as ["method.bfloat16(Tensor self, *, memory_format? memory_format=None) -> Tensor"] {
        call(x = self: &Tensor, memory_format: Option<Format>) { to(x, None, DType::BF16, false, memory_format) },
        samples: CASTS,
    }
    /// `self.to(complex64)`.
    cfloat as ["method.cfloat(Tensor self, *, memory_format? memory_format=None) -> Tensor"] {
        call(x = self: &Tensor, memory_format: Option<Format>) { to(x, None, DType::C64, false, memory_format) },
        samples: CASTS,
    }
    /// `self.to(complex128)`.
    cdouble as ["method.cdouble(Tensor self, *, memory_format? memory_format=None) -> Tensor"] {
        call(x = self: &Tensor, memory_format: Option<Format>) { to(x, None, DType::C128, false, memory_format) },
        samples: CASTS,
    }
    /// `self.to(complex32)`.
    chalf as ["method.chalf(Tensor self, *, memory_format? memory_format=None) -> Tensor"] {
        call(x = self: &Tensor, memory_format: Option<Format>) { to(x, None, DType::C32, false, memory_format) },
        samples: CASTS,
    }
    /// `self.to(int32)`.
    int as ["method.int(Tensor self, *, memory_format? memory_format=None) -> Tensor"] {
        call(x = self: &Tensor, memory_format: Option<Format>) { to(x, None, DType::I32, false, memory_format) },
        samples: CASTS,
    }
    /// `self.to(int16)`.
    short_ as ["method.short(Tensor self, *, memory_format? memory_format=None) -> Tensor"] {
        call(x = self: &Tensor, memory_format: Option<Format>) { to(x, None, DType::I16, false, memory_format) },
        samples: CASTS,
    }
    /// `self.to(int8)`.
    char_ as ["method.char(Tensor self, *, memory_format? memory_format=None) -> Tensor"] {
        call(x = self: &Tensor, memory_format: Option<Format>) { to(x, None, DType::I8, false, memory_format) },
        samples: CASTS,
    }
    /// `self.to(int64)`.
    long as ["method.long(Tensor self, *, memory_format? memory_format=None) -> Tensor"] {
        call(x = self: &Tensor, memory_format: Option<Format>) { to(x, None, DType::I64, false, memory_format) },
        samples: CASTS,
    }
    /// `self.to(uint8)`.
    byte as ["method.byte(Tensor self, *, memory_format? memory_format=None) -> Tensor"] {
        call(x = self: &Tensor, memory_format: Option<Format>) { to(x, None, DType::U8, false, memory_format) },
        samples: CASTS,
    }
    /// `self.to(bool)`.
    bool_ as ["method.bool(Tensor self, *, memory_format? memory_format=None) -> Tensor"] {
        call(x = self: &Tensor, memory_format: Option<Format>) { to(x, None, DType::Bool, false, memory_format) },
        samples: CASTS,
    }
}

const CASTS: &[&str] = &["u(2, 3) * 3", "u(3, 2).t()", "edges(0.0, 0.5, -1.0, 300.0, 1e10, INF, NAN)"];

/// PyTorch's warning, once a process, where complex numbers lose their imaginary parts.
pub fn warn_of_real(from: DType, to: DType) -> Result<()> {
    static WARNED: AtomicBool = AtomicBool::new(false);
    if from.is_complex() && !to.is_complex() && to != DType::Bool && !WARNED.swap(true, Relaxed) {
        return mode::warn("Casting complex values to real discards the imaginary part");
    }
    Ok(())
}

fn to(x: &Tensor, device: Option<Device>, dtype: DType, copy: bool, format: Option<Format>) -> Result<Tensor> {
    if let Some(device) = device {
        device.require("to")?;
    }
    let device = device.map_or(x.device(), Device::plain);
    if device != x.device() {
        let format = format.unwrap_or(Format::Preserve);
        return apply(Cast::new(x, device, dtype, format), &[x]);
    }
    if dtype == x.dtype() && !copy && format.is_none_or(|f| f == Format::Preserve) {
        return Ok(x.clone());
    }
    warn_of_real(x.dtype(), dtype)?;
    let format = format.unwrap_or(Format::Preserve);
    if dtype == x.dtype() && !copy && format.layout(x.layout())?.strides == x.layout().strides {
        return Ok(x.clone());
    }
    apply(Cast::new(x, device, dtype, format), &[x])
}

impl Tensor {
    /// This tensor as `dtype`; itself where it has that dtype.
    #[inline]
    pub fn to_dtype(&self, dtype: DType) -> Result<Tensor> {
        if self.dtype() == dtype {
            return Ok(self.clone());
        }
        apply(Cast::new(self, self.device(), dtype, Format::Preserve), &[self])
    }

    /// This tensor on `device`; itself where it is there.
    pub fn to_device(&self, device: Device) -> Result<Tensor> {
        if self.device() == device {
            return Ok(self.clone());
        }
        apply(Cast::new(self, device, self.dtype(), Format::Preserve), &[self])
    }
}

struct Cast {
    device: Device,
    dtype: DType,
    from: (Device, DType),
    format: Format,
}

impl Cast {
    fn new(x: &Tensor, device: Device, dtype: DType, format: Format) -> Cast {
        Cast { device, dtype, from: (x.device(), x.dtype()), format }
    }
}

impl Op for Cast {
    fn name(&self) -> &'static str {
        "to_copy"
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        if x[0].device.is_meta() && !self.device.is_meta() {
            return Err(data::no_data());
        }
        Ok(Meta::new(self.format.layout(&x[0].layout)?, self.dtype, self.device))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        data::copy(x[0], &out[0])
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
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(g.one()?.to_dtype(self.from.1)?.to_device(self.from.0)?)
    }
}
