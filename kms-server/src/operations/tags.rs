//! TagResource, UntagResource and ListResourceTags.

use lifecycle::key::Key;
use lifecycle::state::Change;
use lifecycle::tag::{self, Tag, TagError};
use serde::{Deserialize, Serialize};

use super::keys::put;
use super::page::{Bounds, Pager};
use super::{Authorized, Command, Operation, Query};
use crate::api::error::{ErrorCode, KmsError};
use crate::limits::Limits;

/// The tags of a request against the rules that are not lengths.
///
/// # Errors
/// `TagException` for the first rule that is broken.
pub(super) fn check_tags(tags: &[Tag]) -> Result<(), KmsError> {
    tag::check(tags).map_err(KmsError::from)
}

impl From<TagError> for KmsError {
    fn from(error: TagError) -> Self {
        let message = match error {
            TagError::Duplicate => "Duplicate tag keys",
            TagError::InvalidCharacter => "Invalid tag",
            TagError::Reserved => "Tags beginning with aws: are reserved",
        };
        KmsError::new(ErrorCode::TagException, message)
    }
}

/// AWS: KMS API reference, "TagResource".
pub(super) struct TagResource;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagResourceRequest {
    tags: Vec<Tag>,
}

impl Operation for TagResource {
    const NAME: &'static str = "TagResource";
    type Input = TagResourceRequest;
    type Output = ();

    fn parameters(input: &Self::Input, _: &Limits) -> Result<(), KmsError> {
        check_tags(&input.tags)
    }
}

impl Command for TagResource {
    fn decide(authorized: &Authorized<'_>, input: &Self::Input) -> Result<((), Vec<Change>), KmsError> {
        let key = authorized.key()?;
        let tags = tag::merge(&key.tags, &input.tags);
        let quota = authorized.environment.limits.tags_per_key_max;
        if tags.len() > quota {
            return Err(KmsError::new(
                ErrorCode::LimitExceededException,
                format!("Tags per key quota is {quota}, requested usage is {}.", tags.len()),
            ));
        }
        Ok(((), put(Key { tags, ..Key::clone(key) })))
    }
}

/// AWS: KMS API reference, "UntagResource".
pub(super) struct UntagResource;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UntagResourceRequest {
    tag_keys: Vec<String>,
}

impl Operation for UntagResource {
    const NAME: &'static str = "UntagResource";
    type Input = UntagResourceRequest;
    type Output = ();

    fn parameters(input: &Self::Input, _: &Limits) -> Result<(), KmsError> {
        input.tag_keys.iter().try_for_each(|key| tag::check_key(key)).map_err(KmsError::from)
    }
}

impl Command for UntagResource {
    fn decide(authorized: &Authorized<'_>, input: &Self::Input) -> Result<((), Vec<Change>), KmsError> {
        let key = authorized.key()?;
        let kept = key.tags.iter().filter(|tag| !input.tag_keys.contains(&tag.tag_key));
        let tags = kept.cloned().collect();
        Ok(((), put(Key { tags, ..Key::clone(key) })))
    }
}

/// AWS: KMS API reference, "ListResourceTags".
pub(super) struct ListResourceTags;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListResourceTagsRequest {
    limit: Option<u32>,
    marker: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListResourceTagsResponse {
    tags: Vec<Tag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
    truncated: bool,
}

impl Operation for ListResourceTags {
    const NAME: &'static str = "ListResourceTags";
    type Input = ListResourceTagsRequest;
    type Output = ListResourceTagsResponse;
}

impl Query for ListResourceTags {
    fn run(authorized: &Authorized<'_>, input: &Self::Input) -> Result<Self::Output, KmsError> {
        let key = authorized.key()?;
        let arn = key.arn.to_string();
        let pager = Pager::new(
            authorized.environment.marker_key,
            vec![Self::NAME, &arn],
            &Bounds { default: 50, max: 50 },
            input.limit,
            input.marker.as_deref(),
        )?;
        // Tags have an order of their own; a page goes on behind the tag that ended the last one, or from the
        // start if that tag is gone by now.
        let last = pager.after::<String>()?;
        let at = last.and_then(|last| key.tags.iter().position(|tag| tag.tag_key == last));
        let rest = key.tags.iter().skip(at.map_or(0, |at| at + 1));
        let (tags, next_marker) = pager.take(rest.cloned(), |tag| tag.tag_key.clone());
        Ok(ListResourceTagsResponse { tags, truncated: next_marker.is_some(), next_marker })
    }
}
