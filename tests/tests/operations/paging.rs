//! Pages of ListKeys, ListAliases, ListResourceTags, ListGrants, ListRetirableGrants and ListKeyPolicies.

use std::collections::BTreeSet;

use fixtures::{ACCOUNT, REGION, TestKms};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::subject::ROLE;
use super::wire::{call, call_of};

const OTHER_ACCOUNT: &str = "444455556666";

/// A listing, and how to add an item to it.
#[derive(Clone, Copy, Debug)]
enum Listing {
    Keys,
    Aliases,
    AliasesOfKey,
    Tags,
    Grants,
    Retirable,
}

impl Listing {
    const ALL: [Listing; 6] = [
        Listing::Keys,
        Listing::Aliases,
        Listing::AliasesOfKey,
        Listing::Tags,
        Listing::Grants,
        Listing::Retirable,
    ];

    fn operation(self) -> &'static str {
        match self {
            Listing::Keys => "ListKeys",
            Listing::Aliases | Listing::AliasesOfKey => "ListAliases",
            Listing::Tags => "ListResourceTags",
            Listing::Grants => "ListGrants",
            Listing::Retirable => "ListRetirableGrants",
        }
    }

    fn request(self, key: &str) -> Value {
        match self {
            Listing::Keys | Listing::Aliases => json!({}),
            Listing::AliasesOfKey | Listing::Tags | Listing::Grants => json!({"KeyId": key}),
            Listing::Retirable => json!({"RetiringPrincipal": ROLE}),
        }
    }

    fn names(self, page: &Value) -> Vec<String> {
        let (items, name) = match self {
            Listing::Keys => ("Keys", "KeyId"),
            Listing::Aliases | Listing::AliasesOfKey => ("Aliases", "AliasName"),
            Listing::Tags => ("Tags", "TagKey"),
            Listing::Grants | Listing::Retirable => ("Grants", "GrantId"),
        };
        page[items].as_array().unwrap().iter().map(|item| item[name].as_str().unwrap().to_owned()).collect()
    }

    /// Adds the item number `at`; neighbours in number are not neighbours in order.
    async fn add(self, kms: &TestKms, key: &str, at: usize) {
        let scattered = (at * 7) % 50;
        let (operation, input) = match self {
            Listing::Keys => ("CreateKey", json!({})),
            Listing::Aliases | Listing::AliasesOfKey => {
                ("CreateAlias", json!({"AliasName": format!("alias/{scattered:02}"), "TargetKeyId": key}))
            }
            Listing::Tags => {
                let tag = json!({"TagKey": format!("{scattered:02}"), "TagValue": ""});
                ("TagResource", json!({"KeyId": key, "Tags": [tag]}))
            }
            Listing::Grants | Listing::Retirable => (
                "CreateGrant",
                json!({
                    "KeyId": key,
                    "GranteePrincipal": ROLE,
                    "RetiringPrincipal": ROLE,
                    "Operations": ["Decrypt"],
                }),
            ),
        };
        call(kms, operation, input).await.ok();
    }

    async fn all(self, kms: &TestKms, key: &str) -> Vec<String> {
        self.names(&call(kms, self.operation(), self.request(key)).await.ok())
    }
}

async fn new_key(kms: &TestKms) -> String {
    let created = call(kms, "CreateKey", json!({})).await.ok();
    created["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
}

/// Every page, `extra` items being added on the way.
async fn pages(
    kms: &TestKms,
    listing: Listing,
    key: &str,
    limit: usize,
    from: usize,
    extra: usize,
) -> Vec<String> {
    let (mut seen, mut input, mut added) = (Vec::new(), listing.request(key), 0);
    input["Limit"] = limit.into();
    loop {
        let page = call(kms, listing.operation(), input.clone()).await.ok();
        let names = listing.names(&page);
        let truncated = page["Truncated"].as_bool().unwrap();
        assert_eq!(page.get("NextMarker").is_some(), truncated, "a marker exactly if there is more");
        assert!(names.len() <= limit && (names.len() == limit || !truncated));
        seen.extend(names);
        if !truncated {
            return seen;
        }
        input["Marker"] = page["NextMarker"].clone();
        if added < extra {
            listing.add(kms, key, from + added).await;
            added += 1;
        }
    }
}

async fn list_while_adding(listing: Listing, count: usize, extra: usize, limit: usize) {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    for at in 0..count {
        listing.add(&kms, &key, at).await;
    }
    let before = listing.all(&kms, &key).await;
    let seen = pages(&kms, listing, &key, limit, count, extra).await;
    let unique: BTreeSet<_> = seen.iter().collect();
    assert_eq!(unique.len(), seen.len(), "no item twice: {seen:?}");
    let old: Vec<_> = seen.iter().filter(|name| before.contains(name)).collect();
    assert_eq!(old, before.iter().collect::<Vec<_>>(), "every item in order");
    let after = listing.all(&kms, &key).await;
    let known: Vec<_> = after.iter().filter(|name| unique.contains(name)).collect();
    assert_eq!(seen.iter().collect::<Vec<_>>(), known, "new items in order, too");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_limit_yields_every_item_once_and_in_order_while_others_are_added(
        listing in prop::sample::select(&Listing::ALL[..]),
        count in 0..15_usize,
        extra in 0..8_usize,
        limit in 1..9_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(list_while_adding(listing, count, extra, limit));
    }

    #[test]
    fn any_other_marker_is_refused(marker in "[ -ÿ]{1,120}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answers = runtime.block_on(async {
            let kms = TestKms::new();
            let key = new_key(&kms).await;
            let mut answers = Vec::new();
            for listing in Listing::ALL {
                let mut input = listing.request(&key);
                input["Marker"] = marker.clone().into();
                answers.push(call(&kms, listing.operation(), input).await);
            }
            answers
        });
        for answer in answers {
            answer.refuses("InvalidMarkerException", None);
        }
    }
}

/// A key with enough of everything for a marker in each listing.
async fn filled(kms: &TestKms) -> String {
    let key = new_key(kms).await;
    for listing in Listing::ALL {
        // The two listings of aliases fill one another, and so do those of grants.
        if !matches!(listing, Listing::Aliases | Listing::Retirable) {
            for at in 0..3 {
                listing.add(kms, &key, at).await;
            }
        }
    }
    key
}

async fn marker(kms: &TestKms, listing: Listing, key: &str) -> String {
    let mut input = listing.request(key);
    input["Limit"] = 1.into();
    let page = call(kms, listing.operation(), input).await.ok();
    page["NextMarker"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_marker_altered_in_any_byte_is_refused() {
    let kms = TestKms::new();
    let key = filled(&kms).await;
    for listing in Listing::ALL {
        let marker = marker(&kms, listing, &key).await;
        let mut input = listing.request(&key);
        input["Marker"] = marker.clone().into();
        call(&kms, listing.operation(), input.clone()).await.ok();
        for at in 0..marker.len() {
            for other in ["A", "B", "z", "_", "=", " ", ""] {
                let altered = format!("{}{other}{}", &marker[..at], &marker[at + 1..]);
                if altered != marker {
                    input["Marker"] = altered.clone().into();
                    let answer = call(&kms, listing.operation(), input.clone()).await;
                    assert_eq!(answer.code(), "InvalidMarkerException", "{marker} as {altered}");
                    answer.refuses("InvalidMarkerException", None);
                }
            }
        }
        for altered in
            [format!("{marker}A"), format!("{marker}="), format!("A{marker}"), format!("{marker}{marker}")]
        {
            input["Marker"] = altered.into();
            call(&kms, listing.operation(), input.clone()).await.refuses("InvalidMarkerException", None);
        }
    }
}

#[tokio::test]
async fn a_marker_serves_its_own_listing_only() {
    let kms = TestKms::new();
    let key = filled(&kms).await;
    let other = filled_again(&kms).await;
    for from in Listing::ALL {
        let marker = marker(&kms, from, &key).await;
        for to in Listing::ALL {
            let mut input = to.request(&key);
            input["Marker"] = marker.clone().into();
            let own = format!("{from:?}") == format!("{to:?}");
            let expected = if own { "" } else { "InvalidMarkerException" };
            assert_eq!(
                call(&kms, to.operation(), input.clone()).await.code(),
                expected,
                "{from:?} for {to:?}"
            );
            if own {
                // By ARN instead of id it is the same listing; in other hands it is not.
                if input.get("KeyId").is_some() {
                    input["KeyId"] = super::wire::key_arn(&key).into();
                    call(&kms, to.operation(), input.clone()).await.ok();
                    input["KeyId"] = other.clone().into();
                    call(&kms, to.operation(), input.clone()).await.refuses("InvalidMarkerException", None);
                } else {
                    for scope in [(OTHER_ACCOUNT, REGION), (ACCOUNT, "eu-west-1")] {
                        let answer = call_of(&kms, scope, to.operation(), input.clone()).await;
                        answer.refuses("InvalidMarkerException", None);
                    }
                }
            }
        }
    }
}

/// A second key, with tags and aliases of its own.
async fn filled_again(kms: &TestKms) -> String {
    let key = new_key(kms).await;
    for at in 3..6 {
        Listing::AliasesOfKey.add(kms, &key, at).await;
        Listing::Tags.add(kms, &key, at).await;
        Listing::Grants.add(kms, &key, at).await;
    }
    key
}

#[tokio::test]
async fn a_marker_of_list_keys_is_bound_to_the_owners() {
    let kms = TestKms::new();
    filled(&kms).await;
    let first = call(&kms, "ListKeys", json!({"Limit": 1, "ResourceOwners": ["SELF"]})).await.ok();
    for (owners, expected) in [
        (json!(["SELF"]), ""),
        (json!(["SELF", "OTHER_ACCOUNTS_VIA_RAM"]), "InvalidMarkerException"),
        (json!(["OTHER_ACCOUNTS_VIA_RAM"]), "InvalidMarkerException"),
        (Value::Null, "InvalidMarkerException"),
    ] {
        let input = json!({"Marker": first["NextMarker"], "ResourceOwners": owners});
        assert_eq!(call(&kms, "ListKeys", input).await.code(), expected, "{owners}");
    }
}

#[tokio::test]
async fn another_installation_does_not_know_the_marker() {
    let kms = TestKms::new();
    let key = filled(&kms).await;
    let marker = marker(&kms, Listing::Keys, &key).await;
    let other = TestKms::with(|builder| {
        builder.entropy(std::sync::Arc::new(lifecycle::crypto::SeededEntropy::new(2)))
    });
    call(&other, "ListKeys", json!({"Marker": marker})).await.refuses("InvalidMarkerException", None);
}

#[tokio::test]
async fn each_listing_has_its_default_and_its_maximum() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    for at in 0..50 {
        Listing::Aliases.add(&kms, &key, at).await;
        Listing::Tags.add(&kms, &key, at).await;
    }
    for _ in 0..100 {
        Listing::Keys.add(&kms, &key, 0).await;
        Listing::Grants.add(&kms, &key, 0).await;
    }
    for (listing, default, max) in [
        (Listing::Keys, 100, 1_000),
        (Listing::Aliases, 50, 100),
        (Listing::Tags, 50, 50),
        (Listing::Grants, 50, 100),
        (Listing::Retirable, 50, 100),
    ] {
        let operation = listing.operation();
        let page = call(&kms, operation, listing.request(&key)).await.ok();
        assert_eq!(listing.names(&page).len(), default, "{operation}");
        let mut input = listing.request(&key);
        input["Limit"] = max.into();
        call(&kms, operation, input.clone()).await.ok();
        for (limit, bound) in [
            (max + 1, format!("less than or equal to {max}")),
            (1_001, "less than or equal to 1000".to_owned()),
            (0, "greater than or equal to 1".to_owned()),
        ] {
            input["Limit"] = limit.into();
            let text = format!(
                "1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: Member must have value {bound}"
            );
            call(&kms, operation, input.clone()).await.refuses("ValidationException", text.as_str());
        }
    }
}

#[tokio::test]
async fn the_text_of_a_marker_is_validated() {
    let kms = TestKms::new();
    for (marker, item) in [
        ("".to_owned(), "Value '' at 'marker' failed to satisfy constraint: Member must have length greater than or equal to 1".to_owned()),
        (
            "m".repeat(1_025),
            format!(
                "Value '{}' at 'marker' failed to satisfy constraint: Member must have length less than or equal to 1024",
                "m".repeat(1_025)
            ),
        ),
    ] {
        let answer = call(&kms, "ListKeys", json!({"Marker": marker})).await;
        answer.refuses("ValidationException", format!("1 validation error detected: {item}").as_str());
    }
}

#[tokio::test]
async fn an_sdk_follows_the_pages() {
    let kms = TestKms::new();
    let key = filled(&kms).await;
    let client = kms.client();
    let mut keys = client.list_keys().limit(1).into_paginator().items().send();
    let mut ids = Vec::new();
    while let Some(entry) = keys.next().await {
        ids.push(entry.unwrap().key_id().unwrap().to_owned());
    }
    assert_eq!(ids, Listing::Keys.all(&kms, &key).await);
    let mut tags = client.list_resource_tags().key_id(&key).limit(2).into_paginator().items().send();
    let mut names = Vec::new();
    while let Some(tag) = tags.next().await {
        names.push(tag.unwrap().tag_key().to_owned());
    }
    assert_eq!(names, Listing::Tags.all(&kms, &key).await);
}

#[tokio::test]
async fn a_key_has_one_policy_on_one_page() {
    let kms = TestKms::new();
    let key = new_key(&kms).await;
    for input in
        [json!({"KeyId": key}), json!({"KeyId": key, "Limit": 1}), json!({"KeyId": key, "Limit": 1_000})]
    {
        let page = call(&kms, "ListKeyPolicies", input).await.ok();
        assert_eq!(page, json!({"PolicyNames": ["default"], "Truncated": false}));
    }
    let forged = call(&kms, "ListKeyPolicies", json!({"KeyId": key, "Marker": "x"})).await;
    forged.refuses("InvalidMarkerException", None);
}
