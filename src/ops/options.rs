//! The keywords of every function that makes a tensor: `{options}` in a schema line.

use crate::bail;
use crate::core::{DType, Device};
use crate::error::Result;
use crate::tensor::declare::FromArg;
use crate::tensor::{Args, Operand, Tensor, mode};

/// dtype, device and requires_grad as given; layout and pin_memory change nothing here.
pub struct Options {
    pub dtype: Option<DType>,
    device: Option<Device>,
    requires_grad: bool,
}

impl<'a> FromArg<'a> for Options {
    const TYPES: &'static [&'static str] = &["{options}"];
    const MAY_LACK: bool = true;

    fn read(op: &'static str, a: &Args<'a>, at: usize) -> Result<Options> {
        let device = <Option<Device>>::read(op, a, at.saturating_add(2))?;
        if let Some(device) = device {
            device.require(op)?;
        }
        let (given, out) = (<Option<DType>>::read(op, a, at)?, a.out_dtype());
        if let (Some(given), Some(out)) = (given, out)
            && given != out
        {
            bail!(
                Runtime,
                "dtype {} does not match dtype of out parameter ({})",
                given.scalar_name(),
                out.scalar_name()
            );
        }
        // What is made for `out=` is made where that is.
        let device = device.map(Device::plain).or(a.out.first().map(|t| t.device()));
        let requires_grad = bool::read(op, a, at.saturating_add(4))?;
        Ok(Options { dtype: given.or(out), device, requires_grad })
    }
}

impl Options {
    pub fn or(&self, dtype: DType) -> DType {
        self.dtype.unwrap_or(dtype)
    }

    /// For what is made like `x`: on its device, if none is given.
    #[must_use]
    pub fn like(mut self, x: &Tensor) -> Options {
        self.device.get_or_insert(x.device());
        self
    }

    /// For what lies between two ends: on `meta` where one of them is, whatever was asked for, as in PyTorch.
    pub fn between(mut self, ends: [Operand; 2]) -> Options {
        if ends.iter().any(|o| matches!(o, Operand::Tensor(t) if t.device().is_meta())) {
            self.device = Some(Device::META);
        }
        self
    }

    pub fn device(&self) -> Device {
        self.device.unwrap_or_else(mode::default_device)
    }

    pub fn float(&self) -> DType {
        self.or(mode::default_float())
    }

    /// Where numbers are made that no kernel of the device makes.
    pub fn source(&self) -> Device {
        self.device().source()
    }

    /// The finished tensor, where it was asked for; numbers that a device does not make come from the CPU.
    pub fn finish(&self, t: Tensor) -> Result<Tensor> {
        let t = t.to_device(self.device())?;
        if self.requires_grad {
            if !t.dtype().is_differentiable() {
                bail!(Runtime, "Only Tensors of floating point and complex dtype can require gradients");
            }
            t.set_requires_grad(true)?;
        }
        Ok(t)
    }
}
