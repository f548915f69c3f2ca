//! From temporary credentials to their caller. What was opened once is remembered, and readers take no lock.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use lifecycle::crypto::Secret;
use lifecycle::iam::{Account, Directory, EntityName, Identity, Policy, Role, RoleSession, User, managed};
use lifecycle::policy::{Kind, NamedPolicy, Principal};
use lifecycle::tag::Tag;

use super::authenticator::SessionFacts;
use super::claim::Claim;
use super::credentials::Memory;
use super::session::{Session, SessionKey, Subject};

/// Sessions remembered. One takes a few kilobytes.
const SESSIONS_MAX: usize = 1_024;

/// By what name reasons refer to a session's inline policy.
const INLINE: &str = "session policy";

/// The sessions that a server knows: all that it has issued, the recent ones at hand.
pub(super) struct Sessions {
    key: SessionKey,
    /// By access key id.
    opened: Memory<Box<str>, Arc<Opened>>,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sessions(…)")
    }
}

/// A session whose token was opened.
pub(super) struct Opened {
    pub(super) session: Session,
    pub(super) secret: Secret,
    pub(super) facts: Arc<SessionFacts>,
    token: Box<str>,
    inline: Option<NamedPolicy>,
    /// The identity, and what of the directory it was built from.
    built: ArcSwapOption<Built>,
}

struct Built {
    source: Source,
    account: Option<Arc<Account>>,
    identity: Arc<Identity>,
}

/// The entry of the directory that a session acts for.
enum Source {
    Role(Arc<Role>),
    User(Arc<User>),
    /// A principal that the directory does not describe, or a root user.
    Undescribed(Principal),
}

impl Source {
    fn is(&self, other: &Source) -> bool {
        match (self, other) {
            (Source::Role(a), Source::Role(b)) => Arc::ptr_eq(a, b),
            (Source::User(a), Source::User(b)) => Arc::ptr_eq(a, b),
            (Source::Undescribed(a), Source::Undescribed(b)) => a == b,
            _ => false,
        }
    }
}

impl Sessions {
    pub(super) fn new(key: SessionKey) -> Self {
        Sessions { key, opened: Memory::default() }
    }

    /// The key that makes new sessions.
    pub(super) fn key(&self) -> &SessionKey {
        &self.key
    }

    /// The session of a claim, if its token was issued here with its access key. Nothing is verified yet.
    pub(super) fn find(&self, claim: &Claim<'_>) -> Option<Arc<Opened>> {
        let (id, token) = (claim.access_key_id(), claim.session_token()?);
        let known = self.opened.get(id).filter(|opened| *opened.token == *token);
        known.or_else(|| Some(Arc::new(Opened::of(self.key.open(id, token)?, token)?)))
    }

    /// Remembers a session whose signature was valid. Only those: strangers cannot fill the memory.
    pub(super) fn remember(&self, access_key_id: &str, opened: &Arc<Opened>) {
        let known = self.opened.get(access_key_id);
        if !known.is_some_and(|known| Arc::ptr_eq(&known, opened)) {
            self.opened.remember(&access_key_id.into(), opened, SESSIONS_MAX);
        }
    }
}

impl Opened {
    /// `None` for a session that was never issued: its policy or its ARN cannot be read.
    fn of((session, secret): (Session, Secret), token: &str) -> Option<Self> {
        let (issuer, issuer_id) = match &session.subject {
            Subject::Role { arn, id, .. } => (arn, id.as_str()),
            Subject::Owner { arn, id, .. } => (arn, id.as_deref().unwrap_or_default()),
        };
        let is_transitive = |tag: &&Tag| session.transitive_tag_keys.contains(&tag.tag_key);
        let facts = SessionFacts {
            issuer: Principal::parse(issuer)?,
            issuer_id: issuer_id.into(),
            created_at: session.created_at,
            expires_at: session.expires_at,
            mfa: session.mfa,
            source_identity: session.source_identity.as_deref().map(Into::into),
            transitive_tags: session.tags.iter().filter(is_transitive).cloned().collect(),
            web_identity: match &session.subject {
                Subject::Role { web_identity, .. } => web_identity.clone(),
                Subject::Owner { .. } => None,
            },
        };
        let inline = match &session.policy {
            Some(text) => Some(Policy::parse(INLINE, text, Kind::Identity).ok()?.named()),
            None => None,
        };
        Some(Opened {
            session,
            secret,
            facts: Arc::new(facts),
            token: token.into(),
            inline,
            built: ArcSwapOption::empty(),
        })
    }

    /// The identity that the session has now; `None` if whom it acts for is gone. It is built anew when its entry in the
    /// directory has changed.
    pub(super) fn identity(&self, directory: &Directory) -> Option<Arc<Identity>> {
        let source = self.source(directory)?;
        let account = match &source {
            Source::Role(role) => account(directory, &role.principal),
            Source::User(user) => account(directory, &user.principal),
            Source::Undescribed(principal) => account(directory, principal),
        };
        let same = |built: &Built| {
            let accounts = match (&built.account, account) {
                (None, None) => true,
                (Some(then), Some(now)) => Arc::ptr_eq(then, now),
                _ => false,
            };
            accounts && built.source.is(&source)
        };
        if let Some(built) = self.built.load().as_ref().filter(|built| same(built)) {
            return Some(Arc::clone(&built.identity));
        }
        let identity = match &source {
            Source::Role(role) => self.of_role(role, account.map(|account| &**account))?,
            Source::User(user) => Identity::of_user(user, account.map(|account| &**account)),
            Source::Undescribed(principal) => directory.identity(principal),
        };
        let identity = Arc::new(identity);
        let built = Built { source, account: account.cloned(), identity: Arc::clone(&identity) };
        self.built.store(Some(Arc::new(built)));
        Some(identity)
    }

    fn source(&self, directory: &Directory) -> Option<Source> {
        match &self.session.subject {
            Subject::Role { id, .. } => {
                let role = directory.role(&EntityName::of(&self.facts.issuer)?)?;
                (*role.id == **id && role.principal == self.facts.issuer)
                    .then(|| Source::Role(Arc::clone(role)))
            }
            Subject::Owner { id: Some(id), .. } => {
                let user = directory.user(&EntityName::of(&self.facts.issuer)?)?;
                (*user.id == **id && user.principal == self.facts.issuer)
                    .then(|| Source::User(Arc::clone(user)))
            }
            Subject::Owner { id: None, access_key_id, .. } => {
                let owner = &self.facts.issuer;
                // A root user is there as long as its account; anybody else only through an access key.
                let there = matches!(owner, Principal::Root(_))
                    || access_key_id
                        .as_deref()
                        .and_then(|id| directory.access_key(id))
                        .is_some_and(|(key, _)| key.owner == *owner && !directory.describes(owner));
                there.then(|| Source::Undescribed(owner.clone()))
            }
        }
    }

    fn of_role(&self, role: &Role, account: Option<&Account>) -> Option<Identity> {
        let Subject::Role { name, web_identity, .. } = &self.session.subject else { return None };
        let arns = &self.session.policy_arns;
        let managed = arns.iter().filter_map(|arn| managed_session_policy(arn, role));
        let policies: Vec<NamedPolicy> = self.inline.iter().cloned().chain(managed).collect();
        // A managed policy that is gone allows nothing, but does not set the session free.
        let limited = self.inline.is_some() || !arns.is_empty();
        let session = RoleSession {
            name,
            policies: limited.then_some(policies),
            tags: &self.session.tags,
            provider: web_identity.as_ref().map(|identity| identity.provider.as_str()),
        };
        Identity::of_session(role, account, session)
    }
}

fn account<'a>(directory: &'a Directory, principal: &Principal) -> Option<&'a Arc<Account>> {
    directory.account(principal.account()?.id().parse().ok()?)
}

/// The managed policy that a session may be limited with: one of AWS's that are known here, or one of the role's own.
/// Others exist nowhere.
#[must_use]
pub fn managed_session_policy(arn: &str, role: &Role) -> Option<NamedPolicy> {
    let own = role.policies.iter().find(|policy| policy.name() == arn).map(Policy::named);
    own.or_else(|| managed::find(arn, Kind::Identity).map(|policy| policy.named()))
}
