//! From a request to its caller.

use lifecycle::clock::{Timestamp, WallTime};
use lifecycle::ids::{AccountId, Region, Scope};

use super::claim::{Claim, SignedRequest};
use super::credentials::{AccessKey, Credentials, is_access_key_id};
use super::error::AuthError;
use super::principal::PrincipalArn;
use super::sigv4::CredentialScope;

/// What becomes of a request whose access key is not configured, and of an unsigned one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownAccessKey {
    /// It acts as the root user of its account.
    Root,
    /// It is refused, as AWS does.
    Reject,
}

/// One instant on both clocks: signatures live on the wall clock, temporary credentials on the domain clock.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Wall time.
    pub wall: WallTime,
    /// Domain time.
    pub domain: Timestamp,
}

/// Whether the caller's signature was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureCheck {
    /// It matches the secret of a configured access key.
    Verified,
    /// There is no secret to check it with, or no signature.
    Unverified,
}

/// Who is calling, and in which Region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The principal: its ARN, account and kind.
    pub principal: PrincipalArn,
    /// The access key that signed; `None` for an unsigned request.
    pub access_key_id: Option<String>,
    /// The Region of the request.
    pub region: Region,
    /// Whether the signature was checked.
    pub signature: SignatureCheck,
}

impl Caller {
    /// The account and Region in which the caller acts: a bare id or alias means a key there.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope { account: self.principal.account(), region: self.region }
    }
}

/// The rules of authentication for one server.
#[derive(Debug)]
pub struct Authenticator {
    credentials: Credentials,
    unknown_access_key: UnknownAccessKey,
    default_account: AccountId,
    default_region: Region,
    skew_max_seconds: u32,
}

impl Authenticator {
    /// How far a signature's time may be from the server's: five minutes, in seconds.
    pub const SKEW_MAX_SECONDS: u32 = 300;

    /// An authenticator that knows `credentials`. As long as there are none, everybody is let in as root: the first
    /// use of a server needs no set-up. Requests that name no account or Region get the defaults.
    #[must_use]
    pub fn new(credentials: Credentials, default_account: AccountId, default_region: Region) -> Self {
        let unknown_access_key =
            if credentials.is_empty() { UnknownAccessKey::Root } else { UnknownAccessKey::Reject };
        Authenticator {
            credentials,
            unknown_access_key,
            default_account,
            default_region,
            skew_max_seconds: Self::SKEW_MAX_SECONDS,
        }
    }

    /// Decides about unknown access keys regardless of which keys are known.
    #[must_use]
    pub fn with_unknown_access_key(mut self, unknown_access_key: UnknownAccessKey) -> Self {
        self.unknown_access_key = unknown_access_key;
        self
    }

    /// Sets how far a signature's time may be from the server's, in seconds.
    #[must_use]
    pub fn with_skew_max_seconds(mut self, skew_max_seconds: u32) -> Self {
        self.skew_max_seconds = skew_max_seconds;
        self
    }

    /// What becomes of unknown access keys and of unsigned requests.
    #[must_use]
    pub fn unknown_access_key(&self) -> UnknownAccessKey {
        self.unknown_access_key
    }

    /// Finds the caller of a request to `service` (the signing name, such as `kms`).
    ///
    /// # Errors
    /// The first check that fails, in AWS's order: form, time, signed host, algorithm, scope, access key,
    /// signature, session token. Of an unverifiable signature that acts as root, the time is not checked.
    pub fn authenticate(
        &self,
        request: &SignedRequest<'_>,
        service: &str,
        now: Now,
    ) -> Result<Caller, AuthError> {
        let claim = Claim::parse(request)?;
        match (claim, self.unknown_access_key) {
            (None, UnknownAccessKey::Reject) => Err(AuthError::missing_token()),
            (None, UnknownAccessKey::Root) => Ok(Caller {
                principal: PrincipalArn::root(self.default_account, self.default_region),
                access_key_id: None,
                region: self.default_region,
                signature: SignatureCheck::Unverified,
            }),
            (Some(claim), policy) => {
                let key = self.credentials.access_key(claim.access_key_id());
                if key.is_some() || policy == UnknownAccessKey::Reject {
                    claim.check_time(now.wall, self.skew_max_seconds)?;
                }
                let scope = claim.scope(service)?;
                match (key, policy) {
                    (Some(key), _) => self.verified(key, request, &claim, &scope, now.domain),
                    (None, UnknownAccessKey::Root) => self.unverified(&claim, scope.region),
                    (None, UnknownAccessKey::Reject) => Err(AuthError::unrecognized()),
                }
            }
        }
    }

    fn verified(
        &self,
        key: &AccessKey,
        request: &SignedRequest<'_>,
        claim: &Claim<'_>,
        scope: &CredentialScope<'_>,
        now: Timestamp,
    ) -> Result<Caller, AuthError> {
        let signing_key = self.credentials.signing_key(key, claim, scope);
        claim.verify(request, scope, &signing_key)?;
        self.credentials.remember(claim, &signing_key);
        check_session(key, claim.session_token(), now)?;
        Ok(Caller {
            principal: key.principal().clone(),
            access_key_id: Some(key.id().to_owned()),
            region: scope.region,
            signature: SignatureCheck::Verified,
        })
    }

    fn unverified(&self, claim: &Claim<'_>, region: Region) -> Result<Caller, AuthError> {
        let id = claim.access_key_id();
        if !is_access_key_id(id) {
            return Err(AuthError::unrecognized());
        }
        let account = id.parse().unwrap_or(self.default_account);
        Ok(Caller {
            principal: PrincipalArn::root(account, region),
            access_key_id: Some(id.to_owned()),
            region,
            signature: SignatureCheck::Unverified,
        })
    }
}

/// A temporary key needs its own token, a long-term key none. The comparison tells no more than equality: the
/// signature has already shown that the caller holds the secret.
fn check_session(key: &AccessKey, token: Option<&str>, now: Timestamp) -> Result<(), AuthError> {
    match (key.session(), token) {
        (None, None) => Ok(()),
        (Some(session), Some(token)) if session.token.expose() == token.as_bytes() => {
            let ended = session.expires_at.is_some_and(|expires_at| expires_at <= now);
            if ended { Err(AuthError::expired_token()) } else { Ok(()) }
        }
        _ => Err(AuthError::unrecognized()),
    }
}
