//! Policies of principals.

use lifecycle::iam::{Policy, managed};
use lifecycle::policy::Kind;

use crate::document::{DocumentError, Fields, Node, Value, nearest, quoted};

/// Longest text of a policy in bytes: what AWS allows at most, the quota of inline policies of a role, is a tenth.
const POLICY_BYTES_MAX: usize = 131_072;

/// Most policies of one kind that a principal may have.
const POLICIES_MAX: usize = 100;

/// Reads a list of policies. Those without a name get one by their place: `policy-1`.
pub(crate) fn list(node: &Node, kind: Kind) -> Result<Vec<Policy>, DocumentError> {
    let nodes = node.list("the policies")?;
    if nodes.len() > POLICIES_MAX {
        return Err(node.error(format!("at most {POLICIES_MAX} policies, not {}", nodes.len())));
    }
    nodes.iter().enumerate().map(|(at, node)| one(node, kind, &format!("policy-{}", at + 1))).collect()
}

/// Reads a policy: the name or ARN of one that AWS manages, JSON text, a table that is the policy, or a table
/// `{ name, document }`.
pub(crate) fn one(node: &Node, kind: Kind, name: &str) -> Result<Policy, DocumentError> {
    match &node.value {
        Value::Text(text) if !text.trim_start().starts_with('{') => managed(node, text, kind),
        Value::Table(entries) if entries.iter().any(|entry| entry.key == "document") => {
            let fields = Fields::of(node, "a policy", &["name", "document"])?;
            let name = fields.optional_text("name")?.unwrap_or(name);
            parsed(fields.node("document").unwrap_or(node), kind, name)
        }
        _ => parsed(node, kind, name),
    }
}

fn managed(node: &Node, name: &str, kind: Kind) -> Result<Policy, DocumentError> {
    managed::find(name, kind).ok_or_else(|| {
        let near = nearest(name, managed::names(kind)).unwrap_or_default();
        node.error(format!(
            "{} is no policy of AWS that this server knows; the nearest is `{near}`. Any other policy is given as \
             {{ name, document }}",
            quoted(name)
        ))
    })
}

fn parsed(node: &Node, kind: Kind, name: &str) -> Result<Policy, DocumentError> {
    const NAME_CHARS_MAX: usize = 2_048;
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
        return Err(node.error(format!("the name of a policy has 1 to {NAME_CHARS_MAX} characters")));
    }
    let text = node.policy_text()?;
    if text.len() > POLICY_BYTES_MAX {
        return Err(node.error(format!("policy {} is longer than {POLICY_BYTES_MAX} bytes", quoted(name))));
    }
    Policy::parse(name, &text, kind).map_err(|error| node.error(format!("policy {}: {error}", quoted(name))))
}

/// Reads the policy that says who may assume a role.
pub(super) fn trust(node: &Node) -> Result<Policy, DocumentError> {
    let text = node.policy_text()?;
    if text.len() > POLICY_BYTES_MAX {
        return Err(node.error(format!("the trust policy is longer than {POLICY_BYTES_MAX} bytes")));
    }
    Policy::trust(&text).map_err(|error| node.error(format!("the trust policy: {error}")))
}
