//! Accounts and Regions, as settings and seeds write them.

use super::value::{Notation, Value};
use std::fmt;

/// The 12 digits that name an AWS account.
// AWS: "AWS account identifiers"
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(String);

impl AccountId {
    /// The account of requests that name none: `000000000000`.
    pub fn local() -> Self {
        Self("0".repeat(12))
    }

    /// The 12 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Value for AccountId {
    const NOTATION: Notation = Notation::Digits;

    fn expected() -> String {
        "an account of 12 digits in quotes, such as \"000000000000\"".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        (text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| Self(text.to_owned()))
    }

    fn to_text(&self) -> String {
        self.0.clone()
    }
}

/// The name of an AWS Region, such as `us-east-1`.
// AWS: "ReplicateKey", the pattern of ReplicaRegion
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(String);

impl Region {
    /// The Region of requests that name none: `us-east-1`.
    pub fn us_east_1() -> Self {
        Self("us-east-1".to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Value for Region {
    const NOTATION: Notation = Notation::Text;

    fn expected() -> String {
        "a Region such as us-east-1".to_owned()
    }

    /// `^([a-z]+-){2,3}\d+$`, at most 32 characters.
    fn parse(text: &str) -> Option<Self> {
        let (words, number) = text.rsplit_once('-')?;
        let matches = text.len() <= 32
            && (2..=3).contains(&words.split('-').count())
            && words
                .split('-')
                .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()))
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit());
        matches.then(|| Self(text.to_owned()))
    }

    fn to_text(&self) -> String {
        self.0.clone()
    }
}
