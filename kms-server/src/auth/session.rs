//! Temporary credentials. Nothing is stored of them: the session token holds the session, sealed.
//!
//! AWS: IAM User Guide, "Temporary security credentials in IAM".

use std::fmt;
use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use lifecycle::clock::Timestamp;
use lifecycle::crypto::{Entropy, EntropyError, Secret};
use lifecycle::ids::AccountId;
use lifecycle::policy::Principal;
use lifecycle::tag::Tag;
use ring::{aead, hkdf, hmac};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// With what the access key ids of temporary credentials begin.
pub const SESSION_KEY_PREFIX: &str = "ASIA";

/// Bytes of a token that are looked at; [`PACKED_BYTES_MAX`] keeps what is issued far below.
const TOKEN_BYTES_MAX: usize = 32 * 1024;

/// Bytes that the packed policies and tags of a session may take.
pub const PACKED_BYTES_MAX: usize = 2_048;

/// Bytes of a session after unpacking. Only what this server packed is unpacked.
const SESSION_BYTES_MAX: u64 = 1024 * 1024;

/// The layout of a token: this byte, the nonce, the sealed session.
const FORMAT: u8 = 1;

/// What temporary credentials stand for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Whose it is.
    pub subject: Subject,
    /// When it was made, on the domain clock.
    pub created_at: Timestamp,
    /// When it ends, on the domain clock.
    pub expires_at: Timestamp,
    /// The epoch of the domain clock that it belongs to; a reset ends all sessions.
    pub epoch: u64,
    /// Whether a second factor was shown.
    pub mfa: bool,
    /// The inline session policy.
    pub policy: Option<String>,
    /// The managed session policies.
    pub policy_arns: Vec<String>,
    /// Session tags, the inherited ones included.
    pub tags: Vec<Tag>,
    /// The keys of those tags that pass on to the next session of a chain.
    pub transitive_tag_keys: Vec<String>,
    /// `aws:SourceIdentity`.
    pub source_identity: Option<String>,
}

/// Whose a session is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    /// A role that was assumed.
    Role {
        /// The ARN of the role, with its path.
        arn: String,
        /// Its unique id: a role that is made again is another one.
        id: String,
        /// The name of the session.
        name: String,
        /// Who vouched for the user of the session, if it was an identity provider.
        web_identity: Option<WebIdentity>,
    },
    /// A user or a root user, itself.
    Owner {
        /// The ARN.
        arn: String,
        /// The unique id of a user that the directory describes.
        id: Option<String>,
        /// The access key that made the session. It keeps the session of a user alive whom nothing else describes.
        access_key_id: Option<String>,
    },
}

/// What an identity provider says of its user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebIdentity {
    /// The ARN of the provider in the account of the role.
    pub provider: String,
    /// The audience of the token.
    pub audience: String,
    /// The subject of the token.
    pub subject: String,
}

impl Session {
    /// The principal that the session acts as; `None` for an ARN that is none, which is never issued.
    #[must_use]
    pub fn principal(&self) -> Option<Principal> {
        match &self.subject {
            Subject::Owner { arn, .. } => Principal::parse(arn),
            Subject::Role { arn, name, web_identity, .. } => {
                let Principal::Role { account, name: role } = Principal::parse(arn)? else { return None };
                let provider = web_identity.as_ref().map(|identity| identity.provider.as_str().into());
                Some(Principal::AssumedRole { account, role, session: name.as_str().into(), provider })
            }
        }
    }

    /// Session policies and tags in the form that counts towards [`PACKED_BYTES_MAX`].
    ///
    /// # Errors
    /// They cannot be written, which memory always can.
    pub fn packed_bytes(&self) -> Result<usize, SealError> {
        Ok(pack(&(&self.policy, &self.policy_arns, &self.tags))?.len())
    }
}

/// Temporary credentials as they are given out.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// `ASIA` and 16 characters that tell the account.
    pub access_key_id: String,
    /// The secret.
    pub secret: Secret,
    /// The token; not secret by itself, and of no use without the secret.
    pub token: String,
}

/// Why credentials could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealError;

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no temporary credentials could be made")
    }
}

impl std::error::Error for SealError {}

impl From<EntropyError> for SealError {
    fn from(_: EntropyError) -> Self {
        SealError
    }
}

/// Seals sessions into tokens and opens them.
pub struct SessionKey {
    tokens: aead::LessSafeKey,
    secrets: hmac::Key,
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(…)")
    }
}

impl SessionKey {
    /// The key of an installation's sessions, derived from its secret.
    ///
    /// # Errors
    /// Never: the lengths are constant.
    pub fn new(installation_secret: &[u8]) -> Result<Self, SealError> {
        let derived =
            hkdf::Salt::new(hkdf::HKDF_SHA256, b"temporary credentials").extract(installation_secret);
        let tokens = derived.expand(&[b"tokens"], &aead::AES_256_GCM).map_err(|_| SealError)?;
        let secrets = derived.expand(&[b"secrets"], hmac::HMAC_SHA256).map_err(|_| SealError)?;
        Ok(SessionKey { tokens: aead::LessSafeKey::new(tokens.into()), secrets: secrets.into() })
    }

    /// Makes credentials for `session`, whose token has at least `token_bytes_min` characters.
    ///
    /// # Errors
    /// There are no random bytes, or the session is of no principal.
    pub fn issue(
        &self,
        session: &Session,
        token_bytes_min: usize,
        entropy: &dyn Entropy,
    ) -> Result<Credentials, SealError> {
        let principal = session.principal().ok_or(SealError)?;
        let account = principal.account().and_then(|account| account.id().parse().ok()).ok_or(SealError)?;
        let access_key_id = access_key_id(account, entropy)?;
        let nonce: [u8; aead::NONCE_LEN] = entropy.array()?;
        let packed = pack(session)?;
        let mut sealed = u32::try_from(packed.len()).map_err(|_| SealError)?.to_be_bytes().to_vec();
        sealed.extend_from_slice(&packed);
        let overhead = 1 + aead::NONCE_LEN + self.tokens.algorithm().tag_len();
        // Three bytes take four characters.
        let padded = token_bytes_min.div_ceil(4).saturating_mul(3).saturating_sub(overhead);
        sealed.resize(sealed.len().max(padded), 0);
        self.tokens
            .seal_in_place_append_tag(
                aead::Nonce::assume_unique_for_key(nonce),
                aead::Aad::from(access_key_id.as_bytes()),
                &mut sealed,
            )
            .map_err(|_| SealError)?;
        let token = STANDARD.encode([&[FORMAT], nonce.as_slice(), &sealed].concat());
        Ok(Credentials { secret: self.secret(&access_key_id, &nonce), access_key_id, token })
    }

    /// The session of a token and its secret; `None` if this installation has not issued that token with that access
    /// key.
    pub(super) fn open(&self, access_key_id: &str, token: &str) -> Option<(Session, Secret)> {
        if token.len() > TOKEN_BYTES_MAX || !access_key_id.starts_with(SESSION_KEY_PREFIX) {
            return None;
        }
        let bytes = STANDARD.decode(token).ok()?;
        let (head, sealed) = bytes.split_at_checked(1 + aead::NONCE_LEN)?;
        let (format, nonce) = head.split_first()?;
        let nonce: [u8; aead::NONCE_LEN] = nonce.try_into().ok()?;
        if *format != FORMAT {
            return None;
        }
        let mut opened = sealed.to_vec();
        let nonce_of_token = aead::Nonce::assume_unique_for_key(nonce);
        let aad = aead::Aad::from(access_key_id.as_bytes());
        let opened = self.tokens.open_in_place(nonce_of_token, aad, &mut opened).ok()?;
        let (length, packed) = opened.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let session = unpack(packed.get(..length)?)?;
        Some((session, self.secret(access_key_id, &nonce)))
    }

    /// The secret of a token: 40 characters, as secrets of long-term keys have.
    fn secret(&self, access_key_id: &str, nonce: &[u8]) -> Secret {
        let mut context = hmac::Context::with_key(&self.secrets);
        context.update(access_key_id.as_bytes());
        context.update(nonce);
        let tag = context.sign();
        let bytes = Zeroizing::new(tag.as_ref().get(..30).unwrap_or_default().to_vec());
        Secret::new(STANDARD.encode(&*bytes).into_bytes())
    }
}

fn pack(value: &impl Serialize) -> Result<Vec<u8>, SealError> {
    let json = serde_json::to_vec(value).map_err(|_| SealError)?;
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&json).map_err(|_| SealError)?;
    encoder.finish().map_err(|_| SealError)
}

fn unpack(packed: &[u8]) -> Option<Session> {
    let mut json = Vec::new();
    DeflateDecoder::new(packed).take(SESSION_BYTES_MAX).read_to_end(&mut json).ok()?;
    serde_json::from_slice(&json).ok()
}

/// How far the account stands from the right in the first 48 bits of an access key id.
const ACCOUNT_SHIFT: u32 = 7;

/// The bit that new access key ids have before the account.
const NEW_FORM: u64 = 1 << 47;

/// Base 32 as access key ids use it.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A new id that tells its account, as those of AWS do.
///
/// AWS (observed): behind the prefix stand a one, 40 bits of the account, and what makes the id unique.
fn access_key_id(account: AccountId, entropy: &dyn Entropy) -> Result<String, SealError> {
    let account: u64 = account.as_str().parse().map_err(|_| SealError)?;
    let random: [u8; 8] = entropy.array()?;
    let random = u64::from_be_bytes(random);
    let head = NEW_FORM | account << ACCOUNT_SHIFT | random >> 57;
    let bits = u128::from(head) << 32 | u128::from(random & 0xFFFF_FFFF);
    let digit = |at: u32| {
        let value = usize::try_from(bits >> (75 - 5 * at) & 31).unwrap_or_default();
        ALPHABET.get(value).map_or('A', |digit| char::from(*digit))
    };
    let mut id = SESSION_KEY_PREFIX.to_owned();
    id.extend((0..16).map(digit));
    Ok(id)
}

/// The account that an access key id of temporary credentials tells.
#[must_use]
pub fn account_of(access_key_id: &str) -> Option<AccountId> {
    let digits = access_key_id.strip_prefix(SESSION_KEY_PREFIX).filter(|digits| digits.len() == 16)?;
    let bits = digits.bytes().try_fold(0_u128, |bits, digit| {
        let value = ALPHABET.iter().position(|known| *known == digit)?;
        Some(bits << 5 | u128::try_from(value).ok()?)
    })?;
    let head = u64::try_from(bits >> 32).ok()?;
    let account = (head & (NEW_FORM - 1)) >> ACCOUNT_SHIFT;
    (head & NEW_FORM != 0).then(|| format!("{account:012}").parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use lifecycle::crypto::SeededEntropy;
    use proptest::prelude::*;

    fn session() -> Session {
        Session {
            subject: Subject::Role {
                arn: "arn:aws:iam::111122223333:role/team/app".to_owned(),
                id: "AROAEXAMPLE".to_owned(),
                name: "s".to_owned(),
                web_identity: None,
            },
            created_at: Timestamp(1),
            expires_at: Timestamp(2),
            epoch: 3,
            mfa: false,
            policy: Some("{}".to_owned()),
            policy_arns: vec![],
            tags: vec![Tag { tag_key: "a".to_owned(), tag_value: "b".to_owned() }],
            transitive_tag_keys: vec!["a".to_owned()],
            source_identity: None,
        }
    }

    fn key() -> SessionKey {
        SessionKey::new(b"installation").unwrap()
    }

    #[test]
    fn a_token_opens_with_its_access_key_in_its_installation_only() {
        let issued = key().issue(&session(), 0, &SeededEntropy::new(1)).unwrap();
        let (opened, secret) = key().open(&issued.access_key_id, &issued.token).unwrap();
        assert_eq!((opened, secret), (session(), issued.secret.clone()));
        let other = key().issue(&session(), 0, &SeededEntropy::new(2)).unwrap();
        assert_ne!(other.secret, issued.secret);
        assert!(key().open(&other.access_key_id, &issued.token).is_none());
        let foreign = SessionKey::new(b"another").unwrap();
        assert!(foreign.open(&issued.access_key_id, &issued.token).is_none());
        assert!(key().open(&issued.access_key_id, "").is_none());
        assert!(key().open(&issued.access_key_id, &"A".repeat(TOKEN_BYTES_MAX + 4)).is_none());
        assert!(!format!("{:?} {:?}", key(), issued.secret).contains("AQ"));
    }

    #[test]
    fn a_token_can_be_made_longer() {
        for least in [0, 1, 999, 4_095, 4_096] {
            let issued = key().issue(&session(), least, &SeededEntropy::new(1)).unwrap();
            assert!(issued.token.len() >= least && issued.token.len() < least.max(600) + 8, "{least}");
            assert!(key().open(&issued.access_key_id, &issued.token).is_some());
        }
    }

    #[test]
    fn an_access_key_id_tells_its_account() {
        for account in ["000000000000", "111122223333", "999999999999"] {
            let account: AccountId = account.parse().unwrap();
            let id = access_key_id(account, &SeededEntropy::new(7)).unwrap();
            assert_eq!((id.len(), account_of(&id)), (20, Some(account)));
        }
        // AWS: IAM User Guide, "IAM identifiers"; the account was observed.
        assert_eq!(account_of("ASIAQNZGKIQY56JQ7WML"), "029608264753".parse().ok());
        for id in ["", "ASIA", "AKIAQNZGKIQY56JQ7WML", "ASIAQNZGKIQY56JQ7WM1", "ASIAIOSFODNN7EXAMPLE"] {
            assert_eq!(account_of(id), None, "{id}");
        }
    }

    #[test]
    fn a_principal_is_that_of_the_role_with_its_path() {
        let principal = session().principal().unwrap();
        assert_eq!(principal.arn(), "arn:aws:sts::111122223333:assumed-role/app/s");
        assert!(matches!(principal, Principal::AssumedRole { role, .. } if &*role == "team/app"));
    }

    proptest! {
        #[test]
        fn a_token_with_any_other_bit_is_refused(at in 0_usize..10_000, bit in 0_u8..8) {
            let issued = key().issue(&session(), 0, &SeededEntropy::new(1)).unwrap();
            let mut bytes = STANDARD.decode(&issued.token).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            prop_assert!(key().open(&issued.access_key_id, &STANDARD.encode(bytes)).is_none());
        }

        #[test]
        fn a_token_with_any_other_character_is_refused(at in 0_usize..10_000, c in "[ -~]") {
            let issued = key().issue(&session(), 0, &SeededEntropy::new(1)).unwrap();
            let at = at % issued.token.len();
            let mut token = issued.token.clone();
            token.replace_range(at..=at, &c);
            prop_assert_eq!(key().open(&issued.access_key_id, &token).is_some(), token == issued.token);
        }

        #[test]
        fn any_text_is_read_or_refused(id in "ASIA[A-Z2-7]{0,20}", token in "[A-Za-z0-9+/=]{0,400}") {
            prop_assert!(key().open(&id, &token).is_none());
            let _ = account_of(&id);
        }
    }
}
