//! Placeholder.

pub mod config;
pub mod document;
