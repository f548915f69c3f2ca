//! The certificates that documents are checked by, and the way from the signer of a document to one of them.

use std::fmt;
use std::time::Duration;

use lifecycle::clock::WallTime;
use ring::signature::{ECDSA_P384_SHA384_FIXED, UnparsedPublicKey};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::ring::{ECDSA_P256_SHA256, ECDSA_P384_SHA256, ECDSA_P384_SHA384};
use webpki::{EndEntityCert, Error, KeyUsage, anchor_from_trusted_cert};

/// How the certificates are signed. AWS: by ECDSA over P-384 with SHA-384; a test root may do with less.
const ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] =
    &[ECDSA_P384_SHA384, ECDSA_P384_SHA256, ECDSA_P256_SHA256];

/// What stands before the point in the SubjectPublicKeyInfo of a key of P-384.
// RFC 5480: id-ecPublicKey, secp384r1, and a point of 97 bytes.
const P384: [u8; 23] = [
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
    0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
];

/// AWS's own root, `CN=aws.nitro-enclaves`, valid until 2049.
// AWS: Nitro Enclaves User Guide, "Verifying the root of trust": where it is published, and its fingerprint.
const AWS: &[u8] = include_bytes!("aws_nitro_enclaves_root.pem");

/// Trusted roots, one at least.
#[derive(Clone, Debug)]
pub struct Roots(Vec<TrustAnchor<'static>>);

/// Why a text gives no roots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoRoot(String);

impl fmt::Display for NoRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoRoot {}

impl Roots {
    /// AWS's own root: it vouches for real enclaves, and for nothing that is made for a test.
    #[must_use]
    pub fn aws() -> Self {
        Self::from_pem(AWS).unwrap_or_else(|error| unreachable!("the certificate of AWS: {error}"))
    }

    /// The certificates of a file in PEM, such as AWS's own root, a test root, or both.
    ///
    /// # Errors
    /// There is none, or one is malformed.
    pub fn from_pem(pem: &[u8]) -> Result<Self, NoRoot> {
        let malformed =
            |error: &dyn fmt::Display| NoRoot(format!("it holds a malformed certificate: {error}"));
        let mut roots = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| malformed(&error))?;
            let anchor = anchor_from_trusted_cert(&certificate).map_err(|error| malformed(&error))?;
            roots.push(anchor.to_owned());
        }
        if roots.is_empty() {
            Err(NoRoot("it holds no PEM certificate".to_owned()))
        } else {
            Ok(Roots(roots))
        }
    }

    /// The key of a signer whom a root vouches for at this time. What is given of a root itself is not looked at.
    ///
    /// # Errors
    /// The certificates are malformed, expired, not for this, or lead to no root; the verifier bounds the work itself.
    pub(super) fn signer(
        &self,
        certificate: &[u8],
        chain: &[&[u8]],
        now: WallTime,
    ) -> Result<Signer, String> {
        let certificate = CertificateDer::from(certificate);
        let chain: Vec<_> = chain.iter().map(|issuer| CertificateDer::from(*issuer)).collect();
        let signer = EndEntityCert::try_from(&certificate).map_err(|error| told(&error))?;
        let now = UnixTime::since_unix_epoch(Duration::from_millis(now.0.try_into().unwrap_or_default()));
        let usage = KeyUsage::client_auth();
        signer
            .verify_for_usage(ALGORITHMS, &self.0, &chain, now, usage, None, None)
            .map_err(|error| told(&error))?;
        let key = signer.subject_public_key_info();
        let point = key.strip_prefix(&P384[..]).ok_or("its key is not of P-384")?;
        Ok(Signer(UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point.to_vec())))
    }
}

/// What is wrong with a chain.
fn told(error: &Error) -> String {
    match error {
        Error::CertExpired { .. } => "it or the certificate of an issuer has expired".to_owned(),
        Error::CertNotValidYet { .. } => "it or the certificate of an issuer is not valid yet".to_owned(),
        Error::UnknownIssuer => "no root of the setting attestation.root vouches for it".to_owned(),
        other => format!("the chain is not valid ({other})"),
    }
}

/// Whoever signs documents.
pub(super) struct Signer(UnparsedPublicKey<Vec<u8>>);

impl Signer {
    /// Verifies a signature in the form of COSE.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), ring::error::Unspecified> {
        self.0.verify(message, signature)
    }
}
