//! Identity providers, as settings write them.

use std::path::PathBuf;

use super::value::{Notation, Value, ValueError};
use crate::document::{DocumentError, Fields, Node, quoted};
use crate::sts::is_issuer;

/// An OpenID Connect provider whose tokens are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebIdentity {
    /// The `iss` of its tokens.
    pub issuer: String,
    /// For whom its tokens may be made out.
    pub audiences: Vec<String>,
    /// The file with its public keys, a JSON Web Key Set.
    pub jwks: PathBuf,
}

/// The configured providers, each issuer once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebIdentities(Vec<WebIdentity>);

/// A provider in a flag or variable.
const WORD: &str = "ISSUER|AUDIENCE,AUDIENCE|FILE";

impl WebIdentity {
    /// What is wrong, if a field is: its name and the reason.
    fn fault(&self) -> Option<(&'static str, String)> {
        let url = "expected a URL such as https://id.example.com";
        if !is_issuer(&self.issuer) {
            return Some(("issuer", format!("{url}, found {}", quoted(&self.issuer))));
        }
        if self.audiences.is_empty() || self.audiences.iter().any(String::is_empty) {
            return Some(("audiences", "expected one audience or several, none of them empty".to_owned()));
        }
        self.jwks.as_os_str().is_empty().then(|| ("jwks", "expected the name of a file".to_owned()))
    }

    fn read(node: &Node) -> Result<Self, DocumentError> {
        let fields = Fields::of(node, "an identity provider", &["issuer", "audiences", "jwks"])?;
        let audiences = fields.elements("audiences")?.iter();
        let provider = WebIdentity {
            issuer: fields.text("issuer")?.to_owned(),
            audiences: audiences
                .map(|audience| audience.text("an audience").map(str::to_owned))
                .collect::<Result<_, _>>()?,
            jwks: fields.text("jwks")?.into(),
        };
        match provider.fault() {
            Some((field, reason)) => Err(fields.node(field).unwrap_or(node).error(reason)),
            None => Ok(provider),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, '|');
        let (Some(issuer), Some(audiences), Some(jwks)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(format!("expected {WORD}"));
        };
        let audiences = audiences.split(',').map(str::to_owned).collect();
        let provider = WebIdentity { issuer: issuer.to_owned(), audiences, jwks: jwks.into() };
        match provider.fault() {
            Some((field, reason)) => Err(format!("{field}: {reason}")),
            None => Ok(provider),
        }
    }
}

impl WebIdentities {
    /// The providers in the order in which they are given.
    pub fn as_slice(&self) -> &[WebIdentity] {
        &self.0
    }

    fn push(&mut self, provider: WebIdentity) -> Result<(), String> {
        if self.0.iter().any(|known| known.issuer == provider.issuer) {
            return Err(format!("the issuer {} is given twice", quoted(&provider.issuer)));
        }
        self.0.push(provider);
        Ok(())
    }
}

/// In TOML a list of tables; in a flag or variable `ISSUER|AUDIENCE,AUDIENCE|FILE`, several apart by spaces.
impl Value for WebIdentities {
    const NOTATION: Notation = Notation::List(WORD);

    fn expected() -> String {
        format!("identity providers as {WORD}, apart by spaces")
    }

    fn parse(text: &str) -> Option<Self> {
        Self::from_text(text).ok()
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        let mut providers = Self::default();
        for (index, word) in text.split_whitespace().enumerate() {
            WebIdentity::parse(word)
                .and_then(|provider| providers.push(provider))
                .map_err(|reason| ValueError::new(format!("identity provider {}: {reason}", index + 1)))?;
        }
        Ok(providers)
    }

    fn from_node(node: &Node) -> Result<Self, ValueError> {
        let mut providers = Self::default();
        for element in node.list("identity providers")? {
            providers.push(WebIdentity::read(element)?).map_err(|reason| element.error(reason))?;
        }
        Ok(providers)
    }

    fn to_text(&self) -> String {
        let word = |provider: &WebIdentity| {
            let WebIdentity { issuer, audiences, jwks } = provider;
            format!("{issuer}|{}|{}", audiences.join(","), jwks.display())
        };
        self.0.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    fn to_toml(&self) -> String {
        let string = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let table = |provider: &WebIdentity| {
            let audiences: Vec<_> = provider.audiences.iter().map(|audience| string(audience)).collect();
            format!(
                "{{ issuer = {}, audiences = [{}], jwks = {} }}",
                string(&provider.issuer),
                audiences.join(", "),
                string(&provider.jwks.to_string_lossy())
            )
        };
        format!("[{}]", self.0.iter().map(table).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment, SettingsFile};

    fn load(text: &str) -> Result<WebIdentities, String> {
        let file = SettingsFile { name: "c.toml", text };
        let loaded = Config::load(Some(file), &Environment::default(), &[]);
        loaded.map(|loaded| loaded.config.sts.web_identity).map_err(|error| error.to_string())
    }

    #[test]
    fn providers_are_tables_of_the_file_or_words() {
        let read = load(
            "[[sts.web_identity]]\nissuer = \"https://id.example.com\"\naudiences = [\"sts.amazonaws.com\", \"b\"]\n\
             jwks = \"keys.json\"\n",
        )
        .unwrap();
        let text = "https://id.example.com|sts.amazonaws.com,b|keys.json";
        assert_eq!(read, WebIdentities::from_text(text).unwrap());
        assert_eq!(read.to_text(), text);
        assert_eq!(load(&format!("[sts]\nweb_identity = {}", read.to_toml())).unwrap(), read);
    }

    #[test]
    fn faults_name_the_field() {
        let table = |fields: &str| format!("[[sts.web_identity]]\n{fields}");
        let good = "issuer = \"https://a.b\"\naudiences = [\"a\"]\njwks = \"f\"\n";
        for (text, part) in [
            (table("issuer = \"a.b\"\naudiences = [\"a\"]\njwks = \"f\""), "expected a URL"),
            (table("issuer = \"https://a.b\"\naudiences = []\njwks = \"f\""), "one audience or several"),
            (table("issuer = \"https://a.b\"\naudiences = [1]\njwks = \"f\""), "an audience"),
            (table("issuer = \"https://a.b\"\naudiences = [\"a\"]"), "needs the field `jwks`"),
            (table("isuer = \"https://a.b\""), "the nearest is `issuer`"),
            (format!("{}{}", table(good), table(good)), "given twice"),
        ] {
            let error = load(&text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        for word in ["https://a.b|a", "a|a|f", "https://a.b||f", "https://a.b|a|"] {
            assert!(WebIdentities::from_text(word).is_err(), "{word}");
        }
    }
}
