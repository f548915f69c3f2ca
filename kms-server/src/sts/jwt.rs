//! Reading JSON Web Tokens and verifying their signatures.
//!
//! A key decides by its own type which algorithms it verifies, so that no token can choose another kind of check than
//! the one its key is for. RFC 7515 (JWS), RFC 7517 (JWK), RFC 7518 (algorithms), RFC 7519 (JWT).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

/// A token whose form is right. Nothing in it is verified.
pub(super) struct Jwt<'a> {
    header: Header,
    claims: Map<String, Value>,
    /// What is signed.
    signed: &'a str,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that whoever does not know them must refuse.
    crit: Option<IgnoredAny>,
}

impl<'a> Jwt<'a> {
    /// Reads a signed token; `None` for anything else.
    pub(super) fn parse(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.').filter(|(_, claims)| !claims.contains('.'))?;
        let header: Header = serde_json::from_slice(&decoded(header)?).ok()?;
        let claims: Value = serde_json::from_slice(&decoded(claims)?).ok()?;
        let Value::Object(claims) = claims else { return None };
        header.crit.is_none().then_some(())?;
        Some(Jwt { header, claims, signed, signature: decoded(signature)? })
    }

    /// A claim that is a text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }

    /// A claim.
    pub(super) fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }

    /// A claim that is a text or a list of texts; empty if it is neither.
    pub(super) fn texts(&self, name: &str) -> Vec<&str> {
        match self.claims.get(name) {
            Some(Value::String(text)) => vec![text],
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// A date, in seconds since the epoch, rounded down.
    #[expect(clippy::cast_possible_truncation, reason = "a float to integer cast saturates")]
    pub(super) fn date(&self, name: &str) -> Option<i64> {
        let number = self.claims.get(name)?;
        number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds.floor() as i64))
    }

    /// Whether one of `keys` made the signature. A token that names a key is held against that key alone.
    pub(super) fn is_signed_by(&self, keys: &[VerificationKey]) -> bool {
        let named = |key: &&VerificationKey| self.header.kid.is_none() || key.id == self.header.kid;
        keys.iter().filter(named).any(|key| key.verifies(&self.header.alg, self.signed, &self.signature))
    }

    /// Whether there is a key that the token could be held against.
    pub(super) fn has_key_among(&self, keys: &[VerificationKey]) -> bool {
        keys.iter().any(|key| self.header.kid.is_none() || key.id == self.header.kid)
    }
}

/// Strict: no padding and no loose bits, so that a token has one spelling.
fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// A public key of an identity provider.
#[derive(Clone, Debug)]
pub(super) struct VerificationKey {
    id: Option<String>,
    /// The only algorithm that it may be used with, if it says so.
    algorithm: Option<String>,
    material: Material,
}

#[derive(Clone, Debug)]
enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// Uncompressed points.
    P256(Vec<u8>),
    P384(Vec<u8>),
}

/// A key as it is published.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    r#use: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Value>,
}

/// Reads a set of keys. Keys of other types and for other purposes are left out, as RFC 7517 asks for.
///
/// # Errors
/// It is no set of keys, or none of them verifies signatures.
pub(super) fn keys(text: &str) -> Result<Vec<VerificationKey>, String> {
    let set: Jwks = serde_json::from_str(text).map_err(|error| format!("not a set of keys: {error}"))?;
    let keys: Vec<_> = set.keys.into_iter().filter_map(VerificationKey::read).collect();
    if keys.is_empty() {
        return Err("no key in it is an RSA, P-256 or P-384 key that verifies signatures".to_owned());
    }
    Ok(keys)
}

impl VerificationKey {
    fn read(key: Value) -> Option<Self> {
        let key: Jwk = serde_json::from_value(key).ok()?;
        if key.r#use.is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let bytes = |text: Option<String>| decoded(&text?);
        let point = |size: usize, x: Option<String>, y: Option<String>| {
            let point = [vec![4], bytes(x)?, bytes(y)?].concat();
            (point.len() == 1 + 2 * size).then_some(point)
        };
        let material = match (key.kty.as_str(), key.crv.as_deref()) {
            ("RSA", _) => {
                let n = bytes(key.n)?;
                let leading = n.iter().take_while(|byte| **byte == 0).count();
                Material::Rsa { n: n.get(leading..)?.to_vec(), e: bytes(key.e)? }
            }
            ("EC", Some("P-256")) => Material::P256(point(32, key.x, key.y)?),
            ("EC", Some("P-384")) => Material::P384(point(48, key.x, key.y)?),
            _ => return None,
        };
        Some(VerificationKey { id: key.kid, algorithm: key.alg, material })
    }

    fn verifies(&self, algorithm: &str, signed: &str, signature: &[u8]) -> bool {
        if self.algorithm.as_deref().is_some_and(|own| own != algorithm) {
            return false;
        }
        let signed = signed.as_bytes();
        let verified = match (&self.material, algorithm) {
            (Material::Rsa { n, e }, _) => {
                let parameters = match algorithm {
                    "RS256" => &RSA_PKCS1_2048_8192_SHA256,
                    "RS384" => &RSA_PKCS1_2048_8192_SHA384,
                    "RS512" => &RSA_PKCS1_2048_8192_SHA512,
                    _ => return false,
                };
                RsaPublicKeyComponents { n, e }.verify(parameters, signed, signature)
            }
            (Material::P256(point), "ES256") => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature)
            }
            (Material::P384(point), "ES384") => {
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify(signed, signature)
            }
            _ => return false,
        };
        verified.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// RFC 7515, appendix A.2: RS256.
    const RS256: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

    const RSA_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";

    /// RFC 7515, appendix A.3: ES256.
    const ES256: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

    fn rsa() -> Value {
        json!({"kty": "RSA", "kid": "r", "n": RSA_N, "e": "AQAB"})
    }

    fn ec() -> Value {
        json!({"kty": "EC", "crv": "P-256", "kid": "e",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})
    }

    fn set(all: &[Value]) -> Vec<VerificationKey> {
        keys(&json!({ "keys": all }).to_string()).unwrap()
    }

    #[test]
    fn the_published_signatures_verify_with_their_keys_only() {
        for (token, good, bad) in [(RS256, rsa(), ec()), (ES256, ec(), rsa())] {
            let jwt = Jwt::parse(token).unwrap();
            assert!(jwt.is_signed_by(&set(&[bad.clone(), good.clone()])));
            assert!(!jwt.is_signed_by(&set(&[bad])));
            let mut other = good;
            other["alg"] = "RS512".into();
            assert!(!jwt.is_signed_by(&set(&[other])), "the key is for another algorithm");
            assert_eq!(
                (jwt.text("iss"), jwt.date("exp"), jwt.date("iss")),
                (Some("joe"), Some(1_300_819_380), None)
            );
        }
    }

    #[test]
    fn a_named_key_is_the_only_one() {
        let head = |header: Value| {
            let (_, rest) = RS256.split_once('.').unwrap();
            format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
        };
        let token = head(json!({"alg": "RS256", "kid": "x"}));
        let jwt = Jwt::parse(&token).unwrap();
        assert!(!jwt.has_key_among(&set(&[rsa()])) && !jwt.is_signed_by(&set(&[rsa()])));
        for header in [json!({"alg": "none"}), json!({"alg": "HS256"}), json!({"alg": "ES256"})] {
            assert!(!Jwt::parse(&head(header)).unwrap().is_signed_by(&set(&[rsa(), ec()])));
        }
        assert!(Jwt::parse(&head(json!({"alg": "RS256", "crit": ["x"]}))).is_none());
    }

    #[test]
    fn sets_without_usable_keys_are_refused() {
        let mut encryption = rsa();
        encryption["use"] = "enc".into();
        for text in [
            "".to_owned(),
            "[]".to_owned(),
            r#"{"keys":[]}"#.to_owned(),
            json!({"keys": [{"kty": "oct", "k": "AA"}, encryption]}).to_string(),
            json!({"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}).to_string(),
        ] {
            assert!(keys(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn claims_are_texts_lists_and_dates() {
        let body = json!({"aud": ["a", 1, "b"], "one": "c", "exp": 12.9, "big": 1e300}).to_string();
        let token =
            format!("{}.{}.AA", URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#), URL_SAFE_NO_PAD.encode(body));
        let jwt = Jwt::parse(&token).unwrap();
        assert_eq!(
            (jwt.texts("aud"), jwt.texts("one"), jwt.texts("no")),
            (vec!["a", "b"], vec!["c"], vec![])
        );
        assert_eq!((jwt.date("exp"), jwt.date("big")), (Some(12), Some(i64::MAX)));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(token in "[A-Za-z0-9_.-]{0,200}") {
            prop_assert!(Jwt::parse(&token).is_none_or(|jwt| !jwt.is_signed_by(&set(&[rsa()]))));
        }

        #[test]
        fn a_token_with_another_character_is_refused(at in 0_usize..10_000, c in "[A-Za-z0-9_-]") {
            let at = at % ES256.len();
            let mut token = ES256.to_owned();
            token.replace_range(at..=at, &c);
            let good = Jwt::parse(&token).is_some_and(|jwt| jwt.is_signed_by(&set(&[ec()])));
            prop_assert_eq!(good, token == ES256);
        }
    }
}
