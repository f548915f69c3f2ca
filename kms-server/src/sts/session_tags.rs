//! The tags of a session: those that are passed, and those that it inherits.
//!
//! AWS: IAM User Guide, "Pass session tags in AWS STS".

use lifecycle::tag::Tag;

use super::error::{Code, StsError};

/// Tags that a session may have, the inherited ones included.
const TAGS_MAX: usize = 50;

/// The tags of a session.
#[derive(Debug, PartialEq)]
pub(super) struct SessionTags {
    /// All of them.
    pub(super) all: Vec<Tag>,
    /// The keys of those that pass on.
    pub(super) transitive_keys: Vec<String>,
}

/// Puts together the tags of a request and those that the caller's session passes on.
///
/// AWS (observed): the texts of all but the reserved prefix and the number.
pub(super) fn combine(
    requested: Vec<Tag>,
    transitive: Vec<String>,
    inherited: &[Tag],
) -> Result<SessionTags, StsError> {
    let invalid = |message: &'static str| Err(StsError::new(Code::InvalidParameterValue, message));
    let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
    for (at, tag) in requested.iter().enumerate() {
        if tag.tag_key.to_lowercase().starts_with("aws:") {
            return invalid("Tag keys that begin with aws: are reserved.");
        }
        if requested.iter().take(at).any(|earlier| same(&earlier.tag_key, &tag.tag_key)) {
            return invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.");
        }
        if inherited.iter().any(|inherited| same(&inherited.tag_key, &tag.tag_key)) {
            return invalid(
                "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key \
                 from the calling session.",
            );
        }
    }
    let mut transitive_keys: Vec<String> = inherited.iter().map(|tag| tag.tag_key.clone()).collect();
    for key in transitive {
        let Some(tag) = requested.iter().find(|tag| same(&tag.tag_key, &key)) else {
            return invalid("The specified transitive tag key must be included in the requested tags.");
        };
        if !transitive_keys.contains(&tag.tag_key) {
            transitive_keys.push(tag.tag_key.clone());
        }
    }
    let all: Vec<Tag> = inherited.iter().cloned().chain(requested).collect();
    if all.len() > TAGS_MAX {
        return invalid("A session has at most 50 tags, those that it inherits included.");
    }
    Ok(SessionTags { all, transitive_keys })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str) -> Tag {
        Tag { tag_key: key.to_owned(), tag_value: "v".to_owned() }
    }

    #[test]
    fn tags_are_inherited_and_passed_on() {
        let tags = combine(vec![tag("b"), tag("C")], vec!["c".to_owned()], &[tag("a")]).unwrap();
        assert_eq!(tags.all, [tag("a"), tag("b"), tag("C")]);
        assert_eq!(tags.transitive_keys, ["a", "C"]);
    }

    #[test]
    fn contradictions_are_refused() {
        for (requested, transitive, inherited, part) in [
            (vec![tag("a"), tag("A")], vec![], vec![], "Duplicate tag keys"),
            (vec![tag("AWS:x")], vec![], vec![], "reserved"),
            (vec![tag("a")], vec!["b".to_owned()], vec![], "must be included"),
            (vec![tag("A")], vec![], vec![tag("a")], "conflicts"),
            ((0..50).map(|at| tag(&at.to_string())).collect(), vec![], vec![tag("a")], "at most 50"),
        ] {
            let error = combine(requested, transitive, &inherited).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
