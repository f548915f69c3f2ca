//! A key to try operations on, in any situation, and a request of every operation that concerns it.

use fixtures::TestKms;
use http::Method;
use kms_tests::importing::wrap;
use serde_json::{Value, json};

use super::custom_stores;
use super::wire::{call, control, decoded, encoded};

/// Any bytes in base64, where nothing opens them.
pub(super) const BLOB: &str = "AAAA";

/// The alias of every subject.
pub(super) const ALIAS: &str = "alias/subject";

/// The grantee, and the retiring principal, of every subject's grant.
pub(super) const ROLE: &str = "arn:aws:iam::111122223333:role/app";

/// A key with an alias, a grant, and something to open or to compare.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) arn: String,
    pub(super) id: String,
    /// A ciphertext of `secret`; a signature or a code of [`BLOB`], a public key or an encapsulated secret where the
    /// key's operation wants that.
    pub(super) ciphertext: String,
    /// The id of the grant.
    pub(super) grant: String,
    /// An import token and the material of the key wrapped for it, if the key is for an import.
    pub(super) import: Option<[Value; 2]>,
    /// The custom key store that the operation is about, if it is about one.
    pub(super) store: Option<String>,
}

impl Subject {
    /// A new enabled key for encryption, with the alias if it is free.
    pub(super) async fn new(kms: &TestKms) -> Subject {
        Subject::of(kms, "Encrypt").await
    }

    /// A new enabled key for an operation, with the alias if it is free; with a replica in eu-west-1 if it needs one.
    pub(super) async fn of(kms: &TestKms, operation: &str) -> Subject {
        if IMPORTS.contains(&operation) {
            return Subject::external(kms, operation).await;
        }
        let (spec, usage) = kind(operation);
        let multi_region = ["ReplicateKey", "UpdatePrimaryRegion"].contains(&operation);
        let creation = json!({"KeySpec": spec, "KeyUsage": usage, "MultiRegion": multi_region});
        let subject = Subject::made(kms, usage, creation).await;
        if operation == "UpdatePrimaryRegion" {
            call(kms, "ReplicateKey", request("ReplicateKey", &subject.id, BLOB)).await.ok();
            kms.clock().advance("5s").await.unwrap();
        }
        Subject { store: custom_stores::for_operation(kms, operation).await, ..subject }
    }

    /// A new enabled key whose material was imported, for an operation, with the alias if it is free.
    pub(super) async fn external(kms: &TestKms, operation: &str) -> Subject {
        let (spec, usage) = kind(operation);
        let material = match usage {
            "ENCRYPT_DECRYPT" | "GENERATE_VERIFY_MAC" => vec![7; 32],
            _ => {
                let sealing = call(kms, "CreateKey", json!({})).await.ok()["KeyMetadata"]["KeyId"].clone();
                let pair = json!({"KeyId": sealing, "KeyPairSpec": spec});
                decoded(&call(kms, "GenerateDataKeyPair", pair).await.ok()["PrivateKeyPlaintext"])
            }
        };
        let tag = json!({"TagKey": "_custom_key_material_", "TagValue": encoded(&material)});
        let input = json!({"KeySpec": spec, "KeyUsage": usage, "Origin": "EXTERNAL", "Tags": [tag]});
        let subject = Subject::made(kms, usage, input).await;
        if operation != "ImportKeyMaterial" {
            return subject;
        }
        let parameters = request("GetParametersForImport", &subject.arn, BLOB);
        let parameters = call(kms, "GetParametersForImport", parameters).await.ok();
        let wrapped = wrap("RSAES_OAEP_SHA_256", &decoded(&parameters["PublicKey"]), &material);
        Subject { import: Some([parameters["ImportToken"].clone(), encoded(&wrapped)]), ..subject }
    }

    async fn made(kms: &TestKms, usage: &str, input: Value) -> Subject {
        let metadata = call(kms, "CreateKey", input).await.ok();
        let text = |name: &str| metadata["KeyMetadata"][name].as_str().unwrap().to_owned();
        let (arn, id) = (text("Arn"), text("KeyId"));
        call(kms, "CreateAlias", json!({"AliasName": ALIAS, "TargetKeyId": id})).await;
        let (maker, made) = match usage {
            "SIGN_VERIFY" => ("Sign", "Signature"),
            "GENERATE_VERIFY_MAC" => ("GenerateMac", "Mac"),
            "KEY_AGREEMENT" => ("GetPublicKey", "PublicKey"),
            "ENCAPSULATE_DECAPSULATE" => ("Encapsulate", "SharedSecretCiphertextBlob"),
            _ => ("Encrypt", "CiphertextBlob"),
        };
        let mut making = request(maker, &id, BLOB);
        if maker == "Encrypt" {
            making["Plaintext"] = "c2VjcmV0".into();
        }
        let ciphertext = call(kms, maker, making).await.ok()[made].as_str().unwrap().to_owned();
        let operations: &[&str] = if maker == "Encrypt" { &["Decrypt"] } else { &["DescribeKey"] };
        let granted = json!({"KeyId": id, "GranteePrincipal": ROLE, "RetiringPrincipal": ROLE, "Operations": operations});
        let granted = call(kms, "CreateGrant", granted).await.ok();
        let grant = granted["GrantId"].as_str().unwrap().to_owned();
        Subject { arn, id, ciphertext, grant, import: None, store: None }
    }

    /// A request of any operation on this key that every check lets pass while the key is enabled and of the
    /// usage that the operation needs.
    pub(super) fn request(&self, operation: &str) -> Value {
        let mut request = request(operation, &self.arn, &self.ciphertext);
        if let Some(id) = request.get_mut("GrantId") {
            *id = self.grant.as_str().into();
        }
        if let Some(store) = &self.store {
            request["CustomKeyStoreId"] = store.as_str().into();
        }
        if let Some([token, material]) = self.import.clone().filter(|_| operation == "ImportKeyMaterial") {
            request["ImportToken"] = token;
            request["EncryptedKeyMaterial"] = material;
        }
        request
    }
}

/// The operations that need a key of the origin EXTERNAL.
const IMPORTS: [&str; 3] = ["DeleteImportedKeyMaterial", "GetParametersForImport", "ImportKeyMaterial"];

/// The spec and usage of a key that an operation works on.
pub(super) fn kind(operation: &str) -> (&'static str, &'static str) {
    match operation {
        "GetPublicKey" | "Sign" | "Verify" => ("ECC_NIST_P256", "SIGN_VERIFY"),
        "GenerateMac" | "VerifyMac" => ("HMAC_256", "GENERATE_VERIFY_MAC"),
        "DeriveSharedSecret" => ("ECC_NIST_P256", "KEY_AGREEMENT"),
        "Encapsulate" | "Decapsulate" => ("ML_KEM_768", "ENCAPSULATE_DECAPSULATE"),
        _ => ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"),
    }
}

/// The key states that this build can bring about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Enabled,
    Disabled,
    PendingDeletion,
}

impl State {
    pub(super) const ALL: [State; 3] = [State::Enabled, State::Disabled, State::PendingDeletion];

    /// Brings an enabled key into this state.
    pub(super) async fn enter(self, kms: &TestKms, key: &str) {
        let operation = match self {
            State::Enabled => return,
            State::Disabled => "DisableKey",
            State::PendingDeletion => "ScheduleKeyDeletion",
        };
        call(kms, operation, json!({"KeyId": key})).await.ok();
    }
}

/// A request of any operation that names `key` wherever it names keys, with the given ciphertext
/// or whatever else it is to open or to compare.
pub(super) fn request(operation: &str, key: &str, ciphertext: &str) -> Value {
    match operation {
        "ConnectCustomKeyStore" | "DeleteCustomKeyStore" | "DisconnectCustomKeyStore" => {
            json!({"CustomKeyStoreId": "cks-1234567890abcdef0"})
        }
        "UpdateCustomKeyStore" => {
            json!({"CustomKeyStoreId": "cks-1234567890abcdef0", "NewCustomKeyStoreName": "new"})
        }
        "CreateAlias" => json!({"AliasName": "alias/new", "TargetKeyId": key}),
        "CreateCustomKeyStore" => custom_stores::of_cluster("store", custom_stores::CLUSTER),
        "CreateGrant" => json!({
            "KeyId": key, "GranteePrincipal": ROLE, "Operations": ["DescribeKey"],
        }),
        "CreateKey" | "DescribeCustomKeyStores" | "ListKeys" => json!({}),
        "Decapsulate" => {
            json!({"KeyId": key, "SharedSecretCiphertextBlob": ciphertext, "EncapsulationAlgorithm": "ML_KEM"})
        }
        "Decrypt" => json!({"KeyId": key, "CiphertextBlob": ciphertext}),
        "DeleteAlias" => json!({"AliasName": ALIAS}),
        "DeriveSharedSecret" => {
            json!({"KeyId": key, "KeyAgreementAlgorithm": "ECDH", "PublicKey": ciphertext})
        }
        "Encapsulate" => json!({"KeyId": key, "EncapsulationAlgorithm": "ML_KEM"}),
        "Encrypt" => json!({"KeyId": key, "Plaintext": BLOB}),
        "GenerateDataKey" | "GenerateDataKeyWithoutPlaintext" => json!({"KeyId": key, "KeySpec": "AES_256"}),
        "GenerateDataKeyPair" | "GenerateDataKeyPairWithoutPlaintext" => {
            json!({"KeyId": key, "KeyPairSpec": "ECC_NIST_P256"})
        }
        "GenerateMac" => json!({"KeyId": key, "Message": BLOB, "MacAlgorithm": "HMAC_SHA_256"}),
        "GenerateRandom" => json!({"NumberOfBytes": 16}),
        "GetParametersForImport" => {
            json!({"KeyId": key, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"})
        }
        "ImportKeyMaterial" => json!({
            "KeyId": key, "ImportToken": BLOB, "EncryptedKeyMaterial": BLOB,
            "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
        }),
        "ListRetirableGrants" => json!({"RetiringPrincipal": ROLE}),
        "PutKeyPolicy" => json!({"KeyId": key, "Policy": policy()}),
        "ReEncrypt" => {
            json!({"CiphertextBlob": ciphertext, "SourceKeyId": key, "DestinationKeyId": key})
        }
        "ReplicateKey" => json!({"KeyId": key, "ReplicaRegion": "eu-west-1"}),
        "RetireGrant" | "RevokeGrant" => json!({"KeyId": key, "GrantId": "0".repeat(64)}),
        "Sign" => json!({"KeyId": key, "Message": BLOB, "SigningAlgorithm": "ECDSA_SHA_256"}),
        "TagResource" => json!({"KeyId": key, "Tags": [{"TagKey": "new", "TagValue": ""}]}),
        "UntagResource" => json!({"KeyId": key, "TagKeys": ["new"]}),
        "UpdateAlias" => json!({"AliasName": ALIAS, "TargetKeyId": key}),
        "UpdateKeyDescription" => json!({"KeyId": key, "Description": "new"}),
        "UpdatePrimaryRegion" => json!({"KeyId": key, "PrimaryRegion": "eu-west-1"}),
        "Verify" => {
            json!({"KeyId": key, "Message": BLOB, "Signature": ciphertext, "SigningAlgorithm": "ECDSA_SHA_256"})
        }
        "VerifyMac" => {
            json!({"KeyId": key, "Message": BLOB, "Mac": ciphertext, "MacAlgorithm": "HMAC_SHA_256"})
        }
        // All others need a key and no more.
        _ => json!({"KeyId": key}),
    }
}

/// A key policy that leaves everything to the account.
pub(super) fn policy() -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
            "Action": "kms:*",
            "Resource": "*",
        }],
    })
    .to_string()
}

/// Whether the operation works on keys of other accounts.
///
/// AWS: KMS developer guide, "Permissions reference", column "Cross-account use".
pub(super) fn reaches_other_accounts(operation: &str) -> bool {
    [
        "CreateGrant",
        "Decapsulate",
        "Decrypt",
        "DeriveSharedSecret",
        "DescribeKey",
        "Encapsulate",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateMac",
        "GetKeyRotationStatus",
        "GetPublicKey",
        "ListGrants",
        "ReEncrypt",
        "RetireGrant",
        "RevokeGrant",
        "Sign",
        "Verify",
        "VerifyMac",
    ]
    .contains(&operation)
}

/// Whether the operation takes aliases for its key.
///
/// AWS: KMS API reference, the `KeyId` parameter of each operation.
pub(super) fn takes_aliases(operation: &str) -> bool {
    reaches_other_accounts(operation)
        && !["CreateGrant", "GetKeyRotationStatus", "ListGrants", "RetireGrant", "RevokeGrant"]
            .contains(&operation)
}

/// Exports the state without key material, changes it and imports it: the way to keys that this build cannot
/// make, and to keys without their material.
pub(super) async fn reimport(kms: &TestKms, change: impl FnOnce(&mut Value)) {
    let mut state = control(kms, Method::GET, "/_kms/state", "").await.ok();
    change(&mut state);
    control(kms, Method::PUT, "/_kms/state", state.to_string()).await.ok();
}

/// Turns a key into one of another spec and usage, which this build cannot create.
pub(super) async fn respecify(kms: &TestKms, arn: &str, spec: &str, usage: &str) {
    reimport(kms, |state| {
        let keys = state["keys"].as_array_mut().unwrap();
        let key = keys.iter_mut().find(|key| key["arn"] == arn).unwrap();
        key["spec"] = spec.into();
        key["usage"] = usage.into();
    })
    .await;
}

/// The members of a request that may name a key.
pub(super) fn key_members(operation: &str) -> &'static [&'static str] {
    match operation {
        "CreateAlias" | "UpdateAlias" => &["TargetKeyId"],
        "ReEncrypt" => &["SourceKeyId", "DestinationKeyId"],
        "ConnectCustomKeyStore"
        | "CreateCustomKeyStore"
        | "CreateKey"
        | "DeleteAlias"
        | "DeleteCustomKeyStore"
        | "DescribeCustomKeyStores"
        | "DisconnectCustomKeyStore"
        | "GenerateRandom"
        | "ListKeys"
        | "ListRetirableGrants"
        | "UpdateCustomKeyStore" => &[],
        _ => &["KeyId"],
    }
}
