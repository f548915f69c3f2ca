//! The conditions of a statement.

use super::budget::{Budget, BudgetExceeded};
use super::comparison::{AddressRange, Comparison, Order, binary, boolean, instant, number};
use super::context::{Context, fold};
use super::error::{PolicyError, excerpt};
use super::template::{Compile, Template, Variables};

/// One condition key under one operator.
// AWS: IAM JSON policy elements: Condition operators.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Condition {
    /// Folded.
    key: Box<str>,
    test: Test,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    /// `Null`: whether the key is absent must be one of these.
    Absent(Box<[bool]>),
    Values {
        comparison: Comparison,
        polarity: Polarity,
        quantifier: Quantifier,
        missing: Missing,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Polarity {
    Plain,
    /// A `…Not…` operator.
    Negated,
}

/// Which values of the key must satisfy the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    /// No prefix: the key has one value.
    Single,
    All,
    Any,
}

/// What an absent key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// What follows from the operator.
    Decides,
    /// `…IfExists`: the condition is met.
    Passes,
}

impl Condition {
    /// The context keys that it looks at, folded: its own and those of variables.
    pub(super) fn context_keys(&self) -> impl Iterator<Item = &str> {
        let variables = match &self.test {
            Test::Absent(_) => Vec::new(),
            Test::Values { comparison, .. } => comparison.variables(),
        };
        std::iter::once(&*self.key).chain(variables)
    }

    /// Reads the condition `operator: {key: values}`.
    pub(super) fn parse(
        operator: &str,
        key: &str,
        values: &[&str],
        variables: Variables,
    ) -> Result<Self, PolicyError> {
        let unknown = || PolicyError::grammar(format!("{} is not a condition operator", excerpt(operator)));
        if key.is_empty() {
            return Err(PolicyError::grammar("a condition key without a name"));
        }
        let (quantifier, name) = if let Some(name) = operator.strip_prefix("ForAllValues:") {
            (Quantifier::All, name)
        } else if let Some(name) = operator.strip_prefix("ForAnyValue:") {
            (Quantifier::Any, name)
        } else {
            (Quantifier::Single, operator)
        };
        if name == "Null" {
            let test = Test::Absent(typed(operator, values, boolean)?);
            return Ok(Self { key: fold(key), test });
        }
        let (missing, name) = match name.strip_suffix("IfExists") {
            Some(name) => (Missing::Passes, name),
            None => (Missing::Decides, name),
        };
        let polarity = if name.contains("Not") { Polarity::Negated } else { Polarity::Plain };
        let comparison = comparison(name, operator, values, variables)?.ok_or_else(unknown)?;
        Ok(Self { key: fold(key), test: Test::Values { comparison, polarity, quantifier, missing } })
    }

    /// Whether the condition is met.
    pub(super) fn holds(&self, context: &Context, budget: &mut Budget) -> Result<bool, BudgetExceeded> {
        budget.spend(1)?;
        let values = context.folded(&self.key);
        let (comparison, polarity, quantifier, missing) = match &self.test {
            Test::Absent(wanted) => {
                budget.spend(wanted.len())?;
                return Ok(wanted.contains(&values.is_empty()));
            }
            Test::Values { comparison, polarity, quantifier, missing } => {
                (comparison, *polarity, *quantifier, *missing)
            }
        };
        let negated = polarity == Polarity::Negated;
        let mut satisfies = |value: &String| -> Result<bool, BudgetExceeded> {
            Ok(comparison.matches(value, context, budget)? != negated)
        };
        match (quantifier, values) {
            (_, []) if missing == Missing::Passes => Ok(true),
            (Quantifier::Single, [value]) => satisfies(value),
            // Several values are equal to no one value, and neither is none.
            (Quantifier::Single, _) => Ok(negated),
            (Quantifier::All, values) => {
                for value in values {
                    if !satisfies(value)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Quantifier::Any, values) => {
                for value in values {
                    if satisfies(value)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }
}

/// The comparison of an operator without its prefix and suffix; `None` if there is no such operator.
fn comparison(
    name: &str,
    operator: &str,
    values: &[&str],
    variables: Variables,
) -> Result<Option<Comparison>, PolicyError> {
    let numbers = |order| typed(operator, values, number).map(|numbers| Comparison::Number(order, numbers));
    let dates = |order| typed(operator, values, instant).map(|dates| Comparison::Date(order, dates));
    Ok(Some(match name {
        "StringEquals" | "StringNotEquals" => Comparison::Equals(templates(values, variables)?),
        "StringEqualsIgnoreCase" | "StringNotEqualsIgnoreCase" => {
            Comparison::EqualsIgnoreCase(templates(values, variables)?)
        }
        "StringLike" | "StringNotLike" => Comparison::Like(templates(values, variables)?),
        "ArnEquals" | "ArnLike" | "ArnNotEquals" | "ArnNotLike" => {
            Comparison::Arn(templates(values, variables)?)
        }
        "NumericEquals" | "NumericNotEquals" => numbers(Order::Equal)?,
        "NumericLessThan" => numbers(Order::Less)?,
        "NumericLessThanEquals" => numbers(Order::LessOrEqual)?,
        "NumericGreaterThan" => numbers(Order::Greater)?,
        "NumericGreaterThanEquals" => numbers(Order::GreaterOrEqual)?,
        "DateEquals" | "DateNotEquals" => dates(Order::Equal)?,
        "DateLessThan" => dates(Order::Less)?,
        "DateLessThanEquals" => dates(Order::LessOrEqual)?,
        "DateGreaterThan" => dates(Order::Greater)?,
        "DateGreaterThanEquals" => dates(Order::GreaterOrEqual)?,
        "Bool" => Comparison::Bool(typed(operator, values, boolean)?),
        "BinaryEquals" => Comparison::Binary(typed(operator, values, binary)?),
        "IpAddress" | "NotIpAddress" => Comparison::Address(typed(operator, values, AddressRange::parse)?),
        _ => return Ok(None),
    }))
}

fn templates<T: Compile>(values: &[&str], variables: Variables) -> Result<Box<[Template<T>]>, PolicyError> {
    values.iter().map(|value| Template::parse(value, variables)).collect()
}

/// The values as the operator's type, all of them.
fn typed<T>(operator: &str, values: &[&str], read: fn(&str) -> Option<T>) -> Result<Box<[T]>, PolicyError> {
    let typed = values.iter().map(|value| {
        read(value)
            .ok_or_else(|| PolicyError::grammar(format!("{} is not a value for {operator}", excerpt(value))))
    });
    typed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(operator: &str, wanted: &[&str], values: &[&str]) -> bool {
        let condition = Condition::parse(operator, "aws:Key", wanted, Variables::Replaced).unwrap();
        let mut context = Context::new().with("aws:username", "bob");
        if !values.is_empty() {
            context.insert_values("AWS:KEY", values.iter().copied());
        }
        condition.holds(&context, &mut Budget::default()).unwrap()
    }

    #[test]
    fn operators_on_one_value() {
        const ROLE: &str = "arn:aws:iam::111122223333:role/app";
        let cases: &[(&str, &[&str], &str, bool)] = &[
            ("StringEquals", &["a", "b"], "b", true),
            ("StringEquals", &["a", "b"], "B", false),
            ("StringEquals", &["a*"], "ab", false),
            ("StringEquals", &["${aws:username}"], "bob", true),
            ("StringEquals", &["${aws:absent}"], "${aws:absent}", false),
            ("StringEquals", &["${aws:absent, 'x'}"], "x", true),
            ("StringEquals", &[], "x", false),
            ("StringNotEquals", &["a", "b"], "b", false),
            ("StringNotEquals", &["a", "b"], "c", true),
            ("StringNotEquals", &["${aws:absent}"], "c", true),
            ("StringNotEquals", &[], "x", true),
            ("StringEqualsIgnoreCase", &["abÉ"], "ABé", true),
            ("StringEqualsIgnoreCase", &["ab"], "abc", false),
            ("StringNotEqualsIgnoreCase", &["ab"], "AB", false),
            ("StringNotEqualsIgnoreCase", &["ab"], "AC", true),
            ("StringLike", &["a*", "?"], "abc", true),
            ("StringLike", &["a*"], "Abc", false),
            ("StringLike", &["a${*}"], "abc", false),
            ("StringLike", &["a${*}"], "a*", true),
            ("StringNotLike", &["a*"], "abc", false),
            ("StringNotLike", &["a*"], "bc", true),
            ("NumericEquals", &["30"], "30.0", true),
            ("NumericEquals", &["30"], "x", false),
            ("NumericNotEquals", &["30"], "31", true),
            ("NumericNotEquals", &["30"], "30", false),
            ("NumericLessThan", &["7"], "6", true),
            ("NumericLessThan", &["7"], "7", false),
            ("NumericLessThan", &["10"], "9", true),
            ("NumericLessThanEquals", &["7"], "7", true),
            ("NumericLessThanEquals", &["7"], "8", false),
            ("NumericGreaterThan", &["7"], "8", true),
            ("NumericGreaterThan", &["7"], "7", false),
            ("NumericGreaterThanEquals", &["7"], "7", true),
            ("NumericGreaterThanEquals", &["7"], "6", false),
            ("DateEquals", &["2024-01-01T00:00:00Z"], "1704067200", true),
            ("DateNotEquals", &["2024-01-01T00:00:00Z"], "1704067200", false),
            ("DateLessThan", &["2024-01-01T00:00:00Z"], "2023-12-31T23:59:59Z", true),
            ("DateLessThan", &["2024-01-01T00:00:00Z"], "2024-01-01T00:00:00Z", false),
            ("DateLessThanEquals", &["2024-01-01T00:00:00Z"], "2024-01-01T00:00:00Z", true),
            ("DateGreaterThan", &["2024-01-01"], "2024-01-01T00:00:01Z", true),
            ("DateGreaterThan", &["2024-01-01"], "2024-01-01T00:00:00Z", false),
            ("DateGreaterThanEquals", &["2024-01-01"], "2024-01-01T00:00:00Z", true),
            ("Bool", &["true"], "true", true),
            ("Bool", &["True"], "true", true),
            ("Bool", &["false"], "true", false),
            ("Bool", &["false"], "maybe", false),
            ("BinaryEquals", &["QmluYXJ5"], "QmluYXJ5", true),
            ("BinaryEquals", &["QmluYXJ5"], "QmluYXJ6", false),
            ("IpAddress", &["10.0.0.0/8", "2001:db8::/32"], "2001:db8::5", true),
            ("IpAddress", &["10.0.0.0/8"], "11.0.0.1", false),
            ("IpAddress", &["10.0.0.0/8"], "kms.amazonaws.com", false),
            ("NotIpAddress", &["10.0.0.0/8"], "11.0.0.1", true),
            ("NotIpAddress", &["10.0.0.0/8"], "10.1.2.3", false),
            ("ArnEquals", &["arn:aws:iam::*:role/*"], ROLE, true),
            ("ArnLike", &["arn:aws:iam::*:role/*"], ROLE, true),
            ("ArnLike", &["arn:aws:*:role/app"], ROLE, false),
            ("ArnNotEquals", &["arn:aws:iam::*:role/*"], ROLE, false),
            ("ArnNotLike", &["arn:aws:iam::*:user/*"], ROLE, true),
            ("Null", &["true"], "x", false),
            ("Null", &["false"], "x", true),
        ];
        for (operator, wanted, value, expected) in cases {
            assert_eq!(holds(operator, wanted, &[value]), *expected, "{operator} {wanted:?} {value}");
            if *operator != "Null" {
                let if_exists = format!("{operator}IfExists");
                assert_eq!(holds(&if_exists, wanted, &[value]), *expected, "{if_exists} {wanted:?} {value}");
            }
        }
    }

    #[test]
    fn absent_keys() {
        let cases = [
            ("StringEquals", "a", false),
            ("StringNotEquals", "a", true),
            ("StringEqualsIfExists", "a", true),
            ("StringNotEqualsIfExists", "a", true),
            ("StringLike", "*", false),
            ("Bool", "false", false),
            ("BoolIfExists", "true", true),
            ("NumericLessThan", "1", false),
            ("NotIpAddress", "10.0.0.0/8", true),
            ("ArnNotLike", "*", true),
            ("ForAllValues:StringEquals", "a", true),
            ("ForAnyValue:StringEquals", "a", false),
            ("ForAnyValue:StringNotEquals", "a", false),
            ("ForAnyValue:StringEqualsIfExists", "a", true),
            ("Null", "true", true),
            ("Null", "false", false),
        ];
        for (operator, wanted, expected) in cases {
            assert_eq!(holds(operator, &[wanted], &[]), expected, "{operator} {wanted}");
        }
    }

    #[test]
    fn several_values() {
        let cases: &[(&str, &[&str], &[&str], bool)] = &[
            ("ForAllValues:StringEquals", &["a", "b"], &["a"], true),
            ("ForAllValues:StringEquals", &["a", "b"], &["a", "b"], true),
            ("ForAllValues:StringEquals", &["a", "b"], &["a", "c"], false),
            ("ForAllValues:StringNotEquals", &["a", "b"], &["c", "d"], true),
            ("ForAllValues:StringNotEquals", &["a", "b"], &["c", "a"], false),
            ("ForAnyValue:StringEquals", &["a", "b"], &["c", "a"], true),
            ("ForAnyValue:StringEquals", &["a", "b"], &["c", "A"], false),
            ("ForAnyValue:StringNotEquals", &["a"], &["a", "c"], true),
            ("ForAnyValue:StringNotEquals", &["a"], &["a"], false),
            ("ForAnyValue:StringLike", &["c*"], &["a", "cd"], true),
            ("StringEquals", &["a", "b"], &["a", "b"], false),
            ("StringNotEquals", &["a"], &["a", "b"], true),
            ("Null", &["false"], &["a", "b"], true),
        ];
        for (operator, wanted, values, expected) in cases {
            assert_eq!(holds(operator, wanted, values), *expected, "{operator} {wanted:?} {values:?}");
        }
    }

    #[test]
    fn refuses_unknown_operators_and_values_of_another_type() {
        let cases = [
            ("StringIs", "a"),
            ("stringequals", "a"),
            ("StringEqualsIfExistsIfExists", "a"),
            ("ForSomeValues:StringEquals", "a"),
            ("ForAllValues:ForAnyValue:StringEquals", "a"),
            ("NullIfExists", "true"),
            ("Null", "maybe"),
            ("NotBool", "true"),
            ("Bool", "yes"),
            ("NumericEquals", "seven"),
            ("DateLessThan", "tomorrow"),
            ("IpAddress", "10.0.0.0/33"),
            ("BinaryEquals", "*"),
            ("StringEquals", "${"),
            ("", "a"),
        ];
        for (operator, value) in cases {
            let error = Condition::parse(operator, "k", &[value], Variables::Replaced).unwrap_err();
            assert_eq!(error.message(), None, "{operator}");
        }
    }
}
