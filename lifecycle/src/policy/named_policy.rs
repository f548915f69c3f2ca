//! A document with a name, by which reasons and messages refer to it.

use std::sync::Arc;

use super::document::Document;

/// A policy that is stored under a name.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedPolicy {
    /// The ARN of a managed policy, the name of an inline one.
    pub name: Arc<str>,
    /// What it says.
    pub document: Arc<Document>,
}
