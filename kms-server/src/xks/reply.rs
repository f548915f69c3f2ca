//! Answers of a proxy, read with no trust in them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lifecycle::crypto::external::Proxied;
use ring::digest;
use serde::Deserialize;

use super::Failure;

/// The longest `ciphertextMetadata`, in bytes.
const METADATA_MAX: usize = 20;

/// The most elements of a list that is read.
const ELEMENTS_MAX: usize = 10;

fn read<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|_| Failure::InvalidResponse)
}

fn decoded(text: &str) -> Result<Vec<u8>, Failure> {
    STANDARD.decode(text).map_err(|_| Failure::InvalidResponse)
}

fn ensure(holds: bool) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::InvalidResponse) }
}

/// Reads GetHealthStatus.
///
/// # Errors
/// The answer is malformed, or all key managers are unavailable.
pub fn healthy(body: &[u8]) -> Result<(), Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Health {
        xks_proxy_fleet_size: u64,
        xks_proxy_vendor: String,
        xks_proxy_model: String,
        ekm_vendor: String,
        ekm_fleet_details: Vec<Manager>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Manager {
        id: String,
        model: String,
        health_status: Status,
    }
    #[derive(Deserialize, PartialEq)]
    #[serde(rename_all = "UPPERCASE")]
    enum Status {
        Active,
        Degraded,
        Unavailable,
    }
    let health: Health = read(body)?;
    let named = [&health.xks_proxy_vendor, &health.xks_proxy_model, &health.ekm_vendor];
    ensure(health.xks_proxy_fleet_size > 0 && named.iter().all(|name| !name.is_empty()))?;
    let managers = &health.ekm_fleet_details;
    ensure((1..=ELEMENTS_MAX).contains(&managers.len()))?;
    ensure(managers.iter().all(|manager| !manager.id.is_empty() && !manager.model.is_empty()))?;
    match managers.iter().all(|manager| manager.health_status == Status::Unavailable) {
        true => Err(Failure::Unhealthy),
        false => Ok(()),
    }
}

/// Why an external key cannot back a KMS key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// It is no AES-256 key.
    Spec,
    /// It cannot both encrypt and decrypt.
    Usage,
    /// It is not enabled.
    Status,
}

/// Reads GetKeyMetadata: whether the external key can back a KMS key.
///
/// # Errors
/// The answer is malformed.
///
/// AWS: KMS developer guide, "Requirements for a KMS key in an external key store".
pub fn usable(body: &[u8]) -> Result<Result<(), KeyFault>, Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Key {
        key_spec: String,
        key_usage: Vec<String>,
        key_status: String,
    }
    let key: Key = read(body)?;
    ensure(key.key_usage.len() <= ELEMENTS_MAX && matches!(&*key.key_status, "ENABLED" | "DISABLED"))?;
    let can = |usage: &str| key.key_usage.iter().any(|known| known == usage);
    Ok(match () {
        () if key.key_spec != "AES_256" => Err(KeyFault::Spec),
        () if !can("ENCRYPT") || !can("DECRYPT") => Err(KeyFault::Usage),
        () if key.key_status != "ENABLED" => Err(KeyFault::Status),
        () => Ok(()),
    })
}

/// Reads Encrypt, and verifies that it has arrived as the proxy sent it.
///
/// # Errors
/// The answer is malformed, or not whole.
pub fn encrypted(body: &[u8], plaintext_length: usize, context: &[u8]) -> Result<Proxied, Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Encrypted {
        ciphertext: String,
        initialization_vector: String,
        authentication_tag: String,
        ciphertext_metadata: Option<String>,
        ciphertext_data_integrity_value: String,
    }
    let encrypted: Encrypted = read(body)?;
    let proxied = Proxied {
        ciphertext: decoded(&encrypted.ciphertext)?,
        initialization_vector: decoded(&encrypted.initialization_vector)?,
        authentication_tag: decoded(&encrypted.authentication_tag)?,
        metadata: decoded(&encrypted.ciphertext_metadata.unwrap_or_default())?,
    };
    ensure(proxied.ciphertext.len() == plaintext_length)?;
    ensure(matches!(proxied.initialization_vector.len(), 12 | 16))?;
    ensure(proxied.authentication_tag.len() == 16 && proxied.metadata.len() <= METADATA_MAX)?;
    ensure(decoded(&encrypted.ciphertext_data_integrity_value)? == integrity_value(&proxied, context))?;
    Ok(proxied)
}

/// The ciphertext data integrity value.
fn integrity_value(proxied: &Proxied, context: &[u8]) -> Vec<u8> {
    let mut hash = digest::Context::new(&digest::SHA256);
    let Proxied { ciphertext, initialization_vector, authentication_tag, metadata } = proxied;
    for part in [context, metadata, initialization_vector, ciphertext, authentication_tag] {
        hash.update(part);
    }
    hash.finish().as_ref().to_vec()
}

/// Reads Decrypt, whose plaintext is as long as the ciphertext.
///
/// # Errors
/// The answer is malformed.
pub fn decrypted(body: &[u8], ciphertext_length: usize) -> Result<Vec<u8>, Failure> {
    #[derive(Deserialize)]
    struct Decrypted {
        plaintext: String,
    }
    let plaintext = decoded(&read::<Decrypted>(body)?.plaintext)?;
    ensure(plaintext.len() == ciphertext_length)?;
    Ok(plaintext)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    const CONTEXT: &[u8] = b"project=nile,department=marketing";

    /// AWS: External Key Store Proxy API Specification, the example of the data integrity value.
    fn published() -> Value {
        let encode = |hex: &str| STANDARD.encode(bytes(hex));
        json!({
            "ciphertext": encode("821c642b5b71783367deaf18"),
            "initializationVector": encode("1ccae5470f39700254779031"),
            "authenticationTag": encode("bc1c4dda7707d6812447c5955e99b261"),
            "ciphertextMetadata": STANDARD.encode("key_version=1"),
            "ciphertextDataIntegrityValue":
                encode("a8703f2260bd8791ec2d15ea0b23e65a0631eedcf2a13a65cc82db3f47cf5ec7"),
        })
    }

    #[test]
    fn the_published_integrity_value_verifies() {
        let body = published().to_string();
        let proxied = encrypted(body.as_bytes(), 12, CONTEXT).unwrap();
        assert_eq!(proxied.metadata, b"key_version=1");
        assert_eq!(encrypted(body.as_bytes(), 12, b"project=other"), Err(Failure::InvalidResponse));
        assert_eq!(encrypted(body.as_bytes(), 13, CONTEXT), Err(Failure::InvalidResponse));
        for member in ["ciphertext", "initializationVector", "authenticationTag", "ciphertextMetadata"] {
            for value in ["", "AAAAAAAAAAAAAAAA", "?", "AAAAAAAAAAAAAAAAAAAAAA=="] {
                let mut other = published();
                other[member] = value.into();
                let read = encrypted(other.to_string().as_bytes(), 12, CONTEXT);
                assert_eq!(read, Err(Failure::InvalidResponse), "{member} {value}");
            }
        }
        let mut unproven = published();
        unproven.as_object_mut().unwrap().remove("ciphertextDataIntegrityValue");
        assert_eq!(encrypted(unproven.to_string().as_bytes(), 12, CONTEXT), Err(Failure::InvalidResponse));
    }

    #[test]
    fn a_key_backs_a_kms_key_if_it_is_an_enabled_aes_256_key_for_both_directions() {
        let key = |spec: &str, usage: Value, status: &str| {
            usable(json!({"keySpec": spec, "keyUsage": usage, "keyStatus": status}).to_string().as_bytes())
        };
        let both = || json!(["ENCRYPT", "SIGN", "DECRYPT"]);
        assert_eq!(key("AES_256", both(), "ENABLED"), Ok(Ok(())));
        assert_eq!(key("AES_128", both(), "ENABLED"), Ok(Err(KeyFault::Spec)));
        assert_eq!(key("AES_256", json!(["ENCRYPT"]), "ENABLED"), Ok(Err(KeyFault::Usage)));
        assert_eq!(key("AES_256", json!(["DECRYPT"]), "ENABLED"), Ok(Err(KeyFault::Usage)));
        assert_eq!(key("AES_256", both(), "DISABLED"), Ok(Err(KeyFault::Status)));
        assert_eq!(key("AES_256", both(), "SLEEPING"), Err(Failure::InvalidResponse));
        assert_eq!(key("AES_256", json!(vec!["X"; 11]), "ENABLED"), Err(Failure::InvalidResponse));
        assert_eq!(usable(b"{}"), Err(Failure::InvalidResponse));
    }

    #[test]
    fn a_plaintext_is_as_long_as_its_ciphertext() {
        let body = json!({"plaintext": "aGVsbG8="}).to_string();
        assert_eq!(decrypted(body.as_bytes(), 5), Ok(b"hello".to_vec()));
        for (body, length) in [(body.as_str(), 4), ("{}", 0), (r#"{"plaintext":"aGVsbG8"}"#, 5)] {
            assert_eq!(decrypted(body.as_bytes(), length), Err(Failure::InvalidResponse), "{body}");
        }
    }

    #[test]
    fn a_proxy_is_healthy_while_one_key_manager_is() {
        let health = |states: &[&str]| {
            let fleet: Vec<_> =
                states.iter().map(|state| json!({"id": "i", "model": "m", "healthStatus": state})).collect();
            let body = json!({
                "xksProxyFleetSize": 1,
                "xksProxyVendor": "v",
                "xksProxyModel": "m",
                "ekmVendor": "e",
                "ekmFleetDetails": fleet,
            });
            healthy(body.to_string().as_bytes())
        };
        assert_eq!(health(&["ACTIVE"]), Ok(()));
        assert_eq!(health(&["UNAVAILABLE", "DEGRADED"]), Ok(()));
        assert_eq!(health(&["UNAVAILABLE", "UNAVAILABLE"]), Err(Failure::Unhealthy));
        assert_eq!(health(&[]), Err(Failure::InvalidResponse));
        assert_eq!(health(&["ACTIVE"; 11]), Err(Failure::InvalidResponse));
        assert_eq!(health(&["WELL"]), Err(Failure::InvalidResponse));
        assert_eq!(healthy(b"[]"), Err(Failure::InvalidResponse));
    }
}
