//! Base64 without decoding: is it valid, and how long is what it stands for.

/// The decoded length of `text` as standard base64 with padding, or `None` if `text` is not that.
///
/// Accepts exactly what `base64::engine::general_purpose::STANDARD` decodes, without allocating.
pub fn blob_len(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(4) {
        return None;
    }
    let (data, padding) = match bytes {
        [data @ .., b'=', b'='] => (data, 2),
        [data @ .., b'='] => (data, 1),
        data => (data, 0),
    };
    // Without a branch in the loop the compiler looks at many characters at a time.
    if !data.iter().fold(true, |valid, byte| valid & is_sextet(*byte)) {
        return None;
    }
    // The bits of the last character that the padding cuts off have to be zero.
    let spare_bits = match padding {
        0 => 0,
        1 => 0b11,
        _ => 0b1111,
    };
    let last = data.last().copied().and_then(sextet).unwrap_or(0);
    if last & spare_bits != 0 {
        return None;
    }
    decoded_len(text)
}

/// The decoded length of a text that [`blob_len`] has accepted, without reading it again.
pub fn decoded_len(text: &str) -> Option<usize> {
    let padding = text.bytes().rev().take(2).take_while(|byte| *byte == b'=').count();
    (text.len() / 4 * 3).checked_sub(padding)
}

fn is_sextet(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() | (byte == b'+') | (byte == b'/')
}

fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn length_of_valid_text() {
        for (text, len) in
            [("", 0), ("AA==", 1), ("AAA=", 2), ("AAAA", 3), ("+/8=", 2), ("aGVsbG8=", 5), ("AAAAAA==", 4)]
        {
            assert_eq!(blob_len(text), Some(len), "{text}");
        }
    }

    #[test]
    fn invalid_text_has_no_length() {
        for text in
            ["A", "AA", "AAA", "AA=", "====", "A===", "AA=A", "AB==", "AAB=", "AA-_", "AA A", "ÄÄ", "AAAA\n"]
        {
            assert_eq!(blob_len(text), None, "{text}");
            assert!(STANDARD.decode(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_decoder(text in "([ABZaz09+/=_\n-]{4}){0,4}[ABQgw=]{0,4}") {
            prop_assert_eq!(blob_len(&text), STANDARD.decode(&text).ok().map(|bytes| bytes.len()));
        }

        #[test]
        fn both_know_the_alphabet(byte in any::<u8>()) {
            prop_assert_eq!(is_sextet(byte), sextet(byte).is_some());
        }

        #[test]
        fn accepts_every_encoding(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(blob_len(&STANDARD.encode(&bytes)), Some(bytes.len()));
        }
    }
}
