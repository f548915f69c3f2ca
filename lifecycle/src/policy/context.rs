//! The facts about a request that conditions and policy variables look at.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Condition keys and their values. Key names are compared without regard to case; values are text, also for
/// numbers, dates and booleans, in the form that policies write them.
// AWS: The condition context.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    values: BTreeMap<Box<str>, Values>,
    /// The only keys that are kept, folded; `None` keeps all.
    wanted: Option<Vec<Arc<str>>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Values {
    One(String),
    Many(Vec<String>),
}

impl Context {
    /// A context without keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// A context that keeps these keys only, which are [those that policies look at](super::Document::context_keys):
    /// most requests have many facts, and most policies look at few.
    #[must_use]
    pub fn of(wanted: Vec<Arc<str>>) -> Self {
        Context { wanted: Some(wanted), ..Self::default() }
    }

    /// Whether anybody looks at `key`.
    #[must_use]
    pub fn wants(&self, key: &str) -> bool {
        let same = |wanted: &Arc<str>| match key.is_ascii() {
            true => wanted.eq_ignore_ascii_case(key),
            false => **wanted == *fold(key),
        };
        self.wanted.as_ref().is_none_or(|wanted| wanted.iter().any(same))
    }

    /// Whether anybody looks at a key that begins so.
    #[must_use]
    pub fn wants_any(&self, prefix: &str) -> bool {
        let begins = |wanted: &Arc<str>| {
            wanted.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        self.wanted.as_ref().is_none_or(|wanted| wanted.iter().any(begins))
    }

    /// This context with `key` set to one value.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.insert(key, value);
        self
    }

    /// This context with `key` set to a list of values.
    #[must_use]
    pub fn with_values(mut self, key: &str, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.insert_values(key, values);
        self
    }

    /// This context without `key`.
    #[must_use]
    pub fn without(mut self, key: &str) -> Self {
        self.values.remove(&fold(key));
        self
    }

    /// Sets `key` to one value, and forgets its former values.
    pub fn insert(&mut self, key: &str, value: impl Into<String>) {
        self.insert_with(key, || value);
    }

    /// The same with a value that is only made if somebody looks at the key.
    pub fn insert_with<V: Into<String>>(&mut self, key: &str, value: impl FnOnce() -> V) {
        if self.wants(key) {
            self.values.insert(fold(key), Values::One(value().into()));
        }
    }

    /// Sets `key` to a list of values, and forgets its former values. An empty list is as good as no key.
    pub fn insert_values(&mut self, key: &str, values: impl IntoIterator<Item = impl Into<String>>) {
        if self.wants(key) {
            self.values.insert(fold(key), Values::Many(values.into_iter().map(Into::into).collect()));
        }
    }

    /// Adds a value to `key`. Two members of an encryption context whose names differ in case only are two
    /// values of one condition key.
    pub fn append(&mut self, key: &str, value: impl Into<String>) {
        if !self.wants(key) {
            return;
        }
        let values = self.values.entry(fold(key)).or_insert_with(|| Values::Many(Vec::new()));
        if let Values::One(first) = values {
            *values = Values::Many(vec![std::mem::take(first)]);
        }
        if let Values::Many(values) = values {
            values.push(value.into());
        }
    }

    /// Takes over every key of `others`, and forgets what it had under the same keys. A key without values in `others`
    /// is one that the request does not have.
    pub fn replace(&mut self, others: &Self) {
        self.values.extend(others.values.iter().map(|(key, values)| (key.clone(), values.clone())));
    }

    /// The values of `key`, none if the context does not have it.
    pub fn values(&self, key: &str) -> &[String] {
        self.folded(&fold(key))
    }

    /// The values of a key that is folded already.
    pub(super) fn folded(&self, key: &str) -> &[String] {
        match self.values.get(key) {
            None => &[],
            Some(Values::One(value)) => std::slice::from_ref(value),
            Some(Values::Many(values)) => values,
        }
    }
}

/// The form in which names of condition keys are compared.
pub(super) fn fold(key: &str) -> Box<str> {
    key.to_lowercase().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_keeps_what_is_wanted() {
        let mut context = Context::of(vec!["aws:username".into(), "kms:encryptioncontext:d\u{e4}".into()]);
        context.insert("aws:UserName", "bob");
        context.append("kms:EncryptionContext:D\u{c4}", "1");
        context.insert_values("aws:TagKeys", ["a"]);
        context.insert_with("aws:userid", || -> String { unreachable!("nobody looks at it") });
        assert_eq!(
            (context.values("aws:username"), context.values("aws:TagKeys")),
            (&["bob".into()][..], &[][..])
        );
        assert_eq!(context.values("kms:EncryptionContext:d\u{e4}"), ["1"]);
        assert!(context.wants_any("kms:EncryptionContext:") && !context.wants_any("aws:ResourceTag/"));
        assert!(Context::new().wants("anything") && Context::new().wants_any("any"));
    }

    #[test]
    fn keys_ignore_case_and_values_do_not() {
        let mut context =
            Context::new().with("kms:EncryptionContext:Dept", "IT").with_values("aws:TagKeys", ["a", "b"]);
        assert_eq!(context.values("KMS:encryptioncontext:dept"), ["IT"]);
        assert_eq!(context.values("aws:tagkeys"), ["a", "b"]);
        assert!(context.values("aws:username").is_empty());
        context.append("kms:EncryptionContext:dept", "HR");
        context.append("aws:username", "bob");
        assert_eq!(context.values("kms:encryptioncontext:dept"), ["IT", "HR"]);
        assert_eq!(context.values("aws:UserName"), ["bob"]);
        context.insert("AWS:USERNAME", "eve");
        assert_eq!(context.values("aws:username"), ["eve"]);
        context.replace(&Context::new().with("aws:UserName", "kim").with_values("aws:TagKeys", [""; 0]));
        assert_eq!(context.values("aws:username"), ["kim"]);
        assert!(context.values("aws:TagKeys").is_empty());
        assert_eq!(context.values("kms:EncryptionContext:Dept"), ["IT", "HR"]);
    }
}
