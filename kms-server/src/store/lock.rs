//! One server per data directory.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use super::StoreError;

/// Held for as long as the server runs; the system lets go of it however the process ends.
pub struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Takes the lock of a data directory, which is made if it does not exist.
    ///
    /// # Errors
    /// Another process has it, or the directory cannot be written.
    pub fn acquire(folder: &Path) -> Result<Self, StoreError> {
        let unusable = |error: std::io::Error| {
            StoreError::Unusable(format!(
                "the data directory {} cannot be used: {error}. Choose another with --data-dir, make it writable, or \
                 keep nothing with --memory",
                folder.display()
            ))
        };
        fs::create_dir_all(folder).map_err(unusable)?;
        let path = folder.join("lock");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                return Err(StoreError::Unusable(format!(
                    "another kms-server (process {}) uses the data directory {}. Stop it, or choose another directory \
                     with --data-dir",
                    holder.trim(),
                    folder.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let pid = std::process::id().to_string();
        let written =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(pid.as_bytes()));
        written.map_err(unusable)?;
        Ok(DirectoryLock { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_who_has_the_directory() {
        let folder = tempfile::tempdir().unwrap();
        let first = DirectoryLock::acquire(folder.path()).unwrap();
        let error = DirectoryLock::acquire(folder.path()).err().unwrap().to_string();
        assert!(error.contains(&std::process::id().to_string()), "{error}");
        assert!(error.contains(folder.path().to_str().unwrap()) && error.contains("--data-dir"), "{error}");
        drop(first);
        assert!(DirectoryLock::acquire(folder.path()).is_ok());
    }
}
