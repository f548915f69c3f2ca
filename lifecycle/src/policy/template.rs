//! Text with policy variables: `${aws:username}`, `${aws:PrincipalTag/team, 'none'}`, `${*}`.

use super::budget::{Budget, BudgetExceeded};
use super::context::{Context, fold};
use super::error::{PolicyError, excerpt};
use super::pattern::{Atom, Pattern};

/// Whether `${…}` is a variable or plain text: documents of version 2008-10-17 have no variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variables {
    Replaced,
    Plain,
}

/// What a value is compiled to, once its variables are known.
pub(super) trait Compile {
    fn compile(atoms: Vec<Atom>) -> Self;
}

/// A value that is compiled at once, or when it meets a context if it has variables.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Template<T> {
    Fixed(T),
    Variable(Box<[Piece]>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    Atom(Atom),
    Variable { key: Box<str>, default: Option<Box<str>> },
}

impl<T> Template<T> {
    /// The context keys of the variables, folded.
    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        let pieces = match self {
            Self::Fixed(_) => &[][..],
            Self::Variable(pieces) => pieces,
        };
        pieces.iter().filter_map(|piece| match piece {
            Piece::Atom(_) => None,
            Piece::Variable { key, .. } => Some(&**key),
        })
    }
}

impl<T: Compile> Template<T> {
    pub(super) fn parse(text: &str, variables: Variables) -> Result<Self, PolicyError> {
        let pieces = match variables {
            Variables::Replaced => pieces(text)?,
            Variables::Plain => text.chars().map(|c| Piece::Atom(Atom::wild(c))).collect(),
        };
        let atoms = pieces.iter().map(|piece| match piece {
            Piece::Atom(atom) => Some(*atom),
            Piece::Variable { .. } => None,
        });
        Ok(match atoms.collect::<Option<Vec<_>>>() {
            Some(atoms) => Self::Fixed(T::compile(atoms)),
            None => Self::Variable(pieces.into()),
        })
    }

    /// Asks `test` about the value. A value with a variable that the context cannot fill matches nothing.
    pub(super) fn test(
        &self,
        context: &Context,
        budget: &mut Budget,
        test: impl FnOnce(&T, &mut Budget) -> Result<bool, BudgetExceeded>,
    ) -> Result<bool, BudgetExceeded> {
        match self {
            Self::Fixed(value) => test(value, budget),
            Self::Variable(pieces) => match resolve(pieces, context, budget)? {
                Some(atoms) => test(&T::compile(atoms), budget),
                None => Ok(false),
            },
        }
    }
}

/// A value that is compared as it stands; `*` and `?` are themselves.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Exact(pub(super) Box<str>);

impl Compile for Exact {
    fn compile(atoms: Vec<Atom>) -> Self {
        let text: String = atoms
            .into_iter()
            .map(|atom| match atom {
                Atom::Char(c) => c,
                Atom::AnyChar => '?',
                Atom::AnyText => '*',
            })
            .collect();
        Self(text.into())
    }
}

impl Compile for Pattern {
    fn compile(atoms: Vec<Atom>) -> Self {
        Self::compile(atoms)
    }
}

// AWS: IAM policy elements: Variables and tags.
fn pieces(text: &str) -> Result<Vec<Piece>, PolicyError> {
    let mut pieces = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, behind)) = split_variable(after) else {
            return Err(PolicyError::grammar(format!("a variable without end in {}", excerpt(text))));
        };
        pieces.extend(before.chars().map(|c| Piece::Atom(Atom::wild(c))));
        pieces
            .push(variable(name).ok_or_else(|| {
                PolicyError::grammar(format!("{} is not a policy variable", excerpt(name)))
            })?);
        rest = behind;
    }
    pieces.extend(rest.chars().map(|c| Piece::Atom(Atom::wild(c))));
    Ok(pieces)
}

/// Splits at the brace that closes a variable. A default between quotes may hold braces.
fn split_variable(text: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let (end, _) = text.char_indices().find(|(_, c)| {
        quoted ^= *c == '\'';
        *c == '}' && !quoted
    })?;
    let (name, rest) = text.split_at_checked(end)?;
    Some((name, rest.strip_prefix('}')?))
}

fn variable(name: &str) -> Option<Piece> {
    if let "*" | "?" | "$" = name {
        return name.chars().next().map(|c| Piece::Atom(Atom::Char(c)));
    }
    let (key, default) = match name.split_once(',') {
        None => (name, None),
        Some((key, default)) => {
            let default = default.trim_matches(' ').strip_prefix('\'')?.strip_suffix('\'')?;
            (key, Some(default.into()))
        }
    };
    let key = key.trim_matches(' ');
    let well_formed = !key.is_empty() && !key.contains(['{', '}', '$', '*', '?', '\'']);
    well_formed.then(|| Piece::Variable { key: fold(key), default })
}

/// The atoms of a template in `context`. What a variable stands for is taken literally: a tag whose value is
/// `*` must not open a policy.
fn resolve(
    pieces: &[Piece],
    context: &Context,
    budget: &mut Budget,
) -> Result<Option<Vec<Atom>>, BudgetExceeded> {
    let mut atoms = Vec::with_capacity(pieces.len());
    for piece in pieces {
        budget.spend(1)?;
        let (key, default) = match piece {
            Piece::Atom(atom) => {
                atoms.push(*atom);
                continue;
            }
            Piece::Variable { key, default } => (key, default),
        };
        let value = match (context.folded(key), default) {
            // Keys of several values cannot be variables.
            ([value], _) => value.as_str(),
            ([], Some(default)) => default,
            _ => return Ok(None),
        };
        budget.spend(value.len())?;
        atoms.extend(value.chars().map(Atom::Char));
    }
    Ok(Some(atoms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(text: &str, variables: Variables, context: &Context) -> Option<String> {
        let mut found = None;
        let template = Template::<Exact>::parse(text, variables).unwrap();
        template
            .test(context, &mut Budget::default(), |value, _| {
                found = Some(value.0.to_string());
                Ok(true)
            })
            .unwrap();
        found
    }

    #[test]
    fn replaces_variables() {
        let context = Context::new()
            .with("aws:username", "bob")
            .with("aws:PrincipalTag/team", "a*b")
            .with_values("aws:TagKeys", ["x", "y"]);
        let cases = [
            ("plain*?", Some("plain*?")),
            ("${aws:username}", Some("bob")),
            ("x-${AWS:UserName}-${aws:principaltag/Team}", Some("x-bob-a*b")),
            ("${aws:PrincipalTag/none, 'dflt'}", Some("dflt")),
            ("${aws:username,'dflt'}", Some("bob")),
            ("${aws:PrincipalTag/none, 'a}b, c'}!", Some("a}b, c!")),
            ("${aws:PrincipalTag/none, ''}", Some("")),
            ("${aws:PrincipalTag/none}", None),
            ("${aws:TagKeys}", None),
            ("${aws:TagKeys, 'dflt'}", None),
            ("${*}${?}${$}{aws:username}", Some("*?${aws:username}")),
        ];
        for (text, expected) in cases {
            assert_eq!(exact(text, Variables::Replaced, &context).as_deref(), expected, "{text}");
            assert_eq!(exact(text, Variables::Plain, &context).as_deref(), Some(text));
        }
    }

    #[test]
    fn values_of_variables_are_not_wildcards() {
        let context = Context::new().with("aws:PrincipalTag/team", "*");
        let template =
            Template::<Pattern>::parse("t/${aws:PrincipalTag/team}/*", Variables::Replaced).unwrap();
        let matches =
            |text| template.test(&context, &mut Budget::default(), |p, b| p.matches(text, b)).unwrap();
        assert!(matches("t/*/x"));
        assert!(!matches("t/a/x"));
    }

    #[test]
    fn refuses_broken_variables() {
        for text in ["${", "a${aws:username", "${}", "${ }", "${a, b}", "${a, 'b}", "${a${b}}", "${a*}"] {
            assert!(Template::<Exact>::parse(text, Variables::Replaced).is_err(), "{text}");
            assert!(Template::<Exact>::parse(text, Variables::Plain).is_ok(), "{text}");
        }
    }
}
