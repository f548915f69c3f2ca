//! Why an external key store cannot be connected: every reason that AWS names for one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use fixtures::TestKms;
use http::Method;
use kms_server::xks::Route;
use lifecycle::custom_store::ConnectionErrorCode;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};

use super::super::wire::control;
use super::proxy::{Fault, Proxy};
use super::{beside, connect, create, describe, disconnect, of_proxy, with};

const SERVICE: &str = "com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0";

/// A request for a store that is reached through a VPC endpoint service, whose proxy is not called before it is connected.
fn private() -> Value {
    let input = with(of_proxy("private"), "XksProxyVpcEndpointServiceName", SERVICE);
    with(input, "XksProxyConnectivity", "VPC_ENDPOINT_SERVICE")
}

/// The code with which an attempt to connect fails; afterwards the store is disconnected.
async fn failure(kms: &TestKms, store: &str) -> String {
    connect(kms, store).await;
    let described = describe(kms, store).await;
    assert_eq!(described["ConnectionState"], "FAILED");
    disconnect(kms, store).await;
    described["ConnectionErrorCode"].as_str().unwrap().to_owned()
}

/// A KMS that knows one way to a service.
fn with_service(route: Route) -> TestKms {
    let route = Route { vpc_endpoint_service: Some(SERVICE.to_owned()), ..route };
    TestKms::with(|builder| builder.proxies(vec![route], Duration::from_secs(20)))
}

/// A proxy with a certificate that nobody trusts.
fn untrusted() -> Proxy {
    let signed = rcgen::generate_simple_self_signed(["xks.example.com".to_owned()]).unwrap();
    let chain: Vec<CertificateDer<'static>> = vec![signed.cert.der().clone()];
    let key = PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Proxy::start_tls(Arc::new(config.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap()))
}

#[tokio::test]
async fn every_reason_of_a_proxy_has_its_code() {
    let proxy = Proxy::start();
    let kms = beside(&proxy, |builder| builder);
    let store = create(&kms, of_proxy("xks")).await;
    let mut found = BTreeSet::new();
    for (status, name, code) in [
        (401, "AuthenticationFailedException", "INVALID_CREDENTIALS"),
        (403, "AccessDeniedException", "XKS_PROXY_ACCESS_DENIED"),
        (404, "InvalidUriPathException", "XKS_PROXY_INVALID_CONFIGURATION"),
        (500, "InternalException", "XKS_PROXY_INVALID_RESPONSE"),
        (429, "ThrottlingException", "XKS_PROXY_NOT_REACHABLE"),
        (503, "DependencyTimeoutException", "XKS_PROXY_TIMED_OUT"),
    ] {
        proxy.set_fault(Fault::Error(status, name));
        assert_eq!(failure(&kms, &store).await, code, "{name}");
        found.insert(code.to_owned());
    }
    let over_tls = Route { url: format!("https://{}", untrusted().address()), ..proxy.route() };
    let kms = with_service(over_tls);
    let store = create(&kms, private()).await;
    found.insert(failure(&kms, &store).await);

    // The service changes while the store is there.
    let state = control(&kms, Method::GET, "/_kms/state", "").await.ok().to_string();
    let other_host = with_service(Route { host: "other.example.com".to_owned(), ..proxy.route() });
    for kms in [TestKms::new(), other_host] {
        control(&kms, Method::PUT, "/_kms/state", state.clone()).await.ok();
        found.insert(failure(&kms, &store).await);
    }
    let codes =
        ConnectionErrorCode::ALL.iter().filter(|code| !code.is_of_cluster()).map(|code| code.as_str());
    let expected: BTreeSet<String> = codes.chain(["INVALID_CREDENTIALS"]).map(str::to_owned).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_proxy_that_is_healthy_again_is_connected() {
    let proxy = Proxy::start();
    let kms = with_service(proxy.route());
    let _ = proxy.heard();
    proxy.set_fault(Fault::Hang);
    let store = create(&kms, private()).await;
    assert!(proxy.heard().is_empty(), "nobody is asked before it is connected");
    assert_eq!(failure(&kms, &store).await, "XKS_PROXY_NOT_REACHABLE");
    proxy.set_fault(None);
    connect(&kms, &store).await;
    let described = describe(&kms, &store).await;
    assert_eq!(described["ConnectionState"], "CONNECTED");
    let configuration = &described["XksProxyConfiguration"];
    assert_eq!(configuration["VpcEndpointServiceName"], SERVICE);
    assert_eq!(configuration["Connectivity"], json!("VPC_ENDPOINT_SERVICE"));
}
