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

/// A POST request without a query that is to be signed.
pub struct Unsigned<'a> {
    /// The `Host` header.
    pub host: &'a str,
    /// The path, of unreserved characters and slashes only, so that it is its own canonical form.
    pub path: &'a str,
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

/// Signs host, date and body of a request.
#[must_use]
pub fn sign(
    request: &Unsigned<'_>,
    access_key_id: &str,
    secret: &Secret,
    (region, service): (Region, &str),
    now: WallTime,
) -> SignatureHeaders {
    const SIGNED_HEADERS: &str = "host;x-amz-date";
    let date = Instant(now.0.div_euclid(1_000)).basic();
    let day = date.get(..8).unwrap_or_default();
    let key = derived(secret, &CredentialScope { date: day, region, service });
    let Unsigned { host, path, body } = request;
    let canonical =
        format!("POST\n{path}\n\nhost:{host}\nx-amz-date:{date}\n\n{SIGNED_HEADERS}\n{}", hash(body));
    let scope = format!("{day}/{region}/{service}/{TERMINATOR}");
    let to_sign = format!("{ALGORITHM}\n{date}\n{scope}\n{}", hash(canonical.as_bytes()));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()), to_sign.as_bytes());
    let authorization = format!(
        "{ALGORITHM} Credential={access_key_id}/{scope}, SignedHeaders={SIGNED_HEADERS}, Signature={}",
        hex(signature.as_ref())
    );
    SignatureHeaders { date, authorization }
}
