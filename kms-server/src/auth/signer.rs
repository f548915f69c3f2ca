//! Signs what this server itself asks of others.
//!
//! AWS: IAM User Guide, "Create a signed AWS API request".

use lifecycle::clock::WallTime;
use lifecycle::crypto::Secret;
use lifecycle::ids::{Region, hex};
use ring::hmac;

use super::canonical::hash;
use super::instant::Instant;
use super::sigv4::{ALGORITHM, CredentialScope, TERMINATOR, derived};

/// The header that tells when a request was signed.
const DATE: &str = "x-amz-date";

/// A POST request without a query that is to be signed.
pub struct Unsigned<'a> {
    /// The `Host` header.
    pub host: &'a str,
    /// The path, of unreserved characters and slashes only, so that it is its own canonical form.
    pub path: &'a str,
    /// Other headers that the signature covers: names in lower case, and values without blanks at their ends or in rows.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
}

/// The headers of a signature, besides `Host`.
pub struct SignatureHeaders {
    /// `X-Amz-Date`.
    pub date: String,
    /// `Authorization`.
    pub authorization: String,
}

/// Signs host, date, the given headers and the body of a request.
#[must_use]
pub fn sign(
    request: &Unsigned<'_>,
    access_key_id: &str,
    secret: &Secret,
    (region, service): (Region, &str),
    now: WallTime,
) -> SignatureHeaders {
    let date = Instant(now.0.div_euclid(1_000)).basic();
    let day = date.get(..8).unwrap_or_default();
    let key = derived(secret, &CredentialScope { date: day, region, service });
    let Unsigned { host, path, headers, body } = request;
    let mut signed: Vec<(&str, &str)> = vec![("host", host), (DATE, &date)];
    signed.extend_from_slice(headers);
    signed.sort_unstable();
    let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let lines: String = signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let canonical = format!("POST\n{path}\n\n{lines}\n{names}\n{}", hash(body));
    let scope = format!("{day}/{region}/{service}/{TERMINATOR}");
    let to_sign = format!("{ALGORITHM}\n{date}\n{scope}\n{}", hash(canonical.as_bytes()));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()), to_sign.as_bytes());
    let authorization = format!(
        "{ALGORITHM} Credential={access_key_id}/{scope}, SignedHeaders={names}, Signature={}",
        hex(signature.as_ref())
    );
    SignatureHeaders { date, authorization }
}
