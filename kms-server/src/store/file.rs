use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Creates a directory and its parents, for this user only, and leaves an existing one as it is.
pub(super) fn create_private_dir(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Creates an empty file with mode 0600; fails when there is one.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Creates a file with mode 0600 that holds all of `content` or does not exist, even after a power cut. `scratch` names the file beside it that is
/// written first.
///
/// # Errors
/// `AlreadyExists` when there is one: it is never overwritten.
pub(super) fn create_private_whole(path: &Path, scratch: &Path, content: &[u8]) -> io::Result<()> {
    let written = write_scratch(scratch, content).and_then(|()| publish(scratch, path));
    let removed = fs::remove_file(scratch);
    written?;
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    sync_dir(parent(path))
}

fn write_scratch(scratch: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = create_private(scratch)?;
    file.write_all(content)?;
    file.sync_all()
}

/// A hard link fails when the name is taken, which a rename does not; a file system without links gets the rename after a look.
fn publish(scratch: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(scratch, path) {
        Err(error)
            if matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied)
                && !fs::exists(path)? =>
        {
            fs::rename(scratch, path)
        }
        result => result,
    }
}

/// Puts `from` in the place of `to` so that a power cut leaves one or the other.
pub(super) fn replace(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_dir(parent(to))
}

/// Makes names that were created or changed in a directory durable.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(dir)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = dir;
    Ok(())
}

pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

/// `path` with `suffix` behind its name.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The permission bits for group and others, when there are any.
pub(super) fn shared_mode(path: &Path) -> io::Result<Option<u32>> {
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path)?.permissions()) & 0o777;
        Ok((mode & 0o077 != 0).then_some(mode))
    }
    #[cfg(not(unix))]
    fs::metadata(path).map(|_| None)
}
