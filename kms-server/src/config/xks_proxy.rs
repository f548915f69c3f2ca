//! Where external key store proxies are, as settings write it.

use super::value::{Notation, Value, ValueError};
use crate::document::{DocumentError, Fields, Node, quoted};
use crate::xks::Route;

/// The routes to proxies, each host once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct XksProxies(Vec<Route>);

/// A route in a flag or variable.
const WORD: &str = "HOST|URL|CA_FILE|VPC_ENDPOINT_SERVICE";

/// What is wrong, if a field is: its name and the reason.
fn fault(route: &Route) -> Option<(&'static str, String)> {
    let host = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    if route.host.is_empty() || !route.host.bytes().all(host) {
        let found = quoted(&route.host);
        return Some((
            "host",
            format!("expected a host without a port such as xks.example.com, found {found}"),
        ));
    }
    let url: Option<http::Uri> = route.url.parse().ok();
    let plain = url.as_ref().is_some_and(|url| {
        matches!(url.scheme_str(), Some("http" | "https"))
            && url.port_u16().is_some()
            && url.path_and_query().is_none_or(|rest| rest.as_str() == "/")
            && !route.url.ends_with('/')
            && url.authority().is_some_and(|authority| !authority.as_str().contains('@'))
    });
    if !plain {
        let expected = "expected http:// or https:// with a host and a port such as https://127.0.0.1:8443";
        return Some(("url", format!("{expected}, found {}", quoted(&route.url))));
    }
    (route.ca.is_some() && route.url.starts_with("http:"))
        .then(|| ("ca", "plain http has no certificate to be checked".to_owned()))
}

fn read(node: &Node) -> Result<Route, DocumentError> {
    let fields = Fields::of(node, "an XKS proxy", &["host", "url", "ca", "vpc_endpoint_service"])?;
    let route = Route {
        host: fields.text("host")?.to_owned(),
        url: fields.text("url")?.to_owned(),
        ca: fields.optional_text("ca")?.map(Into::into),
        vpc_endpoint_service: fields.optional_text("vpc_endpoint_service")?.map(str::to_owned),
    };
    match fault(&route) {
        Some((field, reason)) => Err(fields.node(field).unwrap_or(node).error(reason)),
        None => Ok(route),
    }
}

fn parse(text: &str) -> Result<Route, String> {
    let mut parts = text.split('|');
    let (Some(host), Some(url)) = (parts.next(), parts.next()) else {
        return Err(format!("expected {WORD}"));
    };
    let mut optional = || parts.next().filter(|part| !part.is_empty());
    let route = Route {
        host: host.to_owned(),
        url: url.to_owned(),
        ca: optional().map(Into::into),
        vpc_endpoint_service: optional().map(str::to_owned),
    };
    match (fault(&route), parts.next()) {
        (Some((field, reason)), _) => Err(format!("{field}: {reason}")),
        (None, Some(_)) => Err(format!("expected {WORD}")),
        (None, None) => Ok(route),
    }
}

impl XksProxies {
    /// The routes in the order in which they are given.
    pub fn as_slice(&self) -> &[Route] {
        &self.0
    }

    fn push(&mut self, route: Route) -> Result<(), String> {
        if self.0.iter().any(|known| known.host.eq_ignore_ascii_case(&route.host)) {
            return Err(format!("the host {} is given twice", quoted(&route.host)));
        }
        self.0.push(route);
        Ok(())
    }
}

/// In TOML a list of tables; in a flag or variable words, apart by spaces.
impl Value for XksProxies {
    const NOTATION: Notation = Notation::List(WORD);

    fn expected() -> String {
        format!("XKS proxies as {WORD}, of which the last two may be left out, apart by spaces")
    }

    fn parse(text: &str) -> Option<Self> {
        Self::from_text(text).ok()
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        let mut routes = Self::default();
        for (index, word) in text.split_whitespace().enumerate() {
            parse(word)
                .and_then(|route| routes.push(route))
                .map_err(|reason| ValueError::new(format!("XKS proxy {}: {reason}", index + 1)))?;
        }
        Ok(routes)
    }

    fn from_node(node: &Node) -> Result<Self, ValueError> {
        let mut routes = Self::default();
        for element in node.list("XKS proxies")? {
            routes.push(read(element)?).map_err(|reason| element.error(reason))?;
        }
        Ok(routes)
    }

    fn to_text(&self) -> String {
        let word = |route: &Route| {
            let ca = route.ca.as_ref().map(|ca| ca.display().to_string()).unwrap_or_default();
            let service = route.vpc_endpoint_service.as_deref().unwrap_or_default();
            format!("{}|{}|{ca}|{service}", route.host, route.url).trim_end_matches('|').to_owned()
        };
        self.0.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    fn to_toml(&self) -> String {
        let string = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let table = |route: &Route| {
            let mut fields = vec![format!("host = {}, url = {}", string(&route.host), string(&route.url))];
            fields.extend(route.ca.iter().map(|ca| format!("ca = {}", string(&ca.to_string_lossy()))));
            let service = route.vpc_endpoint_service.iter();
            fields.extend(service.map(|name| format!("vpc_endpoint_service = {}", string(name))));
            format!("{{ {} }}", fields.join(", "))
        };
        format!("[{}]", self.0.iter().map(table).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment, SettingsFile};

    fn load(text: &str) -> Result<XksProxies, String> {
        let file = SettingsFile { name: "c.toml", text };
        let loaded = Config::load(Some(file), &Environment::default(), &[]);
        loaded.map(|loaded| loaded.config.custom_key_stores.xks_proxies).map_err(|error| error.to_string())
    }

    #[test]
    fn routes_are_tables_of_the_file_or_words() {
        let read = load(
            "[[custom_key_stores.xks_proxies]]\nhost = \"a.example\"\nurl = \"https://127.0.0.1:1\"\nca = \"ca.pem\"\n\
             [[custom_key_stores.xks_proxies]]\nhost = \"b\"\nurl = \"http://[::1]:2\"\n\
             vpc_endpoint_service = \"com.amazonaws.vpce.us-east-1.vpce-svc-0\"\n",
        )
        .unwrap();
        let text =
            "a.example|https://127.0.0.1:1|ca.pem b|http://[::1]:2||com.amazonaws.vpce.us-east-1.vpce-svc-0";
        assert_eq!(read, XksProxies::from_text(text).unwrap());
        assert_eq!(read.to_text(), text);
        assert_eq!(load(&format!("[custom_key_stores]\nxks_proxies = {}", read.to_toml())).unwrap(), read);
    }

    #[test]
    fn faults_name_the_field() {
        let error =
            load("[[custom_key_stores.xks_proxies]]\nhost = \"a:1\"\nurl = \"http://a:1\"").unwrap_err();
        assert!(error.contains("expected a host without a port"), "{error}");
        for (word, part) in [
            ("a", "expected HOST"),
            ("a|b", "url: expected http"),
            ("a|https://a", "a port"),
            ("a|https://a:1/", "url: "),
            ("a|https://a:1/x", "url: "),
            ("a|https://u@a:1", "url: "),
            ("a|ftp://a:1", "url: "),
            ("a|http://a:1|f", "ca: plain"),
            ("a|http://a:1||s|t", "expected HOST"),
            ("a|http://a:1 A|http://a:2", "given twice"),
        ] {
            let error = XksProxies::from_text(word).unwrap_err().to_string();
            assert!(error.contains(part), "{word}: {error}");
        }
    }
}
