use std::sync::LazyLock;

use proptest::prelude::*;

use super::local::{Claims, LocalNitro, encoded, message};
use super::*;

const NOW: WallTime = WallTime(1_767_225_600_000);
const HOUR: i64 = 3_600_000;

static NITRO: LazyLock<LocalNitro> = LazyLock::new(|| LocalNitro::new(NOW).unwrap());
static DOCUMENT: LazyLock<Vec<u8>> = LazyLock::new(|| NITRO.document(&claims(&pcrs()), NOW).unwrap());

fn pcrs() -> BTreeMap<u8, Vec<u8>> {
    BTreeMap::from([(0, vec![0xab; 48]), (4, vec![4; 48]), (31, vec![31; 48])])
}

fn claims(pcrs: &BTreeMap<u8, Vec<u8>>) -> Claims<'_> {
    Claims {
        module_id: "i-1-enc1",
        platform: Platform::Enclave,
        pcrs,
        public_key: Some(b"key"),
        user_data: Some(b"data"),
        nonce: None,
        timestamp: NOW,
    }
}

fn verifier(now: fn() -> WallTime) -> Verifier {
    Verifier::new(Roots::from_pem(NITRO.root_pem().as_bytes()).unwrap(), AGE_MAX, now)
}

fn verify(document: &[u8]) -> Result<Attestation, Refusal> {
    verifier(|| NOW).verify(document)
}

#[test]
fn what_a_document_says_is_what_was_claimed() {
    let attested = verify(&DOCUMENT).unwrap();
    assert_eq!(attested.module_id, "i-1-enc1");
    assert_eq!((&attested.pcrs, attested.public_key.as_slice()), (&pcrs(), &b"key"[..]));
    let conditions: Vec<_> = attested.conditions().collect();
    let named = |name: &str, byte: &str| (name.to_owned(), byte.repeat(48));
    assert_eq!(
        conditions,
        [named("ImageSha384", "ab"), named("PCR0", "ab"), named("PCR4", "04"), named("PCR31", "1f")]
    );
}

#[test]
fn a_tpm_has_keys_of_its_own_and_no_image() {
    let pcrs = pcrs();
    let claims = Claims { platform: Platform::NitroTpm, ..claims(&pcrs) };
    let attested = verify(&NITRO.document(&claims, NOW).unwrap()).unwrap();
    let names: Vec<_> = attested.conditions().map(|(name, _)| name).collect();
    assert_eq!(names, ["NitroTPMPCR0", "NitroTPMPCR4", "NitroTPMPCR31"]);
    assert_eq!(attested.image(), None);
}

#[test]
fn the_tag_of_cose_is_optional() {
    let tagged = [&[0xd2], &**DOCUMENT].concat();
    assert_eq!(verify(&tagged), verify(&DOCUMENT));
    assert!(matches!(verify(&[&[0xd1], &**DOCUMENT].concat()), Err(Refusal::Malformed(_))));
}

#[test]
fn a_document_is_young_and_not_from_the_future() {
    let age = |by: i64| {
        let pcrs = pcrs();
        let claims = Claims { timestamp: WallTime(NOW.0 - by), ..claims(&pcrs) };
        verify(&NITRO.document(&claims, NOW).unwrap())
    };
    let most = i64::try_from(AGE_MAX.as_millis()).unwrap();
    for by in [most, 0, -most] {
        assert!(age(by).is_ok(), "{by}");
    }
    for by in [most + 1, -most - 1, NOW.0] {
        assert_eq!(age(by), Err(Refusal::Age(AGE_MAX)), "{by}");
    }
}

#[test]
fn a_signer_is_certified_for_three_hours() {
    let refused = |now: fn() -> WallTime| match verifier(now).verify(&DOCUMENT) {
        Err(Refusal::Chain(why)) => why,
        other => panic!("{other:?}"),
    };
    assert!(refused(|| WallTime(NOW.0 + 3 * HOUR + 1_000)).contains("expired"));
    assert!(refused(|| WallTime(NOW.0 - 1_000)).contains("valid yet"));
    let late = verifier(|| WallTime(NOW.0 + 3 * HOUR)).verify(&DOCUMENT);
    assert_eq!(late, Err(Refusal::Age(AGE_MAX)));
}

#[test]
fn only_a_root_vouches() {
    let other = LocalNitro::new(NOW).unwrap();
    assert!(matches!(verify(&other.document(&claims(&pcrs()), NOW).unwrap()), Err(Refusal::Chain(_))));
    let both = [NITRO.root_pem(), other.root_pem()].concat();
    let both = Verifier::new(Roots::from_pem(both.as_bytes()).unwrap(), AGE_MAX, || NOW);
    for nitro in [&other, &*NITRO] {
        assert!(both.verify(&nitro.document(&claims(&pcrs()), NOW).unwrap()).is_ok());
    }
    let aws = Verifier::new(Roots::aws(), AGE_MAX, || NOW);
    assert!(matches!(aws.verify(&DOCUMENT), Err(Refusal::Chain(why)) if why.contains("attestation.root")));
}

#[test]
fn the_root_of_aws_is_the_published_one() {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let certificate = CertificateDer::from_pem_slice(include_bytes!("aws_nitro_enclaves_root.pem")).unwrap();
    // AWS: Nitro Enclaves User Guide, "Verifying the root of trust".
    let published =
        "64:1A:03:21:A3:E2:44:EF:E4:56:46:31:95:D6:06:31:7E:D7:CD:CC:3C:17:56:E0:98:93:F3:C6:8F:79:BB:5B";
    let digest = ring::digest::digest(&ring::digest::SHA256, &certificate);
    assert_eq!(hex(digest.as_ref()), published.replace(':', "").to_lowercase());
}

#[test]
fn a_root_that_was_kept_is_the_same() {
    let again = LocalNitro::from_pem(NITRO.root_pem(), &NITRO.key_pem()).unwrap();
    assert!(verify(&again.document(&claims(&pcrs()), NOW).unwrap()).is_ok());
    assert!(LocalNitro::from_pem("", &NITRO.key_pem()).is_err());
}

#[test]
fn the_issuers_of_a_signer_must_be_there() {
    let mut signer = NITRO.signer(NOW).unwrap();
    signer.chain.truncate(1);
    let document = signer.sign(&signer.payload(&claims(&pcrs()))).unwrap();
    assert!(matches!(verify(&document), Err(Refusal::Chain(_))));
}

#[test]
fn roots_are_certificates_in_pem() {
    for text in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "nonsense"] {
        assert!(Roots::from_pem(text.as_bytes()).is_err(), "{text}");
    }
}

/// The payload of `claims`, which is one map, with the last two members replaced.
fn payload(change: impl FnOnce(&mut BTreeMap<&'static str, Vec<u8>>)) -> Vec<u8> {
    let signer = NITRO.signer(NOW).unwrap();
    let bytes = |bytes: &[u8]| encoded(|cbor| cbor.bytes(bytes).map(|_| ()));
    let text = |text: &str| encoded(|cbor| cbor.str(text).map(|_| ()));
    let mut members = BTreeMap::from([
        ("module_id", text("i-1-enc1")),
        ("digest", text("SHA384")),
        ("timestamp", encoded(|cbor| cbor.u64(NOW.0.unsigned_abs()).map(|_| ()))),
        ("pcrs", encoded(|cbor| cbor.map(1)?.u8(0)?.bytes(&[0; 48]).map(|_| ()))),
        ("certificate", bytes(&signer.certificate)),
        (
            "cabundle",
            encoded(|cbor| cbor.array(2)?.bytes(&signer.chain[0])?.bytes(&signer.chain[1]).map(|_| ())),
        ),
        ("public_key", bytes(b"key")),
    ]);
    change(&mut members);
    let map = encoded(|cbor| cbor.map(members.len() as u64).map(|_| ()));
    let members = members.iter().flat_map(|(name, value)| [text(name), value.clone()]);
    let payload = [vec![map], members.collect()].concat().concat();
    signer.sign(&payload).unwrap()
}

#[test]
fn every_member_has_its_form() {
    assert!(verify(&payload(|_| {})).is_ok());
    let refused = |document: Vec<u8>| match verify(&document) {
        Err(Refusal::Malformed(what)) => what,
        other => panic!("{other:?}"),
    };
    for name in ["module_id", "timestamp", "pcrs", "certificate", "cabundle", "public_key"] {
        let what = refused(payload(|members| {
            members.remove(name);
        }));
        assert_eq!(what, format!("it has no {name}"));
        // `true` is none of their types.
        let what = refused(payload(|members| {
            members.insert(name, vec![0xf5]);
        }));
        assert!(what.starts_with(name), "{what}");
    }
    let digest = encoded(|cbor| cbor.str("SHA256").map(|_| ()));
    assert_eq!(refused(payload(|members| members.extend([("digest", digest)]))), "its digest is not SHA384");
    let pcrs = |pairs: &[(u8, usize)]| {
        let pcrs = encoded(|cbor| {
            cbor.map(pairs.len() as u64)?;
            pairs.iter().try_for_each(|(index, length)| cbor.u8(*index)?.bytes(&vec![0; *length]).map(|_| ()))
        });
        payload(|members| members.extend([("pcrs", pcrs)]))
    };
    assert!(verify(&pcrs(&[(31, 32), (0, 64)])).is_ok());
    for pairs in [&[][..], &[(32, 48)], &[(0, 47)], &[(0, 48), (0, 48)]] {
        assert!(refused(pcrs(pairs)).starts_with("pcrs"), "{pairs:?}");
    }
    // Lengths that are claimed only.
    for member in [vec![0x9b; 9], vec![0xbb; 9], vec![0x5b; 9], vec![0x9f, 0xff]] {
        refused(payload(|members| members.extend([("cabundle", member.clone())])));
        refused(payload(|members| members.extend([("pcrs", member.clone())])));
        refused(payload(|members| members.extend([("certificate", member)])));
    }
}

#[test]
fn a_message_has_its_form() {
    let signature = [0; 96];
    for (document, what) in [
        (message(&[0xa1, 0x01, 0x26], b"", &signature), "its algorithm is not ES384"),
        (message(&[0xa1, 0x01, 0x38, 0x22, 0], b"", &signature), "its algorithm is not ES384"),
        (message(&[0xa1, 0x01, 0x38, 0x22], b"", &signature[1..]), "its signature is not of P-384"),
        (message(&[0xa1, 0x01, 0x38, 0x22], b"", &signature), "its payload is no map"),
        (Vec::new(), "it is no COSE_Sign1 message of four parts"),
        (vec![0x85], "it is no COSE_Sign1 message of four parts"),
        ([&**DOCUMENT, &[0]].concat(), "something follows its signature"),
    ] {
        assert_eq!(verify(&document), Err(Refusal::Malformed(what)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_change_is_refused(at: proptest::sample::Index, by in 1_u8..) {
        let mut document = DOCUMENT.clone();
        let at = at.index(document.len());
        document[at] ^= by;
        prop_assert!(verify(&document).is_err());
        document.truncate(at);
        prop_assert!(verify(&document).is_err());
    }

    #[test]
    fn nothing_is_too_malformed_to_refuse(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(verify(&bytes).is_err());
        // The same as a payload, whose signature is right.
        let signed = NITRO.signer(NOW).unwrap().sign(&bytes).unwrap();
        prop_assert!(verify(&signed).is_err());
    }
}
