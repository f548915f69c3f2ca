//! Reading and validating a policy document.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use super::condition::Condition;
use super::error::{PolicyError, excerpt};
use super::json::Json;
use super::named_principal::PrincipalPattern;
use super::pattern::{Atom, Pattern};
use super::template::{Template, Variables};

/// What a policy is attached to, which decides what it must contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A policy of a resource: its statements name principals. Key policies are such; resource control
    /// policies and VPC endpoint policies have the same form.
    KeyPolicy,
    /// A policy without principals: of a user, a group or a role, of a session, a permissions boundary, or
    /// a service control policy.
    Identity,
    /// The policy of a role that says who may assume it: its statements name principals, and no resource, because
    /// the role itself is the only one.
    // AWS: IAM User Guide, "Roles terms and concepts", trust policy.
    Trust,
}

/// Whether a statement allows or denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Effect {
    /// `Allow`
    Allow,
    /// `Deny`
    Deny,
}

/// A policy document, validated and compiled.
// AWS: IAM JSON policy elements reference.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document {
    pub(super) statements: Box<[Statement]>,
    /// Folded, each once.
    context_keys: Box<[Arc<str>]>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Statement {
    pub(super) sid: Option<Box<str>>,
    pub(super) effect: Effect,
    /// `None` in an identity policy.
    pub(super) principals: Option<Clause<PrincipalPattern>>,
    /// In lower case.
    pub(super) actions: Clause<Pattern>,
    pub(super) resources: Clause<Template<Pattern>>,
    pub(super) conditions: Box<[Condition]>,
}

/// What an element such as `Action` lists, or excludes as `NotAction`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Clause<T> {
    Only(Box<[T]>),
    AllBut(Box<[T]>),
}

impl Statement {
    /// The context keys of its conditions and variables, folded.
    fn context_keys(&self) -> impl Iterator<Item = &str> {
        let variables = self.resources.items().iter().flat_map(Template::variables);
        variables.chain(self.conditions.iter().flat_map(Condition::context_keys))
    }
}

impl<T> Clause<T> {
    fn items(&self) -> &[T] {
        match self {
            Self::Only(items) | Self::AllBut(items) => items,
        }
    }
}

impl Document {
    /// Reads a policy.
    ///
    /// # Errors
    /// [`PolicyError`] as the service answers it for a key policy, at the first fault. Whether the principals
    /// exist is for the caller to check (see [`Self::principals`]).
    pub fn parse(text: &str, kind: Kind) -> Result<Self, PolicyError> {
        let Some(Json::Object(members)) = Json::read(text) else {
            return Err(PolicyError::grammar("the policy is not a JSON object"));
        };
        let mut variables = Variables::Plain;
        let mut statements: &[Json<'_>] = &[];
        for (name, value) in &members {
            match (name.as_str(), value) {
                ("Version", Json::Text(version)) if version == "2012-10-17" => {
                    variables = Variables::Replaced;
                }
                ("Version", Json::Text(version)) if version == "2008-10-17" => {}
                ("Id", Json::Text(_)) => {}
                ("Statement", Json::Array(list)) => statements = list,
                ("Statement", one @ Json::Object(_)) => statements = std::slice::from_ref(one),
                ("Version" | "Id" | "Statement", _) => {
                    return Err(PolicyError::grammar(format!("{name} has an unknown value")));
                }
                _ => return Err(PolicyError::grammar(format!("unknown member {}", excerpt(name)))),
            }
        }
        if statements.is_empty() {
            return Err(PolicyError::grammar("the policy has no statement"));
        }
        let read = |(index, statement)| {
            Statement::parse(statement, kind, variables).map_err(|error| error.in_statement(index))
        };
        let statements: Box<[_]> = statements.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        let context_keys: BTreeSet<&str> = statements.iter().flat_map(Statement::context_keys).collect();
        let context_keys = context_keys.into_iter().map(Arc::from).collect();
        Ok(Self { statements, context_keys })
    }

    /// The keys of the [`Context`](super::Context) that the document looks at, in conditions and as policy variables.
    /// No other needs to be gathered.
    #[must_use]
    pub fn context_keys(&self) -> &[Arc<str>] {
        &self.context_keys
    }

    /// Every principal that the document names, also in `NotPrincipal`.
    pub fn principals(&self) -> impl Iterator<Item = &PrincipalPattern> {
        self.statements.iter().filter_map(|statement| statement.principals.as_ref()).flat_map(Clause::items)
    }

    /// How many statements the document has.
    pub fn len(&self) -> usize {
        self.statements.len()
    }

    /// Whether the document has no statement and so allows and denies nothing; [`Self::parse`] makes none such.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }
}

/// The members of a statement that are there.
#[derive(Default)]
struct Members<'j> {
    sid: Option<&'j Json<'j>>,
    effect: Option<&'j Json<'j>>,
    principal: Option<&'j Json<'j>>,
    not_principal: Option<&'j Json<'j>>,
    action: Option<&'j Json<'j>>,
    not_action: Option<&'j Json<'j>>,
    resource: Option<&'j Json<'j>>,
    not_resource: Option<&'j Json<'j>>,
    condition: Option<&'j Json<'j>>,
}

impl<'j> Members<'j> {
    fn of(statement: &'j Json<'j>) -> Result<Self, PolicyError> {
        let Json::Object(members) = statement else {
            return Err(PolicyError::grammar("not an object"));
        };
        let mut found = Self::default();
        for (name, value) in members {
            let slot = match name.as_str() {
                "Sid" => &mut found.sid,
                "Effect" => &mut found.effect,
                "Principal" => &mut found.principal,
                "NotPrincipal" => &mut found.not_principal,
                "Action" => &mut found.action,
                "NotAction" => &mut found.not_action,
                "Resource" => &mut found.resource,
                "NotResource" => &mut found.not_resource,
                "Condition" => &mut found.condition,
                _ => return Err(PolicyError::grammar(format!("unknown member {}", excerpt(name)))),
            };
            *slot = Some(value);
        }
        Ok(found)
    }
}

impl Statement {
    fn parse(statement: &Json<'_>, kind: Kind, variables: Variables) -> Result<Self, PolicyError> {
        let members = Members::of(statement)?;
        let sid = members.sid.map(|sid| parse_sid(sid, kind)).transpose()?;
        let effect = match members.effect {
            Some(Json::Text(effect)) if effect == "Allow" => Effect::Allow,
            Some(Json::Text(effect)) if effect == "Deny" => Effect::Deny,
            _ => return Err(PolicyError::grammar("Effect is neither Allow nor Deny")),
        };
        let principals = clause(members.principal, members.not_principal, "Principal", parse_principals)?;
        let principals = match (kind, principals) {
            (Kind::KeyPolicy | Kind::Trust, Some(clause)) if !clause.items().is_empty() => Some(clause),
            (Kind::KeyPolicy | Kind::Trust, _) => return Err(PolicyError::no_principal()),
            (Kind::Identity, None) => None,
            (Kind::Identity, Some(_)) => {
                return Err(PolicyError::grammar("a policy of an identity cannot name principals"));
            }
        };
        let actions = clause(members.action, members.not_action, "Action", parse_actions)?
            .filter(|clause| !clause.items().is_empty())
            .ok_or_else(PolicyError::missing_action)?;
        let read = |value: &Json<'_>| parse_resources(value, variables);
        let resources = clause(members.resource, members.not_resource, "Resource", read)?;
        let resources = match (kind, resources) {
            (Kind::Trust, None) => Clause::AllBut(Box::default()),
            (Kind::Trust, Some(_)) => {
                return Err(PolicyError::grammar("a trust policy cannot name resources"));
            }
            (Kind::KeyPolicy | Kind::Identity, resources) => resources
                .filter(|clause| !clause.items().is_empty())
                .ok_or_else(PolicyError::missing_resource)?,
        };
        let conditions = match members.condition {
            None => Box::default(),
            Some(conditions) => parse_conditions(conditions, variables)?,
        };
        Ok(Self { sid, effect, principals, actions, resources, conditions })
    }
}

/// The element of a pair such as `Action` and `NotAction` that is there; not both may be.
fn clause<T>(
    only: Option<&Json<'_>>,
    all_but: Option<&Json<'_>>,
    name: &str,
    read: impl Fn(&Json<'_>) -> Result<Box<[T]>, PolicyError>,
) -> Result<Option<Clause<T>>, PolicyError> {
    match (only, all_but) {
        (None, None) => Ok(None),
        (Some(value), None) => Ok(Some(Clause::Only(read(value)?))),
        (None, Some(value)) => Ok(Some(Clause::AllBut(read(value)?))),
        (Some(_), Some(_)) => Err(PolicyError::grammar(format!("both {name} and Not{name}"))),
    }
}

/// Key policies have Sids with spaces; IAM takes letters and digits alone.
fn parse_sid(sid: &Json<'_>, kind: Kind) -> Result<Box<str>, PolicyError> {
    match sid {
        Json::Text(sid) if kind == Kind::KeyPolicy || sid.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            Ok(sid.as_str().into())
        }
        _ => Err(PolicyError::grammar("Sid is not a text that this policy may have")),
    }
}

fn parse_principals(value: &Json<'_>) -> Result<Box<[PrincipalPattern]>, PolicyError> {
    let types = match value {
        Json::Text(text) if text == "*" => return Ok([PrincipalPattern::Anyone].into()),
        Json::Text(text) => return Err(PolicyError::invalid_principal(text)),
        Json::Object(types) => types,
        Json::Array(_) | Json::Word(_) => {
            return Err(PolicyError::grammar("Principal is neither a text nor an object"));
        }
    };
    let mut principals = Vec::new();
    for (name, value) in types {
        let read = match name.as_str() {
            "AWS" => PrincipalPattern::aws,
            "Service" => PrincipalPattern::service,
            "Federated" => PrincipalPattern::federated,
            "CanonicalUser" => PrincipalPattern::canonical_user,
            _ => return Err(PolicyError::invalid_principal(name)),
        };
        for text in texts(value, "Principal")? {
            principals.push(read(text)?);
        }
    }
    Ok(principals.into())
}

// AWS: IAM JSON policy elements: Action.
fn parse_actions(value: &Json<'_>) -> Result<Box<[Pattern]>, PolicyError> {
    let read = |text: &str| {
        let named =
            text.split_once(':').is_some_and(|(vendor, action)| !vendor.is_empty() && !action.is_empty());
        if text != "*" && !(named && text.bytes().all(|b| b.is_ascii_graphic())) {
            return Err(PolicyError::grammar(format!("{} is not an action", excerpt(text))));
        }
        Ok(Pattern::compile(text.chars().map(|c| Atom::wild(c.to_ascii_lowercase()))))
    };
    texts(value, "Action")?.into_iter().map(read).collect()
}

// AWS: IAM JSON policy elements: Resource.
fn parse_resources(value: &Json<'_>, variables: Variables) -> Result<Box<[Template<Pattern>]>, PolicyError> {
    let read = |text: &str| {
        if text != "*" && !text.starts_with("arn:") {
            return Err(PolicyError::grammar(format!("{} is neither an ARN nor *", excerpt(text))));
        }
        Template::parse(text, variables)
    };
    texts(value, "Resource")?.into_iter().map(read).collect()
}

// AWS: IAM JSON policy elements: Condition.
fn parse_conditions(value: &Json<'_>, variables: Variables) -> Result<Box<[Condition]>, PolicyError> {
    let Json::Object(operators) = value else {
        return Err(PolicyError::grammar("Condition is not an object"));
    };
    let mut conditions = Vec::new();
    for (operator, keys) in operators {
        let Json::Object(keys) = keys else {
            return Err(PolicyError::grammar(format!("{} is not an object", excerpt(operator))));
        };
        if keys.is_empty() {
            // An operator without keys asks nothing, but must be one.
            Condition::parse(operator, "none", &[], variables)?;
        }
        for (key, value) in keys {
            conditions.push(Condition::parse(operator, key, &condition_values(value)?, variables)?);
        }
    }
    Ok(conditions.into())
}

/// The values of a condition key; numbers and booleans may stand without quotes.
fn condition_values<'j>(value: &'j Json<'_>) -> Result<Vec<&'j str>, PolicyError> {
    let scalar = |value: &'j Json<'_>| match value {
        Json::Text(text) => Ok(text.as_str()),
        Json::Word(word) if *word != "null" => Ok(*word),
        _ => Err(PolicyError::grammar("a condition value is neither a text, a number nor a boolean")),
    };
    match value {
        Json::Array(values) => values.iter().map(scalar).collect(),
        one => Ok(vec![scalar(one)?]),
    }
}

/// A text, or the texts of a list.
fn texts<'j>(value: &'j Json<'_>, element: &str) -> Result<Vec<&'j str>, PolicyError> {
    let text = |value: &'j Json<'_>| match value {
        Json::Text(text) => Ok(text.as_str()),
        _ => Err(PolicyError::grammar(format!("{element} holds something else than texts"))),
    };
    match value {
        Json::Array(values) => values.iter().map(text).collect(),
        one => Ok(vec![text(one)?]),
    }
}
