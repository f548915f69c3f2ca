//! What does not count as a service's, and what a store makes of it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use kms_server::tables::remote::{Authority, Credentials, RemoteError, RemoteKms};
use lifecycle::at_rest::{
    FlowId, Identity, KmsCall, KmsFault, KmsPort, KmsReply, KmsRequest, Reason, Span, SseSpecification,
    TableName,
};
use lifecycle::clock::Timestamp;
use lifecycle::ids::{AccountId, Region, Scope};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;

use super::super::support::*;
use super::world::{ACCOUNT, SECRET, direct, probing, remote, send_signed, server, service, sts, world};

/// A question about a key that is not there: under the signature with the headers in `signed`, and with those in `added`.
fn signed_call(
    server: &ServerProcess,
    signer: (&str, &str),
    signed: &[(&str, &str)],
    added: &[(&str, &str)],
) -> Reply {
    let mut headers =
        vec![("content-type", "application/x-amz-json-1.1"), ("x-amz-target", "TrentService.DescribeKey")];
    headers.extend_from_slice(signed);
    send_signed(server, signer, "kms", [&headers, added], r#"{"KeyId": "alias/none"}"#)
}

const CALLER: &str = "x-kms-caller";
const ROOT: &str = "arn:aws:iam::000000000000:root";
const DYNAMO: (&str, &str) = ("DYNAMO", SECRET);

fn refuses(reply: &Reply, code: &str, part: &str) {
    let body = reply.json();
    assert_eq!((reply.status, &body["__type"]), (400, &json!(code)), "{}", reply.text);
    assert!(body["message"].as_str().unwrap_or_default().contains(part), "{part} in {}", reply.text);
    assert_eq!(reply.header("x-kms-called-by"), None, "nothing counted");
}

#[test]
fn only_a_service_names_a_caller_and_only_under_its_signature() {
    let server = server();
    let dynamo =
        |signed: &[(&str, &str)], added: &[(&str, &str)]| signed_call(&server, DYNAMO, signed, added);
    // It counts: a question about a key that is not there, as the root user of the account.
    let heeded = dynamo(&[(CALLER, ROOT)], &[]);
    assert_eq!(heeded.json()["__type"], "NotFoundException", "{}", heeded.text);
    assert_eq!(heeded.header("x-kms-called-by"), Some("dynamodb.amazonaws.com"));

    // Another credential, and none.
    for (signer, who) in [
        (("STORE", "secret-of-the-store"), "arn:aws:sts::000000000000:assumed-role/store/main"),
        (("111122223333", "x"), "arn:aws:iam::111122223333:root"),
    ] {
        let reply = signed_call(&server, signer, &[(CALLER, ROOT)], &[]);
        let message = format!(
            "User: {who} is not authorized to perform: kms:DescribeKey on behalf of another principal because its access \
             key is not the credential of a service"
        );
        refuses(&reply, "AccessDeniedException", &message);
    }
    let host = format!("127.0.0.1:{}", server.port());
    let headers = [("host", host.as_str()), ("x-amz-target", "TrentService.CreateKey"), (CALLER, ROOT)];
    let unsigned = fixtures::process::send(server.port(), "POST", "/", &headers, b"{}").unwrap();
    refuses(&unsigned, "AccessDeniedException", "is not authorized to perform: kms:CreateKey on behalf of");

    // A header that somebody has added to a signed request.
    for header in [CALLER, "x-kms-source-arn", "x-kms-source-account"] {
        let text = format!("There were headers present in the request which were not signed: {header}");
        refuses(&dynamo(&[], &[(header, ACCOUNT)]), "InvalidSignatureException", &text);
    }
    refuses(&dynamo(&[(CALLER, ROOT)], &[(CALLER, ROOT)]), "InvalidSignatureException", "does not match");
    // Another secret, and another caller than was signed.
    let wrong = signed_call(&server, ("DYNAMO", "guess"), &[(CALLER, ROOT)], &[]);
    refuses(&wrong, "InvalidSignatureException", "does not match the signature you provided");
    assert!(!wrong.text.contains(SECRET));

    // Nothing was made, and every refusal is recorded as that of whoever signed.
    assert!(ok(&server, "ListKeys", json!({}))["Keys"].as_array().unwrap().is_empty());
    let events = control(&server, "GET", "/_kms/events?limit=100", "").json();
    let denied =
        events["Records"].as_array().unwrap().iter().filter(|event| event["errorCode"] == "AccessDenied");
    let who: Vec<&str> = denied.map(|event| event["userIdentity"]["arn"].as_str().unwrap()).collect();
    assert_eq!(who.len(), 3, "{events}");
    assert!(who.iter().any(|arn| arn.ends_with("assumed-role/store/main")), "{who:?}");
}

#[test]
fn what_says_nothing_is_refused_with_what_is_wrong() {
    let server = server();
    let long = format!("arn:aws:iam::{ACCOUNT}:user/{}", "a".repeat(3_000));
    let dynamo = |name: &str, value: &str| signed_call(&server, DYNAMO, &[(name, value)], &[]);
    for text in
        ["root", "*", "arn:aws:s3:::bucket", "arn:aws:iam::1:root", "lambda.amazonaws.com", "{\"arn\":1}"]
    {
        let message = format!("The header x-kms-caller is not the ARN of a principal: {text}");
        refuses(&dynamo(CALLER, text), "ValidationException", &message);
    }
    for text in ["", long.as_str(), "arn:aws:iam::000000000000:user/a b"] {
        let message = "The header x-kms-caller is no text of 1 to 2048 visible ASCII characters";
        refuses(&dynamo(CALLER, text), "ValidationException", message);
    }
    refuses(
        &dynamo("x-kms-source-account", "1"),
        "ValidationException",
        "x-kms-source-account is not an account",
    );
    for header in ["x-kms-service", "x-kms-via-service", "x-kms-source-vpce", "x-kms-anything"] {
        let message = format!("The header {header} does not go with the credential of a service");
        refuses(&dynamo(header, "lambda.amazonaws.com"), "ValidationException", &message);
    }
    let twice = [("x-kms-source-arn", "arn:a"), ("x-kms-source-arn", "arn:b")];
    let twice = signed_call(&server, DYNAMO, &twice, &[]);
    refuses(&twice, "ValidationException", "The header x-kms-source-arn is there more than once");
    // Without a caller the service calls for itself, and it has no permission in an account.
    let own = signed_call(&server, DYNAMO, &[], &[]);
    assert_eq!(own.header("x-kms-called-by"), Some("dynamodb.amazonaws.com"), "{}", own.text);
}

#[test]
fn the_credential_of_a_service_is_for_kms_alone_and_shows_nowhere() {
    let server = server();
    let sts = sts(&server, DYNAMO, "Action=GetCallerIdentity&Version=2011-06-15");
    assert!(sts.status == 403 && sts.text.contains("InvalidClientTokenId"), "{}", sts.text);
    assert_eq!(signed_call(&server, DYNAMO, &[(CALLER, ROOT)], &[]).status, 400);
    let principals = control(&server, "GET", "/_kms/principals", "").text;
    assert!(principals.contains("DYNAMO") && principals.contains("dynamodb.amazonaws.com"), "{principals}");
    let events = control(&server, "GET", "/_kms/events?limit=100", "").text;
    for text in [principals, events, server.log(), server.out().to_owned(), format!("{:?}", service(&server))]
    {
        assert!(!text.contains(SECRET), "{text}");
    }
    assert!(!format!("{:?}", Credentials::of_access_key("DYNAMO", SECRET)).contains(SECRET));
}

fn a_call(identity: Identity) -> KmsCall {
    let scope = Scope { account: AccountId::zero(), region: Region::us_east_1() };
    KmsCall {
        flow: FlowId(1),
        region: scope.region,
        identity,
        request: KmsRequest::DescribeKey { key_id: "alias/none".to_owned() },
        reason: Reason::Selection,
        table: TableName::new(scope, "books"),
    }
}

/// Makes a call as the root user of the account.
fn asked(kms: &RemoteKms) -> KmsReply {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let call = a_call(Identity::Caller(lifecycle::at_rest::Caller::root(AccountId::zero())));
    runtime.block_on(kms.call(&call, Timestamp(0)))
}

fn fault(kms: &RemoteKms) -> KmsFault {
    asked(kms).unwrap_err()
}

#[test]
fn an_answer_to_somebody_else_says_nothing_about_the_key() {
    let server = server();
    assert_eq!(fault(&service(&server)).code, "NotFoundException");
    assert_eq!(fault(&direct(&server)).code, "NotFoundException");
    // Wrong secrets, keys of somebody else, and no such keys: none of it reads as if the key were lost.
    for (key, part) in [
        (("DYNAMO", "guess"), "InvalidSignatureException"),
        (("STORE", "secret-of-the-store"), "AccessDeniedException"),
        (("111122223333", "x"), "AccessDeniedException"),
    ] {
        let fault = fault(&remote(&server, Authority::Service, key));
        assert!(!fault.is_refusal() && fault.message.contains(part), "{fault:?}");
    }
    // A caller who is none is not even sent.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for arn in ["nobody", "dynamodb.amazonaws.com", "arn:aws:iam::000000000000:user/a\r\nx-kms-caller: b"] {
        let caller = lifecycle::at_rest::Caller { arn: arn.to_owned(), account: AccountId::zero() };
        let call = a_call(Identity::Caller(caller));
        let fault = runtime.block_on(service(&server).call(&call, Timestamp(0))).unwrap_err();
        assert!(!fault.is_refusal() && fault.message.contains("the caller is no principal"), "{fault:?}");
    }
    // A store that lost its own credential goes on with what it has, and its table is not lost.
    let kms = service(&server);
    let mut books = world(server, kms, probing());
    let key = super::new_key(&books);
    books.create("books", &SseSpecification::kms(&key.text())).unwrap();
    let stranger = remote(&books.kms.server, Authority::Service, ("DYNAMO", "guess"));
    books.kms.go_on_with(stranger);
    books.pass(Span::days(2));
    assert_eq!(super::status(&books), "ACTIVE");
    let refused = super::get(&mut books).unwrap_err();
    assert!(refused.contains("InvalidSignatureException"), "{refused}");
}

/// A server that is none: it says the same to everybody.
fn says(answer: &'static str) -> (String, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"alias/none\"}") && stream.read(&mut byte).unwrap_or(0) > 0 {
            head.push(byte[0]);
        }
        if answer.is_empty() {
            // Held open until the client has had enough.
            let _ = stream.read(&mut byte);
        } else {
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (url, serving)
}

#[test]
fn an_endpoint_that_is_no_such_kms_is_as_good_as_none() {
    let credentials = || Credentials::of_access_key("DYNAMO", SECRET);
    let described = "HTTP/1.1 200 OK\r\ncontent-length: 133\r\n\r\n{\"KeyMetadata\":{\"Arn\":\"arn:aws:kms:us-east-1:\
                     000000000000:key/11111111-1111-4111-8111-111111111111\",\"KeyManager\":\"CUSTOMER\"},\"Padding\":\"0123\"}";
    let described: &'static str = {
        let (head, body) = described.split_once("\r\n\r\n").unwrap();
        let _ = head;
        Box::leak(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_boxed_str())
    };
    let direct = Authority::Direct { principal: super::STORE.to_owned() };
    for (answer, authority, part) in [
        (described, Authority::Service, "the endpoint knows no credentials of dynamodb.amazonaws.com"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", direct.clone(), "the answer is none of KMS"),
        (
            "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 3\r\n\r\nno!",
            direct.clone(),
            "the answer is none of KMS",
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n{", direct.clone(), "KMS cannot be reached"),
        ("nonsense\r\n\r\n", direct.clone(), "KMS cannot be reached"),
        ("", direct.clone(), "KMS did not answer in time"),
    ] {
        let (url, serving) = says(answer);
        let kms = RemoteKms::new(&url, authority, credentials).unwrap();
        let waits = if answer.is_empty() { Duration::from_millis(50) } else { Duration::from_secs(60) };
        let fault = fault(&kms.with_timeout(waits));
        assert!(!fault.is_refusal() && fault.message.contains(part), "{answer}: {fault:?}");
        serving.join().unwrap();
    }
    let (url, serving) = says(described);
    assert!(
        asked(&RemoteKms::new(&url, direct.clone(), credentials).unwrap()).is_ok(),
        "the answer itself is one"
    );
    serving.join().unwrap();
    for url in ["", "kms", "ftp://a", "http://", "http://u:p@a", "http://a/path", "http://a?b", "http://{x}"]
    {
        let refused = RemoteKms::new(url, Authority::Service, credentials);
        assert!(matches!(refused, Err(RemoteError::Endpoint(_))), "{url}");
    }
    for principal in ["store", "dynamodb.amazonaws.com"] {
        let refused =
            RemoteKms::new("http://a", Authority::Direct { principal: principal.to_owned() }, credentials);
        assert!(matches!(refused, Err(RemoteError::Principal(_))), "{principal}");
    }
    for url in ["https://kms.{region}.amazonaws.com", "http://127.0.0.1:4566/", "http://[::1]:1"] {
        assert!(RemoteKms::new(url, Authority::Service, credentials).is_ok(), "{url}");
    }
}

#[test]
fn over_https_it_trusts_the_roots_that_it_is_given() {
    let folder = Folder::new();
    let key = format!("DYNAMO:{SECRET}:dynamodb.amazonaws.com");
    let server = folder.server(&["--tls", "on", "--auth-access-keys", &key]);
    let stranger = fault(&service(&server));
    assert!(stranger.message.contains("KMS cannot be reached"), "{stranger:?}");
    let ca = server.out().trim_end().rsplit(' ').next().unwrap().to_owned();
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    assert_eq!(fault(&service(&server).with_roots(roots).unwrap()).code, "NotFoundException");
}
