//! Export, import and reset of the whole state.
//!
//! An export is one JSON document of every record. Key material and access keys are in it only when a passphrase is given,
//! their secrets sealed: AES-256-GCM under a key that PBKDF2 derives from the passphrase.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, StatusCode};
use lifecycle::alias::Alias;
use lifecycle::clock::Timestamp;
use lifecycle::crypto::envelope::material_id;
use lifecycle::crypto::{Entropy, Secret};
use lifecycle::custom_store::{Cluster, CustomKeyStore};
use lifecycle::grant::Grant;
use lifecycle::iam::{self, Source};
use lifecycle::ids::{KeyArn, MaterialId, StoreName};
use lifecycle::key::{Key, Material, Origin, PrivateKey, RotationType, Standing};
use lifecycle::state::{Record, State, TableRecord, Usage};
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
    /// Absent in the exports of servers that had none.
    #[serde(default)]
    grants: Vec<Grant>,
    #[serde(default)]
    principals: Vec<ExportedPrincipal>,
    #[serde(default)]
    custom_stores: Vec<WithSecret<CustomKeyStore>>,
    #[serde(default)]
    clusters: Vec<WithSecret<Cluster>>,
    /// Tables that are encrypted at rest; none without a passphrase.
    #[serde(default)]
    tables: Vec<ExportedTable>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exported {
    key: KeyArn,
    id: MaterialId,
    /// Absent in exports that were made before keys could rotate: such a key has one material.
    #[serde(default)]
    number: u32,
    created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotation: Option<RotationType>,
    /// Nonce, sealed bytes and tag, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
}

/// A stored account, user, role or access key; never a configured one, which the configuration brings.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExportedPrincipal {
    entry: iam::Body,
    /// As in [`Exported`], of an access key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
}

/// A record that is of some use without its secret, too.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WithSecret<T> {
    record: T,
    /// As in [`Exported`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
}

impl<T: Clone> WithSecret<T> {
    fn seal(
        record: &T,
        name: &str,
        secret: Option<&Secret>,
        sealer: Option<&Sealer>,
        entropy: &dyn Entropy,
    ) -> Result<Self, Refusal> {
        let sealed = sealer.zip(secret).map(|(sealer, secret)| sealer.seal(name, secret, entropy));
        Ok(WithSecret { record: record.clone(), sealed: sealed.transpose()? })
    }

    fn open(
        self,
        name: impl Fn(&T) -> String,
        sealer: Option<&Sealer>,
    ) -> Result<(T, Option<Secret>), Refusal> {
        let secret = match (&self.sealed, sealer) {
            (Some(sealed), Some(sealer)) => Some(sealer.open(&name(&self.record), sealed)?),
            _ => None,
        };
        Ok((self.record, secret))
    }
}

/// A record about a table, all of it sealed as in [`Exported`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExportedTable {
    id: Box<str>,
    sealed: String,
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
    let found = clash(&service.parts().engine.snapshot().state, records.iter().cloned());
    if let Some(clash) = found {
        let message = format!("{clash} is configured on this server; remove it there, or from the state");
        return Err(Refusal(StatusCode::CONFLICT, message));
    }
    let count = records.len();
    service.parts().engine.replace(records, Some(now)).await.map_err(Refusal::internal)?;
    Ok(json!({ "imported": count }))
}

/// The name of a principal among the records that the configuration brings already.
pub(super) fn clash(state: &State, mut records: impl Iterator<Item = Record>) -> Option<String> {
    records.find_map(|record| {
        let Record::Principal(entry) = record else { return None };
        (state.directory().source(&entry.id()) == Some(Source::Configured)).then(|| entry.label())
    })
}

/// `POST /_kms/reset`: removes everything but what is configured.
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
        grants: Vec::new(),
        principals: Vec::new(),
        custom_stores: Vec::new(),
        clusters: Vec::new(),
        tables: Vec::new(),
    };
    for record in state.records() {
        match record {
            Record::Key(key) => document.keys.push(Key::clone(&key)),
            Record::Alias(alias) => document.aliases.push(Alias::clone(&alias)),
            Record::Grant(grant) => document.grants.push(Grant::clone(&grant)),
            Record::CustomStore(store) => {
                let (name, secret) = (store.arn.to_string(), store.secret.as_ref());
                let exported = WithSecret::seal(&*store, &name, secret, sealer.as_ref(), entropy)?;
                document.custom_stores.push(exported);
            }
            Record::Cluster(cluster) => {
                let (name, secret) = (cluster.id.to_string(), cluster.password.as_ref());
                document.clusters.push(WithSecret::seal(&*cluster, &name, secret, sealer.as_ref(), entropy)?);
            }
            // What has happened here is told here.
            Record::Fact(_) => {}
            Record::Usage(usage) => document.usages.push(Usage::clone(&usage)),
            Record::Principal(entry) => {
                let sealed = match (&sealer, entry.secret()) {
                    (Some(sealer), Some(secret)) => {
                        Some(sealer.seal(&entry.id().to_string(), secret, entropy)?)
                    }
                    // An access key without its secret is none.
                    (None, Some(_)) => continue,
                    (_, None) => None,
                };
                document.principals.push(ExportedPrincipal { entry: entry.body(), sealed });
            }
            Record::Table(table) => {
                // Without the material of keys no table could be read.
                let Some(sealer) = &sealer else { continue };
                let sealed = sealer.seal(&format!("table/{}", table.id), &table.content, entropy)?;
                document.tables.push(ExportedTable { id: table.id.clone(), sealed });
            }
            Record::Material(material) => {
                let sealed = match (&sealer, &material.secret) {
                    (Some(sealer), Some(secret)) => {
                        let name = format!("{}/{}", material.key, material.id);
                        Some(sealer.seal(&name, secret, entropy)?)
                    }
                    _ => None,
                };
                let Material { key, id, number, created_at, rotation, .. } = *material;
                document.materials.push(Exported { key, id, number, created_at, rotation, sealed });
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
        // Whoever gives one expects secrets to come with the rest.
        (None, Some(_)) => {
            return Err(Refusal::bad_request(
                "the state was exported without a passphrase and holds no secrets: import it without a \
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
        materials.insert((material.key, material.number), material);
    }
    let mut records = Vec::new();
    let keys: std::collections::HashSet<KeyArn> = document.keys.iter().map(|key| key.arn).collect();
    let home =
        |key: &Key| Some((key.arn, StoreName { scope: key.arn.scope, id: key.custom_store.as_ref()?.store }));
    let homes: Vec<(KeyArn, StoreName)> = document.keys.iter().filter_map(home).collect();
    for key in document.keys {
        let mut last = None;
        let waiting = key.imported.iter().filter(|material| material.standing == Standing::PendingRotation);
        let waiting: Vec<_> = waiting.map(|material| material.id).collect();
        for number in 0..key.material_count {
            let material = materials.remove(&(key.arn, number)).ok_or_else(|| {
                Refusal::bad_request(format!("material number {number} of {} is missing", key.arn))
            })?;
            last = Some(material.id);
            check_fit(&key, &material)?;
            records.push(Record::Material(Arc::new(material)));
        }
        if key.current_material != last {
            return Err(Refusal::bad_request(format!(
                "the last material of {} is not its current one",
                key.arn
            )));
        }
        // What waits for a rotation has the next number.
        for id in waiting {
            let material = materials.remove(&(key.arn, key.material_count));
            let material = material.filter(|material| material.id == id).ok_or_else(|| {
                Refusal::bad_request(format!("the material {id} of {} is missing", key.arn))
            })?;
            check_fit(&key, &material)?;
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
    for grant in document.grants {
        if !keys.contains(&grant.key) {
            return Err(dangling(&format!("the grant {}", grant.id)));
        }
        records.push(Record::Grant(Arc::new(grant)));
    }
    for exported in document.principals {
        records.push(Record::Principal(exported.open(sealer.as_ref())?));
    }
    let mut stores = std::collections::HashSet::new();
    for exported in document.custom_stores {
        let (store, secret) = exported.open(|store| store.arn.to_string(), sealer.as_ref())?;
        stores.insert(store.arn);
        records.push(Record::CustomStore(Arc::new(CustomKeyStore { secret, ..store })));
    }
    if let Some(key) = homes.iter().find(|(_, store)| !stores.contains(store)).map(|(key, _)| key) {
        return Err(Refusal::bad_request(format!("the custom key store of {key} is missing")));
    }
    for exported in document.clusters {
        let (cluster, password) = exported.open(|cluster| cluster.id.to_string(), sealer.as_ref())?;
        records.push(Record::Cluster(Arc::new(Cluster { password, ..cluster })));
    }
    for exported in document.tables {
        records.push(Record::Table(Arc::new(exported.open(sealer.as_ref())?)));
    }
    Ok(records)
}

/// Material is of the spec of its key. Imported HMAC keys may be longer than those that AWS KMS makes.
fn check_fit(key: &Key, material: &Material) -> Result<(), Refusal> {
    let Some(secret) = &material.secret else { return Ok(()) };
    let spec = key.spec;
    let is_importable =
        || key.origin == Origin::External && spec.import(secret).is_ok_and(|own| own == *secret);
    if (PrivateKey { spec, secret }).is_valid() || is_importable() {
        return Ok(());
    }
    let (id, arn) = (material.id, key.arn);
    Err(Refusal::bad_request(format!("{spec} is not the spec of the material {id} of {arn}")))
}

impl ExportedTable {
    fn open(self, sealer: Option<&Sealer>) -> Result<TableRecord, Refusal> {
        let unreadable = || Refusal::bad_request("the state holds a table that cannot be read");
        let sealer = sealer.ok_or_else(unreadable)?;
        let content = sealer.open(&format!("table/{}", self.id), &self.sealed)?;
        let record = TableRecord { id: self.id, content };
        let change = record.change().map_err(|_| unreadable())?;
        // What is under another name than its own would stay there for ever.
        let named = change.is_none_or(|change| change.key() == Some((record.id.to_string(), true)));
        if named { Ok(record) } else { Err(unreadable()) }
    }
}

impl ExportedPrincipal {
    fn open(self, sealer: Option<&Sealer>) -> Result<iam::Entry, Refusal> {
        let secret = match (&self.sealed, sealer) {
            (Some(sealed), Some(sealer)) => Some(sealer.open(&self.entry.id().to_string(), sealed)?),
            _ => None,
        };
        let wrong = || Refusal::bad_request("an access key without its secret, or a secret of none");
        self.entry.with_secret(secret).ok_or_else(wrong)
    }
}

impl Exported {
    fn open(self, sealer: Option<&Sealer>) -> Result<Material, Refusal> {
        let secret = match (&self.sealed, sealer) {
            (Some(sealed), Some(sealer)) => Some(sealer.open(&format!("{}/{}", self.key, self.id), sealed)?),
            (Some(_), None) => {
                return Err(Refusal::bad_request("the state holds sealed key material, but not its salt"));
            }
            (None, _) => None,
        };
        if secret.as_ref().is_some_and(|secret| material_id(self.key.id, secret) != self.id) {
            return Err(Refusal::bad_request(format!("the material {} is not what its id says", self.id)));
        }
        Ok(Material {
            key: self.key,
            id: self.id,
            number: self.number,
            created_at: self.created_at,
            rotation: self.rotation,
            secret,
        })
    }
}

/// AES-256-GCM under a key derived from a passphrase. Each secret is bound to the name of its record.
struct Sealer(aead::LessSafeKey);

impl Sealer {
    fn new(passphrase: &Secret, salt: &[u8]) -> Result<Self, Refusal> {
        let mut key = zeroize::Zeroizing::new([0; 32]);
        let iterations = NonZeroU32::new(ITERATIONS).ok_or_else(|| Refusal::internal("no iterations"))?;
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, passphrase.expose(), &mut *key);
        let key = aead::UnboundKey::new(&aead::AES_256_GCM, &*key).map_err(Refusal::internal)?;
        Ok(Sealer(aead::LessSafeKey::new(key)))
    }

    fn seal(&self, name: &str, secret: &Secret, entropy: &dyn Entropy) -> Result<String, Refusal> {
        let nonce = entropy.array::<{ aead::NONCE_LEN }>().map_err(Refusal::internal)?;
        let mut bytes = secret.expose().to_vec();
        let nonce_for_seal = aead::Nonce::assume_unique_for_key(nonce);
        self.0
            .seal_in_place_append_tag(nonce_for_seal, aead::Aad::from(name.as_bytes()), &mut bytes)
            .map_err(Refusal::internal)?;
        Ok(STANDARD.encode([&nonce[..], &bytes].concat()))
    }

    fn open(&self, name: &str, sealed: &str) -> Result<Secret, Refusal> {
        let wrong = || Refusal::bad_request("the passphrase is wrong, or the key material was altered");
        let mut bytes = STANDARD.decode(sealed).map_err(|_| wrong())?;
        let (nonce, rest) = bytes.split_at_mut_checked(aead::NONCE_LEN).ok_or_else(wrong)?;
        let nonce = aead::Nonce::try_assume_unique_for_key(nonce).map_err(|_| wrong())?;
        let opened =
            self.0.open_in_place(nonce, aead::Aad::from(name.as_bytes()), rest).map_err(|_| wrong())?;
        Ok(Secret::new(opened.to_vec()))
    }
}
