//! The whole table for every kind of key: each spec and usage, with material of either origin, single-Region and
//! multi-Region, in each state. Of keys in custom key stores the table is in `custom_stores/states.rs`; of the states that only
//! multi-Region keys have, in `multi_region/states.rs`.

use fixtures::{ACCOUNT, REGION, TestKms};
use http::Method;
use serde_json::{Value, json};

use super::super::subject::{ALIAS, BLOB, ROLE, request};
use super::super::wire::{Answer, call_of, control, decoded, encoded};
use super::{Cell, TABLE};
use kms_tests::importing::wrap;

/// A spec and a usage.
const SPECS: &[(&str, &str)] = &[
    ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"),
    ("RSA_2048", "ENCRYPT_DECRYPT"),
    ("RSA_2048", "SIGN_VERIFY"),
    ("ECC_NIST_P384", "SIGN_VERIFY"),
    ("ECC_SECG_P256K1", "SIGN_VERIFY"),
    ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY"),
    ("ML_DSA_44", "SIGN_VERIFY"),
    ("ECC_NIST_P521", "KEY_AGREEMENT"),
    ("HMAC_224", "GENERATE_VERIFY_MAC"),
    ("ML_KEM_512", "ENCAPSULATE_DECAPSULATE"),
];

/// Where the material comes from, and which of related keys it is.
const VARIANTS: [(&str, Member); 6] = [
    ("AWS_KMS", Member::Single),
    ("EXTERNAL", Member::Single),
    ("AWS_KMS", Member::Primary),
    ("EXTERNAL", Member::Primary),
    ("AWS_KMS", Member::Replica),
    ("EXTERNAL", Member::Replica),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    Single,
    /// A primary without replicas: with them it could not be deleted.
    Primary,
    Replica,
}

/// The states, in the order of the table's columns, and what brings a key into them.
const STATES: [(&str, Option<&str>); 4] = [
    ("Enabled", None),
    ("Disabled", Some("DisableKey")),
    ("PendingDeletion", Some("ScheduleKeyDeletion")),
    ("PendingImport", Some("DeleteImportedKeyMaterial")),
];

/// A Region with a replica, and one without.
const IRELAND: &str = "eu-west-1";
const TOKYO: &str = "ap-northeast-1";

/// A kind of key.
#[derive(Clone, Copy, Debug)]
struct Kind {
    spec: &'static str,
    usage: &'static str,
    origin: &'static str,
    member: Member,
}

/// A key of a kind.
struct Made<'k> {
    kms: &'k TestKms,
    kind: Kind,
    region: &'static str,
    arn: String,
    /// What the key made, to be opened or compared.
    sealed: Value,
    /// What a symmetric key of the same Region sealed.
    foreign: Value,
    grant: Value,
    import: Value,
}

async fn call_in(kms: &TestKms, region: &str, operation: &str, input: Value) -> Answer {
    call_of(kms, (ACCOUNT, region), operation, input).await
}

impl Kind {
    /// Material that can be imported, for the kinds that take any.
    ///
    /// AWS: KMS developer guide, "Importing key material": neither Ed25519 nor post-quantum keys.
    async fn material(self, kms: &TestKms) -> Option<Vec<u8>> {
        match self.spec {
            "SYMMETRIC_DEFAULT" => Some(vec![7; 32]),
            "HMAC_224" => Some(vec![7; 28]),
            "ECC_NIST_EDWARDS25519" | "ML_DSA_44" | "ML_KEM_512" => None,
            spec => {
                let sealing = call_in(kms, REGION, "CreateKey", json!({})).await.ok();
                let pair = json!({"KeyId": sealing["KeyMetadata"]["KeyId"], "KeyPairSpec": spec});
                let pair = call_in(kms, REGION, "GenerateDataKeyPair", pair).await.ok();
                Some(decoded(&pair["PrivateKeyPlaintext"]))
            }
        }
    }

    /// The algorithm of a request, by the member that names it.
    fn algorithm(self, member: &str) -> Option<&'static str> {
        Some(match (member, self.spec) {
            ("EncryptionAlgorithm", "RSA_2048") => "RSAES_OAEP_SHA_256",
            ("SigningAlgorithm", "RSA_2048") => "RSASSA_PSS_SHA_256",
            ("SigningAlgorithm", "ECC_NIST_P384") => "ECDSA_SHA_384",
            ("SigningAlgorithm", "ECC_NIST_EDWARDS25519") => "ED25519_SHA_512",
            ("SigningAlgorithm", "ML_DSA_44") => "ML_DSA_SHAKE_256",
            ("MacAlgorithm", "HMAC_224") => "HMAC_SHA_224",
            _ => return None,
        })
    }

    fn is_symmetric(self) -> bool {
        self.spec == "SYMMETRIC_DEFAULT"
    }

    /// How its material is wrapped: a private key is longer than RSA alone can take.
    fn wrapping(self) -> &'static str {
        match self.usage == "GENERATE_VERIFY_MAC" || self.is_symmetric() {
            true => "RSAES_OAEP_SHA_256",
            false => "RSA_AES_KEY_WRAP_SHA_256",
        }
    }

    /// The request that imports material.
    async fn import(self, kms: &TestKms, region: &str, key: &str, material: &[u8]) -> Value {
        let algorithm = self.wrapping();
        let input = json!({"KeyId": key, "WrappingAlgorithm": algorithm, "WrappingKeySpec": "RSA_2048"});
        let parameters = call_in(kms, region, "GetParametersForImport", input).await.ok();
        let wrapped = wrap(algorithm, &decoded(&parameters["PublicKey"]), material);
        json!({
            "KeyId": key, "ImportToken": parameters["ImportToken"], "EncryptedKeyMaterial": encoded(&wrapped),
            "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
        })
    }

    /// A new enabled key with an alias and a grant; none if no such key can be.
    async fn make(self, kms: &TestKms) -> Option<Made<'_>> {
        let Kind { spec, usage, origin, member } = self;
        let material = match origin {
            "EXTERNAL" => Some(self.material(kms).await?),
            _ => None,
        };
        let creation = json!({"KeySpec": spec, "KeyUsage": usage, "Origin": origin, "MultiRegion": member != Member::Single});
        let created = call_in(kms, REGION, "CreateKey", creation).await.ok();
        let id = created["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
        if let Some(material) = &material {
            let import = self.import(kms, REGION, &id, material).await;
            call_in(kms, REGION, "ImportKeyMaterial", import).await.ok();
        }
        let region = if member == Member::Replica { IRELAND } else { REGION };
        if member == Member::Replica {
            call_in(kms, REGION, "ReplicateKey", json!({"KeyId": id, "ReplicaRegion": IRELAND})).await.ok();
            kms.clock().advance("5s").await.unwrap();
        }
        let arn = format!("arn:aws:kms:{region}:{ACCOUNT}:key/{id}");
        let mut import = Value::Null;
        if let Some(material) = &material {
            import = self.import(kms, region, &arn, material).await;
            call_in(kms, region, "ImportKeyMaterial", import.clone()).await.ok();
        }
        let alias = json!({"AliasName": ALIAS, "TargetKeyId": arn});
        call_in(kms, region, "CreateAlias", alias).await.ok();
        let grant = json!({"KeyId": arn, "GranteePrincipal": ROLE, "RetiringPrincipal": ROLE,
            "Operations": ["DescribeKey"]});
        let grant = call_in(kms, region, "CreateGrant", grant).await.ok()["GrantId"].clone();
        let other = call_in(kms, region, "CreateKey", json!({})).await.ok()["KeyMetadata"]["KeyId"].clone();
        let foreign = call_in(kms, region, "Encrypt", json!({"KeyId": other, "Plaintext": BLOB})).await.ok();
        let foreign = foreign["CiphertextBlob"].clone();
        let made = Made { kms, kind: self, region, arn, sealed: BLOB.into(), foreign, grant, import };
        let (maker, member) = match usage {
            "SIGN_VERIFY" => ("Sign", "Signature"),
            "GENERATE_VERIFY_MAC" => ("GenerateMac", "Mac"),
            "KEY_AGREEMENT" => ("GetPublicKey", "PublicKey"),
            "ENCAPSULATE_DECAPSULATE" => ("Encapsulate", "SharedSecretCiphertextBlob"),
            _ => ("Encrypt", "CiphertextBlob"),
        };
        let sealed = made.call(maker).await.ok()[member].clone();
        Some(Made { sealed, ..made })
    }
}

impl Made<'_> {
    async fn call(&self, operation: &str) -> Answer {
        call_in(self.kms, self.region, operation, self.request(operation)).await
    }

    /// A request that every check lets pass that the kind does not fail.
    fn request(&self, operation: &str) -> Value {
        if operation == "ImportKeyMaterial" && !self.import.is_null() {
            return self.import.clone();
        }
        let mut input = request(operation, &self.arn, self.sealed.as_str().unwrap());
        let members = input.as_object_mut().unwrap();
        for member in ["SigningAlgorithm", "MacAlgorithm"] {
            if let (Some(named), Some(algorithm)) = (members.get_mut(member), self.kind.algorithm(member)) {
                *named = algorithm.into();
            }
        }
        let encryption: &[&str] = match operation {
            "Decrypt" | "Encrypt" => &["EncryptionAlgorithm"],
            "ReEncrypt" => &["SourceEncryptionAlgorithm", "DestinationEncryptionAlgorithm"],
            _ => &[],
        };
        if self.kind.usage == "ENCRYPT_DECRYPT"
            && let Some(algorithm) = self.kind.algorithm("EncryptionAlgorithm")
        {
            members.extend(encryption.iter().map(|member| ((*member).to_owned(), algorithm.into())));
        }
        if ["Decrypt", "ReEncrypt"].contains(&operation) && self.kind.usage != "ENCRYPT_DECRYPT" {
            members.insert("CiphertextBlob".to_owned(), self.foreign.clone());
        }
        if let Some(grant) = members.get_mut("GrantId") {
            *grant = self.grant.clone();
        }
        if operation == "GetParametersForImport" {
            members.insert("WrappingAlgorithm".to_owned(), self.kind.wrapping().into());
        }
        if operation == "ReplicateKey" {
            members.insert("ReplicaRegion".to_owned(), TOKYO.into());
        }
        input
    }

    /// What refuses the operation on this key before its state is looked at.
    fn before_state(&self, operation: &str) -> Option<Refused> {
        let Kind { usage, origin, .. } = self.kind;
        let wanted = match operation {
            "Decrypt" | "Encrypt" | "ReEncrypt" => "ENCRYPT_DECRYPT",
            name if name.starts_with("GenerateDataKey") => "ENCRYPT_DECRYPT",
            "Sign" | "Verify" => "SIGN_VERIFY",
            "GenerateMac" | "VerifyMac" => "GENERATE_VERIFY_MAC",
            "DeriveSharedSecret" => "KEY_AGREEMENT",
            "Decapsulate" | "Encapsulate" => "ENCAPSULATE_DECAPSULATE",
            // AWS: the table of key states, note 9: whatever the state.
            "DeleteImportedKeyMaterial" | "GetParametersForImport" | "ImportKeyMaterial"
                if origin != "EXTERNAL" =>
            {
                return Some(self.wrong_origin());
            }
            _ => return None,
        };
        if wanted == usage {
            return None;
        }
        // AWS (observed): what a ciphertext names is not the key that the request names.
        if ["Decrypt", "ReEncrypt"].contains(&operation) {
            let text = "The key ID in the request does not identify a CMK that can perform this operation.";
            return Some(("IncorrectKeyException", Some(text.to_owned())));
        }
        let text = format!("{} key usage is {usage} which is not valid for {operation}.", self.arn);
        Some(("InvalidKeyUsageException", Some(text)))
    }

    /// What refuses it in a state that lets it pass.
    fn after_state(&self, operation: &str) -> Option<Refused> {
        let Kind { spec, usage, origin, member } = self.kind;
        let unsupported = |text: Option<String>| Some(("UnsupportedOperationException", text));
        let of_spec = || (!self.kind.is_symmetric()).then_some(("UnsupportedOperationException", None));
        let of_origin = || (origin == "EXTERNAL").then(|| self.wrong_origin());
        let of_member = || {
            let text = format!("{} is not a multi-Region primary key.", self.arn);
            unsupported(Some(text)).filter(|_| member == Member::Replica)
        };
        match operation {
            "EnableKeyRotation" => of_spec().or_else(of_origin).or_else(of_member),
            "DisableKeyRotation" => of_origin().or_else(of_member),
            "GetKeyRotationStatus" => of_origin(),
            "ListKeyRotations" => of_spec(),
            "RotateKeyOnDemand" => of_spec().or_else(of_member).or_else(|| {
                let text = format!("No available key material pending rotation for the key: {}.", self.arn);
                of_origin().map(|_| ("KMSInvalidStateException", Some(text)))
            }),
            "GetPublicKey" if self.kind.is_symmetric() || spec.starts_with("HMAC") => unsupported(None),
            name if name.starts_with("GenerateDataKey") && usage == "ENCRYPT_DECRYPT" => {
                let text = "You cannot generate a data key with an asymmetric CMK";
                of_spec().map(|_| ("InvalidKeyUsageException", Some(text.to_owned())))
            }
            "ReplicateKey" | "UpdatePrimaryRegion" => match member {
                Member::Single => unsupported(Some(format!("{} is not a multi-region key.", self.arn))),
                // AWS (observed): with a small letter in one of them.
                Member::Replica if operation == "ReplicateKey" => {
                    unsupported(Some(format!("{} is not a multi-region primary key.", self.arn)))
                }
                Member::Replica => of_member(),
                Member::Primary if operation == "UpdatePrimaryRegion" => {
                    let there = self.arn.replace(REGION, IRELAND);
                    Some(("NotFoundException", Some(format!("Key '{there}' does not exist"))))
                }
                Member::Primary => None,
            },
            _ => None,
        }
    }

    fn wrong_origin(&self) -> Refused {
        let text =
            format!("{} origin is {} which is not valid for this operation.", self.arn, self.kind.origin);
        ("UnsupportedOperationException", Some(text))
    }
}

/// A code, and a text if there is one.
type Refused = (&'static str, Option<String>);

async fn snapshot(kms: &TestKms, name: &str, what: &str) {
    control(kms, Method::POST, &format!("/_kms/snapshots/{name}{what}"), "{}").await.ok();
}

/// Every operation on a key of a kind in every state: what comes out otherwise than the table says, and how many are right.
async fn check(kind: Kind, wrong: &mut Vec<String>) -> usize {
    let kms = TestKms::new();
    let Some(key) = kind.make(&kms).await else { return 0 };
    snapshot(&kms, "enabled", "").await;
    let mut right = 0;
    for (column, (state, enter)) in STATES.into_iter().enumerate() {
        if state == "PendingImport" && kind.origin != "EXTERNAL" {
            continue;
        }
        snapshot(&kms, "enabled", "/restore").await;
        if let Some(enter) = enter {
            call_in(&kms, key.region, enter, json!({"KeyId": key.arn})).await.ok();
        }
        let shown = call_in(&kms, key.region, "DescribeKey", json!({"KeyId": key.arn})).await.ok();
        assert_eq!(shown["KeyMetadata"]["KeyState"], state, "{kind:?}");
        snapshot(&kms, state, "").await;
        for (operation, cells) in TABLE {
            let of_state = match cells[column] {
                Cell::Yes => None,
                Cell::Disabled => Some(("DisabledException", "is disabled.")),
                Cell::Pending => Some(("KMSInvalidStateException", "is pending deletion.")),
                Cell::Import => Some(("KMSInvalidStateException", "is pending import.")),
                Cell::NotPending => Some(("KMSInvalidStateException", "is not pending deletion.")),
            };
            let of_state = of_state.map(|(code, what)| (code, Some(format!("{} {what}", key.arn))));
            let expected = key.before_state(operation).or(of_state).or_else(|| key.after_state(operation));
            let (code, text) = expected.unwrap_or_default();
            let answer = key.call(operation).await;
            let said = answer.json().get("message").and_then(Value::as_str).map(str::to_owned);
            if (answer.code().as_str(), &said) == (code, &text) {
                right += 1;
            } else {
                let found = (answer.code(), said);
                wrong.push(format!("{operation} {state} {kind:?}: {found:?} instead of {:?}", (code, text)));
            }
            if answer.status == 200 {
                snapshot(&kms, state, "/restore").await;
            }
        }
    }
    right
}

async fn check_all(specs: &[(&'static str, &'static str)]) {
    let (mut wrong, mut right) = (Vec::new(), 0);
    for (spec, usage) in specs {
        for (origin, member) in VARIANTS {
            right += check(Kind { spec, usage, origin, member }, &mut wrong).await;
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), wrong.len() + right, wrong.join("\n"));
    // Of material that AWS KMS makes alone, in three variants and three states.
    assert!(right >= specs.len() * 9 * TABLE.len(), "{right}");
}

#[tokio::test]
async fn every_operation_in_every_state_of_keys_that_encrypt() {
    check_all(&SPECS[..2]).await;
}

#[tokio::test]
async fn every_operation_in_every_state_of_keys_that_sign() {
    check_all(&SPECS[2..7]).await;
}

#[tokio::test]
async fn every_operation_in_every_state_of_other_keys() {
    check_all(&SPECS[7..]).await;
}
