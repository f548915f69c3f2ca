//! Reading the parameters of AWS's query protocol.
//!
//! AWS: Security Token Service API Reference, "Making Query API requests".

use bytes::Bytes;
use http::{Method, Request, header};
use serde_json::{Map, Value};

use super::error::{Code, StsError};
use crate::api::shape::{Shape, Structure};

/// Parameters of one request. The largest possible AssumeRole has some 200.
const PARAMETERS_MAX: usize = 512;

/// The content type of requests with parameters in their body.
const FORM: &str = "application/x-www-form-urlencoded";

/// The parameters of a request, decoded: from the query, then from the body. Of equal names the first counts.
#[derive(Debug)]
pub(super) struct Parameters(Vec<(String, String)>);

/// Whether a request speaks the query protocol: it has a form for a body, or names its `Action` in the query. Requests to
/// KMS name theirs in `X-Amz-Target`.
pub(super) fn is_query(request: &Request<Bytes>) -> bool {
    if request.uri().path() != "/" || request.headers().contains_key("x-amz-target") {
        return false;
    }
    let in_query = || {
        let query = request.uri().query().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "Action")
    };
    match *request.method() {
        Method::POST => has_form(request) || in_query(),
        Method::GET => in_query(),
        _ => false,
    }
}

fn has_form(request: &Request<Bytes>) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    kind.trim().eq_ignore_ascii_case(FORM)
}

impl Parameters {
    /// Reads the parameters.
    pub(super) fn read(request: &Request<Bytes>) -> Result<Self, StsError> {
        let query = request.uri().query().unwrap_or_default().as_bytes();
        let body: &[u8] = if has_form(request) { request.body() } else { &[] };
        let pairs = form_urlencoded::parse(query).chain(form_urlencoded::parse(body));
        // What signs a presigned request is no parameter.
        let pairs = pairs.filter(|(name, _)| !name.starts_with("X-Amz-"));
        let read: Vec<_> = pairs
            .take(PARAMETERS_MAX + 1)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        if read.len() > PARAMETERS_MAX {
            let message = format!("The request has more than {PARAMETERS_MAX} parameters.");
            return Err(StsError::new(Code::MalformedQueryString, message));
        }
        Ok(Parameters(read))
    }

    /// A parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The parameters of `structure` as an object. Others are ignored.
    pub(super) fn object(&self, structure: &Structure) -> Result<Value, StsError> {
        let all: Vec<(&str, &str)> =
            self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Ok(Value::Object(members(structure, &all)?))
    }
}

fn members(structure: &Structure, pairs: &[(&str, &str)]) -> Result<Map<String, Value>, StsError> {
    let mut found = Map::new();
    for member in structure.members {
        if let Some(value) = value(member.shape, member.name, pairs)? {
            found.insert(member.name.to_owned(), value);
        }
    }
    Ok(found)
}

/// The value of the parameter `name`, which is spread over several pairs unless it is a scalar.
fn value(shape: &Shape, name: &str, pairs: &[(&str, &str)]) -> Result<Option<Value>, StsError> {
    let own = pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    match shape {
        Shape::Integer(_) => match own {
            None => Ok(None),
            Some(text) => {
                let number: i64 = text.parse().map_err(|_| StsError::bare(Code::MalformedInput))?;
                Ok(Some(number.into()))
            }
        },
        Shape::Boolean => match own {
            None => Ok(None),
            Some("true") => Ok(Some(true.into())),
            Some("false") => Ok(Some(false.into())),
            Some(_) => Err(StsError::bare(Code::MalformedInput)),
        },
        Shape::List { member, .. } => list(member, name, own, pairs),
        Shape::Structure(structure) => {
            let inner = below(name, pairs);
            if inner.is_empty() { Ok(None) } else { Ok(Some(Value::Object(members(structure, &inner)?))) }
        }
        Shape::String(_) | Shape::Enum(_) | Shape::Blob { .. } => Ok(own.map(Value::from)),
        // No operation of STS has such parameters.
        Shape::Timestamp | Shape::Map { .. } => Err(StsError::bare(Code::MalformedInput)),
    }
}

/// `Name.member.1`, `Name.member.2` and so on, in order of their numbers; gaps are closed. `Name=` is an empty list.
fn list(
    member: &Shape,
    name: &str,
    own: Option<&str>,
    pairs: &[(&str, &str)],
) -> Result<Option<Value>, StsError> {
    let elements = below("member", &below(name, pairs));
    let mut numbers = Vec::new();
    for (rest, _) in &elements {
        let number = rest.split('.').next().unwrap_or_default();
        let number: u32 = number.parse().map_err(|_| StsError::bare(Code::MalformedInput))?;
        numbers.push(number);
    }
    numbers.sort_unstable();
    numbers.dedup();
    if numbers.is_empty() {
        return Ok(own.map(|_| Value::Array(Vec::new())));
    }
    let element = |number: u32| Ok(value(member, &number.to_string(), &elements)?.unwrap_or(Value::Null));
    Ok(Some(Value::Array(numbers.into_iter().map(element).collect::<Result<_, StsError>>()?)))
}

/// The pairs whose names begin with `name` and a full stop, without those.
fn below<'a>(name: &str, pairs: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let rest = |known: &'a str| known.strip_prefix(name)?.strip_prefix('.');
    pairs.iter().filter_map(|(known, value)| Some((rest(known)?, *value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sts::model::Operation;
    use proptest::prelude::*;
    use serde_json::json;

    fn form(body: &str) -> Request<Bytes> {
        let request =
            Request::post("/").header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        request.body(Bytes::from(body.to_owned())).unwrap()
    }

    fn read(operation: &str, body: &str) -> Result<Value, StsError> {
        let input = Operation::find(operation).unwrap().input().unwrap();
        Parameters::read(&form(body))?.object(input)
    }

    #[test]
    fn parameters_become_an_object() {
        let body = "Action=AssumeRole&Version=2011-06-15&RoleArn=a%20b&RoleSessionName=s+t&DurationSeconds=900&\
                    Tags.member.2.Key=b&Tags.member.2.Value=&Tags.member.10.Key=c&Tags.member.1.Key=%C3%A9&\
                    Tags.member.1.Value=x%26y&TransitiveTagKeys.member.1=b&PolicyArns.member.1.arn=p&RoleArn=second&Other=1";
        let expected = json!({
            "RoleArn": "a b", "RoleSessionName": "s t", "PolicyArns": [{"arn": "p"}], "DurationSeconds": 900,
            "Tags": [{"Key": "é", "Value": "x&y"}, {"Key": "b", "Value": ""}, {"Key": "c"}],
            "TransitiveTagKeys": ["b"],
        });
        assert_eq!(read("AssumeRole", body).unwrap(), expected);
        assert_eq!(read("AssumeRole", "Tags=&Policy=").unwrap(), json!({"Tags": [], "Policy": ""}));
        assert_eq!(read("GetCallerIdentity", "Foo=1").unwrap(), json!({}));
    }

    #[test]
    fn what_is_no_parameter_is_refused() {
        let code = |body: &str| read("AssumeRole", body).unwrap_err().code;
        assert_eq!(code("DurationSeconds=1h"), Code::MalformedInput);
        assert_eq!(code("Tags.member.x.Key=1"), Code::MalformedInput);
        assert_eq!(code(&"a=&".repeat(PARAMETERS_MAX + 1)), Code::MalformedQueryString);
    }

    #[test]
    fn a_query_is_told_by_its_form_or_its_action() {
        let get = |uri: &str| is_query(&Request::get(uri).body(Bytes::new()).unwrap());
        assert!(is_query(&form("")));
        assert!(get("/?Action=GetCallerIdentity&Version=2011-06-15") && !get("/?X-Amz-Action=1"));
        assert!(!get("/other?Action=GetCallerIdentity"));
        let mut kms = form("");
        kms.headers_mut().insert("x-amz-target", "TrentService.ListKeys".parse().unwrap());
        assert!(!is_query(&kms));
        assert!(!is_query(&Request::post("/").body(Bytes::new()).unwrap()));
    }

    proptest! {
        #[test]
        fn any_form_is_read_or_refused(body in "[A-Za-z0-9.&=%+]{0,300}|(Tags\\.member\\.[0-9.]{0,4}(Key|Value)?=[a-z]?&){0,20}") {
            let _ = read("AssumeRole", &body);
        }
    }
}
