use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use super::root_key::RootKeyError;

/// What is known about the stored state after a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The old state stands; the same call may be tried again.
    Unchanged,
    /// Nobody can say what a restart will find, or secrets are left that should be gone: the process must stop.
    Unknown,
}

/// Why a call was refused with nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The disk is full, or the database has as many pages as its limit allows.
    Full,
    /// The file, its directory or its file system cannot be written.
    ReadOnly,
    /// Another process has the database open.
    Busy,
    /// The file system failed a call before anything was committed.
    Io,
    /// SQLite refused for another reason.
    Other,
}

/// Why the store could not do as asked, and what to do about it. No message holds a secret.
#[derive(Debug)]
pub enum StoreError {
    /// Another server holds the data directory.
    Locked {
        /// The data directory.
        dir: PathBuf,
        /// The holder, when its lock file says so.
        pid: Option<u32>,
    },
    /// The data directory cannot be created, locked or written.
    Directory {
        /// The data directory.
        dir: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// There is no database where one is needed.
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file is something else than a database of this server.
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The database is damaged or was altered by something else.
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// A newer server wrote the database.
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// The schema of the database.
        found: i64,
        /// The newest schema that this server knows.
        supported: i64,
    },
    /// The root key is missing, wrong or unreadable.
    RootKey(RootKeyError),
    /// Nothing was changed.
    Refused {
        /// The file; empty for a store in memory.
        path: PathBuf,
        /// Why.
        reason: Refusal,
        /// What SQLite said.
        detail: String,
    },
    /// The batch is durable, but bytes of the secrets that it destroyed are still in the files.
    NotErased {
        /// The file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// The batch may or may not be durable.
    Unknown {
        /// The file; empty for a store in memory.
        path: PathBuf,
        /// What failed.
        detail: String,
    },
    /// The operating system gave no random bytes.
    Entropy,
}

impl StoreError {
    /// What is known about the stored state.
    pub fn outcome(&self) -> Outcome {
        match self {
            StoreError::Corrupt { .. }
            | StoreError::NotADatabase { .. }
            | StoreError::NotErased { .. }
            | StoreError::Unknown { .. } => Outcome::Unknown,
            StoreError::Locked { .. }
            | StoreError::Directory { .. }
            | StoreError::Missing { .. }
            | StoreError::NewerSchema { .. }
            | StoreError::RootKey(_)
            | StoreError::Refused { .. }
            | StoreError::Entropy => Outcome::Unchanged,
        }
    }

    /// The meaning of an SQLite error outside of a commit, that is, one after which a rollback undoes everything.
    pub(super) fn before_commit(path: &Path, error: &rusqlite::Error) -> StoreError {
        let path = path.to_owned();
        let detail = error.to_string();
        let reason = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt) => return StoreError::Corrupt { path, detail },
            Some(ErrorCode::NotADatabase) => return StoreError::NotADatabase { path },
            // Every statement is a constant of this crate: that one does not compile says that a table is not what it was created as.
            Some(ErrorCode::Unknown) | None => return StoreError::Corrupt { path, detail },
            Some(ErrorCode::DiskFull) => Refusal::Full,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                Refusal::ReadOnly
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Refusal::Busy,
            Some(ErrorCode::SystemIoFailure) => Refusal::Io,
            Some(_) => Refusal::Other,
        };
        StoreError::Refused { path, reason, detail }
    }

    /// The meaning of an SQLite error of `COMMIT` itself. A commit that could not get its pages or its lock has not written the commit frame; an I/O
    /// error may have come after the frame and before the sync, and then a restart may find the batch.
    pub(super) fn at_commit(path: &Path, error: &rusqlite::Error) -> StoreError {
        match error.sqlite_error_code() {
            Some(
                ErrorCode::DiskFull
                | ErrorCode::ReadOnly
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked,
            ) => StoreError::before_commit(path, error),
            _ => StoreError::Unknown { path: path.to_owned(), detail: error.to_string() },
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Locked { dir, pid: Some(pid) } => write!(
                f,
                "the data directory {} is in use by process {pid}: stop that server, or give this one another directory with --data-dir",
                dir.display()
            ),
            StoreError::Locked { dir, pid: None } => write!(
                f,
                "the data directory {} is in use by another process: stop that server, or give this one another directory with --data-dir",
                dir.display()
            ),
            StoreError::Directory { dir, error } => write!(
                f,
                "the data directory {} cannot be used: {error}. Make it writable for this user, give another one with --data-dir, or run with --memory",
                dir.display()
            ),
            StoreError::Missing { path } => write!(f, "there is no database at {}: check --data-dir", path.display()),
            StoreError::NotADatabase { path } => write!(
                f,
                "{} is not a database of kms-server, or its first page is damaged. It was left as it is: restore it from a backup, or move it away, or give another directory with --data-dir",
                path.display()
            ),
            StoreError::Corrupt { path, detail } => write!(
                f,
                "the database {} is damaged: {detail}. It was left as it is: copy the whole directory before anything else, then restore it from a backup",
                path.display()
            ),
            StoreError::NewerSchema { path, found, supported } => write!(
                f,
                "the database {} was written by a newer kms-server (its schema is {found}, this server knows up to {supported}). It was left as it is: run the newer server, or give another directory with --data-dir",
                path.display()
            ),
            StoreError::RootKey(error) => error.fmt(f),
            StoreError::Refused { path, reason, detail } => refused(f, path, *reason, detail),
            StoreError::NotErased { path, detail } => write!(
                f,
                "the change is stored, but the destroyed key material could not be erased from {}: {detail}. Free disk space and end whatever else has the file open, then start the server again: it erases at start",
                path.display()
            ),
            StoreError::Unknown { path, detail } => write!(
                f,
                "it is unknown whether the last change was stored{}: {detail}. The server must stop; check the disk, then start it again: it finds the change whole or not at all",
                InFile(path)
            ),
            StoreError::Entropy => f.write_str("the operating system gave no random bytes, and nothing was changed: check its random number generator, then try again"),
        }
    }
}

fn refused(f: &mut fmt::Formatter<'_>, path: &Path, reason: Refusal, detail: &str) -> fmt::Result {
    let place = InFile(path);
    match reason {
        Refusal::Full => {
            write!(
                f,
                "nothing was changed{place}: the disk is full or the database has reached its page limit ({detail}). Free space or raise the limit, then try again"
            )
        }
        Refusal::ReadOnly => {
            write!(
                f,
                "nothing was changed{place}: it cannot be written ({detail}). Make the file and its directory writable for this user, or give another one with --data-dir"
            )
        }
        Refusal::Busy => write!(
            f,
            "nothing was changed{place}: another process has the database open ({detail}). End it, then try again"
        ),
        Refusal::Io => write!(
            f,
            "nothing was changed{place}: the file system failed ({detail}). Check the disk, then try again"
        ),
        Refusal::Other => write!(f, "nothing was changed{place}: {detail}. Report this message"),
    }
}

/// " in <path>", or nothing for a store without a file.
struct InFile<'a>(&'a Path);

impl fmt::Display for InFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.as_os_str().is_empty() { Ok(()) } else { write!(f, " in {}", self.0.display()) }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            StoreError::Directory { error, .. } => Some(error),
            StoreError::RootKey(error) => Some(error),
            _ => None,
        }
    }
}

impl From<RootKeyError> for StoreError {
    fn from(error: RootKeyError) -> StoreError {
        StoreError::RootKey(error)
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    fn sqlite(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some("said".into()))
    }

    #[test]
    fn an_io_error_is_harmless_before_the_commit_and_unknown_in_it() {
        let path = Path::new("/d/kms.db");
        let cases = [
            (ffi::SQLITE_FULL, Outcome::Unchanged, Outcome::Unchanged),
            (ffi::SQLITE_READONLY, Outcome::Unchanged, Outcome::Unchanged),
            (ffi::SQLITE_BUSY, Outcome::Unchanged, Outcome::Unchanged),
            (ffi::SQLITE_LOCKED, Outcome::Unchanged, Outcome::Unchanged),
            (ffi::SQLITE_CANTOPEN, Outcome::Unchanged, Outcome::Unknown),
            (ffi::SQLITE_IOERR, Outcome::Unchanged, Outcome::Unknown),
            (ffi::SQLITE_IOERR_FSYNC, Outcome::Unchanged, Outcome::Unknown),
            (ffi::SQLITE_NOMEM, Outcome::Unchanged, Outcome::Unknown),
            (ffi::SQLITE_CORRUPT, Outcome::Unknown, Outcome::Unknown),
            (ffi::SQLITE_NOTADB, Outcome::Unknown, Outcome::Unknown),
            (ffi::SQLITE_ERROR, Outcome::Unknown, Outcome::Unknown),
        ];
        for (code, before, at) in cases {
            assert_eq!(
                StoreError::before_commit(path, &sqlite(code)).outcome(),
                before,
                "before, code {code}"
            );
            assert_eq!(StoreError::at_commit(path, &sqlite(code)).outcome(), at, "at commit, code {code}");
        }
    }

    #[test]
    fn every_message_names_the_place_and_the_next_step() {
        let path = || PathBuf::from("/d/kms.db");
        let refused = |reason| StoreError::Refused { path: path(), reason, detail: "said".into() };
        let cases = [
            (
                StoreError::Locked { dir: "/d".into(), pid: Some(42) },
                ["/d", "process 42", "stop that server"],
            ),
            (
                StoreError::Locked { dir: "/d".into(), pid: None },
                ["/d", "another process", "stop that server"],
            ),
            (
                StoreError::Directory { dir: "/d".into(), error: io::ErrorKind::ReadOnlyFilesystem.into() },
                ["/d", "read-only", "--memory"],
            ),
            (StoreError::Missing { path: path() }, ["/d/kms.db", "no database", "--data-dir"]),
            (StoreError::NotADatabase { path: path() }, ["/d/kms.db", "left as it is", "restore"]),
            (
                StoreError::Corrupt { path: path(), detail: "said".into() },
                ["/d/kms.db", "said", "restore it from a backup"],
            ),
            (
                StoreError::NewerSchema { path: path(), found: 9, supported: 1 },
                ["/d/kms.db", "its schema is 9", "run the newer server"],
            ),
            (refused(Refusal::Full), ["/d/kms.db", "nothing was changed", "Free space"]),
            (refused(Refusal::ReadOnly), ["/d/kms.db", "nothing was changed", "writable"]),
            (refused(Refusal::Busy), ["/d/kms.db", "nothing was changed", "End it"]),
            (refused(Refusal::Io), ["/d/kms.db", "nothing was changed", "Check the disk"]),
            (refused(Refusal::Other), ["/d/kms.db", "nothing was changed", "Report"]),
            (
                StoreError::NotErased { path: path(), detail: "said".into() },
                ["/d/kms.db", "is stored", "start the server again"],
            ),
            (
                StoreError::Unknown { path: path(), detail: "said".into() },
                ["/d/kms.db", "unknown", "must stop"],
            ),
        ];
        for (error, parts) in cases {
            let message = error.to_string();
            for part in parts {
                assert!(message.contains(part), "{part:?} is not in {message:?}");
            }
        }
    }
}
