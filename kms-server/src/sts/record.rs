//! The audit record of a request to STS, in CloudTrail's shape.
//!
//! AWS: IAM User Guide, "Logging IAM and AWS STS API calls with AWS CloudTrail".

use lifecycle::clock::Timestamp;
use lifecycle::policy::Principal;
use serde_json::Value;

use super::error::StsError;
use super::model::{CallerRule, Operation};
use crate::auth::{Caller, WebIdentity};
use crate::observe::json::Json;
use crate::observe::record::{date, write_event_time, write_identity, write_lower_camel, write_members};

/// Everything that a record tells.
pub(super) struct Record<'a> {
    pub(super) operation: Option<&'static Operation>,
    pub(super) caller: Option<Caller>,
    /// Who an identity provider vouched for.
    pub(super) subject: Option<WebIdentity>,
    pub(super) input: Value,
    /// The role that the request was about.
    pub(super) role: Option<String>,
    pub(super) at: Timestamp,
    pub(super) event_id: &'a str,
    pub(super) request_id: &'a str,
    pub(super) source_ip: &'a str,
    pub(super) user_agent: &'a str,
    /// The Region and account of the record when there is no caller.
    pub(super) region: &'a str,
    pub(super) account: &'a str,
}

/// Parameters that no record shows.
const SECRET: [&str; 2] = ["WebIdentityToken", "TokenCode"];

impl Record<'_> {
    /// Appends the record, one line of JSON without its end.
    pub(super) fn write(&self, result: &Result<Value, StsError>, line: &mut Vec<u8>) {
        let json = &mut Json(line);
        let scope = self.caller.as_ref().map(Caller::scope);
        let region = scope.as_ref().map_or(self.region, |scope| scope.region.as_str());
        json.raw(r#"{"eventVersion":"1.11","userIdentity":"#);
        self.write_user(json);
        json.raw(r#","eventTime":""#);
        write_event_time(self.at, json);
        json.raw(r#"","eventSource":"sts.amazonaws.com","eventName":"#);
        json.text(self.operation.map_or("UnknownOperation", |operation| operation.name));
        json.raw(r#","awsRegion":"#).text(region);
        json.raw(r#","sourceIPAddress":"#).text(self.source_ip);
        json.raw(r#","userAgent":"#).text(self.user_agent);
        if let Err(error) = result {
            json.raw(r#","errorCode":"#).text(error.code.name());
            if let Some(message) = &error.message {
                json.raw(r#","errorMessage":"#).text(message);
            }
        }
        json.raw(r#","requestParameters":"#);
        self.write_parameters(json);
        json.raw(r#","responseElements":"#);
        match result.as_ref().ok().and_then(elements) {
            Some(elements) => write_lower_camel(&elements, json),
            None => {
                json.raw("null");
            }
        }
        json.raw(r#","requestID":"#).text(self.request_id);
        json.raw(r#","eventID":"#).text(self.event_id);
        json.raw(r#","readOnly":true"#);
        let role = self.role.as_deref().and_then(|arn| Some((arn, Principal::parse(arn)?)));
        if let Some((arn, Principal::Role { account, .. })) = &role {
            json.raw(r#","resources":[{"accountId":"#).text(account.id());
            json.raw(r#","type":"AWS::IAM::Role","ARN":"#).text(arn).raw("}]");
        }
        let account = scope.as_ref().map_or(self.account, |scope| scope.account.as_str());
        let account = match (&scope, &role) {
            // Whom nobody knows is recorded in the account that is asked for.
            (None, Some((_, Principal::Role { account, .. }))) => account.id(),
            _ => account,
        };
        json.raw(r#","eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"#).text(account);
        json.raw(r#","eventCategory":"Management"}"#);
    }

    fn write_user(&self, json: &mut Json<'_>) {
        let anonymous = self.operation.is_some_and(|operation| operation.caller == CallerRule::Anonymous);
        match &self.subject {
            Some(WebIdentity { provider, audience, subject }) => {
                json.raw(r#"{"type":"WebIdentityUser","principalId":"#);
                json.text(&format!("{provider}:{audience}:{subject}"));
                json.raw(r#","userName":"#).text(subject);
                json.raw(r#","identityProvider":"#).text(provider).raw("}");
            }
            None if anonymous => {
                json.raw(r#"{"type":"WebIdentityUser"}"#);
            }
            None => write_identity(self.caller.as_ref(), json),
        }
    }

    fn write_parameters(&self, json: &mut Json<'_>) {
        let mut shown = self.input.clone();
        if let Value::Object(members) = &mut shown {
            members.retain(|name, _| !SECRET.contains(&name.as_str()));
        }
        let any = shown.as_object().is_some_and(|members| !members.is_empty());
        match self.operation.and_then(Operation::input).filter(|_| any) {
            Some(structure) => write_members(structure, &shown, json),
            None => {
                json.raw("null");
            }
        }
    }
}

/// What a record shows of an answer: of one with credentials all but what signs.
fn elements(result: &Value) -> Option<Value> {
    let mut shown = result.clone();
    let credentials = shown.get_mut("Credentials")?.as_object_mut()?;
    credentials.remove("SecretAccessKey");
    credentials.remove("SessionToken");
    if let Some(Value::String(expiration)) = credentials.get_mut("Expiration")
        && let Ok(instant) = expiration.parse::<jiff::Timestamp>()
    {
        *expiration = date(instant);
    }
    shown.as_object_mut()?.retain(|_, value| !value.is_null());
    Some(shown)
}
