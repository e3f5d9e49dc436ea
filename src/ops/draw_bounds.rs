//! Which bounds of draws a dtype holds: PyTorch's refusals and warnings.

use super::random::Draw;
use crate::core::DType;
use crate::core::number::spelled;
use crate::error::Result;
use crate::tensor::mode;
use crate::{bail, err};

/// Refuses bounds of uniform numbers that the dtype does not hold, and those whose distance it does not hold.
pub fn within(from: f64, to: f64, dtype: DType) -> Result<()> {
    let (most, name) = match dtype {
        DType::F16 => (65504.0, "Half"),
        DType::BF16 => (3.3895313892515355e38, "BFloat16"),
        DType::F64 => (f64::MAX, "Double"),
        _ => (f32::MAX as f64, "Float"),
    };
    for (value, what) in [(from, "from"), (to, "to")] {
        if value.is_nan() || value.abs() > most {
            let kind = if dtype.is_half() { dtype.c_words() } else { dtype.c_name() };
            return Err(err!(Runtime, "{what} is out of bounds for {kind}").hint(format!(
                "uniform_: {what}={} is not between {} and {}",
                spelled(value),
                spelled(-most),
                spelled(most)
            )));
        }
    }
    let (a, b) = (spelled(from), spelled(to));
    if from > to {
        bail!(Runtime, "uniform_ expects to return a [from, to) range, but found from={a} > to={b}");
    }
    if to - from > most {
        bail!(
            Runtime,
            "uniform_ expects to-from <= std::numeric_limits<{name}>::max(), but found to={b} and from={a} which \
             result in to-from to exceed the limit"
        );
    }
    Ok(())
}

/// PyTorch's warning about a bound of integers beyond those that a float dtype holds one by one.
fn warn_of_gaps(bound: i64, what: &str, dtype: DType) -> Result<()> {
    let Some(digits) = digits(dtype) else { return Ok(()) };
    if bound.unsigned_abs() <= 1 << digits {
        return Ok(());
    }
    let kind = if dtype.is_half() { dtype.c_words() } else { dtype.c_name() };
    mode::warn(&format!(
        "{what} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision limitations {kind} can support discrete \
         uniform distribution only within this range. This warning will become an error in version 1.7 release, please \
         fix the code in advance"
    ))
}

/// Bits of a float dtype's significand.
pub const fn digits(dtype: DType) -> Option<u32> {
    match dtype {
        DType::F16 => Some(11),
        DType::BF16 => Some(8),
        DType::F32 => Some(24),
        DType::F64 => Some(53),
        _ => None,
    }
}

/// The smallest and largest integers of an integral dtype.
pub const fn bounds(dtype: DType) -> (i64, i64) {
    match dtype {
        DType::Bool => (0, 1),
        // A bound is an int64, as PyTorch's.
        DType::U64 => (0, i64::MAX),
        _ => match dtype.range() {
            Some((low, high)) => (low as i64, high as i64),
            None => (i64::MIN, i64::MAX),
        },
    }
}

/// Integers in [low, high). Bounds that a float dtype does not hold move to the nearest inside that it does.
pub fn between(low: i64, high: i64, dtype: DType) -> Result<Draw> {
    let (mut low, mut high) = (low, high);
    if low >= high {
        return Err(err!(Runtime, "random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"));
    }
    if let Some(digits) = digits(dtype) {
        let held = |v: i64| crate::core::Number::Int(v).cast(dtype).to_i64();
        let gap = |v: i64| 1i64 << (64 - v.unsigned_abs().leading_zeros()).saturating_sub(digits).min(62);
        if held(low.wrapping_add(1)) < low {
            low = held(low.wrapping_add(1)).wrapping_add(gap(low.wrapping_add(1)));
        }
        if held(high - 1) >= high {
            high = held(high - 1).wrapping_sub(gap(high - 1));
        }
        if low >= high {
            bail!(
                Runtime,
                "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got from={low} >= \
                 to={high}"
            );
        }
        float_bounds(low, high - 1, dtype)?;
    } else {
        let (least, most) = bounds(dtype);
        let name = match dtype {
            DType::I64 => "long",
            other => other.c_words(),
        };
        if low < least || low > most {
            bail!(Runtime, "from is out of bounds for {name}");
        }
        if high - 1 < least || high - 1 > most {
            bail!(Runtime, "to - 1 is out of bounds for {name}");
        }
    }
    Ok(Draw::Integers { low, range: high.wrapping_sub(low) as u64 })
}

/// Refuses bounds that a float dtype does not hold at all, and warns of those between which it leaves integers out.
fn float_bounds(low: i64, last: i64, dtype: DType) -> Result<()> {
    for (bound, what) in [(low, "from"), (last, "to - 1")] {
        if dtype == DType::F16 && bound.unsigned_abs() > 65504 {
            bail!(Runtime, "{what} is out of bounds for {}", dtype.c_words());
        }
    }
    warn_of_gaps(low, "from", dtype)?;
    warn_of_gaps(last, "to - 1", dtype)
}

/// Integers from `low` to the largest that the dtype holds.
pub fn upwards(low: i64, dtype: DType) -> Result<Draw> {
    if low == i64::MIN {
        let name = "random_full_64_bits_range_kernel_cpu";
        match dtype {
            DType::I64 | DType::F64 | DType::F32 | DType::BF16 => {}
            DType::F16 | DType::Bool => return Err(dtype.lacks(name)),
            _ => bail!(Runtime, "{name} handles only int64, double, float and bfloat16"),
        }
        return Ok(Draw::Integers { low: 0, range: 0 });
    }
    let most = digits(dtype).map_or(bounds(dtype).1, |d| 1i64 << d);
    if low > most {
        bail!(Runtime, "random_ expects 'from' to be less than or equal to 'to', but got from={low} > to={most}");
    }
    if low > i64::MIN && dtype.is_float() {
        float_bounds(low, low, dtype)?;
    }
    Ok(Draw::Integers { low, range: (most.wrapping_sub(low) as u64).wrapping_add(1) })
}
