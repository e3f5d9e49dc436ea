//! Element types: one row each in a table ([`Row`]: size, kind, names, lane, what the GPU has), from which all else is derived;
//! and the Rust type that stores each.

use half::{bf16, f16};

use super::number::Number;
use crate::err;
use crate::error::{Error, Result};

/// The type of every element of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum DType {
    Bool,
    U8,
    I8,
    I16,
    I32,
    I64,
    U16,
    U32,
    U64,
    F16,
    BF16,
    F32,
    F64,
    C32,
    C64,
    C128,
}

/// PyTorch's promotion categories, in order: a higher one wins over a lower one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    Bool,
    Int,
    Float,
    Complex,
}

/// What the elements of a dtype are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Signed,
    Unsigned,
    Float,
    /// Pairs of floats, real part first.
    Complex,
}

/// What computes a dtype on the GPU, whose WGSL has 32-bit numbers only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnGpu {
    /// Nothing: tensors of this dtype live on the CPU.
    Nothing,
    F32,
    I32,
    /// Pairs of 32-bit words.
    I64,
    /// Pairs of floats.
    C64,
}

/// Bytes of the widest element, and so of the widest lane of a kernel.
pub const WIDEST: usize = 16;

/// The bytes of one element, in the first of them as many as the dtype has.
pub type Bits = [u8; WIDEST];

/// What is to be known of one dtype.
pub struct Row {
    /// `float32` in `torch.float32`.
    pub name: &'static str,
    /// PyTorch's other spelling (`torch.long` is `torch.int64`), empty where there is none.
    pub alias: &'static str,
    /// Bytes per element.
    pub size: usize,
    pub kind: Kind,
    /// The dtype whose loops compute it: elements are cast to it, and results are cast back.
    pub lane: DType,
    pub gpu: OnGpu,
    /// The scalar type's name in PyTorch's messages: `"tanh" not implemented for 'Long'`.
    pub scalar_name: &'static str,
    /// The C++ type's name in those of PyTorch's messages that print types.
    pub c_words: &'static str,
    /// The C type's name in PyTorch's messages.
    pub c_name: &'static str,
    /// The type in NumPy's array interface; empty where NumPy has none.
    pub numpy: &'static str,
}

const NOTHING: OnGpu = OnGpu::Nothing;

/// The rows, by `DType as usize`.
#[rustfmt::skip]
static ROWS: [Row; DType::ALL.len()] = [
    row("bool", "", 1, Kind::Bool, DType::I64, OnGpu::I32, ["Bool", "bool", "bool"], "|b1"),
    row("uint8", "", 1, Kind::Unsigned, DType::I64, OnGpu::I32, ["Byte", "unsigned char", "uint8_t"], "|u1"),
    row("int8", "", 1, Kind::Signed, DType::I64, OnGpu::I32, ["Char", "signed char", "int8_t"], "|i1"),
    row("int16", "short", 2, Kind::Signed, DType::I64, OnGpu::I32, ["Short", "short int", "int16_t"], "<i2"),
    row("int32", "int", 4, Kind::Signed, DType::I64, OnGpu::I32, ["Int", "int", "int"], "<i4"),
    row("int64", "long", 8, Kind::Signed, DType::I64, OnGpu::I64, ["Long", "long int", "int64_t"], "<i8"),
    row("uint16", "", 2, Kind::Unsigned, DType::I64, OnGpu::I32, ["UInt16", "short unsigned int", "uint16_t"], "<u2"),
    row("uint32", "", 4, Kind::Unsigned, DType::I64, OnGpu::I32, ["UInt32", "unsigned int", "uint32_t"], "<u4"),
    row("uint64", "", 8, Kind::Unsigned, DType::I64, OnGpu::I64, ["UInt64", "long unsigned int", "uint64_t"], "<u8"),
    row("float16", "half", 2, Kind::Float, DType::F32, OnGpu::F32, ["Half", "c10::Half", "at::Half"], "<f2"),
    row("bfloat16", "", 2, Kind::Float, DType::F32, OnGpu::F32, ["BFloat16", "c10::BFloat16", "at::BFloat16"], ""),
    row("float32", "float", 4, Kind::Float, DType::F32, OnGpu::F32, ["Float", "float", "float"], "<f4"),
    row("float64", "double", 8, Kind::Float, DType::F64, NOTHING, ["Double", "double", "double"], "<f8"),
    row("complex32", "chalf", 4, Kind::Complex, DType::C64, NOTHING,
        ["ComplexHalf", "c10::complex<c10::Half>", "c10::complex<c10::Half>"], ""),
    row("complex64", "cfloat", 8, Kind::Complex, DType::C64, OnGpu::C64,
        ["ComplexFloat", "c10::complex<float>", "c10::complex<float>"], "<c8"),
    row("complex128", "cdouble", 16, Kind::Complex, DType::C128, NOTHING,
        ["ComplexDouble", "c10::complex<double>", "c10::complex<double>"], "<c16"),
];

#[expect(clippy::too_many_arguments, reason = "the columns of the table")]
const fn row(
    name: &'static str,
    alias: &'static str,
    size: usize,
    kind: Kind,
    lane: DType,
    gpu: OnGpu,
    [scalar_name, c_words, c_name]: [&'static str; 3],
    numpy: &'static str,
) -> Row {
    Row { name, alias, size, kind, lane, gpu, scalar_name, c_words, c_name, numpy }
}

impl DType {
    pub const ALL: [DType; 16] = [
        DType::Bool,
        DType::U8,
        DType::I8,
        DType::I16,
        DType::I32,
        DType::I64,
        DType::U16,
        DType::U32,
        DType::U64,
        DType::F16,
        DType::BF16,
        DType::F32,
        DType::F64,
        DType::C32,
        DType::C64,
        DType::C128,
    ];

    #[inline]
    pub const fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// Bytes per element.
    #[inline]
    pub const fn size(self) -> usize {
        self.row().size
    }

    #[inline]
    pub const fn kind(self) -> Kind {
        self.row().kind
    }

    #[inline]
    pub const fn category(self) -> Category {
        match self.kind() {
            Kind::Bool => Category::Bool,
            Kind::Signed | Kind::Unsigned => Category::Int,
            Kind::Float => Category::Float,
            Kind::Complex => Category::Complex,
        }
    }

    #[inline]
    pub const fn is_float(self) -> bool {
        matches!(self.kind(), Kind::Float)
    }

    #[inline]
    pub const fn is_complex(self) -> bool {
        matches!(self.kind(), Kind::Complex)
    }

    /// Integers and bool.
    #[inline]
    pub const fn is_integral(self) -> bool {
        matches!(self.kind(), Kind::Bool | Kind::Signed | Kind::Unsigned)
    }

    /// Whether tensors of this dtype may require gradients.
    #[inline]
    pub const fn is_differentiable(self) -> bool {
        matches!(self.kind(), Kind::Float | Kind::Complex)
    }

    /// Whether elements may be negative, as PyTorch's `dtype.is_signed` says.
    pub const fn is_signed(self) -> bool {
        !matches!(self.kind(), Kind::Bool | Kind::Unsigned)
    }

    /// uint16, uint32 and uint64, for which PyTorch has few ops and no promotion among integers.
    #[inline]
    pub const fn is_limited(self) -> bool {
        matches!(self, DType::U16 | DType::U32 | DType::U64)
    }

    /// float16 and bfloat16, which compute in float32.
    #[inline]
    pub const fn is_half(self) -> bool {
        matches!(self, DType::F16 | DType::BF16)
    }

    /// The dtype whose loops compute this one.
    #[inline]
    pub const fn lane(self) -> DType {
        self.row().lane
    }

    /// The signed integers of the size of uint16, uint32 or uint64; other dtypes themselves. Sums, products and tests for zero
    /// give the same bits.
    pub const fn signed(self) -> DType {
        match self {
            DType::U16 => DType::I16,
            DType::U32 => DType::I32,
            DType::U64 => DType::I64,
            other => other,
        }
    }

    /// The dtype of the real part: of a complex dtype its half, of others themselves.
    pub const fn to_real(self) -> DType {
        match self {
            DType::C32 => DType::F16,
            DType::C64 => DType::F32,
            DType::C128 => DType::F64,
            other => other,
        }
    }

    /// The complex dtype whose parts hold this one.
    pub const fn to_complex(self) -> DType {
        match self {
            DType::F16 | DType::C32 => DType::C32,
            DType::F64 | DType::C128 => DType::C128,
            _ => DType::C64,
        }
    }

    /// The least and the greatest integer; None for what is no integer.
    pub const fn range(self) -> Option<(i128, i128)> {
        let bits = 8 * self.size() as u32;
        match self.kind() {
            Kind::Signed => Some((-(1 << (bits - 1)), (1 << (bits - 1)) - 1)),
            Kind::Unsigned => Some((0, (1 << bits) - 1)),
            _ => None,
        }
    }

    pub const fn name(self) -> &'static str {
        self.row().name
    }

    pub const fn alias(self) -> &'static str {
        self.row().alias
    }

    pub const fn c_words(self) -> &'static str {
        self.row().c_words
    }

    /// The call that casts `x` to it.
    pub fn cast_of(self, x: &str) -> String {
        let method = match self {
            DType::F32 => "float",
            DType::F64 => "double",
            DType::F16 => "half",
            DType::BF16 => "bfloat16",
            DType::I64 => "long",
            DType::I32 => "int",
            DType::Bool => "bool",
            other => return format!("{x}.to(torch.{})", other.name()),
        };
        format!("{x}.{method}()")
    }

    pub const fn c_name(self) -> &'static str {
        self.row().c_name
    }

    pub const fn scalar_name(self) -> &'static str {
        self.row().scalar_name
    }

    /// The refusal of a dtype that no adapter is sure to have.
    #[cold]
    pub fn lacks_on_gpu(self, op: &str) -> Box<Error> {
        if self.is_complex() {
            return err!(NotImplemented, "{op}: {} is not available on the GPU", self.name())
                .hint("keep this tensor on the CPU, or move its real and imaginary parts");
        }
        err!(NotImplemented, "{op}: {} is not available on the GPU (WGSL has no 64-bit floats)", self.name())
            .hint("use x.float(), or keep this tensor on the CPU")
    }

    /// Refuses uint16, uint32, uint64 and complex dtypes, which a kernel of this name, PyTorch's, lacks.
    #[inline]
    pub fn usual(self, kernel: &str) -> Result<()> {
        if self.is_limited() || self.is_complex() { Err(self.lacks(kernel)) } else { Ok(()) }
    }

    /// The refusal of an op whose kernel, by PyTorch's name, does not compute this dtype.
    #[cold]
    pub fn lacks(self, kernel: &str) -> Box<Error> {
        let hint = match self {
            DType::Bool => "convert the tensor first: x.int() or x.float()",
            d if d.is_limited() => "convert the tensor first: x.long() or x.float()",
            d if d.is_integral() => "convert the tensor first: x.float()",
            _ => "convert the tensor first: x.to(another dtype)",
        };
        err!(NotImplemented, "\"{kernel}\" not implemented for '{}'", self.scalar_name()).hint(hint)
    }
}

/// One byte that is false when zero. Rust's `bool` would be undefined for other bytes, which memory
/// shared with NumPy may hold.
#[derive(Debug, Clone, Copy, Default)]
#[repr(transparent)]
pub struct Bool(pub u8);

impl Bool {
    #[inline(always)]
    pub const fn get(self) -> bool {
        self.0 != 0
    }
}

impl From<bool> for Bool {
    #[inline(always)]
    fn from(b: bool) -> Bool {
        Bool(b as u8)
    }
}

impl PartialEq for Bool {
    #[inline(always)]
    fn eq(&self, other: &Bool) -> bool {
        self.get() == other.get()
    }
}

/// A Rust type that stores elements of one dtype.
///
/// # Safety
/// `Self` is plain data of `DTYPE.size()` bytes for which every bit pattern is valid.
pub unsafe trait Stored: Copy + Send + Sync + 'static {
    const DTYPE: DType;
    const ZERO: Self;

    /// The bytes of this element, then zeros.
    #[inline]
    fn bits(self) -> Bits {
        let mut out = [0; WIDEST];
        assert!(size_of::<Self>() <= WIDEST);
        // SAFETY: plain data of no more bytes.
        unsafe { out.as_mut_ptr().cast::<Self>().write_unaligned(self) };
        out
    }

    /// The element that the first bytes are.
    #[inline(always)]
    fn of_bits(bits: &Bits) -> Self {
        assert!(size_of::<Self>() <= WIDEST);
        // SAFETY: plain data of no more bytes, any of which make an element.
        unsafe { bits.as_ptr().cast::<Self>().read_unaligned() }
    }
}

/// A complex number as two parts, in memory one behind the other.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C)]
pub struct Complex<T> {
    pub re: T,
    pub im: T,
}

/// A real element (or truth value): what kernels convert to and from float64 and int64.
pub trait Element: Stored {
    fn to_f64(self) -> f64;
    /// Floats are cut towards zero as the processor's `cvtt` does: what does not fit becomes the
    /// smallest int64, and narrower integers keep its low bits. uint64 keeps its bits.
    fn to_i64(self) -> i64;
    /// Rounds to nearest even; halves through float32, as PyTorch.
    fn from_f64(v: f64) -> Self;
    /// Keeps the low bits in narrower integers.
    fn from_i64(v: i64) -> Self;

    /// The number cast to this type.
    #[inline]
    fn from_number(n: Number) -> Self {
        match n {
            Number::Float(v) => Self::from_f64(v),
            Number::Complex(re, im) if Self::DTYPE == DType::Bool => Self::from_i64((re != 0.0 || im != 0.0) as i64),
            Number::Complex(re, _) => Self::from_f64(re),
            Number::Unsigned(v) if !Self::DTYPE.is_integral() => Self::from_f64(v as f64),
            n => Self::from_i64(n.to_i64()),
        }
    }

    /// The element as a number.
    #[inline]
    fn number(self) -> Number {
        match Self::DTYPE.kind() {
            Kind::Bool => Number::Bool(self.to_i64() != 0),
            Kind::Signed => Number::Int(self.to_i64()),
            Kind::Unsigned => Number::unsigned(self.to_i64() as u64),
            Kind::Float | Kind::Complex => Number::Float(self.to_f64()),
        }
    }
}

/// float to int64 as x86's `cvttsd2si`: NaN and what does not fit give the smallest int64.
#[inline(always)]
pub fn f64_to_i64(v: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&v) { v as i64 } else { i64::MIN }
}

/// float to int32 as x86's 32-bit `cvttsd2si`: what does not fit gives the smallest int32, not low bits of an int64. Narrower
/// integers keep the low bits of this int32.
#[inline(always)]
pub fn f64_to_i32(v: f64) -> i32 {
    if v > -2_147_483_649.0 && v < 2_147_483_648.0 { v as i32 } else { i32::MIN }
}

/// float to uint64 as compilers for x86 make it of `cvttsd2si`: negative values keep the bits of an int64, from 2^64 on all
/// give 0, and NaN gives 2^63.
#[inline(always)]
pub fn f64_to_u64(v: f64) -> u64 {
    const HALF: f64 = 9_223_372_036_854_775_808.0;
    if v >= HALF { f64_to_i64(v - HALF) as u64 ^ 1 << 63 } else { f64_to_i64(v) as u64 }
}

macro_rules! stored {
    ($($t:ty, $dt:ident, $zero:expr;)*) => { $(
        // SAFETY: plain numbers (or a byte, or a pair of numbers) of the stated size.
        unsafe impl Stored for $t {
            const DTYPE: DType = DType::$dt;
            const ZERO: Self = $zero;
        }
    )* };
}
stored! {
    Bool, Bool, Bool(0);
    u8, U8, 0;
    i8, I8, 0;
    i16, I16, 0;
    i32, I32, 0;
    i64, I64, 0;
    u16, U16, 0;
    u32, U32, 0;
    u64, U64, 0;
    f16, F16, f16::ZERO;
    bf16, BF16, bf16::ZERO;
    f32, F32, 0.0;
    f64, F64, 0.0;
    Complex<f16>, C32, Complex { re: f16::ZERO, im: f16::ZERO };
    Complex<f32>, C64, Complex { re: 0.0, im: 0.0 };
    Complex<f64>, C128, Complex { re: 0.0, im: 0.0 };
}

macro_rules! element {
    ($($t:ty: |$a:ident| $f:expr, |$b:ident| $i:expr, |$c:ident| $ff:expr, |$d:ident| $fi:expr;)*) => { $(
        impl Element for $t {
            #[inline(always)]
            fn to_f64(self) -> f64 {
                let $a = self;
                $f
            }
            #[inline(always)]
            fn to_i64(self) -> i64 {
                let $b = self;
                $i
            }
            #[inline(always)]
            fn from_f64($c: f64) -> Self {
                $ff
            }
            #[inline(always)]
            fn from_i64($d: i64) -> Self {
                $fi
            }
        }
    )* };
}
element! {
    Bool: |a| a.get() as u8 as f64, |a| a.get() as i64, |v| Bool((v != 0.0) as u8), |v| Bool((v != 0) as u8);
    u8: |a| a as f64, |a| a as i64, |v| f64_to_i32(v) as u8, |v| v as u8;
    i8: |a| a as f64, |a| a as i64, |v| f64_to_i32(v) as i8, |v| v as i8;
    i16: |a| a as f64, |a| a as i64, |v| f64_to_i32(v) as i16, |v| v as i16;
    i32: |a| a as f64, |a| a as i64, |v| f64_to_i32(v), |v| v as i32;
    i64: |a| a as f64, |a| a, |v| f64_to_i64(v), |v| v;
    u16: |a| a as f64, |a| a as i64, |v| f64_to_i32(v) as u16, |v| v as u16;
    u32: |a| a as f64, |a| a as i64, |v| f64_to_i64(v) as u32, |v| v as u32;
    u64: |a| a as f64, |a| a as i64, |v| f64_to_u64(v), |v| v as u64;
    f32: |a| a as f64, |a| f64_to_i64(a as f64), |v| v as f32, |v| v as f32;
    f64: |a| a, |a| f64_to_i64(a), |v| v, |v| v as f64;
    f16: |a| a.to_f32() as f64, |a| f64_to_i64(a.to_f32() as f64), |v| f16::from_f32(v as f32), |v| f16::from_f32(v as f32);
    bf16: |a| a.to_f32() as f64, |a| f64_to_i64(a.to_f32() as f64), |v| bf16::from_f32(v as f32), |v| bf16::from_f32(v as f32);
}

/// The end of a kernel of real numbers that was handed complex ones: ops refuse these before.
#[cold]
pub fn not_real(dtype: DType) -> ! {
    unreachable!("{} in a kernel of real numbers", dtype.name())
}

/// Runs `$body` with `$t` bound to the Rust type that stores `$dtype`.
///
/// `dispatch!(x.dtype(), T => fill::<T>(..))` has the real dtypes, all that are [`Element`]s: ops refuse complex tensors before
/// their kernels are asked. `dispatch!(float x.dtype(), T => ..; else => ..)` has the four floating types only;
/// `dispatch!(ordered ..)` these and the integers that PyTorch compares; `dispatch!(any ..)` all, which are [`Stored`].
#[macro_export]
macro_rules! dispatch {
    (float $dtype:expr, $t:ident => $body:expr; else => $other:expr) => {
        match $dtype {
            $crate::core::DType::F16 => { type $t = ::half::f16; $body }
            $crate::core::DType::BF16 => { type $t = ::half::bf16; $body }
            $crate::core::DType::F32 => { type $t = f32; $body }
            $crate::core::DType::F64 => { type $t = f64; $body }
            _ => $other,
        }
    };
    (ordered $dtype:expr, $t:ident => $body:expr; else => $other:expr) => {
        match $dtype {
            $crate::core::DType::U8 => { type $t = u8; $body }
            $crate::core::DType::I8 => { type $t = i8; $body }
            $crate::core::DType::I16 => { type $t = i16; $body }
            $crate::core::DType::I32 => { type $t = i32; $body }
            $crate::core::DType::I64 => { type $t = i64; $body }
            other => $crate::dispatch!(float other, $t => $body; else => $other),
        }
    };
    (any $dtype:expr, $t:ident => $body:expr) => {
        match $dtype {
            $crate::core::DType::C32 => { type $t = $crate::core::Complex<::half::f16>; $body }
            $crate::core::DType::C64 => { type $t = $crate::core::Complex<f32>; $body }
            $crate::core::DType::C128 => { type $t = $crate::core::Complex<f64>; $body }
            other => $crate::dispatch!(other, $t => $body),
        }
    };
    ($dtype:expr, $t:ident => $body:expr) => {
        match $dtype {
            $crate::core::DType::Bool => { type $t = $crate::core::Bool; $body }
            $crate::core::DType::U16 => { type $t = u16; $body }
            $crate::core::DType::U32 => { type $t = u32; $body }
            $crate::core::DType::U64 => { type $t = u64; $body }
            other => $crate::dispatch!(ordered other, $t => $body; else => $crate::core::dtype::not_real(other)),
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_agree_with_the_types_that_store_them() {
        for (i, d) in DType::ALL.into_iter().enumerate() {
            assert_eq!(d as usize, i);
            dispatch!(any d, T => {
                assert_eq!((T::DTYPE, size_of::<T>()), (d, d.size()), "{}", d.name());
            });
            assert_eq!(d.lane().lane(), d.lane());
            assert_eq!(d.is_differentiable(), !d.is_integral());
            assert!(d.size() <= WIDEST && d.to_real().size() <= d.size());
        }
        assert_eq!(DType::I8.range(), Some((-128, 127)));
        assert_eq!(DType::U64.range(), Some((0, u64::MAX as i128)));
    }

    #[test]
    fn floats_out_of_range_become_what_pytorch_gives() {
        let values = [300.0, -129.0, 40000.0, 3e9, 5e9, -3e9, 9.3e18, 2e19, -1e19, f64::INFINITY, f64::NAN];
        fn all<T: Element>(values: &[f64]) -> Vec<T> {
            values.iter().map(|&v| T::from_f64(v)).collect()
        }
        assert_eq!(all::<i8>(&values), [44, 127, 64, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(all::<u16>(&values)[..4], [300, 65407, 40000, 0]);
        assert_eq!(all::<u32>(&values)[3..6], [3_000_000_000, 705_032_704, 1_294_967_296]);
        let half = 1 << 63;
        assert_eq!(all::<u64>(&values)[6..], [9_300_000_000_000_000_000, 0, half, 0, half]);
    }
}
