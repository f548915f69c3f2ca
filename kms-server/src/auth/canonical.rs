//! The canonical request: the bytes that client and server must agree on.
//!
//! AWS: IAM User Guide, "Create a signed AWS API request", step 1.

use std::borrow::Cow;

use arrayvec::ArrayString;
use lifecycle::ids::digits;
use ring::digest::{SHA256, digest};

use crate::message::Message;

/// Writes the canonical form of `request`, covering `signed_headers` (lower case, sorted).
///
/// The last line is always the hash of the body as received. `x-amz-content-sha256` is a header like any other, so
/// `UNSIGNED-PAYLOAD` or the hash of another body does not verify; only Amazon S3 takes the header's word.
pub(super) fn canonical_request(request: &Message<'_>, signed_headers: &[Cow<'_, str>]) -> Vec<u8> {
    let mut text = Vec::with_capacity(1_024);
    let mut write = |parts: &[&[u8]]| parts.iter().for_each(|part| text.extend_from_slice(part));
    write(&[request.method.as_bytes(), b"\n", canonical_path(request.path).as_bytes(), b"\n"]);
    write(&[canonical_query(request.query).as_bytes(), b"\n"]);
    for name in signed_headers {
        text.extend_from_slice(name.as_bytes());
        text.push(b':');
        append_values(&mut text, request, name);
        text.push(b'\n');
    }
    for (at, name) in signed_headers.iter().enumerate() {
        text.push(if at == 0 { b'\n' } else { b';' });
        text.extend_from_slice(name.as_bytes());
    }
    if signed_headers.is_empty() {
        text.push(b'\n');
    }
    text.push(b'\n');
    text.extend_from_slice(hash(request.body).as_bytes());
    text
}

/// The hash of what is signed, as signatures spell it.
pub(super) fn hash(bytes: &[u8]) -> ArrayString<64> {
    // The hash has as many bytes.
    digest(&SHA256, bytes).as_ref().first_chunk().map(digits).unwrap_or_default()
}

/// Normalises dot segments and slashes, then encodes the path as received once more: services other than
/// Amazon S3 encode twice.
fn canonical_path(path: &str) -> Cow<'_, str> {
    if path == "/" {
        return Cow::Borrowed(path);
    }
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let mut canonical = String::with_capacity(path.len() + 1);
    for segment in &segments {
        canonical.push('/');
        encode_into(&mut canonical, segment.as_bytes());
    }
    let directory = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
    if segments.is_empty() || directory {
        canonical.push('/');
    }
    Cow::Owned(canonical)
}

/// Sorts by encoded name, then by encoded value, and leaves out the signature itself.
fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query_pairs(query)
        .map(|(name, value)| (decode_bytes(name), decode_bytes(value)))
        .filter(|(name, _)| name.as_ref() != b"X-Amz-Signature")
        .map(|(name, value)| (encode(&name), encode(&value)))
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// The `name=value` pairs of a query, undecoded; a name without `=` has an empty value.
pub(super) fn query_pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Decodes `%XX` and `+`; bytes that are not UTF-8 are replaced.
pub(super) fn decode(text: &str) -> Cow<'_, str> {
    match decode_bytes(text) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

/// Decodes `%XX` and `+`; a percent sign without two hexadecimal digits stands for itself.
fn decode_bytes(text: &str) -> Cow<'_, [u8]> {
    let bytes = text.as_bytes();
    if !bytes.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(bytes);
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        rest = match rest {
            [] => return Cow::Owned(decoded),
            [b'%', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                decoded.push(hex_digit(*high) << 4 | hex_digit(*low));
                tail
            }
            [b'+', tail @ ..] => {
                decoded.push(b' ');
                tail
            }
            [byte, tail @ ..] => {
                decoded.push(*byte);
                tail
            }
        };
    }
}

fn hex_digit(digit: u8) -> u8 {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()).unwrap_or_default()
}

fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    encode_into(&mut text, bytes);
    text
}

/// Everything but RFC 3986's unreserved characters becomes `%XX` in upper case.
fn encode_into(text: &mut String, bytes: &[u8]) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or('0');
            text.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

/// Appends the values of one header, folded and joined by commas.
///
/// AWS (observed): a signed header that the request does not carry has an empty value.
fn append_values(line: &mut Vec<u8>, request: &Message<'_>, name: &str) {
    let header = if name == ":authority" { "host" } else { name };
    let mut separator: &[u8] = b"";
    let mut found = false;
    for value in request.headers.all(header) {
        line.extend_from_slice(separator);
        append_folded(line, value);
        separator = b",";
        found = true;
    }
    if !found && header == "host" {
        // HTTP/2 carries the host in the `:authority` pseudo-header.
        line.extend_from_slice(request.authority.as_bytes());
    }
}

/// Trims the value and makes every run of spaces one space, quoted or not.
fn append_folded(line: &mut Vec<u8>, value: &[u8]) {
    if memchr::memchr2(b' ', b'\t', value).is_none() {
        return line.extend_from_slice(value);
    }
    let words = value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    for (at, word) in words.enumerate() {
        if at > 0 {
            line.push(b' ');
        }
        line.extend_from_slice(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalised_and_encoded_twice() {
        for (path, canonical) in [
            ("", "/"),
            ("/", "/"),
            ("//", "/"),
            ("/./", "/"),
            ("/..", "/"),
            ("/example/..", "/"),
            ("/example1/example2/../..", "/"),
            ("/./example", "/example"),
            ("//example//", "/example/"),
            ("/a/b/.", "/a/b/"),
            ("/a/b/..", "/a/"),
            ("/a%20b", "/a%2520b"),
            ("/test/@connections/JBDvjfGEIAMCERw%3D", "/test/%40connections/JBDvjfGEIAMCERw%253D"),
            ("/\u{1234}", "/%E1%88%B4"),
        ] {
            assert_eq!(canonical_path(path), canonical, "{path:?}");
        }
    }

    #[test]
    fn queries_are_decoded_encoded_and_sorted() {
        for (query, canonical) in [
            ("", ""),
            ("&&", ""),
            ("Param2=value2&Param1=value1", "Param1=value1&Param2=value2"),
            ("Param1=value2&Param1=Value1", "Param1=Value1&Param1=value2"),
            ("Param-3=Value3&Param=Value2&%E1%88%B4=Value1", "%E1%88%B4=Value1&Param=Value2&Param-3=Value3"),
            ("a=b=c", "a=b%3Dc"),
            ("flag", "flag="),
            ("a=x+y%2Bz", "a=x%20y%2Bz"),
            ("a=%7e%2f", "a=~%2F"),
            ("a=%zz%4", "a=%25zz%254"),
            ("b=1&X-Amz-Signature=00&a=2", "a=2&b=1"),
            ("b=1&X-Amz%2DSignature=00", "b=1"),
        ] {
            assert_eq!(canonical_query(query), canonical, "{query:?}");
        }
    }

    #[test]
    fn header_values_are_folded() {
        for (value, folded) in
            [("", ""), ("  ", ""), (" a  b ", "a b"), ("\"a   b   c\"", "\"a b c\""), ("a \t b", "a b")]
        {
            let mut line = Vec::new();
            append_folded(&mut line, value.as_bytes());
            assert_eq!(line, folded.as_bytes(), "{value:?}");
        }
    }
}
