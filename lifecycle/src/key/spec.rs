//! Key specs, usages and algorithms.
//!
//! AWS: KMS developer guide, "Key spec reference".

use serde::{Deserialize, Serialize};

/// A closed set of wire names.
macro_rules! wire_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $wire:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_meta])* #[serde(rename = $wire)] $variant,)+
        }

        impl $name {
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

wire_enum! {
    /// The type of key material. Kinds other than symmetric encryption keys are not built yet.
    KeySpec {
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
        /// Made by KMS.
        AwsKms = "AWS_KMS",
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

impl KeySpec {
    /// The encryption algorithms that keys of this spec support.
    #[must_use]
    pub fn encryption_algorithms(self) -> &'static [EncryptionAlgorithm] {
        match self {
            KeySpec::SymmetricDefault => &[EncryptionAlgorithm::SymmetricDefault],
        }
    }
}
