//! The certificates of `serve`: own files, or a development CA whose path is told.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use lifecycle::crypto::{Entropy as _, SystemEntropy};
use lifecycle::ids::hex;

use super::{Failed, print_line};
use crate::config::{Config, Tls};
use crate::engine::wall;
use crate::http;

/// TLS as configured, and what must be kept for as long as it is served.
pub(super) fn of(config: &Config) -> Result<(Option<rustls::ServerConfig>, Option<Temporary>), Failed> {
    let (certificate, key) =
        match (config.server.tls, &config.server.tls_certificate, &config.server.tls_private_key) {
            (Tls::Off, ..) => return Ok((None, None)),
            (Tls::On, Some(certificate), Some(key)) => (certificate, key),
            (Tls::On, ..) => return development(config).map(|(tls, made)| (Some(tls), made)),
        };
    let tls = http::tls::load(certificate, key).map_err(Failed::usage)?;
    Ok((Some(tls), None))
}

fn development(config: &Config) -> Result<(rustls::ServerConfig, Option<Temporary>), Failed> {
    let made = match config.storage.memory {
        true => Some(Temporary::make().map_err(Failed::data)?),
        false => None,
    };
    let folder = made.as_ref().map_or(config.storage.data_dir.as_path(), Temporary::path);
    let now = jiff::Timestamp::from_millisecond(wall::now().0).map_err(Failed::data)?;
    let development = http::tls::development(&folder.join("tls"), config.server.address, now);
    let development = development.map_err(Failed::data)?;
    print_line(&format!("clients must trust the development CA in {}", development.ca.display()))?;
    Ok((development.config, made))
}

/// A directory of this process alone, removed on drop. Its name cannot be guessed and it must not exist before, because
/// everybody may write where it is made.
pub(super) struct Temporary(PathBuf);

impl Temporary {
    fn make() -> Result<Self, String> {
        let mut random = [0; 8];
        SystemEntropy::new().fill(&mut random).map_err(|error| error.to_string())?;
        let path = std::env::temp_dir().join(format!("kms-server-{}", hex(&random)));
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let made: io::Result<()> = builder.create(&path);
        made.map_err(|error| format!("the directory {} cannot be made: {error}", path.display()))?;
        Ok(Temporary(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, "the temporary directory {} is left behind", self.0.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_directory_is_its_owners_and_goes_with_its_files() {
        let temporary = Temporary::make().unwrap();
        let path = temporary.path().to_owned();
        fs::create_dir(path.join("tls")).unwrap();
        fs::write(path.join("tls/ca.pem"), "x").unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        }
        assert_ne!(Temporary::make().unwrap().path(), path);
        drop(temporary);
        assert!(!path.exists());
    }
}
