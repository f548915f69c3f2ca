//! Looks at everything that a server shows, and compares it with the model.

use http::Method;
use lifecycle::state::Record;
use serde_json::{Value, json};

use super::calls::Call;
use super::model::{Model, UNSUPPORTED, named_operations};
use super::play::{Checked, Play, names, same};
use super::script::{Act, Named, SCOPES, USERS, Who};

/// What is encrypted, in base64.
pub(super) const PLAINTEXT: &str = "c2VjcmV0";

/// The encryption context of every ciphertext, or another one.
pub(super) fn context(right: bool) -> Value {
    if right { json!({"tenant": "a"}) } else { json!({"tenant": "b"}) }
}

/// A date as an AWS JSON body has it.
pub(super) fn date(at: i64) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of such dates fit in 53 bits")]
    Value::from(at as f64 / 1_000.0)
}

impl Play {
    /// Looks at the key that an act names.
    pub(super) async fn look_around(&mut self, act: Act) -> Checked {
        match (act, self.touched(act)) {
            (_, Some(key)) => self.look_at_key(key).await,
            // All keys in it come and go with a store.
            (Act::ConnectStore { .. } | Act::DisconnectStore { .. }, None) => {
                self.look_at_everything(2).await
            }
            _ => Ok(()),
        }
    }

    /// Looks at all keys, all lists, the clock, and so many ciphertexts.
    pub(super) async fn look_at_everything(&mut self, sealed_max: usize) -> Checked {
        for scope in 0..SCOPES.len() {
            self.look_at_scope(scope).await?;
        }
        for key in 0..self.model.keys.len() {
            self.look_at_key(key).await?;
        }
        let shown = self.server.control(Method::GET, "/_kms/clock", &Value::Null).await.json();
        let next = self.model.next().map_or(Value::Null, |next| self.told(&next));
        same("the next event", &shown["next_due"], &next)?;
        same("the time", self.clock().await?, self.model.now)?;
        self.count_records()?;
        let count = self.model.sealed.len();
        let first = if count > sealed_max { self.random.index() } else { 0 };
        for at in 0..count.min(sealed_max) {
            self.open(first + at).await?;
        }
        Ok(())
    }

    /// Nothing that has ended is left behind, not even where no request would find it.
    fn count_records(&self) -> Checked {
        let (mut keys, mut materials, mut aliases, mut grants) = (0, 0, 0, 0);
        for record in self.server.service().parts().engine.snapshot().state.records() {
            match record {
                Record::Key(_) => keys += 1,
                Record::Material(_) => materials += 1,
                Record::Alias(_) => aliases += 1,
                Record::Grant(_) => grants += 1,
                // What is not of the model, such as last uses.
                _ => {}
            }
        }
        let model = &self.model;
        let living = model.keys.iter().filter(|key| !key.gone);
        let expected = (
            living.clone().count(),
            living.map(|key| key.materials.len()).sum::<usize>(),
            model.aliases.len(),
            model.grants.iter().filter(|grant| !grant.ended).count(),
        );
        same("keys, materials, aliases and grants", (keys, materials, aliases, grants), expected)
    }

    /// Tries to open a ciphertext, as the owner of its key.
    async fn open(&mut self, sealed: usize) -> Checked {
        let (by, named, token, right_context) = (Who::Owner, Named::Not, None, true);
        let act = Act::Decrypt { sealed, by, named, token, right_context };
        let Call { who, region, operation, input } = self.call_of(act);
        let answer = self.server.call(who, region, operation, &input).await;
        self.played.requests += 1;
        let outcome = self.model.apply(act);
        let what = format!("the error code for ciphertext {sealed}");
        same(&what, answer.code().as_str(), outcome.err().unwrap_or_default())?;
        match outcome {
            Ok(Some(crypto)) => self.compare_crypto(crypto, operation, &answer.json()),
            _ => Ok(()),
        }
    }

    async fn ask(&mut self, key: usize, operation: &str, more: Value) -> (String, Value) {
        let key = &self.model.keys[key];
        let (account, region) = SCOPES[key.scope];
        let mut input = json!({"KeyId": key.arn.known()});
        for (name, value) in more.as_object().into_iter().flatten() {
            input[name] = value.clone();
        }
        let answer = self.server.call(account, region, operation, &input).await;
        self.played.requests += 1;
        (answer.code(), answer.json())
    }

    async fn look_at_key(&mut self, at: usize) -> Checked {
        let arn = self.model.keys[at].arn.known().to_owned();
        self.compare_key(at).await.map_err(|error| format!("key {at}, {arn}: {error}"))
    }

    async fn compare_key(&mut self, at: usize) -> Checked {
        let (code, described) = self.ask(at, "DescribeKey", Value::Null).await;
        if self.model.keys[at].gone {
            return same("the code for a key that is gone", code.as_str(), super::model::NOT_FOUND);
        }
        let (_, listed) = self
            .ask(at, "ListKeyRotations", json!({"IncludeKeyMaterial": "ALL_KEY_MATERIAL", "Limit": 1_000}))
            .await;
        let in_store = self.model.keys[at].in_store;
        match in_store {
            true => same("the rotations", &listed["__type"], &UNSUPPORTED.into())?,
            false => self.compare_rotations(at, &listed)?,
        }
        let key = &self.model.keys[at];
        let metadata = &described["KeyMetadata"];
        let current = key.materials.last().filter(|_| !in_store).map(|material| material.id.known());
        let store = self.model.stores[key.scope].as_ref().filter(|_| in_store);
        let expected = json!({
            "Arn": key.arn.known(),
            "KeyState": key.state(),
            "Enabled": key.state() == "Enabled",
            "CreationDate": date(key.created_at),
            "DeletionDate": key.deletion_at.map(date),
            "CurrentKeyMaterialId": current,
            "CustomKeyStoreId": store.map(|store| store.id.known()),
        });
        let shown: Value =
            expected.as_object().unwrap().keys().map(|name| (name.clone(), metadata[name].clone())).collect();
        same("the description", &shown, &expected)?;
        let mut expected = json!({"KeyId": key.arn.known(), "KeyRotationEnabled": false});
        if let Some(rotation) = key.shown_rotation() {
            expected = json!({
                "KeyId": key.arn.known(), "KeyRotationEnabled": true,
                "RotationPeriodInDays": rotation.period_days, "NextRotationDate": date(rotation.next()),
            });
        }
        let (_, status) = self.ask(at, "GetKeyRotationStatus", Value::Null).await;
        match in_store {
            true => same("the rotation status", &status["__type"], &UNSUPPORTED.into())?,
            false => same("the rotation status", &status, &expected)?,
        }
        let (_, listed) = self.ask(at, "ListGrants", json!({"Limit": 100})).await;
        self.compare_grants(at, &listed)
    }

    /// The whole history of a key's material. Whatever has an id keeps it, and no two have the same.
    fn compare_rotations(&mut self, at: usize, listed: &Value) -> Checked {
        same("the truncation", &listed["Truncated"], &Value::Bool(false))?;
        let entries = listed["Rotations"].as_array().cloned().unwrap_or_default();
        let key = &mut self.model.keys[at];
        let id = key.arn.known().rsplit('/').next().unwrap_or_default().to_owned();
        same("the number of materials", entries.len(), key.materials.len())?;
        same(
            "the number of different materials",
            names(&listed["Rotations"], "KeyMaterialId").len(),
            entries.len(),
        )?;
        for (number, (entry, material)) in entries.iter().zip(&mut key.materials).enumerate() {
            let name = entry["KeyMaterialId"].as_str().unwrap_or_default();
            if !material.id.learn(name) {
                return Err(format!("material {number} is {name}, and was {:?}", material.id));
            }
            let state = if number + 1 == entries.len() { "CURRENT" } else { "NON_CURRENT" };
            let mut expected = json!({"KeyId": id, "KeyMaterialId": name, "KeyMaterialState": state});
            if let Some((kind, rotated_at)) = material.rotated {
                expected["RotationType"] = kind.into();
                expected["RotationDate"] = date(rotated_at);
            }
            same("a rotation", entry, &expected)?;
        }
        Ok(())
    }

    fn compare_grants(&mut self, at: usize, listed: &Value) -> Checked {
        same("the truncation", &listed["Truncated"], &Value::Bool(false))?;
        let entries = listed["Grants"].as_array().cloned().unwrap_or_default();
        let found = names(&listed["Grants"], "GrantId");
        let model = &mut self.model;
        let of_key: Vec<usize> = (0..model.grants.len())
            .filter(|grant| model.grants[*grant].key == at && !model.grants[*grant].ended)
            .collect();
        same("the number of grants", (entries.len(), found.len()), (of_key.len(), of_key.len()))?;
        // A grant whose answer was lost is known by what it says, and from now on by its id.
        let known: Vec<String> =
            of_key.iter().map(|grant| model.grants[*grant].id.known().to_owned()).collect();
        let mut new = found.iter().filter(|id| !known.contains(id));
        for grant in of_key {
            if !model.grants[grant].id.is_known() {
                let id = new.next().ok_or("a grant is missing")?;
                model.grants[grant].id.learn(id);
            }
            let grant = &model.grants[grant];
            let entry = entries.iter().find(|entry| entry["GrantId"] == grant.id.known());
            let entry = entry.ok_or_else(|| format!("the grant {:?} is missing", grant.id))?;
            let mut expected = json!({
                "KeyId": model.keys[at].arn.known(),
                "GrantId": grant.id.known(),
                "Name": grant.name.map(|name| format!("grant-{name}")).unwrap_or_default(),
                "GranteePrincipal": USERS[grant.grantee],
                "IssuingAccount": format!("arn:aws:iam::{}:root", model.keys[at].account()),
            });
            if let Some(retiring) = grant.retiring {
                expected["RetiringPrincipal"] = USERS[retiring].into();
            }
            let mut entry = entry.clone();
            let rest = entry.as_object_mut().ok_or("a grant")?;
            let operations = rest.remove("Operations").unwrap_or_default();
            let created = rest.remove("CreationDate").unwrap_or_default();
            same("a grant", &entry, &expected)?;
            let mut operations: Vec<String> = serde_json::from_value(operations).unwrap_or_default();
            operations.sort();
            same(
                "the operations of a grant",
                operations,
                named_operations(grant.operations).iter().map(|name| (*name).to_owned()).collect(),
            )?;
            same(
                "the seconds of a grant's date",
                created.as_f64().map(f64::floor),
                date(grant.created_at).as_f64().map(f64::floor),
            )?;
        }
        Ok(())
    }

    async fn look_at_scope(&mut self, scope: usize) -> Checked {
        let (account, region) = SCOPES[scope];
        let listed = self.server.call(account, region, "ListKeys", &json!({"Limit": 1_000})).await.json();
        let found = names(&listed["Keys"], "KeyArn");
        let model = &mut self.model;
        let known: Vec<String> = model.keys.iter().map(|key| key.arn.known().to_owned()).collect();
        let mut new = found.iter().filter(|arn| !known.contains(arn));
        // A key whose answer was lost is the one that nobody knows.
        for key in model.keys.iter_mut().filter(|key| key.scope == scope && !key.arn.is_known()) {
            key.arn.learn(new.next().ok_or("a key is missing")?);
        }
        let living = model.keys.iter().filter(|key| key.scope == scope && !key.gone);
        same("the keys", &found, &living.map(|key| key.arn.known().to_owned()).collect())?;
        self.compare_store(scope).await?;
        let listed = self.server.call(account, region, "ListAliases", &json!({"Limit": 100})).await.json();
        self.played.requests += 2;
        let entries = listed["Aliases"].as_array().cloned().unwrap_or_default();
        let made: Vec<Value> = entries.into_iter().filter(|alias| !alias["TargetKeyId"].is_null()).collect();
        same("the aliases", Value::from(made), aliases(&self.model, scope))
    }
}

impl Play {
    /// The custom key store of a scope, if there is one.
    async fn compare_store(&mut self, scope: usize) -> Checked {
        let (account, region) = SCOPES[scope];
        let answer = self.server.call(account, region, "DescribeCustomKeyStores", &json!({})).await.json();
        self.played.requests += 1;
        let shown = |store: &Value| json!([store["CustomKeyStoreId"], store["ConnectionState"]]);
        let found: Vec<Value> =
            answer["CustomKeyStores"].as_array().into_iter().flatten().map(shown).collect();
        let expected = self.model.stores[scope].as_mut().map(|store| {
            // A store whose answer was lost is known from now on.
            store.id.learn(found.first().and_then(|found| found[0].as_str()).unwrap_or_default());
            json!([store.id.known(), if store.connected { "CONNECTED" } else { "DISCONNECTED" }])
        });
        same("the custom key stores", found, expected.into_iter().collect())
    }
}

/// The aliases of a scope in order of their names.
fn aliases(model: &Model, scope: usize) -> Value {
    let mut of_scope: Vec<_> = model.aliases.iter().filter(|alias| alias.scope == scope).collect();
    of_scope.sort_by_key(|alias| alias.name);
    let (account, region) = SCOPES[scope];
    let entry = |alias: &&super::model::Alias| {
        let name = format!("alias/{}", alias.name);
        let target = model.keys[alias.key].arn.known().rsplit('/').next().unwrap_or_default();
        json!({
            "AliasName": name,
            "AliasArn": format!("arn:aws:kms:{region}:{account}:{name}"),
            "TargetKeyId": target,
            "CreationDate": date(alias.created_at),
            "LastUpdatedDate": date(alias.updated_at),
        })
    };
    of_scope.iter().map(entry).collect()
}
