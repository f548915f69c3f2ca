//! Where the lines of a log are kept: in files of a folder, or in memory. Read from either end.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::log::LogOptions;

/// Where a line is. It stays the same as long as the line is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The number in the name of the file; 0 in memory.
    pub segment: u64,
    /// The first byte of the line in the file, or the number of the line in memory.
    pub place: u64,
}

/// How far a log has been read from its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// The lines before the file that was read last, or that were read of those in memory.
    lines: u64,
    /// The bytes of that file that were read.
    bytes: u64,
}

/// Bytes that are read at a time when a file is read from its end.
const BLOCK: u64 = 64 * 1024;

/// Lines that are copied at a time from memory, while the lock is held.
const COPIED_MAX: u64 = 256;

/// The end of the log that is read from.
#[derive(Clone)]
pub(super) enum Kept {
    Folder(PathBuf),
    Memory(Arc<Mutex<Memory>>),
}

/// The newest lines of a log without files.
#[derive(Default)]
pub(super) struct Memory {
    /// How many lines were dropped.
    dropped: u64,
    lines: VecDeque<Vec<u8>>,
}

/// The end of the log that is written to.
pub(super) enum Sink {
    Segments(Segments),
    Memory { kept: Arc<Mutex<Memory>>, max: usize },
}

/// Opens both ends.
pub(super) fn open(options: &LogOptions) -> io::Result<(Kept, Sink)> {
    Ok(match &options.folder {
        Some(folder) => {
            let segments = Segments::open(folder, options)?;
            (Kept::Folder(folder.clone()), Sink::Segments(segments))
        }
        None => {
            let kept = Arc::new(Mutex::new(Memory::default()));
            let max =
                options.records_max.map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(usize::MAX));
            (Kept::Memory(Arc::clone(&kept)), Sink::Memory { kept, max })
        }
    })
}

fn poisoned<T>(_: T) -> io::Error {
    io::Error::other("a thread of the log has failed")
}

impl Kept {
    /// Shows every line behind a place to `visit`, oldest first, and moves the place behind each, until one is not taken.
    pub(super) fn oldest_first(
        &self,
        seen: &mut Seen,
        mut visit: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> io::Result<()> {
        match self {
            Kept::Memory(memory) => {
                let memory = memory.lock().map_err(poisoned)?;
                let known = usize::try_from(seen.lines.saturating_sub(memory.dropped)).unwrap_or(usize::MAX);
                seen.lines = seen.lines.max(memory.dropped);
                for line in memory.lines.iter().skip(known) {
                    if visit(line).is_break() {
                        return Ok(());
                    }
                    seen.lines += 1;
                }
            }
            Kept::Folder(folder) => {
                for (before, path) in segments(folder)? {
                    if before < seen.lines {
                        continue;
                    }
                    let Some(file) = still_there(&path)? else { continue };
                    if before > seen.lines {
                        *seen = Seen { lines: before, bytes: 0 };
                    }
                    let mut file = BufReader::new(file);
                    file.seek(SeekFrom::Start(seen.bytes))?;
                    let mut line = Vec::new();
                    // A line without its end is still being written, or was cut short by a crash.
                    while file.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
                        if visit(line.trim_ascii_end()).is_break() {
                            return Ok(());
                        }
                        seen.bytes += line.len() as u64;
                        line.clear();
                    }
                }
            }
        }
        Ok(())
    }

    /// Shows every line before a position to `visit`, newest first, until it has seen enough. Without a position it
    /// begins at the end.
    pub(super) fn newest_first(
        &self,
        before: Option<Position>,
        mut visit: impl FnMut(Position, &[u8]) -> ControlFlow<()>,
    ) -> io::Result<()> {
        match self {
            Kept::Memory(memory) => {
                let mut end = before.map_or(u64::MAX, |position| position.place);
                loop {
                    let copied = memory.lock().map_err(poisoned)?.before(end);
                    if copied.is_empty() {
                        return Ok(());
                    }
                    for (place, line) in copied {
                        end = place;
                        if visit(Position { segment: 0, place }, &line).is_break() {
                            return Ok(());
                        }
                    }
                }
            }
            Kept::Folder(folder) => {
                let all = segments(folder)?.into_iter().rev();
                let last = before.map_or(u64::MAX, |position| position.segment);
                for (segment, path) in all.filter(|(segment, _)| *segment <= last) {
                    let Some(file) = still_there(&path)? else { continue };
                    let end = before.filter(|position| position.segment == segment);
                    let mut lines = Backwards::new(file, end.map(|position| position.place))?;
                    while let Some((place, line)) = lines.previous()? {
                        if visit(Position { segment, place }, &line).is_break() {
                            return Ok(());
                        }
                    }
                }
                Ok(())
            }
        }
    }
}

/// Opens a file, which may have been removed since it was listed.
fn still_there(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Memory {
    /// Lines before the one of number `end`, and their numbers, the last one first.
    fn before(&self, end: u64) -> Vec<(u64, Vec<u8>)> {
        let end = end.min(self.dropped + self.lines.len() as u64);
        let start = end.saturating_sub(COPIED_MAX).max(self.dropped);
        let line = |number: u64| {
            let index = usize::try_from(number.checked_sub(self.dropped)?).ok()?;
            Some((number, self.lines.get(index)?.clone()))
        };
        (start..end).rev().filter_map(line).collect()
    }
}

/// The lines of a file, the last one first, without reading more of it than is asked for.
struct Backwards {
    file: File,
    /// What has been read and not been given out: the bytes of the file from `start` on.
    buffer: Vec<u8>,
    start: u64,
}

impl Backwards {
    /// The lines before the byte `end`, or all.
    fn new(file: File, end: Option<u64>) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Backwards { file, buffer: Vec::new(), start: end.map_or(length, |end| end.min(length)) })
    }

    /// The line before those that were given out, and where it begins. Lines without content are none.
    fn previous(&mut self) -> io::Result<Option<(u64, Vec<u8>)>> {
        loop {
            let found = self.buffer.iter().rposition(|byte| *byte == b'\n');
            let line = match found {
                Some(at) => {
                    let line = self.buffer.split_off(at + 1);
                    self.buffer.truncate(at);
                    (self.start + at as u64 + 1, line)
                }
                None if self.start > 0 => {
                    self.read_block()?;
                    continue;
                }
                None if self.buffer.is_empty() => return Ok(None),
                None => (0, std::mem::take(&mut self.buffer)),
            };
            if !line.1.is_empty() {
                return Ok(Some(line));
            }
        }
    }

    /// Puts the bytes before `start` in front of those that are there.
    fn read_block(&mut self) -> io::Result<()> {
        let length = self.start.min(BLOCK);
        self.start -= length;
        let mut block = Vec::with_capacity(usize::try_from(length).unwrap_or_default() + self.buffer.len());
        self.file.seek(SeekFrom::Start(self.start))?;
        let read = Read::by_ref(&mut self.file).take(length).read_to_end(&mut block)?;
        if read as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        block.append(&mut self.buffer);
        self.buffer = block;
        Ok(())
    }
}

impl Sink {
    /// Appends lines. After an error those from some line on are not there, each of the others whole.
    pub(super) fn write(&mut self, batch: &mut Vec<Vec<u8>>) -> io::Result<()> {
        match self {
            Sink::Segments(_) if batch.is_empty() => Ok(()),
            Sink::Segments(segments) => segments.write(batch),
            Sink::Memory { kept, max } => {
                let mut kept = kept.lock().map_err(poisoned)?;
                kept.lines.extend(batch.drain(..));
                let surplus = kept.lines.len().saturating_sub(*max);
                kept.lines.drain(..surplus);
                kept.dropped += surplus as u64;
                Ok(())
            }
        }
    }

    /// Returns when what was written survives a loss of power.
    pub(super) fn sync(&self) -> io::Result<()> {
        match self {
            Sink::Segments(segments) => segments.file.sync_data(),
            Sink::Memory { .. } => Ok(()),
        }
    }
}

/// The files of the log. The name of each says how many records were written before it, so that records are counted
/// without reading them.
pub(super) struct Segments {
    folder: PathBuf,
    file: File,
    length: u64,
    /// Records written, ever.
    written: u64,
    length_max: u64,
    records_max: Option<u64>,
    /// The lines of a batch. Memory of this size is dear to get anew for each.
    buffer: Vec<u8>,
}

/// What is kept of the buffer between batches.
const BUFFER_BYTES_MAX: usize = 512 * 1_024;

impl Segments {
    fn open(folder: &Path, options: &LogOptions) -> io::Result<Self> {
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
        Ok(Segments {
            folder,
            file,
            length,
            written: before + lines,
            length_max,
            records_max,
            buffer: Vec::new(),
        })
    }

    /// One write for as much of the batch as the file takes: what it returns from is in the system's hands and survives
    /// `kill -9`.
    fn write(&mut self, mut batch: &[Vec<u8>]) -> io::Result<()> {
        while !batch.is_empty() {
            if self.length >= self.length_max {
                self.begin_file()?;
            }
            let bytes = &mut self.buffer;
            bytes.clear();
            let mut count = 0;
            for line in batch {
                bytes.extend_from_slice(line);
                bytes.push(b'\n');
                count += 1;
                if self.length + bytes.len() as u64 >= self.length_max {
                    break;
                }
            }
            if let Err(error) = self.file.write_all(bytes) {
                // A full disk may have taken a part, with which the next record must not begin.
                self.file.set_len(self.length)?;
                return Err(error);
            }
            self.length += bytes.len() as u64;
            bytes.shrink_to(BUFFER_BYTES_MAX);
            self.written += count as u64;
            batch = batch.get(count..).unwrap_or_default();
        }
        Ok(())
    }

    fn begin_file(&mut self) -> io::Result<()> {
        // What is in the file that is closed here must not be lost later than what is in the next.
        self.file.sync_data()?;
        self.file = open_segment(&self.folder, self.written)?;
        self.length = 0;
        self.remove_surplus()
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
pub(super) fn segments(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
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
    use proptest::prelude::*;

    fn backwards(kept: &Kept, before: Option<Position>) -> Vec<(Position, Vec<u8>)> {
        let mut found = Vec::new();
        let visit = |position, line: &[u8]| {
            found.push((position, line.to_vec()));
            ControlFlow::Continue(())
        };
        kept.newest_first(before, visit).unwrap();
        found
    }

    fn forwards(kept: &Kept) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        let visit = |line: &[u8]| {
            found.extend((!line.is_empty()).then(|| line.to_vec()));
            ControlFlow::Continue(())
        };
        kept.oldest_first(&mut Seen::default(), visit).unwrap();
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Short lines, and some that are longer than a block.
        #[test]
        fn both_ends_show_the_same_lines(
            lengths in proptest::collection::vec(prop_oneof![4 => 1..40_usize, 1 => 60_000..140_000_usize], 0..30),
            segment_bytes_max in prop_oneof![Just(1_u64), Just(100_000), Just(u64::MAX)],
            in_files: bool,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let folder = in_files.then(|| folder.path().to_path_buf());
            let options = LogOptions { folder, segment_bytes_max, records_max: None, ..LogOptions::default() };
            let (kept, mut sink) = open(&options).unwrap();
            let line = |at: usize, length: usize| {
                format!("{at}-").into_bytes().into_iter().cycle().take(length).collect::<Vec<u8>>()
            };
            let lines: Vec<_> = lengths.iter().enumerate().map(|(at, length)| line(at, *length)).collect();
            for part in lines.chunks(4) {
                sink.write(&mut part.to_vec()).unwrap();
            }
            prop_assert_eq!(&forwards(&kept), &lines);
            let found = backwards(&kept, None);
            prop_assert!(found.is_sorted_by(|a, b| a.0 > b.0));
            prop_assert_eq!(found.iter().rev().map(|(_, line)| line.clone()).collect::<Vec<_>>(), lines);
            // From the position of any line on, exactly the lines before it follow.
            for (at, (position, _)) in found.iter().enumerate() {
                prop_assert_eq!(&backwards(&kept, Some(*position))[..], &found[at + 1..]);
            }
        }
    }

    #[test]
    fn a_position_outlives_the_lines_before_it() {
        let options = LogOptions { records_max: Some(2), ..LogOptions::default() };
        let (kept, mut sink) = open(&options).unwrap();
        sink.write(&mut vec![b"a".to_vec(), b"b".to_vec()]).unwrap();
        let last = backwards(&kept, None)[0].0;
        sink.write(&mut vec![b"c".to_vec()]).unwrap();
        assert_eq!(backwards(&kept, Some(last)), []);
        let found: Vec<_> = backwards(&kept, None).into_iter().map(|(_, line)| line).collect();
        assert_eq!(found, [b"c".to_vec(), b"b".to_vec()]);
    }
}
