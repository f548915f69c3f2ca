//! The combining layer of authorisation: from everything that may allow or deny a request to one decision.
//!
//! [`crate::policy`] judges one document. Here the verdicts of the key policy, of the caller's policies and of
//! its grants add up: [`decide`] answers one [`Inquiry`] with a [`Decision`] and its [`Reason`]s. It is a
//! pure, total function; its work is bounded by a [`Budget`](crate::policy::Budget).
//!
//! # The order
//!
//! Every document is asked, always, so that a decision names all that speaks for and against it. The order is
//! that of AWS's flow chart, with the VPC endpoint policy, which the chart leaves out, behind what the
//! organisation says:
//!
//! 1. service control policies, each level of the organisation by itself
//! 2. resource control policies
//! 3. the VPC endpoint policy
//! 4. the key policy, then the grants
//! 5. identity policies
//! 6. the permissions boundary
//! 7. session policies
//!
//! A statement that denies decides, wherever it is; of several the first in this order is named. If none
//! denies, the first place in this order that had to allow and does not is named. AWS names one policy type
//! as well, and does not say which of several.
//!
//! # What has to allow
//!
//! - Service control policies and the VPC endpoint policy must allow if there are any. Resource control
//!   policies only deny: one that allows everything is attached to every account and cannot be detached.
//! - In the key's account, a key policy or a grant that names the caller is enough by itself. One that names
//!   the account is enough for the root user, and leaves the others to their identity policies. Services have
//!   no account and no identity policies: they must be named.
//! - Across accounts, the key's side (key policy or grant) and the caller's identity policies must both
//!   allow. A grant to the caller itself counts for both; one to the caller's account does not.
//! - The permissions boundary and session policies must allow as well, if there are any. Exempt is, in the
//!   key's account, whom a key policy or a grant names by the ARN of an IAM user (from the boundary) or of a
//!   session (from both).
//! - Without a key, and for aliases and keys to be, identity policies alone allow.
//
// AWS: Policy evaluation logic; Determining whether a request is allowed or denied within an account;
// Cross-account policy evaluation logic; Permissions boundaries for IAM entities; Troubleshooting AWS KMS
// permissions.

mod decide;
mod decision;
mod inquiry;
mod message;

pub use decide::decide;
pub use decision::{Decision, Denial, Explanation, Reason, Source, StatementName};
pub use inquiry::{CrossAccount, GrantAllow, IdentityPolicies, Inquiry, KeyPolicyRule, Resource, Rules};
pub use message::{Named, absent};
