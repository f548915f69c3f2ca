//! What is not in force where a port cannot make calls as whom the engine says.

/// A rule about keys that does not hold, and what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exemption {
    /// A name for it.
    pub rule: &'static str,
    /// What is otherwise than DynamoDB does it.
    pub consequence: &'static str,
}

/// What is not in force where all calls to KMS are the store's own: neither its clients' through the service nor the
/// service's. No other rule depends on who calls.
pub const DIRECT: &[Exemption] = &[
    Exemption {
        rule: "caller_permissions",
        consequence: "the permissions of the store's principal count for every caller: one who may not use a key himself \
                      can choose it, and reads and writes tables under it",
    },
    Exemption {
        rule: "via_service",
        consequence: "policies see calls without kms:ViaService and aws:CalledVia; KMS refuses tables under the AWS managed \
                      key, whose policy asks for them",
    },
    Exemption {
        rule: "service_grants",
        consequence: "the grants of tables name the store's principal in place of DynamoDB's, and its other permissions \
                      count beside them: revoking them is not enough to take the key away",
    },
    Exemption {
        rule: "audit",
        consequence: "audit records name the store's principal and its address, neither who used the table nor DynamoDB",
    },
];
