//! Import tokens: the private wrapping key, sealed for this installation alone, so that nothing is stored of it. A token is for
//! one key and one algorithm, and lasts for a day of the domain clock.

use std::fmt;

use lifecycle::clock::Timestamp;
use lifecycle::crypto::{Entropy, Secret};
use lifecycle::ids::KeyArn;
use lifecycle::key::{Key, WrappingAlgorithm, WrappingKey, WrappingKeySpec};
use ring::{aead, hmac};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::api::error::KmsError;
use crate::operations::material::internal;

/// What the secret is used for besides; the key of tokens depends on it.
const PURPOSE: &[u8] = b"import tokens";

/// How tokens are put together.
const FORMAT: u8 = 1;

/// How long parameters are valid, in days.
///
/// AWS: KMS API reference, "GetParametersForImport", ParametersValidTo.
const VALID_DAYS: u32 = 1;

/// Seals import tokens and opens them.
pub struct ImportTokenKey(hmac::Tag);

impl fmt::Debug for ImportTokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ImportTokenKey(…)")
    }
}

/// What a token says beside the private key.
#[derive(Serialize, Deserialize)]
struct Head {
    key: KeyArn,
    /// Tells the key from a later one of the same id.
    created_at: Timestamp,
    spec: WrappingKeySpec,
    algorithm: WrappingAlgorithm,
    valid_to: Timestamp,
}

/// A token that was opened.
pub(super) struct ImportToken {
    /// The key that unwraps.
    pub(super) wrapping: WrappingKey,
    /// The token is valid before this instant.
    pub(super) valid_to: Timestamp,
}

impl ImportTokenKey {
    /// The key of an installation's tokens, derived from its secret.
    #[must_use]
    pub fn new(installation_secret: &[u8]) -> Self {
        ImportTokenKey(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, installation_secret), PURPOSE))
    }

    fn sealer(&self) -> Result<aead::LessSafeKey, KmsError> {
        let key = aead::UnboundKey::new(&aead::AES_256_GCM, self.0.as_ref());
        key.map(aead::LessSafeKey::new).map_err(|_| internal())
    }

    /// A token for a key and a wrapping key, and until when it is valid.
    pub(super) fn seal(
        &self,
        key: &Key,
        wrapping: &WrappingKey,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<(Vec<u8>, Timestamp), KmsError> {
        let valid_to = now.plus_days(VALID_DAYS);
        let WrappingKey { spec, algorithm, secret } = wrapping;
        let (spec, algorithm) = (*spec, *algorithm);
        let head = Head { key: key.arn, created_at: key.created_at, spec, algorithm, valid_to };
        let head = serde_json::to_vec(&head).map_err(|_| internal())?;
        let length = u16::try_from(head.len()).map_err(|_| internal())?.to_be_bytes();
        // With room for the tag, so that no copy of the private key is left behind.
        let content = [&length[..], &head, secret.expose()];
        let capacity = content.iter().map(|part| part.len()).sum::<usize>() + aead::MAX_TAG_LEN;
        let mut sealed = Zeroizing::new(Vec::with_capacity(capacity));
        content.iter().for_each(|part| sealed.extend_from_slice(part));
        let nonce: [u8; aead::NONCE_LEN] = entropy.array()?;
        let sealing = self.sealer()?.seal_in_place_append_tag(
            aead::Nonce::assume_unique_for_key(nonce),
            aead::Aad::from([FORMAT]),
            &mut *sealed,
        );
        sealing.map_err(|_| internal())?;
        Ok(([&[FORMAT], &nonce[..], &sealed].concat(), valid_to))
    }

    /// What a token holds; `None` unless this installation has issued it for this key.
    pub(super) fn open(&self, key: &Key, token: &[u8]) -> Option<ImportToken> {
        let (FORMAT, rest) = token.split_first().map(|(format, rest)| (*format, rest))? else { return None };
        let (nonce, sealed) = rest.split_first_chunk::<{ aead::NONCE_LEN }>()?;
        let mut opened = Zeroizing::new(sealed.to_vec());
        let nonce = aead::Nonce::assume_unique_for_key(*nonce);
        let opened = self.sealer().ok()?.open_in_place(nonce, aead::Aad::from([FORMAT]), &mut opened).ok()?;
        let (length, rest) = opened.split_first_chunk::<2>()?;
        let (head, secret) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let head: Head = serde_json::from_slice(head).ok()?;
        if (head.key, head.created_at) != (key.arn, key.created_at) {
            return None;
        }
        let secret = Secret::new(secret.to_vec());
        let wrapping = WrappingKey { spec: head.spec, algorithm: head.algorithm, secret };
        Some(ImportToken { wrapping, valid_to: head.valid_to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lifecycle::crypto::SeededEntropy;
    use lifecycle::managed;
    use proptest::prelude::*;

    fn key(created_at: i64) -> Key {
        let alias = "arn:aws:kms:us-east-1:111122223333:alias/aws/s3".parse().unwrap();
        managed::planned(&alias, Timestamp(created_at)).unwrap()
    }

    fn token() -> (ImportTokenKey, WrappingKey, Vec<u8>) {
        let tokens = ImportTokenKey::new(b"installation");
        let secret = Secret::new(b"private key".to_vec());
        let spec = WrappingKeySpec::Rsa2048;
        let wrapping = WrappingKey { spec, algorithm: WrappingAlgorithm::RsaesOaepSha1, secret };
        let sealed = tokens.seal(&key(1), &wrapping, Timestamp(5), &SeededEntropy::new(1));
        let (sealed, valid_to) = sealed.unwrap();
        assert_eq!(valid_to, Timestamp(5 + 86_400_000));
        (tokens, wrapping, sealed)
    }

    #[test]
    fn a_token_opens_for_its_key_in_its_installation_only() {
        let (tokens, wrapping, sealed) = token();
        assert!(!sealed.windows(11).any(|bytes| bytes == b"private key"));
        let opened = tokens.open(&key(1), &sealed).unwrap();
        assert_eq!((opened.wrapping, opened.valid_to), (wrapping, Timestamp(5).plus_days(1)));
        assert!(tokens.open(&key(2), &sealed).is_none(), "a later key of the same id");
        let other =
            Key { arn: KeyArn { id: lifecycle::ids::KeyId::single_region([9; 16]), ..key(1).arn }, ..key(1) };
        assert!(tokens.open(&other, &sealed).is_none());
        assert!(ImportTokenKey::new(b"another").open(&key(1), &sealed).is_none());
        assert_eq!(format!("{tokens:?}"), "ImportTokenKey(…)");
    }

    proptest! {
        #[test]
        fn an_altered_token_is_none(at: proptest::sample::Index, bit in 0..8_u32) {
            let (tokens, _, mut sealed) = token();
            *at.get_mut(&mut sealed) ^= 1 << bit;
            prop_assert!(tokens.open(&key(1), &sealed).is_none());
            let cut = at.index(sealed.len());
            prop_assert!(tokens.open(&key(1), &sealed[..cut]).is_none());
        }

        #[test]
        fn any_bytes_are_no_token(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(ImportTokenKey::new(b"installation").open(&key(1), &bytes).is_none());
        }
    }
}
