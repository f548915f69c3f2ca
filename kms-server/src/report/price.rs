//! AWS's price list for KMS, as data.
//!
//! AWS: "AWS Key Management Service pricing". Prices are those of the commercial Regions, in US dollars; taxes, China and
//! custom key stores have others.

use lifecycle::key::KeySpec;

use crate::operations::registry::Entry;

/// The month of the last change that this list has: since then third and further rotations cost nothing. Whether AWS has
/// changed a price after that is not checked.
pub const PRICES_OF: &str = "2024-05";

/// A customer managed key for a month, and again for each of the first [`PRICED_ROTATIONS`] rotations.
pub const KEY_MONTH_USD: f64 = 1.0;

/// Rotations of a key that raise its price; further ones are free.
pub const PRICED_ROTATIONS: usize = 2;

/// Requests in a month that cost an account nothing, in all Regions together.
pub const FREE_REQUESTS: u64 = 20_000;

/// What a request costs depends on its key, and on what it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PriceClass {
    /// Requests about symmetric and HMAC keys, or about no key.
    Symmetric,
    /// Cryptography with RSA keys of 2048 bits.
    Rsa2048,
    /// Cryptography with other asymmetric keys.
    Asymmetric,
    /// Data key pairs on elliptic curves.
    EccKeyPair,
    /// RSA data key pairs.
    RsaKeyPair,
}

/// A row of the price list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PriceRow {
    /// The class.
    pub class: PriceClass,
    /// Its name in reports.
    pub name: &'static str,
    /// What 10,000 requests cost.
    pub usd_per_10_000: f64,
    /// Whether [`FREE_REQUESTS`] cover it.
    pub in_free_tier: bool,
}

impl PriceClass {
    /// The price list.
    pub const ALL: [PriceRow; 5] = [
        PriceRow {
            class: PriceClass::Symmetric,
            name: "symmetric",
            usd_per_10_000: 0.03,
            in_free_tier: true,
        },
        PriceRow { class: PriceClass::Rsa2048, name: "RSA_2048", usd_per_10_000: 0.03, in_free_tier: false },
        PriceRow {
            class: PriceClass::Asymmetric,
            name: "asymmetric",
            usd_per_10_000: 0.15,
            in_free_tier: false,
        },
        PriceRow {
            class: PriceClass::EccKeyPair,
            name: "ECC key pair",
            usd_per_10_000: 0.10,
            in_free_tier: false,
        },
        PriceRow {
            class: PriceClass::RsaKeyPair,
            name: "RSA key pair",
            usd_per_10_000: 12.0,
            in_free_tier: false,
        },
    ];
}

/// Operations that cost more on an asymmetric key.
const CRYPTOGRAPHIC: [&str; 9] = [
    "Decapsulate",
    "Decrypt",
    "DeriveSharedSecret",
    "Encapsulate",
    "Encrypt",
    "GetPublicKey",
    "ReEncrypt",
    "Sign",
    "Verify",
];

/// The price class of a request: by the spec of the data key pair that it makes, or else of the dearest of its keys.
#[must_use]
pub fn price_class<'a>(
    operation: &Entry,
    pair: impl FnOnce() -> Option<&'a str>,
    keys: impl Iterator<Item = KeySpec>,
) -> PriceClass {
    let name = operation.name();
    if name.starts_with("GenerateDataKeyPair") {
        let rsa = pair().is_some_and(|spec| spec.starts_with("RSA_"));
        return if rsa { PriceClass::RsaKeyPair } else { PriceClass::EccKeyPair };
    }
    if !CRYPTOGRAPHIC.contains(&name) {
        return PriceClass::Symmetric;
    }
    let of_key = |spec: KeySpec| match (spec, spec.family()) {
        (KeySpec::Rsa2048, _) => PriceClass::Rsa2048,
        (_, "ASYMMETRIC") => PriceClass::Asymmetric,
        _ => PriceClass::Symmetric,
    };
    keys.map(of_key).max().unwrap_or(PriceClass::Symmetric)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::registry;

    fn class(name: &str, pair: Option<&str>, keys: &[KeySpec]) -> PriceClass {
        price_class(registry::find(name).unwrap(), || pair, keys.iter().copied())
    }

    #[test]
    fn the_class_follows_from_the_key_and_from_what_is_made() {
        let (symmetric, rsa) = (KeySpec::SymmetricDefault, KeySpec::Rsa2048);
        assert_eq!(class("Decrypt", None, &[symmetric]), PriceClass::Symmetric);
        assert_eq!(class("GenerateRandom", None, &[]), PriceClass::Symmetric);
        assert_eq!(class("GenerateMac", None, &[KeySpec::Hmac256]), PriceClass::Symmetric);
        assert_eq!(class("Sign", None, &[rsa]), PriceClass::Rsa2048);
        assert_eq!(class("ReEncrypt", None, &[symmetric, rsa]), PriceClass::Rsa2048);
        assert_eq!(class("GetPublicKey", None, &[KeySpec::Rsa3072]), PriceClass::Asymmetric);
        assert_eq!(class("Verify", None, &[KeySpec::MlDsa65]), PriceClass::Asymmetric);
        assert_eq!(class("DescribeKey", None, &[KeySpec::Rsa3072]), PriceClass::Symmetric);
        assert_eq!(class("GenerateDataKeyPair", Some("RSA_4096"), &[symmetric]), PriceClass::RsaKeyPair);
        let name = "GenerateDataKeyPairWithoutPlaintext";
        assert_eq!(class(name, Some("ECC_NIST_P256"), &[symmetric]), PriceClass::EccKeyPair);
    }

    #[test]
    fn every_class_has_its_row() {
        for (at, row) in PriceClass::ALL.into_iter().enumerate() {
            assert_eq!(row.class as usize, at);
        }
    }
}
