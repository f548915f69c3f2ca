//! AES-256-GCM with nonces of 12 bytes and tags of 16, by `ring`: the one place that seals and opens with it.
//!
//! NIST: SP 800-38D.

use ring::{aead, hkdf};

/// The length of a key, in bytes.
pub const KEY_LENGTH: usize = 32;

/// The length of a nonce, in bytes.
pub const NONCE_LENGTH: usize = aead::NONCE_LEN;

/// The length of a tag, in bytes.
pub const TAG_LENGTH: usize = 16;

/// The text is longer than AES-GCM seals, or does not belong to the key, the nonce and the associated data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsealed;

/// A key that is ready for use. `ring` wipes no key schedules; whoever has the bytes wipes those.
pub struct AesGcm(aead::LessSafeKey);

impl AesGcm {
    /// `None` unless `key` has [`KEY_LENGTH`] bytes.
    #[must_use]
    pub fn new(key: &[u8]) -> Option<Self> {
        let key = aead::UnboundKey::new(&aead::AES_256_GCM, key).ok()?;
        Some(AesGcm(aead::LessSafeKey::new(key)))
    }

    /// A key that is expanded from another.
    pub(super) fn expand(from: &hkdf::Prk, info: &[&[u8]]) -> Result<Self, Unsealed> {
        let key = from.expand(info, &aead::AES_256_GCM).map_err(|_| Unsealed)?;
        Ok(AesGcm(aead::LessSafeKey::new(aead::UnboundKey::from(key))))
    }

    /// Seals a text where it lies, and gives its tag. The caller sees to it that no nonce comes twice.
    ///
    /// # Errors
    /// The text is longer than 64 GiB.
    pub fn seal(
        &self,
        nonce: [u8; NONCE_LENGTH],
        associated: &[u8],
        text: &mut [u8],
    ) -> Result<[u8; TAG_LENGTH], Unsealed> {
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, aead::Aad::from(associated), text);
        tag.map_err(|_| Unsealed)?.as_ref().try_into().map_err(|_| Unsealed)
    }

    /// Opens a sealed text and the tag behind it where they lie, and tells where the text is.
    ///
    /// # Errors
    /// Anything but what was sealed under this key with this nonce and associated data; `sealed` is of no use then.
    pub fn open<'s>(
        &self,
        nonce: [u8; NONCE_LENGTH],
        associated: &[u8],
        sealed: &'s mut [u8],
    ) -> Result<&'s mut [u8], Unsealed> {
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        self.0.open_in_place(nonce, aead::Aad::from(associated), sealed).map_err(|_| Unsealed)
    }
}
