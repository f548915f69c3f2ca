//! Wraps key material as customers do, by AWS-LC and with the public key alone.
#![allow(clippy::unwrap_used, reason = "tests")]

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded};
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey,
};

/// Material under a public key of RSA in DER, by a wrapping algorithm of KMS.
///
/// # Panics
/// The key is none of RSA, or the material is too long for it.
#[must_use]
pub fn wrap(algorithm: &str, public_key: &[u8], material: &[u8]) -> Vec<u8> {
    let oaep = if algorithm.ends_with("SHA_1") { &OAEP_SHA1_MGF1SHA1 } else { &OAEP_SHA256_MGF1SHA256 };
    let public = OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(public_key).unwrap()).unwrap();
    let encrypt = |plaintext: &[u8]| {
        let mut block = vec![0; public.ciphertext_size()];
        public.encrypt(oaep, plaintext, &mut block, None).unwrap();
        block
    };
    if algorithm.starts_with("RSAES_OAEP") {
        return encrypt(material);
    }
    let key = [7; 32];
    let mut wrapped = vec![0; material.len() + 15];
    let kek = AesKek::new(&AES_256, &key).unwrap();
    let wrapped = kek.wrap_with_padding(material, &mut wrapped).unwrap();
    [&encrypt(&key)[..], wrapped].concat()
}
