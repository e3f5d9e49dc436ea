//! The few things asked of the operating system, with a portable form of each (`--cfg portable_os` builds it
//! anywhere, so that it stays tested).

#[cfg(all(unix, not(portable_os)))]
mod unix {
    /// Runs `child` in every forked child before `fork` returns there. Call it once per handler.
    pub fn on_fork(child: unsafe extern "C" fn()) {
        // SAFETY: registers a function that lives as long as the process. A failure (no memory) leaves forked
        // children without the handler, which is where every program without one stands.
        unsafe { libc::pthread_atfork(None, None, Some(child)) };
    }
}

#[cfg(any(not(unix), portable_os))]
mod portable {
    /// No `fork` to prepare for.
    pub fn on_fork(_child: unsafe extern "C" fn()) {}
}

#[cfg(any(not(unix), portable_os))]
pub use portable::*;
#[cfg(all(unix, not(portable_os)))]
pub use unix::*;
