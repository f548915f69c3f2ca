//! The life of a key: create, describe, list, switch, describe anew, delete.

mod create;
mod deletion;
mod describe;
mod switch;

pub(crate) use create::is_custom_tag;
pub(super) use create::{CreateKey, check_quota};
pub(super) use deletion::{CancelKeyDeletion, ScheduleKeyDeletion};
pub(super) use describe::{DescribeKey, ListKeys};
pub(super) use switch::{DisableKey, EnableKey, UpdateKeyDescription};

use std::sync::Arc;

use lifecycle::key::Key;
use lifecycle::state::{Change, Record};

/// The change that replaces a key.
pub(super) fn put(key: Key) -> Vec<Change> {
    vec![Change::Put(Record::Key(Arc::new(key)))]
}
