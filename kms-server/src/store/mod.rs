//! temp
use lifecycle::crypto::Secret;
#[derive(Clone)]
pub struct Row {
    pub kind: String,
    pub id: String,
    pub version: u64,
    pub body: Vec<u8>,
    pub secret: Option<Secret>,
}
pub enum Change {
    Put(Row),
    Delete { kind: String, id: String },
}
pub struct Batch {
    pub changes: Vec<Change>,
    pub destroys_secret: bool,
}
#[derive(Debug)]
pub enum StoreError {
    Clean(String),
    UnknownOutcome(String),
}
impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}
impl std::error::Error for StoreError {}
pub trait Store: Send {
    fn load(&mut self) -> Result<Vec<Row>, StoreError>;
    fn commit(&mut self, batch: &Batch) -> Result<u64, StoreError>;
}
#[derive(Default)]
pub struct MemoryStore(std::collections::BTreeMap<(String, String), Row>, u64);
impl Store for MemoryStore {
    fn load(&mut self) -> Result<Vec<Row>, StoreError> {
        Ok(self.0.values().cloned().collect())
    }
    fn commit(&mut self, batch: &Batch) -> Result<u64, StoreError> {
        self.1 += 1;
        for c in &batch.changes {
            match c {
                Change::Put(r) => {
                    self.0.insert((r.kind.clone(), r.id.clone()), r.clone());
                }
                Change::Delete { kind, id } => {
                    self.0.remove(&(kind.clone(), id.clone()));
                }
            }
        }
        Ok(self.1)
    }
}
