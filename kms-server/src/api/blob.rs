//! Binary members: standard base64 in JSON, zeroing bytes in memory.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lifecycle::crypto::Secret;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// A blob member. It may be secret, so it is overwritten when dropped and never printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob(Secret);

impl Blob {
    /// Takes over the bytes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Blob(Secret::new(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.expose()
    }
}

impl From<Secret> for Blob {
    fn from(secret: Secret) -> Self {
        Blob(secret)
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(STANDARD.encode(self.as_bytes())))
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        STANDARD.decode(text.as_bytes()).map(Blob::new).map_err(serde::de::Error::custom)
    }
}
