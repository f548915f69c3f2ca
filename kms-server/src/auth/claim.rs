//! Reading a signature out of a request: the `Authorization` header or the presigned query parameters.
//!
//! AWS: IAM User Guide, "Authentication methods" of Signature Version 4.

use std::borrow::Cow;

use super::canonical::{decode, query_pairs};
use super::error::AuthError;
use super::instant::Instant;
use crate::message::{Headers, Message};

const AUTHORIZATION: &str = "authorization";
const AMZ_DATE: &str = "x-amz-date";
const DATE: &str = "date";
const SECURITY_TOKEN: &str = "x-amz-security-token";

/// Where the signature stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// In the `Authorization` header.
    Header,
    /// In the query: a presigned URL.
    Query {
        /// `X-Amz-Expires`, 1 to 604,800 seconds. Without it the URL lives as long as a header signature.
        expires_seconds: Option<u32>,
    },
}

/// The longest life of a presigned URL: seven days, in seconds.
const EXPIRES_SECONDS_MAX: u32 = 604_800;

/// What a request says about its signer. Nothing in it is verified, and the credential is not even split:
/// AWS looks at the time first.
#[derive(Clone, Debug)]
pub struct Claim<'a> {
    pub(super) algorithm: Cow<'a, str>,
    pub(super) credential: Cow<'a, str>,
    /// The list as written, see [`Claim::header_names`].
    pub(super) signed_headers: Cow<'a, str>,
    pub(super) signature: Cow<'a, str>,
    pub(super) signed_at: Instant,
    pub(super) session_token: Option<Cow<'a, str>>,
    pub(super) form: Form,
}

impl<'a> Claim<'a> {
    /// Reads the claim; `None` when the request is not signed.
    ///
    /// An `Authorization` header whose scheme does not begin with `AWS4-` (`Bearer`, `Basic`, Signature Version 2 and 3)
    /// counts as no signature. An `AWS4-` algorithm other than HMAC-SHA256, such as SigV4A, is a signature that is
    /// refused later, with the algorithm's name.
    ///
    /// # Errors
    /// `IncompleteSignatureException` naming every missing part, or the part that cannot be read;
    /// `InvalidSignatureException` when both forms are there.
    pub fn parse(request: &Message<'a>) -> Result<Option<Self>, AuthError> {
        let header = request.headers.joined(AUTHORIZATION);
        let query = Query::parse(request.query);
        match (header, query) {
            // AWS (observed): both forms in one request.
            (Some(_), Some(_)) => Err(AuthError::invalid(
                "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
            )),
            (Some(Cow::Borrowed(header)), None) => from_header(header, &request.headers),
            (Some(Cow::Owned(joined)), None) => {
                Ok(from_header(&joined, &request.headers)?.map(Claim::into_owned))
            }
            (None, Some(query)) => query.into_claim(&request.headers).map(Some),
            (None, None) => Ok(None),
        }
    }

    fn into_owned<'b>(self) -> Claim<'b> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Claim {
            algorithm: owned(self.algorithm),
            credential: owned(self.credential),
            signed_headers: owned(self.signed_headers),
            signature: owned(self.signature),
            signed_at: self.signed_at,
            session_token: self.session_token.map(owned),
            form: self.form,
        }
    }

    /// The access key id as presented: what stands before the first slash of the credential.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        at_first(&self.credential, b'/').map_or(&*self.credential, |(id, _)| id)
    }

    /// The names of the signed headers in lower case, sorted and unique, whatever the client wrote: that is what the
    /// canonical form needs. It also bounds that form: a name repeated a thousand times costs one line.
    pub(super) fn header_names(&self) -> Vec<Cow<'_, str>> {
        let lower = |name: &str| name.bytes().all(|byte| !byte.is_ascii_uppercase());
        let mut names: Vec<Cow<'_, str>> = self
            .listed_headers()
            .map(|name| if lower(name) { Cow::Borrowed(name) } else { Cow::Owned(name.to_ascii_lowercase()) })
            .collect();
        if !names.is_sorted_by(|a, b| a < b) {
            names.sort_unstable();
            names.dedup();
        }
        names
    }

    /// The names of the signed headers as written.
    pub(super) fn listed_headers(&self) -> impl Iterator<Item = &str> {
        fields(&self.signed_headers, b';').map(str::trim_ascii).filter(|name| !name.is_empty())
    }

    /// Whether the signature covers a header, which is named in lower case.
    #[must_use]
    pub fn signs(&self, header: &str) -> bool {
        self.listed_headers().any(|name| name.eq_ignore_ascii_case(header))
    }

    /// The session token, when the signer used temporary credentials.
    #[must_use]
    pub fn session_token(&self) -> Option<&str> {
        self.session_token.as_deref()
    }

    /// Where the signature stood.
    #[must_use]
    pub fn form(&self) -> Form {
        self.form
    }
}

fn from_header<'a>(header: &'a str, headers: &Headers<'a>) -> Result<Option<Claim<'a>>, AuthError> {
    let header = header.trim();
    // AWS (observed): a scheme of another family is a missing token, not a malformed one.
    if !header.starts_with("AWS4-") {
        return Ok(None);
    }
    let mut parts = parts(header);
    let algorithm = parts.next().unwrap_or_default();
    let (mut credential, mut signature, mut signed_headers) = (None, None, None);
    for part in parts {
        let Some((name, value)) = at_first(part, b'=') else {
            return Err(AuthError::incomplete(format!(
                "'{part}' not a valid key=value pair (missing equal-sign) in Authorization header: '{header}'."
            )));
        };
        match name {
            "Credential" => credential = Some(value),
            "Signature" => signature = Some(value),
            "SignedHeaders" => signed_headers = Some(value),
            _ => {}
        }
    }
    let amz_date = headers.joined(AMZ_DATE);
    let date = amz_date.as_deref().map(basic_date).or_else(|| headers.joined(DATE).as_deref().map(http_date));
    let (Some(credential), Some(signature), Some(signed_headers), Some(date)) =
        (credential, signature, signed_headers, &date)
    else {
        let missing = [
            (credential.is_none(), "Authorization header requires 'Credential' parameter. "),
            (signature.is_none(), "Authorization header requires 'Signature' parameter. "),
            (signed_headers.is_none(), "Authorization header requires 'SignedHeaders' parameter. "),
            (
                date.is_none(),
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ",
            ),
        ];
        return Err(AuthError::incomplete(format!("{}Authorization={header}", sentences(missing))));
    };
    Ok(Some(Claim {
        algorithm: algorithm.into(),
        credential: credential.into(),
        signed_headers: signed_headers.into(),
        signature: signature.into(),
        signed_at: date.clone()?,
        session_token: headers.joined(SECURITY_TOKEN),
        form: Form::Header,
    }))
}

/// The text before and after the first `separator`, an ASCII character.
fn at_first(text: &str, separator: u8) -> Option<(&str, &str)> {
    let at = memchr::memchr(separator, text.as_bytes())?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// What stands between ASCII separators, like `str::split`.
pub(super) fn fields(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (field, tail) =
            at_first(text, separator).map_or((text, None), |(field, tail)| (field, Some(tail)));
        rest = tail;
        Some(field)
    })
}

/// What stands between commas and blanks.
fn parts(header: &str) -> impl Iterator<Item = &str> {
    let separates = |byte: u8| matches!(byte, b',' | b' ' | b'\t');
    let mut rest = header;
    std::iter::from_fn(move || {
        let start = rest.bytes().position(|byte| !separates(byte))?;
        let tail = rest.get(start..)?;
        let end = memchr::memchr3(b',', b' ', b'\t', tail.as_bytes()).unwrap_or(tail.len());
        let (part, left) = tail.split_at_checked(end)?;
        rest = left;
        Some(part)
    })
}

/// The presigned parameters; the first of each name counts.
#[derive(Default)]
struct Query<'a> {
    algorithm: Option<Cow<'a, str>>,
    credential: Option<Cow<'a, str>>,
    signature: Option<Cow<'a, str>>,
    signed_headers: Option<Cow<'a, str>>,
    date: Option<Cow<'a, str>>,
    expires: Option<Cow<'a, str>>,
    session_token: Option<Cow<'a, str>>,
}

impl<'a> Query<'a> {
    /// `None` without `X-Amz-Algorithm`, the parameter by which AWS tells a presigned request.
    fn parse(text: &'a str) -> Option<Self> {
        let mut query = Query::default();
        for (name, value) in query_pairs(text) {
            let slot = match decode(name).as_ref() {
                "X-Amz-Algorithm" => &mut query.algorithm,
                "X-Amz-Credential" => &mut query.credential,
                "X-Amz-Signature" => &mut query.signature,
                "X-Amz-SignedHeaders" => &mut query.signed_headers,
                "X-Amz-Date" => &mut query.date,
                "X-Amz-Expires" => &mut query.expires,
                "X-Amz-Security-Token" => &mut query.session_token,
                _ => continue,
            };
            slot.get_or_insert_with(|| decode(value));
        }
        query.algorithm.is_some().then_some(query)
    }

    fn into_claim(self, headers: &Headers<'a>) -> Result<Claim<'a>, AuthError> {
        let (Some(algorithm), Some(credential), Some(signature), Some(signed_headers), Some(date)) =
            (&self.algorithm, &self.credential, &self.signature, &self.signed_headers, &self.date)
        else {
            let missing = [
                (self.algorithm.is_none(), "AWS query-string parameters must include 'X-Amz-Algorithm'. "),
                (self.credential.is_none(), "AWS query-string parameters must include 'X-Amz-Credential'. "),
                (self.signature.is_none(), "AWS query-string parameters must include 'X-Amz-Signature'. "),
                (
                    self.signed_headers.is_none(),
                    "AWS query-string parameters must include 'X-Amz-SignedHeaders'. ",
                ),
                (self.date.is_none(), "AWS query-string parameters must include 'X-Amz-Date'. "),
            ];
            let message = format!("{}Re-examine the query-string parameters.", sentences(missing));
            return Err(AuthError::incomplete(message));
        };
        let signed_at = basic_date(date)?;
        let expires_seconds = self.expires.as_deref().map(expires).transpose()?;
        Ok(Claim {
            algorithm: algorithm.clone(),
            credential: credential.clone(),
            signed_headers: signed_headers.clone(),
            signature: signature.clone(),
            signed_at,
            session_token: self.session_token.or_else(|| headers.joined(SECURITY_TOKEN)),
            form: Form::Query { expires_seconds },
        })
    }
}

fn sentences<const N: usize>(missing: [(bool, &str); N]) -> String {
    missing.into_iter().filter_map(|(absent, sentence)| absent.then_some(sentence)).collect()
}

fn basic_date(text: &str) -> Result<Instant, AuthError> {
    Instant::from_basic(text).ok_or_else(|| bad_date(text))
}

/// AWS: IAM User Guide, "Elements of an AWS API request signature": `Date` counts when `X-Amz-Date` is absent.
fn http_date(text: &str) -> Result<Instant, AuthError> {
    Instant::from_basic(text).or_else(|| Instant::from_http_date(text)).ok_or_else(|| bad_date(text))
}

fn bad_date(text: &str) -> AuthError {
    AuthError::incomplete(format!(
        "Date must be in ISO-8601 'basic format'. Got '{text}'. See http://en.wikipedia.org/wiki/ISO_8601"
    ))
}

/// AWS: Amazon S3 API Reference, "Authenticating requests: using query parameters".
fn expires(text: &str) -> Result<u32, AuthError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits {
        return Err(AuthError::incomplete("X-Amz-Expires should be a number"));
    }
    match text.parse() {
        Ok(0) => Err(AuthError::incomplete("X-Amz-Expires must be at least 1 second")),
        Ok(seconds) if seconds <= EXPIRES_SECONDS_MAX => Ok(seconds),
        _ => Err(AuthError::incomplete(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than \
             604800 seconds",
        )),
    }
}
