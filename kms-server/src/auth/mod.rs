//! Who is calling: AWS Signature Version 4 and the access keys behind it. Authentication only, no I/O.
//!
//! A request goes through [`Authenticator::authenticate`], which runs the checks in AWS's order: the claim is well
//! formed ([`Claim::parse`]), in time, scoped to this service; its access key is known to the directory of the state; its
//! signature matches; it has no session token. Temporary credentials are known by their token, see [`SessionKey`].
//!
//! AWS: IAM User Guide, "AWS Signature Version 4 for API requests".

mod authenticator;
mod canonical;
mod claim;
mod credentials;
mod error;
pub(crate) mod facts;
mod instant;
mod session;
mod sessions;
mod signer;
mod sigv4;

#[cfg(test)]
mod tests;

pub use authenticator::{
    Authenticator, Caller, KMS, Now, SessionFacts, SignatureCheck, Signatures, UnknownAccessKey,
};
pub use claim::{Claim, Form};
pub use error::{AuthError, AuthErrorCode};
pub use session::{
    Credentials, PACKED_BYTES_MAX, SESSION_KEY_PREFIX, SealError, Session, SessionKey, Subject, WebIdentity,
    account_of,
};
pub use sessions::managed_session_policy;
pub use signer::{SignatureHeaders, Unsigned, sign};
pub use sigv4::{CredentialScope, SigningKey};
