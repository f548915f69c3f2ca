//! From a request to its caller.

use std::sync::Arc;

use lifecycle::clock::{Timestamp, WallTime};
use lifecycle::iam::{AccessKey, Directory, Identity};
use lifecycle::ids::{AccountId, Region, Scope};
use lifecycle::policy::Principal;
use lifecycle::tag::Tag;

use super::claim::Claim;
use super::credentials::{Roots, SigningKeys, is_access_key_id};
use super::error::AuthError;
use super::session::{SessionKey, WebIdentity};
use super::sessions::{Opened, Sessions};
use super::sigv4::CredentialScope;
use crate::message::Message;

/// The signing name of KMS.
pub const KMS: &str = "kms";

/// What becomes of a request whose access key is not known, and of an unsigned one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownAccessKey {
    /// It acts as the root user of its account.
    Root,
    /// It is refused, as AWS does.
    Reject,
}

/// Whether the signatures of known access keys are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signatures {
    /// They are.
    Verify,
    /// They only say which key made them.
    Ignore,
}

/// One instant on both clocks: signatures live on the wall clock, temporary credentials on the domain clock.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Wall time.
    pub wall: WallTime,
    /// Domain time.
    pub domain: Timestamp,
    /// The epoch of the domain clock.
    pub epoch: u64,
}

/// Whether the caller's signature was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureCheck {
    /// It matches the secret of a known access key.
    Verified,
    /// There is no secret to check it with, or no signature.
    Unverified,
}

/// What a caller with temporary credentials has besides an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionFacts {
    /// The role or user that the session was made from, as audit records tell.
    pub issuer: Principal,
    /// The unique id of the issuer.
    pub issuer_id: Arc<str>,
    /// When the session was made, on the domain clock.
    pub created_at: Timestamp,
    /// When it ends, on the domain clock.
    pub expires_at: Timestamp,
    /// Whether a second factor was shown: `aws:MultiFactorAuthPresent`.
    pub mfa: bool,
    /// `aws:SourceIdentity`.
    pub source_identity: Option<Arc<str>>,
    /// The session tags that the next session of a chain inherits.
    pub transitive_tags: Vec<Tag>,
    /// Who vouched for the user of the session, if it was an identity provider.
    pub web_identity: Option<WebIdentity>,
}

/// Who is calling, and in which Region.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    /// The principal, with all that it brings to a decision.
    pub identity: Arc<Identity>,
    /// The access key that signed; `None` for an unsigned request.
    pub access_key_id: Option<String>,
    /// The Region of the request.
    pub region: Region,
    /// Whether the signature was checked.
    pub signature: SignatureCheck,
    /// What temporary credentials add; `None` for long-term ones.
    pub session: Option<Arc<SessionFacts>>,
}

impl Caller {
    /// A caller of whom nothing was checked: without a signature, or as the root user that it says to be.
    #[must_use]
    pub fn unverified(identity: Arc<Identity>, access_key_id: Option<String>, region: Region) -> Self {
        Caller { identity, access_key_id, region, signature: SignatureCheck::Unverified, session: None }
    }

    /// The account and Region in which the caller acts: a bare id or alias means a key there.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope { account: self.identity.account(), region: self.region }
    }

    /// The ARN of the principal.
    #[must_use]
    pub fn arn(&self) -> &str {
        self.identity.arn()
    }

    /// The principal.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        self.identity.principal()
    }
}

/// The rules of authentication for one server. Whom it knows is in the directory of the state.
#[derive(Debug)]
pub struct Authenticator {
    unknown_access_key: Option<UnknownAccessKey>,
    signatures: Signatures,
    default_account: AccountId,
    default_region: Region,
    skew_max_seconds: u32,
    signing_keys: SigningKeys,
    roots: Roots,
    sessions: Sessions,
}

impl Authenticator {
    /// How far a signature's time may be from the server's: five minutes, in seconds.
    pub const SKEW_MAX_SECONDS: u32 = 300;

    /// An authenticator that checks signatures. Requests that name no account or Region get the defaults; `sessions` opens
    /// the tokens of temporary credentials.
    #[must_use]
    pub fn new(default_account: AccountId, default_region: Region, sessions: SessionKey) -> Self {
        Authenticator {
            unknown_access_key: None,
            signatures: Signatures::Verify,
            default_account,
            default_region,
            skew_max_seconds: Self::SKEW_MAX_SECONDS,
            signing_keys: SigningKeys::default(),
            roots: Roots::default(),
            sessions: Sessions::new(sessions),
        }
    }

    /// The key that makes temporary credentials.
    #[must_use]
    pub fn session_key(&self) -> &SessionKey {
        self.sessions.key()
    }

    /// The account that an unknown access key acts for, where it acts at all.
    #[must_use]
    pub fn account_of_unknown(&self, access_key_id: &str) -> AccountId {
        access_key_id.parse().unwrap_or(self.default_account)
    }

    /// Decides about unknown access keys regardless of who is known.
    #[must_use]
    pub fn with_unknown_access_key(self, unknown_access_key: UnknownAccessKey) -> Self {
        Authenticator { unknown_access_key: Some(unknown_access_key), ..self }
    }

    /// Says whether signatures are checked.
    #[must_use]
    pub fn with_signatures(self, signatures: Signatures) -> Self {
        Authenticator { signatures, ..self }
    }

    /// Sets how far a signature's time may be from the server's, in seconds.
    #[must_use]
    pub fn with_skew_max_seconds(self, skew_max_seconds: u32) -> Self {
        Authenticator { skew_max_seconds, ..self }
    }

    /// What becomes of unknown access keys and of unsigned requests. Unless it was decided: as long as the directory is
    /// empty everybody is let in as root, because the first use of a server needs no set-up.
    #[must_use]
    pub fn unknown_access_key(&self, directory: &Directory) -> UnknownAccessKey {
        self.unknown_access_key.unwrap_or(match directory.is_empty() {
            true => UnknownAccessKey::Root,
            false => UnknownAccessKey::Reject,
        })
    }

    /// The root user of an account, as whom unknown access keys act.
    #[must_use]
    pub fn root(&self, directory: &Directory, account: AccountId, region: Region) -> Arc<Identity> {
        self.roots.root(directory, account, region)
    }

    /// Finds the caller of a request to `service` (the signing name, such as `kms`).
    ///
    /// # Errors
    /// The first check that fails, in AWS's order: form, time, signed host, algorithm, scope, access key,
    /// signature, session token. Of an unverifiable signature that acts as root, the time is not checked.
    pub fn authenticate(
        &self,
        request: &Message<'_>,
        service: &str,
        now: Now,
        directory: &Directory,
    ) -> Result<Caller, AuthError> {
        let claim = Claim::parse(request)?;
        match (claim, self.unknown_access_key(directory)) {
            (None, UnknownAccessKey::Reject) => Err(AuthError::missing_token()),
            (None, UnknownAccessKey::Root) => {
                let root = self.root(directory, self.default_account, self.default_region);
                Ok(Caller::unverified(root, None, self.default_region))
            }
            (Some(claim), policy) => {
                let key = directory.access_key(claim.access_key_id());
                let session = if key.is_none() { self.sessions.find(&claim) } else { None };
                let checked = match key.is_some() || session.is_some() {
                    true => self.signatures == Signatures::Verify,
                    false => policy == UnknownAccessKey::Reject,
                };
                if checked {
                    claim.check_time(now.wall, self.skew_max_seconds)?;
                }
                let scope = claim.scope(service)?;
                if let Some(session) = session {
                    return self.temporary(&session, request, &claim, &scope, now, directory);
                }
                match (key, policy) {
                    (Some((key, owner)), _) => self.known(key, owner, request, &claim, &scope),
                    (None, UnknownAccessKey::Root) => self.unknown(&claim, scope.region, directory),
                    (None, UnknownAccessKey::Reject) => Err(AuthError::unrecognized()),
                }
            }
        }
    }

    fn known(
        &self,
        key: &AccessKey,
        owner: &Arc<Identity>,
        request: &Message<'_>,
        claim: &Claim<'_>,
        scope: &CredentialScope<'_>,
    ) -> Result<Caller, AuthError> {
        // A service proves itself to KMS alone; it has no sessions to make and no events to look up.
        if matches!(owner.principal(), Principal::Service(_)) && scope.service != KMS {
            return Err(AuthError::unrecognized());
        }
        let caller = Caller::unverified(Arc::clone(owner), Some(key.id.to_string()), scope.region);
        if self.signatures == Signatures::Ignore {
            return Ok(caller);
        }
        let signing_key = self.signing_keys.signing_key(&key.secret, claim, scope);
        claim.verify(request, scope, &signing_key)?;
        self.signing_keys.remember(&key.secret, claim, &signing_key);
        // A long-term key has no session token, so none can be the right one.
        if claim.session_token().is_some() {
            return Err(AuthError::unrecognized());
        }
        Ok(Caller { signature: SignatureCheck::Verified, ..caller })
    }

    /// AWS (observed): the token is looked at before the signature.
    fn temporary(
        &self,
        opened: &Arc<Opened>,
        request: &Message<'_>,
        claim: &Claim<'_>,
        scope: &CredentialScope<'_>,
        now: Now,
        directory: &Directory,
    ) -> Result<Caller, AuthError> {
        if opened.session.epoch != now.epoch {
            return Err(AuthError::unrecognized());
        }
        if now.domain >= opened.session.expires_at {
            return Err(AuthError::expired_token());
        }
        let identity = opened.identity(directory).ok_or_else(AuthError::unrecognized)?;
        let id = claim.access_key_id();
        let caller = Caller {
            session: Some(Arc::clone(&opened.facts)),
            ..Caller::unverified(identity, Some(id.to_owned()), scope.region)
        };
        if self.signatures == Signatures::Ignore {
            return Ok(caller);
        }
        let signing_key = self.signing_keys.signing_key(&opened.secret, claim, scope);
        claim.verify(request, scope, &signing_key)?;
        self.signing_keys.remember(&opened.secret, claim, &signing_key);
        self.sessions.remember(id, opened);
        Ok(Caller { signature: SignatureCheck::Verified, ..caller })
    }

    fn unknown(&self, claim: &Claim<'_>, region: Region, directory: &Directory) -> Result<Caller, AuthError> {
        let id = claim.access_key_id();
        if !is_access_key_id(id) {
            return Err(AuthError::unrecognized());
        }
        let account = self.account_of_unknown(id);
        Ok(Caller::unverified(self.root(directory, account, region), Some(id.to_owned()), region))
    }
}
