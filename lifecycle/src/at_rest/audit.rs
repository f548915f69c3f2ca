//! The audit record of a call that the engine asked for, with DynamoDB's values.

use serde_json::{Value, json};

use super::port::{
    GRANT_OPERATIONS, Identity, KmsCall, KmsOutput, KmsReply, KmsRequest, SERVICE, regional_service,
};
use crate::clock::Timestamp;
use crate::ids::{KeyArn, Region};

/// The record of a call. A port whose KMS keeps its own trail does not need it; `request_id` and `event_id` are the embedder's.
///
/// AWS: DynamoDB developer guide, "Monitoring DynamoDB interaction with AWS KMS".
#[must_use]
pub fn record(call: &KmsCall, reply: &KmsReply, at: Timestamp, request_id: &str, event_id: &str) -> Value {
    let region = call.region;
    let (parameters, read_only) = parameters(&call.request, region);
    let seconds = Timestamp(at.whole_seconds() * 1_000).to_string().replace(".000Z", "Z");
    let account = call.table.scope.account;
    let mut record = json!({
        "eventVersion": "1.05",
        "userIdentity": identity(&call.identity),
        "eventTime": seconds,
        "eventSource": "kms.amazonaws.com",
        "eventName": call.request.operation(),
        "awsRegion": region,
        "sourceIPAddress": SERVICE,
        "userAgent": SERVICE,
        "requestParameters": parameters,
        "responseElements": response(reply),
        "requestID": request_id,
        "eventID": event_id,
        "readOnly": read_only,
        "resources": resources(call, reply),
        "eventType": "AwsApiCall",
        "recipientAccountId": account,
    });
    if let (Err(fault), Some(record)) = (reply, record.as_object_mut()) {
        record.insert("errorCode".to_owned(), json!(fault.code));
        record.insert("errorMessage".to_owned(), json!(fault.message));
    }
    record
}

fn identity(identity: &Identity) -> Value {
    let Identity::Caller(caller) = identity else {
        return json!({ "type": "AWSService", "invokedBy": SERVICE });
    };
    let kind = match caller.arn.split(':').nth(5) {
        Some("root") => "Root",
        Some(resource) if resource.starts_with("assumed-role/") => "AssumedRole",
        Some(resource) if resource.starts_with("federated-user/") => "FederatedUser",
        _ => "IAMUser",
    };
    json!({ "type": kind, "arn": caller.arn, "accountId": caller.account, "invokedBy": SERVICE })
}

fn parameters(request: &KmsRequest, region: Region) -> (Value, bool) {
    match request {
        KmsRequest::DescribeKey { key_id } => (json!({ "keyId": key_id }), true),
        KmsRequest::CreateGrant { key, context, .. } => {
            let service = regional_service(region);
            let constraints = json!({ "encryptionContextSubset": context });
            let parameters = json!({
                "keyId": key,
                "retiringPrincipal": service,
                "granteePrincipal": service,
                "constraints": constraints,
                "operations": GRANT_OPERATIONS,
            });
            (parameters, false)
        }
        KmsRequest::GenerateDataKey { key, context } => {
            (json!({ "encryptionContext": context, "keySpec": "AES_256", "keyId": key }), true)
        }
        KmsRequest::Decrypt { context, .. } => (json!({ "encryptionContext": context }), true),
        KmsRequest::RetireGrant { key, grant } => (json!({ "keyId": key, "grantId": grant }), false),
    }
}

fn response(reply: &KmsReply) -> Value {
    match reply {
        Ok(KmsOutput::Granted { grant }) => json!({ "grantId": grant }),
        _ => Value::Null,
    }
}

fn resources(call: &KmsCall, reply: &KmsReply) -> Value {
    let key: Option<KeyArn> = match (&call.request, reply) {
        (_, Ok(KmsOutput::Described { arn, .. })) => Some(*arn),
        (KmsRequest::DescribeKey { .. }, _) => None,
        (
            KmsRequest::CreateGrant { key, .. }
            | KmsRequest::GenerateDataKey { key, .. }
            | KmsRequest::Decrypt { key, .. }
            | KmsRequest::RetireGrant { key, .. },
            _,
        ) => Some(*key),
    };
    key.map(|key| json!([{ "ARN": key, "accountId": key.scope.account, "type": "AWS::KMS::Key" }]))
        .unwrap_or(Value::Null)
}
