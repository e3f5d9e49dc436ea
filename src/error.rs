//! The one error type of the library.
//!
//! A message is one sentence, `op: what is wrong with the actual values; what was expected`, then
//! an optional hint line. Where users match PyTorch's words, those come first. The kind decides the
//! Python exception class (`bindings/errors.rs`).

use std::any::Any;
use std::fmt;

/// Which Python exception an [`Error`] becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `RuntimeError`: shapes, autograd state, values that an op refuses.
    Runtime,
    /// `IndexError`: dims and indices out of range.
    Index,
    /// `TypeError`: arguments of the wrong type.
    Type,
    /// `ValueError`.
    Value,
    /// `OverflowError`: an int that an argument's C type cannot hold.
    Overflow,
    /// `AssertionError`: where PyTorch asserts.
    Assertion,
    /// `NotImplementedError`: a dtype or device that an op lacks.
    NotImplemented,
    /// `OutOfMemoryError`, a `RuntimeError` and a `MemoryError`.
    OutOfMemory,
    /// `linalg.LinAlgError`, a `RuntimeError`: singular matrices and what does not converge.
    LinAlg,
    /// An exception raised by Python code (a hook, a custom function), carried through unchanged.
    Foreign,
}

/// What went wrong. Boxed inside [`Result`], so that a success costs one word.
pub struct Error {
    pub kind: Kind,
    pub message: String,
    pub hint: Option<String>,
    /// The Python exception of [`Kind::Foreign`]; this floor does not know its type.
    pub foreign: Option<Box<dyn Any + Send + Sync>>,
}

pub type Result<T> = std::result::Result<T, Box<Error>>;

impl Error {
    #[cold]
    pub fn new(kind: Kind, message: String) -> Box<Error> {
        Box::new(Error { kind, message, hint: None, foreign: None })
    }

    #[cold]
    pub fn foreign(exception: Box<dyn Any + Send + Sync>) -> Box<Error> {
        Box::new(Error { kind: Kind::Foreign, message: String::new(), hint: None, foreign: Some(exception) })
    }

    /// Says which op asked for memory; memory itself calls that `allocate`.
    #[cold]
    #[must_use]
    pub fn asked_by(mut self: Box<Error>, op: &str) -> Box<Error> {
        if let Some(rest) = self.message.strip_prefix("allocate: ") {
            self.message = format!("{op}: {rest}");
        } else if self.kind == Kind::OutOfMemory {
            self.message = format!("{op}: {}", self.message);
        }
        self
    }

    /// Adds the line that says what would probably work.
    #[must_use]
    pub fn hint(mut self: Box<Error>, hint: impl Into<String>) -> Box<Error> {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind)
    }
}

impl std::error::Error for Error {}

/// `err!(Runtime, "add: sizes {a} and {b}")` builds a boxed [`Error`].
#[macro_export]
macro_rules! err {
    ($kind:ident, $($arg:tt)*) => { $crate::error::Error::new($crate::error::Kind::$kind, format!($($arg)*)) };
}

/// `bail!(Runtime, ...)` returns that error from the function.
#[macro_export]
macro_rules! bail {
    ($kind:ident, $($arg:tt)*) => { return Err($crate::err!($kind, $($arg)*)) };
}
