//! The KMS API as data: its model, the validation of requests against it, and the error type.

pub mod blob;
pub mod error;
pub mod model;
pub mod shape;
pub mod validate;
