//! Certificates for HTTPS: the user's own, or a development CA and a server certificate that it signs.
//!
//! The development CA lives in the data directory and outlives its server certificates, so a client trusts it once.
//! Its name constraints let it vouch for `localhost` and for addresses only: whoever steals its key cannot pose
//! as a site on the internet.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, SanType,
};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{RootCertStore, ServerConfig};
use zeroize::Zeroizing;

/// Certificates begin a day early, for clients whose clock is behind.
const SKEW: SignedDuration = SignedDuration::from_hours(24);

/// The longest validity that macOS and iOS accept from a CA that the user added is 825 days.
const SERVER_VALIDITY: SignedDuration = SignedDuration::from_hours(24 * 397);
const CA_VALIDITY: SignedDuration = SignedDuration::from_hours(24 * 3_650);

/// A certificate with less than this left is replaced at the next start.
const MARGIN: SignedDuration = SignedDuration::from_hours(24 * 30);

const CA: &str = "ca.pem";
const CA_KEY: &str = "ca-key.pem";
const SERVER: &str = "server.pem";
const SERVER_KEY: &str = "server-key.pem";

/// Why there is no TLS configuration; the text names the file.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    Read(PathBuf, io::Error),
    /// A file or directory cannot be written.
    Write(PathBuf, io::Error),
    /// A file holds no certificate, or no private key, in PEM form.
    Pem(PathBuf, &'static str, String),
    /// The certificate chain in the first file does not go with the key in the second, or is of no use to a server.
    Unusable(PathBuf, PathBuf, rustls::Error),
    /// A development certificate cannot be made.
    Generate(rcgen::Error),
    /// The present is out of the range of certificates.
    Clock(Timestamp),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsError::Read(path, source) => write!(f, "cannot read {}: {source}", path.display()),
            TlsError::Write(path, source) => write!(f, "cannot write {}: {source}", path.display()),
            TlsError::Pem(path, wanted, found) => {
                write!(f, "{} holds no PEM {wanted}: {found}", path.display())
            }
            TlsError::Unusable(certificate, key, source) => {
                let (certificate, key) = (certificate.display(), key.display());
                write!(f, "cannot serve TLS with the certificate {certificate} and the key {key}: {source}")
            }
            TlsError::Generate(source) => write!(f, "cannot make a development certificate: {source}"),
            TlsError::Clock(now) => write!(f, "cannot make a development certificate at {now}"),
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            TlsError::Read(_, source) | TlsError::Write(_, source) => Some(source),
            TlsError::Unusable(_, _, source) => Some(source),
            TlsError::Generate(source) => Some(source),
            TlsError::Pem(..) | TlsError::Clock(_) => None,
        }
    }
}

/// A configuration with a development certificate.
#[derive(Clone, Debug)]
pub struct Development {
    /// For [`super::actix::Options::tls`].
    pub config: ServerConfig,
    /// The CA's certificate, for `AWS_CA_BUNDLE` and the like.
    pub ca: PathBuf,
}

/// Loads a certificate chain, the server's own first, and its private key (PKCS #8, PKCS #1 or SEC 1), both PEM.
///
/// # Errors
/// A file is missing or not PEM, or the two do not belong together.
pub fn load(certificate: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
    let chain = chain(certificate)?;
    let der = PrivateKeyDer::from_pem_slice(&read(key)?)
        .map_err(|problem| TlsError::Pem(key.to_owned(), "private key", told(&problem)))?;
    let unusable = |source| TlsError::Unusable(certificate.to_owned(), key.to_owned(), source);
    // The server adds the ALPN protocols that it speaks, `h2` and `http/1.1`.
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, der)
        .map_err(unusable)
}

/// Takes the development CA and server certificate from `directory`, making what is missing, unusable, about to
/// expire at `now` (the wall clock's), or not valid for `address`, the address to bind.
///
/// Certificates are readable by all (0644), keys by the owner alone (0600).
///
/// # Errors
/// The directory cannot be read or written.
pub fn development(directory: &Path, address: IpAddr, now: Timestamp) -> Result<Development, TlsError> {
    make_directory(directory)?;
    let ca = directory.join(CA);
    let (certificate, key) = (directory.join(SERVER), directory.join(SERVER_KEY));
    let names = names(address);
    let issuer = match stored_issuer(directory, now) {
        Some(issuer) => issuer,
        None => make_issuer(directory, now)?,
    };
    if trusted(&ca, &certificate, &names, now)
        && let Ok(config) = load(&certificate, &key)
    {
        restrict(&key)?;
        return Ok(Development { config, ca });
    }
    make_server(directory, &issuer, names, now)?;
    Ok(Development { config: load(&certificate, &key)?, ca })
}

/// What clients call the server: loopback in all its forms, and the bound address unless that is every address.
fn names(address: IpAddr) -> Vec<SanType> {
    let mut names =
        vec![SanType::IpAddress(Ipv4Addr::LOCALHOST.into()), SanType::IpAddress(Ipv6Addr::LOCALHOST.into())];
    if let Ok(localhost) = "localhost".try_into() {
        names.insert(0, SanType::DnsName(localhost));
    }
    let bound = SanType::IpAddress(address.to_canonical());
    if !address.is_unspecified() && !names.contains(&bound) {
        names.push(bound);
    }
    names
}

/// Asks what a client asks: whether the certificate holds for every name, now and for a while.
fn trusted(ca: &Path, certificate: &Path, names: &[SanType], now: Timestamp) -> bool {
    let check = || {
        let mut roots = RootCertStore::empty();
        roots.add(chain(ca).ok()?.into_iter().next()?).ok()?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().ok()?;
        let chain = chain(certificate).ok()?;
        let (own, rest) = chain.split_first()?;
        for at in [now, now.checked_add(MARGIN).ok()?] {
            let at = UnixTime::since_unix_epoch(Duration::from_secs(at.as_second().try_into().ok()?));
            for name in names {
                let name = match name {
                    SanType::IpAddress(address) => ServerName::from(*address),
                    SanType::DnsName(name) => ServerName::try_from(name.as_str()).ok()?,
                    _ => return None,
                };
                verifier.verify_server_cert(own, rest, &name, &[], at).ok()?;
            }
        }
        Some(())
    };
    check().is_some()
}

/// The stored CA as an issuer; none if it must be made anew.
fn stored_issuer(directory: &Path, now: Timestamp) -> Option<Issuer<'static, KeyPair>> {
    let key_path = directory.join(CA_KEY);
    let key = KeyPair::from_pem(std::str::from_utf8(&read(&key_path).ok()?).ok()?).ok()?;
    let certificate = chain(&directory.join(CA)).ok()?.into_iter().next()?;
    // A CA must outlive what it signs.
    let needed = now.checked_add(SERVER_VALIDITY).ok()?;
    let holds = validity(&certificate).is_some_and(|(from, until)| from <= now && needed <= until);
    let public = key.public_key_raw();
    let own = certificate.windows(public.len()).any(|bytes| bytes == public);
    restrict(&key_path).ok()?;
    (holds && own).then(|| Issuer::new(ca_params(&key), key))
}

fn make_issuer(directory: &Path, now: Timestamp) -> Result<Issuer<'static, KeyPair>, TlsError> {
    let key = KeyPair::generate().map_err(TlsError::Generate)?;
    let mut params = ca_params(&key);
    limit(&mut params, now, CA_VALIDITY)?;
    let certificate = params.self_signed(&key).map_err(TlsError::Generate)?;
    write(&directory.join(CA_KEY), &Zeroizing::new(key.serialize_pem()), Access::Owner)?;
    write(&directory.join(CA), &certificate.pem(), Access::All)?;
    Ok(Issuer::new(params, key))
}

/// The name ends in a part of the key's digest: clients that trust an older CA of this server tell the two apart.
fn ca_params(key: &KeyPair) -> CertificateParams {
    let digest = ring::digest::digest(&ring::digest::SHA256, key.public_key_raw());
    let suffix: String = digest.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let mut params = CertificateParams::default();
    params.distinguished_name = named(&format!("kms-server development CA {suffix}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![
            GeneralSubtree::DnsName("localhost".to_owned()),
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([0; 4], 0)),
            GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix([0; 16], 0)),
        ],
        excluded_subtrees: Vec::new(),
    });
    params
}

fn make_server(
    directory: &Path,
    issuer: &Issuer<'static, KeyPair>,
    names: Vec<SanType>,
    now: Timestamp,
) -> Result<(), TlsError> {
    let key = KeyPair::generate().map_err(TlsError::Generate)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = named("kms-server");
    params.subject_alt_names = names;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    limit(&mut params, now, SERVER_VALIDITY)?;
    let certificate = params.signed_by(&key, issuer).map_err(TlsError::Generate)?;
    write(&directory.join(SERVER_KEY), &Zeroizing::new(key.serialize_pem()), Access::Owner)?;
    write(&directory.join(SERVER), &certificate.pem(), Access::All)
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

/// Sets the validity in whole days, as rcgen takes it.
fn limit(params: &mut CertificateParams, now: Timestamp, validity: SignedDuration) -> Result<(), TlsError> {
    let day = |at: Result<Timestamp, jiff::Error>| {
        let date = TimeZone::UTC.to_datetime(at.ok()?).date();
        // The years that X.509 can write.
        let known = (1950..=9999).contains(&date.year());
        known.then(|| {
            rcgen::date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
        })
    };
    params.not_before = day(now.checked_sub(SKEW)).ok_or(TlsError::Clock(now))?;
    params.not_after = day(now.checked_add(validity)).ok_or(TlsError::Clock(now))?;
    Ok(())
}

/// The validity of a certificate in DER: rustls does not check that of a CA, but other clients do.
// RFC 5280, section 4.1
fn validity(certificate: &[u8]) -> Option<(Timestamp, Timestamp)> {
    const VERSION: u8 = 0xa0;
    let (_, certificate, _) = element(certificate)?;
    let (_, mut rest, _) = element(certificate)?;
    if let (VERSION, _, after) = element(rest)? {
        rest = after;
    }
    // Serial number, signature algorithm and issuer come before.
    for _ in 0..3 {
        rest = element(rest)?.2;
    }
    let (_, validity, _) = element(rest)?;
    let (tag, from, rest) = element(validity)?;
    let (until_tag, until, _) = element(rest)?;
    Some((time(tag, from)?, time(until_tag, until)?))
}

/// Splits DER into the first element's tag and content, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn time(tag: u8, content: &[u8]) -> Option<Timestamp> {
    const UTC_TIME: u8 = 0x17;
    const GENERALIZED_TIME: u8 = 0x18;
    let text = std::str::from_utf8(content).ok()?;
    let text = match tag {
        UTC_TIME => format!("{}{text}", if text < "50" { "20" } else { "19" }),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let at = jiff::civil::DateTime::strptime("%Y%m%d%H%M%SZ", text).ok()?;
    TimeZone::UTC.to_timestamp(at).ok()
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let not_pem = |found: String| TlsError::Pem(path.to_owned(), "certificate", found);
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(not_pem(told(&pem::Error::NoItemsFound))),
        Ok(chain) => Ok(chain),
        Err(problem) => Err(not_pem(told(&problem))),
    }
}

fn told(problem: &pem::Error) -> String {
    match problem {
        pem::Error::NoItemsFound => "it has no such section".to_owned(),
        pem::Error::MissingSectionEnd { end_marker } => {
            format!("its section has no END {} line", String::from_utf8_lossy(end_marker))
        }
        other => other.to_string(),
    }
}

/// Reads a file that may hold a key, up to a size that no chain reaches.
fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    const BYTES_MAX: u64 = 1 << 20;
    let mut contents = Zeroizing::new(Vec::new());
    File::open(path)
        .and_then(|file| file.take(BYTES_MAX).read_to_end(&mut contents))
        .map_err(|source| TlsError::Read(path.to_owned(), source))?;
    Ok(contents)
}

/// Who may read a file.
#[derive(Clone, Copy)]
enum Access {
    All,
    Owner,
}

fn make_directory(directory: &Path) -> Result<(), TlsError> {
    fs::create_dir_all(directory).map_err(|source| TlsError::Write(directory.to_owned(), source))
}

/// Writes a file beside and renames it: nobody sees a half-written one, nor a key with the wrong mode.
fn write(path: &Path, contents: &str, access: Access) -> Result<(), TlsError> {
    let staged = path.with_extension("new");
    let write = || {
        match fs::remove_file(&staged) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&staged)?;
        file.write_all(contents.as_bytes())?;
        #[cfg(unix)]
        if let Access::All = access {
            file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
        }
        file.sync_all()?;
        fs::rename(&staged, path)
    };
    write().map_err(|source| TlsError::Write(path.to_owned(), source))
}

/// Takes back what others may do with a stored key.
fn restrict(key: &Path) -> Result<(), TlsError> {
    #[cfg(unix)]
    fs::set_permissions(key, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .map_err(|source| TlsError::Write(key.to_owned(), source))?;
    Ok(())
}

#[cfg(test)]
mod tests;
