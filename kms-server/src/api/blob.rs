//! Binary members: standard base64 in JSON, zeroing bytes in memory.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lifecycle::crypto::Secret;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::ser::Formatter;
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

/// As bytes, which only [`to_json`] brings into the form of the wire.
impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.as_bytes())
    }
}

/// Writes a value as JSON in which bytes are base64, as AWS's JSON protocols have it.
///
/// # Errors
/// As [`serde_json::to_vec`].
pub fn to_json(value: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut json = Vec::with_capacity(JSON_LENGTH);
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut json, AwsJson))?;
    Ok(json)
}

/// Most responses are shorter than this.
const JSON_LENGTH: usize = 1_024;

struct AwsJson;

impl Formatter for AwsJson {
    fn write_byte_array<W: Write + ?Sized>(&mut self, writer: &mut W, bytes: &[u8]) -> io::Result<()> {
        let text = Zeroizing::new(STANDARD.encode(bytes));
        writer.write_all(b"\"")?;
        writer.write_all(text.as_bytes())?;
        writer.write_all(b"\"")
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        STANDARD.decode(text.as_bytes()).map(Blob::new).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_base64_both_ways() {
        let json = to_json(&[Blob::new(vec![0xfb, 0xff, 0x00]), Blob::new(vec![])]).unwrap();
        assert_eq!(json, br#"["+/8A",""]"#);
        let blobs: Vec<Blob> = serde_json::from_slice(&json).unwrap();
        assert_eq!(blobs, [Blob::new(vec![0xfb, 0xff, 0x00]), Blob::new(vec![])]);
    }
}
