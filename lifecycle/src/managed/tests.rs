use super::*;
use crate::crypto::SeededEntropy;
use crate::ids::AccountId;
use crate::key::{RotationType, calendar};
use crate::schedule;
use crate::state::State;

fn scope(account: &str, region: &str) -> Scope {
    let account = if account == "aws" { AccountId::aws() } else { account.parse().unwrap() };
    Scope { account, region: region.parse().unwrap() }
}

fn customer() -> Scope {
    scope("111122223333", "us-west-2")
}

fn at(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn alias(service: &str, scope: Scope) -> AliasArn {
    Service::named(service).unwrap().alias(scope).unwrap()
}

/// A state with the key of a service.
fn provisioned(service: &str, scope: Scope, made: &str) -> (State, Key) {
    let mut state = State::default();
    let made =
        provision(state.at(at(made)), &alias(service, scope), &SeededEntropy::new(1)).unwrap().unwrap();
    state.apply(made.changes());
    (state, made.key)
}

#[test]
fn services_are_sorted_and_every_policy_says_something() {
    assert!(SERVICES.is_sorted_by(|a, b| a.name < b.name));
    for service in SERVICES {
        for scope in [customer(), scope("444455556666", "cn-north-1"), scope("aws", "eu-west-1")] {
            let key = planned(&service.alias(scope).unwrap(), Timestamp(0)).unwrap();
            let document = key.policy.document();
            assert!(document.len() >= if scope.account.is_aws() { 1 } else { 2 }, "{}", service.name);
            assert!(
                key.policy.as_str().starts_with("{\n  \"Version\" : \"2012-10-17\",\n  \"Id\" : \"auto-")
            );
            assert_eq!((key.manager, key.state_at(key.created_at).as_str()), (KeyManager::Aws, "Enabled"));
        }
    }
    for name in ["alias/aws/", "alias/aws/foo", "alias/aws/S3", "alias/s3", "alias/aws/s3/x"] {
        let alias = AliasArn { scope: customer(), name: name.parse().unwrap() };
        assert!(planned(&alias, Timestamp(0)).is_none(), "{name}");
        let nothing = provision(State::default().at(Timestamp(0)), &alias, &SeededEntropy::new(1)).unwrap();
        assert!(nothing.is_none(), "{name}");
    }
}

#[test]
fn the_policy_of_dynamodb_is_printed_as_aws_prints_it() {
    let key = planned(&alias("dynamodb", customer()), Timestamp(0)).unwrap();
    assert_eq!(&*key.description, "Default key that protects my DynamoDB data when no other key is defined");
    let expected = r#"{
  "Version" : "2012-10-17",
  "Id" : "auto-dynamodb-3",
  "Statement" : [ {
    "Sid" : "Allow access through Amazon DynamoDB for all principals in the account that are authorized to use Amazon DynamoDB",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "*"
    },
    "Action" : [ "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:DescribeKey" ],
    "Resource" : "*",
    "Condition" : {
      "StringEquals" : {
        "kms:CallerAccount" : "111122223333"
      },
      "StringLike" : {
        "kms:ViaService" : "dynamodb.*.amazonaws.com"
      }
    }
  }, {
    "Sid" : "Allow direct access to key metadata to the account",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "arn:aws:iam::111122223333:root"
    },
    "Action" : [ "kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant" ],
    "Resource" : "*"
  }, {
    "Sid" : "Allow DynamoDB to directly describe the key",
    "Effect" : "Allow",
    "Principal" : {
      "Service" : "dynamodb.amazonaws.com"
    },
    "Action" : [ "kms:Describe*", "kms:Get*", "kms:List*" ],
    "Resource" : "*"
  } ]
}"#;
    assert_eq!(key.policy.as_str(), expected);
}

#[test]
fn ebs_is_reached_through_ec2() {
    let key = planned(&alias("ebs", customer()), Timestamp(0)).unwrap();
    assert!(key.policy.as_str().contains(r#""kms:ViaService" : "ec2.us-west-2.amazonaws.com""#));
    assert!(key.policy.as_str().contains(r#""Id" : "auto-ebs-2""#));
}

#[test]
fn asking_again_makes_no_second_key() {
    let (state, key) = provisioned("s3", customer(), "2026-01-01T00:00:00Z");
    let again =
        |scope| provision(state.at(Timestamp(0)), &alias("s3", scope), &SeededEntropy::new(2)).unwrap();
    assert!(again(customer()).is_none());
    let elsewhere =
        [scope("111122223333", "eu-west-1"), scope("444455556666", "us-west-2"), scope("aws", "us-west-2")];
    for scope in elsewhere {
        assert_eq!(again(scope).unwrap().key.arn.scope, scope);
    }
    let view = state.at(Timestamp(0));
    assert_eq!(view.customer_key_count(&customer()), 0, "it does not count to the quota");
    assert_eq!(view.materials_of(key.arn).count(), 1);
    assert_eq!(view.alias(&alias("s3", customer())).unwrap().target, key.arn.id);
}

/// The instants at which a key rotates up to `until`, by the schedule of the state.
fn walk(state: &mut State, entropy: &SeededEntropy, until: &str) -> Vec<String> {
    let mut rotated = Vec::new();
    while let Some(due) = schedule::next_due(state).filter(|due| due.at <= at(until)) {
        let changes = schedule::changes(state, &due, entropy).unwrap();
        state.apply(changes);
        rotated.push(due.at.to_string()[..10].to_owned());
    }
    rotated
}

/// E-59: Before May 2022 managed keys rotated every three years, about 1,095 days.
/// E-62: A key from before rotates a year after its last rotation, or at the change if that is over, then yearly.
#[test]
fn e_59_e_62_a_clock_that_starts_in_2018_walks_through_the_change() {
    let entropy = SeededEntropy::new(3);
    for owner in [customer(), scope("aws", "us-west-2")] {
        let (mut state, key) = provisioned("dynamodb", owner, "2018-03-01T00:00:00Z");
        let shown = |state: &State, now: &str| {
            let rotation = state.at(at(now)).key(&key.arn).unwrap().rotation_at(at(now)).unwrap();
            (rotation.period_days, rotation.next_at.to_string()[..10].to_owned())
        };
        assert_eq!(shown(&state, "2018-03-01T00:00:00Z"), (1_095, "2021-02-28".to_owned()));
        assert_eq!(walk(&mut state, &entropy, "2021-12-31T00:00:00Z"), ["2021-02-28"]);
        assert_eq!(shown(&state, "2022-04-30T23:59:59Z"), (1_095, "2024-02-28".to_owned()));
        // The last rotation is more than a year old when the plan changes.
        assert_eq!(walk(&mut state, &entropy, "2022-05-01T00:00:00Z"), ["2022-05-01"]);
        assert_eq!(shown(&state, "2022-05-01T00:00:00Z"), (365, "2023-05-01".to_owned()));
        assert_eq!(
            walk(&mut state, &entropy, "2026-01-01T00:00:00Z"),
            ["2023-05-01", "2024-04-30", "2025-04-30"]
        );
        let materials: Vec<_> = state.at(at("2026-01-01T00:00:00Z")).materials_of(key.arn).cloned().collect();
        assert_eq!(materials.len(), 6);
        assert!(materials[1..].iter().all(|material| material.rotation == Some(RotationType::Automatic)));
    }
}

/// E-61: A new managed key rotates first a year after it was made, then yearly.
#[test]
fn e_61_a_key_of_the_change_year_rotates_a_year_after_it_was_made() {
    let entropy = SeededEntropy::new(3);
    let (mut state, _) = provisioned("s3", customer(), "2021-09-10T00:00:00Z");
    assert_eq!(
        walk(&mut state, &entropy, "2024-12-31T00:00:00Z"),
        ["2022-09-10", "2023-09-10", "2024-09-09"]
    );
    let (mut state, _) = provisioned("s3", customer(), "2022-06-01T00:00:00Z");
    assert_eq!(
        walk(&mut state, &entropy, "2025-05-31T00:00:00Z"),
        ["2023-06-01", "2024-05-31", "2025-05-31"]
    );
}

#[test]
fn nobody_else_changes_the_plan() {
    let now = at("2026-01-01T00:00:00Z");
    let (_, key) = provisioned("s3", customer(), "2026-01-01T00:00:00Z");
    assert_eq!(key.rotates_at(), Some(calendar::next_rotation(now)));
    for changed in [key.enable_rotation(Some(90), now), key.disable_rotation()] {
        assert_eq!(changed.rotation, key.rotation);
    }
    let (rotated, _) = key.rotate(RotationType::OnDemand, now.plus_days(9), &SeededEntropy::new(4)).unwrap();
    assert_eq!(rotated.rotation, key.rotation);
}
