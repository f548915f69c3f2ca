//! A seed, carried out.

use lifecycle::ids::{AliasArn, KeyArn, Scope};
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
    /// Makes the keys of a seed. A key whose id or one of whose aliases exists is left as it is, so that a server may
    /// start with the same seed again.
    ///
    /// # Errors
    /// The first key that cannot be made; those before it were.
    pub async fn apply_seed(&self, seed: &Seed) -> Result<(), ApplyError> {
        for key in &seed.keys {
            let made = self.apply_key(key).await;
            made.map_err(|reason| ApplyError { position: key.position.to_string(), reason })?;
        }
        Ok(())
    }

    async fn apply_key(&self, key: &SeedKey) -> Result<(), String> {
        let account = key.account.unwrap_or(self.parts().account);
        let region = key.region.unwrap_or(self.parts().region);
        if self.has(key, Scope { account, region }) {
            return Ok(());
        }
        let directory = self.parts().engine.snapshot().state.directory().clone();
        let root = self.parts().authenticator.root(&directory, account, region);
        let caller = Caller::unverified(root, None, region);
        let before: Vec<_> = self.ids_of(Scope { account, region });
        self.seeded(&caller, "CreateKey", created(key)).await?;
        let id = match &key.id {
            Some(id) => id.clone(),
            // Nobody else writes before the first request is served: the key that was not there before is ours.
            None => self
                .ids_of(Scope { account, region })
                .into_iter()
                .find(|id| !before.contains(id))
                .ok_or("lost")?,
        };
        for alias in &key.aliases {
            self.seeded(&caller, "CreateAlias", json!({"AliasName": alias, "TargetKeyId": id})).await?;
        }
        if !key.enabled {
            self.seeded(&caller, "DisableKey", json!({ "KeyId": id })).await?;
        }
        Ok(())
    }

    async fn seeded(&self, caller: &Caller, operation: &str, input: Value) -> Result<(), String> {
        let done = self.execute(operation, caller.clone(), input).await;
        done.map_err(|error: KmsError| format!("{operation}: {error}"))
    }

    fn has(&self, key: &SeedKey, scope: Scope) -> bool {
        let snapshot = self.parts().engine.snapshot();
        let view = snapshot.state.at(snapshot.now());
        let id = key.id.as_ref().and_then(|id| id.parse().ok());
        let by_id = id.is_some_and(|id| view.key(&KeyArn { scope, id }).is_some());
        let mut aliases = key.aliases.iter().filter_map(|alias| alias.parse().ok());
        by_id || aliases.any(|name| view.alias(&AliasArn { scope, name }).is_some())
    }

    fn ids_of(&self, scope: Scope) -> Vec<String> {
        let snapshot = self.parts().engine.snapshot();
        let view = snapshot.state.at(snapshot.now());
        view.keys(scope, None).map(|key| key.arn.id.to_string()).collect()
    }
}

fn created(key: &SeedKey) -> Value {
    let tag = |key: &str, value: &str| json!({"TagKey": key, "TagValue": value});
    let mut tags: Vec<Value> = key.tags.iter().map(|(key, value)| tag(key, value)).collect();
    tags.extend(key.id.as_ref().map(|id| tag("_custom_id_", id)));
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
