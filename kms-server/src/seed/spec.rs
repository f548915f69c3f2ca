//! Key specs, usages and origins, and which go together.

use crate::document::{DocumentError, Node, nearest, quoted};
use std::fmt;

macro_rules! names {
    ($(#[$about:meta])* $Name:ident, $what:literal { $($Item:ident = $text:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the names are those of AWS")]
        pub enum $Name { $($Item,)+ }

        impl $Name {
            /// All of them, in the order of the AWS API.
            pub const ALL: &'static [Self] = &[$(Self::$Item,)+];

            /// The name in the AWS API.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$Item => $text,)+
                }
            }

            /// Reads the name in the AWS API.
            ///
            /// # Errors
            /// The node is no text, or no such name; the message tells the nearest.
            pub(super) fn from_node(node: &Node) -> Result<Self, DocumentError> {
                let text = node.text($what)?;
                Self::ALL.iter().copied().find(|item| item.as_str() == text).ok_or_else(|| {
                    let nearest = nearest(text, Self::ALL.iter().map(|item| item.as_str())).unwrap_or_default();
                    node.error(format!("{} is no {}; the nearest is `{nearest}`", quoted(text), $what))
                })
            }
        }

        impl fmt::Display for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

names! {
    /// What kind of key.
    // AWS: "CreateKey", KeySpec
    SeedSpec, "key spec" {
        Rsa2048 = "RSA_2048",
        Rsa3072 = "RSA_3072",
        Rsa4096 = "RSA_4096",
        EccNistP256 = "ECC_NIST_P256",
        EccNistP384 = "ECC_NIST_P384",
        EccNistP521 = "ECC_NIST_P521",
        EccSecgP256k1 = "ECC_SECG_P256K1",
        SymmetricDefault = "SYMMETRIC_DEFAULT",
        Hmac224 = "HMAC_224",
        Hmac256 = "HMAC_256",
        Hmac384 = "HMAC_384",
        Hmac512 = "HMAC_512",
        Sm2 = "SM2",
        MlDsa44 = "ML_DSA_44",
        MlDsa65 = "ML_DSA_65",
        MlDsa87 = "ML_DSA_87",
        EccNistEdwards25519 = "ECC_NIST_EDWARDS25519",
        MlKem512 = "ML_KEM_512",
        MlKem768 = "ML_KEM_768",
        MlKem1024 = "ML_KEM_1024",
    }
}

names! {
    /// What a key is for.
    // AWS: "CreateKey", KeyUsage
    SeedUsage, "key usage" {
        SignVerify = "SIGN_VERIFY",
        EncryptDecrypt = "ENCRYPT_DECRYPT",
        GenerateVerifyMac = "GENERATE_VERIFY_MAC",
        KeyAgreement = "KEY_AGREEMENT",
        EncapsulateDecapsulate = "ENCAPSULATE_DECAPSULATE",
    }
}

names! {
    /// Where the material of a key comes from. Keys in custom key stores need a store, which a seed does not make.
    // AWS: "CreateKey", Origin
    SeedOrigin, "origin of a seeded key" {
        AwsKms = "AWS_KMS",
        External = "EXTERNAL",
    }
}

impl SeedSpec {
    /// What a key of this spec may be for.
    // AWS: "Key spec reference"
    pub const fn usages(self) -> &'static [SeedUsage] {
        use SeedUsage::*;
        match self {
            Self::SymmetricDefault => &[EncryptDecrypt],
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => &[EncryptDecrypt, SignVerify],
            Self::EccNistP256 | Self::EccNistP384 | Self::EccNistP521 => &[SignVerify, KeyAgreement],
            Self::EccSecgP256k1 | Self::EccNistEdwards25519 => &[SignVerify],
            Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87 => &[SignVerify],
            Self::Hmac224 | Self::Hmac256 | Self::Hmac384 | Self::Hmac512 => &[GenerateVerifyMac],
            Self::MlKem512 | Self::MlKem768 | Self::MlKem1024 => &[EncapsulateDecapsulate],
            Self::Sm2 => &[EncryptDecrypt, SignVerify, KeyAgreement],
        }
    }

    /// Whether material of this spec can be imported.
    // AWS: "Importing key material"
    pub const fn is_importable(self) -> bool {
        !matches!(
            self,
            Self::MlDsa44
                | Self::MlDsa65
                | Self::MlDsa87
                | Self::EccNistEdwards25519
                | Self::MlKem512
                | Self::MlKem768
                | Self::MlKem1024
        )
    }

    /// Bytes of the material of a key that consists of plain bytes; `None` for key pairs.
    pub const fn material_bytes(self) -> Option<usize> {
        match self {
            Self::SymmetricDefault | Self::Hmac256 => Some(32),
            Self::Hmac224 => Some(28),
            Self::Hmac384 => Some(48),
            Self::Hmac512 => Some(64),
            _ => None,
        }
    }
}
