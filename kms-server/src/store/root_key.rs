use std::error::Error;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use ring::digest::{SHA256, digest};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::file;

const LEN: usize = 32;
const ID_LABEL: &[u8] = b"kms-server root key id v1";
const CHECK_LABEL: &[u8] = b"kms-server root key check v1";
/// More than any spelling of a key needs; a larger file is something else.
const FILE_MAX: u64 = 4096;

/// The key under which every secret in a database is sealed: 32 bytes, wiped when dropped.
#[derive(Clone)]
pub struct RootKey {
    bytes: Zeroizing<[u8; LEN]>,
    id: RootKeyId,
}

/// Names a root key without telling anything about it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RootKeyId([u8; RootKeyId::LEN]);

/// What a database keeps to recognise its root key.
#[derive(Clone, Copy)]
pub(super) struct KeyCheck {
    id: RootKeyId,
    check: [u8; LEN],
}

/// Where the root key comes from.
#[derive(Clone)]
pub enum RootKeySource {
    /// A file. It is created with a new key when the database is new, and never otherwise.
    File(PathBuf),
    /// A value, in base64 or hex, from the setting or variable called `name`.
    Value {
        /// The setting, for messages.
        name: String,
        /// The key.
        text: Zeroizing<String>,
    },
}

/// Why there is no usable root key. No message holds a part of a key.
#[derive(Debug)]
pub enum RootKeyError {
    /// The database exists and the file of its root key does not.
    Missing {
        /// The file.
        path: PathBuf,
        /// The key that the database needs.
        needed: RootKeyId,
    },
    /// The key is not the one that the database is sealed under.
    Wrong {
        /// The file or setting.
        origin: String,
        /// The key that was given.
        given: RootKeyId,
        /// The key that the database needs.
        needed: RootKeyId,
    },
    /// The text or file is not a key.
    Malformed {
        /// The file or setting.
        origin: String,
    },
    /// The file cannot be read or written.
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// A new root key was asked for, and the given one is in use already.
    Unchanged {
        /// The key.
        id: RootKeyId,
    },
    /// The operating system gave no random bytes.
    Entropy,
}

impl RootKey {
    /// A new random key.
    ///
    /// # Errors
    /// [`RootKeyError::Entropy`].
    pub fn generate() -> Result<RootKey, RootKeyError> {
        let mut bytes = Zeroizing::new([0; LEN]);
        SystemRandom::new().fill(bytes.as_mut()).map_err(|_| RootKeyError::Entropy)?;
        Ok(RootKey::new(bytes))
    }

    /// A key from its 32 bytes.
    pub fn from_bytes(bytes: [u8; LEN]) -> RootKey {
        RootKey::new(Zeroizing::new(bytes))
    }

    /// A key from its text: 64 hexadecimal digits, or base64 with or without padding. `origin` names the file or setting in the message.
    ///
    /// # Errors
    /// [`RootKeyError::Malformed`].
    pub fn parse(text: &str, origin: &str) -> Result<RootKey, RootKeyError> {
        let text = text.trim();
        let bytes = if text.len() == 2 * LEN { decode_hex(text) } else { decode_base64(text) };
        bytes.map(RootKey::new).ok_or_else(|| RootKeyError::Malformed { origin: origin.to_owned() })
    }

    /// The key's name, safe to print.
    pub fn id(&self) -> RootKeyId {
        self.id
    }

    fn new(bytes: Zeroizing<[u8; LEN]>) -> RootKey {
        let mut id = [0; RootKeyId::LEN];
        for (to, from) in id.iter_mut().zip(derive(&bytes, ID_LABEL).iter()) {
            *to = *from;
        }
        RootKey { bytes, id: RootKeyId(id) }
    }

    pub(super) fn expose(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    pub(super) fn derive(&self, label: &[u8]) -> Zeroizing<[u8; LEN]> {
        derive(&self.bytes, label)
    }

    pub(super) fn check(&self) -> KeyCheck {
        KeyCheck { id: self.id, check: *self.derive(CHECK_LABEL) }
    }

    fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.bytes.as_ref()))
    }
}

fn derive(bytes: &[u8; LEN], label: &[u8]) -> Zeroizing<[u8; LEN]> {
    let mut derived = Zeroizing::new([0; LEN]);
    let signed = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, bytes), label);
    for (to, from) in derived.iter_mut().zip(signed.as_ref()) {
        *to = *from;
    }
    derived
}

fn decode_hex(text: &str) -> Option<Zeroizing<[u8; LEN]>> {
    let mut bytes = Zeroizing::new([0; LEN]);
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    for (to, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        let [high, low] = pair else { return None };
        *to = digit(high)? << 4 | digit(low)?;
    }
    Some(bytes)
}

fn decode_base64(text: &str) -> Option<Zeroizing<[u8; LEN]>> {
    let engine = if text.ends_with('=') { &STANDARD } else { &STANDARD_NO_PAD };
    let bytes = Zeroizing::new(engine.decode(text).ok()?);
    <[u8; LEN]>::try_from(bytes.as_slice()).ok().map(Zeroizing::new)
}

impl RootKeyId {
    pub(super) const LEN: usize = 8;

    pub(super) fn as_bytes(&self) -> &[u8; RootKeyId::LEN] {
        &self.0
    }
}

impl From<[u8; RootKeyId::LEN]> for RootKeyId {
    fn from(bytes: [u8; RootKeyId::LEN]) -> RootKeyId {
        RootKeyId(bytes)
    }
}

impl KeyCheck {
    /// The id, the check value, and a digest of both: a damaged check must not read as a wrong key.
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let content = [&self.id.0[..], &self.check].concat();
        let sum = digest(&SHA256, &content);
        [&content, sum.as_ref()].concat()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<KeyCheck> {
        let (content, sum) = bytes.split_at_checked(RootKeyId::LEN + LEN)?;
        let (id, check) = content.split_first_chunk()?;
        let whole = digest(&SHA256, content).as_ref() == sum;
        whole.then_some(KeyCheck { id: RootKeyId(*id), check: check.try_into().ok()? })
    }

    pub(super) fn matches(&self, key: &RootKey) -> bool {
        // Public values both: the id names the key, and the check value only excludes that two keys share an id.
        self.id == key.id && self.check == *key.derive(CHECK_LABEL)
    }

    /// The key, if it is the right one.
    pub(super) fn accept(&self, key: RootKey, origin: &str) -> Result<RootKey, RootKeyError> {
        if self.matches(&key) {
            Ok(key)
        } else {
            Err(RootKeyError::Wrong { origin: origin.to_owned(), given: key.id, needed: self.id })
        }
    }
}

impl RootKeySource {
    /// The root key for a new database, creating its file if there is none.
    pub(super) fn provide(&self) -> Result<RootKey, RootKeyError> {
        match self {
            RootKeySource::Value { name, text } => RootKey::parse(text, name),
            RootKeySource::File(path) => read_or_create(path),
        }
    }

    /// The root key for a database that exists. Completes the swap of a key file that a rekey did not live to complete.
    pub(super) fn find(&self, check: &KeyCheck) -> Result<RootKey, RootKeyError> {
        match self {
            RootKeySource::Value { name, text } => check.accept(RootKey::parse(text, name)?, name),
            RootKeySource::File(path) => find_in_file(path, check),
        }
    }
}

fn find_in_file(path: &Path, check: &KeyCheck) -> Result<RootKey, RootKeyError> {
    let current = read(path).and_then(|key| match key {
        Some(key) => check.accept(key, &path.display().to_string()),
        None => Err(RootKeyError::Missing { path: path.to_owned(), needed: check.id }),
    });
    let Err(problem) = current else { return current };
    match read(&next_path(path)) {
        Ok(Some(next)) if check.matches(&next) => {
            swap_in_next(path)?;
            Ok(next)
        }
        _ => Err(problem),
    }
}

/// Where the next root key waits while a rekey is under way.
pub(super) fn next_path(path: &Path) -> PathBuf {
    file::with_suffix(path, ".next")
}

/// Puts the next root key file in the place of the present one.
pub(super) fn swap_in_next(path: &Path) -> Result<(), RootKeyError> {
    file::replace(&next_path(path), path).map_err(|error| RootKeyError::File { path: path.to_owned(), error })
}

/// The key in a file, or a new key in a new file that only its owner can read.
///
/// # Errors
/// The file cannot be read or made, or holds no key.
pub fn read_or_create(path: &Path) -> Result<RootKey, RootKeyError> {
    if let Some(key) = read(path)? {
        return Ok(key);
    }
    let unusable = |error| RootKeyError::File { path: path.to_owned(), error };
    file::create_private_dir(file::parent(path)).map_err(unusable)?;
    let key = RootKey::generate()?;
    let mut text = key.to_base64();
    let mut content = Zeroizing::new(Vec::with_capacity(text.len() + 1));
    content.extend_from_slice(text.as_bytes());
    content.push(b'\n');
    zeroize::Zeroize::zeroize(&mut *text);
    // A name of its own for each attempt: what a killed process left behind holds a key that nothing uses, and must not stop the next one.
    let scratch = file::with_suffix(path, &format!(".{}.tmp", RootKey::generate()?.id()));
    match file::create_private_whole(path, &scratch, &content) {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read(path)?.ok_or_else(|| unusable(error))
        }
        Err(error) => Err(unusable(error)),
    }
}

/// The key in a file, if there is a file. It holds the 32 bytes themselves, or their text.
fn read(path: &Path) -> Result<Option<RootKey>, RootKeyError> {
    let unusable = |error| RootKeyError::File { path: path.to_owned(), error };
    let origin = path.display().to_string();
    match fs::metadata(path) {
        Ok(metadata) if metadata.len() > FILE_MAX => return Err(RootKeyError::Malformed { origin }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Ok(_) => {}
        Err(error) => return Err(unusable(error)),
    }
    let content = Zeroizing::new(fs::read(path).map_err(unusable)?);
    warn_of_shared_file(path);
    if let Ok(bytes) = <[u8; LEN]>::try_from(content.as_slice()) {
        // Thirty-two hexadecimal digits are half a key as text, and not a whole one as bytes.
        let half = content.iter().all(u8::is_ascii_hexdigit);
        return if half {
            Err(RootKeyError::Malformed { origin })
        } else {
            Ok(Some(RootKey::from_bytes(bytes)))
        };
    }
    let text = str::from_utf8(&content).map_err(|_| RootKeyError::Malformed { origin: origin.clone() })?;
    RootKey::parse(text, &origin).map(Some)
}

fn warn_of_shared_file(path: &Path) {
    if let Ok(Some(mode)) = file::shared_mode(path) {
        tracing::warn!(path = %path.display(), mode = %format_args!("{mode:04o}"), "the root key file can be used by others than its owner: chmod 0600 it");
    }
}

/// The permission bits of a root key file when they are wider than 0600; `None` when they are not, and on systems without them.
///
/// # Errors
/// When the file cannot be looked at.
pub fn excess_permissions(path: &Path) -> io::Result<Option<u32>> {
    file::shared_mode(path)
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootKey({}, redacted)", self.id)
    }
}

impl fmt::Display for RootKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for RootKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for RootKeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RootKeySource::File(path) => write!(f, "File({})", path.display()),
            RootKeySource::Value { name, .. } => write!(f, "Value({name}, redacted)"),
        }
    }
}

impl fmt::Display for RootKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RootKeyError::Missing { path, needed } => write!(
                f,
                "the root key file {} is missing, and the database is sealed under root key {needed}. Nothing was changed: put the file back from a backup, or name where it is. Without it the stored keys cannot be opened; to start afresh, move the data directory away",
                path.display()
            ),
            RootKeyError::Wrong { origin, given, needed } => write!(
                f,
                "{origin} holds root key {given}, and the database is sealed under root key {needed}. Nothing was changed: give the right key, or another data directory"
            ),
            RootKeyError::Malformed { origin } => {
                write!(f, "{origin} holds no root key: it must be 32 bytes as base64 or as 64 hexadecimal digits, such as `openssl rand -base64 32` prints")
            }
            RootKeyError::File { path, error } => {
                write!(f, "the root key file {} cannot be used: {error}. Let this user read it, and write its directory when it is to be created or changed", path.display())
            }
            RootKeyError::Unchanged { id } => write!(f, "the database is sealed under root key {id} already: give a new key to change it"),
            RootKeyError::Entropy => f.write_str("the operating system gave no random bytes for a root key: check its random number generator, then try again"),
        }
    }
}

impl Error for RootKeyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            RootKeyError::File { error, .. } => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
