//! Looking for records, and going on where an earlier look ended: whoever waits for a record reads each but once.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};

use serde_json::Value;

use super::{AuditLog, Kept, segments};

/// Which records to read.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Not before this `eventTime`.
    pub since: Option<String>,
    /// Before this `eventTime`.
    pub until: Option<String>,
    /// The `requestID`.
    pub request: Option<String>,
    /// The `eventName`.
    pub event: Option<String>,
    /// A key: its ARN, or a part of it such as the key id, among the `resources`.
    pub key: Option<String>,
    /// The caller's ARN.
    pub principal: Option<String>,
    /// At most so many.
    pub limit: usize,
    /// Only records after the one with this `eventID`.
    pub after: Option<String>,
}

/// A look for the records that pass a filter.
#[derive(Clone, Debug)]
pub struct Search {
    filter: AuditFilter,
    /// Whether the record named by `after` is still to come.
    waiting: bool,
    /// The records before the file that was read last, or that were read of those in memory.
    records: u64,
    /// The bytes of that file that were read.
    bytes: u64,
}

/// Enough records were found.
struct Enough;

impl Search {
    /// From the first record on.
    #[must_use]
    pub fn new(filter: AuditFilter) -> Self {
        Search { waiting: filter.after.is_some(), filter, records: 0, bytes: 0 }
    }

    fn take(&mut self, line: &[u8], found: &mut Vec<Value>) -> Result<(), Enough> {
        if found.len() >= self.filter.limit {
            return Err(Enough);
        }
        // A line that a crash cut short is no record.
        let Ok(record) = serde_json::from_slice::<Value>(line) else { return Ok(()) };
        if self.waiting {
            self.waiting = record.get("eventID").and_then(Value::as_str) != self.filter.after.as_deref();
        } else if self.passes(&record) {
            found.push(record);
        }
        Ok(())
    }

    fn passes(&self, record: &Value) -> bool {
        let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
        let filter = &self.filter;
        let time = text("eventTime");
        filter.since.as_deref().is_none_or(|since| time >= since)
            && filter.until.as_deref().is_none_or(|until| time < until)
            && filter.request.as_deref().is_none_or(|request| text("requestID") == request)
            && filter.event.as_deref().is_none_or(|event| text("eventName") == event)
            && filter.key.as_deref().is_none_or(|key| names_key(record, key))
            && filter.principal.as_deref().is_none_or(|principal| {
                record.pointer("/userIdentity/arn").and_then(Value::as_str) == Some(principal)
            })
    }
}

fn names_key(record: &Value, key: &str) -> bool {
    let resources = record.get("resources").and_then(Value::as_array);
    let mut arns = resources.into_iter().flatten().filter_map(|resource| resource.get("ARN")?.as_str());
    arns.any(|arn| arn == key || arn.ends_with(&format!("/{key}")) || arn.ends_with(&format!(":{key}")))
}

impl AuditLog {
    /// The records that a search has not seen yet and that pass its filter, oldest first.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn search(&self, search: &mut Search) -> io::Result<Vec<Value>> {
        let mut found = Vec::new();
        match &self.kept {
            Kept::Memory(records) => {
                let records = records.lock().map_err(|_| io::Error::other("the audit thread has failed"))?;
                let seen =
                    usize::try_from(search.records.saturating_sub(records.removed)).unwrap_or(usize::MAX);
                search.records = search.records.max(records.removed);
                for line in records.lines.iter().skip(seen) {
                    if search.take(line, &mut found).is_err() {
                        return Ok(found);
                    }
                    search.records += 1;
                }
            }
            Kept::Folder(folder) => {
                for (before, path) in segments(folder)? {
                    if before < search.records {
                        continue;
                    }
                    if before > search.records {
                        (search.records, search.bytes) = (before, 0);
                    }
                    let mut file = BufReader::new(File::open(path)?);
                    file.seek(SeekFrom::Start(search.bytes))?;
                    let mut line = Vec::new();
                    // A line without its end is still being written.
                    while file.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
                        if search.take(&line, &mut found).is_err() {
                            return Ok(found);
                        }
                        search.bytes += line.len() as u64;
                        line.clear();
                    }
                }
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fill, options};
    use super::*;

    #[tokio::test]
    async fn a_search_goes_on_where_it_ended() {
        let folder = tempfile::tempdir().unwrap();
        let small = |mut options: super::super::AuditOptions| {
            // Several files, and fewer records in memory than are written.
            (options.segment_bytes_max, options.records_max) = (600, Some(4));
            options
        };
        for options in [options(None), small(options(None)), options(Some(folder.path()))] {
            let log = AuditLog::open(&options).unwrap();
            let mut search = Search::new(AuditFilter { limit: 100, ..AuditFilter::default() });
            let mut after = Search::new(AuditFilter {
                limit: 100,
                after: Some("e4".to_owned()),
                ..AuditFilter::default()
            });
            for round in 0..4 {
                fill(&log, round * 3..round * 3 + 3).await;
                let found = log.search(&mut search).unwrap();
                let ids: Vec<_> = found.iter().map(|record| record["eventID"].as_str().unwrap()).collect();
                let expected: Vec<_> =
                    (round * 3..round * 3 + 3).map(|number| format!("e{number}")).collect();
                assert_eq!(ids, expected);
                assert_eq!(log.search(&mut search).unwrap(), [] as [Value; 0]);
                let later = [0, 1, 3, 3];
                assert_eq!(log.search(&mut after).unwrap().len(), later[round], "round {round}");
            }
        }
    }
}
