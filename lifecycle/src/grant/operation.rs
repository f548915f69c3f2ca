//! The operations that a grant can permit.

use crate::key::{Key, KeySpec, KeyUsage, wire_enum};

wire_enum! {
    /// An operation that a grant can permit.
    ///
    /// AWS: KMS API reference, "CreateGrant", parameter `Operations`.
    GrantOperation {
        /// Decrypt.
        Decrypt = "Decrypt",
        /// Encrypt.
        Encrypt = "Encrypt",
        /// GenerateDataKey.
        GenerateDataKey = "GenerateDataKey",
        /// GenerateDataKeyWithoutPlaintext.
        GenerateDataKeyWithoutPlaintext = "GenerateDataKeyWithoutPlaintext",
        /// The first half of ReEncrypt.
        ReEncryptFrom = "ReEncryptFrom",
        /// The second half of ReEncrypt.
        ReEncryptTo = "ReEncryptTo",
        /// Sign.
        Sign = "Sign",
        /// Verify.
        Verify = "Verify",
        /// GetPublicKey.
        GetPublicKey = "GetPublicKey",
        /// CreateGrant: to pass on what the grant permits, or less.
        CreateGrant = "CreateGrant",
        /// RetireGrant: to end the grant itself.
        RetireGrant = "RetireGrant",
        /// DescribeKey.
        DescribeKey = "DescribeKey",
        /// GenerateDataKeyPair.
        GenerateDataKeyPair = "GenerateDataKeyPair",
        /// GenerateDataKeyPairWithoutPlaintext.
        GenerateDataKeyPairWithoutPlaintext = "GenerateDataKeyPairWithoutPlaintext",
        /// GenerateMac.
        GenerateMac = "GenerateMac",
        /// VerifyMac.
        VerifyMac = "VerifyMac",
        /// DeriveSharedSecret.
        DeriveSharedSecret = "DeriveSharedSecret",
        /// Encapsulate.
        Encapsulate = "Encapsulate",
        /// Decapsulate.
        Decapsulate = "Decapsulate",
    }
}

/// Whether a grant on `key` can permit `operation`.
///
/// AWS: KMS developer guide, "Grant operations".
#[must_use]
pub fn grantable(key: &Key, operation: GrantOperation) -> bool {
    use GrantOperation::{
        CreateGrant, Decapsulate, Decrypt, DeriveSharedSecret, DescribeKey, Encapsulate, Encrypt,
        GenerateDataKey, GenerateDataKeyPair, GenerateDataKeyPairWithoutPlaintext,
        GenerateDataKeyWithoutPlaintext, GenerateMac, GetPublicKey, ReEncryptFrom, ReEncryptTo, RetireGrant,
        Sign, Verify, VerifyMac,
    };
    let symmetric = key.spec == KeySpec::SymmetricDefault;
    match operation {
        DescribeKey | CreateGrant | RetireGrant => true,
        Encrypt | Decrypt | ReEncryptFrom | ReEncryptTo => key.usage == KeyUsage::EncryptDecrypt,
        GenerateDataKey
        | GenerateDataKeyWithoutPlaintext
        | GenerateDataKeyPair
        | GenerateDataKeyPairWithoutPlaintext => symmetric,
        Sign | Verify => key.usage == KeyUsage::SignVerify,
        DeriveSharedSecret => key.usage == KeyUsage::KeyAgreement,
        Encapsulate | Decapsulate => key.usage == KeyUsage::EncapsulateDecapsulate,
        GenerateMac | VerifyMac => key.usage == KeyUsage::GenerateVerifyMac,
        GetPublicKey => !symmetric && key.usage != KeyUsage::GenerateVerifyMac,
    }
}
