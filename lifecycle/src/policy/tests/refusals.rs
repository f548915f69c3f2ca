//! Documents that are refused, and with which text.

use serde_json::json;

use super::*;

/// The text of the `MalformedPolicyDocumentException`.
fn malformed(policy: &Value) -> Option<&'static str> {
    match parse(policy) {
        Err(PolicyError::Malformed { message, reason }) => {
            assert!(!reason.is_empty());
            message
        }
        other => panic!("{policy}: {other:?}"),
    }
}

#[test]
fn a_text_that_is_no_policy_has_no_message() {
    for text in ["not a real policy", "", "[]", "\"*\"", "null", "{", "{\"Version\":\"2012-10-17\"} x"] {
        let error = Document::parse(text, Kind::KeyPolicy).unwrap_err();
        assert!(matches!(error, PolicyError::Malformed { message: None, .. }), "{text}");
    }
}

#[test]
fn statements_without_principal() {
    for principal in [json!(null), json!({}), json!({"AWS": []}), json!({"AWS": [], "Service": []})] {
        let message = malformed(&policy(statement(json!({"Principal": principal}))));
        assert_eq!(message, Some("Policy contains a statement with no principal."), "{principal}");
    }
    let not_principal = statement(json!({"Principal": null, "NotPrincipal": {"AWS": []}, "Effect": "Deny"}));
    assert_eq!(malformed(&policy(not_principal)), Some("Policy contains a statement with no principal."));
}

#[test]
fn invalid_principals() {
    for principal in [
        json!("bob"),
        json!(BOB),
        json!({"AWS": "bob"}),
        json!({"AWS": ["*", "arn:aws:s3:::bucket"]}),
        json!({"AWS": "arn:aws:iam::111122223333:role/*"}),
        json!({"Service": "logs"}),
        json!({"Service": "*"}),
        json!({"Somebody": "else"}),
    ] {
        let message = malformed(&policy(statement(json!({"Principal": principal}))));
        let expected = "Policy contains a statement with one or more invalid principals.";
        assert_eq!(message, Some(expected), "{principal}");
    }
}

#[test]
fn principals_with_invalid_arns() {
    for principal in ["arn:aws:iam::111122223333:group/admins", "arn:aws:iam", "arn:aws:iam::111122223333:"] {
        let error = parse(&policy(statement(json!({"Principal": {"AWS": [ROOT, principal]}})))).unwrap_err();
        assert!(matches!(error, PolicyError::InvalidArn { .. }), "{principal}");
        assert_eq!(error.message(), Some("An ARN in the specified key policy is invalid."));
    }
}

#[test]
fn missing_action_and_resource() {
    for action in [json!(null), json!([])] {
        let message = malformed(&policy(statement(json!({"Action": action}))));
        assert_eq!(message, Some("Missing required field Action"));
    }
    for resource in [json!(null), json!([])] {
        let message = malformed(&policy(statement(json!({"Resource": resource}))));
        assert_eq!(message, Some("Missing required field Resource"));
    }
}

#[test]
fn other_faults_have_no_message() {
    let bad_statements = [
        json!({"Effect": null}),
        json!({"Effect": "allow"}),
        json!({"Effect": ["Allow"]}),
        json!({"Sid": 1}),
        json!({"Sidd": "x"}),
        json!({"NotAction": "kms:*"}),
        json!({"NotResource": "*"}),
        json!({"NotPrincipal": "*"}),
        json!({"Principal": ["*"]}),
        json!({"Principal": {"AWS": 111_122_223_333_u64}}),
        json!({"Action": "Decrypt"}),
        json!({"Action": "kms:"}),
        json!({"Action": ":Decrypt"}),
        json!({"Action": "kms:De crypt"}),
        json!({"Action": {"kms": "Decrypt"}}),
        json!({"Action": [["kms:*"]]}),
        json!({"Resource": "key/1"}),
        json!({"Resource": "arn:aws:kms:::${"}),
        json!({"Resource": 1}),
        json!({"Condition": []}),
        json!({"Condition": {"StringEquals": "x"}}),
        json!({"Condition": {"StringIs": {}}}),
        json!({"Condition": {"StringIs": {"k": "v"}}}),
        json!({"Condition": {"StringEquals": {"": "v"}}}),
        json!({"Condition": {"StringEquals": {"k": null}}}),
        json!({"Condition": {"StringEquals": {"k": {"v": 1}}}}),
        json!({"Condition": {"StringEquals": {"k": [["v"]]}}}),
        json!({"Condition": {"Bool": {"k": "maybe"}}}),
    ];
    for members in bad_statements {
        assert_eq!(malformed(&policy(statement(members.clone()))), None, "{members}");
    }
    let good = statement(json!({}));
    for document in [
        json!({}),
        json!({"Statement": []}),
        json!({"Statement": "x"}),
        json!({"Statement": ["x"]}),
        json!({"Statement": good, "Version": "2012-10-18"}),
        json!({"Statement": good, "Version": null}),
        json!({"Statement": good, "Version": 2012}),
        json!({"Statement": good, "Id": 7}),
        json!({"Statement": good, "Comment": "x"}),
        json!({"statement": good}),
    ] {
        assert_eq!(malformed(&document), None, "{document}");
    }
}

#[test]
fn the_reason_names_the_statement_and_stays_short() {
    let long = "x".repeat(10_000);
    let bad = statement(json!({ long: 1 }));
    let error = parse(&policy(vec![statement(json!({})), bad])).unwrap_err();
    assert!(error.reason().starts_with("statement 1: unknown member \"xxx"), "{error}");
    assert!(error.reason().len() < 200);
}

#[test]
fn identity_policies_name_no_principal_and_have_plain_sids() {
    let good = json!({"Principal": null, "Resource": [KEY, "arn:aws:kms:*:111122223333:key/*"]});
    assert!(identity(statement(good)).is_ok());
    assert!(identity(statement(json!({}))).is_err());
    assert!(identity(statement(json!({"Principal": null, "NotPrincipal": "*"}))).is_err());
    assert!(identity(statement(json!({"Principal": null, "Sid": "AllowUse1"}))).is_ok());
    assert!(identity(statement(json!({"Principal": null, "Sid": "Allow use"}))).is_err());
    let no_action = identity(statement(json!({"Principal": null, "Action": null}))).unwrap_err();
    assert_eq!(no_action.message(), Some("Missing required field Action"));
}
