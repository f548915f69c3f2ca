//! Documents that are read.

use serde_json::json;

use super::*;

#[test]
fn accepts_every_form() {
    let plain = || statement(json!({}));
    for document in [
        json!({"Statement": plain()}),
        json!({"Version": "2008-10-17", "Id": "x", "Statement": [plain()]}),
        policy(vec![statement(json!({"Sid": "same"})), statement(json!({"Sid": "same"}))]),
        policy(statement(json!({"Sid": "Enable IAM User Permissions", "Principal": "*"}))),
        policy(statement(json!({"Principal": {"AWS": ["111122223333", BOB, SESSION, "*"]}}))),
        policy(statement(json!({"Principal": {"Service": "logs.us-east-1.amazonaws.com"}}))),
        policy(statement(json!({"Principal": {"Federated": "cognito-identity.amazonaws.com"}}))),
        policy(statement(json!({"Principal": {"CanonicalUser": "0f".repeat(32)}}))),
        policy(statement(json!({"Principal": null, "NotPrincipal": {"AWS": BOB}, "Effect": "Deny"}))),
        policy(statement(json!({"Action": null, "NotAction": ["kms:Encrypt"]}))),
        policy(statement(json!({"Resource": null, "NotResource": KEY}))),
        policy(statement(json!({"Action": ["*", "kms:Gen?rate*", "s3:GetObject"]}))),
        policy(statement(json!({"Condition": {}}))),
        policy(statement(json!({"Condition": {"Bool": {"kms:MultiRegion": true}, "StringEquals": {}}}))),
        policy(statement(json!({"Condition": {"NumericLessThan": {"k": [7, "8"]}}}))),
    ] {
        assert!(parse(&document).is_ok(), "{document} {:?}", parse(&document));
    }
    let default = default_key_policy("aws", "111122223333");
    assert_eq!(Document::parse(&default, Kind::KeyPolicy).unwrap().len(), 1);
}

#[test]
fn the_last_of_duplicate_members_counts() {
    let text = policy(statement(json!({}))).to_string();
    let text = text.replace(r#""Effect":"Allow""#, r#""Effect":"Maybe","Effect":"Allow","Effect":"Deny""#);
    let document = Document::parse(&text, Kind::KeyPolicy).unwrap();
    assert_eq!(decide(&document, ROOT, "kms:Encrypt"), Decision::ExplicitDeny);
}

#[test]
fn lists_its_principals() {
    let document = parse(&policy(vec![
        statement(json!({"Principal": {"AWS": [ROOT, BOB], "Service": "logs.amazonaws.com"}})),
        statement(json!({"Principal": null, "NotPrincipal": {"AWS": SESSION}, "Effect": "Deny"})),
    ]));
    let document = document.unwrap();
    let named: Vec<_> = document.principals().map(ToString::to_string).collect();
    assert_eq!(named, [ROOT, BOB, "logs.amazonaws.com", SESSION]);
    let error = PolicyError::invalid_principal(document.principals().next().unwrap());
    let expected = "Policy contains a statement with one or more invalid principals.";
    assert_eq!(error.message(), Some(expected));
}
