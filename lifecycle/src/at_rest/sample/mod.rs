//! Samples, for tests of the engine and of stores: a KMS that is none, a store in memory, scenarios as
//! data, and the contract of stores.
//!
//! PROVIDES NO SECURITY: the sample KMS keeps its keys in memory and draws them from a seed.

pub mod contract;
mod keeper;
mod kms;
pub mod scenario;
mod store;
mod world;

pub use keeper::{NamedKeys, ScenarioKms, Scene, WorldTables};
pub use kms::{KeyState, SampleKms, Seen};
pub use store::{SampleStore, StreamRecord};
pub use world::SampleWorld;
