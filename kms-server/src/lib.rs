//! Placeholder.

pub mod cli;
pub mod config;
pub mod document;
pub mod seed;
