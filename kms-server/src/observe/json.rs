//! JSON written straight into a buffer: an audit record is written for every request, and most of it is constant.

use serde_json::Value;

/// JSON text at the end of a buffer.
pub(crate) struct Json<'a>(pub(crate) &'a mut Vec<u8>);

impl Json<'_> {
    /// Text that is JSON already, such as punctuation and constant names.
    // Of a constant in place only a few instructions are left.
    #[inline(always)]
    pub(crate) fn raw(&mut self, json: &str) -> &mut Self {
        self.0.extend_from_slice(json.as_bytes());
        self
    }

    /// A string.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        // Without a branch in the loop the compiler looks at many bytes at a time; hardly any text needs escaping.
        let plain =
            text.bytes().fold(true, |plain, byte| plain & (byte >= b' ') & (byte != b'"') & (byte != b'\\'));
        if plain {
            self.plain(text)
        } else {
            // Writing to a Vec cannot fail.
            let _ = serde_json::to_writer(&mut *self.0, text);
            self
        }
    }

    /// A string of characters that stand for themselves, such as an id of ours.
    pub(crate) fn plain(&mut self, text: &str) -> &mut Self {
        self.raw("\"").raw(text).raw("\"")
    }

    /// The name of a member, which AWS spells with a capital and an audit record without, and its colon.
    pub(crate) fn member(&mut self, name: &str) -> &mut Self {
        let start = self.0.len() + 1;
        self.text(name).raw(":");
        if let Some(first) = self.0.get_mut(start) {
            first.make_ascii_lowercase();
        }
        self
    }

    /// Any value as it is.
    pub(crate) fn value(&mut self, value: &Value) -> &mut Self {
        match value {
            Value::String(text) => self.text(text),
            value => {
                let _ = serde_json::to_writer(&mut *self.0, value);
                self
            }
        }
    }

    /// Items between commas.
    pub(crate) fn separated<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Json<'_>, T),
    ) -> &mut Self {
        for (at, item) in items.into_iter().enumerate() {
            if at > 0 {
                self.raw(",");
            }
            write(self, item);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn texts_are_what_serde_writes(text in any::<String>()) {
            let mut line = Vec::new();
            Json(&mut line).text(&text);
            prop_assert_eq!(line, serde_json::to_vec(&text).unwrap());
        }
    }
}
