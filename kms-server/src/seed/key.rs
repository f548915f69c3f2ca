//! One key of a seed.

use super::spec::{SeedOrigin, SeedSpec, SeedUsage};
use super::{Taken, at};
use crate::config::Value as _;
use crate::document::{DocumentError, Entry, Fields, Node, Position, quoted};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lifecycle::ids::{AccountId, Region};
use std::fmt;
use zeroize::Zeroizing;

const FIELDS: [&str; 13] = [
    "account",
    "region",
    "id",
    "description",
    "spec",
    "usage",
    "origin",
    "multi_region",
    "material",
    "aliases",
    "tags",
    "policy",
    "enabled",
];

/// Account and Region of a key; `None` is the default of the server.
pub(super) type Scope = (Option<AccountId>, Option<Region>);

/// A key to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedKey {
    /// Where the key begins in the file, to tell where it was that making it failed.
    pub position: Position,
    /// Its account; `None` is the default account of the server.
    pub account: Option<AccountId>,
    /// Its Region; `None` is the default Region of the server.
    pub region: Option<Region>,
    /// Its id; `None` leaves the choice to the server. It begins with `mrk-` exactly if the key is a multi-Region key.
    pub id: Option<String>,
    /// Its description, empty unless given.
    pub description: String,
    /// What kind of key; `SYMMETRIC_DEFAULT` unless given.
    pub spec: SeedSpec,
    /// What it is for; goes with the spec.
    pub usage: SeedUsage,
    /// Where its material comes from; goes with the spec, and is `AWS_KMS` unless given.
    pub origin: SeedOrigin,
    /// Whether it is a multi-Region primary key.
    pub multi_region: bool,
    /// Its material, as long as the spec demands. Without it the server makes it up, or an `EXTERNAL` key waits for its import.
    pub material: Option<SeedMaterial>,
    /// Its aliases, with `alias/`.
    pub aliases: Vec<String>,
    /// Its tags in the order of the file, each name once.
    pub tags: Vec<(String, String)>,
    /// Its key policy as JSON; `None` is the default policy.
    pub policy: Option<String>,
    /// Whether it starts enabled. Always true for a key that waits for its import.
    pub enabled: bool,
}

/// Key material from a seed: wiped when dropped, never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct SeedMaterial(Zeroizing<Vec<u8>>);

impl SeedMaterial {
    /// The bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SeedMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl SeedKey {
    pub(super) fn from_node(node: &Node, taken: &mut Taken) -> Result<Self, DocumentError> {
        let fields = Fields::of(node, "a key", &FIELDS)?;
        let account =
            fields.node("account").map(|n| AccountId::from_node(n).map_err(|e| at(n, e))).transpose()?;
        let region = fields.node("region").map(|n| Region::from_node(n).map_err(|e| at(n, e))).transpose()?;
        let scope = (account, region);
        let spec = fields.node("spec").map_or(Ok(SeedSpec::SymmetricDefault), SeedSpec::from_node)?;
        let origin = origin(&fields, spec)?;
        let id = fields.node("id").map(id).transpose()?;
        let multi_region = multi_region(&fields, id)?;
        let material = fields.node("material").map(|node| material(node, spec)).transpose()?;
        let enabled = enabled(&fields, origin, material.as_ref())?;
        let key = Self {
            position: node.position,
            id: id.map(str::to_owned),
            description: description(&fields)?,
            spec,
            usage: usage(node, &fields, spec)?,
            origin,
            multi_region,
            material,
            aliases: aliases(&fields, &scope, taken)?,
            tags: tags(&fields)?,
            policy: fields.node("policy").map(Node::policy_text).transpose()?,
            enabled,
            account: scope.0,
            region: scope.1,
        };
        if let (Some(id), Some(node)) = (key.id.as_ref(), fields.node("id")) {
            take_id(node, id, scope, taken)?;
        }
        Ok(key)
    }
}

/// The key id: a UUID, or `mrk-` and 32 digits.
// AWS: "Key identifiers (KeyId)"
fn id(node: &Node) -> Result<&str, DocumentError> {
    let text = node.text("the id")?;
    let is_hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_multi_region = |digits: &str| digits.len() == 32 && is_hex(digits);
    let is_uuid = || {
        let lengths: Vec<_> = text.split('-').map(str::len).collect();
        lengths == [8, 4, 4, 4, 12] && text.split('-').all(is_hex)
    };
    if text.strip_prefix("mrk-").map_or_else(is_uuid, is_multi_region) {
        return Ok(text);
    }
    let expected =
        "a UUID such as 1234abcd-12ab-34cd-56ef-1234567890ab, or mrk- and 32 digits, in lower case";
    Err(node.error(format!("{} is no key id; expected {expected}", quoted(text))))
}

/// An id is given once in an account and Region, and a multi-Region id once in an account.
fn take_id(node: &Node, id: &str, scope: Scope, taken: &mut Taken) -> Result<(), DocumentError> {
    let account = scope.0;
    if !taken.ids.insert((scope, id.to_owned())) {
        return Err(node.error(format!("the id {id} is given twice in one account and Region")));
    }
    if id.starts_with("mrk-") && !taken.multi_region_ids.insert((account, id.to_owned())) {
        let advice = "a seed makes primary keys; make replicas of them with ReplicateKey";
        return Err(node.error(format!("the id {id} is a primary key in another Region already: {advice}")));
    }
    Ok(())
}

fn multi_region(fields: &Fields<'_>, id: Option<&str>) -> Result<bool, DocumentError> {
    let by_id = id.map(|id| id.starts_with("mrk-"));
    let given = fields.optional_boolean("multi_region")?;
    match (fields.node("multi_region"), given, by_id) {
        (Some(node), Some(true), Some(false)) => Err(node.error(
            "the id of a multi-Region key is mrk- and 32 digits; leave multi_region out, or change the id",
        )),
        (Some(node), Some(false), Some(true)) => Err(node.error(
            "an id that begins with mrk- makes a multi-Region key; leave multi_region out, or change the id",
        )),
        _ => Ok(given.or(by_id).unwrap_or(false)),
    }
}

// AWS: "CreateKey", Description
fn description(fields: &Fields<'_>) -> Result<String, DocumentError> {
    const DESCRIPTION_CHARS_MAX: usize = 8_192;
    let Some(node) = fields.node("description") else { return Ok(String::new()) };
    let text = node.text("the description")?;
    if text.chars().nth(DESCRIPTION_CHARS_MAX).is_some() {
        return Err(node.error(format!("a description has at most {DESCRIPTION_CHARS_MAX} characters")));
    }
    Ok(text.to_owned())
}

/// Unlike CreateKey, a seed need not tell the only usage that a spec has.
fn usage(key: &Node, fields: &Fields<'_>, spec: SeedSpec) -> Result<SeedUsage, DocumentError> {
    let names: Vec<_> = spec.usages().iter().map(|usage| usage.as_str()).collect();
    match (fields.node("usage"), spec.usages()) {
        (Some(node), usages) => {
            let usage = SeedUsage::from_node(node)?;
            let reason = || {
                node.error(format!(
                    "a key of spec {spec} cannot be for {usage}; choose {}",
                    names.join(" or ")
                ))
            };
            usages.contains(&usage).then_some(usage).ok_or_else(reason)
        }
        (None, [usage]) => Ok(*usage),
        (None, _) => {
            Err(key.error(format!("a key of spec {spec} needs the field `usage`: {}", names.join(" or "))))
        }
    }
}

fn origin(fields: &Fields<'_>, spec: SeedSpec) -> Result<SeedOrigin, DocumentError> {
    let Some(node) = fields.node("origin") else { return Ok(SeedOrigin::AwsKms) };
    let origin = SeedOrigin::from_node(node)?;
    if origin == SeedOrigin::External && !spec.is_importable() {
        // AWS (observed): CreateKey with a spec that cannot be imported
        return Err(node.error(format!("KeySpec {spec} is not supported for Origin {origin}")));
    }
    Ok(origin)
}

/// Never repeats the material in an error.
fn material(node: &Node, spec: SeedSpec) -> Result<SeedMaterial, DocumentError> {
    let text = node.text("the material")?;
    let Some(expected) = spec.material_bytes() else {
        return Err(node.error(format!("the material of a key of spec {spec} cannot be given; leave it out")));
    };
    let bytes =
        STANDARD.decode(text).map(Zeroizing::new).map_err(|_| node.error("the material is not base64"))?;
    if bytes.len() != expected {
        let reason =
            format!("the material of a key of spec {spec} has {expected} bytes, not {}", bytes.len());
        return Err(node.error(reason));
    }
    Ok(SeedMaterial(bytes))
}

fn enabled(
    fields: &Fields<'_>,
    origin: SeedOrigin,
    material: Option<&SeedMaterial>,
) -> Result<bool, DocumentError> {
    let enabled = fields.optional_boolean("enabled")?;
    match fields.node("enabled") {
        Some(node) if origin == SeedOrigin::External && material.is_none() => {
            Err(node.error("an EXTERNAL key without material waits for its import; leave `enabled` out"))
        }
        _ => Ok(enabled.unwrap_or(true)),
    }
}

fn aliases(fields: &Fields<'_>, scope: &Scope, taken: &mut Taken) -> Result<Vec<String>, DocumentError> {
    let mut aliases = Vec::new();
    for node in fields.elements("aliases")? {
        let alias = alias(node)?;
        if !taken.aliases.insert((*scope, alias.to_owned())) {
            return Err(node.error(format!("{} is given twice in one account and Region", quoted(alias))));
        }
        aliases.push(alias.to_owned());
    }
    Ok(aliases)
}

// AWS: "CreateAlias", AliasName
fn alias(node: &Node) -> Result<&str, DocumentError> {
    const ALIAS_CHARS_MAX: usize = 256;
    let text = node.text("an alias")?;
    let Some(name) = text.strip_prefix("alias/") else {
        return Err(node.error(format!("{} must begin with `alias/`", quoted(text))));
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte);
    if name.is_empty() || text.len() > ALIAS_CHARS_MAX || !name.bytes().all(allowed) {
        let expected =
            format!("alias/ and letters, digits, `/`, `_` or `-`, at most {ALIAS_CHARS_MAX} in all");
        return Err(node.error(format!("{} is no alias; expected {expected}", quoted(text))));
    }
    if name.starts_with("aws/") {
        return Err(
            node.error("alias/aws/ is reserved for AWS managed keys, which appear when they are used")
        );
    }
    Ok(text)
}

// AWS: "Tags in AWS KMS"
fn tags(fields: &Fields<'_>) -> Result<Vec<(String, String)>, DocumentError> {
    const TAGS_MAX: usize = 50;
    let Some(node) = fields.node("tags") else { return Ok(Vec::new()) };
    let entries = node.table("the tags")?;
    if entries.len() > TAGS_MAX {
        return Err(node.error(format!("a key has at most {TAGS_MAX} tags, not {}", entries.len())));
    }
    entries.iter().map(tag).collect()
}

fn tag(entry: &Entry) -> Result<(String, String), DocumentError> {
    const TAG_KEY_CHARS_MAX: usize = 128;
    const TAG_VALUE_CHARS_MAX: usize = 256;
    let value = entry.node.text("the value of a tag")?;
    let is_space = |c: char| c.is_whitespace() && !c.is_control();
    let allowed =
        |text: &str| text.chars().all(|c| c.is_alphanumeric() || is_space(c) || "_./=+-:@".contains(c));
    let refused = |position, reason: String| Err(DocumentError::new(position, reason));
    if !(1..=TAG_KEY_CHARS_MAX).contains(&entry.key.chars().count()) {
        return refused(entry.position, format!("the name of a tag has 1 to {TAG_KEY_CHARS_MAX} characters"));
    }
    if value.chars().count() > TAG_VALUE_CHARS_MAX {
        return refused(
            entry.node.position,
            format!("the value of a tag has at most {TAG_VALUE_CHARS_MAX} characters"),
        );
    }
    if entry.key.to_lowercase().starts_with("aws:") {
        return refused(entry.position, "names of tags that begin with aws: are reserved".to_owned());
    }
    for (position, text) in [(entry.position, entry.key.as_str()), (entry.node.position, value)] {
        if !allowed(text) {
            let expected = "letters, digits, spaces and _ . / = + - : @";
            return refused(position, format!("{} cannot be in a tag; allowed are {expected}", quoted(text)));
        }
    }
    Ok((entry.key.clone(), value.to_owned()))
}
