//! Export, import and reset of the whole state.
//!
//! An export is one JSON document of every record. Key material is in it only when a passphrase is given, and
//! then sealed: AES-256-GCM under a key that PBKDF2 derives from the passphrase.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use lifecycle::alias::Alias;
use lifecycle::clock::Timestamp;
use lifecycle::crypto::envelope::material_id;
use lifecycle::crypto::{Entropy, Secret};
use lifecycle::ids::{KeyArn, MaterialId};
use lifecycle::key::{Key, Material};
use lifecycle::state::{Record, State, Usage};
use ring::{aead, pbkdf2};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{PASSPHRASE_HEADER, Refusal};
use crate::service::Service;

/// Iterations of PBKDF2-HMAC-SHA256.
const ITERATIONS: u32 = 600_000;

/// The version of this format.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u32,
    domain_time: Timestamp,
    /// Salt of the passphrase, in base64; absent when material was left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    keys: Vec<Key>,
    materials: Vec<Exported>,
    aliases: Vec<Alias>,
    usages: Vec<Usage>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exported {
    key: KeyArn,
    id: MaterialId,
    created_at: Timestamp,
    /// Nonce, sealed bytes and tag, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
}

/// `GET /_kms/state`.
pub(super) async fn export(service: &Service, request: &Request<Bytes>) -> Result<Value, Refusal> {
    let passphrase = passphrase(request)?;
    // The last uses that only memory knows belong to the state as well.
    service.parts().engine.fold_ledger().await.map_err(Refusal::internal)?;
    let service = service.clone();
    let exported = tokio::task::spawn_blocking(move || {
        let parts = service.parts();
        let snapshot = parts.engine.snapshot();
        document(&snapshot.state, snapshot.now(), passphrase.as_ref(), &*parts.entropy)
    });
    let document = exported.await.map_err(Refusal::internal)??;
    serde_json::to_value(document).map_err(Refusal::internal)
}

/// `PUT /_kms/state`: replaces everything.
pub(super) async fn import(service: &Service, request: &Request<Bytes>) -> Result<Value, Refusal> {
    let passphrase = passphrase(request)?;
    let document: Document = serde_json::from_slice(request.body())
        .map_err(|error| Refusal::bad_request(format!("not an exported state: {error}")))?;
    let now = document.domain_time;
    let read = tokio::task::spawn_blocking(move || records(document, passphrase.as_ref()));
    let records = read.await.map_err(Refusal::internal)??;
    let count = records.len();
    service.parts().engine.replace(records, Some(now)).await.map_err(Refusal::internal)?;
    Ok(json!({ "imported": count }))
}

/// `POST /_kms/reset`: removes everything.
pub(super) async fn reset(service: &Service) -> Result<Value, Refusal> {
    service.parts().engine.replace(Vec::new(), None).await.map_err(Refusal::internal)?;
    Ok(json!({ "reset": true }))
}

fn passphrase(request: &Request<Bytes>) -> Result<Option<Secret>, Refusal> {
    let Some(value) = request.headers().get(PASSPHRASE_HEADER) else { return Ok(None) };
    let decoded = STANDARD.decode(value).ok().filter(|passphrase| !passphrase.is_empty());
    let decoded = decoded.ok_or_else(|| {
        Refusal::bad_request(format!("{PASSPHRASE_HEADER} must hold the passphrase in base64"))
    })?;
    Ok(Some(Secret::new(decoded)))
}

fn document(
    state: &State,
    now: Timestamp,
    passphrase: Option<&Secret>,
    entropy: &dyn Entropy,
) -> Result<Document, Refusal> {
    let salt = entropy.array::<16>().map_err(Refusal::internal)?;
    let sealer = passphrase.map(|passphrase| Sealer::new(passphrase, &salt)).transpose()?;
    let mut document = Document {
        format: FORMAT,
        domain_time: now,
        salt: sealer.as_ref().map(|_| STANDARD.encode(salt)),
        keys: Vec::new(),
        materials: Vec::new(),
        aliases: Vec::new(),
        usages: Vec::new(),
    };
    for record in state.records() {
        match record {
            Record::Key(key) => document.keys.push(Key::clone(&key)),
            Record::Alias(alias) => document.aliases.push(Alias::clone(&alias)),
            Record::Usage(usage) => document.usages.push(Usage::clone(&usage)),
            Record::Material(material) => {
                let sealed = match (&sealer, &material.secret) {
                    (Some(sealer), Some(secret)) => Some(sealer.seal(&material, secret, entropy)?),
                    _ => None,
                };
                let Material { key, id, created_at, .. } = &*material;
                document.materials.push(Exported { key: *key, id: *id, created_at: *created_at, sealed });
            }
        }
    }
    Ok(document)
}

/// The records of a document, every reference between them checked.
fn records(document: Document, passphrase: Option<&Secret>) -> Result<Vec<Record>, Refusal> {
    if document.format != FORMAT {
        let format = document.format;
        return Err(Refusal::bad_request(format!(
            "the state has format {format}, this server reads {FORMAT}"
        )));
    }
    let sealer = match (&document.salt, passphrase) {
        (None, None) => None,
        // Whoever gives one expects key material to come with the keys.
        (None, Some(_)) => {
            return Err(Refusal::bad_request(
                "the state was exported without a passphrase and holds no key material: import it without a \
                 passphrase, or export it again with one",
            ));
        }
        (Some(_), None) => {
            return Err(Refusal::bad_request(
                "the state holds sealed key material: its passphrase is needed",
            ));
        }
        (Some(salt), Some(passphrase)) => {
            let salt = STANDARD.decode(salt).map_err(|_| Refusal::bad_request("the salt is not base64"))?;
            Some(Sealer::new(passphrase, &salt)?)
        }
    };
    let mut materials = HashMap::new();
    for exported in document.materials {
        let material = exported.open(sealer.as_ref())?;
        materials.insert((material.key, material.id), material);
    }
    let mut records = Vec::new();
    let keys: std::collections::HashSet<KeyArn> = document.keys.iter().map(|key| key.arn).collect();
    for key in document.keys {
        for id in &key.materials {
            let material = materials.remove(&(key.arn, *id)).ok_or_else(|| {
                Refusal::bad_request(format!("the material {id} of {} is missing", key.arn))
            })?;
            records.push(Record::Material(Arc::new(material)));
        }
        records.push(Record::Key(Arc::new(key)));
    }
    let dangling = |what: &str| Refusal::bad_request(format!("{what} belongs to no key of this state"));
    if let Some((key, _)) = materials.keys().next() {
        return Err(dangling(&format!("a material of {key}")));
    }
    for alias in document.aliases {
        if !keys.contains(&KeyArn { scope: alias.arn.scope, id: alias.target }) {
            return Err(dangling(&alias.arn.to_string()));
        }
        records.push(Record::Alias(Arc::new(alias)));
    }
    for usage in document.usages {
        if !keys.contains(&usage.key) {
            return Err(dangling(&format!("the last use of {}", usage.key)));
        }
        records.push(Record::Usage(Arc::new(usage)));
    }
    Ok(records)
}

impl Exported {
    fn open(self, sealer: Option<&Sealer>) -> Result<Material, Refusal> {
        let secret = match (&self.sealed, sealer) {
            (Some(sealed), Some(sealer)) => Some(sealer.open(&self, sealed)?),
            (Some(_), None) => {
                return Err(Refusal::bad_request("the state holds sealed key material, but not its salt"));
            }
            (None, _) => None,
        };
        if secret.as_ref().is_some_and(|secret| material_id(self.key.id, secret) != self.id) {
            return Err(Refusal::bad_request(format!("the material {} is not what its id says", self.id)));
        }
        Ok(Material { key: self.key, id: self.id, created_at: self.created_at, secret })
    }
}

/// AES-256-GCM under a key derived from a passphrase. Each material is bound to its key and id.
struct Sealer(aead::LessSafeKey);

impl Sealer {
    fn new(passphrase: &Secret, salt: &[u8]) -> Result<Self, Refusal> {
        let mut key = zeroize::Zeroizing::new([0; 32]);
        let iterations = NonZeroU32::new(ITERATIONS).ok_or_else(|| Refusal::internal("no iterations"))?;
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, passphrase.expose(), &mut *key);
        let key = aead::UnboundKey::new(&aead::AES_256_GCM, &*key).map_err(Refusal::internal)?;
        Ok(Sealer(aead::LessSafeKey::new(key)))
    }

    fn seal(&self, material: &Material, secret: &Secret, entropy: &dyn Entropy) -> Result<String, Refusal> {
        let nonce = entropy.array::<{ aead::NONCE_LEN }>().map_err(Refusal::internal)?;
        let mut bytes = secret.expose().to_vec();
        let name = format!("{}/{}", material.key, material.id);
        let nonce_for_seal = aead::Nonce::assume_unique_for_key(nonce);
        self.0
            .seal_in_place_append_tag(nonce_for_seal, aead::Aad::from(name.as_bytes()), &mut bytes)
            .map_err(Refusal::internal)?;
        Ok(STANDARD.encode([&nonce[..], &bytes].concat()))
    }

    fn open(&self, exported: &Exported, sealed: &str) -> Result<Secret, Refusal> {
        let wrong = || Refusal::bad_request("the passphrase is wrong, or the key material was altered");
        let mut bytes = STANDARD.decode(sealed).map_err(|_| wrong())?;
        let (nonce, rest) = bytes.split_at_mut_checked(aead::NONCE_LEN).ok_or_else(wrong)?;
        let nonce = aead::Nonce::try_assume_unique_for_key(nonce).map_err(|_| wrong())?;
        let name = format!("{}/{}", exported.key, exported.id);
        let opened =
            self.0.open_in_place(nonce, aead::Aad::from(name.as_bytes()), rest).map_err(|_| wrong())?;
        Ok(Secret::new(opened.to_vec()))
    }
}
