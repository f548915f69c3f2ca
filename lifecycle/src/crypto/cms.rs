//! A secret under an RSA public key, as a message of the Cryptographic Message Syntax that only the private key opens.
//!
//! The content is encrypted under a new AES-256 key in CBC mode, and that key by RSAES-OAEP with SHA-256. RFC 5652,
//! "EnvelopedData"; RFC 4055 for OAEP; RFC 3565 for AES.
// AWS (observed): BER with lengths left open, a recipient that is named by the SHA-256 of its SubjectPublicKeyInfo, and content
// in one piece. AWS's own SDK for enclaves reads exactly this form.

use aws_lc_rs::cipher::{
    AES_256, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey, PaddedBlockEncryptingKey,
    UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use ring::digest::{SHA256, digest};
use zeroize::Zeroizing;

use super::rsa::{Modulus, Oaep, encrypt_for};
use super::{CryptoError, Entropy, Secret};

/// ContentInfo of envelopedData, its content, and EnvelopedData of version 2, all of open length.
const START: &[u8] = &[
    0x30, 0x80, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03, 0xa0, 0x80, 0x30, 0x80,
    0x02, 0x01, 0x02,
];
/// KeyTransRecipientInfo of version 2: by the identifier of its key.
const RECIPIENT_VERSION: &[u8] = &[0x02, 0x01, 0x02];
/// RSAES-OAEP with SHA-256 in both places, and no label.
const OAEP: &[u8] = &[
    0x30, 0x3c, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x07, 0x30, 0x2f, 0xa0, 0x0f,
    0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0xa1, 0x1c,
    0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30, 0x0d, 0x06, 0x09,
    0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
];
/// EncryptedContentInfo of open length, of data, under AES-256-CBC; the initialization vector follows.
const CONTENT: &[u8] = &[
    0x30, 0x80, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01, 0x30, 0x1d, 0x06, 0x09,
    0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a, 0x04, 0x10,
];
/// The encrypted content, of open length.
const ENCRYPTED: &[u8] = &[0xa0, 0x80];
/// The ends of the five elements of open length.
const END: &[u8] = &[0; 10];

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OCTET_STRING: u8 = 0x04;
/// `[0] IMPLICIT SubjectKeyIdentifier`.
const KEY_IDENTIFIER: u8 = 0x80;

const KEY_LENGTH: usize = 32;
const IV_LENGTH: usize = 16;

/// Seals a secret for the owner of an RSA key, given as its SubjectPublicKeyInfo.
///
/// # Errors
/// `Refused` for anything but a public key of RSA with 2,048 to 8,192 bits.
pub fn seal(public_key: &[u8], secret: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, CryptoError> {
    let key = Zeroizing::new(entropy.array::<KEY_LENGTH>()?);
    let iv = entropy.array::<IV_LENGTH>()?;
    let wrapped = encrypt_for(public_key, Oaep::Sha256, &*key)?;
    let mut content = secret.to_vec();
    let cipher = UnboundCipherKey::new(&AES_256, &*key).and_then(PaddedBlockEncryptingKey::cbc_pkcs7);
    cipher
        .and_then(|cipher| {
            cipher.less_safe_encrypt(&mut content, EncryptionContext::Iv128(FixedLength::from(iv)))
        })
        .map_err(|_| CryptoError::Failed)?;

    let identifier = digest(&SHA256, public_key);
    let mut recipient = RECIPIENT_VERSION.to_vec();
    element(KEY_IDENTIFIER, identifier.as_ref(), &mut recipient);
    recipient.extend_from_slice(OAEP);
    element(OCTET_STRING, &wrapped, &mut recipient);
    let mut recipients = Vec::with_capacity(recipient.len() + 4);
    element(SEQUENCE, &recipient, &mut recipients);

    let mut message = START.to_vec();
    element(SET, &recipients, &mut message);
    message.extend_from_slice(CONTENT);
    message.extend_from_slice(&iv);
    message.extend_from_slice(ENCRYPTED);
    element(OCTET_STRING, &content, &mut message);
    message.extend_from_slice(END);
    Ok(message)
}

/// Opens what [`seal`] or AWS sealed, with the private key as PKCS#8. It reads no other form of the syntax.
///
/// # Errors
/// `Refused` for anything else, and for what was sealed for another key.
pub fn open(private_key: &Secret, modulus: Modulus, message: &[u8]) -> Result<Secret, CryptoError> {
    let parts = Parts::read(message, modulus).ok_or(CryptoError::Refused)?;
    let public_key = modulus.public_key(private_key)?;
    if parts.identifier != digest(&SHA256, &public_key).as_ref() {
        return Err(CryptoError::Refused);
    }
    let key = modulus.decrypt(private_key, Oaep::Sha256, parts.wrapped)?;
    let cipher = UnboundCipherKey::new(&AES_256, key.expose()).and_then(PaddedBlockDecryptingKey::cbc_pkcs7);
    let cipher = cipher.map_err(|_| CryptoError::Refused)?;
    let mut content = Zeroizing::new(parts.content.to_vec());
    let iv = DecryptionContext::Iv128(FixedLength::from(parts.iv));
    let length = cipher.decrypt(&mut content, iv).map_err(|_| CryptoError::Refused)?.len();
    content.truncate(length);
    Ok(content.into())
}

/// What differs from one message to the next.
struct Parts<'a> {
    identifier: &'a [u8],
    wrapped: &'a [u8],
    iv: [u8; IV_LENGTH],
    content: &'a [u8],
}

impl<'a> Parts<'a> {
    fn read(message: &'a [u8], modulus: Modulus) -> Option<Self> {
        let rest = message.strip_prefix(START)?;
        let (recipients, rest) = take(SET, rest)?;
        let (recipient, none) = take(SEQUENCE, recipients)?;
        let (identifier, recipient) = take(KEY_IDENTIFIER, recipient.strip_prefix(RECIPIENT_VERSION)?)?;
        let (wrapped, nothing) = take(OCTET_STRING, recipient.strip_prefix(OAEP)?)?;
        let (iv, rest) = rest.strip_prefix(CONTENT)?.split_first_chunk()?;
        let (content, rest) = take(OCTET_STRING, rest.strip_prefix(ENCRYPTED)?)?;
        let whole = none.is_empty() && nothing.is_empty() && rest == END;
        (whole && wrapped.len() == modulus.length()).then_some(Parts {
            identifier,
            wrapped,
            iv: *iv,
            content,
        })
    }
}

/// Writes an element of definite length, in the shortest form. Nothing here is longer than 65,535 bytes.
fn element(tag: u8, content: &[u8], to: &mut Vec<u8>) {
    to.push(tag);
    let [.., high, low] = content.len().to_be_bytes();
    match content.len() {
        0..=0x7f => to.push(low),
        0x80..=0xff => to.extend([0x81, low]),
        _ => to.extend([0x82, high, low]),
    }
    to.extend_from_slice(content);
}

/// The content of such an element, and what follows it.
fn take(tag: u8, from: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = from.strip_prefix(&[tag])?.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => rest.split_first().map(|(length, rest)| (usize::from(*length), rest))?,
        0x82 => {
            rest.split_first_chunk().map(|(length, rest)| (usize::from(u16::from_be_bytes(*length)), rest))?
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::crypto::SeededEntropy;

    const MODULUS: Modulus = Modulus::Bits2048;
    static KEYS: LazyLock<[Secret; 2]> =
        LazyLock::new(|| [MODULUS.generate().unwrap(), MODULUS.generate().unwrap()]);

    fn sealed(secret: &[u8]) -> Vec<u8> {
        seal(&MODULUS.public_key(&KEYS[0]).unwrap(), secret, &SeededEntropy::new(7)).unwrap()
    }

    /// AWS (observed): for a 2,048-bit key, 445 bytes and the padded content.
    #[test]
    fn messages_are_as_long_as_those_of_aws() {
        for (length, padded) in [(0, 16), (15, 16), (16, 32), (31, 32), (32, 48)] {
            assert_eq!(sealed(&vec![1; length]).len(), 445 + padded, "{length}");
        }
    }

    #[test]
    fn only_keys_of_rsa_are_sealed_for() {
        let curve = crate::crypto::ec::Curve::P256;
        let key = curve.generate(&SeededEntropy::new(1)).unwrap();
        for other in [curve.public_key(&key).unwrap(), Vec::new(), KEYS[0].expose().to_vec()] {
            assert_eq!(seal(&other, b"secret", &SeededEntropy::new(1)).unwrap_err(), CryptoError::Refused);
        }
    }

    #[test]
    fn another_key_opens_nothing() {
        let message = sealed(b"secret");
        assert_eq!(open(&KEYS[0], MODULUS, &message).unwrap().expose(), b"secret");
        assert_eq!(open(&KEYS[1], MODULUS, &message).unwrap_err(), CryptoError::Refused);
        assert_eq!(open(&KEYS[0], Modulus::Bits3072, &message).unwrap_err(), CryptoError::Refused);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_was_sealed_opens(secret in proptest::collection::vec(any::<u8>(), 0..6_000)) {
            let opened = open(&KEYS[0], MODULUS, &sealed(&secret)).unwrap();
            prop_assert_eq!(opened.expose(), &secret);
        }

        #[test]
        fn no_message_is_too_malformed_to_refuse(
            at: proptest::sample::Index, by in 1_u8.., keep: proptest::sample::Index,
        ) {
            let mut message = sealed(b"secret");
            let cut = message[..keep.index(message.len())].to_vec();
            prop_assert!(open(&KEYS[0], MODULUS, &cut).is_err());
            message.push(0);
            prop_assert!(open(&KEYS[0], MODULUS, &message).is_err());
            message.pop();
            let at = at.index(message.len());
            message[at] ^= by;
            // CBC has no integrity: a change there may go unnoticed, but never gives the secret.
            let opened = open(&KEYS[0], MODULUS, &message);
            prop_assert!(opened.is_err() || opened.unwrap().expose() != b"secret");
        }
    }
}
