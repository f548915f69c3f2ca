use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process;

use super::error::StoreError;
use super::file;

const LOCK_FILE: &str = "lock";

/// The exclusive right to a data directory, held until dropped or until the process ends, however it ends.
#[derive(Debug)]
pub struct DirLock {
    file: File,
    path: PathBuf,
}

impl DirLock {
    /// Takes the lock, after creating the directory if needed, and writes this process's id into `<dir>/lock`.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while another server, in this process or another, holds it; [`StoreError::Directory`] when the directory cannot be
    /// created or written.
    pub fn acquire(dir: &Path) -> Result<DirLock, StoreError> {
        let unusable = |error| StoreError::Directory { dir: dir.to_owned(), error };
        file::create_private_dir(dir).map_err(unusable)?;
        let path = dir.join(LOCK_FILE);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked { dir: dir.to_owned(), pid: holder(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        write_holder(&mut file).map_err(unusable)?;
        Ok(DirLock { file, path })
    }

    /// The lock file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for DirLock {
    /// The file stays, as removing it could let two servers lock two files of one name; only the id of a process that no longer holds it goes.
    fn drop(&mut self) {
        // Best effort: the lock itself ends with the file handle, and a stale id is never shown while nobody holds the lock.
        let _ = self.file.set_len(0);
    }
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    // An id has at most ten digits.
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", process::id())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_second_server_is_told_who_holds_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("new/data");
        let first = DirLock::acquire(&data).unwrap();
        let refused = DirLock::acquire(&data).unwrap_err();
        assert!(
            matches!(&refused, StoreError::Locked { pid: Some(pid), .. } if *pid == process::id()),
            "{refused:?}"
        );
        let message = refused.to_string();
        assert!(
            message.contains(&format!("process {}", process::id()))
                && message.contains(&data.display().to_string()),
            "{message}"
        );
        drop(first);
        assert_eq!(fs::read_to_string(data.join(LOCK_FILE)).unwrap(), "");
        DirLock::acquire(&data).unwrap();
    }

    #[test]
    fn the_id_of_a_server_that_was_killed_does_not_matter() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(LOCK_FILE), "4294967295\nand more than an id has").unwrap();
        let lock = DirLock::acquire(dir.path()).unwrap();
        assert_eq!(fs::read_to_string(lock.path()).unwrap(), format!("{}\n", process::id()));
    }

    #[test]
    fn a_holder_that_has_not_written_its_id_is_another_process() {
        let dir = tempfile::tempdir().unwrap();
        let file = File::create(dir.path().join(LOCK_FILE)).unwrap();
        file.lock().unwrap();
        assert!(matches!(DirLock::acquire(dir.path()), Err(StoreError::Locked { pid: None, .. })));
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let taken = dir.path().join("file");
        fs::write(&taken, "").unwrap();
        let message = DirLock::acquire(&taken.join("data")).unwrap_err().to_string();
        assert!(message.contains("file/data cannot be used") && message.contains("--data-dir"), "{message}");
    }
}
