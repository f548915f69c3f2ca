//! A local AWS KMS endpoint with real cryptography, durable sealed keys and a clock the user moves.

pub mod api;
pub mod auth;
pub mod builder;
pub mod cli;
pub(crate) mod cloudtrail;
pub mod config;
pub mod control;
pub mod cron;
pub mod document;
pub mod engine;
pub mod faults;
pub mod http;
pub mod limits;
pub mod message;
pub mod observe;
pub mod operations;
pub mod pipeline;
pub mod principals;
pub mod quotas;
pub mod report;
pub mod seed;
pub mod service;
pub mod store;
pub mod sts;
pub mod tables;
pub mod xks;
