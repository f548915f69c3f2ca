//! TagResource, UntagResource, ListResourceTags, and the tags of CreateKey.

use aws_sdk_kms::types::Tag;
use fixtures::TestKms;
use kms_server::limits::Limits;
use serde_json::{Value, json};

use super::subject::Subject;
use super::wire::{call, refuses};

fn tag(key: &str, value: &str) -> Value {
    json!({"TagKey": key, "TagValue": value})
}

fn numbered(count: usize) -> Vec<Value> {
    (0..count).map(|number| tag(&format!("k{number}"), "")).collect()
}

async fn tags(kms: &TestKms, key: &str) -> Value {
    call(kms, "ListResourceTags", json!({"KeyId": key})).await.ok()["Tags"].clone()
}

#[tokio::test]
async fn tags_keep_their_order_and_an_overwritten_one_its_place() {
    let kms = TestKms::new();
    let created = call(&kms, "CreateKey", json!({"Tags": [tag("b", "1"), tag("a", "2")]})).await.ok();
    let id = created["KeyMetadata"]["KeyId"].as_str().unwrap();
    assert!(created["KeyMetadata"].get("Tags").is_none());
    let client = kms.client();
    let built = |key: &str, value: &str| Tag::builder().tag_key(key).tag_value(value).build().unwrap();
    client.tag_resource().key_id(id).tags(built("A", "3")).tags(built("b", "")).send().await.unwrap();
    assert_eq!(tags(&kms, id).await, json!([tag("b", ""), tag("a", "2"), tag("A", "3")]));
    client.untag_resource().key_id(id).tag_keys("a").tag_keys("missing").tag_keys("a").send().await.unwrap();
    assert_eq!(tags(&kms, id).await, json!([tag("b", ""), tag("A", "3")]));
    client.tag_resource().key_id(id).tags(built("a", "4")).send().await.unwrap();
    assert_eq!(tags(&kms, id).await, json!([tag("b", ""), tag("A", "3"), tag("a", "4")]));
}

#[tokio::test]
async fn a_key_without_tags_lists_none() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let listed = call(&kms, "ListResourceTags", json!({"KeyId": key.arn})).await.ok();
    assert_eq!(listed, json!({"Tags": [], "Truncated": false}));
    call(&kms, "TagResource", json!({"KeyId": key.id, "Tags": []})).await.ok();
    call(&kms, "UntagResource", json!({"KeyId": key.id, "TagKeys": []})).await.ok();
    assert_eq!(tags(&kms, &key.id).await, json!([]));
}

#[tokio::test]
async fn each_broken_rule_has_its_text() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let reserved = "Tags beginning with aws: are reserved";
    for (broken, text) in [
        (json!([tag("a", "1"), tag("b", "2"), tag("a", "1")]), "Duplicate tag keys"),
        (json!([tag("aws:a", "")]), reserved),
        (json!([tag("AWS:a", "")]), reserved),
        (json!([tag("aWs:", "")]), reserved),
        (json!([tag("a&b", "")]), "Invalid tag"),
        (json!([tag("a", "b&c")]), "Invalid tag"),
        (json!([tag("a", "line\nbreak")]), "Invalid tag"),
    ] {
        for (operation, mut input) in [("CreateKey", json!({})), ("TagResource", json!({"KeyId": key.id}))] {
            input["Tags"] = broken.clone();
            call(&kms, operation, input).await.refuses("TagException", text);
        }
    }
    for (broken, text) in [("aws:a", reserved), ("a&b", "Invalid tag")] {
        let answer = kms.client().untag_resource().key_id(&key.id).tag_keys(broken).send().await;
        refuses(&answer, "TagException", text);
    }
    assert_eq!(tags(&kms, &key.id).await, json!([]), "nothing was added");
    let allowed = json!([tag("aws", "aws:a"), tag("a b_./=+-:@", "é 1_./=+-:@"), tag("A", ""), tag("a", "")]);
    call(&kms, "TagResource", json!({"KeyId": key.id, "Tags": allowed})).await.ok();
    assert_eq!(tags(&kms, &key.id).await, allowed);
}

#[tokio::test]
async fn lengths_are_violations_of_the_model_and_come_first() {
    let kms = TestKms::new();
    let key = Subject::new(&kms).await;
    let (long_key, long_value) = ("k".repeat(129), "v".repeat(257));
    let item = |value: &str, path: &str, bound: &str| {
        format!(
            "Value '{value}' at 'tags.{path}' failed to satisfy constraint: Member must have length {bound}"
        )
    };
    for (operation, mut input) in [("CreateKey", json!({})), ("TagResource", json!({"KeyId": key.id}))] {
        for (broken, items) in [
            (
                json!([tag(&long_key, "")]),
                vec![item(&long_key, "1.member.tagKey", "less than or equal to 128")],
            ),
            (
                json!([tag("a", ""), tag("b", &long_value)]),
                vec![item(&long_value, "2.member.tagValue", "less than or equal to 256")],
            ),
            (
                json!([tag("", &long_value), tag("aws:a", ""), tag("aws:a", "")]),
                vec![
                    item("", "1.member.tagKey", "greater than or equal to 1"),
                    item(&long_value, "1.member.tagValue", "less than or equal to 256"),
                ],
            ),
        ] {
            input["Tags"] = broken;
            let noun = if items.len() == 1 { "error" } else { "errors" };
            let text = format!("{} validation {noun} detected: {}", items.len(), items.join("; "));
            call(&kms, operation, input.clone()).await.refuses("ValidationException", text.as_str());
        }
    }
    let longest = json!([tag(&long_key[..128], &long_value[..256])]);
    call(&kms, "TagResource", json!({"KeyId": key.id, "Tags": longest})).await.ok();
    let keyless = call(&kms, "TagResource", json!({"KeyId": key.id, "Tags": [{"TagValue": "a"}]})).await;
    keyless.refuses(
        "ValidationException",
        "1 validation error detected: Value null at 'tags.1.member.tagKey' failed to satisfy constraint: Member must not be null",
    );
}

#[tokio::test]
async fn fifty_tags_fit_on_a_key() {
    let kms = TestKms::new();
    let too_many = call(&kms, "CreateKey", json!({"Tags": numbered(51)})).await;
    too_many.refuses("TagException", "Too many tags");
    let created = call(&kms, "CreateKey", json!({"Tags": numbered(50)})).await.ok();
    let id = created["KeyMetadata"]["KeyId"].as_str().unwrap();
    assert_eq!(tags(&kms, id).await, json!(numbered(50)));
    let one_more = call(&kms, "TagResource", json!({"KeyId": id, "Tags": [tag("more", "")]})).await;
    assert_eq!(one_more.code(), "LimitExceededException");
    let overwriting = json!({"KeyId": id, "Tags": [tag("k0", "new")]});
    call(&kms, "TagResource", overwriting).await.ok();
    call(&kms, "UntagResource", json!({"KeyId": id, "TagKeys": ["k1"]})).await.ok();
    call(&kms, "TagResource", json!({"KeyId": id, "Tags": [tag("more", "")]})).await.ok();
}

#[tokio::test]
async fn the_quota_is_a_setting() {
    let kms = TestKms::with(|builder| builder.limits(Limits { tags_per_key_max: 1, ..Limits::default() }));
    let key = Subject::new(&kms).await;
    let answer = call(&kms, "TagResource", json!({"KeyId": key.id, "Tags": numbered(2)})).await;
    assert_eq!(answer.code(), "LimitExceededException");
    assert_eq!(tags(&kms, &key.id).await, json!([]));
}
