//! Backups, restores, settings, tasks of the store, what it lacks, and what tables cost.

use super::super::wire::{control, encoded};
use super::{Answer, Table, call, new_key, under};
use fixtures::TestKms;
use http::Method;
use kms_server::faults::Faults;
use kms_server::tables::Options;
use lifecycle::at_rest::{Settings, Span};
use serde_json::{Value, json};

async fn look(kms: &TestKms, path: &str) -> Value {
    control(kms, Method::GET, &format!("/_kms/tables/{path}"), "").await.ok()
}

/// What stores have to do: the table's name and the capability.
async fn tasks(kms: &TestKms) -> Vec<(String, String)> {
    let tasks = look(kms, "tasks").await["tasks"].as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    tasks.iter().map(|task| (text(&task["table"]["name"]), text(&task["capability"]))).collect()
}

async fn end_tasks(kms: &TestKms) {
    for task in look(kms, "tasks").await["tasks"].as_array().unwrap() {
        control(kms, Method::POST, &format!("/_kms/tables/tasks/{}", task["id"]), "").await.ok();
    }
}

fn refused(answer: &Answer, code: &str) {
    assert_eq!(answer.code(), format!("com.amazonaws.dynamodb.v20120810#{code}"), "{}", answer.message());
}

#[tokio::test]
async fn a_backup_keeps_its_key_and_is_restored_as_a_task_of_the_store() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    let table = Table::active(&kms, "books", under(&key)).await;
    let sealed = table.seal(1, "Moby Dick").await.ok()["records"][0].clone();
    assert_eq!(table.post("/backups", json!({ "name": "a" })).await.status, 400);
    let made = table.post("/backups", json!({ "name": "daily" })).await.ok()["BackupDetails"].clone();
    assert_eq!(
        (&made["BackupType"], &made["SSEDescription"]["KMSMasterKeyArn"]),
        (&json!("USER"), &json!(key))
    );
    assert_eq!(tasks(&kms).await, [("books".to_owned(), "snapshot".to_owned())]);
    end_tasks(&kms).await;
    assert_eq!(look(&kms, "backups").await["backups"], json!([made]));
    let arn = made["BackupArn"].as_str().unwrap();

    let copy = Table::named(&kms, "copy");
    assert_eq!(copy.post("/restore", json!({})).await.status, 400, "nothing to restore from");
    let missing = copy.post("/restore", json!({ "backup": arn.replace("books", "films") })).await;
    refused(&missing, "BackupNotFoundException");
    copy.post("/restore", json!({ "backup": arn })).await.ok();
    assert_eq!(copy.status().await, "CREATING");
    kms.clock().advance("3m").await.unwrap();
    assert_eq!(copy.status().await, "ACTIVE");
    assert_eq!(tasks(&kms).await, [("copy".to_owned(), "fill".to_owned())]);
    end_tasks(&kms).await;
    // The store has copied the record as it was.
    assert_eq!(copy.open(1, &sealed).await.ok()["records"], json!([encoded(b"Moby Dick")]));

    call(&kms, "DisableKey", json!({ "KeyId": key })).await.ok();
    let lost = Table::named(&kms, "lost").post("/restore", json!({ "backup": arn })).await;
    assert!(lost.message().starts_with("KMS key disabled error"), "{}", lost.message());
    let path = format!("/_kms/tables/backups?arn={arn}");
    control(&kms, Method::DELETE, &path, "").await.ok();
    refused(&control(&kms, Method::GET, &path, "").await, "BackupNotFoundException");
    assert_eq!(control(&kms, Method::GET, "/_kms/tables/backups?name=x", "").await.status, 400);
}

#[tokio::test]
async fn a_table_that_lies_in_the_clear_is_attached_and_sealed_by_the_store() {
    let kms = TestKms::new();
    let table = Table::named(&kms, "books");
    table.post("/attach", json!({})).await.ok();
    assert_eq!(table.status().await, "ACTIVE");
    assert_eq!(tasks(&kms).await, [("books".to_owned(), "encrypt".to_owned())]);
    let sealed = table
        .post("/seal", json!({ "operation": "Maintain", "records": [{ "key": "aw==", "data": "eA==" }] }));
    assert_eq!(sealed.await.ok()["records"].as_array().unwrap().len(), 1);
    end_tasks(&kms).await;
    assert_eq!(tasks(&kms).await, []);
    assert_eq!(control(&kms, Method::POST, "/_kms/tables/tasks/77", "").await.status, 404);
}

#[tokio::test]
async fn what_a_store_lacks_is_refused_and_never_left_out_in_silence() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    let table = Table::active(&kms, "books", under(&key)).await;
    let declare = async |lacks: Value| {
        control(&kms, Method::PUT, "/_kms/tables/capabilities", json!({ "lacks": lacks }).to_string()).await
    };
    assert_eq!(declare(json!(["colour"])).await.status, 400);
    let all = ["snapshot", "fill", "copy", "encrypt", "drop", "streams", "time_to_live", "replicas"];
    let declared = declare(json!(all)).await.ok();
    let lacking = declared["capabilities"].as_array().unwrap().iter().filter(|c| c["has"] == false).count();
    assert_eq!(lacking, all.len());
    let on = json!({ "enabled": true });
    let conflicts = [
        table.ask(Method::PUT, "/features/stream", on.clone()).await,
        table.ask(Method::PUT, "/features/time_to_live", on.clone()).await,
        table.post("/backups", json!({ "name": "daily" })).await,
        table.post("/replicas", json!({ "region": "eu-west-1" })).await,
        Table::named(&kms, "films").post("/attach", json!({})).await,
        Table::named(&kms, "films").post("/restore", json!({ "backup": "arn" })).await,
    ];
    for answer in conflicts {
        assert_eq!(answer.status, 409, "{}", answer.message());
        assert!(
            answer.message().starts_with("the store has declared that it lacks `"),
            "{}",
            answer.message()
        );
    }
    // Archiving goes on without the store, and every rule about the key holds.
    call(&kms, "DisableKey", json!({ "KeyId": key })).await.ok();
    kms.clock().advance("8d").await.unwrap();
    assert_eq!((table.status().await.as_str(), tasks(&kms).await), ("ARCHIVED", vec![]));
    refused(&table.seal(1, "x").await, "ResourceNotFoundException");
    // What it lacks is kept with the tables.
    declare(json!([])).await.ok();
    table.ask(Method::DELETE, "", Value::Null).await.ok();
    assert_eq!(tasks(&kms).await, [("books".to_owned(), "drop".to_owned())]);
    declare(json!(["drop"])).await.ok();
    assert_eq!(tasks(&kms).await, [], "what waits is given up, too");
}

#[tokio::test]
async fn settings_of_a_table_and_questions_about_time_go_by_its_key() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    let table = Table::active(&kms, "books", under(&key)).await;
    let feature = async |name: &str, enabled: bool| {
        table.ask(Method::PUT, &format!("/features/{name}"), json!({ "enabled": enabled })).await
    };
    for name in ["stream", "time_to_live", "point_in_time_recovery", "contributor_insights"] {
        feature(name, true).await.ok();
    }
    assert_eq!(feature("colour", true).await.status, 400);
    refused(&feature("time_to_live", false).await, "ValidationException");
    let horizon = table.ask(Method::GET, "/stream", Value::Null).await.ok();
    assert_eq!(horizon["horizon"], "2025-12-31T00:00:06.000Z");
    let ttl =
        json!({ "expires_at": ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2010-01-01T00:00:00Z"] });
    assert_eq!(table.post("/ttl", ttl.clone()).await.ok()["remove"], json!([true, false, false]));
    assert_eq!(table.post("/ttl", json!({ "expires_at": ["soon"] })).await.status, 400);
    table.post("/export", json!({})).await.ok();
    refused(&table.post("/export", json!({ "S3SseAlgorithm": "aes" })).await, "ValidationException");
    table.post("/access", json!({ "operation": "DescribeTable" })).await.ok();

    call(&kms, "DisableKey", json!({ "KeyId": key })).await.ok();
    kms.clock().advance("31m").await.unwrap();
    for answer in [
        table.post("/ttl", ttl).await,
        table.post("/export", json!({})).await,
        feature("contributor_insights", false).await,
    ] {
        assert!(answer.message().starts_with("KMS key disabled error"), "{}", answer.message());
    }
    feature("stream", false).await.ok();
    table.post("/access", json!({ "operation": "DescribeTable" })).await.ok();
}

#[tokio::test]
async fn a_delay_of_kms_is_a_delay_of_the_request_and_its_failure_says_nothing_about_the_key() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    let table = Table::active(&kms, "books", under(&key)).await;
    assert!(Faults::default().is_empty());
    let fault = json!({ "error": "KMSInternalException", "operations": ["Decrypt"] }).to_string();
    control(&kms, Method::POST, "/_kms/faults", fault).await.ok();
    let answer = table.seal(1, "x").await;
    refused(&answer, "InternalServerError");
    assert!(answer.message().starts_with("KMS internal error: "), "{}", answer.message());
    kms.clock().advance("3h").await.unwrap();
    assert_eq!(table.status().await, "ACTIVE", "nothing is known of the key");
    control(&kms, Method::DELETE, "/_kms/faults", "").await.ok();
    table.seal(1, "x").await.ok();
    let failed = &look(&kms, "report").await["tables"][0]["kms_requests"]["failed"];
    assert_eq!(failed, &json!(1));
}

#[tokio::test]
async fn the_report_tells_what_connections_cost() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    let table = Table::active(&kms, "books", under(&key)).await;
    for _ in 0..10 {
        table.seal(1, "x").await.ok();
        table.post("/seal", json!({ "records": [] })).await.ok();
    }
    let report = look(&kms, "report").await;
    let books = &report["tables"][0];
    assert_eq!(books["connections"], json!([{ "connection": 1, "requests": 10, "kms_requests": 1 }]));
    assert_eq!(books["without_connection"], json!({ "requests": 10, "kms_requests": 10 }));
    // DescribeKey, two grants and a data key come before.
    assert_eq!((&books["kms_requests"]["total"], &books["requests"]), (&json!(15), &json!(20)));
    assert_eq!(
        (
            &books["reuse"]["with_one_connection"],
            &books["reuse"]["without_reuse"],
            &books["reuse"]["avoidable"]
        ),
        (&json!(5), &json!(24), &json!(10))
    );
    assert_eq!(books["kms_requests"]["by_operation"]["Decrypt"], json!({ "first_use": 11 }));
    assert_eq!(books["kms_requests"]["usd"], json!(0.000_045));
}

#[tokio::test]
async fn timings_are_those_of_the_settings() {
    let settings = Settings { create: Span::ZERO, cache_validity: Span::seconds(1), ..Settings::default() };
    let kms = TestKms::with(|builder| builder.tables(Options { settings, ..Options::default() }));
    let key = new_key(&kms).await;
    let table = Table::named(&kms, "books");
    table.create(under(&key)).await.ok();
    assert_eq!(table.status().await, "ACTIVE");
    table.seal(1, "x").await.ok();
    call(&kms, "DisableKey", json!({ "KeyId": key })).await.ok();
    kms.clock().advance("999ms").await.unwrap();
    table.seal(1, "x").await.ok();
    kms.clock().advance("1ms").await.unwrap();
    refused(&table.seal(1, "x").await, "ValidationException");
}

#[tokio::test]
async fn data_of_the_service_is_under_keys_that_nobody_sees() {
    let kms = TestKms::new();
    let path = |what: &str| format!("/_kms/tables/service-data/111122223333/us-east-1/{what}");
    let body =
        |data: Value| json!({ "structure": "transactions", "records": [{ "key": "aw==", "data": data }] });
    let sealed = control(&kms, Method::POST, &path("seal"), body(json!("eA==")).to_string()).await.ok();
    let opened =
        control(&kms, Method::POST, &path("open"), body(sealed["records"][0].clone()).to_string()).await;
    assert_eq!(opened.ok()["records"], json!(["eA=="]));
    let base = json!({ "structure": "base", "records": [] }).to_string();
    assert_eq!(control(&kms, Method::POST, &path("seal"), base).await.status, 400);
    assert_eq!(call(&kms, "ListKeys", json!({})).await.ok()["Keys"], json!([]));
}
