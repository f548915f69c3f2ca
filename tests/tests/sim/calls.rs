//! From the acts of a script to requests.

use serde_json::{Value, json};

use super::compare;
use super::model::{another_account, named_operations};
use super::play::Play;
use super::script::{Act, Named, SCOPES, USERS, Who};
use super::server::{ANCHOR, CLUSTERS, PASSWORD, access_key};

/// A request.
pub(super) struct Call {
    pub(super) who: &'static str,
    pub(super) region: &'static str,
    pub(super) operation: &'static str,
    pub(super) input: Value,
}

impl Play {
    /// The request of an act.
    pub(super) fn call_of(&self, act: Act) -> Call {
        let keys = &self.model.keys;
        let named = |key: usize| json!({"KeyId": keys[key % keys.len()].arn.known()});
        let with = |key: usize, more: Value| {
            let mut input = named(key);
            more.as_object().unwrap().iter().filter(|(_, value)| !value.is_null()).for_each(
                |(name, value)| {
                    input[name] = value.clone();
                },
            );
            input
        };
        let tokens = |token: Option<usize>| {
            self.model.token(token).map(|token| json!([self.model.grants[token].token.known()]))
        };
        let of_key = |operation: &'static str, key: usize, by: Who, input: Value| {
            let (who, region) = self.caller(key % keys.len(), by);
            Call { who, region, operation, input }
        };
        let of_scope = |operation: &'static str, scope: usize, input: Value| {
            let (who, region) = SCOPES[scope % SCOPES.len()];
            Call { who, region, operation, input }
        };
        let store = |scope: usize| {
            let store = self.model.stores[scope % SCOPES.len()].as_ref();
            json!({"CustomKeyStoreId": store.map(|store| store.id.known())})
        };
        let alias = |name: u8| format!("alias/{name}");
        let to_alias = |key: usize, name: u8| {
            let id = keys[key % keys.len()].arn.known().rsplit('/').next().unwrap_or_default().to_owned();
            json!({"AliasName": alias(name), "TargetKeyId": id})
        };
        let plaintext = compare::PLAINTEXT;
        let context = compare::context;
        match act {
            Act::CreateKey { scope } => of_scope("CreateKey", scope, json!({})),
            Act::CreateStore { scope } => {
                let input = json!({
                    "CustomKeyStoreName": "store", "CloudHsmClusterId": CLUSTERS[scope % SCOPES.len()],
                    "TrustAnchorCertificate": ANCHOR, "KeyStorePassword": PASSWORD,
                });
                of_scope("CreateCustomKeyStore", scope, input)
            }
            Act::ConnectStore { scope } => of_scope("ConnectCustomKeyStore", scope, store(scope)),
            Act::DisconnectStore { scope } => of_scope("DisconnectCustomKeyStore", scope, store(scope)),
            Act::DeleteStore { scope } => of_scope("DeleteCustomKeyStore", scope, store(scope)),
            Act::CreateKeyInStore { scope } => {
                let mut input = store(scope);
                input["Origin"] = "AWS_CLOUDHSM".into();
                of_scope("CreateKey", scope, input)
            }
            Act::DescribeKey { key, by, token } => {
                of_key("DescribeKey", key, by, with(key, json!({"GrantTokens": tokens(token)})))
            }
            Act::EnableKey { key, by } => of_key("EnableKey", key, by, named(key)),
            Act::DisableKey { key, by } => of_key("DisableKey", key, by, named(key)),
            Act::EnableKeyRotation { key, by, period } => {
                of_key("EnableKeyRotation", key, by, with(key, json!({"RotationPeriodInDays": period})))
            }
            Act::DisableKeyRotation { key, by } => of_key("DisableKeyRotation", key, by, named(key)),
            Act::RotateKeyOnDemand { key, by } => of_key("RotateKeyOnDemand", key, by, named(key)),
            Act::ScheduleKeyDeletion { key, by, window } => {
                of_key("ScheduleKeyDeletion", key, by, with(key, json!({"PendingWindowInDays": window})))
            }
            Act::CancelKeyDeletion { key, by } => of_key("CancelKeyDeletion", key, by, named(key)),
            Act::Encrypt { key, by, token } => {
                let more = json!({"Plaintext": plaintext, "EncryptionContext": context(true), "GrantTokens": tokens(token)});
                of_key("Encrypt", key, by, with(key, more))
            }
            Act::EncryptByAlias { scope, name } => {
                let input =
                    json!({"KeyId": alias(name), "Plaintext": plaintext, "EncryptionContext": context(true)});
                of_scope("Encrypt", scope, input)
            }
            Act::GenerateDataKey { key, by, token } => {
                let more = json!({"KeySpec": "AES_256", "EncryptionContext": context(true), "GrantTokens": tokens(token)});
                of_key("GenerateDataKey", key, by, with(key, more))
            }
            Act::Decrypt { sealed, by, named: name, token, right_context } => {
                let sealed = &self.model.sealed[sealed % self.model.sealed.len()];
                let key = match name {
                    Named::Not => None,
                    Named::Right => Some(sealed.key),
                    Named::Wrong(other) => Some(other % keys.len()),
                };
                let mut input =
                    json!({"CiphertextBlob": sealed.blob, "EncryptionContext": context(right_context)});
                if let Some(key) = key {
                    input["KeyId"] = keys[key].arn.known().into();
                }
                if let Some(tokens) = tokens(token) {
                    input["GrantTokens"] = tokens;
                }
                of_key("Decrypt", sealed.key, by, input)
            }
            Act::ReEncrypt { sealed, to } => {
                let sealed = &self.model.sealed[sealed % self.model.sealed.len()];
                let input = json!({
                    "CiphertextBlob": sealed.blob, "DestinationKeyId": keys[to % keys.len()].arn.known(),
                    "SourceEncryptionContext": context(true), "DestinationEncryptionContext": context(true),
                });
                of_key("ReEncrypt", sealed.key, Who::Owner, input)
            }
            Act::CreateAlias { key, name } => of_key("CreateAlias", key, Who::Owner, to_alias(key, name)),
            Act::UpdateAlias { key, name } => of_key("UpdateAlias", key, Who::Owner, to_alias(key, name)),
            Act::DeleteAlias { scope, name } => {
                of_scope("DeleteAlias", scope, json!({"AliasName": alias(name)}))
            }
            Act::CreateGrant { key, grantee, retiring, operations, name } => {
                let more = json!({
                    "GranteePrincipal": USERS[grantee % USERS.len()],
                    "RetiringPrincipal": retiring.map(|retiring| USERS[retiring % USERS.len()]),
                    "Operations": named_operations(operations),
                    "Name": name.map(|name| format!("grant-{name}")),
                });
                of_key("CreateGrant", key, Who::Owner, with(key, more))
            }
            Act::RetireGrant { grant, by, by_token } => {
                let grant = &self.model.grants[grant % self.model.grants.len()];
                let input = match by_token {
                    true => json!({"GrantToken": grant.token.known()}),
                    false => with(grant.key, json!({"GrantId": grant.id.known()})),
                };
                of_key("RetireGrant", grant.key, by, input)
            }
            Act::RevokeGrant { grant, by } => {
                let grant = &self.model.grants[grant % self.model.grants.len()];
                of_key("RevokeGrant", grant.key, by, with(grant.key, json!({"GrantId": grant.id.known()})))
            }
            Act::Advance { .. } | Act::AdvanceToNext { .. } | Act::Restart { .. } => {
                unreachable!("no request")
            }
        }
    }

    /// The access key and the Region of a caller of a key.
    fn caller(&self, key: usize, by: Who) -> (&'static str, &'static str) {
        let key = &self.model.keys[key];
        let (account, region) = SCOPES[key.scope];
        match by {
            Who::Owner => (account, region),
            Who::Elsewhere => (account, "ap-southeast-2"),
            Who::Stranger => (another_account(account), region),
            Who::User(user) => (access_key(USERS[user % USERS.len()]), region),
        }
    }
}
