//! Key specs, usages and algorithms.
//!
//! AWS: KMS developer guide, "Key spec reference".

/// A closed set of wire names.
macro_rules! wire_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $wire:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        pub enum $name {
            $($(#[$variant_meta])* #[serde(rename = $wire)] $variant,)+
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$($name::$variant),+];

            /// The value of a name on the wire.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == name)
            }

            /// The name on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $wire,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use wire_enum;

wire_enum! {
    /// The type of key material.
    KeySpec {
        /// NIST P-256.
        EccNistP256 = "ECC_NIST_P256",
        /// NIST P-384.
        EccNistP384 = "ECC_NIST_P384",
        /// NIST P-521.
        EccNistP521 = "ECC_NIST_P521",
        /// Ed25519.
        EccNistEdwards25519 = "ECC_NIST_EDWARDS25519",
        /// secp256k1.
        EccSecgP256k1 = "ECC_SECG_P256K1",
        /// HMAC with a 224-bit key.
        Hmac224 = "HMAC_224",
        /// HMAC with a 256-bit key.
        Hmac256 = "HMAC_256",
        /// HMAC with a 384-bit key.
        Hmac384 = "HMAC_384",
        /// HMAC with a 512-bit key.
        Hmac512 = "HMAC_512",
        /// ML-DSA-44 of FIPS 204.
        MlDsa44 = "ML_DSA_44",
        /// ML-DSA-65 of FIPS 204.
        MlDsa65 = "ML_DSA_65",
        /// ML-DSA-87 of FIPS 204.
        MlDsa87 = "ML_DSA_87",
        /// ML-KEM-512 of FIPS 203.
        MlKem512 = "ML_KEM_512",
        /// ML-KEM-768 of FIPS 203.
        MlKem768 = "ML_KEM_768",
        /// ML-KEM-1024 of FIPS 203.
        MlKem1024 = "ML_KEM_1024",
        /// RSA with a 2,048-bit modulus.
        Rsa2048 = "RSA_2048",
        /// RSA with a 3,072-bit modulus.
        Rsa3072 = "RSA_3072",
        /// RSA with a 4,096-bit modulus.
        Rsa4096 = "RSA_4096",
        /// SM2, in the China Regions only.
        Sm2 = "SM2",
        /// A 256-bit AES key for encryption and decryption.
        SymmetricDefault = "SYMMETRIC_DEFAULT",
    }
}

wire_enum! {
    /// The cryptographic operations that a key may be used in.
    KeyUsage {
        /// Encrypt, Decrypt, ReEncrypt and the data key operations.
        EncryptDecrypt = "ENCRYPT_DECRYPT",
        /// Sign and Verify.
        SignVerify = "SIGN_VERIFY",
        /// GenerateMac and VerifyMac.
        GenerateVerifyMac = "GENERATE_VERIFY_MAC",
        /// DeriveSharedSecret.
        KeyAgreement = "KEY_AGREEMENT",
        /// Encapsulate and Decapsulate.
        EncapsulateDecapsulate = "ENCAPSULATE_DECAPSULATE",
    }
}

wire_enum! {
    /// Where key material comes from.
    Origin {
        /// An AWS CloudHSM key store.
        AwsCloudhsm = "AWS_CLOUDHSM",
        /// Made by KMS.
        AwsKms = "AWS_KMS",
        /// Imported by the customer.
        External = "EXTERNAL",
        /// An external key store.
        ExternalKeyStore = "EXTERNAL_KEY_STORE",
    }
}

wire_enum! {
    /// Who manages a key.
    KeyManager {
        /// An AWS service.
        Aws = "AWS",
        /// The customer.
        Customer = "CUSTOMER",
    }
}

wire_enum! {
    /// Encryption algorithms of Encrypt, Decrypt and ReEncrypt.
    EncryptionAlgorithm {
        /// RSA with OAEP padding, SHA-1.
        RsaesOaepSha1 = "RSAES_OAEP_SHA_1",
        /// RSA with OAEP padding, SHA-256.
        RsaesOaepSha256 = "RSAES_OAEP_SHA_256",
        /// SM2 public-key encryption.
        Sm2pke = "SM2PKE",
        /// AES-256-GCM.
        SymmetricDefault = "SYMMETRIC_DEFAULT",
    }
}

wire_enum! {
    /// Signing algorithms of Sign and Verify, in the order in which AWS lists them.
    SigningAlgorithm {
        /// RSA with PKCS#1 v1.5 padding, SHA-256.
        RsassaPkcs1Sha256 = "RSASSA_PKCS1_V1_5_SHA_256",
        /// RSA with PKCS#1 v1.5 padding, SHA-384.
        RsassaPkcs1Sha384 = "RSASSA_PKCS1_V1_5_SHA_384",
        /// RSA with PKCS#1 v1.5 padding, SHA-512.
        RsassaPkcs1Sha512 = "RSASSA_PKCS1_V1_5_SHA_512",
        /// RSA with PSS padding, SHA-256.
        RsassaPssSha256 = "RSASSA_PSS_SHA_256",
        /// RSA with PSS padding, SHA-384.
        RsassaPssSha384 = "RSASSA_PSS_SHA_384",
        /// RSA with PSS padding, SHA-512.
        RsassaPssSha512 = "RSASSA_PSS_SHA_512",
        /// ECDSA with SHA-256.
        EcdsaSha256 = "ECDSA_SHA_256",
        /// ECDSA with SHA-384.
        EcdsaSha384 = "ECDSA_SHA_384",
        /// ECDSA with SHA-512.
        EcdsaSha512 = "ECDSA_SHA_512",
        /// Ed25519.
        Ed25519Sha512 = "ED25519_SHA_512",
        /// Ed25519ph.
        Ed25519PhSha512 = "ED25519_PH_SHA_512",
        /// SM2 with SM3.
        Sm2dsa = "SM2DSA",
        /// ML-DSA.
        MlDsaShake256 = "ML_DSA_SHAKE_256",
    }
}

wire_enum! {
    /// What the message of Sign and Verify is.
    MessageType {
        /// The message itself.
        Raw = "RAW",
        /// Its digest.
        Digest = "DIGEST",
        /// Its representative in ML-DSA.
        ExternalMu = "EXTERNAL_MU",
    }
}

wire_enum! {
    /// Algorithms of GenerateMac and VerifyMac.
    MacAlgorithm {
        /// HMAC with SHA-224.
        HmacSha224 = "HMAC_SHA_224",
        /// HMAC with SHA-256.
        HmacSha256 = "HMAC_SHA_256",
        /// HMAC with SHA-384.
        HmacSha384 = "HMAC_SHA_384",
        /// HMAC with SHA-512.
        HmacSha512 = "HMAC_SHA_512",
    }
}

wire_enum! {
    /// Algorithms of DeriveSharedSecret.
    KeyAgreementAlgorithm {
        /// Elliptic curve Diffie-Hellman.
        Ecdh = "ECDH",
    }
}

wire_enum! {
    /// Algorithms of Encapsulate and Decapsulate.
    EncapsulationAlgorithm {
        /// ML-KEM.
        MlKem = "ML_KEM",
    }
}

impl KeySpec {
    /// The usages that keys of this spec may have.
    #[must_use]
    pub fn usages(self) -> &'static [KeyUsage] {
        use KeyUsage::{EncapsulateDecapsulate, EncryptDecrypt, GenerateVerifyMac, KeyAgreement, SignVerify};
        match self {
            KeySpec::SymmetricDefault => &[EncryptDecrypt],
            KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096 => &[EncryptDecrypt, SignVerify],
            KeySpec::EccNistP256 | KeySpec::EccNistP384 | KeySpec::EccNistP521 => &[SignVerify, KeyAgreement],
            KeySpec::EccSecgP256k1 | KeySpec::EccNistEdwards25519 => &[SignVerify],
            KeySpec::Hmac224 | KeySpec::Hmac256 | KeySpec::Hmac384 | KeySpec::Hmac512 => &[GenerateVerifyMac],
            KeySpec::MlDsa44 | KeySpec::MlDsa65 | KeySpec::MlDsa87 => &[SignVerify],
            KeySpec::MlKem512 | KeySpec::MlKem768 | KeySpec::MlKem1024 => &[EncapsulateDecapsulate],
            KeySpec::Sm2 => &[EncryptDecrypt, SignVerify, KeyAgreement],
        }
    }

    /// The kind of key as UpdateAlias compares it: an alias moves between keys of one kind only.
    ///
    /// AWS: KMS API reference, "UpdateAlias".
    #[must_use]
    pub fn family(self) -> &'static str {
        match self {
            KeySpec::SymmetricDefault => "SYMMETRIC",
            _ if self.is_asymmetric() => "ASYMMETRIC",
            _ => "HMAC",
        }
    }

    /// Whether material of this spec can be imported.
    ///
    /// AWS: KMS developer guide, "Importing key material", supported key specs.
    #[must_use]
    pub fn is_importable(self) -> bool {
        use KeySpec::{EccNistEdwards25519, MlDsa44, MlDsa65, MlDsa87, MlKem512, MlKem768, MlKem1024};
        !matches!(self, EccNistEdwards25519 | MlDsa44 | MlDsa65 | MlDsa87 | MlKem512 | MlKem768 | MlKem1024)
    }

    /// The encryption algorithms that keys of this spec support.
    #[must_use]
    pub fn encryption_algorithms(self) -> &'static [EncryptionAlgorithm] {
        use EncryptionAlgorithm::{RsaesOaepSha1, RsaesOaepSha256, Sm2pke, SymmetricDefault};
        match self {
            KeySpec::SymmetricDefault => &[SymmetricDefault],
            KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096 => &[RsaesOaepSha1, RsaesOaepSha256],
            KeySpec::Sm2 => &[Sm2pke],
            _ => &[],
        }
    }

    /// The signing algorithms that keys of this spec support.
    #[must_use]
    pub fn signing_algorithms(self) -> &'static [SigningAlgorithm] {
        use SigningAlgorithm as S;
        match self {
            KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096 => &[
                S::RsassaPkcs1Sha256,
                S::RsassaPkcs1Sha384,
                S::RsassaPkcs1Sha512,
                S::RsassaPssSha256,
                S::RsassaPssSha384,
                S::RsassaPssSha512,
            ],
            KeySpec::EccNistP256 | KeySpec::EccSecgP256k1 => &[S::EcdsaSha256],
            KeySpec::EccNistP384 => &[S::EcdsaSha384],
            KeySpec::EccNistP521 => &[S::EcdsaSha512],
            KeySpec::EccNistEdwards25519 => &[S::Ed25519Sha512, S::Ed25519PhSha512],
            KeySpec::Sm2 => &[S::Sm2dsa],
            KeySpec::MlDsa44 | KeySpec::MlDsa65 | KeySpec::MlDsa87 => &[S::MlDsaShake256],
            _ => &[],
        }
    }

    /// The algorithms of message authentication codes that keys of this spec support.
    #[must_use]
    pub fn mac_algorithms(self) -> &'static [MacAlgorithm] {
        match self {
            KeySpec::Hmac224 => &[MacAlgorithm::HmacSha224],
            KeySpec::Hmac256 => &[MacAlgorithm::HmacSha256],
            KeySpec::Hmac384 => &[MacAlgorithm::HmacSha384],
            KeySpec::Hmac512 => &[MacAlgorithm::HmacSha512],
            _ => &[],
        }
    }

    /// The key agreement algorithms that keys of this spec support.
    #[must_use]
    pub fn key_agreement_algorithms(self) -> &'static [KeyAgreementAlgorithm] {
        match self.usages().contains(&KeyUsage::KeyAgreement) {
            true => &[KeyAgreementAlgorithm::Ecdh],
            false => &[],
        }
    }

    /// The encapsulation algorithms that keys of this spec support.
    #[must_use]
    pub fn encapsulation_algorithms(self) -> &'static [EncapsulationAlgorithm] {
        match self.usages().contains(&KeyUsage::EncapsulateDecapsulate) {
            true => &[EncapsulationAlgorithm::MlKem],
            false => &[],
        }
    }

    /// Whether its keys have a public half.
    #[must_use]
    pub fn is_asymmetric(self) -> bool {
        self != KeySpec::SymmetricDefault && self.mac_algorithms().is_empty()
    }
}
