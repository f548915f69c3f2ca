//! The Security Token Service: with AWS's own client, and raw where no client would do it.

mod assume_role;
mod protocol;
mod sessions;
mod web_identity;

use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::builders::AssumeRoleFluentBuilder;
use aws_sdk_sts::types::{Credentials, Tag};
use fixtures::TestKms;
use kms_server::builder::Builder;
use kms_server::principals;
use lifecycle::clock::Timestamp;

use super::wire;

/// Users and roles. Every user's secret is `secret`.
const PRINCIPALS: &str = r#"
users:
  - arn: arn:aws:iam::111122223333:user/team/alice
    tags: { team: red }
    policies: [{ name: list, document: { Statement: { Effect: Allow, Action: "kms:ListKeys", Resource: "*" } } }]
    access_keys: [{ id: AKIDALICE0000000, secret: secret }]
  - arn: arn:aws:iam::111122223333:user/bob
    policies: [{ name: assume, document: { Statement: { Effect: Allow, Action: "sts:*", Resource: "*" } } }]
    access_keys: [{ id: AKIDBOB000000000, secret: secret }]
  - arn: arn:aws:iam::111122223333:user/denied
    policies:
      - { name: deny, document: { Statement: { Effect: Deny, Action: "sts:*", Resource: "*" } } }
    access_keys: [{ id: AKIDDENIED000000, secret: secret }]
  - arn: arn:aws:iam::444455556666:user/carol
    policies: [{ name: assume, document: { Statement: { Effect: Allow, Action: "sts:*", Resource: "*" } } }]
    access_keys: [{ id: AKIDCAROL0000000, secret: secret }]
  - arn: arn:aws:iam::444455556666:user/dave
    access_keys: [{ id: AKIDDAVE00000000, secret: secret }]
roles:
  - arn: arn:aws:iam::111122223333:role/path/app
    tags: { team: blue, stage: test }
    max_session_seconds: 7200
    policies:
      - name: chain
        document:
          Version: "2012-10-17"
          Statement:
            - { Effect: Allow, Action: ["sts:*", "kms:ListKeys"], Resource: "*" }
            - Effect: Allow
              Action: "kms:ListAliases"
              Resource: "*"
              Condition:
                StringEquals: { "aws:PrincipalTag/team": "green", "aws:PrincipalTag/stage": "test" }
                StringLike: { "aws:userid": "AROA*:alice-1" }
    trust:
      Statement:
        - Effect: Allow
          Principal: { AWS: ["arn:aws:iam::111122223333:user/team/alice", "arn:aws:iam::444455556666:root"] }
          Action: ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
  - arn: arn:aws:iam::111122223333:role/account
    max_session_seconds: 43200
    trust:
      Statement:
        - Effect: Allow
          Principal: { AWS: "111122223333" }
          Action: ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
  - arn: arn:aws:iam::111122223333:role/strict
    trust:
      Version: "2012-10-17"
      Statement:
        - Effect: Allow
          Principal: { AWS: "arn:aws:iam::111122223333:user/team/alice" }
          Action: "sts:AssumeRole"
          Condition:
            StringEquals: { "sts:ExternalId": "e-1", "aws:PrincipalTag/team": "red" }
            StringLike: { "sts:RoleSessionName": "${aws:username}-*" }
  - arn: arn:aws:iam::111122223333:role/mfa
    trust:
      Statement:
        - Effect: Allow
          Principal: { AWS: "arn:aws:iam::111122223333:user/team/alice" }
          Action: "sts:AssumeRole"
          Condition: { Bool: { "aws:MultiFactorAuthPresent": "true" } }
  - arn: arn:aws:iam::111122223333:role/web
    policies:
      - name: federated
        document:
          Statement:
            Effect: Allow
            Action: "kms:ListKeys"
            Resource: "*"
            Condition:
              StringEquals:
                "aws:FederatedProvider": "arn:aws:iam::111122223333:oidc-provider/id.example.com/realm"
    trust:
      Statement:
        - Effect: Allow
          Principal: { Federated: "arn:aws:iam::111122223333:oidc-provider/id.example.com/realm" }
          Action: ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"]
          Condition:
            StringEquals: { "id.example.com/realm:aud": "app" }
            StringLike: { "id.example.com/realm:sub": "repo:*" }
"#;

const APP: &str = "arn:aws:iam::111122223333:role/path/app";
const ACCOUNT_ROLE: &str = "arn:aws:iam::111122223333:role/account";

fn kms() -> TestKms {
    TestKms::with(with_principals)
}

fn with_principals(builder: Builder) -> Builder {
    builder.principals(principals::parse("p.yaml", PRINCIPALS).unwrap())
}

/// A client of STS with a user's long-term key.
fn user(kms: &TestKms, name: &str) -> aws_sdk_sts::Client {
    kms.sts_as(long_term(name))
}

fn long_term(name: &str) -> aws_sdk_sts::config::Credentials {
    let id = format!("{:0<16}", format!("AKID{}", name.to_uppercase()));
    aws_sdk_sts::config::Credentials::new(id, "secret", None, None, "test")
}

/// A client of STS with temporary credentials.
fn session(kms: &TestKms, credentials: &Credentials) -> aws_sdk_sts::Client {
    kms.sts_as(temporary(credentials))
}

fn temporary(credentials: &Credentials) -> aws_sdk_sts::config::Credentials {
    let token = credentials.session_token().to_owned();
    let (id, secret) = (credentials.access_key_id(), credentials.secret_access_key());
    aws_sdk_sts::config::Credentials::new(id, secret, Some(token), None, "test")
}

fn assume(client: &aws_sdk_sts::Client, role: &str) -> AssumeRoleFluentBuilder {
    client.assume_role().role_arn(role).role_session_name("alice-1")
}

/// The credentials of a session of a role.
async fn assumed(client: &aws_sdk_sts::Client, role: &str) -> Credentials {
    assume(client, role).send().await.unwrap().credentials.unwrap()
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build().unwrap()
}

/// The code and the text of a refusal; empty after a success.
fn refusal<T, E: ProvideErrorMetadata>(
    result: &Result<T, SdkError<E, impl std::fmt::Debug>>,
) -> (String, String) {
    let Err(error) = result else { return Default::default() };
    let error = error.as_service_error().expect("an answer of the service");
    (error.code().unwrap_or_default().to_owned(), error.message().unwrap_or_default().to_owned())
}

/// Moves the domain clock.
async fn advance(kms: &TestKms, seconds: i64) {
    let engine = &kms.service().parts().engine;
    let to = Timestamp(engine.snapshot().now().0 + seconds * 1_000);
    engine.advance(to).await.unwrap();
}
