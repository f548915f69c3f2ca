//! The audit record of a request to CloudTrail.
//!
//! AWS: CloudTrail User Guide, "Logging CloudTrail API calls with CloudTrail".

use serde_json::Value;

use super::error::Error;
use super::{Exchange, LOOKUP_EVENTS, request};
use crate::auth::Caller;
use crate::observe::json::Json;
use crate::observe::record::{write_event_time, write_identity, write_members};

/// Everything that a record tells.
pub(super) struct Record<'a> {
    pub(super) exchange: &'a Exchange<'a>,
    pub(super) error: Option<&'a Error>,
    pub(super) event_id: &'a str,
    pub(super) request_id: &'a str,
    /// The Region and account of the record when there is no caller.
    pub(super) region: &'a str,
    pub(super) account: &'a str,
}

impl Record<'_> {
    /// Appends the record, one line of JSON without its end.
    pub(super) fn write(&self, line: &mut Vec<u8>) {
        let exchange = self.exchange;
        let json = &mut Json(line);
        let scope = exchange.caller.as_ref().map(Caller::scope);
        let source_ip = exchange.circumstances.source_ip.map(|address| address.to_string());
        json.raw(r#"{"eventVersion":"1.11","userIdentity":"#);
        write_identity(exchange.caller.as_ref(), json);
        json.raw(r#","eventTime":""#);
        write_event_time(exchange.now.domain, json);
        json.raw(r#"","eventSource":"cloudtrail.amazonaws.com","eventName":"#).text(exchange.operation);
        json.raw(r#","awsRegion":"#);
        json.text(scope.as_ref().map_or(self.region, |scope| scope.region.as_str()));
        json.raw(r#","sourceIPAddress":"#).text(source_ip.as_deref().unwrap_or("127.0.0.1"));
        json.raw(r#","userAgent":"#).text(exchange.circumstances.user_agent());
        if let Some(error) = self.error {
            json.raw(r#","errorCode":"#).text(error.name_in_audit());
            if let Some(message) = error.message() {
                json.raw(r#","errorMessage":"#).text(message);
            }
        }
        json.raw(r#","requestParameters":"#);
        self.write_parameters(json);
        json.raw(r#","responseElements":null"#);
        if let Some(denial) = &exchange.denial {
            json.raw(r#","additionalEventData":{"authorization":"#).value(denial).raw("}");
        }
        json.raw(r#","requestID":"#).text(self.request_id);
        json.raw(r#","eventID":"#).text(self.event_id);
        let reads = exchange.operation == LOOKUP_EVENTS;
        json.raw(if reads { r#","readOnly":true"# } else { r#","readOnly":false"# });
        json.raw(r#","eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"#);
        json.text(scope.as_ref().map_or(self.account, |scope| scope.account.as_str()));
        json.raw(r#","eventCategory":"Management"}"#);
    }

    fn write_parameters(&self, json: &mut Json<'_>) {
        let shown = &self.exchange.input;
        if shown.as_object().is_none_or(serde_json::Map::is_empty) {
            json.value(&Value::Null);
        } else {
            write_members(&request::LOOKUP_EVENTS, shown, json);
        }
    }
}
