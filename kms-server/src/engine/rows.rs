//! Records as rows of the store, and back.

use std::collections::BTreeMap;
use std::sync::Arc;

use lifecycle::alias::Alias;
use lifecycle::clock::{Timestamp, VirtualClock};
use lifecycle::crypto::Secret;
use lifecycle::custom_store::{Cluster, CustomKeyStore};
use lifecycle::event::Fact;
use lifecycle::grant::Grant;
use lifecycle::iam::{Body, Entry};
use lifecycle::ids::{KeyArn, MaterialId};
use lifecycle::key::{Key, Material, RotationType};
use lifecycle::state::{Change, Record, RecordId, State, TableRecord, Usage};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::OpenError;
use super::saved::{self, Saves};
use crate::store::{self, Batch, Kind, OldSecrets, Row};

/// The one row of a kind that has one.
const ONLY: &str = "only";

/// The body of a material row; the secret bytes are sealed beside it.
#[derive(Serialize, Deserialize)]
struct MaterialBody {
    key: KeyArn,
    id: MaterialId,
    /// Absent in rows that were stored before keys could rotate: such a key has one material.
    #[serde(default)]
    number: u32,
    created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotation: Option<RotationType>,
}

/// What a store held.
pub(super) struct Loaded {
    pub(super) records: Vec<Record>,
    pub(super) saves: Saves,
    pub(super) clock: Option<VirtualClock>,
    pub(super) installation_secret: Option<Vec<u8>>,
    pub(super) version: u64,
}

pub(super) fn load(rows: Vec<Row>) -> Result<Loaded, OpenError> {
    let version = rows.iter().map(|row| row.version).max().unwrap_or(0);
    let mut loaded = Loaded {
        records: Vec::with_capacity(rows.len()),
        saves: Saves::default(),
        clock: None,
        installation_secret: None,
        version,
    };
    let (saved, rows): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.kind == Kind::SNAPSHOT);
    loaded.saves = saved::load(saved)?;
    for row in rows {
        if row.kind == Kind::CLOCK {
            loaded.clock = Some(body(&row)?);
        } else if row.kind == Kind::META {
            loaded.installation_secret = row.secret.map(|secret| secret.expose().to_vec());
        } else if let Some(record) = record(row)? {
            loaded.records.push(record);
        }
    }
    Ok(loaded)
}

/// `None` for a kind that a newer server wrote: it stays in the store, and nothing is done with it.
pub(super) fn record(row: Row) -> Result<Option<Record>, OpenError> {
    Ok(Some(match &row.kind {
        kind if *kind == Kind::ALIAS => Record::Alias(Arc::new(body::<Alias>(&row)?)),
        kind if *kind == Kind::CLUSTER => {
            let cluster = body::<Cluster>(&row)?;
            Record::Cluster(Arc::new(Cluster { password: row.secret, ..cluster }))
        }
        kind if *kind == Kind::CUSTOM_STORE => {
            let store = body::<CustomKeyStore>(&row)?;
            Record::CustomStore(Arc::new(CustomKeyStore { secret: row.secret, ..store }))
        }
        kind if *kind == Kind::OUTBOX => Record::Fact(Arc::new(body::<Fact>(&row)?)),
        kind if *kind == Kind::GRANT => Record::Grant(Arc::new(body::<Grant>(&row)?)),
        kind if *kind == Kind::KEY => Record::Key(Arc::new(body::<Key>(&row)?)),
        kind if *kind == Kind::USAGE => Record::Usage(Arc::new(body::<Usage>(&row)?)),
        kind if *kind == Kind::PRINCIPAL => {
            let entry = body::<Body>(&row)?.with_secret(row.secret);
            Record::Principal(entry.ok_or_else(|| OpenError::Record(format!("{}: no secret", row.id)))?)
        }
        kind if *kind == Kind::TABLE => {
            let content = row.secret.ok_or_else(|| OpenError::Record(format!("{}: no secret", row.id)))?;
            let record = TableRecord { id: row.id.as_str().into(), content };
            let unreadable = |error| OpenError::Record(format!("{}: {error}", row.id));
            record.change().map_err(unreadable)?;
            Record::Table(Arc::new(record))
        }
        kind if *kind == Kind::MATERIAL => {
            let MaterialBody { key, id, number, created_at, rotation } = body(&row)?;
            let secret = row.secret;
            Record::Material(Arc::new(Material { key, id, number, created_at, rotation, secret }))
        }
        kind => {
            tracing::warn!(%kind, id = row.id, "a record of an unknown kind is kept, but not used");
            return Ok(None);
        }
    }))
}

fn body<T: DeserializeOwned>(row: &Row) -> Result<T, OpenError> {
    serde_json::from_slice(&row.body).map_err(|error| OpenError::Record(format!("{}: {error}", row.id)))
}

/// The first batch of a new store.
pub(super) fn installation(clock: &VirtualClock, installation_secret: &[u8]) -> Result<Batch, OpenError> {
    let secret = Some(Secret::new(installation_secret.to_vec()));
    let mut rows = vec![put(Kind::META, ONLY.to_owned(), &(), secret)];
    rows.push(put(Kind::CLOCK, ONLY.to_owned(), clock, None));
    let changes = rows.into_iter().collect::<Result<_, _>>().map_err(unencodable)?;
    Ok(Batch { changes, old_secrets: OldSecrets::MayLinger })
}

/// The rows that changes write and remove.
pub(super) fn batch(changes: &[Change], clock: Option<&VirtualClock>) -> Result<Batch, OpenError> {
    let rows = changes.iter().map(|change| match change {
        Change::Put(record) => put_record(record),
        Change::Delete(id) => {
            let (kind, id) = name(id);
            Ok(store::Change::Delete { kind, id })
        }
    });
    let clock = clock.map(|clock| put(Kind::CLOCK, ONLY.to_owned(), clock, None));
    let changes_of_rows = rows.chain(clock).collect::<Result<_, _>>().map_err(unencodable)?;
    // A secret whose row is deleted is erased in any case. Replaced in place are only those of access keys, stores and
    // clusters, and imported material by nothing.
    let replaces = |change: &Change| match change {
        Change::Put(Record::Principal(Entry::AccessKey(_)) | Record::CustomStore(_) | Record::Cluster(_)) => {
            true
        }
        Change::Put(Record::Material(material)) => material.secret.is_none(),
        _ => false,
    };
    let old_secrets = if changes.iter().any(replaces) { OldSecrets::Erased } else { OldSecrets::MayLinger };
    Ok(Batch { changes: changes_of_rows, old_secrets })
}

/// What makes `records` of all that a state stores, but for facts: they stay, and none come in.
pub(super) fn difference(state: &State, records: Vec<Record>) -> Vec<Change> {
    let lasts = |record: &Record| !matches!(record, Record::Fact(_));
    let mut old: BTreeMap<(Kind, String), Record> =
        state.records().filter(lasts).map(|record| (name(&record.id()), record)).collect();
    let is_new = |record: &Record| old.remove(&name(&record.id())).is_none_or(|old| old != *record);
    let puts: Vec<Record> = records.into_iter().filter(lasts).filter(is_new).collect();
    let deletes = old.into_values().map(|record| Change::Delete(record.id()));
    deletes.chain(puts.into_iter().map(Change::Put)).collect()
}

/// The row of a record.
pub(super) fn put_record(record: &Record) -> Result<store::Change, serde_json::Error> {
    let (kind, id) = name(&record.id());
    match record {
        Record::Alias(alias) => put(kind, id, alias, None),
        Record::Cluster(cluster) => put(kind, id, cluster, cluster.password.clone()),
        Record::CustomStore(store) => put(kind, id, store, store.secret.clone()),
        Record::Fact(fact) => put(kind, id, fact, None),
        Record::Grant(grant) => put(kind, id, grant, None),
        Record::Key(key) => put(kind, id, key, None),
        Record::Usage(usage) => put(kind, id, usage, None),
        Record::Principal(entry) => put(kind, id, &entry.body(), entry.secret().cloned()),
        Record::Table(table) => put(kind, id, &(), Some(table.content.clone())),
        Record::Material(material) => {
            let Material { key, id: material_id, number, created_at, rotation, secret } =
                (**material).clone();
            let body = MaterialBody { key, id: material_id, number, created_at, rotation };
            put(kind, id, &body, secret)
        }
    }
}

pub(super) fn put(
    kind: Kind,
    id: String,
    body: &impl Serialize,
    secret: Option<Secret>,
) -> Result<store::Change, serde_json::Error> {
    let body = serde_json::to_vec(body)?;
    Ok(store::Change::Put { kind, id, body, secret })
}

/// What a row is about, and its id.
pub(super) fn name(id: &RecordId) -> (Kind, String) {
    match id {
        RecordId::Alias(arn) => (Kind::ALIAS, arn.to_string()),
        RecordId::Cluster(id) => (Kind::CLUSTER, id.to_string()),
        RecordId::CustomStore(name) => (Kind::CUSTOM_STORE, name.to_string()),
        RecordId::Fact(id) => (Kind::OUTBOX, id.to_string()),
        RecordId::Grant(key, id) => (Kind::GRANT, format!("{key}/{id}")),
        RecordId::Key(arn) => (Kind::KEY, arn.to_string()),
        RecordId::Usage(arn) => (Kind::USAGE, arn.to_string()),
        RecordId::Principal(id) => (Kind::PRINCIPAL, id.to_string()),
        RecordId::Table(id) => (Kind::TABLE, id.to_string()),
        RecordId::Material(key, id) => (Kind::MATERIAL, format!("{key}/{id}")),
    }
}

fn unencodable(error: serde_json::Error) -> OpenError {
    OpenError::Record(error.to_string())
}
