//! What a replica is born with, what it shares with its primary, and who can open what.

use fixtures::{REGION, TestKms};
use http::Method;
use serde_json::{Value, json};

use super::super::wire::{call_of, control, encoded};
use super::*;

#[tokio::test]
async fn a_replica_is_creating_for_its_time_and_then_enabled() {
    let kms = TestKms::new();
    let id = primary(&kms, json!({"Description": "of the primary"})).await;
    let made = replicate(&kms, &id, IRELAND).await.ok();
    let metadata = &made["ReplicaKeyMetadata"];
    let configuration = json!({
        "MultiRegionKeyType": "REPLICA",
        "PrimaryKey": {"Arn": arn(REGION, &id), "Region": REGION},
        "ReplicaKeys": [{"Arn": arn(IRELAND, &id), "Region": IRELAND}],
    });
    assert_eq!(metadata["MultiRegionConfiguration"], configuration);
    for (member, value) in [
        ("Arn", json!(arn(IRELAND, &id))),
        ("KeyId", json!(id)),
        ("KeyState", json!("Creating")),
        ("Enabled", json!(false)),
        ("Description", json!("")),
        ("MultiRegion", json!(true)),
    ] {
        assert_eq!(metadata[member], value, "{member}");
    }
    assert!(metadata.get("CurrentKeyMaterialId").is_none() && made.get("ReplicaTags").is_none());
    assert!(made["ReplicaPolicy"].as_str().unwrap().contains("Enable IAM User Permissions"));
    // The primary lists it at once.
    let lists = describe(&kms, REGION, &id).await;
    assert_eq!(lists["MultiRegionConfiguration"]["ReplicaKeys"], configuration["ReplicaKeys"]);
    assert_eq!(lists["MultiRegionConfiguration"]["MultiRegionKeyType"], "PRIMARY");

    kms.clock().advance("4999ms").await.unwrap();
    assert_eq!(describe(&kms, IRELAND, &id).await, *metadata);
    let early = call_in(&kms, IRELAND, "Encrypt", json!({"KeyId": id, "Plaintext": "AAAA"})).await;
    early.refuses("KMSInvalidStateException", format!("{} is creating.", arn(IRELAND, &id)).as_str());
    kms.clock().advance("1ms").await.unwrap();
    let ready = describe(&kms, IRELAND, &id).await;
    assert_eq!((&ready["KeyState"], &ready["Enabled"]), (&json!("Enabled"), &json!(true)));
    assert_eq!(ready["CurrentKeyMaterialId"], lists["CurrentKeyMaterialId"]);
}

#[tokio::test]
async fn durations_are_the_settings_and_may_be_nothing() {
    let limits = kms_server::limits::Limits {
        replica_creating_time: std::time::Duration::ZERO,
        primary_updating_time: std::time::Duration::from_secs(60),
        ..Default::default()
    };
    let kms = TestKms::with(|builder| builder.limits(limits));
    let id = primary(&kms, json!({})).await;
    let made = replicate(&kms, &id, IRELAND).await.ok();
    assert_eq!(made["ReplicaKeyMetadata"]["KeyState"], "Creating");
    assert_eq!(describe(&kms, IRELAND, &id).await["KeyState"], "Enabled");
    call_in(&kms, REGION, "UpdatePrimaryRegion", json!({"KeyId": id, "PrimaryRegion": IRELAND})).await.ok();
    kms.clock().advance("59s").await.unwrap();
    assert_eq!(describe(&kms, IRELAND, &id).await["KeyState"], "Updating");
    kms.clock().advance("1s").await.unwrap();
    assert_eq!(describe(&kms, IRELAND, &id).await["KeyState"], "Enabled");
}

/// AWS: KMS API reference, "ReplicateKey": shared and independent properties.
#[tokio::test]
async fn attributes_are_each_keys_own() {
    let kms = TestKms::new();
    let tag = |value: &str| json!([{"TagKey": "team", "TagValue": value}]);
    let id = primary(&kms, json!({"Description": "primary", "Tags": tag("primary")})).await;
    call_in(&kms, REGION, "CreateAlias", json!({"AliasName": "alias/a", "TargetKeyId": id})).await.ok();
    kms.advance_days(1).await;
    let policy = json!({"Statement": [{
        "Sid": "own", "Effect": "Allow", "Principal": {"AWS": fixtures::ACCOUNT}, "Action": "kms:*", "Resource": "*",
    }]})
    .to_string();
    let input = json!({
        "KeyId": id, "ReplicaRegion": IRELAND, "Description": "replica", "Tags": tag("replica"), "Policy": policy,
    });
    let made = call_in(&kms, REGION, "ReplicateKey", input).await.ok();
    assert_eq!(made["ReplicaTags"], tag("replica"));
    assert!(made["ReplicaPolicy"].as_str().unwrap().contains("own"));
    kms.clock().advance("5s").await.unwrap();
    call_in(&kms, REGION, "DisableKey", json!({"KeyId": id})).await.ok();
    for (region, name, state) in [(REGION, "primary", "Disabled"), (IRELAND, "replica", "Enabled")] {
        let metadata = describe(&kms, region, &id).await;
        assert_eq!((&metadata["Description"], &metadata["KeyState"]), (&json!(name), &json!(state)));
        let tags = call_in(&kms, region, "ListResourceTags", json!({"KeyId": id})).await.ok();
        assert_eq!(tags["Tags"], tag(name));
        let policy = call_in(&kms, region, "GetKeyPolicy", json!({"KeyId": id})).await.ok();
        assert_eq!(policy["Policy"].as_str().unwrap().contains("own"), region == IRELAND);
        let aliases = call_in(&kms, region, "ListAliases", json!({"KeyId": id})).await.ok();
        assert_eq!(aliases["Aliases"].as_array().unwrap().len(), usize::from(region == REGION));
    }
    let dates = [describe(&kms, REGION, &id).await, describe(&kms, IRELAND, &id).await];
    let [old, new] = dates.map(|metadata| metadata["CreationDate"].as_f64().unwrap());
    assert_eq!(new - old, 86_400.0);
}

#[tokio::test]
async fn a_ciphertext_opens_in_every_region_with_a_related_key_and_nowhere_else() {
    let kms = TestKms::new();
    let id = related(&kms, &[IRELAND]).await;
    let context = json!({"a": "b"});
    let input = json!({"KeyId": id, "KeySpec": "AES_256", "EncryptionContext": context});
    let made = call_in(&kms, REGION, "GenerateDataKey", input).await.ok();
    let blob = &made["CiphertextBlob"];
    for named in [Value::Null, json!(id), json!(arn(IRELAND, &id))] {
        let input = json!({"CiphertextBlob": blob, "KeyId": named, "EncryptionContext": context});
        let opened = call_in(&kms, IRELAND, "Decrypt", input).await.ok();
        assert_eq!(opened["Plaintext"], made["Plaintext"]);
        assert_eq!(opened["KeyId"], arn(IRELAND, &id));
        assert_eq!(opened["KeyMaterialId"], made["KeyMaterialId"]);
    }
    let open = |region| {
        let input = json!({"CiphertextBlob": blob, "EncryptionContext": context});
        call_in(&kms, region, "Decrypt", input)
    };
    assert_eq!(open(TOKYO).await.code(), "AccessDeniedException");
    let other = json!({"CiphertextBlob": blob, "EncryptionContext": {"a": "c"}});
    assert_eq!(call_in(&kms, IRELAND, "Decrypt", other).await.code(), "InvalidCiphertextException");
    // Each Region has its own say.
    call_in(&kms, IRELAND, "DisableKey", json!({"KeyId": id})).await.ok();
    assert_eq!(open(IRELAND).await.code(), "DisabledException");
    open(REGION).await.ok();
    let foreign = call_of(&kms, ("444455556666", IRELAND), "Decrypt", json!({"CiphertextBlob": blob})).await;
    assert_eq!(foreign.code(), "AccessDeniedException");
    // A replica that is made later opens it, too.
    replicate(&kms, &id, TOKYO).await.ok();
    kms.clock().advance("5s").await.unwrap();
    assert_eq!(open(TOKYO).await.ok()["KeyId"], arn(TOKYO, &id));
}

#[tokio::test]
async fn re_encrypt_takes_what_a_related_key_sealed() {
    let kms = TestKms::new();
    let id = related(&kms, &[IRELAND]).await;
    let input = json!({"KeyId": id, "Plaintext": "AAAA"});
    let sealed = call_in(&kms, REGION, "Encrypt", input).await.ok();
    let local = call_in(&kms, IRELAND, "CreateKey", json!({})).await.ok();
    let input = json!({"CiphertextBlob": sealed["CiphertextBlob"], "DestinationKeyId": local["KeyMetadata"]["KeyId"]});
    let moved = call_in(&kms, IRELAND, "ReEncrypt", input).await.ok();
    assert_eq!(moved["SourceKeyId"], arn(IRELAND, &id));
    let input = json!({"CiphertextBlob": moved["CiphertextBlob"], "DestinationKeyId": id});
    let back = call_in(&kms, IRELAND, "ReEncrypt", input).await.ok();
    let input = json!({"CiphertextBlob": back["CiphertextBlob"]});
    assert_eq!(call_in(&kms, REGION, "Decrypt", input).await.ok()["Plaintext"], "AAAA");
}

/// AWS: KMS developer guide, "Multi-Region keys in AWS KMS": symmetric, asymmetric and HMAC keys.
#[tokio::test]
async fn keys_of_every_kind_are_the_same_in_every_region() {
    let kms = TestKms::new();
    let algorithm = |name: &'static str, value: &'static str| Some((name, value));
    for (spec, usage, make, made, take, taken, chosen) in [
        (
            "HMAC_384",
            "GENERATE_VERIFY_MAC",
            "GenerateMac",
            "Mac",
            "VerifyMac",
            "MacValid",
            algorithm("MacAlgorithm", "HMAC_SHA_384"),
        ),
        (
            "ECC_NIST_P384",
            "SIGN_VERIFY",
            "Sign",
            "Signature",
            "Verify",
            "SignatureValid",
            algorithm("SigningAlgorithm", "ECDSA_SHA_384"),
        ),
        (
            "ECC_NIST_EDWARDS25519",
            "SIGN_VERIFY",
            "Sign",
            "Signature",
            "Verify",
            "SignatureValid",
            algorithm("SigningAlgorithm", "ED25519_SHA_512"),
        ),
        (
            "ML_DSA_44",
            "SIGN_VERIFY",
            "Sign",
            "Signature",
            "Verify",
            "SignatureValid",
            algorithm("SigningAlgorithm", "ML_DSA_SHAKE_256"),
        ),
        (
            "RSA_2048",
            "ENCRYPT_DECRYPT",
            "Encrypt",
            "CiphertextBlob",
            "Decrypt",
            "Plaintext",
            algorithm("EncryptionAlgorithm", "RSAES_OAEP_SHA_256"),
        ),
        (
            "ML_KEM_512",
            "ENCAPSULATE_DECAPSULATE",
            "Encapsulate",
            "SharedSecretCiphertextBlob",
            "Decapsulate",
            "SharedSecret",
            algorithm("EncapsulationAlgorithm", "ML_KEM"),
        ),
    ] {
        let id = primary(&kms, json!({"KeySpec": spec, "KeyUsage": usage})).await;
        let metadata = replicate(&kms, &id, IRELAND).await.ok()["ReplicaKeyMetadata"].clone();
        assert_eq!((&metadata["KeySpec"], &metadata["KeyUsage"]), (&json!(spec), &json!(usage)));
        kms.clock().advance("5s").await.unwrap();
        let (message, (name, value)) = (encoded(b"message"), chosen.unwrap());
        let mut input = json!({"KeyId": id, name: value, "Message": message, "Plaintext": message});
        let answer = call_in(&kms, REGION, make, input.clone()).await.ok();
        input[made] = answer[made].clone();
        let there = call_in(&kms, IRELAND, take, input).await.ok();
        let expected = match taken {
            "Plaintext" => message,
            "SharedSecret" => answer["SharedSecret"].clone(),
            _ => json!(true),
        };
        assert_eq!(there[taken], expected, "{spec}");
        let public = async |region| call_in(&kms, region, "GetPublicKey", json!({"KeyId": id})).await.json();
        assert_eq!(public(REGION).await["PublicKey"], public(IRELAND).await["PublicKey"], "{spec}");
    }
    // In China, where it exists.
    let china = "cn-north-1";
    let input = json!({"KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY", "MultiRegion": true});
    let made = call_in(&kms, china, "CreateKey", input).await.ok();
    let input = json!({"KeyId": made["KeyMetadata"]["KeyId"], "ReplicaRegion": "cn-northwest-1"});
    let replica = call_in(&kms, china, "ReplicateKey", input).await.ok();
    assert_eq!(
        replica["ReplicaKeyMetadata"]["Arn"].as_str().unwrap().split(":key/").next(),
        Some("arn:aws-cn:kms:cn-northwest-1:111122223333")
    );
}

#[tokio::test]
async fn what_cannot_be_replicated_says_why() {
    let kms = TestKms::new();
    let id = related(&kms, &[IRELAND]).await;
    let key = arn(REGION, &id);
    replicate(&kms, &id, IRELAND).await.refuses(
        "AlreadyExistsException",
        "You can create only one replica of each primary key in each AWS Region.",
    );
    replicate(&kms, &id, REGION).await.refuses(
        "UnsupportedOperationException",
        format!("{REGION} cannot have a replica because it contains the primary.").as_str(),
    );
    replicate(&kms, &id, "cn-north-1").await.refuses(
        "UnsupportedOperationException",
        "The replica key Region must be in the same AWS partition as the primary key Region.",
    );
    // Of a replica, the Region does not matter.
    for region in [IRELAND, TOKYO] {
        let input = json!({"KeyId": id, "ReplicaRegion": region});
        call_in(&kms, IRELAND, "ReplicateKey", input).await.refuses(
            "UnsupportedOperationException",
            format!("{} is not a multi-region primary key.", arn(IRELAND, &id)).as_str(),
        );
    }
    let single = call_in(&kms, REGION, "CreateKey", json!({})).await.ok()["KeyMetadata"]["Arn"].clone();
    let single = single.as_str().unwrap();
    replicate(&kms, single, IRELAND)
        .await
        .refuses("UnsupportedOperationException", format!("{single} is not a multi-region key.").as_str());
    replicate(&kms, &key, "nowhere").await.refuses(
        "ValidationException",
        "1 validation error detected: Value 'nowhere' at 'replicaRegion' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: ^([a-z]+-){2,3}\\d+$",
    );
    // Nothing has changed.
    assert_eq!(replica_regions(&describe(&kms, REGION, &id).await), [IRELAND]);
}

#[tokio::test]
async fn nobody_can_make_an_unrelated_key_of_a_related_id() {
    let kms = TestKms::new();
    let id = related(&kms, &[]).await;
    let tags = json!({"MultiRegion": true, "Tags": [{"TagKey": "_custom_id_", "TagValue": id}]});
    assert_eq!(call_in(&kms, IRELAND, "CreateKey", tags.clone()).await.code(), "AlreadyExistsException");
    // In another account it is another key.
    call_of(&kms, ("444455556666", IRELAND), "CreateKey", tags).await.ok();
    replicate(&kms, &id, IRELAND).await.ok();
}

#[tokio::test]
async fn related_keys_survive_an_export_and_a_snapshot() {
    let kms = TestKms::new();
    let id = related(&kms, &[IRELAND]).await;
    let input = json!({"KeyId": id, "Plaintext": "AAAA"});
    let blob = call_in(&kms, REGION, "Encrypt", input).await.ok()["CiphertextBlob"].clone();
    replicate(&kms, &id, TOKYO).await.ok();
    kms.snapshot("before").await.unwrap();
    let exported = control(&kms, Method::GET, "/_kms/state", "").await.ok();
    let open = |region| call_in(&kms, region, "Decrypt", json!({"CiphertextBlob": blob}));
    let before = [describe(&kms, IRELAND, &id).await, describe(&kms, TOKYO, &id).await];

    control(&kms, Method::PUT, "/_kms/state", exported.to_string()).await.ok();
    assert_eq!([describe(&kms, IRELAND, &id).await, describe(&kms, TOKYO, &id).await], before);
    assert_eq!(open(IRELAND).await.code(), "KeyUnavailableException");
    kms.restore("before").await.unwrap();
    assert_eq!(open(IRELAND).await.ok()["Plaintext"], "AAAA");
    // What was under way goes on.
    kms.clock().advance("5s").await.unwrap();
    assert_eq!(open(TOKYO).await.ok()["Plaintext"], "AAAA");
}
