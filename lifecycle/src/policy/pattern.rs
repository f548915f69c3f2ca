//! Wildcard patterns: `*` stands for any text, `?` for one character.

use super::budget::{Budget, BudgetExceeded};

/// One character of a pattern, after escapes and variables are resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Atom {
    Char(char),
    /// `?`
    AnyChar,
    /// `*`
    AnyText,
}

impl Atom {
    /// The atom that a character stands for where wildcards are allowed.
    pub(super) fn wild(c: char) -> Self {
        match c {
            '*' => Self::AnyText,
            '?' => Self::AnyChar,
            c => Self::Char(c),
        }
    }
}

/// A compiled pattern.
///
/// The leftmost place of each part between two `*` is always a right one, so matching never goes back over a
/// `*`. A pattern without `?` costs time in proportion to pattern and text; a part that has `?` is tried at
/// each place, and every comparison is a step of the budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pattern {
    Whole(Part),
    Split { first: Part, middle: Box<[Part]>, last: Part },
}

/// The text between two `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Literal(Box<str>),
    /// `None` stands for `?`.
    Holes(Box<[Option<char>]>),
}

impl Pattern {
    pub(super) fn compile(atoms: impl IntoIterator<Item = Atom>) -> Self {
        let mut parts = Vec::new();
        let mut part = Vec::new();
        for atom in atoms {
            match atom {
                Atom::Char(c) => part.push(Some(c)),
                Atom::AnyChar => part.push(None),
                Atom::AnyText => parts.push(Part::compile(std::mem::take(&mut part))),
            }
        }
        let last = Part::compile(part);
        let mut parts = parts.into_iter();
        match parts.next() {
            None => Self::Whole(last),
            Some(first) => {
                Self::Split { first, middle: parts.filter(|part| !part.is_empty()).collect(), last }
            }
        }
    }

    pub(super) fn matches(&self, text: &str, budget: &mut Budget) -> Result<bool, BudgetExceeded> {
        let (first, middle, last) = match self {
            Self::Whole(part) => return Ok(part.strip_prefix(text, budget)? == Some("")),
            Self::Split { first, middle, last } => (first, middle, last),
        };
        let Some(rest) = first.strip_prefix(text, budget)? else { return Ok(false) };
        let Some(mut rest) = last.strip_suffix(rest, budget)? else { return Ok(false) };
        for part in middle {
            match part.skip_to_end_of_first(rest, budget)? {
                Some(behind) => rest = behind,
                None => return Ok(false),
            }
        }
        Ok(true)
    }
}

impl Part {
    fn compile(chars: Vec<Option<char>>) -> Self {
        match chars.iter().copied().collect::<Option<String>>() {
            Some(text) => Self::Literal(text.into()),
            None => Self::Holes(chars.into()),
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Literal(text) if text.is_empty())
    }

    fn strip_prefix<'t>(
        &self,
        text: &'t str,
        budget: &mut Budget,
    ) -> Result<Option<&'t str>, BudgetExceeded> {
        budget.spend(self.len())?;
        Ok(match self {
            Self::Literal(part) => text.strip_prefix(&**part),
            Self::Holes(holes) => {
                let mut rest = text.chars();
                holes.iter().all(|hole| fits(*hole, rest.next())).then_some(rest.as_str())
            }
        })
    }

    fn strip_suffix<'t>(
        &self,
        text: &'t str,
        budget: &mut Budget,
    ) -> Result<Option<&'t str>, BudgetExceeded> {
        budget.spend(self.len())?;
        Ok(match self {
            Self::Literal(part) => text.strip_suffix(&**part),
            Self::Holes(holes) => {
                let mut rest = text.chars();
                holes.iter().rev().all(|hole| fits(*hole, rest.next_back())).then_some(rest.as_str())
            }
        })
    }

    /// The text behind the leftmost place where this part fits.
    fn skip_to_end_of_first<'t>(
        &self,
        text: &'t str,
        budget: &mut Budget,
    ) -> Result<Option<&'t str>, BudgetExceeded> {
        match self {
            Self::Literal(part) => {
                let behind = text.split_once(&**part).map(|(_, behind)| behind);
                // The search is linear, so it can be paid for when it is known how far it went.
                let searched = text.len().saturating_sub(behind.map_or(0, str::len));
                budget.spend(searched.saturating_add(part.len()))?;
                Ok(behind)
            }
            Self::Holes(_) => {
                let mut rest = text.chars();
                loop {
                    if let Some(behind) = self.strip_prefix(rest.as_str(), budget)? {
                        return Ok(Some(behind));
                    }
                    if rest.next().is_none() {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// What comparing this part at one place costs.
    fn len(&self) -> usize {
        match self {
            Self::Literal(text) => text.len(),
            Self::Holes(holes) => holes.len(),
        }
        .saturating_add(1)
    }
}

fn fits(hole: Option<char>, c: Option<char>) -> bool {
    match (hole, c) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(wanted), Some(c)) => wanted == c,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        let pattern = Pattern::compile(pattern.chars().map(Atom::wild));
        pattern.matches(text, &mut Budget::default()).unwrap()
    }

    #[test]
    fn matches_wildcards() {
        let cases = [
            ("*", "", true),
            ("*", "anything", true),
            ("", "", true),
            ("", "a", false),
            ("kms:*", "kms:encrypt", true),
            ("kms:*", "kms", false),
            ("kms:reencrypt*", "kms:reencryptfrom", true),
            ("kms:*key*", "kms:generatedatakeypair", true),
            ("kms:*key", "kms:generatedatakeypair", false),
            ("?", "é", true),
            ("?", "", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*?", "", false),
            ("*?b*", "ab", true),
            ("a*a", "a", false),
            ("a**a", "aa", true),
            ("*ab*ab", "abab", true),
            ("*ab*ab", "ab", false),
            ("*a?c*c", "abc", false),
            ("*a?c*c", "abcc", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn a_quoted_star_is_a_star() {
        let pattern = Pattern::compile([Atom::Char('*'), Atom::AnyChar]);
        assert_eq!(pattern.matches("*a", &mut Budget::default()), Ok(true));
        assert_eq!(pattern.matches("aa", &mut Budget::default()), Ok(false));
    }

    #[test]
    fn literal_parts_cost_linear_steps() {
        let pattern = Pattern::compile("*a*a*a*a*a*a*a*b".chars().map(Atom::wild));
        let mut budget = Budget::new(20_000);
        assert_eq!(pattern.matches(&"a".repeat(10_000), &mut budget), Ok(false));
        assert!(budget.used() < 100, "{}", budget.used());
        let pattern = Pattern::compile(format!("*{}b*", "a".repeat(5_000)).chars().map(Atom::wild));
        let mut budget = Budget::new(20_000);
        assert_eq!(pattern.matches(&"a".repeat(10_000), &mut budget), Ok(false));
    }

    #[test]
    fn the_budget_ends_a_costly_search() {
        let pattern = Pattern::compile(format!("*?{}b*", "a".repeat(5_000)).chars().map(Atom::wild));
        let mut budget = Budget::new(20_000);
        assert_eq!(pattern.matches(&"a".repeat(10_000), &mut budget), Err(BudgetExceeded { cap: 20_000 }));
    }

    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (None, Some(_)) => false,
            (Some(('*', rest)), None) => naive(rest, text),
            (Some(('*', rest)), Some((_, tail))) => naive(rest, text) || naive(pattern, tail),
            (Some(_), None) => false,
            (Some((p, rest)), Some((t, tail))) => (*p == '?' || p == t) && naive(rest, tail),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab*?é]{0,10}", text in "[abé]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(matches(&pattern, &text), naive(&chars(&pattern), &chars(&text)));
        }
    }
}
