//! A log: lines of JSON, kept by a thread of their own.
//!
//! A request reserves its place before it runs, so that no request goes unrecorded: a full queue makes it wait,
//! and in the end fail, instead. Handing a record over takes no lock and no system call: the thread looks every
//! few milliseconds and writes what has gathered, so that it costs a busy server next to nothing.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

use crossbeam_queue::{ArrayQueue, SegQueue};
use serde_json::Value;
use tokio::sync::{oneshot, watch};

pub use super::segments::Position;
use super::segments::{self, Kept, Seen, Sink};
use crate::engine::wall;

/// Where records are kept, and for how long.
#[derive(Clone, Debug)]
pub struct LogOptions {
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

impl Default for LogOptions {
    fn default() -> Self {
        LogOptions {
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
    /// Lines that must be there, come what may: whoever hands them over waits.
    Append(Vec<Vec<u8>>, oneshot::Sender<io::Result<()>>),
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
        let urgent = !matches!(message, Message::Record(_));
        self.messages.push(message);
        if urgent || self.asleep.swap(false, Ordering::AcqRel) {
            thread.unpark();
        }
    }
}

/// The log.
pub struct Log {
    queue: Arc<Queue>,
    queue_wait: Duration,
    kept: Kept,
    age_max: Option<Duration>,
    thread: Thread,
    handle: Mutex<Option<JoinHandle<()>>>,
    written: watch::Receiver<u64>,
}

/// A place in the queue.
pub struct Place<'a>(Option<&'a Log>);

impl Place<'_> {
    /// Hands over a record, one line of JSON without its end, that `write` appends to an empty buffer.
    pub fn record(self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut write = Some(write);
        self.records(1, |_, line| {
            if let Some(write) = write.take() {
                write(line);
            }
        });
    }

    /// Hands over several records of one request. They may be a few more than there are places: a request that has
    /// been carried out is recorded.
    pub fn records(mut self, count: usize, mut write: impl FnMut(usize, &mut Vec<u8>)) {
        let Some(log) = self.0.take() else { return };
        if count != 1 {
            log.queue.taken.fetch_add(count, Ordering::AcqRel);
            log.queue.taken.fetch_sub(1, Ordering::AcqRel);
        }
        for at in 0..count {
            let mut line = log.queue.spare.pop().unwrap_or_else(|| Vec::with_capacity(RECORD_BYTES));
            write(at, &mut line);
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
pub struct LogFull;

/// A look for records that goes on where it ended, so that whoever waits for a record reads each but once.
#[derive(Clone, Debug)]
pub struct Search {
    /// The member that names a record.
    id: &'static str,
    /// The record that is still to come: only those after it count.
    after: Option<String>,
    /// At most so many records at once.
    limit: usize,
    seen: Seen,
}

impl Search {
    /// From the first record on, or from the one behind that with the name `after`, which stands in the member `id`.
    pub(super) fn new(id: &'static str, after: Option<String>, limit: usize) -> Self {
        Search { id, after, limit, seen: Seen::default() }
    }
}

impl Log {
    /// Opens the log and starts its thread.
    ///
    /// # Errors
    /// The folder cannot be made or written.
    pub fn open(thread_name: &str, options: &LogOptions) -> io::Result<Self> {
        let queue = Arc::new(Queue {
            messages: SegQueue::new(),
            spare: ArrayQueue::new(SPARE_BUFFERS),
            taken: AtomicUsize::new(0),
            taken_max: options.queue_records_max.max(1),
            asleep: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
        });
        let (kept, sink) = segments::open(options)?;
        let drained = Arc::clone(&queue);
        let builder = std::thread::Builder::new().name(thread_name.to_owned());
        let (tell, written) = watch::channel(0);
        let handle = builder.spawn(move || drain(&drained, sink, &tell))?;
        let thread = handle.thread().clone();
        Ok(Log {
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
    /// [`LogFull`] when none came free in time.
    pub async fn reserve(&self) -> Result<Place<'_>, LogFull> {
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
        Box::pin(tokio::time::timeout(self.queue_wait, free)).await.map_err(|_| LogFull)
    }

    /// A place beyond all that may be taken.
    pub(super) fn owed(&self) -> Place<'_> {
        self.queue.taken.fetch_add(1, Ordering::AcqRel);
        Place(Some(self))
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

    /// Appends lines behind everything handed over before, and returns when they are on disk. Blocks the thread.
    ///
    /// # Errors
    /// Whether the lines are there is not known; [`Log::find`] tells.
    pub(super) fn append(&self, lines: Vec<Vec<u8>>) -> io::Result<()> {
        let (done, wait) = oneshot::channel();
        self.queue.push(Message::Append(lines, done), &self.thread);
        if self.queue.stopped.load(Ordering::Acquire) {
            return Err(io::Error::other("the log has stopped"));
        }
        wait.blocking_recv().map_err(|_| io::Error::other("the log has stopped"))?
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

    /// The records that a search has not seen yet and that pass a filter, oldest first.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn search(
        &self,
        search: &mut Search,
        passes: impl Fn(&Value) -> bool,
    ) -> io::Result<Vec<Value>> {
        let mut found = Vec::new();
        let Search { id, after, limit, seen } = search;
        self.kept.oldest_first(seen, |line| {
            if found.len() >= *limit {
                return ControlFlow::Break(());
            }
            // A line that a crash cut short is no record.
            let Ok(record) = serde_json::from_slice::<Value>(line) else { return ControlFlow::Continue(()) };
            if after.is_some() {
                after.take_if(|after| record.get(*id).and_then(Value::as_str) == Some(after));
            } else if passes(&record) {
                found.push(record);
            }
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    /// Changes whenever records were written.
    #[must_use]
    pub fn written(&self) -> watch::Receiver<u64> {
        self.written.clone()
    }

    /// Shows every line before a position to `visit`, newest first, until it has seen enough.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn newest_first(
        &self,
        before: Option<Position>,
        visit: impl FnMut(Position, &[u8]) -> ControlFlow<()>,
    ) -> io::Result<()> {
        self.kept.newest_first(before, visit)
    }

    /// Which of `names` there are records of. `id` is the member that holds the name of a record; only lines with
    /// `mark` in them are looked at.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn find(&self, names: &HashSet<String>, id: &str, mark: &str) -> io::Result<HashSet<String>> {
        let mut found = HashSet::new();
        if names.is_empty() {
            return Ok(found);
        }
        self.kept.newest_first(None, |_, line| {
            if std::str::from_utf8(line).is_ok_and(|line| line.contains(mark))
                && let Ok(record) = serde_json::from_slice::<Value>(line)
                && let Some(name) = record.get(id).and_then(Value::as_str)
                && names.contains(name)
            {
                found.insert(name.to_owned());
            }
            if found.len() == names.len() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(found)
    }

    /// Removes the files that are older than `age_max`, the one that is being written apart.
    pub fn remove_expired(&self) {
        let (Kept::Folder(folder), Some(age_max)) = (&self.kept, self.age_max) else { return };
        let limit = wall::system_time().checked_sub(age_max);
        let Ok(mut all) = segments::segments(folder) else { return };
        all.pop();
        for (_, path) in all {
            let written = path.metadata().and_then(|metadata| metadata.modified()).ok();
            if written.zip(limit).is_some_and(|(written, limit)| written < limit)
                && let Err(error) = fs::remove_file(&path)
            {
                tracing::warn!(%error, file = %path.display(), "a log file past its time was not removed");
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

impl Drop for Log {
    fn drop(&mut self) {
        self.queue.stopped.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Writes what has gathered, batch after batch.
fn drain(queue: &Queue, mut sink: Sink, tell: &watch::Sender<u64>) {
    let mut idle = 0;
    loop {
        // Read before the queue: what was handed over before the stop is still written.
        let stopped = queue.stopped.load(Ordering::Acquire);
        let (mut batch, mut flushes) = (Vec::new(), Vec::new());
        let (mut busy, mut count) = (false, 0);
        while let Some(message) = queue.messages.pop() {
            busy = true;
            match message {
                Message::Record(line) => {
                    batch.push(line);
                    count += 1;
                }
                Message::Append(mut lines, done) => {
                    write(queue, &mut sink, &mut batch);
                    count += lines.len();
                    let written = sink.write(&mut lines).and_then(|()| sink.sync());
                    let _ = done.send(written);
                }
                Message::Flush(done) => flushes.push(done),
            }
        }
        write(queue, &mut sink, &mut batch);
        if count > 0 {
            tell.send_modify(|written| *written += count as u64);
        }
        for done in flushes {
            let _ = done.send(());
        }
        if stopped {
            return;
        }
        idle = if busy { 0 } else { idle + 1 };
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

/// Writes the records of requests, which leave their places, and keeps their buffers.
fn write(queue: &Queue, sink: &mut Sink, batch: &mut Vec<Vec<u8>>) {
    let count = batch.len();
    if let Err(error) = sink.write(batch) {
        tracing::error!(%error, "records of a log were not written");
    }
    queue.taken.fetch_sub(count, Ordering::AcqRel);
    for mut line in batch.drain(..) {
        line.clear();
        // A line that is much longer than others would hold its memory for ever.
        if line.capacity() > 4 * RECORD_BYTES || queue.spare.push(line).is_err() {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::io::Write as _;
    use std::path::Path;

    fn options(folder: Option<&Path>) -> LogOptions {
        LogOptions { folder: folder.map(Path::to_path_buf), ..LogOptions::default() }
    }

    fn open(options: &LogOptions) -> Log {
        Log::open("log", options).unwrap()
    }

    fn line(name: &str) -> Vec<u8> {
        format!(r#"{{"id":"{name}","kind":"told"}}"#).into_bytes()
    }

    async fn fill(log: &Log, numbers: std::ops::Range<usize>) {
        for number in numbers {
            log.reserve().await.unwrap().record(|buffer| buffer.extend(line(&format!("e{number}"))));
        }
        log.flush().await;
    }

    fn ids(log: &Log) -> Vec<String> {
        let all = log.search(&mut Search::new("id", None, usize::MAX), |_| true).unwrap();
        all.iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect()
    }

    #[tokio::test]
    async fn a_search_goes_on_where_it_ended() {
        let folder = tempfile::tempdir().unwrap();
        // Several files, and fewer records in memory than are written.
        let small = |options| LogOptions { segment_bytes_max: 100, records_max: Some(4), ..options };
        for options in [options(None), small(options(None)), options(Some(folder.path()))] {
            let log = open(&options);
            let mut search = Search::new("id", None, 100);
            let mut after = Search::new("id", Some("e4".to_owned()), 100);
            for round in 0..4 {
                fill(&log, round * 3..round * 3 + 3).await;
                let found = log.search(&mut search, |_| true).unwrap();
                let ids: Vec<_> = found.iter().map(|record| record["id"].as_str().unwrap()).collect();
                let expected: Vec<_> =
                    (round * 3..round * 3 + 3).map(|number| format!("e{number}")).collect();
                assert_eq!(ids, expected);
                assert_eq!(log.search(&mut search, |_| true).unwrap(), [] as [Value; 0]);
                let later = [0, 1, 3, 3];
                assert_eq!(log.search(&mut after, |_| true).unwrap().len(), later[round], "round {round}");
            }
        }
    }

    #[tokio::test]
    async fn files_are_rotated_and_the_oldest_removed() {
        let folder = tempfile::tempdir().unwrap();
        let options =
            LogOptions { segment_bytes_max: 1, records_max: Some(2), ..options(Some(folder.path())) };
        for round in 0..2 {
            let log = open(&options);
            for number in round * 5..round * 5 + 5 {
                fill(&log, number..number + 1).await;
            }
            let expected = [format!("e{}", round * 5 + 3), format!("e{}", round * 5 + 4)];
            let kept = ids(&log);
            assert!(kept.ends_with(&expected) && kept.len() <= 3, "{kept:?}");
        }
    }

    #[tokio::test]
    async fn a_line_cut_short_by_a_crash_costs_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        fill(&open(&options(Some(folder.path()))), 0..2).await;
        let (_, segment) = segments::segments(folder.path()).unwrap().remove(0);
        let mut file = OpenOptions::new().append(true).open(segment).unwrap();
        file.write_all(br#"{"id":"cut","kind":"told"#).unwrap();
        let log = open(&options(Some(folder.path())));
        fill(&log, 2..3).await;
        assert_eq!(ids(&log), ["e0", "e1", "e2"]);
        let names = ["cut", "e1", "e9"].map(str::to_owned).into();
        assert_eq!(log.find(&names, "id", "told").unwrap(), ["e1".to_owned()].into(), "it was not written");
        assert!(log.find(&names, "id", "untold").unwrap().is_empty());
    }

    #[tokio::test]
    async fn files_past_their_time_are_removed_but_never_the_current_one() {
        let folder = tempfile::tempdir().unwrap();
        let options = LogOptions {
            segment_bytes_max: 1,
            age_max: Some(Duration::ZERO),
            ..options(Some(folder.path()))
        };
        let log = open(&options);
        for number in 0..3 {
            fill(&log, number..number + 1).await;
        }
        std::thread::sleep(Duration::from_millis(20));
        log.remove_expired();
        assert_eq!(ids(&log), ["e2"]);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_in_the_end() {
        let options = LogOptions { queue_records_max: 1, queue_wait: Duration::ZERO, ..options(None) };
        let log = open(&options);
        let place = log.reserve().await.unwrap();
        assert_eq!(log.reserve().await.err(), Some(LogFull));
        drop(place);
        let place = log.reserve().await.expect("a place that was given up is free again");
        place.records(3, |at, buffer| buffer.extend(line(&at.to_string())));
        log.flush().await;
        assert_eq!(ids(&log), ["0", "1", "2"]);
        assert!(log.reserve().await.is_ok(), "all that were taken are free again");
    }

    #[tokio::test]
    async fn lines_that_are_appended_come_behind_the_records_before() {
        for folder in [None, Some(tempfile::tempdir().unwrap())] {
            let log = Arc::new(open(&options(folder.as_ref().map(|folder| folder.path()))));
            log.reserve().await.unwrap().record(|buffer| buffer.extend(line("before")));
            let appended = Arc::clone(&log);
            let lines = vec![line("a"), line("b")];
            tokio::task::spawn_blocking(move || appended.append(lines)).await.unwrap().unwrap();
            log.reserve().await.unwrap().record(|buffer| buffer.extend(line("behind")));
            log.flush().await;
            assert_eq!(ids(&log), ["before", "a", "b", "behind"]);
            log.stop().await;
            let stopped = tokio::task::spawn_blocking(move || log.append(vec![line("late")]));
            assert!(stopped.await.unwrap().is_err());
        }
    }
}
