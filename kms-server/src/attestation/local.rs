//! A Nitro system for local work: a root of its own, and the documents that its enclaves get.
//!
//! A server that trusts such a root believes whoever has its key.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use lifecycle::clock::WallTime;
use lifecycle::crypto::Secret;
use lifecycle::ids::hex;
use minicbor::Encoder;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P384_SHA384,
};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use zeroize::Zeroizing;

use super::Platform;
use super::document::{ES384, signed};

const YEAR: Duration = Duration::from_secs(365 * 86_400);
const DAY: Duration = Duration::from_secs(86_400);
/// AWS: the certificate of an enclave holds for three hours.
const SIGNER_VALIDITY: Duration = Duration::from_secs(3 * 3_600);

/// Longest user data, and longest nonce, in bytes.
// AWS: "Nitro Enclaves attestation process", the definition of `user_data`.
pub const DATA_BYTES_MAX: usize = 1_024;

/// The maker of attestation documents below a root of its own.
pub struct LocalNitro {
    root: Issuer<'static, KeyPair>,
    certificate: Vec<u8>,
    pem: String,
}

/// What a document says.
#[derive(Clone, Debug)]
pub struct Claims<'a> {
    /// The enclave, such as `i-1234567890abcdef0-enc0123456789abcdef`.
    pub module_id: &'a str,
    /// What measured it.
    pub platform: Platform,
    /// The measurements by register: 48 bytes each, as of SHA-384.
    pub pcrs: &'a BTreeMap<u8, Vec<u8>>,
    /// The public key as SubjectPublicKeyInfo. KMS accepts no document without one.
    pub public_key: Option<&'a [u8]>,
    /// Whatever the enclave adds, up to [`DATA_BYTES_MAX`] bytes. KMS does not look at it.
    pub user_data: Option<&'a [u8]>,
    /// What the enclave was asked to repeat, up to as many bytes. KMS does not look at it either.
    pub nonce: Option<&'a [u8]>,
    /// When it is made.
    pub timestamp: WallTime,
}

/// No certificate, key or signature could be made.
#[derive(Debug)]
pub struct LocalNitroError(String);

impl fmt::Display for LocalNitroError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LocalNitroError {}

impl From<rcgen::Error> for LocalNitroError {
    fn from(error: rcgen::Error) -> Self {
        LocalNitroError(error.to_string())
    }
}

/// Who signs a document, and the certificates of those who vouch for that.
pub(super) struct Signer {
    key: EcdsaKeyPair,
    pub(super) certificate: Vec<u8>,
    /// The root's first.
    pub(super) chain: Vec<Vec<u8>>,
}

impl LocalNitro {
    /// A new root, which holds for 30 years.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn new(now: WallTime) -> Result<Self, LocalNitroError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)?;
        let params = ca(&root_name(&key), now, 30 * YEAR);
        let certificate = params.self_signed(&key)?;
        Ok(LocalNitro {
            pem: certificate.pem(),
            certificate: certificate.der().to_vec(),
            root: Issuer::new(params, key),
        })
    }

    /// A root that was made before, from its certificate and its private key in PEM.
    ///
    /// # Errors
    /// They are malformed.
    pub fn from_pem(certificate: &str, key: &Secret) -> Result<Self, LocalNitroError> {
        use rustls::pki_types::CertificateDer;
        use rustls::pki_types::pem::PemObject;
        let malformed = |error: &dyn fmt::Display| LocalNitroError(error.to_string());
        let key = std::str::from_utf8(key.expose()).map_err(|error| malformed(&error))?;
        let key = KeyPair::from_pem(key)?;
        let der =
            CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(|error| malformed(&error))?;
        // Only name and usage matter to what is issued.
        let params = ca(&root_name(&key), WallTime(0), YEAR);
        Ok(LocalNitro {
            pem: certificate.to_owned(),
            certificate: der.to_vec(),
            root: Issuer::new(params, key),
        })
    }

    /// The root's certificate, for the setting `attestation.root`.
    #[must_use]
    pub fn root_pem(&self) -> &str {
        &self.pem
    }

    /// The root's private key in PEM.
    #[must_use]
    pub fn key_pem(&self) -> Secret {
        Secret::new(Zeroizing::new(self.root.key().serialize_pem()).as_bytes().to_vec())
    }

    /// A document, signed below the root by whoever is certified from `issued_at` on, for three hours.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn document(&self, claims: &Claims<'_>, issued_at: WallTime) -> Result<Vec<u8>, LocalNitroError> {
        let signer = self.signer(issued_at)?;
        signer.sign(&signer.payload(claims))
    }

    pub(super) fn signer(&self, now: WallTime) -> Result<Signer, LocalNitroError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)?;
        let params = ca("kms-server local Nitro zone", now, 30 * DAY);
        let zone = params.signed_by(&key, &self.root)?.der().to_vec();
        let zone_issuer = Issuer::new(params, key);

        let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)?;
        let mut params = named("kms-server local enclave", now, SIGNER_VALIDITY);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let certificate = params.signed_by(&key, &zone_issuer)?.der().to_vec();
        let document = Zeroizing::new(key.serialize_der());
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &document, &SystemRandom::new());
        let key = key.map_err(|error| LocalNitroError(error.to_string()))?;
        Ok(Signer { key, certificate, chain: vec![self.certificate.clone(), zone] })
    }
}

impl Signer {
    /// The payload of a document.
    pub(super) fn payload(&self, claims: &Claims<'_>) -> Vec<u8> {
        encoded(|cbor| {
            cbor.map(9)?.str("module_id")?.str(claims.module_id)?.str("digest")?.str("SHA384")?;
            cbor.str("timestamp")?.u64(u64::try_from(claims.timestamp.0).unwrap_or_default())?;
            cbor.str(match claims.platform {
                Platform::Enclave => "pcrs",
                Platform::NitroTpm => "nitrotpm_pcrs",
            })?;
            cbor.map(claims.pcrs.len() as u64)?;
            for (index, value) in claims.pcrs {
                cbor.u8(*index)?.bytes(value)?;
            }
            cbor.str("certificate")?.bytes(&self.certificate)?;
            cbor.str("cabundle")?.array(self.chain.len() as u64)?;
            for issuer in &self.chain {
                cbor.bytes(issuer)?;
            }
            for (name, value) in
                [("public_key", claims.public_key), ("user_data", claims.user_data), ("nonce", claims.nonce)]
            {
                cbor.str(name)?;
                match value {
                    Some(value) => cbor.bytes(value)?,
                    None => cbor.null()?,
                };
            }
            Ok(())
        })
    }

    /// A message with this payload.
    pub(super) fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, LocalNitroError> {
        let signature = self.key.sign(&SystemRandom::new(), &signed(ES384, payload));
        let signature = signature.map_err(|error| LocalNitroError(error.to_string()))?;
        Ok(message(ES384, payload, signature.as_ref()))
    }
}

/// A COSE_Sign1 message without headers that are not protected.
pub(super) fn message(protected: &[u8], payload: &[u8], signature: &[u8]) -> Vec<u8> {
    encoded(|cbor| {
        cbor.array(4)?.bytes(protected)?.map(0)?.bytes(payload)?.bytes(signature)?;
        Ok(())
    })
}

/// Writes CBOR to a vector, which takes everything.
pub(super) fn encoded(
    write: impl FnOnce(&mut Encoder<Vec<u8>>) -> Result<(), minicbor::encode::Error<std::convert::Infallible>>,
) -> Vec<u8> {
    let mut cbor = Encoder::new(Vec::new());
    let _ = write(&mut cbor);
    cbor.into_writer()
}

/// Roots are told apart by a part of the digest of their keys.
fn root_name(key: &KeyPair) -> String {
    let digest = digest(&SHA256, key.public_key_raw());
    format!("kms-server local Nitro root {}", hex(digest.as_ref().get(..4).unwrap_or_default()))
}

fn ca(name: &str, now: WallTime, validity: Duration) -> CertificateParams {
    let mut params = named(name, now, validity);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn named(name: &str, now: WallTime, validity: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let since_epoch = Duration::from_millis(u64::try_from(now.0).unwrap_or_default());
    params.not_before = rcgen::date_time_ymd(1970, 1, 1) + since_epoch;
    params.not_after = params.not_before + validity;
    params
}
