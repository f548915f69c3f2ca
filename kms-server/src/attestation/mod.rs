//! Attestation documents of Nitro Enclaves and NitroTPM: what an enclave says of itself, and who vouches for that.
//!
//! A document is read, its signature is checked by the certificate in it, and that certificate by the configured roots. Only
//! what passed all of that is an [`Attestation`].
//!
//! AWS: Nitro Enclaves User Guide, "Cryptographic attestation"; KMS developer guide, "Cryptographic attestation support in AWS
//! KMS".

mod document;
pub mod local;
mod roots;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use lifecycle::clock::WallTime;
use lifecycle::ids::hex;

use document::Document;
pub use roots::{NoRoot, Roots};

/// How old a document may be by default.
pub const AGE_MAX: Duration = Duration::from_secs(300);

/// What verifies documents.
pub struct Verifier {
    roots: Roots,
    age_max: Duration,
    /// The machine's time: the clock that enclaves and the issuers of certificates go by, whatever that of the keys shows.
    now: fn() -> WallTime,
}

impl Verifier {
    /// Documents below these roots, up to `age_max` old by the wall clock.
    #[must_use]
    pub fn new(roots: Roots, age_max: Duration, now: fn() -> WallTime) -> Self {
        Verifier { roots, age_max, now }
    }

    /// Verifies a document as it came in a request.
    ///
    /// # Errors
    /// The first check that fails: form, certificates, signature, age.
    pub fn verify(&self, document: &[u8]) -> Result<Attestation, Refusal> {
        let document = Document::read(document).map_err(Refusal::Malformed)?;
        let now = (self.now)();
        let signer = self.roots.signer(document.certificate, &document.chain, now).map_err(Refusal::Chain)?;
        signer.verify(&document.signed(), document.signature).map_err(|_| Refusal::Signature)?;
        let age = now.0.abs_diff(i64::try_from(document.timestamp).unwrap_or(i64::MAX));
        if u128::from(age) > self.age_max.as_millis() {
            return Err(Refusal::Age(self.age_max));
        }
        Ok(document.attestation())
    }
}

/// What the owner of a public key is known to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    /// The enclave, or the instance with the TPM.
    pub module_id: String,
    /// What kind of machine measured itself.
    pub platform: Platform,
    /// The measurements, by the number of their register.
    pub pcrs: BTreeMap<u8, Vec<u8>>,
    /// The key that answers are encrypted under: a SubjectPublicKeyInfo, whatever it is of.
    pub public_key: Vec<u8>,
}

/// Where measurements come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// An enclave.
    Enclave,
    /// An instance with a virtual TPM.
    NitroTpm,
}

impl Attestation {
    /// The condition keys, without `kms:RecipientAttestation:`, with their values.
    // AWS: KMS developer guide, "AWS KMS condition keys for AWS Nitro Enclaves", and the same for NitroTPM.
    pub fn conditions(&self) -> impl Iterator<Item = (String, String)> + '_ {
        let enclave = self.platform == Platform::Enclave;
        let prefix = if enclave { "PCR" } else { "NitroTPMPCR" };
        let image = self.image().map(|image| ("ImageSha384".to_owned(), image));
        let pcrs = self.pcrs.iter().map(move |(index, value)| (format!("{prefix}{index}"), hex(value)));
        image.into_iter().chain(pcrs)
    }

    /// The digest of the image that an enclave runs.
    #[must_use]
    pub fn image(&self) -> Option<String> {
        self.pcrs.get(&0).filter(|_| self.platform == Platform::Enclave).map(|pcr| hex(pcr))
    }
}

/// Why a document is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is no attestation document.
    Malformed(&'static str),
    /// No valid chain of certificates leads from its signer to a root.
    Chain(String),
    /// It was changed, or signed by another than it says.
    Signature,
    /// It was made too long ago, or will be made.
    Age(Duration),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Malformed(what) => write!(f, "The attestation document is malformed: {what}."),
            Refusal::Chain(why) => {
                write!(f, "The certificate of the attestation document is not trusted: {why}.")
            }
            Refusal::Signature => f.write_str("The signature of the attestation document is not valid."),
            Refusal::Age(max) => {
                write!(f, "The attestation document is not from the last {} seconds.", max.as_secs_f64())
            }
        }
    }
}

impl std::error::Error for Refusal {}
