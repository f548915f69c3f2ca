//! Randomness as an input.

use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use ring::hkdf;
use ring::rand::{SecureRandom, SystemRandom};
#[cfg(feature = "kms")]
use sm2::elliptic_curve::rand_core::{TryCryptoRng, TryRng};
use zeroize::{Zeroize, Zeroizing};

/// The source of random bytes gave none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntropyError;

impl fmt::Display for EntropyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the system has no random bytes to give")
    }
}

impl std::error::Error for EntropyError {}

/// A source of random bytes.
pub trait Entropy: Send + Sync {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// The source failed; `bytes` must not be used.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

impl dyn Entropy + '_ {
    /// `N` random bytes.
    ///
    /// # Errors
    /// As [`Entropy::fill`].
    pub fn array<const N: usize>(&self) -> Result<[u8; N], EntropyError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }
}

/// The operating system's generator, through `ring`. Small draws come from a buffer of each thread, because one
/// system call for each would cost more than the cipher; bytes are wiped from the buffer as they are drawn.
pub struct SystemEntropy(SystemRandom);

const BUFFER_LENGTH: usize = 1_024;

/// Draws longer than this go to the system directly.
const BUFFERED_DRAW_MAX: usize = 64;

struct Buffer {
    bytes: Zeroizing<[u8; BUFFER_LENGTH]>,
    /// How many bytes at the start are still unused.
    left: usize,
}

thread_local! {
    static BUFFER: RefCell<Buffer> =
        RefCell::new(Buffer { bytes: Zeroizing::new([0; BUFFER_LENGTH]), left: 0 });
}

impl Buffer {
    fn draw(&mut self, system: &SystemRandom, into: &mut [u8]) -> Result<(), EntropyError> {
        if self.left < into.len() {
            system.fill(&mut *self.bytes).map_err(|_| EntropyError)?;
            self.left = BUFFER_LENGTH;
        }
        let start = self.left - into.len();
        let drawn = self.bytes.get_mut(start..self.left).ok_or(EntropyError)?;
        into.copy_from_slice(drawn);
        drawn.zeroize();
        self.left = start;
        Ok(())
    }
}

impl SystemEntropy {
    /// Opens the generator.
    #[must_use]
    pub fn new() -> Self {
        SystemEntropy(SystemRandom::new())
    }
}

impl Default for SystemEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        if bytes.len() > BUFFERED_DRAW_MAX {
            return self.0.fill(bytes).map_err(|_| EntropyError);
        }
        BUFFER.with_borrow_mut(|buffer| buffer.draw(&self.0, bytes))
    }
}

/// The same bytes for the same seed, for tests that must give the same ids every time. PROVIDES NO SECURITY.
pub struct SeededEntropy {
    seed: hkdf::Prk,
    drawn: AtomicU64,
}

impl SeededEntropy {
    /// A sequence of bytes that only `seed` decides.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        SeededEntropy {
            seed: hkdf::Salt::new(hkdf::HKDF_SHA256, b"seeded entropy").extract(&seed.to_be_bytes()),
            drawn: AtomicU64::new(0),
        }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        // HKDF gives at most 255 blocks a time; 1 KiB is a convenient share of that.
        for chunk in bytes.chunks_mut(1_024) {
            let draw = self.drawn.fetch_add(1, Ordering::Relaxed).to_be_bytes();
            let info = [&draw[..]];
            let okm = self.seed.expand(&info, Length(chunk.len())).map_err(|_| EntropyError)?;
            okm.fill(chunk).map_err(|_| EntropyError)?;
        }
        Ok(())
    }
}

/// A source of random bytes in the form in which RustCrypto takes one.
#[cfg(feature = "kms")]
pub(super) struct Generator<'a>(pub(super) &'a dyn Entropy);

#[cfg(feature = "kms")]
impl TryRng for Generator<'_> {
    type Error = EntropyError;

    fn try_next_u32(&mut self) -> Result<u32, EntropyError> {
        self.0.array().map(u32::from_le_bytes)
    }

    fn try_next_u64(&mut self) -> Result<u64, EntropyError> {
        self.0.array().map(u64::from_le_bytes)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.0.fill(bytes)
    }
}

#[cfg(feature = "kms")]
impl TryCryptoRng for Generator<'_> {}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_every_byte_and_draws_differ() {
        let draw = |seed| {
            let entropy = SeededEntropy::new(seed);
            let entropy: &dyn Entropy = &entropy;
            let mut long = vec![0; 3_000];
            entropy.fill(&mut long).unwrap();
            (entropy.array::<16>().unwrap(), entropy.array::<16>().unwrap(), long)
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1).0, draw(2).0);
        assert_ne!(draw(1).0, draw(1).1);
    }

    #[test]
    fn no_draw_repeats_bytes_of_an_earlier_one() {
        let entropy: &dyn Entropy = &SystemEntropy::new();
        let draws: Vec<[u8; 16]> = (0..1_000).map(|_| entropy.array().unwrap()).collect();
        let distinct: std::collections::HashSet<_> = draws.iter().collect();
        assert_eq!(distinct.len(), draws.len());
    }

    #[test]
    fn the_system_gives_different_bytes_each_time() {
        let entropy: &dyn Entropy = &SystemEntropy::new();
        assert_ne!(entropy.array::<32>().unwrap(), entropy.array::<32>().unwrap());
    }
}
