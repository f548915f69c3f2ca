//! Identifiers of the KMS API: parsed once, compared cheaply, printed exactly.
//!
//! AWS: KMS developer guide, "Key identifiers (KeyId)".

use std::fmt;
use std::str::FromStr;

use arrayvec::ArrayString;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that is not an identifier of the wanted kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseIdError(&'static str);

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not {}", self.0)
    }
}

impl std::error::Error for ParseIdError {}

/// Serialises a type through its text, which a method of it gives, and `FromStr`.
// Responses are full of them, and the formatting machinery costs several times what copying a text does.
macro_rules! as_text {
    ($($type:ty: $text:ident),+ $(,)?) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.$text().as_ref())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )+};
}

as_text!(
    AccountId: as_str,
    Region: as_str,
    KeyId: as_str,
    MaterialId: text,
    GrantId: text,
    Uuid: as_str,
    AliasName: as_str,
    KeyArn: text,
    AliasArn: to_string,
    StoreId: to_string,
    StoreName: to_string,
);

/// A 12-digit AWS account id, or [`AccountId::aws`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(ArrayString<12>);

impl AccountId {
    /// `000000000000`, the account of whoever names none.
    #[must_use]
    pub fn zero() -> AccountId {
        AccountId(ArrayString::from("000000000000").unwrap_or_default())
    }

    /// `aws`, the account of AWS itself: services act in it, and the keys that AWS owns live in it. No credential and
    /// no setting can name it, because it is no account id that [`FromStr`] reads.
    // AWS: ARNs of what AWS itself owns, such as managed policies, name it so.
    #[must_use]
    pub fn aws() -> AccountId {
        AccountId(ArrayString::from("aws").unwrap_or_default())
    }

    /// Whether this is the account of AWS itself.
    #[must_use]
    pub fn is_aws(&self) -> bool {
        self.as_str() == "aws"
    }

    /// The account in an ARN, where that of AWS may stand, too.
    fn in_arn(text: &str) -> Result<AccountId, ParseIdError> {
        if text == AccountId::aws().as_str() { Ok(AccountId::aws()) } else { text.parse() }
    }

    /// The twelve digits, or `aws`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for AccountId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let digits = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
        let wrong = ParseIdError("a 12-digit account id");
        if digits { ArrayString::from(text).map(AccountId).map_err(|_| wrong) } else { Err(wrong) }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An AWS Region name such as `us-east-1`: 1 to 32 lower-case letters, digits and dashes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(ArrayString<32>);

impl Region {
    /// `us-east-1`, the Region of whoever names none.
    #[must_use]
    pub fn us_east_1() -> Region {
        Region(ArrayString::from("us-east-1").unwrap_or_default())
    }

    /// The Region's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The partition that the Region belongs to, the second field of every ARN.
    ///
    /// AWS: General Reference, "Amazon Resource Names (ARNs)".
    #[must_use]
    pub fn partition(&self) -> &'static str {
        match self.as_str().as_bytes() {
            [b'c', b'n', b'-', ..] => "aws-cn",
            [b'u', b's', b'-', b'g', b'o', b'v', b'-', ..] => "aws-us-gov",
            [b'u', b's', b'-', b'i', b's', b'o', b'b', b'-', ..] => "aws-iso-b",
            [b'u', b's', b'-', b'i', b's', b'o', b'-', ..] => "aws-iso",
            _ => "aws",
        }
    }
}

impl FromStr for Region {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let plausible = !text.is_empty()
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let wrong = ParseIdError("a Region name");
        if plausible { ArrayString::from(text).map(Region).map_err(|_| wrong) } else { Err(wrong) }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a resource lives: one account in one Region. The partition follows from the Region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// The account that owns the resource.
    pub account: AccountId,
    /// The Region that holds it.
    pub region: Region,
}

impl Scope {
    /// `arn:{partition}:kms:{region}:{account}:{resource}`, for a resource that need not exist.
    #[must_use]
    pub fn arn_of(&self, resource: &str) -> String {
        format!("arn:{}:kms:{}:{}:{resource}", self.region.partition(), self.region, self.account)
    }
}

/// A key id: a UUID, or `mrk-` and 32 hexadecimal digits for a multi-Region key; 36 characters both.
///
/// Upper-case digits are well formed but name no key, because ids are compared byte by byte.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(ArrayString<36>);

impl KeyId {
    /// Sorts before every key id; names no key.
    pub const FIRST: KeyId = KeyId(ArrayString::new_const());

    /// The id of a single-Region key made from random bytes, a version 4 UUID.
    #[must_use]
    pub fn single_region(random: [u8; 16]) -> Self {
        KeyId(Uuid::v4(random).0)
    }

    /// The id of a multi-Region key made from random bytes.
    #[must_use]
    pub fn multi_region(random: [u8; 16]) -> Self {
        let text = format!("mrk-{}", hex(&random));
        // It has 36 characters, so it fits.
        KeyId(ArrayString::from(&text).unwrap_or_default())
    }

    /// Whether the id is that of a multi-Region key.
    #[must_use]
    pub fn is_multi_region(&self) -> bool {
        self.as_str().starts_with("mrk-")
    }

    /// The 36 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for KeyId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let well_formed = match text.strip_prefix("mrk-") {
            Some(digits) => digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()),
            None => is_uuid(text),
        };
        let wrong = ParseIdError("a key id");
        if well_formed { ArrayString::from(text).map(KeyId).map_err(|_| wrong) } else { Err(wrong) }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One key in one account and Region; prints as the key ARN.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyArn {
    /// The owning account and Region.
    pub scope: Scope,
    /// The key id.
    pub id: KeyId,
}

impl KeyArn {
    /// Sorts before every key ARN; names no key.
    pub const FIRST: KeyArn = KeyArn {
        scope: Scope {
            account: AccountId(ArrayString::new_const()),
            region: Region(ArrayString::new_const()),
        },
        id: KeyId::FIRST,
    };
}

impl KeyArn {
    /// The text without an allocation: every response, every audit record and every judgement needs one.
    #[must_use]
    pub fn text(&self) -> ArrayString<128> {
        let Scope { account, region } = &self.scope;
        let mut arn = ArrayString::<128>::new();
        // The parts have 106 characters at most.
        let mut push = |part: &str| arn.try_push_str(part).unwrap_or_default();
        push("arn:");
        push(region.partition());
        push(":kms:");
        push(region.as_str());
        push(":");
        push(account.as_str());
        push(":key/");
        push(self.id.as_str());
        arn
    }
}

impl fmt::Display for KeyArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl FromStr for KeyArn {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        match KeyReference::parse(text) {
            Ok(KeyReference::Arn(arn)) => Ok(arn),
            _ => Err(ParseIdError("a key ARN")),
        }
    }
}

/// The longest alias name, `alias/` included.
pub const ALIAS_NAME_LENGTH_MAX: usize = 256;

/// An alias name with its `alias/` prefix, at most 256 characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AliasName(std::sync::Arc<str>);

impl AliasName {
    /// Sorts before every alias name; names no alias.
    #[must_use]
    pub fn first() -> Self {
        AliasName("".into())
    }

    /// The name, `alias/` included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name is in the range that AWS keeps for its own services.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        self.0.starts_with("alias/aws/")
    }
}

impl FromStr for AliasName {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let fits = text.starts_with("alias/") && text.len() <= ALIAS_NAME_LENGTH_MAX;
        fits.then(|| AliasName(text.into())).ok_or(ParseIdError("an alias name"))
    }
}

impl fmt::Display for AliasName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One alias in one account and Region; prints as the alias ARN.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AliasArn {
    /// The owning account and Region.
    pub scope: Scope,
    /// The alias name.
    pub name: AliasName,
}

impl fmt::Display for AliasArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scope { account, region } = &self.scope;
        write!(f, "arn:{}:kms:{region}:{account}:{}", region.partition(), self.name)
    }
}

impl FromStr for AliasArn {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        match KeyReference::parse(text) {
            Ok(KeyReference::AliasArn(arn)) => Ok(arn),
            _ => Err(ParseIdError("an alias ARN")),
        }
    }
}

/// Identifies key material: 64 lower-case hexadecimal digits on the wire, derived from key id and bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MaterialId(pub [u8; 32]);

impl MaterialId {
    /// The 64 digits.
    #[must_use]
    pub fn text(&self) -> ArrayString<64> {
        digits(&self.0)
    }
}

impl FromStr for MaterialId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        from_hex(text).map(MaterialId).ok_or(ParseIdError("64 hexadecimal digits"))
    }
}

impl fmt::Display for MaterialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// Identifies a grant on its key: 64 lower-case hexadecimal digits on the wire, drawn at random.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrantId(pub [u8; 32]);

impl GrantId {
    /// Sorts before every other grant id.
    pub const FIRST: GrantId = GrantId([0; 32]);

    /// The 64 digits.
    #[must_use]
    pub fn text(&self) -> ArrayString<64> {
        digits(&self.0)
    }
}

impl FromStr for GrantId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        // Upper-case digits are refused, because an id has one spelling.
        let lower_case = !text.bytes().any(|b| b.is_ascii_uppercase());
        let bytes = lower_case.then(|| from_hex(text)).flatten();
        bytes.map(GrantId).ok_or(ParseIdError("64 lower-case hexadecimal digits"))
    }
}

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// Names a custom key store: `cks-` and 17 lower-case hexadecimal digits on the wire, drawn at random.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreId(u128);

impl StoreId {
    /// Sorts before every other id.
    pub const FIRST: StoreId = StoreId(0);
    const DIGITS: usize = 17;

    /// The id of random bytes, of which it takes as many as it has room for.
    #[must_use]
    pub fn new(random: [u8; 16]) -> Self {
        StoreId(u128::from_be_bytes(random) >> (128 - 4 * Self::DIGITS))
    }
}

impl FromStr for StoreId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let digits = text.strip_prefix("cks-").filter(|digits| digits.len() == Self::DIGITS);
        // An id has one spelling, and a sign is no digit.
        let digits = digits.filter(|digits| digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
        let number = digits.and_then(|digits| u128::from_str_radix(digits, 16).ok());
        number.map(StoreId).ok_or(ParseIdError("cks- and 17 lower-case hexadecimal digits"))
    }
}

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cks-{:017x}", self.0)
    }
}

/// A custom key store of an account and Region. AWS documents no ARN of one, so this name stays inside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreName {
    /// Its account and Region.
    pub scope: Scope,
    /// Its id there.
    pub id: StoreId,
}

impl FromStr for StoreName {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let wrong = ParseIdError("account/Region/id of a custom key store");
        let mut parts = text.splitn(3, '/');
        let (Some(account), Some(region), Some(id)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong);
        };
        let scope = Scope { account: account.parse()?, region: region.parse()? };
        Ok(StoreName { scope, id: id.parse()? })
    }
}

impl fmt::Display for StoreName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.scope.account, self.scope.region, self.id)
    }
}

/// What a request's key identifier says, before anything is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyReference {
    /// A bare key id.
    Id(KeyId),
    /// A key ARN.
    Arn(KeyArn),
    /// An alias name.
    Alias(AliasName),
    /// An alias ARN.
    AliasArn(AliasArn),
}

/// Why a text is no key identifier; each case has its own error on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyReferenceError {
    /// Neither an ARN nor an alias, and not the form of a key id.
    MalformedId,
    /// A KMS key ARN whose last part is not the form of a key id.
    MalformedIdInArn,
    /// Starts like an ARN but is none that names a KMS key or alias.
    MalformedArn,
}

impl KeyReference {
    /// Reads any of the four forms.
    ///
    /// # Errors
    /// Says which part of the text is malformed.
    pub fn parse(text: &str) -> Result<Self, KeyReferenceError> {
        if text.starts_with("arn:") {
            return Self::parse_arn(text);
        }
        if text.starts_with("alias/") {
            // A longer name cannot exist; like any other unknown name it must lead to "not found".
            return text.parse().map(KeyReference::Alias).map_err(|_| KeyReferenceError::MalformedId);
        }
        text.parse().map(KeyReference::Id).map_err(|_| KeyReferenceError::MalformedId)
    }

    fn parse_arn(text: &str) -> Result<Self, KeyReferenceError> {
        let malformed = KeyReferenceError::MalformedArn;
        let mut parts = text.splitn(6, ':').skip(1);
        let mut part = || parts.next().ok_or(malformed);
        let (partition, service, region, account) = (part()?, part()?, part()?, part()?);
        let resource = part()?;
        let region: Region = region.parse().map_err(|_| malformed)?;
        let account = AccountId::in_arn(account).map_err(|_| malformed)?;
        if service != "kms" || partition != region.partition() {
            return Err(malformed);
        }
        let scope = Scope { account, region };
        if let Some(id) = resource.strip_prefix("key/") {
            let id = id.parse().map_err(|_| KeyReferenceError::MalformedIdInArn)?;
            return Ok(KeyReference::Arn(KeyArn { scope, id }));
        }
        let name = resource.parse().map_err(|_| malformed)?;
        Ok(KeyReference::AliasArn(AliasArn { scope, name }))
    }

    /// Whether the reference goes through an alias.
    #[must_use]
    pub fn is_alias(&self) -> bool {
        matches!(self, KeyReference::Alias(_) | KeyReference::AliasArn(_))
    }
}

/// Lower-case hexadecimal digits of `bytes`.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let digits: Vec<[u8; 2]> = bytes.iter().map(|byte| hex_digits(*byte)).collect();
    // Digits are text.
    String::from_utf8(digits.into_flattened()).unwrap_or_default()
}

fn hex_digits(byte: u8) -> [u8; 2] {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    [digit(byte >> 4), digit(byte & 0x0f)]
}

/// The same of a digest or an id without an allocation: they are part of nearly every request and answer.
#[must_use]
pub fn digits(bytes: &[u8; 32]) -> ArrayString<64> {
    let mut text = [0; 64];
    for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [byte >> 4, byte & 0x0f];
    }
    // Without a branch the compiler takes many digits at a time.
    text = text.map(|nibble| nibble + b'0' + u8::from(nibble > 9) * (b'a' - b'0' - 10));
    // Digits are text.
    ArrayString::from_byte_string(&text).unwrap_or_default()
}

/// The bytes that exactly 64 hexadecimal digits stand for.
fn from_hex(text: &str) -> Option<[u8; 32]> {
    // The number parser alone would take a sign for a digit.
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// A UUID in its usual spelling: names a request or an event.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(ArrayString<36>);

impl Uuid {
    /// A version 4 UUID (RFC 9562) made from random bytes.
    #[must_use]
    pub fn v4(mut random: [u8; 16]) -> Self {
        random[6] = (random[6] & 0x0f) | 0x40;
        random[8] = (random[8] & 0x3f) | 0x80;
        let mut digits = [0; 32];
        for (pair, byte) in digits.as_chunks_mut().0.iter_mut().zip(random) {
            *pair = hex_digits(byte);
        }
        let mut spelled = [b'-'; 36];
        spelled[..8].copy_from_slice(&digits[..8]);
        spelled[9..13].copy_from_slice(&digits[8..12]);
        spelled[14..18].copy_from_slice(&digits[12..16]);
        spelled[19..23].copy_from_slice(&digits[16..20]);
        spelled[24..].copy_from_slice(&digits[20..]);
        Uuid(ArrayString::from_byte_string(&spelled).unwrap_or_default())
    }

    /// The 36 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Uuid {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let wrong = ParseIdError("a UUID");
        if is_uuid(text) { ArrayString::from(text).map(Uuid).map_err(|_| wrong) } else { Err(wrong) }
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

    #[test]
    fn references_take_all_four_forms() {
        let arn = format!("arn:aws:kms:us-east-1:111122223333:key/{ID}");
        assert!(matches!(KeyReference::parse(ID), Ok(KeyReference::Id(id)) if id.as_str() == ID));
        assert!(matches!(KeyReference::parse(&arn), Ok(KeyReference::Arn(a)) if a.to_string() == arn));
        assert!(
            matches!(KeyReference::parse("alias/a/b"), Ok(KeyReference::Alias(a)) if a.as_str() == "alias/a/b")
        );
        let alias = "arn:aws-cn:kms:cn-north-1:111122223333:alias/x";
        assert!(
            matches!(KeyReference::parse(alias), Ok(KeyReference::AliasArn(a)) if a.to_string() == alias)
        );
    }

    #[test]
    fn the_account_of_aws_stands_in_arns_only() {
        let arn = format!("arn:aws:kms:us-east-1:aws:key/{ID}");
        let key: KeyArn = arn.parse().unwrap();
        assert!(key.scope.account.is_aws() && key.to_string() == arn);
        let alias: AliasArn = "arn:aws-cn:kms:cn-north-1:aws:alias/aws/s3".parse().unwrap();
        assert_eq!(alias.scope.account, AccountId::aws());
        assert!("aws".parse::<AccountId>().is_err());
        assert!(!AccountId::zero().is_aws());
    }

    #[test]
    fn a_material_id_is_64_hexadecimal_digits() {
        let text = "0f".repeat(32);
        assert_eq!(text.parse::<MaterialId>().unwrap().to_string(), text);
        for other in ["+f".repeat(32), "0g".repeat(32), "0f".repeat(31), "é".repeat(32), String::new()] {
            assert!(other.parse::<MaterialId>().is_err(), "{other}");
        }
    }

    #[test]
    fn a_grant_id_has_one_spelling() {
        let text = "0f".repeat(32);
        assert_eq!(text.parse::<GrantId>().unwrap().to_string(), text);
        for other in ["0F".repeat(32), "0g".repeat(32), "0f".repeat(31), String::new()] {
            assert!(other.parse::<GrantId>().is_err(), "{other}");
        }
    }

    #[test]
    fn malformed_references_say_what_is_wrong() {
        use KeyReferenceError::{MalformedArn, MalformedId, MalformedIdInArn};
        for (text, error) in [
            ("foo", MalformedId),
            ("mrk-1234", MalformedId),
            ("1234abcd12ab34cd56ef1234567890ab", MalformedId),
            ("arn:aws:kms:us-east-1:111122223333:key/foo", MalformedIdInArn),
            ("arn:aws:s3:us-east-1:111122223333:key/foo", MalformedArn),
            ("arn:aws-cn:kms:us-east-1:111122223333:alias/a", MalformedArn),
            ("arn:aws:kms:us-east-1:1:alias/a", MalformedArn),
            ("arn:aws:kms:us-east-1:111122223333:grant/a", MalformedArn),
            ("arn:", MalformedArn),
        ] {
            assert_eq!(KeyReference::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn made_ids_are_well_formed() {
        let id = KeyId::single_region([0xff; 16]);
        assert_eq!(id.as_str(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(id.as_str().parse(), Ok(id));
        let id = KeyId::multi_region([0xab; 16]);
        assert_eq!(id.as_str(), format!("mrk-{}", "ab".repeat(16)));
        assert!(id.is_multi_region() && id.as_str().parse() == Ok(id));
    }

    proptest! {
        #[test]
        fn parsers_never_panic_and_round_trip(text in "\\PC{0,80}") {
            if let Ok(KeyReference::Arn(arn)) = KeyReference::parse(&text) { prop_assert_eq!(arn.to_string(), &*text); }
            if let Ok(region) = text.parse::<Region>() { prop_assert_eq!(region.as_str(), &*text); }
            if let Ok(id) = text.parse::<MaterialId>() { prop_assert_eq!(id.to_string(), text.to_lowercase()); }
        }

        #[test]
        fn material_ids_round_trip(bytes: [u8; 32]) {
            prop_assert_eq!(MaterialId(bytes).to_string().parse(), Ok(MaterialId(bytes)));
        }
    }
}
