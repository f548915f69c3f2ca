//! Tags on keys.
//!
//! AWS: KMS developer guide, "Tags in AWS KMS".

use serde::{Deserialize, Serialize};

/// A key and a value that the user attached to a KMS key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// 1 to 128 characters, unique on its key, compared with case.
    pub tag_key: String,
    /// Up to 256 characters.
    pub tag_value: String,
}

/// Why a set of tags is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagError {
    /// A key occurs twice in one request.
    Duplicate,
    /// A character outside letters, digits, white space and `_.:/=+-@`.
    InvalidCharacter,
    /// A key begins with `aws:` in any case.
    Reserved,
}

/// Checks the tags of one request; lengths are the protocol's business.
///
/// # Errors
/// The first rule that the tags break.
pub fn check(tags: &[Tag]) -> Result<(), TagError> {
    for (at, tag) in tags.iter().enumerate() {
        check_key(&tag.tag_key)?;
        if !tag.tag_value.chars().all(is_allowed) {
            return Err(TagError::InvalidCharacter);
        }
        if tags.iter().take(at).any(|earlier| earlier.tag_key == tag.tag_key) {
            return Err(TagError::Duplicate);
        }
    }
    Ok(())
}

/// Checks one tag key.
///
/// # Errors
/// The first rule that the key breaks.
pub fn check_key(key: &str) -> Result<(), TagError> {
    if key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
        return Err(TagError::Reserved);
    }
    if !key.chars().all(is_allowed) {
        return Err(TagError::InvalidCharacter);
    }
    Ok(())
}

fn is_allowed(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c)
}

/// Adds tags in request order: a known key keeps its place and takes the new value, a new one goes last.
#[must_use]
pub fn merge(current: &[Tag], added: &[Tag]) -> Vec<Tag> {
    let mut merged = current.to_vec();
    for tag in added {
        match merged.iter_mut().find(|known| known.tag_key == tag.tag_key) {
            Some(known) => known.tag_value.clone_from(&tag.tag_value),
            None => merged.push(tag.clone()),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str, value: &str) -> Tag {
        Tag { tag_key: key.to_owned(), tag_value: value.to_owned() }
    }

    #[test]
    fn each_rule_has_its_error() {
        for (tags, expected) in [
            (vec![tag("a", ""), tag("A", "é 1_.:/=+-@")], Ok(())),
            (vec![tag("a", "1"), tag("a", "2")], Err(TagError::Duplicate)),
            (vec![tag("AwS:a", "")], Err(TagError::Reserved)),
            (vec![tag("a&", "")], Err(TagError::InvalidCharacter)),
            (vec![tag("a", "b&c")], Err(TagError::InvalidCharacter)),
        ] {
            assert_eq!(check(&tags), expected, "{tags:?}");
        }
    }

    #[test]
    fn an_overwritten_tag_keeps_its_place() {
        let merged = merge(&[tag("a", "1"), tag("b", "2")], &[tag("c", "3"), tag("a", "4")]);
        assert_eq!(merged, [tag("a", "4"), tag("b", "2"), tag("c", "3")]);
    }
}
