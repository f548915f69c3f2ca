//! Keys under keys: data keys under table keys, and table keys under the AWS owned key.

use ring::{digest, hkdf};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::name::{Blob, Incarnation, Structure, TableName};
use super::seal::{self, KEY_LENGTH, SEALS_MAX};
use super::sse::Protector;
use crate::clock::Timestamp;
use crate::crypto::aes_gcm::{AesGcm, NONCE_LENGTH};
use crate::crypto::envelope::canonical_context;
use crate::crypto::{Entropy, Secret};
use crate::ids::{AccountId, Region};

/// A wrapped key did not open, or there were no random bytes to make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WrapError;

/// A table key as it is stored: wrapped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableKey {
    /// Counts the keys that the table has had.
    pub generation: u32,
    /// What it is wrapped under.
    pub protector: Protector,
    /// The table whose name and account are the encryption context.
    pub context: TableName,
    /// The wrapped key.
    pub blob: Blob,
}

/// A data key as it is stored: wrapped under the table key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrappedDataKey {
    /// Names the key within the table.
    pub number: u32,
    /// What it seals.
    pub structure: Structure,
    /// The account of the table that it was made for.
    pub account: AccountId,
    /// The incarnation that it was made for; a restored table has keys of its source.
    pub origin: Incarnation,
    /// How many seals were reserved: at most [`SEALS_MAX`].
    pub reserved: u64,
    /// The wrapped key.
    pub blob: Blob,
}

impl WrappedDataKey {
    /// Makes a key for a structure of a table, wrapped under the table key.
    pub(super) fn make(
        number: u32,
        structure: &Structure,
        account: AccountId,
        origin: Incarnation,
        table_key: &Secret,
        entropy: &dyn Entropy,
    ) -> Result<Self, WrapError> {
        let mut secret = Zeroizing::new(vec![0; KEY_LENGTH]);
        entropy.fill(&mut secret).map_err(|_| WrapError)?;
        let binding = seal::binding(account, origin, structure, number);
        let blob = wrap(table_key.expose(), &binding, secret, entropy)?;
        Ok(WrappedDataKey { number, structure: structure.clone(), account, origin, reserved: 0, blob })
    }

    /// The key in the clear.
    pub(super) fn open(&self, table_key: &Secret) -> Result<Secret, WrapError> {
        unwrap(table_key.expose(), &self.binding(), &self.blob)
    }

    /// The same key under another table key; nothing else changes.
    pub(super) fn rewrap(
        &self,
        old: &Secret,
        new: &Secret,
        entropy: &dyn Entropy,
    ) -> Result<Self, WrapError> {
        let secret = Zeroizing::new(self.open(old)?.expose().to_vec());
        let blob = wrap(new.expose(), &self.binding(), secret, entropy)?;
        Ok(WrappedDataKey { blob, ..self.clone() })
    }

    pub(super) fn binding(&self) -> [u8; 32] {
        seal::binding(self.account, self.origin, &self.structure, self.number)
    }

    /// Whether `seals` more may be reserved.
    pub(super) fn has_room(&self, seals: u64) -> bool {
        self.reserved.saturating_add(seals) <= SEALS_MAX
    }
}

/// Data keys by number, stored as a list: a number is no key of a JSON object, and not every reader takes its text for one.
pub(super) mod by_number {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::WrappedDataKey;

    pub(in crate::at_rest) fn serialize<S: Serializer>(
        keys: &BTreeMap<u32, WrappedDataKey>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(keys.values())
    }

    pub(in crate::at_rest) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<u32, WrappedDataKey>, D::Error> {
        let keys = Vec::<WrappedDataKey>::deserialize(deserializer)?;
        Ok(keys.into_iter().map(|key| (key.number, key)).collect())
    }
}

/// The AWS owned keys: outside every account, so no call of KMS can reach them.
///
/// One secret stands for all of them; every Region and every year has a key of its own, as the service rotates them about
/// yearly without anybody noticing. AWS: DynamoDB developer guide, "AWS owned keys".
pub(super) struct OwnedKeys {
    secret: hkdf::Prk,
}

impl OwnedKeys {
    pub(super) fn new(secret: &Secret) -> Self {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"kms at-rest owned keys v1");
        OwnedKeys { secret: salt.extract(secret.expose()) }
    }

    fn key(&self, region: Region, year: u32) -> Result<Zeroizing<[u8; KEY_LENGTH]>, WrapError> {
        let (region, year) = (region.as_str().as_bytes(), year.to_be_bytes());
        let info = [b"kms at-rest owned key v1", region, &year[..]];
        let okm = self.secret.expand(&info, hkdf::HKDF_SHA256).map_err(|_| WrapError)?;
        let mut key = Zeroizing::new([0; KEY_LENGTH]);
        okm.fill(&mut *key).map_err(|_| WrapError)?;
        Ok(key)
    }

    /// Makes a table key: in the clear, and wrapped.
    pub(super) fn generate(
        &self,
        table: &TableName,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<(Secret, Blob), WrapError> {
        let mut secret = Zeroizing::new(vec![0; KEY_LENGTH]);
        entropy.fill(&mut secret).map_err(|_| WrapError)?;
        let year = u32::try_from(now.0.div_euclid(365 * 86_400_000)).unwrap_or_default();
        let key = self.key(table.scope.region, year)?;
        let wrapped = wrap(&*key, &context_digest(table), secret.clone(), entropy)?;
        Ok((Secret::from(secret), Blob([&year.to_be_bytes()[..], &wrapped.0].concat())))
    }

    /// Opens a wrapped table key.
    pub(super) fn open(&self, table: &TableName, blob: &Blob) -> Result<Secret, WrapError> {
        let (year, wrapped) = blob.0.split_first_chunk::<4>().ok_or(WrapError)?;
        let key = self.key(table.scope.region, u32::from_be_bytes(*year))?;
        unwrap(&*key, &context_digest(table), &Blob(wrapped.to_vec()))
    }
}

fn context_digest(table: &TableName) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, &canonical_context(&table.context())).as_ref());
    bytes
}

/// Nonce, sealed key, tag.
fn wrap(
    under: &[u8],
    binding: &[u8; 32],
    mut secret: Zeroizing<Vec<u8>>,
    entropy: &dyn Entropy,
) -> Result<Blob, WrapError> {
    let nonce: [u8; NONCE_LENGTH] = entropy.array().map_err(|_| WrapError)?;
    let key = AesGcm::new(under).ok_or(WrapError)?;
    let tag = key.seal(nonce, binding, &mut secret).map_err(|_| WrapError)?;
    Ok(Blob([&nonce[..], &secret, &tag].concat()))
}

fn unwrap(under: &[u8], binding: &[u8; 32], blob: &Blob) -> Result<Secret, WrapError> {
    let (nonce, sealed) = blob.0.split_first_chunk::<NONCE_LENGTH>().ok_or(WrapError)?;
    let key = AesGcm::new(under).ok_or(WrapError)?;
    let mut bytes = Zeroizing::new(sealed.to_vec());
    let length = key.open(*nonce, binding, &mut bytes).map_err(|_| WrapError)?.len();
    bytes.truncate(length);
    if length == KEY_LENGTH { Ok(Secret::from(bytes)) } else { Err(WrapError) }
}
