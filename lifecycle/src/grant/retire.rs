//! Who may retire a grant.

use super::{Grant, GrantFacts, GrantOperation};
use crate::policy::{Principal, PrincipalMatch};

/// By what right a caller may retire a grant. Key policies have no say in it; an identity policy that denies
/// kms:RetireGrant wins over each.
///
/// AWS: KMS developer guide, "Retiring and revoking grants".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetireRight {
    /// It is the retiring principal. No policy needs to allow it.
    RetiringPrincipal,
    /// It is the grantee, and the grant has the operation. No policy needs to allow it; as with every permission
    /// of a grant, the grant must be consistent or named by its token.
    Grantee,
    /// Its account is the retiring principal: an identity policy must allow kms:RetireGrant.
    RetiringAccount,
    /// Its account is the grantee, and the grant has the operation: an identity policy must allow it, and the grant
    /// must be consistent or named by its token.
    GranteeAccount,
    /// Its account owns the key: an identity policy must allow kms:RetireGrant.
    OwningAccount,
}

impl RetireRight {
    /// Whether an identity policy of the caller must allow kms:RetireGrant besides.
    #[must_use]
    pub fn needs_identity_policy(self) -> bool {
        matches!(
            self,
            RetireRight::RetiringAccount | RetireRight::GranteeAccount | RetireRight::OwningAccount
        )
    }

    /// Whether the right is one that the grant itself gives as a permission, and so begins when the grant counts.
    #[must_use]
    pub fn needs_consistency(self) -> bool {
        matches!(self, RetireRight::Grantee | RetireRight::GranteeAccount)
    }
}

impl Grant {
    /// The rights by which `caller` may retire this grant; any one of them suffices.
    #[must_use]
    pub fn retire_rights(&self, caller: &Principal) -> Vec<RetireRight> {
        let mut rights = Vec::new();
        rights.extend(self.retiring.as_ref().and_then(|retiring| retiring.matches(caller)).map(|found| {
            match found {
                PrincipalMatch::Account => RetireRight::RetiringAccount,
                _ => RetireRight::RetiringPrincipal,
            }
        }));
        // AWS: no constraint applies to RetireGrant.
        let grantee = self.covers(caller, GrantOperation::RetireGrant, &GrantFacts::default());
        rights.extend(grantee.map(|found| match found {
            PrincipalMatch::Account => RetireRight::GranteeAccount,
            _ => RetireRight::Grantee,
        }));
        let owner = self.key.scope;
        let owns = caller.account().is_some_and(|account| {
            account.id() == owner.account.as_str() && account.partition() == owner.region.partition()
        });
        rights.extend(owns.then_some(RetireRight::OwningAccount));
        rights
    }
}
