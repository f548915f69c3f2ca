//! The arguments of `explain`, and the question that they make.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use lifecycle::ids::Region;
use serde_json::{Map, Value, json};

use super::arguments::{key, value};
use super::settings::DataArguments;

/// Headings of the help.
const ASKER: &str = "Who asks, and how";
const POLICIES: &str = "What to judge by, instead of what is stored";

/// The arguments of `explain`: a question, or the id of a request that was denied.
#[derive(Debug, Clone, Args)]
pub struct ExplainArguments {
    /// Request that was denied: its id, from the error or from `events --json`
    #[arg(long, value_name = "ID", conflicts_with_all = QUESTION)]
    pub request: Option<String>,

    /// The data directory, where no server runs.
    #[command(flatten)]
    pub data: DataArguments,

    /// Who would ask: an ARN, or the name of a service
    #[arg(long, value_name = "ARN", required_unless_present = "request", help_heading = ASKER)]
    principal: Option<String>,

    /// Permission to ask for, such as kms:Decrypt
    #[arg(long, value_name = "ACTION", required_unless_present = "request", help_heading = ASKER)]
    action: Option<String>,

    /// Key id, key ARN, alias name or alias ARN
    #[arg(long, value_name = "KEY", value_parser = key, help_heading = ASKER)]
    key: Option<String>,

    /// Region of the request, unless the key's ARN tells
    #[arg(long, value_name = "REGION", value_parser = value::<Region>, help_heading = ASKER)]
    region: Option<Region>,

    /// Condition key of the request, such as aws:SourceIp=10.0.0.1; given twice, it has two values
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair, help_heading = ASKER)]
    context: Vec<(String, String)>,

    /// Condition key that the request does not have, although the server knows a value of it
    #[arg(long, value_name = "NAME", help_heading = ASKER)]
    without_context: Vec<String>,

    /// Pair of the encryption context
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair, help_heading = ASKER)]
    encryption_context: Vec<(String, String)>,

    /// JSON file with a key policy to judge by instead; the key's ARN may then be of one that does not exist
    #[arg(long, value_name = "FILE", help_heading = POLICIES)]
    key_policy: Option<PathBuf>,

    /// JSON file with a policy of the principal, instead of all that are stored
    #[arg(long, value_name = "FILE", help_heading = POLICIES)]
    identity_policy: Vec<PathBuf>,

    /// JSON file with a permissions boundary, instead of the stored one
    #[arg(long, value_name = "FILE", help_heading = POLICIES)]
    boundary: Option<PathBuf>,

    /// JSON file with a policy of the principal's session
    #[arg(long, value_name = "FILE", help_heading = POLICIES)]
    session_policy: Vec<PathBuf>,

    /// JSON file with a service control policy, instead of all that are stored; of several, one must allow
    #[arg(long, value_name = "FILE", help_heading = POLICIES)]
    scp: Vec<PathBuf>,

    /// JSON file with a resource control policy, instead of all that are stored
    #[arg(long, value_name = "FILE", help_heading = POLICIES)]
    rcp: Vec<PathBuf>,

    /// JSON file with the policy of the VPC endpoint that the request would come through
    #[arg(long, value_name = "FILE", help_heading = POLICIES)]
    vpc_endpoint_policy: Option<PathBuf>,

    /// Tag of the principal, instead of all that are stored
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair, help_heading = ASKER)]
    principal_tag: Vec<(String, String)>,

    /// JSON file with the grants of the key, instead of all that are stored: a list of ids, or of tables as `POST
    /// /_kms/explain` takes them; a single grant may stand alone
    #[arg(long, value_name = "FILE", help_heading = POLICIES)]
    grants: Vec<PathBuf>,

    /// Token of a grant
    #[arg(long, value_name = "TOKEN", help_heading = ASKER)]
    grant_token: Vec<String>,
}

/// The arguments that say what is asked.
const QUESTION: [&str; 17] = [
    "principal",
    "action",
    "key",
    "region",
    "context",
    "without_context",
    "encryption_context",
    "key_policy",
    "identity_policy",
    "boundary",
    "session_policy",
    "scp",
    "rcp",
    "vpc_endpoint_policy",
    "principal_tag",
    "grants",
    "grant_token",
];

impl ExplainArguments {
    /// The question as `POST /_kms/explain` takes it.
    ///
    /// # Errors
    /// A file cannot be read, or is not JSON; the text names it.
    pub fn question(&self) -> Result<Value, String> {
        let mut members = Map::new();
        let mut put = |name: &str, value: Value| {
            let empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
            if !empty {
                members.insert(name.to_owned(), value);
            }
        };
        put("principal", json!(self.principal));
        put("action", json!(self.action));
        put("key", json!(self.key));
        put("region", json!(self.region.map(|region| region.to_string())));
        put("context", self.facts());
        put("grant_tokens", json!(self.grant_token));
        put("key_policy", self.key_policy.as_deref().map(read).transpose()?.unwrap_or_default());
        put("identity_policies", named(&self.identity_policy)?);
        let boundary = self.boundary.iter().map(PathBuf::as_path).map(one).next().transpose()?;
        put("permissions_boundary", boundary.unwrap_or_default());
        put("session_policies", named(&self.session_policy)?);
        put("service_control_policies", named(&self.scp)?);
        put("resource_control_policies", named(&self.rcp)?);
        let endpoint = self.vpc_endpoint_policy.as_deref().map(one).transpose()?;
        put("vpc_endpoint_policy", endpoint.unwrap_or_default());
        let tags = self.principal_tag.iter().map(|(key, value)| (key.clone(), value.as_str().into()));
        let tags: Map<String, Value> = tags.collect();
        put("principal_tags", if tags.is_empty() { Value::Null } else { tags.into() });
        if let Some(grants) = grants(&self.grants)? {
            // A file without grants says that there are none.
            members.insert("grants".to_owned(), grants);
        }
        Ok(members.into())
    }

    /// The condition keys. What is given twice has two values.
    fn facts(&self) -> Value {
        let mut facts: Map<String, Value> = Map::new();
        let pairs = self.encryption_context.iter();
        let pairs = pairs.map(|(name, value)| (format!("kms:EncryptionContext:{name}"), value));
        for (name, value) in self.context.iter().map(|(name, value)| (name.clone(), value)).chain(pairs) {
            let known = facts.entry(name).or_insert(Value::Array(Vec::new()));
            if let Value::Array(values) = known {
                values.push(value.as_str().into());
            }
        }
        facts.extend(self.without_context.iter().map(|name| (name.clone(), Value::Null)));
        if facts.is_empty() { Value::Null } else { facts.into() }
    }
}

fn named(files: &[PathBuf]) -> Result<Value, String> {
    files.iter().map(|file| one(file)).collect::<Result<Vec<_>, _>>().map(Value::from)
}

/// The grants of all files; `None` without a file.
fn grants(files: &[PathBuf]) -> Result<Option<Value>, String> {
    let mut all = Vec::new();
    for file in files {
        match read(file)? {
            Value::Array(some) => all.extend(some),
            one => all.push(one),
        }
    }
    Ok((!files.is_empty()).then(|| all.into()))
}

/// The policy of a file, with the file's name as its own unless it has one: by it the answer calls the policy.
fn one(file: &Path) -> Result<Value, String> {
    let read = read(file)?;
    if read.get("document").is_some() {
        return Ok(read);
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    Ok(json!({ "name": name, "document": read }))
}

fn read(file: &Path) -> Result<Value, String> {
    let text =
        fs::read_to_string(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{} is not JSON: {error}", file.display()))
}

/// The parts of `name=value`. Values may have further `=`.
fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    if name.is_empty() { Err("the name is missing") } else { Ok((name.to_owned(), value.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::super::{Arguments, Command};
    use super::*;

    fn parse(line: &str) -> Result<ExplainArguments, String> {
        let words = ["kms-server", "explain"].into_iter().chain(line.split_whitespace());
        match Arguments::parse_arguments(words).map_err(|error| error.to_string())?.command {
            Command::Explain(explain) => Ok(*explain),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_question_has_what_was_given_and_no_more() {
        let asked = parse("--principal arn --action kms:Decrypt").unwrap().question().unwrap();
        assert_eq!(asked, json!({"principal": "arn", "action": "kms:Decrypt"}));
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let grants = write("g.json", r#"["id", {"operations": ["Decrypt"]}]"#);
        let (plain, named) = (write("p.json", "{}"), write("n.json", r#"{"name": "n", "document": {}}"#));
        let line = format!(
            "--principal arn --action kms:Decrypt --key alias/app --region eu-west-1 --context aws:SourceIp=10.0.0.1 \
             --context aws:TagKeys=a --context aws:TagKeys=b=c --without-context aws:UserAgent --encryption-context team=red --key-policy {plain} \
             --identity-policy {plain} --identity-policy {named} --boundary {named} --session-policy {plain} --scp \
             {plain} --rcp {plain} --grant-token t --vpc-endpoint-policy {plain} --principal-tag team=red --principal-tag \
             a=b=c --grants {grants} --grants {plain}"
        );
        let one = json!({"name": "p.json", "document": {}});
        let other = json!({"name": "n", "document": {}});
        let expected = json!({
            "principal": "arn", "action": "kms:Decrypt", "key": "alias/app", "region": "eu-west-1",
            "context": {
                "aws:SourceIp": ["10.0.0.1"], "aws:TagKeys": ["a", "b=c"], "kms:EncryptionContext:team": ["red"],
                "aws:UserAgent": null,
            },
            "key_policy": {}, "identity_policies": [one, other], "permissions_boundary": other,
            "session_policies": [one], "service_control_policies": [one], "resource_control_policies": [one],
            "grant_tokens": ["t"], "vpc_endpoint_policy": one, "principal_tags": {"team": "red", "a": "b=c"},
            "grants": ["id", {"operations": ["Decrypt"]}, {}],
        });
        assert_eq!(parse(&line).unwrap().question().unwrap(), expected);
        let none = write("none.json", "[]");
        let without =
            parse(&format!("--principal arn --action a --grants {none}")).unwrap().question().unwrap();
        assert_eq!(without["grants"], json!([]));
        let file = write("broken.json", "{");
        let broken =
            parse(&format!("--principal arn --action a --scp {file}")).unwrap().question().unwrap_err();
        assert!(broken.contains("broken.json is not JSON"), "{broken}");
        let gone =
            parse("--principal arn --action a --key-policy nowhere.json").unwrap().question().unwrap_err();
        assert!(gone.starts_with("nowhere.json cannot be read"), "{gone}");
    }

    #[test]
    fn a_request_stands_alone_and_a_question_is_whole() {
        assert_eq!(parse("--request id").unwrap().request.as_deref(), Some("id"));
        for (line, part) in [
            ("--request id --key alias/app", "cannot be used with"),
            ("--action kms:Decrypt", "--principal"),
            ("--principal arn", "--action"),
            ("--principal arn --action a --context x", "expected NAME=VALUE"),
            ("--principal arn --action a --encryption-context =x", "the name is missing"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
