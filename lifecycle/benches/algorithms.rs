//! What this crate adds to the cryptography that it calls: each operation of each kind of key against the same operation of
//! the library below it, with the library's key read beforehand.
//!
//! `cargo bench -p lifecycle --bench algorithms` measures, and prints one Markdown table after criterion's report. What the
//! ratio shows is mostly the reading of the key, which is kept as PKCS#8 and read for each operation.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a measuring tool: it prints, reads the clock, and stops at the first thing that is not as expected"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use aws_lc_rs::agreement::{self, PrivateKey as AgreementKey};
use aws_lc_rs::rsa::{
    KeyPair as RsaKeyPair, KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey,
};
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, PqdsaKeyPair, UnparsedPublicKey,
};
use criterion::{BenchmarkId, Criterion};
use lifecycle::crypto::envelope::{self, EncryptionContext, material_id};
use lifecycle::crypto::{Entropy as _, EntropyError, Secret, SeededEntropy};
use lifecycle::ids::KeyId;
use lifecycle::key::{EncryptionAlgorithm, KeySpec, MessageType, PrivateKey, SigningAlgorithm, SigningInput};
use ml_kem::kem::Decapsulate as _;
use ring::aead;
use sm2::dsa::signature::hazmat::{PrehashVerifier as _, RandomizedPrehashSigner as _};
use sm2::elliptic_curve::Generate as _;
use sm2::elliptic_curve::rand_core::{TryCryptoRng, TryRng};
use sm2::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};

const MESSAGE: [u8; 256] = [0x5a; 256];

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let mut table = Table::default();
    symmetric(&mut criterion, &mut table);
    codes(&mut criterion, &mut table);
    rsa(&mut criterion, &mut table);
    curves(&mut criterion, &mut table);
    edwards(&mut criterion, &mut table);
    lattices(&mut criterion, &mut table);
    sm2_keys(&mut criterion, &mut table);
    criterion.final_summary();
    table.print();
}

fn entropy() -> SeededEntropy {
    SeededEntropy::new(1)
}

fn symmetric(criterion: &mut Criterion, table: &mut Table) {
    let entropy = entropy();
    let secret = KeySpec::SymmetricDefault.generate(&entropy).unwrap();
    let id = material_id(KeyId::single_region([1; 16]), &secret);
    let context = EncryptionContext::from([("tenant".into(), "a".into())]);
    let blob = envelope::seal(&secret, id, &context, &MESSAGE, &entropy).unwrap();
    let key = aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_256_GCM, secret.expose()).unwrap());
    let seal = |message: &[u8]| {
        let mut bytes = message.to_vec();
        let nonce = aead::Nonce::assume_unique_for_key([7; 12]);
        key.seal_in_place_append_tag(nonce, aead::Aad::from(b"a"), &mut bytes).unwrap();
        bytes
    };
    let sealed = seal(&MESSAGE);
    table.compare(
        criterion,
        ("SYMMETRIC_DEFAULT", "encrypt"),
        || envelope::seal(&secret, id, &context, &MESSAGE, &entropy).unwrap(),
        || seal(&MESSAGE),
    );
    table.compare(
        criterion,
        ("SYMMETRIC_DEFAULT", "decrypt"),
        || envelope::open(&secret, id, &context, &blob).unwrap(),
        || {
            let mut bytes = sealed.clone();
            let nonce = aead::Nonce::assume_unique_for_key([7; 12]);
            key.open_in_place(nonce, aead::Aad::from(b"a"), &mut bytes).unwrap().len()
        },
    );
}

fn codes(criterion: &mut Criterion, table: &mut Table) {
    use aws_lc_rs::hmac;
    for (spec, algorithm) in [
        (KeySpec::Hmac224, hmac::HMAC_SHA224),
        (KeySpec::Hmac256, hmac::HMAC_SHA256),
        (KeySpec::Hmac384, hmac::HMAC_SHA384),
        (KeySpec::Hmac512, hmac::HMAC_SHA512),
    ] {
        let secret = spec.generate(&entropy()).unwrap();
        let bare = hmac::Key::new(algorithm, secret.expose());
        let ours = PrivateKey { spec, secret: &secret };
        let what = (spec.as_str(), "mac");
        table.compare(criterion, what, || ours.mac(&MESSAGE).unwrap(), || hmac::sign(&bare, &MESSAGE));
    }
}

/// Ours to sign and verify, in any family.
struct Signer {
    spec: KeySpec,
    secret: Secret,
    input: SigningInput<'static>,
}

impl Signer {
    fn new(spec: KeySpec, algorithm: SigningAlgorithm) -> Self {
        let input = SigningInput { algorithm, message_type: MessageType::Raw, message: &MESSAGE };
        Signer { spec, secret: spec.generate(&entropy()).unwrap(), input }
    }

    fn key(&self) -> PrivateKey<'_> {
        PrivateKey { spec: self.spec, secret: &self.secret }
    }

    fn sign(&self) -> Vec<u8> {
        self.key().sign(&self.input, &entropy()).unwrap()
    }

    fn verify(&self, signature: &[u8]) {
        self.key().verify(&self.input, signature).unwrap();
    }
}

fn rsa(criterion: &mut Criterion, table: &mut Table) {
    for (spec, size) in [
        (KeySpec::Rsa2048, KeySize::Rsa2048),
        (KeySpec::Rsa3072, KeySize::Rsa3072),
        (KeySpec::Rsa4096, KeySize::Rsa4096),
    ] {
        let name = spec.as_str();
        let ours = Signer::new(spec, SigningAlgorithm::RsassaPssSha256);
        let bare = RsaKeyPair::from_pkcs8(ours.secret.expose()).unwrap();
        let random = aws_lc_rs::rand::SystemRandom::new();
        let signature = ours.sign();
        let public =
            UnparsedPublicKey::new(&signature::RSA_PSS_2048_8192_SHA256, bare.public_key().as_ref().to_vec());
        table.compare(
            criterion,
            (name, "sign"),
            || ours.sign(),
            || {
                let mut out = vec![0; bare.public_modulus_len()];
                bare.sign(&signature::RSA_PSS_SHA256, &random, &MESSAGE, &mut out).unwrap();
                out
            },
        );
        table.compare(
            criterion,
            (name, "verify"),
            || ours.verify(&signature),
            || public.verify(&MESSAGE, &signature).unwrap(),
        );
        let key = ours.key();
        let sealed = key.encrypt(EncryptionAlgorithm::RsaesOaepSha256, &[7; 32], &entropy()).unwrap();
        let private = PrivateDecryptingKey::from_pkcs8(ours.secret.expose()).unwrap();
        let private = OaepPrivateDecryptingKey::new(private).unwrap();
        table.compare(
            criterion,
            (name, "decrypt"),
            || key.decrypt(EncryptionAlgorithm::RsaesOaepSha256, &sealed).unwrap(),
            || {
                let mut out = vec![0; private.min_output_size()];
                private.decrypt(&OAEP_SHA256_MGF1SHA256, &sealed, &mut out, None).unwrap().len()
            },
        );
        table.compare(
            criterion,
            (name, "generate"),
            || spec.generate(&entropy()).unwrap(),
            || RsaKeyPair::generate(size).unwrap(),
        );
    }
}

fn curves(criterion: &mut Criterion, table: &mut Table) {
    use signature::{
        ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256K1_SHA256_ASN1,
        ECDSA_P256K1_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_ASN1_SIGNING,
        ECDSA_P521_SHA512_ASN1, ECDSA_P521_SHA512_ASN1_SIGNING,
    };
    let random = aws_lc_rs::rand::SystemRandom::new();
    for (spec, algorithm, signing, verification) in [
        (
            KeySpec::EccNistP256,
            SigningAlgorithm::EcdsaSha256,
            &ECDSA_P256_SHA256_ASN1_SIGNING,
            &ECDSA_P256_SHA256_ASN1,
        ),
        (
            KeySpec::EccNistP384,
            SigningAlgorithm::EcdsaSha384,
            &ECDSA_P384_SHA384_ASN1_SIGNING,
            &ECDSA_P384_SHA384_ASN1,
        ),
        (
            KeySpec::EccNistP521,
            SigningAlgorithm::EcdsaSha512,
            &ECDSA_P521_SHA512_ASN1_SIGNING,
            &ECDSA_P521_SHA512_ASN1,
        ),
        (
            KeySpec::EccSecgP256k1,
            SigningAlgorithm::EcdsaSha256,
            &ECDSA_P256K1_SHA256_ASN1_SIGNING,
            &ECDSA_P256K1_SHA256_ASN1,
        ),
    ] {
        let name = spec.as_str();
        let ours = Signer::new(spec, algorithm);
        let bare = EcdsaKeyPair::from_private_key_der(signing, ours.secret.expose()).unwrap();
        let signature = ours.sign();
        let public = UnparsedPublicKey::new(verification, bare.public_key().as_ref().to_vec());
        table.compare(
            criterion,
            (name, "sign"),
            || ours.sign(),
            || bare.sign(&random, &MESSAGE).unwrap().as_ref().len(),
        );
        table.compare(
            criterion,
            (name, "verify"),
            || ours.verify(&signature),
            || public.verify(&MESSAGE, &signature).unwrap(),
        );
        table.compare(
            criterion,
            (name, "generate"),
            || spec.generate(&entropy()).unwrap(),
            || EcdsaKeyPair::generate(signing).unwrap(),
        );
    }
    for (spec, curve) in [
        (KeySpec::EccNistP256, &agreement::ECDH_P256),
        (KeySpec::EccNistP384, &agreement::ECDH_P384),
        (KeySpec::EccNistP521, &agreement::ECDH_P521),
    ] {
        let secret = spec.generate(&entropy()).unwrap();
        let peer = spec.generate(&SeededEntropy::new(2)).unwrap();
        let spki = PrivateKey { spec, secret: &peer }.public_key().unwrap();
        let bare = AgreementKey::from_private_key_der(curve, secret.expose()).unwrap();
        let theirs = AgreementKey::from_private_key_der(curve, peer.expose()).unwrap();
        let point = theirs.compute_public_key().unwrap();
        table.compare(
            criterion,
            (spec.as_str(), "agree"),
            || PrivateKey { spec, secret: &secret }.agree(&spki).unwrap(),
            || {
                let theirs = agreement::UnparsedPublicKey::new(curve, point.as_ref());
                agreement::agree(&bare, theirs, (), |shared| Ok(shared.to_vec())).unwrap()
            },
        );
    }
}

/// The seed, with which the document of a key of this crate ends.
fn seed<const N: usize>(secret: &Secret) -> [u8; N] {
    *secret.expose().last_chunk().unwrap()
}

fn edwards(criterion: &mut Criterion, table: &mut Table) {
    let spec = KeySpec::EccNistEdwards25519;
    let ours = Signer::new(spec, SigningAlgorithm::Ed25519Sha512);
    let bare = Ed25519KeyPair::from_seed_unchecked(&seed::<32>(&ours.secret)).unwrap();
    let signature = ours.sign();
    let public = UnparsedPublicKey::new(&signature::ED25519, bare.public_key().as_ref().to_vec());
    table.compare(
        criterion,
        (spec.as_str(), "sign"),
        || ours.sign(),
        || bare.try_sign(&MESSAGE).unwrap().as_ref().len(),
    );
    table.compare(
        criterion,
        (spec.as_str(), "verify"),
        || ours.verify(&signature),
        || public.verify(&MESSAGE, &signature).unwrap(),
    );
}

fn lattices(criterion: &mut Criterion, table: &mut Table) {
    use signature::{
        ML_DSA_44, ML_DSA_44_SIGNING, ML_DSA_65, ML_DSA_65_SIGNING, ML_DSA_87, ML_DSA_87_SIGNING,
    };
    for (spec, signing, verification) in [
        (KeySpec::MlDsa44, &ML_DSA_44_SIGNING, &ML_DSA_44),
        (KeySpec::MlDsa65, &ML_DSA_65_SIGNING, &ML_DSA_65),
        (KeySpec::MlDsa87, &ML_DSA_87_SIGNING, &ML_DSA_87),
    ] {
        let ours = Signer::new(spec, SigningAlgorithm::MlDsaShake256);
        let bare = PqdsaKeyPair::from_seed(signing, &seed::<32>(&ours.secret)).unwrap();
        let signature = ours.sign();
        let public = UnparsedPublicKey::new(verification, bare.public_key().as_ref().to_vec());
        table.compare(
            criterion,
            (spec.as_str(), "sign"),
            || ours.sign(),
            || {
                let mut out = vec![0; signing.signature_len()];
                bare.sign(&MESSAGE, &mut out).unwrap();
                out
            },
        );
        table.compare(
            criterion,
            (spec.as_str(), "verify"),
            || ours.verify(&signature),
            || public.verify(&MESSAGE, &signature).unwrap(),
        );
    }
    macro_rules! kem {
        ($spec:expr, $key:ty) => {{
            let spec = $spec;
            let secret = spec.generate(&entropy()).unwrap();
            let bare = <$key>::from_seed(seed::<64>(&secret).into());
            let ours = PrivateKey { spec, secret: &secret };
            let (_, sealed) = ours.encapsulate(&entropy()).unwrap();
            let random = ml_kem::B32::from([9; 32]);
            table.compare(
                criterion,
                (spec.as_str(), "encapsulate"),
                || ours.encapsulate(&entropy()).unwrap(),
                || bare.encapsulation_key().encapsulate_deterministic(&random),
            );
            table.compare(
                criterion,
                (spec.as_str(), "decapsulate"),
                || ours.decapsulate(&sealed).unwrap(),
                || bare.decapsulate_slice(&sealed).unwrap(),
            );
        }};
    }
    kem!(KeySpec::MlKem512, ml_kem::DecapsulationKey512);
    kem!(KeySpec::MlKem768, ml_kem::DecapsulationKey768);
    kem!(KeySpec::MlKem1024, ml_kem::DecapsulationKey1024);
}

fn sm2_keys(criterion: &mut Criterion, table: &mut Table) {
    let spec = KeySpec::Sm2;
    let secret = spec.generate(&entropy()).unwrap();
    let ours = PrivateKey { spec, secret: &secret };
    let digest = [0x33; 32];
    let input = SigningInput {
        algorithm: SigningAlgorithm::Sm2dsa,
        message_type: MessageType::Digest,
        message: &digest,
    };
    let bytes = ours.sign(&input, &entropy()).unwrap();
    let bare = sm2::SecretKey::from_pkcs8_der(secret.expose()).unwrap();
    let signing = sm2::dsa::SigningKey::new("1234567812345678", &bare).unwrap();
    let public = sm2::dsa::VerifyingKey::new("1234567812345678", bare.public_key()).unwrap();
    let signature = sm2::dsa::Signature::from_der(&bytes).unwrap();
    let random = entropy();
    table.compare(
        criterion,
        (spec.as_str(), "generate"),
        || spec.generate(&random).unwrap(),
        || sm2::SecretKey::try_generate_from_rng(&mut Random(&random)).unwrap().to_pkcs8_der().unwrap(),
    );
    table.compare(
        criterion,
        (spec.as_str(), "sign"),
        || ours.sign(&input, &random).unwrap(),
        || signing.sign_prehash_with_rng(&mut Random(&random), &digest).unwrap().to_der(),
    );
    table.compare(
        criterion,
        (spec.as_str(), "verify"),
        || ours.verify(&input, &bytes).unwrap(),
        || public.verify_prehash(&digest, &signature).unwrap(),
    );
    let sealed = ours.encrypt(EncryptionAlgorithm::Sm2pke, &[7; 32], &entropy()).unwrap();
    let encrypting = sm2::pke::EncryptingKey::new(bare.public_key());
    table.compare(
        criterion,
        (spec.as_str(), "encrypt"),
        || ours.encrypt(EncryptionAlgorithm::Sm2pke, &[7; 32], &random).unwrap(),
        || encrypting.encrypt_der(&mut Random(&random), &[7; 32]).unwrap(),
    );
    let decrypting = sm2::pke::DecryptingKey::new(bare);
    table.compare(
        criterion,
        (spec.as_str(), "decrypt"),
        || ours.decrypt(EncryptionAlgorithm::Sm2pke, &sealed).unwrap(),
        || decrypting.decrypt_der(&sealed).unwrap(),
    );
}

/// The same random bytes as ours has, for the library.
struct Random<'a>(&'a SeededEntropy);

impl TryRng for Random<'_> {
    type Error = EntropyError;

    fn try_next_u32(&mut self) -> Result<u32, EntropyError> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, EntropyError> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.0.fill(bytes)
    }
}

impl TryCryptoRng for Random<'_> {}

/// What was measured: the medians over criterion's samples, in microseconds.
#[derive(Default)]
struct Table(Vec<((&'static str, &'static str), [f64; 2])>);

impl Table {
    fn compare<T, U>(
        &mut self,
        criterion: &mut Criterion,
        what: (&'static str, &'static str),
        ours: impl Fn() -> T,
        bare: impl Fn() -> U,
    ) {
        let (spec, operation) = what;
        let ours = median(criterion, spec, &format!("{operation}/ours"), ours);
        let bare = median(criterion, spec, &format!("{operation}/bare"), bare);
        // Empty where the command line leaves this measurement out.
        self.0.extend(ours.zip(bare).map(|(ours, bare)| (what, [ours, bare])));
    }

    fn print(&self) {
        println!("\n| Key spec | Operation | µs | library alone, µs | ratio |");
        println!("| --- | --- | --- | --- | --- |");
        for ((spec, operation), [ours, bare]) in &self.0 {
            println!("| {spec} | {operation} | {ours:.1} | {bare:.1} | {:.2} |", ours / bare);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a time to print")]
fn median<T>(criterion: &mut Criterion, spec: &str, name: &str, run: impl Fn() -> T) -> Option<f64> {
    let mut samples = Vec::new();
    let mut group = criterion.benchmark_group(spec);
    group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
        bencher.iter_custom(|times| {
            let started = Instant::now();
            for _ in 0..times {
                black_box(run());
            }
            let elapsed = started.elapsed();
            samples.push(elapsed.as_secs_f64() * 1e6 / times as f64);
            elapsed
        });
    });
    group.finish();
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied()
}
