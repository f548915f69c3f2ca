//! A world of `lifecycle::at_rest::sample` whose KMS is a server in another process: the engine here, its keys there.

use std::cell::RefCell;
use std::collections::BTreeMap;

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use fixtures::process::{Reply, ServerProcess, send};
use kms_server::engine::wall;
use kms_server::tables::remote::{Authority, Credentials, RemoteKms};
use lifecycle::at_rest::sample::{NamedKeys, SampleStore, SampleWorld, ScenarioKms, Scene, WorldTables};
use lifecycle::at_rest::{Answer, Input, KmsCall, KmsPort, KmsReply, Observation, Refusal, Settings, Span};
use lifecycle::clock::Timestamp;
use lifecycle::ids::{KeyArn, Scope};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::super::support::{control, in_memory};

/// The account of sample worlds.
pub(super) const ACCOUNT: &str = "000000000000";
/// The role of a store that speaks for itself.
pub(super) const STORE: &str = "arn:aws:iam::000000000000:role/store";
pub(super) const SECRET: &str = "secret-of-the-service";

/// A server that knows the credential of DynamoDB and one of a session of the store's role, and lets in everybody else as
/// root.
pub(super) fn server() -> ServerProcess {
    let keys = format!(
        "DYNAMO:{SECRET}:dynamodb.amazonaws.com STORE:secret-of-the-store:arn:aws:sts::{ACCOUNT}:assumed-role/store/main"
    );
    let server = in_memory(&[
        "--clock-frozen",
        "--clock-start",
        "2026-01-01T00:00:00Z",
        "--auth-access-keys",
        &keys,
        "--auth-unknown-access-key",
        "root",
    ]);
    let trust = json!({ "Statement": { "Effect": "Allow", "Principal": { "AWS": ACCOUNT }, "Action": "sts:AssumeRole" } });
    let role = json!({ "trust": trust, "policies": ["AdministratorAccess"] });
    put_principal(&server, STORE, &role);
    for user in ["x", "y"] {
        let arn = format!("arn:aws:iam::{ACCOUNT}:user/{user}");
        put_principal(&server, &arn, &json!({ "policies": ["AdministratorAccess"] }));
    }
    server
}

fn put_principal(server: &ServerProcess, arn: &str, body: &Value) {
    let reply = control(server, "PUT", &format!("/_kms/principals/{arn}"), &body.to_string());
    assert_eq!(reply.status, 200, "{}", reply.text);
}

/// A request that AWS's own signer has signed with its first headers, and not with the others.
pub(super) fn send_signed(
    server: &ServerProcess,
    (id, secret): (&str, &str),
    service: &str,
    [signed, added]: [&[(&str, &str)]; 2],
    body: &str,
) -> Reply {
    let host = format!("127.0.0.1:{}", server.port());
    let mut headers = vec![("host", host.as_str())];
    headers.extend_from_slice(signed);
    let identity = aws_sdk_kms::config::Credentials::new(id, secret, None, None, "test").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name(service)
        .time(wall::system_time())
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let (url, signable) = (format!("http://{host}/"), SignableBody::Bytes(body.as_bytes()));
    let request = SignableRequest::new("POST", url, headers.iter().copied(), signable).unwrap();
    let (instructions, _) = sign(request, &parameters).unwrap().into_parts();
    headers.extend(instructions.headers());
    headers.extend_from_slice(added);
    send(server.port(), "POST", "/", &headers, body.as_bytes()).unwrap()
}

/// A request to STS.
pub(super) fn sts(server: &ServerProcess, signer: (&str, &str), body: &str) -> Reply {
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    send_signed(server, signer, "sts", [&headers, &[]], body)
}

pub(super) fn service(server: &ServerProcess) -> RemoteKms {
    remote(server, Authority::Service, ("DYNAMO", SECRET))
}

pub(super) fn direct(server: &ServerProcess) -> RemoteKms {
    remote(server, Authority::Direct { principal: STORE.to_owned() }, ("STORE", "secret-of-the-store"))
}

pub(super) fn remote(server: &ServerProcess, authority: Authority, key: (&str, &str)) -> RemoteKms {
    let credentials = Credentials::of_access_key(key.0, key.1);
    RemoteKms::new(server.url(), authority, move || credentials.clone()).unwrap()
}

/// A KMS in another process, with the driver of futures.
pub(super) struct RemoteWorld {
    pub(super) server: ServerProcess,
    port: Counted,
    runtime: Runtime,
    clock: RefCell<Timestamp>,
    changed: BTreeMap<KeyArn, Timestamp>,
    denials: BTreeMap<KeyArn, Vec<Value>>,
}

/// Notes what is called.
struct Counted {
    kms: RemoteKms,
    called: RefCell<Vec<&'static str>>,
}

impl KmsPort for Counted {
    async fn call(&self, call: &KmsCall, at: Timestamp) -> KmsReply {
        self.called.borrow_mut().push(call.request.operation());
        self.kms.call(call, at).await
    }
}

/// A sample world around a server.
pub(super) fn world(server: ServerProcess, kms: RemoteKms, settings: Settings) -> SampleWorld<RemoteWorld> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let remote = RemoteWorld {
        server,
        port: Counted { kms, called: RefCell::default() },
        runtime,
        clock: RefCell::new(Timestamp(0)),
        changed: BTreeMap::new(),
        denials: BTreeMap::new(),
    };
    SampleWorld::around(remote, settings)
}

/// The settings of a store that nobody tells of changes.
pub(super) fn probing() -> Settings {
    Settings { observation: Observation::Probed(Span::minutes(30)), ..Settings::default() }
}

impl RemoteWorld {
    /// A request of an account's root user in a Region.
    pub(super) fn kms_of(&self, scope: Scope, operation: &str, input: &Value) -> Reply {
        let port = self.server.port();
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/20260101/{}/kms/aws4_request, SignedHeaders=host;x-amz-date, Signature={}",
            scope.account,
            scope.region,
            "0".repeat(64)
        );
        let (host, target) = (format!("127.0.0.1:{port}"), format!("TrentService.{operation}"));
        let headers = [
            ("host", host.as_str()),
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", &target),
            ("x-amz-date", "20260101T000000Z"),
            ("authorization", &authorization),
        ];
        send(port, "POST", "/", &headers, input.to_string().as_bytes()).unwrap()
    }

    /// A request about a key by its owner.
    pub(super) fn key_call(&self, operation: &str, key: KeyArn, more: Value) -> Reply {
        let mut input = json!({ "KeyId": key });
        input.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        self.kms_of(key.scope, operation, &input)
    }

    pub(super) fn grants(&self, key: KeyArn) -> Vec<Value> {
        let reply = self.key_call("ListGrants", key, json!({}));
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()["Grants"].as_array().unwrap().clone()
    }

    /// Another way to the same server.
    pub(super) fn go_on_with(&mut self, kms: RemoteKms) {
        self.port.kms = kms;
    }

    /// The names of the calls since this was last asked.
    pub(super) fn called(&self) -> Vec<&'static str> {
        self.port.called.take()
    }

    /// Moves the clock of the server, which never goes back.
    fn move_clock(&self, to: Timestamp) {
        if self.clock.replace_with(|now| (*now).max(to)) < to {
            let moved = control(
                &self.server,
                "POST",
                "/_kms/clock/advance",
                &json!({ "to": to.to_string() }).to_string(),
            );
            assert_eq!(moved.status, 200, "{}", moved.text);
        }
    }

    fn put_policy(&self, key: KeyArn) -> Reply {
        let root = format!("arn:aws:iam::{}:root", key.scope.account);
        let mut statements = vec![
            json!({ "Effect": "Allow", "Principal": { "AWS": root }, "Action": "kms:*", "Resource": "*" }),
        ];
        statements.extend(self.denials.get(&key).cloned().unwrap_or_default());
        let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        self.key_call(
            "PutKeyPolicy",
            key,
            json!({ "Policy": policy, "BypassPolicyLockoutSafetyCheck": true }),
        )
    }

    /// Makes a key, or has one described, and gives its ARN.
    fn key(&self, scope: Scope, operation: &str, input: &Value) -> Result<KeyArn, String> {
        let reply = self.kms_of(scope, operation, input);
        let arn = reply.json()["KeyMetadata"]["Arn"].as_str().map(str::to_owned);
        arn.and_then(|arn| arn.parse().ok()).ok_or(reply.text)
    }
}

fn said(reply: &Reply) -> String {
    let (body, text) = (reply.json(), |value: &Value| value.as_str().unwrap_or_default().to_owned());
    match reply.status {
        200 => "ok".to_owned(),
        _ => format!("{}: {}", text(&body["__type"]), text(&body["message"])),
    }
}

impl ScenarioKms for RemoteWorld {
    fn run(&self, tables: &WorldTables, input: Input, now: Timestamp) -> Result<Answer, Refusal> {
        self.runtime.block_on(tables.run_async(input, now, &self.port))
    }

    /// At every instant at which something falls due of tables, what falls due of keys has happened before.
    fn advance(&self, tables: &WorldTables, to: Timestamp) {
        let mut last = None;
        while let Some(due) = tables.read(|engine, _| engine.next_due()).filter(|due| *due <= to) {
            assert_ne!(last.replace(due), Some(due), "what is due is done");
            self.move_clock(due);
            self.runtime.block_on(tables.advance_async(due, &self.port));
        }
        self.move_clock(to);
        self.runtime.block_on(tables.advance_async(to, &self.port));
    }

    fn settle(&self, tables: &WorldTables, store: &mut SampleStore, now: Timestamp) {
        let _ = self.runtime.block_on(tables.settle_async(store, now, &self.port));
    }

    fn last_change(&self, key: KeyArn) -> Option<Timestamp> {
        self.changed.get(&key).copied()
    }

    fn command(
        &mut self,
        words: &[&str],
        keys: &mut NamedKeys,
        Scene { scope, now, .. }: Scene,
    ) -> Option<Result<String, String>> {
        let signing = json!({ "KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY" });
        let foreign = Scope { account: "999988887777".parse().unwrap(), ..scope };
        let described = |alias: &str| self.key(scope, "DescribeKey", &json!({ "KeyId": alias }));
        let made = match words {
            ["key", _] => Some(self.key(scope, "CreateKey", &json!({}))),
            ["key", _, region] => {
                Some(self.key(Scope { region: region.parse().unwrap(), ..scope }, "CreateKey", &json!({})))
            }
            ["signing-key", _] => Some(self.key(scope, "CreateKey", &signing)),
            ["foreign-key", _] => Some(self.key(foreign, "CreateKey", &json!({}))),
            ["foreign-managed-key", _, alias] => Some(described(alias)),
            ["name-managed-key", _] => Some(described("alias/aws/dynamodb")),
            _ => None,
        };
        if let Some(made) = made {
            return Some(made.map(|key| {
                keys.insert(words[1].to_owned(), key);
                "ok".to_owned()
            }));
        }
        match words {
            ["keys"] => {
                let listed = self.kms_of(scope, "ListKeys", &json!({})).json();
                return Some(Ok(listed["Keys"].as_array().unwrap().len().to_string()));
            }
            ["calls", operation] => {
                return Some(Ok(self.called().iter().filter(|name| *name == operation).count().to_string()));
            }
            _ => {}
        }
        let key = *keys.get(*words.get(1)?)?;
        let changed = match words {
            ["disable", _] => self.key_call("DisableKey", key, json!({})),
            ["enable", _] => self.key_call("EnableKey", key, json!({})),
            ["schedule-deletion", _, days] => {
                let days: u32 = days.parse().unwrap();
                self.key_call("ScheduleKeyDeletion", key, json!({ "PendingWindowInDays": days }))
            }
            ["cancel-deletion", _] => self.key_call("CancelKeyDeletion", key, json!({})),
            ["revoke-grants", _] => {
                for grant in self.grants(key) {
                    let revoked = self.key_call("RevokeGrant", key, json!({ "GrantId": grant["GrantId"] }));
                    assert_eq!(revoked.status, 200, "{}", revoked.text);
                }
                self.key_call("DescribeKey", key, json!({}))
            }
            ["deny", _, who, action] => {
                let principal = if *who == "root" { "root".to_owned() } else { format!("user/{who}") };
                self.denials.entry(key).or_default().push(json!({
                    "Effect": "Deny", "Principal": { "AWS": format!("arn:aws:iam::{}:{principal}", scope.account) },
                    "Action": format!("kms:{action}"), "Resource": "*",
                }));
                self.put_policy(key)
            }
            ["allow", _] => {
                self.denials.remove(&key);
                self.put_policy(key)
            }
            ["direct", _, action] => {
                let tags = json!({ "Tags": [{ "TagKey": "a", "TagValue": "b" }] });
                let more = if *action == "TagResource" { tags } else { json!({}) };
                return Some(Ok(said(&self.key_call(action, key, more))));
            }
            ["grants", _] => return Some(Ok(self.grants(key).len().to_string())),
            ["rotations", _] => {
                let rotations = self.key_call("ListKeyRotations", key, json!({})).json();
                return Some(Ok(rotations["Rotations"].as_array().unwrap().len().to_string()));
            }
            _ => return None,
        };
        self.changed.insert(key, now);
        Some(Ok(said(&changed)))
    }
}
