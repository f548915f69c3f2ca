//! Requests to a proxy.
//!
//! AWS: External Key Store Proxy API Specification, "API operations".

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lifecycle::crypto::Secret;
use lifecycle::crypto::external::Proxied;
use lifecycle::custom_store::{CustomKeyStore, Proxy};
use lifecycle::ids::Region;
use serde_json::{Map, Value, json};

/// Where a proxy is, and with what credential it is called.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// As the store is set.
    pub proxy: Proxy,
    /// The raw secret access key; without it no call succeeds.
    pub secret: Option<Secret>,
    /// The Region that signs.
    pub region: Region,
}

impl Target {
    /// The proxy of a store, if it has one.
    #[must_use]
    pub fn of(store: &CustomKeyStore) -> Option<Target> {
        let proxy = store.backing.proxy()?.clone();
        Some(Target { proxy, secret: store.secret.clone(), region: store.arn.scope.region })
    }

    /// The host of the endpoint.
    #[must_use]
    pub fn host(&self) -> &str {
        self.proxy.endpoint.strip_prefix("https://").unwrap_or(&self.proxy.endpoint)
    }
}

/// One request to a proxy. Two that are equal have the same answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// Whom it is for.
    pub target: Target,
    /// What follows the path of the store.
    pub resource: String,
    /// The body, as JSON.
    pub body: Vec<u8>,
}

/// The path and the host tell which call it is; bodies stay out of logs.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.target.proxy.endpoint, self.target.proxy.path, self.resource)
    }
}

/// What a proxy is told of the request for which it is asked.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    /// The principal that called; `None` for what concerns no key.
    pub principal: Option<String>,
    /// The ARN of the KMS key.
    pub key_arn: Option<String>,
    /// The service that calls on behalf of the principal, in short.
    pub via: Option<String>,
    /// The VPC from which the call came.
    pub source_vpc: Option<String>,
    /// The VPC endpoint through which it came.
    pub source_vpce: Option<String>,
    /// The operation of KMS.
    pub operation: &'static str,
    /// Its request id.
    pub request_id: String,
}

impl Metadata {
    fn to_json(&self) -> Value {
        let mut members = Map::new();
        let optional = [
            ("awsPrincipalArn", &self.principal),
            ("awsSourceVpc", &self.source_vpc),
            ("awsSourceVpce", &self.source_vpce),
            ("kmsKeyArn", &self.key_arn),
            ("kmsViaService", &self.via),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                members.insert(name.to_owned(), json!(value));
            }
        }
        members.insert("kmsOperation".to_owned(), json!(self.operation));
        members.insert("kmsRequestId".to_owned(), json!(self.request_id));
        Value::Object(members)
    }
}

impl Call {
    fn new(target: Target, resource: String, metadata: &Metadata, members: Value) -> Call {
        let mut body = match members {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        body.insert("requestMetadata".to_owned(), metadata.to_json());
        // What is absent is left out, rather than sent empty.
        body.retain(|_, value| !value.is_null());
        Call { target, resource, body: Value::Object(body).to_string().into_bytes() }
    }

    /// GetHealthStatus.
    #[must_use]
    pub fn health(target: Target, metadata: &Metadata) -> Call {
        Call::new(target, "/health".to_owned(), metadata, Value::Null)
    }

    /// GetKeyMetadata.
    #[must_use]
    pub fn key_metadata(target: Target, key: &str, metadata: &Metadata) -> Call {
        Call::new(target, format!("/keys/{key}/metadata"), metadata, Value::Null)
    }

    /// Encrypt. The proxy is asked to prove that what it gives arrives whole.
    #[must_use]
    pub fn encrypt(target: Target, key: &str, metadata: &Metadata, plaintext: &[u8], context: &[u8]) -> Call {
        let members = json!({
            "plaintext": STANDARD.encode(plaintext),
            "encryptionAlgorithm": ALGORITHM,
            "ciphertextDataIntegrityValueAlgorithm": "SHA_256",
            "additionalAuthenticatedData": unless_empty(context),
        });
        Call::new(target, format!("/keys/{key}/encrypt"), metadata, members)
    }

    /// Decrypt.
    #[must_use]
    pub fn decrypt(
        target: Target,
        key: &str,
        metadata: &Metadata,
        proxied: &Proxied,
        context: &[u8],
    ) -> Call {
        let members = json!({
            "ciphertext": STANDARD.encode(&proxied.ciphertext),
            "initializationVector": STANDARD.encode(&proxied.initialization_vector),
            "authenticationTag": STANDARD.encode(&proxied.authentication_tag),
            "ciphertextMetadata": unless_empty(&proxied.metadata),
            "encryptionAlgorithm": ALGORITHM,
            "additionalAuthenticatedData": unless_empty(context),
        });
        Call::new(target, format!("/keys/{key}/decrypt"), metadata, members)
    }

    /// The path of the request.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}{}", self.target.proxy.path, self.resource)
    }
}

const ALGORITHM: &str = "AES_GCM";

fn unless_empty(bytes: &[u8]) -> Value {
    if bytes.is_empty() { Value::Null } else { json!(STANDARD.encode(bytes)) }
}
