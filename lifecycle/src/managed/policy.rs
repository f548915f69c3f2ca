//! The key policies of AWS managed and AWS owned keys, in the form in which AWS prints them.

use serde_json::{Value, json};

use super::Service;
use crate::ids::Scope;
use crate::key::KeyPolicy;
use crate::policy::print;

/// A statement as JSON, its members in AWS's order.
pub(super) struct Statement(String);

/// The policy of a service's key: in the account of AWS, of the key that it owns.
pub(super) fn of(service: &Service, scope: Scope) -> KeyPolicy {
    let (id, statements) = match scope.account.is_aws() {
        true => ("auto-owned-1", vec![owned(service)]),
        false => (service.policy_id, (service.statements)(scope)),
    };
    let statements: Vec<String> = statements.into_iter().map(|statement| statement.0).collect();
    let text = format!(
        r#"{{"Version":"2012-10-17","Id":{},"Statement":[{}]}}"#,
        Value::from(id),
        statements.join(",")
    );
    KeyPolicy::from(print(&text).unwrap_or_default())
}

fn statement(
    sid: &str,
    effect: &str,
    principal: &Value,
    actions: &[&str],
    condition: Option<&str>,
) -> Statement {
    let actions = match actions {
        [action] => json!(action),
        actions => json!(actions),
    };
    let condition = condition.map(|condition| format!(r#","Condition":{condition}"#)).unwrap_or_default();
    Statement(format!(
        r#"{{"Sid":{},"Effect":"{effect}","Principal":{principal},"Action":{actions},"Resource":"*"{condition}}}"#,
        Value::from(sid)
    ))
}

fn everybody() -> Value {
    json!({"AWS": "*"})
}

/// Lets all principals of the account use the key through the service in the key's Region.
pub(super) fn access(sid: &str, principal: &str, actions: &[&str], scope: Scope) -> Statement {
    let Scope { account, region } = scope;
    let condition = format!(
        r#"{{"StringEquals":{{"kms:CallerAccount":"{account}","kms:ViaService":"{principal}.{region}.amazonaws.com"}}}}"#
    );
    statement(sid, "Allow", &everybody(), actions, Some(&condition))
}

/// Lets all principals of the account use the key through the service in any Region.
pub(super) fn anywhere(sid: &str, principal: &str, actions: &[&str], scope: Scope) -> Statement {
    let condition = format!(
        r#"{{"StringEquals":{{"kms:CallerAccount":"{}"}},"StringLike":{{"kms:ViaService":"{principal}.*.amazonaws.com"}}}}"#,
        scope.account
    );
    statement(sid, "Allow", &everybody(), actions, Some(&condition))
}

/// Lets the account look at the key and, where its service makes grants, revoke them.
pub(super) fn metadata(revokes: bool, scope: Scope) -> Statement {
    let all = ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"];
    let actions: Vec<_> = all.into_iter().filter(|action| revokes || *action != "kms:RevokeGrant").collect();
    let root = format!("arn:{}:iam::{}:root", scope.region.partition(), scope.account);
    let sid = "Allow direct access to key metadata to the account";
    statement(sid, "Allow", &json!({"AWS": root}), &actions, None)
}

/// Lets the service itself look at the key.
pub(super) fn describe(sid: &str, principal: &str) -> Statement {
    let actions = ["kms:Describe*", "kms:Get*", "kms:List*"];
    statement(sid, "Allow", &json!({"Service": principal}), &actions, None)
}

/// The policy of most services, which differ in name and actions only.
pub(super) fn grant_and_use(title: &str, principal: &str, actions: &[&str], scope: Scope) -> Vec<Statement> {
    let sid = format!(
        "Allow access through {title} for all principals in the account that are authorized to use {title}"
    );
    vec![access(&sid, principal, actions, scope), metadata(true, scope)]
}

/// The policy of Certificate Manager's key, which is used by grants for load balancers and the like.
///
/// AWS (observed): `auto-acm-4`.
pub(super) fn of_certificates(scope: Scope) -> Vec<Statement> {
    let Scope { account, region } = scope;
    let through = format!(r#""kms:CallerAccount":"{account}","kms:ViaService":"acm.{region}.amazonaws.com""#);
    let granting = |operations: &str| {
        format!(
            r#"{{"StringEquals":{{{through}}},"ForAllValues:StringEquals":{{"kms:GrantOperations":{operations}}},"Bool":{{"kms:GrantIsForAWSResource":"true"}}}}"#
        )
    };
    let by_all = |sid, actions: &[&str], condition: String| {
        statement(sid, "Allow", &everybody(), actions, Some(&condition))
    };
    let re_encryption = r#"["Encrypt","ReEncryptFrom","ReEncryptTo"]"#;
    let viewing = &["kms:DescribeKey", "kms:ListGrants", "kms:RevokeGrant", "kms:GetKeyPolicy"];
    let elsewhere = r#"{"Bool":{"kms:ReEncryptOnSameKey":"false"}}"#;
    vec![
        by_all("Allow creation of decryption grants", &["kms:CreateGrant"], granting(r#""Decrypt""#)),
        by_all("Allow creation of encryption grant", &["kms:CreateGrant"], granting(re_encryption)),
        by_all(
            "Allowed operations for the key owner",
            viewing,
            format!(r#"{{"StringEquals":{{"kms:CallerAccount":"{account}"}}}}"#),
        ),
        statement(
            "Deny re-encryption to any other key",
            "Deny",
            &everybody(),
            &["kms:ReEncrypt*"],
            Some(elsewhere),
        ),
        by_all("Allow decrypt", &["kms:Decrypt"], format!(r#"{{"StringEquals":{{{through}}}}}"#)),
    ]
}

/// Lets the service, and nobody else, use the key that it owns. No such policy has been seen: this is a choice made
/// here.
fn owned(service: &Service) -> Statement {
    let actions = [
        "kms:Encrypt",
        "kms:Decrypt",
        "kms:ReEncrypt*",
        "kms:GenerateDataKey*",
        "kms:Describe*",
        "kms:Get*",
        "kms:List*",
    ];
    let sid = "Allow the service that owns the key to use it";
    statement(sid, "Allow", &json!({"Service": service.principal()}), &actions, None)
}
