//! Every key spec against public vectors, against a second implementation, and against itself.

#![cfg(test)]
#![cfg(feature = "kms")]

use aws_lc_rs::{kem, signature};
use lifecycle::crypto::{CryptoError, Entropy, Secret, SeededEntropy, SystemEntropy};
use lifecycle::key::{
    EncryptionAlgorithm, KeySpec, KeyUsage, MessageType, PrivateKey, SigningAlgorithm, SigningInput,
};
use ml_dsa::{B32, MlDsa44, MlDsa65, MlDsa87, MlDsaParams};
use proptest::prelude::*;

const SYSTEM: fn() -> SystemEntropy = SystemEntropy::new;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn with_prefix(prefix: &str, rest: &str) -> Secret {
    Secret::new([hex(prefix), hex(rest)].concat())
}

fn signing(algorithm: SigningAlgorithm, message_type: MessageType, message: &[u8]) -> SigningInput<'_> {
    SigningInput { algorithm, message_type, message }
}

fn specs() -> impl Iterator<Item = KeySpec> {
    KeySpec::ALL.iter().copied()
}

/// RSA keys with longer moduli take seconds to make without optimisation.
fn quick() -> impl Iterator<Item = KeySpec> {
    specs().filter(|spec| !matches!(spec, KeySpec::Rsa3072 | KeySpec::Rsa4096))
}

#[test]
fn sizes_are_those_that_aws_documents() {
    use KeySpec as S;
    let public = [
        (S::Rsa2048, 294),
        (S::Rsa3072, 422),
        (S::Rsa4096, 550),
        (S::EccNistP256, 91),
        (S::EccNistP384, 120),
        (S::EccNistP521, 158),
        (S::EccSecgP256k1, 88),
        (S::EccNistEdwards25519, 44),
        (S::MlDsa44, 1_334),
        (S::MlDsa65, 1_974),
        (S::MlDsa87, 2_614),
        (S::MlKem512, 822),
        (S::MlKem768, 1_206),
        (S::MlKem1024, 1_590),
        (S::Sm2, 91),
    ];
    assert_eq!(public.len(), specs().filter(|spec| spec.is_asymmetric()).count());
    for (spec, length) in public {
        let secret = spec.generate(&SYSTEM()).unwrap();
        let key = PrivateKey { spec, secret: &secret };
        assert!(key.is_valid());
        assert_eq!(key.public_key().unwrap().len(), length, "{spec}");
        for algorithm in spec.signing_algorithms() {
            let message_type = algorithm.message_types()[0];
            let message = vec![7; algorithm.digest_length()];
            let input = signing(*algorithm, message_type, &message);
            let signature = key.sign(&input, &SYSTEM()).unwrap();
            let expected = match spec {
                S::Rsa2048 => 256..=256,
                S::Rsa3072 => 384..=384,
                S::Rsa4096 => 512..=512,
                S::EccNistP256 | S::EccSecgP256k1 | S::Sm2 => 66..=72,
                S::EccNistP384 => 98..=104,
                S::EccNistP521 => 133..=139,
                S::EccNistEdwards25519 => 64..=64,
                S::MlDsa44 => 2_420..=2_420,
                S::MlDsa65 => 3_309..=3_309,
                _ => 4_627..=4_627,
            };
            assert!(expected.contains(&signature.len()), "{spec}: {}", signature.len());
            key.verify(&input, &signature).unwrap();
        }
        for algorithm in spec.encryption_algorithms() {
            let plaintext = vec![7; spec.plaintext_max(*algorithm).unwrap()];
            let ciphertext = key.encrypt(*algorithm, &plaintext, &SYSTEM()).unwrap();
            assert_eq!(key.decrypt(*algorithm, &ciphertext).unwrap().expose(), plaintext, "{spec}");
            if spec != S::Sm2 {
                let longer = vec![7; plaintext.len() + 1];
                assert_eq!(key.encrypt(*algorithm, &longer, &SYSTEM()), Err(CryptoError::Refused), "{spec}");
            }
        }
    }
    for (spec, length) in [(S::Hmac224, 28), (S::Hmac256, 32), (S::Hmac384, 48), (S::Hmac512, 64)] {
        let secret = spec.generate(&SYSTEM()).unwrap();
        let key = PrivateKey { spec, secret: &secret };
        assert_eq!((secret.expose().len(), key.mac(b"m").unwrap().len()), (length, length));
    }
    for (spec, length) in [(S::MlKem512, 768), (S::MlKem768, 1_088), (S::MlKem1024, 1_568)] {
        let secret = spec.generate(&SYSTEM()).unwrap();
        let (shared, ciphertext) = PrivateKey { spec, secret: &secret }.encapsulate(&SYSTEM()).unwrap();
        assert_eq!((shared.expose().len(), ciphertext.len()), (32, length));
    }
}

/// RFC 8032, 7.1 test 2 and 7.3.
#[test]
fn ed25519_signs_as_its_rfc_does() {
    let prefix = "302e020100300506032b657004220420";
    let secret = with_prefix(prefix, "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
    let key = PrivateKey { spec: KeySpec::EccNistEdwards25519, secret: &secret };
    let public = hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    assert!(key.public_key().unwrap().ends_with(&public));
    let expected = hex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    );
    let input = signing(SigningAlgorithm::Ed25519Sha512, MessageType::Raw, &[0x72]);
    assert_eq!(key.sign(&input, &SYSTEM()).unwrap(), expected);

    let secret = with_prefix(prefix, "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42");
    let key = PrivateKey { spec: KeySpec::EccNistEdwards25519, secret: &secret };
    let expected = hex(
        "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae4131f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406",
    );
    let input = signing(SigningAlgorithm::Ed25519PhSha512, MessageType::Digest, b"abc");
    assert_eq!(key.sign(&input, &SYSTEM()).unwrap(), expected);
    key.verify(&input, &expected).unwrap();
    let pure = signing(SigningAlgorithm::Ed25519Sha512, MessageType::Raw, b"abc");
    assert_eq!(key.verify(&pure, &expected), Err(CryptoError::Refused));
}

/// RFC 4231, test case 6, whose key is longer than a block; the keys of KMS have one length each, this one needs none.
#[test]
fn codes_are_those_of_rfc_4231() {
    let secret = Secret::new(vec![0xaa; 131]);
    let message = b"Test Using Larger Than Block-Size Key - Hash Key First";
    let cases = [
        (KeySpec::Hmac224, "95e9a0db962095adaebe9b2d6f0dbce2d499f112f2d2b7273fa6870e"),
        (KeySpec::Hmac256, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
        (
            KeySpec::Hmac384,
            "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
        ),
        (
            KeySpec::Hmac512,
            "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
        ),
    ];
    for (spec, expected) in cases {
        let key = PrivateKey { spec, secret: &secret };
        assert_eq!(key.mac(message).unwrap(), hex(expected), "{spec}");
        key.verify_mac(message, &hex(expected)).unwrap();
        assert_eq!(key.verify_mac(message, &hex(expected)[1..]), Err(CryptoError::Refused));
    }
}

/// RFC 6979, A.2.5: the key pair; nonces are random, so that only the verification of its signature can be compared.
#[test]
fn ecdsa_verifies_the_signature_of_rfc_6979() {
    let secret = with_prefix(
        "304102010030 1306072a8648ce3d020106082a8648ce3d030107 042730250201010420",
        "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
    );
    let key = PrivateKey { spec: KeySpec::EccNistP256, secret: &secret };
    let point = hex(
        "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
    );
    assert!(key.public_key().unwrap().ends_with(&point));
    let signature = hex(
        "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
    );
    let input = signing(SigningAlgorithm::EcdsaSha256, MessageType::Raw, b"sample");
    key.verify(&input, &signature).unwrap();
    let input = signing(SigningAlgorithm::EcdsaSha256, MessageType::Raw, b"test");
    assert_eq!(key.verify(&input, &signature), Err(CryptoError::Refused));
}

/// The example of GB/T 32918.5, whose curve is the recommended one: its key pair.
#[test]
fn sm2_has_the_key_pair_of_its_standard() {
    let secret = with_prefix(
        "304102010030 1306072a8648ce3d020106082a811ccf5501822d 042730250201010420",
        "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8",
    );
    let key = PrivateKey { spec: KeySpec::Sm2, secret: &secret };
    let point = hex(
        "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13",
    );
    assert!(key.public_key().unwrap().ends_with(&point));
    let signature = hex("f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3");
    let other = hex("b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa");
    let der = [hex("30460221 00"), signature, hex("0221 00"), other].concat();
    let input = signing(SigningAlgorithm::Sm2dsa, MessageType::Raw, b"message digest");
    key.verify(&input, &der).unwrap();
    let input = signing(SigningAlgorithm::Sm2dsa, MessageType::Raw, b"another digest");
    assert_eq!(key.verify(&input, &der), Err(CryptoError::Refused));
}

/// The example of encryption in GB/T 32918.5: its key, its random number, its ciphertext; and in it, the point that both
/// sides of an agreement share.
#[test]
fn sm2_encrypts_and_agrees_as_its_standard_does() {
    let head = "3041020100301306072a8648ce3d020106082a811ccf5501822d042730250201010420";
    let secret = with_prefix(head, "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8");
    let key = PrivateKey { spec: KeySpec::Sm2, secret: &secret };
    let random = "59276e27d506861a16680f3ad9c02dccef3cc1fa3cdbe4ce6d54b80deac1bc21";
    let [x, y] = [
        "04ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73",
        "e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0",
    ];
    let digest = "59983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766";
    let sealed = "21886ca989ca9c7d58087307ca93092d651efa";
    // GM/T 0009: both coordinates as numbers, the digest, the ciphertext.
    let ciphertext = hex(&format!("307c0220{x}022100{y}0420{digest}0413{sealed}"));
    let plaintext = b"encryption standard";
    assert_eq!(key.decrypt(EncryptionAlgorithm::Sm2pke, &ciphertext).unwrap().expose(), plaintext);
    let made = key.encrypt(EncryptionAlgorithm::Sm2pke, plaintext, &Fixed(hex(random))).unwrap();
    assert_eq!(made, ciphertext);

    let shared = "335e18d751e51f040e27d468138b7ab1dc86ad7f981d7d416222fd6ab3ed230d";
    let identifier = "301306072a8648ce3d020106082a811ccf5501822d";
    let peer = hex(&format!("3059{identifier}03420004{x}{y}"));
    assert_eq!(key.agree(&peer).unwrap().expose(), hex(shared));
    // The other side has the random number as its key, and the point of this one.
    let secret = with_prefix(head, random);
    let other = PrivateKey { spec: KeySpec::Sm2, secret: &secret };
    assert_eq!(other.public_key().unwrap(), peer);
    assert_eq!(other.agree(&key.public_key().unwrap()).unwrap().expose(), hex(shared));
}

/// The same bytes at each draw: a random number that a standard gives.
struct Fixed(Vec<u8>);

impl Entropy for Fixed {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), lifecycle::crypto::EntropyError> {
        bytes.copy_from_slice(&self.0);
        Ok(())
    }
}

/// The two implementations of ML-DSA agree on keys and on signatures, so that neither is alone wrong.
#[test]
fn ml_dsa_signs_messages_and_their_representatives_alike() {
    fn check<P: MlDsaParams>(spec: KeySpec) {
        let secret = spec.generate(&SYSTEM()).unwrap();
        let key = PrivateKey { spec, secret: &secret };
        let message = b"a message of which only the representative is sent";
        let seed: [u8; 32] = *secret.expose().last_chunk().unwrap();
        let public = ml_dsa::SigningKey::<P>::from_seed(&B32::from(seed)).expanded_key().verifying_key();
        assert!(key.public_key().unwrap().ends_with(&public.encode()), "{spec}");
        let mu = public.compute_mu(
            |state| {
                ml_dsa::signature::digest::Update::update(state, message);
                Ok(())
            },
            b"",
        );
        let raw = signing(SigningAlgorithm::MlDsaShake256, MessageType::Raw, message);
        let mu = mu.unwrap();
        let external = signing(SigningAlgorithm::MlDsaShake256, MessageType::ExternalMu, &mu);
        for made in [raw, external] {
            let signature = key.sign(&made, &SYSTEM()).unwrap();
            for checked in [raw, external] {
                key.verify(&checked, &signature).unwrap();
            }
            let mut altered = signature;
            altered[100] ^= 1;
            for checked in [raw, external] {
                assert_eq!(key.verify(&checked, &altered), Err(CryptoError::Refused));
            }
        }
        let short = signing(SigningAlgorithm::MlDsaShake256, MessageType::ExternalMu, &mu[..63]);
        assert_eq!(key.sign(&short, &SYSTEM()), Err(CryptoError::Refused));
    }
    check::<MlDsa44>(KeySpec::MlDsa44);
    check::<MlDsa65>(KeySpec::MlDsa65);
    check::<MlDsa87>(KeySpec::MlDsa87);
}

/// What AWS-LC encapsulates for our public key, our private key decapsulates; and the other way round.
#[test]
fn ml_kem_agrees_with_a_second_implementation() {
    let sets = [
        (KeySpec::MlKem512, &kem::ML_KEM_512),
        (KeySpec::MlKem768, &kem::ML_KEM_768),
        (KeySpec::MlKem1024, &kem::ML_KEM_1024),
    ];
    for (spec, algorithm) in sets {
        let secret = spec.generate(&SYSTEM()).unwrap();
        let key = PrivateKey { spec, secret: &secret };
        let public = key.public_key().unwrap();
        let public = kem::EncapsulationKey::new(algorithm, &public[22..]).unwrap();
        let (ciphertext, shared) = public.encapsulate().unwrap();
        assert_eq!(key.decapsulate(ciphertext.as_ref()).unwrap().expose(), shared.as_ref());

        let mut altered = ciphertext.as_ref().to_vec();
        altered[0] ^= 1;
        let other = key.decapsulate(&altered).unwrap();
        assert_ne!(other.expose(), shared.as_ref());
        assert_eq!(key.decapsulate(&altered).unwrap(), other, "a wrong ciphertext has one secret, too");
        assert_eq!(key.decapsulate(&altered[1..]), Err(CryptoError::Refused));
    }
}

#[test]
fn two_keys_of_a_curve_agree() {
    for spec in [KeySpec::EccNistP256, KeySpec::EccNistP384, KeySpec::EccNistP521, KeySpec::Sm2] {
        let secrets = [spec.generate(&SYSTEM()).unwrap(), spec.generate(&SYSTEM()).unwrap()];
        let [a, b] = secrets.each_ref().map(|secret| PrivateKey { spec, secret });
        let shared = a.agree(&b.public_key().unwrap()).unwrap();
        assert_eq!(shared, b.agree(&a.public_key().unwrap()).unwrap(), "{spec}");
        let length = match spec {
            KeySpec::EccNistP384 => 48,
            KeySpec::EccNistP521 => 66,
            _ => 32,
        };
        assert_eq!(shared.expose().len(), length, "{spec}");
        for other in [KeySpec::EccNistP256, KeySpec::EccNistP384, KeySpec::EccSecgP256k1, KeySpec::Sm2] {
            let secret = other.generate(&SYSTEM()).unwrap();
            let public = PrivateKey { spec: other, secret: &secret }.public_key().unwrap();
            assert_eq!(a.agree(&public).is_ok(), other == spec, "{spec} {other}");
        }
        let public = b.public_key().unwrap();
        for junk in [&public[..public.len() - 1], &public[26..], b"", b"junk"] {
            assert_eq!(a.agree(junk), Err(CryptoError::Refused), "{spec}");
        }
    }
}

#[test]
fn what_a_key_is_not_for_is_refused() {
    for spec in quick() {
        let secret = spec.generate(&SYSTEM()).unwrap();
        let key = PrivateKey { spec, secret: &secret };
        let refused = Err(CryptoError::Refused);
        let has = |usage| spec.usages().contains(&usage);
        assert_eq!(key.public_key() == refused, !spec.is_asymmetric(), "{spec}");
        assert_eq!(key.mac(b"m") == refused, !has(KeyUsage::GenerateVerifyMac), "{spec}");
        assert_eq!(key.encapsulate(&SYSTEM()).is_err(), !has(KeyUsage::EncapsulateDecapsulate), "{spec}");
        let public = key.public_key().unwrap_or_default();
        assert_eq!(key.agree(&public).is_err(), !has(KeyUsage::KeyAgreement), "{spec}");
        for algorithm in EncryptionAlgorithm::ALL {
            let works = spec.encryption_algorithms().contains(algorithm)
                && *algorithm != EncryptionAlgorithm::SymmetricDefault;
            let encrypted = key.encrypt(*algorithm, b"m", &SYSTEM());
            // What algorithm SM2 is asked for is for the caller to check.
            assert!(encrypted.is_ok() == works || spec == KeySpec::Sm2, "{spec} {algorithm}");
            assert_eq!(key.decrypt(*algorithm, b"junk"), Err(CryptoError::Refused), "{spec} {algorithm}");
        }
    }
}

#[test]
fn a_seed_decides_every_key_but_those_of_rsa() {
    for spec in quick().filter(|spec| *spec != KeySpec::Rsa2048) {
        let draw = |seed| spec.generate(&SeededEntropy::new(seed)).unwrap();
        assert_eq!(draw(1), draw(1), "{spec}");
        assert_ne!(draw(1), draw(2), "{spec}");
    }
}

#[test]
fn material_of_another_spec_is_none() {
    let made: Vec<_> = quick().map(|spec| (spec, spec.generate(&SYSTEM()).unwrap())).collect();
    for (spec, own) in &made {
        for (other, secret) in &made {
            // Of the bytes of a symmetric key, only the length can be wrong.
            let fits = match spec.is_asymmetric() {
                true => spec == other,
                false => secret.expose().len() == own.expose().len(),
            };
            assert_eq!(PrivateKey { spec: *spec, secret }.is_valid(), fits, "{spec} {other}");
        }
        let nothing = Secret::new(Vec::new());
        assert!(!PrivateKey { spec: *spec, secret: &nothing }.is_valid());
        assert!(spec.generate(&Broken).is_err() || *spec == KeySpec::Rsa2048);
    }
}

struct Broken;

impl Entropy for Broken {
    fn fill(&self, _: &mut [u8]) -> Result<(), lifecycle::crypto::EntropyError> {
        Err(lifecycle::crypto::EntropyError)
    }
}

/// The signatures of AWS-LC's own keys verify, and vice versa: DER, salts and digests are as everywhere.
#[test]
fn a_public_key_verifies_what_its_private_key_signed() {
    let algorithms: [(KeySpec, SigningAlgorithm, &'static dyn signature::VerificationAlgorithm); 4] = [
        (KeySpec::EccNistP256, SigningAlgorithm::EcdsaSha256, &signature::ECDSA_P256_SHA256_ASN1),
        (KeySpec::EccSecgP256k1, SigningAlgorithm::EcdsaSha256, &signature::ECDSA_P256K1_SHA256_ASN1),
        (KeySpec::Rsa2048, SigningAlgorithm::RsassaPssSha256, &signature::RSA_PSS_2048_8192_SHA256),
        (KeySpec::Rsa2048, SigningAlgorithm::RsassaPkcs1Sha512, &signature::RSA_PKCS1_2048_8192_SHA512),
    ];
    for (spec, algorithm, verification) in algorithms {
        let secret = spec.generate(&SYSTEM()).unwrap();
        let key = PrivateKey { spec, secret: &secret };
        let input = signing(algorithm, MessageType::Raw, b"message");
        let made = key.sign(&input, &SYSTEM()).unwrap();
        let public = signature::UnparsedPublicKey::new(verification, key.public_key().unwrap());
        public.verify(b"message", &made).unwrap();
        public.verify(b"Message", &made).unwrap_err();
    }
}

fn key_for_signing() -> impl Strategy<Value = (KeySpec, SigningAlgorithm)> {
    let all: Vec<_> = quick()
        .filter(|spec| *spec != KeySpec::Rsa2048)
        .flat_map(|spec| spec.signing_algorithms().iter().map(move |algorithm| (spec, *algorithm)))
        .collect();
    proptest::sample::select(all)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_signature_is_that_of_its_message_only(
        (spec, algorithm) in key_for_signing(),
        seed: u64,
        message in proptest::collection::vec(any::<u8>(), 1..200),
        flipped: prop::sample::Index,
        junk in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let entropy = SeededEntropy::new(seed);
        let secret = spec.generate(&entropy).unwrap();
        let key = PrivateKey { spec, secret: &secret };
        let message_type = algorithm.message_types()[0];
        let input = signing(algorithm, message_type, &message);
        let fits = message_type == MessageType::Raw || spec == KeySpec::EccNistEdwards25519;
        prop_assert!(fits);
        let made = key.sign(&input, &entropy).unwrap();
        key.verify(&input, &made).unwrap();
        let mut other = message.clone();
        other[flipped.index(message.len())] ^= 1;
        prop_assert_eq!(key.verify(&signing(algorithm, message_type, &other), &made), Err(CryptoError::Refused));
        let mut altered = made.clone();
        altered[flipped.index(made.len())] ^= 1;
        prop_assert_eq!(key.verify(&input, &altered), Err(CryptoError::Refused));
        prop_assert_eq!(key.verify(&input, &junk), Err(CryptoError::Refused));
        prop_assert_eq!(key.decrypt(EncryptionAlgorithm::Sm2pke, &junk), Err(CryptoError::Refused));
        prop_assert!(key.agree(&junk).is_err());
    }
}

/// Material that somebody else chose, as a tag, an import or a state brings it in.
#[test]
fn a_private_key_that_is_none_is_no_material() {
    let zero_and_most = |length| [vec![0; length], vec![0xff; length]];
    for (spec, length) in [
        (KeySpec::EccNistP256, 32),
        (KeySpec::EccNistP384, 48),
        (KeySpec::EccNistP521, 66),
        (KeySpec::EccSecgP256k1, 32),
        (KeySpec::Sm2, 32),
    ] {
        let own = spec.generate(&SYSTEM()).unwrap();
        let bytes = own.expose();
        let marker = [&[0x02, 0x01, 0x01, 0x04, u8::try_from(length).unwrap()][..], b""].concat();
        let at = bytes.windows(marker.len()).position(|window| window == marker).unwrap() + marker.len();
        for scalar in zero_and_most(length) {
            let mut bytes = bytes.to_vec();
            bytes[at..at + length].copy_from_slice(&scalar);
            let secret = Secret::new(bytes);
            assert!(!PrivateKey { spec, secret: &secret }.is_valid(), "{spec}");
            assert_eq!(spec.import(&secret), Err(CryptoError::Refused), "{spec}");
        }
    }
    let spec = KeySpec::Rsa2048;
    let own = spec.generate(&SYSTEM()).unwrap();
    for at in (0..own.expose().len()).step_by(37) {
        let mut bytes = own.expose().to_vec();
        bytes[at] ^= 0x10;
        let secret = Secret::new(bytes);
        assert!(!PrivateKey { spec, secret: &secret }.is_valid(), "{at}");
        assert_eq!(spec.import(&secret), Err(CryptoError::Refused), "{at}");
    }
}
