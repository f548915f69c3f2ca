//! The checks of Signature Version 4, in the order in which AWS answers for them.

use std::borrow::Cow;

use lifecycle::clock::WallTime;
use lifecycle::crypto::Secret;
use lifecycle::ids::Region;
use ring::hmac;
use zeroize::Zeroizing;

use super::canonical::{canonical_request, hash};
use super::claim::{Claim, Form, fields};
use super::error::AuthError;
use super::instant::Instant;
use crate::message::Message;

pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
pub(super) const TERMINATOR: &str = "aws4_request";

/// What a signature is good for: one day, one Region, one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CredentialScope<'a> {
    /// The day of the signature in UTC, `YYYYMMDD`.
    pub date: &'a str,
    /// The Region that the request is for.
    pub region: Region,
    /// The signing name of the service, such as `kms`.
    pub service: &'a str,
}

/// A secret access key narrowed to one scope.
#[derive(Clone, Debug)]
pub struct SigningKey(hmac::Key);

impl SigningKey {
    /// AWS: IAM User Guide, "Create a signed AWS API request", step 3.
    #[must_use]
    pub fn derive(secret: &Secret, scope: &CredentialScope<'_>) -> Self {
        SigningKey(hmac::Key::new(hmac::HMAC_SHA256, derived(secret, scope).as_ref()))
    }
}

/// The bytes of the signing key.
pub(super) fn derived(secret: &Secret, scope: &CredentialScope<'_>) -> hmac::Tag {
    let mut start = Zeroizing::new(Vec::with_capacity(4 + secret.expose().len()));
    start.extend_from_slice(b"AWS4");
    start.extend_from_slice(secret.expose());
    let step = |key: &[u8], data: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data.as_bytes());
    let dated = step(&start, scope.date);
    let regional = step(dated.as_ref(), scope.region.as_str());
    let service = step(regional.as_ref(), scope.service);
    step(service.as_ref(), TERMINATOR)
}

impl Claim<'_> {
    /// Checks that the signature's time is within `skew_max_seconds` of `now`, and that a presigned URL has
    /// not outlived its own life.
    ///
    /// # Errors
    /// `InvalidSignatureException`.
    pub fn check_time(&self, now: WallTime, skew_max_seconds: u32) -> Result<(), AuthError> {
        let now = Instant(now.0.div_euclid(1_000));
        let life = match self.form {
            Form::Query { expires_seconds: Some(seconds) } => seconds,
            Form::Query { expires_seconds: None } | Form::Header => skew_max_seconds,
        };
        let (earliest, latest) = (
            Instant(now.0.saturating_sub(life.into())),
            Instant(now.0.saturating_add(skew_max_seconds.into())),
        );
        let (at, server) = (|| self.signed_at.basic(), || now.basic());
        if self.signed_at < earliest {
            let (at, server, limit, span) = (at(), server(), earliest.basic(), span(life));
            return Err(AuthError::invalid(format!(
                "Signature expired: {at} is now earlier than {limit} ({server} - {span}.)"
            )));
        }
        if self.signed_at > latest {
            let (at, server, limit, span) = (at(), server(), latest.basic(), span(skew_max_seconds));
            return Err(AuthError::invalid(format!(
                "Signature not yet current: {at} is still later than {limit} ({server} + {span}.)"
            )));
        }
        Ok(())
    }

    /// Checks that the host is signed, the algorithm is HMAC-SHA256 and the credential is scoped to `service`, to a
    /// plausible Region and to the signature's own day. Any Region will do: one endpoint serves them all.
    ///
    /// # Errors
    /// `InvalidSignatureException`, with one sentence for each part of the scope that is wrong;
    /// `IncompleteSignatureException` for another algorithm or a credential without five parts.
    pub fn scope(&self, service: &str) -> Result<CredentialScope<'_>, AuthError> {
        let host = |name: &str| name.eq_ignore_ascii_case("host") || name.eq_ignore_ascii_case(":authority");
        if !self.listed_headers().any(host) {
            return Err(AuthError::invalid(
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
            ));
        }
        if self.algorithm != ALGORITHM {
            // AWS (observed): also what SigV4A, AWS4-ECDSA-P256-SHA256, gets from a service without it.
            return Err(AuthError::incomplete(format!(
                "Unsupported AWS 'algorithm': '{}' (only AWS4-HMAC-SHA256 for now). ",
                self.algorithm
            )));
        }
        // AWS (observed): trailing slashes do not count.
        let mut parts = fields(self.credential.trim_end_matches('/'), b'/');
        let five = (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next());
        let (Some(_), Some(date), Some(region), Some(named), Some(terminator), None) = five else {
            return Err(AuthError::incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{}'",
                self.credential
            )));
        };
        let region = region.parse::<Region>();
        let mut wrong = String::new();
        if region.is_err() {
            wrong.push_str("Credential should be scoped to a valid region. ");
        }
        if named != service {
            wrong.push_str(&format!("Credential should be scoped to correct service: '{service}'. "));
        }
        if terminator != TERMINATOR {
            wrong.push_str(&format!(
                "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{terminator}'. "
            ));
        }
        if !self.signed_at.is_on(date) {
            let at = self.signed_at.basic();
            let day = at.get(..8).unwrap_or_default();
            wrong.push_str(&format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{date}' != \
                 '{day}', from '{at}'."
            ));
        }
        match region {
            Ok(region) if wrong.is_empty() => Ok(CredentialScope { date, region, service: named }),
            _ => Err(AuthError::invalid(wrong)),
        }
    }

    /// Checks that the signature is the one that `key` makes for this request, in constant time, and that it
    /// covers every `x-amz-` header.
    ///
    /// # Errors
    /// `InvalidSignatureException`; on a mismatch with the canonical request and the string to sign, as AWS shows them.
    pub fn verify(
        &self,
        request: &Message<'_>,
        scope: &CredentialScope<'_>,
        key: &SigningKey,
    ) -> Result<(), AuthError> {
        let names = self.header_names();
        let canonical = canonical_request(request, &names);
        let to_sign = self.string_to_sign(scope, &canonical);
        let matches = signature_bytes(&self.signature)
            .is_some_and(|signature| hmac::verify(&key.0, to_sign.as_bytes(), &signature).is_ok());
        if !matches {
            return Err(mismatch(&canonical, &to_sign));
        }
        check_coverage(request, &names)
    }

    pub(super) fn string_to_sign(&self, scope: &CredentialScope<'_>, canonical: &[u8]) -> String {
        let CredentialScope { date, region, service } = scope;
        let (at, hash) = (self.signed_at.basic(), hash(canonical));
        let start = [ALGORITHM, "\n", &at, "\n", date, "/", region.as_str(), "/", service];
        start
            .into_iter()
            .chain(["/", TERMINATOR, "\n", &hash])
            .fold(String::with_capacity(256), |text, part| text + part)
    }
}

/// AWS: IAM User Guide, "Create a signed AWS API request": the host and every `x-amz-` header must be signed. Two
/// need not be: the session token, which some signers add afterwards and which is compared with the key's
/// own anyway, and `x-amz-user-agent`, which only describes the client.
fn check_coverage(request: &Message<'_>, signed: &[Cow<'_, str>]) -> Result<(), AuthError> {
    let unsigned: Vec<&str> = request
        .headers
        .lines()
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("x-amz-"))
        .filter(|name| !matches!(*name, "x-amz-security-token" | "x-amz-user-agent"))
        .filter(|name| signed.binary_search_by(|signed| signed.as_ref().cmp(name)).is_err())
        .collect();
    if unsigned.is_empty() {
        return Ok(());
    }
    let names = unsigned.join(", ");
    Err(AuthError::invalid(format!(
        "There were headers present in the request which were not signed: {names}"
    )))
}

/// AWS (observed): the text ends with the closing quote and a line feed.
fn mismatch(canonical: &[u8], to_sign: &str) -> AuthError {
    AuthError::invalid(format!(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method. Consult the service documentation for details.\n\n\
         The Canonical String for this request should have been\n'{}'\n\n\
         The String-to-Sign should have been\n'{to_sign}'\n",
        String::from_utf8_lossy(canonical)
    ))
}

/// 64 lower-case hexadecimal digits and nothing else: one signature has one spelling.
fn signature_bytes(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let mut bytes = [0; 32];
    if !rest.is_empty() || pairs.len() != bytes.len() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

/// Whole minutes as AWS prints them, anything else in seconds.
fn span(seconds: u32) -> String {
    if seconds >= 60 && seconds.is_multiple_of(60) {
        format!("{} min", seconds / 60)
    } else {
        format!("{seconds} sec")
    }
}
