//! External key stores.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fixtures::TestKms;
use http::Method;
use kms_server::xks::Route;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};

use super::super::wire::{call, control};
use super::proxy::{self, ExternalKey, Fault, GOOD, Proxy};
use super::{
    behind_proxy, beside, connect, create, describe, disconnect, key_state, new_key, of_proxy, with,
};

/// The spec's errors and other failures, what CreateKey and cryptography answer, and how the text begins.
fn failures() -> Vec<(Fault, &'static str, &'static str)> {
    let error = |status, name| Fault::Error(status, name);
    let (config, store) = ("XksKeyInvalidConfigurationException", "CustomKeyStoreInvalidStateException");
    vec![
        (error(400, "ValidationException"), store, "AWS KMS cannot interpret"),
        (
            error(400, "InvalidStateException"),
            config,
            "The external key associated with this KMS key in an external key store is not enabled",
        ),
        (
            error(400, "InvalidKeyUsageException"),
            config,
            "The external key associated with this KMS key in an external key store does not support",
        ),
        (
            error(401, "AuthenticationFailedException"),
            store,
            "The external key store proxy rejected the request because it could not authenticate",
        ),
        (
            error(403, "AccessDeniedException"),
            "KMSInvalidStateException",
            "The external key store proxy denied access",
        ),
        (
            error(404, "KeyNotFoundException"),
            "XksKeyNotFoundException",
            "The external key associated with this KMS key in an external key store was not found",
        ),
        (
            error(404, "InvalidUriPathException"),
            store,
            "The external key store proxy rejected the request because of an invalid URI path",
        ),
        (
            error(429, "ThrottlingException"),
            store,
            "The external key store proxy rejected the request due to a very high request rate",
        ),
        (
            error(500, "InternalException"),
            store,
            "The external key store proxy rejected the request because it cannot communicate",
        ),
        (
            error(501, "UnsupportedOperationException"),
            config,
            "The external key store proxy rejected the request because it does not support",
        ),
        (
            error(503, "DependencyTimeoutException"),
            store,
            "The external key store proxy did not respond to the request",
        ),
        (error(418, "TeapotException"), store, "AWS KMS cannot interpret"),
        (Fault::Text("not json"), store, "AWS KMS cannot interpret"),
        (Fault::Hang, store, "AWS KMS cannot communicate"),
    ]
}

#[tokio::test]
async fn every_failure_of_a_proxy_is_told_as_documented() {
    let proxy = Proxy::start();
    let kms = beside(&proxy, |builder| builder);
    let (store, key) = behind_proxy(&kms).await;
    proxy.set_key("key-2", GOOD);
    let sealed = call(&kms, "Encrypt", json!({"KeyId": key, "Plaintext": "AAAA"})).await.ok();
    let blob = &sealed["CiphertextBlob"];
    for (fault, code, text) in failures() {
        proxy.set_fault(fault);
        let created = call(&kms, "CreateKey", new_key(&store, "key-2")).await;
        assert_eq!(created.code(), code, "{text}");
        assert!(created.message().starts_with(text), "{}", created.message());
        for (operation, input) in [
            ("Encrypt", json!({"KeyId": key, "Plaintext": "AAAA"})),
            ("Decrypt", json!({"CiphertextBlob": blob})),
            ("GenerateDataKey", json!({"KeyId": key, "KeySpec": "AES_256"})),
            ("GenerateDataKeyWithoutPlaintext", json!({"KeyId": key, "KeySpec": "AES_256"})),
            ("ReEncrypt", json!({"CiphertextBlob": blob, "DestinationKeyId": key})),
        ] {
            let answer = call(&kms, operation, input).await;
            assert_eq!(answer.code(), "KMSInvalidStateException", "{operation} {text}");
            assert!(answer.message().starts_with(text), "{operation} {}", answer.message());
        }
    }
    proxy.set_fault(None);
    call(&kms, "Decrypt", json!({"CiphertextBlob": blob})).await.ok();
    assert_eq!(key_state(&kms, &key).await, "Enabled");
}

#[tokio::test]
async fn a_key_shows_its_external_key_and_encrypts_twice() {
    let proxy = Proxy::start();
    let kms = beside(&proxy, |builder| builder);
    let (store, key) = behind_proxy(&kms).await;
    let heard: Vec<_> = proxy
        .heard()
        .into_iter()
        .map(|(resource, body)| (resource, body["requestMetadata"]["kmsOperation"].clone()))
        .collect();
    let expected = [
        ("/health", "CreateCustomKeyStore"),
        ("/health", "ConnectCustomKeyStore"),
        ("/keys/key-1/metadata", "CreateKey"),
    ];
    assert_eq!(heard, expected.map(|(resource, operation)| (resource.to_owned(), json!(operation))));
    let metadata = call(&kms, "DescribeKey", json!({"KeyId": key})).await.ok()["KeyMetadata"].clone();
    assert_eq!(metadata["Origin"], "EXTERNAL_KEY_STORE");
    assert_eq!(metadata["CustomKeyStoreId"], json!(store));
    assert_eq!(metadata["XksKeyConfiguration"], json!({"Id": "key-1"}));
    assert!(metadata.get("CurrentKeyMaterialId").is_none() && metadata.get("CloudHsmClusterId").is_none());
    assert!(proxy.heard().is_empty(), "DescribeKey asks nobody");

    let context = json!({"project": "nile"});
    let input = json!({"KeyId": key, "KeySpec": "AES_256", "EncryptionContext": context});
    let data_key = call(&kms, "GenerateDataKey", input).await.ok();
    assert!(data_key.get("KeyMaterialId").is_none());
    let [(resource, body)] = &proxy.heard()[..] else { panic!("one call") };
    assert_eq!(resource, "/keys/key-1/encrypt");
    let told = &body["requestMetadata"];
    assert_eq!(told["kmsKeyArn"], json!(key));
    assert_eq!(told["awsPrincipalArn"], "arn:aws:iam::111122223333:root");
    assert_eq!(told["kmsOperation"], "GenerateDataKey");
    let plain = STANDARD.decode(data_key["Plaintext"].as_str().unwrap()).unwrap();
    let inner = STANDARD.decode(body["plaintext"].as_str().unwrap()).unwrap();
    assert!(!inner.windows(32).any(|window| window == plain), "the proxy never sees a plaintext");
    let blob = data_key["CiphertextBlob"].clone();
    let opened =
        call(&kms, "Decrypt", json!({"CiphertextBlob": blob, "EncryptionContext": context})).await.ok();
    assert_eq!((&opened["Plaintext"], &opened["KeyId"]), (&data_key["Plaintext"], &json!(key)));

    // Whoever has another context learns what the proxy says of it.
    let wrong = call(&kms, "Decrypt", json!({"CiphertextBlob": blob})).await;
    assert_eq!(wrong.code(), "KMSInvalidStateException");
    assert!(wrong.message().contains("ciphertext or encryption context is corrupted"), "{}", wrong.message());
    let mut torn = STANDARD.decode(blob.as_str().unwrap()).unwrap();
    *torn.last_mut().unwrap() ^= 1;
    let torn = json!({"CiphertextBlob": STANDARD.encode(torn), "EncryptionContext": context});
    call(&kms, "Decrypt", torn).await.refuses("InvalidCiphertextException", None);

    // From there to a key of AWS's own, and back again.
    let own = call(&kms, "CreateKey", json!({})).await.ok()["KeyMetadata"]["Arn"].clone();
    let input = json!({"CiphertextBlob": blob, "SourceEncryptionContext": context, "DestinationKeyId": own});
    let moved = call(&kms, "ReEncrypt", input).await.ok();
    let input = json!({"CiphertextBlob": moved["CiphertextBlob"], "DestinationKeyId": key});
    let back = call(&kms, "ReEncrypt", input).await.ok();
    let opened = call(&kms, "Decrypt", json!({"CiphertextBlob": back["CiphertextBlob"]})).await.ok();
    assert_eq!(opened["Plaintext"], data_key["Plaintext"]);
    proxy.heard();
    let input = json!({"CiphertextBlob": back["CiphertextBlob"], "DestinationKeyId": key});
    call(&kms, "ReEncrypt", input).await.ok();
    let heard: Vec<String> = proxy.heard().into_iter().map(|(resource, _)| resource).collect();
    assert_eq!(heard, ["/keys/key-1/decrypt", "/keys/key-1/encrypt"], "each is asked once");

    // What is refused before is not asked.
    let dry = json!({"KeyId": key, "Plaintext": "AAAA", "DryRun": true});
    assert_eq!(call(&kms, "Encrypt", dry).await.code(), "DryRunOperationException");
    call(&kms, "DisableKey", json!({"KeyId": key})).await.ok();
    let input = json!({"KeyId": key, "Plaintext": "AAAA"});
    assert_eq!(call(&kms, "Encrypt", input.clone()).await.code(), "DisabledException");
    disconnect(&kms, &store).await;
    let text = "This KMS key is in a custom key store that is not connected to its external key store proxy. Connect the \
                external key store and try the request again.";
    call(&kms, "Encrypt", input).await.refuses("KMSInvalidStateException", text);
    assert!(proxy.heard().is_empty());
}

#[tokio::test]
async fn an_answer_that_is_not_whole_or_not_right_is_refused() {
    let proxy = Proxy::start();
    let kms = beside(&proxy, |builder| builder);
    let (_, key) = behind_proxy(&kms).await;
    for members in [
        json!({"ciphertext": "AAAA"}),
        json!({"ciphertextDataIntegrityValue": STANDARD.encode([0; 32])}),
        json!({"ciphertextDataIntegrityValue": null}),
        json!({"authenticationTag": STANDARD.encode([0; 16])}),
        json!({"initializationVector": STANDARD.encode([0; 13])}),
        json!({"ciphertextMetadata": STANDARD.encode([0; 21])}),
    ] {
        proxy.set_fault(Fault::Members(members.clone()));
        let answer = call(&kms, "Encrypt", json!({"KeyId": key, "Plaintext": "AAAA"})).await;
        assert_eq!(answer.code(), "KMSInvalidStateException", "{members}");
        assert!(answer.message().starts_with("AWS KMS cannot interpret"), "{}", answer.message());
    }
    // A proxy that gives something else back is found out by the inner layer.
    proxy.set_fault(None);
    let sealed = call(&kms, "Encrypt", json!({"KeyId": key, "Plaintext": "AAAA"})).await.ok();
    let _ = proxy.heard();
    let input = json!({"CiphertextBlob": sealed["CiphertextBlob"]});
    call(&kms, "Decrypt", input.clone()).await.ok();
    let [(_, body)] = &proxy.heard()[..] else { panic!("one call") };
    let other = body["ciphertext"].clone();
    proxy.set_fault(Fault::Members(json!({ "plaintext": other })));
    let answer = call(&kms, "Decrypt", input.clone()).await;
    assert_eq!(answer.code(), "KMSInvalidStateException");
    assert!(answer.message().starts_with("The ciphertext that the external key store proxy submitted"));
    // One that is too short is none.
    proxy.set_fault(Fault::Members(json!({"plaintext": "AAAA"})));
    let answer = call(&kms, "Decrypt", input).await;
    assert_eq!(answer.code(), "KMSInvalidStateException");
    assert!(answer.message().starts_with("AWS KMS cannot interpret"), "{}", answer.message());
}

#[tokio::test]
async fn an_external_key_must_be_one_that_can_back_a_kms_key() {
    let proxy = Proxy::start();
    let kms = beside(&proxy, |builder| builder);
    let (store, _) = behind_proxy(&kms).await;
    for key in [
        ExternalKey { spec: "AES_128", ..GOOD },
        ExternalKey { usage: &["ENCRYPT"], ..GOOD },
        ExternalKey { status: "DISABLED", ..GOOD },
    ] {
        proxy.set_key("key-2", key);
        let answer = call(&kms, "CreateKey", new_key(&store, "key-2")).await;
        assert_eq!(answer.code(), "XksKeyInvalidConfigurationException", "{}", answer.message());
    }
    assert_eq!(call(&kms, "ListKeys", json!({})).await.ok()["Keys"].as_array().unwrap().len(), 1);
    proxy.set_key("key-2", GOOD);
    call(&kms, "CreateKey", new_key(&store, "key-2")).await.ok();
}

#[tokio::test]
async fn an_attempt_to_connect_fails_for_the_reason_that_the_proxy_has() {
    let proxy = Proxy::start();
    let kms = beside(&proxy, |builder| builder);
    let store = create(&kms, of_proxy("xks")).await;
    let unhealthy = json!([{"id": "i", "model": "m", "healthStatus": "UNAVAILABLE"}]);
    for (fault, code) in [
        (Fault::Error(401, "AuthenticationFailedException"), "INVALID_CREDENTIALS"),
        (Fault::Error(403, "AccessDeniedException"), "XKS_PROXY_ACCESS_DENIED"),
        (Fault::Error(404, "InvalidUriPathException"), "XKS_PROXY_INVALID_CONFIGURATION"),
        (Fault::Error(500, "InternalException"), "XKS_PROXY_INVALID_RESPONSE"),
        (Fault::Error(503, "DependencyTimeoutException"), "XKS_PROXY_TIMED_OUT"),
        (Fault::Text("[]"), "XKS_PROXY_INVALID_RESPONSE"),
        (Fault::Members(json!({"ekmFleetDetails": unhealthy})), "XKS_PROXY_NOT_REACHABLE"),
        (Fault::Hang, "XKS_PROXY_NOT_REACHABLE"),
    ] {
        proxy.set_fault(fault);
        connect(&kms, &store).await;
        let described = describe(&kms, &store).await;
        assert_eq!(
            (&described["ConnectionState"], &described["ConnectionErrorCode"]),
            (&json!("FAILED"), &json!(code))
        );
        disconnect(&kms, &store).await;
    }
    let configuration = describe(&kms, &store).await["XksProxyConfiguration"].clone();
    let expected = json!({
        "Connectivity": "PUBLIC_ENDPOINT", "AccessKeyId": proxy::ACCESS_KEY_ID,
        "UriEndpoint": "https://xks.example.com", "UriPath": proxy::PATH,
    });
    assert_eq!(configuration, expected);
}

#[tokio::test]
async fn a_connected_store_takes_another_credential_and_path_if_the_proxy_does() {
    let proxy = Proxy::start();
    let kms = beside(&proxy, |builder| builder);
    let (store, key) = behind_proxy(&kms).await;
    let update = json!({"CustomKeyStoreId": store});
    let wrong = json!({"AccessKeyId": proxy::ACCESS_KEY_ID, "RawSecretAccessKey": "b".repeat(43)});
    let answer =
        call(&kms, "UpdateCustomKeyStore", with(update.clone(), "XksProxyAuthenticationCredential", wrong))
            .await;
    assert_eq!(answer.code(), "XksProxyIncorrectAuthenticationCredentialException");
    let right = json!({"AccessKeyId": proxy::ACCESS_KEY_ID, "RawSecretAccessKey": proxy::SECRET});
    call(&kms, "UpdateCustomKeyStore", with(update.clone(), "XksProxyAuthenticationCredential", right))
        .await
        .ok();
    let moved = with(update, "XksProxyUriEndpoint", "https://other.example.com");
    assert_eq!(call(&kms, "UpdateCustomKeyStore", moved).await.code(), "CustomKeyStoreInvalidStateException");
    call(&kms, "Encrypt", json!({"KeyId": key, "Plaintext": "AAAA"})).await.ok();
}

#[tokio::test]
async fn a_slow_proxy_delays_no_other_request_and_is_given_up_in_time() {
    let proxy = Proxy::start();
    let kms = beside(&proxy, |builder| builder);
    let (store, key) = behind_proxy(&kms).await;
    proxy.set_key("key-2", GOOD);
    proxy.set_fault(Fault::Late(Duration::from_secs(3_600)));
    // More than any pool of threads, all on the one thread of this test.
    let encrypt = || call(&kms, "Encrypt", json!({"KeyId": key, "Plaintext": "AAAA"}));
    let waiting: Vec<_> = (0..600).map(|_| Box::pin(encrypt())).collect();
    let mut waiting = std::pin::pin!(futures(waiting));
    let created = call(&kms, "CreateKey", new_key(&store, "key-2"));
    let mut created = std::pin::pin!(created);
    let others = async {
        let own = call(&kms, "CreateKey", json!({})).await.ok()["KeyMetadata"]["Arn"].clone();
        for _ in 0..50 {
            call(&kms, "Encrypt", json!({"KeyId": own, "Plaintext": "AAAA"})).await.ok();
            call(&kms, "TagResource", json!({"KeyId": own, "Tags": [{"TagKey": "a", "TagValue": ""}]}))
                .await
                .ok();
        }
        let rsa = json!({"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"});
        call(&kms, "CreateKey", rsa).await.ok();
    };
    tokio::select! {
        biased;
        () = &mut waiting => panic!("a proxy that does not answer"),
        _ = &mut created => panic!("a proxy that does not answer"),
        () = others => {}
    }
    let kms = TestKms::with(|builder| builder.proxies(vec![proxy.route()], Duration::from_millis(50)));
    let answer = call(&kms, "CreateCustomKeyStore", of_proxy("xks")).await;
    assert_eq!(answer.code(), "XksProxyUriUnreachableException");
    assert!(answer.message().contains("did not respond in time"), "{}", answer.message());
}

/// Waits for all of them.
async fn futures<T>(all: Vec<std::pin::Pin<Box<impl Future<Output = T>>>>) {
    let mut all = all;
    std::future::poll_fn(|context| {
        all.retain_mut(|one| one.as_mut().poll(context).is_pending());
        if all.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

#[tokio::test]
async fn a_key_that_is_disabled_while_the_proxy_thinks_does_not_encrypt() {
    let proxy = Proxy::start();
    let kms = beside(&proxy, |builder| builder);
    let (_, key) = behind_proxy(&kms).await;
    proxy.heard();
    proxy.set_fault(Fault::Late(Duration::from_millis(1_500)));
    let slow = call(&kms, "Encrypt", json!({"KeyId": key, "Plaintext": "AAAA"}));
    let meanwhile = async {
        // The request is on its way as soon as the proxy has heard of it.
        while proxy.heard().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        call(&kms, "DisableKey", json!({"KeyId": key})).await.ok();
    };
    let (answer, ()) = tokio::join!(slow, meanwhile);
    assert_eq!(answer.code(), "DisabledException", "it is authorised again");
}

#[tokio::test]
async fn a_proxy_is_called_over_tls_with_the_certificates_of_its_route() {
    let folder = tempfile::tempdir().unwrap();
    let signed = rcgen::generate_simple_self_signed(["xks.example.com".to_owned()]).unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, signed.cert.pem()).unwrap();
    let other = rcgen::generate_simple_self_signed(["xks.example.com".to_owned()]).unwrap();
    let other_ca = folder.path().join("other.pem");
    std::fs::write(&other_ca, other.cert.pem()).unwrap();
    let chain: Vec<CertificateDer<'static>> = vec![signed.cert.der().clone()];
    let key = PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let proxy = Proxy::start_tls(Arc::new(config));
    let over = |ca: Option<&std::path::Path>, host: &str| {
        let route = Route {
            host: host.to_owned(),
            url: format!("https://{}", proxy.address()),
            ca: ca.map(Into::into),
            vpc_endpoint_service: None,
        };
        TestKms::with(|builder| builder.proxies(vec![route], Duration::from_secs(20)))
    };
    let kms = over(Some(&ca), "xks.example.com");
    let (_, key) = behind_proxy(&kms).await;
    let sealed = call(&kms, "Encrypt", json!({"KeyId": key, "Plaintext": "AAAA"})).await.ok();
    call(&kms, "Decrypt", json!({"CiphertextBlob": sealed["CiphertextBlob"]})).await.ok();
    for (kms, host) in [
        (over(Some(&other_ca), "xks.example.com"), "xks.example.com"),
        (over(None, "xks.example.com"), "xks.example.com"),
        (over(Some(&ca), "other.example.com"), "other.example.com"),
    ] {
        let input = with(of_proxy("xks"), "XksProxyUriEndpoint", format!("https://{host}"));
        let answer = call(&kms, "CreateCustomKeyStore", input).await;
        assert_eq!(answer.code(), "XksProxyUriUnreachableException");
        assert!(answer.message().contains("cannot establish a TLS connection"), "{}", answer.message());
    }
}

#[tokio::test]
async fn a_secret_is_in_no_answer_and_no_record() {
    let proxy = Proxy::start();
    let kms = beside(&proxy, |builder| builder);
    let (store, key) = behind_proxy(&kms).await;
    call(&kms, "Encrypt", json!({"KeyId": key, "Plaintext": "AAAA"})).await.ok();
    let wrong = json!({"CustomKeyStoreId": store, "XksProxyUriEndpoint": "https://other.example.com",
        "XksProxyAuthenticationCredential": {"AccessKeyId": proxy::ACCESS_KEY_ID, "RawSecretAccessKey": proxy::SECRET}});
    call(&kms, "UpdateCustomKeyStore", wrong).await;
    let all = call(&kms, "DescribeCustomKeyStores", json!({})).await.ok();
    assert!(!all.to_string().contains(proxy::SECRET));
    for path in ["/_kms/events", "/_kms/state", "/_kms/keys", "/_kms/notifications"] {
        let answer = control(&kms, Method::GET, path, "").await;
        assert_eq!(answer.status, 200);
        assert!(!answer.body.escape_ascii().to_string().contains(proxy::SECRET), "{path}");
    }
    let none: Value = json!(null);
    assert_ne!(all, none);
}
