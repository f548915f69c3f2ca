//! The HTTP edge: actix in front, TLS, and the guard of the control API. The service knows none of it.

mod actix;
pub mod guard;
pub mod tls;

pub use actix::{Running, ServeOptions, serve};
