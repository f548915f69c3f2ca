//! Ids, which the server chooses and the model learns.

/// A name that is not known at first, and never changes once it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Learned(Option<String>);

impl Learned {
    /// Empty as long as it is not known.
    pub(in super::super) fn known(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    pub(in super::super) fn is_known(&self) -> bool {
        self.0.is_some()
    }

    /// Takes the name if it is new; says whether it is the one that was known.
    pub(in super::super) fn learn(&mut self, name: &str) -> bool {
        !name.is_empty() && self.0.get_or_insert_with(|| name.to_owned()) == name
    }
}
