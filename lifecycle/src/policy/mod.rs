//! The IAM and key-policy language: reading, printing and evaluating one policy document.
//!
//! [`Document::parse`] validates and compiles a document, [`evaluate`] asks it one [`Question`], and the
//! [`Verdict`] names the statements that apply. How the verdicts of several documents (key policy, identity
//! policies, boundaries, grants) add up to a decision is left to the caller.
//!
//! Everything here is a pure function of its arguments. Reading costs time in proportion to the text, and
//! evaluation is bounded by a [`Budget`].
//!
// AWS: IAM JSON policy elements reference; Key policies in AWS KMS.

mod arn;
mod budget;
mod comparison;
mod condition;
mod context;
mod document;
mod error;
mod evaluate;
mod json;
mod named_policy;
mod named_principal;
mod pattern;
mod principal;
mod print;
mod template;
#[cfg(test)]
mod tests;

pub use budget::{Budget, BudgetExceeded};
pub use context::Context;
pub use document::{Document, Effect, Kind};
pub use error::PolicyError;
pub use evaluate::{Decision, MatchedStatement, Question, Verdict, evaluate};
pub use named_policy::NamedPolicy;
pub use named_principal::{PrincipalMatch, PrincipalPattern};
pub use principal::{Account, Principal, ServicePrincipal};
pub use print::{default_key_policy, print};
