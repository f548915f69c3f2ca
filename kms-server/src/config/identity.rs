//! Accounts and Regions, as settings and seeds write them.

use lifecycle::ids::{AccountId, Region};

use super::value::{Notation, Value};

impl Value for AccountId {
    const NOTATION: Notation = Notation::Digits;

    fn expected() -> String {
        "an account of 12 digits in quotes, such as \"000000000000\"".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}

// AWS: "ReplicateKey", the pattern of ReplicaRegion
impl Value for Region {
    const NOTATION: Notation = Notation::Text;

    fn expected() -> String {
        "a Region such as us-east-1".to_owned()
    }

    /// `^([a-z]+-){2,3}\d+$`, at most 32 characters.
    fn parse(text: &str) -> Option<Self> {
        let (words, number) = text.rsplit_once('-')?;
        let matches = (2..=3).contains(&words.split('-').count())
            && words
                .split('-')
                .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()))
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit());
        matches.then(|| text.parse().ok()).flatten()
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}
