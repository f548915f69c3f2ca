//! Requests written as HTTP text, and the keys of AWS's published examples.

mod callers;
mod properties;
mod refusals;
mod vectors;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use lifecycle::clock::{Timestamp, WallTime};
use lifecycle::crypto::Secret;
use lifecycle::iam::{AccessKey, Directory, Entry};
use lifecycle::ids::hex;
use lifecycle::policy::Principal;
use ring::digest::{SHA256, digest};
use ring::hmac;

use super::canonical::canonical_request;
use super::sigv4::derived;
use super::*;
use crate::message::{Headers, Message};

pub(super) const KEY_ID: &str = "AKIDEXAMPLE";
pub(super) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// 2015-08-30T12:36:00Z, the instant of the published examples.
pub(super) const SIGNED_AT: i64 = 1_440_938_160;

/// A request that owns its parts.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    pub(super) method: String,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Wire {
    /// Reads a request line, header lines, an empty line and a body.
    pub(super) fn new(text: &str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let (method, target) = lines.next().unwrap().split_once(' ').unwrap();
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(':').unwrap();
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_str(value.trim()).unwrap());
        }
        Wire {
            method: method.into(),
            uri: target.parse().unwrap(),
            headers,
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, HeaderValue::from_str(value).unwrap());
        self
    }

    pub(super) fn request(&self) -> Message<'_> {
        Message {
            method: &self.method,
            path: self.uri.path(),
            query: self.uri.query().unwrap_or_default(),
            authority: self.uri.authority().map_or("", http::uri::Authority::as_str),
            version: http::Version::HTTP_11,
            headers: Headers::from(&self.headers),
            body: &self.body,
            connection: None,
        }
    }

    /// Signs with a header; everything about the claim is the caller's choice.
    pub(super) fn sign(self, credential: &str, signed_headers: &str, secret: &str) -> Self {
        let authorization = |signature: &str| {
            format!(
                "AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed_headers}, Signature={signature}"
            )
        };
        let unsigned = self.with("authorization", &authorization("0"));
        let signature = {
            let claim = Claim::parse(&unsigned.request()).unwrap().unwrap();
            let scope = claim.scope(credential.split('/').nth(3).unwrap()).unwrap();
            let (_, to_sign) = strings(&unsigned, &claim, &scope);
            let key = hmac::Key::new(hmac::HMAC_SHA256, derived(&secret_of(secret), &scope).as_ref());
            hex(hmac::sign(&key, to_sign.as_bytes()).as_ref())
        };
        unsigned.with("authorization", &authorization(&signature))
    }
}

/// The canonical request and the string to sign.
pub(super) fn strings(wire: &Wire, claim: &Claim<'_>, scope: &CredentialScope<'_>) -> (String, String) {
    let canonical = canonical_request(&wire.request(), &claim.header_names());
    let to_sign = claim.string_to_sign(scope, &canonical);
    (String::from_utf8(canonical).unwrap(), to_sign)
}

pub(super) fn secret_of(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

/// Both clocks at the same number of seconds since the Unix epoch.
pub(super) fn at(second: i64) -> Now {
    Now { wall: WallTime(second * 1_000), domain: Timestamp(second * 1_000), epoch: 0 }
}

pub(super) fn alice() -> AccessKey {
    key(KEY_ID, SECRET)
}

/// An access key of the user alice.
pub(super) fn key(id: &str, secret: &str) -> AccessKey {
    let owner = Principal::parse("arn:aws:iam::111122223333:user/alice").unwrap();
    AccessKey { id: id.into(), secret: secret_of(secret), owner }
}

/// An authenticator with the directory that it asks.
pub(super) struct Gate {
    pub(super) authenticator: Authenticator,
    pub(super) directory: Directory,
}

impl Gate {
    pub(super) fn authenticate(
        &self,
        request: &Message<'_>,
        service: &str,
        now: Now,
    ) -> Result<Caller, AuthError> {
        self.authenticator.authenticate(request, service, now, &self.directory)
    }

    pub(super) fn with_unknown_access_key(self, unknown: UnknownAccessKey) -> Self {
        Gate { authenticator: self.authenticator.with_unknown_access_key(unknown), ..self }
    }
}

pub(super) fn directory(keys: impl IntoIterator<Item = AccessKey>) -> Directory {
    let mut directory = Directory::default();
    directory.configure(keys.into_iter().map(|key| Entry::AccessKey(Arc::new(key)))).unwrap();
    directory
}

pub(super) fn authenticator(keys: impl IntoIterator<Item = AccessKey>) -> Gate {
    let authenticator = Authenticator::new(
        "000000000000".parse().unwrap(),
        "us-east-1".parse().unwrap(),
        SessionKey::new(b"installation").unwrap(),
    );
    Gate { authenticator, directory: directory(keys) }
}

/// A KMS call signed by botocore 1.44.5.
pub(super) fn describe_key() -> Wire {
    Wire::new(
        "POST /\nHost: kms.eu-west-1.amazonaws.com\nContent-Type: application/x-amz-json-1.1\n\
         X-Amz-Target: TrentService.DescribeKey\nUser-Agent: x\nX-Amz-Date: 20150830T123600Z\n\
         Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-west-1/kms/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-target, \
         Signature=38b874e77be4f826641c228e7cb562e786a746d2cc6696b7eeca5039c5c314a3\n\n\
         {\"KeyId\":\"alias/app\"}",
    )
}
