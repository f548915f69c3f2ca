//! Reads text files of bounded length, for settings and seeds.

use super::load::{ConfigError, FILE_BYTES_MAX, FlagValue, Loaded, SettingsFile};
use super::{Config, Environment, FILE_VARIABLE};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

impl Config {
    /// Reads the settings file, if `--config` (given as `path`) or `KMS_SERVER_CONFIG` names one, and layers it with the rest.
    ///
    /// # Errors
    /// The file cannot be read, or what [`Config::load`] refuses.
    pub fn read(
        path: Option<&Path>,
        environment: &Environment,
        flags: &[FlagValue],
    ) -> Result<Loaded, ConfigError> {
        let path =
            path.map(Path::to_path_buf).or_else(|| environment.value(FILE_VARIABLE).map(PathBuf::from));
        let Some(path) = path else { return Self::load(None, environment, flags) };
        let name = path.display().to_string();
        let text = read_text(&path, FILE_BYTES_MAX).map_err(|error| {
            ConfigError::one(format!("{name}: the settings file cannot be read: {error}"))
        })?;
        Self::load(Some(SettingsFile { name: &name, text: &text }), environment, flags)
    }
}

/// Reads a text file of at most `bytes_max` bytes.
///
/// # Errors
/// The file cannot be read, is longer, or is not UTF-8.
pub fn read_text(path: &Path, bytes_max: usize) -> io::Result<String> {
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let mut text = String::new();
    File::open(path)?.take(limit.saturating_add(1)).read_to_string(&mut text)?;
    if text.len() > bytes_max {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it has more than {bytes_max} bytes"),
        ));
    }
    Ok(text)
}
