//! The ciphertext blob of a symmetric key: AES-256-GCM under a key derived for this one message.
//!
//! Layout, in the sizes and with the visible prefix of AWS's own blobs:
//!
//! | Offset | Bytes | Meaning |
//! | --- | --- | --- |
//! | 0 | 5 | `01 02 02 00 78` |
//! | 5 | 32 | id of the key material |
//! | 37 | 1 | `01` |
//! | 38 | 16 | random input of the message key |
//! | 54 | 4 | big-endian length of the rest |
//! | 58 | rest | DER `EncryptedData` of RFC 5652 with `aes256-GCM`, a 12-byte nonce and a 16-byte tag |
//!
//! The sealed text is 11 bytes of framing and the plaintext, so a blob is 152 bytes longer than a short
//! plaintext. Associated data is everything in the blob before the sealed text, then the encryption context
//! with every part length-prefixed. Because each message has its own key, random nonces never run out.
//!
//! AWS (observed): layout of blobs in public samples; a 32-byte data key gives 184 bytes.

use std::collections::BTreeMap;

use ring::{digest, hkdf};

use super::aes_gcm::{self, AesGcm, NONCE_LENGTH, Unsealed};
use super::{Entropy, EntropyError, Secret};
use crate::ids::{KeyId, MaterialId};

/// The pairs of an encryption context, ordered by key bytes.
pub type EncryptionContext = BTreeMap<String, String>;

pub(super) const PREFIX: [u8; 5] = [0x01, 0x02, 0x02, 0x00, 0x78];
const FLAG: u8 = 0x01;
const SALT_LENGTH: usize = 16;
const FRAMING_LENGTH: usize = 11;
const FRAMING_VERSION: u8 = 1;
const OID_ENCRYPTED_DATA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x06];
const OID_DATA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];

/// Domain separation of the message keys from any other use of the material.
const MESSAGE_KEY_LABEL: &[u8] = b"kms symmetric message key v1";

/// Key material is 32 bytes for AES-256.
pub const MATERIAL_LENGTH: usize = 32;

/// The blob is not one that this key material made with this context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidCiphertext;

/// The id of key material: the SHA-256 of the key id and the bytes, so that related multi-Region keys, which
/// share both, share it too.
///
/// AWS (observed): the id depends on the key id and the material.
#[must_use]
pub fn material_id(key: KeyId, material: &Secret) -> MaterialId {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(key.as_str().as_bytes());
    hash.update(material.expose());
    let mut id = [0; 32];
    id.copy_from_slice(hash.finish().as_ref());
    MaterialId(id)
}

/// How many bytes at the start of a blob tell its form and its material.
pub const HEADER_LENGTH: usize = PREFIX.len() + 32 + 1 + SALT_LENGTH + 4;

/// The material that a blob of `length` bytes names, if its first [`HEADER_LENGTH`] bytes, which may come with more of
/// it, have the form of one.
#[must_use]
pub fn material_named_by(start: &[u8], length: usize) -> Option<MaterialId> {
    let header = start.first_chunk::<HEADER_LENGTH>()?;
    let declared = header.last_chunk::<4>().map(|length| u32::from_be_bytes(*length))?;
    let well_formed = header.starts_with(&PREFIX)
        && matches!(header.get(37), Some(&FLAG | &super::external::FLAG))
        && usize::try_from(declared).ok()?.checked_add(HEADER_LENGTH)? == length;
    let id = header.get(5..37)?.try_into().ok()?;
    well_formed.then_some(MaterialId(id))
}

/// Seals `plaintext` under `material`.
///
/// # Errors
/// Only if the source of randomness fails.
pub fn seal(
    material: &Secret,
    id: MaterialId,
    context: &EncryptionContext,
    plaintext: &[u8],
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, EntropyError> {
    let random: [u8; SALT_LENGTH + NONCE_LENGTH] = entropy.array()?;
    let (salt, nonce) = random.split_at(SALT_LENGTH);
    let nonce: [u8; NONCE_LENGTH] = nonce.try_into().map_err(|_| EntropyError)?;
    let inner_length = FRAMING_LENGTH + plaintext.len() + aes_gcm::TAG_LENGTH;
    let mut blob = prefix(id, salt, &nonce, inner_length);
    let start = blob.len();
    let key = message_key(material, salt).map_err(|_| EntropyError)?;
    let associated = associated_data(&blob, context);
    blob.extend_from_slice(&framing(plaintext.len()));
    blob.extend_from_slice(plaintext);
    let sealed = blob.get_mut(start..).unwrap_or_default();
    let tag = key.seal(nonce, &associated, sealed).map_err(|_| EntropyError)?;
    blob.extend_from_slice(&tag);
    Ok(blob)
}

/// Opens a blob that [`seal`] made.
///
/// # Errors
/// [`InvalidCiphertext`] for any other bytes, material or context.
pub fn open(
    material: &Secret,
    id: MaterialId,
    context: &EncryptionContext,
    blob: &[u8],
) -> Result<Secret, InvalidCiphertext> {
    if material_named_by(blob, blob.len()) != Some(id) {
        return Err(InvalidCiphertext);
    }
    let salt = blob.get(38..38 + SALT_LENGTH).ok_or(InvalidCiphertext)?;
    let (nonce, prefix_length, inner_length) = read_prefix(id, salt, blob)?;
    let (associated, inner) = blob.split_at_checked(prefix_length).ok_or(InvalidCiphertext)?;
    if inner.len() != inner_length {
        return Err(InvalidCiphertext);
    }
    let key = message_key(material, salt).map_err(|_| InvalidCiphertext)?;
    let associated = associated_data(associated, context);
    let mut opened = zeroize::Zeroizing::new(inner.to_vec());
    let length = key.open(nonce, &associated, &mut opened).map_err(|_| InvalidCiphertext)?.len();
    opened.truncate(length);
    let plaintext_length = length.checked_sub(FRAMING_LENGTH).ok_or(InvalidCiphertext)?;
    if !opened.starts_with(&framing(plaintext_length)) {
        return Err(InvalidCiphertext);
    }
    opened.drain(..FRAMING_LENGTH);
    Ok(Secret::new(std::mem::take(&mut *opened)))
}

/// The encryption context with every part length-prefixed, so that no two contexts give the same bytes.
#[must_use]
pub fn canonical_context(context: &EncryptionContext) -> Vec<u8> {
    associated_data(&[], context)
}

/// The length of [`canonical_context`], without building it.
#[must_use]
pub fn canonical_context_length(context: &EncryptionContext) -> usize {
    4 + context.iter().map(|(key, value)| 8 + key.len() + value.len()).sum::<usize>()
}

fn push_length(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
}

/// A prefix and the canonical form of the context behind it.
fn associated_data(prefix: &[u8], context: &EncryptionContext) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(prefix.len() + canonical_context_length(context));
    bytes.extend_from_slice(prefix);
    push_length(&mut bytes, context.len());
    for (key, value) in context {
        for part in [key, value] {
            push_length(&mut bytes, part.len());
            bytes.extend_from_slice(part.as_bytes());
        }
    }
    bytes
}

fn message_key(material: &Secret, salt: &[u8]) -> Result<AesGcm, Unsealed> {
    // The material is 32 uniform bytes already, so HKDF's extract step would add nothing.
    let prk = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, material.expose());
    AesGcm::expand(&prk, &[MESSAGE_KEY_LABEL, salt])
}

fn framing(plaintext_length: usize) -> [u8; FRAMING_LENGTH] {
    let mut frame = [0; FRAMING_LENGTH];
    frame[0] = FRAMING_VERSION;
    if let Some(length) = frame.last_chunk_mut::<8>() {
        *length = (plaintext_length as u64).to_be_bytes();
    }
    frame
}

/// The lengths of the nested DER values around a sealed text, from the inside out.
struct Lengths {
    content: usize,
    data: usize,
    explicit: usize,
    outer: usize,
}

/// `SEQUENCE { OID aes256-GCM, SEQUENCE { OCTET STRING nonce, INTEGER 16 } }` up to the nonce.
const ALGORITHM: [u8; 17] =
    [0x30, 0x1e, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2e, 0x30, 0x11, 0x04, 0x0c];
const TAG_LENGTH: [u8; 3] = [0x02, 0x01, 0x10];
const ALGORITHM_LENGTH: usize = ALGORITHM.len() + NONCE_LENGTH + TAG_LENGTH.len();
const VERSION: [u8; 3] = [0x02, 0x01, 0x00];

impl Lengths {
    fn of(inner: usize) -> Self {
        let content = OID_DATA.len() + ALGORITHM_LENGTH + DerHeader::new(0x80, inner).len() + inner;
        let data = VERSION.len() + DerHeader::new(0x30, content).len() + content;
        let explicit = DerHeader::new(0x30, data).len() + data;
        let outer = OID_ENCRYPTED_DATA.len() + DerHeader::new(0xa0, explicit).len() + explicit;
        Lengths { content, data, explicit, outer }
    }

    /// The bytes of a blob before a sealed text of `inner` bytes.
    fn prefix(&self, inner: usize) -> usize {
        HEADER_LENGTH + DerHeader::new(0x30, self.outer).len() + self.outer - inner
    }
}

/// Everything before the sealed text, with room for the sealed text behind it.
fn prefix(id: MaterialId, salt: &[u8], nonce: &[u8; NONCE_LENGTH], inner: usize) -> Vec<u8> {
    let lengths = Lengths::of(inner);
    let outer = DerHeader::new(0x30, lengths.outer);
    let mut bytes = Vec::with_capacity(HEADER_LENGTH + outer.len() + lengths.outer);
    for part in [&PREFIX[..], &id.0, &[FLAG], salt] {
        bytes.extend_from_slice(part);
    }
    push_length(&mut bytes, outer.len() + lengths.outer);
    for part in [
        outer.as_slice(),
        OID_ENCRYPTED_DATA,
        DerHeader::new(0xa0, lengths.explicit).as_slice(),
        DerHeader::new(0x30, lengths.data).as_slice(),
        &VERSION,
        DerHeader::new(0x30, lengths.content).as_slice(),
        OID_DATA,
        &ALGORITHM,
        nonce,
        &TAG_LENGTH,
        DerHeader::new(0x80, inner).as_slice(),
    ] {
        bytes.extend_from_slice(part);
    }
    bytes
}

/// Finds the nonce by rebuilding the only prefix that a blob of this length can have: whatever differs from
/// it, in any byte but the nonce's, was not made by [`seal`].
fn read_prefix(
    id: MaterialId,
    salt: &[u8],
    blob: &[u8],
) -> Result<([u8; NONCE_LENGTH], usize, usize), InvalidCiphertext> {
    let shortest = FRAMING_LENGTH + aes_gcm::TAG_LENGTH;
    // DER lengths take one to four bytes, in five places: only a few sizes of the prefix need trying.
    let inner = (125..=145)
        .filter_map(|prefix| blob.len().checked_sub(prefix))
        .find(|inner| *inner >= shortest && Lengths::of(*inner).prefix(*inner) + inner == blob.len())
        .ok_or(InvalidCiphertext)?;
    let prefix_length = blob.len() - inner;
    let nonce_at = prefix_length - DerHeader::new(0x80, inner).len() - TAG_LENGTH.len() - NONCE_LENGTH;
    let nonce = blob.get(nonce_at..nonce_at + NONCE_LENGTH).ok_or(InvalidCiphertext)?;
    let nonce: [u8; NONCE_LENGTH] = nonce.try_into().map_err(|_| InvalidCiphertext)?;
    if blob.starts_with(&prefix(id, salt, &nonce, inner)) {
        Ok((nonce, prefix_length, inner))
    } else {
        Err(InvalidCiphertext)
    }
}

/// Tag and length of a DER value.
struct DerHeader {
    bytes: [u8; 6],
    length: usize,
}

impl DerHeader {
    fn new(tag: u8, length: usize) -> Self {
        let [a, b, c, d] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        let (bytes, length) = match (a, b, c, d) {
            (0, 0, 0, d) if d < 0x80 => ([tag, d, 0, 0, 0, 0], 2),
            (0, 0, 0, d) => ([tag, 0x81, d, 0, 0, 0], 3),
            (0, 0, c, d) => ([tag, 0x82, c, d, 0, 0], 4),
            (0, b, c, d) => ([tag, 0x83, b, c, d, 0], 5),
            (a, b, c, d) => ([tag, 0x84, a, b, c, d], 6),
        };
        DerHeader { bytes, length }
    }

    fn len(&self) -> usize {
        self.length
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::SeededEntropy;
    use super::*;
    use proptest::prelude::*;

    fn material() -> (Secret, MaterialId) {
        let secret = Secret::new(vec![7; MATERIAL_LENGTH]);
        let id = material_id("1234abcd-12ab-34cd-56ef-1234567890ab".parse().unwrap(), &secret);
        (secret, id)
    }

    fn context(pairs: &[(&str, &str)]) -> EncryptionContext {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn sealed(plaintext: &[u8], pairs: &[(&str, &str)]) -> Vec<u8> {
        let (secret, id) = material();
        seal(&secret, id, &context(pairs), plaintext, &SeededEntropy::new(1)).unwrap()
    }

    fn opened(blob: &[u8], pairs: &[(&str, &str)]) -> Result<Vec<u8>, InvalidCiphertext> {
        let (secret, id) = material();
        open(&secret, id, &context(pairs), blob).map(|text| text.expose().to_vec())
    }

    #[test]
    fn sizes_and_visible_prefix_are_those_of_aws() {
        for (plaintext, size) in [(1, 153), (16, 168), (32, 184)] {
            let blob = sealed(&vec![0; plaintext], &[]);
            assert_eq!(blob.len(), size);
            assert_eq!(blob.get(..5), Some(&PREFIX[..]));
        }
        assert!(sealed(&[0; 4_096], &[]).len() < 6_144);
    }

    #[test]
    fn every_length_opens() {
        for length in (0..300).chain([4_095, 4_096, 65_500, 65_536, 70_000]) {
            let plaintext = vec![3; length];
            assert_eq!(opened(&sealed(&plaintext, &[("a", "b")]), &[("a", "b")]), Ok(plaintext), "{length}");
        }
    }

    #[test]
    fn any_flipped_bit_any_cut_and_any_addition_is_refused() {
        let blob = sealed(b"attack at dawn", &[]);
        for at in 0..blob.len() {
            for bit in 0..8 {
                let mut altered = blob.clone();
                altered[at] ^= 1 << bit;
                assert_eq!(opened(&altered, &[]), Err(InvalidCiphertext), "byte {at} bit {bit}");
            }
            assert_eq!(opened(&blob[at + 1..], &[]), Err(InvalidCiphertext));
            assert_eq!(opened(&blob[..at], &[]), Err(InvalidCiphertext));
        }
        assert_eq!(opened(&[&blob[..], &[0]].concat(), &[]), Err(InvalidCiphertext));
    }

    #[test]
    fn the_context_is_bound_without_ambiguity() {
        let blob = sealed(b"x", &[("a", "bc")]);
        for wrong in
            [&[][..], &[("ab", "c")], &[("a", "bC")], &[("a", "bc"), ("d", "e")], &[("a", "b"), ("c", "")]]
        {
            assert_eq!(opened(&blob, wrong), Err(InvalidCiphertext), "{wrong:?}");
        }
        let two = sealed(b"x", &[("k", "1"), ("l", "2")]);
        assert!(opened(&two, &[("l", "2"), ("k", "1")]).is_ok(), "order does not matter");
        assert_eq!(opened(&two, &[("k", "2"), ("l", "1")]), Err(InvalidCiphertext));
    }

    #[test]
    fn other_material_does_not_open_a_blob() {
        let blob = sealed(b"x", &[]);
        let (_, id) = material();
        assert_eq!(open(&Secret::new(vec![8; 32]), id, &context(&[]), &blob), Err(InvalidCiphertext));
    }

    #[test]
    fn the_same_text_never_gives_the_same_blob() {
        let (secret, id) = material();
        let entropy = SeededEntropy::new(1);
        let seal = || seal(&secret, id, &context(&[]), b"x", &entropy).unwrap();
        assert_ne!(seal(), seal());
    }

    proptest! {
        #[test]
        fn canonical_contexts_are_injective(a: std::collections::BTreeMap<String, String>, b: std::collections::BTreeMap<String, String>) {
            prop_assert_eq!(a == b, canonical_context(&a) == canonical_context(&b));
            prop_assert_eq!(canonical_context(&a).len(), canonical_context_length(&a));
        }

        #[test]
        fn arbitrary_bytes_never_open_and_never_panic(blob: Vec<u8>) {
            prop_assert_eq!(opened(&blob, &[]), Err(InvalidCiphertext));
        }

        #[test]
        fn round_trip(plaintext: Vec<u8>, pairs: std::collections::BTreeMap<String, String>) {
            let (secret, id) = material();
            let blob = seal(&secret, id, &pairs, &plaintext, &SeededEntropy::new(9)).unwrap();
            prop_assert_eq!(material_named_by(&blob, blob.len()), Some(id));
            let opened = open(&secret, id, &pairs, &blob).unwrap();
            prop_assert_eq!(opened.expose(), &plaintext[..]);
        }
    }
}
