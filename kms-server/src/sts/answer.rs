//! Answers in the XML of AWS's query protocol.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use quick_xml::Writer;
use quick_xml::escape::partial_escape;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use serde_json::Value;

use super::error::StsError;

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("text/xml");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// The answer of an operation that succeeded: `result` is an object, whose members become elements.
pub(super) fn success(operation: &str, result: &Value, request_id: &str) -> Response<Bytes> {
    let mut xml = Xml::new();
    xml.root(&format!("{operation}Response"), |xml| {
        xml.element(&format!("{operation}Result"), result);
        xml.group("ResponseMetadata", |xml| xml.element("RequestId", &request_id.into()));
    });
    xml.respond(StatusCode::OK, request_id)
}

/// The answer of an operation that failed.
pub(super) fn failure(error: &StsError, request_id: &str) -> Response<Bytes> {
    let fault = if error.code.status() < 500 { "Sender" } else { "Receiver" };
    let mut xml = Xml::new();
    xml.root("ErrorResponse", |xml| {
        xml.group("Error", |xml| {
            xml.element("Type", &fault.into());
            xml.element("Code", &error.code.name().into());
            if let Some(message) = &error.message {
                xml.element("Message", &message.as_ref().into());
            }
        });
        xml.element("RequestId", &request_id.into());
    });
    let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    xml.respond(status, request_id)
}

/// Writes elements. Writing to memory cannot fail.
struct Xml(Writer<Vec<u8>>);

impl Xml {
    fn new() -> Self {
        Xml(Writer::new_with_indent(Vec::new(), b' ', 2))
    }

    fn event(&mut self, event: Event<'_>) {
        let _ = self.0.write_event(event);
    }

    fn root(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.event(Event::Start(BytesStart::new(name).with_attributes([("xmlns", NAMESPACE)])));
        content(self);
        self.event(Event::End(BytesEnd::new(name)));
    }

    fn group(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.event(Event::Start(BytesStart::new(name)));
        content(self);
        self.event(Event::End(BytesEnd::new(name)));
    }

    fn element(&mut self, name: &str, value: &Value) {
        match value {
            Value::Null => {}
            Value::Object(members) if members.is_empty() => self.event(Event::Empty(BytesStart::new(name))),
            Value::Object(members) => self.group(name, |xml| {
                members.iter().for_each(|(name, value)| xml.element(name, value));
            }),
            Value::Array(items) => {
                self.group(name, |xml| items.iter().for_each(|item| xml.element("member", item)));
            }
            Value::String(text) => {
                self.group(name, |xml| {
                    xml.event(Event::Text(BytesText::from_escaped(partial_escape(printable(text)))))
                });
            }
            scalar => {
                self.group(name, |xml| xml.event(Event::Text(BytesText::new(&scalar.to_string()))));
            }
        }
    }

    fn respond(self, status: StatusCode, request_id: &str) -> Response<Bytes> {
        let mut body = self.0.into_inner();
        body.push(b'\n');
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
        if let Ok(request_id) = HeaderValue::from_str(request_id) {
            headers.insert(REQUEST_ID, request_id);
        }
        response
    }
}

/// What XML cannot hold, not even escaped, is replaced: an error text may repeat anything that a request held.
fn printable(text: &str) -> String {
    let holds = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..);
    text.chars().map(|c| if holds(c) { c } else { '\u{FFFD}' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sts::error::Code;
    use serde_json::json;

    fn text(response: Response<Bytes>) -> String {
        String::from_utf8(response.into_body().to_vec()).unwrap()
    }

    #[test]
    fn a_success_has_its_result_and_its_metadata() {
        let result = json!({"Arn": "arn:a", "Sizes": [1, 2], "Absent": null});
        assert_eq!(
            text(success("GetCallerIdentity", &result, "id")),
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">
  <GetCallerIdentityResult>
    <Arn>arn:a</Arn>
    <Sizes>
      <member>1</member>
      <member>2</member>
    </Sizes>
  </GetCallerIdentityResult>
  <ResponseMetadata>
    <RequestId>id</RequestId>
  </ResponseMetadata>
</GetCallerIdentityResponse>
"
        );
    }

    #[test]
    fn a_failure_is_escaped() {
        let response = failure(&StsError::new(Code::AccessDenied, "a<b & \"c\"\u{1}"), "id");
        assert_eq!((response.status().as_u16(), &response.headers()["content-type"]), (403, &CONTENT_TYPE));
        assert_eq!(
            text(response),
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">
  <Error>
    <Type>Sender</Type>
    <Code>AccessDenied</Code>
    <Message>a&lt;b &amp; \"c\"\u{FFFD}</Message>
  </Error>
  <RequestId>id</RequestId>
</ErrorResponse>
"
        );
        assert!(text(failure(&StsError::internal(), "")).contains("<Type>Receiver</Type>"));
    }
}
