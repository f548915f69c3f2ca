//! What a request adds to the cryptography of each kind of key: HTTP, authorisation, the record of the use.
//!
//! The cryptography alone is the function of `lifecycle` that the server calls, in this process; what that adds to the library
//! below it, `cargo bench -p lifecycle --bench algorithms` shows.

use std::hint::black_box;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lifecycle::crypto::envelope::{self, EncryptionContext, material_id};
use lifecycle::crypto::{Entropy, Secret, SeededEntropy};
use lifecycle::ids::KeyId;
use lifecycle::key::{
    EncryptionAlgorithm, KeySpec, KeyUsage, MessageType, PrivateKey, SigningAlgorithm, SigningInput,
};
use serde_json::{Value, json};

use crate::Options;
use crate::caller::Caller;
use crate::load::{self, Connection};
use crate::process::Server;

const MESSAGE: [u8; 256] = [0x5a; 256];

/// Of so many requests for operations that take microseconds, one for an operation that takes milliseconds is enough.
const SLOW_DIVISOR: usize = 1_000;

/// An operation over HTTP, and the same without.
struct Case<'a> {
    spec: KeySpec,
    operation: &'static str,
    body: Value,
    bare: Box<dyn Fn() + 'a>,
}

/// Prints one table.
pub(crate) async fn report(options: &Options) {
    println!(
        "\nOne client after another request; the cryptography alone is that of the server, in this process.\n"
    );
    println!("| Key spec | Operation | µs/request | cryptography alone, µs | ratio |");
    println!("| --- | --- | --- | --- | --- |");
    let server = Server::start(&options.server, &["--memory"]);
    let times = (options.requests / SLOW_DIVISOR).max(3);
    for (spec, usage) in kinds() {
        let entropy = SeededEntropy::new(1);
        let secret = spec.generate(&entropy).expect("a key");
        let created = call(&server, spec, "CreateKey", &json!({"KeySpec": spec, "KeyUsage": usage})).await;
        let key = created["KeyMetadata"]["KeyId"].as_str().expect("a key").to_owned();
        for case in cases(&server, spec, usage, &key, &secret, &entropy).await {
            measure(&server, &case, times).await;
        }
        // RSA takes up to seconds for a key.
        let times = if spec.as_str().starts_with("RSA") { times.min(5) } else { times };
        let body = json!({"KeySpec": spec, "KeyUsage": usage});
        let bare = Box::new(|| drop(black_box(spec.generate(&entropy).expect("a key"))));
        measure(&server, &Case { spec, operation: "CreateKey", body, bare }, times).await;
    }
    server.stop();
}

fn kinds() -> Vec<(KeySpec, KeyUsage)> {
    use KeySpec as S;
    use KeyUsage as U;
    let mut kinds = vec![(S::SymmetricDefault, U::EncryptDecrypt)];
    for spec in [S::Rsa2048, S::Rsa3072, S::Rsa4096] {
        kinds.extend([(spec, U::SignVerify), (spec, U::EncryptDecrypt)]);
    }
    for spec in [S::EccNistP256, S::EccNistP384, S::EccNistP521] {
        kinds.extend([(spec, U::SignVerify), (spec, U::KeyAgreement)]);
    }
    let signing = [S::EccSecgP256k1, S::EccNistEdwards25519, S::MlDsa44, S::MlDsa65, S::MlDsa87];
    kinds.extend(signing.map(|spec| (spec, U::SignVerify)));
    kinds.extend([S::Hmac224, S::Hmac256, S::Hmac384, S::Hmac512].map(|spec| (spec, U::GenerateVerifyMac)));
    kinds.extend([S::MlKem512, S::MlKem768, S::MlKem1024].map(|spec| (spec, U::EncapsulateDecapsulate)));
    kinds.extend([U::SignVerify, U::EncryptDecrypt, U::KeyAgreement].map(|usage| (S::Sm2, usage)));
    kinds
}

/// SM2 is in China alone.
fn caller(spec: KeySpec) -> Caller {
    if spec == KeySpec::Sm2 { Caller::RootInChina } else { Caller::Root }
}

async fn call(server: &Server, spec: KeySpec, operation: &str, body: &Value) -> Value {
    load::call(server.port, &caller(spec).request(operation, &body.to_string())).await
}

/// The operations of a key of one kind.
async fn cases<'a>(
    server: &Server,
    spec: KeySpec,
    usage: KeyUsage,
    key: &str,
    secret: &'a Secret,
    entropy: &'a dyn Entropy,
) -> Vec<Case<'a>> {
    let private = PrivateKey { spec, secret };
    let message = STANDARD.encode(MESSAGE);
    let short = STANDARD.encode([7; 32]);
    match usage {
        KeyUsage::EncryptDecrypt if spec == KeySpec::SymmetricDefault => {
            let id = material_id(KeyId::single_region([1; 16]), secret);
            let context = EncryptionContext::new();
            let sealed = envelope::seal(secret, id, &context, &MESSAGE, entropy).expect("a ciphertext");
            let encrypt = json!({"KeyId": key, "Plaintext": message});
            let blob = call(server, spec, "Encrypt", &encrypt).await["CiphertextBlob"].clone();
            let other = context.clone();
            vec![
                Case {
                    spec,
                    operation: "Encrypt",
                    body: encrypt,
                    bare: Box::new(move || {
                        drop(black_box(envelope::seal(secret, id, &context, &MESSAGE, entropy)));
                    }),
                },
                Case {
                    spec,
                    operation: "Decrypt",
                    body: json!({"CiphertextBlob": blob}),
                    bare: Box::new(move || drop(black_box(envelope::open(secret, id, &other, &sealed)))),
                },
            ]
        }
        KeyUsage::EncryptDecrypt => {
            let sm2 = spec == KeySpec::Sm2;
            let algorithm =
                if sm2 { EncryptionAlgorithm::Sm2pke } else { EncryptionAlgorithm::RsaesOaepSha256 };
            let sealed = private.encrypt(algorithm, &[7; 32], entropy).expect("a ciphertext");
            let encrypt = json!({"KeyId": key, "Plaintext": short, "EncryptionAlgorithm": algorithm});
            let blob = call(server, spec, "Encrypt", &encrypt).await["CiphertextBlob"].clone();
            vec![
                Case {
                    spec,
                    operation: "Encrypt",
                    body: encrypt,
                    bare: Box::new(move || drop(black_box(private.encrypt(algorithm, &[7; 32], entropy)))),
                },
                Case {
                    spec,
                    operation: "Decrypt",
                    body: json!({"KeyId": key, "CiphertextBlob": blob, "EncryptionAlgorithm": algorithm}),
                    bare: Box::new(move || drop(black_box(private.decrypt(algorithm, &sealed)))),
                },
            ]
        }
        KeyUsage::SignVerify => {
            let algorithm = first_algorithm(spec);
            let input = SigningInput { algorithm, message_type: MessageType::Raw, message: &MESSAGE };
            let signature = private.sign(&input, entropy).expect("a signature");
            let sign = json!({"KeyId": key, "Message": message, "SigningAlgorithm": algorithm});
            let mut verify = sign.clone();
            verify["Signature"] = call(server, spec, "Sign", &sign).await["Signature"].clone();
            vec![
                Case {
                    spec,
                    operation: "Sign",
                    body: sign,
                    bare: Box::new(move || drop(black_box(private.sign(&input, entropy)))),
                },
                Case {
                    spec,
                    operation: "Verify",
                    body: verify,
                    bare: Box::new(move || {
                        black_box(private.verify(&input, &signature)).expect("it is valid");
                    }),
                },
            ]
        }
        KeyUsage::GenerateVerifyMac => {
            let algorithm = spec.mac_algorithms().first().expect("one");
            let body = json!({"KeyId": key, "Message": message, "MacAlgorithm": algorithm});
            let bare = Box::new(move || drop(black_box(private.mac(&MESSAGE))));
            vec![Case { spec, operation: "GenerateMac", body, bare }]
        }
        KeyUsage::KeyAgreement => {
            let peer = spec.generate(&SeededEntropy::new(2)).expect("a key");
            let peer = PrivateKey { spec, secret: &peer }.public_key().expect("a public key");
            let body =
                json!({"KeyId": key, "KeyAgreementAlgorithm": "ECDH", "PublicKey": STANDARD.encode(&peer)});
            let bare = Box::new(move || drop(black_box(private.agree(&peer))));
            vec![Case { spec, operation: "DeriveSharedSecret", body, bare }]
        }
        KeyUsage::EncapsulateDecapsulate => {
            let (_, sealed) = private.encapsulate(entropy).expect("a secret");
            let encapsulate = json!({"KeyId": key, "EncapsulationAlgorithm": "ML_KEM"});
            let mut decapsulate = encapsulate.clone();
            let made = call(server, spec, "Encapsulate", &encapsulate).await;
            decapsulate["SharedSecretCiphertextBlob"] = made["SharedSecretCiphertextBlob"].clone();
            vec![
                Case {
                    spec,
                    operation: "Encapsulate",
                    body: encapsulate,
                    bare: Box::new(move || drop(black_box(private.encapsulate(entropy)))),
                },
                Case {
                    spec,
                    operation: "Decapsulate",
                    body: decapsulate,
                    bare: Box::new(move || drop(black_box(private.decapsulate(&sealed)))),
                },
            ]
        }
    }
}

fn first_algorithm(spec: KeySpec) -> SigningAlgorithm {
    *spec.signing_algorithms().first().expect("one")
}

#[expect(clippy::cast_precision_loss, reason = "a time to print")]
async fn measure(server: &Server, case: &Case<'_>, times: usize) {
    let request = caller(case.spec).request(case.operation, &case.body.to_string());
    let mut connection = Connection::open(server.port).await;
    let started = Instant::now();
    for _ in 0..times {
        let (status, _) = connection.exchange(&request).await;
        assert_eq!(status, 200, "{} {}", case.spec, case.operation);
    }
    let ours = started.elapsed().as_secs_f64() * 1e6 / times as f64;
    let started = Instant::now();
    (0..times).for_each(|_| (case.bare)());
    let bare = started.elapsed().as_secs_f64() * 1e6 / times as f64;
    println!("| {} | {} | {ours:.1} | {bare:.1} | {:.2} |", case.spec, case.operation, ours / bare);
}
