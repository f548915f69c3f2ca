//! Private keys that are a seed of fixed length, and their public keys: the DER around them is constant.

use zeroize::Zeroizing;

use super::{CryptoError, Entropy, Secret};

/// How the keys of one algorithm are written.
pub(super) struct Form {
    /// The algorithm: its object identifier in DER.
    pub(super) oid: &'static [u8],
    /// The tag of the seed within the private key.
    pub(super) tag: u8,
    /// The length of the seed in bytes.
    pub(super) length: u8,
}

impl Form {
    /// The PKCS#8 document up to the seed.
    fn header(&self) -> Vec<u8> {
        let oid = u8::try_from(self.oid.len()).unwrap_or_default();
        let mut header = vec![0x30, 3 + 2 + oid + 4 + self.length, 0x02, 0x01, 0x00, 0x30, oid];
        header.extend_from_slice(self.oid);
        header.extend_from_slice(&[0x04, self.length + 2, self.tag, self.length]);
        header
    }

    /// A new key.
    pub(super) fn generate(&self, entropy: &dyn Entropy) -> Result<Secret, CryptoError> {
        let header = self.header();
        let mut document = Zeroizing::new(vec![0; header.len() + usize::from(self.length)]);
        let (start, seed) = document.split_at_mut(header.len());
        start.copy_from_slice(&header);
        entropy.fill(seed)?;
        Ok(document.into())
    }

    /// The seed of a key.
    pub(super) fn seed<'a, const N: usize>(&self, key: &'a Secret) -> Result<&'a [u8; N], CryptoError> {
        let seed = key.expose().strip_prefix(&*self.header()).ok_or(CryptoError::Failed)?;
        seed.try_into().map_err(|_| CryptoError::Failed)
    }

    /// The public key of `length` bytes in a SubjectPublicKeyInfo.
    pub(super) fn public_bits<'a>(&self, document: &'a [u8], length: usize) -> Result<&'a [u8], CryptoError> {
        let start = document.len().checked_sub(length).ok_or(CryptoError::Refused)?;
        let bits = document.get(start..).unwrap_or_default();
        if self.public_key(bits) == document { Ok(bits) } else { Err(CryptoError::Refused) }
    }

    /// The SubjectPublicKeyInfo of a public key.
    pub(super) fn public_key(&self, key: &[u8]) -> Vec<u8> {
        let mut bits = vec![0x00];
        bits.extend_from_slice(key);
        let mut parts = tlv(0x30, self.oid);
        parts.append(&mut tlv(0x03, &bits));
        tlv(0x30, &parts)
    }
}

fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len().to_be_bytes();
    let significant = length.iter().position(|byte| *byte != 0).unwrap_or(length.len() - 1);
    let length = length.get(significant..).unwrap_or_default();
    let mut bytes = vec![tag];
    if let [short @ 0..=0x7f] = length {
        bytes.push(*short);
    } else {
        bytes.push(0x80 | u8::try_from(length.len()).unwrap_or_default());
        bytes.extend_from_slice(length);
    }
    bytes.extend_from_slice(value);
    bytes
}
