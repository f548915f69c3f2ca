//! The sample store in a file: all of it is written anew at every change, and the records of the engine beside it.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use lifecycle::at_rest::sample::contract::{Store, Subject};
use lifecycle::at_rest::sample::{SampleStore, StreamRecord};
use lifecycle::at_rest::{
    Change, Incarnation, Journal, JournalError, Structure, TableStore, Task, TaskError, TaskKeys,
};
use lifecycle::clock::Timestamp;
use tempfile::TempDir;

use super::bytes_in;

/// A folder with two files.
pub(crate) struct FileDisk(TempDir);

impl FileDisk {
    pub(crate) fn new() -> Self {
        FileDisk(TempDir::new().unwrap())
    }
}

impl Subject for FileDisk {
    type Store = FileStore;
    type Journal = FileJournal;

    fn open(&self) -> (FileStore, FileJournal, Vec<Change>) {
        let journal = self.0.path().join("journal");
        let text = fs::read_to_string(&journal).unwrap_or_default();
        let changes = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let file = OpenOptions::new().create(true).append(true).open(journal).unwrap();
        (FileStore::open(&self.0.path().join("records")), FileJournal(file), changes)
    }

    fn bytes(&self) -> Vec<u8> {
        bytes_in(self.0.path())
    }
}

/// A line for each change.
pub(crate) struct FileJournal(File);

impl Journal for FileJournal {
    fn append(&mut self, changes: &[Change]) -> Result<(), JournalError> {
        let lines = changes.iter().map(|change| serde_json::to_string(change).map(|line| line + "\n"));
        let text: String = lines.collect::<Result<_, _>>().map_err(|_| JournalError)?;
        self.0.write_all(text.as_bytes()).map_err(|_| JournalError)?;
        self.0.sync_data().map_err(|_| JournalError)
    }
}

pub(crate) struct FileStore {
    file: PathBuf,
    store: SampleStore,
}

/// Fields as they are, each behind its length: nothing is encoded that a search should find.
fn frame(fields: &[&[u8]], into: &mut Vec<u8>) {
    for field in fields {
        into.extend(u32::try_from(field.len()).unwrap().to_be_bytes());
        into.extend_from_slice(field);
    }
}

fn fields(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut fields = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let (field, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        fields.push(field);
        bytes = rest;
    }
    fields
}

impl FileStore {
    fn open(file: &Path) -> Self {
        let mut store = SampleStore::default();
        let bytes = fs::read(file).unwrap_or_default();
        let text = |field: &[u8]| String::from_utf8(field.to_vec()).unwrap();
        for record in fields(&bytes).chunks_exact(5) {
            let (of, key, value) = (text(record[1]), record[3].to_vec(), record[4].to_vec());
            match record[0] {
                b"record" => store.put(of.parse().unwrap(), &text(record[2]).parse().unwrap(), &key, value),
                b"backup" => {
                    let structure: Structure = text(record[2]).parse().unwrap();
                    store.backups.entry(of).or_default().entry(structure).or_default().insert(key, value);
                }
                b"stream" => {
                    let made_at = Timestamp(text(record[2]).parse().unwrap());
                    let made = StreamRecord { made_at, key, sealed: value };
                    store.streams.entry(of.parse().unwrap()).or_default().push(made);
                }
                b"clear" => {
                    store.plaintext.entry(of.parse().unwrap()).or_default().insert(key, value);
                }
                other => panic!("{other:?}"),
            }
        }
        FileStore { file: file.to_owned(), store }
    }

    fn save(&self) {
        let mut bytes = Vec::new();
        let SampleStore { tables, plaintext, backups, streams } = &self.store;
        let mut records = |kind: &[u8], of: &str, structure: &str, key: &[u8], value: &[u8]| {
            frame(&[kind, of.as_bytes(), structure.as_bytes(), key, value], &mut bytes);
        };
        let tables = tables.iter().map(|(table, records)| (&b"record"[..], table.to_string(), records));
        let backups = backups.iter().map(|(arn, records)| (&b"backup"[..], arn.clone(), records));
        for (kind, of, structures) in tables.chain(backups) {
            for (structure, rows) in structures {
                rows.iter().for_each(|(key, value)| records(kind, &of, &structure.to_string(), key, value));
            }
        }
        for (table, rows) in plaintext {
            rows.iter().for_each(|(key, value)| records(b"clear", &table.to_string(), "", key, value));
        }
        for (table, made) in
            streams.iter().flat_map(|(table, made)| made.iter().map(move |made| (table, made)))
        {
            records(b"stream", &table.to_string(), &made.made_at.0.to_string(), &made.key, &made.sealed);
        }
        let new = self.file.with_extension("new");
        fs::write(&new, bytes).unwrap();
        File::open(&new).unwrap().sync_all().unwrap();
        fs::rename(new, &self.file).unwrap();
    }
}

impl TableStore for FileStore {
    fn perform(&mut self, task: &Task, keys: &mut TaskKeys<'_>) -> Result<(), TaskError> {
        let done = self.store.perform(task, keys);
        self.save();
        done
    }

    fn trim_streams(&mut self, made_until: Timestamp) {
        self.store.trim_streams(made_until);
        self.save();
    }
}

impl Store for FileStore {
    fn put(&mut self, table: Incarnation, structure: &Structure, key: &[u8], sealed: &[u8]) {
        self.store.put(table, structure, key, sealed.to_vec());
        self.save();
    }

    fn get(&mut self, table: Incarnation, structure: &Structure, key: &[u8]) -> Option<Vec<u8>> {
        self.store.get(table, structure, key).cloned()
    }

    fn append_to_stream(&mut self, table: Incarnation, made_at: Timestamp, sealed: &[u8]) {
        let made = StreamRecord { made_at, key: Vec::new(), sealed: sealed.to_vec() };
        self.store.streams.entry(table).or_default().push(made);
        self.save();
    }

    fn stream(&mut self, table: Incarnation) -> Vec<Vec<u8>> {
        let made = self.store.streams.get(&table).into_iter().flatten();
        made.map(|made| made.sealed.clone()).collect()
    }

    fn put_in_the_clear(&mut self, table: Incarnation, key: &[u8], value: &[u8]) -> bool {
        self.store.plaintext.entry(table).or_default().insert(key.to_vec(), value.to_vec());
        self.save();
        true
    }
}
