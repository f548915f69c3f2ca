//! Secrets at rest: AES-256-GCM under a key derived from the root key for each record.
//!
//! A sealed secret is `01`, 16 bytes that decide the record's key, a 12-byte nonce, and ciphertext with tag. Because
//! every sealing has a key of its own, random nonces never run out. What is bound besides: the kind and the name of
//! the record, so that no sealed secret can be moved to another record.

use lifecycle::crypto::{Entropy, EntropyError, Secret};
use ring::{aead, hkdf};

const VERSION: u8 = 1;
const SALT_LENGTH: usize = 16;
const HEADER_LENGTH: usize = 1 + SALT_LENGTH + aead::NONCE_LEN;
const LABEL: &[u8] = b"kms-server sealed record v1";

/// The sealed bytes were altered, moved from another record, or sealed under another root key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unsealable;

pub(super) fn seal(
    root: &Secret,
    kind: &str,
    id: &str,
    secret: &Secret,
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, EntropyError> {
    let random: [u8; SALT_LENGTH + aead::NONCE_LEN] = entropy.array()?;
    let mut sealed = Vec::with_capacity(HEADER_LENGTH + secret.expose().len() + aead::AES_256_GCM.tag_len());
    sealed.push(VERSION);
    sealed.extend_from_slice(&random);
    let (salt, nonce) = random.split_at(SALT_LENGTH);
    let nonce = aead::Nonce::try_assume_unique_for_key(nonce).map_err(|_| EntropyError)?;
    let key = record_key(root, salt).map_err(|_| EntropyError)?;
    sealed.extend_from_slice(secret.expose());
    let text = sealed.get_mut(HEADER_LENGTH..).unwrap_or_default();
    let bound = aead::Aad::from(name(kind, id));
    let tag = key.seal_in_place_separate_tag(nonce, bound, text).map_err(|_| EntropyError)?;
    sealed.extend_from_slice(tag.as_ref());
    Ok(sealed)
}

pub(super) fn open(root: &Secret, kind: &str, id: &str, sealed: &[u8]) -> Result<Secret, Unsealable> {
    let (header, text) = sealed.split_at_checked(HEADER_LENGTH).ok_or(Unsealable)?;
    let (version, rest) = header.split_first().ok_or(Unsealable)?;
    if *version != VERSION {
        return Err(Unsealable);
    }
    let (salt, nonce) = rest.split_at_checked(SALT_LENGTH).ok_or(Unsealable)?;
    let nonce = aead::Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unsealable)?;
    let key = record_key(root, salt).map_err(|_| Unsealable)?;
    let mut text = zeroize::Zeroizing::new(text.to_vec());
    let opened =
        key.open_in_place(nonce, aead::Aad::from(name(kind, id)), &mut text).map_err(|_| Unsealable)?;
    Ok(Secret::new(opened.to_vec()))
}

fn record_key(root: &Secret, salt: &[u8]) -> Result<aead::LessSafeKey, ring::error::Unspecified> {
    // The root key is 32 uniform bytes already, so HKDF's extract step would add nothing.
    let prk = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, root.expose());
    let info = [LABEL, salt];
    Ok(aead::LessSafeKey::new(aead::UnboundKey::from(prk.expand(&info, &aead::AES_256_GCM)?)))
}

/// Length-prefixed, so that no two records have the same name.
fn name(kind: &str, id: &str) -> Vec<u8> {
    let mut name = Vec::with_capacity(16 + kind.len() + id.len());
    for part in [kind, id] {
        name.extend_from_slice(&(part.len() as u64).to_be_bytes());
        name.extend_from_slice(part.as_bytes());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use lifecycle::crypto::SeededEntropy;

    fn sealed() -> (Secret, Vec<u8>) {
        let root = Secret::new(vec![1; 32]);
        let bytes = seal(&root, "material", "a", &Secret::new(b"secret".to_vec()), &SeededEntropy::new(1));
        (root, bytes.unwrap())
    }

    #[test]
    fn a_secret_opens_in_its_own_record_only() {
        let (root, bytes) = sealed();
        assert_eq!(open(&root, "material", "a", &bytes).unwrap().expose(), b"secret");
        for (kind, id) in [("material", "b"), ("materiala", ""), ("materia", "la")] {
            assert_eq!(open(&root, kind, id, &bytes), Err(Unsealable), "{kind} {id}");
        }
        assert_eq!(open(&Secret::new(vec![2; 32]), "material", "a", &bytes), Err(Unsealable));
    }

    #[test]
    fn any_flipped_bit_and_any_cut_is_refused() {
        let (root, bytes) = sealed();
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            assert_eq!(open(&root, "material", "a", &altered), Err(Unsealable), "byte {at}");
            assert_eq!(open(&root, "material", "a", &bytes[..at]), Err(Unsealable));
        }
    }
}
