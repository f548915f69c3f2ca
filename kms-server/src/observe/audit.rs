//! The audit log: a file and a thread of its own.
//!
//! A request reserves its place before it runs, so that no request goes unrecorded: a full queue makes it wait,
//! and in the end fail, instead. Handing a record over takes no lock and no system call: the thread looks every
//! few milliseconds and writes what has gathered, so that it costs a busy server next to nothing.

mod search;

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

use crossbeam_queue::{ArrayQueue, SegQueue};
use serde_json::Value;
use tokio::sync::{oneshot, watch};

use crate::engine::wall;
pub use search::{AuditFilter, Search};

/// Where records are kept, and for how long.
#[derive(Clone, Debug)]
pub struct AuditOptions {
    /// The folder of the log files; `None` keeps records in memory.
    pub folder: Option<PathBuf>,
    /// A file is closed, and the next one begun, at this size in bytes.
    pub segment_bytes_max: u64,
    /// The oldest records are removed, in whole files, when there are more than this many.
    pub records_max: Option<u64>,
    /// Files that were last written longer ago than this are removed.
    pub age_max: Option<Duration>,
    /// Records that may wait to be written.
    pub queue_records_max: usize,
    /// How long a request waits for a place in the queue.
    pub queue_wait: Duration,
}

impl Default for AuditOptions {
    fn default() -> Self {
        AuditOptions {
            folder: None,
            segment_bytes_max: 64 * 1024 * 1024,
            records_max: Some(100_000),
            age_max: None,
            queue_records_max: 10_000,
            queue_wait: Duration::from_secs(1),
        }
    }
}

/// How often the thread looks for records while there are any.
const TICK: Duration = Duration::from_millis(4);

/// Ticks without a record after which the thread sleeps until it is woken.
const IDLE_TICKS: u32 = 250;

/// Buffers that are kept for reuse.
const SPARE_BUFFERS: usize = 256;

/// Most records are shorter than this.
const RECORD_BYTES: usize = 1_024;

enum Message {
    Record(Vec<u8>),
    Flush(oneshot::Sender<()>),
}

/// What requests and the thread share.
struct Queue {
    messages: SegQueue<Message>,
    /// Buffers of records that are written, for the next ones: a record is filled on one thread and freed on another,
    /// which is what allocators do worst.
    spare: ArrayQueue<Vec<u8>>,
    /// Places taken, by requests on their way and by records that are not written yet.
    taken: AtomicUsize,
    taken_max: usize,
    /// Whether the thread must be woken to notice a record.
    asleep: AtomicBool,
    stopped: AtomicBool,
}

impl Queue {
    fn push(&self, message: Message, thread: &Thread) {
        let urgent = matches!(message, Message::Flush(_));
        self.messages.push(message);
        if urgent || self.asleep.swap(false, Ordering::AcqRel) {
            thread.unpark();
        }
    }
}

/// The log.
pub struct AuditLog {
    queue: Arc<Queue>,
    queue_wait: Duration,
    kept: Kept,
    age_max: Option<Duration>,
    thread: Thread,
    handle: Mutex<Option<JoinHandle<()>>>,
    written: watch::Receiver<u64>,
}

#[derive(Clone)]
enum Kept {
    Folder(PathBuf),
    Memory(Arc<Mutex<Lines>>),
}

/// Records in memory.
#[derive(Default)]
struct Lines {
    lines: VecDeque<Vec<u8>>,
    /// How many were removed before the first.
    removed: u64,
}

/// A place in the queue.
pub struct Place<'a>(Option<&'a AuditLog>);

impl Place<'_> {
    /// Hands over a record, one line of JSON without its end, that `write` appends to an empty buffer.
    pub fn record(mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if let Some(log) = self.0.take() {
            let mut line = log.queue.spare.pop().unwrap_or_else(|| Vec::with_capacity(RECORD_BYTES));
            write(&mut line);
            log.queue.push(Message::Record(line), &log.thread);
        }
    }
}

impl Drop for Place<'_> {
    /// A request that was given up leaves its place.
    fn drop(&mut self) {
        if let Some(log) = self.0 {
            log.queue.taken.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// The log takes no more records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditFull;

impl AuditLog {
    /// Opens the log and starts its thread.
    ///
    /// # Errors
    /// The folder cannot be made or written.
    pub fn open(options: &AuditOptions) -> io::Result<Self> {
        let queue = Arc::new(Queue {
            messages: SegQueue::new(),
            spare: ArrayQueue::new(SPARE_BUFFERS),
            taken: AtomicUsize::new(0),
            taken_max: options.queue_records_max.max(1),
            asleep: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
        });
        let (kept, sink) = match &options.folder {
            Some(folder) => {
                let segments = Segments::open(folder, options)?;
                (Kept::Folder(folder.clone()), Sink::Segments(segments))
            }
            None => {
                let records = Arc::new(Mutex::new(Lines::default()));
                let max =
                    options.records_max.map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(usize::MAX));
                let sink = Sink::Memory { records: Arc::clone(&records), max };
                (Kept::Memory(records), sink)
            }
        };
        let drained = Arc::clone(&queue);
        let (tell, written) = watch::channel(0);
        let handle = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || drain(&drained, sink, &tell))?;
        let thread = handle.thread().clone();
        Ok(AuditLog {
            queue,
            queue_wait: options.queue_wait,
            kept,
            age_max: options.age_max,
            thread,
            handle: Mutex::new(Some(handle)),
            written,
        })
    }

    /// A place for one record.
    ///
    /// # Errors
    /// [`AuditFull`] when none came free in time.
    pub async fn reserve(&self) -> Result<Place<'_>, AuditFull> {
        if let Some(place) = self.try_reserve() {
            return Ok(place);
        }
        let free = async {
            loop {
                tokio::time::sleep(TICK).await;
                if let Some(place) = self.try_reserve() {
                    return place;
                }
            }
        };
        // Boxed, because hardly any request waits.
        Box::pin(tokio::time::timeout(self.queue_wait, free)).await.map_err(|_| AuditFull)
    }

    fn try_reserve(&self) -> Option<Place<'_>> {
        let Queue { taken, taken_max, stopped, .. } = &*self.queue;
        if stopped.load(Ordering::Acquire) {
            return None;
        }
        if taken.fetch_add(1, Ordering::AcqRel) < *taken_max {
            return Some(Place(Some(self)));
        }
        taken.fetch_sub(1, Ordering::AcqRel);
        None
    }

    /// Waits until everything handed over before is written.
    pub async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        self.queue.push(Message::Flush(done), &self.thread);
        if self.queue.stopped.load(Ordering::Acquire) {
            return;
        }
        let _ = wait.await;
    }

    /// The records that pass the filter, oldest first. Call [`AuditLog::flush`] first to see the latest.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn read(&self, filter: &AuditFilter) -> io::Result<Vec<Value>> {
        self.search(&mut Search::new(filter.clone()))
    }

    /// Changes whenever records were written.
    #[must_use]
    pub fn written(&self) -> watch::Receiver<u64> {
        self.written.clone()
    }

    /// Removes the files that are older than `age_max`, the one that is being written apart.
    pub fn remove_expired(&self) {
        let (Kept::Folder(folder), Some(age_max)) = (&self.kept, self.age_max) else { return };
        let limit = wall::system_time().checked_sub(age_max);
        let Ok(mut all) = segments(folder) else { return };
        all.pop();
        for (_, path) in all {
            let written = path.metadata().and_then(|metadata| metadata.modified()).ok();
            if written.zip(limit).is_some_and(|(written, limit)| written < limit)
                && let Err(error) = fs::remove_file(&path)
            {
                tracing::warn!(%error, file = %path.display(), "an audit file past its time was not removed");
            }
        }
    }

    /// Writes what is left and stops the thread; later requests find no place.
    pub async fn stop(&self) {
        self.queue.stopped.store(true, Ordering::Release);
        self.thread.unpark();
        let handle = self.handle.lock().ok().and_then(|mut handle| handle.take());
        if let Some(handle) = handle {
            let _ = tokio::task::spawn_blocking(move || handle.join()).await;
        }
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        self.queue.stopped.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

enum Sink {
    Segments(Segments),
    Memory { records: Arc<Mutex<Lines>>, max: usize },
}

/// Writes what has gathered, batch after batch.
fn drain(queue: &Queue, mut sink: Sink, written: &watch::Sender<u64>) {
    let mut idle = 0;
    loop {
        // Read before the queue: what was handed over before the stop is still written.
        let stopped = queue.stopped.load(Ordering::Acquire);
        let mut batch = Vec::new();
        let mut flushes = Vec::new();
        while let Some(message) = queue.messages.pop() {
            match message {
                Message::Record(line) => batch.push(line),
                Message::Flush(done) => flushes.push(done),
            }
        }
        let count = batch.len();
        if let Err(error) = sink.write(&mut batch) {
            tracing::error!(%error, "audit records were not written");
        }
        queue.taken.fetch_sub(count, Ordering::AcqRel);
        if count > 0 {
            written.send_modify(|written| *written += count as u64);
        }
        for mut line in batch {
            line.clear();
            // A line that is much longer than others would hold its memory for ever.
            if line.capacity() > 4 * RECORD_BYTES || queue.spare.push(line).is_err() {
                break;
            }
        }
        for done in flushes {
            let _ = done.send(());
        }
        if stopped {
            return;
        }
        idle = if count == 0 { idle + 1 } else { 0 };
        if idle < IDLE_TICKS {
            std::thread::park_timeout(TICK);
            continue;
        }
        queue.asleep.store(true, Ordering::Release);
        // A record that came in before the flag was set wakes nobody.
        if queue.messages.is_empty() && !queue.stopped.load(Ordering::Acquire) {
            std::thread::park();
        }
        queue.asleep.store(false, Ordering::Release);
    }
}

impl Sink {
    fn write(&mut self, batch: &mut Vec<Vec<u8>>) -> io::Result<()> {
        match self {
            Sink::Segments(_) if batch.is_empty() => Ok(()),
            Sink::Segments(segments) => segments.write(batch),
            Sink::Memory { records, max } => {
                let mut records = records.lock().map_err(|_| io::Error::other("a reader has failed"))?;
                records.lines.extend(batch.drain(..));
                let surplus = records.lines.len().saturating_sub(*max);
                records.lines.drain(..surplus);
                records.removed += surplus as u64;
                Ok(())
            }
        }
    }
}

/// The files of the log. The name of each says how many records were written before it, so that records are counted
/// without reading them.
struct Segments {
    folder: PathBuf,
    file: File,
    length: u64,
    /// Records written, ever.
    written: u64,
    length_max: u64,
    records_max: Option<u64>,
}

impl Segments {
    fn open(folder: &Path, options: &AuditOptions) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let last = segments(folder)?.pop();
        let (before, lines) = match &last {
            Some((before, path)) => (*before, count_lines(path)?),
            None => (0, 0),
        };
        let file = open_segment(folder, before)?;
        let mut length = file.metadata()?.len();
        if length > 0 {
            // A crash may have cut the last line short; a new line keeps the next record apart from it.
            (&file).write_all(b"\n")?;
            length += 1;
        }
        let (length_max, records_max) = (options.segment_bytes_max, options.records_max);
        let folder = folder.to_path_buf();
        Ok(Segments { folder, file, length, written: before + lines, length_max, records_max })
    }

    /// One write for the whole batch: what it returns from is in the system's hands and survives `kill -9`.
    fn write(&mut self, batch: &[Vec<u8>]) -> io::Result<()> {
        if self.length >= self.length_max {
            self.file = open_segment(&self.folder, self.written)?;
            self.length = 0;
            self.remove_surplus()?;
        }
        let mut bytes = Vec::with_capacity(batch.iter().map(|line| line.len() + 1).sum());
        for line in batch {
            bytes.extend_from_slice(line);
            bytes.push(b'\n');
        }
        self.file.write_all(&bytes)?;
        self.length += bytes.len() as u64;
        self.written += batch.len() as u64;
        Ok(())
    }

    /// Removes the oldest files as long as enough records are left without them.
    fn remove_surplus(&self) -> io::Result<()> {
        let Some(records_max) = self.records_max else { return Ok(()) };
        let all = segments(&self.folder)?;
        let starts = all.iter().skip(1).map(|(before, _)| *before);
        for ((_, path), next) in all.iter().zip(starts) {
            if self.written.saturating_sub(next) < records_max {
                break;
            }
            fs::remove_file(path)?;
        }
        Ok(())
    }
}

fn open_segment(folder: &Path, before: u64) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(folder.join(format!("events-{before:012}.jsonl")))
}

fn count_lines(path: &Path) -> io::Result<u64> {
    let mut lines = 0;
    for line in BufReader::new(File::open(path)?).split(b'\n') {
        lines += u64::from(!line?.is_empty());
    }
    Ok(lines)
}

/// The log files and the number of records before each, oldest first.
fn segments(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if let Some(before) = records_before(&path) {
            found.push((before, path));
        }
    }
    found.sort();
    Ok(found)
}

fn records_before(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_prefix("events-")?.strip_suffix(".jsonl")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: usize) -> Vec<u8> {
        serde_json::to_vec(&serde_json::json!({
            "eventID": format!("e{number}"),
            "eventName": if number.is_multiple_of(2) { "Encrypt" } else { "Decrypt" },
            "eventTime": format!("2026-01-01T00:00:{number:02}Z"),
            "userIdentity": {"arn": format!("arn:aws:iam::111122223333:user/{}", number % 3)},
            "resources": [{"ARN": format!("arn:aws:kms:us-east-1:111122223333:key/k{number}")}],
        }))
        .unwrap()
    }

    pub(super) async fn fill(log: &AuditLog, numbers: std::ops::Range<usize>) {
        for number in numbers {
            log.reserve().await.unwrap().record(|buffer| buffer.extend(line(number)));
        }
        log.flush().await;
    }

    fn ids(log: &AuditLog, filter: &AuditFilter) -> Vec<String> {
        let found = log.read(filter).unwrap();
        found.iter().map(|record| record["eventID"].as_str().unwrap().to_owned()).collect()
    }

    pub(super) fn options(folder: Option<&Path>) -> AuditOptions {
        AuditOptions { folder: folder.map(Path::to_path_buf), ..AuditOptions::default() }
    }

    #[tokio::test]
    async fn filters_select_records_in_memory_and_in_files() {
        let folder = tempfile::tempdir().unwrap();
        for options in [options(None), options(Some(folder.path()))] {
            let log = AuditLog::open(&options).unwrap();
            fill(&log, 0..6).await;
            let all = AuditFilter { limit: 100, ..AuditFilter::default() };
            assert_eq!(ids(&log, &all).len(), 6);
            let text = |text: &str| Some(text.to_owned());
            for (filter, expected) in [
                (AuditFilter { limit: 2, ..all.clone() }, &["e0", "e1"][..]),
                (AuditFilter { after: text("e3"), ..all.clone() }, &["e4", "e5"]),
                (AuditFilter { event: text("Decrypt"), ..all.clone() }, &["e1", "e3", "e5"]),
                (AuditFilter { key: text("k4"), ..all.clone() }, &["e4"]),
                (
                    AuditFilter { principal: text("arn:aws:iam::111122223333:user/1"), ..all.clone() },
                    &["e1", "e4"],
                ),
                (
                    AuditFilter {
                        since: text("2026-01-01T00:00:01Z"),
                        until: text("2026-01-01T00:00:03Z"),
                        ..all.clone()
                    },
                    &["e1", "e2"],
                ),
            ] {
                assert_eq!(ids(&log, &filter), expected, "{filter:?}");
            }
        }
    }

    #[tokio::test]
    async fn files_are_rotated_and_the_oldest_removed() {
        let folder = tempfile::tempdir().unwrap();
        let options =
            AuditOptions { segment_bytes_max: 1, records_max: Some(2), ..options(Some(folder.path())) };
        for round in 0..2 {
            let log = AuditLog::open(&options).unwrap();
            for number in round * 5..round * 5 + 5 {
                fill(&log, number..number + 1).await;
            }
            let expected = [format!("e{}", round * 5 + 3), format!("e{}", round * 5 + 4)];
            let kept = ids(&log, &AuditFilter { limit: 100, ..AuditFilter::default() });
            assert!(kept.ends_with(&expected) && kept.len() <= 3, "{kept:?}");
        }
    }

    #[tokio::test]
    async fn a_line_cut_short_by_a_crash_costs_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        fill(&AuditLog::open(&options(Some(folder.path()))).unwrap(), 0..2).await;
        let (_, segment) = segments(folder.path()).unwrap().remove(0);
        let mut file = OpenOptions::new().append(true).open(segment).unwrap();
        file.write_all(br#"{"eventID":"cut"#).unwrap();
        let log = AuditLog::open(&options(Some(folder.path()))).unwrap();
        fill(&log, 2..3).await;
        assert_eq!(ids(&log, &AuditFilter { limit: 100, ..AuditFilter::default() }), ["e0", "e1", "e2"]);
    }

    #[tokio::test]
    async fn files_past_their_time_are_removed_but_never_the_current_one() {
        let folder = tempfile::tempdir().unwrap();
        let options = AuditOptions {
            segment_bytes_max: 1,
            age_max: Some(Duration::ZERO),
            ..options(Some(folder.path()))
        };
        let log = AuditLog::open(&options).unwrap();
        for number in 0..3 {
            fill(&log, number..number + 1).await;
        }
        std::thread::sleep(Duration::from_millis(20));
        log.remove_expired();
        assert_eq!(ids(&log, &AuditFilter { limit: 100, ..AuditFilter::default() }), ["e2"]);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_in_the_end() {
        let options = AuditOptions { queue_records_max: 1, queue_wait: Duration::ZERO, ..options(None) };
        let log = AuditLog::open(&options).unwrap();
        let place = log.reserve().await.unwrap();
        assert_eq!(log.reserve().await.err(), Some(AuditFull));
        drop(place);
        assert!(log.reserve().await.is_ok(), "a place that was given up is free again");
    }
}
