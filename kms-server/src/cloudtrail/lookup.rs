//! The page of events that a request asks for, newest first.

use std::ops::ControlFlow;

use serde_json::{Map, Value};

use super::error::{Code, Error};
use super::event::Found;
use super::request::Lookup;
use crate::observe::audit::AuditLog;
use crate::observe::log::Position;
use crate::operations::MarkerKey;

/// Lines of the log that one request reads. If there are more, its page may have fewer events than it asked for, and
/// a token to go on, as on AWS.
const LINES_MAX: usize = 100_000;

/// Reads the log backwards. Blocks the thread.
pub(super) fn page(log: &AuditLog, lookup: &Lookup, key: &MarkerKey) -> Result<Value, Error> {
    let mut events = Vec::new();
    let mut lines = 0;
    // The last line that was dealt with, and whether there is more to find behind it.
    let mut last: Option<Position> = None;
    let mut more = false;
    let read = log.newest_first(lookup.before, |position, line| {
        if lines == LINES_MAX {
            more = true;
            return ControlFlow::Break(());
        }
        lines += 1;
        if let Some((text, found)) = candidate(line, lookup) {
            if events.len() == lookup.limit {
                more = true;
                return ControlFlow::Break(());
            }
            events.push(found.shown(text));
        }
        last = Some(position);
        ControlFlow::Continue(())
    });
    read.map_err(|error| {
        Error::new(Code::InternalFailure, format!("the audit log cannot be read: {error}"))
    })?;
    let mut answer = Map::new();
    answer.insert("Events".to_owned(), events.into());
    if let Some(last) = last.filter(|_| more) {
        answer.insert("NextToken".to_owned(), lookup.token(last, key).into());
    }
    Ok(answer.into())
}

/// The record in a line, if it is asked for. Most lines of other accounts are not even parsed.
fn candidate<'a>(line: &'a [u8], lookup: &Lookup) -> Option<(&'a str, Found)> {
    let text = std::str::from_utf8(line).ok()?;
    if !text.contains(lookup.scope.account.as_str()) {
        return None;
    }
    let found = Found::new(serde_json::from_str(text).ok()?);
    found.passes(lookup).then_some((text, found))
}
