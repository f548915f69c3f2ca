//! The AWS SDK for Rust with its own HTTP client, over a port: every family of operations once.

use aws_sdk_kms::Client;
use aws_sdk_kms::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_kms::error::SdkError;
use aws_sdk_kms::operation::create_key::builders::CreateKeyFluentBuilder;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{
    AlgorithmSpec, ConnectionStateType, CustomKeyStoreType, DataKeyPairSpec, DataKeySpec,
    EncapsulationAlgorithmSpec, EncryptionAlgorithmSpec, ExpirationModelType, KeyAgreementAlgorithmSpec,
    KeySpec, KeyState, KeyUsageType, MacAlgorithmSpec, MessageType, OriginType, SigningAlgorithmSpec,
    WrappingKeySpec, XksProxyAuthenticationCredentialType, XksProxyConnectivityType,
};
use fixtures::Enclave;
use kms_tests::importing::wrap;
use kms_tests::xks_proxy::{self as proxy, Proxy};

use super::custom_stores::{self, PASSWORD};
use super::support::*;

const MESSAGE: &[u8] = b"what the SDK sends";

/// A client in a Region, as an application makes it.
fn sdk_in(server: &ServerProcess, region: &'static str) -> Client {
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(Credentials::new("111122223333", "secret", None, None, "test"))
        .endpoint_url(server.url())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

fn sdk(server: &ServerProcess) -> Client {
    sdk_in(server, "us-east-1")
}

async fn made(creation: CreateKeyFluentBuilder) -> String {
    creation.send().await.unwrap().key_metadata.unwrap().key_id
}

/// A new key.
async fn key_of(kms: &Client, spec: KeySpec, usage: KeyUsageType) -> String {
    made(kms.create_key().key_spec(spec).key_usage(usage)).await
}

async fn public_key(kms: &Client, key: &str) -> Vec<u8> {
    kms.get_public_key().key_id(key).send().await.unwrap().public_key.unwrap().into_inner()
}

/// Encrypts with one client and decrypts with another.
async fn comes_back(from: &Client, key: &str, to: &Client) {
    let sealed = from.encrypt().key_id(key).plaintext(Blob::new(MESSAGE)).send().await.unwrap();
    let opened = to.decrypt().ciphertext_blob(sealed.ciphertext_blob.unwrap()).send().await.unwrap();
    assert_eq!(opened.plaintext.unwrap().as_ref(), MESSAGE);
}

/// The error that the SDK's model has for a refusal.
fn service<T: std::fmt::Debug, E: std::fmt::Debug>(result: Result<T, SdkError<E>>) -> E {
    match result {
        Err(SdkError::ServiceError(error)) => error.into_err(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn keys_and_their_errors() {
    let server = in_memory(&[]);
    let kms = sdk(&server);
    let key = made(kms.create_key().description("of the SDK")).await;
    comes_back(&kms, &key, &kms).await;
    kms.create_alias().alias_name("alias/sdk").target_key_id(&key).send().await.unwrap();
    let data_key =
        kms.generate_data_key().key_id("alias/sdk").key_spec(DataKeySpec::Aes256).send().await.unwrap();
    assert_eq!(data_key.plaintext.unwrap().as_ref().len(), 32);
    for _ in 0..4 {
        key_of(&kms, KeySpec::SymmetricDefault, KeyUsageType::EncryptDecrypt).await;
    }
    let pages: Result<Vec<_>, _> =
        kms.list_keys().into_paginator().page_size(2).items().send().collect().await;
    assert_eq!(pages.unwrap().len(), 5);
    kms.disable_key().key_id(&key).send().await.unwrap();
    let refused = kms.encrypt().key_id(&key).plaintext(Blob::new(MESSAGE)).send().await;
    assert!(service(refused).is_disabled_exception());
    let lost = "1234abcd-12ab-34cd-56ef-1234567890ab";
    assert!(service(kms.describe_key().key_id(lost).send().await).is_not_found_exception());
    let scheduled = kms.schedule_key_deletion().key_id(&key).pending_window_in_days(7).send().await.unwrap();
    assert_eq!(scheduled.key_state, Some(KeyState::PendingDeletion));
}

#[tokio::test]
async fn signatures_and_codes() {
    let server = in_memory(&[]);
    let kms = sdk(&server);
    for (spec, algorithm, digest) in [
        (KeySpec::Rsa2048, SigningAlgorithmSpec::RsassaPssSha256, 32),
        (KeySpec::EccNistP384, SigningAlgorithmSpec::EcdsaSha384, 48),
        (KeySpec::EccNistEdwards25519, SigningAlgorithmSpec::Ed25519Sha512, 0),
        (KeySpec::MlDsa65, SigningAlgorithmSpec::MlDsaShake256, 0),
    ] {
        let key = key_of(&kms, spec.clone(), KeyUsageType::SignVerify).await;
        let sign = kms.sign().key_id(&key).message(Blob::new(MESSAGE)).signing_algorithm(algorithm.clone());
        let signature = sign.send().await.unwrap().signature.unwrap();
        let verify = |message: &[u8]| {
            let verify = kms.verify().key_id(&key).signing_algorithm(algorithm.clone());
            verify.message(Blob::new(message)).signature(signature.clone()).send()
        };
        assert!(verify(MESSAGE).await.unwrap().signature_valid, "{spec:?}");
        assert!(service(verify(b"other").await).is_kms_invalid_signature_exception(), "{spec:?}");
        if digest > 0 {
            let sign = kms.sign().key_id(&key).message(Blob::new(vec![7; digest]));
            let signed = sign.message_type(MessageType::Digest).signing_algorithm(algorithm).send().await;
            assert!(signed.is_ok(), "{spec:?}");
        }
    }
    let key = key_of(&kms, KeySpec::Hmac384, KeyUsageType::GenerateVerifyMac).await;
    let generate = kms.generate_mac().key_id(&key).message(Blob::new(MESSAGE));
    let code = generate.mac_algorithm(MacAlgorithmSpec::HmacSha384).send().await.unwrap().mac.unwrap();
    let verify = |message: &[u8]| {
        let verify = kms.verify_mac().key_id(&key).mac_algorithm(MacAlgorithmSpec::HmacSha384);
        verify.message(Blob::new(message)).mac(code.clone()).send()
    };
    assert!(verify(MESSAGE).await.unwrap().mac_valid);
    assert!(service(verify(b"other").await).is_kms_invalid_mac_exception());
}

#[tokio::test]
async fn what_key_pairs_encrypt_and_share() {
    let server = in_memory(&[]);
    let kms = sdk(&server);
    let key = key_of(&kms, KeySpec::Rsa2048, KeyUsageType::EncryptDecrypt).await;
    let algorithm = EncryptionAlgorithmSpec::RsaesOaepSha256;
    // By the public key alone, and by the server.
    let outside = Blob::new(wrap("RSAES_OAEP_SHA_256", &public_key(&kms, &key).await, MESSAGE));
    let encrypt = kms.encrypt().key_id(&key).plaintext(Blob::new(MESSAGE));
    let inside =
        encrypt.encryption_algorithm(algorithm.clone()).send().await.unwrap().ciphertext_blob.unwrap();
    for sealed in [outside, inside] {
        let decrypt = kms.decrypt().key_id(&key).ciphertext_blob(sealed);
        let opened = decrypt.encryption_algorithm(algorithm.clone()).send().await.unwrap();
        assert_eq!(opened.plaintext.unwrap().as_ref(), MESSAGE);
    }

    let [one, other] = [
        key_of(&kms, KeySpec::EccNistP256, KeyUsageType::KeyAgreement).await,
        key_of(&kms, KeySpec::EccNistP256, KeyUsageType::KeyAgreement).await,
    ];
    let derive = async |own: &str, theirs: &str| {
        let derive =
            kms.derive_shared_secret().key_id(own).public_key(Blob::new(public_key(&kms, theirs).await));
        let derived = derive.key_agreement_algorithm(KeyAgreementAlgorithmSpec::Ecdh).send().await.unwrap();
        derived.shared_secret.unwrap().into_inner()
    };
    assert_eq!(derive(&one, &other).await, derive(&other, &one).await);

    let key = key_of(&kms, KeySpec::MlKem768, KeyUsageType::EncapsulateDecapsulate).await;
    assert!(public_key(&kms, &key).await.len() > 1_184);
    let algorithm = EncapsulationAlgorithmSpec::MlKem;
    let made =
        kms.encapsulate().key_id(&key).encapsulation_algorithm(algorithm.clone()).send().await.unwrap();
    let decapsulate = kms.decapsulate().key_id(&key).encapsulation_algorithm(algorithm);
    let sealed = made.shared_secret_ciphertext_blob.unwrap();
    let opened = decapsulate.shared_secret_ciphertext_blob(sealed).send().await.unwrap();
    assert_eq!((opened.shared_secret.is_some(), opened.shared_secret), (true, made.shared_secret));

    let sealing = key_of(&kms, KeySpec::SymmetricDefault, KeyUsageType::EncryptDecrypt).await;
    for spec in [DataKeyPairSpec::EccNistP521, DataKeyPairSpec::MlKem512] {
        let pair = kms.generate_data_key_pair().key_id(&sealing).key_pair_spec(spec).send().await.unwrap();
        let opened = kms.decrypt().ciphertext_blob(pair.private_key_ciphertext_blob.unwrap()).send().await;
        assert_eq!(opened.unwrap().plaintext, pair.private_key_plaintext);
    }
}

#[tokio::test]
async fn material_is_imported_and_expires_with_it() {
    let server = in_memory(&[]);
    let kms = sdk(&server);
    let key = made(kms.create_key().origin(OriginType::External)).await;
    let asked = kms.get_parameters_for_import().key_id(&key).wrapping_key_spec(WrappingKeySpec::Rsa2048);
    let parameters = asked.wrapping_algorithm(AlgorithmSpec::RsaesOaepSha256).send().await.unwrap();
    let wrapped = wrap("RSAES_OAEP_SHA_256", parameters.public_key.unwrap().as_ref(), &[7; 32]);
    let import = |material: Vec<u8>| {
        let import = kms.import_key_material().key_id(&key).encrypted_key_material(Blob::new(material));
        let import = import.expiration_model(ExpirationModelType::KeyMaterialDoesNotExpire);
        import.import_token(parameters.import_token.clone().unwrap()).send()
    };
    assert!(service(import(vec![1; 256]).await).is_invalid_ciphertext_exception());
    import(wrapped).await.unwrap();
    comes_back(&kms, &key, &kms).await;
    kms.delete_imported_key_material().key_id(&key).send().await.unwrap();
    let metadata = kms.describe_key().key_id(&key).send().await.unwrap().key_metadata.unwrap();
    assert_eq!(metadata.key_state, Some(KeyState::PendingImport));
}

#[tokio::test]
async fn what_one_region_encrypts_another_opens() {
    let server = in_memory(&["--multi-region-creating-time", "0s", "--multi-region-updating-time", "0s"]);
    let (home, abroad) = (sdk(&server), sdk_in(&server, "eu-west-1"));
    let key = made(home.create_key().multi_region(true)).await;
    home.replicate_key().key_id(&key).replica_region("eu-west-1").send().await.unwrap();
    let again = home.replicate_key().key_id(&key).replica_region("eu-west-1").send().await;
    assert!(service(again).is_already_exists_exception());
    comes_back(&home, &key, &abroad).await;
    home.update_primary_region().key_id(&key).primary_region("eu-west-1").send().await.unwrap();
    let metadata = abroad.describe_key().key_id(&key).send().await.unwrap().key_metadata.unwrap();
    let primary = metadata.multi_region_configuration.unwrap().primary_key.unwrap();
    assert_eq!(primary.region.as_deref(), Some("eu-west-1"));
    comes_back(&abroad, &key, &home).await;
}

#[tokio::test]
async fn keys_of_custom_stores() {
    let (folder, proxy) = (Folder::new(), Proxy::start());
    let settings = custom_stores::arguments(&folder, &proxy);
    let server = in_memory(&settings.iter().map(String::as_str).collect::<Vec<_>>());
    let kms = sdk(&server);
    let described = custom_stores::in_cluster();
    let member = |name: &str| described[name].as_str().unwrap();
    let cluster = kms
        .create_custom_key_store()
        .custom_key_store_name("hsm")
        .cloud_hsm_cluster_id(member("CloudHsmClusterId"))
        .trust_anchor_certificate(member("TrustAnchorCertificate"))
        .key_store_password(PASSWORD);
    let credential = XksProxyAuthenticationCredentialType::builder()
        .access_key_id(proxy::ACCESS_KEY_ID)
        .raw_secret_access_key(proxy::SECRET)
        .build();
    let external = kms
        .create_custom_key_store()
        .custom_key_store_name("xks")
        .custom_key_store_type(CustomKeyStoreType::ExternalKeyStore)
        .xks_proxy_connectivity(XksProxyConnectivityType::PublicEndpoint)
        .xks_proxy_uri_endpoint("https://xks.example.com")
        .xks_proxy_uri_path(proxy::PATH)
        .xks_proxy_authentication_credential(credential.unwrap());
    for (store, origin, outside) in
        [(cluster, OriginType::AwsCloudhsm, None), (external, OriginType::ExternalKeyStore, Some("key-1"))]
    {
        let store = store.send().await.unwrap().custom_key_store_id.unwrap();
        let creation = kms.create_key().origin(origin.clone()).custom_key_store_id(&store);
        let creation = creation.set_xks_key_id(outside.map(str::to_owned));
        assert!(service(creation.clone().send().await).is_custom_key_store_invalid_state_exception());
        kms.connect_custom_key_store().custom_key_store_id(&store).send().await.unwrap();
        let all = kms.describe_custom_key_stores().custom_key_store_id(&store).send().await.unwrap();
        let state = all.custom_key_stores.unwrap_or_default().remove(0).connection_state;
        assert_eq!(state, Some(ConnectionStateType::Connected));
        let key = made(creation).await;
        comes_back(&kms, &key, &kms).await;
        kms.disconnect_custom_key_store().custom_key_store_id(&store).send().await.unwrap();
        let refused = kms.encrypt().key_id(&key).plaintext(Blob::new(MESSAGE)).send().await;
        assert!(service(refused).is_kms_invalid_state_exception(), "{origin:?}");
    }
}

#[tokio::test]
async fn secrets_for_an_enclave() {
    let (folder, enclave) = (Folder::new(), Enclave::new());
    let root = folder.write("root.pem", enclave.root_pem());
    let server = in_memory(&["--attestation-root", &root]);
    let kms = sdk(&server);
    let key = key_of(&kms, KeySpec::SymmetricDefault, KeyUsageType::EncryptDecrypt).await;
    let generate = kms.generate_data_key().key_id(&key).key_spec(DataKeySpec::Aes128);
    let made = generate.recipient(enclave.recipient()).send().await.unwrap();
    assert_eq!(made.plaintext, None);
    let data_key = enclave.open(made.ciphertext_for_recipient.unwrap().as_ref()).unwrap();
    let decrypt = kms.decrypt().ciphertext_blob(made.ciphertext_blob.unwrap());
    assert_eq!(decrypt.clone().send().await.unwrap().plaintext.unwrap().as_ref(), data_key);
    let opened = decrypt.recipient(enclave.recipient()).send().await.unwrap().ciphertext_for_recipient;
    assert_eq!(enclave.open(opened.unwrap().as_ref()).unwrap(), data_key);
    // The certificate of one system does not vouch for another.
    let foreign = kms.generate_random().number_of_bytes(1).recipient(Enclave::new().recipient()).send().await;
    assert_eq!(service(foreign).meta().code(), Some("ValidationException"));
}
