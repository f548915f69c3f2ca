//! What comes out: a decision, and why.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::inquiry::Inquiry;
use super::message::{Named, Text};
use crate::policy::{Effect, MatchedStatement, PrincipalMatch};

/// Whether a request is allowed, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Every statement that applies to the request, the grants that cover it, and whether the caller is a root
    /// user: first what denies, then what allows, each in the order in which it was asked.
    pub reasons: Vec<Reason>,
    /// Why the request is denied; `None` if it is allowed.
    pub denial: Option<Denial>,
}

/// A statement, a grant or a status that speaks for or against a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// Where it is from.
    pub source: Source,
    /// The name of the policy; the id of the grant. A key has one policy, which needs no name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Arc<str>>,
    /// The statement within the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<StatementName>,
    /// Whether it allows or denies.
    pub effect: Effect,
    /// How it names the caller, where it names anybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<PrincipalMatch>,
}

/// How a statement is called within its policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum StatementName {
    /// Its `Sid`.
    Sid(Box<str>),
    /// Its place, from 0, if it has no `Sid`.
    Index(usize),
}

/// What a reason, or the lack of one, comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A service control policy of the caller's organisation.
    ServiceControlPolicy,
    /// A resource control policy of the organisation of the key's account.
    ResourceControlPolicy,
    /// The policy of the VPC endpoint.
    VpcEndpointPolicy,
    /// The key policy.
    KeyPolicy,
    /// A grant.
    Grant,
    /// The caller is the root user, which needs no identity policy.
    RootUser,
    /// A policy of the caller, of its groups or of its role.
    IdentityPolicy,
    /// The caller's permissions boundary.
    PermissionsBoundary,
    /// A policy of the caller's session.
    SessionPolicy,
}

/// Why a request is denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// Whether a statement denies. Else something that would have had to allow does not.
    pub explicit: bool,
    /// Where that statement is, or where the allow is missing first. A missing grant or key policy is called
    /// the key policy's.
    pub source: Source,
    /// The name of the policy that denies, if it has one.
    pub policy: Option<Arc<str>>,
    /// What would have to allow the request, for a person to read; `None` if a statement denies it.
    pub missing: Option<String>,
    pub(super) text: Text,
}

/// A decision as `POST /_kms/explain` answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation<'d> {
    /// `allow` or `deny`.
    pub decision: &'static str,
    /// Whether a statement denies.
    pub explicit: bool,
    /// The text that the caller of a denied request gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What speaks for and against it.
    pub reasons: &'d [Reason],
    /// What would have to allow it, when nothing denies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<&'d str>,
}

impl Decision {
    /// Whether the request may proceed.
    #[must_use]
    pub fn allowed(&self) -> bool {
        self.denial.is_none()
    }

    /// The decision on `inquiry`, which named its key as `named`, for a person to read.
    #[must_use]
    pub fn explain(&self, inquiry: &Inquiry<'_>, named: Named) -> Explanation<'_> {
        Explanation {
            decision: if self.allowed() { "allow" } else { "deny" },
            explicit: self.denial.as_ref().is_some_and(|denial| denial.explicit),
            message: self.denial.as_ref().map(|denial| denial.message(inquiry, named)),
            reasons: &self.reasons,
            missing: self.denial.as_ref().and_then(|denial| denial.missing.as_deref()),
        }
    }
}

impl Reason {
    /// A statement of the policy `policy`.
    pub(super) fn statement(
        source: Source,
        policy: Option<&Arc<str>>,
        statement: &MatchedStatement<'_>,
    ) -> Self {
        Self {
            source,
            policy: policy.cloned(),
            statement: Some(match statement.sid {
                Some(sid) => StatementName::Sid(sid.into()),
                None => StatementName::Index(statement.index),
            }),
            effect: statement.effect,
            principal: Some(statement.by).filter(|by| *by != PrincipalMatch::Attached),
        }
    }

    /// Something that allows and is no statement.
    pub(super) fn allow(source: Source, policy: Option<&str>, principal: PrincipalMatch) -> Self {
        Self {
            source,
            policy: policy.map(Arc::from),
            statement: None,
            effect: Effect::Allow,
            principal: Some(principal),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ServiceControlPolicy => "service control policy",
            Self::ResourceControlPolicy => "resource control policy",
            Self::VpcEndpointPolicy => "VPC endpoint policy",
            Self::KeyPolicy => "key policy",
            Self::Grant => "grant",
            Self::RootUser => "root user",
            Self::IdentityPolicy => "identity policy",
            Self::PermissionsBoundary => "permissions boundary",
            Self::SessionPolicy => "session policy",
        })
    }
}

impl fmt::Display for StatementName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sid(sid) => f.write_str(sid),
            Self::Index(index) => write!(f, "{index}"),
        }
    }
}

/// `key policy statement 0 allows the role`, for tables and logs.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source)?;
        if let Some(policy) = &self.policy {
            write!(f, " {policy}")?;
        }
        if let Some(statement) = &self.statement {
            write!(f, " statement {statement}")?;
        }
        f.write_str(match self.effect {
            Effect::Allow => " allows",
            Effect::Deny => " denies",
        })?;
        match self.principal {
            Some(principal) => write!(f, " {principal}"),
            None => Ok(()),
        }
    }
}
