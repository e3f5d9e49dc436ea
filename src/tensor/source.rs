//! Ops that the floors from here on need themselves: constants, and copies into a given layout.

use super::apply::apply;
use super::data;
use super::handle::Tensor;
use super::op::{Context, Cotangents, Grads, Op};
use crate::core::{DType, Device, Layout, Meta, Number};
use crate::device::Array;
use crate::error::Result;

/// A tensor of one number, or of any content; no input.
pub struct Constant {
    pub name: &'static str,
    pub meta: Meta,
    /// None: any content.
    pub value: Option<Number>,
}

impl Op for Constant {
    fn name(&self) -> &'static str {
        self.name
    }
    fn infer(&self, _: &[&Meta]) -> Result<Meta> {
        Ok(self.meta.clone())
    }
    fn zeroed(&self) -> bool {
        self.value.is_some_and(|v| v.is_zero())
    }
    fn cpu(&self, _: &[&Array], out: &[Array]) -> Result<()> {
        match self.value.or_else(|| super::mode::fill_of(self.meta.dtype)) {
            Some(v) if !v.is_zero() => data::fill(&out[0], v),
            _ => Ok(()),
        }
    }
    fn everywhere(&self) -> bool {
        true
    }
}

/// The input's elements under another layout of the same shape. Carries no gradient: backward's own copies.
pub struct Laid {
    pub layout: Layout,
}

impl Op for Laid {
    fn name(&self) -> &'static str {
        "copy"
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(Meta::new(self.layout.clone(), x[0].dtype, x[0].device))
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

impl Tensor {
    /// `value` in each element of a contiguous tensor.
    pub fn constant(shape: &[usize], dtype: DType, device: Device, value: impl Into<Number>) -> Result<Tensor> {
        let meta = Meta::new(Layout::contiguous(shape.into()), dtype, device);
        apply(Constant { name: "full", meta, value: Some(value.into()) }, &[])
    }

    /// Zeros of a shape, with the dtype and on the device of `self`.
    pub fn zeros_of(&self, shape: &[usize]) -> Result<Tensor> {
        Tensor::constant(shape, self.dtype(), self.device(), 0)
    }
}
