//! Records as rows of the store, and back.

use std::sync::Arc;

use lifecycle::alias::Alias;
use lifecycle::clock::{Timestamp, VirtualClock};
use lifecycle::crypto::Secret;
use lifecycle::ids::{KeyArn, MaterialId};
use lifecycle::key::{Key, Material};
use lifecycle::state::{Change, Record, RecordId, Usage};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::OpenError;
use crate::store::{self, Batch, Row};

const ALIAS: &str = "alias";
const CLOCK: &str = "clock";
const INSTALLATION: &str = "installation";
const KEY: &str = "key";
const MATERIAL: &str = "material";
const USAGE: &str = "usage";

/// The one row of a kind that has one.
const ONLY: &str = "only";

/// The body of a material row; the secret bytes are sealed beside it.
#[derive(Serialize, Deserialize)]
struct MaterialBody {
    key: KeyArn,
    id: MaterialId,
    created_at: Timestamp,
}

/// What a store held.
pub(super) struct Loaded {
    pub(super) records: Vec<Record>,
    pub(super) clock: Option<VirtualClock>,
    pub(super) marker_secret: Option<Vec<u8>>,
    pub(super) version: u64,
}

pub(super) fn load(rows: Vec<Row>) -> Result<Loaded, OpenError> {
    let version = rows.iter().map(|row| row.version).max().unwrap_or(0);
    let mut loaded =
        Loaded { records: Vec::with_capacity(rows.len()), clock: None, marker_secret: None, version };
    for row in rows {
        match row.kind.as_str() {
            CLOCK => loaded.clock = Some(body(&row)?),
            INSTALLATION => loaded.marker_secret = row.secret.map(|secret| secret.expose().to_vec()),
            _ => loaded.records.push(record(row)?),
        }
    }
    Ok(loaded)
}

fn record(row: Row) -> Result<Record, OpenError> {
    Ok(match row.kind.as_str() {
        ALIAS => Record::Alias(Arc::new(body::<Alias>(&row)?)),
        KEY => Record::Key(Arc::new(body::<Key>(&row)?)),
        USAGE => Record::Usage(Arc::new(body::<Usage>(&row)?)),
        MATERIAL => {
            let MaterialBody { key, id, created_at } = body(&row)?;
            Record::Material(Arc::new(Material { key, id, created_at, secret: row.secret }))
        }
        kind => return Err(OpenError::Record(format!("{} has the unknown kind {kind}", row.id))),
    })
}

fn body<T: DeserializeOwned>(row: &Row) -> Result<T, OpenError> {
    serde_json::from_slice(&row.body).map_err(|error| OpenError::Record(format!("{}: {error}", row.id)))
}

/// The first batch of a new store.
pub(super) fn installation(clock: &VirtualClock, marker_secret: &[u8]) -> Result<Batch, OpenError> {
    let secret = Some(Secret::new(marker_secret.to_vec()));
    let mut rows = vec![put(INSTALLATION, ONLY.to_owned(), &(), secret)];
    rows.push(put(CLOCK, ONLY.to_owned(), clock, None));
    let changes = rows.into_iter().collect::<Result<_, _>>().map_err(unencodable)?;
    Ok(Batch { changes, destroys_secret: false })
}

/// The rows that changes write and remove.
pub(super) fn batch(changes: &[Change], clock: Option<&VirtualClock>) -> Result<Batch, OpenError> {
    let rows = changes.iter().map(|change| match change {
        Change::Put(record) => put_record(record),
        Change::Delete(id) => {
            let (kind, id) = name(id);
            Ok(store::Change::Delete { kind: kind.to_owned(), id })
        }
    });
    let clock = clock.map(|clock| put(CLOCK, ONLY.to_owned(), clock, None));
    let changes_of_rows = rows.chain(clock).collect::<Result<_, _>>().map_err(unencodable)?;
    let destroys_secret =
        changes.iter().any(|change| matches!(change, Change::Delete(RecordId::Material(..))));
    Ok(Batch { changes: changes_of_rows, destroys_secret })
}

fn put_record(record: &Record) -> Result<store::Change, serde_json::Error> {
    let (kind, id) = name(&record.id());
    match record {
        Record::Alias(alias) => put(kind, id, alias, None),
        Record::Key(key) => put(kind, id, key, None),
        Record::Usage(usage) => put(kind, id, usage, None),
        Record::Material(material) => {
            let Material { key, id: material_id, created_at, secret } = &**material;
            let body = MaterialBody { key: *key, id: *material_id, created_at: *created_at };
            put(kind, id, &body, secret.clone())
        }
    }
}

fn put(
    kind: &str,
    id: String,
    body: &impl Serialize,
    secret: Option<Secret>,
) -> Result<store::Change, serde_json::Error> {
    let body = serde_json::to_vec(body)?;
    Ok(store::Change::Put(Row { kind: kind.to_owned(), id, version: 0, body, secret }))
}

fn name(id: &RecordId) -> (&'static str, String) {
    match id {
        RecordId::Alias(arn) => (ALIAS, arn.to_string()),
        RecordId::Key(arn) => (KEY, arn.to_string()),
        RecordId::Usage(arn) => (USAGE, arn.to_string()),
        RecordId::Material(key, id) => (MATERIAL, format!("{key}/{id}")),
    }
}

fn unencodable(error: serde_json::Error) -> OpenError {
    OpenError::Record(error.to_string())
}
