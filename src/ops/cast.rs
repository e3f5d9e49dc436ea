//! Casts between dtypes and devices: to, float, long, type_as ... The gradient is cast back.

use super::copy::Format;
use crate::core::{DType, Device, Meta};
use crate::device::Array;
use crate::error::Result;
use crate::tensor::def::Twins;
use crate::tensor::{Context, Cotangents, Grads, Op, OpDef, Outs, Tensor, apply, data};

/// The rows of this family.
pub const ROWS: &[&OpDef] =
    &[&TO, &TYPE, &TYPE_AS, &CPU, &FLOAT, &DOUBLE, &HALF, &BFLOAT16, &INT, &SHORT, &CHAR, &LONG, &BYTE, &BOOL];

pub const TO: OpDef = OpDef {
    schema: &[
        "method.to(Tensor self, Device? device=None, dtype? dtype=None, bool non_blocking=False, bool copy=False, *, \
         memory_format? memory_format=None) -> Tensor",
        "method.to(Tensor self, dtype dtype, bool non_blocking=False, bool copy=False, *, memory_format? \
         memory_format=None) -> Tensor",
        "method.to(Tensor self, Tensor other, bool non_blocking=False, bool copy=False, *, memory_format? \
         memory_format=None) -> Tensor",
    ],
    aliases: &[],
    doc: "`self` as another dtype or on another device; `self` itself where nothing changes and `copy` is False.\n\nFloats \
          become integers by cutting towards zero, anything becomes bool by `!= 0`.",
    twins: Twins::NONE,
    call: |a| {
        let x = a.t(0)?;
        match a.overload {
            0 => to(x, a.opt_device(1), a.opt_dtype(2).unwrap_or(x.dtype()), a.flag(4), Format::arg(a, 5)?),
            1 => to(x, None, a.opt_dtype(1).unwrap_or(x.dtype()), a.flag(3), Format::arg(a, 4)?),
            _ => to(x, Some(a.t(1)?.device()), a.t(1)?.dtype(), a.flag(3), Format::arg(a, 4)?),
        }
    },
    samples: &[
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
};

pub const TYPE: OpDef = OpDef {
    schema: &["method.type(Tensor self, dtype dtype, bool non_blocking=False) -> Tensor"],
    aliases: &[],
    doc: "`self.to(dtype)`.",
    twins: Twins::NONE,
    call: |a| {
        let x = a.t(0)?;
        to(x, None, a.opt_dtype(1).unwrap_or(x.dtype()), false, None)
    },
    samples: &["u(2, 3), float64", "u(2, 3), int32"],
};

pub const TYPE_AS: OpDef = OpDef {
    schema: &["method.type_as(Tensor self, Tensor other) -> Tensor"],
    aliases: &[],
    doc: "`self` with the dtype and device of `other`.",
    twins: Twins::NONE,
    call: |a| to(a.t(0)?, Some(a.t(1)?.device()), a.t(1)?.dtype(), false, None),
    samples: &["u(2, 3), u(1).double()", "u(2, 3), ix(1, n=2)"],
};

pub const CPU: OpDef = OpDef {
    schema: &["method.cpu(Tensor self, *, memory_format? memory_format=None) -> Tensor"],
    aliases: &[],
    doc: "`self.to(\"cpu\")`.",
    twins: Twins::NONE,
    call: |a| to(a.t(0)?, Some(Device::CPU), a.t(0)?.dtype(), false, Format::arg(a, 1)?),
    samples: &["u(2, 3)"],
};

/// A row that casts to one dtype.
macro_rules! cast {
    ($row:ident, $schema:literal, $dtype:ident, $doc:literal) => {
        pub const $row: OpDef = OpDef {
            schema: &[$schema],
            aliases: &[],
            doc: $doc,
            twins: Twins::NONE,
            call: |a| to(a.t(0)?, None, DType::$dtype, false, Format::arg(a, 1)?),
            samples: &["u(2, 3) * 3", "u(3, 2).t()", "edges(0.0, 0.5, -1.0, 300.0, 1e10, INF, NAN)"],
        };
    };
}

cast!(FLOAT, "method.float(Tensor self, *, memory_format? memory_format=None) -> Tensor", F32, "`self.to(float32)`.");
cast!(DOUBLE, "method.double(Tensor self, *, memory_format? memory_format=None) -> Tensor", F64, "`self.to(float64)`.");
cast!(HALF, "method.half(Tensor self, *, memory_format? memory_format=None) -> Tensor", F16, "`self.to(float16)`.");
cast!(
    BFLOAT16,
    "method.bfloat16(Tensor self, *, memory_format? memory_format=None) -> Tensor",
    BF16,
    "`self.to(bfloat16)`."
);
cast!(INT, "method.int(Tensor self, *, memory_format? memory_format=None) -> Tensor", I32, "`self.to(int32)`.");
cast!(SHORT, "method.short(Tensor self, *, memory_format? memory_format=None) -> Tensor", I16, "`self.to(int16)`.");
cast!(CHAR, "method.char(Tensor self, *, memory_format? memory_format=None) -> Tensor", I8, "`self.to(int8)`.");
cast!(LONG, "method.long(Tensor self, *, memory_format? memory_format=None) -> Tensor", I64, "`self.to(int64)`.");
cast!(BYTE, "method.byte(Tensor self, *, memory_format? memory_format=None) -> Tensor", U8, "`self.to(uint8)`.");
cast!(BOOL, "method.bool(Tensor self, *, memory_format? memory_format=None) -> Tensor", Bool, "`self.to(bool)`.");

fn to(x: &Tensor, device: Option<Device>, dtype: DType, copy: bool, format: Option<Format>) -> Result<Outs> {
    if let Some(device) = device {
        device.require("to")?;
    }
    let device = device.map_or(x.device(), Device::plain);
    if device != x.device() {
        let format = format.unwrap_or(Format::Preserve);
        return Outs::one(apply(Cast::new(x, device, dtype, format), &[x]));
    }
    if dtype == x.dtype() && !copy && format.is_none_or(|f| f == Format::Preserve) {
        return Ok(x.clone().into());
    }
    let format = format.unwrap_or(Format::Preserve);
    if dtype == x.dtype() && !copy && format.layout(x.layout())?.strides == x.layout().strides {
        return Ok(x.clone().into());
    }
    Outs::one(apply(Cast::new(x, device, dtype, format), &[x]))
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
