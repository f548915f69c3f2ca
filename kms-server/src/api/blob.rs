//! Binary members: standard base64 in JSON, zeroing bytes in memory.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lifecycle::crypto::Secret;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::ser::Formatter;

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

/// A blob member that anybody may see, such as a ciphertext.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicBlob(pub Vec<u8>);

impl Serialize for PublicBlob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for PublicBlob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        decode(deserializer).map(PublicBlob)
    }
}

fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    STANDARD.decode(text.as_bytes()).map_err(serde::de::Error::custom)
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
        // Whole groups of three bytes, so that the pieces make one text.
        let mut text = [0; 1_024];
        writer.write_all(b"\"")?;
        for piece in bytes.chunks(text.len() / 4 * 3) {
            let length = STANDARD.encode_slice(piece, &mut text).map_err(io::Error::other)?;
            writer.write_all(text.get(..length).unwrap_or_default())?;
        }
        writer.write_all(b"\"")
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        decode(deserializer).map(Blob::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_blobs_are_one_text() {
        for length in [0, 1, 767, 768, 769, 5_000] {
            let bytes: Vec<u8> = (0..length).map(|at: u32| at.to_le_bytes()[0]).collect();
            let json = to_json(&PublicBlob(bytes.clone())).unwrap();
            assert_eq!(json, format!("\"{}\"", STANDARD.encode(&bytes)).into_bytes());
            assert_eq!(serde_json::from_slice::<PublicBlob>(&json).unwrap(), PublicBlob(bytes));
        }
    }

    #[test]
    fn bytes_are_base64_both_ways() {
        let json = to_json(&[Blob::new(vec![0xfb, 0xff, 0x00]), Blob::new(vec![])]).unwrap();
        assert_eq!(json, br#"["+/8A",""]"#);
        let blobs: Vec<Blob> = serde_json::from_slice(&json).unwrap();
        assert_eq!(blobs, [Blob::new(vec![0xfb, 0xff, 0x00]), Blob::new(vec![])]);
    }
}
