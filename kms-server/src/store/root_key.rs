//! The root key: 32 bytes that seal everything secret in the database.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lifecycle::crypto::{Entropy, Secret};
use ring::hkdf;

/// The length of a root key in bytes.
const ROOT_KEY_LENGTH: usize = 32;

/// What is stored so that a wrong root key is recognised before anything is opened with it.
pub(super) const CHECK_LENGTH: usize = 32;

/// A root key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootKey(Secret);

/// Why there is no root key.
#[derive(Debug)]
pub struct RootKeyError(String);

impl fmt::Display for RootKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RootKeyError {}

impl RootKey {
    /// A new key.
    ///
    /// # Errors
    /// There are no random bytes.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, RootKeyError> {
        let bytes = entropy.array::<ROOT_KEY_LENGTH>().map_err(|error| RootKeyError(error.to_string()))?;
        Ok(RootKey(Secret::new(bytes.to_vec())))
    }

    /// Reads a key from text: 32 bytes in base64, or 64 hexadecimal digits. White space around it is ignored.
    ///
    /// # Errors
    /// The text is neither.
    pub fn parse(text: &str) -> Result<Self, RootKeyError> {
        let text = text.trim();
        let from_hex = || {
            let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
            pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect::<Option<Vec<u8>>>()
        };
        let bytes = match text.len() {
            64 => from_hex(),
            _ => STANDARD.decode(text).ok(),
        };
        let bytes = bytes.filter(|bytes| bytes.len() == ROOT_KEY_LENGTH).ok_or_else(|| {
            RootKeyError(
                "a root key is 32 bytes, as 44 characters of base64 or 64 hexadecimal digits".to_owned(),
            )
        })?;
        Ok(RootKey(Secret::new(bytes)))
    }

    /// The bytes that seal.
    pub(super) fn secret(&self) -> &Secret {
        &self.0
    }

    /// A value that tells nothing about the key but whether it is the same one.
    pub(super) fn check(&self) -> [u8; CHECK_LENGTH] {
        let mut check = [0; CHECK_LENGTH];
        let prk = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, self.0.expose());
        let info: [&[u8]; 1] = [b"kms-server root key check v1"];
        if let Ok(okm) = prk.expand(&info, hkdf::HKDF_SHA256) {
            let _ = okm.fill(&mut check);
        }
        check
    }

    fn to_text(&self) -> zeroize::Zeroizing<String> {
        zeroize::Zeroizing::new(format!("{}\n", STANDARD.encode(self.0.expose())))
    }
}

/// A root key in a file.
#[derive(Clone, Debug)]
pub struct RootKeyFile(PathBuf);

impl RootKeyFile {
    /// Names the file.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        RootKeyFile(path)
    }

    /// The file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Reads the key.
    ///
    /// # Errors
    /// The file is missing, unreadable or holds no key.
    pub fn read(&self) -> Result<RootKey, RootKeyError> {
        let text = fs::read_to_string(&self.0).map(zeroize::Zeroizing::new).map_err(|error| {
            RootKeyError(format!(
                "the root key file {} cannot be read: {error}. The database cannot be opened without it: put the file \
                 back, or name it with --root-key-file",
                self.0.display()
            ))
        })?;
        RootKey::parse(&text).map_err(|error| RootKeyError(format!("{}: {error}", self.0.display())))
    }

    /// Writes a new file that only its owner can read. An existing one is never overwritten.
    ///
    /// # Errors
    /// The file exists or cannot be written.
    pub fn create(&self, key: &RootKey) -> Result<(), RootKeyError> {
        let failed = |error: std::io::Error| {
            RootKeyError(format!("the root key file {} cannot be written: {error}", self.0.display()))
        };
        if let Some(folder) = self.0.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        let mut file = options.open(&self.0).map_err(failed)?;
        file.write_all(key.to_text().as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        self.sync_folder();
        Ok(())
    }

    /// Whether others than the owner may read the file.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::metadata(&self.0).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
        }
        #[cfg(not(unix))]
        false
    }

    /// The file that holds the next key while a change of root key is under way.
    pub(super) fn next(&self) -> RootKeyFile {
        let mut name = self.0.clone().into_os_string();
        name.push(".next");
        RootKeyFile(name.into())
    }

    /// Puts the next key in the place of this one.
    pub(super) fn finish_change(&self) -> Result<(), RootKeyError> {
        fs::rename(self.next().path(), &self.0)
            .map_err(|error| RootKeyError(format!("{} cannot be replaced: {error}", self.0.display())))?;
        self.sync_folder();
        Ok(())
    }

    /// Makes the directory entry durable; where that is not possible the file itself still is.
    fn sync_folder(&self) {
        let folder = self.0.parent().filter(|folder| !folder.as_os_str().is_empty());
        let _ = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lifecycle::crypto::SeededEntropy;

    #[test]
    fn a_key_is_read_in_both_notations_and_nothing_else() {
        let hex = RootKey::parse(&"0f".repeat(32)).unwrap();
        assert_eq!(RootKey::parse(&format!(" {}\n", STANDARD.encode([0x0f; 32]))).unwrap(), hex);
        for text in ["", "0f", &"0f".repeat(31), &"xx".repeat(32), &STANDARD.encode([1; 31])] {
            assert!(RootKey::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_is_private_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let file = RootKeyFile::new(folder.path().join("deep/root.key"));
        let key = RootKey::generate(&SeededEntropy::new(1)).unwrap();
        file.create(&key).unwrap();
        assert_eq!(file.read().unwrap(), key);
        assert!(!file.is_exposed());
        assert!(file.create(&key).is_err());
        assert_eq!(format!("{key:?}"), "RootKey(Secret(32 bytes))");
    }

    #[test]
    fn the_check_tells_keys_apart() {
        let key = |seed| RootKey::generate(&SeededEntropy::new(seed)).unwrap();
        assert_eq!(key(1).check(), key(1).check());
        assert_ne!(key(1).check(), key(2).check());
        assert_ne!(&key(1).check()[..], key(1).secret().expose());
    }
}
