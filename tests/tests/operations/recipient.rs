//! Requests from enclaves: the answer is for the key of their attestation document alone.
//!
//! AWS: KMS developer guide, "Cryptographic attestation support in AWS KMS". What policies make of it is in
//! [`super::authorization`].

use std::fs;
use std::process::Command;
use std::time::Duration;

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{DataKeyPairSpec, DataKeySpec, KeyAgreementAlgorithmSpec};
use fixtures::{Enclave, TestKms};
use http::Method;
use kms_server::attestation::{AGE_MAX, Platform, Roots};
use kms_tests::openssl::openssl;
use lifecycle::crypto::SeededEntropy;
use lifecycle::crypto::ec::Curve;
use serde_json::{Value, json};

use super::material::{DRY_RUN, create_key};
use super::subject::Subject;
use super::wire::{Answer, call, control, decoded, encoded, events};

const OPERATIONS: [&str; 5] =
    ["Decrypt", "DeriveSharedSecret", "GenerateDataKey", "GenerateDataKeyPair", "GenerateRandom"];

/// What a document says that is below another root.
const UNTRUSTED: &str = "The certificate of the attestation document is not trusted: no root of the setting \
                         attestation.root vouches for it.";

/// A new document of an enclave as the parameter of a request.
pub(super) fn recipient(enclave: &Enclave) -> Value {
    of_document(&enclave.document())
}

fn of_document(document: &[u8]) -> Value {
    json!({"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": encoded(document)})
}

/// A KMS that trusts the root of an enclave.
fn kms_for(enclave: &Enclave) -> TestKms {
    TestKms::with(|builder| builder.attestation(enclave.roots(), AGE_MAX))
}

async fn random(kms: &TestKms, recipient: Value) -> Answer {
    call(kms, "GenerateRandom", json!({"NumberOfBytes": 16, "Recipient": recipient})).await
}

#[tokio::test]
async fn every_secret_is_for_the_enclave_alone() {
    let enclave = Enclave::new();
    let kms = kms_for(&enclave);
    let client = kms.client();
    let open = |sealed: Option<Blob>| enclave.open(sealed.unwrap().as_ref()).unwrap();
    let key = create_key(&kms, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT").await;
    let decrypted = async |blob: Blob| {
        let answer = client.decrypt().ciphertext_blob(blob).send().await.unwrap();
        answer.plaintext.unwrap().into_inner()
    };

    let sealed = client.encrypt().key_id(&key).plaintext(Blob::new("for the enclave")).send().await.unwrap();
    let decrypt = client.decrypt().ciphertext_blob(sealed.ciphertext_blob.unwrap());
    let answer = decrypt.recipient(enclave.recipient()).send().await.unwrap();
    assert_eq!((answer.plaintext, answer.key_material_id), (None, None));
    assert_eq!(open(answer.ciphertext_for_recipient), b"for the enclave");

    let generate = client.generate_data_key().key_id(&key).key_spec(DataKeySpec::Aes256);
    let answer = generate.recipient(enclave.recipient()).send().await.unwrap();
    assert_eq!((answer.plaintext, answer.key_material_id), (None, None));
    assert_eq!(open(answer.ciphertext_for_recipient), decrypted(answer.ciphertext_blob.unwrap()).await);

    // The longest of all answers.
    let generate = client.generate_data_key_pair().key_id(&key).key_pair_spec(DataKeyPairSpec::Rsa4096);
    let answer = generate.recipient(enclave.recipient()).send().await.unwrap();
    assert!(answer.private_key_plaintext.is_none() && answer.key_material_id.is_some());
    let private_key = decrypted(answer.private_key_ciphertext_blob.unwrap()).await;
    assert_eq!(open(answer.ciphertext_for_recipient), private_key);

    let agreeing = create_key(&kms, "ECC_NIST_P256", "KEY_AGREEMENT").await;
    let public_key = client.get_public_key().key_id(&agreeing).send().await.unwrap().public_key.unwrap();
    let derive = client.derive_shared_secret().key_id(&agreeing).public_key(public_key);
    let derive = derive.key_agreement_algorithm(KeyAgreementAlgorithmSpec::Ecdh);
    let plain = derive.clone().send().await.unwrap();
    let answer = derive.recipient(enclave.recipient()).send().await.unwrap();
    assert!(plain.ciphertext_for_recipient.is_none() && answer.shared_secret.is_none());
    assert_eq!(open(answer.ciphertext_for_recipient), plain.shared_secret.unwrap().into_inner());

    let generate = client.generate_random().number_of_bytes(1024).recipient(enclave.recipient());
    let answer = generate.send().await.unwrap();
    assert!(answer.plaintext.is_none());
    assert_eq!(open(answer.ciphertext_for_recipient).len(), 1024);
}

#[tokio::test]
async fn an_answer_has_no_other_members() {
    let enclave = Enclave::new();
    let kms = kms_for(&enclave);
    for (operation, members) in OPERATIONS.into_iter().zip([
        &["CiphertextForRecipient", "EncryptionAlgorithm", "KeyId"][..],
        &["CiphertextForRecipient", "KeyAgreementAlgorithm", "KeyId", "KeyOrigin"],
        &["CiphertextBlob", "CiphertextForRecipient", "KeyId"],
        &[
            "CiphertextForRecipient",
            "KeyId",
            "KeyMaterialId",
            "KeyPairSpec",
            "PrivateKeyCiphertextBlob",
            "PublicKey",
        ],
        &["CiphertextForRecipient"],
    ]) {
        let mut input = Subject::of(&kms, operation).await.request(operation);
        input["Recipient"] = recipient(&enclave);
        let answer = call(&kms, operation, input).await.ok();
        let mut answered: Vec<_> = answer.as_object().unwrap().keys().collect();
        answered.sort();
        assert_eq!(answered, members, "{operation}");
    }
}

#[tokio::test]
async fn operations_without_a_recipient_ignore_one() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    for operation in ["Encrypt", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPairWithoutPlaintext"] {
        let mut input = key.request(operation);
        input["Recipient"] = of_document(b"nonsense");
        assert!(call(&kms, operation, input).await.ok().get("CiphertextForRecipient").is_none());
    }
}

#[tokio::test]
async fn a_dry_run_verifies_the_document() {
    let enclave = Enclave::new();
    let kms = kms_for(&enclave);
    for operation in OPERATIONS.into_iter().filter(|operation| *operation != "GenerateRandom") {
        let mut input = Subject::of(&kms, operation).await.request(operation);
        input["DryRun"] = true.into();
        input["Recipient"] = recipient(&enclave);
        call(&kms, operation, input.clone()).await.refuses("DryRunOperationException", DRY_RUN);
        input["Recipient"] = recipient(&Enclave::new());
        assert_eq!(call(&kms, operation, input).await.code(), "ValidationException", "{operation}");
    }
}

#[tokio::test]
async fn a_document_that_is_not_accepted_is_refused_with_the_reason() {
    let enclave = Enclave::new();
    let kms = kms_for(&enclave);
    let refused = async |recipient: Value, message: &str| {
        random(&kms, recipient).await.refuses("ValidationException", message);
    };
    refused(json!({}), "KeyEncryptionAlgorithm is required in Recipient.").await;
    let without = json!({"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256"});
    refused(without, "AttestationDocument is required in Recipient.").await;
    let malformed = "The attestation document is malformed: it is no COSE_Sign1 message of four parts.";
    refused(of_document(b"nonsense"), malformed).await;
    let keyless = "The attestation document is malformed: it has no public_key.";
    refused(of_document(&enclave.document_of(None, 0)), keyless).await;
    refused(recipient(&Enclave::new()), UNTRUSTED).await;
    let mut changed = enclave.document();
    *changed.last_mut().unwrap() ^= 1;
    refused(of_document(&changed), "The signature of the attestation document is not valid.").await;
    let old = "The attestation document is not from the last 300 seconds.";
    refused(of_document(&enclave.document_of(Some(b"key"), 310_000)), old).await;
    let curve = Curve::P256;
    let curve = curve.public_key(&curve.generate(&SeededEntropy::new(1)).unwrap()).unwrap();
    let text = "The public key in the attestation document is not an RSA key of 2048 bits or more.";
    refused(of_document(&enclave.document_of(Some(&curve), 0)), text).await;
}

#[tokio::test]
async fn without_other_roots_that_of_aws_vouches_alone() {
    let enclave = Enclave::new();
    random(&TestKms::new(), recipient(&enclave)).await.refuses("ValidationException", UNTRUSTED);
    let both = [enclave.root_pem(), Enclave::new().root_pem()].concat();
    let both = Roots::from_pem(both.as_bytes()).unwrap();
    let kms = TestKms::with(|builder| builder.attestation(both, AGE_MAX));
    random(&kms, recipient(&enclave)).await.ok();
}

/// Documents are of the machine's time, whatever the clock of the keys shows.
#[tokio::test]
async fn the_age_of_a_document_is_judged_by_the_wall_clock() {
    let enclave = Enclave::new();
    let kms = TestKms::with(|builder| builder.attestation(enclave.roots(), Duration::from_secs(60)));
    kms.advance_days(3_650).await;
    random(&kms, recipient(&enclave)).await.ok();
    let old = "The attestation document is not from the last 60 seconds.";
    let document = enclave.document_of(Some(b"key"), 70_000);
    random(&kms, of_document(&document)).await.refuses("ValidationException", old);
}

#[tokio::test]
async fn the_audit_log_tells_who_an_answer_was_for() {
    let enclave = Enclave::new();
    let mut tpm = enclave.clone();
    tpm.platform = Platform::NitroTpm;
    tpm.pcrs = [(4, vec![4; 48]), (7, vec![7; 48])].into();
    let kms = kms_for(&enclave);
    let key = Subject::new(&kms).await;
    for by in [&enclave, &tpm] {
        let input = json!({"CiphertextBlob": key.ciphertext, "Recipient": recipient(by)});
        call(&kms, "Decrypt", input).await.ok();
    }
    let pcr = |index: u8| format!("{index:02x}").repeat(48);
    let [by_enclave, by_tpm] = &events(&kms, "event=Decrypt").await[..] else { panic!("two records") };
    assert_eq!(by_enclave["requestParameters"], json!({"encryptionAlgorithm": "SYMMETRIC_DEFAULT"}));
    assert_eq!(
        by_enclave["additionalEventData"]["recipient"],
        json!({
            "attestationDocumentModuleId": enclave.module_id,
            "attestationDocumentEnclaveImageDigest": pcr(0),
            "attestationDocumentEnclavePCR1": pcr(1),
            "attestationDocumentEnclavePCR2": pcr(2),
            "attestationDocumentEnclavePCR3": pcr(3),
            "attestationDocumentEnclavePCR4": pcr(4),
            "attestationDocumentEnclavePCR8": pcr(8),
        })
    );
    assert_eq!(
        by_tpm["additionalEventData"]["recipient"],
        json!({
            "attestationDocumentModuleId": enclave.module_id,
            "attestationDocumentNitroTPMPCR4": pcr(4),
            "attestationDocumentNitroTPMPCR7": pcr(7),
        })
    );
}

#[tokio::test]
async fn a_question_may_be_about_an_enclave() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let condition = json!({"StringEqualsIgnoreCase": {"kms:RecipientAttestation:PCR0": "AB"}});
    let statement = json!({"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Condition": condition});
    for (context, decision) in
        [(json!({"kms:RecipientAttestation:PCR0": "ab"}), "allow"), (json!({}), "deny")]
    {
        let question = json!({
            "principal": "arn:aws:iam::111122223333:user/alice", "action": "kms:Decrypt", "key": key.arn,
            "identity_policies": [{"Version": "2012-10-17", "Statement": statement}], "context": context,
        });
        let answer = control(&kms, Method::POST, "/_kms/explain", question.to_string()).await.ok();
        assert_eq!(answer["decision"], decision);
    }
}

/// OpenSSL knows the form of the answers.
#[tokio::test]
async fn openssl_opens_an_answer() {
    let enclave = Enclave::new();
    let kms = kms_for(&enclave);
    let key = Subject::new(&kms).await;
    let input = json!({"CiphertextBlob": key.ciphertext, "Recipient": recipient(&enclave)});
    let answer = call(&kms, "Decrypt", input).await.ok();
    let folder = tempfile::tempdir().unwrap();
    let [message, private_key] = ["message", "key"].map(|name| folder.path().join(name));
    fs::write(&message, decoded(&answer["CiphertextForRecipient"])).unwrap();
    fs::write(&private_key, enclave.private_key()).unwrap();
    let mut command = Command::new(openssl());
    command.args(["cms", "-decrypt", "-binary", "-inform", "DER", "-keyform", "DER", "-inkey"]);
    let output = command.arg(&private_key).arg("-in").arg(&message).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stdout, b"secret");
}
