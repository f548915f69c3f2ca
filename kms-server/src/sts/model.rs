//! The operations of STS and the constraints on their parameters.
//!
//! AWS: Security Token Service API Reference, "Actions".

use serde_json::Value;

use super::error::StsError;
use super::{Call, access_key_info, assume_role, caller_identity, session_token, web_identity};
use crate::api::shape::{Bounds, Pattern, Shape, StringShape, Structure, optional, required};

/// The version of the API, which every request names.
pub const VERSION: &str = "2011-06-15";

/// An operation.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) name: &'static str,
    /// Whether the caller must be known, or proves by the request itself who it is.
    pub(super) caller: CallerRule,
    pub(super) body: Body,
}

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallerRule {
    /// Whoever signs.
    Signed,
    /// Anybody; a signature is not looked at.
    Anonymous,
}

/// What an operation does.
pub(super) type Run = fn(&mut Call<'_>, &Value) -> Result<Value, StsError>;

/// Whether an operation is there.
#[derive(Debug)]
pub(super) enum Body {
    /// It is. Its result is an object whose members become XML elements.
    Built { input: &'static Structure, run: Run },
    /// AWS has it, this server does not.
    NotBuilt,
}

impl Operation {
    const fn signed(name: &'static str, input: &'static Structure, run: Run) -> Self {
        Operation { name, caller: CallerRule::Signed, body: Body::Built { input, run } }
    }

    const fn not_built(name: &'static str, caller: CallerRule) -> Self {
        Operation { name, caller, body: Body::NotBuilt }
    }

    /// The operation of this name.
    pub(super) fn find(name: &str) -> Option<&'static Operation> {
        OPERATIONS.iter().find(|operation| operation.name == name)
    }

    /// Its parameters; none of one that is not built.
    pub(super) fn input(&self) -> Option<&'static Structure> {
        match self.body {
            Body::Built { input, .. } => Some(input),
            Body::NotBuilt => None,
        }
    }
}

/// Every operation, in alphabetical order.
pub(super) static OPERATIONS: [Operation; 11] = [
    Operation::signed("AssumeRole", &ASSUME_ROLE, assume_role::run),
    Operation::not_built("AssumeRoleWithSAML", CallerRule::Anonymous),
    Operation {
        name: "AssumeRoleWithWebIdentity",
        caller: CallerRule::Anonymous,
        body: Body::Built { input: &ASSUME_ROLE_WITH_WEB_IDENTITY, run: web_identity::run },
    },
    Operation::not_built("AssumeRoot", CallerRule::Signed),
    Operation::not_built("DecodeAuthorizationMessage", CallerRule::Signed),
    Operation::signed("GetAccessKeyInfo", &GET_ACCESS_KEY_INFO, access_key_info::run),
    Operation::signed("GetCallerIdentity", &GET_CALLER_IDENTITY, caller_identity::run),
    Operation::not_built("GetDelegatedAccessToken", CallerRule::Signed),
    Operation::not_built("GetFederationToken", CallerRule::Signed),
    Operation::signed("GetSessionToken", &GET_SESSION_TOKEN, session_token::run),
    Operation::not_built("GetWebIdentityToken", CallerRule::Signed),
];

static ASSUME_ROLE: Structure = Structure {
    name: "AssumeRoleRequest",
    members: &[
        required("RoleArn", &ARN),
        required("RoleSessionName", &SESSION_NAME),
        optional("PolicyArns", &POLICY_ARNS),
        optional("Policy", &UNRESTRICTED_POLICY),
        optional("DurationSeconds", &ROLE_DURATION),
        optional("Tags", &TAGS),
        optional("TransitiveTagKeys", &TAG_KEYS),
        optional("ExternalId", &EXTERNAL_ID),
        optional("SerialNumber", &SERIAL_NUMBER),
        optional("TokenCode", &TOKEN_CODE),
        optional("SourceIdentity", &SOURCE_IDENTITY),
        optional("ProvidedContexts", &PROVIDED_CONTEXTS),
        optional("MinimumSessionTokenSize", &MINIMUM_TOKEN_SIZE),
    ],
};

static ASSUME_ROLE_WITH_WEB_IDENTITY: Structure = Structure {
    name: "AssumeRoleWithWebIdentityRequest",
    members: &[
        required("RoleArn", &ARN),
        required("RoleSessionName", &SESSION_NAME),
        required("WebIdentityToken", &WEB_IDENTITY_TOKEN),
        optional("ProviderId", &URL),
        optional("PolicyArns", &POLICY_ARNS),
        optional("Policy", &POLICY),
        optional("DurationSeconds", &ROLE_DURATION),
        optional("MinimumSessionTokenSize", &MINIMUM_TOKEN_SIZE),
    ],
};

static GET_ACCESS_KEY_INFO: Structure =
    Structure { name: "GetAccessKeyInfoRequest", members: &[required("AccessKeyId", &ACCESS_KEY_ID)] };

static GET_CALLER_IDENTITY: Structure = Structure { name: "GetCallerIdentityRequest", members: &[] };

static GET_SESSION_TOKEN: Structure = Structure {
    name: "GetSessionTokenRequest",
    members: &[
        optional("DurationSeconds", &DURATION),
        optional("SerialNumber", &SERIAL_NUMBER),
        optional("TokenCode", &TOKEN_CODE),
        optional("MinimumSessionTokenSize", &MINIMUM_TOKEN_SIZE),
    ],
};

static TAG: Structure =
    Structure { name: "Tag", members: &[required("Key", &TAG_KEY), required("Value", &TAG_VALUE)] };

static POLICY_DESCRIPTOR: Structure =
    Structure { name: "PolicyDescriptorType", members: &[optional("arn", &ARN)] };

static PROVIDED_CONTEXT: Structure = Structure {
    name: "ProvidedContext",
    members: &[optional("ProviderArn", &ARN), optional("ContextAssertion", &CONTEXT_ASSERTION)],
};

static ACCESS_KEY_ID: Shape = Shape::String(StringShape::of(16, 128).matching(&WORD));
static ARN: Shape = Shape::String(StringShape::of(20, 2_048).matching(&XML_TEXT));
static CONTEXT_ASSERTION: Shape = Shape::String(StringShape::of(4, 2_048));
static DURATION: Shape = Shape::Integer(Bounds::of(900, 129_600));
static EXTERNAL_ID: Shape = Shape::String(StringShape::of(2, 1_224).matching(&EXTERNAL_ID_PATTERN));
static MINIMUM_TOKEN_SIZE: Shape = Shape::Integer(Bounds::of(0, 4_096));
static POLICY: Shape = Shape::String(StringShape::of(1, 2_048).matching(&POLICY_PATTERN));
/// AssumeRole measures a session policy itself, together with those that are managed.
static UNRESTRICTED_POLICY: Shape = Shape::String(StringShape {
    length: Bounds { min: Some(1), max: None },
    pattern: Some(&POLICY_PATTERN),
    ..StringShape::ANY
});
static POLICY_ARNS: Shape =
    Shape::List { member: &Shape::Structure(&POLICY_DESCRIPTOR), length: Bounds::NONE };
static PROVIDED_CONTEXTS: Shape =
    Shape::List { member: &Shape::Structure(&PROVIDED_CONTEXT), length: Bounds::of(1, 5) };
static ROLE_DURATION: Shape = Shape::Integer(Bounds::of(900, 43_200));
static SERIAL_NUMBER: Shape = Shape::String(StringShape::of(9, 256).matching(&SERIAL_NUMBER_PATTERN));
static SESSION_NAME: Shape = Shape::String(StringShape::of(2, 64).matching(&NAME));
static SOURCE_IDENTITY: Shape = Shape::String(StringShape::of(2, 64).matching(&NAME));
static TAG_KEY: Shape = Shape::String(StringShape::of(1, 128).matching(&TAG_KEY_PATTERN));
static TAG_KEYS: Shape = Shape::List { member: &TAG_KEY, length: AT_MOST_50 };
static TAG_VALUE: Shape = Shape::String(StringShape::of(0, 256).matching(&TAG_VALUE_PATTERN));
static TAGS: Shape = Shape::List { member: &Shape::Structure(&TAG), length: AT_MOST_50 };
static TOKEN_CODE: Shape = Shape::String(StringShape::of(6, 6).matching(&DIGITS));
static URL: Shape = Shape::String(StringShape::of(4, 2_048));
static WEB_IDENTITY_TOKEN: Shape = Shape::String(StringShape::of(4, 20_000).sensitive());

const AT_MOST_50: Bounds = Bounds { min: None, max: Some(50) };

static DIGITS: Pattern = Pattern::modelled(r"[\d]*", |text| text.bytes().all(|byte| byte.is_ascii_digit()));
static EXTERNAL_ID_PATTERN: Pattern = Pattern::modelled(r"[\w+=,.@:\/-]*", |text| word_or(text, "+=,.@:/-"));
static NAME: Pattern = Pattern::modelled(r"[\w+=,.@-]*", |text| word_or(text, "+=,.@-"));
static POLICY_PATTERN: Pattern = Pattern::modelled(r"[\u0009\u000A\u000D\u0020-\u00FF]+", |text| {
    !text.is_empty() && text.chars().all(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FF}'))
});
static SERIAL_NUMBER_PATTERN: Pattern = Pattern::modelled(r"[\w+=/:,.@-]*", |text| word_or(text, "+=/:,.@-"));
static TAG_KEY_PATTERN: Pattern = Pattern::modelled(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+", |text| {
    !text.is_empty() && text.chars().all(is_tag_character)
});
static TAG_VALUE_PATTERN: Pattern =
    Pattern::modelled(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", |text| text.chars().all(is_tag_character));
static WORD: Pattern = Pattern::modelled(r"[\w]*", |text| word_or(text, ""));
static XML_TEXT: Pattern = Pattern::modelled(
    r"[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+",
    |text| {
        let allowed = |c| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{A0}'..='\u{FFFD}' | '\u{10000}'..);
        !text.is_empty() && text.chars().all(allowed)
    },
);

fn word_or(text: &str, others: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || others.contains(c))
}

fn is_tag_character(c: char) -> bool {
    c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_in_order_and_found() {
        assert!(OPERATIONS.is_sorted_by_key(|operation| operation.name));
        assert!(Operation::find("AssumeRole").is_some() && Operation::find("assumeRole").is_none());
    }

    #[test]
    fn patterns_take_what_the_model_takes() {
        for (pattern, good, bad) in [
            (&NAME, "a_B1+=,.@-", "a b"),
            (&EXTERNAL_ID_PATTERN, "a:/b", "a#"),
            (&POLICY_PATTERN, "{\t\u{ff}}", "\u{100}"),
            (&TAG_KEY_PATTERN, "é ٣\u{a0}_.:/=+-@", ""),
            (&TAG_VALUE_PATTERN, "", "a\tb"),
            (&XML_TEXT, "arn:\u{10000}", "\u{7f}"),
            (&DIGITS, "012345", "01234a"),
            (&WORD, "AKIA_1", "a-"),
            (&SERIAL_NUMBER_PATTERN, "arn:aws:iam::1:mfa/u", "ü"),
        ] {
            assert!((pattern.matches)(good), "{good:?}");
            assert!(!(pattern.matches)(bad), "{bad:?}");
        }
    }
}
