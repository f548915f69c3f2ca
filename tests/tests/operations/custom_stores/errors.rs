//! Every error that the operations on custom key stores, and those on keys in them, declare.

use std::time::Duration;

use fixtures::TestKms;
use kms_server::api::error::ErrorCode;
use kms_server::limits::Limits;
use kms_server::xks::Route;
use serde_json::json;

use super::super::wire::{Answer, call};
use super::proxy::{ExternalKey, Fault, GOOD, Proxy};
use super::{
    CLUSTER, behind_proxy, beside, connect, create, disconnect, in_cluster, new_key, of_cluster, of_proxy,
    put_cluster, with,
};

const OTHER: &str = "cluster-other234567";
const SERVICE: &str = "com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0";
const OTHER_SERVICE: &str = "com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef1";

/// How an operation on stores fails with each of its errors; `None` for an error that this does not bring about.
pub(in super::super) async fn attempt(operation: &str, code: ErrorCode) -> Option<Answer> {
    match operation {
        "CreateCustomKeyStore" => create_store(code).await,
        "UpdateCustomKeyStore" => update(code).await,
        "ConnectCustomKeyStore" | "DisconnectCustomKeyStore" | "DeleteCustomKeyStore" => {
            of_state(operation, code).await
        }
        "CreateKey" => create_key(code).await,
        "GenerateRandom" => random(code).await,
        _ => None,
    }
}

/// A KMS that knows the way to a proxy, by two services and publicly.
fn with_services(proxy: &Proxy) -> TestKms {
    let named = |host: &str, service: &str| Route {
        host: host.to_owned(),
        vpc_endpoint_service: Some(service.to_owned()),
        ..proxy.route()
    };
    let routes = vec![named("xks.example.com", SERVICE), named("other.example.com", OTHER_SERVICE)];
    TestKms::with(|builder| builder.proxies(routes, Duration::from_secs(20)))
}

async fn create_store(code: ErrorCode) -> Option<Answer> {
    use ErrorCode as E;
    let proxy = Proxy::start();
    let kms = with_services(&proxy);
    put_cluster(&kms, CLUSTER, json!({})).await.ok();
    let clustered = of_cluster("store", CLUSTER);
    let private = |service: &str, host: &str| {
        let input = with(of_proxy("private"), "XksProxyVpcEndpointServiceName", service);
        let input = with(input, "XksProxyUriEndpoint", format!("https://{host}"));
        with(input, "XksProxyConnectivity", "VPC_ENDPOINT_SERVICE")
    };
    let input = match code {
        E::CloudHsmClusterInUseException => {
            create(&kms, clustered).await;
            put_cluster(&kms, OTHER, json!({"backup_of": CLUSTER})).await.ok();
            of_cluster("second", OTHER)
        }
        E::CustomKeyStoreNameInUseException => {
            create(&kms, clustered).await;
            of_proxy("store")
        }
        E::CloudHsmClusterNotFoundException => of_cluster("store", OTHER),
        E::CloudHsmClusterNotActiveException => {
            put_cluster(&kms, CLUSTER, json!({"state": "UNINITIALIZED"})).await.ok();
            clustered
        }
        E::IncorrectTrustAnchorException => with(clustered, "TrustAnchorCertificate", "another"),
        E::CloudHsmClusterInvalidConfigurationException => {
            put_cluster(&kms, CLUSTER, json!({"active_hsms": 1})).await.ok();
            clustered
        }
        E::LimitExceededException => {
            let limits = Limits { custom_key_stores_max: 0, ..Limits::default() };
            let kms = TestKms::with(|builder| builder.limits(limits));
            return Some(call(&kms, "CreateCustomKeyStore", clustered).await);
        }
        E::XksProxyUriInUseException => {
            create(&kms, of_proxy("first")).await;
            of_proxy("second")
        }
        E::XksProxyUriEndpointInUseException => {
            create(&kms, of_proxy("first")).await;
            private(SERVICE, "xks.example.com")
        }
        E::XksProxyUriUnreachableException => {
            proxy.set_fault(Fault::Hang);
            of_proxy("store")
        }
        E::XksProxyIncorrectAuthenticationCredentialException => {
            let credential = json!({"AccessKeyId": "A".repeat(20), "RawSecretAccessKey": "b".repeat(43)});
            with(of_proxy("store"), "XksProxyAuthenticationCredential", credential)
        }
        E::XksProxyVpcEndpointServiceInUseException => {
            create(&kms, private(SERVICE, "xks.example.com")).await;
            with(private(SERVICE, "xks.example.com"), "CustomKeyStoreName", "second")
        }
        E::XksProxyVpcEndpointServiceNotFoundException => private(&format!("{SERVICE}0"), "xks.example.com"),
        E::XksProxyVpcEndpointServiceInvalidConfigurationException => {
            private(OTHER_SERVICE, "xks.example.com")
        }
        E::XksProxyInvalidResponseException => {
            proxy.set_fault(Fault::Text("{}"));
            of_proxy("store")
        }
        E::XksProxyInvalidConfigurationException => {
            with(of_proxy("store"), "XksProxyUriPath", "/x/kms/xks/v1")
        }
        _ => return None,
    };
    Some(call(&kms, "CreateCustomKeyStore", input).await)
}

async fn update(code: ErrorCode) -> Option<Answer> {
    use ErrorCode as E;
    let proxy = Proxy::start();
    let kms = with_services(&proxy);
    for cluster in [CLUSTER, OTHER] {
        put_cluster(&kms, cluster, json!({})).await.ok();
    }
    let clustered = json!({"CustomKeyStoreId": create(&kms, of_cluster("hsm", CLUSTER)).await});
    let external = json!({"CustomKeyStoreId": create(&kms, of_proxy("xks")).await});
    let public = |host: &str| with(external.clone(), "XksProxyUriEndpoint", format!("https://{host}"));
    let private = |service: &str, host: &str| {
        let input = with(public(host), "XksProxyVpcEndpointServiceName", service);
        with(input, "XksProxyConnectivity", "VPC_ENDPOINT_SERVICE")
    };
    let second = |host: &str| with(of_proxy("second"), "XksProxyUriEndpoint", format!("https://{host}"));
    let other = with(clustered.clone(), "CloudHsmClusterId", OTHER);
    let input = match code {
        E::CustomKeyStoreNotFoundException => json!({"CustomKeyStoreId": "cks-1234567890abcdef0"}),
        E::CustomKeyStoreNameInUseException => with(external, "NewCustomKeyStoreName", "hsm"),
        E::CloudHsmClusterNotFoundException => with(clustered, "CloudHsmClusterId", "cluster-gone2345672"),
        E::CloudHsmClusterNotRelatedException => other,
        E::CustomKeyStoreInvalidStateException => {
            connect(&kms, clustered["CustomKeyStoreId"].as_str().unwrap()).await;
            with(clustered, "KeyStorePassword", "another")
        }
        E::CloudHsmClusterNotActiveException => {
            put_cluster(&kms, OTHER, json!({"backup_of": CLUSTER, "state": "DELETED"})).await.ok();
            other
        }
        E::CloudHsmClusterInvalidConfigurationException => {
            put_cluster(&kms, OTHER, json!({"backup_of": CLUSTER, "active_hsms": 1})).await.ok();
            other
        }
        E::XksProxyUriInUseException => {
            create(&kms, second("other.example.com")).await;
            public("other.example.com")
        }
        E::XksProxyUriEndpointInUseException => {
            create(&kms, second("other.example.com")).await;
            private(OTHER_SERVICE, "other.example.com")
        }
        E::XksProxyUriUnreachableException => {
            proxy.set_fault(Fault::Error(429, "ThrottlingException"));
            public("other.example.com")
        }
        E::XksProxyIncorrectAuthenticationCredentialException => {
            let credential = json!({"AccessKeyId": "A".repeat(20), "RawSecretAccessKey": "b".repeat(43)});
            with(external, "XksProxyAuthenticationCredential", credential)
        }
        E::XksProxyVpcEndpointServiceInUseException => {
            let input = with(second("other.example.com"), "XksProxyVpcEndpointServiceName", OTHER_SERVICE);
            create(&kms, with(input, "XksProxyConnectivity", "VPC_ENDPOINT_SERVICE")).await;
            private(OTHER_SERVICE, "xks.example.com")
        }
        E::XksProxyVpcEndpointServiceNotFoundException => private(&format!("{SERVICE}0"), "xks.example.com"),
        E::XksProxyVpcEndpointServiceInvalidConfigurationException => {
            private(OTHER_SERVICE, "xks.example.com")
        }
        E::XksProxyInvalidResponseException => {
            proxy.set_fault(Fault::Error(500, "InternalException"));
            public("other.example.com")
        }
        E::XksProxyInvalidConfigurationException => with(external, "XksProxyUriPath", "/x/kms/xks/v1"),
        _ => return None,
    };
    Some(call(&kms, "UpdateCustomKeyStore", input).await)
}

async fn of_state(operation: &str, code: ErrorCode) -> Option<Answer> {
    use ErrorCode as E;
    let kms = TestKms::new();
    let (store, _) = in_cluster(&kms).await;
    let input = json!({"CustomKeyStoreId": store});
    match (operation, code) {
        (_, E::CustomKeyStoreNotFoundException) => {
            return Some(call(&kms, operation, json!({"CustomKeyStoreId": "cks-1"})).await);
        }
        ("DeleteCustomKeyStore", E::CustomKeyStoreInvalidStateException) => {}
        ("DeleteCustomKeyStore", E::CustomKeyStoreHasCMKsException)
        | ("DisconnectCustomKeyStore", E::CustomKeyStoreInvalidStateException) => {
            disconnect(&kms, &store).await
        }
        ("ConnectCustomKeyStore", E::CustomKeyStoreInvalidStateException) => {
            disconnect(&kms, &store).await;
            put_cluster(&kms, CLUSTER, json!({"failure": "USER_LOGGED_IN"})).await.ok();
            connect(&kms, &store).await;
        }
        ("ConnectCustomKeyStore", E::CloudHsmClusterNotActiveException) => {
            disconnect(&kms, &store).await;
            put_cluster(&kms, CLUSTER, json!({"state": "DELETE_IN_PROGRESS"})).await.ok();
        }
        ("ConnectCustomKeyStore", E::CloudHsmClusterInvalidConfigurationException) => {
            disconnect(&kms, &store).await;
            put_cluster(&kms, CLUSTER, json!({"active_hsms": 0})).await.ok();
        }
        _ => return None,
    }
    Some(call(&kms, operation, input).await)
}

async fn create_key(code: ErrorCode) -> Option<Answer> {
    use ErrorCode as E;
    let proxy = Proxy::start();
    let kms = beside(&proxy, |builder| builder);
    if code == E::CloudHsmClusterInvalidConfigurationException {
        let (store, _) = in_cluster(&kms).await;
        put_cluster(&kms, CLUSTER, json!({"active_hsms": 1})).await.ok();
        let input = json!({"Origin": "AWS_CLOUDHSM", "CustomKeyStoreId": store});
        return Some(call(&kms, "CreateKey", input).await);
    }
    let (store, _) = behind_proxy(&kms).await;
    let input = match code {
        E::CustomKeyStoreInvalidStateException => {
            disconnect(&kms, &store).await;
            new_key(&store, "key-2")
        }
        E::XksKeyAlreadyInUseException => new_key(&store, "key-1"),
        E::XksKeyInvalidConfigurationException => {
            proxy.set_key("key-2", ExternalKey { spec: "RSA_2048", ..GOOD });
            new_key(&store, "key-2")
        }
        E::XksKeyNotFoundException => new_key(&store, "key-2"),
        _ => return None,
    };
    Some(call(&kms, "CreateKey", input).await)
}

async fn random(code: ErrorCode) -> Option<Answer> {
    let proxy = Proxy::start();
    let kms = beside(&proxy, |builder| builder);
    let store = match code {
        ErrorCode::CustomKeyStoreInvalidStateException => {
            let (store, _) = in_cluster(&kms).await;
            disconnect(&kms, &store).await;
            store
        }
        ErrorCode::UnsupportedOperationException => behind_proxy(&kms).await.0,
        _ => return None,
    };
    Some(call(&kms, "GenerateRandom", json!({"NumberOfBytes": 1, "CustomKeyStoreId": store})).await)
}
