//! Named snapshots: everything that there was at an instant, the clock included, to come back to.
//!
//! A state is one immutable value, so that keeping one costs next to nothing. One that is kept in the store has a row
//! of its own for each of its records: its secrets are sealed, erased and brought under another root key as those of live
//! records are.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use lifecycle::clock::{Timestamp, VirtualClock};
use lifecycle::state::{Record, State};
use rpds::RedBlackTreeMapSync;
use serde::{Deserialize, Serialize};

use super::{Draft, Engine, OpenError, SubmitError, rows, wall};
use crate::store::{self, Kind, Row};

/// All named snapshots.
pub type Saves = RedBlackTreeMapSync<SavedName, Arc<Saved>>;

/// The name of a snapshot: 1 to 64 ASCII letters, digits, dots, hyphens and underscores.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SavedName(String);

impl SavedName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SavedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text is no name of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameError;

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a snapshot has 1 to 64 letters, digits, dots, hyphens and underscores")
    }
}

impl std::error::Error for NameError {}

impl FromStr for SavedName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let valid = (1..=64).contains(&text.len()) && text.bytes().all(plain);
        valid.then(|| SavedName(text.to_owned())).ok_or(NameError)
    }
}

/// Where a snapshot is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kept {
    /// With the live records: on disk if they are, and then it outlives the server.
    #[default]
    Store,
    /// In memory until the server stops.
    Memory,
}

/// What becomes of a snapshot that has the name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and the new one is refused.
    Stays,
    /// It is removed, with its secrets.
    Replaced,
}

/// A named snapshot.
pub struct Saved {
    /// Where it is kept.
    pub kept: Kept,
    /// What the clock showed.
    pub at: Timestamp,
    /// How fast the clock ran.
    pub rate: f64,
    /// How many records it has.
    pub records: usize,
    /// The records, with those that were configured then.
    pub state: State,
}

/// Why a snapshot was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveError {
    /// There is one of this name.
    Exists,
    /// There are as many as may be.
    TooMany,
    /// A record could not be written as a row.
    Unencodable,
}

/// The body of the first row of a snapshot.
#[derive(Serialize, Deserialize)]
struct Header {
    at: Timestamp,
    rate: f64,
    records: usize,
}

impl Engine {
    /// Keeps everything that there is now under a name; at most `saves_max` snapshots are kept.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn save(
        &self,
        name: SavedName,
        kept: Kept,
        existing: Existing,
        saves_max: usize,
    ) -> Result<Result<Arc<Saved>, SaveError>, SubmitError> {
        // The last uses that only memory knows belong to the state as well.
        self.fold_ledger().await?;
        let published = Arc::clone(&self.published);
        self.submit(move |draft| {
            let saves = draft.saves(&published.load().saves);
            let old = saves.get(&name);
            if old.is_some() && existing == Existing::Stays {
                return Err(SaveError::Exists);
            }
            if old.is_none() && saves.size() >= saves_max {
                return Err(SaveError::TooMany);
            }
            let (at, rate, state) = (draft.now(), draft.clock().rate(), draft.state().clone());
            let records = state.records().count();
            let saved = Arc::new(Saved { kept, at, rate, records, state });
            let mut rows = old.map(|old| removed(&name, old)).unwrap_or_default();
            if kept == Kept::Store {
                rows.extend(added(&name, &saved).map_err(|_| SaveError::Unencodable)?);
            }
            draft.set_saves(saves.insert(name, Arc::clone(&saved)), rows);
            Ok(saved)
        })
        .await
    }

    /// Removes a snapshot, with its secrets. Tells whether there was one.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn unsave(&self, name: SavedName) -> Result<bool, SubmitError> {
        let published = Arc::clone(&self.published);
        self.submit(move |draft| {
            let saves = draft.saves(&published.load().saves);
            let Some(old) = saves.get(&name) else { return false };
            let rows = removed(&name, old);
            draft.set_saves(saves.remove(&name), rows);
            true
        })
        .await
    }

    /// Brings back everything that there was when the snapshot was taken, in a new epoch of the clock. What is
    /// configured stays as it is.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn restore(&self, saved: Arc<Saved>) -> Result<(), SubmitError> {
        let restored = self
            .submit(move |draft: &mut Draft<'_>| {
                draft.replace(saved.state.records().collect());
                let wall = wall::now();
                let clock: VirtualClock = draft.clock().restarted(saved.at, wall);
                draft.set_clock(clock.with_rate(saved.rate, wall));
            })
            .await;
        if restored.is_ok() {
            self.ledger().clear();
        }
        restored
    }
}

/// The rows of a new snapshot.
fn added(name: &SavedName, saved: &Saved) -> Result<Vec<store::Change>, serde_json::Error> {
    let header = Header { at: saved.at, rate: saved.rate, records: saved.records };
    let header = rows::put(Kind::SNAPSHOT, name.0.clone(), &header, None);
    let rows = saved.state.records().map(|record| Ok(inside(name, rows::put_record(&record)?)));
    [header].into_iter().chain(rows).collect()
}

/// What removes the rows of a snapshot.
fn removed(name: &SavedName, saved: &Saved) -> Vec<store::Change> {
    if saved.kept == Kept::Memory {
        return Vec::new();
    }
    let header = store::Change::Delete { kind: Kind::SNAPSHOT, id: name.0.clone() };
    let rows = saved.state.records().map(|record| {
        let (kind, id) = rows::name(&record.id());
        inside(name, store::Change::Delete { kind, id })
    });
    [header].into_iter().chain(rows).collect()
}

/// A change of a record as one of the same record in a snapshot.
fn inside(name: &SavedName, change: store::Change) -> store::Change {
    let within = |kind: &Kind, id: &str| format!("{name}/{kind}/{id}");
    match change {
        store::Change::Put { kind, id, body, secret } => {
            store::Change::Put { id: within(&kind, &id), kind: Kind::SNAPSHOT, body, secret }
        }
        store::Change::Delete { kind, id } => {
            store::Change::Delete { id: within(&kind, &id), kind: Kind::SNAPSHOT }
        }
    }
}

/// The snapshots whose rows were stored.
pub(super) fn load(rows: Vec<Row>) -> Result<Saves, OpenError> {
    let mut found: BTreeMap<String, (Option<Header>, usize, Vec<Record>)> = BTreeMap::new();
    for row in rows {
        let unreadable = |what: &dyn fmt::Display| OpenError::Record(format!("snapshot {}: {what}", row.id));
        let Some((name, rest)) = row.id.split_once('/') else {
            let header = serde_json::from_slice(&row.body).map_err(|error| unreadable(&error))?;
            found.entry(row.id).or_default().0 = Some(header);
            continue;
        };
        let (kind, id) = rest.split_once('/').ok_or_else(|| unreadable(&"no kind"))?;
        let (_, count, records) = found.entry(name.to_owned()).or_default();
        let (kind, id) = (Kind::from_name(kind.to_owned()), id.to_owned());
        *count += 1;
        records.extend(rows::record(Row { kind, id, ..row })?);
    }
    let saves = found.into_iter().map(|(name, (header, count, records))| {
        let broken = |what: &str| OpenError::Record(format!("snapshot {name} {what}"));
        let valid = name.parse::<SavedName>().map_err(|error| broken(&error.to_string()))?;
        let Header { at, rate, records: expected } = header.ok_or_else(|| broken("has no first row"))?;
        if count != expected {
            return Err(broken(&format!("has {count} records of {expected}")));
        }
        let state = State::load(records);
        Ok((valid, Arc::new(Saved { kept: Kept::Store, at, rate, records: count, state })))
    });
    saves.collect()
}
