use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use ring::{hkdf, hmac};
use zeroize::Zeroizing;

use lifecycle::crypto::Secret;

use super::error::StoreError;
use super::root_key::{RootKey, RootKeyId};

/// The first byte of everything sealed. Layout: format, root key id (8), salt (32), nonce (12), ciphertext, tag (16).
const FORMAT: u8 = 1;
const SALT_LEN: usize = 32;
const HEADER_LEN: usize = 1 + RootKeyId::LEN + SALT_LEN + NONCE_LEN;
const SEAL_INFO: &[u8] = b"kms-server record seal v1";
const TAG_LABEL: &[u8] = b"kms-server record tag v1";

/// The length of the tag of a row, in bytes.
pub(super) const ROW_TAG_LEN: usize = 32;

/// Seals secrets under one root key, and tags rows so that an altered one is noticed.
pub(super) struct Sealer {
    root: RootKey,
    tag_key: hmac::Key,
    random: SystemRandom,
}

/// What a tag covers: every column of a row but the secret itself, which its own seal covers.
#[derive(Clone, Copy)]
pub(super) struct Tagged<'a> {
    pub(super) kind: &'a str,
    pub(super) id: &'a str,
    pub(super) version: u64,
    pub(super) body: &'a [u8],
    pub(super) slot: Option<i64>,
}

impl Sealer {
    pub(super) fn new(root: RootKey) -> Sealer {
        let tag_key = hmac::Key::new(hmac::HMAC_SHA256, root.derive(TAG_LABEL).as_ref());
        Sealer { root, tag_key, random: SystemRandom::new() }
    }

    /// Seals a secret for one row. Each seal has a key of its own, derived with a random salt, so that the bound on random nonces under one key
    /// never comes near however long the root key is used.
    pub(super) fn seal(&self, kind: &str, id: &str, secret: &Secret) -> Result<Vec<u8>, StoreError> {
        let mut salt = [0; SALT_LEN];
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut salt).map_err(|_| StoreError::Entropy)?;
        self.random.fill(&mut nonce).map_err(|_| StoreError::Entropy)?;
        let key = self.record_key(&salt).ok_or(StoreError::Entropy)?;

        let plaintext = secret.expose();
        let mut sealed = Vec::with_capacity(HEADER_LEN + plaintext.len() + AES_256_GCM.tag_len());
        sealed.push(FORMAT);
        sealed.extend_from_slice(self.root.id().as_bytes());
        sealed.extend_from_slice(&salt);
        sealed.extend_from_slice(&nonce);
        // Encrypted in place, in a buffer that does not grow: no copy of the plaintext is left behind.
        let aad = Aad::from(associated_data(kind, id));
        sealed.extend_from_slice(plaintext);
        let in_place = sealed.get_mut(HEADER_LEN..).unwrap_or_default();
        match key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad, in_place) {
            Ok(tag) => {
                sealed.extend_from_slice(tag.as_ref());
                Ok(sealed)
            }
            Err(_) => {
                zeroize::Zeroize::zeroize(&mut sealed);
                Err(StoreError::Entropy)
            }
        }
    }

    /// Opens what [`Sealer::seal`] made for the same row; otherwise says what does not fit.
    pub(super) fn open(&self, kind: &str, id: &str, sealed: &[u8]) -> Result<Secret, String> {
        let Some((format, rest)) = sealed.split_first() else {
            return Err("is empty".into());
        };
        if *format != FORMAT {
            return Err(format!("has seal format {format}, and this server knows {FORMAT}"));
        }
        let truncated = || "is too short".to_owned();
        let (root_id, rest) = rest.split_first_chunk::<{ RootKeyId::LEN }>().ok_or_else(truncated)?;
        let (salt, rest) = rest.split_first_chunk::<SALT_LEN>().ok_or_else(truncated)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>().ok_or_else(truncated)?;
        if root_id != self.root.id().as_bytes() {
            return Err(format!(
                "is sealed under root key {}, and this is {}",
                RootKeyId::from(*root_id),
                self.root.id()
            ));
        }
        let altered = "was altered, or belongs to another row";
        let key = self.record_key(salt).ok_or(altered)?;
        let mut buffer = Zeroizing::new(ciphertext.to_vec());
        let aad = Aad::from(associated_data(kind, id));
        let length = key
            .open_in_place(Nonce::assume_unique_for_key(*nonce), aad, &mut buffer)
            .map_err(|_| altered)?
            .len();
        buffer.truncate(length);
        Ok(Secret::from(buffer))
    }

    pub(super) fn tag(&self, row: Tagged<'_>) -> [u8; ROW_TAG_LEN] {
        let mut tag = [0; ROW_TAG_LEN];
        for (to, from) in tag.iter_mut().zip(hmac::sign(&self.tag_key, &tag_input(row)).as_ref()) {
            *to = *from;
        }
        tag
    }

    /// Whether `tag` is the one that was made for this row.
    pub(super) fn matches_tag(&self, row: Tagged<'_>, tag: &[u8]) -> bool {
        hmac::verify(&self.tag_key, &tag_input(row), tag).is_ok()
    }

    fn record_key(&self, salt: &[u8; SALT_LEN]) -> Option<LessSafeKey> {
        let pseudorandom = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(self.root.expose());
        let key = pseudorandom.expand(&[SEAL_INFO], &AES_256_GCM).ok()?;
        Some(LessSafeKey::new(UnboundKey::from(key)))
    }
}

/// Every part has its length in front of it, so that no two rows have the same data.
fn associated_data(kind: &str, id: &str) -> Vec<u8> {
    let mut data = vec![FORMAT];
    push_part(&mut data, kind.as_bytes());
    push_part(&mut data, id.as_bytes());
    data
}

fn tag_input(row: Tagged<'_>) -> Vec<u8> {
    let mut data = Vec::with_capacity(row.kind.len() + row.id.len() + row.body.len() + 48);
    push_part(&mut data, row.kind.as_bytes());
    push_part(&mut data, row.id.as_bytes());
    data.extend_from_slice(&row.version.to_be_bytes());
    push_part(&mut data, row.body);
    match row.slot {
        None => data.push(0),
        Some(slot) => {
            data.push(1);
            data.extend_from_slice(&slot.to_be_bytes());
        }
    }
    data
}

fn push_part(data: &mut Vec<u8>, part: &[u8]) {
    data.extend_from_slice(&(part.len() as u64).to_be_bytes());
    data.extend_from_slice(part);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(byte: u8) -> Sealer {
        Sealer::new(RootKey::from_bytes([byte; 32]))
    }

    #[test]
    fn a_secret_opens_for_its_own_row_only() {
        let sealer = sealer(1);
        let sealed = sealer.seal("material", "ab", &Secret::new(b"secret".to_vec())).unwrap();
        assert_eq!(sealer.open("material", "ab", &sealed).unwrap().expose(), b"secret");
        for (kind, id) in
            [("material", "ac"), ("key", "ab"), ("materiala", "b"), ("materia", "lab"), ("", "materialab")]
        {
            assert!(sealer.open(kind, id, &sealed).unwrap_err().contains("another row"), "{kind}/{id}");
        }
    }

    #[test]
    fn every_bit_of_the_sealed_form_counts() {
        let sealer = sealer(1);
        let sealed = sealer.seal("material", "ab", &Secret::new(vec![7; 32])).unwrap();
        assert_eq!(sealed.len(), 1 + 8 + 32 + 12 + 32 + 16);
        for bit in 0..sealed.len() * 8 {
            let mut altered = sealed.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(sealer.open("material", "ab", &altered).is_err(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(sealer.open("material", "ab", &sealed[..length]).is_err(), "length {length}");
        }
    }

    #[test]
    fn an_empty_secret_and_a_large_one_survive() {
        let sealer = sealer(1);
        for length in [0, 1, 31, 4096, 1 << 20] {
            let secret = Secret::new(vec![9; length]);
            let sealed = sealer.seal("k", "", &secret).unwrap();
            assert_eq!(sealer.open("k", "", &sealed).unwrap().expose(), secret.expose());
        }
    }

    #[test]
    fn the_same_secret_is_never_sealed_the_same_way_twice() {
        let sealer = sealer(1);
        let secret = Secret::new(vec![7; 32]);
        let (a, b) = (sealer.seal("k", "i", &secret).unwrap(), sealer.seal("k", "i", &secret).unwrap());
        assert_eq!(a[..9], b[..9]);
        assert_ne!(a[9..41], b[9..41], "salt");
        assert_ne!(a[41..53], b[41..53], "nonce");
        assert_ne!(a[53..], b[53..], "ciphertext");
    }

    #[test]
    fn another_root_key_is_named() {
        let sealed = sealer(1).seal("k", "i", &Secret::new(vec![7; 32])).unwrap();
        let message = sealer(2).open("k", "i", &sealed).unwrap_err();
        let (one, two) = (RootKey::from_bytes([1; 32]).id(), RootKey::from_bytes([2; 32]).id());
        assert_eq!(message, format!("is sealed under root key {one}, and this is {two}"));
    }

    #[test]
    fn what_format_1_sealed_stays_readable() {
        // Made with another implementation of HKDF and AES-GCM.
        let ciphertext = [
            0x92, 0x3f, 0x3b, 0x12, 0x04, 0xaa, 0xbd, 0xd8, 0x1c, 0x71, 0xca, 0x69, 0x29, 0xb6, 0xab, 0x78,
            0xde, 0x64, 0xb0, 0x85, 0x92, 0x52,
        ];
        let id = [0xcb, 0x26, 0xc2, 0x9d, 0x51, 0x84, 0x16, 0xbb];
        let sealed = [&[1][..], &id, &[0x11; 32], &[0x22; 12], &ciphertext].concat();
        assert_eq!(sealer(1).open("material", "m-1", &sealed).unwrap().expose(), b"golden");
    }

    #[test]
    fn a_tag_covers_every_column() {
        let sealer = sealer(1);
        let row = Tagged { kind: "key", id: "a", version: 7, body: b"body", slot: Some(0) };
        let tag = sealer.tag(row);
        assert!(sealer.matches_tag(row, &tag));
        let others = [
            Tagged { kind: "kez", ..row },
            Tagged { id: "b", ..row },
            Tagged { kind: "keya", id: "", ..row },
            Tagged { version: 8, ..row },
            Tagged { body: b"bodz", ..row },
            Tagged { slot: Some(1), ..row },
            Tagged { slot: None, ..row },
        ];
        for other in others {
            assert!(!sealer.matches_tag(other, &tag));
        }
        assert!(!sealer.matches_tag(row, &tag[..31]));
        assert!(!self::sealer(2).matches_tag(row, &tag));
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Secret::new(vec![0x41; 32])), "Secret(32 bytes)");
    }
}
