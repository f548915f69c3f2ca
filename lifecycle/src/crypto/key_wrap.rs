//! AES Key Wrap with Padding of RFC 5649, by which private keys of any length travel.

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded as _};
use zeroize::Zeroizing;

use super::{CryptoError, Secret};

/// The length of the key that wraps, in bytes.
pub const KEY_LENGTH: usize = 32;

/// The shortest wrapped key, in bytes: a whole block.
pub const WRAPPED_LENGTH_MIN: usize = 16;

/// What the length of a wrapped key is a multiple of, in bytes.
pub const WRAPPED_STEP: usize = 8;

/// Wraps a key, which has at least one byte, as customers do.
///
/// # Errors
/// `Refused` for a wrapping key that is not [`KEY_LENGTH`] bytes long, and for nothing to wrap.
#[cfg(test)]
pub(crate) fn wrap(with: &Secret, key: &Secret) -> Result<Vec<u8>, CryptoError> {
    let mut output = vec![0; key.expose().len() + 2 * WRAPPED_LENGTH_MIN];
    let wrapped = kek(with)?.wrap_with_padding(key.expose(), &mut output);
    let length = wrapped.map_err(|_| CryptoError::Refused)?.len();
    output.truncate(length);
    Ok(output)
}

/// Unwraps a key.
///
/// # Errors
/// `Refused` for anything that was not wrapped with this key of [`KEY_LENGTH`] bytes.
pub fn unwrap(with: &Secret, wrapped: &[u8]) -> Result<Secret, CryptoError> {
    let mut output = Zeroizing::new(vec![0; wrapped.len()]);
    let key = kek(with)?.unwrap_with_padding(wrapped, &mut output);
    let length = key.map_err(|_| CryptoError::Refused)?.len();
    output.truncate(length);
    Ok(output.into())
}

fn kek(key: &Secret) -> Result<AesKek, CryptoError> {
    if key.expose().len() != KEY_LENGTH {
        return Err(CryptoError::Refused);
    }
    AesKek::new(&AES_256, key.expose()).map_err(|_| CryptoError::Failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_wrapped_unwraps_with_its_key_only(
            key in proptest::collection::vec(any::<u8>(), 1..300),
            with: [u8; KEY_LENGTH],
            at: proptest::sample::Index,
        ) {
            let (key, with) = (Secret::new(key), Secret::new(with.to_vec()));
            let wrapped = wrap(&with, &key).unwrap();
            prop_assert_eq!(wrapped.len() % WRAPPED_STEP, 0);
            prop_assert!(wrapped.len() >= WRAPPED_LENGTH_MIN);
            prop_assert_eq!(unwrap(&with, &wrapped).unwrap(), key);
            let mut altered = wrapped.clone();
            *at.get_mut(&mut altered) ^= 1;
            prop_assert_eq!(unwrap(&with, &altered), Err(CryptoError::Refused));
            prop_assert_eq!(unwrap(&with, &wrapped[..wrapped.len() - 1]), Err(CryptoError::Refused));
        }
    }

    #[test]
    fn only_whole_keys_wrap_and_are_wrapped() {
        let (long, short) = (Secret::new(vec![1; KEY_LENGTH]), Secret::new(vec![1; 16]));
        assert_eq!(wrap(&short, &long), Err(CryptoError::Refused));
        assert_eq!(unwrap(&short, &[0; 24]), Err(CryptoError::Refused));
        assert_eq!(wrap(&long, &Secret::new(vec![])), Err(CryptoError::Refused));
        assert_eq!(unwrap(&long, &[]), Err(CryptoError::Refused));
    }
}
