//! Encryption at rest over `/_kms/tables`: what a table store asks, and what becomes of its tables.

mod kept;
mod kinds;
mod loss;
mod proxied;
mod scenarios;
mod selection;
mod usage;
mod work;

use fixtures::{ACCOUNT, REGION, TestKms};
use http::Method;
use serde_json::{Value, json};

use super::wire::{self, Answer, call, control, encoded};

/// A table of the default account and Region, as a store sees it.
struct Table<'k> {
    kms: &'k TestKms,
    name: &'static str,
}

impl<'k> Table<'k> {
    fn named(kms: &'k TestKms, name: &'static str) -> Self {
        Table { kms, name }
    }

    /// A table that is ACTIVE.
    async fn active(kms: &'k TestKms, name: &'static str, sse: Value) -> Self {
        let table = Table::named(kms, name);
        table.create(sse).await.ok();
        kms.clock().advance("6s").await.unwrap();
        assert_eq!(table.status().await, "ACTIVE");
        table
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> Answer {
        let name = self.name;
        let path = format!("/_kms/tables/{ACCOUNT}/{REGION}/{name}{path}");
        control(self.kms, method, &path, if body.is_null() { String::new() } else { body.to_string() }).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, body).await
    }

    async fn create(&self, sse: Value) -> Answer {
        self.ask(Method::PUT, "", json!({ "SSESpecification": sse })).await
    }

    async fn show(&self) -> Value {
        self.ask(Method::GET, "", Value::Null).await.ok()["Table"].clone()
    }

    async fn status(&self) -> String {
        self.show().await["TableStatus"].as_str().unwrap().to_owned()
    }

    /// Seals one record on a connection.
    async fn seal(&self, connection: u64, text: &str) -> Answer {
        let records = json!([{ "key": encoded(b"k"), "data": encoded(text.as_bytes()) }]);
        self.post("/seal", json!({ "connection": connection, "records": records })).await
    }

    /// Opens one record on a connection.
    async fn open(&self, connection: u64, sealed: &Value) -> Answer {
        let records = json!([{ "key": encoded(b"k"), "data": sealed }]);
        self.post("/open", json!({ "connection": connection, "records": records })).await
    }
}

/// `SSESpecification` with a key.
fn under(key: &str) -> Value {
    json!({ "Enabled": true, "SSEType": "KMS", "KMSMasterKeyId": key })
}

async fn new_key(kms: &TestKms) -> String {
    let created = call(kms, "CreateKey", json!({})).await.ok();
    created["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
}

/// The names of all audit events of a name and a caller, in order.
async fn calls(kms: &TestKms) -> Vec<String> {
    let events = wire::events(kms, "limit=1000").await;
    let of_service = events.iter().filter(|event| event["sourceIPAddress"] == "dynamodb.amazonaws.com");
    of_service.map(|event| event["eventName"].as_str().unwrap().to_owned()).collect()
}
