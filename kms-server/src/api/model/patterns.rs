//! The patterns of the model, each with a matcher that reads its text once.
//!
//! A pattern applies to the whole text, and `\w`, `\d` and `\s` are ASCII, as in Java's `Matcher.matches`.

use crate::api::shape::Pattern;

// AWS (observed): every key identifier is checked against this expression, which the public model lacks.
pub(super) static KEY_ID: Pattern =
    Pattern::of_the_service(r"^\p{ASCII}+$", |text| non_empty(text, is_ascii));

pub(super) static ACCOUNT_ID: Pattern =
    Pattern::modelled("[0-9]{12}", |text| text.len() == 12 && non_empty(text, is_digit));

pub(super) static ALIAS_NAME: Pattern =
    Pattern::modelled("^[a-zA-Z0-9:/_-]+$", |text| non_empty(text, is_name_byte));

pub(super) static BACKING_KEY_ID: Pattern = Pattern::modelled("^[a-f0-9]+$", |text| {
    non_empty(text, |byte| matches!(byte, b'a'..=b'f' | b'0'..=b'9'))
});

pub(super) static CLOUD_HSM_CLUSTER_ID: Pattern =
    Pattern::modelled("cluster-[2-7a-zA-Z]{11,16}", is_cloud_hsm_cluster_id);

pub(super) static GRANT_CONSTRAINT_SOURCE_ARN: Pattern =
    Pattern::modelled("^arn:aws[a-z0-9-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:.+$", is_source_arn);

pub(super) static GRANT_NAME: Pattern =
    Pattern::modelled("^[a-zA-Z0-9:/_-]+$", |text| non_empty(text, is_name_byte));

pub(super) static KEY_MATERIAL_DESCRIPTION: Pattern = Pattern::modelled(r"^[a-zA-Z0-9:/_\s.-]+$", |text| {
    non_empty(text, |byte| is_name_byte(byte) || byte == b'.' || is_space(byte))
});

pub(super) static MARKER: Pattern =
    Pattern::modelled(r"[\u0020-\u00FF]*", |text| text.chars().all(|c| matches!(c, '\u{20}'..='\u{FF}')));

pub(super) static POLICY: Pattern = Pattern::modelled(r"[\u0009\u000A\u000D\u0020-\u00FF]+", |text| {
    !text.is_empty() && text.chars().all(|c| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{FF}'))
});

pub(super) static POLICY_NAME: Pattern = Pattern::modelled(r"[\w]+", |text| non_empty(text, is_word));

pub(super) static PRINCIPAL_ID: Pattern = Pattern::modelled(r"^[\w+=,.@:/-]+$", |text| {
    non_empty(text, |byte| is_word(byte) || b"+=,.@:/-".contains(&byte))
});

pub(super) static REGION: Pattern = Pattern::modelled(r"^([a-z]+-){2,3}\d+$", is_region);

pub(super) static SERVICE_PRINCIPAL: Pattern =
    Pattern::modelled(r"^([A-Za-z0-9\-]+)\.([A-Za-z0-9\-]+)(\.[A-Za-z0-9\-]+)+$", is_service_principal);

pub(super) static XKS_KEY_ID: Pattern = Pattern::modelled("^[a-zA-Z0-9-_.]+$", |text| {
    non_empty(text, |byte| is_word(byte) || byte == b'-' || byte == b'.')
});

pub(super) static XKS_PROXY_AUTHENTICATION_ACCESS_KEY_ID: Pattern =
    Pattern::modelled("^[A-Z2-7]+$", |text| {
        non_empty(text, |byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'))
    });

pub(super) static XKS_PROXY_AUTHENTICATION_RAW_SECRET_ACCESS_KEY: Pattern =
    Pattern::modelled(r"^[a-zA-Z0-9\/+=]+$", |text| {
        non_empty(text, |byte| byte.is_ascii_alphanumeric() || b"/+=".contains(&byte))
    });

pub(super) static XKS_PROXY_URI_ENDPOINT: Pattern =
    Pattern::modelled("^https://[a-zA-Z0-9.-]+$", is_xks_proxy_uri_endpoint);

pub(super) static XKS_PROXY_URI_PATH: Pattern =
    Pattern::modelled(r"^(/[a-zA-Z0-9\/_-]+/kms/xks/v\d{1,2})$|^(/kms/xks/v\d{1,2})$", is_xks_proxy_uri_path);

pub(super) static XKS_PROXY_VPC_ENDPOINT_SERVICE_NAME: Pattern = Pattern::modelled(
    r"^(com|eu)\.amazonaws\.vpce\.([a-z]+-){2,3}\d+\.vpce-svc-[0-9a-z]+$",
    is_vpc_endpoint_service_name,
);

fn is_cloud_hsm_cluster_id(text: &str) -> bool {
    text.strip_prefix("cluster-").is_some_and(|id| {
        (11..=16).contains(&id.len())
            && non_empty(id, |byte| byte.is_ascii_alphabetic() || matches!(byte, b'2'..=b'7'))
    })
}

fn is_source_arn(text: &str) -> bool {
    let lower_case = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next().unwrap_or_default();
    next() == "arn"
        && next().strip_prefix("aws").is_some_and(|rest| rest.bytes().all(lower_case))
        && non_empty(next(), lower_case)
        && next().bytes().all(lower_case)
        && (ACCOUNT_ID.matches)(next())
        && is_one_line(next())
}

/// `.+`: in Java the full stop stands for anything but a line terminator.
fn is_one_line(text: &str) -> bool {
    !text.is_empty() && !text.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])
}

fn is_region(text: &str) -> bool {
    let mut parts = text.rsplit('-');
    let number = parts.next().unwrap_or_default();
    let mut words = 0;
    // `^(word-){2,3}number$`: every part before the last is a word.
    let all_words = parts.all(|word| {
        words += 1;
        non_empty(word, |byte| byte.is_ascii_lowercase())
    });
    all_words && (2..=3).contains(&words) && non_empty(number, is_digit)
}

fn is_service_principal(text: &str) -> bool {
    let mut labels = 0;
    let all_labels = text.split('.').all(|label| {
        labels += 1;
        non_empty(label, |byte| byte.is_ascii_alphanumeric() || byte == b'-')
    });
    all_labels && labels >= 3
}

fn is_xks_proxy_uri_endpoint(text: &str) -> bool {
    text.strip_prefix("https://").is_some_and(|host| {
        non_empty(host, |byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-')
    })
}

fn is_xks_proxy_uri_path(text: &str) -> bool {
    let Some((path, version)) = text.rsplit_once('v') else { return false };
    let Some(prefix) = path.strip_suffix("/kms/xks/") else { return false };
    let prefix_fits = prefix.is_empty()
        || prefix.strip_prefix('/').is_some_and(|rest| {
            non_empty(rest, |byte| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte))
        });
    prefix_fits && version.len() <= 2 && non_empty(version, is_digit)
}

fn is_vpc_endpoint_service_name(text: &str) -> bool {
    let mut parts = text.splitn(5, '.');
    let mut next = || parts.next().unwrap_or_default();
    matches!(next(), "com" | "eu")
        && next() == "amazonaws"
        && next() == "vpce"
        && is_region(next())
        && next()
            .strip_prefix("vpce-svc-")
            .is_some_and(|id| non_empty(id, |byte| byte.is_ascii_lowercase() || is_digit(byte)))
}

fn non_empty(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(allowed)
}

fn is_ascii(byte: u8) -> bool {
    byte.is_ascii()
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_name_byte(byte: u8) -> bool {
    is_word(byte) || matches!(byte, b':' | b'/' | b'-')
}

/// Java's `\s`.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0B | 0x0C | b'\r')
}

#[cfg(test)]
mod tests;
