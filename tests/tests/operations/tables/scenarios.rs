//! The scenarios of `lifecycle::at_rest::sample` over HTTP: the real KMS, its clock, and a store that does its tasks.

use std::collections::BTreeMap;
use std::time::Duration;

use fixtures::{ACCOUNT, START, TestKms};
use http::Method;
use kms_server::auth::UnknownAccessKey;
use kms_server::tables::Options;
use kms_tests::xks_proxy::Proxy;
use lifecycle::at_rest::sample::SampleStore;
use lifecycle::at_rest::sample::scenario::{ALL, Scenario, World, read_span};
use lifecycle::at_rest::{Incarnation, Span, Structure, TableStore, Task};
use lifecycle::clock::Timestamp;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::super::wire::{Answer, call_of, control, decoded, encoded};

pub(super) const HOME: &str = "us-east-1";
const FOREIGN: &str = "999988887777";

#[test]
fn every_scenario_comes_out_as_it_says() {
    for (name, text) in ALL {
        let scenario = Scenario::parse(text).unwrap();
        let settings = scenario.settings().unwrap();
        let proxy = text.contains("external-store").then(Proxy::start);
        let mut world = HttpWorld::new(Options { settings, ..Options::default() }, proxy);
        scenario.run(&mut world).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!world.store.contains(b"value"), "{name}: something lies in the clear");
    }
}

/// A table store that knows no keys, and its clients.
pub(super) struct HttpWorld {
    runtime: Runtime,
    kms: TestKms,
    store: SampleStore,
    pub(super) started_at: Timestamp,
    /// Key ARNs by their names in the scenario.
    pub(super) keys: BTreeMap<String, String>,
    /// Ids of custom key stores by theirs.
    pub(super) stores: BTreeMap<String, String>,
    /// What stands behind an external key store.
    pub(super) proxy: Option<Proxy>,
    /// What `deny` has added to the policy of each key.
    denials: BTreeMap<String, Vec<Value>>,
    backups: BTreeMap<String, String>,
    expiries: BTreeMap<(Incarnation, Vec<u8>), Timestamp>,
    streaming: Vec<Incarnation>,
    last_connection: u64,
    calls_seen: BTreeMap<String, u64>,
}

pub(super) type Said = Result<String, String>;

impl HttpWorld {
    fn new(options: Options, proxy: Option<Proxy>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let routes = proxy.iter().map(Proxy::route).collect();
        let kms = TestKms::with(|builder| {
            let builder = builder.tables(options).unknown_access_key(Some(UnknownAccessKey::Root));
            // Generous: the machine may be busy.
            builder.proxies(routes, Duration::from_secs(20))
        });
        let world = HttpWorld {
            runtime,
            kms,
            store: SampleStore::default(),
            started_at: Timestamp(START.0 + 3_600_000),
            keys: BTreeMap::new(),
            stores: BTreeMap::new(),
            proxy,
            denials: BTreeMap::new(),
            backups: BTreeMap::new(),
            expiries: BTreeMap::new(),
            streaming: Vec::new(),
            last_connection: 1_000_000,
            calls_seen: BTreeMap::new(),
        };
        for name in ["x", "y"] {
            let path = format!("/_kms/principals/arn:aws:iam::{ACCOUNT}:user/{name}");
            world.control(Method::PUT, &path, &json!({ "policies": ["AdministratorAccess"] })).ok();
        }
        world
    }

    pub(super) fn control(&self, method: Method, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.runtime.block_on(control(&self.kms, method, path, body))
    }

    pub(super) fn kms_of(&self, account: &str, region: &str, operation: &str, input: Value) -> Answer {
        self.runtime.block_on(call_of(&self.kms, (account, region), operation, input))
    }

    /// A call about a key, by its owner in its Region.
    pub(super) fn kms_call(&self, operation: &str, key: &str, more: Value) -> Answer {
        let mut parts = key.split(':').skip(3);
        let (region, account) = (parts.next().unwrap(), parts.next().unwrap());
        let mut input = json!({ "KeyId": key });
        input.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        self.kms_of(account, region, operation, input)
    }

    /// The path of a table; `eu-west-1:books` names one of another Region.
    fn path(&self, table: &str, rest: &str) -> String {
        let (region, name) = table.split_once(':').unwrap_or((HOME, table));
        format!("/_kms/tables/{ACCOUNT}/{region}/{name}{rest}")
    }

    fn table(&self, table: &str) -> Option<Value> {
        let shown = self.control(Method::GET, &self.path(table, ""), &Value::Null);
        (shown.status == 200).then(|| shown.json()["Table"].clone())
    }

    fn life(&self, table: &str) -> Option<Incarnation> {
        serde_json::from_value(self.table(table)?["Emulator"]["incarnation"].clone()).ok()
    }

    /// Calls, has the store do what follows, and says what came of it.
    fn ask(&mut self, method: Method, path: &str, body: &Value) -> Result<Value, String> {
        let answer = self.control(method, path, body);
        let tasks = self.control(Method::GET, "/_kms/tables/tasks", &Value::Null).ok();
        for shown in tasks["tasks"].as_array().unwrap() {
            let task: Task = serde_json::from_value(shown.clone()).unwrap();
            self.store.perform(&task, &mut |_| unreachable!("nothing lies in the clear")).unwrap();
            self.control(Method::POST, &format!("/_kms/tables/tasks/{}", task.id), &Value::Null).ok();
        }
        if answer.status == 200 { Ok(answer.json()) } else { Err(refusal(&answer)) }
    }

    fn sse(&self, words: &[&str]) -> Value {
        match words {
            [] => Value::Null,
            ["under", "owned", ..] => json!({ "Enabled": false }),
            ["under", "managed", ..] => json!({ "Enabled": true }),
            ["under", key, ..] => {
                json!({ "Enabled": true, "SSEType": "KMS", "KMSMasterKeyId": self.key_id(key) })
            }
            other => panic!("not a key: {other:?}"),
        }
    }

    /// The ARN behind a name of a scenario, or with `id/` before it the bare id; anything else stands for itself.
    pub(super) fn key_id(&self, name: &str) -> String {
        let key = name.strip_prefix("id/").and_then(|name| self.keys.get(name));
        if let Some((_, id)) = key.and_then(|arn| arn.rsplit_once('/')) {
            return id.to_owned();
        }
        self.keys.get(name).cloned().unwrap_or_else(|| name.to_owned())
    }

    fn name_of(&self, arn: &Value) -> String {
        let Some(arn) = arn.as_str() else { return String::new() };
        self.keys.iter().find(|(_, key)| *key == arn).map_or_else(|| arn.to_owned(), |(name, _)| name.clone())
    }

    /// The caller and the connection of a request.
    fn by(&mut self, words: &[&str], mut body: Value) -> Value {
        let after = |word: &str| words.iter().position(|other| *other == word).map(|at| words[at + 1]);
        if let Some(name) = after("as") {
            body["caller"] = format!("arn:aws:iam::{ACCOUNT}:user/{name}").into();
        }
        body["connection"] = match after("on") {
            Some("new") | None => {
                self.last_connection += 1;
                self.last_connection.into()
            }
            Some(number) => number.parse::<u64>().unwrap().into(),
        };
        body
    }

    /// Seals or opens one record.
    fn crypt(
        &mut self,
        table: &str,
        what: &str,
        body: Value,
        key: &[u8],
        data: &[u8],
    ) -> Result<Vec<u8>, String> {
        let mut body = body;
        body["records"] = json!([{ "key": encoded(key), "data": encoded(data) }]);
        let done = self.ask(Method::POST, &self.path(table, &format!("/{what}")), &body)?;
        Ok(decoded(&done["records"][0]))
    }

    fn put(&mut self, table: &str, key: &str, value: &str, by: &Value) -> Result<(), String> {
        let sealed = self.crypt(table, "seal", by.clone(), key.as_bytes(), value.as_bytes())?;
        let life = self.life(table).unwrap();
        self.store.put(life, &Structure::Base, key.as_bytes(), sealed);
        self.emit(table, life, key, value, by)
    }

    fn emit(
        &mut self,
        table: &str,
        life: Incarnation,
        key: &str,
        value: &str,
        by: &Value,
    ) -> Result<(), String> {
        if !self.streaming.contains(&life) {
            return Ok(());
        }
        let mut body = by.clone();
        body["structure"] = "stream".into();
        let sealed = self.crypt(table, "seal", body, key.as_bytes(), value.as_bytes())?;
        let record = lifecycle::at_rest::sample::StreamRecord {
            made_at: self.now(),
            key: key.as_bytes().to_vec(),
            sealed,
        };
        self.store.streams.entry(life).or_default().push(record);
        Ok(())
    }

    fn get(&mut self, table: &str, key: &str, by: Value) -> Said {
        let life = self.life(table);
        let kept = life.and_then(|life| self.store.get(life, &Structure::Base, key.as_bytes()).cloned());
        let opened = self.crypt(table, "open", by, key.as_bytes(), &kept.unwrap_or_default())?;
        Ok(String::from_utf8(opened).unwrap())
    }

    fn stream(&mut self, table: &str, by: Value) -> Said {
        let horizon = self.ask(Method::GET, &self.path(table, "/stream"), &Value::Null)?;
        let horizon: jiff::Timestamp = horizon["horizon"].as_str().unwrap().parse().unwrap();
        self.store.trim_streams(Timestamp(horizon.as_millisecond()));
        let records = self.store.streams.get(&self.life(table).unwrap()).cloned().unwrap_or_default();
        let mut body = by;
        (body["structure"], body["operation"]) = ("stream".into(), "GetRecords".into());
        body["records"] = records
            .iter()
            .map(|record| json!({ "key": encoded(&record.key), "data": encoded(&record.sealed) }))
            .collect();
        let opened = self.ask(Method::POST, &self.path(table, "/open"), &body)?;
        let opened: Vec<String> = opened["records"]
            .as_array()
            .unwrap()
            .iter()
            .map(|text| String::from_utf8(decoded(text)).unwrap())
            .collect();
        Ok(format!("{} records {}", opened.len(), opened.join(",")))
    }

    fn sweep(&mut self, table: &str) -> Said {
        let life = self.life(table).unwrap();
        let (keys, times): (Vec<Vec<u8>>, Vec<String>) = self
            .expiries
            .iter()
            .filter(|((of, _), _)| *of == life)
            .map(|((_, key), at)| (key.clone(), at.to_string()))
            .unzip();
        let due = self.ask(Method::POST, &self.path(table, "/ttl"), &json!({ "expires_at": times }))?;
        let mut removed = 0;
        for (key, due) in keys.into_iter().zip(due["remove"].as_array().unwrap()) {
            if due == &json!(true) {
                let by = json!({ "operation": "TtlDelete" });
                let name = String::from_utf8(key.clone()).unwrap();
                self.emit(table, life, &name, "REMOVE by dynamodb.amazonaws.com", &by)?;
                self.store.delete(life, &Structure::Base, &key);
                self.expiries.remove(&(life, key));
                removed += 1;
            }
        }
        Ok(removed.to_string())
    }

    fn now(&self) -> Timestamp {
        self.kms.service().parts().engine.snapshot().now()
    }

    pub(super) fn new_key(&mut self, name: &str, account: &str, region: &str, input: Value) -> Said {
        let made = self.kms_of(account, region, "CreateKey", input).ok();
        let arn = made["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
        self.keys.insert(name.to_owned(), arn);
        Ok("ok".to_owned())
    }

    fn describe_key(&mut self, name: &str, alias: &str) -> Said {
        let shown = self.kms_of(ACCOUNT, HOME, "DescribeKey", json!({ "KeyId": alias })).ok();
        self.keys.insert(name.to_owned(), shown["KeyMetadata"]["Arn"].as_str().unwrap().to_owned());
        Ok("ok".to_owned())
    }

    fn put_policy(&self, key: &str) -> Said {
        let mut statements = vec![json!({
            "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") }, "Action": "kms:*",
            "Resource": "*",
        })];
        statements.extend(self.denials.get(key).cloned().unwrap_or_default());
        let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        done(&self.kms_call(
            "PutKeyPolicy",
            key,
            json!({ "Policy": policy, "BypassPolicyLockoutSafetyCheck": true }),
        ))
    }

    fn grants(&self, key: &str) -> Vec<Value> {
        self.kms_call("ListGrants", key, json!({})).ok()["Grants"].as_array().unwrap().clone()
    }

    fn key_command(&mut self, words: &[&str]) -> Option<Said> {
        let key = words.get(1).map(|name| self.key_id(name)).unwrap_or_default();
        Some(match words {
            ["key", name] => self.new_key(name, ACCOUNT, HOME, json!({})),
            ["key", name, region] => self.new_key(name, ACCOUNT, region, json!({})),
            ["signing-key", name] => {
                self.new_key(name, ACCOUNT, HOME, json!({ "KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY" }))
            }
            ["foreign-key", name] => self.new_key(name, FOREIGN, HOME, json!({})),
            ["foreign-managed-key", name, alias] => self.describe_key(name, alias),
            ["name-managed-key", name] => self.describe_key(name, "alias/aws/dynamodb"),
            ["disable", _] => done(&self.kms_call("DisableKey", &key, json!({}))),
            ["enable", _] => done(&self.kms_call("EnableKey", &key, json!({}))),
            ["schedule-deletion", _, days] => {
                let days: u32 = days.parse().unwrap();
                done(&self.kms_call("ScheduleKeyDeletion", &key, json!({ "PendingWindowInDays": days })))
            }
            ["revoke-grants", _] => {
                for grant in self.grants(&key) {
                    self.kms_call("RevokeGrant", &key, json!({ "GrantId": grant["GrantId"] })).ok();
                }
                Ok("ok".to_owned())
            }
            ["deny", _, who, action] => {
                let principal = match *who {
                    "root" => "root".to_owned(),
                    user => format!("user/{user}"),
                };
                self.denials.entry(key.clone()).or_default().push(json!({
                    "Effect": "Deny", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:{principal}") },
                    "Action": format!("kms:{action}"), "Resource": "*",
                }));
                self.put_policy(&key)
            }
            ["allow", _] => {
                self.denials.remove(&key);
                self.put_policy(&key)
            }
            ["direct", _, action] => {
                let tags = json!({ "Tags": [{ "TagKey": "a", "TagValue": "b" }] });
                done(&self.kms_call(action, &key, if *action == "TagResource" { tags } else { json!({}) }))
            }
            ["grants", _] => Ok(self.grants(&key).len().to_string()),
            ["rotations", _] => {
                let rotations = self.kms_call("ListKeyRotations", &key, json!({})).ok();
                Ok(rotations["Rotations"].as_array().unwrap().len().to_string())
            }
            ["keys"] => {
                let keys = self.kms_of(ACCOUNT, HOME, "ListKeys", json!({})).ok();
                Ok(keys["Keys"].as_array().unwrap().len().to_string())
            }
            ["calls", operation] => {
                let all = self.report().into_iter().map(|table| {
                    let reasons = table["kms_requests"]["by_operation"][*operation].as_object().cloned();
                    reasons.unwrap_or_default().values().filter_map(Value::as_u64).sum::<u64>()
                });
                let all = all.sum();
                let before = self.calls_seen.insert((*operation).to_owned(), all).unwrap_or_default();
                Ok((all - before).to_string())
            }
            _ => return None,
        })
    }

    fn report(&self) -> Vec<Value> {
        self.control(Method::GET, "/_kms/tables/report", &Value::Null).ok()["tables"]
            .as_array()
            .unwrap()
            .clone()
    }

    fn look(&self, words: &[&str]) -> Option<String> {
        let missing = || "ResourceNotFoundException".to_owned();
        let seconds = |date: &Value| date.as_f64().map(|at| at - self.started_at.epoch_seconds());
        let sse = |sse: &Value| match sse {
            Value::Null => "absent".to_owned(),
            sse => format!("{} {}", sse["Status"].as_str().unwrap(), self.name_of(&sse["KMSMasterKeyArn"])),
        };
        Some(match words {
            ["status", table] => self
                .table(table)
                .map_or_else(missing, |shown| shown["TableStatus"].as_str().unwrap().to_owned()),
            ["sse", table] => self.table(table).map_or_else(missing, |shown| sse(&shown["SSEDescription"])),
            ["inaccessible-at", table] => {
                let date = &self.table(table)?["SSEDescription"]["InaccessibleEncryptionDateTime"];
                seconds(date).map_or_else(|| "absent".to_owned(), |at| at.to_string())
            }
            ["archival", table] => match &self.table(table)?["ArchivalSummary"] {
                Value::Null => "absent".to_owned(),
                summary => format!(
                    "{} {}",
                    seconds(&summary["ArchivalDateTime"]).unwrap(),
                    summary["ArchivalBackupArn"].as_str().unwrap_or("no backup")
                ),
            },
            ["replicas", table] => {
                let replicas = self.table(table)?["Replicas"].as_array().cloned().unwrap_or_default();
                let each = replicas.iter().map(|replica| {
                    let text = |name: &str| replica[name].as_str().unwrap_or_default().to_owned();
                    let key = self.name_of(&replica["KMSMasterKeyId"]);
                    format!("{} {} {key}", text("RegionName"), text("ReplicaStatus"))
                });
                let each: Vec<String> = each.collect();
                if each.is_empty() { "none".to_owned() } else { each.join(", ") }
            }
            ["backup-sse", name] => {
                let path = format!("/_kms/tables/backups?arn={}", self.backups.get(*name)?);
                sse(&self.control(Method::GET, &path, &Value::Null).ok()["backups"][0]["SSEDescription"])
            }
            ["mails"] => {
                let told = self.control(Method::GET, "/_kms/notifications", &Value::Null).ok();
                let told = told["Notifications"].as_array().unwrap().clone();
                told.iter().filter(|event| event["detail"]["mail"] == true).count().to_string()
            }
            ["avoidable", table] => {
                let arn = self.table(table)?["TableArn"].clone();
                let tables = self.report();
                tables.iter().find(|shown| shown["table"] == arn)?["reuse"]["avoidable"].to_string()
            }
            _ => return None,
        })
    }

    fn table_command(&mut self, words: &[&str]) -> Result<Said, String> {
        let ok = |answered: Result<Value, String>| answered.map(|_| "ok".to_owned());
        Ok(match words {
            ["create", table, sse @ ..] => {
                let body = json!({ "SSESpecification": self.sse(sse) });
                ok(self.ask(Method::PUT, &self.path(table, ""), &body))
            }
            ["put", table, key, value, by @ ..] => {
                let by = self.by(by, json!({}));
                self.put(table, key, value, &by).map(|()| "ok".to_owned())
            }
            ["get", table, key, by @ ..] => {
                let by = self.by(by, json!({}));
                self.get(table, key, by)
            }
            ["expire", table, key, at] => {
                let at = read_span(at).unwrap().after(self.started_at);
                self.expiries.insert((self.life(table).unwrap(), key.as_bytes().to_vec()), at);
                Ok("ok".to_owned())
            }
            ["sweep", table] => self.sweep(table),
            ["stream", table, by @ ..] => {
                let by = self.by(by, json!({}));
                self.stream(table, by)
            }
            ["stream-on", table] => {
                let life = self.life(table).unwrap();
                self.streaming.push(life);
                ok(self.ask(Method::PUT, &self.path(table, "/features/stream"), &json!({ "enabled": true })))
            }
            ["switch", table, sse @ ..] => {
                let body = json!({ "SSESpecification": self.sse(sse) });
                ok(self.ask(Method::PUT, &self.path(table, "/key"), &body))
            }
            ["backup", table, name] => {
                // Names of backups have three characters at least.
                let body = json!({ "name": format!("backup-{name}") });
                let made = self.ask(Method::POST, &self.path(table, "/backups"), &body);
                made.map(|made| {
                    let arn = made["BackupDetails"]["BackupArn"].as_str().unwrap().to_owned();
                    self.backups.insert((*name).to_owned(), arn);
                    "ok".to_owned()
                })
            }
            ["name-archive", table, name] => {
                let shown = self.table(table).unwrap();
                let arn = shown["ArchivalSummary"]["ArchivalBackupArn"].as_str().unwrap().to_owned();
                self.backups.insert((*name).to_owned(), arn);
                Ok("ok".to_owned())
            }
            ["restore", name, target, sse @ ..] => {
                let mut body = json!({ "backup": self.backups[*name] });
                if !sse.is_empty() {
                    body["SSESpecificationOverride"] = self.sse(sse);
                }
                ok(self.ask(Method::POST, &self.path(target, "/restore"), &body))
            }
            ["delete", table] => ok(self.ask(Method::DELETE, &self.path(table, ""), &Value::Null)),
            ["replica", table, region, key @ ..] => {
                let mut body = json!({ "region": region });
                if let Some(key) = key.first() {
                    body["KMSMasterKeyId"] = self.key_id(key).into();
                }
                ok(self.ask(Method::POST, &self.path(table, "/replicas"), &body))
            }
            ["replication", table] => {
                ok(self.ask(Method::POST, &self.path(table, "/access"), &json!({ "operation": "Replicate" })))
            }
            _ => return Err(format!("unknown command: {}", words.join(" "))),
        })
    }
}

/// `{code}: {message}` of DynamoDB or KMS.
fn refusal(answer: &Answer) -> String {
    let code = answer.code();
    format!("{}: {}", code.rsplit('#').next().unwrap(), answer.message())
}

pub(super) fn done(answer: &Answer) -> Said {
    Ok(if answer.status == 200 { "ok".to_owned() } else { refusal(answer) })
}

impl World for HttpWorld {
    fn advance(&mut self, to: Span) {
        let to = to.after(self.started_at);
        if to > self.now() {
            self.control(Method::POST, "/_kms/clock/advance", &json!({ "to": to.to_string() })).ok();
            self.ask(Method::GET, "/_kms/tables", &Value::Null).unwrap();
        }
    }

    fn run(&mut self, words: &[&str]) -> Said {
        if let Some(answer) = self.key_command(words).or_else(|| self.kind_command(words)) {
            return answer;
        }
        if let Some(answer) = self.look(words) {
            return Ok(answer);
        }
        Ok(self.table_command(words)?.unwrap_or_else(|refusal| refusal))
    }
}
