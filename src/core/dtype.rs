//! Element types: their sizes, names, classes, and the Rust type that stores each.

use half::{bf16, f16};

use crate::err;
use crate::error::Error;

/// The type of every element of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum DType {
    Bool,
    U8,
    I32,
    I64,
    F16,
    BF16,
    F32,
    F64,
}

/// PyTorch's promotion categories, in order: a higher one wins over a lower one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    Bool,
    Int,
    Float,
}

impl DType {
    pub const ALL: [DType; 8] =
        [DType::Bool, DType::U8, DType::I32, DType::I64, DType::F16, DType::BF16, DType::F32, DType::F64];

    /// Bytes per element.
    #[inline]
    pub const fn size(self) -> usize {
        match self {
            DType::Bool | DType::U8 => 1,
            DType::F16 | DType::BF16 => 2,
            DType::I32 | DType::F32 => 4,
            DType::I64 | DType::F64 => 8,
        }
    }

    #[inline]
    pub const fn category(self) -> Category {
        match self {
            DType::Bool => Category::Bool,
            DType::U8 | DType::I32 | DType::I64 => Category::Int,
            DType::F16 | DType::BF16 | DType::F32 | DType::F64 => Category::Float,
        }
    }

    #[inline]
    pub const fn is_float(self) -> bool {
        matches!(self.category(), Category::Float)
    }

    /// Integers and bool.
    #[inline]
    pub const fn is_integral(self) -> bool {
        !self.is_float()
    }

    /// float16 and bfloat16, which compute in float32.
    #[inline]
    pub const fn is_half(self) -> bool {
        matches!(self, DType::F16 | DType::BF16)
    }

    /// `float32` in `torch.float32`.
    pub const fn name(self) -> &'static str {
        match self {
            DType::Bool => "bool",
            DType::U8 => "uint8",
            DType::I32 => "int32",
            DType::I64 => "int64",
            DType::F16 => "float16",
            DType::BF16 => "bfloat16",
            DType::F32 => "float32",
            DType::F64 => "float64",
        }
    }

    /// PyTorch's other spelling (`torch.long` is `torch.int64`), empty where there is none.
    pub const fn alias(self) -> &'static str {
        match self {
            DType::Bool | DType::U8 | DType::BF16 => "",
            DType::I32 => "int",
            DType::I64 => "long",
            DType::F16 => "half",
            DType::F32 => "float",
            DType::F64 => "double",
        }
    }

    /// The C++ type's name in those of PyTorch's messages that print types.
    pub const fn c_words(self) -> &'static str {
        match self {
            DType::Bool => "bool",
            DType::U8 => "unsigned char",
            DType::I32 => "int",
            DType::I64 => "long int",
            DType::F16 => "c10::Half",
            DType::BF16 => "c10::BFloat16",
            DType::F32 => "float",
            DType::F64 => "double",
        }
    }

    /// The C type's name in PyTorch's messages.
    pub const fn c_name(self) -> &'static str {
        match self {
            DType::Bool => "bool",
            DType::U8 => "uint8_t",
            DType::I32 => "int",
            DType::I64 => "int64_t",
            DType::F16 => "at::Half",
            DType::BF16 => "at::BFloat16",
            DType::F32 => "float",
            DType::F64 => "double",
        }
    }

    /// The refusal of a dtype that no adapter is sure to have.
    #[cold]
    pub fn lacks_on_gpu(self, op: &str) -> Box<Error> {
        err!(NotImplemented, "{op}: {} is not available on the GPU (WGSL has no 64-bit floats)", self.name())
            .hint("use x.float(), or keep this tensor on the CPU")
    }

    /// The refusal of an op whose kernel, by PyTorch's name, does not compute this dtype.
    #[cold]
    pub fn lacks(self, kernel: &str) -> Box<Error> {
        let hint = match self {
            DType::Bool => "convert the tensor first: x.int() or x.float()",
            d if d.is_integral() => "convert the tensor first: x.float()",
            _ => "convert the tensor first: x.to(another dtype)",
        };
        err!(NotImplemented, "\"{kernel}\" not implemented for '{}'", self.scalar_name()).hint(hint)
    }

    /// The scalar type's name in PyTorch's messages: `"tanh" not implemented for 'Long'`.
    pub const fn scalar_name(self) -> &'static str {
        match self {
            DType::Bool => "Bool",
            DType::U8 => "Byte",
            DType::I32 => "Int",
            DType::I64 => "Long",
            DType::F16 => "Half",
            DType::BF16 => "BFloat16",
            DType::F32 => "Float",
            DType::F64 => "Double",
        }
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
pub unsafe trait Element: Copy + Send + Sync + 'static {
    const DTYPE: DType;
    const ZERO: Self;
    fn to_f64(self) -> f64;
    /// Floats are cut towards zero as the processor's `cvtt` does: what does not fit becomes the
    /// smallest int64, and narrower integers keep its low bits.
    fn to_i64(self) -> i64;
    /// Rounds to nearest even; halves through float32, as PyTorch.
    fn from_f64(v: f64) -> Self;
    /// Keeps the low bits in narrower integers.
    fn from_i64(v: i64) -> Self;
}

/// float to int64 as x86's `cvttsd2si`: NaN and what does not fit give the smallest int64.
#[inline(always)]
pub fn f64_to_i64(v: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&v) { v as i64 } else { i64::MIN }
}

/// float to int32 as x86's 32-bit `cvttsd2si`: what does not fit gives the smallest int32, not low bits of an int64.
#[inline(always)]
pub fn f64_to_i32(v: f64) -> i32 {
    if v > -2_147_483_649.0 && v < 2_147_483_648.0 { v as i32 } else { i32::MIN }
}

macro_rules! element {
    ($t:ty, $dt:ident, $zero:expr, |$a:ident| $f:expr, |$b:ident| $i:expr, |$c:ident| $ff:expr, |$d:ident| $fi:expr) => {
        // SAFETY: plain numbers (or a byte) of the stated size.
        unsafe impl Element for $t {
            const DTYPE: DType = DType::$dt;
            const ZERO: Self = $zero;
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
    };
}

element!(Bool, Bool, Bool(0), |a| a.get() as u8 as f64, |a| a.get() as i64, |v| Bool((v != 0.0) as u8), |v| Bool(
    (v != 0) as u8
));
element!(u8, U8, 0, |a| a as f64, |a| a as i64, |v| f64_to_i64(v) as u8, |v| v as u8);
element!(i32, I32, 0, |a| a as f64, |a| a as i64, |v| f64_to_i32(v), |v| v as i32);
element!(i64, I64, 0, |a| a as f64, |a| a, |v| f64_to_i64(v), |v| v);
element!(f32, F32, 0.0, |a| a as f64, |a| f64_to_i64(a as f64), |v| v as f32, |v| v as f32);
element!(f64, F64, 0.0, |a| a, |a| f64_to_i64(a), |v| v, |v| v as f64);
element!(
    f16,
    F16,
    f16::ZERO,
    |a| a.to_f32() as f64,
    |a| f64_to_i64(a.to_f32() as f64),
    |v| f16::from_f32(v as f32),
    |v| f16::from_f32(v as f32)
);
element!(
    bf16,
    BF16,
    bf16::ZERO,
    |a| a.to_f32() as f64,
    |a| f64_to_i64(a.to_f32() as f64),
    |v| bf16::from_f32(v as f32),
    |v| bf16::from_f32(v as f32)
);

/// Runs `$body` with `$t` bound to the Rust type that stores `$dtype`.
///
/// `dispatch!(x.dtype(), T => fill::<T>(..))`; `dispatch!(float x.dtype(), T => ..; else => ..)` has the four
/// floating types only; `dispatch!(number ..)` all but bool.
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
    (number $dtype:expr, $t:ident => $body:expr; else => $other:expr) => {
        match $dtype {
            $crate::core::DType::U8 => { type $t = u8; $body }
            $crate::core::DType::I32 => { type $t = i32; $body }
            $crate::core::DType::I64 => { type $t = i64; $body }
            other => $crate::dispatch!(float other, $t => $body; else => $other),
        }
    };
    ($dtype:expr, $t:ident => $body:expr) => {
        match $dtype {
            $crate::core::DType::Bool => { type $t = $crate::core::Bool; $body }
            $crate::core::DType::U8 => { type $t = u8; $body }
            $crate::core::DType::I32 => { type $t = i32; $body }
            $crate::core::DType::I64 => { type $t = i64; $body }
            $crate::core::DType::F16 => { type $t = ::half::f16; $body }
            $crate::core::DType::BF16 => { type $t = ::half::bf16; $body }
            $crate::core::DType::F32 => { type $t = f32; $body }
            $crate::core::DType::F64 => { type $t = f64; $body }
        }
    };
}
