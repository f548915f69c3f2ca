//! TLS: own certificate files, or a development CA made for this data directory.

use std::fmt;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why there is no TLS. Says which file, and what to do.
#[derive(Debug)]
pub struct TlsError(String);

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsError {}

/// The configuration of a server with the certificate chain and the private key of two PEM files.
///
/// # Errors
/// A file cannot be read or holds something else, or the two do not belong together.
pub fn from_files(certificate: &Path, private_key: &Path) -> Result<ServerConfig, TlsError> {
    let unreadable = |path: &Path, error: &dyn fmt::Display| TlsError(format!("{}: {error}", path.display()));
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(certificate, &error))?;
    if chain.is_empty() {
        return Err(unreadable(certificate, &"holds no certificate in PEM form"));
    }
    let key = PrivateKeyDer::from_pem_file(private_key).map_err(|error| unreadable(private_key, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| {
            TlsError(format!("{} and {}: {error}", certificate.display(), private_key.display()))
        })?;
    Ok(config)
}

/// The files of a development CA and the server certificate that it signed.
pub struct Development {
    /// The CA that clients must trust.
    pub ca: PathBuf,
    certificate: PathBuf,
    private_key: PathBuf,
}

impl Development {
    /// Makes a CA and a certificate for localhost, loopback and `address` in `folder`, or takes those of an earlier
    /// start. The CA's private key is not kept: nobody can sign anything else with it.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn in_folder(folder: &Path, address: std::net::IpAddr) -> Result<Self, TlsError> {
        // One folder an address: a certificate for another one would not do.
        let folder = &folder.join(address.to_string().replace(':', "-"));
        let found = Development {
            ca: folder.join("ca.pem"),
            certificate: folder.join("server.pem"),
            private_key: folder.join("server.key"),
        };
        if found.ca.exists() && found.certificate.exists() && found.private_key.exists() {
            return Ok(found);
        }
        let failed = |error: &dyn fmt::Display| {
            TlsError(format!("no development certificate in {}: {error}", folder.display()))
        };
        fs::create_dir_all(folder).map_err(|error| failed(&error))?;
        let (ca, certificate, key) = make(address).map_err(|error| failed(&error))?;
        write(&found.private_key, &key, 0o600).map_err(|error| failed(&error))?;
        write(&found.certificate, &certificate, 0o644).map_err(|error| failed(&error))?;
        write(&found.ca, &ca, 0o644).map_err(|error| failed(&error))?;
        Ok(found)
    }

    /// The configuration of a server with these files.
    ///
    /// # Errors
    /// As [`from_files`].
    pub fn config(&self) -> Result<ServerConfig, TlsError> {
        from_files(&self.certificate, &self.private_key)
    }
}

/// CA, certificate and private key in PEM form.
fn make(address: std::net::IpAddr) -> Result<(String, String, String), rcgen::Error> {
    let named = |name: &str| {
        let mut distinguished = DistinguishedName::new();
        distinguished.push(DnType::CommonName, name);
        distinguished
    };
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.distinguished_name = named("kms-server development CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate()?)?;
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned(), address.to_string()];
    let mut server = CertificateParams::new(names)?;
    server.distinguished_name = named("kms-server");
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &ca)?;
    Ok((ca.pem(), certificate.pem(), key.serialize_pem()))
}

fn write(path: &Path, text: &str, mode: u32) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(mode);
    }
    options.open(path)?.write_all(text.as_bytes())
}
