//! The OpenID Connect providers whose tokens are accepted.

use std::fmt;

use lifecycle::policy::Account;

use super::jwt::{self, VerificationKey};

/// An OpenID Connect provider: whose tokens AssumeRoleWithWebIdentity takes, for whom they must be made out, and the keys
/// that sign them. It exists in every account.
#[derive(Clone, Debug)]
pub struct IdentityProvider {
    issuer: String,
    audiences: Vec<String>,
    keys: Vec<VerificationKey>,
}

/// Why a provider cannot be used, for a person to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderError(String);

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ProviderError {}

impl IdentityProvider {
    /// A provider. `issuer` is the `iss` of its tokens, a URL; `jwks` the text of its set of keys.
    ///
    /// # Errors
    /// There is no audience, or no key that verifies signatures.
    pub fn new(issuer: &str, audiences: Vec<String>, jwks: &str) -> Result<Self, ProviderError> {
        if !is_issuer(issuer) {
            return Err(ProviderError(format!(
                "{issuer:?} is no issuer: expected a URL such as https://id.example.com"
            )));
        }
        if audiences.is_empty() {
            return Err(ProviderError(format!("{issuer} has no audience")));
        }
        let keys =
            jwt::keys(jwks).map_err(|error| ProviderError(format!("the keys of {issuer}: {error}")))?;
        Ok(IdentityProvider { issuer: issuer.to_owned(), audiences, keys })
    }

    /// The `iss` of its tokens.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Its ARN in an account.
    // AWS: IAM User Guide, "Create an OpenID Connect (OIDC) identity provider in IAM".
    #[must_use]
    pub fn arn(&self, account: &Account) -> String {
        format!("arn:{}:iam::{}:oidc-provider/{}", account.partition(), account.id(), self.name())
    }

    /// The URL without its scheme, with which its condition keys begin.
    pub(super) fn name(&self) -> &str {
        self.issuer.split_once("://").map_or(self.issuer.as_str(), |(_, name)| name)
    }

    pub(super) fn keys(&self) -> &[VerificationKey] {
        &self.keys
    }

    /// Whether tokens may be made out to `audience`.
    pub(super) fn accepts(&self, audience: &str) -> bool {
        self.audiences.iter().any(|known| known == audience)
    }
}

/// Whether a text can be the issuer of tokens: a URL without query whose rest a policy can name.
#[must_use]
pub fn is_issuer(text: &str) -> bool {
    let name = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:/~%+".contains(&byte);
    !name.is_empty() && !name.starts_with('/') && text.len() <= 255 && name.bytes().all(allowed)
}
