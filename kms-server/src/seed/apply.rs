//! A seed, carried out.

use std::collections::HashMap;

use lifecycle::ids::{AliasArn, KeyArn, KeyId, Scope};
use serde_json::{Value, json};

use super::{Seed, SeedKey};
use crate::api::error::KmsError;
use crate::auth::Caller;
use crate::service::Service;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A key of a seed that could not be made. `Display` says where in the file it is (`3:5`: line and column), and why.
#[derive(Debug)]
pub struct ApplyError {
    position: String,
    reason: String,
}

impl std::fmt::Display for ApplyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.position, self.reason)
    }
}

impl std::error::Error for ApplyError {}

impl Service {
    /// Makes the keys of a seed, so that a server may start with the same seed again and again: a key whose id or one of
    /// whose aliases exists is not made again, and stays as it is but for the aliases of the seed that nothing has.
    ///
    /// A key without an id gets one that follows from its account, its Region and its first alias, or from its place
    /// among the keys of its account and Region that have neither an id nor an alias.
    ///
    /// # Errors
    /// The first key that cannot be made; those before it were.
    pub async fn apply_seed(&self, seed: &Seed) -> Result<(), ApplyError> {
        let mut nameless = HashMap::new();
        for key in &seed.keys {
            let made = self.apply_key(key, &mut nameless).await;
            made.map_err(|reason| ApplyError { position: key.position.to_string(), reason })?;
        }
        Ok(())
    }

    /// `nameless` counts the keys of each scope so far that have neither an id nor an alias.
    async fn apply_key(&self, key: &SeedKey, nameless: &mut HashMap<Scope, usize>) -> Result<(), String> {
        let account = key.account.unwrap_or(self.parts().account);
        let region = key.region.unwrap_or(self.parts().region);
        let scope = Scope { account, region };
        let id = match &key.id {
            Some(id) => id.parse().map_err(|_| "the id is malformed")?,
            None => derived(key, scope, nameless),
        };
        let directory = self.parts().engine.snapshot().state.directory().clone();
        let root = self.parts().authenticator.root(&directory, account, region);
        let caller = Caller::unverified(root, None, region);
        let target = match self.found(key, KeyArn { scope, id }) {
            Some(Found { accepts_aliases: false, .. }) => return Ok(()),
            Some(Found { id, .. }) => id,
            None => {
                self.seeded(&caller, "CreateKey", created(key, id)).await?;
                // Before the aliases: one that is refused must not leave the key enabled.
                if !key.enabled {
                    self.seeded(&caller, "DisableKey", json!({ "KeyId": id })).await?;
                }
                id
            }
        };
        for alias in self.missing(key, scope) {
            self.seeded(&caller, "CreateAlias", json!({"AliasName": alias, "TargetKeyId": target})).await?;
        }
        Ok(())
    }

    async fn seeded(&self, caller: &Caller, operation: &str, input: Value) -> Result<(), String> {
        let done = self.execute(operation, caller.clone(), input).await;
        done.map_err(|error: KmsError| format!("{operation}: {error}"))
    }

    /// The key of the seed that is there already, by its id or by its first alias that exists.
    fn found(&self, key: &SeedKey, arn: KeyArn) -> Option<Found> {
        let snapshot = self.parts().engine.snapshot();
        let view = snapshot.state.at(snapshot.now());
        let by_alias = || {
            let mut names = key.aliases.iter().filter_map(|alias| alias.parse().ok());
            let alias = names.find_map(|name| view.alias(&AliasArn { scope: arn.scope, name }))?;
            view.key(&KeyArn { id: alias.target, ..arn })
        };
        let found = view.key(&arn).or_else(by_alias)?;
        // A key with an id of its own is no other key: its aliases went elsewhere, and that is left alone.
        let is_it = found.arn.id == arn.id || key.id.is_none();
        Some(Found { id: found.arn.id, accepts_aliases: is_it && found.pending_deletion.is_none() })
    }

    /// The aliases of the seed's key that no key has.
    fn missing<'k>(&self, key: &'k SeedKey, scope: Scope) -> Vec<&'k String> {
        let snapshot = self.parts().engine.snapshot();
        let view = snapshot.state.at(snapshot.now());
        let is_missing = |alias: &&String| {
            let name = alias.parse();
            name.is_ok_and(|name| view.alias(&AliasArn { scope, name }).is_none())
        };
        key.aliases.iter().filter(is_missing).collect()
    }
}

/// A key of the seed that is there already.
struct Found {
    id: KeyId,
    /// Whether the aliases of the seed that nothing has go to it.
    accepts_aliases: bool,
}

/// The id of a key to which the seed gives none: the same at every start.
fn derived(key: &SeedKey, scope: Scope, nameless: &mut HashMap<Scope, usize>) -> KeyId {
    let name = match key.aliases.first() {
        Some(alias) => alias.clone(),
        None => {
            let before = nameless.entry(scope).or_default();
            *before += 1;
            before.to_string()
        }
    };
    // No part holds a line break, and no alias is a number.
    let text = format!("kms-server seed key\n{}\n{}\n{name}", scope.account, scope.region);
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest.as_ref()).for_each(|(byte, digest)| *byte = *digest);
    if key.multi_region { KeyId::multi_region(bytes) } else { KeyId::single_region(bytes) }
}

fn created(key: &SeedKey, id: KeyId) -> Value {
    let tag = |key: &str, value: &str| json!({"TagKey": key, "TagValue": value});
    let mut tags: Vec<Value> = key.tags.iter().map(|(key, value)| tag(key, value)).collect();
    tags.push(tag("_custom_id_", id.as_str()));
    let material = key.material.as_ref().map(|material| STANDARD.encode(material.expose()));
    tags.extend(material.map(|material| tag("_custom_key_material_", &material)));
    let mut input = json!({
        "Description": key.description,
        "KeySpec": key.spec.as_str(),
        "KeyUsage": key.usage.as_str(),
        "Origin": key.origin.as_str(),
        "MultiRegion": key.multi_region,
        "Tags": tags,
    });
    if let (Some(policy), Some(members)) = (&key.policy, input.as_object_mut()) {
        members.insert("Policy".to_owned(), json!(policy));
    }
    input
}
