//! Pages of list operations, and markers that nobody can alter.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use crate::api::error::{ErrorCode, KmsError};

const TAG_LENGTH: usize = 16;

/// Signs markers. It is stored, so that a marker outlives a restart.
pub struct MarkerKey(hmac::Key);

impl MarkerKey {
    /// A signer with the stored secret.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        MarkerKey(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// A marker for the page after `last`, of this listing only.
    pub(crate) fn issue(&self, listing: &[&str], last: &str) -> String {
        let mut bytes = self.tag(listing, last).as_ref().get(..TAG_LENGTH).unwrap_or_default().to_vec();
        bytes.extend_from_slice(last.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The last item before the page that a marker names.
    ///
    /// # Errors
    /// `InvalidMarkerException` for a marker that was altered, or belongs to another listing.
    pub(crate) fn read(&self, listing: &[&str], marker: &str) -> Result<String, KmsError> {
        let invalid = || KmsError::bare(ErrorCode::InvalidMarkerException);
        let bytes = URL_SAFE_NO_PAD.decode(marker).map_err(|_| invalid())?;
        let (tag, last) = bytes.split_at_checked(TAG_LENGTH).ok_or_else(invalid)?;
        let last = std::str::from_utf8(last).map_err(|_| invalid())?;
        let expected = self.tag(listing, last);
        let genuine = expected.as_ref().get(..TAG_LENGTH) == Some(tag);
        if genuine { Ok(last.to_owned()) } else { Err(invalid()) }
    }

    /// Every part is length-prefixed: two listings never sign the same bytes.
    fn tag(&self, listing: &[&str], last: &str) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        for part in listing.iter().chain([&last]) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        context.sign()
    }
}

/// One page of a listing: its size, where it starts, and the marker of the next.
pub(super) struct Pager<'a> {
    key: &'a MarkerKey,
    /// Operation, scope and filters: what a marker is bound to.
    listing: Vec<&'a str>,
    limit: usize,
    after: Option<String>,
}

/// The bounds of `Limit` for one operation, as AWS documents them.
pub(super) struct Bounds {
    /// Without a `Limit` in the request.
    pub(super) default: usize,
    /// The largest that is accepted.
    pub(super) max: usize,
}

impl<'a> Pager<'a> {
    /// Reads the `Limit` and `Marker` of a request.
    ///
    /// # Errors
    /// `ValidationException` above the operation's maximum, `InvalidMarkerException` for a marker that was
    /// altered or belongs to another listing.
    pub(super) fn new(
        key: &'a MarkerKey,
        listing: Vec<&'a str>,
        bounds: &Bounds,
        limit: Option<u32>,
        marker: Option<&str>,
    ) -> Result<Self, KmsError> {
        let limit = limit.map_or(bounds.default, |limit| limit as usize);
        if limit > bounds.max {
            // The model allows 1,000 everywhere; this is the same sentence with the operation's own bound.
            return Err(KmsError::validation(format!(
                "1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: Member \
                 must have value less than or equal to {}",
                bounds.max
            )));
        }
        let after = marker.map(|marker| key.read(&listing, marker)).transpose()?;
        Ok(Pager { key, listing, limit, after })
    }

    /// The last item of the page before, in a form that parses.
    ///
    /// # Errors
    /// `InvalidMarkerException`, should the item not parse.
    pub(super) fn after<T: std::str::FromStr>(&self) -> Result<Option<T>, KmsError> {
        let parsed = self.after.as_deref().map(str::parse).transpose();
        parsed.map_err(|_| KmsError::bare(ErrorCode::InvalidMarkerException))
    }

    /// Takes one page from `items`, which start after [`Pager::after`].
    pub(super) fn take<T>(
        &self,
        mut items: impl Iterator<Item = T>,
        name: impl Fn(&T) -> String,
    ) -> (Vec<T>, Option<String>) {
        let page: Vec<T> = items.by_ref().take(self.limit).collect();
        let more = items.next().is_some();
        let next = page.last().filter(|_| more).map(|last| self.key.issue(&self.listing, &name(last)));
        (page, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOUNDS: Bounds = Bounds { default: 3, max: 5 };

    fn pager<'a>(
        key: &'a MarkerKey,
        listing: &[&'a str],
        marker: Option<&str>,
    ) -> Result<Pager<'a>, KmsError> {
        Pager::new(key, listing.to_vec(), &BOUNDS, None, marker)
    }

    #[test]
    fn pages_follow_one_another_until_the_end() {
        let key = MarkerKey::new(b"secret");
        let (mut seen, mut marker, mut pages) = (vec![], None::<String>, 0);
        loop {
            let pager = pager(&key, &["List", "scope"], marker.as_deref()).unwrap();
            let start = pager.after::<u32>().unwrap().map_or(0, |last| last + 1);
            let (page, next) = pager.take(start..9, u32::to_string);
            seen.extend(page);
            pages += 1;
            marker = next;
            if marker.is_none() {
                break;
            }
        }
        assert_eq!((seen, pages), ((0..9).collect::<Vec<_>>(), 3), "no empty page at the end");
    }

    #[test]
    fn a_marker_serves_its_own_listing_and_key_only() {
        let key = MarkerKey::new(b"secret");
        let marker = key.issue(&["List", "a"], "item");
        assert!(pager(&key, &["List", "a"], Some(&marker)).is_ok());
        let code = |result: Result<Pager<'_>, KmsError>| result.err().map(|error| error.code);
        for listing in [&["List", "b"][..], &["Other", "a"], &["List"], &["Lista", ""]] {
            assert_eq!(code(pager(&key, listing, Some(&marker))), Some(ErrorCode::InvalidMarkerException));
        }
        let other = MarkerKey::new(b"other");
        assert_eq!(
            code(pager(&other, &["List", "a"], Some(&marker))),
            Some(ErrorCode::InvalidMarkerException)
        );
    }

    #[test]
    fn a_limit_above_the_maximum_is_refused() {
        let key = MarkerKey::new(b"secret");
        let error = Pager::new(&key, vec![], &BOUNDS, Some(6), None).err().unwrap();
        assert_eq!(
            error.message.as_deref(),
            Some(
                "1 validation error detected: Value '6' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 5"
            )
        );
    }

    proptest! {
        #[test]
        fn arbitrary_markers_are_refused(marker in "[ -ÿ]{0,80}") {
            let key = MarkerKey::new(b"secret");
            prop_assert!(pager(&key, &["List"], Some(&marker)).is_err());
        }
    }
}
