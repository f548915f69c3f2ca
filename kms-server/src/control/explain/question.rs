//! From JSON to a question. Whatever is wrong is said with the name of its member.

use lifecycle::crypto::envelope::EncryptionContext;
use lifecycle::grant::{Constraints, ContextConstraint, GrantOperation, GrantPrincipal, Member};
use lifecycle::iam::Policy;
use lifecycle::ids::Region;
use lifecycle::key::KeyPolicy;
use lifecycle::policy::{Kind, NamedPolicy, Principal};

use crate::document::{DocumentError, Fields, Node, Value, nearest, quoted};
use crate::pipeline::{Action, DescribedGrant, GivenGrant, Question, actions};
use crate::principals;

/// The members of a question.
const MEMBERS: [&str; 15] = [
    "principal",
    "action",
    "key",
    "region",
    "context",
    "grant_tokens",
    "key_policy",
    "identity_policies",
    "permissions_boundary",
    "session_policies",
    "service_control_policies",
    "resource_control_policies",
    "vpc_endpoint_policy",
    "principal_tags",
    "grants",
];

/// Most condition keys of a question, and most values of one.
const FACTS_MAX: usize = 1_000;

/// Longest name of a principal or key, in characters.
// AWS: KMS API reference, `KeyId`.
const TEXT_CHARS_MAX: usize = 2_048;

/// Most grants and grant tokens of a question.
const GRANTS_MAX: usize = 1_000;

/// Most levels of an organization.
const LEVELS_MAX: usize = 10;

/// Most pairs of a grant constraint.
// AWS: KMS API reference, "GrantConstraints".
const PAIRS_MAX: usize = 8;

/// Reads a question.
///
/// # Errors
/// The first fault, with the name of the member.
pub(super) fn read(node: &Node) -> Result<Question, DocumentError> {
    let fields = Fields::of(node, "a question", &MEMBERS)?;
    Ok(Question {
        principal: principal(&fields)?,
        action: action(&fields)?,
        region: region(&fields)?,
        key: bounded_text(&fields, "key")?.map(str::to_owned),
        key_policy: member(&fields, "key_policy", key_policy)?,
        context: member(&fields, "context", context)?.unwrap_or_default(),
        grants: member(&fields, "grants", |node| bounded(node)?.iter().map(grant).collect())?,
        grant_tokens: member(&fields, "grant_tokens", |node| {
            bounded(node)?.iter().map(|token| Ok(token.text("a token")?.to_owned())).collect()
        })?
        .unwrap_or_default(),
        identity_policies: member(&fields, "identity_policies", |node| policies(node, Kind::Identity))?,
        permissions_boundary: member(&fields, "permissions_boundary", |node| {
            policy(node, Kind::Identity, "boundary")
        })?,
        session_policies: member(&fields, "session_policies", |node| policies(node, Kind::Identity))?,
        service_control_policies: member(&fields, "service_control_policies", levels)?,
        resource_control_policies: member(&fields, "resource_control_policies", |node| {
            policies(node, Kind::KeyPolicy)
        })?,
        vpc_endpoint_policy: member(&fields, "vpc_endpoint_policy", |node| {
            policy(node, Kind::KeyPolicy, "endpoint")
        })?,
        principal_tags: member(&fields, "principal_tags", principals::tags_of)?,
    })
}

/// Reads a member, if it is there, and names it in its faults.
fn member<T>(
    fields: &Fields<'_>,
    name: &str,
    read: impl FnOnce(&Node) -> Result<T, DocumentError>,
) -> Result<Option<T>, DocumentError> {
    let about =
        |error: DocumentError| DocumentError { reason: format!("`{name}`: {}", error.reason), ..error };
    fields.node(name).map(read).transpose().map_err(about)
}

/// A text that answers repeat, and so of bounded length.
fn bounded_text<'n>(fields: &Fields<'n>, name: &str) -> Result<Option<&'n str>, DocumentError> {
    match fields.optional_text(name)? {
        Some(text) if text.chars().count() > TEXT_CHARS_MAX => {
            Err(fault(format!("`{name}`: at most {TEXT_CHARS_MAX} characters")))
        }
        text => Ok(text),
    }
}

fn principal(fields: &Fields<'_>) -> Result<Principal, DocumentError> {
    let text = match bounded_text(fields, "principal")? {
        Some(text) => text,
        None => fields.text("principal")?,
    };
    let found = match Principal::parse(text) {
        Some(service @ Principal::Service(_)) => Some(service),
        _ => principals::principal(text),
    };
    found.ok_or_else(|| {
        fault(format!(
            "`principal`: expected the ARN of a user, a role, a role session, a federated user or a root user, or the \
             name of a service such as logs.amazonaws.com, found {}",
            quoted(text)
        ))
    })
}

fn action(fields: &Fields<'_>) -> Result<Action, DocumentError> {
    let text = fields.text("action")?;
    Action::named(text).ok_or_else(|| {
        let name = text.trim_start_matches("kms:");
        // ReEncrypt is no permission: its halves are.
        let longer = actions().map(Action::name).find(|longer| !name.is_empty() && longer.starts_with(name));
        let near = longer.or_else(|| nearest(name, actions().map(Action::name))).unwrap_or_default();
        fault(format!("`action`: {} is no permission of KMS; the nearest is `kms:{near}`", quoted(text)))
    })
}

fn region(fields: &Fields<'_>) -> Result<Option<Region>, DocumentError> {
    let Some(text) = fields.optional_text("region")? else { return Ok(None) };
    let region = text.parse().map_err(|_| fault(format!("`region`: {} is no Region", quoted(text))))?;
    Ok(Some(region))
}

/// A fault of the question, which has no lines.
fn fault(reason: String) -> DocumentError {
    DocumentError::new(crate::document::Position::START, reason)
}

fn key_policy(node: &Node) -> Result<KeyPolicy, DocumentError> {
    let text = node.policy_text()?;
    // Stored policies are known to be policies, and compiled when they are asked.
    Policy::parse("key policy", &text, Kind::KeyPolicy).map_err(|error| node.error(error.to_string()))?;
    Ok(KeyPolicy::new(&text))
}

fn policy(node: &Node, kind: Kind, name: &str) -> Result<NamedPolicy, DocumentError> {
    principals::policy(node, kind, name).map(|policy| policy.named())
}

fn policies(node: &Node, kind: Kind) -> Result<Vec<NamedPolicy>, DocumentError> {
    Ok(principals::policies(node, kind)?.iter().map(Policy::named).collect())
}

/// Policies by level. A list of policies alone is one level.
fn levels(node: &Node) -> Result<Vec<Vec<NamedPolicy>>, DocumentError> {
    let nodes = node.list("the policies")?;
    if nodes.len() > LEVELS_MAX && nodes.iter().all(|level| matches!(level.value, Value::List(_))) {
        return Err(node.error(format!("an organization has at most {LEVELS_MAX} levels")));
    }
    match nodes.first().map(|first| &first.value) {
        None => Ok(Vec::new()),
        Some(Value::List(_)) => nodes.iter().map(|level| policies(level, Kind::Identity)).collect(),
        Some(_) => Ok(vec![policies(node, Kind::Identity)?]),
    }
}

fn context(node: &Node) -> Result<Vec<(String, Vec<String>)>, DocumentError> {
    let entries = node.table("the condition keys")?;
    if entries.len() > FACTS_MAX {
        return Err(node.error(format!("at most {FACTS_MAX} condition keys, not {}", entries.len())));
    }
    let facts = entries.iter().map(|entry| {
        let values = match &entry.node.value {
            Value::Null => Vec::new(),
            Value::List(values) if values.len() > FACTS_MAX => {
                return Err(entry.node.error(format!("{} has too many values", quoted(&entry.key))));
            }
            Value::List(values) => {
                values.iter().map(|value| scalar(value, &entry.key)).collect::<Result<_, _>>()?
            }
            _ => vec![scalar(&entry.node, &entry.key)?],
        };
        Ok((entry.key.clone(), values))
    });
    facts.collect()
}

/// A value as policies write it: numbers and booleans are texts.
fn scalar(node: &Node, name: &str) -> Result<String, DocumentError> {
    match &node.value {
        Value::Text(text) => Ok(text.clone()),
        Value::Boolean(_) | Value::Integer(_) | Value::Float(_) => Ok(node.to_json()?.to_string()),
        _ => {
            Err(node.error(format!("{} has texts, numbers and booleans, not {}", quoted(name), node.kind())))
        }
    }
}

fn bounded(node: &Node) -> Result<&[Node], DocumentError> {
    let nodes = node.list("them")?;
    if nodes.len() > GRANTS_MAX {
        return Err(node.error(format!("at most {GRANTS_MAX}, not {}", nodes.len())));
    }
    Ok(nodes)
}

/// A grant: the id of a stored one, or a table.
fn grant(node: &Node) -> Result<GivenGrant, DocumentError> {
    if let Value::Text(id) = &node.value {
        let id = id.parse().map_err(|_| node.error(format!("{} is no id of a grant", quoted(id))))?;
        return Ok(GivenGrant::Stored(id));
    }
    let known = [
        "grantee_principal",
        "grantee_service_principal",
        "retiring_principal",
        "retiring_service_principal",
        "operations",
        "constraints",
    ];
    let fields = Fields::of(node, "a grant", &known)?;
    let operations = fields.elements("operations")?.iter().map(|node| {
        let text = node.text("an operation")?;
        GrantOperation::named(text)
            .ok_or_else(|| node.error(format!("{} is no operation that a grant can permit", quoted(text))))
    });
    let grantee = party(&fields, "grantee_principal", "grantee_service_principal")?;
    Ok(GivenGrant::Described(Box::new(DescribedGrant {
        grantee: grantee.ok_or_else(|| node.error("a grant needs the field `grantee_principal`"))?,
        retiring: party(&fields, "retiring_principal", "retiring_service_principal")?,
        operations: operations.collect::<Result<_, _>>()?,
        constraints: fields.node("constraints").map(constraints).transpose()?.unwrap_or_default(),
    })))
}

fn party(fields: &Fields<'_>, arn: &str, service: &str) -> Result<Option<GrantPrincipal>, DocumentError> {
    let (member, name, text) = match (fields.optional_text(arn)?, fields.optional_text(service)?) {
        (None, None) => return Ok(None),
        (Some(text), None) => (Member::Principal, arn, text),
        (None, Some(text)) => (Member::ServicePrincipal, service, text),
        (Some(_), Some(_)) => return Err(fault(format!("give either `{arn}` or `{service}`"))),
    };
    let principal = GrantPrincipal::parse(member, text);
    principal.map(Some).ok_or_else(|| fault(format!("`{name}`: {} is no principal", quoted(text))))
}

fn constraints(node: &Node) -> Result<Constraints, DocumentError> {
    let fields = Fields::of(
        node,
        "`constraints`",
        &["EncryptionContextEquals", "EncryptionContextSubset", "SourceArn"],
    )?;
    let equals = fields.node("EncryptionContextEquals").map(pairs).transpose()?;
    let subset = fields.node("EncryptionContextSubset").map(pairs).transpose()?;
    let encryption_context = match (equals, subset) {
        (Some(_), Some(_)) => {
            return Err(node.error("give either `EncryptionContextEquals` or `EncryptionContextSubset`"));
        }
        (equals, subset) => equals.map(ContextConstraint::Equals).or(subset.map(ContextConstraint::Subset)),
    };
    Ok(Constraints { encryption_context, source_arn: fields.optional_text("SourceArn")?.map(Into::into) })
}

fn pairs(node: &Node) -> Result<EncryptionContext, DocumentError> {
    let entries = node.table("an encryption context")?;
    if entries.len() > PAIRS_MAX {
        return Err(node.error(format!("a constraint has at most {PAIRS_MAX} pairs")));
    }
    entries
        .iter()
        .map(|entry| Ok((entry.key.clone(), entry.node.text(&quoted(&entry.key))?.to_owned())))
        .collect()
}
