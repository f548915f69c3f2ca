//! AssumeRoleWithWebIdentity: a session of a role, for whom an identity provider vouches.

use std::collections::BTreeMap;

use lifecycle::policy::{Context, Principal};
use lifecycle::tag::Tag;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{Code, StsError};
use super::identity_provider::IdentityProvider;
use super::issue::{
    Lifetime, PolicyDescriptor, ROLE_SECONDS_DEFAULT, assumed_role_user, check_duration, check_policies,
    credentials, packed_size, role,
};
use super::jwt::Jwt;
use super::session_tags::{SessionTags, combine};
use super::{Call, authorize, context};
use crate::auth::{Session, Subject, WebIdentity};

/// The claim with session tags.
const TAGS: &str = "https://aws.amazon.com/tags";

/// The claim with a source identity.
const SOURCE_IDENTITY: &str = "https://aws.amazon.com/source_identity";

/// Characters of a subject.
// AWS: AssumeRoleWithWebIdentity, SubjectFromWebIdentityToken.
const SUBJECT_CHARS_MAX: usize = 255;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    role_arn: String,
    role_session_name: String,
    web_identity_token: String,
    provider_id: Option<String>,
    #[serde(default)]
    policy_arns: Vec<PolicyDescriptor>,
    policy: Option<String>,
    duration_seconds: Option<u32>,
    minimum_session_token_size: Option<usize>,
}

pub(super) fn run(call: &mut Call<'_>, input: &Value) -> Result<Value, StsError> {
    let input = Input::deserialize(input).map_err(|_| StsError::internal())?;
    // AWS: AssumeRoleWithWebIdentity, ProviderId: of OAuth 2.0 access tokens of three companies, never of JWTs.
    if input.provider_id.is_some() {
        let message = "ProviderId is for OAuth 2.0 access tokens, which this server does not accept.";
        return Err(StsError::new(Code::InvalidIdentityToken, message));
    }
    let found = role(call, &input.role_arn)?;
    call.role = Some(input.role_arn.clone());
    let jwt = Jwt::parse(&input.web_identity_token).ok_or_else(|| {
        invalid(
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
        )
    })?;
    let provider = provider(call, &jwt)?;
    let claims = Claims::verified(&jwt, provider, call.now.wall.0.div_euclid(1_000))?;

    // AWS (observed): one text, whatever is missing.
    let denied =
        |action: &str| StsError::new(Code::AccessDenied, format!("Not authorized to perform {action}"));
    let role = found.ok_or_else(|| denied("sts:AssumeRoleWithWebIdentity"))?;
    let account = role.principal.account().ok_or_else(StsError::internal)?;
    let web_identity = WebIdentity {
        provider: provider.arn(account),
        audience: claims.audience.to_owned(),
        subject: claims.subject.to_owned(),
    };
    call.subject = Some(web_identity.clone());
    let facts = facts(call, role, &input.role_session_name, provider, &claims, &web_identity);
    let lifetime = Lifetime::of(call, input.duration_seconds.unwrap_or(ROLE_SECONDS_DEFAULT));
    let mut session = Session {
        subject: Subject::Role {
            arn: role.principal.arn(),
            id: role.id.to_string(),
            name: input.role_session_name.clone(),
            web_identity: Some(web_identity.clone()),
        },
        created_at: call.now.domain,
        expires_at: lifetime.ends_at,
        epoch: call.now.epoch,
        mfa: false,
        policy: input.policy,
        policy_arns: Vec::new(),
        tags: claims.tags.all,
        transitive_tag_keys: claims.tags.transitive_keys,
        source_identity: claims.source_identity.map(str::to_owned),
    };
    let principal: Principal = session.principal().ok_or_else(StsError::internal)?;
    for (action, needed) in [
        ("sts:AssumeRoleWithWebIdentity", true),
        ("sts:TagSession", !session.tags.is_empty()),
        ("sts:SetSourceIdentity", session.source_identity.is_some()),
    ] {
        if needed && !authorize::of_web_identity(call, &principal, action, role, &facts) {
            return Err(denied(action));
        }
    }
    check_duration(input.duration_seconds.unwrap_or(ROLE_SECONDS_DEFAULT), role, false)?;
    session.policy_arns = check_policies(session.policy.as_deref(), input.policy_arns, role)?;
    let packed = packed_size(&session)?;
    let (credentials, size) = credentials(call, &session, &lifetime, input.minimum_session_token_size)?;
    Ok(json!({
        "SubjectFromWebIdentityToken": web_identity.subject,
        "Audience": web_identity.audience,
        "AssumedRoleUser": assumed_role_user(role, &session, &input.role_session_name)?,
        "Credentials": credentials,
        "Provider": web_identity.provider,
        "PackedPolicySize": packed,
        "SourceIdentity": session.source_identity,
        "SessionTokenSize": size,
    }))
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> StsError {
    StsError::new(Code::InvalidIdentityToken, message)
}

/// The provider that a token says to be of.
///
/// AWS (observed): the text.
fn provider<'a>(call: &Call<'a>, jwt: &Jwt<'_>) -> Result<&'a IdentityProvider, StsError> {
    let issuer = jwt.text("iss").ok_or_else(|| invalid("Missing a required claim: iss"))?;
    call.providers.iter().find(|provider| provider.issuer() == issuer).ok_or_else(|| {
        let shown: String = issuer.chars().take(255).collect();
        invalid(format!("No OpenIDConnect provider found in your account for {shown}"))
    })
}

/// What a token says that its provider has signed.
struct Claims<'a> {
    subject: &'a str,
    /// The audience that the provider accepts: the authorised party, if there is one.
    audience: &'a str,
    /// The `aud` of a token that has an authorised party besides.
    original_audiences: Vec<&'a str>,
    methods: Vec<&'a str>,
    email: Option<&'a str>,
    source_identity: Option<&'a str>,
    tags: SessionTags,
}

impl<'a> Claims<'a> {
    /// The claims of a token, if its signature, its time and its audience are good. `now` is in seconds, of the wall clock:
    /// so is the clock of the provider.
    ///
    /// AWS (observed): the texts of an unknown key, an expired token and a wrong audience.
    fn verified(jwt: &'a Jwt<'_>, provider: &IdentityProvider, now: i64) -> Result<Self, StsError> {
        if !jwt.has_key_among(provider.keys()) {
            return Err(invalid(
                "Couldn't retrieve verification key from your identity provider,  please reference \
                 AssumeRoleWithWebIdentity documentation for requirements",
            ));
        }
        if !jwt.is_signed_by(provider.keys()) {
            return Err(invalid("The signature of the web identity token is not valid."));
        }
        let missing = |claim: &str| invalid(format!("Missing a required claim: {claim}"));
        let expires_at = jwt.date("exp").ok_or_else(|| missing("exp"))?;
        if now >= expires_at {
            let message = format!(
                "Token expired: current date/time {now} must be before the expiration date/time {expires_at}"
            );
            return Err(StsError::new(Code::ExpiredTokenException, message));
        }
        if jwt.date("nbf").is_some_and(|not_before| now < not_before) {
            return Err(invalid("The web identity token is not valid yet."));
        }
        let subject = jwt.text("sub").ok_or_else(|| missing("sub"))?;
        // What is sealed into a session token must stay short.
        if subject.chars().count() > SUBJECT_CHARS_MAX {
            return Err(invalid("The subject of the web identity token is too long."));
        }
        let audiences = jwt.texts("aud");
        // AWS: IAM User Guide, "Available keys for AWS OIDC federation", aud and oaud.
        let (candidates, original_audiences) = match jwt.text("azp") {
            Some(party) => (vec![party], audiences),
            None => (audiences, Vec::new()),
        };
        let audience = candidates.into_iter().find(|audience| provider.accepts(audience));
        let audience = audience.ok_or_else(|| invalid("Incorrect token audience"))?;
        Ok(Claims {
            subject,
            audience,
            original_audiences,
            methods: jwt.texts("amr"),
            email: jwt.text("email"),
            source_identity: source_identity(jwt)?,
            tags: tags(jwt)?,
        })
    }
}

/// AWS: IAM User Guide, "Pass session tags in AWS STS", with AssumeRoleWithWebIdentity.
#[derive(Deserialize)]
struct TagClaim {
    principal_tags: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    transitive_tag_keys: Vec<String>,
}

fn tags(jwt: &Jwt<'_>) -> Result<SessionTags, StsError> {
    let rejected = || StsError::new(Code::IDPRejectedClaim, format!("The claim {TAGS} is not valid."));
    let Some(claim) = jwt.claim(TAGS) else { return combine(Vec::new(), Vec::new(), &[]) };
    let claim = TagClaim::deserialize(claim).map_err(|_| rejected())?;
    let mut tags = Vec::new();
    for (key, values) in claim.principal_tags {
        let [value] = <[String; 1]>::try_from(values).map_err(|_| rejected())?;
        let fits = (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256;
        let tag = Tag { tag_key: key, tag_value: value };
        if !fits || lifecycle::tag::check(std::slice::from_ref(&tag)).is_err() {
            return Err(rejected());
        }
        tags.push(tag);
    }
    combine(tags, claim.transitive_tag_keys, &[]).map_err(|_| rejected())
}

fn source_identity<'a>(jwt: &'a Jwt<'_>) -> Result<Option<&'a str>, StsError> {
    let Some(claim) = jwt.claim(SOURCE_IDENTITY) else { return Ok(None) };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    let fits = |text: &&str| (2..=64).contains(&text.len()) && text.chars().all(allowed);
    let rejected =
        || StsError::new(Code::IDPRejectedClaim, format!("The claim {SOURCE_IDENTITY} is not valid."));
    claim.as_str().filter(fits).ok_or_else(rejected).map(Some)
}

/// AWS: IAM User Guide, "Available keys for AWS OIDC federation".
fn facts(
    call: &Call<'_>,
    role: &lifecycle::iam::Role,
    session_name: &str,
    provider: &IdentityProvider,
    claims: &Claims<'_>,
    web_identity: &WebIdentity,
) -> Context {
    let mut facts = context::of(call);
    context::add_role(&mut facts, role, authorize::account_of(call, role), session_name, &claims.tags.all);
    let name = provider.name();
    facts.insert("aws:FederatedProvider", &web_identity.provider);
    facts.insert(&format!("{name}:sub"), claims.subject);
    facts.insert(&format!("{name}:aud"), claims.audience);
    facts.insert_values(&format!("{name}:oaud"), claims.original_audiences.iter().copied());
    facts.insert_values(&format!("{name}:amr"), claims.methods.iter().copied());
    if let Some(email) = claims.email {
        facts.insert(&format!("{name}:email"), email);
    }
    if let Some(source_identity) = claims.source_identity {
        facts.insert("sts:SourceIdentity", source_identity);
    }
    if !claims.tags.transitive_keys.is_empty() {
        facts.insert_values("sts:TransitiveTagKeys", &claims.tags.transitive_keys);
    }
    facts
}
