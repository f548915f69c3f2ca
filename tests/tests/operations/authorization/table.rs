//! Every operation is denied without, and allowed with, exactly the permissions of the table in
//! `fixtures/cases/authorization/operations.txt`.

use std::collections::BTreeSet;

use fixtures::TestKms;
use kms_server::operations::registry::OPERATIONS;
use serde_json::{Value, json};

use super::super::subject::{ALIAS, ROLE, State, Subject};
use super::super::wire::{Answer, alias_arn, key_arn};
use super::*;

const TABLE: &str = include_str!("../../../../fixtures/cases/authorization/operations.txt");
const EXCEPTIONS: &str = include_str!("../../../../fixtures/cases/authorization/exceptions.txt");

/// What a permission is needed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum On {
    Key,
    OtherKey,
    RelatedKey,
    GrantedKey,
    Alias,
    Principal,
    NewKey,
    Replica,
    Nothing,
}

impl On {
    /// Whether a key policy has a say.
    fn has_policy(self) -> bool {
        matches!(self, On::Key | On::OtherKey | On::RelatedKey)
    }
}

/// A line of the table.
#[derive(Clone, Debug)]
struct Row {
    operation: &'static str,
    reach: &'static str,
    /// Permissions without `kms:`, and what they are needed on.
    needs: Vec<(&'static str, On)>,
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn table() -> Vec<Row> {
    let need = |text: &'static str| {
        let (permission, on) = text.split_once(' ').unwrap();
        let on = match on {
            "key" => On::Key,
            "other-key" => On::OtherKey,
            "related-key" => On::RelatedKey,
            "granted-key" => On::GrantedKey,
            "alias" => On::Alias,
            "principal" => On::Principal,
            "new-key" => On::NewKey,
            "replica" => On::Replica,
            "*" => On::Nothing,
            other => panic!("{other} is no resource"),
        };
        (permission, on)
    };
    let row = |line: &'static str| {
        let [operation, reach, needs] = line.split(" | ").collect::<Vec<_>>().try_into().unwrap();
        Row { operation, reach, needs: needs.split(", ").map(need).collect() }
    };
    lines(TABLE).map(row).collect()
}

/// A KMS with two keys of the kind that a row's operation needs, in a state in which it works.
struct Stage {
    kms: TestKms,
    key: Subject,
    other: Subject,
    row: Row,
}

impl Stage {
    async fn new(row: &Row) -> Stage {
        let kms = kms();
        let stage = Stage {
            key: Subject::of(&kms, row.operation).await,
            other: Subject::of(&kms, row.operation).await,
            kms,
            row: row.clone(),
        };
        if row.operation == "CancelKeyDeletion" {
            State::PendingDeletion.enter(&stage.kms, &stage.key.id).await;
        }
        stage
    }

    fn request(&self) -> Value {
        let mut request = self.key.request(self.row.operation);
        match self.row.operation {
            "ReEncrypt" => request["DestinationKeyId"] = json!(self.other.arn),
            // Whoever may do no more than this is about to lock itself out.
            "PutKeyPolicy" => request["BypassPolicyLockoutSafetyCheck"] = json!(true),
            "UpdateAlias" => request["TargetKeyId"] = json!(self.other.arn),
            _ => {}
        }
        if self.row.needs.iter().any(|(_, on)| matches!(on, On::NewKey | On::Replica)) {
            request["Tags"] = json!([{"TagKey": "a", "TagValue": "b"}]);
        }
        request
    }

    async fn call(&self, caller: Somebody) -> Answer {
        call_as(&self.kms, caller, self.row.operation, self.request()).await
    }

    /// The ARN by which a policy names a resource.
    fn arn(&self, on: On) -> String {
        match on {
            On::Key | On::GrantedKey => self.key.arn.clone(),
            On::OtherKey => self.other.arn.clone(),
            On::Alias if self.row.operation == "CreateAlias" => alias_arn("alias/new"),
            On::Alias => alias_arn(ALIAS),
            On::Principal => ROLE.to_owned(),
            On::NewKey => key_arn("*"),
            On::RelatedKey | On::Replica => self.key.arn.replace("us-east-1", "eu-west-1"),
            On::Nothing => "*".to_owned(),
        }
    }

    /// Each permission of the row as a statement of an identity policy, all but one of them.
    fn allows_without(&self, left_out: Option<usize>) -> Vec<Value> {
        let needs = self.row.needs.iter().enumerate();
        let kept = needs.filter(|(at, _)| Some(*at) != left_out);
        kept.map(|(_, (permission, on))| on_resource("Allow", permission, &self.arn(*on))).collect()
    }

    /// The text of a denial of one permission, up to the reason.
    fn denied(&self, caller: Somebody, permission: &str, on: On) -> String {
        let resource = match on {
            On::NewKey | On::Replica => String::new(),
            _ => format!(" on resource: {}", self.arn(on)),
        };
        format!("User: {} is not authorized to perform: kms:{permission}{resource}", caller.arn)
    }

    #[track_caller]
    fn allowed(&self, answer: &Answer) {
        assert_eq!(answer.status, 200, "{:?}: {}", self.row, answer.message());
    }
}

fn on_resource(effect: &str, permission: &str, resource: &str) -> Value {
    super::on(effect, &format!("kms:{permission}"), resource)
}

#[test]
fn the_table_has_every_operation_and_no_exception() {
    let rows = table();
    let listed: BTreeSet<_> = rows.iter().map(|row| row.operation).collect();
    let registered: BTreeSet<_> = OPERATIONS.iter().map(|entry| entry.name()).collect();
    assert_eq!(listed, registered);
    assert!(rows.is_sorted_by_key(|row| (row.operation, row.needs.len())));
    assert_eq!(lines(EXCEPTIONS).next(), None);
}

#[tokio::test]
async fn each_operation_is_allowed_by_exactly_its_permissions() {
    for row in table() {
        let stage = Stage::new(&row).await;
        may(&stage.kms, ALICE, json!(stage.allows_without(None))).await;
        stage.allowed(&stage.call(ALICE).await);
    }
}

#[tokio::test]
async fn each_operation_is_denied_without_any_one_of_its_permissions() {
    for row in table() {
        let stage = Stage::new(&row).await;
        for (at, (permission, on)) in row.needs.iter().enumerate() {
            let mut others = stage.allows_without(Some(at));
            // Everything else is no substitute.
            let action = format!("kms:{permission}");
            others.push(json!({"Effect": "Allow", "NotAction": action, "Resource": "*"}));
            let elsewhere = "arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555";
            if *on != On::NewKey {
                others.push(on_resource("Allow", permission, elsewhere));
            }
            may(&stage.kms, ALICE, json!(others)).await;
            let reason = no_policy("identity-based policy", &action);
            let text = format!("{} {reason}", stage.denied(ALICE, permission, *on));
            stage.call(ALICE).await.refuses("AccessDeniedException", text.as_str());
        }
    }
}

#[tokio::test]
async fn each_operation_is_denied_by_a_deny_of_any_one_of_its_permissions() {
    for row in table() {
        let stage = Stage::new(&row).await;
        for (permission, on) in &row.needs {
            let mut statements = stage.allows_without(None);
            statements.push(on_resource("Deny", permission, &stage.arn(*on)));
            may(&stage.kms, ALICE, json!(statements)).await;
            let denied = stage.denied(ALICE, permission, *on);
            let text = format!("{denied} with an explicit deny in an identity-based policy");
            stage.call(ALICE).await.refuses("AccessDeniedException", text.as_str());
        }
    }
}

#[tokio::test]
async fn a_key_policy_denies_each_operation_on_its_key() {
    for row in table() {
        let stage = Stage::new(&row).await;
        may(&stage.kms, ALICE, json!(stage.allows_without(None))).await;
        for (permission, on) in row.needs.iter().filter(|(_, on)| on.has_policy()) {
            let (key, action) = (stage.arn(*on), format!("kms:{permission}"));
            let denied = stage.denied(ALICE, permission, *on);
            put_policy(&stage.kms, &key, &[delegation(), to("Deny", &action, ALICE.arn)]).await;
            let text = format!("{denied} with an explicit deny in a resource-based policy");
            stage.call(ALICE).await.refuses("AccessDeniedException", text.as_str());
            // Without a word about the account, its identity policies count for nothing.
            put_policy(&stage.kms, &key, &[to("Allow", &action, CAROL.arn)]).await;
            let text = format!("{denied} {}", no_policy("resource-based policy", &action));
            stage.call(ALICE).await.refuses("AccessDeniedException", text.as_str());
            put_policy(&stage.kms, &key, &[delegation()]).await;
        }
        stage.allowed(&stage.call(ALICE).await);
    }
}

#[tokio::test]
async fn a_key_policy_alone_allows_each_operation_on_its_key() {
    for row in table() {
        let stage = Stage::new(&row).await;
        let (by_key, by_identity): (Vec<_>, Vec<_>) = row.needs.iter().partition(|(_, on)| on.has_policy());
        for key in [On::Key, On::OtherKey, On::RelatedKey] {
            let needs: Vec<_> = by_key.iter().filter(|(_, on)| *on == key).collect();
            if key == On::RelatedKey && needs.is_empty() {
                continue;
            }
            let needs = needs.into_iter();
            let allows = needs.map(|(permission, _)| to("Allow", &format!("kms:{permission}"), ALICE.arn));
            put_policy(&stage.kms, &stage.arn(key), &allows.collect::<Vec<_>>()).await;
        }
        let allows = by_identity.iter().filter(|(_, on)| *on != On::GrantedKey);
        let allows: Vec<_> =
            allows.map(|(permission, on)| on_resource("Allow", permission, &stage.arn(*on))).collect();
        if !allows.is_empty() {
            may(&stage.kms, ALICE, json!(allows)).await;
        }
        let answer = stage.call(ALICE).await;
        if row.operation == "RetireGrant" {
            // AWS: KMS developer guide, "Retiring and revoking grants": a key policy cannot allow it.
            put_policy(&stage.kms, &stage.key.arn, &[to("Allow", "kms:*", ALICE.arn)]).await;
            let denied = stage.denied(ALICE, "RetireGrant", On::GrantedKey);
            let text = format!("{denied} {}", no_policy("identity-based policy", "kms:RetireGrant"));
            answer.refuses("AccessDeniedException", text.as_str());
            stage.call(ALICE).await.refuses("AccessDeniedException", text.as_str());
        } else {
            stage.allowed(&answer);
        }
    }
}

#[tokio::test]
async fn principals_of_other_accounts_need_both_sides_or_are_refused() {
    const OWN_ONLY: &str = "This operation cannot be called cross account";
    // An alias that is named without its account is one of the caller's own.
    for row in table().into_iter().filter(|row| row.operation != "DeleteAlias") {
        let stage = Stage::new(&row).await;
        let keys: Vec<_> = row.needs.iter().filter(|(_, on)| on.has_policy()).collect();
        if keys.is_empty() {
            continue;
        }
        let share = [delegation(), to("Allow", "kms:*", OTHER)];
        for on in [On::Key, On::OtherKey] {
            put_policy(&stage.kms, &stage.arn(on), &share).await;
        }
        may(&stage.kms, CAROL, json!(stage.allows_without(None))).await;
        if row.reach == "own" {
            stage.call(CAROL).await.refuses("AccessDeniedException", OWN_ONLY);
            continue;
        }
        for (at, (permission, on)) in row.needs.iter().enumerate() {
            let action = format!("kms:{permission}");
            let denied =
                format!("User: {} is not authorized to perform: {action} on this resource", CAROL.arn);
            let mut others = stage.allows_without(Some(at));
            others.push(on_resource("Allow", "ListKeys", "*"));
            may(&stage.kms, CAROL, json!(others)).await;
            let text = format!("{denied} {}", no_policy("identity-based policy", &action));
            stage.call(CAROL).await.refuses("AccessDeniedException", text.as_str());

            may(&stage.kms, CAROL, json!(stage.allows_without(None))).await;
            put_policy(&stage.kms, &stage.arn(*on), &[delegation()]).await;
            let text = format!(
                "{denied} because the resource does not exist in this Region, no resource-based policies allow \
                 access, or a resource-based policy explicitly denies access"
            );
            stage.call(CAROL).await.refuses("AccessDeniedException", text.as_str());
            put_policy(&stage.kms, &stage.arn(*on), &share).await;
        }
        stage.allowed(&stage.call(CAROL).await);
    }
}
