//! Grant tokens: names of grants that only this installation can make. Nothing is stored of them.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use crate::ids::{GrantId, KeyArn};

/// What the secret is used for besides; the key of tokens depends on it.
const PURPOSE: &[u8] = b"grant tokens";

/// AWS (observed): a token begins with these bytes and the grant id in hexadecimal digits.
const PREFIX: &[u8] = &[1, 10, 64];

const ID_LENGTH: usize = 64;
const SALT_LENGTH: usize = 16;
const TAG_LENGTH: usize = 32;

/// Makes grant tokens and reads them.
pub struct TokenKey(hmac::Key);

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(…)")
    }
}

impl TokenKey {
    /// The key of an installation's tokens, derived from its secret.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), PURPOSE);
        TokenKey(hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()))
    }

    /// A token of a grant. Each salt makes another one, and all of them are as good.
    #[must_use]
    pub fn issue(&self, key: &KeyArn, id: GrantId, salt: [u8; SALT_LENGTH]) -> String {
        let (id, key) = (id.to_string(), key.to_string());
        let mut bytes = [PREFIX, id.as_bytes(), &salt, key.as_bytes()].concat();
        let tag = hmac::sign(&self.0, &bytes);
        bytes.extend_from_slice(tag.as_ref());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The grant that a token names, which may have ended; `None` for anything that this installation has not issued.
    #[must_use]
    pub fn read(&self, token: &str) -> Option<(KeyArn, GrantId)> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (signed, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG_LENGTH)?)?;
        hmac::verify(&self.0, signed, tag).ok()?;
        let (id, rest) = signed.strip_prefix(PREFIX)?.split_at_checked(ID_LENGTH)?;
        let key = rest.get(SALT_LENGTH..)?;
        let text = |bytes| std::str::from_utf8(bytes).ok();
        Some((text(key)?.parse().ok()?, text(id)?.parse().ok()?))
    }
}
