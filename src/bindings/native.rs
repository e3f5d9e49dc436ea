//! Methods and functions that are no ops but are declared like them: by schema lines, so that parsing, errors,
//! stubs and docs come from the same place. They read arguments by name and give back an object.

use pyo3::ffi;

use super::errors::P;
use crate::error::Result;
use crate::tensor::Args;
use crate::tensor::declare::FromArg;

pub struct Native {
    pub schema: &'static [&'static str],
    pub aliases: &'static [&'static str],
    pub doc: &'static str,
    /// The names of the arguments that the call reads.
    pub reads: &'static [&'static str],
    /// The second argument is `self`'s object, null in functions. Returns a new reference.
    pub call: fn(&Args, P) -> Result<P>,
}

/// The rows of every room; a room that is not listed has rows that nobody uses, which does not compile without a warning.
pub fn rows() -> impl Iterator<Item = &'static Native> {
    [
        super::methods::ROWS,
        super::over::ROWS,
        super::storage::ROWS,
        super::functions::ROWS,
        super::autograd::ROWS,
        super::autocast::ROWS,
        super::data::ROWS,
        super::numpy::ROWS,
        super::overrides::ROWS,
    ]
    .into_iter()
    .flatten()
}

/// An object of the schema's type `Any`, borrowed from the caller; None where it is not given.
impl<'a> FromArg<'a> for P {
    const TYPES: &'static [&'static str] = &["Any"];
    const MAY_LACK: bool = true;

    fn read(_: &'static str, a: &Args<'a>, at: usize) -> Result<P> {
        // SAFETY: a static object.
        Ok(<Option<*mut std::ffi::c_void>>::read("", a, at)?.map_or(unsafe { ffi::Py_None() }, |o| o.cast()))
    }
}

/// Declares natives as `ops!` declares ops. The call ends in an object; `; a` gives its [`Args`], `; a, this` also the object
/// of `self`.
macro_rules! natives {
    ($(
        $(#[doc = $doc:literal])*
        $name:ident as [$($schema:expr),+ $(,)?] $(aliases [$($alias:literal),* $(,)?])? {
            call $args:tt $body:block
        }
    )*) => {
        pub static ROWS: &[$crate::bindings::native::Native] = &[$({
            const LINES: &[&str] = &[$($schema),+];
            $crate::declare!(@doc $($doc)*);
            $crate::bindings::native::natives!(@call $name $args $body);
            $crate::bindings::native::Native {
                schema: LINES,
                aliases: &[$($($alias),*)?],
                doc: DOC,
                reads: $crate::bindings::native::natives!(@reads $args),
                call: run,
            }
        }),*];
    };
    (@reads ($($args:tt)*)) => { $crate::bindings::native::natives!(@names ($($args)*)) };
    (@names ($($var:ident $(= $of:tt)? : $ty:ty),* $(,)? $(; $a:ident $(, $this:ident)?)?)) => {
        &[$($crate::declare!(@name $var $($of)?)),*]
    };
    (@call $name:ident ($($var:ident $(= $of:tt)? : $ty:ty),* $(,)?) $body:block) => {
        $crate::bindings::native::natives!(@call $name ($($var $(= $of)? : $ty),*; a, _this) $body);
    };
    (@call $name:ident ($($var:ident $(= $of:tt)? : $ty:ty),* $(,)?; $a:ident) $body:block) => {
        $crate::bindings::native::natives!(@call $name ($($var $(= $of)? : $ty),*; $a, _this) $body);
    };
    (@call $name:ident ($($var:ident $(= $of:tt)? : $ty:ty),* $(,)?; $a:ident, $this:ident) $body:block) => {
        fn run($a: &$crate::tensor::Args, $this: P) -> $crate::error::Result<P> {
            let _ = $a;
            $(let $var: $ty = $crate::declare!(@argument $name $a $ty, $crate::declare!(@name $var $($of)?));)*
            $body
        }
    };
}
pub(super) use natives;
