//! Floor 0: dtypes, promotion, shapes, strides, index maths. Knows no memory.

pub mod device;
pub mod dtype;
pub mod layout;
pub mod meta;
pub mod number;
pub mod promote;
pub mod put;
pub mod shape;
pub mod span;
pub mod spoken;

pub use device::{Device, DeviceKind};
pub use dtype::{Bits, Bool, Complex, DType, Element, Stored};
pub use layout::Layout;
pub use meta::Meta;
pub use number::Number;
pub use put::Put;
pub use shape::{Dims, Shape, Strides};
