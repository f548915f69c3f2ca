//! Records under data keys: AES-256-GCM, in the caller's buffer, without an allocation.
//!
//! | Offset | Bytes | Meaning |
//! | --- | --- | --- |
//! | 0 | 1 | version, `01` |
//! | 1 | 4 | big-endian number of the data key within its table |
//! | 5 | 12 | random nonce |
//! | 17 | n | sealed record |
//! | 17 + n | 16 | tag |
//!
//! Associated data is a digest of account, incarnation, structure and number of the data key, then the record's key. The
//! name of the table is no part of it, so that a backup keeps records as they are.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ring::digest;

use super::name::{Incarnation, Structure};
use crate::crypto::aes_gcm::{self, AesGcm, NONCE_LENGTH};
use crate::crypto::{Entropy, Secret};
use crate::ids::AccountId;

/// How many bytes stand before the sealed record.
pub const HEADER_LENGTH: usize = 1 + 4 + NONCE_LENGTH;

/// How many bytes stand behind it.
pub const TAG_LENGTH: usize = aes_gcm::TAG_LENGTH;

/// How much longer a sealed record is.
pub const OVERHEAD: usize = HEADER_LENGTH + TAG_LENGTH;

/// The most records that one data key may ever seal: random nonces of 96 bits repeat too easily beyond.
///
/// NIST SP 800-38D, section 8.3.
pub const SEALS_MAX: u64 = 1 << 32;

/// The length of table keys and data keys, in bytes: AES-256.
pub const KEY_LENGTH: usize = aes_gcm::KEY_LENGTH;

const VERSION: u8 = 1;

/// A record was not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealError {
    /// The key has sealed what it was allowed to: ask the engine for access again.
    Exhausted,
    /// There were no random bytes.
    Entropy,
    /// The buffer has no room for [`OVERHEAD`] bytes.
    Buffer,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SealError::Exhausted => "the data key must not seal more records; ask for access again",
            SealError::Entropy => "the system has no random bytes to give",
            SealError::Buffer => "the buffer is shorter than an empty record",
        })
    }
}

impl std::error::Error for SealError {}

/// The bytes are not a record that these keys sealed under this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenError;

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a record of this table, structure and key")
    }
}

impl std::error::Error for OpenError {}

/// What a data key is bound to, as 32 bytes.
#[must_use]
pub(super) fn binding(
    account: AccountId,
    origin: Incarnation,
    structure: &Structure,
    number: u32,
) -> [u8; 32] {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(b"kms at-rest data key v1");
    hash.update(account.as_str().as_bytes());
    hash.update(origin.as_str().as_bytes());
    hash.update(&number.to_be_bytes());
    hash.update(structure.to_string().as_bytes());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hash.finish().as_ref());
    bytes
}

/// One data key in memory.
///
/// `ring` cannot wipe the key schedule that it derives; the bytes of the key themselves are wiped. The schedule lives no longer
/// than the cache entry that it belongs to, and the handles that were given out.
pub(super) struct DataKey {
    number: u32,
    binding: [u8; 32],
    key: AesGcm,
    /// How many records it may still seal.
    left: AtomicU64,
}

impl DataKey {
    /// A key that may seal `seals` records. `None` unless the secret has [`KEY_LENGTH`] bytes.
    pub(super) fn new(number: u32, binding: [u8; 32], secret: &Secret, seals: u64) -> Option<Self> {
        let key = AesGcm::new(secret.expose())?;
        Some(DataKey { number, binding, key, left: AtomicU64::new(seals) })
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }

    /// Takes away the seals that are left, and tells how many they were.
    pub(super) fn revoke(&self) -> u64 {
        self.left.swap(0, Ordering::Relaxed)
    }

    fn take_seal(&self) -> Result<(), SealError> {
        let take = |left: u64| left.checked_sub(1);
        let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        taken.map(|_| ()).map_err(|_| SealError::Exhausted)
    }
}

/// Record keys up to this length are associated data themselves, longer ones their digest.
const INLINE_MAX: usize = 63;

/// Associated data in a buffer of fixed size.
struct Associated {
    bytes: [u8; 33 + INLINE_MAX],
    length: usize,
}

impl Associated {
    fn new(binding: &[u8; 32], record: &[u8]) -> Self {
        let mut bytes = [0; 33 + INLINE_MAX];
        let (head, tail) = bytes.split_at_mut(32);
        head.copy_from_slice(binding);
        let length = match tail.get_mut(1..=record.len()) {
            Some(room) => {
                room.copy_from_slice(record);
                33 + record.len()
            }
            None => {
                // The first byte tells a digest from a record key, whatever the record key is.
                if let Some((form, room)) = tail.split_first_mut() {
                    *form = 1;
                    let digest = digest::digest(&digest::SHA256, record);
                    room.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
                }
                33 + 32
            }
        };
        Associated { bytes, length }
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// The keys of one structure of a table: one that seals, and all that open. Answers a request for access; it is good for that
/// request only, and must not be kept for later ones.
#[derive(Clone)]
pub struct RecordKeys {
    inner: Arc<Keys>,
}

pub(super) struct Keys {
    pub(super) current: Arc<DataKey>,
    pub(super) others: Vec<Arc<DataKey>>,
    pub(super) entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for RecordKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordKeys({} keys)", 1 + self.inner.others.len())
    }
}

impl RecordKeys {
    pub(super) fn new(keys: Arc<Keys>) -> Self {
        RecordKeys { inner: keys }
    }

    /// Seals a record where it lies: `buffer` is [`HEADER_LENGTH`] bytes of room, the record, and [`TAG_LENGTH`] bytes of room.
    /// `record` is the record's key, which must be given to open it.
    ///
    /// # Errors
    /// [`SealError`]; the buffer is of no use then.
    pub fn seal_in_place(&self, record: &[u8], buffer: &mut [u8]) -> Result<(), SealError> {
        let key = &*self.inner.current;
        let (header, rest) = buffer.split_first_chunk_mut::<HEADER_LENGTH>().ok_or(SealError::Buffer)?;
        let (text, tag_room) = rest.split_last_chunk_mut::<TAG_LENGTH>().ok_or(SealError::Buffer)?;
        key.take_seal()?;
        let mut nonce = [0; NONCE_LENGTH];
        self.inner.entropy.fill(&mut nonce).map_err(|_| SealError::Entropy)?;
        let associated = Associated::new(&key.binding, record);
        let tag = key.key.seal(nonce, associated.bytes(), text).map_err(|_| SealError::Buffer)?;
        let (name, nonce_room) = header.split_at_mut(HEADER_LENGTH - NONCE_LENGTH);
        let [n0, n1, n2, n3] = key.number.to_be_bytes();
        name.copy_from_slice(&[VERSION, n0, n1, n2, n3]);
        nonce_room.copy_from_slice(&nonce);
        tag_room.copy_from_slice(&tag);
        Ok(())
    }

    /// Opens a sealed record where it lies, and tells where within `buffer` the record is.
    ///
    /// # Errors
    /// [`OpenError`] for any other bytes, keys or record key; the buffer is of no use then.
    pub fn open_in_place<'b>(&self, record: &[u8], buffer: &'b mut [u8]) -> Result<&'b mut [u8], OpenError> {
        let (header, text) = buffer.split_first_chunk_mut::<HEADER_LENGTH>().ok_or(OpenError)?;
        let (&[version, n0, n1, n2, n3], nonce) = header.split_first_chunk::<5>().ok_or(OpenError)?;
        if version != VERSION {
            return Err(OpenError);
        }
        let number = u32::from_be_bytes([n0, n1, n2, n3]);
        let keys = &*self.inner;
        let key = if keys.current.number == number {
            &keys.current
        } else {
            keys.others.iter().find(|key| key.number == number).ok_or(OpenError)?
        };
        let nonce = nonce.try_into().map_err(|_| OpenError)?;
        let associated = Associated::new(&key.binding, record);
        key.key.open(nonce, associated.bytes(), text).map_err(|_| OpenError)
    }

    /// Seals `plaintext` into `sealed`, whose bytes are replaced and whose capacity is used again.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal_into(&self, record: &[u8], plaintext: &[u8], sealed: &mut Vec<u8>) -> Result<(), SealError> {
        sealed.clear();
        sealed.reserve(plaintext.len() + OVERHEAD);
        sealed.resize(HEADER_LENGTH, 0);
        sealed.extend_from_slice(plaintext);
        sealed.resize(plaintext.len() + OVERHEAD, 0);
        let result = self.seal_in_place(record, sealed);
        if result.is_err() {
            sealed.clear();
        }
        result
    }

    /// Seals a record.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal(&self, record: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut sealed = Vec::new();
        self.seal_into(record, plaintext, &mut sealed).map(|()| sealed)
    }

    /// Opens a sealed record.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(&self, record: &[u8], sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let mut buffer = sealed.to_vec();
        let length = self.open_in_place(record, &mut buffer)?.len();
        buffer.copy_within(HEADER_LENGTH..HEADER_LENGTH + length, 0);
        buffer.truncate(length);
        Ok(buffer)
    }
}
