//! Generators: MT19937 with PyTorch's seeding, draw order and state bytes, so that a seed gives the
//! numbers that PyTorch gives. Words come out in whole runs; what they become is `cpu::random`'s.
//!
//! The hot functions are `#[inline(always)]`: a kernel built for a wider instruction set takes the
//! twist with it.

use std::cell::RefCell;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use crate::bail;
use crate::error::Result;

const N: usize = 624;
const M: usize = 397;
/// Lanes of one twist step.
const LANES: usize = 16;
/// Bytes of [`Generator::state`]: PyTorch's `CPUGeneratorImplState`.
pub const STATE_BYTES: usize = 5056;
/// The seed of a generator that nobody seeded.
pub const DEFAULT_SEED: u64 = 67280421310721;

/// The engine, the seed it came from, and the second normal of the last pair.
#[derive(Clone)]
pub struct Generator {
    seed: u64,
    /// Words before the next twist, plus one (PyTorch counts so).
    left: usize,
    next: usize,
    /// `words[N]` mirrors `words[0]`, so that `k + 1` needs no modulo.
    words: Box<[u32; N + LANES]>,
    cached_normal: Option<f64>,
}

impl Generator {
    pub fn new(seed: u64) -> Generator {
        let mut g = Generator { seed, left: 1, next: 0, words: Box::new([0; N + LANES]), cached_normal: None };
        g.manual_seed(seed);
        g
    }

    /// Starts the stream of `seed` anew. All 64 bits are remembered; the low 32 choose the stream.
    pub fn manual_seed(&mut self, seed: u64) {
        let s = &mut self.words;
        s[0] = seed as u32;
        for j in 1..N {
            s[j] = 1812433253u32.wrapping_mul(s[j - 1] ^ (s[j - 1] >> 30)).wrapping_add(j as u32);
        }
        (self.seed, self.left, self.next, self.cached_normal) = (seed, 1, 0, None);
    }

    /// Seeds from the operating system and returns that seed.
    pub fn seed(&mut self) -> u64 {
        let seed = system_seed();
        self.manual_seed(seed);
        seed
    }

    pub fn initial_seed(&self) -> u64 {
        self.seed
    }

    /// The state in PyTorch's byte layout.
    pub fn state(&self) -> Vec<u8> {
        let mut out = vec![0u8; STATE_BYTES];
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &self.seed.to_le_bytes());
        put(8, &(self.left as i32).to_le_bytes());
        put(12, &1i32.to_le_bytes());
        put(16, &(self.next as u64).to_le_bytes());
        for (k, w) in self.words[..N].iter().enumerate() {
            put(24 + 8 * k, &(*w as u64).to_le_bytes());
        }
        if let Some(r) = self.cached_normal {
            put(5024, &r.to_le_bytes());
            put(5040, &1i32.to_le_bytes());
        }
        out
    }

    /// Takes over a state that [`Generator::state`], or PyTorch, wrote.
    pub fn set_state(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.len() != STATE_BYTES {
            bail!(
                Runtime,
                "Expected a CPUGeneratorImplState of size {STATE_BYTES} but found the input RNG state size to be {}",
                bytes.len()
            );
        }
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let long = |at: usize| word(at) as u64 | (word(at + 4) as u64) << 32;
        let (left, seeded, next) = (word(8) as i32, word(12), long(16));
        if seeded == 0 || left < 1 || left > N as i32 || next > N as u64 {
            bail!(Runtime, "Invalid mt19937 state");
        }
        (self.seed, self.left, self.next) = (long(0), left as usize, next as usize);
        for k in 0..N {
            self.words[k] = word(24 + 8 * k);
        }
        self.cached_normal = (word(5040) != 0).then(|| f64::from_bits(long(5024)));
        Ok(())
    }

    /// Hands out at least one raw word (and no more than `want`), which [`temper`] finishes.
    #[inline(always)]
    fn take(&mut self, want: usize) -> &[u32] {
        // A state set by hand may promise more words than stand behind `next`.
        let mut ready = (self.left - 1).min(N - self.next);
        if ready == 0 {
            twist(&mut self.words);
            (self.left, self.next) = (N + 1, 0);
            ready = N;
        }
        let n = want.min(ready);
        self.left -= n;
        self.next += n;
        &self.words[self.next - n..self.next]
    }

    /// Fills `out` with 32-bit words.
    #[inline(always)]
    pub fn fill(&mut self, out: &mut [u32]) {
        let mut i = 0;
        while i < out.len() {
            let raw = self.take(out.len() - i);
            for (o, w) in out[i..].iter_mut().zip(raw) {
                *o = temper(*w);
            }
            i += raw.len();
        }
    }

    #[inline]
    pub fn u32(&mut self) -> u32 {
        temper(self.take(1)[0])
    }

    /// Two words, the first on top.
    #[inline]
    pub fn u64(&mut self) -> u64 {
        let high = self.u32() as u64;
        high << 32 | self.u32() as u64
    }

    /// In [0, 1), from 53 bits.
    #[inline]
    pub fn unit53(&mut self) -> f64 {
        (self.u64() & ((1 << 53) - 1)) as f64 * UNIT53
    }

    /// One normal of mean 0 and deviation 1 by Box and Muller; the second of a pair is kept, whatever is
    /// drawn in between.
    pub fn normal(&mut self) -> f64 {
        if let Some(r) = self.cached_normal.take() {
            return r;
        }
        let (u1, u2) = (self.unit53(), self.unit53());
        let radius = (-2.0 * (-u2).ln_1p()).sqrt();
        let theta = 2.0 * std::f64::consts::PI * u1;
        self.cached_normal = Some(radius * theta.sin());
        radius * theta.cos()
    }
}

/// 2^-53, what turns 53 bits into a number below 1.
pub const UNIT53: f64 = 1.0 / (1u64 << 53) as f64;

#[inline(always)]
fn temper(y: u32) -> u32 {
    let y = y ^ (y >> 11);
    let y = y ^ ((y << 7) & 0x9d2c_5680);
    let y = y ^ ((y << 15) & 0xefc6_0000);
    y ^ (y >> 18)
}

#[inline(always)]
fn mix(a: u32, b: u32, c: u32) -> u32 {
    let v = (a & 0x8000_0000) | (b & 0x7fff_ffff);
    c ^ (v >> 1) ^ ((b & 1).wrapping_neg() & 0x9908_b0df)
}

/// New words for all 624, in order and in place, sixteen at a time: words k + 1 and k + 397 are read
/// before they are rewritten, word k - 227 long after.
#[inline(always)]
fn twist(s: &mut [u32; N + LANES]) {
    s[N] = s[0];
    run(s, 0, N - M, M as isize);
    run(s, N - M, N - 1, M as isize - N as isize);
    s[N - 1] = mix(s[N - 1], s[0], s[M - 1]);
}

#[inline(always)]
fn run(s: &mut [u32; N + LANES], from: usize, to: usize, ahead: isize) {
    let mut k = from;
    while k + LANES <= to {
        // All three vectors are read before the store, or the loop would not become vector code.
        let other = (k as isize + ahead) as usize;
        let (mut a, mut b, mut c) = ([0; LANES], [0; LANES], [0; LANES]);
        a.copy_from_slice(&s[k..k + LANES]);
        b.copy_from_slice(&s[k + 1..k + 1 + LANES]);
        c.copy_from_slice(&s[other..other + LANES]);
        for l in 0..LANES {
            a[l] = mix(a[l], b[l], c[l]);
        }
        s[k..k + LANES].copy_from_slice(&a);
        k += LANES;
    }
    while k < to {
        s[k] = mix(s[k], s[k + 1], s[(k as isize + ahead) as usize]);
        k += 1;
    }
}

/// A generator that Python and the ops share. Draws are serial, so one lock per op is all it takes. `None` is the
/// default generator: that of the thread which locks it.
#[derive(Clone)]
pub struct SharedGenerator(Option<Arc<Mutex<Generator>>>);

/// A locked generator.
pub struct Locked {
    // Declared first, so that it unlocks before the generator's memory may be freed.
    guard: MutexGuard<'static, Generator>,
    _owner: Arc<Mutex<Generator>>,
}

impl Deref for Locked {
    type Target = Generator;

    #[inline]
    fn deref(&self) -> &Generator {
        &self.guard
    }
}

impl DerefMut for Locked {
    #[inline]
    fn deref_mut(&mut self) -> &mut Generator {
        &mut self.guard
    }
}

impl SharedGenerator {
    pub fn new(seed: u64) -> SharedGenerator {
        SharedGenerator(Some(Arc::new(Mutex::new(Generator::new(seed)))))
    }

    /// A draw cannot leave a generator half changed, so a poisoned lock is as good as any.
    pub fn lock(&self) -> Locked {
        let owner = self.0.clone().unwrap_or_else(default_of_this_thread);
        let guard = owner.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the guard borrows the mutex inside the Arc, which does not move and lives as long as `_owner`.
        let guard = unsafe { std::mem::transmute::<MutexGuard<'_, Generator>, MutexGuard<'static, Generator>>(guard) };
        Locked { guard, _owner: owner }
    }

    /// Another generator in the same state.
    pub fn fork(&self) -> SharedGenerator {
        SharedGenerator(Some(Arc::new(Mutex::new(self.lock().clone()))))
    }

    pub fn same(&self, other: &SharedGenerator) -> bool {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (a, b) => a.is_none() && b.is_none(),
        }
    }
}

thread_local! {
    static OF_THIS_THREAD: RefCell<Option<Arc<Mutex<Generator>>>> = const { RefCell::new(None) };
}

/// The generator of every op that is given none. Threads share the process's, but for those that were given one of
/// their own by [`use_here`].
pub fn default_generator() -> &'static SharedGenerator {
    static DEFAULT: SharedGenerator = SharedGenerator(None);
    &DEFAULT
}

/// Makes `generator` the default one of this thread, so that a data loader's worker draws the same numbers whatever
/// other threads do. The default generator itself takes that back.
pub fn use_here(generator: &SharedGenerator) {
    OF_THIS_THREAD.replace(generator.0.clone());
}

/// The process's generator is seeded from the system until `manual_seed`.
fn default_of_this_thread() -> Arc<Mutex<Generator>> {
    static OF_PROCESS: LazyLock<Arc<Mutex<Generator>>> =
        LazyLock::new(|| Arc::new(Mutex::new(Generator::new(system_seed()))));
    // A thread that is ending has no variables any more.
    let own = OF_THIS_THREAD.try_with(|own| own.borrow().clone()).ok().flatten();
    own.unwrap_or_else(|| OF_PROCESS.clone())
}

/// Entropy of the operating system, by way of the keys that the standard library's hash maps take.
fn system_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_known_seeds() {
        // The reference implementation's first outputs for init_genrand(5489).
        let mut g = Generator::new(5489);
        assert_eq!([g.u32(), g.u32(), g.u32()], [3499211612, 581869302, 3890346734]);
        let mut g = Generator::new(5489);
        let mut many = vec![0; 10000];
        g.fill(&mut many);
        assert_eq!(many[9999], 4123659995);
    }

    #[test]
    fn runs_equal_single_words() {
        let (mut a, mut b) = (Generator::new(7), Generator::new(7));
        for n in [1, 3, 700, 2, 1300, 17] {
            let mut run = vec![0; n];
            a.fill(&mut run);
            assert!(run.iter().all(|&w| w == b.u32()));
        }
    }

    #[test]
    fn states_travel() {
        let mut a = Generator::new(42 + (1 << 40));
        a.normal();
        for _ in 0..1000 {
            a.u32();
        }
        let state = a.state();
        let mut b = Generator::new(0);
        b.set_state(&state).unwrap();
        assert_eq!(b.initial_seed(), 42 + (1 << 40));
        assert_eq!(a.normal().to_bits(), b.normal().to_bits());
        assert_eq!((a.u64(), a.state()), (b.u64(), b.state()));
    }

    #[test]
    fn a_thread_may_have_a_default_generator_of_its_own() {
        let own = SharedGenerator::new(11);
        let before = default_generator().lock().state();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                use_here(&own);
                assert_eq!(default_generator().lock().u32(), Generator::new(11).u32());
                use_here(default_generator());
                assert_ne!(default_generator().lock().initial_seed(), 11);
            });
        });
        let mut expected = Generator::new(11);
        expected.u32();
        assert_eq!(own.lock().state(), expected.state());
        assert_eq!(default_generator().lock().state(), before);
    }

    #[test]
    fn bad_states_are_refused() {
        let mut g = Generator::new(1);
        assert!(
            g.set_state(&[0; 10])
                .unwrap_err()
                .message
                .contains("size 5056 but found the input RNG state size to be 10")
        );
        let mut state = g.state();
        state[8] = 0;
        assert_eq!(g.set_state(&state).unwrap_err().message, "Invalid mt19937 state");
        let mut state = g.state();
        state[8..12].copy_from_slice(&624i32.to_le_bytes());
        state[16..24].copy_from_slice(&624u64.to_le_bytes());
        g.set_state(&state).unwrap();
        g.u32();
    }
}
