//! The ciphertext blob of a key in an external key store: what an external key store proxy made of a blob of AWS's own
//! material. It begins as the inner blob does, so that it names its key in the same way.
//!
//! | Offset | Bytes | Meaning |
//! | --- | --- | --- |
//! | 0 | 5 | as in the inner blob |
//! | 5 | 32 | id of the key material that made the inner blob |
//! | 37 | 1 | `02` |
//! | 38 | 16 | start of the SHA-256 of the rest |
//! | 54 | 4 | big-endian length of the rest |
//! | 58 | rest | the four parts that the proxy gave, each after its big-endian length in 2 bytes |
//!
//! AWS: KMS developer guide, "How external key stores work", double encryption. The form of its blobs is not published.

use ring::digest;

use super::envelope::{InvalidCiphertext, PREFIX, material_named_by};
use crate::ids::MaterialId;

/// Where an inner blob has its own flag.
pub(super) const FLAG: u8 = 0x02;

const CHECK_LENGTH: usize = 16;

/// What a proxy gives for a plaintext, and needs to give it back.
///
/// AWS: External Key Store Proxy API Specification, "Encrypt".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxied {
    /// As long as the plaintext.
    pub ciphertext: Vec<u8>,
    /// 12 or 16 bytes.
    pub initialization_vector: Vec<u8>,
    /// 16 bytes.
    pub authentication_tag: Vec<u8>,
    /// At most 20 bytes, which the proxy may use as it likes.
    pub metadata: Vec<u8>,
}

/// The blob of what a proxy gave for an inner blob of the material `id`.
#[must_use]
pub fn wrap(id: MaterialId, proxied: &Proxied) -> Vec<u8> {
    let Proxied { ciphertext, initialization_vector, authentication_tag, metadata } = proxied;
    let mut rest = Vec::with_capacity(8 + ciphertext.len() + 64);
    for part in [metadata, initialization_vector, authentication_tag, ciphertext] {
        rest.extend_from_slice(&u16::try_from(part.len()).unwrap_or(u16::MAX).to_be_bytes());
        rest.extend_from_slice(part);
    }
    let length = u32::try_from(rest.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&PREFIX[..], &id.0, &[FLAG], check(&rest).as_slice(), &length, &rest].concat()
}

/// The parts of a blob that [`wrap`] made.
///
/// # Errors
/// [`InvalidCiphertext`] for any other bytes.
pub fn unwrap(id: MaterialId, blob: &[u8]) -> Result<Proxied, InvalidCiphertext> {
    let named = material_named_by(blob, blob.len()) == Some(id) && blob.get(37) == Some(&FLAG);
    let (head, mut rest) = blob.split_at_checked(super::envelope::HEADER_LENGTH).ok_or(InvalidCiphertext)?;
    if !named || head.get(38..38 + CHECK_LENGTH) != Some(check(rest).as_slice()) {
        return Err(InvalidCiphertext);
    }
    let mut part = || {
        let (length, tail) = rest.split_first_chunk::<2>().ok_or(InvalidCiphertext)?;
        let (part, tail) =
            tail.split_at_checked(u16::from_be_bytes(*length).into()).ok_or(InvalidCiphertext)?;
        rest = tail;
        Ok(part.to_vec())
    };
    let (metadata, initialization_vector) = (part()?, part()?);
    let (authentication_tag, ciphertext) = (part()?, part()?);
    if !rest.is_empty() {
        return Err(InvalidCiphertext);
    }
    Ok(Proxied { ciphertext, initialization_vector, authentication_tag, metadata })
}

/// The proxy answers for what it gave; this only tells what is not a blob at all before the proxy is asked.
fn check(rest: &[u8]) -> Vec<u8> {
    let digest = digest::digest(&digest::SHA256, rest);
    digest.as_ref().get(..CHECK_LENGTH).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_wrapped_comes_back_and_nothing_else_does(
            ciphertext in vec(any::<u8>(), 0..64),
            iv in vec(any::<u8>(), 12..=16),
            metadata in vec(any::<u8>(), 0..20),
            at in any::<prop::sample::Index>(),
            bit in 0..8_u8,
        ) {
            let id = MaterialId([7; 32]);
            let proxied = Proxied {
                ciphertext,
                initialization_vector: iv,
                authentication_tag: vec![9; 16],
                metadata,
            };
            let blob = wrap(id, &proxied);
            prop_assert_eq!(material_named_by(&blob, blob.len()), Some(id));
            prop_assert_eq!(unwrap(id, &blob), Ok(proxied));
            prop_assert_eq!(unwrap(MaterialId([8; 32]), &blob), Err(InvalidCiphertext));
            let mut other = blob.clone();
            other[at.index(blob.len())] ^= 1 << bit;
            prop_assert_eq!(unwrap(id, &other), Err(InvalidCiphertext));
            prop_assert_eq!(unwrap(id, &blob[..at.index(blob.len())]), Err(InvalidCiphertext));
            prop_assert_eq!(unwrap(id, &[&blob[..], &[0]].concat()), Err(InvalidCiphertext));
        }
    }
}
