//! ML-DSA of FIPS 204 with an empty context: messages by AWS-LC, an external mu by `ml-dsa`.

use aws_lc_rs::signature::{
    KeyPair as _, ML_DSA_44, ML_DSA_44_SIGNING, ML_DSA_65, ML_DSA_65_SIGNING, ML_DSA_87, ML_DSA_87_SIGNING,
    PqdsaKeyPair, PqdsaSigningAlgorithm, PqdsaVerificationAlgorithm, UnparsedPublicKey,
};
use ml_dsa::{B32, ExpandedSigningKey, MlDsa44, MlDsa65, MlDsa87, MlDsaParams, Signature, VerifyingKey};

use super::seed::Form;
use super::{CryptoError, Entropy, Secret};

/// The length of mu in bytes.
pub const MU_LENGTH: usize = 64;

/// A parameter set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MlDsa {
    /// ML-DSA-44.
    Size44,
    /// ML-DSA-65.
    Size65,
    /// ML-DSA-87.
    Size87,
}

impl MlDsa {
    /// RFC 9881: 2.16.840.1.101.3.4.3.17 to 19, the seed with the tag `[0]`.
    fn form(self) -> Form {
        let oid: &[u8] = match self {
            MlDsa::Size44 => &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x11],
            MlDsa::Size65 => &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x12],
            MlDsa::Size87 => &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x13],
        };
        Form { oid, tag: 0x80, length: 32 }
    }

    fn signing(self) -> &'static PqdsaSigningAlgorithm {
        match self {
            MlDsa::Size44 => &ML_DSA_44_SIGNING,
            MlDsa::Size65 => &ML_DSA_65_SIGNING,
            MlDsa::Size87 => &ML_DSA_87_SIGNING,
        }
    }

    fn verification(self) -> &'static PqdsaVerificationAlgorithm {
        match self {
            MlDsa::Size44 => &ML_DSA_44,
            MlDsa::Size65 => &ML_DSA_65,
            MlDsa::Size87 => &ML_DSA_87,
        }
    }

    /// FIPS 204, table 2: in bytes.
    fn public_key_length(self) -> usize {
        match self {
            MlDsa::Size44 => 1_312,
            MlDsa::Size65 => 1_952,
            MlDsa::Size87 => 2_592,
        }
    }

    /// A new key.
    ///
    /// # Errors
    /// There are no random bytes.
    pub fn generate(self, entropy: &dyn Entropy) -> Result<Secret, CryptoError> {
        self.form().generate(entropy)
    }

    fn read(self, key: &Secret) -> Result<PqdsaKeyPair, CryptoError> {
        let seed = self.form().seed::<32>(key)?;
        PqdsaKeyPair::from_seed(self.signing(), seed).map_err(|_| CryptoError::Failed)
    }

    /// The public key as SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// The key is none of this set.
    pub fn public_key(self, key: &Secret) -> Result<Vec<u8>, CryptoError> {
        Ok(self.form().public_key(self.read(key)?.public_key().as_ref()))
    }

    /// Signs a message.
    ///
    /// # Errors
    /// The key is none of this set.
    pub fn sign(self, key: &Secret, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let mut signature = vec![0; self.signing().signature_len()];
        self.read(key)?.sign(message, &mut signature).map_err(|_| CryptoError::Failed)?;
        Ok(signature)
    }

    /// Verifies the signature of a message.
    ///
    /// # Errors
    /// `Refused` for any other signature.
    pub fn verify(self, key: &Secret, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        self.check(self.read(key)?.public_key().as_ref(), message, signature)
    }

    /// Verifies the signature of a message with the public key alone, which is SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// `Refused` for any other signature, and for a public key of another set.
    pub fn verify_with(self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        self.check(self.form().public_bits(public_key, self.public_key_length())?, message, signature)
    }

    fn check(self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let public = UnparsedPublicKey::new(self.verification(), public_key);
        public.verify(message, signature).map_err(|_| CryptoError::Refused)
    }

    /// Signs the representative of a message that was computed elsewhere.
    ///
    /// # Errors
    /// `Refused` for one that is not [`MU_LENGTH`] bytes long.
    pub fn sign_mu(self, key: &Secret, mu: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, CryptoError> {
        match self {
            MlDsa::Size44 => sign_mu::<MlDsa44>(self, key, mu, entropy),
            MlDsa::Size65 => sign_mu::<MlDsa65>(self, key, mu, entropy),
            MlDsa::Size87 => sign_mu::<MlDsa87>(self, key, mu, entropy),
        }
    }

    /// Verifies a signature over the representative of a message.
    ///
    /// # Errors
    /// `Refused` for any other signature, and for a representative that is not [`MU_LENGTH`] bytes long.
    pub fn verify_mu(self, key: &Secret, mu: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        match self {
            MlDsa::Size44 => verify_mu::<MlDsa44>(self, key, mu, signature),
            MlDsa::Size65 => verify_mu::<MlDsa65>(self, key, mu, signature),
            MlDsa::Size87 => verify_mu::<MlDsa87>(self, key, mu, signature),
        }
    }

    /// Verifies a signature over the representative of a message with the public key alone, which is
    /// SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// As [`MlDsa::verify_mu`], and for a public key of another set.
    pub fn verify_mu_with(self, public_key: &[u8], mu: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let bits = self.form().public_bits(public_key, self.public_key_length())?;
        match self {
            MlDsa::Size44 => verify_mu_with::<MlDsa44>(bits, mu, signature),
            MlDsa::Size65 => verify_mu_with::<MlDsa65>(bits, mu, signature),
            MlDsa::Size87 => verify_mu_with::<MlDsa87>(bits, mu, signature),
        }
    }
}

fn expand<P: MlDsaParams>(set: MlDsa, key: &Secret) -> Result<ExpandedSigningKey<P>, CryptoError> {
    Ok(ExpandedSigningKey::from_seed(&B32::from(*set.form().seed::<32>(key)?)))
}

fn sign_mu<P: MlDsaParams>(
    set: MlDsa,
    key: &Secret,
    mu: &[u8],
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, CryptoError> {
    let mu = mu.try_into().map_err(|_| CryptoError::Refused)?;
    let signature = expand::<P>(set, key)?.sign_mu_randomized(&mu, &mut super::entropy::Generator(entropy));
    Ok(signature.map_err(|_| CryptoError::Failed)?.encode().to_vec())
}

// Keys are large: each set has its functions, so that no frame has room for the keys of all three.
fn verify_mu<P: MlDsaParams>(
    set: MlDsa,
    key: &Secret,
    mu: &[u8],
    signature: &[u8],
) -> Result<(), CryptoError> {
    check_mu(&expand::<P>(set, key)?.verifying_key(), mu, signature)
}

fn verify_mu_with<P: MlDsaParams>(bits: &[u8], mu: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
    let bits = bits.try_into().map_err(|_| CryptoError::Refused)?;
    check_mu(&VerifyingKey::<P>::decode(&bits), mu, signature)
}

fn check_mu<P: MlDsaParams>(key: &VerifyingKey<P>, mu: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
    let mu = mu.try_into().map_err(|_| CryptoError::Refused)?;
    let signature = Signature::<P>::try_from(signature).map_err(|_| CryptoError::Refused)?;
    if key.verify_mu(&mu, &signature) { Ok(()) } else { Err(CryptoError::Refused) }
}
