//! How one value of a condition key is compared with the values of a policy.

use std::cmp::Ordering;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::budget::{Budget, BudgetExceeded};
use super::context::Context;
use super::pattern::{Atom, Pattern};
use super::template::{Compile, Exact, Template};

/// The values of a policy, read as the type of their operator.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Comparison {
    Equals(Box<[Template<Exact>]>),
    EqualsIgnoreCase(Box<[Template<Exact>]>),
    Like(Box<[Template<Pattern>]>),
    Arn(Box<[Template<ArnPattern>]>),
    Number(Order, Box<[f64]>),
    Date(Order, Box<[Timestamp]>),
    Bool(Box<[bool]>),
    Binary(Box<[Vec<u8>]>),
    Address(Box<[AddressRange]>),
}

/// What the value of the request must be to the value of the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// The context keys of the variables in the values of the policy, folded.
    pub(super) fn variables(&self) -> Vec<&str> {
        match self {
            Self::Equals(wanted) | Self::EqualsIgnoreCase(wanted) => variables(wanted),
            Self::Like(wanted) => variables(wanted),
            Self::Arn(wanted) => variables(wanted),
            Self::Number(..) | Self::Date(..) | Self::Bool(_) | Self::Binary(_) | Self::Address(_) => {
                Vec::new()
            }
        }
    }

    /// Whether `value` matches one of the values of the policy. A value that is not of the operator's type
    /// matches none.
    pub(super) fn matches(
        &self,
        value: &str,
        context: &Context,
        budget: &mut Budget,
    ) -> Result<bool, BudgetExceeded> {
        budget.spend(value.len())?;
        match self {
            Self::Equals(wanted) => one_of(wanted, context, budget, |wanted, budget| {
                budget.spend(1)?;
                Ok(*wanted.0 == *value)
            }),
            Self::EqualsIgnoreCase(wanted) => one_of(wanted, context, budget, |wanted, budget| {
                budget.spend(value.len())?;
                Ok(equals_ignore_case(&wanted.0, value))
            }),
            Self::Like(wanted) => {
                one_of(wanted, context, budget, |pattern, budget| pattern.matches(value, budget))
            }
            Self::Arn(wanted) => {
                one_of(wanted, context, budget, |pattern, budget| pattern.matches(value, budget))
            }
            Self::Number(order, wanted) => ordered(*order, wanted, number(value), budget),
            Self::Date(order, wanted) => ordered(*order, wanted, instant(value), budget),
            Self::Bool(wanted) => ordered(Order::Equal, wanted, boolean(value), budget),
            Self::Binary(wanted) => ordered(Order::Equal, wanted, binary(value), budget),
            Self::Address(wanted) => {
                budget.spend(wanted.len())?;
                Ok(value.parse().is_ok_and(|address| wanted.iter().any(|range| range.contains(address))))
            }
        }
    }
}

fn variables<T>(wanted: &[Template<T>]) -> Vec<&str> {
    wanted.iter().flat_map(Template::variables).collect()
}

fn one_of<T: Compile>(
    wanted: &[Template<T>],
    context: &Context,
    budget: &mut Budget,
    test: impl Fn(&T, &mut Budget) -> Result<bool, BudgetExceeded>,
) -> Result<bool, BudgetExceeded> {
    for template in wanted {
        if template.test(context, budget, &test)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn ordered<T: PartialOrd>(
    order: Order,
    wanted: &[T],
    value: Option<T>,
    budget: &mut Budget,
) -> Result<bool, BudgetExceeded> {
    budget.spend(wanted.len())?;
    let Some(value) = value else { return Ok(false) };
    Ok(wanted.iter().any(|wanted| value.partial_cmp(wanted).is_some_and(|is| order.allows(is))))
}

impl Order {
    fn allows(self, is: Ordering) -> bool {
        match self {
            Self::Equal => is.is_eq(),
            Self::Less => is.is_lt(),
            Self::LessOrEqual => is.is_le(),
            Self::Greater => is.is_gt(),
            Self::GreaterOrEqual => is.is_ge(),
        }
    }
}

fn equals_ignore_case(a: &str, b: &str) -> bool {
    a.chars().flat_map(char::to_lowercase).eq(b.chars().flat_map(char::to_lowercase))
}

/// An integer or decimal number.
pub(super) fn number(text: &str) -> Option<f64> {
    // `f64` also reads words such as `inf` and `nan`, which policies do not have.
    let spelled = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    text.parse().ok().filter(|number: &f64| spelled && number.is_finite())
}

/// A date: ISO 8601, to the month at least, or seconds since 1970 (so four digits are not a year). A date
/// without an offset is in UTC.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse() {
        return Timestamp::from_second(seconds).ok();
    }
    if let Some((seconds, fraction)) = text.split_once('.')
        && [seconds, fraction].iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
    {
        let nanoseconds: String = fraction.chars().chain("000000000".chars()).take(9).collect();
        return Timestamp::new(seconds.parse().ok()?, nanoseconds.parse().ok()?).ok();
    }
    if let Ok(instant) = text.parse() {
        return Some(instant);
    }
    let local = match text.parse::<DateTime>() {
        Ok(local) => local,
        Err(_) if text.len() == "2024-01".len() => format!("{text}-01").parse().ok()?,
        Err(_) => return None,
    };
    Offset::UTC.to_timestamp(local).ok()
}

/// `true` or `false`, in any case.
pub(super) fn boolean(text: &str) -> Option<bool> {
    [("true", true), ("false", false)]
        .into_iter()
        .find_map(|(name, is)| text.eq_ignore_ascii_case(name).then_some(is))
}

/// The bytes of a Base64 text.
pub(super) fn binary(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// An address, or a range in CIDR notation, of IPv4 or IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AddressRange {
    network: IpAddr,
    /// How many leading bits of the address count.
    prefix: u8,
}

impl AddressRange {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (network, prefix) = match text.split_once('/') {
            Some((network, prefix)) => (network, Some(prefix)),
            None => (text, None),
        };
        let network: IpAddr = network.parse().ok()?;
        let longest = if network.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok()?,
            Some(_) => return None,
        };
        (prefix <= longest).then_some(Self { network, prefix })
    }

    fn contains(&self, address: IpAddr) -> bool {
        let difference = match (self.network, address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => u128::from(a.to_bits() ^ b.to_bits()) << 96,
            (IpAddr::V6(a), IpAddr::V6(b)) => a.to_bits() ^ b.to_bits(),
            _ => return false,
        };
        difference.leading_zeros() >= u32::from(self.prefix)
    }
}

/// A pattern for ARNs: its six parts are compared one by one, so a `*` does not run over the colon at the end
/// of its part. `ArnEquals` and `ArnLike` are the same.
// AWS: IAM JSON policy elements: Condition operators, Amazon Resource Name (ARN) condition operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ArnPattern {
    Parts(Box<[Pattern]>),
    /// Fewer than six parts, of which the last ends in `*` and so stands for the missing ones: `*`.
    Open(Pattern),
    /// No ARN has fewer parts.
    Never,
}

const ARN_PARTS: usize = 6;

impl Compile for ArnPattern {
    fn compile(atoms: Vec<Atom>) -> Self {
        let parts = || atoms.splitn(ARN_PARTS, |atom| *atom == Atom::Char(':'));
        if parts().count() == ARN_PARTS {
            Self::Parts(parts().map(|part| Pattern::compile(part.iter().copied())).collect())
        } else if atoms.last() == Some(&Atom::AnyText) {
            Self::Open(Pattern::compile(atoms))
        } else {
            Self::Never
        }
    }
}

impl ArnPattern {
    fn matches(&self, value: &str, budget: &mut Budget) -> Result<bool, BudgetExceeded> {
        budget.spend(1)?;
        let parts = || value.splitn(ARN_PARTS, ':');
        if !value.starts_with("arn:") || parts().count() < ARN_PARTS {
            return Ok(false);
        }
        match self {
            Self::Never => Ok(false),
            Self::Open(pattern) => pattern.matches(value, budget),
            Self::Parts(patterns) => {
                for (pattern, part) in patterns.iter().zip(parts()) {
                    if !pattern.matches(part, budget)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_dates() {
        let cases = [
            ("2024-01-02T03:04:05Z", Some(1_704_164_645_000)),
            ("2024-01-02T03:04:05.250Z", Some(1_704_164_645_250)),
            ("2024-01-02T04:04:05+01:00", Some(1_704_164_645_000)),
            ("2024-01-02T03:04Z", Some(1_704_164_640_000)),
            ("2024-01-02T03:04:05", Some(1_704_164_645_000)),
            ("2024-01-02", Some(1_704_153_600_000)),
            ("2024-01", Some(1_704_067_200_000)),
            ("1704164645", Some(1_704_164_645_000)),
            ("1704164645.25", Some(1_704_164_645_250)),
            ("-1", Some(-1000)),
            ("1704164645.", None),
            ("-1.5", None),
            ("99999999999999999999.5", None),
            ("2024", Some(2_024_000)),
            ("99999999999999999", None),
            ("2024-13-01", None),
            ("tomorrow", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(instant(text).map(Timestamp::as_millisecond), expected, "{text}");
        }
    }

    #[test]
    fn reads_numbers_and_booleans() {
        for (text, expected) in [
            ("7", Some(7.0)),
            ("-1.5", Some(-1.5)),
            ("1e3", Some(1000.0)),
            ("inf", None),
            ("", None),
            ("1e999", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
        assert_eq!([boolean("true"), boolean("False"), boolean("yes")], [Some(true), Some(false), None]);
    }

    #[test]
    fn ranges_contain_addresses() {
        let cases = [
            ("203.0.113.0/24", "203.0.113.255", true),
            ("203.0.113.0/24", "203.0.114.0", false),
            ("203.0.113.77/24", "203.0.113.1", true),
            ("203.0.113.7", "203.0.113.7", true),
            ("203.0.113.7", "203.0.113.8", false),
            ("203.0.113.7/32", "203.0.113.7", true),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false),
            ("2001:db8::1", "2001:DB8:0::1", true),
        ];
        for (range, address, expected) in cases {
            let range = AddressRange::parse(range).unwrap();
            assert_eq!(range.contains(address.parse().unwrap()), expected, "{range:?} {address}");
        }
        for text in ["", "203.0.113.0/33", "203.0.113/24", "::/129", "203.0.113.0/", "203.0.113.0/+8", "*"] {
            assert_eq!(AddressRange::parse(text), None, "{text}");
        }
    }

    #[test]
    fn arn_patterns_match_part_by_part() {
        let role = "arn:aws:iam::111122223333:role/team/app";
        let cases = [
            (role, role, true),
            ("arn:aws:iam::111122223333:role/*", role, true),
            ("arn:aws:iam::*:role/team/*", role, true),
            ("arn:*:iam:*:1111????3333:*", role, true),
            ("arn:aws:*:role/team/app", role, false),
            ("arn:aws:iam::444455556666:role/*", role, false),
            ("arn:aws:sns:us-east-1:1:a:*", "arn:aws:sns:us-east-1:1:a:b:c", true),
            ("*", role, true),
            ("arn:aws:iam::*", role, true),
            ("arn:aws:iam", role, false),
            ("*", "not an arn", false),
            ("arn:aws:*:*:*:*", "arn:aws:iam", false),
        ];
        for (pattern, value, expected) in cases {
            let pattern = ArnPattern::compile(pattern.chars().map(Atom::wild).collect());
            assert_eq!(pattern.matches(value, &mut Budget::default()), Ok(expected), "{pattern:?} {value}");
        }
    }
}
