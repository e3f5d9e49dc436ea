//! Complex numbers and their parts: views of real and imaginary parts, conjugates, and complex tensors made of real ones.
//!
//! A conjugate is computed at once, where PyTorch's waits for its first use: `is_conj` and `is_neg` are always False.

use crate::core::layout::{elementwise, preserved};
use crate::core::shape::broadcast;
use crate::core::{DType, Meta, Number};
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::ops::elementwise::classify::{itself, real_angle};
use crate::ops::elementwise::compare::logical_not;
use crate::ops::elementwise::map;
use crate::tensor::views::{check_writable, replace};
use crate::tensor::write::copy_to_out;
use crate::tensor::{Args, Context, Cotangents, Grads, Mask, Op, Operand, Outs, Saves, Tensor, apply, data};
use crate::{bail, cpu, gpu};

ops! {
    /// Complex numbers as their real and imaginary parts along a new last dim of size 2, over the same memory.
    view_as_real as ["function.view_as_real(Tensor self) -> Tensor"] {
        call(x = self: &Tensor) { x.view_as_real() },
        samples: ["cx(2, 3)", "cx(3, 2).t()", "cx()", "u(2)"],
    }
    /// The complex numbers whose real and imaginary parts lie along the last dim, over the same memory.
    view_as_complex as ["function.view_as_complex(Tensor self) -> Tensor"] {
        call(x = self: &Tensor) { x.view_as_complex() },
        samples: ["u(3, 2)", "u(2, 3, 2)[:, 1:]", "u(2)", "u(3)", "u()", "u(2, 3).t()", "u(3)[1:]", "ix(2, n=3)"],
    }
    /// The real parts: a view of complex numbers, real tensors themselves.
    real as ["function.real(Tensor self) -> Tensor"] {
        call(x = self: &Tensor) { x.real() },
        samples: ["cx(2, 3)", "cx(3, 2).t()", "u(2)"],
    }
    /// The imaginary parts, a view. Real tensors are refused.
    imag as ["function.imag(Tensor self) -> Tensor"] {
        call(x = self: &Tensor) { x.imag() },
        samples: ["cx(2, 3)", "cx(3, 2).t()", "u(2)"],
    }
    /// The complex conjugate; a real tensor itself.
    conj as ["conj(Tensor self) -> Tensor"] {
        call(x = self: &Tensor) { x.conj() },
        samples: ["cx(2, 3)", "cx(3, 2).t()", "u(2)"],
    }
    /// The complex conjugate; a real tensor itself.
    conj_physical + overwrites + out as ["conj_physical(Tensor self) -> Tensor"] {
        call(x = self: &Tensor; a) { conj_physical(x, a) },
        samples: ["cx(2, 3)", "cx(6)[::2]", "cx()", "u(2)"],
    }
    /// Complex numbers of their real and imaginary parts, floats of one dtype.
    complex + out + exact as ["function.complex(Tensor real, Tensor imag) -> Tensor"] {
        call(real: &Tensor, imag: &Tensor) {
            check_parts(real, imag)?;
            apply(Joined, &[real, imag])
        },
        samples: ["u(2, 3), u(2, 3)", "u(2, 3), u(3)", "u(3, 2).t(), u(2, 3)", "u(2), u(2).double()", "u(), u()"],
    }
    /// Complex numbers of their absolute values and angles, floats of one dtype.
    polar + out + exact as ["function.polar(Tensor abs, Tensor angle) -> Tensor"] {
        call(abs: &Tensor, angle: &Tensor) {
            check_parts(abs, angle)?;
            if abs.dtype() == DType::F16 {
                return Err(abs.dtype().lacks("polar_cpu"));
            }
            apply(Polar, &[abs, angle])
        },
        samples: ["pos(2, 3), u(2, 3)", "pos(2, 3), u(3)", "u(3, 2).t(), u(2, 3)", "u(), u()"],
    }
    /// The angle of complex numbers, in (-pi, pi]; of a real number 0, or pi where it is negative.
    angle + out as ["angle(Tensor self) -> Tensor"] {
        call(x = self: &Tensor) {
            if x.dtype().is_complex() {
                return Of::Angle.run(x);
            }
            map::on(&real_angle::ROW, [Operand::Tensor(x)])
        },
        samples: ["cx(2, 3)", "cx(3, 2).t()", "u(2, 3)", "edges(0.0, -0.0, -INF, NAN)"],
    }
    /// `self`: conjugates are computed at once.
    resolve_conj as ["resolve_conj(Tensor self) -> Tensor"] {
        call(x = self: &Tensor) { Ok(x.clone()) },
        samples: ["cx(2, 3)", "u(2)"],
    }
    /// `self`: negatives are computed at once.
    resolve_neg as ["resolve_neg(Tensor self) -> Tensor"] {
        call(x = self: &Tensor) { Ok(x.clone()) },
        samples: ["cx(2, 3)", "u(2)"],
    }
}

fn conj_physical(x: &Tensor, a: &Args) -> Result<Outs> {
    let op = Conj { name: "conj_physical" };
    if let &[out] = a.out
        && out.dtype() != x.dtype()
    {
        bail!(Runtime, "Found dtype {} but expected {}", out.dtype().scalar_name(), x.dtype().scalar_name());
    }
    if !x.dtype().is_complex() {
        if a.inplace {
            return map::over(&itself::ROW, [Operand::Tensor(x)]).map(Outs::Over);
        }
        return Ok(Outs::Tensor(x.clone()));
    }
    if a.inplace {
        return crate::tensor::apply_inplace(op, &[x]).map(Outs::Over);
    }
    apply(op, &[x]).map(Outs::Tensor)
}

impl Tensor {
    /// The real parts, a view; a real tensor itself.
    pub fn real(&self) -> Result<Tensor> {
        if !self.dtype().is_complex() {
            return Ok(self.clone());
        }
        self.view_as_real()?.select_at(-1, 0)
    }

    /// The imaginary parts, a view.
    pub fn imag(&self) -> Result<Tensor> {
        if !self.dtype().is_complex() {
            bail!(Runtime, "imag is not implemented for tensors with non-complex dtypes.");
        }
        self.view_as_real()?.select_at(-1, 1)
    }

    /// The complex conjugate; a real tensor itself.
    #[inline]
    pub fn conj(&self) -> Result<Tensor> {
        if !self.dtype().is_complex() {
            return Ok(self.clone());
        }
        apply(Conj { name: "conj" }, &[self])
    }
}

/// Functions of complex numbers that no row says: their results are real, or their formula for real numbers does not hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Of {
    Abs,
    Angle,
    Sgn,
    Asinh,
    Acosh,
    Atanh,
}

impl Of {
    /// The function of a complex tensor.
    pub fn run(self, x: &Tensor) -> Result<Tensor> {
        apply(self, &[x])
    }
}

impl Op for Of {
    fn name(&self) -> &'static str {
        match self {
            Of::Abs => "abs",
            Of::Angle => "angle",
            Of::Sgn => "sgn",
            Of::Asinh => "asinh",
            Of::Acosh => "acosh",
            Of::Atanh => "atanh",
        }
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let dtype = if matches!(self, Of::Abs | Of::Angle) { x[0].dtype.to_real() } else { x[0].dtype };
        if *self == Of::Angle {
            // Here PyTorch keeps no order of dims.
            return Ok(x[0].contiguous(x[0].shape().into()).with_dtype(dtype));
        }
        Ok(Meta::new(preserved(&x[0].layout), dtype, x[0].device))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        use crate::expr::math::complex as m;
        match self {
            Of::Abs => cpu::complex::real_of(x[0], &out[0], m::abs),
            Of::Angle => cpu::complex::real_of(x[0], &out[0], m::angle),
            Of::Sgn => cpu::complex::of(x[0], &out[0], m::sgn),
            Of::Asinh => cpu::complex::of(x[0], &out[0], m::asinh),
            Of::Acosh => cpu::complex::of(x[0], &out[0], m::acosh),
            Of::Atanh => cpu::complex::of(x[0], &out[0], m::atanh),
        }
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let f = match self {
            Of::Abs => "c64_abs",
            Of::Angle => "c64_angle",
            Of::Sgn => "c64_sign",
            Of::Asinh => "c64_asinh",
            Of::Acosh => "c64_acosh",
            Of::Atanh => "c64_atanh",
        };
        gpu::complex::of(self.name(), f, x[0], &out[0])
    }
    fn complex(&self) -> bool {
        true
    }
    fn saves(&self, _: Mask) -> Saves {
        if *self == Of::Sgn { Saves::INPUTS.and(Saves::OUTPUT) } else { Saves::INPUTS }
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let (x, g) = (c.input(0)?, g.one()?);
        let zero = Number::Int(0);
        Grads::one(match self {
            Of::Abs => Of::Sgn.run(&x)?.mul(g)?,
            // g i z / |z|^2, and 0 of 0.
            Of::Angle => {
                let squares = x.real()?.square()?.add(&x.imag()?.square()?)?;
                let turn = x.mul_number(Number::Complex(0.0, 1.0))?.mul(&g.div(&squares)?)?;
                let none = map::on(&logical_not::ROW, [Operand::Tensor(&x)])?;
                none.choose(Operand::Number(zero), Operand::Tensor(&turn))?
            }
            // (g - Re(g conj(y)) y) / |z|, and 0 of 0.
            Of::Sgn => {
                let y = c.output()?;
                let along = g.mul(&y.conj()?)?.real()?;
                let off = g.sub(&y.mul(&along)?)?.div(&Of::Abs.run(&x)?)?;
                let none = map::on(&logical_not::ROW, [Operand::Tensor(&x)])?;
                none.choose(Operand::Number(zero), Operand::Tensor(&off))?
            }
            Of::Asinh => g.mul(&x.square()?.add_number(1i64)?.rsqrt()?.conj()?)?,
            // Two roots, whose cuts together are that of the function.
            Of::Acosh => {
                let (more, less) = (x.add_number(1i64)?.rsqrt()?, x.add_number(-1i64)?.rsqrt()?);
                g.mul(&more.mul(&less)?.conj()?)?
            }
            Of::Atanh => g.div(&x.square()?.neg()?.add_number(1i64)?.conj()?)?,
        })
    }
}

/// log(exp(a) + exp(b)) of complex numbers.
struct LogAddExp;

impl Op for LogAddExp {
    fn name(&self) -> &'static str {
        "logaddexp"
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let shape = broadcast(x[0].shape(), x[1].shape())?;
        Ok(Meta::new(elementwise(shape, &[&x[0].layout, &x[1].layout], false), x[0].dtype, x[0].device))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let spread = |a: &Array| a.with_layout(a.layout.broadcast_to(out[0].shape()));
        cpu::complex::of_two(&spread(x[0]), &spread(x[1]), &out[0], crate::expr::math::complex::log_add_exp);
        Ok(())
    }
    fn complex(&self) -> bool {
        true
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::INPUTS
    }
    /// g / conj(1 + e^(b - a)), and so for b.
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let (a, b, g) = (c.input(0)?, c.input(1)?, g.one()?);
        let share = |x: &Tensor, other: &Tensor| -> Result<Tensor> {
            g.div(&other.sub(x)?.exp()?.add_number(1i64)?.conj()?)?.sum_to(x.shape())
        };
        Grads::two(c, || share(&a, &b), || share(&b, &a))
    }
}

/// log(exp(a) + exp(b)), of which one is complex.
pub fn log_add_exp(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let dtype = crate::core::promote::promoted(a.dtype(), b.dtype())?;
    apply(LogAddExp, &[&a.to_dtype(dtype)?, &b.to_dtype(dtype)?])
}

/// Hands a result that was computed aside to a call: to its `out=`, over its first tensor, or as it is.
pub fn finished(name: &'static str, y: Tensor, a: &Args) -> Result<Outs> {
    if a.inplace {
        let target = a.this()?;
        check_writable(name, target)?;
        return replace(name, target, &y).map(Outs::Over);
    }
    if let &[out] = a.out {
        copy_to_out(name, &y, out)?;
        return Ok(out.clone().into());
    }
    Ok(Outs::Tensor(y))
}

/// Complex numbers of their real and imaginary parts.
struct Joined;

impl Op for Joined {
    fn name(&self) -> &'static str {
        "complex"
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let shape = broadcast(x[0].shape(), x[1].shape())?;
        let layout = elementwise(shape, &[&x[0].layout, &x[1].layout], false);
        Ok(Meta::new(layout, x[0].dtype.to_complex(), x[0].device))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        for (k, part) in x.iter().enumerate() {
            data::copy(part, &out[0].part(k))?;
        }
        Ok(())
    }
    fn everywhere(&self) -> bool {
        true
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::META
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let g = g.one()?;
        Grads::two(c, || g.real()?.sum_to(c.meta(0)?.shape()), || g.imag()?.sum_to(c.meta(1)?.shape()))
    }
}

/// Complex numbers of their parts, floats of one dtype.
pub fn joined(re: &Tensor, im: &Tensor) -> Result<Tensor> {
    apply(Joined, &[re, im])
}

/// Complex numbers of their absolute values and angles.
struct Polar;

impl Op for Polar {
    fn name(&self) -> &'static str {
        "polar"
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Joined.infer(x)
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let spread = |a: &Array| a.with_layout(a.layout.broadcast_to(out[0].shape()));
        cpu::complex::polar(&spread(x[0]), &spread(x[1]), &out[0]);
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        gpu::complex::polar(x[0], x[1], &out[0])
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::INPUTS.and(Saves::OUTPUT)
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let (abs, angle, y, g) = (c.input(0)?, c.input(1)?, c.output()?, g.one()?);
        // Re(conj(g) dy), dy being y / |y|, as PyTorch has it where `abs` is negative too, and i y.
        let along = |dy: Tensor, to: &Tensor| g.conj()?.mul(&dy)?.real()?.sum_to(to.shape());
        Grads::two(c, || along(Of::Sgn.run(&y)?, &abs), || along(y.mul_number(Number::Complex(0.0, 1.0))?, &angle))
    }
}

/// Parts that make complex numbers: floats of one dtype.
fn check_parts(a: &Tensor, b: &Tensor) -> Result<()> {
    let float = |d: DType| matches!(d, DType::F16 | DType::F32 | DType::F64);
    if !float(a.dtype()) || !float(b.dtype()) {
        bail!(
            Runtime,
            "Expected both inputs to be Half, Float or Double tensors but got {} and {}",
            a.dtype().scalar_name(),
            b.dtype().scalar_name()
        );
    }
    if a.dtype() != b.dtype() {
        bail!(
            Runtime,
            "Expected object of scalar type {} but got scalar type {} for second argument",
            a.dtype().scalar_name(),
            b.dtype().scalar_name()
        );
    }
    Ok(())
}

/// The complex conjugate of complex numbers.
struct Conj {
    name: &'static str,
}

impl Op for Conj {
    fn name(&self) -> &'static str {
        self.name
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(Meta::new(preserved(&x[0].layout), x[0].dtype, x[0].device))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::complex::conj(x[0], &out[0]);
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        gpu::complex::of(self.name, "c64_conj", x[0], &out[0])
    }
    fn complex(&self) -> bool {
        true
    }
    fn aliases(&self) -> bool {
        true
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(g.one()?.conj()?)
    }
}
