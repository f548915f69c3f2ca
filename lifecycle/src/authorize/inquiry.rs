//! What is asked: everything that a decision depends on.

use std::sync::Arc;

use crate::policy::{Context, Document, NamedPolicy, Principal, PrincipalMatch};

/// Everything that a decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Inquiry<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// The permission, such as `kms:Decrypt`.
    pub action: &'a str,
    /// What it is asked for.
    pub resource: Resource<'a>,
    /// The facts for conditions and policy variables.
    pub context: &'a Context,
    /// The policies of the caller. Empty for a caller that is not known.
    pub identity: &'a IdentityPolicies,
    /// The resource control policies of the resource's account; of the caller's if there is no resource. They
    /// do not apply to AWS managed keys: none is to be given for such.
    // AWS: Resource control policies in AWS KMS.
    pub resource_control: &'a [NamedPolicy],
    /// The grants that were found to cover the caller, the operation and, by their constraints, the request.
    pub grants: &'a [GrantAllow<'a>],
    /// What the operation makes of key policies and of foreign callers.
    pub rules: Rules,
}

/// What a permission is asked for.
#[derive(Debug, Clone, Copy)]
pub enum Resource<'a> {
    /// A key that exists.
    Key {
        /// The key's ARN.
        arn: &'a str,
        /// The 12 digits of the account that owns it.
        account: &'a str,
        /// Its key policy.
        policy: &'a Document,
    },
    /// An alias. Only identity policies speak about aliases.
    Alias {
        /// The alias's ARN.
        arn: &'a str,
    },
    /// Something else that only identity policies speak about, such as the retiring principal of
    /// `kms:ListRetirableGrants`.
    Other {
        /// Its ARN.
        arn: &'a str,
    },
    /// The key that the request is about to make, to which `kms:TagResource` is asked for. Messages do not
    /// name it.
    // AWS (observed): CreateKey with Tags and without kms:TagResource.
    NewKey {
        /// The ARN that the key will have.
        arn: &'a str,
    },
    /// No resource: the operation has none, and policies name it `*`.
    None,
}

impl<'a> Resource<'a> {
    /// What the `Resource` element of a policy is compared with.
    #[must_use]
    pub fn arn(&self) -> &'a str {
        match self {
            Self::Key { arn, .. } | Self::Alias { arn } | Self::Other { arn } | Self::NewKey { arn } => arn,
            Self::None => "*",
        }
    }
}

/// The policies that travel with a caller. The caller's session compiles them once and shares them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct IdentityPolicies {
    /// The caller is the root user of its account. Everything is allowed on its side, and `identity`,
    /// `boundary` and `session` are not asked; service control policies are.
    // AWS: AWS account root user.
    pub everything: bool,
    /// What is attached to the user or role, also by its groups. One that allows is enough.
    pub identity: Vec<NamedPolicy>,
    /// The permissions boundary.
    pub boundary: Option<NamedPolicy>,
    /// What was passed when the session was made. One that allows is enough; an empty list allows nothing.
    pub session: Option<Vec<NamedPolicy>>,
    /// The service control policies above the caller's account, level by level from the root of the
    /// organisation to the account. At every level one must allow; an empty level allows nothing. `None`
    /// outside organisations and in the management account.
    // AWS: SCP evaluation.
    pub service_control: Option<Vec<Vec<NamedPolicy>>>,
    /// The policy of the VPC endpoint that the request came through.
    pub vpc_endpoint: Option<NamedPolicy>,
}

/// A grant that covers the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantAllow<'a> {
    /// The grant's id.
    pub id: &'a str,
    /// How its grantee (for `kms:RetireGrant`, whoever may retire it) is the caller: what
    /// [`PrincipalPattern::matches`](crate::policy::PrincipalPattern::matches) says of it. An account leaves the
    /// decision to its identity policies.
    pub grantee: PrincipalMatch,
}

/// What an operation makes of key policies and of foreign callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// What the key policy counts for.
    pub key_policy: KeyPolicyRule,
    /// Whether principals of other accounts may call it.
    pub cross_account: CrossAccount,
}

/// What the key policy counts for. Matters for [`Resource::Key`] only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyPolicyRule {
    /// It allows and denies.
    Counts,
    /// Identity policies alone allow, although there is a key: `kms:TagResource` while it is replicated.
    IamOnly,
    /// `kms:RetireGrant`: neither the key policy nor a resource control policy has a say; the grant decides.
    // AWS: Retiring and revoking grants; Resource control policies in AWS KMS.
    NoEffect,
}

/// Whether principals of other accounts than the key's may call an operation.
// AWS: Permissions reference, column "Cross-account use".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CrossAccount {
    /// If both accounts allow it.
    Allowed,
    /// Never, whatever the key policy says.
    Never,
}

impl IdentityPolicies {
    /// The keys of the context that any of them looks at.
    pub fn context_keys(&self) -> impl Iterator<Item = &Arc<str>> {
        let levels = self.service_control.iter().flatten().flatten();
        let sessions = self.session.iter().flatten();
        let all = self
            .identity
            .iter()
            .chain(&self.boundary)
            .chain(sessions)
            .chain(levels)
            .chain(&self.vpc_endpoint);
        all.flat_map(|policy| policy.document.context_keys())
    }
}

impl Inquiry<'_> {
    /// Whether the key belongs to another account than the caller. Services belong to none.
    pub(super) fn is_foreign(&self) -> bool {
        match (self.resource, self.principal.account()) {
            (Resource::Key { account, .. }, Some(caller)) => caller.id() != account,
            _ => false,
        }
    }

    /// The key policy, if it may allow or deny.
    pub(super) fn key_policy(&self) -> Option<&Document> {
        match (self.resource, self.rules.key_policy) {
            (Resource::Key { policy, .. }, KeyPolicyRule::Counts) => Some(policy),
            _ => None,
        }
    }

    /// Whether the key's side may allow: by its policy or by a grant.
    pub(super) fn has_key_side(&self) -> bool {
        matches!(self.resource, Resource::Key { .. }) && self.rules.key_policy != KeyPolicyRule::IamOnly
    }
}
