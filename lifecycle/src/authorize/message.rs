//! The texts of `AccessDeniedException`.
//
// AWS: Troubleshooting access denied error messages; the sentences are observed.

use std::sync::Arc;

use super::decision::{Denial, Source};
use super::inquiry::{Inquiry, Resource};
use crate::policy::Principal;

/// How a request named its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Named {
    /// By an id, an ARN or an alias.
    Identifier,
    /// Not at all but by a ciphertext that the key made: Decrypt and ReEncrypt without a key.
    Ciphertext,
}

/// Which of the sentences tells of a denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    /// The one that names the type of the policy.
    Policy,
    /// The one that a foreign key's side gets, whether or not the key exists.
    Hidden,
    /// The one of an operation that no foreign principal may call.
    OwnAccountOnly,
}

const HIDDEN: &str = "because the resource does not exist in this Region, no resource-based policies allow \
                      access, or a resource-based policy explicitly denies access";

/// The text for a key of another account that does not exist: that of one whose account does not allow the
/// request, so that nobody learns which keys there are.
#[must_use]
pub fn absent(caller: &Principal, action: &str, named: Named) -> String {
    let key = match named {
        Named::Identifier => "this resource",
        Named::Ciphertext => BY_CIPHERTEXT,
    };
    format!("User: {caller} is not authorized to perform: {action} on {key} {HIDDEN}")
}

const BY_CIPHERTEXT: &str = "the resource associated with this ciphertext";

impl Denial {
    /// The text of the `AccessDeniedException` that the caller gets. `inquiry` is the one that was denied.
    #[must_use]
    pub fn message(&self, inquiry: &Inquiry<'_>, named: Named) -> String {
        let Inquiry { principal, action, .. } = inquiry;
        match self.text {
            // AWS (observed): CreateAlias.
            Text::OwnAccountOnly => "This operation cannot be called cross account".into(),
            Text::Hidden => absent(principal, action, named),
            Text::Policy => {
                let resource = resource(inquiry, named);
                let why = self.why(action, inquiry.is_foreign());
                format!("User: {principal} is not authorized to perform: {action}{resource} {why}")
            }
        }
    }

    fn why(&self, action: &str, foreign: bool) -> String {
        let kind = self.source.policy_type();
        if !self.explicit {
            return format!("because no {kind} allows the {action} action");
        }
        let article = if kind.starts_with('i') { "an" } else { "a" };
        // AWS: Enhanced access denied error messages with policy ARNs: within one account or organisation. Whether
        // two accounts share an organisation is not known here.
        match self.policy.as_ref().filter(|name| !foreign && self.source.has_arns() && is_arn(name)) {
            Some(arn) => format!("with an explicit deny in {article} {kind}: {arn}"),
            None => format!("with an explicit deny in {article} {kind}"),
        }
    }
}

fn is_arn(name: &Arc<str>) -> bool {
    name.starts_with("arn:")
}

/// ` on resource: …`, or nothing.
fn resource(inquiry: &Inquiry<'_>, named: Named) -> String {
    match inquiry.resource {
        Resource::NewKey { .. } => String::new(),
        Resource::Key { .. } if named == Named::Ciphertext => format!(" on {BY_CIPHERTEXT}"),
        // The ARN of a foreign key that was named by its alias is not for the caller to learn.
        Resource::Key { .. } if inquiry.is_foreign() => " on this resource".into(),
        resource => format!(" on resource: {}", resource.arn()),
    }
}

impl Source {
    /// What messages call policies from here.
    fn policy_type(self) -> &'static str {
        match self {
            Self::KeyPolicy | Self::Grant => "resource-based policy",
            Self::IdentityPolicy | Self::RootUser => "identity-based policy",
            Self::ServiceControlPolicy => "service control policy",
            Self::ResourceControlPolicy => "resource control policy",
            Self::VpcEndpointPolicy => "VPC endpoint policy",
            Self::PermissionsBoundary => "permissions boundary",
            Self::SessionPolicy => "session policy",
        }
    }

    /// Whether messages name a denying policy from here by its ARN, if it has one.
    fn has_arns(self) -> bool {
        !matches!(self, Self::KeyPolicy | Self::Grant | Self::VpcEndpointPolicy)
    }
}
