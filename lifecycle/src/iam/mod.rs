//! The directory of principals: IAM as far as key management needs it.
//!
//! A [`Directory`] holds [`Account`]s with their organization, [`User`]s, [`Role`]s and [`AccessKey`]s, each whole. What
//! a caller brings to an authorization is an [`Identity`]; it is built when the directory changes, never per request.
//!
//! Groups do not exist here: a user's policies are all those that apply to him, attached, inline and of his groups.
//!
//! AWS: IAM User Guide; Organizations User Guide, "Authorization policies".

mod directory;
mod entry;
mod identifier;
mod identity;
pub mod managed;
mod policy;
#[cfg(test)]
mod tests;

pub use directory::{Clash, Directory, Source};
pub use entry::{
    AccessKey, Account, Body, Entry, EntryId, Organization, Role, SESSION_SECONDS_DEFAULT,
    SESSION_SECONDS_MAX, SESSION_SECONDS_MIN, User,
};
pub use identifier::{
    ACCESS_KEY_PREFIX, EntityName, ROLE_PREFIX, USER_PREFIX, derived_id, secret_access_key, unique_id,
};
pub use identity::{Identity, Membership, RoleSession};
pub use policy::Policy;
