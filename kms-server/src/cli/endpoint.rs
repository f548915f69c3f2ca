//! Where the server is that client commands call.

use crate::config::Environment;
use crate::document::quoted;
use http::Uri;
use std::fmt;
use std::str::FromStr;

/// Names the endpoint, where `--endpoint` does not.
pub const ENDPOINT_VARIABLE: &str = "KMS_ENDPOINT";

/// The scheme and authority of a server, such as `http://127.0.0.1:4566`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(String);

/// Why a text is no endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointError(String);

impl Endpoint {
    /// Where `kms-server` listens unless told otherwise.
    pub fn local() -> Self {
        Self("http://127.0.0.1:4566".to_owned())
    }

    /// The flag if it is given, else `KMS_ENDPOINT`, else [`Endpoint::local`].
    ///
    /// # Errors
    /// `KMS_ENDPOINT` is no endpoint.
    pub fn resolve(flag: Option<&Self>, environment: &Environment) -> Result<Self, EndpointError> {
        match (flag, environment.value(ENDPOINT_VARIABLE)) {
            (Some(endpoint), _) => Ok(endpoint.clone()),
            (None, None | Some("")) => Ok(Self::local()),
            (None, Some(text)) => text
                .parse()
                .map_err(|EndpointError(reason)| EndpointError(format!("{ENDPOINT_VARIABLE}: {reason}"))),
        }
    }

    /// Without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let refused =
            || EndpointError(format!("expected a URL such as http://127.0.0.1:4566, found {}", quoted(text)));
        let uri: Uri = text.parse().map_err(|_| refused())?;
        let scheme =
            uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https")).ok_or_else(refused)?;
        let authority =
            uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(refused)?;
        if authority.host().is_empty() || uri.path() != "/" || uri.query().is_some() {
            return Err(refused());
        }
        Ok(Self(format!("{scheme}://{authority}")))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for EndpointError {}
