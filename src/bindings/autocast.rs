//! The state of autocast, by the numbers of device types that `rustgrad.amp` gives them.

use super::call::{none, number};
use super::errors::{P, checked};
use super::native::natives;
use super::types;
use crate::core::{DType, Number};
use crate::error::Result;
use crate::ops::autocast;

fn truth(b: bool) -> Result<P> {
    checked(number(Number::Bool(b)))
}

natives! {
    /// Whether autocast is on for a device type.
    autocast_enabled as ["function._autocast_enabled(int device) -> bool"] {
        call(device: i64) { truth(autocast::enabled(device as usize)) }
    }
    /// Switches autocast on or off for a device type.
    set_autocast_enabled as ["function._set_autocast_enabled(int device, bool enabled) -> None"] {
        call(device: i64, enabled: bool) {
            autocast::set_enabled(device as usize, enabled);
            Ok(none())
        }
    }
    /// The dtype in which autocast computes on a device type.
    autocast_dtype as ["function._autocast_dtype(int device) -> dtype"] {
        call(device: i64) { Ok(super::autograd::again(types::dtype_object(autocast::dtype(device as usize)))) }
    }
    /// Sets the dtype in which autocast computes on a device type.
    set_autocast_dtype as ["function._set_autocast_dtype(int device, dtype dtype) -> None"] {
        call(device: i64, dtype: DType) {
            autocast::set_dtype(device as usize, dtype);
            Ok(none())
        }
    }
    /// Whether calls of this thread are changed by autocast.
    autocast_active as ["function._autocast_active() -> bool"] {
        call() { truth(autocast::active()) }
    }
    /// Leaves the calls of this thread as they are, or changes them again; returns what it was.
    suspend_autocast as ["function._suspend_autocast(bool on) -> bool"] {
        call(on: bool) { truth(autocast::suspend(on)) }
    }
    /// Whether autocast keeps the casts of parameters until the outermost block ends.
    is_autocast_cache_enabled as ["function.is_autocast_cache_enabled() -> bool"] {
        call() { truth(autocast::cache_enabled()) }
    }
    /// Sets whether autocast keeps the casts of parameters.
    set_autocast_cache_enabled as ["function.set_autocast_cache_enabled(bool enabled) -> None"] {
        call(enabled: bool) {
            autocast::set_cache_enabled(enabled);
            Ok(none())
        }
    }
    /// Forgets the casts of parameters.
    clear_autocast_cache as ["function.clear_autocast_cache() -> None"] {
        call() {
            autocast::clear_cache();
            Ok(none())
        }
    }
    /// Opens a block of autocast; returns how many are open.
    autocast_increment_nesting as ["function.autocast_increment_nesting() -> int"] {
        call() { checked(number(Number::Int(autocast::nest(1)))) }
    }
    /// Closes a block of autocast; returns how many are open.
    autocast_decrement_nesting as ["function.autocast_decrement_nesting() -> int"] {
        call() { checked(number(Number::Int(autocast::nest(-1)))) }
    }
}
