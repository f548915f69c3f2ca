//! Keys of every spec, made on the wire.

use fixtures::TestKms;
use serde_json::{Value, json};

use super::wire::{Answer, call};

/// A Region of the partition in which SM2 exists.
pub(super) const CHINA: &str = "cn-north-1";

/// Specs of keys that sign, with an algorithm, and whether their keys take long to make without optimisation.
pub(super) const SIGNING: [(&str, &str); 17] = [
    ("ECC_NIST_EDWARDS25519", "ED25519_PH_SHA_512"),
    ("ECC_NIST_EDWARDS25519", "ED25519_SHA_512"),
    ("ECC_NIST_P256", "ECDSA_SHA_256"),
    ("ECC_NIST_P384", "ECDSA_SHA_384"),
    ("ECC_NIST_P521", "ECDSA_SHA_512"),
    ("ECC_SECG_P256K1", "ECDSA_SHA_256"),
    ("ML_DSA_44", "ML_DSA_SHAKE_256"),
    ("ML_DSA_65", "ML_DSA_SHAKE_256"),
    ("ML_DSA_87", "ML_DSA_SHAKE_256"),
    ("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_256"),
    ("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_384"),
    ("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_512"),
    ("RSA_2048", "RSASSA_PSS_SHA_256"),
    ("RSA_2048", "RSASSA_PSS_SHA_384"),
    ("RSA_2048", "RSASSA_PSS_SHA_512"),
    ("RSA_3072", "RSASSA_PSS_SHA_256"),
    ("RSA_4096", "RSASSA_PSS_SHA_512"),
];

/// A new key's metadata.
pub(super) async fn create(kms: &TestKms, spec: &str, usage: &str) -> Value {
    let input = json!({"KeySpec": spec, "KeyUsage": usage});
    call(kms, "CreateKey", input).await.ok()["KeyMetadata"].clone()
}

/// A new key's ARN.
pub(super) async fn create_key(kms: &TestKms, spec: &str, usage: &str) -> String {
    create(kms, spec, usage).await["Arn"].as_str().unwrap().to_owned()
}

/// The message types that an algorithm takes besides RAW, and the length of such a message.
pub(super) fn digest(algorithm: &str) -> (&'static str, usize) {
    match algorithm {
        "ML_DSA_SHAKE_256" => ("EXTERNAL_MU", 64),
        "SM2DSA" => ("DIGEST", 32),
        _ if algorithm.ends_with("256") => ("DIGEST", 32),
        _ if algorithm.ends_with("384") => ("DIGEST", 48),
        _ => ("DIGEST", 64),
    }
}

/// Fails unless the answer is the refusal of an algorithm.
#[track_caller]
pub(super) fn refuses_algorithm(answer: &Answer, algorithm: &str, spec: &str) {
    let text = format!("Algorithm {algorithm} is incompatible with key spec {spec}.");
    answer.refuses("InvalidKeyUsageException", text.as_str());
}

/// The text of a dry run that would have succeeded.
pub(super) const DRY_RUN: &str = "The request would have succeeded, but the DryRun option is set.";
